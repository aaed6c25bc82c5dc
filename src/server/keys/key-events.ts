/**
 * WATCH and keyspace notifications: both are told of each change of a key. While no client watches
 * a key and notifications are off, `active` is false and commands skip this.
 */
import { latin1, latin1Text } from "../../base/bytes.ts";
import {
  EXPIRED_EVENT,
  KEYEVENT_EVENTS,
  KEYSPACE_EVENTS,
  MISS_EVENT,
  NEW_EVENT,
} from "../../commands/events.ts";
import type { KeyEventService } from "../../commands/services/key-events.ts";
import type { PubSub } from "../../pubsub/pubsub.ts";
import type { Database } from "../../store/database.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { Watch } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";

export class KeyEvents implements KeyEventService<Connection> {
  active = false;
  readonly #keyspace: Keyspace;
  readonly #pubsub: PubSub<Connection>;
  /** Classes of events that are published. */
  #classes = 0;
  /** Watching clients by key, by database; a client may watch very many keys. */
  readonly #watchers: readonly Map<string, Map<Connection, Watch>>[];
  #watchCount = 0;

  constructor(keyspace: Keyspace, pubsub: PubSub<Connection>) {
    this.#keyspace = keyspace;
    this.#pubsub = pubsub;
    this.#watchers = keyspace.databases.map(() => new Map());
  }

  get notifiesNew(): boolean {
    return (this.#classes & NEW_EVENT) !== 0;
  }

  setClasses(classes: number): void {
    this.#classes = classes;
    this.#keyspace.hooks.missed =
      classes & MISS_EVENT
        ? (db, key, from, length) => this.#notify(MISS_EVENT, "keymiss", db, key, from, length)
        : null;
    this.#updateActive();
  }

  #updateActive(): void {
    this.active = this.#watchCount > 0 || this.#classes !== 0;
  }

  // ── Events ─────────────────────────────────────────────────────────────────────────────────

  changed(
    kind: number,
    event: string,
    database: Database,
    key: Uint8Array,
    from: number,
    length: number,
  ): void {
    if (this.#watchCount > 0) this.#touch(database, latin1Text(key, from, from + length));
    this.#notify(kind, event, database, key, from, length);
  }

  /** The entry is about to be removed because it has expired. */
  expired(database: Database, ref: number): void {
    if (!this.active) return;
    const from = database.keyAt(ref);
    const bytes = database.bytesOf(ref);
    const length = database.keyLength(ref);
    if (this.#watchCount > 0) this.#touchExpired(database, latin1Text(bytes, from, from + length));
    this.#notify(EXPIRED_EVENT, "expired", database, bytes, from, length);
  }

  added(database: Database, ref: number): void {
    const from = database.keyAt(ref);
    const bytes = database.bytesOf(ref);
    this.#notify(NEW_EVENT, "new", database, bytes, from, database.keyLength(ref));
  }

  #notify(
    kind: number,
    event: string,
    database: Database,
    key: Uint8Array,
    from: number,
    length: number,
  ): void {
    const classes = this.#classes;
    const pubsub = this.#pubsub;
    if ((classes & kind) === 0 || !pubsub.hasListeners) return;
    if (classes & KEYSPACE_EVENTS) {
      const channel = `__keyspace@${database.index}__:${latin1Text(key, from, from + length)}`;
      pubsub.publish(channel, latin1(event), 0, event.length);
    }
    if (classes & KEYEVENT_EVENTS) {
      pubsub.publish(`__keyevent@${database.index}__:${event}`, key, from, length);
    }
  }

  // ── Watching ───────────────────────────────────────────────────────────────────────────────

  watch(client: Connection, database: Database, key: string): void {
    const watchers = this.#watchers[database.index]!;
    const present = watchers.get(key);
    if (present?.has(client)) return;
    const watch = { database, key, wasExpired: this.#isExpired(database, key) };
    client.watches ??= [];
    client.watches.push(watch);
    if (present === undefined) watchers.set(key, new Map([[client, watch]]));
    else present.set(client, watch);
    this.#watchCount++;
    this.#updateActive();
  }

  unwatch(client: Connection): void {
    client.watchBroken = false;
    if (client.watches === null) return;
    for (const { database, key } of client.watches) {
      const watchers = this.#watchers[database.index]!;
      const present = watchers.get(key)!;
      present.delete(client);
      if (present.size === 0) watchers.delete(key);
    }
    this.#watchCount -= client.watches.length;
    client.watches = null;
    this.#updateActive();
  }

  /** Keys that clients watch. */
  get watchedKeyCount(): number {
    return this.#watchers.reduce((sum, { size }) => sum + size, 0);
  }

  /** Whether anything that the client watches has changed. */
  isBroken(client: Connection): boolean {
    if (client.watchBroken) return true;
    return (client.watches ?? []).some(
      (watch) => !watch.wasExpired && this.#isExpired(watch.database, watch.key),
    );
  }

  #isExpired(database: Database, key: string): boolean {
    const ref = database.find(latin1(key), 0, key.length);
    return ref !== 0 && database.isExpired(ref);
  }

  #touch(database: Database, key: string): void {
    const clients = this.#watchers[database.index]!.get(key)?.keys() ?? [];
    for (const client of clients) client.watchBroken = true;
  }

  #touchExpired(database: Database, key: string): void {
    for (const [client, watch] of this.#watchers[database.index]!.get(key) ?? []) {
      if (watch.wasExpired) watch.wasExpired = false;
      else client.watchBroken = true;
    }
  }

  emptying(database: Database): void {
    this.#touchAll(database, null);
  }

  swapping(a: Database, b: Database): void {
    this.#touchAll(a, b);
    this.#touchAll(b, a);
  }

  /** The keys of the database are about to be replaced by those of another, or by none. */
  #touchAll(database: Database, replacement: Database | null): void {
    for (const [key, clients] of this.#watchers[database.index]!) {
      const bytes = latin1(key);
      const isThere = database.find(bytes, 0, bytes.length) !== 0;
      const ref = replacement === null ? 0 : replacement.find(bytes, 0, bytes.length);
      if (!isThere && ref === 0) continue;
      const isReplacementExpired = ref !== 0 && replacement!.isExpired(ref);
      for (const [client, watch] of clients) {
        // An expired key counts as missing.
        if (watch.wasExpired && ref === 0) watch.wasExpired = false;
        else if (isReplacementExpired && (watch.wasExpired || !isThere)) watch.wasExpired = true;
        else client.watchBroken = true;
      }
    }
  }
}

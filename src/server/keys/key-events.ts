/**
 * WATCH and keyspace notifications: both are told of each change of a key. While no client watches
 * a key and notifications are off, `active` is false and commands skip this.
 */
import { copyBytes, latin1 } from "../../base/bytes.ts";
import { GrowingBytes } from "../../base/growing-bytes.ts";
import type { Hash } from "../../base/key-hash.ts";
import { NameTable } from "../../base/name-table.ts";
import {
  EXPIRED_EVENT,
  GENERIC_EVENT,
  HASH_EVENT,
  KEYEVENT_EVENTS,
  KEYSPACE_EVENTS,
  MISS_EVENT,
  NEW_EVENT,
} from "../../commands/events.ts";
import type { KeyEventService } from "../../commands/services/key-events.ts";
import type { PubSub } from "../../pubsub/pubsub.ts";
import type { Database } from "../../store/database.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { WatchedKey } from "../connections/client-keys.ts";
import type { Connection } from "../connections/connection.ts";

/** Builds the names of the channels that tell of keys. */
class ChannelName extends GrowingBytes {
  constructor() {
    super(256, 1 << 20);
  }

  /** Begins a name. */
  begin(text: string): void {
    this.reset();
    this.text(text);
  }

  text(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
  }

  append(from: Uint8Array, offset: number, length: number): void {
    this.reserve(length);
    copyBytes(from, offset, this.bytes, this.at, length);
    this.at += length;
  }
}

export class KeyEvents implements KeyEventService<Connection> {
  active = false;
  readonly #keyspace: Keyspace;
  readonly #pubsub: PubSub<Connection>;
  /** Classes of events that are published. */
  #classes = 0;
  /** Watched keys, by database; a client may watch very many. */
  readonly #watched: readonly NameTable<WatchedKey<Connection>>[];
  #watchCount = 0;
  readonly #channel = new ChannelName();

  constructor(keyspace: Keyspace, pubsub: PubSub<Connection>, hash: Hash) {
    this.#keyspace = keyspace;
    this.#pubsub = pubsub;
    this.#watched = keyspace.databases.map(
      (database) =>
        new NameTable<WatchedKey<Connection>>(
          hash,
          (name, hashed) => new WatchedKey(database, name, hashed),
        ),
    );
  }

  get notifiesNew(): boolean {
    return (this.#classes & NEW_EVENT) !== 0;
  }

  setClasses(classes: number): void {
    this.#classes = classes;
    this.#keyspace.hooks.missed =
      classes & MISS_EVENT
        ? (index, key, from, length) => {
            const db = this.#keyspace.databases[index]!;
            this.#notify(MISS_EVENT, "keymiss", db, key, from, length);
          }
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
    if (this.#watchCount > 0) this.#touch(database, key, from, length);
    this.#notify(kind, event, database, key, from, length);
  }

  /** The entry is about to be removed because it has expired. */
  expired(database: Database, ref: number): void {
    if (!this.active) return;
    const from = database.keyAt(ref);
    const bytes = database.bytesOf(ref);
    const length = database.keyLength(ref);
    if (this.#watchCount > 0) this.#touchExpired(database, bytes, from, length);
    this.#notify(EXPIRED_EVENT, "expired", database, bytes, from, length);
  }

  /** Fields of the hash have expired; `isEmpty`: the key is about to go with them. */
  fieldsExpired(database: Database, ref: number, isEmpty: boolean): void {
    if (!this.active) return;
    const from = database.keyAt(ref);
    const bytes = database.bytesOf(ref);
    const length = database.keyLength(ref);
    this.changed(HASH_EVENT, "hexpired", database, bytes, from, length);
    if (isEmpty) this.changed(GENERIC_EVENT, "del", database, bytes, from, length);
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
    const channel = this.#channel;
    if (classes & KEYSPACE_EVENTS) {
      channel.begin(`__keyspace@${database.index}__:`);
      channel.append(key, from, length);
      const end = channel.at;
      // The message is the event, which stands behind the name.
      channel.text(event);
      pubsub.publish(channel.bytes, 0, end, channel.bytes, end, event.length);
    }
    if (classes & KEYEVENT_EVENTS) {
      channel.begin(`__keyevent@${database.index}__:`);
      channel.text(event);
      pubsub.publish(channel.bytes, 0, channel.at, key, from, length);
    }
  }

  // ── Watching ───────────────────────────────────────────────────────────────────────────────

  watch(
    client: Connection,
    database: Database,
    bytes: Uint8Array,
    from: number,
    length: number,
  ): void {
    const key = this.#watched[database.index]!.findOrAdd(bytes, from, length);
    if (key.watches.has(client)) return;
    const watch = { client, key, wasExpired: isExpired(key) };
    client.watches ??= [];
    client.watches.push(watch);
    key.watches.set(client, watch);
    this.#watchCount++;
    this.#updateActive();
  }

  unwatch(client: Connection): void {
    client.watchBroken = false;
    if (client.watches === null) return;
    for (const { key } of client.watches) {
      key.watches.delete(client);
      if (key.watches.size === 0) this.#watched[key.database.index]!.remove(key);
    }
    this.#watchCount -= client.watches.length;
    client.watches = null;
    this.#updateActive();
  }

  /** Keys that clients watch. */
  get watchedKeyCount(): number {
    return this.#watched.reduce((sum, { size }) => sum + size, 0);
  }

  /** Whether anything that the client watches has changed. */
  isBroken(client: Connection): boolean {
    if (client.watchBroken) return true;
    return (client.watches ?? []).some(({ key, wasExpired }) => !wasExpired && isExpired(key));
  }

  #touch(database: Database, bytes: Uint8Array, from: number, length: number): void {
    const key = this.#watched[database.index]!.find(bytes, from, length);
    if (key === null) return;
    for (const client of key.watches.keys()) client.watchBroken = true;
  }

  #touchExpired(database: Database, bytes: Uint8Array, from: number, length: number): void {
    const key = this.#watched[database.index]!.find(bytes, from, length);
    for (const [client, watch] of key?.watches ?? []) {
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
    const { first } = this.#watched[database.index]!;
    for (let key = first; key !== null; key = key.after) {
      const bytes = latin1(key.name);
      const isThere = database.find(bytes, 0, bytes.length) !== 0;
      const ref = replacement === null ? 0 : replacement.find(bytes, 0, bytes.length);
      if (!isThere && ref === 0) continue;
      const isReplacementExpired = ref !== 0 && replacement!.isExpired(ref);
      for (const [client, watch] of key.watches) {
        // An expired key counts as missing.
        if (watch.wasExpired && ref === 0) watch.wasExpired = false;
        else if (isReplacementExpired && (watch.wasExpired || !isThere)) watch.wasExpired = true;
        else client.watchBroken = true;
      }
    }
  }
}

function isExpired({ database, name }: WatchedKey<Connection>): boolean {
  const ref = database.find(latin1(name), 0, name.length);
  return ref !== 0 && database.isExpired(ref);
}

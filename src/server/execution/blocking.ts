/**
 * Clients that are blocked until a key is there: BLPOP and its relatives. A handler that finds
 * nothing calls `Context.block`; the request is kept, and when one of its keys appears with the
 * right type the same handler runs again, as if the request had just come. If it replies, the
 * client is unblocked; if it has nothing to reply yet, the client keeps its place in the queue.
 *
 * Keys that have appeared are served after the whole command or transaction that made them, in the
 * order in which they appeared, and the clients of a key first come, first served. Serving one
 * client may make another key appear (BLMOVE): then that is served next.
 */
import { latin1 } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Hash } from "../../base/key-hash.ts";
import { NameTable } from "../../base/name-table.ts";
import type { BlockingService } from "../../commands/services/blocking.ts";
import { Request } from "../../protocol/request.ts";
import { RequestQueue } from "../../protocol/request-queue.ts";
import type { Database } from "../../store/database.ts";
import { AwaitedKey, type Waiter } from "../connections/client-keys.ts";
import type { Connection } from "../connections/connection.ts";

export interface BlockingOptions {
  readonly clock: Clock;
  /** Of the names of keys. */
  readonly hash: Hash;
  /** The client's wait has timed out. */
  readonly onTimeout: (client: Connection) => void;
  /** The client is no longer blocked: what it sent meanwhile can run. */
  readonly onReleased: (client: Connection) => void;
  /** Called when the first client is blocked, and when no client is any more. */
  readonly onAnyWaiting: (any: boolean) => void;
}

/** The longest delay of a timer; a longer wait starts another one. */
const TIMER_MS_MAX = 2147483647;

export class Blocking implements BlockingService<Connection> {
  /** Keys that clients are blocked on, by database. */
  readonly #awaited = new Map<Database, NameTable<AwaitedKey<Connection>>>();
  readonly #ready: AwaitedKey<Connection>[] = [];
  readonly #request = new Request();
  readonly #options: BlockingOptions;
  /** Blocked clients, and those of them that have a timeout. */
  count = 0;
  timedCount = 0;

  constructor(options: BlockingOptions) {
    this.#options = options;
  }

  /** Whether a key has appeared that somebody waits for. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Keys that clients wait for. */
  get keyCount(): number {
    let count = 0;
    for (const keys of this.#awaited.values()) count += keys.size;
    return count;
  }

  block(
    client: Connection,
    request: Request,
    type: number,
    first: number,
    last: number,
    timeoutMs: number,
  ): void {
    // It is blocked already: its request was run again and found nothing.
    if (client.waiter !== null) return;
    const requests = new RequestQueue();
    requests.push(request);
    const untilMs =
      timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#options.clock.nowMs + timeoutMs;
    const waiter: Waiter<Connection> = { client, type, waits: [], requests, timer: null, untilMs };
    client.waiter = waiter;
    if (timeoutMs > 0) {
      this.timedCount++;
      this.#startTimer(waiter);
    }
    const keys = this.#keysOf(client.database);
    const { bytes, length, start } = request;
    for (let i = first; i <= last; i++) {
      keys.findOrAdd(bytes, start[i]!, length[i]!).join(waiter);
    }
    if (this.count++ === 0) this.#options.onAnyWaiting(true);
  }

  #keysOf(database: Database): NameTable<AwaitedKey<Connection>> {
    let keys = this.#awaited.get(database);
    if (keys === undefined) {
      keys = new NameTable<AwaitedKey<Connection>>(
        this.#options.hash,
        (name, hash) => new AwaitedKey(database, name, hash),
      );
      this.#awaited.set(database, keys);
    }
    return keys;
  }

  #startTimer(waiter: Waiter<Connection>): void {
    const delayMs = Math.max(1, waiter.untilMs - this.#options.clock.nowMs);
    const ring = () => {
      this.#options.clock.refresh();
      if (delayMs > TIMER_MS_MAX) this.#startTimer(waiter);
      else this.#options.onTimeout(waiter.client);
    };
    waiter.timer = setTimeout(ring, Math.min(delayMs, TIMER_MS_MAX));
  }

  /** The clock has been moved: ends the waits that have timed out. */
  timeOutDue(): void {
    const { clock, onTimeout } = this.#options;
    const due = new Set<Connection>();
    for (const keys of this.#awaited.values()) {
      for (let key = keys.first; key !== null; key = key.after) {
        for (let wait = key.first; wait !== null; wait = wait.after) {
          const { client, untilMs } = wait.waiter;
          if (untilMs <= clock.nowMs) due.add(client);
        }
      }
    }
    for (const client of due) onTimeout(client);
  }

  /** A key has been added. */
  added(database: Database, ref: number): void {
    const keys = this.#awaited.get(database);
    if (keys === undefined) return;
    const key = keys.find(database.bytesOf(ref), database.keyAt(ref), database.keyLength(ref));
    if (key !== null) this.#ready.push(key);
  }

  /** The databases have exchanged their keys. */
  swapped(a: Database, b: Database): void {
    for (const database of [a, b]) {
      let key = this.#awaited.get(database)?.first ?? null;
      for (; key !== null; key = key.after) this.#ready.push(key);
    }
  }

  /** Runs the requests of clients whose keys have appeared; `run` returns whether it replied. */
  serve(run: (client: Connection, request: Request) => boolean): void {
    while (this.#ready.length > 0) {
      const ready = this.#ready.splice(0);
      for (const key of ready) this.#serveKey(key, run);
    }
  }

  #serveKey(
    key: AwaitedKey<Connection>,
    run: (client: Connection, request: Request) => boolean,
  ): void {
    const { database, name } = key;
    const bytes = latin1(name);
    for (let wait = key.first; wait !== null; wait = wait.after) {
      const { waiter } = wait;
      // It has been released meanwhile.
      if (waiter.client.waiter !== waiter) continue;
      const ref = database.peek(bytes, 0, bytes.length);
      if (ref === 0) return;
      if (database.typeOf(ref) !== waiter.type) continue;
      waiter.requests.read(0, this.#request);
      if (run(waiter.client, this.#request)) this.release(waiter.client);
    }
  }

  /** The client is no longer blocked. */
  release(client: Connection): void {
    const { waiter } = client;
    if (waiter === null) return;
    client.waiter = null;
    if (waiter.timer !== null) {
      this.timedCount--;
      clearTimeout(waiter.timer);
    }
    for (const wait of waiter.waits) {
      const { key } = wait;
      key.leave(wait);
      if (key.first === null) this.#awaited.get(key.database)!.remove(key);
    }
    waiter.requests.free();
    if (--this.count === 0) this.#options.onAnyWaiting(false);
    if (!client.closed) this.#options.onReleased(client);
  }
}

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
import { latin1, latin1Text } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { BlockingService } from "../../commands/services/blocking.ts";
import { Request } from "../../protocol/request.ts";
import { RequestQueue } from "../../protocol/request-queue.ts";
import type { Database } from "../../store/database.ts";
import type { Waiter } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";

interface ReadyKey {
  readonly database: Database;
  readonly key: string;
}

export interface BlockingOptions {
  readonly clock: Clock;
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
  /** Blocked clients, by database and key. */
  readonly #waiting = new Map<Database, Map<string, Set<Waiter<Connection>>>>();
  readonly #ready: ReadyKey[] = [];
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
    for (const keys of this.#waiting.values()) count += keys.size;
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
    const keys = new Set<string>();
    for (let i = first; i <= last; i++) keys.add(request.text(i));
    const requests = new RequestQueue();
    requests.push(request);
    const { database } = client;
    const untilMs =
      timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.#options.clock.nowMs + timeoutMs;
    const waiter: Waiter<Connection> = {
      client,
      database,
      type,
      keys,
      requests,
      timer: null,
      untilMs,
    };
    client.waiter = waiter;
    if (timeoutMs > 0) {
      this.timedCount++;
      this.#startTimer(waiter);
    }
    const byKey = this.#waiting.get(database) ?? new Map<string, Set<Waiter<Connection>>>();
    this.#waiting.set(database, byKey);
    for (const key of keys) {
      const present = byKey.get(key);
      if (present === undefined) byKey.set(key, new Set([waiter]));
      else present.add(waiter);
    }
    if (this.count++ === 0) this.#options.onAnyWaiting(true);
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
    for (const byKey of this.#waiting.values()) {
      for (const waiters of byKey.values()) {
        for (const { client, untilMs } of waiters) if (untilMs <= clock.nowMs) due.add(client);
      }
    }
    for (const client of due) onTimeout(client);
  }

  /** A key has been added. */
  added(database: Database, ref: number): void {
    const byKey = this.#waiting.get(database);
    if (byKey === undefined) return;
    const from = database.keyAt(ref);
    const key = latin1Text(database.bytesOf(ref), from, from + database.keyLength(ref));
    if (byKey.has(key)) this.#ready.push({ database, key });
  }

  /** The databases have exchanged their keys. */
  swapped(a: Database, b: Database): void {
    for (const database of [a, b]) {
      for (const key of this.#waiting.get(database)?.keys() ?? []) {
        this.#ready.push({ database, key });
      }
    }
  }

  /** Runs the requests of clients whose keys have appeared; `run` returns whether it replied. */
  serve(run: (client: Connection, request: Request) => boolean): void {
    while (this.#ready.length > 0) {
      const ready = this.#ready.splice(0);
      for (const { database, key } of ready) {
        for (const waiter of this.#waiting.get(database)?.get(key) ?? []) {
          const type = typeOf(database, key);
          if (type < 0) break;
          if (type !== waiter.type) continue;
          waiter.requests.read(0, this.#request);
          if (run(waiter.client, this.#request)) this.release(waiter.client);
        }
      }
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
    const byKey = this.#waiting.get(waiter.database)!;
    for (const key of waiter.keys) {
      const present = byKey.get(key)!;
      present.delete(waiter);
      if (present.size === 0) byKey.delete(key);
    }
    if (byKey.size === 0) this.#waiting.delete(waiter.database);
    waiter.requests.free();
    if (--this.count === 0) this.#options.onAnyWaiting(false);
    if (!client.closed) this.#options.onReleased(client);
  }
}

/** The type of the key's value, or -1. */
function typeOf(database: Database, key: string): number {
  const bytes = latin1(key);
  const ref = database.peek(bytes, 0, bytes.length);
  return ref === 0 ? -1 : database.typeOf(ref);
}

/** Keys that clients name without having them: those that they watch, and those that they wait for. */
import { Named } from "../../base/name-table.ts";
import type { RequestQueue } from "../../protocol/request-queue.ts";
import type { Database } from "../../store/database.ts";

/** One client's watch on one key. */
export interface Watch<C> {
  readonly client: C;
  readonly key: WatchedKey<C>;
  /** The key had already expired when WATCH was called, so its deletion does not abort the transaction. */
  wasExpired: boolean;
}

/** A key that clients watch. */
export class WatchedKey<C> extends Named<WatchedKey<C>> {
  readonly database: Database;
  readonly watches = new Map<C, Watch<C>>();

  constructor(database: Database, name: string, hash: number) {
    super(name, hash);
    this.database = database;
  }
}

/** A client that is blocked until a key is there. */
export interface Waiter<C> {
  readonly client: C;
  /** The type that the keys must have. */
  readonly type: number;
  /** One for each of its keys. */
  readonly waits: Wait<C>[];
  /** Its request, which is run again. */
  readonly requests: RequestQueue;
  timer: Timer | null;
  /** When it times out, in ms since the epoch; Infinity for never. */
  readonly untilMs: number;
}

/** One client's wait for one key: a link of the key's queue. */
export interface Wait<C> {
  readonly waiter: Waiter<C>;
  readonly key: AwaitedKey<C>;
  before: Wait<C> | null;
  after: Wait<C> | null;
}

/** A key that clients wait for, with their queue. */
export class AwaitedKey<C> extends Named<AwaitedKey<C>> {
  readonly database: Database;
  first: Wait<C> | null = null;
  last: Wait<C> | null = null;

  constructor(database: Database, name: string, hash: number) {
    super(name, hash);
    this.database = database;
  }

  /** Puts the client at the end of the queue, unless its request names the key twice. */
  join(waiter: Waiter<C>): void {
    if (this.last?.waiter === waiter) return;
    const wait: Wait<C> = { waiter, key: this, before: this.last, after: null };
    if (this.last === null) this.first = wait;
    else this.last.after = wait;
    this.last = wait;
    waiter.waits.push(wait);
  }

  /** Takes a wait out of the queue. Its `after` stays, so that a walk can go on. */
  leave(wait: Wait<C>): void {
    if (wait.before === null) this.first = wait.after;
    else wait.before.after = wait.after;
    if (wait.after === null) this.last = wait.before;
    else wait.after.before = wait.before;
  }
}

/** Clients in WAIT: each goes on when enough replicas are as far as the stream was at its call. */
import type { Clock } from "../../base/clock.ts";
import type { Connection } from "../connections/connection.ts";

/** A client that waits for replicas. */
export interface AckWait {
  readonly client: Connection;
  readonly position: number;
  readonly count: number;
  readonly timer: Timer | null;
  /** When its time is over, in ms since the epoch; Infinity for never. */
  readonly untilMs: number;
}

/** A timer for longer would be over at once. */
const TIMER_MS_MAX = 0x7fffffff;

export class AckWaits {
  readonly #waits = new Set<AckWait>();
  readonly #clock: Clock;
  readonly #countAt: (position: number) => number;
  /** Replies with how many replicas there were, and lets the client go on. */
  readonly #release: (client: Connection, reached: number) => void;

  constructor(
    clock: Clock,
    countAt: (position: number) => number,
    release: (client: Connection, reached: number) => void,
  ) {
    this.#clock = clock;
    this.#countAt = countAt;
    this.#release = release;
  }

  get count(): number {
    return this.#waits.size;
  }

  /** `timeoutMs` 0: for ever. */
  add(client: Connection, position: number, count: number, timeoutMs: number): void {
    const ms = Math.min(timeoutMs, TIMER_MS_MAX);
    const timer = timeoutMs === 0 ? null : setTimeout(() => this.end(client), ms);
    const untilMs = timer === null ? Number.POSITIVE_INFINITY : this.#clock.nowMs + timeoutMs;
    const wait: AckWait = { client, position, count, timer, untilMs };
    client.ackWait = wait;
    this.#waits.add(wait);
  }

  /** Replicas have come further. */
  check(): void {
    for (const { client, count, position } of this.#waits) {
      if (this.#countAt(position) >= count) this.end(client);
    }
  }

  /** The clock has been moved: ends the waits whose time is over now. */
  timeOutDue(): void {
    for (const { client, untilMs } of this.#waits) {
      if (untilMs <= this.#clock.nowMs) this.end(client);
    }
  }

  /** Replies as things are now. */
  end(client: Connection): void {
    const { ackWait } = client;
    if (ackWait === null) return;
    this.forget(client);
    this.#release(client, this.#countAt(ackWait.position));
  }

  forget(client: Connection): void {
    const { ackWait } = client;
    if (ackWait === null) return;
    client.ackWait = null;
    if (ackWait.timer !== null) clearTimeout(ackWait.timer);
    this.#waits.delete(ackWait);
  }
}

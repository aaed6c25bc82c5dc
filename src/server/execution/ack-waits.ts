/** WAIT: clients that are blocked until enough replicas have acknowledged an offset. */
import type { Clock } from "../../base/clock.ts";
import type { AckWait } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";

/** A longer timer would fire at once. */
const TIMER_MS_MAX = 0x7fffffff;

export class AckWaits {
  readonly #waits = new Set<AckWait<Connection>>();
  readonly #clock: Clock;
  readonly #countAt: (position: number) => number;
  /** Replies with the number of replicas, and unblocks the client. */
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

  /** `timeoutMs` 0: no timeout. */
  add(client: Connection, position: number, count: number, timeoutMs: number): void {
    const ms = Math.min(timeoutMs, TIMER_MS_MAX);
    const timer = timeoutMs === 0 ? null : setTimeout(() => this.end(client), ms);
    const untilMs = timer === null ? Number.POSITIVE_INFINITY : this.#clock.nowMs + timeoutMs;
    const wait: AckWait<Connection> = { client, position, count, timer, untilMs };
    client.ackWait = wait;
    this.#waits.add(wait);
  }

  /** Replicas have acknowledged more. */
  check(): void {
    for (const { client, count, position } of this.#waits) {
      if (this.#countAt(position) >= count) this.end(client);
    }
  }

  /** The clock has been moved: ends the waits that have timed out. */
  timeOutDue(): void {
    for (const { client, untilMs } of this.#waits) {
      if (untilMs <= this.#clock.nowMs) this.end(client);
    }
  }

  /** Ends the wait; the reply is the number of replicas now. */
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

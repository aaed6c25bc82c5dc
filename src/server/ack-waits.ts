/** Clients in WAIT: each goes on when enough replicas are as far as the stream was at its call. */
import type { Connection } from "./connection.ts";

/** A client that waits for replicas. */
export interface AckWait {
  readonly client: Connection;
  readonly position: number;
  readonly count: number;
  readonly timer: Timer | null;
}

/** A timer for longer would be over at once. */
const TIMER_MS_MAX = 0x7fffffff;

export class AckWaits {
  readonly #waits = new Set<AckWait>();
  readonly #countAt: (position: number) => number;
  /** Replies with how many replicas there were, and lets the client go on. */
  readonly #release: (client: Connection, reached: number) => void;

  constructor(
    countAt: (position: number) => number,
    release: (client: Connection, reached: number) => void,
  ) {
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
    const wait: AckWait = { client, position, count, timer };
    client.ackWait = wait;
    this.#waits.add(wait);
  }

  /** Replicas have come further. */
  check(): void {
    for (const { client, count, position } of this.#waits) {
      if (this.#countAt(position) >= count) this.end(client);
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

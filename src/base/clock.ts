/**
 * The one source of time. Wall time is read once per batch of commands (`refresh`), so that all
 * commands of a batch agree on it, as Redis does with its cached clock.
 */
export class Clock {
  /** Wall time in ms since the epoch as of the last refresh. */
  nowMs = 0;
  /** A monotonic time in µs, with fractions, from an arbitrary start, as of the last refresh. */
  nowUs = 0;
  #offsetMs = 0;
  readonly #isSettable: boolean;
  /** What to add to the monotonic time to get wall time. */
  #wallMs = 0;

  /**
   * A settable clock looks at `Date.now()` at every reading, so that where a test has stopped or set
   * that it holds here too. The others follow it now and then, which is quicker.
   */
  constructor(isSettable = false) {
    this.#isSettable = isSettable;
    this.synchronize();
  }

  /** Reads the clock. One reading serves for both times, for a reading costs about 40 ns. */
  refresh(): number {
    const monotonicMs = performance.now();
    this.nowUs = monotonicMs * 1000;
    if (this.#isSettable) {
      this.nowMs = Math.floor(Date.now() + this.#offsetMs);
      this.#wallMs = this.nowMs - monotonicMs;
    } else this.nowMs = Math.floor(monotonicMs + this.#wallMs);
    return this.nowMs;
  }

  /** Follows changes of the system's wall clock; to be called now and then. */
  synchronize(): void {
    this.#wallMs = Date.now() - performance.now() + this.#offsetMs;
    this.refresh();
  }

  /** Moves wall time forward, for tests that would otherwise wait. */
  advanceBy(ms: number): void {
    this.#offsetMs += ms;
    this.synchronize();
  }

  /** Wall time in µs, read now. */
  wallUs(): number {
    return Math.floor((performance.now() + this.#wallMs) * 1000);
  }

  /** The monotonic time, read now. */
  monotonicUs(): number {
    return performance.now() * 1000;
  }
}

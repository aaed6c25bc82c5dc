/** The largest buffers that a client had in the last seconds; INFO tells them, and no longer old ones. */
const SECONDS = 8;

export class ClientPeaks {
  readonly #input = new Float64Array(SECONDS);
  readonly #output = new Float64Array(SECONDS);
  #second = 0;

  note(inputBytes: number, outputBytes: number, nowMs: number): void {
    const slot = this.#slotOf(nowMs);
    this.#input[slot] = Math.max(this.#input[slot]!, inputBytes);
    this.#output[slot] = Math.max(this.#output[slot]!, outputBytes);
  }

  inputBytes(nowMs: number): number {
    this.#slotOf(nowMs);
    return Math.max(...this.#input);
  }

  outputBytes(nowMs: number): number {
    this.#slotOf(nowMs);
    return Math.max(...this.#output);
  }

  /** The slot of this second; those of the seconds that nobody noted anything in are emptied. */
  #slotOf(nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    const passed = second - this.#second;
    // The clock may have been set back: then nothing of what was noted is known to be recent.
    const stale = passed < 0 || passed > SECONDS ? SECONDS : passed;
    for (let i = 0; i < stale; i++) {
      const slot = (second - i + SECONDS) % SECONDS;
      this.#input[slot] = 0;
      this.#output[slot] = 0;
    }
    this.#second = second;
    return second % SECONDS;
  }
}

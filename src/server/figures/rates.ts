/** Rates per second of running totals, averaged over the last 16 samples. */
const SAMPLES = 16;

export class Rates {
  calls = 0;
  inputBytes = 0;
  outputBytes = 0;
  readonly #read: () => readonly [number, number, number];
  readonly #samples: {
    readonly atMs: number;
    readonly totals: readonly [number, number, number];
  }[] = [];

  /** `read` returns calls, bytes received, bytes sent so far. */
  constructor(read: () => readonly [number, number, number]) {
    this.#read = read;
  }

  sample(atMs: number): void {
    const totals = this.#read();
    this.#samples.push({ atMs, totals });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    const first = this.#samples[0]!;
    const seconds = (atMs - first.atMs) / 1000;
    if (seconds <= 0) return;
    this.calls = (totals[0] - first.totals[0]) / seconds;
    this.inputBytes = (totals[1] - first.totals[1]) / seconds;
    this.outputBytes = (totals[2] - first.totals[2]) / seconds;
  }

  reset(): void {
    this.#samples.length = 0;
    this.calls = 0;
    this.inputBytes = 0;
    this.outputBytes = 0;
  }
}

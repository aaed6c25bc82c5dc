/** Rates per second of running totals, averaged over the last 16 samples. */
const SAMPLES = 16;

/** What is counted since the server started, or since its statistics were reset. */
export interface Totals {
  readonly calls: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
  readonly replicationInputBytes: number;
  readonly replicationOutputBytes: number;
  /** Turns of the event loop. */
  readonly cycles: number;
  /** Processor time of the thread. */
  readonly threadUsec: number;
}

const NONE: Totals = {
  calls: 0,
  inputBytes: 0,
  outputBytes: 0,
  replicationInputBytes: 0,
  replicationOutputBytes: 0,
  cycles: 0,
  threadUsec: 0,
};

export class Rates {
  readonly #read: () => Totals;
  readonly #samples: { readonly atMs: number; readonly totals: Totals }[] = [];

  constructor(read: () => Totals) {
    this.#read = read;
  }

  sample(atMs: number): void {
    this.#samples.push({ atMs, totals: this.#read() });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
  }

  /** All of them per second; 0 before there are two samples. */
  perSecond(): Totals {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return NONE;
    const seconds = (last.atMs - first.atMs) / 1000;
    const rate = (name: keyof Totals) =>
      Math.max(0, last.totals[name] - first.totals[name]) / seconds;
    return {
      calls: rate("calls"),
      inputBytes: rate("inputBytes"),
      outputBytes: rate("outputBytes"),
      replicationInputBytes: rate("replicationInputBytes"),
      replicationOutputBytes: rate("replicationOutputBytes"),
      cycles: rate("cycles"),
      threadUsec: rate("threadUsec"),
    };
  }

  reset(): void {
    this.#samples.length = 0;
  }
}

/** The last values of the figures that are drawn over time. */

export const SERIES = [
  "operations",
  "keys",
  "usedBytes",
  "clients",
  "receivedBytes",
  "sentBytes",
  "hitRatio",
  "cpu",
] as const;
export type Series = (typeof SERIES)[number];
export type Sample = Readonly<Record<Series, number>>;

/** Enough for the widest chart of two values a column. */
export const SAMPLES_MAX = 1024;

export class History {
  readonly #rings: Readonly<Record<Series, Float64Array>>;
  #next = 0;
  #length = 0;

  constructor(readonly capacity = SAMPLES_MAX) {
    this.#rings = Object.fromEntries(
      SERIES.map((series) => [series, new Float64Array(capacity)]),
    ) as Record<Series, Float64Array>;
  }

  get length(): number {
    return this.#length;
  }

  /** NaN is what was not known at the time; without a sample nothing was. */
  push(sample: Sample | null): void {
    for (const series of SERIES) this.#rings[series][this.#next] = sample?.[series] ?? Number.NaN;
    this.#next = (this.#next + 1) % this.capacity;
    this.#length = Math.min(this.#length + 1, this.capacity);
  }

  /** The last values, the oldest first; at most `count`. */
  last(series: Series, count: number): number[] {
    const length = Math.min(count, this.#length);
    const values: number[] = [];
    for (let i = length; i > 0; i--) {
      values.push(this.#rings[series][(this.#next - i + this.capacity) % this.capacity]!);
    }
    return values;
  }

  /** One that does not change when this one does. */
  copy(): History {
    const copy = new History(this.capacity);
    for (const series of SERIES) copy.#rings[series].set(this.#rings[series]);
    copy.#next = this.#next;
    copy.#length = this.#length;
    return copy;
  }
}

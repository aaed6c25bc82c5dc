/** The histogram against the sorted list of its values. */
import { describe, expect, test } from "bun:test";
import { Random } from "../../../src/base/random.ts";
import { Histogram } from "../../../src/benchmark/histogram.ts";

const SEEDS = [1, 2, 3, 4, 5];
const PERCENTILES = [0, 50, 90, 99, 99.9, 99.99, 100];

/** Values of all sizes: the number of their bits is random. */
function randomValues(seed: number, count: number): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => random.below(2 ** (1 + random.below(30))));
}

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value, 1);
  return histogram;
}

describe("a histogram", () => {
  test.each(SEEDS)("has the percentiles of its values within 0.1 %%, seed %p", (seed) => {
    const values = randomValues(seed, 5000);
    const histogram = histogramOf(values);
    const sorted = values.toSorted((a, b) => a - b);
    for (const percent of PERCENTILES) {
      const wanted = sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length - 1e-6) - 1)]!;
      const got = histogram.percentileUs(percent);
      const isNear = got >= wanted && got <= Math.max(wanted, wanted * 1.001);
      expect({ seed, percent, wanted, got, isNear }).toEqual({
        seed,
        percent,
        wanted,
        got,
        isNear: true,
      });
    }
  });

  test.each(SEEDS)("has total, sum, extremes and mean exactly, seed %p", (seed) => {
    const values = randomValues(seed, 1000);
    const histogram = histogramOf(values);
    const sum = values.reduce((a, b) => a + b, 0);
    const { maxUs, meanUs, minUs, sumUs, total } = histogram;
    expect({ seed, maxUs, meanUs, minUs, sumUs, total }).toEqual({
      seed,
      maxUs: Math.max(...values),
      meanUs: sum / 1000,
      minUs: Math.min(...values),
      sumUs: sum,
      total: 1000,
    });
  });

  test("tells values below 2,048 apart, and the first of each bucket above", () => {
    const values = [0, 1, 2046, 2047, 2048, 2050, 4094, 4096, 2 ** 30, 2 ** 31 - 1];
    expect(histogramOf(values).buckets()).toEqual([
      [0, 1],
      [1, 1],
      [2046, 1],
      [2047, 1],
      [2049, 1],
      [2051, 1],
      [4095, 1],
      [4099, 1],
      [2 ** 30 + 2 ** 20 - 1, 1],
      [2 ** 31 - 1, 1],
    ]);
  });

  test("takes what is out of range for the nearest value, and cuts fractions", () => {
    const histogram = new Histogram();
    histogram.record(-5, 1);
    histogram.record(7.9, 2);
    histogram.record(1e12, 3);
    expect(histogram.buckets()).toEqual([
      [0, 1],
      [7, 2],
      [2 ** 31 - 1, 3],
    ]);
  });

  test("counts up to a value", () => {
    const histogram = histogramOf([10, 20, 20, 30]);
    expect([9, 10, 19, 20, 29, 30, 99].map((us) => histogram.countUpTo(us))).toEqual([
      0, 1, 1, 3, 3, 4, 4,
    ]);
  });

  test.each(SEEDS)("is the same in two parts added, packed and unpacked, seed %p", (seed) => {
    const values = randomValues(seed, 1000);
    const sum = Histogram.unpack(histogramOf(values.slice(0, 300)).pack());
    sum.add(Histogram.unpack(histogramOf(values.slice(300)).pack()));
    sum.add(new Histogram());
    expect([seed, sum.pack()]).toEqual([seed, histogramOf(values).pack()]);
  });

  test("is zero in everything while it is empty", () => {
    const { maxUs, meanUs, minUs, total } = new Histogram();
    const p99 = new Histogram().percentileUs(99);
    expect({ maxUs, meanUs, minUs, p99, total, buckets: new Histogram().buckets() }).toEqual({
      maxUs: 0,
      meanUs: 0,
      minUs: 0,
      p99: 0,
      total: 0,
      buckets: [],
    });
  });
});

/** Samples against the probabilities they should have. */
import { describe, expect, test } from "bun:test";
import { Random } from "../../../src/base/random.ts";
import { type Distribution, Uniform, Zipf } from "../../../src/benchmark/distribution.ts";

const SAMPLES = 200_000;
const SEED = 7;
/** Standard deviations that a count may be off: with fixed seeds, what passes once passes always. */
const DEVIATIONS = 4.5;
/** Numbers that come more rarely are counted together: their counts are not normally distributed. */
const EXPECTED_MIN = 20;

/** Counts that are too far from what the weights say, as text. */
function surprises(distribution: Distribution, weights: readonly number[]): string[] {
  const counts = new Array<number>(weights.length).fill(0);
  for (let i = 0; i < SAMPLES; i++) {
    const number = distribution.next();
    if (counts[number] === undefined) throw new Error(`seed ${SEED}: ${number} is out of range`);
    counts[number]++;
  }
  const sum = weights.reduce((a, b) => a + b, 0);
  const found: string[] = [];
  const check = (name: string, count: number, chance: number) => {
    const deviation = Math.sqrt(SAMPLES * chance * (1 - chance));
    if (Math.abs(count - SAMPLES * chance) > DEVIATIONS * deviation + 3) {
      found.push(`seed ${SEED}: ${name} came ${count} times, not ${SAMPLES * chance}`);
    }
  };
  let rareCount = 0;
  let rareChance = 0;
  for (const [number, count] of counts.entries()) {
    const chance = weights[number]! / sum;
    if (chance * SAMPLES >= EXPECTED_MIN) check(String(number), count, chance);
    else {
      rareCount += count;
      rareChance += chance;
    }
  }
  check("rare numbers together", rareCount, rareChance);
  return found;
}

describe("Zipf's law", () => {
  for (const theta of [0.2, 0.5, 0.99, 1, 1.5, 3]) {
    test.each([2, 10, 1000])(`theta ${theta} over %p numbers`, (size) => {
      const weights = Array.from({ length: size }, (_, i) => (i + 1) ** -theta);
      expect(surprises(new Zipf(size, theta, new Random(SEED)), weights)).toEqual([]);
    });
  }

  test("over one number, and over very many", () => {
    expect(new Zipf(1, 0.99, new Random(SEED)).next()).toEqual(0);
    const wide = new Zipf(1e12, 0.5, new Random(SEED));
    const numbers = Array.from({ length: 1000 }, () => wide.next());
    expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 1e12)).toBe(true);
    expect(Math.max(...numbers)).toBeGreaterThan(1e9);
  });

  test("is not met by another theta", () => {
    const weights = Array.from({ length: 10 }, (_, i) => (i + 1) ** -1);
    expect(surprises(new Zipf(10, 0.9, new Random(SEED)), weights)).not.toEqual([]);
  });
});

describe("the uniform distribution", () => {
  test.each([1, 2, 10, 1000])("over %p numbers", (size) => {
    expect(surprises(new Uniform(size, new Random(SEED)), new Array(size).fill(1))).toEqual([]);
  });

  test("over more numbers than 32 bits have", () => {
    const wide = new Uniform(1e12, new Random(SEED));
    const numbers = Array.from({ length: 1000 }, () => wide.next());
    expect(numbers.every((n) => Number.isInteger(n) && n >= 0 && n < 1e12)).toBe(true);
    expect(new Set(numbers).size).toBe(1000);
    expect(Math.max(...numbers)).toBeGreaterThan(9e11);
  });
});

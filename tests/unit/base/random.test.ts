import { describe, expect, test } from "bun:test";
import { Random } from "../../../src/base/random.ts";

describe("random", () => {
  test("the same seed gives the same numbers, another seed others", () => {
    const stream = (seed: number) => {
      const random = new Random(seed);
      return Array.from({ length: 100 }, () => random.int32());
    };
    expect(stream(1)).toEqual(stream(1));
    const first = new Set(stream(1));
    expect(stream(2).filter((n) => first.has(n))).toEqual([]);
    expect(new Random(42).seed).toEqual(42);
  });

  test("near seeds do not give near streams", () => {
    const firsts = new Set<number>();
    for (let seed = -500; seed < 500; seed++) firsts.add(new Random(seed).int32());
    expect(firsts.size).toEqual(1000);
  });

  test("integers are signed, of 32 bits, and every bit is set half of the time", () => {
    const random = new Random(5);
    const total = 10000;
    const counts = new Int32Array(32);
    for (let i = 0; i < total; i++) {
      const n = random.int32();
      expect(n).toEqual(n | 0);
      for (let bit = 0; bit < 32; bit++) counts[bit] = counts[bit]! + ((n >>> bit) & 1);
    }
    // Standard deviation 50.
    for (const count of counts) expect(Math.abs(count - total / 2)).toBeLessThan(250);
  });

  test("below stays below, and every number comes about equally often", () => {
    const random = new Random(6);
    for (const limit of [1, 2, 3, 10, 16, 1000]) {
      const counts = new Int32Array(limit);
      for (let i = 0; i < limit * 400; i++) {
        const n = random.below(limit);
        counts[n] = counts[n]! + 1;
      }
      // Standard deviation 20.
      for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(101);
    }
    for (let i = 0; i < 1000; i++) {
      const n = random.below(2 ** 31);
      expect(n >= 0 && n < 2 ** 31 && Number.isInteger(n)).toEqual(true);
    }
  });

  test("hex has as many digits as asked for", () => {
    const random = new Random(7);
    for (const digits of [0, 1, 7, 8, 9, 40]) {
      expect(random.hex(digits)).toMatch(new RegExp(`^[0-9a-f]{${digits}}$`));
    }
    expect(random.hex(40)).not.toEqual(random.hex(40));
  });
});

import { expect, test } from "bun:test";
import { NumberOrder } from "../../../src/base/number-order.ts";
import type { Random } from "../../../src/base/random.ts";
import { forSeeds, pick } from "../seeds.ts";

const LIMITS = [
  0,
  -0,
  1,
  -1,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
];

function randomNumber(random: Random): number {
  const part = random.int32() / 4294967296;
  return pick(random, [
    random.below(10),
    random.int32(),
    part,
    part * 10 ** (random.below(600) - 300),
    pick(random, LIMITS),
  ]);
}

test("indexes come in the order of the numbers, equal ones as they were", () =>
  forSeeds(60, (random) => {
    const numbers = new NumberOrder();
    for (const count of [0, 1, 2, 3, 7, 256, 257, 300, 3000]) {
      const keys = Float64Array.from({ length: count + 20 }, () => randomNumber(random));
      const order = Uint32Array.from({ length: count + 20 }, (_, i) => count + 19 - i);
      const wanted = [...order];
      const middle = wanted.slice(10, 10 + count);
      middle.sort((a, b) => (keys[a]! === keys[b]! ? 0 : keys[a]! < keys[b]! ? -1 : 1));
      wanted.splice(10, count, ...middle);
      numbers.sort(order, 10, 10 + count, keys);
      expect([...order]).toEqual(wanted);
    }
  }));

test("an order of many that is much longer than what is kept", () => {
  const count = 200_000;
  const keys = Float64Array.from({ length: count }, (_, i) => (i * 7919) % count);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const numbers = new NumberOrder();
  for (let round = 0; round < 2; round++) {
    numbers.sort(order, 0, count, keys);
    let isSorted = true;
    for (let i = 0; i < count; i++) if (keys[order[i]!] !== i) isSorted = false;
    expect(isSorted).toBe(true);
  }
});

import { describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { BitField, type Overflow } from "../../../src/base/bit-field.ts";
import { toBigInt } from "../../../src/base/number-text.ts";
import type { Random } from "../../../src/base/random.ts";
import { forSeeds, pick, randomBytes } from "../seeds.ts";

const field = new BitField();
const OVERFLOWS: readonly Overflow[] = ["wrap", "saturate", "fail"];

function set(isSigned: boolean, width: number, bitOffset: number): void {
  field.isSigned = isSigned;
  field.width = width;
  field.bitOffset = bitOffset;
}

function setRandom(random: Random): void {
  const isSigned = random.below(2) === 0;
  set(isSigned, 1 + random.below(isSigned ? 64 : 63), random.below(200));
}

function bits(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(2).padStart(8, "0")).join("");
}

function randomInt64(random: Random): bigint {
  return toBigInt(random.int32(), random.int32()) >> BigInt(random.below(64));
}

/** As commands hand integers over. */
function number(value: bigint): number | bigint {
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function bounds(): [least: bigint, most: bigint] {
  const span = 1n << BigInt(field.width);
  return field.isSigned ? [-span / 2n, span / 2n - 1n] : [0n, span - 1n];
}

test("what is written is read again, and no other bit changes", () =>
  forSeeds(500, (random) => {
    setRandom(random);
    const bytes = randomBytes(random, 40);
    const before = bits(bytes);
    const { bitOffset, width, isSigned } = field;
    const text = before.slice(bitOffset, bitOffset + width);
    const plain = BigInt(`0b${text}`);
    const value = isSigned ? BigInt.asIntN(width, plain) : plain;
    assert(BigInt(field.read(bytes, 0, 40)) === value, `reading ${text}`);
    const [least, most] = bounds();
    const other = pick(random, [least, most, 0n, BigInt.asIntN(width, randomInt64(random))]);
    const written = other < least ? most : other;
    field.write(bytes, 0, width > 52 ? written : Number(written));
    assert(BigInt(field.read(bytes, 0, 40)) === written, `${written} in ${width} bits`);
    const after = bits(bytes);
    expect(after.slice(0, bitOffset)).toBe(before.slice(0, bitOffset));
    expect(after.slice(bitOffset + width)).toBe(before.slice(bitOffset + width));
  }));

test("bits beyond the string are 0, and the string that a field needs ends with its byte", () => {
  const bytes = Uint8Array.from([9, 0xff, 0xff, 0xff]);
  set(false, 12, 4);
  expect(field.read(bytes, 1, 1)).toBe(0xf00);
  expect(field.bytesNeeded).toBe(2);
  set(false, 4, 4);
  expect(field.bytesNeeded).toBe(1);
  set(true, 64, 2 ** 32 - 64);
  expect(field.read(bytes, 1, 3)).toBe(0n);
  expect(field.bytesNeeded).toBe(2 ** 29);
});

describe("overflow", () => {
  function expected(sum: bigint, overflow: Overflow): bigint | null {
    const [least, most] = bounds();
    if (sum >= least && sum <= most) return sum;
    if (overflow === "fail") return null;
    if (overflow === "saturate") return sum < least ? least : most;
    return field.isSigned ? BigInt.asIntN(field.width, sum) : BigInt.asUintN(field.width, sum);
  }

  test("of sums", () =>
    forSeeds(1000, (random) => {
      setRandom(random);
      const [least, most] = bounds();
      const random64 = randomInt64(random);
      const value = pick(random, [least, most, 0n, random64]);
      if (value < least || value > most) return;
      const increment = pick(random, [1n, -1n, randomInt64(random), most, -most]);
      for (const overflow of OVERFLOWS) {
        const sum = field.add(
          field.width > 52 ? value : Number(value),
          number(increment),
          overflow,
        );
        const wanted = expected(value + increment, overflow);
        assert(
          (sum === null ? null : BigInt(sum)) === wanted,
          `${value} + ${increment} in ${field.isSigned}${field.width} ${overflow}: ${sum}`,
        );
      }
    }));

  test("of values that are set", () =>
    forSeeds(1000, (random) => {
      setRandom(random);
      const value = randomInt64(random);
      for (const overflow of OVERFLOWS) {
        const fitted = field.fit(number(value), overflow);
        const asGiven = field.isSigned ? value : BigInt.asUintN(64, value);
        assert(
          (fitted === null ? null : BigInt(fitted)) === expected(asGiven, overflow),
          `${value} in ${field.width} ${overflow}: ${fitted}`,
        );
      }
    }));
});

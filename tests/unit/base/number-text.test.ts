import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import {
  fitsInt64,
  integerTextLength,
  parseBigInteger,
  parseInteger,
  toBigInt,
  writeInt64,
  writeInteger,
} from "../../../src/base/number-text.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

/** Values where something changes: powers of ten and of two, and their neighbours. */
function borders(): bigint[] {
  const values = new Set<bigint>([0n]);
  for (let power = 0n; power < 20n; power++) {
    for (let d = -1n; d <= 1n; d++) values.add(10n ** power + d).add(-(10n ** power) + d);
  }
  for (let power = 0n; power <= 64n; power++) {
    for (let d = -1n; d <= 1n; d++) values.add(2n ** power + d).add(-(2n ** power) + d);
  }
  return [...values];
}

const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
const isSafe = (value: bigint) => value <= SAFE && value >= -SAFE;

/** Parses the text out of the middle of other digits, which must not matter. */
function parse(text: string): number {
  return parseInteger(latin1(`99${text}99`), 2, text.length);
}

function parseBig(text: string): bigint | null {
  return parseBigInteger(latin1(`99${text}99`), 2, text.length);
}

/** What `write` writes at offset 3, where the bytes around must stay as they are. */
function written(write: (bytes: Uint8Array, at: number) => number): string {
  const bytes = new Uint8Array(40).fill(0x2e);
  const end = write(bytes, 3);
  const text = latin1Text(bytes);
  expect(text).toEqual(`...${text.slice(3, end)}${".".repeat(40 - end)}`);
  return text.slice(3, end);
}

describe("parsing", () => {
  test("every border of every width", () => {
    for (const value of borders()) {
      const text = String(value);
      const inRange = value <= MAX && value >= MIN;
      expect([text, parseBig(text)]).toEqual([text, inRange ? value : null]);
      const expected = !inRange
        ? Number.NaN
        : isSafe(value)
          ? Number(value)
          : value > 0n
            ? Number.POSITIVE_INFINITY
            : Number.NEGATIVE_INFINITY;
      expect([text, parse(text)]).toEqual([text, expected]);
      expect([text, fitsInt64(value)]).toEqual([text, inRange]);
    }
  });

  test("only canonical texts are integers", () => {
    const others =
      "- + +1 -0 00 01 -01 --1 1- 1.0 1. .1 1e1 0x1 1_0 १ inf NaN 1\n \n1 1\0 \0 0\0".split(" ");
    for (const text of [...others, "", " 1", "1 ", "1\r", "1:", "1/", ":", "/"]) {
      expect([text, parse(text)]).toEqual([text, Number.NaN]);
      expect([text, parseBig(text)]).toEqual([text, null]);
    }
    for (const length of [16, 17, 19, 20, 21]) {
      for (const text of ["0".repeat(length), `${"1".repeat(length - 1)}x`, `-${"0".repeat(19)}`]) {
        expect([text, parse(text), parseBig(text)]).toEqual([text, Number.NaN, null]);
      }
    }
  });

  test("zero is not negative zero", () => {
    expect(Object.is(parse("0"), 0)).toEqual(true);
  });

  test("random bytes never throw, and both parsers agree on them", () =>
    forSeeds(3000, (random) => {
      const bytes =
        random.below(2) === 0
          ? randomBytes(random, random.below(25))
          : Uint8Array.from({ length: random.below(25) }, () => 45 + random.below(13));
      const number = parseInteger(bytes, 0, bytes.length);
      const big = parseBigInteger(bytes, 0, bytes.length);
      expect(Number.isNaN(number)).toEqual(big === null);
      if (big === null) return;
      expect(latin1Text(bytes)).toEqual(String(big));
      expect(Number.isFinite(number)).toEqual(isSafe(big));
    }));
});

describe("writing", () => {
  test("every border of the safe integers", () => {
    for (const value of borders().filter(isSafe)) {
      const text = String(value);
      expect(integerTextLength(Number(value))).toEqual(text.length);
      expect(written((bytes, at) => writeInteger(bytes, at, Number(value)))).toEqual(text);
    }
    expect(written((bytes, at) => writeInteger(bytes, at, -0))).toEqual("0");
  });

  test("every border of 64 bits, given as two words", () => {
    for (const value of borders().filter(fitsInt64)) {
      const low = Number(BigInt.asIntN(32, value));
      const high = Number(value >> 32n);
      expect(toBigInt(low, high)).toEqual(value);
      expect(written((bytes, at) => writeInt64(bytes, at, low, high))).toEqual(String(value));
    }
  });

  test("random integers of any width read back", () =>
    forSeeds(3000, (random) => {
      const low = random.int32();
      const high = random.int32() >> random.below(32);
      const value = toBigInt(low, high);
      const text = written((bytes, at) => writeInt64(bytes, at, low, high));
      expect(text).toEqual(String(value));
      expect(parseBig(text)).toEqual(value);
      if (isSafe(value)) {
        expect(written((bytes, at) => writeInteger(bytes, at, Number(value)))).toEqual(text);
        expect(parse(text)).toEqual(Number(value));
      }
    }));
});

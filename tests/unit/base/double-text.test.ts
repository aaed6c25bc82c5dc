import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import {
  DOUBLE_TEXT_BYTES_MAX,
  parseBound,
  parseDouble,
  writeDouble,
  writeDouble17,
} from "../../../src/base/double-text.ts";
import { forSeeds } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const bytes = new Uint8Array(DOUBLE_TEXT_BYTES_MAX + 2);
const text = (value: number) => latin1Text(bytes, 1, writeDouble(bytes, 1, value));
const text17 = (value: number) => latin1Text(bytes, 1, writeDouble17(bytes, 1, value));

function parsed(of: string): number {
  const all = latin1(`9${of}9`);
  return parseDouble(all, 1, of.length);
}

function bound(of: string): number {
  const all = latin1(`9${of}9`);
  return parseBound(all, 1, of.length);
}

describe("as Redis 7.2 writes", () => {
  // util.c (d2string, double2ll) and fpconv_dtoa.c (emit_digits) of Redis 7.2.
  for (const [value, expected] of [
    [0, "0"],
    [-0, "-0"],
    [3, "3"],
    [-17, "-17"],
    [2 ** 53, "9007199254740992"],
    [-(2 ** 61), "-2305843009213693952"],
    [2 ** 62, "4611686018427387904"],
    [2 ** 63, "9223372036854776000"],
    [1e19, "1e+19"],
    [1e22, "1e+22"],
    [1.5, "1.5"],
    [-0.1, "-0.1"],
    [0.000001, "0.000001"],
    [0.0000012345, "1.2345e-6"],
    [1e-7, "1e-7"],
    [1.25e-7, "1.25e-7"],
    [1e-10, "1e-10"],
    [3.3e-300, "3.3e-300"],
    [-5e-324, "-5e-324"],
    [1.7976931348623157e308, "1.7976931348623157e+308"],
    [-1.7976931348623157e308, "-1.7976931348623157e+308"],
    [123456.789, "123456.789"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ] as const) {
    test(expected, () => expect(text(value)).toBe(expected));
  }
});

describe("as %.17g writes", () => {
  for (const [value, expected] of [
    [-0, "-0"],
    [0.1, "0.10000000000000001"],
    [1.5, "1.5"],
    [1e16, "10000000000000000"],
    [1e17, "1e+17"],
    [-1.25e17, "-1.25e+17"],
    [0.0001, "0.0001"],
    [0.00001, "1.0000000000000001e-05"],
    [1e-100, "1e-100"],
    [5e-324, "4.9406564584124654e-324"],
    // Ties of 18 digits go to the even one.
    [12345678901234 + 1 / 16, "12345678901234.062"],
    [12345678901234 + 3 / 16, "12345678901234.188"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ] as const) {
    test(expected, () => expect(text17(value)).toBe(expected));
  }
});

test("what is written is read back, and stays within its length", () =>
  forSeeds(20, (random) => {
    const double = new Float64Array(1);
    const words = new Int32Array(double.buffer);
    for (let i = 0; i < 500; i++) {
      words[0] = random.int32();
      words[1] = random.int32();
      for (const value of [double[0]!, Math.round(double[0]! % 1e9), random.int32() / 100]) {
        if (Number.isNaN(value)) continue;
        for (const written of [text(value), text17(value)]) {
          assert(written.length <= DOUBLE_TEXT_BYTES_MAX, `${written} is too long`);
          assert(Object.is(parsed(written), value), `${value} is written ${written}`);
        }
      }
    }
  }));

describe("reading", () => {
  for (const [of, value] of [
    ["1.", 1],
    [".5", 0.5],
    ["+.5e1", 5],
    ["00012", 12],
    ["-0", -0],
    ["-0.0", -0],
    ["123456789012345.5", 123456789012345.5],
    ["9007199254740993", 9007199254740992],
    ["0.1", 0.1],
    ["1E+5", 100000],
    ["0e-999", 0],
    ["4.9e-324", 5e-324],
    ["0x10", 16],
    ["-0X1.8P+1", -3],
    ["0x.8", 0.5],
    ["0x1.00000000000008", 1],
    ["0x1.00000000000008000001", 1 + 2 ** -52],
    ["0x1.00000000000018", 1 + 2 ** -51],
    ["0x1p-1074", 5e-324],
    ["0x1.1p-1075", 5e-324],
    ["0x0p99999999", 0],
    ["0x1fffffffffffff8p10", 2 ** 67],
    ["0xfffffffffffff8p972", Number.POSITIVE_INFINITY],
    ["inf", Number.POSITIVE_INFINITY],
    ["+InFinity", Number.POSITIVE_INFINITY],
    ["-INF", Number.NEGATIVE_INFINITY],
  ] as const) {
    test(of, () => {
      expect(bound(of)).toBe(value);
      if (of !== "0xfffffffffffff8p972") expect(parsed(of)).toBe(value);
    });
  }

  for (const of of [
    ..."|.|+|-|nan|-NaN|nan(1)|infin|1e|1e+|0x|0x.|0x1p|1 |1x|--1|+-1|1_0|1,5|0b1".split("|"),
    " 1",
    "1\0",
    "1e400",
    "-1e400",
    "1e-400",
    "2e-324",
    "0x1p-1075",
    "0x1p1024",
    `${"9".repeat(400)}`,
  ]) {
    test(`${JSON.stringify(of.slice(0, 20))} is refused`, () => expect(parsed(of)).toBeNaN());
  }

  test("bounds are read with less care", () => {
    expect(bound("")).toBe(0);
    expect(bound(" \t1")).toBe(1);
    expect(bound("1\0rest")).toBe(1);
    expect(bound("\0")).toBe(0);
    expect(bound("1e400")).toBe(Number.POSITIVE_INFINITY);
    expect(bound("-1e400")).toBe(Number.NEGATIVE_INFINITY);
    expect(bound("1e-400")).toBe(0);
    for (const of of ["1 ", "nan", "x", " ", "- 1", "(1"]) expect(bound(of)).toBeNaN();
  });
});

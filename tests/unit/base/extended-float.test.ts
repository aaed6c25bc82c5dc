import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import {
  addExtended,
  ceilThousandfold,
  compareExtended,
  EXTENDED_MAX,
  type ExtendedFloat,
  formatExtended,
  INFINITE,
  negateExtended,
  type ParsedFloat,
  parseExtended as parseBytes,
} from "../../../src/base/extended-float.ts";
import { forSeeds, pick } from "../seeds.ts";
import { LONG_DOUBLE_SUMS } from "./long-double-sums.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function parseExtended(text: string): ParsedFloat {
  return parseBytes(latin1(`..${text}`), 2, text.length);
}

function parse(text: string): ExtendedFloat {
  const value = parseExtended(text);
  if (value === null || value === INFINITE) throw new Error(`${text} is no finite number`);
  return value;
}

/** The value as a fraction of 2^20000, to compare two of them whatever their exponents are. */
function exact({ mantissa, exponent }: ExtendedFloat): bigint {
  return mantissa << BigInt(exponent + 20000);
}

function sum(a: string, b: string): string {
  const x = parseExtended(a);
  const y = parseExtended(b);
  if (x === null || y === null) return "invalid";
  if (x === INFINITE || y === INFINITE) return "infinite";
  const total = addExtended(x, y);
  return total === null ? "infinite" : formatExtended(total);
}

describe("sums are those of long double", () => {
  for (const [a, b, expected, value] of LONG_DOUBLE_SUMS) {
    test(`${a} + ${b}`, () => {
      expect(sum(a, b)).toEqual(expected);
      expect(sum(b, a)).toEqual(expected);
      if (value === "") return;
      expect(exact(addExtended(parse(a), parse(b))!)).toEqual(exact(parse(value)));
    });
  }

  test("the largest number is written out, the next is out of range", () => {
    const largest = (2n ** 64n - 1n) * 2n ** 16320n;
    expect(sum("0x1.fffffffffffffffep16383", "0")).toEqual(String(largest));
    expect(sum("0x1.fffffffffffffffep16383", "-0x1p16383")).toEqual(String(largest - 2n ** 16383n));
    expect(sum("0x1.fffffffffffffffep16383", "0x1p16319")).toEqual("infinite");
    expect(sum("0x1.fffffffffffffffep16383", "0x1p16318")).toEqual(String(largest));
  });

  test("the smallest number is a number, a fourth of it is none", () => {
    expect(exact(parse("0x1p-16445"))).toEqual(2n ** (20000n - 16445n));
    expect(parseExtended("0x1p-16447")).toEqual(null);
    expect(parseExtended("1e-4951")).toEqual(null);
    expect(sum("3.6e-4951", "1")).toEqual("1");
  });
});

describe("texts", () => {
  test("of very many digits are read as exactly as short ones", () => {
    const zeros = "0".repeat(4000);
    expect(sum(`1${zeros}`, "0")).toEqual(sum("1e4000", "0"));
    expect(sum(`1${zeros}e-4000`, "0")).toEqual("1");
    expect(sum(`0.${zeros}1e4001`, "0")).toEqual("1");
    expect(sum(`1${zeros}e-8500`, "1")).toEqual("1");
    expect(sum(`0.${zeros}1e8500`, "0")).toEqual(sum("1e4499", "0"));
  });

  test("longer than Redis's buffer are no numbers", () => {
    const digits = (count: number) => "1".padStart(count, "0");
    expect(sum(digits(5119), "0")).toEqual("1");
    expect(sum(digits(5120), "0")).toEqual("invalid");
  });

  test("with spaces or other signs around them are no numbers", () => {
    for (const text of [
      "",
      " 1",
      "1 ",
      "\t1",
      "1\n",
      "\0",
      "1\0",
      "٣",
      "+-1",
      "0b1",
      "1p3",
      "1f",
    ]) {
      expect([text, parseExtended(text)]).toEqual([text, null]);
    }
  });

  test("infinity may be written in many ways", () => {
    for (const text of ["inf", "INF", "-inf", "+Infinity", "-infinity"]) {
      expect([text, parseExtended(text)]).toEqual([text, INFINITE]);
    }
    for (const text of ["nan", "NaN", "-nan", "nan(1)", "in", "infinit", "infinityy"]) {
      expect([text, parseExtended(text)]).toEqual([text, null]);
    }
  });
});

describe("random numbers", () => {
  test("what is written reads back as what is written again", () =>
    forSeeds(3000, (random) => {
      const digits = String(random.int32() >>> 0) + String(random.int32() >>> 0);
      const at = random.below(digits.length);
      const sign = pick(random, ["", "-"]);
      const text = `${sign}${digits.slice(0, at) || "0"}.${digits.slice(at)}`;
      const exponent = pick(random, ["", "", `e${random.below(60) - 30}`]);
      const written = formatExtended(parse(text + exponent));
      expect(formatExtended(parse(written))).toEqual(written);
    }));

  test("adding a number and taking it away again gives the first, where both fit in 64 bits", () =>
    forSeeds(2000, (random) => {
      // Multiples of 2^-20 below 2^31: doubles have them and their sums exactly, too.
      const a = random.int32() / 2 ** random.below(21);
      const b = random.int32() / 2 ** random.below(21);
      const text = (value: number) => value.toFixed(20);
      const total = addExtended(parse(text(a)), parse(text(b)))!;
      const back = addExtended(total, parse(text(-b)))!;
      expect(exact(total)).toEqual(exact(parse(text(a + b))));
      expect(exact(back)).toEqual(exact(parse(text(a))));
    }));

  test("whole numbers of up to 64 bits are exact", () =>
    forSeeds(1000, (random) => {
      const a = (BigInt(random.int32() >>> 0) << 31n) | BigInt(random.int32() >>> 1);
      const b = BigInt(random.int32()) * BigInt(random.int32() >>> 2);
      expect(sum(String(a), String(b))).toEqual(String(a + b));
    }));
});

test("a text too long to be a number is not looked at", () => {
  const unreadable = new Proxy(new Uint8Array(0), {
    get() {
      throw new Error("looked at");
    },
  });
  expect(parseBytes(unreadable, 0, 1 << 29)).toEqual(null);
});

test("seconds become ms as in C: times 1000 in a long double, and then up", () => {
  // By ceill(-0.001L * 1000) and so on, as gcc computes it on x86-64.
  const cases: readonly (readonly [string, bigint])[] = [
    ["0", 0n],
    ["-0", 0n],
    ["1", 1000n],
    ["0.001", 1n],
    ["0.0001", 1n],
    ["1e-30", 1n],
    ["-0.001", 0n],
    ["-0.0009", 0n],
    ["-0.0011", -1n],
    ["-1", -1000n],
    ["1.5", 1500n],
    ["1e18", 10n ** 21n],
  ];
  const actual = cases.map(([text]) => [text, ceilThousandfold(parse(text))]);
  expect(actual).toEqual(cases.map(([text, ms]) => [text, ms]));
});

test("values in order, with their negatives, and the largest of them", () => {
  const texts = ["0", "1e-4000", "0.1", "1", "1.0000000000000000001", "2", "3e9", "1e4932"];
  const rising = [
    ...texts
      .slice(1)
      .map((text) => negateExtended(parse(text)))
      .reverse(),
  ];
  rising.push(...texts.map(parse), EXTENDED_MAX);
  for (const [i, a] of rising.entries()) {
    for (const [j, b] of rising.entries()) {
      expect(compareExtended(a, b)).toBe(Math.sign(i - j));
    }
  }
  expect(addExtended(EXTENDED_MAX, EXTENDED_MAX)).toBeNull();
  expect(formatExtended(EXTENDED_MAX)).toHaveLength(4933);
});

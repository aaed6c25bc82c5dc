import { expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1Text } from "../../../src/base/bytes.ts";
import type { Random } from "../../../src/base/random.ts";
import { ShortestDigits } from "../../../src/base/shortest-digits.ts";
import { forSeeds, pick } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const shortest = new ShortestDigits();
const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

function taken(value: number): string {
  shortest.take(value);
  return `${latin1Text(shortest.digits, 0, shortest.count)}e${shortest.power}`;
}

/** 10^power with 64 significant bits, rounded to nearest: [mantissa, exponent]. */
function tenTo(power: number): [bigint, number] {
  const scale = 2000n;
  const exact =
    power >= 0 ? (10n ** BigInt(power)) << scale : (1n << (scale + 0n)) / 10n ** BigInt(-power);
  const drop = exact.toString(2).length - 64;
  const rounded = (exact + (1n << BigInt(drop - 1))) >> BigInt(drop);
  return [rounded, drop - Number(scale)];
}

/** Grisu2 as the paper tells it, on BigInt, with the choices of Redis's fpconv. */
function grisu2(value: number): string {
  double[0] = value;
  const bits = (BigInt(words[1]! >>> 0) << 32n) | BigInt(words[0]! >>> 0);
  const biased = Number(bits >> 52n);
  const hidden = 1n << 52n;
  const f = (bits & (hidden - 1n)) + (biased === 0 ? 0n : hidden);
  const e = biased === 0 ? -1074 : biased - 1075;
  const shift = 64 - f.toString(2).length;
  const w = f << BigInt(shift);
  const upper = w + (1n << BigInt(shift - 1));
  const lower = w - (1n << BigInt(shift - (f === hidden ? 2 : 1)));
  let index = Math.trunc((Math.trunc(-(e - shift + 87) * 0.30102999566398114) + 348) / 8);
  for (;;) {
    const scaled = e - shift + tenTo(-348 + 8 * index)[1] + 64;
    if (scaled < -60) index++;
    else if (scaled > -32) index--;
    else break;
  }
  const k = -348 + 8 * index;
  const [ten, tenExponent] = tenTo(k);
  const times = (x: bigint) => (x * ten + (1n << 63n)) >> 64n;
  const high = times(upper) - 1n;
  const delta = high - (times(lower) + 1n);
  const wanted = high - times(w);
  const point = BigInt(-(e - shift + tenExponent + 64));
  let digits = "";
  let power = -k;
  // Whole digits from 10^9 down, then those behind the point, everything scaled by ten each time.
  for (let kappa = 9; ; kappa--) {
    const scale = kappa >= 0 ? 1n : 10n ** BigInt(-kappa);
    const unit = kappa >= 0 ? (10n ** BigInt(kappa)) << point : 1n << point;
    const number = high * scale;
    const digit = (number / unit) % 10n;
    if (digit !== 0n || digits !== "") digits += digit;
    let rest = number % unit;
    if (kappa >= 0 ? rest <= delta : rest < delta * scale) {
      const d = delta * scale;
      const t = wanted * scale;
      let last = BigInt(digits.at(-1)!);
      while (rest < t && d - rest >= unit && (rest + unit < t || t - rest > rest + unit - t)) {
        last--;
        rest += unit;
      }
      power += kappa;
      return `${digits.slice(0, -1)}${last}e${power}`;
    }
  }
}

function randomDouble(random: Random): number {
  words[0] = random.int32();
  words[1] = random.int32() & 0x7fffffff;
  const any = double[0]!;
  const value = pick(random, [
    any,
    random.below(1e9) / 1000,
    random.below(1e9) * 10 ** (random.below(60) - 30),
    2 ** (random.below(2098) - 1074),
    any % 1e-300,
    random.int32() * 4294967296 * 4096,
  ]);
  return Number.isFinite(value) && value !== 0 ? Math.abs(value) : 1;
}

test("every step is that of the paper", () =>
  forSeeds(300, (random) => {
    for (let i = 0; i < 10; i++) {
      const value = randomDouble(random);
      const digits = taken(value);
      assert(digits === grisu2(value), `${value} gives ${digits}, not ${grisu2(value)}`);
    }
  }));

test("the digits read back as the double, and are nearly always the fewest", () =>
  forSeeds(3, (random) => {
    let longer = 0;
    for (let i = 0; i < 10_000; i++) {
      const value = randomDouble(random);
      const digits = taken(value);
      assert(Number(digits) === value, `${value} gives ${digits}`);
      const fewest = value.toExponential().split("e")[0]!.replace(".", "").length;
      if (shortest.count > fewest) longer++;
    }
    expect(longer).toBeLessThan(100);
  }));

test("the ends of the range", () => {
  expect(taken(5e-324)).toBe("5e-324");
  expect(taken(Number.MAX_VALUE)).toBe("17976931348623157e292");
  expect(taken(2.2250738585072014e-308)).toBe("22250738585072014e-324");
  expect(taken(0.1)).toBe("1e-1");
  expect(taken(1)).toBe("1e0");
});

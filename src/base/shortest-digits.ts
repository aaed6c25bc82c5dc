/**
 * Grisu2: few decimal digits that read back as the same double, nearly always the fewest there are.
 *
 * Redis has printed scores with this algorithm since 7.2 (its deps/fpconv), so that a reply has the
 * same bytes only if every step is the same: also where, for a few doubles in 1,000, there are
 * shorter or closer digits.
 *
 * How
 *   A double is f * 2^e. Every number between `lower` and `upper`, halfway to its neighbours, reads
 *   back as it. All three are multiplied by a power of ten that brings `upper` to an exponent of -60
 *   to -32, so that its integral part fits in one word; digits are then taken from `upper` until what
 *   is left is within `delta` = upper - lower, and the last digit is moved towards the double.
 *
 * 64-bit numbers are two words, high and low: int32 that are read as unsigned, so that the JIT stays
 * in integer registers. Words are compared after `^ SIGN`, which turns unsigned order into signed.
 *
 * Source: F. Loitsch, "Printing floating-point numbers quickly and accurately with integers" (2010).
 */
import { upperWord } from "./words.ts";

const POWER_FIRST = -348;
const POWER_STEP = 8;
const POWER_COUNT = 87;
const EXPONENT_MIN = -60;
const EXPONENT_MAX = -32;
const LOG10_2 = 0.30102999566398114;
const HIDDEN_BIT = 0x100000;
const DIGITS_MAX = 18;
const SIGN = 0x80000000 | 0;

const powerHigh = new Int32Array(POWER_COUNT);
const powerLow = new Int32Array(POWER_COUNT);
const powerExponent = new Int32Array(POWER_COUNT);
const DIVISORS = new Int32Array([1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3, 100, 10, 1]);

/** The 64 most significant bits of 10^-348, 10^-340, …, 10^340, rounded to nearest. */
function computePowers(): void {
  for (let i = 0; i < POWER_COUNT; i++) {
    const power = POWER_FIRST + i * POWER_STEP;
    const ten = 10n ** BigInt(Math.abs(power));
    // Some bits more than the 64; what they say then rounds.
    let shift = Math.floor(power / LOG10_2) - 66;
    let value: bigint;
    if (power < 0) value = (1n << BigInt(-shift)) / ten;
    else value = shift < 0 ? ten << BigInt(-shift) : ten >> BigInt(shift);
    while (value >= 1n << 65n) {
      value >>= 1n;
      shift++;
    }
    value = (value + 1n) >> 1n;
    powerHigh[i] = Number(BigInt.asIntN(32, value >> 32n));
    powerLow[i] = Number(BigInt.asIntN(32, value));
    powerExponent[i] = shift + 1;
  }
}
computePowers();

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

/** 1 if a < b, as unsigned words. */
function borrow(a: number, b: number): number {
  return (a ^ SIGN) < (b ^ SIGN) ? 1 : 0;
}

/** Whether the first number is less than the second. */
function isLess(aHigh: number, aLow: number, bHigh: number, bLow: number): boolean {
  return aHigh === bHigh ? (aLow ^ SIGN) < (bLow ^ SIGN) : (aHigh ^ SIGN) < (bHigh ^ SIGN);
}

/** The digits of one double at a time: value = digits * 10^power. */
export class ShortestDigits {
  /** ASCII digits, `count` of them. */
  readonly digits = new Uint8Array(DIGITS_MAX);
  count = 0;
  power = 0;
  /** What `#scale` and `#multiplyByTen` return. */
  #high = 0;
  #low = 0;

  /** Takes a finite, positive double. */
  take(value: number): void {
    double[0] = value;
    const biased = doubleWords[1]! >>> 20;
    const high = (doubleWords[1]! & 0xfffff) | (biased === 0 ? 0 : HIDDEN_BIT);
    const low = doubleWords[0]!;
    const shift = high === 0 ? 32 + Math.clz32(low) : Math.clz32(high);
    const exponent = (biased === 0 ? -1074 : biased - 1075) - shift;
    const wHigh = shift < 32 ? (high << shift) | (low >>> (32 - shift)) : low << (shift - 32);
    const wLow = shift < 32 ? low << shift : 0;
    // Halfway to the neighbours; below a power of two the neighbour is nearer.
    const up = shift - 1;
    const down = shift - (high === HIDDEN_BIT && low === 0 ? 2 : 1);
    const downLow = down < 32 ? 1 << down : 0;
    const downHigh = down < 32 ? 0 : 1 << (down - 32);
    // The bits of `w` below `shift` are 0.
    const upLow = up < 32 ? wLow | (1 << up) : wLow;
    const upHigh = up < 32 ? wHigh : wHigh | (1 << (up - 32));
    const index = this.#powerIndex(exponent);

    this.#scale(wHigh, wLow, index);
    const middleHigh = this.#high;
    const middleLow = this.#low;
    // Both bounds go one unit inwards: the products may be off by that much.
    this.#scale((wHigh - downHigh - borrow(wLow, downLow)) | 0, (wLow - downLow) | 0, index);
    const lowerLow = (this.#low + 1) | 0;
    const lowerHigh = (this.#high + (lowerLow === 0 ? 1 : 0)) | 0;
    this.#scale(upHigh, upLow, index);
    const upperHigh = (this.#high - (this.#low === 0 ? 1 : 0)) | 0;
    const upperLow = (this.#low - 1) | 0;

    this.power = -(POWER_FIRST + index * POWER_STEP);
    this.#generate(
      upperHigh,
      upperLow,
      -(exponent + powerExponent[index]! + 64) - 32,
      (upperHigh - middleHigh - borrow(upperLow, middleLow)) | 0,
      (upperLow - middleLow) | 0,
      (upperHigh - lowerHigh - borrow(upperLow, lowerLow)) | 0,
      (upperLow - lowerLow) | 0,
    );
  }

  /** The power of ten that brings a 64-bit number of this exponent into the range. */
  #powerIndex(exponent: number): number {
    const approximate = Math.trunc(-(exponent + POWER_COUNT) * LOG10_2);
    let index = ((approximate - POWER_FIRST) / POWER_STEP) | 0;
    for (;;) {
      const scaled = exponent + powerExponent[index]! + 64;
      if (scaled < EXPONENT_MIN) index++;
      else if (scaled > EXPONENT_MAX) index--;
      else return index;
    }
  }

  /** Multiplies with the power of ten; keeps the upper 64 bits, rounded. */
  #scale(high: number, low: number, index: number): void {
    const pHigh = powerHigh[index]!;
    const pLow = powerLow[index]!;
    // Bits 32 to 63 of the product, and half of what lies above them.
    const a = Math.imul(high, pLow);
    const b = Math.imul(low, pHigh);
    const c = upperWord(low, pLow);
    const ab = (a + b) | 0;
    const abc = (ab + c) | 0;
    const carry = borrow(ab, a) + borrow(abc, c) + (abc < 0 ? 1 : 0);
    const d = Math.imul(high, pHigh);
    const e = upperWord(high, pLow);
    const f = upperWord(low, pHigh);
    const de = (d + e) | 0;
    const def = (de + f) | 0;
    this.#low = (def + carry) | 0;
    this.#high =
      (upperWord(high, pHigh) + borrow(de, d) + borrow(def, f) + borrow(this.#low, carry)) | 0;
  }

  #multiplyByTen(high: number, low: number): void {
    this.#low = Math.imul(low, 10);
    this.#high = (Math.imul(high, 10) + upperWord(low, 10)) | 0;
  }

  /**
   * Takes digits from `upper`, whose integral part begins at bit 32 + `shift`. `frac` is how far
   * below it the double is, `delta` how far the digits may be.
   */
  #generate(
    upperHigh: number,
    upperLow: number,
    shift: number,
    fracHigh: number,
    fracLow: number,
    deltaHigh: number,
    deltaLow: number,
  ): void {
    const { digits } = this;
    const unitHigh = 1 << shift;
    // At most 2^32 - 1, and ten digits: a Number.
    let whole = upperHigh >>> shift;
    let restHigh = upperHigh & (unitHigh - 1);
    let restLow = upperLow;
    let count = 0;
    let kappa = 10;
    while (kappa > 0) {
      const divisor = DIVISORS[10 - kappa]!;
      const digit = (whole / divisor) | 0;
      if (digit !== 0 || count !== 0) digits[count++] = 48 + digit;
      whole -= digit * divisor;
      kappa--;
      const leftHigh = (whole << shift) | restHigh;
      if (!isLess(deltaHigh, deltaLow, leftHigh, restLow)) {
        this.power += kappa;
        this.count = count;
        const unit = divisor << shift;
        this.#roundLast(deltaHigh, deltaLow, leftHigh, restLow, unit, fracHigh, fracLow);
        return;
      }
    }
    let dHigh = deltaHigh;
    let dLow = deltaLow;
    let fHigh = fracHigh;
    let fLow = fracLow;
    for (;;) {
      this.#multiplyByTen(restHigh, restLow);
      restLow = this.#low;
      const digit = this.#high >>> shift;
      restHigh = this.#high & (unitHigh - 1);
      this.#multiplyByTen(dHigh, dLow);
      dLow = this.#low;
      dHigh = this.#high;
      this.#multiplyByTen(fHigh, fLow);
      fLow = this.#low;
      fHigh = this.#high;
      kappa--;
      if (digit !== 0 || count !== 0) digits[count++] = 48 + digit;
      if (isLess(restHigh, restLow, dHigh, dLow)) {
        this.power += kappa;
        this.count = count;
        this.#roundLast(dHigh, dLow, restHigh, restLow, unitHigh, fHigh, fLow);
        return;
      }
    }
  }

  /**
   * Lowers the last digit, whose unit is `unitHigh` * 2^32, while that brings it nearer to the double
   * and keeps it above `lower`.
   */
  #roundLast(
    deltaHigh: number,
    deltaLow: number,
    leftHigh: number,
    low: number,
    unitHigh: number,
    fracHigh: number,
    fracLow: number,
  ): void {
    let high = leftHigh;
    while (isLess(high, low, fracHigh, fracLow)) {
      const next = (high + unitHigh) | 0;
      if (
        isLess((deltaHigh - high - borrow(deltaLow, low)) | 0, (deltaLow - low) | 0, unitHigh, 0)
      ) {
        return;
      }
      if (!isLess(next, low, fracHigh, fracLow)) {
        // How far above the double it is now, and how far below it would be.
        const aboveHigh = (fracHigh - high - borrow(fracLow, low)) | 0;
        const belowHigh = (next - fracHigh - borrow(low, fracLow)) | 0;
        if (!isLess(belowHigh, (low - fracLow) | 0, aboveHigh, (fracLow - low) | 0)) return;
      }
      this.digits[this.count - 1] = this.digits[this.count - 1]! - 1;
      high = next;
    }
  }
}

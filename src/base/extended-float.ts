/**
 * The 80-bit extended floats of x87, as Redis uses them (long double) for INCRBYFLOAT: a value
 * is mantissa * 2^exponent with a mantissa of at most 64 bits, rounded to nearest, ties to even.
 * Exact arithmetic on BigInt, then one rounding; not for hot paths.
 */
import { latin1Text } from "./bytes.ts";

export interface ExtendedFloat {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const PRECISION = 64;
/** 2^16384 is out of range; so is the text of anything near it for Redis's buffers. */
const EXPONENT_MAX = 16384;
const EXPONENT_MIN = -16445;
const FRACTION_DIGITS = 17;
/** Redis's buffer for the text of a long double, its final NUL included. */
const TEXT_BYTES_MAX = 5 * 1024;
/** No text of that length with a power of ten beyond this is in range. */
const POWER_MAX = 5000 + TEXT_BYTES_MAX;

export const INFINITE = Symbol("infinite");
export type ParsedFloat = ExtendedFloat | typeof INFINITE | null;

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** numerator / denominator * 2^exponent, rounded; null where it overflows or vanishes. */
function round(numerator: bigint, denominator: bigint, exponent: number): ExtendedFloat | null {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 };
  const negative = numerator < 0n;
  let n = negative ? -numerator : numerator;
  let d = denominator;
  // Scale so that the quotient has at least PRECISION bits.
  const shift = PRECISION + 1 - (bitLength(n) - bitLength(d));
  if (shift > 0) n <<= BigInt(shift);
  else d <<= BigInt(-shift);
  let quotient = n / d;
  let sticky = n % d !== 0n;
  let scale = exponent - shift;
  const excess = bitLength(quotient) - PRECISION;
  if (excess > 0) {
    const bits = BigInt(excess);
    const rest = quotient & ((1n << bits) - 1n);
    const half = 1n << (bits - 1n);
    quotient >>= bits;
    scale += excess;
    if (rest > half || (rest === half && (sticky || (quotient & 1n) === 1n))) quotient += 1n;
    sticky = true;
  }
  if (bitLength(quotient) + scale > EXPONENT_MAX) return null;
  if (bitLength(quotient) + scale < EXPONENT_MIN) return null;
  return { mantissa: negative ? -quotient : quotient, exponent: scale };
}

/**
 * Parses decimal or hexadecimal text, or inf, as strtold does. Null where it is no number, is
 * NaN or is out of range.
 */
export function parseExtended(bytes: Uint8Array, from: number, length: number): ParsedFloat {
  // Before anything is made of it: it may have hundreds of MB.
  if (length >= TEXT_BYTES_MAX) return null;
  const text = latin1Text(bytes, from, from + length);
  if (/^[-+]?(inf|infinity)$/i.test(text)) return INFINITE;
  const decimal = /^([-+]?)([0-9]*)(?:\.([0-9]*))?(?:e([-+]?[0-9]+))?$/i.exec(text);
  const fraction = decimal?.[3] ?? "";
  if (decimal !== null && (decimal[2] !== "" || fraction !== "")) {
    const digits = BigInt(`${decimal[2]}${fraction}`);
    const power = Number(decimal[4] ?? 0) - fraction.length;
    if (digits === 0n) return { mantissa: 0n, exponent: 0 };
    if (Math.abs(power) > POWER_MAX) return null;
    const signed = decimal[1] === "-" ? -digits : digits;
    return power >= 0
      ? round(signed * 10n ** BigInt(power), 1n, 0)
      : round(signed, 10n ** BigInt(-power), 0);
  }
  const hex = /^([-+]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([-+]?[0-9]+))?$/i.exec(text);
  const hexFraction = hex?.[3] ?? "";
  if (hex === null || (hex[2] === "" && hexFraction === "")) return null;
  const digits = BigInt(`0x${hex[2]}${hexFraction}`);
  const power = Number(hex[4] ?? 0) - hexFraction.length * 4;
  if (Math.abs(power) > 20000) return null;
  return round(hex[1] === "-" ? -digits : digits, 1n, power);
}

/** The rounded sum; null where it overflows. */
export function addExtended(a: ExtendedFloat, b: ExtendedFloat): ExtendedFloat | null {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum =
    (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  return round(sum, 1n, exponent);
}

export function negateExtended({ exponent, mantissa }: ExtendedFloat): ExtendedFloat {
  return { mantissa: -mantissa, exponent };
}

/** Negative, 0 or positive as `a` is less than, equal to or greater than `b`. */
export function compareExtended(a: ExtendedFloat, b: ExtendedFloat): number {
  const exponent = Math.min(a.exponent, b.exponent);
  const difference =
    (a.mantissa << BigInt(a.exponent - exponent)) - (b.mantissa << BigInt(b.exponent - exponent));
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The largest value. */
export const EXTENDED_MAX: ExtendedFloat = {
  mantissa: (1n << BigInt(PRECISION)) - 1n,
  exponent: EXPONENT_MAX - PRECISION,
};

/** The value times 1000, rounded to a long double as in C, and then up to an integer: seconds as ms. */
export function ceilThousandfold(value: ExtendedFloat): bigint {
  const { mantissa, exponent } = round(value.mantissa * 1000n, 1n, value.exponent) ?? {
    mantissa: value.mantissa * 1000n,
    exponent: value.exponent,
  };
  return exponent >= 0 ? mantissa << BigInt(exponent) : -(-mantissa >> BigInt(-exponent));
}

/** As `%.17Lf` without trailing zeros. */
export function formatExtended(value: ExtendedFloat): string {
  const negative = value.mantissa < 0n;
  let scaled = (negative ? -value.mantissa : value.mantissa) * 10n ** BigInt(FRACTION_DIGITS);
  if (value.exponent >= 0) {
    scaled <<= BigInt(value.exponent);
  } else {
    const bits = BigInt(-value.exponent);
    const rest = scaled & ((1n << bits) - 1n);
    const half = 1n << (bits - 1n);
    scaled >>= bits;
    if (rest > half || (rest === half && (scaled & 1n) === 1n)) scaled += 1n;
  }
  const digits = scaled.toString().padStart(FRACTION_DIGITS + 1, "0");
  const whole = digits.slice(0, -FRACTION_DIGITS);
  const fraction = digits.slice(-FRACTION_DIGITS).replace(/0+$/, "");
  const text = fraction === "" ? whole : `${whole}.${fraction}`;
  return negative && text !== "0" ? `-${text}` : text;
}

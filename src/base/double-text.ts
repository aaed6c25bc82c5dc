/**
 * Doubles as text, as Redis writes and reads scores.
 *
 * `writeDouble` writes as Redis has since 7.2 (its d2string): whole numbers as integers, others with
 * the fewest digits that read back as the same double, with an exponent where that is shorter.
 * `writeDouble17` writes as Redis did up to 7.0: printf's "%.17g".
 * `parseDouble` reads what strtod does: decimal or hexadecimal text, or an infinity.
 */
import { latin1Text } from "./bytes.ts";
import { writeInt64, writeInteger } from "./number-text.ts";
import { ShortestDigits } from "./shortest-digits.ts";

/** The longest text that is written: a sign, 17 digits, a point, an exponent of five bytes. */
export const DOUBLE_TEXT_BYTES_MAX = 25;

const MINUS = 45;
const POINT = 46;
const ZERO = 48;
/** Beyond 2^62 whole numbers are written as any other. */
const WHOLE_MAX = 2 ** 62;
const SIGNIFICANT_DIGITS = 17;
/** Up to here digits and power of ten are exact doubles, so that one division rounds right. */
const EXACT_DIGITS = 15;

const shortest = new ShortestDigits();

/** Writes a double that is no NaN at `at`; returns the offset behind it. */
export function writeDouble(to: Uint8Array, at: number, value: number): number {
  if (value === Math.trunc(value) && value <= WHOLE_MAX && value >= -WHOLE_MAX) {
    if (Number.isSafeInteger(value)) {
      return Object.is(value, -0) ? writeAscii(to, at, "-0") : writeInteger(to, at, value);
    }
    return writeInt64(to, at, value | 0, Math.floor(value / 4294967296));
  }
  if (!Number.isFinite(value)) return writeAscii(to, at, value > 0 ? "inf" : "-inf");
  let p = at;
  if (value < 0) to[p++] = MINUS;
  shortest.take(Math.abs(value));
  return writeDigits(to, p, value < 0);
}

/** Lays out the digits that `shortest` has. */
function writeDigits(to: Uint8Array, at: number, isNegative: boolean): number {
  const { digits, power } = shortest;
  let { count } = shortest;
  const exponent = power + count - 1;
  const magnitude = Math.abs(exponent);
  let p = at;
  if (power >= 0 && magnitude < count + 7) {
    for (let i = 0; i < count; i++) to[p++] = digits[i]!;
    for (let i = 0; i < power; i++) to[p++] = ZERO;
    return p;
  }
  if (power < 0 && (power > -7 || magnitude < 4)) {
    const whole = count + power;
    if (whole <= 0) {
      to[p++] = ZERO;
      to[p++] = POINT;
      for (let i = whole; i < 0; i++) to[p++] = ZERO;
    }
    for (let i = 0; i < count; i++) {
      if (i === whole && i > 0) to[p++] = POINT;
      to[p++] = digits[i]!;
    }
    return p;
  }
  count = Math.min(count, isNegative ? SIGNIFICANT_DIGITS : SIGNIFICANT_DIGITS + 1);
  to[p++] = digits[0]!;
  if (count > 1) {
    to[p++] = POINT;
    for (let i = 1; i < count; i++) to[p++] = digits[i]!;
  }
  to[p++] = 101;
  to[p++] = exponent < 0 ? MINUS : 43;
  return writeInteger(to, p, magnitude);
}

/** Writes a double that is no NaN as "%.17g" does; returns the offset behind it. */
export function writeDouble17(to: Uint8Array, at: number, value: number): number {
  if (Number.isSafeInteger(value)) {
    return Object.is(value, -0) ? writeAscii(to, at, "-0") : writeInteger(to, at, value);
  }
  if (!Number.isFinite(value)) return writeAscii(to, at, value > 0 ? "inf" : "-inf");
  return writeAscii(to, at, seventeenDigits(value));
}

function seventeenDigits(value: number): string {
  const sign = value < 0 ? "-" : "";
  const text = Math.abs(value).toExponential(SIGNIFICANT_DIGITS - 1);
  const mark = text.indexOf("e");
  const exponent = Number(text.slice(mark + 1));
  let digits = text[0] + text.slice(2, mark);
  // C rounds a tie to the even digit, JavaScript up. Then the digit is odd now.
  if (digits.charCodeAt(SIGNIFICANT_DIGITS - 1) & 1) {
    const all = Math.abs(value).toExponential(60);
    const exact = all[0] + all.slice(2, all.indexOf("e"));
    if (/^50*$/.test(exact.slice(SIGNIFICANT_DIGITS))) digits = exact.slice(0, SIGNIFICANT_DIGITS);
  }
  if (exponent < -4 || exponent >= SIGNIFICANT_DIGITS) {
    const fraction = digits.slice(1).replace(/0+$/, "");
    const magnitude = String(Math.abs(exponent)).padStart(2, "0");
    const mantissa = fraction === "" ? digits[0]! : `${digits[0]}.${fraction}`;
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${magnitude}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits.replace(/0+$/, "")}`;
  const fraction = digits.slice(exponent + 1).replace(/0+$/, "");
  const whole = digits.slice(0, exponent + 1);
  return fraction === "" ? sign + whole : `${sign}${whole}.${fraction}`;
}

function writeAscii(to: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) to[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/**
 * The double that the whole text says; NaN where it says none, is out of range or too small to be
 * told from 0.
 */
export function parseDouble(bytes: Uint8Array, offset: number, length: number): number {
  const quick = parseShort(bytes, offset, length);
  if (!Number.isNaN(quick)) return quick;
  const text = latin1Text(bytes, offset, offset + length);
  const value = parseText(text);
  if (Math.abs(value) === Number.POSITIVE_INFINITY && !/^[-+]?i/i.test(text)) return Number.NaN;
  return value === 0 && saysMore(text) ? Number.NaN : value;
}

/**
 * As `parseDouble`, for the bounds of ranges, where Redis looks less closely: spaces may come before,
 * no text at all is 0, a number out of range is infinite or 0, and a NUL byte ends the text.
 */
export function parseBound(bytes: Uint8Array, offset: number, length: number): number {
  const quick = parseShort(bytes, offset, length);
  if (!Number.isNaN(quick)) return quick;
  const text = latin1Text(bytes, offset, offset + length);
  const end = text.indexOf("\0");
  const whole = end < 0 ? text : text.slice(0, end);
  return whole === "" ? 0 : parseText(whole.replace(/^[ \t-\r]+(?=.)/, ""));
}

/** Sign, digits and point, where that is all and few digits; else NaN. */
function parseShort(bytes: Uint8Array, offset: number, length: number): number {
  const end = offset + length;
  let at = offset;
  const sign = length > 0 ? bytes[at]! : 0;
  if (sign === MINUS || sign === 43) at++;
  let digits = 0;
  let value = 0;
  let scale = 0;
  if (end - at > EXACT_DIGITS + 1) return Number.NaN;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >= 0 && digit <= 9) {
      value = value * 10 + digit;
      digits++;
      if (scale !== 0) scale *= 10;
    } else if (digit === POINT - ZERO && scale === 0) scale = 1;
    else return Number.NaN;
  }
  if (digits === 0 || digits > EXACT_DIGITS) return Number.NaN;
  if (scale > 1) value /= scale;
  return sign === MINUS ? -value : value;
}

const DECIMAL = /^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[-+]?[0-9]+)?$/i;
const HEXADECIMAL = /^([-+]?)0x([0-9a-f]*)\.?([0-9a-f]*)(?:p([-+]?[0-9]+))?$/i;

/** NaN where it is no number. */
function parseText(text: string): number {
  if (DECIMAL.test(text)) return Number(text);
  const infinite = /^([-+]?)inf(inity)?$/i.exec(text);
  if (infinite !== null) {
    return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const hex = HEXADECIMAL.exec(text);
  if (hex === null || (hex[2] === "" && hex[3] === "")) return Number.NaN;
  const power = Number(hex[4] ?? 0) - hex[3]!.length * 4;
  const value = scaled(`${hex[2]}${hex[3]}`, power);
  return hex[1] === "-" ? -value : value;
}

/** Whether a text whose value is 0 has another digit than 0 before its exponent. */
function saysMore(text: string): boolean {
  const isHex = /^[-+]?0x/i.test(text);
  return isHex ? /[1-9a-f]/i.test(text.replace(/^.*?x|p.*$/gi, "")) : /^[^e]*[1-9]/i.test(text);
}

/** The hexadecimal digits times 2^power, rounded once, ties to even. */
function scaled(digits: string, power: number): number {
  const significant = digits.replace(/^0+/, "");
  if (significant === "") return 0;
  let mantissa = BigInt(`0x${significant}`);
  const bits = significant.length * 4 - Math.clz32(Number.parseInt(significant[0]!, 16)) + 28;
  if (bits + power > 1024) return Number.POSITIVE_INFINITY;
  if (bits + power < -1074) return 0;
  const least = Math.max(bits + power - 53, -1074);
  const drop = least - power;
  if (drop > 0) {
    const shift = BigInt(drop);
    const rest = mantissa & ((1n << shift) - 1n);
    const half = 1n << (shift - 1n);
    mantissa >>= shift;
    if (rest > half || (rest === half && (mantissa & 1n) === 1n)) mantissa += 1n;
  } else mantissa <<= BigInt(-drop);
  return Number(mantissa) * 2 ** least;
}

/** Numbers as text in bytes: parsing and writing without strings. */

/** The characters of 00 to 99. */
const DIGIT_PAIRS = new Uint8Array(200);
for (let i = 0; i < 100; i++) {
  DIGIT_PAIRS[i * 2] = 48 + Math.floor(i / 10);
  DIGIT_PAIRS[i * 2 + 1] = 48 + (i % 10);
}

const DIGITS_SAFE = 15;
const INT64_MAX = 9223372036854775807n;
const INT64_MIN = -9223372036854775808n;

/**
 * Parses the canonical decimal text of a signed 64-bit integer (no leading zeros, no plus, no
 * spaces, no "-0"). Returns NaN where it is none, the value where it is a safe integer, and
 * an infinity of its sign where it is a 64-bit integer beyond that: then `parseBigInteger` has it.
 */
export function parseInteger(bytes: Uint8Array, offset: number, length: number): number {
  if (length === 0 || length > 20) return Number.NaN;
  let at = offset;
  const end = offset + length;
  let digit = bytes[at]! - 48;
  let negative = false;
  if (digit === -3) {
    negative = true;
    if (++at === end) return Number.NaN;
    digit = bytes[at]! - 48;
    if (digit === 0) return Number.NaN;
  }
  if (digit < 0 || digit > 9) return Number.NaN;
  if (digit === 0) return end - at === 1 ? 0 : Number.NaN;
  if (end - at > DIGITS_SAFE) return parseLong(bytes, offset, length);
  let value = digit;
  while (++at < end) {
    digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

function parseLong(bytes: Uint8Array, offset: number, length: number): number {
  const value = parseBigInteger(bytes, offset, length);
  if (value === null) return Number.NaN;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : number * Number.POSITIVE_INFINITY;
}

/** As `parseInteger`, for the whole range; null where the text is no 64-bit integer. */
export function parseBigInteger(bytes: Uint8Array, offset: number, length: number): bigint | null {
  if (length === 0 || length > 20) return null;
  let text = "";
  for (let i = 0; i < length; i++) text += String.fromCharCode(bytes[offset + i]!);
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return null;
  const value = BigInt(text);
  return value > INT64_MAX || value < INT64_MIN ? null : value;
}

export function fitsInt64(value: bigint): boolean {
  return value <= INT64_MAX && value >= INT64_MIN;
}

/** How many bytes `writeInteger` will write for a safe integer. */
export function integerTextLength(value: number): number {
  let n = 1;
  let v = value;
  if (v < 0) {
    n = 2;
    v = -v;
  }
  while (v >= 10000) {
    v = Math.floor(v / 10000);
    n += 4;
  }
  return v >= 1000 ? n + 3 : v >= 100 ? n + 2 : v >= 10 ? n + 1 : n;
}

/** Writes a safe integer as decimal text at `at`; returns the offset behind it. */
export function writeInteger(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < 10) {
    bytes[at] = 48 + value;
    return at + 1;
  }
  const end = at + integerTextLength(value);
  let to = end;
  let v = value;
  if (v < 0) {
    bytes[at] = 45;
    v = -v;
  }
  while (v > 0x3fffffff) {
    const rest = Math.floor(v / 10);
    bytes[--to] = 48 + (v - rest * 10);
    v = rest;
  }
  let w = v | 0;
  while (w >= 100) {
    // Multiplying is quicker than dividing, and exact here: the double 0.01 is a little above 1/100, by far
    // too little for 30 bits to reach the next integer.
    const rest = (w * 0.01) | 0;
    const pair = (w - rest * 100) << 1;
    bytes[--to] = DIGIT_PAIRS[pair + 1]!;
    bytes[--to] = DIGIT_PAIRS[pair]!;
    w = rest;
  }
  if (w >= 10) {
    bytes[--to] = DIGIT_PAIRS[(w << 1) + 1]!;
    bytes[--to] = DIGIT_PAIRS[w << 1]!;
  } else bytes[--to] = 48 + w;
  return end;
}

/** Writes a signed 64-bit integer given as two words; returns the offset behind it. */
export function writeInt64(bytes: Uint8Array, at: number, low: number, high: number): number {
  const value = high * 4294967296 + (low >>> 0);
  if (Number.isSafeInteger(value)) return writeInteger(bytes, at, value);
  const text = toBigInt(low, high).toString();
  for (let i = 0; i < text.length; i++) bytes[at + i] = text.charCodeAt(i);
  return at + text.length;
}

export function toBigInt(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

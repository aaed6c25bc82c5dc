/**
 * The entry encoding of Redis's listpack: a run of elements packed back to back, readable from
 * both ends, integers stored as integers.
 *
 *   entry = header, payload, back length
 *     0xxxxxxx                       integer 0..127
 *     10llllll  bytes                string of up to 63 bytes
 *     110xxxxx xxxxxxxx              13-bit signed integer
 *     1110llll llllllll  bytes       string of up to 4,095 bytes
 *     11110000 llll:4  bytes         string, 32-bit little-endian length
 *     11110001..11110100             integer of 2, 3, 4, 8 bytes, little-endian
 *   back length: the size of header and payload in groups of 7 bits, the lowest group last, the
 *   high bit set on all but the first byte; so it is read backwards.
 *
 * The encoding of a text is canonical: two elements are equal exactly if their encodings are.
 * Source: Redis's listpack format document. Containers (see quicklist.ts) keep the bytes; a header
 * and an end byte are added only when a listpack is written to a file.
 */

import { copyBytes } from "../base/bytes.ts";
import { parseBigInteger, parseInteger, writeInt64 } from "../base/number-text.ts";

/**
 * Bytes of the back length for an entry whose header and payload take `size` bytes. As in Redis,
 * from two groups on the largest number that would fit takes one group more.
 */
function backLengthBytes(size: number): number {
  return size < 128 ? 1 : size < 16383 ? 2 : size < 2097151 ? 3 : size < 268435455 ? 4 : 5;
}

function writeBackLength(bytes: Uint8Array, at: number, size: number): number {
  if (size < 128) {
    bytes[at] = size;
    return at + 1;
  }
  const count = backLengthBytes(size);
  let rest = size;
  for (let i = count - 1; i >= 0; i--) {
    bytes[at + i] = (rest & 127) | (i > 0 ? 128 : 0);
    rest >>>= 7;
  }
  return at + count;
}

/** Bytes of header and payload of the entry at `at`. */
function bodyBytes(bytes: Uint8Array, at: number): number {
  const h = bytes[at]!;
  if (h < 0x80) return 1;
  if (h < 0xc0) return 1 + (h & 63);
  if (h < 0xe0) return 2;
  if (h < 0xf0) return 2 + (((h & 15) << 8) | bytes[at + 1]!);
  switch (h) {
    case 0xf0:
      return 5 + readInt32(bytes, at + 1);
    case 0xf1:
      return 3;
    case 0xf2:
      return 4;
    case 0xf3:
      return 5;
    default:
      return 9;
  }
}

function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

/** The whole size of the entry at `at`. */
export function entryBytes(bytes: Uint8Array, at: number): number {
  const body = bodyBytes(bytes, at);
  return body + backLengthBytes(body);
}

/** Where the entry that ends at `end` begins. */
export function previousEntry(bytes: Uint8Array, end: number): number {
  let at = end - 1;
  let shift = 0;
  let size = bytes[at]! & 127;
  while (bytes[at]! & 128) {
    shift += 7;
    size |= (bytes[--at]! & 127) << shift;
  }
  return at - size;
}

/**
 * One element: a text that is about to be written (`setText`), or one that `read` found. One object
 * serves many calls. `bytes`, `from` and `length` are valid as long as the bytes that they point into.
 */
export class Element {
  isInteger = false;
  /** String: where its bytes are. */
  bytes: Uint8Array = new Uint8Array(0);
  from = 0;
  length = 0;
  /** Integer: its two words. */
  low = 0;
  high = 0;
  /** Size of header and payload, for `write`. */
  #body = 0;
  /** Bytes of the whole entry. Valid after `setText`, `setInteger`, `prepare` and `canonicalize`. */
  encodedSize = 0;

  /** Takes a text, ready to be written. A canonical integer becomes one. */
  setText(bytes: Uint8Array, offset: number, length: number): this {
    const first = length === 0 || length > 20 ? 0 : bytes[offset]!;
    if ((first >= 48 && first <= 57) || first === 45) {
      const value = parseInteger(bytes, offset, length);
      if (!Number.isNaN(value)) {
        this.isInteger = true;
        if (!Number.isFinite(value)) {
          const big = parseBigInteger(bytes, offset, length)!;
          this.low = Number(BigInt.asIntN(32, big));
          this.high = Number(big >> 32n);
        } else {
          this.high = Math.floor(value / 4294967296);
          this.low = value | 0;
        }
        return this.prepare();
      }
    }
    this.isInteger = false;
    this.bytes = bytes;
    this.from = offset;
    this.length = length;
    return this.prepare();
  }

  /** Takes an integer of 64 bits, ready to be written. */
  setInteger(low: number, high: number): this {
    this.isInteger = true;
    this.low = low;
    this.high = high;
    return this.prepare();
  }

  /** Makes what was read ready to be written. */
  prepare(): this {
    const { length } = this;
    this.#body = this.isInteger
      ? this.#integerBody()
      : length + (length < 64 ? 1 : length < 4096 ? 2 : 5);
    this.encodedSize = this.#body + backLengthBytes(this.#body);
    return this;
  }

  /**
   * Reads the entry at `at` of foreign bytes, none of which lie at or behind `end`. Returns the
   * offset behind it, or -1 where it is damaged.
   */
  readChecked(bytes: Uint8Array, at: number, end: number): number {
    const h = bytes[at]!;
    const head = h === 0xf0 ? 5 : h >= 0xe0 && h < 0xf0 ? 2 : 1;
    if (h > 0xf4 || at + head > end) return -1;
    const body = bodyBytes(bytes, at);
    if (body < head || at + body + backLengthBytes(body) > end) return -1;
    const next = this.read(bytes, at);
    return previousEntry(bytes, next) === at ? next : -1;
  }

  /** After `readChecked`: makes the element ready to be written in its canonical form. */
  canonicalize(): this {
    return this.isInteger ? this.prepare() : this.setText(this.bytes, this.from, this.length);
  }

  /** Takes a copy of the string's bytes, so that it outlives the entry it was read from. */
  detach(): void {
    if (this.isInteger) return;
    this.bytes = this.bytes.slice(this.from, this.from + this.length);
    this.from = 0;
  }

  #integerBody(): number {
    const { low, high } = this;
    if (high !== low >> 31) return 9;
    if (low >= 0 && low <= 127) return 1;
    if (low >= -4096 && low <= 4095) return 2;
    if (low >= -32768 && low <= 32767) return 3;
    if (low >= -8388608 && low <= 8388607) return 4;
    return 5;
  }

  /** Writes the entry at `at`; returns the offset behind the entry. */
  write(to: Uint8Array, at: number): number {
    const body = this.#body;
    const { length, low } = this;
    if (!this.isInteger) {
      let p = at;
      if (length < 64) {
        to[p++] = 0x80 | length;
      } else if (length < 4096) {
        to[p++] = 0xe0 | (length >>> 8);
        to[p++] = length;
      } else {
        to[p++] = 0xf0;
        writeInt32(to, p, length);
        p += 4;
      }
      copyBytes(this.bytes, this.from, to, p, length);
    } else if (body === 1) {
      to[at] = low;
    } else if (body === 2) {
      to[at] = 0xc0 | ((low >>> 8) & 31);
      to[at + 1] = low;
    } else if (body === 9) {
      to[at] = 0xf4;
      writeInt32(to, at + 1, low);
      writeInt32(to, at + 5, this.high);
    } else {
      to[at] = 0xf0 + body - 2;
      for (let i = 1; i < body; i++) to[at + i] = low >>> ((i - 1) * 8);
    }
    return writeBackLength(to, at + body, body);
  }

  /** Reads the entry at `at`; returns the offset behind it. */
  read(bytes: Uint8Array, at: number): number {
    const h = bytes[at]!;
    let body: number;
    if (h >= 0x80 && h < 0xc0) {
      body = 1 + (h & 63);
      this.setString(bytes, at + 1, h & 63);
    } else if (h >= 0xe0 && h < 0xf0) {
      const length = ((h & 15) << 8) | bytes[at + 1]!;
      body = 2 + length;
      this.setString(bytes, at + 2, length);
    } else if (h === 0xf0) {
      const length = readInt32(bytes, at + 1);
      body = 5 + length;
      this.setString(bytes, at + 5, length);
    } else {
      this.isInteger = true;
      let low: number;
      if (h < 0x80) {
        body = 1;
        low = h;
      } else if (h < 0xe0) {
        body = 2;
        low = (((h & 31) << 27) >> 19) | bytes[at + 1]!;
      } else if (h === 0xf1) {
        body = 3;
        low = bytes[at + 1]! | ((bytes[at + 2]! << 24) >> 16);
      } else if (h === 0xf2) {
        body = 4;
        low = bytes[at + 1]! | (bytes[at + 2]! << 8) | ((bytes[at + 3]! << 24) >> 8);
      } else {
        body = h === 0xf3 ? 5 : 9;
        low = readInt32(bytes, at + 1);
      }
      this.low = low;
      this.high = body === 9 ? readInt32(bytes, at + 5) : low >> 31;
    }
    return at + body + backLengthBytes(body);
  }

  /** Writes the element's text at `at` (integers take up to 20 bytes); returns the offset behind it. */
  writeText(to: Uint8Array, at: number): number {
    if (this.isInteger) return writeInt64(to, at, this.low, this.high);
    copyBytes(this.bytes, this.from, to, at, this.length);
    return at + this.length;
  }

  /** Makes an integer its text, which is written to `digits` (up to 20 bytes). */
  toText(digits: Uint8Array): void {
    if (this.isInteger) this.setString(digits, 0, this.writeText(digits, 0));
  }

  /** Takes a text that is not to be written. */
  setString(bytes: Uint8Array, from: number, length: number): void {
    this.isInteger = false;
    this.bytes = bytes;
    this.from = from;
    this.length = length;
  }
}

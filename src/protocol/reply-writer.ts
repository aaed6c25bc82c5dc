/**
 * Writes replies into one reused buffer, in RESP2 or RESP3 as `protocol` says. Lengths are in
 * bytes. The buffer belongs to the writer; `take` ranges of it are valid until `reset`.
 */
import { copyBytes, freeBytes, latin1 } from "../base/bytes.ts";
import { DOUBLE_TEXT_BYTES_MAX, writeDouble } from "../base/double-text.ts";
import { integerTextLength, writeInt64, writeInteger } from "../base/number-text.ts";
import { quote } from "./arguments.ts";

const INITIAL_BYTES = 1 << 18;
const CR = 13;
const LF = 10;
const DOLLAR = 36;
const QUOTE = 34;
const BACKSLASH = 92;

/** Of each byte in quotes: how many bytes it takes, and the last of them where it is escaped. */
const ESCAPED_BYTES = new Uint8Array(256);
const ESCAPED_LAST = new Uint8Array(256);
const HEX = latin1("0123456789abcdef");
for (let c = 0; c < 256; c++) {
  const text = quote(String.fromCharCode(c));
  ESCAPED_BYTES[c] = text.length - 2;
  ESCAPED_LAST[c] = text.charCodeAt(text.length - 2);
}

export class ReplyWriter {
  bytes = new Uint8Array(INITIAL_BYTES);
  /** Where the next byte goes. */
  at = 0;
  /** 2 or 3. */
  protocol = 2;
  /** Errors written since the caller last set it to 0; for statistics. */
  errors = 0;
  /** The code (first word) of the last error written. */
  lastError = "";

  reset(): void {
    this.at = 0;
    if (this.bytes.length <= INITIAL_BYTES * 16) return;
    freeBytes(this.bytes);
    this.bytes = new Uint8Array(INITIAL_BYTES);
  }

  /** Sees to `count` more bytes. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const wider = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count));
    wider.set(this.bytes.subarray(0, this.at));
    freeBytes(this.bytes);
    this.bytes = wider;
  }

  ok(): void {
    this.reserve(5);
    const { bytes, at } = this;
    bytes[at] = 43;
    bytes[at + 1] = 79;
    bytes[at + 2] = 75;
    bytes[at + 3] = CR;
    bytes[at + 4] = LF;
    this.at = at + 5;
  }

  /** Bytes that are a whole reply already. */
  raw(encoded: Uint8Array): void {
    this.reserve(encoded.length);
    copyBytes(encoded, 0, this.bytes, this.at, encoded.length);
    this.at += encoded.length;
  }

  simple(text: string): void {
    this.#line(43, text);
  }

  /** A simple string follows, in pieces: `characters` and `quoted`, and `endLine` at its end. */
  beginSimple(): void {
    this.characters("+");
  }

  /** Characters of a line under way, none of which ends it. */
  characters(text: string): void {
    this.reserve(text.length);
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
  }

  /** Bytes within a line under way, in double quotes, escaped as by `quote` in arguments.ts. */
  quoted(from: Uint8Array, offset: number, length: number): void {
    const end = offset + length;
    let escaped = 2;
    for (let i = offset; i < end; i++) escaped += ESCAPED_BYTES[from[i]!]!;
    this.reserve(escaped);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = QUOTE;
    for (let i = offset; i < end; i++) {
      const c = from[i]!;
      const size = ESCAPED_BYTES[c]!;
      if (size > 1) {
        bytes[at++] = BACKSLASH;
        if (size === 4) {
          bytes[at++] = 120;
          bytes[at++] = HEX[c >>> 4]!;
        }
        bytes[at++] = ESCAPED_LAST[c]!;
      } else bytes[at++] = c;
    }
    bytes[at++] = QUOTE;
    this.at = at;
  }

  endLine(): void {
    this.reserve(2);
    this.bytes[this.at++] = CR;
    this.bytes[this.at++] = LF;
  }

  /** `text` starts with its code, such as "ERR"; line ends in it become spaces. */
  error(text: string): void {
    this.errors++;
    const space = text.indexOf(" ");
    this.lastError = space < 0 ? text : text.slice(0, space);
    this.#line(45, text.replace(/[\r\n]/g, " "));
  }

  #line(mark: number, text: string): void {
    const { length } = text;
    this.reserve(length + 3);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = mark;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.at = at;
  }

  #count(mark: number, count: number): void {
    this.reserve(24);
    const { bytes } = this;
    bytes[this.at] = mark;
    const at = writeInteger(bytes, this.at + 1, count);
    bytes[at] = CR;
    bytes[at + 1] = LF;
    this.at = at + 2;
  }

  /** A safe integer. */
  integer(value: number): void {
    this.#count(58, value);
  }

  bigInteger(value: bigint): void {
    this.#line(58, value.toString());
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.#line(35, value ? "t" : "f");
    else this.integer(value ? 1 : 0);
  }

  /** Null in place of a bulk string. */
  null(): void {
    if (this.protocol === 3) {
      this.#line(95, "");
      return;
    }
    this.reserve(5);
    const { bytes, at } = this;
    bytes[at] = DOLLAR;
    bytes[at + 1] = 45;
    bytes[at + 2] = 49;
    bytes[at + 3] = CR;
    bytes[at + 4] = LF;
    this.at = at + 5;
  }

  /** Null in place of an array. */
  nullArray(): void {
    if (this.protocol === 3) this.#line(95, "");
    else this.#line(42, "-1");
  }

  /** One character a byte. */
  text(text: string): void {
    this.#count(DOLLAR, text.length);
    this.#plain(text);
  }

  #plain(text: string): void {
    const { length } = text;
    this.reserve(length + 2);
    const { bytes } = this;
    let { at } = this;
    for (let i = 0; i < length; i++) bytes[at++] = text.charCodeAt(i);
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.at = at;
  }

  bulk(from: Uint8Array, offset: number, length: number): void {
    if (this.at + length + 24 > this.bytes.length) this.#grow(length + 24);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = DOLLAR;
    if (length < 10) bytes[at++] = 48 + length;
    else at = writeInteger(bytes, at, length);
    bytes[at++] = CR;
    bytes[at++] = LF;
    copyBytes(from, offset, bytes, at, length);
    at += length;
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.at = at;
  }

  /** The decimal text of a 64-bit integer as a bulk string. */
  integerBulk(low: number, high: number): void {
    this.reserve(32);
    const { bytes } = this;
    let { at } = this;
    const value = high * 4294967296 + (low >>> 0);
    bytes[at++] = DOLLAR;
    if (Number.isSafeInteger(value)) {
      at = writeInteger(bytes, at, integerTextLength(value));
      bytes[at++] = CR;
      bytes[at++] = LF;
      at = writeInteger(bytes, at, value);
    } else {
      const end = writeInt64(bytes, at + 4, low, high);
      at = writeInteger(bytes, at, end - at - 4);
      bytes[at++] = CR;
      bytes[at++] = LF;
      at = end;
    }
    bytes[at++] = CR;
    bytes[at++] = LF;
    this.at = at;
  }

  array(count: number): void {
    this.#count(42, count);
  }

  /** `count` pairs follow. */
  map(count: number): void {
    if (this.protocol === 3) this.#count(37, count);
    else this.#count(42, count * 2);
  }

  set(count: number): void {
    this.#count(this.protocol === 3 ? 126 : 42, count);
  }

  /**
   * Corrects the count of the array or set that begins at `place` and ends here. There are at most as many
   * elements as it said.
   */
  recount(place: number, count: number): void {
    const { bytes, at } = this;
    const body = bytes.indexOf(LF, place) + 1;
    this.at = place;
    this.#count(bytes[place]!, count);
    const from = this.at;
    if (from !== body) bytes.copyWithin(from, body, at);
    this.at = from + at - body;
  }

  /** `count` pairs follow, and then the reply that they describe. RESP3 only. */
  attribute(count: number): void {
    this.#count(124, count);
  }

  push(count: number): void {
    this.#count(this.protocol === 3 ? 62 : 42, count);
  }

  /** Of its own kind in RESP3, a bulk string in RESP2. */
  double(value: number): void {
    if (Number.isNaN(value)) {
      if (this.protocol === 3) this.#line(44, "nan");
      else this.text("nan");
      return;
    }
    this.reserve(DOUBLE_TEXT_BYTES_MAX + 8);
    const { bytes, at } = this;
    let end: number;
    if (this.protocol === 3) {
      bytes[at] = 44;
      end = writeDouble(bytes, at + 1, value);
    } else {
      // The length comes before the text and has one digit or two.
      const from = at + 5;
      end = writeDouble(bytes, from, value);
      const length = end - from;
      bytes[at] = DOLLAR;
      if (length > 9) {
        bytes[at + 1] = 48 + ((length / 10) | 0);
        bytes[at + 2] = 48 + (length % 10);
        bytes[at + 3] = CR;
        bytes[at + 4] = LF;
      } else {
        bytes[at + 1] = 48 + length;
        bytes[at + 2] = CR;
        bytes[at + 3] = LF;
        bytes.copyWithin(at + 4, from, end);
        end--;
      }
    }
    bytes[end] = CR;
    bytes[end + 1] = LF;
    this.at = end + 2;
  }

  /** The text of a double. */
  doubleText(text: string): void {
    if (this.protocol === 3) this.#line(44, text);
    else this.text(text);
  }

  /** An integer of any size. */
  bigNumber(digits: string): void {
    if (this.protocol === 3) this.#line(40, digits);
    else this.text(digits);
  }

  /** `format` has three characters, such as "txt". */
  verbatim(format: string, text: string): void {
    if (this.protocol !== 3) {
      this.text(text);
      return;
    }
    this.#count(61, text.length + 4);
    this.#plain(`${format}:${text}`);
  }
}

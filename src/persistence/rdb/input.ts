/**
 * Reads what RDB is made of (lengths, strings, numbers) from a stream that comes in chunks. Everything
 * is checked against the end of the bytes: damage is an RdbError with its offset, never a wrong read.
 *
 * An item is what is read between two calls of `commit`. Where the bytes end within one, `NeedMore`
 * is thrown, the position goes back to the item's beginning, and the item is read again when more has
 * come. So memory stays near the size of the largest item.
 */
import { latin1Text } from "../../base/bytes.ts";
import { writeInteger } from "../../base/number-text.ts";
import { DamageError } from "../damage-error.ts";
import {
  ENCODED,
  ENCODED_INT8,
  ENCODED_INT16,
  ENCODED_INT32,
  ENCODED_LZF,
  LENGTH_14,
  LENGTH_32,
  LENGTH_64,
} from "./format.ts";
import { decompress } from "./lzf.ts";

const STRING_BYTES_MAX = 536870912;

export class RdbError extends DamageError {}

/** The file is not damaged: it holds what this server does not have. */
export class RdbUnsupportedError extends RdbError {
  override readonly isDamage = false;
}

/** Thrown where the bytes end within an item. */
export class NeedMore extends Error {}
const needMore = new NeedMore();

/** A string of the file, valid until more bytes come. */
export interface RdbText {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly length: number;
}

export class RdbInput {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** File offset of `#bytes[0]`. */
  #base = 0;
  /** Where the item began that is being read. */
  #start = 0;
  /** Bytes to wait for before the item that was cut short is tried again. */
  #wanted = 0;
  /** Sees the bytes of each item once it has been read. */
  readonly #onItem: (bytes: Uint8Array, from: number, to: number) => void;

  constructor(onItem: (bytes: Uint8Array, from: number, to: number) => void) {
    this.#onItem = onItem;
  }

  /** Takes more of the file. */
  append(chunk: Uint8Array): void {
    const rest = this.#end - this.#at;
    if (rest > 0 && this.#end + chunk.length <= this.#bytes.length && this.#isOwn) {
      this.#bytes.set(chunk, this.#end);
      this.#end += chunk.length;
      return;
    }
    this.#base += this.#at;
    if (rest === 0) {
      this.#bytes = chunk;
      this.#end = chunk.length;
      this.#isOwn = false;
    } else {
      // Twice the room, so that a large item is not copied for each piece of it.
      const wider = new Uint8Array(Math.max(rest + chunk.length, rest * 2));
      wider.set(this.#bytes.subarray(this.#at, this.#end));
      wider.set(chunk, rest);
      this.#bytes = wider;
      this.#end = rest + chunk.length;
      this.#isOwn = true;
    }
    this.#at = 0;
    this.#start = 0;
  }

  /** Whether `#bytes` is a buffer of our own, and no chunk of the caller's. */
  #isOwn = false;

  /** Reads a whole payload, which has all its bytes. */
  reset(payload: Uint8Array): void {
    this.#bytes = payload;
    this.#at = 0;
    this.#start = 0;
    this.#end = payload.length;
    this.#base = 0;
    this.#wanted = 0;
    this.#isOwn = false;
  }

  /** Whether enough has come to try the item again that was cut short. */
  get isReady(): boolean {
    return this.#end - this.#at >= this.#wanted;
  }

  /** No more bytes will come. */
  expectNoMore(): void {
    this.#wanted = 0;
  }

  /** The item has been read. */
  commit(): void {
    this.#onItem(this.#bytes, this.#start, this.#at);
    this.#start = this.#at;
    this.#wanted = 0;
  }

  /** The item was cut short: goes back to its beginning. */
  rollBack(): void {
    this.#at = this.#start;
    // Twice as many each time, so that a large item is read only a few times.
    this.#wanted = (this.#end - this.#start) * 2;
  }

  /** What has not been read. */
  get rest(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  /** The file offset that has been read up to. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** The file offset of the end of what has come. */
  get endOffset(): number {
    return this.#base + this.#end;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  fail(message: string): never {
    throw new RdbError(message, this.offset);
  }

  failUnsupported(message: string): never {
    throw new RdbUnsupportedError(message, this.offset);
  }

  /** Throws NeedMore unless `count` more bytes are there. */
  need(count: number): void {
    if (this.#at + count > this.#end) throw needMore;
  }

  byte(): number {
    this.need(1);
    return this.#bytes[this.#at++]!;
  }

  /** `length` bytes as they are. */
  raw(length: number): RdbText {
    this.need(length);
    const text = { bytes: this.#bytes, from: this.#at, length };
    this.#at += length;
    return text;
  }

  int32(): number {
    const { bytes, from } = this.raw(4);
    return (
      bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)
    );
  }

  int64(): number {
    const low = this.int32();
    return this.int32() * 4294967296 + (low >>> 0);
  }

  /** A number of 8 bytes in IEEE 754's form. */
  double(): number {
    const { bytes, from } = this.raw(8);
    return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(from, true);
  }

  length(): number {
    const value = this.#lengthFrom(this.byte());
    if (value < 0) this.fail("an encoded string in the place of a length");
    return value;
  }

  /** The length that `first` begins, or -1 where it begins an encoded string. */
  #lengthFrom(first: number): number {
    if (first < LENGTH_14) return first;
    if (first < LENGTH_32) return ((first & 63) << 8) | this.byte();
    if (first >= ENCODED) return -1;
    if (first !== LENGTH_32 && first !== LENGTH_64) this.fail("a damaged length");
    let value = 0;
    const size = first === LENGTH_32 ? 4 : 8;
    this.need(size);
    for (let i = 0; i < size; i++) value = value * 256 + this.#bytes[this.#at++]!;
    return value;
  }

  string(): RdbText {
    const first = this.byte();
    const length = this.#lengthFrom(first);
    if (length >= 0) {
      if (length > STRING_BYTES_MAX * 2) this.fail("a string that is too long");
      return this.raw(length);
    }
    const encoding = first & 63;
    if (encoding === ENCODED_LZF) return this.#compressed();
    const size =
      encoding === ENCODED_INT8
        ? 1
        : encoding === ENCODED_INT16
          ? 2
          : encoding === ENCODED_INT32
            ? 4
            : 0;
    if (size === 0) this.fail(`unknown string encoding ${encoding}`);
    this.need(size);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#bytes[this.#at++]! << (i * 8);
    const digits = new Uint8Array(12);
    const signed = (value << (32 - size * 8)) >> (32 - size * 8);
    return { bytes: digits, from: 0, length: writeInteger(digits, 0, signed) };
  }

  #compressed(): RdbText {
    const packed = this.length();
    const size = this.length();
    if (size > STRING_BYTES_MAX * 2 || packed > STRING_BYTES_MAX * 2) {
      this.fail("a string that is too long");
    }
    const { from } = this.raw(packed);
    const bytes = decompress(this.#bytes, from, packed, size);
    if (bytes === null) this.fail("a damaged compressed string");
    return { bytes, from: 0, length: size };
  }
}

/** The string's text, one character a byte; only the beginning of a long one. */
export function shownText({ bytes, from, length }: RdbText): string {
  const shown = JSON.stringify(latin1Text(bytes, from, from + Math.min(length, 100)));
  return length > 100 ? `${shown}…` : shown;
}

export function textOf({ bytes, from, length }: RdbText): string {
  return latin1Text(bytes, from, from + length);
}

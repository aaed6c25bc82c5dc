/**
 * Writes what RDB is made of (lengths, strings, opcodes) into a growing buffer. Whoever takes the bytes calls `reset`;
 * where they go, and their checksum, is not known here.
 */
import { copyBytes } from "../../base/bytes.ts";
import { GrowingBytes } from "../../base/growing-bytes.ts";
import { parseInteger } from "../../base/number-text.ts";
import {
  ENCODED,
  ENCODED_INT8,
  ENCODED_INT16,
  ENCODED_INT32,
  ENCODED_LZF,
  FIELD_EXPIRY_VERSION,
  LENGTH_14,
  LENGTH_32,
  LENGTH_64,
  LISTPACK_END,
  LISTPACK_HEADER_BYTES,
  MAGIC_BYTES,
  OPCODE,
  RDB_VERSION,
  VALKEY_VERSION_MIN,
} from "./format.ts";
import { compress } from "./lzf.ts";

const INITIAL_BYTES = 1 << 17;
const KEPT_BYTES = 1 << 23;
/** Shorter strings are not worth compressing. */
const COMPRESSED_FROM_BYTES = 21;
const INTEGER_TEXT_MAX = 11;

const double = new Float64Array(1);
const doubleBytes = new Uint8Array(double.buffer);

export class RdbWriter extends GrowingBytes {
  /** `rdbcompression`. */
  compressing = true;
  /** `rdb-dialect`: where the families differ, types are Valkey's. */
  isValkey = false;
  /** A listpack that is being put together. */
  #packed = new Uint8Array(0);
  #scratch = new Uint8Array(16384);

  constructor() {
    super(INITIAL_BYTES, KEPT_BYTES);
  }

  #byte(value: number): void {
    this.reserve(1);
    this.bytes[this.at++] = value;
  }

  /** A length, or a count of nodes. */
  length(value: number): void {
    this.reserve(9);
    const { bytes } = this;
    if (value < 64) bytes[this.at++] = value;
    else if (value < 16384) {
      bytes[this.at++] = LENGTH_14 | (value >>> 8);
      bytes[this.at++] = value;
    } else if (value <= 0xffffffff) {
      bytes[this.at++] = LENGTH_32;
      for (let shift = 24; shift >= 0; shift -= 8) bytes[this.at++] = value >>> shift;
    } else {
      bytes[this.at++] = LENGTH_64;
      const high = Math.floor(value / 4294967296);
      for (let shift = 24; shift >= 0; shift -= 8) bytes[this.at++] = high >>> shift;
      for (let shift = 24; shift >= 0; shift -= 8) bytes[this.at++] = value >>> shift;
    }
  }

  /** The integer in the fewest bytes; false where it does not fit in 32 bits. */
  #integer(value: number): boolean {
    const size =
      value >= -128 && value <= 127
        ? ENCODED_INT8
        : value >= -32768 && value <= 32767
          ? ENCODED_INT16
          : value >= -2147483648 && value <= 2147483647
            ? ENCODED_INT32
            : -1;
    if (size < 0) return false;
    this.reserve(5);
    this.bytes[this.at++] = ENCODED | size;
    for (let i = 0; i < 1 << size; i++) this.bytes[this.at++] = value >> (i * 8);
    return true;
  }

  string(from: Uint8Array, offset: number, length: number): void {
    if (length <= INTEGER_TEXT_MAX) {
      const value = parseInteger(from, offset, length);
      if (!Number.isNaN(value) && this.#integer(value)) return;
    }
    if (this.compressing && length >= COMPRESSED_FROM_BYTES) {
      if (this.#scratch.length < length) this.#scratch = new Uint8Array(length);
      const packed = compress(from, offset, length, this.#scratch, 0);
      if (packed > 0) {
        this.#byte(ENCODED | ENCODED_LZF);
        this.length(packed);
        this.length(length);
        this.raw(this.#scratch, 0, packed);
        if (this.#scratch.length > KEPT_BYTES) this.#scratch = new Uint8Array(16384);
        return;
      }
    }
    this.length(length);
    this.raw(from, offset, length);
  }

  /** Bytes as they are. */
  raw(from: Uint8Array, offset: number, length: number): void {
    this.reserve(length);
    copyBytes(from, offset, this.bytes, this.at, length);
    this.at += length;
  }

  /** A number of 8 bytes in IEEE 754's form. */
  double(value: number): void {
    this.reserve(8);
    double[0] = value;
    for (let i = 0; i < 8; i++) this.bytes[this.at++] = doubleBytes[i]!;
  }

  #text(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.string(bytes, 0, bytes.length);
  }

  /** `hasFieldExpiry`: fields of hashes expire, for which the usual version has no form. */
  header(aux: readonly (readonly [string, string])[], hasFieldExpiry = false): void {
    const version = versionFor(hasFieldExpiry, this.isValkey);
    const name = version >= VALKEY_VERSION_MIN ? "VALKEY" : "REDIS";
    const digits = String(version).padStart(MAGIC_BYTES - name.length, "0");
    const magic = Buffer.from(name + digits, "latin1");
    this.raw(magic, 0, magic.length);
    for (const [name, value] of aux) {
      this.#byte(OPCODE.aux);
      this.#text(name);
      this.#text(value);
    }
  }

  selectDatabase(index: number): void {
    this.#byte(OPCODE.selectDb);
    this.length(index);
  }

  /** How many keys, and keys with expiry, are to come: a hint for the loader. */
  resizeDatabase(keys: number, expiring: number): void {
    this.#byte(OPCODE.resizeDb);
    this.length(keys);
    this.length(expiring);
  }

  end(): void {
    this.#byte(OPCODE.end);
  }

  /** The time at which the key that follows expires. */
  expiry(expireAtMs: number): void {
    this.#byte(OPCODE.expireMs);
    this.int64(expireAtMs);
  }

  /** An integer of 64 bits. */
  int64(value: number): void {
    this.reserve(8);
    const high = Math.floor(value / 4294967296);
    const low = (value % 4294967296) | 0;
    for (let i = 0; i < 4; i++) this.bytes[this.at++] = low >>> (i * 8);
    for (let i = 0; i < 4; i++) this.bytes[this.at++] = high >>> (i * 8);
  }

  /** The RDB type of a value. */
  type(type: number): void {
    this.#byte(type);
  }

  /** A listpack of the entries that lie at `offset`. */
  listpack(from: Uint8Array, offset: number, length: number, entries: number): void {
    const total = LISTPACK_HEADER_BYTES + length + 1;
    if (this.#packed.length < total) this.#packed = new Uint8Array(Math.max(total, 8192 + 64));
    const packed = this.#packed;
    writeListpackHeader(packed, 0, total, entries);
    copyBytes(from, offset, packed, LISTPACK_HEADER_BYTES, length);
    packed[total - 1] = LISTPACK_END;
    this.string(packed, 0, total);
    if (packed.length > KEPT_BYTES) this.#packed = new Uint8Array(0);
  }

  /** A long listpack begins, of `length` bytes of entries. They come through `raw`, and `endListpack` behind them. */
  beginListpack(length: number, entries: number): void {
    const total = LISTPACK_HEADER_BYTES + length + 1;
    this.length(total);
    this.reserve(LISTPACK_HEADER_BYTES);
    writeListpackHeader(this.bytes, this.at, total, entries);
    this.at += LISTPACK_HEADER_BYTES;
  }

  endListpack(): void {
    this.#byte(LISTPACK_END);
  }
}

/** The oldest version that has forms for the data. */
export function versionFor(hasFieldExpiry: boolean, isValkey: boolean): number {
  if (!hasFieldExpiry) return RDB_VERSION;
  return isValkey ? VALKEY_VERSION_MIN : FIELD_EXPIRY_VERSION;
}

function writeListpackHeader(to: Uint8Array, at: number, total: number, entries: number): void {
  for (let i = 0; i < 4; i++) to[at + i] = total >>> (i * 8);
  const count = Math.min(entries, 65535);
  to[at + 4] = count;
  to[at + 5] = count >>> 8;
}

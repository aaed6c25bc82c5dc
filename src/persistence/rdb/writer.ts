/**
 * Writes values in the RDB format into a growing buffer. Whoever takes the bytes calls `reset`;
 * where they go, and their checksum, is not known here.
 */
import { copyBytes } from "../../base/bytes.ts";
import { GrowingBytes } from "../../base/growing-bytes.ts";
import { parseInteger, writeInt64 } from "../../base/number-text.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import type { Database } from "../../store/database.ts";
import { isInteger, LIST } from "../../store/entry.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import {
  ENCODED,
  ENCODED_INT8,
  ENCODED_INT16,
  ENCODED_INT32,
  ENCODED_LZF,
  LENGTH_14,
  LENGTH_32,
  LENGTH_64,
  LISTPACK_END,
  LISTPACK_HEADER_BYTES,
  OPCODE,
  PACKED_NODE,
  RDB_VERSION,
  TYPE,
} from "./format.ts";
import { compress } from "./lzf.ts";

const INITIAL_BYTES = 1 << 17;
const KEPT_BYTES = 1 << 23;
/** Shorter strings are not worth compressing. */
const COMPRESSED_FROM_BYTES = 21;
const INTEGER_TEXT_MAX = 11;

export class RdbWriter extends GrowingBytes {
  /** `rdbcompression`. */
  compressing = true;
  readonly #digits = new Uint8Array(20);
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

  #text(text: string): void {
    const bytes = Buffer.from(text, "latin1");
    this.string(bytes, 0, bytes.length);
  }

  header(aux: readonly (readonly [string, string])[]): void {
    const magic = Buffer.from(`REDIS${String(RDB_VERSION).padStart(4, "0")}`, "latin1");
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

  /** A key with its expiry and value. */
  entry(space: Keyspace, db: Database, ref: number): void {
    this.entryHead(db, ref);
    this.#valueOf(space, db, ref);
  }

  /** All of an entry that goes before its value. */
  entryHead(db: Database, ref: number): void {
    const expireAtMs = db.expiryOf(ref);
    if (expireAtMs >= 0) {
      this.#byte(OPCODE.expireMs);
      this.reserve(8);
      const high = Math.floor(expireAtMs / 4294967296);
      const low = (expireAtMs % 4294967296) | 0;
      for (let i = 0; i < 4; i++) this.bytes[this.at++] = low >>> (i * 8);
      for (let i = 0; i < 4; i++) this.bytes[this.at++] = high >>> (i * 8);
    }
    const isList = db.typeOf(ref) === LIST;
    this.#byte(isList ? TYPE.listQuicklist2 : TYPE.string);
    this.string(db.bytesOf(ref), db.keyAt(ref), db.keyLength(ref));
  }

  /** The value alone, behind its type: what DUMP returns. */
  value(space: Keyspace, db: Database, ref: number): void {
    this.#byte(db.typeOf(ref) === LIST ? TYPE.listQuicklist2 : TYPE.string);
    this.#valueOf(space, db, ref);
  }

  #valueOf(space: Keyspace, db: Database, ref: number): void {
    if (db.typeOf(ref) === LIST) this.#list(space, db, ref);
    else if (!isInteger(db.metaOf(ref))) {
      this.string(db.bytesOf(ref), db.textAt(ref), db.textLength(ref));
    } else {
      const length = writeInt64(this.#digits, 0, db.integerLow(ref), db.integerHigh(ref));
      this.string(this.#digits, 0, length);
    }
  }

  #list(space: Keyspace, db: Database, ref: number): void {
    const { chain, heap } = space;
    db.openList(ref);
    this.length(chain.nodes);
    for (let node = chain.head; node !== 0; node = chain.nextNode(node)) {
      const start = chain.startOf(node);
      this.node(
        heap.bytes[node >>> SEGMENT_SHIFT]!,
        ((node & UNIT_MASK) << 3) + start,
        chain.endOf(node) - start,
        chain.entriesOf(node),
      );
    }
  }

  /** A node of a list: its entries, with the header and the end that make them a listpack. */
  node(from: Uint8Array, offset: number, length: number, entries: number): void {
    this.length(PACKED_NODE);
    const total = LISTPACK_HEADER_BYTES + length + 1;
    const packed = new Uint8Array(total);
    for (let i = 0; i < 4; i++) packed[i] = total >>> (i * 8);
    const count = Math.min(entries, 65535);
    packed[4] = count;
    packed[5] = count >>> 8;
    copyBytes(from, offset, packed, LISTPACK_HEADER_BYTES, length);
    packed[total - 1] = LISTPACK_END;
    this.string(packed, 0, total);
  }
}

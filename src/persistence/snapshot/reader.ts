/**
 * Reads RDB: a stream of bytes in, keys into the keyspace. Fed with pieces; an item (an opcode,
 * or a key with its value) that is not all there yet is tried again when more has come, so memory
 * stays near the size of the largest value. Everything read is checked against the end of the
 * bytes: damage is an RdbError with its offset, never a wrong read.
 */
import { latin1Text } from "../../base/bytes.ts";
import { writeInteger } from "../../base/number-text.ts";
import { Element } from "../../memory/element.ts";
import { type Database, NO_EXPIRY } from "../../store/database.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { DamageError } from "../damage-error.ts";
import { Crc64 } from "../rdb/crc64.ts";
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
  PLAIN_NODE,
  RDB_VERSION_MAX,
  TYPE,
  TYPE_NAMES,
} from "../rdb/format.ts";
import { decompress } from "../rdb/lzf.ts";

const KNOWN_TYPES: ReadonlySet<number> = new Set(Object.values(TYPE));
const MAGIC_BYTES = 9;
const CHECKSUM_BYTES = 8;
const STRING_BYTES_MAX = 536870912;

export class RdbError extends DamageError {}

/** Thrown where the bytes end within an item; caught here. */
class NeedMore extends Error {}
const needMore = new NeedMore();

export interface Text {
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly length: number;
}

export interface RdbReaderOptions {
  readonly space: Keyspace;
  /** Keep keys whose time has come: commands that follow may still matter for them. */
  readonly keepExpired: boolean;
  /** The same where the file has a place in a stream: replicas have such keys, and must be told. */
  readonly keepExpiredOfStream?: boolean;
  /** `rdbchecksum`. */
  readonly checking: boolean;
}

export class RdbReader {
  readonly #options: RdbReaderOptions;
  readonly #crc = new Crc64();
  readonly #element = new Element();
  readonly #digits = new Uint8Array(24);
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;
  /** File offset of `#bytes[0]`. */
  #base = 0;
  /** Bytes to wait for before the item that was cut short is tried again. */
  #wanted = 0;
  #version = 0;
  #db: Database;
  #expireAtMs = -1;
  /** The whole file has been read; `leftover` is what came behind it. */
  done = false;
  keys = 0;
  expiredKeys = 0;
  readonly aux = new Map<string, string>();

  constructor(options: RdbReaderOptions) {
    this.#options = options;
    this.#db = options.space.databases[0]!;
  }

  /** Takes more of the file and reads what is complete. Throws RdbError. */
  feed(chunk: Uint8Array): void {
    const rest = this.#end - this.#at;
    if (rest === 0) {
      this.#base += this.#at;
      this.#bytes = chunk;
      this.#end = chunk.length;
    } else if (this.#end + chunk.length <= this.#bytes.length) {
      this.#bytes.set(chunk, this.#end);
      this.#end += chunk.length;
      this.#run();
      return;
    } else {
      // Twice the room, so that a large value is not copied for each piece of it.
      const wider = new Uint8Array(Math.max(rest + chunk.length, rest * 2));
      wider.set(this.#bytes.subarray(this.#at, this.#end));
      wider.set(chunk, rest);
      this.#base += this.#at;
      this.#bytes = wider;
      this.#end = rest + chunk.length;
    }
    this.#at = 0;
    this.#run();
  }

  /** What came behind the end of the RDB. */
  get leftover(): Uint8Array {
    return this.#bytes.subarray(this.#at, this.#end);
  }

  /** The file offset that has been read up to. */
  get offset(): number {
    return this.#base + this.#at;
  }

  /** To be called at the file's end. Throws RdbError where it came too early. */
  finish(): void {
    this.#wanted = 0;
    this.#run();
    if (!this.done) throw new RdbError("the file ends in the middle", this.#base + this.#end);
  }

  #run(): void {
    if (this.#end - this.#at < this.#wanted) return;
    while (!this.done) {
      const start = this.#at;
      try {
        if (this.#version === 0) this.#magic();
        else this.#item();
      } catch (error) {
        if (error !== needMore) throw error;
        this.#at = start;
        // Twice as many each time, so that a large value is read only a few times.
        this.#wanted = (this.#end - start) * 2;
        return;
      }
      if (!this.done && this.#options.checking) this.#crc.update(this.#bytes, start, this.#at);
    }
  }

  #fail(message: string): never {
    throw new RdbError(message, this.offset);
  }

  #need(count: number): void {
    if (this.#at + count > this.#end) throw needMore;
  }

  #byte(): number {
    this.#need(1);
    return this.#bytes[this.#at++]!;
  }

  #magic(): void {
    this.#need(MAGIC_BYTES);
    const magic = latin1Text(this.#bytes, this.#at, this.#at + MAGIC_BYTES);
    if (!/^REDIS[0-9]{4}$/.test(magic))
      this.#fail("this is no RDB file: it does not start with REDIS");
    const version = Number(magic.slice(5));
    if (version < 1 || version > RDB_VERSION_MAX) {
      this.#fail(`RDB version ${version} is not supported (1 to ${RDB_VERSION_MAX} are)`);
    }
    this.#version = version;
    this.#at += MAGIC_BYTES;
  }

  #item(): void {
    const { space } = this.#options;
    const opcode = this.#byte();
    switch (opcode) {
      case OPCODE.expireMs:
        this.#expireAtMs = this.#int64();
        return;
      case OPCODE.expireSeconds:
        this.#need(4);
        this.#expireAtMs = this.#int32() * 1000;
        return;
      case OPCODE.idle:
        this.#length();
        return;
      case OPCODE.frequency:
        this.#byte();
        return;
      case OPCODE.selectDb: {
        const index = this.#length();
        const db = space.databases[index];
        if (db === undefined) this.#fail(`database ${index} does not exist here (see databases)`);
        this.#db = db;
        return;
      }
      case OPCODE.resizeDb:
        this.#length();
        this.#length();
        return;
      case OPCODE.slotInfo:
        for (let i = 0; i < 3; i++) this.#length();
        return;
      case OPCODE.aux: {
        const name = this.#string();
        const value = this.#string();
        this.aux.set(textOf(name), textOf(value));
        return;
      }
      case OPCODE.function2:
        this.#fail("it holds functions, which this server does not have");
        return;
      case OPCODE.functionPreGa:
      case OPCODE.moduleAux:
        this.#fail("it holds module data, which this server cannot read");
        return;
      case OPCODE.end:
        this.#checksum();
        return;
    }
    this.#key(opcode);
  }

  #checksum(): void {
    if (this.#version >= 5) {
      this.#need(CHECKSUM_BYTES);
      if (this.#options.checking) {
        this.#crc.update(this.#bytes, this.#at - 1, this.#at);
        let isZero = true;
        for (let i = 0; i < CHECKSUM_BYTES; i++) isZero &&= this.#bytes[this.#at + i] === 0;
        // A checksum of zeros says that there is none.
        if (!isZero && !this.#crc.matches(this.#bytes, this.#at)) {
          this.#fail("the checksum is wrong: the file is damaged");
        }
      }
      this.#at += CHECKSUM_BYTES;
    }
    this.done = true;
  }

  #key(type: number): void {
    const { keepExpiredOfStream, space } = this.#options;
    const keepExpired =
      this.#options.keepExpired || (keepExpiredOfStream === true && this.aux.has("repl-id"));
    if (!KNOWN_TYPES.has(type)) {
      const name = TYPE_NAMES[type];
      this.#at--;
      this.#fail(
        name === undefined
          ? `unknown type ${type}`
          : `a ${name} (type ${type}), which this server does not have`,
      );
    }
    const key = this.#string();
    const expireAtMs = this.#expireAtMs;
    const isExpired = !keepExpired && expireAtMs >= 0 && expireAtMs < space.clock.nowMs;
    const present = this.#db.find(key.bytes, key.from, key.length);
    if (present !== 0) this.#fail(`the key ${JSON.stringify(textOf(key))} stands there twice`);
    this.readValue(type, this.#db, key, isExpired ? -1 : expireAtMs);
    if (isExpired) {
      const ref = this.#db.find(key.bytes, key.from, key.length);
      if (ref !== 0) this.#db.remove(ref);
      this.expiredKeys++;
    } else this.keys++;
    this.#expireAtMs = -1;
  }

  /** Reads the type and value of a DUMP for the key that was looked up last. Throws RdbError. */
  restoreValue(payload: Uint8Array, db: Database, key: Text, expireAtMs: number): void {
    this.#payload(payload, (type) => this.readValue(type, db, key, expireAtMs));
  }

  /** Only reads it, to see whether it is whole. Throws RdbError. */
  checkValue(payload: Uint8Array): void {
    const { chain } = this.#options.space;
    this.#payload(payload, (type) => {
      if (type === TYPE.string) {
        this.#string();
        return;
      }
      chain.openNew();
      try {
        this.#list(type);
        if (chain.length === 0) this.#fail("an empty list");
      } finally {
        chain.discard();
      }
    });
  }

  #payload(payload: Uint8Array, read: (type: number) => void): void {
    this.#bytes = payload;
    this.#at = 0;
    this.#end = payload.length;
    try {
      const type = this.#byte();
      if (!KNOWN_TYPES.has(type)) this.#fail(`type ${type}`);
      read(type);
      if (this.#at !== this.#end) this.#fail("bytes behind the value");
    } catch (error) {
      if (error === needMore) this.#fail("the value is cut short");
      throw error;
    }
  }

  /** Reads a value of RDB type `type` for a key that was looked up last and does not exist. */
  readValue(type: number, db: Database, key: Text, expireAtMs: number): void {
    const { bytes, from, length } = key;
    if (type === TYPE.string) {
      const value = this.#string();
      const expiry = expireAtMs >= 0 ? expireAtMs : NO_EXPIRY;
      db.setString(0, bytes, from, length, value.bytes, value.from, value.length, expiry);
      return;
    }
    const { chain } = this.#options.space;
    chain.openNew();
    try {
      this.#list(type);
      if (chain.length === 0) this.#fail("an empty list");
    } catch (error) {
      // Nothing of the list stays, neither where it is damaged nor where more of it is to come.
      chain.discard();
      throw error;
    }
    const ref = db.addList(bytes, from, length);
    if (expireAtMs >= 0) db.setExpiry(ref, expireAtMs);
  }

  #list(type: number): void {
    const { chain } = this.#options.space;
    const element = this.#element;
    const push = (text: Text) => {
      chain.pushTail(element, element.measure(text.bytes, text.from, text.length));
    };
    if (type === TYPE.listZiplist) {
      this.#ziplist(this.#string(), push);
      return;
    }
    const count = this.#length();
    for (let i = 0; i < count; i++) {
      if (type === TYPE.list) push(this.#string());
      else if (type === TYPE.listQuicklist) this.#ziplist(this.#string(), push);
      else {
        const container = this.#length();
        if (container !== PLAIN_NODE && container !== PACKED_NODE) {
          this.#fail(`node container ${container} of a list`);
        }
        const text = this.#string();
        if (container === PLAIN_NODE) push(text);
        else this.#listpack(text);
      }
    }
  }

  #listpack({ bytes, from, length }: Text): void {
    const { chain } = this.#options.space;
    const element = this.#element;
    const end = from + length - 1;
    const total = length >= LISTPACK_HEADER_BYTES + 1 ? readInt32(bytes, from) : -1;
    if (total !== length || bytes[end] !== LISTPACK_END) this.#fail("a damaged listpack");
    let at = from + LISTPACK_HEADER_BYTES;
    while (at < end) {
      const next = element.readChecked(bytes, at, end);
      if (next < 0) this.#fail("a damaged entry of a listpack");
      chain.pushTail(element, element.recode());
      at = next;
    }
  }

  /** Hands the elements of a ziplist, the older packed form, to `push`. */
  #ziplist({ bytes, from, length }: Text, push: (text: Text) => void): void {
    const end = from + length - 1;
    if (length < 11 || readInt32(bytes, from) !== length || bytes[end] !== 255) {
      this.#fail("a damaged ziplist");
    }
    const integer = (value: number) => {
      push({ bytes: this.#digits, from: 0, length: writeInteger(this.#digits, 0, value) });
    };
    let at = from + 10;
    while (at < end) {
      at += bytes[at]! < 254 ? 1 : 5;
      if (at + 9 > end + 9 || at >= end) this.#fail("a damaged entry of a ziplist");
      const mark = bytes[at++]!;
      let size = 0;
      if (mark < 0xc0) {
        let text = mark & 63;
        if (mark >= 0x80) {
          text =
            ((bytes[at]! << 24) |
              (bytes[at + 1]! << 16) |
              (bytes[at + 2]! << 8) |
              bytes[at + 3]!) >>>
            0;
          at += 4;
        } else if (mark >= 0x40) text = (text << 8) | bytes[at++]!;
        if (at + text > end) this.#fail("a damaged entry of a ziplist");
        push({ bytes, from: at, length: text });
        at += text;
        continue;
      }
      if (mark >= 0xf1 && mark <= 0xfd) {
        integer(mark - 0xf1);
        continue;
      }
      size =
        mark === 0xfe
          ? 1
          : mark === 0xc0
            ? 2
            : mark === 0xf0
              ? 3
              : mark === 0xd0
                ? 4
                : mark === 0xe0
                  ? 8
                  : 0;
      if (size === 0 || at + size > end) this.#fail("a damaged entry of a ziplist");
      if (size === 8) {
        const view = new DataView(bytes.buffer, bytes.byteOffset);
        const text = Buffer.from(view.getBigInt64(at, true).toString(), "latin1");
        push({ bytes: text, from: 0, length: text.length });
      } else {
        let value = 0;
        for (let i = 0; i < size; i++) value |= bytes[at + i]! << (i * 8);
        integer((value << (32 - size * 8)) >> (32 - size * 8));
      }
      at += size;
    }
  }

  // ── Numbers and strings ────────────────────────────────────────────────────────────────────

  #int32(): number {
    this.#need(4);
    const value = readInt32(this.#bytes, this.#at);
    this.#at += 4;
    return value;
  }

  #int64(): number {
    const low = this.#int32();
    return this.#int32() * 4294967296 + (low >>> 0);
  }

  #length(): number {
    const first = this.#byte();
    const value = this.#lengthFrom(first);
    if (value < 0) this.#fail("an encoded string in the place of a length");
    return value;
  }

  /** The length that `first` begins, or -1 where it begins an encoded string. */
  #lengthFrom(first: number): number {
    if (first < LENGTH_14) return first;
    if (first < LENGTH_32) return ((first & 63) << 8) | this.#byte();
    if (first >= ENCODED) return -1;
    if (first !== LENGTH_32 && first !== LENGTH_64) this.#fail("a damaged length");
    let value = 0;
    const size = first === LENGTH_32 ? 4 : 8;
    this.#need(size);
    for (let i = 0; i < size; i++) value = value * 256 + this.#bytes[this.#at++]!;
    return value;
  }

  #string(): Text {
    const first = this.#byte();
    const length = this.#lengthFrom(first);
    if (length >= 0) {
      if (length > STRING_BYTES_MAX * 2) this.#fail("a string that is too long");
      this.#need(length);
      const text = { bytes: this.#bytes, from: this.#at, length };
      this.#at += length;
      return text;
    }
    const encoding = first & 63;
    if (encoding === ENCODED_LZF) {
      const packed = this.#length();
      const size = this.#length();
      if (size > STRING_BYTES_MAX * 2 || packed > STRING_BYTES_MAX * 2) {
        this.#fail("a string that is too long");
      }
      this.#need(packed);
      const bytes = decompress(this.#bytes, this.#at, packed, size);
      if (bytes === null) this.#fail("damaged compressed string");
      this.#at += packed;
      return { bytes, from: 0, length: size };
    }
    const size =
      encoding === ENCODED_INT8
        ? 1
        : encoding === ENCODED_INT16
          ? 2
          : encoding === ENCODED_INT32
            ? 4
            : 0;
    if (size === 0) this.#fail(`unknown string encoding ${encoding}`);
    this.#need(size);
    let value = 0;
    for (let i = 0; i < size; i++) value |= this.#bytes[this.#at++]! << (i * 8);
    const digits = new Uint8Array(12);
    const signed = (value << (32 - size * 8)) >> (32 - size * 8);
    return { bytes: digits, from: 0, length: writeInteger(digits, 0, signed) };
  }
}

function readInt32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function textOf({ bytes, from, length }: Text): string {
  return latin1Text(bytes, from, from + length);
}

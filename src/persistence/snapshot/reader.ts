/**
 * Reads RDB: a stream of bytes in, keys into the keyspace. It knows opcodes and the order of a file;
 * what values look like, the loaders of values/ know. An item is an opcode, the head of a key, or a
 * part of a value, so a collection of any size is loaded with the memory of one part on top.
 */
import { latin1Text } from "../../base/bytes.ts";
import type { Database } from "../../store/database.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { NewValue } from "../../store/value-type.ts";
import { Crc64 } from "../rdb/crc64.ts";
import {
  MAGIC_BYTES,
  OPCODE,
  RDB_VERSION_MAX,
  TYPE,
  TYPE_NAMES,
  VALKEY_VERSION_MAX,
  VALKEY_VERSION_MIN,
} from "../rdb/format.ts";
import { NeedMore, RdbError, RdbInput, shownText, textOf } from "../rdb/input.ts";
import { VALUE_FORMATS } from "../values/index.ts";
import type { ValueLoader } from "../values/value-format.ts";

export { RdbError, RdbUnsupportedError } from "../rdb/input.ts";

/** Files have some ten of them; one with very many is not to be trusted with a table of its names. */
const AUX_FIELDS_MAX = 100;
const CHECKSUM_BYTES = 8;

export interface RdbReaderOptions {
  readonly space: Keyspace;
  /** Keep expired keys: commands that follow may still matter for them. */
  readonly keepExpired: boolean;
  /** The same where the file has an offset in a replication stream: replicas have such keys, and must be told. */
  readonly keepExpiredOfStream?: boolean;
  /** `rdbchecksum`. */
  readonly checking: boolean;
}

export class RdbReader {
  readonly #options: RdbReaderOptions;
  readonly #input: RdbInput;
  readonly #crc = new Crc64();
  /** By RDB type. */
  readonly #loaders: ValueLoader[] = [];
  #version = 0;
  #isValkey = false;
  readonly #templates = new Map<number, readonly Uint8Array[]>();
  #db: Database;
  #expireAtMs = -1;
  /** The value that is being loaded, and its key. */
  #loader: ValueLoader | null = null;
  #key = new Uint8Array(64);
  #keyBytes = 0;
  /** The whole file has been read; `leftover` is what came behind it. */
  done = false;
  keys = 0;
  expiredKeys = 0;
  /** Keys without a value, which are skipped as Redis does. */
  emptyKeys = 0;
  readonly aux = new Map<string, string>();

  constructor(options: RdbReaderOptions) {
    this.#options = options;
    this.#db = options.space.databases[0]!;
    this.#input = new RdbInput((bytes, from, to) => {
      if (options.checking) this.#crc.update(bytes, from, to);
    });
    for (const format of Object.values(VALUE_FORMATS)) {
      const loader = format.createLoader(options.space);
      for (const type of format.rdbTypes) this.#loaders[type] = loader;
    }
  }

  /** Takes more of the file and reads what is complete. Throws RdbError. */
  feed(chunk: Uint8Array): void {
    this.#input.append(chunk);
    this.#run();
  }

  /** What came behind the end of the RDB. */
  get leftover(): Uint8Array {
    return this.#input.rest;
  }

  /** The file offset that has been read up to. */
  get offset(): number {
    return this.#input.offset;
  }

  /** Called at the file's end. Throws RdbError where it came too early. */
  finish(): void {
    this.#input.expectNoMore();
    this.#run();
    if (this.done) return;
    this.abandon();
    throw new RdbError("the file ends in the middle", this.#input.endOffset);
  }

  /** Frees what has been read of a value that will not be completed. */
  abandon(): void {
    this.#loader?.discard();
    this.#loader = null;
  }

  #run(): void {
    const input = this.#input;
    if (!input.isReady) return;
    try {
      while (!this.done) {
        if (this.#loader !== null) this.#loadSome(this.#loader);
        else if (this.#version === 0) this.#magic();
        else this.#item();
        input.commit();
      }
    } catch (error) {
      if (error instanceof NeedMore) {
        input.rollBack();
        return;
      }
      this.abandon();
      throw error;
    }
  }

  #magic(): void {
    const input = this.#input;
    const { bytes, from } = input.raw(MAGIC_BYTES);
    const magic = latin1Text(bytes, from, from + MAGIC_BYTES);
    const redis = /^REDIS([0-9]{4})$/.exec(magic);
    const valkey = /^VALKEY([0-9]{3})$/.exec(magic);
    if (redis === null && valkey === null) {
      throw new RdbError("this is no RDB file: it does not start with REDIS or VALKEY", 0);
    }
    const version = Number((redis ?? valkey)![1]);
    const min = redis === null ? VALKEY_VERSION_MIN : 1;
    const max = redis === null ? VALKEY_VERSION_MAX : RDB_VERSION_MAX;
    if (version < min || version > max) {
      input.failUnsupported(`RDB version ${version} is not supported (${min} to ${max} are)`);
    }
    this.#version = version;
    this.#isValkey = redis === null;
  }

  #item(): void {
    const input = this.#input;
    const opcode = input.byte();
    switch (opcode) {
      case OPCODE.expireMs:
        this.#expireAtMs = input.int64();
        return;
      case OPCODE.expireSeconds:
        this.#expireAtMs = input.int32() * 1000;
        return;
      case OPCODE.idle:
        input.length();
        return;
      case OPCODE.frequency:
        input.byte();
        return;
      case OPCODE.selectDb: {
        const index = input.length();
        const db = this.#options.space.databases[index];
        if (db === undefined) input.fail(`database ${index} does not exist here (see databases)`);
        this.#db = db;
        return;
      }
      case OPCODE.resizeDb:
        input.length();
        input.length();
        return;
      case OPCODE.slotInfo:
        for (let i = 0; i < 3; i++) input.length();
        return;
      case OPCODE.aux: {
        const name = textOf(input.string());
        const value = textOf(input.string());
        if (this.aux.size < AUX_FIELDS_MAX) this.aux.set(name, value);
        return;
      }
      case OPCODE.function2:
        input.failUnsupported("it holds functions, which this server does not have");
        return;
      case OPCODE.hashTemplate:
        if (this.#isValkey)
          input.failUnsupported("it holds commands, which this server cannot read");
        this.#template();
        return;
      case OPCODE.functionPreGa:
      case OPCODE.moduleAux:
        input.failUnsupported("it holds module data, which this server cannot read");
        return;
      case OPCODE.end:
        this.#checksum();
        return;
    }
    this.#beginKey(opcode);
  }

  /** A template of hashes: its id, and its fields. */
  #template(): void {
    const input = this.#input;
    const id = input.length();
    const fields: Uint8Array[] = [];
    for (let left = input.length(); left > 0; left--) {
      const { bytes, from, length } = input.string();
      fields.push(bytes.slice(from, from + length));
    }
    this.#templates.set(id, fields);
  }

  #checksum(): void {
    const input = this.#input;
    if (this.#version >= 5) {
      // The sum covers the opcode before it, which is part of this item.
      const { bytes, from } = input.raw(CHECKSUM_BYTES);
      if (this.#options.checking) {
        this.#crc.update(bytes, from - 1, from);
        let isZero = true;
        for (let i = 0; i < CHECKSUM_BYTES; i++) isZero &&= bytes[from + i] === 0;
        // A checksum of zeros says that there is none.
        if (!isZero && !this.#crc.matches(bytes, from)) {
          input.fail("the checksum is wrong: the file is damaged");
        }
      }
    }
    this.done = true;
  }

  #beginKey(type: number): void {
    const input: RdbInput = this.#input;
    const isForeign = this.#isValkey && type > TYPE.hash22;
    const loader = isForeign ? undefined : this.#loaders[type];
    const key = input.string();
    if (loader === undefined) {
      const name = this.#isValkey && type >= 22 ? undefined : TYPE_NAMES[type];
      if (name === undefined) {
        throw new RdbError(`the key ${shownText(key)} has the unknown type ${type}`, this.offset);
      }
      const article = /^[aeiou]/.test(name) ? "an" : "a";
      input.failUnsupported(
        `the key ${shownText(key)} is ${article} ${name} (type ${type}), which this server does not have`,
      );
    }
    if (this.#db.find(key.bytes, key.from, key.length) !== 0) {
      input.fail(`the key ${shownText(key)} stands there twice`);
    }
    if (this.#key.length < key.length) this.#key = new Uint8Array(key.length * 2);
    this.#key.set(key.bytes.subarray(key.from, key.from + key.length));
    this.#keyBytes = key.length;
    const templates = this.#templates;
    loader.begin(type, { isValkey: this.#isValkey, isPayload: false, templates });
    this.#loader = loader;
  }

  #loadSome(loader: ValueLoader): void {
    if (!loader.loadSome(this.#input)) return;
    this.#loader = null;
    const value = loader.take();
    if (value === null) {
      loader.discard();
      this.emptyKeys++;
    } else this.#addKey(value);
    this.#expireAtMs = -1;
  }

  #addKey(value: NewValue): void {
    const { keepExpired, keepExpiredOfStream, space } = this.#options;
    const expireAtMs = this.#expireAtMs;
    const keeps = keepExpired || (keepExpiredOfStream === true && this.aux.has("repl-id"));
    if (!keeps && expireAtMs >= 0 && expireAtMs < space.clock.nowMs) {
      value.discard();
      this.expiredKeys++;
      return;
    }
    const ref = value.addTo(this.#db, this.#key, 0, this.#keyBytes);
    if (expireAtMs >= 0) this.#db.setExpiry(ref, expireAtMs);
    this.keys++;
  }
}

/**
 * Reads the type and value of a DUMP payload of that version. The value is the caller's, who adds it to a key or
 * discards it. Throws RdbError.
 */
export function readPayload(
  space: Keyspace,
  payload: Uint8Array,
  version = RDB_VERSION_MAX,
): NewValue {
  const input = new RdbInput(() => {});
  input.reset(payload);
  const type = payload.length > 0 ? input.byte() : -1;
  const isValkey = version >= VALKEY_VERSION_MIN;
  const isForeign = isValkey && type > TYPE.hash22;
  const format = Object.values(VALUE_FORMATS).find(
    ({ rdbTypes }) => rdbTypes.includes(type) && !isForeign,
  );
  if (format === undefined) throw new RdbError(`type ${type}`, 0);
  const loader = format.createLoader(space);
  loader.begin(type, { isValkey, isPayload: true, templates: new Map() });
  try {
    while (!loader.loadSome(input));
    if (!input.isAtEnd) input.fail("bytes behind the value");
  } catch (error) {
    loader.discard();
    if (error instanceof NeedMore) input.fail("the value is cut short");
    throw error;
  }
  const value = loader.take();
  if (value === null) {
    loader.discard();
    throw new RdbError("a value without elements", input.offset);
  }
  return value;
}

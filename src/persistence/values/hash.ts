/** Hashes in files. */
import { Element } from "../../memory/element.ts";
import type { TableWalk } from "../../memory/table-walk.ts";
import type { CommandWriter } from "../../protocol/command-writer.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { OpenHash } from "../../store/types/hashes.ts";
import type { NewValue, Ref, ValueWalk } from "../../store/value-type.ts";
import { TYPE } from "../rdb/format.ts";
import type { RdbInput, RdbText } from "../rdb/input.ts";
import { forEachEntry } from "../rdb/listpack.ts";
import type { RdbWriter } from "../rdb/writer.ts";
import { type LegacyReader, ZiplistReader, ZipmapReader } from "./legacy.ts";
import {
  ELEMENTS_PER_COMMAND,
  type KeyBytes,
  type SlicedValue,
  type ValueFormat,
  type ValueLoader,
} from "./value-format.ts";

const PIECE_BYTES = 1 << 16;
/** Room for the text of an integer. */
const DIGITS = 20;

export const HASH_FORMAT: ValueFormat = {
  name: "hash",
  rdbTypes: [TYPE.hash, TYPE.hashZipmap, TYPE.hashZiplist, TYPE.hashListpack],

  rdbTypeOf: (space: Keyspace, ref: Ref) =>
    space.hashes.open(ref).isTable ? TYPE.hash : TYPE.hashListpack,

  save(space: Keyspace, ref: Ref, out: RdbWriter): void {
    const hash = space.hashes.open(ref);
    if (!hash.isTable) {
      const { byteLength, bytes, entries, from } = hash.packed;
      out.listpack(bytes, from, byteLength, entries);
      return;
    }
    out.length(hash.length);
    for (hash.rewind(); hash.next(); ) savePair(hash, out);
  },

  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void {
    const hash = space.hashes.open(ref);
    const commands = new PairCommands(key, hash.length);
    for (hash.rewind(); hash.next(); ) commands.pair(hash, out);
  },

  slices: (walk: ValueWalk, space: Keyspace) =>
    new SlicedHash(walk as TableWalk, space.hashes.createCursor()),

  createLoader: (space: Keyspace) => new HashLoader(space),
};

function savePair({ field, value }: OpenHash, out: RdbWriter): void {
  out.string(field.bytes, field.from, field.length);
  out.string(value.bytes, value.from, value.length);
}

/** Writes commands that set the pairs of one hash. */
class PairCommands {
  readonly #key: KeyBytes;
  /** Pairs of the hash, and of the command, that are still to come. */
  #left: number;
  #commandLeft = 0;

  constructor(key: KeyBytes, pairs: number) {
    this.#key = key;
    this.#left = pairs;
  }

  pair({ field, value }: OpenHash, out: CommandWriter): void {
    if (this.#commandLeft === 0) {
      this.#commandLeft = Math.min(ELEMENTS_PER_COMMAND, this.#left);
      this.#left -= this.#commandLeft;
      out.begin(this.#commandLeft * 2 + 2);
      out.text("HMSET");
      out.argument(this.#key.bytes, this.#key.from, this.#key.length);
    }
    this.#commandLeft--;
    out.element(field);
    out.element(value);
  }
}

class SlicedHash implements SlicedValue {
  readonly #walk: TableWalk;
  readonly #hash: OpenHash;
  #commands: PairCommands | null = null;
  #begun = false;

  constructor(walk: TableWalk, hash: OpenHash) {
    this.#walk = walk;
    this.#hash = hash;
  }

  saveSome(out: RdbWriter): boolean {
    if (!this.#begun) out.length(this.#walk.count);
    this.#begun = true;
    return this.#some(out, () => savePair(this.#hash, out));
  }

  rewriteSome(key: KeyBytes, out: CommandWriter): boolean {
    this.#commands ??= new PairCommands(key, this.#walk.count);
    const commands = this.#commands;
    return this.#some(out, () => commands.pair(this.#hash, out));
  }

  #some(out: { readonly at: number }, write: () => void): boolean {
    const walk = this.#walk;
    const end = out.at + PIECE_BYTES;
    while (!walk.isAtEnd && out.at < end) {
      walk.readSome((record) => {
        this.#hash.readRecord(record);
        write();
      });
    }
    return walk.isAtEnd;
  }
}

class HashLoader implements ValueLoader {
  readonly #hash: OpenHash;
  readonly #ziplist = new ZiplistReader();
  readonly #zipmap = new ZipmapReader();
  readonly #element = new Element();
  /** The field whose value is to come. */
  readonly #field = new Element();
  #hasField = false;
  readonly #fieldDigits = new Uint8Array(DIGITS);
  readonly #valueDigits = new Uint8Array(DIGITS);
  #type = 0;
  /** Pairs that are still to come; -1 while it is not known. */
  #left = -1;

  constructor(space: Keyspace) {
    this.#hash = space.hashes.createCursor();
  }

  begin(type: number): void {
    this.#type = type;
    this.#left = -1;
    this.#hasField = false;
    this.#hash.openNew();
  }

  loadSome(input: RdbInput): boolean {
    switch (this.#type) {
      case TYPE.hashZipmap:
        return this.#legacy(input, this.#zipmap);
      case TYPE.hashZiplist:
        return this.#legacy(input, this.#ziplist);
      case TYPE.hashListpack:
        forEachEntry(input, input.string(), this.#element, () => this.#entry(input));
        return this.#endOfPairs(input);
    }
    if (this.#left < 0) {
      this.#left = input.length();
      this.#hash.expect(this.#left);
    } else {
      // The value may need more bytes than there are: then nothing has been set.
      const field = input.string();
      const value = input.string();
      this.#add(input, field, value);
      this.#left--;
    }
    return this.#left === 0;
  }

  #legacy(input: RdbInput, reader: LegacyReader): boolean {
    const { bytes, from, length } = input.string();
    reader.open(bytes, from, length);
    while (reader.next(this.#element)) this.#entry(input);
    if (reader.isDamaged) input.fail("a damaged ziplist or zipmap");
    return this.#endOfPairs(input);
  }

  /** A field or value has been read. */
  #entry(input: RdbInput): void {
    const element = this.#element;
    element.toText(this.#hasField ? this.#valueDigits : this.#fieldDigits);
    if (this.#hasField) this.#add(input, this.#field, element);
    else this.#field.setString(element.bytes, element.from, element.length);
    this.#hasField = !this.#hasField;
  }

  #endOfPairs(input: RdbInput): true {
    if (this.#hasField) input.fail("a field without a value");
    return true;
  }

  #add(input: RdbInput, field: RdbText, value: RdbText): void {
    const isNew = this.#hash.set(
      field.bytes,
      field.from,
      field.length,
      value.bytes,
      value.from,
      value.length,
    );
    if (!isNew) input.fail("a field that stands there twice");
  }

  take(): NewValue | null {
    return this.#hash.length === 0 ? null : this.#hash;
  }

  discard(): void {
    this.#hash.discard();
  }
}

/** Hashes in files. */
import { parseInteger } from "../../base/number-text.ts";
import { Element } from "../../memory/element.ts";
import type { TableWalk } from "../../memory/table-walk.ts";
import { CommandWriter } from "../../protocol/command-writer.ts";
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
  type FileFacts,
  type KeyBytes,
  type SlicedValue,
  type ValueFormat,
  type ValueLoader,
} from "./value-format.ts";

const PIECE_BYTES = 1 << 16;
/** Room for the text of an integer. */
const DIGITS = 20;

/** Redis writes the earliest expiry first, and the others as from the millisecond before it: 1 makes them absolute. */
const ABSOLUTE = 1;
/** Valkey's expiry of a field that has none. */
const NONE = -1;

export const HASH_FORMAT: ValueFormat = {
  name: "hash",
  rdbTypes: [
    TYPE.hash,
    TYPE.hashZipmap,
    TYPE.hashZiplist,
    TYPE.hashListpack,
    TYPE.hash22,
    TYPE.hashListpackBeforeRelease,
    TYPE.hashExpiring,
    TYPE.hashListpackExpiring,
    TYPE.hashOfTemplateListpack,
    TYPE.hashOfTemplateRefListpack,
    TYPE.hashOfTemplate,
    TYPE.hashOfTemplateRef,
  ],

  rdbTypeOf(space: Keyspace, ref: Ref, isValkey: boolean): number {
    const hash = space.hashes.open(ref);
    if (!hash.isTable) return TYPE.hashListpack;
    if (hash.expiringFields === 0) return TYPE.hash;
    return isValkey ? TYPE.hash22 : TYPE.hashExpiring;
  },

  save(space: Keyspace, ref: Ref, out: RdbWriter): void {
    const hash = space.hashes.open(ref);
    if (!hash.isTable) {
      const { byteLength, bytes, entries, from } = hash.packed;
      out.listpack(bytes, from, byteLength, entries);
      return;
    }
    const pairs = new PairWriter(hash.expiringFields > 0, out);
    pairs.begin(hash.length);
    for (hash.rewind(); hash.next(); ) pairs.pair(hash);
  },

  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void {
    const hash = space.hashes.open(ref);
    const commands = new PairCommands(key, hash.length);
    for (hash.rewind(); hash.next(); ) commands.pair(hash, out);
  },

  slices: (walk: ValueWalk, space: Keyspace, ref: Ref) =>
    new SlicedHash(walk as TableWalk, space.hashes.createCursor(), space.hashes.open(ref)),

  createLoader: (space: Keyspace) => new HashLoader(space),
};

/** Writes the pairs of a table, with the expiries of fields if there are any. */
class PairWriter {
  readonly #hasExpiry: boolean;
  readonly #out: RdbWriter;

  constructor(hasExpiry: boolean, out: RdbWriter) {
    this.#hasExpiry = hasExpiry;
    this.#out = out;
  }

  begin(pairs: number): void {
    // Redis counts expiries from the earliest one, which is not known before all have been read.
    if (this.#hasExpiry && !this.#out.isValkey) this.#out.int64(ABSOLUTE);
    this.#out.length(pairs);
  }

  pair(hash: OpenHash): void {
    const { field, value } = hash;
    const out = this.#out;
    const expireAtMs = this.#hasExpiry ? hash.expireAtMs : NONE;
    if (this.#hasExpiry && !out.isValkey) out.length(Math.max(0, expireAtMs));
    out.string(field.bytes, field.from, field.length);
    out.string(value.bytes, value.from, value.length);
    if (this.#hasExpiry && out.isValkey) out.int64(expireAtMs);
  }
}

/** Writes commands that set the pairs of one hash. */
class PairCommands {
  readonly #key: KeyBytes;
  /** Pairs of the hash, and of the command, that are still to come. */
  #left: number;
  #commandLeft = 0;
  /** Commands for the expiries of the pairs of the command under way: they follow it. */
  #expiries: CommandWriter | null = null;

  constructor(key: KeyBytes, pairs: number) {
    this.#key = key;
    this.#left = pairs;
  }

  pair(hash: OpenHash, out: CommandWriter): void {
    const { field, value } = hash;
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
    if (hash.expires) this.#expire(hash);
    const expiries = this.#expiries;
    if (expiries === null || this.#commandLeft > 0) return;
    out.raw(expiries.bytes, 0, expiries.at);
    expiries.reset();
  }

  #expire({ expireAtMs, field }: OpenHash): void {
    this.#expiries ??= new CommandWriter();
    const out = this.#expiries;
    out.begin(6);
    out.text("HPEXPIREAT");
    out.argument(this.#key.bytes, this.#key.from, this.#key.length);
    out.integer(expireAtMs);
    out.text("FIELDS");
    out.text("1");
    out.element(field);
  }
}

class SlicedHash implements SlicedValue {
  readonly #walk: TableWalk;
  readonly #hash: OpenHash;
  /** Whether fields expired when the walk began. */
  readonly #hasExpiry: boolean;
  #pairs: PairWriter | null = null;
  #commands: PairCommands | null = null;

  constructor(walk: TableWalk, hash: OpenHash, { expiringFields }: OpenHash) {
    this.#walk = walk;
    this.#hash = hash.openForWalk();
    this.#hasExpiry = expiringFields > 0;
  }

  saveSome(out: RdbWriter): boolean {
    if (this.#pairs === null) {
      this.#pairs = new PairWriter(this.#hasExpiry, out);
      this.#pairs.begin(this.#walk.count);
    }
    const pairs = this.#pairs;
    return this.#some(out, () => pairs.pair(this.#hash));
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

/** The entries of a listpack as texts. */
function textsOf(input: RdbInput, packed: RdbText): RdbText[] {
  const element = new Element();
  const texts: RdbText[] = [];
  forEachEntry(input, packed, element, () => {
    element.toText(new Uint8Array(DIGITS));
    texts.push({ bytes: element.bytes, from: element.from, length: element.length });
  });
  return texts;
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
  #file: FileFacts = { isValkey: false, isPayload: false, templates: new Map() };
  /** Expiries count from the millisecond before it. */
  #minExpireAtMs = ABSOLUTE;

  constructor(space: Keyspace) {
    this.#hash = space.hashes.createCursor();
  }

  begin(type: number, file: FileFacts): void {
    this.#type = type;
    this.#file = file;
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
      case TYPE.hashListpackExpiring:
      case TYPE.hashListpackBeforeRelease:
        return this.#triples(input);
      case TYPE.hashOfTemplateListpack:
      case TYPE.hashOfTemplateRefListpack:
      case TYPE.hashOfTemplate:
      case TYPE.hashOfTemplateRef:
        return this.#fromTemplate(input);
    }
    if (this.#left < 0) {
      this.#minExpireAtMs = this.#type === TYPE.hashExpiring ? input.int64() : ABSOLUTE;
      this.#left = input.length();
      this.#hash.expect(this.#left);
    } else {
      this.#pair(input);
      this.#left--;
    }
    return this.#left === 0;
  }

  /** A field with its value and, in the forms that have one, its expiry. All is read before anything is set. */
  #pair(input: RdbInput): void {
    const hasExpiry = this.#type !== TYPE.hash;
    let expiry = 0;
    if (hasExpiry && !this.#file.isValkey) expiry = input.length();
    const field = input.string();
    const value = input.string();
    let expireAtMs = expiry === 0 ? NONE : expiry + this.#minExpireAtMs - ABSOLUTE;
    if (hasExpiry && this.#file.isValkey) expireAtMs = input.int64();
    this.#add(input, field, value, expireAtMs);
  }

  /** A listpack of fields, values and absolute expiries. */
  #triples(input: RdbInput): boolean {
    // The earliest expiry, which each field has anyway.
    if (this.#type === TYPE.hashListpackExpiring) input.int64();
    const texts = textsOf(input, input.string());
    if (texts.length % 3 !== 0) input.fail("a field without a value or an expiry");
    for (let i = 0; i < texts.length; i += 3) {
      const { bytes, from, length } = texts[i + 2]!;
      const expireAtMs = parseInteger(bytes, from, length);
      if (!Number.isSafeInteger(expireAtMs) || expireAtMs < 0) input.fail("a damaged expiry");
      this.#add(input, texts[i]!, texts[i + 1]!, expireAtMs === 0 ? NONE : expireAtMs);
    }
    return true;
  }

  /** A hash of which the fields stand elsewhere, or before its values. */
  #fromTemplate(input: RdbInput): boolean {
    const type = this.#type;
    const isRef = type === TYPE.hashOfTemplateRef || type === TYPE.hashOfTemplateRefListpack;
    const isPacked =
      type === TYPE.hashOfTemplateListpack || type === TYPE.hashOfTemplateRefListpack;
    if (isRef === this.#file.isPayload) input.fail("a hash whose template is not there");
    const own = isRef ? [] : this.#ownFields(input);
    // The first entry is the id of the template.
    const packed = isPacked ? textsOf(input, input.string()) : [];
    const fields = isRef ? this.#template(input, packed[0]) : own;
    const values = isPacked ? packed.slice(1) : fields.map(() => input.string());
    if (values.length !== fields.length) input.fail("values that do not fit their template");
    for (const [i, field] of fields.entries()) this.#add(input, field, values[i]!, NONE);
    return true;
  }

  /** The fields that stand before the values. */
  #ownFields(input: RdbInput): RdbText[] {
    const form = input.length();
    if (form > 1) input.fail(`form ${form} of a template`);
    if (form === 0) return textsOf(input, input.string());
    const fields: RdbText[] = [];
    for (let left = input.length(); left > 0; left--) fields.push(input.string());
    return fields;
  }

  #template(input: RdbInput, packed: RdbText | undefined): RdbText[] {
    const id =
      packed === undefined
        ? input.length()
        : parseInteger(packed.bytes, packed.from, packed.length);
    const fields = this.#file.templates.get(id);
    if (fields === undefined) input.fail(`template ${id} of a hash is not there`);
    return fields.map((bytes) => ({ bytes, from: 0, length: bytes.length }));
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
    if (this.#hasField) this.#add(input, this.#field, element, NONE);
    else this.#field.setString(element.bytes, element.from, element.length);
    this.#hasField = !this.#hasField;
  }

  #endOfPairs(input: RdbInput): true {
    if (this.#hasField) input.fail("a field without a value");
    return true;
  }

  #add(input: RdbInput, field: RdbText, value: RdbText, expireAtMs: number): void {
    const hash = this.#hash;
    const { bytes, from, length } = field;
    if (!hash.set(bytes, from, length, value.bytes, value.from, value.length)) {
      input.fail("a field that stands there twice");
    }
    if (expireAtMs >= 0) hash.setExpiry(bytes, from, length, expireAtMs);
  }

  take(): NewValue | null {
    return this.#hash.length === 0 ? null : this.#hash;
  }

  discard(): void {
    this.#hash.discard();
  }
}

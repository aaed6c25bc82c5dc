/**
 * Hashes: fields with values.
 *
 *   encoding bits PACKED (0): the value word is the ref of a block of packed entries (memory/packed.ts),
 *     field, value, field, value, …
 *   TABLE (1): the word is the root of a table of records (memory/member-table.ts). A record's own word
 *     is the length of the value, and its tail is the value.
 *
 *   SMALL (2): the same table, of a hash that is within the limits: one of its fields has had an expiry.
 *
 * A hash becomes a table when it has more fields, or a longer field or value, than the limits say, or when
 * a field is given an expiry (field-expiry.ts): the owner's word of its table then names the block for that.
 * As in Redis it stays one.
 */
import { copyBytes, latin1 } from "../../base/bytes.ts";
import type { Random } from "../../base/random.ts";
import { Element } from "../../memory/element.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import { MemberTable } from "../../memory/member-table.ts";
import { Packed } from "../../memory/packed.ts";
import { HAS_EXPIRY, HAS_HIGH, RECORD_BYTES, VALUE_WORD } from "../../memory/record.ts";
import { TableWalk } from "../../memory/table-walk.ts";
import { ENCODING_MASK, HASH, NO_EXPIRY } from "../entry.ts";
import type { FieldExpiry } from "../field-expiry.ts";
import type { Space } from "../space.ts";
import { DIGEST_BYTES, ValueDigest } from "../value-digest.ts";
import type { Collection, Entries, Ref, ValueType, ValueWalk } from "../value-type.ts";

const PACKED = 0;
const TABLE = 1;
const SMALL = 2;
/** What a record with an expiry has room for: the expiry, and the ref of its hash's block. */
const EXPIRES = HAS_EXPIRY | HAS_HIGH;
/** OBJECT ENCODING of each form. */
const ENCODINGS = ["listpack", "hashtable", "listpackex"];
const CURSORS = 4;
/** A table of so many records is freed at once, and a walk reads it at once. */
const FEW_RECORDS = 64;
/** A walk also reads a hash of few fields in slices if its texts are longer. */
const FEW_BYTES = 1 << 16;
/** Room for the text of an integer. */
const DIGITS = 20;

/** `hash-max-listpack-entries` and `hash-max-listpack-value`: up to which size a hash is PACKED. */
export class HashLimit {
  entries = 512;
  bytes = 64;
}

/** An open hash: a cursor. Valid until four more hashes are opened. */
export class OpenHash implements Collection {
  readonly #space: Space;
  readonly #limit: HashLimit;
  readonly #packed: Packed;
  readonly #members: MemberTable;
  readonly #given = new Element();
  /** For the texts of integers. */
  readonly #fieldDigits = new Uint8Array(DIGITS);
  readonly #valueDigits = new Uint8Array(DIGITS);
  entry: Ref = 0;
  form = PACKED;
  /** What `next` read. Valid until the hash changes. */
  readonly field = new Element();
  /** What `next` and `readValue` read; the same. */
  readonly value = new Element();
  /** PACKED: the position of the field that `find` found, or behind what `next` read. */
  #at = 0;
  /** A table: the record that `find` found or `next` read. */
  #record = 0;
  /** A table: the bucket that `next` reads, how many records it has, and how many were read. */
  readonly #bucket: number[] = [];
  #bucketIndex = 0;
  #bucketRecords = 0;
  #bucketAt = 0;
  /** The database of a hash that is open to be written. */
  #database = 0;

  constructor(space: Space, limit: HashLimit) {
    this.#space = space;
    this.#limit = limit;
    this.#packed = new Packed(space.heap);
    this.#members = new MemberTable(space.heap, space.hash, RECORD_BYTES);
  }

  // ── Opening and closing ────────────────────────────────────────────────────────────────────

  /** Opens the value of an entry, to read it. */
  open(ref: Ref): this {
    const words = this.#space.heap.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    this.entry = ref;
    this.form = words[w]! & ENCODING_MASK;
    const word = words[w + VALUE_WORD]!;
    if (this.form === PACKED) this.#packed.open(word);
    else this.#members.open(word);
    return this;
  }

  /** Opens no value: `readRecord` reads the records of a table that is walked. */
  openForWalk(): this {
    this.form = TABLE;
    return this;
  }

  openToWrite(db: Entries, ref: Ref): this {
    db.beforeChange(ref);
    this.open(ref);
    this.#database = db.index;
    if (this.form !== PACKED) this.#members.guard = this.#space.guards.of(this.#members.root);
    return this;
  }

  /** A new, empty hash that no key has yet. */
  openNew(): this {
    this.entry = 0;
    this.form = PACKED;
    this.#packed.create();
    return this;
  }

  addTo(db: Entries, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    try {
      this.entry = db.place(0, key, keyFrom, keyBytes, HASH | this.form, 0, NO_EXPIRY);
    } catch (error) {
      this.discard();
      throw error;
    }
    this.store();
    const block = this.#block;
    if (block !== 0) {
      this.#space.fields.attach(block, this.entry, db.index);
      if (this.#space.fields.takeLoose(block)) this.#linkAll();
    }
    return this.entry;
  }

  /** Puts all fields that expire into the wheel. */
  #linkAll(): void {
    const { fields } = this.#space;
    for (this.rewind(); this.next(); ) {
      if (this.expires && !fields.isLinked(this.#record)) fields.link(this.#record);
    }
  }

  /** The block for fields that expire, or 0. */
  get #block(): number {
    return this.form === PACKED ? 0 : this.#members.table.ownerWord(this.#members.root);
  }

  store(): void {
    const words = this.#space.heap.words[this.entry >>> SEGMENT_SHIFT]!;
    const w = (this.entry & UNIT_MASK) << 1;
    words[w] = (words[w]! & ~ENCODING_MASK) | this.form;
    words[w + VALUE_WORD] = this.form === PACKED ? this.#packed.ref : this.#members.root;
  }

  closeEmpty(): void {
    if (this.form === PACKED) this.#packed.free();
    else this.#members.destroyEmpty();
  }

  discard(): void {
    if (this.form === PACKED) this.#packed.free();
    else this.#space.reaper.addValue(this.#space.types[HASH >>> 5]!, this.#members.root, null);
  }

  get length(): number {
    return this.form === PACKED ? this.#packed.entries >>> 1 : this.#members.count;
  }

  get isTable(): boolean {
    return this.form !== PACKED;
  }

  /** Fields that expire. */
  get expiringFields(): number {
    const block = this.#block;
    return block === 0 ? 0 : this.#space.fields.count(block);
  }

  /** Whether the field that was found or read has an expiry. */
  get expires(): boolean {
    return this.form !== PACKED && (this.#members.metaOf(this.#record) & HAS_EXPIRY) !== 0;
  }

  /** When the field that was found or read expires, in ms, or -1. */
  get expireAtMs(): number {
    return this.expires ? this.#space.fields.timeOf(this.#record) : -1;
  }

  /** Whether the field that was found or read counts as missing. */
  get isExpired(): boolean {
    if (!this.expires || this.#space.expiryPaused) return false;
    return this.#space.fields.timeOf(this.#record) < this.#space.clock.nowMs;
  }

  /** PACKED: the block that the entries lie in. */
  get packed(): Packed {
    return this.#packed;
  }

  /** A table: the cursor on the table. */
  get members(): MemberTable {
    return this.#members;
  }

  // ── One field ──────────────────────────────────────────────────────────────────────────────

  /** Finds a field; `readValue` and `remove` are about the one that was found. */
  find(bytes: Uint8Array, from: number, length: number): boolean {
    if (this.form === PACKED) {
      this.#at = this.#packed.find(this.#given.setText(bytes, from, length), 2);
      return this.#at >= 0;
    }
    this.#record = this.#members.find(bytes, from, length);
    return this.#record !== 0;
  }

  readValue(): Element {
    const { value } = this;
    if (this.form === PACKED) this.#packed.read(this.#packed.next(this.#at), value);
    else this.#readTail(this.#record);
    return value;
  }

  /** The length of the value's text, of the field that was found. */
  valueLength(): number {
    const { value } = this;
    this.readValue();
    return value.isInteger ? value.writeText(this.#valueDigits, 0) : value.length;
  }

  /**
   * Sets a field to a value; returns whether the field is new. The bytes do not lie in this hash. Throws
   * OutOfMemory, and then the hash has the fields and values that it had.
   */
  set(
    fieldBytes: Uint8Array,
    fieldFrom: number,
    fieldLength: number,
    valueBytes: Uint8Array,
    valueFrom: number,
    valueLength: number,
  ): boolean {
    const packed = this.#packed;
    const given = this.#given;
    if (this.form === PACKED) {
      const limit = this.#limit;
      if (fieldLength <= limit.bytes && valueLength <= limit.bytes) {
        const at = packed.find(given.setText(fieldBytes, fieldFrom, fieldLength), 2);
        if (at >= 0) {
          packed.replace(packed.next(at), given.setText(valueBytes, valueFrom, valueLength));
          return false;
        }
        if (packed.entries >>> 1 < limit.entries) {
          // Then neither of the two can fail.
          packed.reserve(given.encodedSize + valueLength + ENTRY_OVERHEAD);
          packed.append(given);
          packed.append(given.setText(valueBytes, valueFrom, valueLength));
          return true;
        }
      }
      this.toTable();
    }
    const members = this.#members;
    this.#record = members.find(fieldBytes, fieldFrom, fieldLength);
    const isNew = this.#record === 0 || this.isExpired;
    if (this.#record === 0) {
      this.#record = members.add(fieldBytes, fieldFrom, fieldLength, 0, valueLength);
    } else if (this.expires) this.#dropExpiry(0, valueLength);
    else this.#record = members.resized(this.#record, valueLength);
    this.#setTail(this.#record, valueBytes, valueFrom, valueLength);
    if (this.form === SMALL) this.#outgrow(fieldLength, valueLength);
    return isNew;
  }

  /** Says that the hash is beyond the limits if it is. */
  #outgrow(fieldLength: number, valueLength: number): void {
    const { bytes, entries } = this.#limit;
    const isLarge = fieldLength > bytes || valueLength > bytes || this.#members.count > entries;
    if (isLarge) this.form = TABLE;
  }

  /** Gives the field that was found, which is in argument form in `fieldBytes`, another value; its expiry stays. Else as `set`. */
  setFound(
    fieldBytes: Uint8Array,
    fieldFrom: number,
    fieldLength: number,
    valueBytes: Uint8Array,
    valueFrom: number,
    valueLength: number,
  ): void {
    if (this.form === PACKED && valueLength > this.#limit.bytes) {
      this.set(fieldBytes, fieldFrom, fieldLength, valueBytes, valueFrom, valueLength);
    } else if (this.form === PACKED) {
      const packed = this.#packed;
      const given = this.#given.setText(valueBytes, valueFrom, valueLength);
      packed.replace(packed.next(this.#at), given);
    } else {
      this.#moveTo(this.#members.resized(this.#record, valueLength));
      this.#setTail(this.#record, valueBytes, valueFrom, valueLength);
      if (this.form === SMALL) this.#outgrow(fieldLength, valueLength);
    }
  }

  /** Removes the field that was found. */
  remove(): void {
    if (this.form === PACKED) this.#packed.remove(this.#at, 2);
    else {
      if (this.expires) this.#forget();
      this.#members.remove(this.#record);
    }
  }

  // ── Expiry of a field ──────────────────────────────────────────────────────────────────────

  /**
   * Gives the field, which `find` has found, an expiry. Throws OutOfMemory, and then nothing has changed
   * that a client could see.
   */
  setExpiry(bytes: Uint8Array, from: number, length: number, expireAtMs: number): void {
    const { fields } = this.#space;
    const members = this.#members;
    fields.prepare();
    if (this.form === PACKED) {
      this.toTable();
      this.form = SMALL;
      this.find(bytes, from, length);
    }
    const valueLength = members.wordOf(this.#record);
    if (this.expires) {
      this.#moveTo(members.writable(this.#record, valueLength));
      fields.setTime(this.#record, expireAtMs);
      return;
    }
    const record = members.remade(this.#record, EXPIRES, valueLength, valueLength);
    let block = this.#block;
    if (block === 0) {
      try {
        block = fields.createBlock();
      } catch (error) {
        this.#space.heap.free(record);
        throw error;
      }
      members.table.setOwnerWord(members.root, block);
      if (this.entry !== 0) fields.attach(block, this.entry, this.#database);
    }
    members.replace(this.#record, record);
    this.#record = record;
    fields.add(block, record, expireAtMs);
  }

  /** Takes the expiry off the field that was found. Throws OutOfMemory, and then nothing has changed. */
  clearExpiry(): void {
    const length = this.#members.wordOf(this.#record);
    this.#dropExpiry(length, length);
  }

  /** Makes the record one without expiry, with `tail` bytes of its value and room for `room`. */
  #dropExpiry(tail: number, room: number): void {
    const members = this.#members;
    const other = members.remade(this.#record, 0, tail, room);
    this.#forget();
    members.replace(this.#record, other);
    this.#record = other;
  }

  /** The record expires no longer. */
  #forget(): void {
    const { fields } = this.#space;
    const { root, table } = this.#members;
    const block = this.#block;
    fields.remove(block, this.#record);
    if (fields.count(block) > 0) return;
    fields.destroyBlock(block);
    table.setOwnerWord(root, 0);
  }

  /** The record has been replaced by a copy, or stays as it is. */
  #moveTo(record: number): void {
    if (record !== this.#record && this.#members.metaOf(record) & HAS_EXPIRY) {
      this.#space.fields.moved(record);
    }
    this.#record = record;
  }

  /** So many fields are about to be set: as in Redis, too many make a table at once. */
  expect(fields: number): void {
    if (this.form === PACKED && fields > this.#limit.entries) this.toTable();
  }

  toTable(): void {
    const packed = this.#packed;
    const members = this.#members;
    const { field, value } = this;
    members.create();
    try {
      for (let at = packed.first; at < packed.end; ) {
        at = packed.read(at, field);
        at = packed.read(at, value);
        field.toText(this.#fieldDigits);
        value.toText(this.#valueDigits);
        this.#addPair(members);
      }
    } catch (error) {
      while (!members.freeSome(members.root, FEW_RECORDS, this.#bucket));
      throw error;
    }
    packed.free();
    this.form = TABLE;
  }

  /** Adds `field` with `value`, which are texts, to a table. */
  #addPair(members: MemberTable): void {
    const { field, value } = this;
    const record = members.add(field.bytes, field.from, field.length, 0, value.length);
    this.#setTail(record, value.bytes, value.from, value.length);
  }

  // ── All fields ─────────────────────────────────────────────────────────────────────────────

  /** The next `next` reads the first field. The hash must not change until the last one. */
  rewind(): void {
    this.#at = this.#packed.first;
    this.#bucketIndex = 0;
    this.#bucketRecords = 0;
    this.#bucketAt = 0;
  }

  /** Reads a field and its value; false behind the last one. */
  next(): boolean {
    if (this.form === PACKED) {
      const packed = this.#packed;
      if (this.#at >= packed.end) return false;
      this.#at = packed.read(packed.read(this.#at, this.field), this.value);
      return true;
    }
    const { root, table } = this.#members;
    while (this.#bucketAt === this.#bucketRecords) {
      if (this.#bucketIndex === table.bucketCount(root)) return false;
      this.#bucketRecords = table.readBucket(root, this.#bucketIndex++, this.#bucket);
      this.#bucketAt = 0;
    }
    this.readRecord(this.#bucket[this.#bucketAt++]!);
    return true;
  }

  /** Reads a field at random, and its value; `readValue` and `remove` are about it then. */
  readRandom(random: Random): void {
    if (this.form === PACKED) {
      const packed = this.#packed;
      this.#at = packed.seek(random.below(this.length) * 2);
      packed.read(packed.read(this.#at, this.field), this.value);
    } else this.readRecord(this.#members.random(random));
  }

  /** A table: reads a field and its value from a record, of the table or of a walk. */
  readRecord(record: number): void {
    this.#record = record;
    this.readField();
    this.#readTail(record);
  }

  /** A table: reads the field that was found. */
  readField(): Element {
    const members = this.#members;
    const { field } = this;
    const record = this.#record;
    const length = members.memberLength(record);
    field.setString(members.bytesOf(record), members.memberAt(record), length);
    return field;
  }

  #readTail(record: number): void {
    const members = this.#members;
    const length = members.wordOf(record);
    this.value.setString(members.bytesOf(record), members.tailAt(record), length);
  }

  #setTail(record: number, bytes: Uint8Array, from: number, length: number): void {
    const members = this.#members;
    members.setWord(record, length);
    copyBytes(bytes, from, members.bytesOf(record), members.tailAt(record), length);
  }

  // ── The whole value ────────────────────────────────────────────────────────────────────────

  usedBytes(samples: number): number {
    if (this.form === PACKED) return this.#packed.usedBytes;
    const { heap, root, table } = this.#members;
    const { length } = this;
    const wanted = samples === 0 ? length : Math.min(length, samples);
    let bytes = 0;
    let read = 0;
    for (this.rewind(); read < wanted && this.next(); read++) {
      bytes += heap.usableBytes(this.#record);
    }
    return table.usedBytes(root) + Math.round((bytes / read) * length);
  }

  /** A table: bytes of all fields and values. */
  textBytes(): number {
    let bytes = 0;
    for (this.rewind(); this.next(); ) bytes += this.field.length + this.value.length;
    return bytes;
  }

  /** Makes a copy of the value, which no key has yet; returns its word. */
  copy(): number {
    if (this.form === PACKED) return this.#packed.copy();
    const { fields, heap, hash } = this.#space;
    const copied = new MemberTable(heap, hash, RECORD_BYTES);
    const { field, value } = this;
    copied.create();
    let block = 0;
    try {
      if (this.expiringFields > 0) {
        block = fields.createBlock();
        copied.table.setOwnerWord(copied.root, block);
      }
      for (this.rewind(); this.next(); ) {
        const flags = this.expires ? EXPIRES : 0;
        const record = copied.add(field.bytes, field.from, field.length, flags, value.length);
        this.#setTail(record, value.bytes, value.from, value.length);
        if (flags !== 0) fields.add(block, record, this.expireAtMs);
      }
    } catch (error) {
      while (
        !copied.freeSome(copied.root, FEW_RECORDS, this.#bucket, (r) => unlink(fields, copied, r))
      );
      if (block !== 0) fields.destroyBlock(block);
      throw error;
    }
    return copied.root;
  }
}

/** The record is about to be freed. */
function unlink(fields: FieldExpiry, members: MemberTable, record: number): void {
  if (members.metaOf(record) & HAS_EXPIRY) fields.unlink(record);
}

/** As in Redis's DEBUG DIGEST. */
const EXPIRY_MARK = latin1("!!hexpire!!");
/** More than an entry's head and its back length take together. */
const ENTRY_OVERHEAD = 10;

export class Hashes implements ValueType {
  readonly name = "hash";
  readonly #space: Space;
  readonly limit = new HashLimit();
  readonly #cursors: OpenHash[];
  #next = 0;
  /** For work that no command sees. */
  readonly #own: OpenHash;
  readonly #bucket: number[] = [];
  readonly #digest = new ValueDigest();

  constructor(space: Space) {
    this.#space = space;
    this.#cursors = Array.from({ length: CURSORS }, () => this.createCursor());
    this.#own = this.createCursor();
  }

  #cursor(): OpenHash {
    return this.#cursors[this.#next++ & (CURSORS - 1)]!;
  }

  /** A cursor on the hash, to read. */
  open(ref: Ref): OpenHash {
    return this.#cursor().open(ref);
  }

  /** The same, to change it. The entry stays the same until `store`. */
  openToWrite(db: Entries, ref: Ref): OpenHash {
    return this.#cursor().openToWrite(db, ref);
  }

  /** A new, empty hash that no key has yet. */
  create(): OpenHash {
    return this.#cursor().openNew();
  }

  /** A cursor that stays its caller's. */
  createCursor(): OpenHash {
    return new OpenHash(this.#space, this.limit);
  }

  #wordOf(ref: Ref): number {
    return this.#space.heap.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + VALUE_WORD]!;
  }

  encoding(ref: Ref): string {
    return ENCODINGS[this.#own.open(ref).form]!;
  }

  count(ref: Ref): number {
    return this.#own.open(ref).length;
  }

  usedBytes(ref: Ref, samples: number): number {
    return this.#own.open(ref).usedBytes(samples);
  }

  copy(from: Ref, to: Ref): void {
    const hash = this.#own.open(from);
    const word = hash.copy();
    const words = this.#space.heap.words[to >>> SEGMENT_SHIFT]!;
    const w = (to & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = word;
    words[w] = (words[w]! & ~ENCODING_MASK) | hash.form;
  }

  free(ref: Ref): number {
    const word = this.#wordOf(ref);
    const hash = this.#own.open(ref);
    if (!hash.isTable) {
      hash.packed.free();
      return 0;
    }
    const block = hash.members.table.ownerWord(word);
    if (block !== 0) this.#space.fields.detach(block);
    if (this.#space.guards.of(word) !== null || hash.length > FEW_RECORDS) return word;
    return this.freeMore(word, Number.POSITIVE_INFINITY);
  }

  freeMore(rest: number, budget: number): number {
    const { members } = this.#own;
    const block = members.table.ownerWord(rest);
    const leaving = block === 0 ? null : this.#leaving;
    if (!members.freeSome(rest, budget, this.#bucket, leaving)) return rest;
    if (block !== 0) this.#space.fields.destroyBlock(block);
    return 0;
  }

  readonly #leaving = (record: number) => unlink(this.#space.fields, this.#own.members, record);

  entryMoved(ref: Ref, database: number): void {
    const hash = this.#own.open(ref);
    if (!hash.isTable) return;
    const block = hash.members.table.ownerWord(hash.members.root);
    if (block !== 0) this.#space.fields.attach(block, ref, database);
  }

  /** Removes the field of `record`, which has expired, and others of the same hash for which that holds. */
  expireDue(db: Entries, ref: Ref, record: number): void {
    const { clock, fields, wheel } = this.#space;
    const hash = this.#own.openToWrite(db, ref);
    let next = record;
    do {
      hash.readRecord(next);
      this.#expireFound(db, hash);
      next = hash.length === 0 || wheel.budget <= 0 ? 0 : fields.due(clock.nowMs);
    } while (next !== 0 && fields.entryOf(next) === ref);
    this.#space.hooks.fieldsRemoved?.(db.index, ref, hash.length === 0);
    if (hash.length > 0) return;
    hash.closeEmpty();
    db.removeEntry(ref);
  }

  /** Removes a field that a command has found and that has expired. The hash may be empty then. */
  expireFound(db: Entries, hash: OpenHash): void {
    this.#expireFound(db, hash);
    this.#space.hooks.fieldsRemoved?.(db.index, hash.entry, false);
  }

  #expireFound(db: Entries, hash: OpenHash): void {
    const { bytes, from, length } = hash.readField();
    this.#space.expiredFields++;
    this.#space.hooks.fieldExpired?.(db.index, hash.entry, bytes, from, length);
    hash.remove();
  }

  walk(ref: Ref): ValueWalk | null {
    const hash = this.#own.open(ref);
    if (!hash.isTable || (hash.length <= FEW_RECORDS && hash.textBytes() <= FEW_BYTES)) return null;
    const { heap, root, table } = hash.members;
    return new TableWalk(heap, table, root);
  }

  /** As in Redis the order of the fields does not matter. */
  digest(ref: Ref, into: ValueDigest): void {
    const hash = this.#own.open(ref);
    const one = this.#digest;
    for (hash.rewind(); hash.next(); ) {
      one.reset();
      one.mixElement(hash.field);
      one.mixElement(hash.value);
      if (hash.expires) one.add(EXPIRY_MARK, 0, EXPIRY_MARK.length);
      into.add(one.bytes, 0, DIGEST_BYTES);
    }
  }

  check(ref: Ref, owns: (block: Ref) => void): void {
    const hash = this.#own.open(ref);
    if (hash.length === 0) throw new Error("a hash is empty");
    if (hash.isTable) {
      this.#checkTable(this.#wordOf(ref), ref, owns);
      return;
    }
    hash.packed.check();
    owns(hash.packed.ref);
    if (hash.packed.entries % 2 !== 0) throw new Error("a field has no value");
  }

  checkRest(rest: number, owns: (block: Ref) => void): void {
    this.#checkTable(rest, 0, owns);
  }

  #checkTable(root: number, entry: Ref, owns: (block: Ref) => void): void {
    const { members } = this.#own;
    const { fields } = this.#space;
    const block = members.table.ownerWord(root);
    let expiring = 0;
    const visit = (record: number) => {
      owns(record);
      if ((members.metaOf(record) & HAS_EXPIRY) === 0) return;
      expiring++;
      fields.checkField(block, record);
    };
    members.table.check(root, visit, owns);
    if (block === 0) {
      if (expiring > 0) throw new Error("fields expire, but their hash has no block for that");
      return;
    }
    owns(block);
    fields.checkBlock(block, entry, expiring);
  }
}

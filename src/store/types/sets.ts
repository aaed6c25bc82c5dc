/**
 * Sets.
 *
 *   encoding bits INTS (0): the value word is the ref of a set of integers (memory/int-set.ts)
 *   PACKED (1): the ref of a block of packed entries (memory/packed.ts), one a member
 *   TABLE (2): the root of a table of bare records (memory/member-table.ts), one a member
 *
 * A set of integers only is INTS while it has few members. With another member it becomes PACKED, or a
 * TABLE where it has too many members or a long one. As in Redis 7.2 it never goes back.
 *
 * Other types read a set by `Sets.open`: `rewind` and `next` for each member, `has` for one.
 */
import type { Random } from "../../base/random.ts";
import { Element } from "../../memory/element.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import { IntSet } from "../../memory/int-set.ts";
import { MemberTable } from "../../memory/member-table.ts";
import { Packed } from "../../memory/packed.ts";
import { BARE_RECORD_BYTES, VALUE_WORD } from "../../memory/record.ts";
import { TableWalk } from "../../memory/table-walk.ts";
import { ENCODING_MASK, NO_EXPIRY, SET } from "../entry.ts";
import type { Space } from "../space.ts";
import type { ValueDigest } from "../value-digest.ts";
import type { Collection, Entries, Ref, ValueType } from "../value-type.ts";

const INTS = 0;
const PACKED = 1;
const TABLE = 2;
const ENCODINGS = ["intset", "listpack", "hashtable"] as const;

const CURSORS = 4;
/** A table of so many records is freed at once, and a walk reads it at once. */
const FEW_RECORDS = 64;
/** A walk also reads a set of few members in slices if they are longer. */
const FEW_BYTES = 1 << 16;
/** A small form is no larger than this, whatever the limits say: a change moves what is behind it. */
const SMALL_BYTES_MAX = 1 << 16;
/** Room for the text of an integer. */
const DIGITS = 20;
/** A bit of a record's meta. */
const MARKED = 0x08;

/** Up to which size a set has which small form. */
export class SetLimit {
  /** `set-max-intset-entries`. */
  ints = 512;
  /** `set-max-listpack-entries`. */
  entries = 128;
  /** `set-max-listpack-value`: bytes of a member. */
  bytes = 64;
}

/** An open set: a cursor. Valid until four more sets are opened. */
export class OpenSet implements Collection {
  readonly #space: Space;
  readonly #limit: SetLimit;
  readonly #ints: IntSet;
  readonly #packed: Packed;
  readonly #members: MemberTable;
  readonly #given = new Element();
  readonly #digits = new Uint8Array(DIGITS);
  entry: Ref = 0;
  #form = INTS;
  /** INTS: the ref of the integers; 0 if the set has none yet. */
  #intsRef = 0;
  /** The member that `next` or `readRandom` read. Valid until the set changes. */
  readonly member = new Element();
  /** The member that `find`, `step` or `readRandom` found: its index, its position, or its record. */
  #found = 0;
  /** What `step` goes to: an index, a position, or the bucket behind the one that is being read. */
  #at = 0;
  /** TABLE: the records of the bucket that is being read, each with its hash, and how far that is. */
  readonly #slots: number[] = [];
  #slotsEnd = 0;
  #slotsAt = 0;
  /** TABLE: the hash of the member that `step` found. */
  #foundHash = 0;

  constructor(space: Space, limit: SetLimit) {
    this.#space = space;
    this.#limit = limit;
    this.#ints = new IntSet(space.heap);
    this.#packed = new Packed(space.heap);
    this.#members = new MemberTable(space.heap, space.hash, BARE_RECORD_BYTES);
  }

  // ── Opening and closing ────────────────────────────────────────────────────────────────────

  /** Opens the value of an entry, to read it. */
  open(ref: Ref): this {
    const words = this.#space.heap.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const form = words[w]! & ENCODING_MASK;
    const word = words[w + VALUE_WORD]!;
    this.entry = ref;
    this.#form = form;
    if (form === TABLE) this.#members.open(word);
    else if (form === INTS) this.#intsRef = word;
    else this.#packed.open(word);
    return this;
  }

  openToWrite(db: Entries, ref: Ref): this {
    db.beforeChange(ref);
    this.open(ref);
    if (this.#form === TABLE) this.#members.guard = this.#space.guards.of(this.#members.root);
    return this;
  }

  /** A new, empty set that no key has yet. */
  openNew(): this {
    this.entry = 0;
    this.#form = INTS;
    this.#intsRef = 0;
    return this;
  }

  /** The same, as packed entries. Throws OutOfMemory. */
  openNewPacked(): this {
    this.openNew();
    this.#packed.create();
    this.#form = PACKED;
    return this;
  }

  /** The same, as a table. Throws OutOfMemory. */
  openNewTable(): this {
    this.openNew();
    this.#toTable();
    return this;
  }

  /**
   * The same, for `members` members of which this one is the first: in the form that Redis chooses. Throws
   * OutOfMemory.
   */
  openNewFor(bytes: Uint8Array, from: number, length: number, members: number): this {
    const isInteger = this.#given.setText(bytes, from, length).isInteger;
    this.openNew();
    if (isInteger && members <= this.#intsMax) return this;
    return members <= this.#limit.entries ? this.openNewPacked() : this.openNewTable();
  }

  /** A set from an intset of foreign bytes, such as those of a file. Returns false where they are damaged. */
  openNewInts(bytes: Uint8Array, from: number, length: number): boolean {
    this.openNew();
    const ref = this.#ints.createFrom(bytes, from, length);
    if (ref === 0) return false;
    this.#intsRef = ref;
    if (this.length > this.#intsMax) this.#toTable();
    return true;
  }

  addTo(db: Entries, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    return this.putAt(db, 0, key, keyFrom, keyBytes);
  }

  /** The same for a key whose entry is `ref`, or 0: its value is replaced, and it has no expiry. */
  putAt(db: Entries, ref: Ref, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    try {
      this.entry = db.place(ref, key, keyFrom, keyBytes, SET | this.#form, 0, NO_EXPIRY);
    } catch (error) {
      this.discard();
      throw error;
    }
    this.store();
    return this.entry;
  }

  store(): void {
    const words = this.#space.heap.words[this.entry >>> SEGMENT_SHIFT]!;
    const w = (this.entry & UNIT_MASK) << 1;
    words[w] = (words[w]! & ~ENCODING_MASK) | this.#form;
    words[w + VALUE_WORD] = this.#word;
  }

  closeEmpty(): void {
    if (this.#form === TABLE) this.#members.destroyEmpty();
    else this.#freeSmall();
  }

  discard(): void {
    if (this.#form !== TABLE) this.#freeSmall();
    else this.#space.reaper.addValue(this.#space.types[SET >>> 5]!, this.#members.root, null);
  }

  #freeSmall(): void {
    if (this.#form === PACKED) this.#packed.free();
    else if (this.#intsRef !== 0) this.#ints.destroy(this.#intsRef);
  }

  get #word(): number {
    if (this.#form === TABLE) return this.#members.root;
    return this.#form === PACKED ? this.#packed.ref : this.#intsRef;
  }

  get form(): number {
    return this.#form;
  }

  get encoding(): string {
    return ENCODINGS[this.#form]!;
  }

  get length(): number {
    if (this.#form === TABLE) return this.#members.count;
    if (this.#form === PACKED) return this.#packed.entries;
    return this.#intsRef === 0 ? 0 : this.#ints.count(this.#intsRef);
  }

  get isInts(): boolean {
    return this.#form === INTS;
  }

  get isTable(): boolean {
    return this.#form === TABLE;
  }

  /** INTS: the segment that the block is in, where it starts, and its length: an intset as files have it. */
  get intsBytes(): Uint8Array {
    return this.#space.heap.bytes[this.#intsRef >>> SEGMENT_SHIFT]!;
  }

  get intsFrom(): number {
    return (this.#intsRef & UNIT_MASK) << 3;
  }

  get intsLength(): number {
    return this.#ints.blobBytes(this.#intsRef);
  }

  /** PACKED: the block that the members lie in. */
  get packed(): Packed {
    return this.#packed;
  }

  /** TABLE: the cursor on the table. */
  get members(): MemberTable {
    return this.#members;
  }

  // ── One member ─────────────────────────────────────────────────────────────────────────────

  has(bytes: Uint8Array, from: number, length: number): boolean {
    return this.find(bytes, from, length);
  }

  /** The same for a member of another set. */
  hasElement(element: Element): boolean {
    if (!element.isInteger) return this.find(element.bytes, element.from, element.length);
    if (this.#form === INTS) return this.#findInteger(element);
    return this.find(this.#digits, 0, element.writeText(this.#digits, 0));
  }

  /** Finds a member; `removeFound` is about the one that was found. */
  find(bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#form === TABLE) {
      this.#found = this.#members.find(bytes, from, length);
      return this.#found !== 0;
    }
    const given = this.#given.setText(bytes, from, length);
    if (this.#form === INTS) return given.isInteger && this.#findInteger(given);
    this.#found = this.#packed.find(given, 1);
    return this.#found >= 0;
  }

  #findInteger({ high, low }: Element): boolean {
    if (this.#intsRef === 0 || !this.#ints.find(this.#intsRef, low, high)) return false;
    this.#found = this.#ints.index;
    return true;
  }

  /**
   * Adds a member, whose bytes do not lie in this set; returns whether it is new. Throws OutOfMemory, and
   * then the set has the members that it had.
   */
  add(bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#form !== TABLE) {
      const given = this.#given.setText(bytes, from, length);
      if (this.#form === INTS && given.isInteger) return this.#addInteger(given);
      if (this.#form === PACKED && this.#packed.find(given, 1) >= 0) return false;
      if (this.#isForPacked(length, given.encodedSize)) {
        if (this.#form === INTS) this.#toPacked();
        this.#packed.append(given);
        return true;
      }
      this.#toTable();
    } else if (this.#members.find(bytes, from, length) !== 0) return false;
    this.#members.add(bytes, from, length, 0, 0);
    return true;
  }

  /** The same for a member of another set. */
  addElement(element: Element): boolean {
    if (!element.isInteger) return this.add(element.bytes, element.from, element.length);
    if (this.#form === INTS) return this.#addInteger(element);
    return this.add(this.#digits, 0, element.writeText(this.#digits, 0));
  }

  #addInteger({ high, low }: Element): boolean {
    const ints = this.#ints;
    if (this.#intsRef === 0) this.#intsRef = ints.create();
    if (this.length < this.#intsMax) {
      this.#intsRef = ints.add(this.#intsRef, low, high);
      return ints.changed;
    }
    if (ints.find(this.#intsRef, low, high)) return false;
    // What does not fit the small form makes a table, even of a few integers.
    const digits = this.#digits;
    const length = this.#given.setInteger(low, high).writeText(digits, 0);
    this.#toTable();
    this.#members.add(digits, 0, length, 0, 0);
    return true;
  }

  get #intsMax(): number {
    return Math.min(this.#limit.ints, SMALL_BYTES_MAX >>> 3);
  }

  /** Whether the set, which is no table, may have one more member of so many bytes as packed entries. */
  #isForPacked(length: number, encodedSize: number): boolean {
    const limit = this.#limit;
    if (length > limit.bytes || this.length >= limit.entries) return false;
    if (this.#form === PACKED) return this.#packed.end + encodedSize <= SMALL_BYTES_MAX;
    if (this.length === 0) return true;
    return this.#longestInteger() <= limit.bytes;
  }

  /** INTS: the most bytes that a member's text has; it is the first one's or the last one's. */
  #longestInteger(): number {
    const { member } = this;
    this.#readInt(0);
    const first = member.writeText(this.#digits, 0);
    this.#readInt(this.length - 1);
    return Math.max(first, member.writeText(this.#digits, 0));
  }

  /**
   * So many members are about to be added: as in Redis, too many make a table at once. Throws OutOfMemory,
   * and then nothing has changed.
   */
  expect(members: number): void {
    const isTooMany =
      this.#form === INTS
        ? members > this.#intsMax
        : this.#form === PACKED && members > this.#limit.entries;
    if (isTooMany) this.#toTable();
  }

  /** Removes the member that was found. */
  removeFound(): void {
    if (this.#form === TABLE) this.#members.remove(this.#found);
    else if (this.#form === PACKED) this.#packed.remove(this.#found, 1);
    else this.#intsRef = this.#ints.removeAt(this.#intsRef, this.#found);
  }

  /** Reads a member at random, each equally likely. The set is not empty. */
  readRandom(random: Random): void {
    if (this.#form === TABLE) {
      this.readRecord(this.#members.random(random));
      return;
    }
    const index = random.below(this.length);
    if (this.#form === INTS) this.#readInt(index);
    else {
      this.#found = this.#packed.seek(index);
      this.#packed.read(this.#found, this.member);
    }
  }

  // ── All members ────────────────────────────────────────────────────────────────────────────

  /** The next `next` reads the first member. The set must not change until the last one. */
  rewind(): void {
    this.#at = this.#form === PACKED ? this.#packed.first : 0;
    this.#slotsEnd = 0;
    this.#slotsAt = 0;
  }

  /** Reads a member; false behind the last one. */
  next(): boolean {
    if (!this.step()) return false;
    this.readStep();
    return true;
  }

  /** Goes to a member, which `readStep` reads; false behind the last one. */
  step(): boolean {
    if (this.#form === TABLE) return this.#stepRecord();
    if (this.#form === INTS) {
      if (this.#at === this.length) return false;
      this.#found = this.#at++;
      return true;
    }
    const packed = this.#packed;
    if (this.#at >= packed.end) return false;
    this.#found = this.#at;
    this.#at = packed.next(this.#at);
    return true;
  }

  readStep(): Element {
    if (this.#form === TABLE) this.readRecord(this.#found);
    else if (this.#form === INTS) this.#readInt(this.#found);
    else this.#packed.read(this.#found, this.member);
    return this.member;
  }

  #stepRecord(): boolean {
    const slots = this.#slots;
    if (this.#slotsAt === this.#slotsEnd) {
      const { root, table } = this.#members;
      const buckets = table.bucketCount(root);
      do {
        if (this.#at === buckets) return false;
        this.#slotsEnd = table.readSlots(root, this.#at++, slots);
      } while (this.#slotsEnd === 0);
      this.#slotsAt = 0;
    }
    this.#found = slots[this.#slotsAt]!;
    this.#foundHash = slots[this.#slotsAt + 1]!;
    this.#slotsAt += 2;
    return true;
  }

  /** Whether the set has the member that `other` is at. */
  hasStepOf(other: OpenSet): boolean {
    if (this.#form !== TABLE || other.#form !== TABLE) return this.hasElement(other.readStep());
    const { root, table } = this.#members;
    this.#found = table.findSame(root, other.#foundHash, other.#found);
    return this.#found !== 0;
  }

  /** Adds the member that `other` is at; as `add`. */
  addStepOf(other: OpenSet): boolean {
    if (this.#form !== TABLE || other.#form !== TABLE) return this.addElement(other.readStep());
    if (this.hasStepOf(other)) return false;
    const { bytes, from, length } = other.readStep();
    this.#members.addHashed(other.#foundHash, bytes, from, length, 0, 0);
    return true;
  }

  /** TABLE: reads the member of a record, of the table or of a walk. */
  readRecord(record: number): void {
    const members = this.#members;
    this.#found = record;
    const length = members.memberLength(record);
    this.member.setString(members.bytesOf(record), members.memberAt(record), length);
  }

  #readInt(index: number): void {
    const ints = this.#ints;
    ints.read(this.#intsRef, index);
    this.#found = index;
    this.member.isInteger = true;
    this.member.low = ints.low;
    this.member.high = ints.high;
  }

  // ── Marks ──────────────────────────────────────────────────────────────────────────────────
  // TABLE: a command may mark members while it runs. It leaves none marked.

  /** Marks the member that was found; false if it was marked already. */
  markFound(): boolean {
    if (this.isFoundMarked) return false;
    this.#turnMark(this.#found);
    return true;
  }

  get isFoundMarked(): boolean {
    return (this.#members.metaOf(this.#found) & MARKED) !== 0;
  }

  /** The record that was found. */
  get record(): number {
    return this.#found;
  }

  unmark(record: number): void {
    this.#turnMark(record);
  }

  #turnMark(record: number): void {
    const words = this.#space.heap.words[record >>> SEGMENT_SHIFT]!;
    const w = (record & UNIT_MASK) << 1;
    words[w] = words[w]! ^ MARKED;
  }

  // ── The whole value ────────────────────────────────────────────────────────────────────────

  /** INTS to PACKED. Throws OutOfMemory, and then nothing has changed. */
  #toPacked(): void {
    const packed = this.#packed;
    const { member } = this;
    const count = this.length;
    packed.create();
    try {
      for (let i = 0; i < count; i++) {
        this.#readInt(i);
        packed.append(member.prepare());
      }
    } catch (error) {
      packed.free();
      throw error;
    }
    this.#freeSmall();
    this.#form = PACKED;
  }

  /** Any small form to TABLE. Throws OutOfMemory, and then nothing has changed. */
  #toTable(): void {
    this.#members.create();
    this.#fill(this.#members);
    this.#freeSmall();
    this.#form = TABLE;
  }

  /** Adds every member to a new table; frees the table where there is not enough memory. */
  #fill(members: MemberTable): void {
    const { member } = this;
    // A table's own digits: those of `this` may hold the member that is to be added.
    const digits = new Uint8Array(DIGITS);
    try {
      for (this.rewind(); this.next(); ) {
        member.toText(digits);
        members.add(member.bytes, member.from, member.length, 0, 0);
      }
    } catch (error) {
      while (!members.freeSome(members.root, FEW_RECORDS, this.#slots));
      throw error;
    }
  }

  /** Makes a copy of the value, which no key has yet; returns its word. */
  copy(): number {
    if (this.#form === INTS) return this.#ints.copy(this.#intsRef);
    if (this.#form === PACKED) return this.#packed.copy();
    const copied = new MemberTable(this.#space.heap, this.#space.hash, BARE_RECORD_BYTES);
    copied.create();
    this.#fill(copied);
    return copied.root;
  }

  usedBytes(samples: number): number {
    const { heap, root, table } = this.#members;
    if (this.#form !== TABLE) return heap.usableBytes(this.#word);
    const { length } = this;
    const wanted = samples === 0 ? length : Math.min(length, samples);
    let bytes = 0;
    let read = 0;
    for (this.rewind(); read < wanted && this.next(); read++) {
      bytes += heap.usableBytes(this.#found);
    }
    return table.usedBytes(root) + Math.round((bytes / read) * length);
  }

  /** Asserts the invariants of a small form. */
  checkSmall(): void {
    if (this.#form === PACKED) this.#packed.check();
    else this.#ints.check(this.#intsRef);
  }

  /** TABLE: bytes of all members. */
  textBytes(): number {
    let bytes = 0;
    for (this.rewind(); this.next(); ) bytes += this.member.length;
    return bytes;
  }
}

export class Sets implements ValueType {
  readonly name = "set";
  readonly #space: Space;
  readonly limit = new SetLimit();
  readonly #cursors: OpenSet[];
  #next = 0;
  /** For work that no command sees. */
  readonly #own: OpenSet;
  readonly #bucket: number[] = [];
  readonly #digits = new Uint8Array(DIGITS);

  constructor(space: Space) {
    this.#space = space;
    this.#cursors = Array.from({ length: CURSORS }, () => this.createCursor());
    this.#own = this.createCursor();
  }

  #cursor(): OpenSet {
    return this.#cursors[this.#next++ & (CURSORS - 1)]!;
  }

  /** A cursor on the set, to read. */
  open(ref: Ref): OpenSet {
    return this.#cursor().open(ref);
  }

  /** The same, to change it. The entry stays the same until `store`. */
  openToWrite(db: Entries, ref: Ref): OpenSet {
    return this.#cursor().openToWrite(db, ref);
  }

  /** A new, empty table that no key has yet. Throws OutOfMemory. */
  createTable(): OpenSet {
    return this.#cursor().openNewTable();
  }

  /** A new, empty set that no key has yet. */
  create(): OpenSet {
    return this.#cursor().openNew();
  }

  /** The same, for `members` members of which this one is the first. */
  createFor(bytes: Uint8Array, from: number, length: number, members: number): OpenSet {
    return this.#cursor().openNewFor(bytes, from, length, members);
  }

  /** A cursor that stays its caller's. */
  createCursor(): OpenSet {
    return new OpenSet(this.#space, this.limit);
  }

  #wordOf(ref: Ref): number {
    return this.#space.heap.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + VALUE_WORD]!;
  }

  encoding(ref: Ref): string {
    return this.#own.open(ref).encoding;
  }

  count(ref: Ref): number {
    return this.#own.open(ref).length;
  }

  usedBytes(ref: Ref, samples: number): number {
    return this.#own.open(ref).usedBytes(samples);
  }

  /** Gives an entry that is open to be written another value, which no key has yet; frees the old one. */
  replace(ref: Ref, by: OpenSet): void {
    this.#space.freeValue(ref);
    by.entry = ref;
    by.store();
  }

  copy(from: Ref, to: Ref): void {
    const set = this.#own.open(from);
    const word = set.copy();
    const words = this.#space.heap.words[to >>> SEGMENT_SHIFT]!;
    const w = (to & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = word;
    words[w] = (words[w]! & ~ENCODING_MASK) | set.form;
  }

  free(ref: Ref): number {
    const word = this.#wordOf(ref);
    const set = this.#own.open(ref);
    if (!set.isTable) {
      set.closeEmpty();
      return 0;
    }
    if (this.#space.guards.of(word) !== null || set.length > FEW_RECORDS) return word;
    return this.freeMore(word, Number.POSITIVE_INFINITY);
  }

  freeMore(rest: number, budget: number): number {
    return this.#own.members.freeSome(rest, budget, this.#bucket) ? 0 : rest;
  }

  walk(ref: Ref): TableWalk | null {
    const set = this.#own.open(ref);
    if (!set.isTable || (set.length <= FEW_RECORDS && set.textBytes() <= FEW_BYTES)) return null;
    const { heap, root, table } = set.members;
    return new TableWalk(heap, table, root);
  }

  /** As in Redis the order of the members does not matter. */
  digest(ref: Ref, into: ValueDigest): void {
    const set = this.#own.open(ref);
    const { member } = set;
    for (set.rewind(); set.next(); ) {
      member.toText(this.#digits);
      into.add(member.bytes, member.from, member.length);
    }
  }

  check(ref: Ref, owns: (block: Ref) => void): void {
    const set = this.#own.open(ref);
    const word = this.#wordOf(ref);
    if (set.length === 0) throw new Error("a set is empty");
    if (set.isTable) {
      this.checkRest(word, owns);
      return;
    }
    set.checkSmall();
    owns(word);
  }

  checkRest(rest: number, owns: (block: Ref) => void): void {
    const { table } = this.#own.members;
    table.check(
      rest,
      (record, hash) => {
        if (table.hashOf(record) !== hash) throw new Error("a slot has the hash of its member");
        owns(record);
      },
      owns,
    );
  }
}

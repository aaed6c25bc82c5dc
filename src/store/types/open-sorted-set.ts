/**
 * A cursor on a sorted set, of either form; sorted-sets.ts says what they are.
 */
import { assert } from "../../base/assert.ts";
import { compareBytes } from "../../base/bytes.ts";
import {
  DOUBLE_TEXT_BYTES_MAX,
  parseDouble,
  writeDouble,
  writeDouble17,
} from "../../base/double-text.ts";
import { Element } from "../../memory/element.ts";
import { BLOCK_BYTES_MAX, SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import { MemberTable } from "../../memory/member-table.ts";
import { Packed } from "../../memory/packed.ts";
import type { RankedBulk } from "../../memory/ranked-bulk.ts";
import { RankedTree } from "../../memory/ranked-tree.ts";
import { HAS_HIGH, RECORD_BYTES, VALUE_WORD } from "../../memory/record.ts";
import { ENCODING_MASK, NO_EXPIRY, ZSET } from "../entry.ts";
import type { Space } from "../space.ts";
import { DIGEST_BYTES, ValueDigest } from "../value-digest.ts";
import type { Collection, Entries, Ref, ValueWalk } from "../value-type.ts";

const PACKED = 0;
const RANKED = 1;
/** The score's upper half, behind the record's value word. */
const HIGH_WORD = VALUE_WORD + 1;
/** The longest member that a record has room for. */
export const MEMBER_BYTES_MAX = BLOCK_BYTES_MAX - RECORD_BYTES - HAS_HIGH;
/** Packed entries beyond this are not worth their moves, whatever the limits say. */
const PACKED_BYTES_MAX = 1 << 20;
/** Whole scores up to here are packed as integers. */
const WHOLE_MAX = 2 ** 62;
/** Members that are sorted at a time for the tree of a set that is built in bulk. */
const RANKED_AT_ONCE = 1 << 17;

const scoreDouble = new Float64Array(1);
const scoreWords = new Int32Array(scoreDouble.buffer);

/** `zset-max-listpack-entries` and `-value`: the largest small form. */
export class PackedLimit {
  entries = 128;
  memberBytes = 64;
}

/**
 * An open sorted set: a cursor. Valid until four more sets are opened. Its place is a member, found
 * by `find`, `seek` or `readNext`; a change makes it invalid.
 */
export class SortedSet implements Collection {
  readonly #space: Space;
  readonly #limit: PackedLimit;
  readonly #bulk: RankedBulk;
  readonly #packed: Packed;
  readonly #members: MemberTable;
  readonly #tree: RankedTree;
  entry: Ref = 0;
  #form = PACKED;
  /** The tree's root; 0 while the set is built in bulk. */
  #root = 0;
  /** The place: the member's entry or record. */
  #at = 0;
  #record = 0;
  /** Where `nextScore` was: valid until the set changes. */
  place = 0;
  /** The member's score, at the place or where `readNext` was. */
  score = 0;
  /** What `read`, `readNext` and `readPrevious` found. Its bytes are valid until the set changes. */
  readonly member = new Element();
  readonly #element = new Element();
  readonly #scoreOut = new Element();
  #memberCopy = new Uint8Array(64);
  /** Records of the bucket that `next` reads. */
  readonly #bucket: number[] = [];
  #inBucket = 0;
  #bucketIndex = 0;
  readonly #text = new Uint8Array(DOUBLE_TEXT_BYTES_MAX);

  constructor(space: Space, limit: PackedLimit, bulk: RankedBulk) {
    this.#space = space;
    this.#limit = limit;
    this.#bulk = bulk;
    this.#packed = new Packed(space.heap);
    this.#members = new MemberTable(space.heap, space.hash, RECORD_BYTES);
    this.#tree = new RankedTree(space.heap);
  }

  // ── Opening and closing ────────────────────────────────────────────────────────────────────

  openNew(): void {
    this.#packed.create();
    this.entry = 0;
    this.#form = PACKED;
  }

  open(entry: Ref): void {
    const words = this.#space.heap.words[entry >>> SEGMENT_SHIFT]!;
    const w = (entry & UNIT_MASK) << 1;
    this.#openAs(entry, words[w + VALUE_WORD]!, words[w]! & ENCODING_MASK);
  }

  /** A large set that no key has any more. */
  openRest(root: number): void {
    this.#openAs(0, root, RANKED);
  }

  #openAs(entry: Ref, word: number, form: number): void {
    this.entry = entry;
    this.#form = form;
    if (form === PACKED) this.#packed.open(word);
    else {
      this.#members.open(word);
      this.#root = this.#members.table.ownerWord(word);
    }
  }

  /** Told of changes while the set is being read in slices. */
  set guard(guard: ValueWalk | null) {
    if (this.#form === RANKED) this.#members.guard = guard;
  }

  get isSmall(): boolean {
    return this.#form === PACKED;
  }

  get length(): number {
    return this.#form === PACKED ? this.#packed.entries >>> 1 : this.#members.count;
  }

  /** The table of members, for who reads it in slices. */
  get table(): MemberTable {
    return this.#members;
  }

  /** The packed entries of a small set. */
  get packed(): Packed {
    return this.#packed;
  }

  addTo(db: Entries, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    return this.replace(db, 0, key, keyFrom, keyBytes);
  }

  /** Makes a new set the value of a key, whose entry is `present` or 0. Throws OutOfMemory, and is then discarded. */
  replace(db: Entries, present: Ref, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    try {
      const low = ZSET | this.#form;
      this.entry = db.place(present, key, keyFrom, keyBytes, low, 0, NO_EXPIRY);
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
    words[w + VALUE_WORD] = this.word;
    words[w] = (words[w]! & ~ENCODING_MASK) | this.#form;
  }

  /** What names the value in its entry. */
  get word(): number {
    return this.#form === PACKED ? this.#packed.ref : this.#members.root;
  }

  closeEmpty(): void {
    if (this.#form === PACKED) {
      this.#packed.free();
      return;
    }
    this.#tree.destroySome(this.#root, 1);
    this.#members.table.setOwnerWord(this.#members.root, 0);
    this.#members.destroyEmpty();
  }

  /** Frees a set that no key has. */
  discard(): void {
    if (this.#form === PACKED) this.#packed.free();
    else while (!this.destroySome(this.#members.root, Number.MAX_SAFE_INTEGER));
  }

  /** Frees about `budget` blocks of the large set at `root`; returns whether it is gone. */
  destroySome(root: number, budget: number): boolean {
    const { table } = this.#members;
    const tree = table.ownerWord(root);
    if (tree !== 0) {
      if (this.#tree.destroySome(tree, budget)) table.setOwnerWord(root, 0);
      return false;
    }
    return this.#members.freeSome(root, budget, this.#bucket);
  }

  /** A copy of the open set: what names it. */
  copyTo(other: SortedSet): void {
    if (this.#form === PACKED) {
      other.#openAs(0, this.#packed.copy(), PACKED);
      return;
    }
    other.#createRanked();
    try {
      if (this.length === 0) return;
      this.seek(0);
      for (let left = this.length; left > 0; left--) {
        this.readNext();
        const { bytes, from, length } = this.member;
        other.#addRanked(bytes, from, length, this.score);
      }
    } catch (error) {
      other.discard();
      throw error;
    }
  }

  #createRanked(): void {
    const members = this.#members;
    members.create();
    try {
      this.#root = this.#tree.create();
    } catch (error) {
      members.destroyEmpty();
      throw error;
    }
    members.table.setOwnerWord(members.root, this.#root);
    this.#form = RANKED;
  }

  // ── Finding ────────────────────────────────────────────────────────────────────────────────

  /** Goes to a member; returns whether it is there. */
  find(bytes: Uint8Array, from: number, length: number): boolean {
    if (this.#form === PACKED) {
      const at = this.#packed.find(this.#element.setText(bytes, from, length), 2);
      if (at < 0) return false;
      this.#at = at;
      this.#readScore(this.#packed.next(at));
      return true;
    }
    const record = this.#members.find(bytes, from, length);
    if (record === 0) return false;
    this.#record = record;
    this.score = this.#scoreOf(record);
    return true;
  }

  /** The same for the member that another set has read. */
  findMemberOf(other: SortedSet): boolean {
    const { bytes, from, isInteger, length } = other.member;
    if (!isInteger) return this.find(bytes, from, length);
    return this.find(other.#memberCopy, 0, other.#copyMember());
  }

  /** How many members come before the one at the place, which `find` found. */
  rank(): number {
    if (this.#form === RANKED) return this.#tree.seek(this.#root, this.score, this.#record);
    const packed = this.#packed;
    let rank = 0;
    for (let at = packed.first; at < this.#at; rank++) at = packed.next(packed.next(at));
    return rank;
  }

  /** Goes to the member at `rank`, which is there. */
  seek(rank: number): void {
    if (this.#form === PACKED) this.#at = this.#packed.seek(rank * 2);
    else this.#tree.seekRank(this.#root, rank);
  }

  /** Reads the member where `seek` went. */
  read(): void {
    if (this.#form === PACKED) this.#readScore(this.#packed.read(this.#at, this.member));
    else this.readRecord(this.#tree.ref);
  }

  /** The same, and goes to the next member. */
  readNext(): void {
    if (this.#form === PACKED) {
      this.#at = this.#readScore(this.#packed.read(this.#at, this.member));
      return;
    }
    this.readRecord(this.#tree.ref);
    this.#tree.stepNext();
  }

  /** The score where `seek` went, whose member `readPlace` reads from `place`; goes to the next member. */
  nextScore(): number {
    if (this.#form === PACKED) {
      this.place = this.#at;
      this.#at = this.#readScore(this.#packed.next(this.#at));
      return this.score;
    }
    const tree = this.#tree;
    this.place = tree.ref;
    const { score } = tree;
    tree.stepNext();
    return score;
  }

  /** Reads the member at a place that `nextScore` was at. */
  readPlace(place: number): void {
    if (this.#form === PACKED) this.#readScore(this.#packed.read(place, this.member));
    else this.readRecord(place);
  }

  /** Reads the member where `seek` went, and goes to the one before. */
  readPrevious(): void {
    const packed = this.#packed;
    if (this.#form === PACKED) {
      this.#readScore(packed.read(this.#at, this.member));
      if (this.#at > packed.first) this.#at = packed.previous(packed.previous(this.#at));
      return;
    }
    this.readRecord(this.#tree.ref);
    this.#tree.stepPrevious();
  }

  /** Begins with the first member for `next`, in any order. */
  rewind(): void {
    this.#at = this.#packed.first;
    this.#bucketIndex = 0;
    this.#inBucket = 0;
    this.#bucket.length = 0;
  }

  /** Reads the next member; false where there is none. */
  next(): boolean {
    if (this.#form === PACKED) {
      if (this.#at >= this.#packed.end) return false;
      this.readNext();
      return true;
    }
    if (!this.#fillBucket()) return false;
    this.readRecord(this.#bucket[this.#inBucket++]!);
    return true;
  }

  /** Sees to a record in `#bucket` that is still to be read; false at the end of the table. */
  #fillBucket(): boolean {
    const { root, table } = this.#members;
    while (this.#inBucket === this.#bucket.length) {
      if (this.#bucketIndex === table.bucketCount(root)) return false;
      this.#bucket.length = table.readBucket(root, this.#bucketIndex++, this.#bucket);
      this.#inBucket = 0;
    }
    return true;
  }

  /** Reads the member of a record of the table. */
  readRecord(record: number): void {
    const { member } = this;
    this.#record = record;
    this.score = this.#scoreOf(record);
    member.isInteger = false;
    member.bytes = this.#members.bytesOf(record);
    member.from = this.#members.memberAt(record);
    member.length = this.#members.memberLength(record);
  }

  /** How many members have a lower score, or, `orEqual`, the same or a lower one. */
  countBelowScore(score: number, orEqual: boolean): number {
    if (this.#form === RANKED) return this.#tree.seekScore(this.#root, score, orEqual);
    const packed = this.#packed;
    let count = 0;
    for (let at = packed.first; at < packed.end; count++) {
      at = this.#readScore(packed.next(at));
      if (orEqual ? this.score > score : this.score >= score) break;
    }
    return count;
  }

  /**
   * The same for members as bytes, which are in order where all scores are equal. The first `known`
   * members are known to come before.
   */
  countBelowMember(
    bytes: Uint8Array,
    from: number,
    length: number,
    orEqual: boolean,
    known: number,
  ): number {
    if (this.#form === RANKED) {
      return this.#tree.seekKey(this.#root, bytes, from, length, orEqual);
    }
    const packed = this.#packed;
    let count = known;
    for (let at = packed.seek(known * 2); at < packed.end; count++) {
      const order = this.#comparePacked(at, bytes, from, length);
      if (orEqual ? order > 0 : order >= 0) break;
      at = packed.next(packed.next(at));
    }
    return count;
  }

  /** Negative if the packed member at `at` comes before the bytes. */
  #comparePacked(at: number, bytes: Uint8Array, from: number, length: number): number {
    const element = this.#element;
    this.#packed.read(at, element);
    if (!element.isInteger) {
      return compareBytes(element.bytes, element.from, element.length, bytes, from, length);
    }
    const digits = element.writeText(this.#text, 0);
    return compareBytes(this.#text, 0, digits, bytes, from, length);
  }

  /** Reads the packed score at `at`; returns the position behind it. */
  #readScore(at: number): number {
    const element = this.#element;
    const behind = this.#packed.read(at, element);
    this.score = element.isInteger
      ? element.high * 4294967296 + (element.low >>> 0)
      : parseDouble(element.bytes, element.from, element.length);
    return behind;
  }

  #scoreOf(record: number): number {
    const words = this.#space.heap.words[record >>> SEGMENT_SHIFT]!;
    const w = (record & UNIT_MASK) << 1;
    scoreWords[0] = words[w + VALUE_WORD]!;
    scoreWords[1] = words[w + HIGH_WORD]!;
    return scoreDouble[0]!;
  }

  #setScore(record: number, score: number): void {
    const words = this.#space.heap.words[record >>> SEGMENT_SHIFT]!;
    const w = (record & UNIT_MASK) << 1;
    scoreDouble[0] = score;
    words[w + VALUE_WORD] = scoreWords[0]!;
    words[w + HIGH_WORD] = scoreWords[1]!;
  }

  // ── Changes; each throws OutOfMemory, and then nothing has changed ─────────────────────────────

  /** Adds a member that is not there. */
  add(bytes: Uint8Array, from: number, length: number, score: number): void {
    if (this.#form === PACKED) {
      const { entries, memberBytes } = this.#limit;
      const packed = this.#packed;
      if (
        (packed.entries >>> 1) + 1 <= entries &&
        length <= memberBytes &&
        packed.end + length <= PACKED_BYTES_MAX
      ) {
        this.#insertPair(this.#placeOf(bytes, from, length, score), bytes, from, length, score);
        return;
      }
      this.#grow();
    }
    this.#addRanked(bytes, from, length, score);
  }

  /** Adds the member that another set has read, which is not there. */
  addMemberOf(other: SortedSet): void {
    const { member, score } = other;
    if (member.isInteger) {
      const length = other.#copyMember();
      this.add(other.#memberCopy, 0, length, score);
    } else this.add(member.bytes, member.from, member.length, score);
  }

  /** Gives the member at the place, which `find` found, another score. */
  rescore(score: number): void {
    if (score === this.score) return;
    if (this.#form === PACKED) this.#rescorePacked(score);
    else if (this.#members.guard === null) {
      this.#tree.rescore(this.#root, this.score, score, this.#record);
      this.#setScore(this.#record, score);
    } else this.#rescoreGuarded(score);
    this.score = score;
  }

  /** Removes the member that `find` or `read` found. */
  remove(): void {
    if (this.#form === PACKED) {
      this.#packed.remove(this.#at, 2);
      return;
    }
    this.#tree.remove(this.#root, this.score, this.#record);
    this.#members.remove(this.#record);
  }

  /** Removes `count` members from `rank` on. */
  removeRange(rank: number, count: number): void {
    if (this.#form === PACKED) {
      this.#packed.remove(this.#packed.seek(rank * 2), count * 2);
      return;
    }
    for (let i = 0; i < count; i++) {
      this.seek(rank);
      this.read();
      this.remove();
    }
  }

  #insertPair(at: number, bytes: Uint8Array, from: number, length: number, score: number): void {
    const packed = this.#packed;
    const element = this.#element.setText(bytes, from, length);
    const size = element.encodedSize;
    const scoreElement = this.#scoreElement(score);
    packed.reserve(size + scoreElement.encodedSize);
    packed.insert(at, element);
    packed.insert(at + size, scoreElement);
  }

  /** The score, ready to be packed. */
  #scoreElement(score: number): Element {
    if (score === Math.trunc(score) && score <= WHOLE_MAX && score >= -WHOLE_MAX) {
      return this.#scoreOut.setInteger(score | 0, Math.floor(score / 4294967296));
    }
    return this.#scoreOut.setText(this.#text, 0, writeDouble(this.#text, 0, score));
  }

  /** Where a member with this score belongs among the packed ones. */
  #placeOf(bytes: Uint8Array, from: number, length: number, score: number): number {
    const packed = this.#packed;
    if (packed.entries > 0) {
      const last = packed.previous(packed.end);
      this.#readScore(last);
      if (this.score < score) return packed.end;
    }
    return this.#placeFrom(packed.first, packed.end, bytes, from, length, score);
  }

  /** The same, among the packed members from `first` on, up to `end`. */
  #placeFrom(
    first: number,
    end: number,
    bytes: Uint8Array,
    from: number,
    length: number,
    score: number,
  ): number {
    const packed = this.#packed;
    let at = first;
    while (at < end) {
      const behind = this.#readScore(packed.next(at));
      if (this.score > score) break;
      if (this.score === score && this.#comparePacked(at, bytes, from, length) > 0) break;
      at = behind;
    }
    return at;
  }

  #rescorePacked(score: number): void {
    const packed = this.#packed;
    const { member } = this;
    const old = this.#at;
    const isHigher = score > this.score;
    const scoreAt = packed.read(old, member);
    const behind = packed.next(scoreAt);
    if (this.#staysAt(old, behind, score)) {
      packed.replace(scoreAt, this.#scoreElement(score));
      return;
    }
    // The member's bytes would move under way, so it travels as a copy.
    const length = this.#copyMember();
    // It moves to one side only.
    const from = isHigher ? behind : packed.first;
    const end = isHigher ? packed.end : old;
    const at = this.#placeFrom(from, end, this.#memberCopy, 0, length, score);
    const before = packed.end;
    this.#insertPair(at, this.#memberCopy, 0, length, score);
    packed.remove(at <= old ? old + packed.end - before : old, 2);
  }

  /** Copies `member`'s text to `#memberCopy`; returns its length. */
  #copyMember(): number {
    const { member } = this;
    if (!member.isInteger && this.#memberCopy.length < member.length) {
      this.#memberCopy = new Uint8Array(member.length);
    }
    return member.writeText(this.#memberCopy, 0);
  }

  /** Whether the packed member at `at` stays where it is with another score; scores that equal a neighbour's do not. */
  #staysAt(at: number, behind: number, score: number): boolean {
    const packed = this.#packed;
    if (at > packed.first) {
      this.#readScore(packed.previous(at));
      if (this.score >= score) return false;
    }
    if (behind === packed.end) return true;
    this.#readScore(packed.next(behind));
    return this.score > score;
  }

  /** The large form takes the packed members. */
  #grow(): void {
    const packed = this.#packed;
    this.#createRanked();
    try {
      for (let at = packed.first; at < packed.end; ) {
        at = this.#readScore(packed.read(at, this.member));
        const { bytes, from, isInteger, length } = this.member;
        if (isInteger) this.#addRanked(this.#memberCopy, 0, this.#copyMember(), this.score);
        else this.#addRanked(bytes, from, length, this.score);
      }
    } catch (error) {
      this.discard();
      this.#form = PACKED;
      throw error;
    }
    packed.free();
  }

  #addRanked(bytes: Uint8Array, from: number, length: number, score: number): void {
    const record = this.#members.add(bytes, from, length, HAS_HIGH, 0);
    this.#setScore(record, score);
    try {
      this.#tree.insert(this.#root, score, record);
    } catch (error) {
      this.#members.remove(record);
      throw error;
    }
  }

  /** The record is being read, so that another one takes its place. */
  #rescoreGuarded(score: number): void {
    const members = this.#members;
    const record = this.#record;
    const other = members.copyOf(record, 0);
    this.#setScore(other, score);
    try {
      this.#tree.insert(this.#root, score, other);
    } catch (error) {
      this.#space.heap.free(other);
      throw error;
    }
    this.#tree.remove(this.#root, this.score, record);
    members.replace(record, other);
    this.#record = other;
  }

  // ── Building in bulk: the tree is made when all members are there ─────────────────────────────

  openBulk(): void {
    this.entry = 0;
    this.#members.create();
    this.#root = 0;
    this.#form = RANKED;
    this.rewind();
  }

  /** Adds a member that is not there. */
  addBulk(bytes: Uint8Array, from: number, length: number, score: number): void {
    this.#setScore(this.#members.add(bytes, from, length, HAS_HIGH, 0), score);
  }

  /** Gives the member that `find` found another score. */
  setBulkScore(score: number): void {
    this.#setScore(this.#record, score);
  }

  /** Adds some of the members to the tree; returns whether those were the last. */
  rankSome(): boolean {
    const members = this.#members;
    const bulk = this.#bulk;
    if (this.#root === 0) {
      this.#root = this.#tree.create();
      members.table.setOwnerWord(members.root, this.#root);
      this.rewind();
    }
    const count = Math.min(RANKED_AT_ONCE, members.count - this.#tree.count(this.#root));
    bulk.begin(count);
    while (bulk.count < count && this.#fillBucket()) {
      const record = this.#bucket[this.#inBucket++]!;
      bulk.gather(this.#scoreOf(record), record);
    }
    bulk.insert(this.#tree, this.#root);
    if (this.#tree.count(this.#root) < members.count) return false;
    bulk.end();
    return true;
  }

  /** Adds all members to the tree. */
  endBulk(): void {
    while (!this.rankSome());
  }

  /** Takes the small form if the set may have it; as in Redis only where the set is stored, because -0 becomes 0. */
  shrink(): void {
    const { entries, memberBytes } = this.#limit;
    if (this.length > entries) return;
    this.rewind();
    while (this.next()) if (this.member.length > memberBytes) return;
    this.#pack();
  }

  #pack(): void {
    const packed = this.#packed;
    const root = this.#members.root;
    packed.create();
    try {
      if (this.length > 0) this.seek(0);
      for (let left = this.length; left > 0; left--) {
        this.readNext();
        const { bytes, from, length } = this.member;
        this.#insertPair(packed.end, bytes, from, length, this.score);
      }
    } catch (error) {
      packed.free();
      throw error;
    }
    this.#form = PACKED;
    while (!this.destroySome(root, Number.MAX_SAFE_INTEGER));
  }

  // ── Inspecting ─────────────────────────────────────────────────────────────────────────────

  usedBytes(samples: number): number {
    if (this.#form === PACKED) return this.#packed.usedBytes;
    const members = this.#members;
    const { heap } = this.#space;
    const count = members.count;
    const sampled = samples === 0 ? count : Math.min(samples, count);
    let bytes = 0;
    this.seek(0);
    for (let i = 0; i < sampled; i++) {
      bytes += heap.usableBytes(this.#tree.ref);
      this.#tree.stepNext();
    }
    return (
      members.table.usedBytes(members.root) +
      this.#tree.usedBytes(this.#root) +
      (sampled === 0 ? 0 : (bytes / sampled) * count)
    );
  }

  digest(into: ValueDigest): void {
    this.seek(0);
    for (let left = this.length; left > 0; left--) {
      this.readNext();
      one.reset().mixElement(this.member);
      one.mix(this.#text, 0, writeDouble17(this.#text, 0, this.score));
      into.add(one.bytes, 0, DIGEST_BYTES);
    }
  }

  /** Names the blocks of a large set that is being freed. */
  checkRest(owns: (block: Ref) => void): void {
    const members = this.#members;
    members.table.check(members.root, owns, owns);
    if (this.#root !== 0) this.#tree.forEachBlock(this.#root, owns);
  }

  check(owns: (block: Ref) => void): void {
    if (this.#form === PACKED) {
      this.#packed.check();
      owns(this.#packed.ref);
      assert(this.#packed.entries % 2 === 0, "each packed member has a score");
      let before = Number.NEGATIVE_INFINITY;
      this.seek(0);
      for (let left = this.length; left > 0; left--) {
        this.readNext();
        assert(this.score >= before, "packed scores ascend");
        before = this.score;
      }
      return;
    }
    const members = this.#members;
    const records = new Set<number>();
    const visit = (record: number, hash: number) => {
      assert(members.table.hashOf(record) === hash, "a slot has the hash of its member");
      owns(record);
      records.add(record);
    };
    members.table.check(members.root, visit, owns);
    this.#tree.check(this.#root, owns);
    this.seek(0);
    for (let left = this.#tree.count(this.#root); left > 0; left--) {
      const { ref, score } = this.#tree;
      assert(records.delete(ref), "a record of the tree is in the table");
      assert(this.#scoreOf(ref) === score, "tree and record have the same score");
      this.#tree.stepNext();
    }
    assert(records.size === 0, "a record of the table is in the tree");
  }
}

const one = new ValueDigest();

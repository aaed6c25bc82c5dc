/**
 * A cursor on a table of member records: the large form of hashes, sets and sorted sets.
 *
 *   record   meta | key length | [the owner's word] | what flags add | member's bytes | tail
 *
 *   `headBytes` is RECORD_BYTES, or BARE_RECORD_BYTES for members that need no word of their own. The
 *   tail is the owner's: a hash's value, nothing in a set. A record may be larger than what it holds.
 *
 * While a walk reads the table (table-walk.ts), `guard` is told of records that come and go, and no
 * record is changed in place: `resized` and `writable` then return another record.
 */
import { copyBytes } from "../base/bytes.ts";
import type { Hash } from "../base/key-hash.ts";
import type { Random } from "../base/random.ts";
import type { BlockGuard } from "./block-guard.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import { FLAG_BYTES, KEY_LENGTH_WORD, META_WORD, VALUE_WORD } from "./record.ts";
import { Table } from "./table.ts";

export class MemberTable {
  readonly heap: Heap;
  /** For what a walk needs; every cursor of a type can share it. */
  readonly table: Table;
  readonly #hash: Hash;
  readonly #headBytes: number;
  /** Told of changes while a walk reads the table; else null. The owner sets it after `open`. */
  guard: BlockGuard | null = null;
  root = 0;

  constructor(heap: Heap, hash: Hash, headBytes: number) {
    this.heap = heap;
    this.#hash = hash;
    this.#headBytes = headBytes;
    this.table = new Table(heap, hash, headBytes);
  }

  create(): void {
    this.guard = null;
    this.root = this.table.create();
  }

  open(root: number): void {
    this.guard = null;
    this.root = root;
  }

  get count(): number {
    return this.table.count(this.root);
  }

  /** The member's record, or 0. */
  find(bytes: Uint8Array, from: number, length: number): number {
    return this.table.find(this.root, this.#hash.of(bytes, from, length), bytes, from, length);
  }

  /**
   * Adds a member that is not there, with `flags` in its meta and room for a tail of `tail` bytes; word
   * and tail are the caller's to write. Throws OutOfMemory, and then nothing has changed.
   */
  add(bytes: Uint8Array, from: number, length: number, flags: number, tail: number): number {
    return this.addHashed(this.#hash.of(bytes, from, length), bytes, from, length, flags, tail);
  }

  /** The same for a member whose hash is known. */
  addHashed(
    hash: number,
    bytes: Uint8Array,
    from: number,
    length: number,
    flags: number,
    tail: number,
  ): number {
    const record = this.heap.alloc(this.#headBytes + (flags & FLAG_BYTES) + length + tail);
    this.#setWord(record, META_WORD, flags);
    this.#setWord(record, KEY_LENGTH_WORD, length);
    copyBytes(bytes, from, this.bytesOf(record), this.memberAt(record), length);
    try {
      this.table.insert(this.root, hash, record);
    } catch (error) {
      this.heap.free(record);
      throw error;
    }
    this.guard?.added(record);
    return record;
  }

  /** The record with room for a tail of `tail` bytes: the same or, with another tail, another one. The tail is the caller's to write. */
  resized(record: number, tail: number): number {
    const bytes = this.tailAt(record) - startOf(record) + tail;
    const usable = this.heap.usableBytes(record);
    const fits = bytes <= usable && (usable <= 64 || bytes * 2 >= usable);
    return fits && this.guard === null ? record : this.#replaced(record, bytes, 0);
  }

  /** The record, or a copy of it with its tail of `tail` bytes, that may be changed in place. */
  writable(record: number, tail: number): number {
    if (this.guard === null) return record;
    return this.#replaced(record, this.tailAt(record) - startOf(record) + tail, tail);
  }

  /** A copy of the record, with `tail` bytes of its tail, that is in no table: for `replace`. */
  copyOf(record: number, tail: number): number {
    const bytes = this.tailAt(record) - startOf(record) + tail;
    return this.#copied(record, bytes, bytes);
  }

  /**
   * A copy of the record with other flags, the first `tail` bytes of its tail and room for `room`, that is in
   * no table: for `replace`. What flags add is the caller's to write.
   */
  remade(record: number, flags: number, tail: number, room: number): number {
    const { heap } = this;
    const length = this.memberLength(record);
    const copied = length + tail;
    const other = heap.alloc(this.#headBytes + flags + length + room);
    const from = this.bytesOf(record);
    const to = this.bytesOf(other);
    copyBytes(from, startOf(record), to, startOf(other), this.#headBytes);
    this.#setWord(other, META_WORD, (this.metaOf(record) & ~FLAG_BYTES) | flags);
    copyBytes(from, this.memberAt(record), to, this.memberAt(other), copied);
    return other;
  }

  /** A new record of `bytes` bytes in the old one's place, with its head, its member and `tail` bytes of its tail. */
  #replaced(record: number, bytes: number, tail: number): number {
    const copied = this.tailAt(record) - startOf(record) + tail;
    const other = this.#copied(record, bytes, copied);
    this.replace(record, other);
    return other;
  }

  /** A block of `bytes` bytes with the first `copied` bytes of the record. */
  #copied(record: number, bytes: number, copied: number): number {
    const other = this.heap.alloc(bytes);
    copyBytes(this.bytesOf(record), startOf(record), this.bytesOf(other), startOf(other), copied);
    return other;
  }

  /** Puts a record that was made of the old one (`copyOf`, `addExpiryWords`) in its place. */
  replace(record: number, other: number): void {
    this.table.replace(this.root, record, other);
    this.guard?.added(other);
    this.#free(record);
  }

  remove(record: number): void {
    this.table.remove(this.root, record);
    this.#free(record);
  }

  #free(record: number): void {
    if (this.guard === null || !this.guard.takes(record)) this.heap.free(record);
  }

  /** A record at random; 0 if there is none. */
  random(random: Random): number {
    return this.table.random(this.root, random);
  }

  /** The records at a scan cursor, written to `out` from `from`; returns the new length. */
  readCursor(cursor: number, out: number[], from: number): number {
    return this.table.readCursor(this.root, cursor, out, from);
  }

  nextCursor(cursor: number): number {
    return this.table.nextCursor(this.root, cursor);
  }

  /** Frees the table, which is empty. */
  destroyEmpty(): void {
    if (this.guard !== null) this.guard.takesRoot(this.root);
    else this.table.destroy(this.root);
  }

  /** Frees about `budget` records of the table at `root`, each after `leaving`. Returns whether the table is gone. */
  freeSome(
    root: number,
    budget: number,
    bucket: number[],
    leaving: ((record: number) => void) | null = null,
  ): boolean {
    for (let left = budget; left > 0; ) {
      const n = this.table.takeLastBucket(root, bucket);
      if (n < 0) return true;
      for (let i = 0; i < n; i++) {
        leaving?.(bucket[i]!);
        this.heap.free(bucket[i]!);
      }
      left -= n + 1;
    }
    return false;
  }

  // ── A record ───────────────────────────────────────────────────────────────────────────────

  metaOf(record: number): number {
    return this.#word(record, META_WORD);
  }

  /** The segment that the record is in; the offsets below count from its start. */
  bytesOf(record: number): Uint8Array {
    return this.heap.bytes[record >>> SEGMENT_SHIFT]!;
  }

  memberAt(record: number): number {
    return startOf(record) + this.#headBytes + (this.metaOf(record) & FLAG_BYTES);
  }

  memberLength(record: number): number {
    return this.#word(record, KEY_LENGTH_WORD);
  }

  tailAt(record: number): number {
    return this.memberAt(record) + this.memberLength(record);
  }

  /** The owner's word. */
  wordOf(record: number): number {
    return this.#word(record, VALUE_WORD);
  }

  setWord(record: number, value: number): void {
    this.#setWord(record, VALUE_WORD, value);
  }

  #word(record: number, word: number): number {
    return this.heap.words[record >>> SEGMENT_SHIFT]![((record & UNIT_MASK) << 1) + word]!;
  }

  #setWord(record: number, word: number, value: number): void {
    this.heap.words[record >>> SEGMENT_SHIFT]![((record & UNIT_MASK) << 1) + word] = value;
  }
}

function startOf(record: number): number {
  return (record & UNIT_MASK) << 3;
}

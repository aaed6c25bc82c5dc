/**
 * One database: keys and their entries. Every command reaches keys through here, so that expiry,
 * access clocks and, while a walk is under way, the saving of old states have one place. What an
 * entry's value is, the types know (types/).
 *
 * A key is given as bytes, offset and length. Its hash is remembered with them, so that a look-up and
 * a write of the same key hash it once; another key in between costs a second hash and nothing else.
 *
 * Refs of entries are valid until the next write to that key: a write may move the entry, and
 * then the method returns its new ref.
 */
import { copyBytes } from "../base/bytes.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import {
  addExpiryWords,
  dropExpiryWords,
  HAS_EXPIRY,
  HAS_HIGH,
  KEY_LENGTH_WORD,
  keyOffset,
  META_WORD,
  RECORD_BYTES,
  VALUE_WORD,
} from "../memory/record.ts";
import {
  CLOCK_SHIFT,
  hasExpiry,
  KEEP_EXPIRY,
  LOW_MASK,
  MARK,
  TYPE_MASK,
  tailBytes,
} from "./entry.ts";
import type { Space } from "./space.ts";
import type { Collection, Entries } from "./value-type.ts";

const TTL_SAMPLES = 32;
const RANDOM_TRIES = 100;
const CLOCK_MAX = 0xffffff;

export class Database implements Entries {
  readonly index: number;
  readonly #space: Space;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  /** The hash of the key last hashed, and where that key lies. */
  #hash = 0;
  #hashedKey: Uint8Array | null = null;
  #hashedFrom = 0;
  #hashedBytes = 0;

  constructor(space: Space, index: number) {
    this.#space = space;
    this.index = index;
    this.#words = space.heap.words;
    this.#bytes = space.heap.bytes;
  }

  get keyCount(): number {
    return this.#space.table.count(this.#space.tableRoot(this.index));
  }

  get expiringCount(): number {
    const wheel = this.#space.wheelRoot(this.index);
    return wheel === 0 ? 0 : this.#space.wheel.count(wheel);
  }

  // ── Finding ────────────────────────────────────────────────────────────────────────────────

  /** The key's entry for a reading command, or 0; counts a hit or a miss. */
  lookup(key: Uint8Array, offset: number, length: number): number {
    const ref = this.peek(key, offset, length);
    if (ref === 0) {
      this.#space.misses++;
      this.#space.hooks.missed?.(this.index, key, offset, length);
      return 0;
    }
    this.#space.hits++;
    this.#touch(ref);
    return ref;
  }

  /** The same for a command that tells about keys: it leaves the access clock alone. */
  inspect(key: Uint8Array, offset: number, length: number): number {
    const ref = this.peek(key, offset, length);
    if (ref === 0) this.#space.misses++;
    else this.#space.hits++;
    return ref;
  }

  /** The key's entry for a writing command, or 0. */
  lookupWrite(key: Uint8Array, offset: number, length: number): number {
    const ref = this.peek(key, offset, length);
    if (ref !== 0) this.#touch(ref);
    else if (this.#space.hidesExpired) this.#expireHidden(key, offset, length);
    return ref;
  }

  /** The key's entry, or 0, without any trace of the look-up. */
  peek(key: Uint8Array, offset: number, length: number): number {
    const space = this.#space;
    const ref = this.find(key, offset, length);
    if (ref !== 0 && this.isExpired(ref)) {
      if (!space.hidesExpired) this.#expire(ref);
      return 0;
    }
    return ref;
  }

  /** The key's entry, or 0, expired or not. */
  find(key: Uint8Array, offset: number, length: number): number {
    const space = this.#space;
    const hash = space.hash.of(key, offset, length);
    this.#hash = hash;
    this.#hashedKey = key;
    this.#hashedFrom = offset;
    this.#hashedBytes = length;
    return space.table.find(space.tableRoot(this.index), hash, key, offset, length);
  }

  #hashOf(key: Uint8Array, offset: number, length: number): number {
    const isKnown =
      key === this.#hashedKey && offset === this.#hashedFrom && length === this.#hashedBytes;
    return isKnown ? this.#hash : this.#space.hash.of(key, offset, length);
  }

  /** Removes the key's entry if it has expired and is only hidden: a key that is written has one entry. */
  #expireHidden(key: Uint8Array, offset: number, length: number): void {
    const ref = this.find(key, offset, length);
    if (ref !== 0 && this.isExpired(ref)) this.#expire(ref);
  }

  /** Removes an expired entry. */
  #expire(ref: number): void {
    const space = this.#space;
    space.expired++;
    space.hooks.removed?.(this.index, ref, "expired");
    this.remove(ref);
  }

  /** Tells the walk, if one has yet to visit the entry, that the entry or its value is about to change. */
  beforeChange(ref: number): void {
    const space = this.#space;
    const { walk } = space;
    if (walk === null || (this.metaOf(ref) & MARK) === space.mark) return;
    walk.beforeChange(space.tableRoot(this.index), ref);
  }

  #touch(ref: number): void {
    const space = this.#space;
    if (!space.touching) return;
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const meta = words[w]!;
    if (meta >>> CLOCK_SHIFT !== space.accessClock) {
      words[w] = (meta & LOW_MASK) | (space.accessClock << CLOCK_SHIFT);
    }
  }

  /** Makes the entry look unused for `seconds`. */
  setIdle(ref: number, seconds: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const clock = this.#space.accessClock - Math.min(seconds, CLOCK_MAX);
    words[w] = (words[w]! & LOW_MASK) | (clock << CLOCK_SHIFT);
  }

  // ── Reading an entry ───────────────────────────────────────────────────────────────────────

  metaOf(ref: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
  }

  /** STRING, LIST, … */
  typeOf(ref: number): number {
    return this.metaOf(ref) & TYPE_MASK;
  }

  /** Bytes of the segment that the entry is in; the offsets below count from its start. */
  bytesOf(ref: number): Uint8Array {
    return this.#bytes[ref >>> SEGMENT_SHIFT]!;
  }

  keyAt(ref: number): number {
    return ((ref & UNIT_MASK) << 3) + keyOffset(this.metaOf(ref));
  }

  keyLength(ref: number): number {
    return this.#word(ref, KEY_LENGTH_WORD);
  }

  /** The word that is or names the value. */
  valueWord(ref: number): number {
    return this.#word(ref, VALUE_WORD);
  }

  // ── Expiry ─────────────────────────────────────────────────────────────────────────────────

  /** The entry's expiry time in ms, or -1. */
  expiryOf(ref: number): number {
    return hasExpiry(this.metaOf(ref)) ? this.#space.wheel.timeOf(ref) : -1;
  }

  /** Sets the entry's expiry; returns the entry, which may have moved. */
  setExpiry(ref: number, expireAtMs: number): number {
    this.beforeChange(ref);
    const space = this.#space;
    const { heap, wheel } = space;
    const root = this.#wheelRoot();
    let entry = ref;
    if (hasExpiry(this.metaOf(ref))) wheel.remove(root, ref);
    else {
      entry = addExpiryWords(heap, ref, this.#entryBytes(ref));
      if (entry !== ref) {
        space.table.replace(space.tableRoot(this.index), ref, entry);
        heap.free(ref);
        space.typeAt(entry).entryMoved?.(entry, this.index);
      }
    }
    wheel.setTime(entry, expireAtMs);
    this.#addToWheel(root, entry, expireAtMs);
    return entry;
  }

  /** Takes the expiry off the entry; it does not move. */
  clearExpiry(ref: number): void {
    this.beforeChange(ref);
    const space = this.#space;
    space.wheel.remove(space.wheelRoot(this.index), ref);
    dropExpiryWords(space.heap, ref, this.#entryBytes(ref));
  }

  /** Removes one expired key; `wheel.budget` bounds the work. Returns false where there is none. */
  expireOne(): boolean {
    const space = this.#space;
    const root = space.wheelRoot(this.index);
    if (root === 0) return false;
    const ref = space.wheel.due(root, space.clock.nowMs - 1);
    if (ref === 0) return false;
    this.#expire(ref);
    return true;
  }

  /** A time no later than when the next key expires, in ms; Infinity if none does. */
  nextExpiryMs(): number {
    const root = this.#space.wheelRoot(this.index);
    return root === 0 ? Number.POSITIVE_INFINITY : this.#space.wheel.nextMs(root);
  }

  /**
   * Writes an open collection back: adds the key if the collection is new, removes it if the collection
   * is empty. Returns whether the key exists now.
   */
  putBack(value: Collection, key: Uint8Array, keyFrom: number, keyBytes: number): boolean {
    const isEmpty = value.length === 0;
    if (isEmpty) value.closeEmpty();
    if (value.entry === 0) {
      if (!isEmpty) value.addTo(this, key, keyFrom, keyBytes);
    } else if (isEmpty) this.removeEntry(value.entry);
    else value.store();
    return !isEmpty;
  }

  /** Allocates what the database needs for its first expiry. Throws OutOfMemory. */
  reserveExpiry(): void {
    this.#wheelRoot();
  }

  /** Whether there is memory for an entry with a key of this length, not counting its value. */
  hasRoomForKey(keyBytes: number): boolean {
    return this.#space.heap.hasRoomFor(RECORD_BYTES + HAS_HIGH + HAS_EXPIRY + keyBytes);
  }

  // ── Whole keys ─────────────────────────────────────────────────────────────────────────────

  /** Removes an entry and its value. */
  remove(ref: number): void {
    this.beforeChange(ref);
    this.#space.freeValue(ref);
    this.removeEntry(ref);
  }

  /** Removes an entry whose value has been freed, or taken elsewhere. */
  removeEntry(ref: number): void {
    const space = this.#space;
    if (hasExpiry(this.metaOf(ref))) space.wheel.remove(space.wheelRoot(this.index), ref);
    space.table.remove(space.tableRoot(this.index), ref);
    space.heap.free(ref);
  }

  /**
   * Gives the entry another key, perhaps in another database. Value and expiry go along.
   * `present` is the entry that the key has there, or 0; it is replaced.
   */
  moveTo(
    ref: number,
    target: Database,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    present: number,
  ): void {
    this.beforeChange(ref);
    const block = this.#cloneUnder(ref, key, keyFrom, keyBytes);
    target.#adopt(block, key, keyFrom, keyBytes, present);
    this.removeEntry(ref);
  }

  /** Copies the entry to another key, whose entry `present`, if not 0, is replaced. */
  copyTo(
    ref: number,
    target: Database,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    present: number,
  ): void {
    const space = this.#space;
    const block = this.#cloneUnder(ref, key, keyFrom, keyBytes);
    try {
      space.typeAt(ref).copy(ref, block);
    } catch (error) {
      space.heap.free(block);
      throw error;
    }
    target.#adopt(block, key, keyFrom, keyBytes, present, true);
  }

  /**
   * Adds an entry that is in no table yet, in place of `present` if that is not 0. Where memory runs
   * out nothing has changed and the entry is freed, with its value if it is the entry's own.
   */
  #adopt(
    block: number,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    present: number,
    ownsValue = false,
  ): void {
    const space = this.#space;
    const root = space.tableRoot(this.index);
    try {
      const wheel = hasExpiry(this.metaOf(block)) ? this.#wheelRoot() : 0;
      if (present === 0) {
        if (space.hidesExpired) this.#expireHidden(key, keyFrom, keyBytes);
        space.table.insert(root, this.#hashOf(key, keyFrom, keyBytes), block);
      } else {
        this.beforeChange(present);
        space.table.replace(root, present, block);
        space.freeValue(present);
        if (hasExpiry(this.metaOf(present)))
          space.wheel.remove(space.wheelRoot(this.index), present);
        space.heap.free(present);
      }
      if (wheel !== 0) this.#addToWheel(wheel, block, space.wheel.timeOf(block));
    } catch (error) {
      if (ownsValue) space.freeValue(block);
      space.heap.free(block);
      throw error;
    }
    space.typeAt(block).entryMoved?.(block, this.index);
    space.hooks.ready?.(this.index, block);
  }

  /** A block with the entry's header and value, but another key; in no table and no wheel. */
  #cloneUnder(ref: number, key: Uint8Array, keyFrom: number, keyBytes: number): number {
    const meta = this.metaOf(ref);
    const head = keyOffset(meta);
    const oldEnd = head + this.keyLength(ref);
    const tail = this.#entryBytes(ref) - oldEnd;
    const block = this.#space.heap.alloc(head + keyBytes + tail);
    const from = this.bytesOf(ref);
    const start = (ref & UNIT_MASK) << 3;
    const to = this.#bytes[block >>> SEGMENT_SHIFT]!;
    const base = (block & UNIT_MASK) << 3;
    copyBytes(from, start, to, base, head);
    copyBytes(key, keyFrom, to, base + head, keyBytes);
    copyBytes(from, start + oldEnd, to, base + head + keyBytes, tail);
    const words = this.#words[block >>> SEGMENT_SHIFT]!;
    words[(base >>> 2) + KEY_LENGTH_WORD] = keyBytes;
    words[base >>> 2] = (meta & ~MARK) | this.#space.mark;
    return block;
  }

  /** Adds an entry to the table; frees it where there is no memory for its slot. */
  #insert(hash: number, block: number): void {
    const space = this.#space;
    try {
      space.table.insert(space.tableRoot(this.index), hash, block);
    } catch (error) {
      space.heap.free(block);
      throw error;
    }
  }

  /** Bytes of all blocks of the entry and its value, and its share of the table. `samples` as in `ValueType.usedBytes`. */
  memoryUsage(ref: number, samples = 0): number {
    const space = this.#space;
    return space.heap.usableBytes(ref) + 16 + space.typeAt(ref).usedBytes(ref, samples);
  }

  /** An entry at random that has not expired, or 0. */
  randomEntry(): number {
    const space = this.#space;
    // Expired keys are removed as they are met, so this ends; and on a replica by the count.
    for (let tries = 1; ; tries++) {
      const ref = space.table.random(space.tableRoot(this.index), space.random);
      if (ref === 0 || !this.isExpired(ref)) return ref;
      if (space.hidesExpired && tries < RANDOM_TRIES) continue;
      if (space.hidesExpired) return ref;
      this.#expire(ref);
    }
  }

  isExpired(ref: number): boolean {
    if (!hasExpiry(this.metaOf(ref)) || this.#space.expiryPaused) return false;
    return this.#space.wheel.timeOf(ref) < this.#space.clock.nowMs;
  }

  /** The average time to live of a sample of the keys that expire, in ms; 0 if none does. */
  averageTtlMs(): number {
    const space = this.#space;
    if (this.expiringCount === 0) return 0;
    const refs: number[] = [];
    let sum = 0;
    let count = 0;
    for (let tries = 0; tries < TTL_SAMPLES; tries++) {
      const n = this.readBucket(space.random.below(this.bucketCount), refs);
      for (let i = 0; i < n; i++) {
        const time = this.expiryOf(refs[i]!);
        if (time < 0) continue;
        sum += Math.max(0, time - space.clock.nowMs);
        count++;
      }
    }
    return count === 0 ? 0 : sum / count;
  }

  get bucketCount(): number {
    return this.#space.table.bucketCount(this.#space.tableRoot(this.index));
  }

  /** The entries of one bucket, expired ones included; returns how many. */
  readBucket(index: number, out: number[]): number {
    return this.#space.table.readBucket(this.#space.tableRoot(this.index), index, out);
  }

  /** The entries at a scan cursor, written to `out` from `from`; returns the new length. */
  readCursor(cursor: number, out: number[], from: number): number {
    return this.#space.table.readCursor(this.#space.tableRoot(this.index), cursor, out, from);
  }

  nextCursor(cursor: number): number {
    return this.#space.table.nextCursor(this.#space.tableRoot(this.index), cursor);
  }

  // ── Blocks ─────────────────────────────────────────────────────────────────────────────────

  #word(ref: number, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #addToWheel(root: number, ref: number, expireAtMs: number): void {
    const space = this.#space;
    space.wheel.add(root, ref);
    if (expireAtMs < space.plannedExpiryMs) space.hooks.expiresSooner?.(expireAtMs);
  }

  #wheelRoot(): number {
    const root = this.#space.wheelRoot(this.index);
    return root !== 0 ? root : this.#space.createWheel(this.index);
  }

  /** Bytes of the block that the entry uses. */
  #entryBytes(ref: number): number {
    const meta = this.metaOf(ref);
    return keyOffset(meta) + this.keyLength(ref) + tailBytes(meta, this.#word(ref, VALUE_WORD));
  }

  /**
   * An entry for a key, of type and encoding `low`, with `tail` bytes behind the key: the present
   * block (`ref`, the key's entry) where it fits well, else a new one in its place. The old value is
   * freed. Value word, high word and tail are the caller's to write.
   */
  place(
    ref: number,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    low: number,
    tail: number,
    expireAtMs: number,
  ): number {
    const space = this.#space;
    const { heap, wheel } = space;
    if (ref !== 0) this.beforeChange(ref);
    else if (space.hidesExpired) this.#expireHidden(key, keyFrom, keyBytes);
    const hadExpiry = ref !== 0 && hasExpiry(this.metaOf(ref));
    let expiry = expireAtMs;
    if (expiry === KEEP_EXPIRY && hadExpiry) expiry = wheel.timeOf(ref);
    const flags = expiry >= 0 ? low | HAS_EXPIRY : low;
    const wheelRoot = expiry >= 0 ? this.#wheelRoot() : 0;
    const size = keyOffset(flags) + keyBytes + tail;
    let block = ref;
    if (ref === 0) {
      block = heap.alloc(size);
      this.#insert(this.#hashOf(key, keyFrom, keyBytes), block);
    } else {
      const usable = heap.usableBytes(ref);
      // Allocate before anything is given up, so that running out of memory changes nothing.
      if (size > usable || (usable > 64 && size * 2 < usable)) block = heap.alloc(size);
      if (hadExpiry) wheel.remove(space.wheelRoot(this.index), ref);
      space.freeValue(ref);
      if (block !== ref) {
        space.table.replace(space.tableRoot(this.index), ref, block);
        heap.free(ref);
      }
    }
    const segment = block >>> SEGMENT_SHIFT;
    const words = this.#words[segment]!;
    const w = (block & UNIT_MASK) << 1;
    words[w + META_WORD] = flags | space.mark | (space.accessClock << CLOCK_SHIFT);
    words[w + KEY_LENGTH_WORD] = keyBytes;
    copyBytes(key, keyFrom, this.#bytes[segment]!, (w << 2) + keyOffset(flags), keyBytes);
    if (expiry >= 0) {
      wheel.setTime(block, expiry);
      this.#addToWheel(wheelRoot, block, expiry);
    }
    if (ref === 0) space.hooks.ready?.(this.index, block);
    return block;
  }

  /** Copies `bytes` bytes of the entry to `block`, which takes its place. */
  relocate(ref: number, block: number, bytes: number): number {
    const start = (ref & UNIT_MASK) << 3;
    copyBytes(
      this.bytesOf(ref),
      start,
      this.#bytes[block >>> SEGMENT_SHIFT]!,
      (block & UNIT_MASK) << 3,
      bytes,
    );
    return this.replaceEntry(ref, block);
  }

  /** `block` is a copy of the entry and takes its place. */
  replaceEntry(ref: number, block: number): number {
    const space = this.#space;
    space.table.replace(space.tableRoot(this.index), ref, block);
    if (hasExpiry(this.metaOf(block))) space.wheel.moved(space.wheelRoot(this.index), block);
    space.heap.free(ref);
    return block;
  }
}

/**
 * A hash table of records that grows and shrinks one bucket at a time (linear hashing).
 *
 * What
 *   With n = 2^level + split buckets, a hash belongs to bucket `hash mod 2^level`, or, where that
 *   bucket has already been split, to `hash mod 2^(level+1)`. Growing splits bucket `split` in
 *   two; shrinking merges the last bucket back. No command ever moves more than one bucket, so
 *   there is no pause at any size and never a second table.
 *
 * Layout (refs in units of 8 bytes)
 *   root, 28 bytes:   0 count | 1 level | 2 split | 3 directory | 4 directory words | 5 page-0 buckets
 *                     6 a word of the owner's
 *   directory:        one ref for each page of 1,024 buckets
 *   bucket, 64 bytes: 7 slots of (record ref, hash), then the ref of an overflow bucket, then 0
 *   Page 0 starts with 4 buckets and doubles up to 1,024; further pages are added whole.
 *
 * Invariants (asserted by `check()`)
 *   The slots of a chain are filled from the front without holes; an overflow bucket is never
 *   empty; every slot's hash leads to its bucket; count is the number of slots in use.
 *
 * Cost
 *   The hash in the slot spares visits to records that do not match and lets a bucket be split
 *   without reading its records. Splitting keeps 4 records a bucket on average, merging 1.5.
 *
 * Hints
 *   `remove` and `replace` need the hash of a record's key. The table remembers the hash of the
 *   record that it last found or inserted, as a hint: where that hash does not lead to the record's
 *   slot, the hash is computed from the key. So no call depends on the call before it.
 *
 * Source: W. Litwin, "Linear hashing: a new tool for file and table addressing" (1980). The scan
 * cursor counts in reversed bits, as in Redis's dictScan, whose guarantee it keeps: buckets that
 * split or merge between two calls share the low bits that were already visited.
 */
import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import type { Hash } from "../base/key-hash.ts";
import type { Random } from "../base/random.ts";
import { type Heap, OutOfMemory, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import { FLAG_BYTES, KEY_LENGTH_WORD, RECORD_BYTES } from "./record.ts";

const COUNT = 0;
const LEVEL = 1;
const SPLIT = 2;
const DIRECTORY = 3;
const DIRECTORY_WORDS = 4;
const FIRST_PAGE_BUCKETS = 5;
const OWNER = 6;
const ROOT_BYTES = 28;
const BUCKET_BYTES = 64;
const BUCKET_UNITS = 8;
const BUCKET_WORDS = 16;
const SLOT_WORDS = 14;
const OVERFLOW = 14;
const PAGE_BUCKETS_SHIFT = 10;
const PAGE_BUCKETS = 1 << PAGE_BUCKETS_SHIFT;
const LEVEL_MIN = 2;
const LEVEL_MAX = 28;
const SPLIT_ABOVE = 4;
const MERGE_BELOW = 1.5;

/** What one more record may take of memory at most, apart from its own block. */
export const SLOT_BYTES_MAX = BUCKET_BYTES;

export class Table {
  readonly #heap: Heap;
  readonly #hash: Hash;
  /** Bytes of a record before what its flags add and its key. */
  readonly #headBytes: number;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  /** The record last found or inserted, and the hash of its key. */
  #hintRef = 0;
  #hintHash = 0;
  /** The slot that `#locate` found. */
  #slotSegment = 0;
  #slotWord = 0;
  /** (ref, hash) pairs of the buckets being split or merged. */
  #scratch = new Int32Array(64);

  constructor(heap: Heap, hash: Hash, headBytes = RECORD_BYTES) {
    this.#headBytes = headBytes;
    this.#heap = heap;
    this.#hash = hash;
    this.#words = heap.words;
    this.#bytes = heap.bytes;
  }

  /** Throws OutOfMemory, and then leaves nothing behind. */
  create(): number {
    const heap = this.#heap;
    const root = heap.alloc(ROOT_BYTES);
    let directory = 0;
    let page: number;
    try {
      directory = heap.alloc(64);
      page = heap.alloc(BUCKET_BYTES << LEVEL_MIN);
    } catch (error) {
      if (directory !== 0) heap.free(directory);
      heap.free(root);
      throw error;
    }
    this.#zero(page, BUCKET_WORDS << LEVEL_MIN);
    this.#set(root, COUNT, 0);
    this.#set(root, LEVEL, LEVEL_MIN);
    this.#set(root, SPLIT, 0);
    this.#set(root, DIRECTORY, directory);
    this.#set(root, DIRECTORY_WORDS, 16);
    this.#set(root, FIRST_PAGE_BUCKETS, 1 << LEVEL_MIN);
    this.#set(root, OWNER, 0);
    this.#set(directory, 0, page);
    return root;
  }

  /** Frees the table, not its records: those must have been freed or taken before. */
  destroy(root: number): void {
    const directory = this.#get(root, DIRECTORY);
    const buckets = this.bucketCount(root);
    // An empty table has no overflow buckets, so there is no need to visit its buckets.
    if (this.count(root) > 0) for (let i = 0; i < buckets; i++) this.clearBucket(root, i);
    for (let i = 0; i << PAGE_BUCKETS_SHIFT < buckets; i++) {
      this.#heap.free(this.#get(directory, i));
    }
    this.#heap.free(directory);
    this.#heap.free(root);
  }

  count(root: number): number {
    return this.#get(root, COUNT);
  }

  /** The owner's word: 0 until it is set. */
  ownerWord(root: number): number {
    return this.#get(root, OWNER);
  }

  setOwnerWord(root: number, word: number): void {
    this.#set(root, OWNER, word);
  }

  bucketCount(root: number): number {
    return (1 << this.#get(root, LEVEL)) + this.#get(root, SPLIT);
  }

  /** Bytes of root, directory and pages of buckets; overflow buckets, which are few, are not counted. */
  usedBytes(root: number): number {
    const heap = this.#heap;
    const directory = this.#get(root, DIRECTORY);
    const pages = Math.ceil(this.bucketCount(root) / PAGE_BUCKETS);
    let bytes = heap.usableBytes(root) + heap.usableBytes(directory);
    for (let i = 0; i < pages; i++) bytes += heap.usableBytes(this.#get(directory, i));
    return bytes;
  }

  /** The record with this key, or 0. `hash` is the key's. */
  find(root: number, hash: number, key: Uint8Array, offset: number, length: number): number {
    let bucket = this.#bucketOf(root, hash);
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      const end = first + SLOT_WORDS;
      for (let w = first; w < end; w += 2) {
        const ref = words[w]!;
        if (ref === 0) return 0;
        if (words[w + 1] === hash && this.#hasKey(ref, key, offset, length)) {
          this.#hintRef = ref;
          this.#hintHash = hash;
          return ref;
        }
      }
      bucket = words[end]!;
    } while (bucket !== 0);
    return 0;
  }

  /** The record with the key of another one, which is in a table of the same kind and has this hash there; or 0. */
  findSame(root: number, hash: number, record: number): number {
    let bucket = this.#bucketOf(root, hash);
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      const end = first + SLOT_WORDS;
      for (let w = first; w < end; w += 2) {
        const ref = words[w]!;
        if (ref === 0) return 0;
        if (words[w + 1] === hash && this.#haveSameKey(ref, record)) return ref;
      }
      bucket = words[end]!;
    } while (bucket !== 0);
    return 0;
  }

  #haveSameKey(ref: number, record: number): boolean {
    const words = this.#words[record >>> SEGMENT_SHIFT]!;
    const w = (record & UNIT_MASK) << 1;
    const at = (w << 2) + this.#headBytes + (words[w]! & FLAG_BYTES);
    const bytes = this.#bytes[record >>> SEGMENT_SHIFT]!;
    return this.#hasKey(ref, bytes, at, words[w + KEY_LENGTH_WORD]!);
  }

  /** The hash of the record's own key. */
  hashOf(ref: number): number {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const bytes = this.#bytes[ref >>> SEGMENT_SHIFT]!;
    const at = (w << 2) + this.#headBytes + (words[w]! & FLAG_BYTES);
    return this.#hash.of(bytes, at, words[w + KEY_LENGTH_WORD]!);
  }

  /** Finds the slot of a record; returns the hash of its key. Throws where the table has no such record. */
  #locate(root: number, ref: number): number {
    if (ref === this.#hintRef && this.#findSlot(root, this.#hintHash, ref)) return this.#hintHash;
    const hash = this.hashOf(ref);
    assert(this.#findSlot(root, hash, ref), "the record is in the table");
    return hash;
  }

  /** Looks for the record in the bucket of `hash`. */
  #findSlot(root: number, hash: number, ref: number): boolean {
    let bucket = this.#bucketOf(root, hash);
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      for (let w = first; w < first + SLOT_WORDS; w += 2) {
        if (words[w] !== ref) continue;
        this.#slotSegment = bucket >>> SEGMENT_SHIFT;
        this.#slotWord = w;
        return true;
      }
      bucket = words[first + OVERFLOW]!;
    } while (bucket !== 0);
    return false;
  }

  /** Adds a record whose key is not in the table. */
  insert(root: number, hash: number, ref: number): void {
    const count = this.#get(root, COUNT) + 1;
    const level = this.#get(root, LEVEL);
    const buckets = (1 << level) + this.#get(root, SPLIT);
    if (count > buckets * SPLIT_ABOVE && level < LEVEL_MAX) this.#trySplit(root);
    this.#append(this.#bucketOf(root, hash), ref, hash);
    this.#set(root, COUNT, count);
    this.#hintRef = ref;
    this.#hintHash = hash;
  }

  /** The record at `ref` has moved to `by`. Both have the same key, which is still readable at `ref`. */
  replace(root: number, ref: number, by: number): void {
    const hash = this.#locate(root, ref);
    this.#words[this.#slotSegment]![this.#slotWord] = by;
    this.#hintRef = by;
    this.#hintHash = hash;
  }

  /** Takes the record out of the table; it stays the caller's to free. */
  remove(root: number, ref: number): void {
    const hash = this.#locate(root, ref);
    this.#hintRef = 0;
    // The chain's last slot fills the hole, so chains stay dense.
    let bucket = this.#bucketOf(root, hash);
    let before = 0;
    for (;;) {
      const next = this.#get(bucket, OVERFLOW);
      if (next === 0) break;
      before = bucket;
      bucket = next;
    }
    const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
    const first = (bucket & UNIT_MASK) << 1;
    let last = first + SLOT_WORDS - 2;
    while (words[last] === 0) last -= 2;
    const hole = this.#words[this.#slotSegment]!;
    hole[this.#slotWord] = words[last]!;
    hole[this.#slotWord + 1] = words[last + 1]!;
    words[last] = 0;
    if (last === first && before !== 0) {
      this.#set(before, OVERFLOW, 0);
      this.#heap.free(bucket);
    }
    const count = this.#get(root, COUNT) - 1;
    this.#set(root, COUNT, count);
    if (count < this.bucketCount(root) * MERGE_BELOW) this.#merge(root);
  }

  /** Writes the records of bucket `index` to `out` from `from` on; returns the offset behind them. */
  readBucket(root: number, index: number, out: number[], from = 0): number {
    let bucket = this.#bucketAt(root, index);
    let n = from;
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      for (let w = first; w < first + SLOT_WORDS && words[w] !== 0; w += 2) out[n++] = words[w]!;
      bucket = words[first + OVERFLOW]!;
    } while (bucket !== 0);
    return n;
  }

  /** The same with each record's hash behind it. */
  readSlots(root: number, index: number, out: number[]): number {
    let bucket = this.#bucketAt(root, index);
    let n = 0;
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      for (let w = first; w < first + SLOT_WORDS && words[w] !== 0; w += 2) {
        out[n++] = words[w]!;
        out[n++] = words[w + 1]!;
      }
      bucket = words[first + OVERFLOW]!;
    } while (bucket !== 0);
    return n;
  }

  /**
   * Takes the last bucket off a table that is being taken apart, and destroys the table with its first
   * buckets. Writes the bucket's records to `out`, which are the caller's to free; returns how many,
   * or -1 once the table is gone.
   */
  takeLastBucket(root: number, out: number[]): number {
    let level = this.#get(root, LEVEL);
    let split = this.#get(root, SPLIT);
    if (level === LEVEL_MIN && split === 0) {
      for (let index = 0; index < 1 << LEVEL_MIN; index++) {
        const n = this.readBucket(root, index, out);
        this.clearBucket(root, index);
        if (n > 0) return n;
      }
      this.destroy(root);
      return -1;
    }
    if (split === 0) {
      level--;
      split = 1 << level;
    }
    split--;
    const gone = (1 << level) + split;
    const n = this.readBucket(root, gone, out);
    this.clearBucket(root, gone);
    this.#dropBucket(root, gone);
    this.#set(root, LEVEL, level);
    this.#set(root, SPLIT, split);
    return n;
  }

  /** Empties a bucket of a table that is being taken apart; its records stay the caller's. */
  clearBucket(root: number, index: number): void {
    const bucket = this.#bucketAt(root, index);
    let n = 0;
    for (let w = 0; w < SLOT_WORDS && this.#get(bucket, w) !== 0; w += 2) n++;
    let overflow = this.#get(bucket, OVERFLOW);
    while (overflow !== 0) {
      for (let w = 0; w < SLOT_WORDS && this.#get(overflow, w) !== 0; w += 2) n++;
      const next = this.#get(overflow, OVERFLOW);
      this.#heap.free(overflow);
      overflow = next;
    }
    this.#zero(bucket, BUCKET_WORDS);
    this.#set(root, COUNT, this.#get(root, COUNT) - n);
  }

  /**
   * Reads the buckets that scan cursor `cursor` stands for: one, or the two that it was split in.
   * `out` receives the records from `from` on; returns the new length. Then `nextCursor` goes on.
   */
  readCursor(root: number, cursor: number, out: number[], from: number): number {
    const level = this.#get(root, LEVEL);
    const index = cursor & ((1 << level) - 1);
    const at = this.readBucket(root, index, out, from);
    if (index >= this.#get(root, SPLIT)) return at;
    return this.readBucket(root, index + (1 << level), out, at);
  }

  /** The cursor after `cursor`: its low `level` bits, reversed, plus one; 0 at the end. */
  nextCursor(root: number, cursor: number): number {
    let bit = 1 << (this.#get(root, LEVEL) - 1);
    let v = cursor & (bit * 2 - 1);
    while (bit !== 0 && (v & bit) !== 0) {
      v ^= bit;
      bit >>>= 1;
    }
    return bit === 0 ? 0 : v | bit;
  }

  /** A record at random, every one equally likely while chains are at most 16 long; 0 if empty. */
  random(root: number, random: Random): number {
    if (this.#get(root, COUNT) === 0) return 0;
    const buckets = this.bucketCount(root);
    for (;;) {
      const index = random.below(buckets);
      const n = this.#chainLength(root, index);
      const pick = random.below(Math.max(16, n));
      if (pick < n) return this.#recordAt(root, index, pick);
    }
  }

  /** Records in bucket `index`. */
  #chainLength(root: number, index: number): number {
    let bucket = this.#bucketAt(root, index);
    let n = 0;
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      for (let w = first; w < first + SLOT_WORDS && words[w] !== 0; w += 2) n++;
      bucket = words[first + OVERFLOW]!;
    } while (bucket !== 0);
    return n;
  }

  /** Record `nth` of bucket `index`. */
  #recordAt(root: number, index: number, nth: number): number {
    let bucket = this.#bucketAt(root, index);
    let slot = nth << 1;
    for (; slot >= SLOT_WORDS; slot -= SLOT_WORDS) bucket = this.#get(bucket, OVERFLOW);
    return this.#get(bucket, slot);
  }

  #get(ref: number, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #set(ref: number, word: number, value: number): void {
    this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }

  #zero(ref: number, words: number): void {
    const first = (ref & UNIT_MASK) << 1;
    this.#words[ref >>> SEGMENT_SHIFT]!.fill(0, first, first + words);
  }

  #bucketOf(root: number, hash: number): number {
    const words = this.#words[root >>> SEGMENT_SHIFT]!;
    const w = (root & UNIT_MASK) << 1;
    const low = (1 << words[w + LEVEL]!) - 1;
    let index = hash & low;
    if (index < words[w + SPLIT]!) index = hash & (low * 2 + 1);
    const page = this.#get(words[w + DIRECTORY]!, index >>> PAGE_BUCKETS_SHIFT);
    return (page + (index & (PAGE_BUCKETS - 1)) * BUCKET_UNITS) | 0;
  }

  #bucketAt(root: number, index: number): number {
    const page = this.#get(this.#get(root, DIRECTORY), index >>> PAGE_BUCKETS_SHIFT);
    return (page + (index & (PAGE_BUCKETS - 1)) * BUCKET_UNITS) | 0;
  }

  #hasKey(ref: number, key: Uint8Array, offset: number, length: number): boolean {
    const segment = ref >>> SEGMENT_SHIFT;
    const words = this.#words[segment]!;
    const w = (ref & UNIT_MASK) << 1;
    if (words[w + KEY_LENGTH_WORD] !== length) return false;
    // What is before the key takes whole words, so that the key's words can be read at once.
    let word = w + ((this.#headBytes + (words[w]! & FLAG_BYTES)) >>> 2);
    let at = offset;
    for (const end = offset + (length & ~3); at < end; at += 4) {
      const given = key[at]! | (key[at + 1]! << 8) | (key[at + 2]! << 16) | (key[at + 3]! << 24);
      if (words[word++] !== given) return false;
    }
    return equalBytes(this.#bytes[segment]!, word << 2, key, at, length & 3);
  }

  #append(head: number, ref: number, hash: number): void {
    let bucket = head;
    for (;;) {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      const end = first + SLOT_WORDS;
      for (let w = first; w < end; w += 2) {
        if (words[w] !== 0) continue;
        words[w] = ref;
        words[w + 1] = hash;
        return;
      }
      let next = words[end]!;
      if (next === 0) {
        next = this.#heap.alloc(BUCKET_BYTES);
        this.#zero(next, BUCKET_WORDS);
        words[end] = next;
      }
      bucket = next;
    }
  }

  /** Moves the bucket's slots to the scratch pad and empties it. Returns the words written. */
  #drain(head: number): number {
    let n = 0;
    let bucket = head;
    do {
      const words = this.#words[bucket >>> SEGMENT_SHIFT]!;
      const first = (bucket & UNIT_MASK) << 1;
      for (let w = first; w < first + SLOT_WORDS && words[w] !== 0; w += 2) {
        if (n + 2 > this.#scratch.length) {
          const wider = new Int32Array(this.#scratch.length * 2);
          wider.set(this.#scratch);
          this.#scratch = wider;
        }
        this.#scratch[n++] = words[w]!;
        this.#scratch[n++] = words[w + 1]!;
      }
      const next = words[first + OVERFLOW]!;
      if (bucket !== head) this.#heap.free(bucket);
      bucket = next;
    } while (bucket !== 0);
    this.#zero(head, BUCKET_WORDS);
    return n;
  }

  /** Where there is no memory for another bucket, chains become longer: that is no reason to refuse a record. */
  #trySplit(root: number): void {
    try {
      this.#split(root);
    } catch (error) {
      // It is the new bucket that is allocated first, and nothing has changed before.
      if (!(error instanceof OutOfMemory)) throw error;
    }
  }

  #split(root: number): void {
    const level = this.#get(root, LEVEL);
    const split = this.#get(root, SPLIT);
    const created = (1 << level) + split;
    this.#addBucket(root, created);
    const low = this.#bucketAt(root, split);
    const high = this.#bucketAt(root, created);
    const n = this.#drain(low);
    const scratch = this.#scratch;
    for (let i = 0; i < n; i += 2) {
      const hash = scratch[i + 1]!;
      this.#append((hash >>> level) & 1 ? high : low, scratch[i]!, hash);
    }
    if (split + 1 === 1 << level) {
      this.#set(root, LEVEL, level + 1);
      this.#set(root, SPLIT, 0);
    } else {
      this.#set(root, SPLIT, split + 1);
    }
  }

  #merge(root: number): void {
    // The records of two buckets may need one overflow bucket more; a removal must never fail.
    if (!this.#heap.hasRoomFor(BUCKET_BYTES)) return;
    let level = this.#get(root, LEVEL);
    let split = this.#get(root, SPLIT);
    if (split === 0) {
      if (level === LEVEL_MIN) return;
      level--;
      split = 1 << level;
    }
    split--;
    const gone = (1 << level) + split;
    const n = this.#drain(this.#bucketAt(root, gone));
    const low = this.#bucketAt(root, split);
    for (let i = 0; i < n; i += 2) this.#append(low, this.#scratch[i]!, this.#scratch[i + 1]!);
    this.#dropBucket(root, gone);
    this.#set(root, LEVEL, level);
    this.#set(root, SPLIT, split);
  }

  #addBucket(root: number, index: number): void {
    const heap = this.#heap;
    const page = index >>> PAGE_BUCKETS_SHIFT;
    if (page === 0) {
      const buckets = this.#get(root, FIRST_PAGE_BUCKETS);
      if (index >= buckets) this.#resizeFirstPage(root, buckets, buckets * 2);
    } else if ((index & (PAGE_BUCKETS - 1)) === 0) {
      const directoryWords = this.#get(root, DIRECTORY_WORDS);
      if (page >= directoryWords) {
        const wider = heap.alloc(directoryWords * 8);
        const old = this.#get(root, DIRECTORY);
        for (let i = 0; i < directoryWords; i++) this.#set(wider, i, this.#get(old, i));
        heap.free(old);
        this.#set(root, DIRECTORY, wider);
        this.#set(root, DIRECTORY_WORDS, directoryWords * 2);
      }
      this.#set(this.#get(root, DIRECTORY), page, heap.alloc(PAGE_BUCKETS * BUCKET_BYTES));
    }
    this.#zero(this.#bucketAt(root, index), BUCKET_WORDS);
  }

  #dropBucket(root: number, index: number): void {
    if (index >>> PAGE_BUCKETS_SHIFT === 0) {
      const buckets = this.#get(root, FIRST_PAGE_BUCKETS);
      if (index * 4 <= buckets && this.#heap.hasRoomFor((buckets / 2) * BUCKET_BYTES)) {
        this.#resizeFirstPage(root, index, buckets / 2);
      }
    } else if ((index & (PAGE_BUCKETS - 1)) === 0) {
      this.#heap.free(this.#get(this.#get(root, DIRECTORY), index >>> PAGE_BUCKETS_SHIFT));
    }
  }

  /** Moves page 0, whose first `used` buckets matter, to one of `buckets` buckets. */
  #resizeFirstPage(root: number, used: number, buckets: number): void {
    const directory = this.#get(root, DIRECTORY);
    const old = this.#get(directory, 0);
    const page = this.#heap.alloc(buckets * BUCKET_BYTES);
    const from = (old & UNIT_MASK) << 1;
    this.#words[page >>> SEGMENT_SHIFT]!.set(
      this.#words[old >>> SEGMENT_SHIFT]!.subarray(from, from + used * BUCKET_WORDS),
      (page & UNIT_MASK) << 1,
    );
    this.#heap.free(old);
    this.#set(directory, 0, page);
    this.#set(root, FIRST_PAGE_BUCKETS, buckets);
  }

  /** Asserts the invariants, hands every record to `visit`, and every block of the table to `owns`. */
  check(
    root: number,
    visit: (ref: number, hash: number) => void,
    owns: (block: number) => void,
  ): void {
    const level = this.#get(root, LEVEL);
    const split = this.#get(root, SPLIT);
    const buckets = (1 << level) + split;
    let count = 0;
    owns(root);
    owns(this.#get(root, DIRECTORY));
    for (let page = 0; page << PAGE_BUCKETS_SHIFT < buckets; page++) {
      owns(this.#get(this.#get(root, DIRECTORY), page));
    }
    for (let index = 0; index < buckets; index++) {
      let bucket = this.#bucketAt(root, index);
      let ended = false;
      for (;;) {
        let here = 0;
        for (let w = 0; w < SLOT_WORDS; w += 2) {
          const ref = this.#get(bucket, w);
          if (ref === 0) {
            ended = true;
            continue;
          }
          assert(!ended, `bucket ${index} has a hole`);
          const hash = this.#get(bucket, w + 1);
          assert(this.#bucketOf(root, hash) === this.#bucketAt(root, index), "slot in its bucket");
          visit(ref, hash);
          here++;
        }
        count += here;
        const next = this.#get(bucket, OVERFLOW);
        if (next === 0) break;
        assert(!ended, `bucket ${index} has an overflow it does not need`);
        owns(next);
        bucket = next;
        assert(this.#get(bucket, 0) !== 0, `overflow of bucket ${index} is empty`);
      }
    }
    assert(count === this.#get(root, COUNT), `count ${this.#get(root, COUNT)}, found ${count}`);
  }
}

/**
 * A set of integers in one block, sorted, all of the same width: 16, 32 or 64 bits.
 *
 * Layout (little-endian, byte for byte Redis's intset, so that a file takes the block as it is)
 *     +0  bytes of a value: 2, 4 or 8
 *     +4  count
 *     +8  the values, ascending
 *   The block may be larger than that: `Heap.usableBytes` tells.
 *
 * What
 *   A value is given and found as two int32 words, low and high, so that 64 bits need no BigInt. The
 *   width is that of the widest value there ever was; as in Redis it never becomes less.
 *   An operation that changes the set returns its ref, which may be another one than before.
 *
 * Invariants (asserted by `check()`)
 *   The width is 2, 4 or 8; the values are strictly ascending and lie within the block.
 *
 * Cost
 *   `find` is a binary search. `add` and `remove` move what is behind the value; they suit the few
 *   hundred values of `set-max-intset-entries`.
 *
 * Where the heap has no room (OutOfMemory), the set is as it was before.
 */
import { assert } from "../base/assert.ts";
import { copyBytes } from "../base/bytes.ts";
import { type Heap, roundedBytes, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";

const WIDTH = 0;
const COUNT = 1;
const HEADER_WORDS = 2;
const HEADER_BYTES = 8;
/** Up to this size a block is as large as its values; beyond that it grows by a quarter. */
const EXACT_BYTES_MAX = 256;
/** Smaller blocks are not worth a move when values leave. */
const SHRINK_BYTES_MIN = 64;

function widthOf(low: number, high: number): number {
  if (high !== low >> 31) return 8;
  return low === (low << 16) >> 16 ? 2 : 4;
}

export class IntSet {
  readonly #heap: Heap;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  /** The value that `read` found. */
  low = 0;
  high = 0;
  /** Where the value that `find` looked for is, or belongs. */
  index = 0;
  /** Whether the last `add` or `remove` changed the set. */
  changed = false;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#words = heap.words;
    this.#bytes = heap.bytes;
  }

  create(): number {
    const ref = this.#heap.alloc(HEADER_BYTES);
    this.#set(ref, WIDTH, 2);
    this.#set(ref, COUNT, 0);
    return ref;
  }

  /**
   * A set from an intset of foreign bytes, such as those of a file; 0 where they are damaged.
   */
  createFrom(bytes: Uint8Array, offset: number, length: number): number {
    if (length < HEADER_BYTES) return 0;
    const ref = this.#heap.alloc(length);
    copyBytes(bytes, offset, this.#bytes[ref >>> SEGMENT_SHIFT]!, (ref & UNIT_MASK) << 3, length);
    if (this.#isSound(ref, length) && this.blobBytes(ref) === length) return ref;
    this.#heap.free(ref);
    return 0;
  }

  copy(ref: number): number {
    const length = this.blobBytes(ref);
    const copy = this.#heap.alloc(length);
    this.#copyBytes(ref, copy, length);
    return copy;
  }

  count(ref: number): number {
    return this.#get(ref, COUNT);
  }

  /** Bytes of a value. */
  width(ref: number): number {
    return this.#get(ref, WIDTH);
  }

  /** Bytes from the start of the block to the end of the values: the length of Redis's intset. */
  blobBytes(ref: number): number {
    return HEADER_BYTES + this.#get(ref, COUNT) * this.#get(ref, WIDTH);
  }

  /** Reads the value at `index`, counted from the least, into `low` and `high`. */
  read(ref: number, index: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const first = w + HEADER_WORDS;
    switch (words[w + WIDTH]) {
      case 2:
        this.low = (words[first + (index >> 1)]! << ((1 - (index & 1)) << 4)) >> 16;
        break;
      case 4:
        this.low = words[first + index]!;
        break;
      default:
        this.low = words[first + index * 2]!;
        this.high = words[first + index * 2 + 1]!;
        return;
    }
    this.high = this.low >> 31;
  }

  /** Whether the value is there; `index` is then its place, else the place where it belongs. */
  find(ref: number, low: number, high: number): boolean {
    const count = this.#get(ref, COUNT);
    if (widthOf(low, high) > this.#get(ref, WIDTH)) {
      this.index = high < 0 ? 0 : count;
      return false;
    }
    let from = 0;
    let to = count - 1;
    // Ascending values come often: the last one is looked at first.
    if (count > 0 && this.#compare(ref, to, low, high) < 0) from = count;
    while (from <= to) {
      const middle = (from + to) >>> 1;
      const order = this.#compare(ref, middle, low, high);
      if (order === 0) {
        this.index = middle;
        return true;
      }
      if (order < 0) from = middle + 1;
      else to = middle - 1;
    }
    this.index = from;
    return false;
  }

  /** Adds the value. Returns the set's ref; `changed` says whether the value is new. */
  add(ref: number, low: number, high: number): number {
    this.changed = false;
    if (this.find(ref, low, high)) return ref;
    const { index } = this;
    const count = this.#get(ref, COUNT);
    const width = Math.max(this.#get(ref, WIDTH), widthOf(low, high));
    const to = this.#sized(ref, width, count + 1);
    const from = HEADER_BYTES + index * width;
    const base = (to & UNIT_MASK) << 3;
    this.#bytes[to >>> SEGMENT_SHIFT]!.copyWithin(
      base + from + width,
      base + from,
      base + HEADER_BYTES + count * width,
    );
    this.#write(to, index, low, high);
    this.#set(to, COUNT, count + 1);
    this.changed = true;
    return to;
  }

  /** Removes the value. Returns the set's ref; `changed` says whether it was there. */
  remove(ref: number, low: number, high: number): number {
    this.changed = this.find(ref, low, high);
    return this.changed ? this.removeAt(ref, this.index) : ref;
  }

  /** Removes the value at `index`. Returns the set's ref. */
  removeAt(ref: number, index: number): number {
    const count = this.#get(ref, COUNT) - 1;
    const width = this.#get(ref, WIDTH);
    const base = (ref & UNIT_MASK) << 3;
    const at = base + HEADER_BYTES + index * width;
    this.#bytes[ref >>> SEGMENT_SHIFT]!.copyWithin(
      at,
      at + width,
      base + HEADER_BYTES + (count + 1) * width,
    );
    this.#set(ref, COUNT, count);
    return this.#shrunk(ref);
  }

  destroy(ref: number): void {
    this.#heap.free(ref);
  }

  /** Negative if the value at `index` is less than this one, 0 if it is equal. */
  #compare(ref: number, index: number, low: number, high: number): number {
    this.read(ref, index);
    if (this.high !== high) return this.high < high ? -1 : 1;
    const difference = (this.low >>> 0) - (low >>> 0);
    return difference;
  }

  #write(ref: number, index: number, low: number, high: number): void {
    const width = this.#get(ref, WIDTH);
    if (width === 2) {
      const bytes = this.#bytes[ref >>> SEGMENT_SHIFT]!;
      const at = ((ref & UNIT_MASK) << 3) + HEADER_BYTES + index * 2;
      bytes[at] = low;
      bytes[at + 1] = low >>> 8;
    } else if (width === 4) {
      this.#set(ref, HEADER_WORDS + index, low);
    } else {
      this.#set(ref, HEADER_WORDS + index * 2, low);
      this.#set(ref, HEADER_WORDS + index * 2 + 1, high);
    }
  }

  /** The set with room for `count` values of `width`, in its block or in another. */
  #sized(ref: number, width: number, count: number): number {
    const needed = HEADER_BYTES + count * width;
    const had = this.#get(ref, WIDTH);
    const capacity = this.#heap.usableBytes(ref);
    let to = ref;
    if (needed > capacity) {
      to = this.#heap.alloc(needed <= EXACT_BYTES_MAX ? needed : needed + (needed >>> 2));
    }
    if (width === had) {
      if (to !== ref) this.#copyBytes(ref, to, this.blobBytes(ref));
    } else {
      // From the last on: within one block, a wider value overwrites only those already moved.
      this.#set(to, COUNT, this.#get(ref, COUNT));
      for (let i = this.#get(ref, COUNT) - 1; i >= 0; i--) {
        this.#set(ref, WIDTH, had);
        this.read(ref, i);
        this.#set(to, WIDTH, width);
        this.#write(to, i, this.low, this.high);
      }
      this.#set(to, WIDTH, width);
    }
    if (to !== ref) this.#heap.free(ref);
    return to;
  }

  /** Gives back most of the block when the values have become few. Returns the set's ref. */
  #shrunk(ref: number): number {
    const used = this.blobBytes(ref);
    const capacity = this.#heap.usableBytes(ref);
    const smaller = used <= EXACT_BYTES_MAX ? used : used + (used >>> 2);
    if (capacity <= SHRINK_BYTES_MIN || roundedBytes(smaller) * 2 > capacity) return ref;
    // Where even the smaller block cannot be had, the large one stays.
    if (!this.#heap.hasRoomFor(smaller)) return ref;
    const to = this.#heap.alloc(smaller);
    this.#copyBytes(ref, to, used);
    this.#heap.free(ref);
    return to;
  }

  #copyBytes(from: number, to: number, length: number): void {
    copyBytes(
      this.#bytes[from >>> SEGMENT_SHIFT]!,
      (from & UNIT_MASK) << 3,
      this.#bytes[to >>> SEGMENT_SHIFT]!,
      (to & UNIT_MASK) << 3,
      length,
    );
  }

  #isSound(ref: number, capacity: number): boolean {
    const width = this.#get(ref, WIDTH);
    const count = this.#get(ref, COUNT);
    if ((width !== 2 && width !== 4 && width !== 8) || count < 0) return false;
    if (HEADER_BYTES + count * width > capacity) return false;
    for (let i = 1; i < count; i++) {
      this.read(ref, i - 1);
      const { low, high } = this;
      if (this.#compare(ref, i, low, high) <= 0) return false;
    }
    return true;
  }

  #get(ref: number, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #set(ref: number, word: number, value: number): void {
    this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }

  /** Asserts the invariants. */
  check(ref: number): void {
    assert(this.#isSound(ref, this.#heap.usableBytes(ref)), "ascending integers in their block");
  }
}

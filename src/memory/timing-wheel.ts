/**
 * A hierarchical timing wheel of records: knows which record expires next without a search.
 *
 * What
 *   8 levels of 64 slots over a 48-bit time in ms, 6 bits a level. A record waits at the level of
 *   the highest digit in which its time differs from the wheel's `now`, in the slot of that digit;
 *   when `now` comes to a slot of a higher level, its records move down. Times beyond 2^48 ms wait
 *   in the last slot and are placed anew when it comes.
 *
 * Layout
 *   root, words: 0 count | 1 now, low 24 bits | 2 now, high 24 bits | 3 unused
 *                4 + 2 * level: 64 bits that say which slots hold records
 *                20 + 64 * level + slot: first record
 *   record: the words that HAS_EXPIRY adds (see record.ts): time low, time high, previous, next.
 *   The first record of a slot has 1 + its slot's number (1 to 512) as previous; no ref of a
 *   record is that small.
 *
 * Cost
 *   add and remove O(1); each record moves down at most 7 times. `popDue` moves at most
 *   `budget` records at a time, so any number of keys that expire together is taken in slices.
 *   Only where the clock was set back are all records placed anew at once.
 *
 * Source: G. Varghese and T. Lauck, "Hashed and hierarchical timing wheels" (1987).
 */
import { assert } from "../base/assert.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import { EXPIRY_WORD } from "./record.ts";

const COUNT = 0;
const NOW_LOW = 1;
const NOW_HIGH = 2;
const BITS = 4;
const SLOTS = 20;
const LEVELS = 8;
const ROOT_WORDS = SLOTS + LEVELS * 64;
const HALF = 2 ** 24;
/** A clock that is corrected by less than this just has to catch up with the wheel. */
const SET_BACK_MS = 1000;
const LOW = EXPIRY_WORD;
const HIGH = EXPIRY_WORD + 1;
const PREVIOUS = EXPIRY_WORD + 2;
const NEXT = EXPIRY_WORD + 3;

export class TimingWheel {
  readonly #heap: Heap;
  readonly #words: Int32Array[];
  /** How many more records `popDue` may move; the caller fills it up. */
  budget = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#words = heap.words;
  }

  create(nowMs: number): number {
    const root = this.#heap.alloc(ROOT_WORDS * 4);
    const first = (root & UNIT_MASK) << 1;
    this.#words[root >>> SEGMENT_SHIFT]!.fill(0, first, first + ROOT_WORDS);
    this.#setNow(root, nowMs);
    return root;
  }

  count(root: number): number {
    return this.#get(root, COUNT);
  }

  /** The record's expiry time in ms. */
  timeOf(ref: number): number {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    return words[w + HIGH]! * 4294967296 + (words[w + LOW]! >>> 0);
  }

  /** Writes the time to a record that is in no wheel. */
  setTime(ref: number, timeMs: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    words[w + HIGH] = Math.floor(timeMs / 4294967296);
    words[w + LOW] = (timeMs % 4294967296) | 0;
  }

  /** Adds a record whose time is set. */
  add(root: number, ref: number): void {
    this.#place(root, ref);
    this.#set(root, COUNT, this.#get(root, COUNT) + 1);
  }

  remove(root: number, ref: number): void {
    this.#unlink(root, ref);
    this.#set(root, COUNT, this.#get(root, COUNT) - 1);
  }

  /** The record at `ref` was copied whole from `old`, which is about to be freed. */
  moved(root: number, ref: number): void {
    const previous = this.#get(ref, PREVIOUS);
    const next = this.#get(ref, NEXT);
    if (previous > 0 && previous <= LEVELS * 64) this.#set(root, SLOTS + previous - 1, ref);
    else this.#set(previous, NEXT, ref);
    if (next !== 0) this.#set(next, PREVIOUS, ref);
  }

  /**
   * A record whose time is `nowMs` or earlier, the earliest slots first; it stays in the wheel.
   * 0 where there is none, or where `budget` ran out.
   */
  due(root: number, nowMs: number): number {
    const target = Math.floor(nowMs);
    if (target < this.#now(root) - SET_BACK_MS) this.#setBack(root, target);
    while (this.budget > 0) {
      const slot = this.#firstSlot(root);
      if (slot < 0 || this.#deadline(root, slot) > target) {
        if (target > this.#now(root)) this.#setNow(root, target);
        return 0;
      }
      const deadline = this.#deadline(root, slot);
      if (deadline > this.#now(root)) this.#setNow(root, deadline);
      this.budget--;
      const ref = this.#get(root, SLOTS + slot);
      if (slot < 64) return ref;
      this.#unlink(root, ref);
      this.#place(root, ref);
    }
    return 0;
  }

  /** A time no later than that of the next record to expire; Infinity if there is none. */
  nextMs(root: number): number {
    const slot = this.#firstSlot(root);
    return slot < 0 ? Number.POSITIVE_INFINITY : this.#deadline(root, slot);
  }

  destroy(root: number): void {
    this.#heap.free(root);
  }

  #now(root: number): number {
    return this.#get(root, NOW_HIGH) * HALF + this.#get(root, NOW_LOW);
  }

  #setNow(root: number, ms: number): void {
    const high = Math.floor(ms / HALF);
    this.#set(root, NOW_HIGH, high);
    this.#set(root, NOW_LOW, ms - high * HALF);
  }

  #digit(root: number, level: number): number {
    return level < 4
      ? (this.#get(root, NOW_LOW) >>> (level * 6)) & 63
      : (this.#get(root, NOW_HIGH) >>> ((level - 4) * 6)) & 63;
  }

  /** The start of the slot's span, in ms; may be in the past for a slot being moved down. */
  #deadline(root: number, slot: number): number {
    const level = slot >>> 6;
    const digit = slot & 63;
    const low = this.#get(root, NOW_LOW);
    const high = this.#get(root, NOW_HIGH);
    if (level < 4) {
      const shift = level * 6;
      return high * HALF + (((low >>> shift) & ~63) | digit) * (1 << shift);
    }
    const shift = (level - 4) * 6;
    return (((high >>> shift) & ~63) | digit) * (1 << shift) * HALF;
  }

  /** The slot whose time comes first, or -1. */
  #firstSlot(root: number): number {
    if (this.#get(root, COUNT) === 0) return -1;
    // A due slot of a higher level that is not yet empty is handled first.
    for (let level = LEVELS - 1; level > 0; level--) {
      const digit = this.#digit(root, level);
      const bits = this.#get(root, BITS + level * 2 + (digit >>> 5));
      if ((bits >>> (digit & 31)) & 1) return level * 64 + digit;
    }
    for (let level = 0; level < LEVELS; level++) {
      for (let half = 0; half < 2; half++) {
        const bits = this.#get(root, BITS + level * 2 + half);
        if (bits !== 0) return level * 64 + half * 32 + 31 - Math.clz32(bits & -bits);
      }
    }
    return -1;
  }

  /** The clock was set back: places every record anew, or they would wait for the old time. */
  #setBack(root: number, nowMs: number): void {
    let all = 0;
    for (let slot = 0; slot < LEVELS * 64; slot++) {
      for (let ref = this.#get(root, SLOTS + slot); ref !== 0; ) {
        const next = this.#get(ref, NEXT);
        this.#set(ref, NEXT, all);
        all = ref;
        ref = next;
      }
      this.#set(root, SLOTS + slot, 0);
    }
    for (let word = BITS; word < SLOTS; word++) this.#set(root, word, 0);
    this.#setNow(root, nowMs);
    while (all !== 0) {
      const next = this.#get(all, NEXT);
      this.#place(root, all);
      all = next;
    }
  }

  #place(root: number, ref: number): void {
    const time = Math.max(this.timeOf(ref), this.#now(root));
    const nowLow = this.#get(root, NOW_LOW);
    const nowHigh = this.#get(root, NOW_HIGH);
    let high = Math.floor(time / HALF);
    let low = time - high * HALF;
    if (high >= HALF) {
      high = HALF - 1;
      low = HALF - 1;
    }
    let slot: number;
    if (high === nowHigh) {
      const x = low ^ nowLow;
      const level = x === 0 ? 0 : ((31 - Math.clz32(x)) / 6) | 0;
      slot = level * 64 + ((low >>> (level * 6)) & 63);
    } else {
      const level = ((31 - Math.clz32(high ^ nowHigh)) / 6) | 0;
      slot = (level + 4) * 64 + ((high >>> (level * 6)) & 63);
    }
    const head = this.#get(root, SLOTS + slot);
    this.#set(ref, PREVIOUS, slot + 1);
    this.#set(ref, NEXT, head);
    if (head !== 0) this.#set(head, PREVIOUS, ref);
    this.#set(root, SLOTS + slot, ref);
    const bits = BITS + (slot >>> 5);
    this.#set(root, bits, this.#get(root, bits) | (1 << (slot & 31)));
  }

  #unlink(root: number, ref: number): void {
    const previous = this.#get(ref, PREVIOUS);
    const next = this.#get(ref, NEXT);
    if (next !== 0) this.#set(next, PREVIOUS, previous);
    if (previous > 0 && previous <= LEVELS * 64) {
      const slot = previous - 1;
      this.#set(root, SLOTS + slot, next);
      if (next === 0) {
        const bits = BITS + (slot >>> 5);
        this.#set(root, bits, this.#get(root, bits) & ~(1 << (slot & 31)));
      }
    } else {
      this.#set(previous, NEXT, next);
    }
  }

  #get(ref: number, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #set(ref: number, word: number, value: number): void {
    this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }

  /** Asserts the invariants and hands every record to `visit`. */
  check(root: number, visit: (ref: number) => void): void {
    let count = 0;
    for (let slot = 0; slot < LEVELS * 64; slot++) {
      const head = this.#get(root, SLOTS + slot);
      const bit = (this.#get(root, BITS + (slot >>> 5)) >>> (slot & 31)) & 1;
      assert((head !== 0) === (bit === 1), `bit of slot ${slot}`);
      let previous = slot + 1;
      for (let ref = head; ref !== 0; ref = this.#get(ref, NEXT)) {
        assert(this.#get(ref, PREVIOUS) === previous, `back link in slot ${slot}`);
        const time = this.timeOf(ref);
        assert(
          slot < 64 || this.#deadline(root, slot) <= time || time < this.#now(root),
          `slot ${slot} comes after its record`,
        );
        visit(ref);
        previous = ref;
        count++;
      }
    }
    assert(count === this.#get(root, COUNT), `count ${this.#get(root, COUNT)}, found ${count}`);
  }
}

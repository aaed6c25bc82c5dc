/**
 * Adds many records to a ranked tree at once. They are sorted first: neighbours in the tree are then
 * added one after another, so that most of the way down is in the cache, and a tree that was empty
 * fills its leaves to the last entry.
 *
 * Sorted are the scores by radix, 11 bits a pass, as two words whose unsigned order is that of the
 * doubles; a pass in which all scores agree is left out. Records of equal scores are sorted by their
 * keys then.
 *
 * Source: D. Knuth, "The Art of Computer Programming", vol. 3, 5.2.5 (radix sorting from the lowest digit).
 */
import { compareBytes } from "../base/bytes.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import type { RankedTree } from "./ranked-tree.ts";
import { KEY_LENGTH_WORD, keyOffset } from "./record.ts";

const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
/** Shifts of a word's digits. */
const SHIFTS = [0, 11, 22];

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

export class RankedBulk {
  readonly #heap: Heap;
  readonly #counts = new Int32Array(DIGITS);
  /** What has been gathered: scores as words, and records; and room for the same, sorted. */
  #highs = new Uint32Array(0);
  #lows = new Uint32Array(0);
  #refs = new Int32Array(0);
  #otherHighs = new Uint32Array(0);
  #otherLows = new Uint32Array(0);
  #otherRefs = new Int32Array(0);
  #count = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  get count(): number {
    return this.#count;
  }

  /** Makes room for `capacity` records; none is gathered. */
  begin(capacity: number): void {
    this.#count = 0;
    if (this.#refs.length >= capacity) return;
    this.#highs = new Uint32Array(capacity);
    this.#lows = new Uint32Array(capacity);
    this.#refs = new Int32Array(capacity);
    this.#otherHighs = new Uint32Array(capacity);
    this.#otherLows = new Uint32Array(capacity);
    this.#otherRefs = new Int32Array(capacity);
  }

  gather(score: number, ref: number): void {
    // Adding 0 makes 0 of -0.
    double[0] = score + 0;
    const high = doubleWords[1]!;
    const i = this.#count++;
    this.#highs[i] = high < 0 ? ~high : high ^ 0x80000000;
    this.#lows[i] = high < 0 ? ~doubleWords[0]! : doubleWords[0]!;
    this.#refs[i] = ref;
  }

  /**
   * Adds what has been gathered to the tree at `root`, which has none of it. Throws OutOfMemory; then some are
   * in the tree and some are not.
   */
  insert(tree: RankedTree, root: number): void {
    this.#sort();
    for (let i = 0; i < this.#count; i++) tree.insert(root, this.#scoreAt(i), this.#refs[i]!);
    this.#count = 0;
  }

  /** Gives the buffers back. */
  end(): void {
    const none = new Uint32Array(0);
    this.#highs = none;
    this.#lows = none;
    this.#otherHighs = none;
    this.#otherLows = none;
    this.#refs = new Int32Array(0);
    this.#otherRefs = this.#refs;
  }

  #scoreAt(i: number): number {
    const high = this.#highs[i]!;
    const isNegative = high < 0x80000000;
    doubleWords[1] = isNegative ? ~high : high ^ 0x80000000;
    doubleWords[0] = isNegative ? ~this.#lows[i]! : this.#lows[i]!;
    return double[0]!;
  }

  #sort(): void {
    for (const shift of SHIFTS) this.#pass(this.#lows, shift);
    for (const shift of SHIFTS) this.#pass(this.#highs, shift);
    const count = this.#count;
    for (let from = 0; from < count; ) {
      let end = from + 1;
      while (end < count && this.#isSameScore(from, end)) end++;
      if (end > from + 1) this.#refs.subarray(from, end).sort(this.#compareKeys);
      from = end;
    }
  }

  #isSameScore(a: number, b: number): boolean {
    return this.#highs[a] === this.#highs[b] && this.#lows[a] === this.#lows[b];
  }

  /** Sorts by one digit of the words; equal ones stay in their order. */
  #pass(words: Uint32Array, shift: number): void {
    const counts = this.#counts;
    const count = this.#count;
    counts.fill(0);
    for (let i = 0; i < count; i++) {
      const digit = (words[i]! >>> shift) & (DIGITS - 1);
      counts[digit] = counts[digit]! + 1;
    }
    if (count === 0 || counts[(words[0]! >>> shift) & (DIGITS - 1)] === count) return;
    let sum = 0;
    for (let digit = 0; digit < DIGITS; digit++) {
      const here = counts[digit]!;
      counts[digit] = sum;
      sum += here;
    }
    const highs = this.#highs;
    const lows = this.#lows;
    const refs = this.#refs;
    const otherHighs = this.#otherHighs;
    const otherLows = this.#otherLows;
    const otherRefs = this.#otherRefs;
    for (let i = 0; i < count; i++) {
      const digit = (words[i]! >>> shift) & (DIGITS - 1);
      const to = counts[digit]!;
      counts[digit] = to + 1;
      otherHighs[to] = highs[i]!;
      otherLows[to] = lows[i]!;
      otherRefs[to] = refs[i]!;
    }
    this.#highs = otherHighs;
    this.#otherHighs = highs;
    this.#lows = otherLows;
    this.#otherLows = lows;
    this.#refs = otherRefs;
    this.#otherRefs = refs;
  }

  readonly #compareKeys = (a: number, b: number): number => {
    const { bytes } = this.#heap;
    return compareBytes(
      bytes[a >>> SEGMENT_SHIFT]!,
      this.#keyAt(a),
      this.#keyLength(a),
      bytes[b >>> SEGMENT_SHIFT]!,
      this.#keyAt(b),
      this.#keyLength(b),
    );
  };

  #keyAt(ref: number): number {
    const w = (ref & UNIT_MASK) << 1;
    return (w << 2) + keyOffset(this.#heap.words[ref >>> SEGMENT_SHIFT]![w]!);
  }

  #keyLength(ref: number): number {
    return this.#heap.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + KEY_LENGTH_WORD]!;
  }
}

/**
 * The nodes of a ranked tree (ranked-tree.ts): what they hold, and the search within one.
 *
 * Layout (words are int32)
 *   node:  0 items | 1 previous leaf | 2 next leaf | 3 capacity C
 *          4        C upper halves of scores
 *          4 + C    C lower halves
 *          4 + 2C   C refs of records: in an inner node, of the first entry below each child
 *     inner nodes go on
 *          4 + 3C   C children
 *          4 + 4C   C counts of the entries below them
 *   A score is kept as two signed words whose order is that of the doubles: all bits but the sign of
 *   a negative one are flipped, and the sign bit of the lower half.
 *   Nodes are of 1 KiB: a leaf of 84 entries, an inner node of 50 children. While there is only one
 *   leaf it is as small as fits.
 *
 * Cost
 *   A search reads the records of items only among equal scores.
 */
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import { KEY_LENGTH_WORD, keyOffset, META_WORD } from "./record.ts";

export const ITEMS = 0;
export const PREVIOUS = 1;
export const NEXT = 2;
export const CAPACITY = 3;
export const HEADER_WORDS = 4;
export const NODE_BYTES = 1024;
export const LEAF_MAX = 84;
export const CHILDREN_MAX = 50;
/** Words of an item in a leaf, and in an inner node. */
export const LEAF_FIELDS = 3;
const INNER_FIELDS = 5;
const SIGN = 0x80000000;

const double = new Float64Array(1);
const doubleWords = new Int32Array(double.buffer);

export abstract class RankedNodes {
  protected readonly heap: Heap;
  protected readonly words: Int32Array[];
  protected readonly bytes: Uint8Array[];
  /** What is being looked for: a score as it is kept, and a key. */
  protected high = 0;
  protected low = 0;
  protected key: Uint8Array = new Uint8Array(0);
  protected keyFrom = 0;
  protected keyLength = 0;
  /** Whether `countLess` stopped at what is looked for. */
  protected hit = false;

  constructor(heap: Heap) {
    this.heap = heap;
    this.words = heap.words;
    this.bytes = heap.bytes;
  }

  protected aimScore(score: number): void {
    // Adding 0 makes 0 of -0.
    double[0] = score + 0;
    const high = doubleWords[1]!;
    const low = doubleWords[0]!;
    this.high = high < 0 ? high ^ 0x7fffffff : high;
    this.low = (high < 0 ? ~low : low) ^ SIGN;
  }

  protected aim(score: number, ref: number): void {
    this.aimScore(score);
    const words = this.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    this.key = this.bytes[ref >>> SEGMENT_SHIFT]!;
    this.keyFrom = (w << 2) + keyOffset(words[w + META_WORD]!);
    this.keyLength = words[w + KEY_LENGTH_WORD]!;
  }

  /** How many items of the node come before what is looked for; sets `#hit` if it is the next one. */
  protected countLess(node: number): number {
    const from = this.countScores(node, false);
    this.hit = false;
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const items = words[w + ITEMS]!;
    if (from === items || !this.hasScore(words, w, from)) return from;
    let to = from + 1;
    if (to < items && this.hasScore(words, w, to)) to = this.countScores(node, true);
    const before = this.countKeys(node, from, to, false);
    this.hit = before < to && this.compareKey(this.item(node, before)) === 0;
    return before;
  }

  protected hasScore(words: Int32Array, w: number, index: number): boolean {
    const at = w + HEADER_WORDS + index;
    return words[at] === this.high && words[at + words[w + CAPACITY]!] === this.low;
  }

  /** How many items have a lower score, or, `orEqual`, the same or a lower one. */
  protected countScores(node: number, orEqual: boolean): number {
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const highs = w + HEADER_WORDS;
    const lows = highs + words[w + CAPACITY]!;
    const high = this.high;
    const low = this.low;
    let from = 0;
    let to = words[w + ITEMS]!;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const h = words[highs + middle]!;
      let isBefore = h < high;
      if (h === high) {
        const l = words[lows + middle]!;
        isBefore = orEqual ? l <= low : l < low;
      }
      if (isBefore) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  /** Where in `from`..`to` the keys reach the one looked for, or, `orEqual`, come behind it. */
  protected countKeys(node: number, from: number, to: number, orEqual: boolean): number {
    let first = from;
    let last = to;
    while (first < last) {
      const middle = (first + last) >>> 1;
      const order = this.compareKey(this.item(node, middle));
      if (orEqual ? order <= 0 : order < 0) first = middle + 1;
      else last = middle;
    }
    return first;
  }

  /** Negative if the record's key comes before the one looked for, 0 if they are equal. */
  protected compareKey(ref: number): number {
    const segment = ref >>> SEGMENT_SHIFT;
    const words = this.words[segment]!;
    const w = (ref & UNIT_MASK) << 1;
    const bytes = this.bytes[segment]!;
    const at = (w << 2) + keyOffset(words[w + META_WORD]!);
    const length = words[w + KEY_LENGTH_WORD]!;
    const key = this.key;
    const from = this.keyFrom;
    const shared = Math.min(length, this.keyLength);
    for (let i = 0; i < shared; i++) {
      const difference = bytes[at + i]! - key[from + i]!;
      if (difference !== 0) return difference;
    }
    return length - this.keyLength;
  }

  /** Negative if the entry comes before what is looked for. */
  protected compare(leaf: number, index: number): number {
    const words = this.words[leaf >>> SEGMENT_SHIFT]!;
    const at = ((leaf & UNIT_MASK) << 1) + HEADER_WORDS + index;
    const high = words[at]!;
    if (high !== this.high) return high < this.high ? -1 : 1;
    const low = words[at + this.get(leaf, CAPACITY)]!;
    if (low !== this.low) return low < this.low ? -1 : 1;
    return this.compareKey(this.item(leaf, index));
  }

  /** Entries below the children before `index`. */
  protected countBefore(node: number, index: number): number {
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const counts = ((node & UNIT_MASK) << 1) + HEADER_WORDS + 4 * CHILDREN_MAX;
    let sum = 0;
    for (let i = 0; i < index; i++) sum += words[counts + i]!;
    return sum;
  }

  /** Makes room for a child at `at`. */
  protected openChild(node: number, at: number): void {
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const items = words[w + ITEMS]!;
    for (let field = 0; field < INNER_FIELDS; field++) {
      const from = w + HEADER_WORDS + field * CHILDREN_MAX + at;
      words.copyWithin(from + 1, from, from + items - at);
    }
    words[w + ITEMS] = items + 1;
  }

  protected closeChild(node: number, at: number): void {
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const items = words[w + ITEMS]! - 1;
    for (let field = 0; field < INNER_FIELDS; field++) {
      const from = w + HEADER_WORDS + field * CHILDREN_MAX + at;
      words.copyWithin(from, from + 1, from + items - at + 1);
    }
    words[w + ITEMS] = items;
  }

  /** Moves the children from `first` on behind those of `to`. */
  protected moveChildren(from: number, first: number, to: number): void {
    const source = this.words[from >>> SEGMENT_SHIFT]!;
    const target = this.words[to >>> SEGMENT_SHIFT]!;
    const items = this.get(from, ITEMS);
    const there = this.get(to, ITEMS);
    for (let field = 0; field < INNER_FIELDS; field++) {
      const offset = HEADER_WORDS + field * CHILDREN_MAX;
      const s = ((from & UNIT_MASK) << 1) + offset + first;
      const t = ((to & UNIT_MASK) << 1) + offset + there;
      for (let i = 0; i < items - first; i++) target[t + i] = source[s + i]!;
    }
    this.set(from, ITEMS, first);
    this.set(to, ITEMS, there + items - first);
  }

  /** The item `at` of `node` becomes the first item of `child`. */
  protected copyFirst(child: number, node: number, at: number): void {
    const words = this.words[child >>> SEGMENT_SHIFT]!;
    const w = (child & UNIT_MASK) << 1;
    const capacity = words[w + CAPACITY]!;
    const first = w + HEADER_WORDS;
    this.setItem(node, at, words[first]!, words[first + capacity]!, words[first + 2 * capacity]!);
  }

  scoreAt(leaf: number, index: number): number {
    const words = this.words[leaf >>> SEGMENT_SHIFT]!;
    const at = ((leaf & UNIT_MASK) << 1) + HEADER_WORDS + index;
    const high = words[at]!;
    const low = words[at + this.get(leaf, CAPACITY)]! ^ SIGN;
    doubleWords[1] = high < 0 ? high ^ 0x7fffffff : high;
    doubleWords[0] = high < 0 ? ~low : low;
    return double[0]!;
  }

  protected item(node: number, index: number): number {
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    return words[w + HEADER_WORDS + 2 * words[w + CAPACITY]! + index]!;
  }

  protected setItem(node: number, index: number, high: number, low: number, ref: number): void {
    const words = this.words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const capacity = words[w + CAPACITY]!;
    const at = w + HEADER_WORDS + index;
    words[at] = high;
    words[at + capacity] = low;
    words[at + 2 * capacity] = ref;
  }

  protected child(node: number, index: number): number {
    return this.get(node, HEADER_WORDS + 3 * CHILDREN_MAX + index);
  }

  protected setChild(node: number, index: number, child: number): void {
    this.set(node, HEADER_WORDS + 3 * CHILDREN_MAX + index, child);
  }

  protected childCount(node: number, index: number): number {
    return this.get(node, HEADER_WORDS + 4 * CHILDREN_MAX + index);
  }

  protected setChildCount(node: number, index: number, count: number): void {
    this.set(node, HEADER_WORDS + 4 * CHILDREN_MAX + index, count);
  }

  protected get(ref: number, word: number): number {
    return this.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  protected set(ref: number, word: number, value: number): void {
    this.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }
}

/**
 * A ranked tree: record refs in the order (score, key bytes), with counts, so that the rank of an
 * entry and the entry at a rank are found in O(log n). A B+ tree whose nodes are blocks of the heap.
 *
 * What
 *   An entry is the ref of a record (record.ts) with a score beside it, so that the search reads a
 *   record only among equal scores, where the keys decide (as memcmp does, the shorter first).
 *   Scores are doubles; -0 equals 0, and NaN has no place. An entry's score and key must not change
 *   while it is in the tree: see `rescore`, and `replace` for a record that moves. The tree never
 *   frees records.
 *
 * Layout (words are int32)
 *   root:  0 entries | 1 top node | 2 levels of inner nodes | 3 first leaf | 4 last leaf
 *          5 leaves | 6 inner nodes
 *   Nodes: see ranked-nodes.ts.
 *
 * Invariants (asserted by `check()`)
 *   Entries strictly ascend, all leaves are equally deep and linked in order; an inner node knows the
 *   first entry and the count below each child; no node but a lone leaf is empty; the top node, if it
 *   is an inner one, has two children or more.
 *
 * Cost
 *   O(log n) for everything but steps, which are O(1). A full leaf first shares with a neighbour
 *   (same parent); two full ones become three, and three that fit in two become two. So leaves are
 *   at least about two thirds full, in random order four fifths, and full where entries are added at
 *   either end: 12 to 18 bytes an entry, inner nodes included.
 *
 * Where the heap has no room (OutOfMemory), the tree is as it was before; removals never need room.
 *
 * Lifetime
 *   A position (`leaf`, `index`) holds until the tree changes. `guard` hears of a leaf before its
 *   entries change or it is freed, so that a snapshot can copy it; inner nodes hold no entries.
 *
 * Source: R. Bayer and E. McCreight, "Organization and maintenance of large ordered indexes" (1972);
 * D. Comer, "The ubiquitous B-tree" (1979), for B+ and B* trees.
 */
import { assert } from "../base/assert.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import {
  CAPACITY,
  CHILDREN_MAX,
  HEADER_WORDS,
  ITEMS,
  LEAF_FIELDS,
  LEAF_MAX,
  NEXT,
  NODE_BYTES,
  PREVIOUS,
  RankedNodes,
} from "./ranked-nodes.ts";

const COUNT = 0;
const TOP = 1;
const LEVELS = 2;
const FIRST_LEAF = 3;
const LAST_LEAF = 4;
const LEAVES = 5;
const INNER_NODES = 6;
const ROOT_WORDS = 7;

/** Capacities of a lone leaf: blocks of 112, 256, 512 and 1,024 bytes. */
const LEAF_SIZES = [8, 20, 41, LEAF_MAX];
/** A neighbour with less room than this is full: sharing would have to be done again soon. */
const SHARED_MIN = 8;
/** A leaf with more entries than this is left alone when one is removed. */
const FULL_ENOUGH = 56;
const LEVELS_MAX = 12;
/** Entries of three leaves, and a new one. */
const SCRATCH = 3 * LEAF_MAX + 1;

/** Hears of changes of leaves. */
export interface LeafGuard {
  /** Called before the entries of `leaf` change, or it is freed. */
  beforeChange(leaf: number): void;
}

export class RankedTree extends RankedNodes {
  guard: LeafGuard | null = null;

  /** The position: an entry, or no leaf (0) behind the last one. */
  leaf = 0;
  index = 0;

  /** The way from the top to a leaf: inner nodes and the child taken in each, by level from 1 on. */
  readonly #pathNode = new Int32Array(LEVELS_MAX);
  readonly #pathIndex = new Int32Array(LEVELS_MAX);
  /** Blocks had before the tree is touched, so that a change that has begun cannot fail. */
  readonly #spare = new Int32Array(LEVELS_MAX + 2);
  #spares = 0;
  readonly #highs = new Int32Array(SCRATCH);
  readonly #lows = new Int32Array(SCRATCH);
  readonly #refs = new Int32Array(SCRATCH);

  create(): number {
    const heap = this.heap;
    const root = heap.alloc(ROOT_WORDS * 4);
    try {
      const leaf = this.#createLeaf(LEAF_SIZES[0]!);
      this.set(root, COUNT, 0);
      this.set(root, TOP, leaf);
      this.set(root, LEVELS, 0);
      this.set(root, FIRST_LEAF, leaf);
      this.set(root, LAST_LEAF, leaf);
      this.set(root, LEAVES, 1);
      this.set(root, INNER_NODES, 0);
      return root;
    } catch (error) {
      heap.free(root);
      throw error;
    }
  }

  count(root: number): number {
    return this.get(root, COUNT);
  }

  /** Bytes of the tree's blocks, without the records. */
  usedBytes(root: number): number {
    const heap = this.heap;
    const nodes = this.get(root, LEAVES) + this.get(root, INNER_NODES);
    const top = this.get(root, TOP);
    return heap.usableBytes(root) + (nodes === 1 ? heap.usableBytes(top) : nodes * NODE_BYTES);
  }

  /**
   * Frees up to `budget` nodes. Returns whether the whole tree is gone; until then nothing else may
   * be done with it than to call this again.
   */
  destroySome(root: number, budget: number): boolean {
    for (let left = budget; left > 0; left--) {
      let level = this.get(root, LEVELS);
      let node = this.get(root, TOP);
      let parent = 0;
      // The last node below which nothing is left.
      while (level > 0 && this.get(node, ITEMS) > 0) {
        parent = node;
        node = this.child(node, this.get(node, ITEMS) - 1);
        level--;
      }
      if (level === 0) this.guard?.beforeChange(node);
      this.heap.free(node);
      if (parent === 0) {
        this.heap.free(root);
        return true;
      }
      this.set(parent, ITEMS, this.get(parent, ITEMS) - 1);
    }
    return false;
  }

  // ── Changes ──────────────────────────────────────────────────────────────────────────────────

  /** Adds a record that is not in the tree. */
  insert(root: number, score: number, ref: number): void {
    this.aim(score, ref);
    this.#descend(root);
    assert(!this.hit, "the entry is not there yet");
    const { leaf, index } = this;
    const items = this.get(leaf, ITEMS);
    if (items === this.get(leaf, CAPACITY)) {
      if (items === LEAF_MAX) this.#insertIntoFull(root, ref);
      else {
        this.#resizeLoneLeaf(root, items + 1);
        this.#insertAt(root, this.leaf, index, ref);
      }
    } else this.#insertAt(root, leaf, index, ref);
    this.set(root, COUNT, this.get(root, COUNT) + 1);
  }

  /** Removes a record, whose score and key are still those it was added with. */
  remove(root: number, score: number, ref: number): void {
    this.aim(score, ref);
    this.#descend(root);
    const { leaf, index } = this;
    assert(this.hit && this.item(leaf, index) === ref, "the entry is there");
    this.guard?.beforeChange(leaf);
    const words = this.words[leaf >>> SEGMENT_SHIFT]!;
    const w = (leaf & UNIT_MASK) << 1;
    const items = words[w + ITEMS]! - 1;
    const capacity = words[w + CAPACITY]!;
    for (let field = 0; field < LEAF_FIELDS; field++) {
      const at = w + HEADER_WORDS + field * capacity + index;
      words.copyWithin(at, at + 1, at + items - index + 1);
    }
    words[w + ITEMS] = items;
    this.set(root, COUNT, this.get(root, COUNT) - 1);
    const levels = this.get(root, LEVELS);
    for (let level = 1; level <= levels; level++) this.#addToCount(level, -1);
    if (levels === 0) this.#shrinkLoneLeaf(root);
    else {
      if (index === 0 && items > 0) this.#firstChanged(levels);
      if (items <= FULL_ENOUGH) this.#refill(root, items);
    }
  }

  /** Gives an entry another score. */
  rescore(root: number, oldScore: number, newScore: number, ref: number): void {
    if (oldScore === newScore) return;
    this.aim(oldScore, ref);
    this.#descend(root);
    const { leaf, index } = this;
    assert(this.hit && this.item(leaf, index) === ref, "the entry is there");
    this.aim(newScore, ref);
    if (this.#staysHere(leaf, index)) {
      this.guard?.beforeChange(leaf);
      this.setItem(leaf, index, this.high, this.low, ref);
      if (index === 0) this.#firstChanged(this.get(root, LEVELS));
      return;
    }
    // The new place first: when there is no room for it, nothing has happened.
    this.insert(root, newScore, ref);
    this.remove(root, oldScore, ref);
  }

  /** The entry's record has moved: `next` has the same key. */
  replace(root: number, score: number, previous: number, next: number): void {
    this.aim(score, next);
    this.#descend(root);
    const { leaf, index } = this;
    assert(this.hit && this.item(leaf, index) === previous, "the entry is there");
    this.guard?.beforeChange(leaf);
    this.setItem(leaf, index, this.high, this.low, next);
    if (index === 0) this.#firstChanged(this.get(root, LEVELS));
  }

  // ── Positions ────────────────────────────────────────────────────────────────────────────────

  /** The record at the position. */
  get ref(): number {
    return this.item(this.leaf, this.index);
  }

  /** The score at the position; 0 for -0. */
  get score(): number {
    return this.scoreAt(this.leaf, this.index);
  }

  /** Goes to an entry that is there; returns its rank, from 0. */
  seek(root: number, score: number, ref: number): number {
    this.aim(score, ref);
    this.#descend(root);
    assert(this.hit, "the entry is there");
    return this.#rank(root);
  }

  /** Goes to the entry at `rank`, from 0. Returns whether there is one. */
  seekRank(root: number, rank: number): boolean {
    this.leaf = 0;
    if (rank < 0 || rank >= this.get(root, COUNT)) return false;
    let node = this.get(root, TOP);
    let left = rank;
    for (let level = this.get(root, LEVELS); level > 0; level--) {
      const words = this.words[node >>> SEGMENT_SHIFT]!;
      const counts = ((node & UNIT_MASK) << 1) + HEADER_WORDS + 4 * CHILDREN_MAX;
      let i = 0;
      while (left >= words[counts + i]!) left -= words[counts + i++]!;
      node = words[counts - CHILDREN_MAX + i]!;
    }
    this.leaf = node;
    this.index = left;
    return true;
  }

  /**
   * Goes to the first entry with this score or a higher one, or, `isAfter`, with a higher one. Returns
   * its rank: how many entries are before it. There may be none: then `leaf` is 0.
   */
  seekScore(root: number, score: number, isAfter: boolean): number {
    this.aimScore(score);
    let node = this.get(root, TOP);
    let rank = 0;
    for (let level = this.get(root, LEVELS); level > 0; level--) {
      const before = this.countScores(node, isAfter);
      const index = before === 0 ? 0 : before - 1;
      rank += this.countBefore(node, index);
      node = this.child(node, index);
    }
    const before = this.countScores(node, isAfter);
    this.#settle(node, before);
    return rank + before;
  }

  /**
   * The same for keys, where all scores are equal: the first entry whose key is `length` bytes from
   * `offset`, or comes behind that.
   */
  seekKey(
    root: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    isAfter: boolean,
  ): number {
    this.key = bytes;
    this.keyFrom = offset;
    this.keyLength = length;
    let node = this.get(root, TOP);
    let rank = 0;
    for (let level = this.get(root, LEVELS); level > 0; level--) {
      const before = this.countKeys(node, 0, this.get(node, ITEMS), isAfter);
      const index = before === 0 ? 0 : before - 1;
      rank += this.countBefore(node, index);
      node = this.child(node, index);
    }
    const before = this.countKeys(node, 0, this.get(node, ITEMS), isAfter);
    this.#settle(node, before);
    return rank + before;
  }

  /** Steps to the next entry; returns whether there is one. */
  stepNext(): boolean {
    if (++this.index < this.get(this.leaf, ITEMS)) return true;
    this.leaf = this.get(this.leaf, NEXT);
    this.index = 0;
    return this.leaf !== 0;
  }

  /** Steps to the entry before; returns whether there is one. */
  stepPrevious(): boolean {
    if (--this.index >= 0) return true;
    this.leaf = this.get(this.leaf, PREVIOUS);
    if (this.leaf !== 0) this.index = this.get(this.leaf, ITEMS) - 1;
    return this.leaf !== 0;
  }

  // ── Leaves, for who reads all entries in slices ──────────────────────────────────────────────

  firstLeaf(root: number): number {
    return this.get(root, FIRST_LEAF);
  }

  /** 0 behind the last. */
  nextLeaf(leaf: number): number {
    return this.get(leaf, NEXT);
  }

  entriesOf(leaf: number): number {
    return this.get(leaf, ITEMS);
  }

  refAt(leaf: number, index: number): number {
    return this.item(leaf, index);
  }

  // ── Search ───────────────────────────────────────────────────────────────────────────────────

  /** Goes to the entry looked for, or where it belongs in a leaf; remembers the way. */
  #descend(root: number): void {
    let node = this.get(root, TOP);
    for (let level = this.get(root, LEVELS); level > 0; level--) {
      const before = this.countLess(node);
      const index = this.hit || before === 0 ? before : before - 1;
      this.#pathNode[level] = node;
      this.#pathIndex[level] = index;
      node = this.child(node, index);
    }
    this.leaf = node;
    this.index = this.countLess(node);
  }

  /** The position becomes the item `index` of the leaf, or the first of the next. */
  #settle(leaf: number, index: number): void {
    const isHere = index < this.get(leaf, ITEMS);
    this.leaf = isHere ? leaf : this.get(leaf, NEXT);
    this.index = isHere ? index : 0;
  }

  /** The rank of the position that `#descend` found. */
  #rank(root: number): number {
    let rank = this.index;
    for (let level = this.get(root, LEVELS); level > 0; level--) {
      rank += this.countBefore(this.#pathNode[level]!, this.#pathIndex[level]!);
    }
    return rank;
  }

  /** Whether what is looked for belongs between the neighbours of that entry. */
  #staysHere(leaf: number, index: number): boolean {
    const items = this.get(leaf, ITEMS);
    const before = index > 0 ? leaf : this.get(leaf, PREVIOUS);
    if (before !== 0) {
      const i = index > 0 ? index - 1 : this.get(before, ITEMS) - 1;
      if (this.compare(before, i) > 0) return false;
    }
    const behind = index + 1 < items ? leaf : this.get(leaf, NEXT);
    return behind === 0 || this.compare(behind, index + 1 < items ? index + 1 : 0) > 0;
  }

  // ── Leaves that are full, or have become small ───────────────────────────────────────────────

  /** Adds what is looked for to a leaf that has room; counts and first entries above follow. */
  #insertAt(root: number, leaf: number, index: number, ref: number): void {
    this.guard?.beforeChange(leaf);
    const words = this.words[leaf >>> SEGMENT_SHIFT]!;
    const w = (leaf & UNIT_MASK) << 1;
    const items = words[w + ITEMS]!;
    const capacity = words[w + CAPACITY]!;
    if (index < items) {
      for (let field = 0; field < LEAF_FIELDS; field++) {
        const at = w + HEADER_WORDS + field * capacity + index;
        words.copyWithin(at + 1, at, at + items - index);
      }
    }
    words[w + ITEMS] = items + 1;
    this.setItem(leaf, index, this.high, this.low, ref);
    const levels = this.get(root, LEVELS);
    for (let level = 1; level <= levels; level++) this.#addToCount(level, 1);
    if (index === 0) this.#firstChanged(levels);
  }

  #insertIntoFull(root: number, ref: number): void {
    const { leaf, index } = this;
    const isAppended = index === LEAF_MAX && this.get(leaf, NEXT) === 0;
    const isPrepended = index === 0 && this.get(leaf, PREVIOUS) === 0;
    if (!isAppended && !isPrepended && this.#share(root, ref)) return;
    this.#reserve(root);
    this.#splitParents(root, isAppended, isPrepended);
    const parent = this.#pathNode[1]!;
    const child = this.#pathIndex[1]!;
    if (isAppended || isPrepended) {
      const at = isAppended ? child + 1 : child;
      const added = this.#addLeaf(root, parent, at);
      this.#pathIndex[1] = at;
      this.#insertAt(root, added, 0, ref);
      return;
    }
    // Two full leaves become three; a leaf that has no neighbour, two.
    const children = this.get(parent, ITEMS);
    const first = child + 1 < children || child === 0 ? child : child - 1;
    const before = children === 1 ? 1 : 2;
    this.#spread(root, first, before, before + 1, ref);
  }

  /** Shares the full leaf's entries and the new one with a neighbour that has room. */
  #share(root: number, ref: number): boolean {
    if (this.get(root, LEVELS) === 0) return false;
    const parent = this.#pathNode[1]!;
    const child = this.#pathIndex[1]!;
    const room = LEAF_MAX - SHARED_MIN;
    if (child + 1 < this.get(parent, ITEMS) && this.childCount(parent, child + 1) <= room) {
      this.#spread(root, child, 2, 2, ref);
      return true;
    }
    if (child > 0 && this.childCount(parent, child - 1) <= room) {
      this.#spread(root, child - 1, 2, 2, ref);
      return true;
    }
    return false;
  }

  /** After a removal: joins the leaf on the way with its neighbours where they fit in fewer. */
  #refill(root: number, items: number): void {
    const parent = this.#pathNode[1]!;
    const child = this.#pathIndex[1]!;
    const children = this.get(parent, ITEMS);
    const left = child > 0 ? this.childCount(parent, child - 1) : LEAF_MAX;
    const right = child + 1 < children ? this.childCount(parent, child + 1) : LEAF_MAX;
    if (items + right <= LEAF_MAX - SHARED_MIN) this.#spread(root, child, 2, 1, 0);
    else if (left + items <= LEAF_MAX - SHARED_MIN) this.#spread(root, child - 1, 2, 1, 0);
    else if (children > 2) {
      const first = Math.min(Math.max(child - 1, 0), children - 3);
      let sum = 0;
      for (let i = first; i < first + 3; i++) sum += this.childCount(parent, i);
      if (sum <= 2 * (LEAF_MAX - SHARED_MIN)) this.#spread(root, first, 3, 2, 0);
      else if (items === 0) this.#dropLeaf(root, parent, child);
      else return;
    } else if (items === 0) this.#dropLeaf(root, parent, child);
    else return;
    this.#mergeParents(root);
  }

  /**
   * Spreads the entries of `before` leaves, from the child `first` of the way's parent on, evenly over
   * `after` leaves. `ref`, unless it is 0, is a new record that belongs at the position.
   */
  #spread(root: number, first: number, before: number, after: number, ref: number): void {
    const parent = this.#pathNode[1]!;
    const highs = this.#highs;
    const lows = this.#lows;
    const refs = this.#refs;
    const position = this.leaf;
    let total = 0;
    for (let i = 0; i < before; i++) {
      const leaf = this.child(parent, first + i);
      this.guard?.beforeChange(leaf);
      const words = this.words[leaf >>> SEGMENT_SHIFT]!;
      const w = (leaf & UNIT_MASK) << 1;
      const items = words[w + ITEMS]!;
      const at = w + HEADER_WORDS;
      const capacity = words[w + CAPACITY]!;
      const added = ref !== 0 && leaf === position ? this.index : -1;
      for (let j = 0; j <= items; j++) {
        if (j === added) {
          highs[total] = this.high;
          lows[total] = this.low;
          refs[total++] = ref;
        }
        if (j === items) break;
        highs[total] = words[at + j]!;
        lows[total] = words[at + capacity + j]!;
        refs[total++] = words[at + 2 * capacity + j]!;
      }
    }
    if (after > before) this.#addLeaf(root, parent, first + before);
    if (after < before) this.#dropLeaf(root, parent, first + before - 1);
    let from = 0;
    for (let i = 0; i < after; i++) {
      const leaf = this.child(parent, first + i);
      const items = Math.floor((total - from) / (after - i));
      const words = this.words[leaf >>> SEGMENT_SHIFT]!;
      const w = (leaf & UNIT_MASK) << 1;
      const at = w + HEADER_WORDS;
      words[w + ITEMS] = items;
      for (let j = 0; j < items; j++) {
        words[at + j] = highs[from + j]!;
        words[at + LEAF_MAX + j] = lows[from + j]!;
        words[at + 2 * LEAF_MAX + j] = refs[from + j]!;
      }
      this.setItem(parent, first + i, highs[from]!, lows[from]!, refs[from]!);
      this.setChildCount(parent, first + i, items);
      from += items;
    }
    const levels = this.get(root, LEVELS);
    if (ref !== 0) for (let level = 2; level <= levels; level++) this.#addToCount(level, 1);
    if (first === 0) {
      this.#pathIndex[1] = 0;
      this.#firstChanged(levels);
    }
  }

  /** Links a spare block as a new, empty leaf that becomes the child `at` of the parent. */
  #addLeaf(root: number, parent: number, at: number): number {
    const leaf = this.#takeSpare();
    this.set(leaf, CAPACITY, LEAF_MAX);
    this.set(leaf, ITEMS, 0);
    const next = at < this.get(parent, ITEMS) ? this.child(parent, at) : 0;
    const previous =
      at > 0 ? this.child(parent, at - 1) : next !== 0 ? this.get(next, PREVIOUS) : 0;
    const behind = previous !== 0 ? this.get(previous, NEXT) : next;
    this.set(leaf, PREVIOUS, previous);
    this.set(leaf, NEXT, behind);
    if (previous !== 0) this.set(previous, NEXT, leaf);
    else this.set(root, FIRST_LEAF, leaf);
    if (behind !== 0) this.set(behind, PREVIOUS, leaf);
    else this.set(root, LAST_LEAF, leaf);
    this.openChild(parent, at);
    this.setChild(parent, at, leaf);
    this.setChildCount(parent, at, 0);
    this.set(root, LEAVES, this.get(root, LEAVES) + 1);
    return leaf;
  }

  /** Frees a leaf whose entries are elsewhere. */
  #dropLeaf(root: number, parent: number, at: number): void {
    const leaf = this.child(parent, at);
    const previous = this.get(leaf, PREVIOUS);
    const next = this.get(leaf, NEXT);
    if (previous !== 0) this.set(previous, NEXT, next);
    else this.set(root, FIRST_LEAF, next);
    if (next !== 0) this.set(next, PREVIOUS, previous);
    else this.set(root, LAST_LEAF, previous);
    this.guard?.beforeChange(leaf);
    this.heap.free(leaf);
    this.closeChild(parent, at);
    this.set(root, LEAVES, this.get(root, LEAVES) - 1);
  }

  #createLeaf(capacity: number): number {
    const leaf = this.heap.alloc((HEADER_WORDS + 3 * capacity) * 4);
    this.set(leaf, ITEMS, 0);
    this.set(leaf, PREVIOUS, 0);
    this.set(leaf, NEXT, 0);
    this.set(leaf, CAPACITY, capacity);
    return leaf;
  }

  /** Moves the only leaf to a block of the least capacity for `items`. */
  #resizeLoneLeaf(root: number, items: number): void {
    const old = this.get(root, TOP);
    const leaf = this.#createLeaf(LEAF_SIZES.find((size) => size >= items)!);
    this.guard?.beforeChange(old);
    for (let i = 0; i < this.get(old, ITEMS); i++) {
      const words = this.words[old >>> SEGMENT_SHIFT]!;
      const at = ((old & UNIT_MASK) << 1) + HEADER_WORDS + i;
      const capacity = this.get(old, CAPACITY);
      this.setItem(leaf, i, words[at]!, words[at + capacity]!, words[at + 2 * capacity]!);
    }
    this.set(leaf, ITEMS, this.get(old, ITEMS));
    this.heap.free(old);
    this.set(root, TOP, leaf);
    this.set(root, FIRST_LEAF, leaf);
    this.set(root, LAST_LEAF, leaf);
    this.leaf = leaf;
  }

  #shrinkLoneLeaf(root: number): void {
    const leaf = this.get(root, TOP);
    const items = this.get(leaf, ITEMS);
    const capacity = this.get(leaf, CAPACITY);
    if (capacity === LEAF_SIZES[0] || items * 4 > capacity) return;
    // Where even the smaller block cannot be had, the large one stays.
    const smaller = LEAF_SIZES.find((size) => size >= items)!;
    if (this.heap.hasRoomFor((HEADER_WORDS + 3 * smaller) * 4)) this.#resizeLoneLeaf(root, items);
  }

  // ── Inner nodes ──────────────────────────────────────────────────────────────────────────────

  /** Gets the blocks that a new leaf may take: its own, and one for each full node above it. */
  #reserve(root: number): void {
    const levels = this.get(root, LEVELS);
    let needed = 2;
    for (let level = 1; level <= levels; level++) {
      if (this.get(this.#pathNode[level]!, ITEMS) < CHILDREN_MAX) {
        needed--;
        break;
      }
      needed++;
    }
    try {
      while (this.#spares < needed) {
        // Counted only when it is there.
        const block = this.heap.alloc(NODE_BYTES);
        this.#spare[this.#spares++] = block;
      }
    } catch (error) {
      while (this.#spares > 0) this.heap.free(this.#takeSpare());
      throw error;
    }
  }

  #takeSpare(): number {
    return this.#spare[--this.#spares]!;
  }

  /** Makes room for one more child in the parent of the leaf, and the way leads through it. */
  #splitParents(root: number, isAppended: boolean, isPrepended: boolean): void {
    let levels = this.get(root, LEVELS);
    let full = 0;
    while (full < levels && this.get(this.#pathNode[full + 1]!, ITEMS) === CHILDREN_MAX) full++;
    if (full === levels) {
      const top = this.#takeSpare();
      const below = this.get(root, TOP);
      levels++;
      assert(levels < LEVELS_MAX, "levels of a tree");
      this.#startInner(root, top);
      this.set(root, TOP, top);
      this.set(root, LEVELS, levels);
      this.#appendChild(top, below, this.get(root, COUNT));
      this.#pathNode[levels] = top;
      this.#pathIndex[levels] = 0;
    }
    for (let level = full; level > 0; level--) {
      const node = this.#pathNode[level]!;
      const parent = this.#pathNode[level + 1]!;
      const at = this.#pathIndex[level + 1]!;
      const index = this.#pathIndex[level]!;
      // Where entries are added at an end, what lies behind stays full.
      let kept = CHILDREN_MAX >>> 1;
      if (isAppended) kept = CHILDREN_MAX - 1;
      else if (isPrepended) kept = 1;
      const behind = this.#takeSpare();
      this.#startInner(root, behind);
      this.moveChildren(node, kept, behind);
      const moved = this.countBefore(behind, CHILDREN_MAX - kept);
      this.setChildCount(parent, at, this.childCount(parent, at) - moved);
      this.openChild(parent, at + 1);
      this.setChild(parent, at + 1, behind);
      this.copyFirst(behind, parent, at + 1);
      this.setChildCount(parent, at + 1, moved);
      if (index >= kept) {
        this.#pathNode[level] = behind;
        this.#pathIndex[level] = index - kept;
        this.#pathIndex[level + 1] = at + 1;
      }
    }
  }

  /** After a leaf is gone: joins small inner nodes on the way, and lowers the tree. */
  #mergeParents(root: number): void {
    let levels = this.get(root, LEVELS);
    let level = 1;
    while (this.get(this.#pathNode[level]!, ITEMS) === 0) {
      level++;
      this.#dropInner(root, this.#pathNode[level]!, this.#pathIndex[level]!);
    }
    // The lowest node that is left may begin with another entry now.
    for (let above = level + 1; above <= levels; above++) {
      const node = this.#pathNode[above]!;
      const at = this.#pathIndex[above]!;
      this.copyFirst(this.child(node, at), node, at);
      if (at !== 0) break;
    }
    while (level < levels) {
      const items = this.get(this.#pathNode[level]!, ITEMS);
      level++;
      const parent = this.#pathNode[level]!;
      const at = this.#pathIndex[level]!;
      const most = CHILDREN_MAX - SHARED_MIN - items;
      const hasRight = at + 1 < this.get(parent, ITEMS);
      if (hasRight && this.get(this.child(parent, at + 1), ITEMS) <= most) {
        this.#mergeInto(root, parent, at);
      } else if (at > 0 && this.get(this.child(parent, at - 1), ITEMS) <= most) {
        this.#mergeInto(root, parent, at - 1);
      } else break;
    }
    while (levels > 0) {
      const top = this.get(root, TOP);
      if (this.get(top, ITEMS) > 1) break;
      this.set(root, TOP, this.child(top, 0));
      this.set(root, LEVELS, --levels);
      this.heap.free(top);
      this.set(root, INNER_NODES, this.get(root, INNER_NODES) - 1);
    }
    if (levels === 0) this.#shrinkLoneLeaf(root);
  }

  /** The child behind `at` is emptied into it. */
  #mergeInto(root: number, parent: number, at: number): void {
    const left = this.child(parent, at);
    this.moveChildren(this.child(parent, at + 1), 0, left);
    const sum = this.childCount(parent, at) + this.childCount(parent, at + 1);
    this.setChildCount(parent, at, sum);
    this.#dropInner(root, parent, at + 1);
  }

  #dropInner(root: number, parent: number, at: number): void {
    this.heap.free(this.child(parent, at));
    this.closeChild(parent, at);
    this.set(root, INNER_NODES, this.get(root, INNER_NODES) - 1);
  }

  #startInner(root: number, node: number): void {
    this.set(node, ITEMS, 0);
    this.set(node, PREVIOUS, 0);
    this.set(node, NEXT, 0);
    this.set(node, CAPACITY, CHILDREN_MAX);
    this.set(root, INNER_NODES, this.get(root, INNER_NODES) + 1);
  }

  #appendChild(node: number, child: number, count: number): void {
    const at = this.get(node, ITEMS);
    this.set(node, ITEMS, at + 1);
    this.setChild(node, at, child);
    this.copyFirst(child, node, at);
    this.setChildCount(node, at, count);
  }

  /** The first entry of the leaf on the way is another: tells the nodes above. */
  #firstChanged(levels: number): void {
    for (let level = 1; level <= levels; level++) {
      const node = this.#pathNode[level]!;
      const at = this.#pathIndex[level]!;
      this.copyFirst(this.child(node, at), node, at);
      if (at !== 0) return;
    }
  }

  #addToCount(level: number, change: number): void {
    const node = this.#pathNode[level]!;
    const at = this.#pathIndex[level]!;
    this.setChildCount(node, at, this.childCount(node, at) + change);
  }

  // ── Fields ───────────────────────────────────────────────────────────────────────────────────

  // ── Checking ─────────────────────────────────────────────────────────────────────────────────

  /** Asserts the invariants and names every block that the tree owns, each once. */
  check(root: number, owns: (block: number) => void): void {
    owns(root);
    const seen = { leaves: 0, inner: 0, last: 0, lastRef: 0 };
    const visit = (node: number, level: number, isTop: boolean): number => {
      owns(node);
      const items = this.get(node, ITEMS);
      const capacity = this.get(node, CAPACITY);
      const isLone = isTop && level === 0;
      assert(items <= capacity && (items > 0 || isLone), `items of a node: ${items}`);
      if (level === 0) {
        assert(isLone ? LEAF_SIZES.includes(capacity) : capacity === LEAF_MAX, "capacity");
        assert(this.get(node, PREVIOUS) === seen.last, "link back of a leaf");
        if (seen.last !== 0) assert(this.get(seen.last, NEXT) === node, "link of a leaf");
        else assert(this.get(root, FIRST_LEAF) === node, "first leaf");
        for (let i = 0; i < items; i++) {
          const ref = this.item(node, i);
          this.aim(this.scoreAt(node, i), ref);
          const before = i > 0 ? node : seen.last;
          if (before !== 0) {
            const previous = i > 0 ? i - 1 : this.get(before, ITEMS) - 1;
            assert(this.compare(before, previous) < 0, "entries ascend");
          }
        }
        seen.last = node;
        seen.leaves++;
        return items;
      }
      seen.inner++;
      assert(!isTop || items > 1, "children of the top node");
      let sum = 0;
      for (let i = 0; i < items; i++) {
        const child = this.child(node, i);
        const count = visit(child, level - 1, false);
        assert(count === this.childCount(node, i), "count below a child");
        sum += count;
        assert(this.item(node, i) === this.item(child, 0), "first entry below a child");
        assert(this.scoreAt(node, i) === this.scoreAt(child, 0), "its score");
      }
      return sum;
    };
    const total = visit(this.get(root, TOP), this.get(root, LEVELS), true);
    assert(total === this.get(root, COUNT), `count ${this.get(root, COUNT)}, found ${total}`);
    assert(this.get(root, LAST_LEAF) === seen.last, "last leaf");
    assert(this.get(seen.last, NEXT) === 0, "end of the leaves");
    assert(seen.leaves === this.get(root, LEAVES), "number of leaves");
    assert(seen.inner === this.get(root, INNER_NODES), "number of inner nodes");
    assert(this.#spares === 0, "no block is left over");
  }
}

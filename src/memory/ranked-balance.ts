/**
 * How a ranked tree (ranked-tree.ts) changes its shape: what happens to leaves that are full or have
 * become small, and to the inner nodes above them.
 *
 * What
 *   A change has found its leaf, and the way to it from the top: an inner node and the child taken in
 *   it for each level. It gets all blocks that it may need before it touches anything, so that it
 *   cannot fail half done.
 *
 *   A full leaf shares with a neighbour that has room, under the same parent; two full ones become
 *   three. At either end of the tree a new leaf begins instead, and what lies behind stays full. Two
 *   leaves that fit in one become one, three that fit in two become two. Inner nodes split in halves,
 *   and join when two fit in one.
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

export const COUNT = 0;
export const TOP = 1;
export const LEVELS = 2;
export const FIRST_LEAF = 3;
export const LAST_LEAF = 4;
export const LEAVES = 5;
export const INNER_NODES = 6;

/** Capacities of a lone leaf: blocks of 112, 256, 512 and 1,024 bytes. */
export const LEAF_SIZES = [8, 20, 41, LEAF_MAX];
/** A neighbour with less room than this is full: sharing would have to be done again soon. */
const SHARED_MIN = 8;
/** A leaf with more entries than this is left alone when one is removed. */
export const FULL_ENOUGH = 56;
const LEVELS_MAX = 12;
/** Entries of three leaves, and a new one. */
const SCRATCH = 3 * LEAF_MAX + 1;

/** Hears of changes of leaves. */
export interface LeafGuard {
  /** Called before the entries of `leaf` change, or it is freed. */
  beforeChange(leaf: number): void;
}

export abstract class RankedBalance extends RankedNodes {
  guard: LeafGuard | null = null;

  /** The position: an entry, or no leaf (0) behind the last one. */
  leaf = 0;
  index = 0;

  /** The way from the top to a leaf: inner nodes and the child taken in each, by level from 1 on. */
  protected readonly pathNode = new Int32Array(LEVELS_MAX);
  protected readonly pathIndex = new Int32Array(LEVELS_MAX);
  /** Blocks had before the tree is touched, so that a change that has begun cannot fail. */
  readonly #spare = new Int32Array(LEVELS_MAX + 2);
  protected spares = 0;
  readonly #highs = new Int32Array(SCRATCH);
  readonly #lows = new Int32Array(SCRATCH);
  readonly #refs = new Int32Array(SCRATCH);

  // ── Leaves that are full, or have become small ───────────────────────────────────────────────

  /** Adds what is looked for to a leaf that has room; counts and first entries above follow. */
  protected insertAt(root: number, leaf: number, index: number, ref: number): void {
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
    for (let level = 1; level <= levels; level++) this.addToCount(level, 1);
    if (index === 0) this.firstChanged(levels);
  }

  protected insertIntoFull(root: number, ref: number): void {
    const { leaf, index } = this;
    const isAppended = index === LEAF_MAX && this.get(leaf, NEXT) === 0;
    const isPrepended = index === 0 && this.get(leaf, PREVIOUS) === 0;
    if (!isAppended && !isPrepended && this.#share(root, ref)) return;
    this.#reserve(root);
    this.#splitParents(root, isAppended, isPrepended);
    const parent = this.pathNode[1]!;
    const child = this.pathIndex[1]!;
    if (isAppended || isPrepended) {
      const at = isAppended ? child + 1 : child;
      const added = this.#addLeaf(root, parent, at);
      this.pathIndex[1] = at;
      this.insertAt(root, added, 0, ref);
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
    const parent = this.pathNode[1]!;
    const child = this.pathIndex[1]!;
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
  protected refill(root: number, items: number): void {
    const parent = this.pathNode[1]!;
    const child = this.pathIndex[1]!;
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
    const parent = this.pathNode[1]!;
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
    if (ref !== 0) for (let level = 2; level <= levels; level++) this.addToCount(level, 1);
    if (first === 0) {
      this.pathIndex[1] = 0;
      this.firstChanged(levels);
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

  protected createLeaf(capacity: number): number {
    const leaf = this.heap.alloc((HEADER_WORDS + 3 * capacity) * 4);
    this.set(leaf, ITEMS, 0);
    this.set(leaf, PREVIOUS, 0);
    this.set(leaf, NEXT, 0);
    this.set(leaf, CAPACITY, capacity);
    return leaf;
  }

  /** Moves the only leaf to a block of the least capacity for `items`. */
  protected resizeLoneLeaf(root: number, items: number): void {
    const old = this.get(root, TOP);
    const leaf = this.createLeaf(LEAF_SIZES.find((size) => size >= items)!);
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

  protected shrinkLoneLeaf(root: number): void {
    const leaf = this.get(root, TOP);
    const items = this.get(leaf, ITEMS);
    const capacity = this.get(leaf, CAPACITY);
    if (capacity === LEAF_SIZES[0] || items * 4 > capacity) return;
    // Where even the smaller block cannot be had, the large one stays.
    const smaller = LEAF_SIZES.find((size) => size >= items)!;
    if (this.heap.hasRoomFor((HEADER_WORDS + 3 * smaller) * 4)) this.resizeLoneLeaf(root, items);
  }

  // ── Inner nodes ──────────────────────────────────────────────────────────────────────────────

  /** Gets the blocks that a new leaf may take: its own, and one for each full node above it. */
  #reserve(root: number): void {
    const levels = this.get(root, LEVELS);
    let needed = 2;
    for (let level = 1; level <= levels; level++) {
      if (this.get(this.pathNode[level]!, ITEMS) < CHILDREN_MAX) {
        needed--;
        break;
      }
      needed++;
    }
    try {
      while (this.spares < needed) {
        // Counted only when it is there.
        const block = this.heap.alloc(NODE_BYTES);
        this.#spare[this.spares++] = block;
      }
    } catch (error) {
      while (this.spares > 0) this.heap.free(this.#takeSpare());
      throw error;
    }
  }

  #takeSpare(): number {
    return this.#spare[--this.spares]!;
  }

  /** Makes room for one more child in the parent of the leaf, and the way leads through it. */
  #splitParents(root: number, isAppended: boolean, isPrepended: boolean): void {
    let levels = this.get(root, LEVELS);
    let full = 0;
    while (full < levels && this.get(this.pathNode[full + 1]!, ITEMS) === CHILDREN_MAX) full++;
    if (full === levels) {
      const top = this.#takeSpare();
      const below = this.get(root, TOP);
      levels++;
      assert(levels < LEVELS_MAX, "levels of a tree");
      this.#startInner(root, top);
      this.set(root, TOP, top);
      this.set(root, LEVELS, levels);
      this.#appendChild(top, below, this.get(root, COUNT));
      this.pathNode[levels] = top;
      this.pathIndex[levels] = 0;
    }
    for (let level = full; level > 0; level--) {
      const node = this.pathNode[level]!;
      const parent = this.pathNode[level + 1]!;
      const at = this.pathIndex[level + 1]!;
      const index = this.pathIndex[level]!;
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
        this.pathNode[level] = behind;
        this.pathIndex[level] = index - kept;
        this.pathIndex[level + 1] = at + 1;
      }
    }
  }

  /** After a leaf is gone: joins small inner nodes on the way, and lowers the tree. */
  #mergeParents(root: number): void {
    let levels = this.get(root, LEVELS);
    let level = 1;
    while (this.get(this.pathNode[level]!, ITEMS) === 0) {
      level++;
      this.#dropInner(root, this.pathNode[level]!, this.pathIndex[level]!);
    }
    // The lowest node that is left may begin with another entry now.
    for (let above = level + 1; above <= levels; above++) {
      const node = this.pathNode[above]!;
      const at = this.pathIndex[above]!;
      this.copyFirst(this.child(node, at), node, at);
      if (at !== 0) break;
    }
    while (level < levels) {
      const items = this.get(this.pathNode[level]!, ITEMS);
      level++;
      const parent = this.pathNode[level]!;
      const at = this.pathIndex[level]!;
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
    if (levels === 0) this.shrinkLoneLeaf(root);
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
  protected firstChanged(levels: number): void {
    for (let level = 1; level <= levels; level++) {
      const node = this.pathNode[level]!;
      const at = this.pathIndex[level]!;
      this.copyFirst(this.child(node, at), node, at);
      if (at !== 0) return;
    }
  }

  protected addToCount(level: number, change: number): void {
    const node = this.pathNode[level]!;
    const at = this.pathIndex[level]!;
    this.setChildCount(node, at, this.childCount(node, at) + change);
  }
}

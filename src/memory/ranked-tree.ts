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
  COUNT,
  FIRST_LEAF,
  FULL_ENOUGH,
  INNER_NODES,
  LAST_LEAF,
  LEAF_SIZES,
  LEAVES,
  LEVELS,
  RankedBalance,
  TOP,
} from "./ranked-balance.ts";
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
} from "./ranked-nodes.ts";

const ROOT_WORDS = 7;

export class RankedTree extends RankedBalance {
  create(): number {
    const heap = this.heap;
    const root = heap.alloc(ROOT_WORDS * 4);
    try {
      const leaf = this.createLeaf(LEAF_SIZES[0]!);
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

  /** Names every block of a tree, also of one that `destroySome` has begun to free. */
  forEachBlock(root: number, visit: (block: number) => void): void {
    const visitNode = (node: number, level: number): void => {
      visit(node);
      if (level === 0) return;
      for (let i = 0; i < this.get(node, ITEMS); i++) visitNode(this.child(node, i), level - 1);
    };
    visit(root);
    visitNode(this.get(root, TOP), this.get(root, LEVELS));
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
      if (items === LEAF_MAX) this.insertIntoFull(root, ref);
      else {
        this.resizeLoneLeaf(root, items + 1);
        this.insertAt(root, this.leaf, index, ref);
      }
    } else this.insertAt(root, leaf, index, ref);
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
    for (let level = 1; level <= levels; level++) this.addToCount(level, -1);
    if (levels === 0) this.shrinkLoneLeaf(root);
    else {
      if (index === 0 && items > 0) this.firstChanged(levels);
      if (items <= FULL_ENOUGH) this.refill(root, items);
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
      if (index === 0) this.firstChanged(this.get(root, LEVELS));
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
    if (index === 0) this.firstChanged(this.get(root, LEVELS));
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
      this.pathNode[level] = node;
      this.pathIndex[level] = index;
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
      rank += this.countBefore(this.pathNode[level]!, this.pathIndex[level]!);
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
    assert(this.spares === 0, "no block is left over");
  }
}

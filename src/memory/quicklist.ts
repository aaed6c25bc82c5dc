/**
 * A chain: a deque of packed entries (element.ts) in one node, or in a doubly linked list of
 * nodes. Ten million elements push and pop at both ends in O(1).
 *
 * Layout (words are int32)
 *   node:  0 previous | 1 next | 2 entries | 3 start | 4 end | bytes
 *          `start` and `end` are byte offsets from the start of the block; entries lie between
 *          them, and there may be room on both sides, so that neither end has to move the rest.
 *   root:  0 head | 1 tail | 2 entries in all | 3 nodes
 *
 * Forms
 *   PACKED: the owner's word is the ref of a single node. LINKED: it is the ref of a root.
 *   `open` reads either form into this object's fields, operations work on the fields, `close`
 *   writes them back in the form that fits and returns the new word. While a chain is open, no
 *   other may be.
 *
 * Invariants (asserted by `check()`)
 *   No node is empty; links agree in both directions; the counts are right; the entries of a node
 *   fill start..end exactly.
 *
 * Limits
 *   A node takes entries while they stay within the limit that the owner sets (`list-max-listpack-size`);
 *   an entry larger than that has a node of its own.
 */
import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import { type Element, entryBytes, previousEntry } from "./element.ts";
import { BLOCK_BYTES_MAX, type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";

export const PACKED = 0;
export const LINKED = 1;

const PREVIOUS = 0;
const NEXT = 1;
const ENTRIES = 2;
const START = 3;
const END = 4;
const NODE_BYTES = 20;
const ROOT_BYTES = 16;
/** What a listpack's own header and end byte take; counted so that limits mean what Redis means. */
const LISTPACK_BYTES = 7;
/** Where only the number of entries is limited, bytes still are, as in Redis. */
const NODE_BYTES_SAFE = 8192;

export class Chain {
  readonly #heap: Heap;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  /** Most bytes of entries in a single node, and in one of several: a block of a round size. */
  #bytesMax = 8192 - LISTPACK_BYTES;
  #linkedBytesMax = 8192 - NODE_BYTES;
  #entriesMax = 0x7fffffff;

  head = 0;
  tail = 0;
  /** Entries in all. */
  length = 0;
  nodes = 0;
  /** How to read the word that `close` returned. */
  form = PACKED;
  #root = 0;

  /** The entry that `seek` found: its node and its byte offset in the node's segment. */
  node = 0;
  at = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#words = heap.words;
    this.#bytes = heap.bytes;
  }

  /** `size` as in `list-max-listpack-size`: entries (0 is 1), or -1 to -5 for 4 to 64 KiB. */
  setNodeLimit(size: number): void {
    this.#entriesMax = size >= 0 ? Math.max(1, size) : 0x7fffffff;
    const bytes = size >= 0 ? NODE_BYTES_SAFE : 4096 << Math.min(4, Math.max(1, -size) - 1);
    this.#bytesMax = bytes - LISTPACK_BYTES;
    this.#linkedBytesMax = bytes - NODE_BYTES;
  }

  openNew(): void {
    this.head = 0;
    this.tail = 0;
    this.length = 0;
    this.nodes = 0;
    this.#root = 0;
  }

  open(word: number, form: number): void {
    if (form === PACKED) {
      this.head = word;
      this.tail = word;
      this.length = this.#get(word, ENTRIES);
      this.nodes = 1;
      this.#root = 0;
    } else {
      this.#root = word;
      this.head = this.#get(word, 0);
      this.tail = this.#get(word, 1);
      this.length = this.#get(word, 2);
      this.nodes = this.#get(word, 3);
    }
  }

  /** Whether a chain with these fields is kept PACKED or LINKED. `#root` says what it was. */
  #form(): number {
    if (this.nodes !== 1) return LINKED;
    const bytes = this.#get(this.head, END) - this.#get(this.head, START);
    // Back to one packed block only at half the limit, so that it does not change to and fro.
    const half = this.#root === 0 ? 1 : 2;
    return bytes * half <= this.#bytesMax && this.length * half <= this.#entriesMax
      ? PACKED
      : LINKED;
  }

  /** Writes the fields back. Returns the owner's new word; `form` then says how to read it. */
  close(): number {
    this.form = this.#form();
    if (this.form === PACKED) {
      if (this.#root !== 0) {
        this.#heap.free(this.#root);
        this.#root = 0;
      }
      return this.#shrink(this.head);
    }
    return this.closeLinked();
  }

  /** Writes the fields back to a root, whatever form would fit. */
  closeLinked(): number {
    this.form = LINKED;
    if (this.#root === 0) this.#root = this.#heap.alloc(ROOT_BYTES);
    this.#set(this.#root, 0, this.head);
    this.#set(this.#root, 1, this.tail);
    this.#set(this.#root, 2, this.length);
    this.#set(this.#root, 3, this.nodes);
    return this.#root;
  }

  /** Frees a chain that has become empty; the owner drops its word. */
  closeEmpty(): void {
    if (this.#root !== 0) this.#heap.free(this.#root);
    this.#root = 0;
  }

  /** Frees the open chain whole. */
  discard(): void {
    while (this.head !== 0) this.#dropNode(this.head);
    this.length = 0;
    this.closeEmpty();
  }

  /**
   * Frees up to `nodes` nodes from the front. Returns whether the whole chain is gone; until
   * then the owner calls again with the word that `close` returns.
   */
  destroySome(nodes: number): boolean {
    for (let i = 0; i < nodes && this.head !== 0; i++) {
      this.length -= this.#get(this.head, ENTRIES);
      this.#dropNode(this.head);
    }
    if (this.head !== 0) return false;
    this.closeEmpty();
    return true;
  }

  /** Adds what `element` measured (`size` bytes) at the tail. */
  pushTail(element: Element, size: number): void {
    let node = this.tail;
    if (node === 0 || !this.#takes(node, size)) node = this.#addNode(node, 0, size, false);
    else node = this.#makeRoomBehind(node, size);
    const base = (node & UNIT_MASK) << 3;
    const end = this.#get(node, END);
    element.write(this.#bytes[node >>> SEGMENT_SHIFT]!, base + end);
    this.#set(node, END, end + size);
    this.#set(node, ENTRIES, this.#get(node, ENTRIES) + 1);
    this.length++;
  }

  pushHead(element: Element, size: number): void {
    let node = this.head;
    if (node === 0 || !this.#takes(node, size)) node = this.#addNode(0, node, size, true);
    else node = this.#makeRoomBefore(node, size);
    const base = (node & UNIT_MASK) << 3;
    const start = this.#get(node, START) - size;
    element.write(this.#bytes[node >>> SEGMENT_SHIFT]!, base + start);
    this.#set(node, START, start);
    this.#set(node, ENTRIES, this.#get(node, ENTRIES) + 1);
    this.length++;
  }

  /** Sets `node` and `at` to the entry at `index` (0 .. length-1), from the nearer end. */
  seek(index: number): void {
    let node: number;
    let first: number;
    if (index * 2 < this.length) {
      node = this.head;
      first = 0;
      for (;;) {
        const n = this.#get(node, ENTRIES);
        if (index < first + n) break;
        first += n;
        node = this.#get(node, NEXT);
      }
    } else {
      node = this.tail;
      first = this.length - this.#get(node, ENTRIES);
      while (index < first) {
        node = this.#get(node, PREVIOUS);
        first -= this.#get(node, ENTRIES);
      }
    }
    this.node = node;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    const base = (node & UNIT_MASK) << 3;
    const steps = index - first;
    const n = this.#get(node, ENTRIES);
    if (steps * 2 < n) {
      let at = base + this.#get(node, START);
      for (let i = 0; i < steps; i++) at += entryBytes(bytes, at);
      this.at = at;
    } else {
      let at = base + this.#get(node, END);
      for (let i = n; i > steps; i--) at = previousEntry(bytes, at);
      this.at = at;
    }
  }

  /** The node behind, or 0; how many entries it has; where they start and end in its block. */
  nextNode(node: number): number {
    return this.#get(node, NEXT);
  }

  entriesOf(node: number): number {
    return this.#get(node, ENTRIES);
  }

  startOf(node: number): number {
    return this.#get(node, START);
  }

  endOf(node: number): number {
    return this.#get(node, END);
  }

  /** Reads the entry at the position. */
  read(element: Element): void {
    element.read(this.#bytes[this.node >>> SEGMENT_SHIFT]!, this.at);
  }

  /** Reads the entry at the position and moves behind it; false once the chain has ended there. */
  readNext(element: Element): boolean {
    return this.#moveTo(element.read(this.#bytes[this.node >>> SEGMENT_SHIFT]!, this.at));
  }

  /** Moves to the next entry; false at the end. */
  stepNext(): boolean {
    const bytes = this.#bytes[this.node >>> SEGMENT_SHIFT]!;
    return this.#moveTo(this.at + entryBytes(bytes, this.at));
  }

  /** Moves to `at`, which is an entry of this node or its end; false at the chain's end. */
  #moveTo(at: number): boolean {
    const { node } = this;
    if (at < ((node & UNIT_MASK) << 3) + this.#get(node, END)) {
      this.at = at;
      return true;
    }
    const next = this.#get(node, NEXT);
    if (next === 0) return false;
    this.node = next;
    this.at = ((next & UNIT_MASK) << 3) + this.#get(next, START);
    return true;
  }

  /** Moves to the previous entry; false at the start. */
  stepPrevious(): boolean {
    let node = this.node;
    let at = this.at;
    if (at === ((node & UNIT_MASK) << 3) + this.#get(node, START)) {
      node = this.#get(node, PREVIOUS);
      if (node === 0) return false;
      at = ((node & UNIT_MASK) << 3) + this.#get(node, END);
    }
    this.node = node;
    this.at = previousEntry(this.#bytes[node >>> SEGMENT_SHIFT]!, at);
    return true;
  }

  /** Whether the entry at the position has exactly this encoding. */
  equals(encoded: Uint8Array, size: number): boolean {
    const bytes = this.#bytes[this.node >>> SEGMENT_SHIFT]!;
    const at = this.at;
    return bytes[at] === encoded[0] && entryBytes(bytes, at) === size
      ? equalBytes(bytes, at, encoded, 0, size)
      : false;
  }

  /** Removes the first entry. */
  popHead(): void {
    const node = this.head;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    const start = this.#get(node, START);
    const size = entryBytes(bytes, ((node & UNIT_MASK) << 3) + start);
    this.length--;
    const entries = this.#get(node, ENTRIES) - 1;
    if (entries === 0) {
      this.#dropNode(node);
    } else {
      this.#set(node, START, start + size);
      this.#set(node, ENTRIES, entries);
    }
  }

  /** Removes the last entry. */
  popTail(): void {
    const node = this.tail;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    const base = (node & UNIT_MASK) << 3;
    const start = previousEntry(bytes, base + this.#get(node, END)) - base;
    this.length--;
    const entries = this.#get(node, ENTRIES) - 1;
    if (entries === 0) {
      this.#dropNode(node);
    } else {
      this.#set(node, END, start);
      this.#set(node, ENTRIES, entries);
    }
  }

  /**
   * Removes the entry at the position. The position moves to the entry behind it; returns false
   * where there is none (then the position is void).
   */
  removeHere(): boolean {
    const node = this.node;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    const base = (node & UNIT_MASK) << 3;
    const size = entryBytes(bytes, this.at);
    const start = this.#get(node, START);
    const end = this.#get(node, END);
    const entries = this.#get(node, ENTRIES) - 1;
    const next = this.#get(node, NEXT);
    this.length--;
    if (entries === 0) {
      this.#dropNode(node);
      if (next === 0) return false;
      this.node = next;
      this.at = ((next & UNIT_MASK) << 3) + this.#get(next, START);
      return true;
    }
    this.#set(node, ENTRIES, entries);
    const offset = this.at - base;
    if (offset - start < end - offset - size) {
      // Close the gap from the shorter side.
      bytes.copyWithin(base + start + size, base + start, this.at);
      this.#set(node, START, start + size);
      this.at += size;
    } else {
      bytes.copyWithin(this.at, this.at + size, base + end);
      this.#set(node, END, end - size);
    }
    const from = base + this.#get(node, START);
    const kept = this.#shrink(node);
    const keptBase = (kept & UNIT_MASK) << 3;
    this.node = kept;
    this.at += keptBase + this.#get(kept, START) - from;
    if (this.at < keptBase + this.#get(kept, END)) return true;
    if (next === 0) return false;
    this.node = next;
    this.at = ((next & UNIT_MASK) << 3) + this.#get(next, START);
    return true;
  }

  /** Removes up to `limit` entries with this encoding, from the head on; returns how many. */
  removeForward(encoded: Uint8Array, size: number, limit: number): number {
    let removed = 0;
    this.seek(0);
    for (let more = true; more && removed < limit; ) {
      if (this.equals(encoded, size)) {
        more = this.removeHere();
        removed++;
      } else more = this.stepNext();
    }
    return removed;
  }

  /** The same from the tail on. */
  removeBackward(encoded: Uint8Array, size: number, limit: number): number {
    let removed = 0;
    this.seek(this.length - 1);
    while (removed < limit) {
      if (!this.equals(encoded, size)) {
        if (!this.stepPrevious()) break;
        continue;
      }
      // Step back from the entry behind the removed one, or to the last where there is none.
      if (this.removeHere()) {
        removed++;
        if (!this.stepPrevious()) break;
      } else {
        removed++;
        if (this.length === 0) break;
        this.seek(this.length - 1);
      }
    }
    return removed;
  }

  /** Inserts what `element` measured before the entry at the position, or behind it. */
  insertHere(element: Element, size: number, behind: boolean): void {
    let node = this.node;
    if (behind) this.at += entryBytes(this.#bytes[node >>> SEGMENT_SHIFT]!, this.at);
    let offset = this.at - ((node & UNIT_MASK) << 3);
    if (!this.#takes(node, size)) {
      // At an edge the neighbour may have room; else split the node here and try its first half.
      if (offset === this.#get(node, START)) {
        const previous = this.#get(node, PREVIOUS);
        node =
          previous !== 0 && this.#takes(previous, size)
            ? previous
            : this.#addNode(previous, node, size, false);
      } else {
        if (offset !== this.#get(node, END)) this.#splitNode(node, offset);
        if (!this.#takes(node, size))
          node = this.#addNode(node, this.#get(node, NEXT), size, false);
      }
      offset = this.#get(node, END);
    }
    const end = this.#get(node, END);
    const shift = offset - this.#get(node, START);
    const tail = end - offset;
    node = this.#makeRoomBehind(node, size);
    const base = (node & UNIT_MASK) << 3;
    const at = base + this.#get(node, START) + shift;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    if (tail > 0) bytes.copyWithin(at + size, at, at + tail);
    element.write(bytes, at);
    this.#set(node, END, this.#get(node, END) + size);
    this.#set(node, ENTRIES, this.#get(node, ENTRIES) + 1);
    this.length++;
  }

  /** Puts what `element` measured in the place of the entry at the position. */
  replaceHere(element: Element, size: number): void {
    const node = this.node;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    if (entryBytes(bytes, this.at) === size) {
      element.write(bytes, this.at);
      return;
    }
    if (this.removeHere()) this.insertHere(element, size, false);
    else this.pushTail(element, size);
  }

  /** Drops `count` entries from the head. */
  trimHead(count: number): void {
    let left = count;
    while (left > 0) {
      const node = this.head;
      const entries = this.#get(node, ENTRIES);
      if (entries <= left) {
        left -= entries;
        this.length -= entries;
        this.#dropNode(node);
        continue;
      }
      const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
      const base = (node & UNIT_MASK) << 3;
      let at = base + this.#get(node, START);
      for (let i = 0; i < left; i++) at += entryBytes(bytes, at);
      this.#set(node, START, at - base);
      this.#set(node, ENTRIES, entries - left);
      this.length -= left;
      left = 0;
    }
  }

  /** Drops `count` entries from the tail. */
  trimTail(count: number): void {
    let left = count;
    while (left > 0) {
      const node = this.tail;
      const entries = this.#get(node, ENTRIES);
      if (entries <= left) {
        left -= entries;
        this.length -= entries;
        this.#dropNode(node);
        continue;
      }
      const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
      const base = (node & UNIT_MASK) << 3;
      let at = base + this.#get(node, END);
      for (let i = 0; i < left; i++) at = previousEntry(bytes, at);
      this.#set(node, END, at - base);
      this.#set(node, ENTRIES, entries - left);
      this.length -= left;
      left = 0;
    }
  }

  /** Whether the node's limit allows `size` more bytes. */
  #takes(node: number, size: number): boolean {
    const used = this.#get(node, END) - this.#get(node, START);
    return (
      used + size <= (this.nodes === 1 ? this.#bytesMax : this.#linkedBytesMax) &&
      this.#get(node, ENTRIES) < this.#entriesMax
    );
  }

  /**
   * Links a new, empty node between two nodes (0: at that end), with room for `size` bytes before
   * its edge or behind it.
   */
  #addNode(previous: number, next: number, size: number, before: boolean): number {
    const content = this.nodes === 0 ? size : Math.max(size, this.#linkedBytesMax);
    const node = this.#heap.alloc(NODE_BYTES + content);
    this.#set(node, PREVIOUS, previous);
    this.#set(node, NEXT, next);
    this.#set(node, ENTRIES, 0);
    const edge = before ? this.#heap.usableBytes(node) : NODE_BYTES;
    this.#set(node, START, edge);
    this.#set(node, END, edge);
    if (previous !== 0) this.#set(previous, NEXT, node);
    else this.head = node;
    if (next !== 0) this.#set(next, PREVIOUS, node);
    else this.tail = node;
    this.nodes++;
    return node;
  }

  #dropNode(node: number): void {
    const previous = this.#get(node, PREVIOUS);
    const next = this.#get(node, NEXT);
    if (previous !== 0) this.#set(previous, NEXT, next);
    else this.head = next;
    if (next !== 0) this.#set(next, PREVIOUS, previous);
    else this.tail = previous;
    this.nodes--;
    this.#heap.free(node);
  }

  /** Moves the entries from `offset` on to a new node behind. */
  #splitNode(node: number, offset: number): void {
    const end = this.#get(node, END);
    const behind = this.#addNode(node, this.#get(node, NEXT), end - offset, false);
    const from = this.#bytes[node >>> SEGMENT_SHIFT]!;
    const base = (node & UNIT_MASK) << 3;
    let entries = 0;
    for (let at = base + offset; at < base + end; at += entryBytes(from, at)) entries++;
    this.#bytes[behind >>> SEGMENT_SHIFT]!.set(
      from.subarray(base + offset, base + end),
      ((behind & UNIT_MASK) << 3) + this.#get(behind, END),
    );
    this.#set(behind, END, this.#get(behind, END) + end - offset);
    this.#set(behind, ENTRIES, entries);
    this.#set(node, END, offset);
    this.#set(node, ENTRIES, this.#get(node, ENTRIES) - entries);
  }

  /** Sees to `size` free bytes behind the node's entries. Returns the node, which may have moved. */
  #makeRoomBehind(node: number, size: number): number {
    const capacity = this.#heap.usableBytes(node);
    if (this.#get(node, END) + size <= capacity) return node;
    const used = this.#get(node, END) - this.#get(node, START);
    const grown = this.#grownBytes(capacity, used, size);
    if (grown === capacity) {
      this.#slide(node, NODE_BYTES);
      return node;
    }
    return this.#relocate(node, this.#heap.alloc(grown), NODE_BYTES);
  }

  /** Sees to `size` free bytes before the node's entries. Returns the node, which may have moved. */
  #makeRoomBefore(node: number, size: number): number {
    if (this.#get(node, START) - size >= NODE_BYTES) return node;
    const capacity = this.#heap.usableBytes(node);
    const used = this.#get(node, END) - this.#get(node, START);
    const grown = this.#grownBytes(capacity, used, size);
    if (grown === capacity) {
      this.#slide(node, capacity - used);
      return node;
    }
    const block = this.#heap.alloc(grown);
    return this.#relocate(node, block, this.#heap.usableBytes(block) - used);
  }

  /** The capacity to have for `size` more bytes: the present one where sliding pays. */
  #grownBytes(capacity: number, used: number, size: number): number {
    const needed = NODE_BYTES + used + size;
    const full = NODE_BYTES + this.#bytesMax;
    // Sliding moves `used` bytes; it must free a fair part of that, or the node is as large as it gets.
    if (needed <= capacity && (capacity - needed >= used / 2 || capacity >= full)) return capacity;
    return Math.max(needed, Math.min(full, Math.ceil(capacity * 1.5)));
  }

  /** Moves the entries within the block. */
  #slide(node: number, start: number): void {
    const base = (node & UNIT_MASK) << 3;
    const from = this.#get(node, START);
    const end = this.#get(node, END);
    this.#bytes[node >>> SEGMENT_SHIFT]!.copyWithin(base + start, base + from, base + end);
    this.#set(node, START, start);
    this.#set(node, END, start + end - from);
  }

  /** Moves a node to another block, its entries to begin at `start`. */
  #relocate(node: number, block: number, start: number): number {
    const previous = this.#get(node, PREVIOUS);
    const next = this.#get(node, NEXT);
    const from = this.#get(node, START);
    const end = this.#get(node, END);
    const base = (node & UNIT_MASK) << 3;
    this.#bytes[block >>> SEGMENT_SHIFT]!.set(
      this.#bytes[node >>> SEGMENT_SHIFT]!.subarray(base + from, base + end),
      ((block & UNIT_MASK) << 3) + start,
    );
    this.#set(block, PREVIOUS, previous);
    this.#set(block, NEXT, next);
    this.#set(block, ENTRIES, this.#get(node, ENTRIES));
    this.#set(block, START, start);
    this.#set(block, END, start + end - from);
    if (previous !== 0) this.#set(previous, NEXT, block);
    else this.head = block;
    if (next !== 0) this.#set(next, PREVIOUS, block);
    else this.tail = block;
    this.#heap.free(node);
    return block;
  }

  /** Gives back most of a node's block when its entries have become few. Returns the node. */
  #shrink(node: number): number {
    const used = this.#get(node, END) - this.#get(node, START);
    const capacity = this.#heap.usableBytes(node);
    const smaller = NODE_BYTES + used * 2;
    // Where even the smaller block cannot be had, the large one stays.
    if (capacity > 256 && (NODE_BYTES + used) * 4 < capacity && this.#heap.hasRoomFor(smaller)) {
      return this.#relocate(node, this.#heap.alloc(smaller), NODE_BYTES);
    }
    return node;
  }

  #get(ref: number, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #set(ref: number, word: number, value: number): void {
    this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }

  /**
   * A copy of the open chain; returns the copy's word, in the form `form`. The copy is then open.
   * Where memory runs out nothing is left of it.
   */
  copy(): number {
    const source = this.head;
    this.openNew();
    try {
      this.#copyNodes(source);
      return this.close();
    } catch (error) {
      this.destroySome(this.nodes);
      throw error;
    }
  }

  /** Adds copies of the nodes from `source` on to the chain, which is empty. */
  #copyNodes(source: number): void {
    for (let node = source; node !== 0; node = this.#get(node, NEXT)) {
      const start = this.#get(node, START);
      const used = this.#get(node, END) - start;
      const base = (node & UNIT_MASK) << 3;
      const block = this.#heap.alloc(NODE_BYTES + used);
      this.#bytes[block >>> SEGMENT_SHIFT]!.set(
        this.#bytes[node >>> SEGMENT_SHIFT]!.subarray(base + start, base + start + used),
        ((block & UNIT_MASK) << 3) + NODE_BYTES,
      );
      const entries = this.#get(node, ENTRIES);
      this.#set(block, PREVIOUS, this.tail);
      this.#set(block, NEXT, 0);
      this.#set(block, ENTRIES, entries);
      this.#set(block, START, NODE_BYTES);
      this.#set(block, END, NODE_BYTES + used);
      if (this.tail !== 0) this.#set(this.tail, NEXT, block);
      else this.head = block;
      this.tail = block;
      this.length += entries;
      this.nodes++;
    }
  }

  /** Bytes of all blocks of the open chain. */
  usedBytes(): number {
    let total = this.#root === 0 ? 0 : this.#heap.usableBytes(this.#root);
    for (let node = this.head; node !== 0; node = this.#get(node, NEXT)) {
      total += this.#heap.usableBytes(node);
    }
    return total;
  }

  /** Asserts the invariants of the open chain. Returns the blocks it owns. */
  check(): number {
    let previous = 0;
    let entries = 0;
    let nodes = 0;
    for (let node = this.head; node !== 0; node = this.#get(node, NEXT)) {
      assert(this.#get(node, PREVIOUS) === previous, "back link of a node");
      const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
      const base = (node & UNIT_MASK) << 3;
      const start = this.#get(node, START);
      const end = this.#get(node, END);
      assert(start >= NODE_BYTES && end <= this.#heap.usableBytes(node), "entries in their block");
      let here = 0;
      let at = base + start;
      while (at < base + end) {
        const size = entryBytes(bytes, at);
        assert(previousEntry(bytes, at + size) === at, "back length of an entry");
        at += size;
        here++;
      }
      assert(
        at === base + end && here === this.#get(node, ENTRIES) && here > 0,
        "entries of a node",
      );
      entries += here;
      nodes++;
      previous = node;
    }
    assert(previous === this.tail, "tail");
    assert(entries === this.length && nodes === this.nodes, "counts of a chain");
    return nodes + (this.#root === 0 ? 0 : 1);
  }
}

/** Most nodes a chain may have and still be freed on the spot. */
export const NODES_FREED_AT_ONCE = 64;
export const ELEMENT_BYTES_MAX = BLOCK_BYTES_MAX - NODE_BYTES - 16;

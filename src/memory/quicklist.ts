/**
 * A quicklist: a deque of packed entries (element.ts) in one node, or in a doubly linked list of
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
 *
 * Cursors
 *   An object of this class is a cursor on one list. `open` reads either form into its fields,
 *   operations work on the fields, `close` writes them back in the form that fits and returns the
 *   new word. Two cursors may not be open on the same list.
 *
 * Walks
 *   While a walk reads the list in slices (quicklist-walk.ts), `guard` is told before a node changes.
 *   The list then stays LINKED, so that its root names it until the walk has ended.
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
import type { BlockGuard } from "./block-guard.ts";
import { type Element, entryBytes, previousEntry } from "./element.ts";
import { BLOCK_BYTES_MAX, type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";

export const PACKED = 0;
export const LINKED = 1;

const PREVIOUS = 0;
export const NEXT = 1;
export const ENTRIES = 2;
export const START = 3;
export const END = 4;
const NODE_BYTES = 20;
const ROOT_BYTES = 16;
/** What a listpack's own header and end byte take; counted so that limits mean what Redis means. */
const LISTPACK_BYTES = 7;
/** A larger buffer for the wanted element is given up with the next one. */
const WANTED_BYTES_KEPT = 1 << 20;
/** Where only the number of entries is limited, bytes still are, as in Redis. */
const NODE_BYTES_SAFE = 8192;

/** How large nodes may become; one object serves all lists of a server. */
export class NodeLimit {
  /** Most bytes of entries in a single node, and in one of several: a block of a round size. */
  bytesMax = 8192 - LISTPACK_BYTES;
  linkedBytesMax = 8192 - NODE_BYTES;
  entriesMax = 0x7fffffff;

  /** `size` as in `list-max-listpack-size`: entries (0 is 1), or -1 to -5 for 4 to 64 KiB. */
  set(size: number): void {
    this.entriesMax = size >= 0 ? Math.max(1, size) : 0x7fffffff;
    const bytes = size >= 0 ? NODE_BYTES_SAFE : 4096 << Math.min(4, Math.max(1, -size) - 1);
    this.bytesMax = bytes - LISTPACK_BYTES;
    this.linkedBytesMax = bytes - NODE_BYTES;
  }
}

export class Quicklist {
  readonly #heap: Heap;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  readonly #limit: NodeLimit;
  /** Told before nodes change, while a walk reads this list; else null. The owner sets it after `open`. */
  guard: BlockGuard | null = null;

  head = 0;
  tail = 0;
  /** Entries in all. */
  length = 0;
  nodes = 0;
  /** How to read the list's word: the one that was opened, or that `close` returned. */
  form = PACKED;
  #root = 0;

  /** The entry that `seek` found: its node and its byte offset in the node's segment. */
  node = 0;
  at = 0;
  /** How many nodes and entries `seek` found before that node. */
  #nodesBefore = 0;
  #entriesBefore = 0;
  /** An encoded element to compare with. */
  #wanted = new Uint8Array(0);
  #wantedSize = 0;

  constructor(heap: Heap, limit: NodeLimit) {
    this.#heap = heap;
    this.#limit = limit;
    this.#words = heap.words;
    this.#bytes = heap.bytes;
  }

  openNew(): void {
    this.guard = null;
    this.head = 0;
    this.tail = 0;
    this.length = 0;
    this.nodes = 0;
    this.#root = 0;
  }

  open(word: number, form: number): void {
    this.guard = null;
    this.form = form;
    if (form === PACKED) {
      this.head = word;
      this.tail = word;
      this.length = this.#get(word, ENTRIES);
      this.nodes = 1;
      this.#root = 0;
    } else {
      const words = this.#words[word >>> SEGMENT_SHIFT]!;
      const w = (word & UNIT_MASK) << 1;
      this.#root = word;
      this.head = words[w]!;
      this.tail = words[w + 1]!;
      this.length = words[w + 2]!;
      this.nodes = words[w + 3]!;
    }
  }

  /** Whether a list with these fields is kept PACKED or LINKED. `#root` says what it was. */
  #form(): number {
    if (this.nodes !== 1 || this.guard !== null) return LINKED;
    const bytes = this.#get(this.head, END) - this.#get(this.head, START);
    // Back to one packed block only at half the limit, so that it does not change to and fro.
    const half = this.#root === 0 ? 1 : 2;
    return bytes * half <= this.#limit.bytesMax && this.length * half <= this.#limit.entriesMax
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
    const words = this.#words[this.#root >>> SEGMENT_SHIFT]!;
    const w = (this.#root & UNIT_MASK) << 1;
    words[w] = this.head;
    words[w + 1] = this.tail;
    words[w + 2] = this.length;
    words[w + 3] = this.nodes;
    return this.#root;
  }

  /** Frees a list that has become empty; the owner drops its word. */
  closeEmpty(): void {
    if (this.#root !== 0) {
      if (this.guard !== null) this.guard.takesRoot(this.#root);
      else this.#heap.free(this.#root);
    }
    this.#root = 0;
  }

  /** Frees the open list whole. */
  discard(): void {
    while (this.head !== 0) this.#dropNode(this.head);
    this.length = 0;
    this.closeEmpty();
  }

  /**
   * Frees up to `nodes` nodes from the front. Returns whether the whole list is gone; until
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

  /** Adds an element that is ready to be written at the tail. */
  pushTail(element: Element): void {
    const size = element.encodedSize;
    let node = this.tail;
    if (node === 0 || !this.#takes(node, size)) node = this.#addNode(node, 0, size, false);
    else node = this.#makeRoomBehind(this.#changing(node), size);
    const words = this.#words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const end = words[w + END]!;
    element.write(this.#bytes[node >>> SEGMENT_SHIFT]!, (w << 2) + end);
    words[w + END] = end + size;
    words[w + ENTRIES] = words[w + ENTRIES]! + 1;
    this.length++;
  }

  pushHead(element: Element): void {
    const size = element.encodedSize;
    let node = this.head;
    if (node === 0 || !this.#takes(node, size)) node = this.#addNode(0, node, size, true);
    else node = this.#makeRoomBefore(this.#changing(node), size);
    const words = this.#words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const start = words[w + START]! - size;
    element.write(this.#bytes[node >>> SEGMENT_SHIFT]!, (w << 2) + start);
    words[w + START] = start;
    words[w + ENTRIES] = words[w + ENTRIES]! + 1;
    this.length++;
  }

  /** Sets `node` and `at` to the first or last entry. */
  seekEnd(atHead: boolean): void {
    const node = atHead ? this.head : this.tail;
    const words = this.#words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    this.node = node;
    this.at = atHead
      ? (w << 2) + words[w + START]!
      : previousEntry(this.#bytes[node >>> SEGMENT_SHIFT]!, (w << 2) + words[w + END]!);
  }

  /** Sets `node` and `at` to the entry at `index` (0 .. length-1), from the nearer end. */
  seek(index: number): void {
    let node: number;
    let first: number;
    let nodesBefore: number;
    if (index * 2 < this.length) {
      node = this.head;
      first = 0;
      nodesBefore = 0;
      for (;;) {
        const n = this.#get(node, ENTRIES);
        if (index < first + n) break;
        first += n;
        nodesBefore++;
        node = this.#get(node, NEXT);
      }
    } else {
      node = this.tail;
      nodesBefore = this.nodes - 1;
      first = this.length - this.#get(node, ENTRIES);
      while (index < first) {
        node = this.#get(node, PREVIOUS);
        nodesBefore--;
        first -= this.#get(node, ENTRIES);
      }
    }
    this.node = node;
    this.#nodesBefore = nodesBefore;
    this.#entriesBefore = first;
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

  /** The entries of the node that `readNode` read, as they lie in the heap. */
  nodeBytes: Uint8Array = new Uint8Array(0);
  nodeFrom = 0;
  nodeByteLength = 0;
  nodeEntries = 0;

  /** Reads a node, of which `head` is the first. Returns the next one, or 0. */
  readNode(node: number): number {
    const start = this.#get(node, START);
    this.nodeBytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    this.nodeFrom = ((node & UNIT_MASK) << 3) + start;
    this.nodeByteLength = this.#get(node, END) - start;
    this.nodeEntries = this.#get(node, ENTRIES);
    return this.#get(node, NEXT);
  }

  /** Reads the entry at the position. */
  read(element: Element): void {
    element.read(this.#bytes[this.node >>> SEGMENT_SHIFT]!, this.at);
  }

  /** Reads the entry at the position and moves behind it; false once the list has ended there. */
  readNext(element: Element): boolean {
    return this.#moveTo(element.read(this.#bytes[this.node >>> SEGMENT_SHIFT]!, this.at));
  }

  /** Moves to the next entry; false at the end. */
  stepNext(): boolean {
    const bytes = this.#bytes[this.node >>> SEGMENT_SHIFT]!;
    return this.#moveTo(this.at + entryBytes(bytes, this.at));
  }

  /** Moves to `at`, which is an entry of this node or its end; false at the list's end. */
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

  /** The element that `matches` compares with. */
  setWanted(element: Element): void {
    const size = element.encodedSize;
    if (this.#wanted.length < size || this.#wanted.length > WANTED_BYTES_KEPT) {
      this.#wanted = new Uint8Array(Math.max(1024, size));
    }
    element.write(this.#wanted, 0);
    this.#wantedSize = size;
  }

  /** Whether the entry at the position is the wanted element. */
  matches(): boolean {
    const bytes = this.#bytes[this.node >>> SEGMENT_SHIFT]!;
    const at = this.at;
    const size = this.#wantedSize;
    return bytes[at] === this.#wanted[0] && entryBytes(bytes, at) === size
      ? equalBytes(bytes, at, this.#wanted, 0, size)
      : false;
  }

  /** Removes the first entry. */
  popHead(): void {
    const node = this.head;
    const words = this.#words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    this.length--;
    const entries = words[w + ENTRIES]! - 1;
    if (entries === 0) {
      this.#dropNode(node);
    } else {
      this.#changing(node);
      const start = words[w + START]!;
      const size = entryBytes(this.#bytes[node >>> SEGMENT_SHIFT]!, (w << 2) + start);
      words[w + START] = start + size;
      words[w + ENTRIES] = entries;
    }
  }

  /** Removes the last entry. */
  popTail(): void {
    const node = this.tail;
    const words = this.#words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    this.length--;
    const entries = words[w + ENTRIES]! - 1;
    if (entries === 0) {
      this.#dropNode(node);
    } else {
      this.#changing(node);
      const base = w << 2;
      const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
      words[w + END] = previousEntry(bytes, base + words[w + END]!) - base;
      words[w + ENTRIES] = entries;
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
    this.#changing(node);
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

  /** Removes up to `limit` entries that match, from the head on; returns how many. */
  removeForward(limit: number): number {
    let removed = 0;
    this.seek(0);
    for (let more = true; more && removed < limit; ) {
      if (this.matches()) {
        more = this.removeHere();
        removed++;
      } else more = this.stepNext();
    }
    return removed;
  }

  /** The same from the tail on. */
  removeBackward(limit: number): number {
    let removed = 0;
    this.seek(this.length - 1);
    while (removed < limit) {
      if (!this.matches()) {
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

  /** Inserts an element before the entry at the position, or behind it. */
  insertHere(element: Element, behind: boolean): void {
    const size = element.encodedSize;
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
    node = this.#makeRoomBehind(this.#changing(node), size);
    const base = (node & UNIT_MASK) << 3;
    const at = base + this.#get(node, START) + shift;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    if (tail > 0) bytes.copyWithin(at + size, at, at + tail);
    element.write(bytes, at);
    this.#set(node, END, this.#get(node, END) + size);
    this.#set(node, ENTRIES, this.#get(node, ENTRIES) + 1);
    this.length++;
  }

  /** Puts an element in the place of the entry at the position. */
  replaceHere(element: Element): void {
    const node = this.node;
    const bytes = this.#bytes[node >>> SEGMENT_SHIFT]!;
    // A walk does not copy a node of a single long entry, so that one is never changed in place.
    const isLong = this.guard !== null && element.encodedSize > this.#limit.bytesMax;
    if (entryBytes(bytes, this.at) === element.encodedSize && !isLong) {
      this.#changing(node);
      element.write(bytes, this.at);
      return;
    }
    if (this.removeHere()) this.insertHere(element, false);
    else this.pushTail(element);
  }

  /**
   * Drops `count` entries from the head, fewer than there are. Returns 0, or the word of a LINKED
   * list of dropped nodes, which the owner frees in slices.
   */
  trimHead(count: number): number {
    if (count === 0) return 0;
    this.seek(count);
    const { at, node } = this;
    const dropped = this.#nodesBefore;
    const left = count - this.#entriesBefore;
    const rest = this.#cut(this.head, this.#get(node, PREVIOUS), dropped, this.#entriesBefore);
    if (left > 0) {
      this.#changing(node);
      this.#set(node, START, at - ((node & UNIT_MASK) << 3));
      this.#set(node, ENTRIES, this.#get(node, ENTRIES) - left);
      this.length -= left;
    }
    return rest;
  }

  /** The same from the tail. */
  trimTail(count: number): number {
    if (count === 0) return 0;
    const kept = this.length - count;
    this.seek(kept - 1);
    const { node } = this;
    const end = this.at + entryBytes(this.#bytes[node >>> SEGMENT_SHIFT]!, this.at);
    const keptHere = kept - this.#entriesBefore;
    const left = this.#get(node, ENTRIES) - keptHere;
    const dropped = this.nodes - this.#nodesBefore - 1;
    const rest = this.#cut(this.#get(node, NEXT), this.tail, dropped, count - left);
    if (left > 0) {
      this.#changing(node);
      this.#set(node, END, end - ((node & UNIT_MASK) << 3));
      this.#set(node, ENTRIES, keptHere);
      this.length -= left;
    }
    return rest;
  }

  /**
   * Takes the nodes `first` to `last`, which are at one end, out of the list: frees a few at once,
   * and makes a LINKED list of many. Returns its word, or 0.
   */
  #cut(first: number, last: number, nodes: number, entries: number): number {
    if (nodes === 0) return 0;
    const heap = this.#heap;
    if (nodes <= NODES_FREED_AT_ONCE || !heap.hasRoomFor(ROOT_BYTES)) {
      const atHead = first === this.head;
      for (let i = 0; i < nodes; i++) this.#dropNode(atHead ? this.head : this.tail);
      this.length -= entries;
      return 0;
    }
    const before = this.#get(first, PREVIOUS);
    const behind = this.#get(last, NEXT);
    if (before !== 0) {
      this.guard?.beforeRelink(before);
      this.#set(before, NEXT, 0);
      this.tail = before;
    } else {
      this.guard?.beforeRelink(last);
      this.#set(behind, PREVIOUS, 0);
      this.head = behind;
    }
    this.#set(first, PREVIOUS, 0);
    this.#set(last, NEXT, 0);
    this.nodes -= nodes;
    this.length -= entries;
    const root = heap.alloc(ROOT_BYTES);
    this.#set(root, 0, first);
    this.#set(root, 1, last);
    this.#set(root, 2, entries);
    this.#set(root, 3, nodes);
    return root;
  }

  /** Whether the node's limit allows `size` more bytes. */
  #takes(node: number, size: number): boolean {
    const words = this.#words[node >>> SEGMENT_SHIFT]!;
    const w = (node & UNIT_MASK) << 1;
    const limit = this.#limit;
    return (
      words[w + END]! - words[w + START]! + size <=
        (this.nodes === 1 ? limit.bytesMax : limit.linkedBytesMax) &&
      words[w + ENTRIES]! < limit.entriesMax
    );
  }

  /**
   * Links a new, empty node between two nodes (0: at that end), with room for `size` bytes before
   * its edge or behind it.
   */
  #addNode(previous: number, next: number, size: number, before: boolean): number {
    const content = this.nodes === 0 ? size : Math.max(size, this.#limit.linkedBytesMax);
    const node = this.#heap.alloc(NODE_BYTES + content);
    if (this.guard !== null) {
      this.guard.added(node);
      if (previous !== 0) this.guard.beforeRelink(previous);
    }
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
    if (previous !== 0) {
      this.guard?.beforeRelink(previous);
      this.#set(previous, NEXT, next);
    } else this.head = next;
    if (next !== 0) this.#set(next, PREVIOUS, previous);
    else this.tail = previous;
    this.nodes--;
    this.#freeNode(node);
  }

  /** Tells the walk, if there is one, that the node's content is about to change. Returns the node. */
  #changing(node: number): number {
    this.guard?.beforeChange(node);
    return node;
  }

  #freeNode(node: number): void {
    if (this.guard === null || !this.guard.takes(node)) this.#heap.free(node);
  }

  /** Moves the entries from `offset` on to a new node behind. */
  #splitNode(node: number, offset: number): void {
    this.#changing(node);
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
    const full = NODE_BYTES + this.#limit.bytesMax;
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
    if (this.guard !== null) {
      this.guard.added(block);
      if (previous !== 0) this.guard.beforeRelink(previous);
    }
    if (previous !== 0) this.#set(previous, NEXT, block);
    else this.head = block;
    if (next !== 0) this.#set(next, PREVIOUS, block);
    else this.tail = block;
    this.#freeNode(node);
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
   * A copy of the open list; returns the copy's word, in the form `form`. The copy is then open.
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

  /** Adds copies of the nodes from `source` on to the list, which is empty. */
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

  /** Bytes of all blocks of the open list; estimated from `samples` nodes, unless that is 0. */
  usedBytes(samples = 0): number {
    let total = 0;
    let seen = 0;
    for (let node = this.head; node !== 0; node = this.#get(node, NEXT)) {
      if (samples > 0 && seen === samples) break;
      total += this.#heap.usableBytes(node);
      seen++;
    }
    if (seen > 0 && seen < this.nodes) total = Math.round((total / seen) * this.nodes);
    return total + (this.#root === 0 ? 0 : this.#heap.usableBytes(this.#root));
  }

  /** Whether a node holds a single entry that is beyond the limit. */
  hasLongNode(): boolean {
    for (let node = this.head; node !== 0; node = this.#get(node, NEXT)) {
      if (this.#get(node, END) - this.#get(node, START) > this.#limit.bytesMax) return true;
    }
    return false;
  }

  /** Asserts the invariants of the open list and hands every block of it to `owns`. */
  check(owns: (block: number) => void): void {
    let previous = 0;
    let entries = 0;
    let nodes = 0;
    if (this.#root !== 0) owns(this.#root);
    for (let node = this.head; node !== 0; node = this.#get(node, NEXT)) {
      owns(node);
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
    assert(entries === this.length && nodes === this.nodes, "counts of a list");
  }
}

/** Most nodes a list may have and still be freed on the spot. */
export const NODES_FREED_AT_ONCE = 64;
export const ELEMENT_BYTES_MAX = BLOCK_BYTES_MAX - NODE_BYTES - 16;

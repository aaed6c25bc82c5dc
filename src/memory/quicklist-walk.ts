/**
 * Reads a LINKED quicklist as it is at one moment, node by node, while the list goes on changing.
 *
 * What
 *   The walk follows the list's links from its head. As the list's guard it is told before a node
 *   changes: where the node is still to be read, its content and its link are kept as they were. A
 *   node that leaves the list is not copied: the walk frees it once it has read it. So a walk costs
 *   at most a copy of the nodes that change before it reaches them, and nothing at its beginning.
 *
 * Invariants
 *   A node is in one of three states: passed (read, or added since the beginning), kept (its old
 *   state is in `#kept`), or untouched. The old list is what is found by following each node's old
 *   link. A ref of a passed or copied node may name another block later; the old list is then still
 *   found, because `#kept` is asked first.
 */
import type { BlockGuard } from "./block-guard.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";
import { END, ENTRIES, NEXT, START } from "./quicklist.ts";

/** The old state of a node that has changed before it was read. */
interface KeptNode {
  /** Its entries, or null while they are still those of the node. */
  bytes: Uint8Array | null;
  entries: number;
  readonly next: number;
  /** The node has left the list and is the walk's to free. */
  isOwned: boolean;
}

export class QuicklistWalk implements BlockGuard {
  readonly #heap: Heap;
  /** The next node to read, 0 at the end. */
  #node: number;
  readonly #passed = new Set<number>();
  readonly #kept = new Map<number, KeptNode>();
  /** The node of the list that is being read; 0 where what is read has left the list. */
  #current = 0;
  /** A node that has left the list and is freed before the next one is read. */
  #finished = 0;
  #root = 0;
  /** Bytes of copies. */
  keptBytes = 0;
  /** Whether the list's blocks may be freed again. */
  hasEnded = false;
  /** Nodes and entries that the list has at the beginning. */
  readonly nodes: number;
  readonly length: number;

  /** The entries of the node that `next` read. Valid until the next call, whatever happens to the list. */
  bytes: Uint8Array = new Uint8Array(0);
  from = 0;
  byteLength = 0;
  entries = 0;

  constructor(heap: Heap, head: number, nodes: number, length: number) {
    this.#heap = heap;
    this.#node = head;
    this.nodes = nodes;
    this.length = length;
  }

  /** Reads the next node; false behind the last one. */
  next(): boolean {
    this.#freeFinished();
    this.#current = 0;
    const node = this.#node;
    if (node === 0) return false;
    const kept = this.#kept.get(node);
    if (kept === undefined) {
      this.#node = this.#word(node, NEXT);
      this.#current = node;
      this.#read(node);
    } else {
      this.#node = kept.next;
      this.#kept.delete(node);
      if (kept.isOwned) this.#finished = node;
      else if (kept.bytes === null) this.#current = node;
      if (kept.bytes === null) this.#read(node);
      else {
        this.keptBytes -= kept.bytes.length;
        this.bytes = kept.bytes;
        this.from = 0;
        this.byteLength = kept.bytes.length;
        this.entries = kept.entries;
      }
    }
    this.#passed.add(node);
    return true;
  }

  /** Whether the last node has been read. */
  get isAtEnd(): boolean {
    return this.#node === 0;
  }

  #read(node: number): void {
    const start = this.#word(node, START);
    this.bytes = this.#heap.bytes[node >>> SEGMENT_SHIFT]!;
    this.from = ((node & UNIT_MASK) << 3) + start;
    this.byteLength = this.#word(node, END) - start;
    this.entries = this.#word(node, ENTRIES);
  }

  beforeChange(block: number): void {
    if (this.#passed.has(block)) return;
    const kept = this.#keep(block);
    if (kept.bytes !== null || kept.isOwned) return;
    const start = this.#word(block, START);
    const base = (block & UNIT_MASK) << 3;
    kept.bytes = this.#heap.bytes[block >>> SEGMENT_SHIFT]!.slice(
      base + start,
      base + this.#word(block, END),
    );
    kept.entries = this.#word(block, ENTRIES);
    this.keptBytes += kept.bytes.length;
  }

  beforeRelink(block: number): void {
    if (!this.#passed.has(block)) this.#keep(block);
  }

  #keep(block: number): KeptNode {
    let kept = this.#kept.get(block);
    if (kept === undefined) {
      kept = { bytes: null, entries: 0, next: this.#word(block, NEXT), isOwned: false };
      this.#kept.set(block, kept);
    }
    return kept;
  }

  added(block: number): void {
    this.#passed.add(block);
  }

  takes(block: number): boolean {
    if (this.hasEnded) return false;
    if (block === this.#current) {
      // It may still be read, in pieces: a long node, which is never changed in place.
      this.#passed.delete(block);
      this.#current = 0;
      this.#finished = block;
      return true;
    }
    if (this.#passed.delete(block)) return false;
    const kept = this.#keep(block);
    if (kept.bytes !== null) return false;
    kept.isOwned = true;
    return true;
  }

  takesRoot(block: number): void {
    this.#root = block;
  }

  /** The walk is over, at the list's end or before: frees what is the walk's. */
  end(): void {
    this.hasEnded = true;
    this.#freeFinished();
    for (const [node, kept] of this.#kept) if (kept.isOwned) this.#heap.free(node);
    this.#kept.clear();
    this.#passed.clear();
    if (this.#root !== 0) this.#heap.free(this.#root);
    this.#root = 0;
  }

  /** Hands every block that is the walk's to `owns`. */
  check(owns: (block: number) => void): void {
    if (this.#finished !== 0) owns(this.#finished);
    for (const [node, kept] of this.#kept) if (kept.isOwned) owns(node);
    if (this.#root !== 0) owns(this.#root);
  }

  #freeFinished(): void {
    if (this.#finished !== 0) this.#heap.free(this.#finished);
    this.#finished = 0;
  }

  #word(node: number, word: number): number {
    return this.#heap.words[node >>> SEGMENT_SHIFT]![((node & UNIT_MASK) << 1) + word]!;
  }
}

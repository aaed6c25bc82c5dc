/**
 * Packed entries (element.ts) in one block: the small form of hashes, sets and sorted sets.
 *
 * Layout
 *   +0 entries | +4 end, in bytes from the start of the block | +8 entries, back to back
 *   The entries are those of a listpack, so a file takes them as they lie.
 *
 * An object of this class is a cursor: `open` reads the two words into its fields, operations work on
 * the fields and the block, and `ref` is the block, which a change may replace by another. A position
 * is a byte offset from the start of the block; a change before it invalidates it.
 *
 * Invariants (asserted by `check()`)
 *   The entries fill the bytes from 8 to `end` exactly, and are as many as the first word says.
 */
import { assert } from "../base/assert.ts";
import { copyBytes, equalBytes } from "../base/bytes.ts";
import { type Element, entryBytes, previousEntry } from "./element.ts";
import { type Heap, roundedBytes, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";

const HEADER_BYTES = 8;
/** A larger buffer for the wanted element is given up with the next one. */
const WANTED_BYTES_KEPT = 1 << 16;

export class Packed {
  readonly #heap: Heap;
  #wanted = new Uint8Array(256);
  /** The block; 0 while nothing is open. */
  ref = 0;
  entries = 0;
  /** Where the entries end, in bytes from the start of the block. */
  end = HEADER_BYTES;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  create(): void {
    this.ref = this.#heap.alloc(HEADER_BYTES * 2);
    this.entries = 0;
    this.end = HEADER_BYTES;
    this.#store();
  }

  open(ref: number): void {
    const words = this.#heap.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    this.ref = ref;
    this.entries = words[w]!;
    this.end = words[w + 1]!;
  }

  free(): void {
    this.#heap.free(this.ref);
    this.ref = 0;
  }

  /** The segment that the block is in, and where in it the entries start. */
  get bytes(): Uint8Array {
    return this.#heap.bytes[this.ref >>> SEGMENT_SHIFT]!;
  }

  get from(): number {
    return this.#base + HEADER_BYTES;
  }

  get byteLength(): number {
    return this.end - HEADER_BYTES;
  }

  get usedBytes(): number {
    return this.#heap.usableBytes(this.ref);
  }

  get #base(): number {
    return (this.ref & UNIT_MASK) << 3;
  }

  // ── Positions ──────────────────────────────────────────────────────────────────────────────

  /** The position of the first entry; `end` is behind the last one. */
  get first(): number {
    return HEADER_BYTES;
  }

  /** Reads the entry at `at`; returns the position behind it. The element's bytes lie in the block. */
  read(at: number, element: Element): number {
    return element.read(this.bytes, this.#base + at) - this.#base;
  }

  /** The position behind the entry at `at`. */
  next(at: number): number {
    return at + entryBytes(this.bytes, this.#base + at);
  }

  /** The position of the entry that ends at `at`. */
  previous(at: number): number {
    return previousEntry(this.bytes, this.#base + at) - this.#base;
  }

  /** The position of entry `index`, from the nearer end; `end` for the number of entries. */
  seek(index: number): number {
    const { bytes, entries } = this;
    const base = this.#base;
    if (index * 2 < entries) {
      let at = base + HEADER_BYTES;
      for (let i = 0; i < index; i++) at += entryBytes(bytes, at);
      return at - base;
    }
    let at = base + this.end;
    for (let i = entries; i > index; i--) at = previousEntry(bytes, at);
    return at - base;
  }

  /**
   * The position of the first entry equal to `element`, which is ready to be written, among every
   * `stride`th from the first on; -1 if there is none.
   */
  find(element: Element, stride: number): number {
    const size = element.encodedSize;
    if (this.#wanted.length < size || this.#wanted.length > WANTED_BYTES_KEPT) {
      this.#wanted = new Uint8Array(Math.max(256, size));
    }
    const wanted = this.#wanted;
    element.write(wanted, 0);
    const { bytes } = this;
    const base = this.#base;
    const end = base + this.end;
    const head = wanted[0]!;
    for (let at = base + HEADER_BYTES; at < end; ) {
      const here = entryBytes(bytes, at);
      if (bytes[at] === head && here === size && equalBytes(bytes, at, wanted, 0, size)) {
        return at - base;
      }
      at += here;
      for (let i = 1; i < stride; i++) at += entryBytes(bytes, at);
    }
    return -1;
  }

  // ── Changes ────────────────────────────────────────────────────────────────────────────────

  /**
   * Inserts an element, which is ready to be written and does not lie in this block, at `at`. Throws
   * OutOfMemory, and then nothing has changed.
   */
  insert(at: number, element: Element): void {
    this.#makeGap(at, element.encodedSize);
    element.write(this.bytes, this.#base + at);
    this.entries++;
    this.#store();
  }

  /** Makes room for `bytes` bytes more. Throws OutOfMemory, and then nothing has changed. */
  reserve(bytes: number): void {
    const needed = this.end + bytes;
    if (needed > this.#heap.usableBytes(this.ref)) this.#move(roomFor(needed));
  }

  append(element: Element): void {
    this.insert(this.end, element);
  }

  /** Puts an element in the place of the entry at `at`. Throws OutOfMemory, and then nothing has changed. */
  replace(at: number, element: Element): void {
    const size = entryBytes(this.bytes, this.#base + at);
    const more = element.encodedSize - size;
    if (more > 0) this.#makeGap(at + size, more);
    else if (more < 0) this.#closeGap(at + element.encodedSize, -more);
    element.write(this.bytes, this.#base + at);
    this.#store();
  }

  /** Removes `count` entries from `at` on. */
  remove(at: number, count: number): void {
    let behind = at;
    for (let i = 0; i < count; i++) behind = this.next(behind);
    this.#closeGap(at, behind - at);
    this.entries -= count;
    this.#store();
    this.#shrink();
  }

  /** A copy of the open block; returns its ref. */
  copy(): number {
    const copied = this.#heap.alloc(this.end);
    copyBytes(
      this.bytes,
      this.#base,
      this.#heap.bytes[copied >>> SEGMENT_SHIFT]!,
      (copied & UNIT_MASK) << 3,
      this.end,
    );
    return copied;
  }

  #makeGap(at: number, size: number): void {
    const needed = this.end + size;
    this.reserve(size);
    const base = this.#base;
    this.bytes.copyWithin(base + at + size, base + at, base + this.end);
    this.end = needed;
  }

  #closeGap(at: number, size: number): void {
    const base = this.#base;
    this.bytes.copyWithin(base + at, base + at + size, base + this.end);
    this.end -= size;
  }

  /** Moves the entries to a block of at least `bytes` bytes. */
  #move(bytes: number): void {
    const heap = this.#heap;
    const block = heap.alloc(bytes);
    const to = heap.bytes[block >>> SEGMENT_SHIFT]!;
    copyBytes(this.bytes, this.#base, to, (block & UNIT_MASK) << 3, this.end);
    heap.free(this.ref);
    this.ref = block;
  }

  /** Gives back most of the block when the entries have become few. */
  #shrink(): void {
    const usable = this.#heap.usableBytes(this.ref);
    if (usable <= 64 || this.end * 2 > usable) return;
    // Where even the smaller block cannot be had, the large one stays.
    if (this.#heap.hasRoomFor(this.end)) this.#move(this.end);
  }

  #store(): void {
    const words = this.#heap.words[this.ref >>> SEGMENT_SHIFT]!;
    const w = (this.ref & UNIT_MASK) << 1;
    words[w] = this.entries;
    words[w + 1] = this.end;
  }

  check(): void {
    const { bytes } = this;
    const base = this.#base;
    assert(this.end <= this.#heap.usableBytes(this.ref), "packed entries in their block");
    let count = 0;
    let at = base + HEADER_BYTES;
    while (at < base + this.end) {
      const size = entryBytes(bytes, at);
      assert(previousEntry(bytes, at + size) === at, "back length of a packed entry");
      at += size;
      count++;
    }
    assert(at === base + this.end && count === this.entries, "packed entries fill their bytes");
  }
}

/** Small blocks have no room to spare: they are many. */
function roomFor(bytes: number): number {
  return bytes <= 256 ? roundedBytes(bytes) : bytes + (bytes >>> 3);
}

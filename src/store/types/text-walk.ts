/**
 * Reads a long text as it is at one moment, piece by piece, while the string goes on changing. A part
 * that is written to before it was read is copied first; a block that the string has left is not
 * copied: the walk frees it at its end.
 */
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import type { ValueWalk } from "../value-type.ts";

/** What lies before the text in its block: the length, and 4 unused bytes. */
export const LONG_HEADER_BYTES = 8;
/** The text is read and kept in pieces of this size. */
export const PIECE_BYTES = 1 << 16;

export class TextWalk implements ValueWalk {
  readonly #heap: Heap;
  readonly #block: number;
  /** Copies of pieces that have changed, by their index. */
  readonly #kept = new Map<number, Uint8Array>();
  #isOwned = false;
  #nextIndex = 0;
  keptBytes = 0;
  hasEnded = false;
  readonly length: number;

  /** The piece that `next` read. Valid until the string changes, or the next call. */
  bytes: Uint8Array = new Uint8Array(0);
  from = 0;
  byteLength = 0;

  constructor(heap: Heap, block: number) {
    this.#heap = heap;
    this.#block = block;
    this.length = heap.words[block >>> SEGMENT_SHIFT]![(block & UNIT_MASK) << 1]!;
  }

  /** Reads the next piece; false behind the last one. */
  next(): boolean {
    const index = this.#nextIndex;
    const start = index * PIECE_BYTES;
    if (start >= this.length) return false;
    this.#nextIndex++;
    this.byteLength = Math.min(PIECE_BYTES, this.length - start);
    const kept = this.#kept.get(index);
    if (kept !== undefined) {
      this.bytes = kept;
      this.from = 0;
      this.#kept.delete(index);
      this.keptBytes -= kept.length;
      return true;
    }
    this.bytes = this.#heap.bytes[this.#block >>> SEGMENT_SHIFT]!;
    this.from = this.#textAt + start;
    return true;
  }

  /** Whether the last piece has been read. */
  get isAtEnd(): boolean {
    return this.#nextIndex * PIECE_BYTES >= this.length;
  }

  get #textAt(): number {
    return ((this.#block & UNIT_MASK) << 3) + LONG_HEADER_BYTES;
  }

  /** The text's bytes from `from` to `to` are about to change. */
  beforeWrite(from: number, to: number): void {
    if (this.hasEnded || this.#isOwned) return;
    const end = Math.min(to, this.length);
    const first = Math.max(this.#nextIndex, Math.floor(from / PIECE_BYTES));
    for (let index = first; index * PIECE_BYTES < end; index++) {
      if (this.#kept.has(index)) continue;
      const start = index * PIECE_BYTES;
      const at = this.#textAt + start;
      const count = Math.min(PIECE_BYTES, this.length - start);
      this.#kept.set(index, this.#heap.bytes[this.#block >>> SEGMENT_SHIFT]!.slice(at, at + count));
      this.keptBytes += count;
    }
  }

  beforeChange(): void {
    this.beforeWrite(0, this.length);
  }

  beforeRelink(): void {}
  added(): void {}
  takesRoot(): void {}

  takes(block: number): boolean {
    if (block !== this.#block || this.hasEnded) return false;
    this.#isOwned = true;
    return true;
  }

  end(): void {
    if (this.#isOwned && !this.hasEnded) this.#heap.free(this.#block);
    this.hasEnded = true;
    this.#kept.clear();
  }

  check(owns: (block: number) => void): void {
    if (this.#isOwned && !this.hasEnded) owns(this.#block);
  }
}

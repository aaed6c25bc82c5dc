/**
 * Texts one behind the other in one buffer: text i is `bytes` from `starts[i]` up to `starts[i + 1]`.
 * One object serves many calls; whoever is done with the texts calls `clear`.
 */
import { copyBytes, freeBytes } from "./bytes.ts";

const INITIAL_BYTES = 1 << 12;
const INITIAL_TEXTS = 1 << 8;
/** A buffer beyond this is given up by `clear`. */
const KEPT_BYTES = 1 << 20;
/** All texts together. */
export const TEXT_LIST_BYTES_MAX = 0x7fffffff;

export class TextList {
  bytes = new Uint8Array(INITIAL_BYTES);
  starts = new Uint32Array(INITIAL_TEXTS + 1);
  count = 0;

  lengthOf(index: number): number {
    return this.starts[index + 1]! - this.starts[index]!;
  }

  /** Makes room for a text of so many bytes; returns where it goes. */
  reserve(length: number): number {
    const at = this.starts[this.count]!;
    if (at + length > this.bytes.length) this.#widen(at, at + length);
    if (this.count + 2 > this.starts.length) {
      const wider = new Uint32Array(this.starts.length * 2);
      wider.set(this.starts);
      this.starts = wider;
    }
    return at;
  }

  /** Whether another text of so many bytes fits. */
  hasRoom(length: number): boolean {
    return this.starts[this.count]! + length <= TEXT_LIST_BYTES_MAX;
  }

  #widen(used: number, wanted: number): void {
    const wider = new Uint8Array(
      Math.min(TEXT_LIST_BYTES_MAX, Math.max(this.bytes.length * 2, wanted)),
    );
    wider.set(this.bytes.subarray(0, used));
    freeBytes(this.bytes);
    this.bytes = wider;
  }

  /** The text that was written where `reserve` said ends at `end`. */
  close(end: number): void {
    this.starts[++this.count] = end;
  }

  add(from: Uint8Array, offset: number, length: number): void {
    const at = this.reserve(length);
    copyBytes(from, offset, this.bytes, at, length);
    this.close(at + length);
  }

  clear(): void {
    this.count = 0;
    if (this.bytes.length > KEPT_BYTES) {
      freeBytes(this.bytes);
      this.bytes = new Uint8Array(INITIAL_BYTES);
    }
    if (this.starts.length * 4 > KEPT_BYTES) this.starts = new Uint32Array(INITIAL_TEXTS + 1);
  }
}

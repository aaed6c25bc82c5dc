import { fullGC, heapSize } from "bun:jsc";

/** Collecting that much takes a few milliseconds. */
const GARBAGE_BYTES_MAX = 32 << 20;

/**
 * Collects garbage in time: the engine counts the data's segments as its own heap, and would do so
 * only when there is as much of it as there is data.
 */
export class Garbage {
  /** The least that the engine's heap has had since garbage was last collected. */
  #cleanBytes = Number.POSITIVE_INFINITY;

  /** So many bytes that were in use are garbage from now on. */
  add(bytes: number): void {
    this.#cleanBytes -= bytes;
  }

  /** To be called regularly. */
  check(): void {
    const bytes = heapSize();
    this.#cleanBytes = Math.min(this.#cleanBytes, bytes);
    if (bytes - this.#cleanBytes > GARBAGE_BYTES_MAX) this.#cleanBytes = fullGC();
  }
}

import { fullGC, heapSize } from "bun:jsc";

/** Collecting that much takes a few milliseconds. */
const GARBAGE_BYTES_MAX = 32 << 20;

/**
 * Forces a collection after 32 MiB of garbage. JavaScriptCore counts our segments as part of its
 * heap, so by itself it would wait until garbage is as large as the data.
 */
export class JsHeap {
  /** The smallest size of the JavaScript heap since the last collection. */
  #cleanBytes = Number.POSITIVE_INFINITY;

  /** Notes that `bytes` bytes that were in use are garbage now. */
  addGarbage(bytes: number): void {
    this.#cleanBytes -= bytes;
  }

  /** To be called regularly. */
  check(): void {
    const bytes = heapSize();
    this.#cleanBytes = Math.min(this.#cleanBytes, bytes);
    if (bytes - this.#cleanBytes > GARBAGE_BYTES_MAX) this.#cleanBytes = fullGC();
  }
}

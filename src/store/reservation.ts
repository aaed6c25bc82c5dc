/**
 * Sees that a command which allocates several blocks does not run out of memory half-way: it adds the
 * sizes of all of them before it changes anything, and ends the reservation. What has been allocated and
 * freed again can be had.
 */
import type { Heap } from "../memory/heap.ts";
import { SLOT_BYTES_MAX } from "../memory/table.ts";
import type { Room } from "./value-type.ts";

export class Reservation implements Room {
  readonly #heap: Heap;
  readonly #blocks: number[] = [];

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Throws OutOfMemory; `end` must be called all the same. */
  add(bytes: number): void {
    this.#blocks.push(this.#heap.alloc(bytes));
  }

  /** The same for what one more key takes of its table. */
  addSlot(): void {
    this.add(SLOT_BYTES_MAX);
  }

  /** The blocks are free for the command. */
  end(): void {
    // In this order the lists of free blocks hand them out as they were reserved.
    for (const block of this.#blocks.reverse()) this.#heap.free(block);
    this.#blocks.length = 0;
  }
}

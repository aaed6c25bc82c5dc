/** A heap that runs out at a chosen moment. */
import { type Heap, OutOfMemory, roundedBytes } from "../../../src/memory/heap.ts";

/**
 * From now on the heap gives `blocks` more blocks, and beyond that only what is freed meanwhile,
 * as a heap that is full to the last byte would. Returns what ends that.
 */
export function runShort(heap: Heap, blocks: number): () => void {
  const { alloc, free, hasRoomFor } = heap;
  const freed = new Map<number, number>();
  let left = blocks;
  heap.alloc = (bytes) => {
    const size = roundedBytes(bytes);
    const again = freed.get(size) ?? 0;
    if (again > 0) freed.set(size, again - 1);
    else if (left-- <= 0) throw new OutOfMemory("the test says so");
    return alloc.call(heap, bytes);
  };
  heap.hasRoomFor = (bytes) =>
    (left > 0 || (freed.get(roundedBytes(bytes)) ?? 0) > 0) && hasRoomFor.call(heap, bytes);
  heap.free = (ref) => {
    const size = heap.usableBytes(ref);
    freed.set(size, (freed.get(size) ?? 0) + 1);
    free.call(heap, ref);
  };
  return () => {
    heap.alloc = alloc;
    heap.free = free;
    heap.hasRoomFor = hasRoomFor;
  };
}

/** Runs `work`; false if the heap ran out in it. */
export function fits(work: () => void): boolean {
  try {
    work();
    return true;
  } catch (error) {
    if (error instanceof OutOfMemory) return false;
    throw error;
  }
}

import { expect, test } from "bun:test";
import { Heap } from "../../../src/memory/heap.ts";
import { Reservation } from "../../../src/store/reservation.ts";
import { fits, runShort } from "../memory/lean-heap.ts";

test("what has been reserved can be had, and what cannot be had leaves nothing behind", () => {
  const heap = new Heap(1);
  const room = new Reservation(heap);
  for (const bytes of [24, 100, 24, 40000]) room.add(bytes);
  room.end();
  expect(heap.check()).toBe(0);
  const end = runShort(heap, 3);
  const sizes = [24, 100, 40000];
  for (const bytes of sizes) room.add(bytes);
  expect(fits(() => room.add(24))).toBe(false);
  room.end();
  for (const bytes of sizes) expect(fits(() => heap.alloc(bytes))).toBe(true);
  end();
  expect(heap.check()).toBe(3);
});

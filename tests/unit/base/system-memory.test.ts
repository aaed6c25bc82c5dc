import { expect, test } from "bun:test";
import { canGiveBack, giveBack } from "../../../src/base/system-memory.ts";

const MIB = 1 << 20;

test("what is given back is no longer resident, and can be written again", () => {
  const memory = new WebAssembly.Memory({ initial: 2048, maximum: 2048, shared: true });
  const bytes = new Uint8Array(memory.buffer);
  bytes.fill(7);
  expect(canGiveBack()).toEqual(true);
  const before = process.memoryUsage.rss();
  expect(giveBack(bytes, 8 * MIB, 112 * MIB)).toEqual(true);
  expect(before - process.memoryUsage.rss()).toBeGreaterThan(100 * MIB);
  // Its neighbours are as they were.
  expect([bytes[8 * MIB - 1], bytes[120 * MIB]]).toEqual([7, 7]);
  bytes.fill(9, 8 * MIB, 120 * MIB);
  expect(bytes.indexOf(9)).toEqual(8 * MIB);
});

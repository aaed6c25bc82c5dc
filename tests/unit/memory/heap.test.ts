import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import type { Random } from "../../../src/base/random.ts";
import {
  BLOCK_BYTES_MAX,
  Heap,
  OutOfMemory,
  roundedBytes,
  SEGMENT_BYTES,
  SEGMENT_SHIFT,
  UNIT_MASK,
} from "../../../src/memory/heap.ts";
import { forSeeds, pick, shuffled } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE_BYTES = 64 * KIB;

/** So that the limit on what the engine reserves is not reached, all tests share two heaps. */
const one = new Heap(1);
const two = new Heap(2);

beforeEach(() => {
  one.reset();
  two.reset();
});

/** After so many rounds whatever is free has been given back, except for what is always kept. */
const ROUNDS_TO_REST = 4;
const KEPT_BYTES = 4 * MIB;

function sweepRounds(heap: Heap, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    heap.beginSweep();
    while (heap.sweeping) heap.sweep(() => true);
  }
}

/** What the test knows of a live block. */
interface Block {
  readonly ref: number;
  bytes: number;
  /** Written to every byte that was asked for; of a large block, to its edges only. */
  readonly mark: number;
}

const EDGE = 4096;

function viewOf(heap: Heap, ref: number, bytes: number): Uint8Array {
  const at = (ref & UNIT_MASK) << 3;
  return heap.bytes[ref >>> SEGMENT_SHIFT]!.subarray(at, at + bytes);
}

function edges(heap: Heap, block: Block): Uint8Array[] {
  const view = viewOf(heap, block.ref, block.bytes);
  if (block.bytes <= 2 * EDGE) return [view];
  return [view.subarray(0, EDGE), view.subarray(block.bytes - EDGE)];
}

function write(heap: Heap, block: Block): void {
  for (const view of edges(heap, block)) view.fill(block.mark);
}

function assertContent(heap: Heap, block: Block): void {
  for (const view of edges(heap, block)) {
    // Comparing with a filled array is far quicker than a look at each byte.
    const whole = new Uint8Array(view.length).fill(block.mark);
    assert(Buffer.compare(whole, view) === 0, `content of a block of ${block.bytes} bytes`);
  }
}

function assertDisjoint(heap: Heap, blocks: readonly Block[]): void {
  const spans = blocks
    .map(({ ref }) => [(ref >>> 0) * 8, (ref >>> 0) * 8 + heap.usableBytes(ref)] as const)
    .sort((a, b) => a[0] - b[0]);
  let behind = 0;
  for (const [from, to] of spans) {
    assert(from >= behind, `two blocks share byte ${from}`);
    assert(from % SEGMENT_BYTES >= PAGE_BYTES, "no block is in the first page of a segment");
    assert(
      Math.floor(from / SEGMENT_BYTES) === Math.floor((to - 1) / SEGMENT_BYTES),
      "a block is in one segment",
    );
    behind = to;
  }
}

function randomSize(random: Random): number {
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      return 1 + random.below(128);
    case 3:
    case 4:
      return 1 + random.below(2048);
    case 5:
      return 1 + random.below(32 * KIB);
    case 6:
      // About the border between slabs and runs, and about whole pages.
      return pick(random, [32 * KIB, PAGE_BYTES, 3 * PAGE_BYTES]) - 16 + random.below(32);
    default:
      return 1 + random.below(random.below(4) === 0 ? 8 * MIB : MIB);
  }
}

/** Allocates until nothing of any size fits; returns the blocks. */
function fill(heap: Heap): number[] {
  const refs: number[] = [];
  let bytes = BLOCK_BYTES_MAX;
  while (bytes >= 8) {
    try {
      refs.push(heap.alloc(bytes));
    } catch (error) {
      if (!(error instanceof OutOfMemory)) throw error;
      bytes = bytes > 64 * MIB ? bytes - 32 * MIB : bytes > 128 ? bytes >>> 1 : bytes - 8;
    }
  }
  return refs;
}

describe("sizes", () => {
  test("rounding gives at least what was asked for and wastes at most an eighth", () => {
    for (let bytes = 1; bytes <= 200000; bytes++) {
      const rounded = roundedBytes(bytes);
      assert(rounded >= bytes && rounded % 8 === 0, `${bytes} -> ${rounded}`);
      assert(roundedBytes(rounded) === rounded, `${bytes} -> ${rounded} is a size of its own`);
      const waste = rounded - ((bytes + 7) & ~7);
      assert(waste * 8 <= rounded, `${bytes} -> ${rounded} wastes too much`);
    }
  });

  test("a block has the rounded size", () => {
    const heap = one;
    for (const bytes of [1, 8, 9, 128, 129, 144, 145, 32768, 32769, 65536, 65537, 10 * MIB + 1]) {
      expect(heap.usableBytes(heap.alloc(bytes))).toEqual(roundedBytes(bytes));
      heap.check();
    }
  });

  test("the largest block is a segment without its first page, one byte more is too much", () => {
    const heap = two;
    const refs = [heap.alloc(BLOCK_BYTES_MAX), heap.alloc(BLOCK_BYTES_MAX)];
    expect(refs.map((ref) => ref >>> SEGMENT_SHIFT)).toEqual([0, 1]);
    expect(heap.usedBytes).toEqual(heap.capacityBytes);
    expect(() => heap.alloc(1)).toThrow(OutOfMemory);
    expect(heap.check()).toEqual(2);
    for (const ref of refs) heap.free(ref);
    // However much more is asked for: 32-bit arithmetic must not make a small block of it.
    const block = heap.alloc(PAGE_BYTES);
    for (const more of [1, 2 ** 30, 2 ** 31, 2 ** 32, 2 ** 32 + 100, 2 ** 40, 2 ** 53]) {
      expect(() => heap.alloc(BLOCK_BYTES_MAX + more)).toThrow(OutOfMemory);
      expect(() => heap.alloc(more + 2 ** 30)).toThrow(OutOfMemory);
      expect(heap.growInPlace(block, BLOCK_BYTES_MAX + more)).toEqual(false);
      expect(heap.growInPlace(block, 2 ** 32 + more)).toEqual(false);
    }
    heap.free(block);
    expect(heap.check()).toEqual(0);
    expect(heap.usedBytes).toEqual(0);
  });

  test("segments whose refs are negative work as well", () => {
    const heap = new Heap(17);
    const refs: number[] = [];
    for (let i = 0; i < 17; i++) refs.push(heap.alloc(BLOCK_BYTES_MAX - PAGE_BYTES));
    expect(new Set(refs.map((ref) => ref >>> SEGMENT_SHIFT)).size).toEqual(17);
    expect(refs.some((ref) => ref < 0)).toEqual(true);
    // The page left in each segment takes small blocks.
    const small: number[] = [];
    for (let i = 0; i < 17 * 2; i++) small.push(heap.alloc(32 * KIB));
    expect(new Set(small.map((ref) => ref >>> SEGMENT_SHIFT)).size).toEqual(17);
    expect(() => heap.alloc(8)).toThrow(OutOfMemory);
    expect(heap.check()).toEqual(51);
    for (const ref of [...refs, ...small]) heap.free(ref);
    expect(heap.check()).toEqual(0);
    expect(heap.usedBytes).toEqual(0);
  });
});

describe("random allocation against a model", () => {
  const heap = two;

  test("no two blocks overlap, contents survive, the accounts are right", () =>
    forSeeds(8, (random) => {
      heap.reset();
      let blocks: Block[] = [];
      let peak = 0;
      for (let batch = 0; batch < 30; batch++) {
        // Batches that mostly allocate and batches that mostly free take turns.
        const freeing = random.below(3);
        for (let i = 0; i < 200; i++) {
          const choice = random.below(6);
          if (choice === 0 && blocks.length > 0) {
            const block = pick(random, blocks);
            const bytes = block.bytes + random.below(3 * PAGE_BYTES);
            const wasLarge = heap.usableBytes(block.ref) > 32 * KIB;
            if (heap.growInPlace(block.ref, bytes)) {
              assert(wasLarge, "only a large block grows in place");
              assertContent(heap, block);
              block.bytes = bytes;
              write(heap, block);
            }
          } else if (choice <= freeing * 2 && blocks.length > 0) {
            const at = random.below(blocks.length);
            const block = blocks[at]!;
            assertContent(heap, block);
            heap.free(block.ref);
            blocks[at] = blocks.at(-1)!;
            blocks.pop();
          } else {
            const bytes = randomSize(random);
            const block = { ref: heap.alloc(bytes), bytes, mark: random.below(256) };
            write(heap, block);
            blocks.push(block);
          }
          heap.notePeak();
          peak = Math.max(peak, heap.usedBytes);
        }
        expect(heap.check()).toEqual(blocks.length);
        assertDisjoint(heap, blocks);
        let used = 0;
        for (const block of blocks) {
          assertContent(heap, block);
          assert(heap.usableBytes(block.ref) >= block.bytes, "a block is as large as asked for");
          used += heap.usableBytes(block.ref);
        }
        expect(heap.usedBytes).toEqual(used);
      }
      expect(heap.peakBytes).toBeGreaterThanOrEqual(peak);
      for (const { ref } of shuffled(random, blocks)) heap.free(ref);
      blocks = [];
      expect(heap.usedBytes).toEqual(0);
      expect(heap.check()).toEqual(0);
    }));

  test("reset frees everything at once, whatever there was", () =>
    forSeeds(20, (random) => {
      const live: number[] = [];
      for (let i = 0; i < 500; i++) {
        live.push(heap.alloc(randomSize(random)));
        if (random.below(3) === 0) heap.free(live.splice(random.below(live.length), 1)[0]!);
      }
      heap.reset();
      expect(heap.usedBytes).toEqual(0);
      expect(heap.check()).toEqual(0);
      // All of it is one run again.
      expect(heap.usableBytes(heap.alloc(BLOCK_BYTES_MAX))).toEqual(BLOCK_BYTES_MAX);
      heap.reset();
    }));
});

describe("runs", () => {
  test("freed runs coalesce, in whatever order they are freed", () =>
    forSeeds(40, (random) => {
      const heap = one;
      heap.reset();
      const refs: number[] = [];
      for (let i = 0; i < 60; i++) refs.push(heap.alloc(32 * KIB + 8 + random.below(MIB)));
      for (const ref of shuffled(random, refs)) {
        heap.free(ref);
        heap.check();
      }
      expect(heap.usableBytes(heap.alloc(BLOCK_BYTES_MAX))).toEqual(BLOCK_BYTES_MAX);
    }));

  test("an empty slab goes back to the runs, but for the last of its class", () => {
    const heap = one;
    const refs: number[] = [];
    for (let i = 0; i < 10000; i++) refs.push(heap.alloc(64));
    for (const ref of refs) heap.free(ref);
    expect(heap.check()).toEqual(0);
    // Of the ten slabs one page is still a slab, at one end or another.
    const block = heap.alloc(BLOCK_BYTES_MAX - 11 * PAGE_BYTES);
    heap.free(block);
    for (let bytes = 8; bytes <= 128; bytes += 8) heap.free(heap.alloc(bytes));
    expect(heap.check()).toEqual(0);
  });

  test("memory moves from small blocks to large ones and back", () => {
    const heap = one;
    // Most of the segment stays out of it, for every page that is touched has to be made.
    const rest = heap.alloc(BLOCK_BYTES_MAX - 256 * PAGE_BYTES);
    for (let round = 0; round < 3; round++) {
      const refs: number[] = [];
      try {
        for (;;) refs.push(heap.alloc(16 * KIB));
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemory);
      }
      expect(refs.length).toEqual(256 * 4);
      for (const ref of refs) heap.free(ref);
      // One page is kept as a slab: its neighbours are one run, or two.
      const large = heap.alloc(127 * PAGE_BYTES);
      heap.free(large);
      expect(heap.check()).toEqual(1);
    }
    heap.free(rest);
  });

  test("a block grows in place into a free run behind it, and only there", () => {
    const heap = one;
    const a = heap.alloc(PAGE_BYTES);
    const b = heap.alloc(PAGE_BYTES);
    const c = heap.alloc(PAGE_BYTES);
    const small = heap.alloc(100);
    expect(heap.growInPlace(small, 200)).toEqual(false);
    expect(heap.growInPlace(a, PAGE_BYTES + 1)).toEqual(false);
    heap.free(b);
    expect(heap.growInPlace(a, 2 * PAGE_BYTES + 1)).toEqual(false);
    expect(heap.growInPlace(a, PAGE_BYTES + 1)).toEqual(true);
    expect(heap.usableBytes(a)).toEqual(roundedBytes(PAGE_BYTES + 1));
    expect(heap.growInPlace(a, 2 * PAGE_BYTES)).toEqual(true);
    expect(heap.usableBytes(a)).toEqual(2 * PAGE_BYTES);
    expect(heap.check()).toEqual(3);
    for (const ref of [a, c, small]) heap.free(ref);
    expect(heap.usedBytes).toEqual(0);
    heap.check();
  });

  test("a block at a segment's end does not grow into the next segment", () => {
    const heap = two;
    const low = heap.alloc(BLOCK_BYTES_MAX - PAGE_BYTES);
    const last = heap.alloc(40 * KIB);
    // The next segment is there, and free from its second page on.
    heap.free(heap.alloc(BLOCK_BYTES_MAX));
    expect([low >>> SEGMENT_SHIFT, last >>> SEGMENT_SHIFT]).toEqual([0, 0]);
    expect(heap.growInPlace(last, 2 * PAGE_BYTES)).toEqual(false);
    expect(heap.growInPlace(last, PAGE_BYTES)).toEqual(true);
    expect(heap.check()).toEqual(2);
  });
});

describe("segments", () => {
  test("are added when the ones before are full, and dropped when nothing in them is resident", () => {
    const heap = new Heap(3);
    const counts: number[] = [];
    const note = () => counts.push(heap.bytes.length, heap.words.length);
    note();
    heap.alloc(8);
    note();
    heap.alloc(BLOCK_BYTES_MAX);
    note();
    heap.alloc(BLOCK_BYTES_MAX - PAGE_BYTES);
    expect(heap.canGrow).toEqual(true);
    heap.alloc(BLOCK_BYTES_MAX);
    note();
    expect(heap.canGrow).toEqual(false);
    expect(heap.check()).toEqual(4);
    heap.reset();
    note();
    expect([heap.check(), heap.canGrow]).toEqual([0, false]);
    sweepRounds(heap, ROUNDS_TO_REST);
    note();
    expect([heap.check(), heap.canGrow]).toEqual([0, true]);
    expect(counts).toEqual([1, 1, 1, 1, 2, 2, 3, 3, 3, 3, 1, 1]);
    // They can be had again.
    for (let i = 0; i < 3; i++) heap.alloc(BLOCK_BYTES_MAX);
    expect(heap.check()).toEqual(3);
  });

  test("are told of before anything in them is touched", () => {
    const told: number[] = [];
    const heap = new Heap(2, (segment, index) => {
      expect(segment.length).toEqual(SEGMENT_BYTES);
      told.push(index);
    });
    heap.alloc(BLOCK_BYTES_MAX);
    expect(told).toEqual([0]);
    heap.alloc(8);
    expect(told).toEqual([0, 1]);
  });

  test("whether there is room can be asked without taking it", () => {
    const heap = two;
    heap.alloc(BLOCK_BYTES_MAX);
    const rest = heap.alloc(BLOCK_BYTES_MAX - 4 * PAGE_BYTES);
    const used = heap.usedBytes;
    // The small ones last, for each leaves a slab of its class.
    for (const bytes of [4 * PAGE_BYTES, PAGE_BYTES, 5000, 64, 1]) {
      expect([bytes, heap.hasRoomFor(bytes)]).toEqual([bytes, true]);
    }
    expect(heap.hasRoomFor(4 * PAGE_BYTES + 1)).toEqual(false);
    expect(heap.hasRoomFor(BLOCK_BYTES_MAX + 1)).toEqual(false);
    heap.check();
    expect(heap.usedBytes).toEqual(used);
    heap.free(rest);
    expect(heap.hasRoomFor(4 * PAGE_BYTES + 1)).toEqual(true);
  });
});

describe("giving memory back", () => {
  /** What it is called with is checked, and what is given back reads as something else afterwards. */
  function ruin(segment: Uint8Array, from: number, bytes: number): boolean {
    assert(from % PAGE_BYTES === 0 && bytes % PAGE_BYTES === 0, "whole pages are given back");
    assert(from >= PAGE_BYTES && from + bytes <= segment.length, "inside a segment");
    assert(bytes <= MIB, "a slice is small");
    // Its edges are enough: nothing else is compared in large blocks.
    for (let at = from; at < from + bytes; at += PAGE_BYTES) segment.fill(0xee, at, at + 64);
    return true;
  }

  test("takes only what is free, whatever happens between two slices", () =>
    forSeeds(8, (random) => {
      const heap = two;
      heap.reset();
      const blocks: Block[] = [];
      let given = 0;
      for (let step = 0; step < 3000; step++) {
        const choice = random.below(8);
        if (choice < 3) {
          const bytes = randomSize(random);
          const block = { ref: heap.alloc(bytes), bytes, mark: random.below(200) };
          write(heap, block);
          blocks.push(block);
        } else if (choice < 5 && blocks.length > 0) {
          const [block] = blocks.splice(random.below(blocks.length), 1);
          assertContent(heap, block!);
          heap.free(block!.ref);
        } else if (choice < 6 && blocks.length > 0) {
          const block = pick(random, blocks);
          const bytes = block.bytes + random.below(3 * PAGE_BYTES);
          if (heap.growInPlace(block.ref, bytes)) {
            block.bytes = bytes;
            write(heap, block);
          }
        } else {
          if (!heap.sweeping) heap.beginSweep();
          const before = heap.residentFreeBytes;
          heap.sweep(ruin);
          given += before - heap.residentFreeBytes;
        }
        if (step % 300 === 0) expect(heap.check()).toEqual(blocks.length);
      }
      expect(given).toBeGreaterThan(0);
      for (const block of blocks) assertContent(heap, block);
      sweepRounds(heap, ROUNDS_TO_REST);
      expect(heap.residentFreeBytes).toBeLessThanOrEqual(KEPT_BYTES);
      expect(heap.check()).toEqual(blocks.length);
      for (const block of blocks) assertContent(heap, block);
    }));

  test("counts what is free and has been handed out, and no more", () => {
    const heap = new Heap(1);
    expect(heap.residentFreeBytes).toEqual(0);
    const large = heap.alloc(100 * MIB);
    expect(heap.residentFreeBytes).toEqual(0);
    heap.free(large);
    expect(heap.residentFreeBytes).toEqual(100 * MIB);
    // What is used again is what is resident.
    const again = heap.alloc(60 * MIB);
    expect(heap.residentFreeBytes).toEqual(40 * MIB);
    expect(heap.growInPlace(again, 70 * MIB)).toEqual(true);
    expect(heap.residentFreeBytes).toEqual(30 * MIB);
    // Asking for room takes none.
    expect(heap.hasRoomFor(900 * MIB)).toEqual(true);
    expect(heap.residentFreeBytes).toEqual(30 * MIB);
    sweepRounds(heap, ROUNDS_TO_REST);
    expect(heap.residentFreeBytes).toEqual(KEPT_BYTES);
    heap.reset();
    expect(heap.residentFreeBytes).toEqual(70 * MIB + KEPT_BYTES);
    sweepRounds(heap, ROUNDS_TO_REST);
    expect(heap.residentFreeBytes).toEqual(KEPT_BYTES);
    heap.check();
  });

  test("leaves what comes and goes alone", () => {
    const heap = one;
    sweepRounds(heap, ROUNDS_TO_REST);
    for (let round = 0; round < 20; round++) {
      heap.free(heap.alloc(20 * MIB));
      sweepRounds(heap, 1);
      expect(heap.residentFreeBytes).toEqual(20 * MIB);
    }
  });

  test("stops where the system refuses", () => {
    const heap = one;
    heap.free(heap.alloc(20 * MIB));
    const before = heap.residentFreeBytes;
    let calls = 0;
    for (let round = 0; round < ROUNDS_TO_REST; round++) {
      heap.beginSweep();
      while (heap.sweeping) {
        heap.sweep(() => {
          calls++;
          return false;
        });
      }
    }
    expect([calls, heap.residentFreeBytes]).toEqual([1, before]);
    heap.check();
  });

  test("includes what a heap had before it took another's place", () => {
    const heap = new Heap(3);
    for (let i = 0; i < 2; i++) {
      heap.alloc(BLOCK_BYTES_MAX);
      const other = new Heap(3);
      const kept = { ref: other.alloc(5 * MIB), bytes: 5 * MIB, mark: 77 };
      write(other, kept);
      heap.adopt(other);
      expect(heap.check()).toEqual(1);
      expect(heap.residentFreeBytes).toBeGreaterThanOrEqual(BLOCK_BYTES_MAX);
      sweepRounds(heap, ROUNDS_TO_REST);
      expect([heap.check(), heap.residentFreeBytes, heap.bytes.length]).toEqual([1, 0, 1]);
      assertContent(heap, kept);
    }
  });
});

describe("a full heap", () => {
  test("refuses, stays sound, and gives everything back", () => {
    const heap = one;
    const refs = fill(heap);
    for (const bytes of [1, 8, 64, 1000, 32 * KIB, PAGE_BYTES, MIB]) {
      expect(() => heap.alloc(bytes)).toThrow(OutOfMemory);
    }
    expect(heap.check()).toEqual(refs.length);
    expect(heap.usedBytes).toBeLessThanOrEqual(heap.capacityBytes);
    for (const ref of refs) heap.free(ref);
    expect(heap.usedBytes).toEqual(0);
    expect(heap.check()).toEqual(0);
  });

  test("a block freed in a full heap can be had again", () => {
    const heap = one;
    const refs = fill(heap);
    const size = heap.usableBytes(refs[0]!);
    heap.free(refs[0]!);
    expect(heap.alloc(size)).toEqual(refs[0]!);
    expect(() => heap.alloc(8)).toThrow(OutOfMemory);
    heap.check();
  });
});

test("the peak is what was noted", () => {
  const heap = one;
  const bytes = heap.peakBytes + MIB;
  const ref = heap.alloc(bytes);
  heap.notePeak();
  heap.free(ref);
  expect([heap.usedBytes, heap.peakBytes]).toEqual([0, bytes]);
});

test("pages in use and pages touched", () => {
  const heap = new Heap(2);
  const page = 1 << 16;
  expect([heap.activeBytes, heap.residentBytes]).toEqual([0, 0]);
  const small = heap.alloc(8);
  const large = heap.alloc(3 * page);
  expect([heap.activeBytes, heap.residentBytes]).toEqual([4 * page, 4 * page]);
  expect(heap.growInPlace(large, 5 * page)).toBe(true);
  heap.check();
  expect(heap.activeBytes).toEqual(6 * page);
  heap.free(large);
  expect([heap.activeBytes, heap.residentBytes]).toEqual([page, 6 * page]);
  // What has been touched is used again first.
  heap.alloc(5 * page);
  expect(heap.residentBytes).toEqual(6 * page);
  heap.check();
  heap.free(small);
  heap.reset();
  expect([heap.activeBytes, heap.residentBytes]).toEqual([0, 6 * page]);
});

test("a heap that follows others has memory that nobody has touched", () => {
  const residentBefore = process.memoryUsage.rss();
  for (let i = 0; i < 40; i++) {
    const heap = new Heap(1);
    expect(heap.bytes[0]!.subarray(0, MIB).findLast((byte) => byte !== 0)).toEqual(undefined);
    heap.bytes[0]!.subarray(0, MIB).fill(1);
  }
  expect(process.memoryUsage.rss() - residentBefore).toBeLessThan(SEGMENT_BYTES / 2);
});

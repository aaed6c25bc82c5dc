import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { toBigInt } from "../../../src/base/number-text.ts";
import type { Random } from "../../../src/base/random.ts";
import { Heap, SEGMENT_SHIFT, UNIT_MASK } from "../../../src/memory/heap.ts";
import { IntSet } from "../../../src/memory/int-set.ts";
import { forSeeds, pick } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const heap = new Heap(1);
const ints = new IntSet(heap);

beforeEach(() => heap.reset());

const lowOf = (value: bigint) => Number(BigInt.asIntN(32, value));
const highOf = (value: bigint) => Number(BigInt.asIntN(32, value >> 32n));

const EDGES = [7n, 8n, 15n, 16n, 31n, 32n, 33n, 62n]
  .flatMap((power) => [-1n, 0n, 1n].map((step) => (1n << power) + step))
  .flatMap((value) => [value, -value])
  .concat([0n, (1n << 63n) - 1n, -(1n << 63n), -(1n << 63n) + 1n]);

/** A set with a plain one beside it. */
class Pair {
  ref = ints.create();
  readonly model = new Set<bigint>();

  add(value: bigint): void {
    this.ref = ints.add(this.ref, lowOf(value), highOf(value));
    assert(ints.changed === !this.model.has(value), `${value} is new`);
    this.model.add(value);
  }

  remove(value: bigint): void {
    this.ref = ints.remove(this.ref, lowOf(value), highOf(value));
    assert(ints.changed === this.model.delete(value), `${value} was there`);
  }

  values(): bigint[] {
    return Array.from({ length: ints.count(this.ref) }, (_, i) => {
      ints.read(this.ref, i);
      return toBigInt(ints.low, ints.high);
    });
  }

  check(): void {
    ints.check(this.ref);
    const expected = [...this.model].sort((a, b) => (a < b ? -1 : 1));
    const values = this.values();
    assert(values.length === expected.length, `${values.length} values, not ${expected.length}`);
    for (const [i, value] of expected.entries()) {
      assert(values[i] === value, `value ${i} is ${values[i]}, not ${value}`);
      assert(ints.find(this.ref, lowOf(value), highOf(value)), `${value} is found`);
      assert(ints.index === i, `${value} is found in its place`);
    }
    assert(heap.check() === 1, "one block");
  }
}

function blobOf(ref: number): Uint8Array {
  const from = (ref & UNIT_MASK) << 3;
  return heap.bytes[ref >>> SEGMENT_SHIFT]!.slice(from, from + ints.blobBytes(ref));
}

test("the block is Redis's intset, and widens with its values", () => {
  const pair = new Pair();
  expect(ints.width(pair.ref)).toBe(2);
  for (const value of [5n, -3n, 32767n]) pair.add(value);
  expect([...blobOf(pair.ref)]).toEqual([2, 0, 0, 0, 3, 0, 0, 0, 253, 255, 5, 0, 255, 127]);
  pair.add(32768n);
  expect(ints.width(pair.ref)).toBe(4);
  pair.add(-(1n << 31n));
  expect(ints.width(pair.ref)).toBe(4);
  pair.add(-(1n << 31n) - 1n);
  expect(ints.width(pair.ref)).toBe(8);
  pair.check();
  pair.remove(-(1n << 31n) - 1n);
  expect(ints.width(pair.ref)).toBe(8);
  pair.check();
});

test("every edge of the widths, in every order of two", () => {
  for (const first of EDGES) {
    for (const second of EDGES) {
      heap.reset();
      const pair = new Pair();
      pair.add(first);
      assert(ints.find(pair.ref, lowOf(second), highOf(second)) === (first === second), "find");
      assert(ints.index === (second > first ? 1 : 0), `${second} beside ${first}`);
      pair.add(second);
      pair.check();
    }
  }
});

function randomValue(random: Random): bigint {
  if (random.below(20) === 0) return pick(random, EDGES);
  return random.below(3) > 0
    ? BigInt(random.below(200) - 100)
    : toBigInt(random.int32(), random.int32()) >> BigInt(random.below(64));
}

test("against a plain set", () =>
  forSeeds(30, (random) => {
    heap.reset();
    const pair = new Pair();
    for (let round = 0; round < 6; round++) {
      for (let i = random.below(150); i > 0; i--) pair.add(randomValue(random));
      pair.check();
      for (let i = random.below(150); i > 0; i--) {
        const there = [...pair.model];
        if (there.length > 0 && random.below(2) === 0) pair.remove(pick(random, there));
        else pair.remove(randomValue(random));
      }
      pair.check();
    }
    for (const value of pair.model) pair.remove(value);
    pair.check();
    expect(heap.usableBytes(pair.ref)).toBeLessThanOrEqual(64);
    ints.destroy(pair.ref);
    expect(heap.usedBytes).toBe(0);
  }));

test("copies and reads back its own bytes", () =>
  forSeeds(10, (random) => {
    heap.reset();
    const pair = new Pair();
    for (let i = random.below(100); i > 0; i--) pair.add(randomValue(random));
    const blob = blobOf(pair.ref);
    const copy = ints.copy(pair.ref);
    expect(blobOf(copy)).toEqual(blob);
    const again = ints.createFrom(Uint8Array.from([9, 9, ...blob]), 2, blob.length);
    expect(blobOf(again)).toEqual(blob);
    expect(heap.check()).toBe(3);
  }));

describe("foreign bytes that are damaged are refused", () => {
  const cases: Record<string, number[]> = {
    nothing: [],
    "half a header": [2, 0, 0, 0, 0],
    "a width of 3": [3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
    "a width of 0": [0, 0, 0, 0, 1, 0, 0, 0],
    "a count that is too large": [2, 0, 0, 0, 2, 0, 0, 0, 1, 0],
    "a count that is negative": [2, 0, 0, 0, 255, 255, 255, 255, 1, 0],
    "a count that overflows": [8, 0, 0, 0, 0, 0, 0, 32],
    "more bytes than values": [2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0],
    "a value twice": [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 1, 0],
    "values that descend": [2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 255, 255],
  };
  for (const [name, bytes] of Object.entries(cases)) {
    test(name, () => {
      expect(ints.createFrom(Uint8Array.from(bytes), 0, bytes.length)).toBe(0);
      expect(heap.usedBytes).toBe(0);
    });
  }
});

test("a heap that runs out leaves the set as it was", () =>
  forSeeds(10, (random) => {
    heap.reset();
    const pair = new Pair();
    for (let i = 0; i < 400; i++) {
      const value = randomValue(random);
      const before = pair.ref;
      const end = runShort(heap, 0);
      const done = fits(() => pair.add(value));
      end();
      if (!done) {
        expect(pair.ref).toBe(before);
        pair.check();
        pair.add(value);
      }
    }
    const end = runShort(heap, 0);
    for (const value of pair.model) pair.remove(value);
    end();
    pair.check();
  }));

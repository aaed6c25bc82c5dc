import { beforeEach, describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1 } from "../../../src/base/bytes.ts";
import type { Random } from "../../../src/base/random.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { RankedTree } from "../../../src/memory/ranked-tree.ts";
import { forSeeds, pick, shuffled } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";
import { copyRecord, createRecord, keyOf } from "./records.ts";

const heap = new Heap(1);
const tree = new RankedTree(heap);

beforeEach(() => {
  heap.reset();
  tree.guard = null;
});

interface Entry {
  score: number;
  readonly key: string;
  ref: number;
}

function order(a: Entry, b: Entry): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** A tree with a sorted array beside it. */
class Pair {
  readonly root = tree.create();
  readonly model: Entry[] = [];
  /** Keys of the records that have been made, so that none comes twice. */
  readonly keys = new Set<string>();

  /** How many entries of the model come before this one. */
  #place(entry: Entry): number {
    let from = 0;
    let to = this.model.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (order(this.model[middle]!, entry) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  insert(score: number, key: string): void {
    if (this.keys.has(key)) return;
    const entry = { score, key, ref: createRecord(heap, key) };
    try {
      tree.insert(this.root, score, entry.ref);
    } catch (error) {
      heap.free(entry.ref);
      throw error;
    }
    this.keys.add(key);
    this.model.splice(this.#place(entry), 0, entry);
  }

  removeAt(index: number): void {
    const [entry] = this.model.splice(index, 1);
    tree.remove(this.root, entry!.score, entry!.ref);
    heap.free(entry!.ref);
    this.keys.delete(entry!.key);
  }

  rescoreAt(index: number, score: number): void {
    const entry = this.model[index]!;
    tree.rescore(this.root, entry.score, score, entry.ref);
    this.model.splice(index, 1);
    const changed = { ...entry, score };
    this.model.splice(this.#place(changed), 0, changed);
  }

  replaceAt(index: number): void {
    const entry = this.model[index]!;
    const copy = copyRecord(heap, entry.ref);
    tree.replace(this.root, entry.score, entry.ref, copy);
    heap.free(entry.ref);
    entry.ref = copy;
  }

  check(): void {
    const owned = new Set<number>();
    tree.check(this.root, (block) => {
      assert(!owned.has(block), "a block has one owner");
      owned.add(block);
    });
    let bytes = 0;
    for (const block of owned) bytes += heap.usableBytes(block);
    assert(tree.usedBytes(this.root) === bytes, "usedBytes");
    assert(heap.check() === owned.size + this.model.length, "blocks");
    assert(tree.count(this.root) === this.model.length, "count");
    let i = 0;
    for (let leaf = tree.firstLeaf(this.root); leaf !== 0; leaf = tree.nextLeaf(leaf)) {
      for (let j = 0; j < tree.entriesOf(leaf); j++) {
        const entry = this.model[i++]!;
        assert(tree.refAt(leaf, j) === entry.ref, `entry ${i - 1}`);
        assert(tree.scoreAt(leaf, j) === entry.score, `score of entry ${i - 1}`);
      }
    }
    assert(i === this.model.length, "all entries");
  }

  /** Asks for everything that can be asked around one place. */
  look(random: Random): void {
    const { model, root } = this;
    const index = random.below(model.length + 1);
    const isThere = index < model.length;
    assert(tree.seekRank(root, index) === isThere, `rank ${index} of ${model.length}`);
    if (isThere) {
      const entry = model[index]!;
      assert(tree.ref === entry.ref && tree.score === entry.score, `entry at rank ${index}`);
      assert(tree.seek(root, entry.score, entry.ref) === index, `rank of entry ${index}`);
      this.#walk(index);
    }
    const score = pick(random, [
      isThere ? model[index]!.score : 0,
      randomScore(random),
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    for (const isAfter of [false, true]) {
      const rank = model.filter((e) => (isAfter ? e.score <= score : e.score < score)).length;
      assert(tree.seekScore(root, score, isAfter) === rank, `rank of score ${score}`);
      assert(
        rank === model.length ? tree.leaf === 0 : tree.ref === model[rank]!.ref,
        `entry of score ${score}`,
      );
    }
  }

  /** Some steps to both sides. */
  #walk(index: number): void {
    for (const step of [1, -1]) {
      tree.seekRank(this.root, index);
      for (let i = index + step, left = 100; left > 0; i += step, left--) {
        const isThere = step > 0 ? tree.stepNext() : tree.stepPrevious();
        assert(isThere === (i >= 0 && i < this.model.length), `step to ${i}`);
        if (!isThere) break;
        assert(tree.ref === this.model[i]!.ref, `entry ${i}, reached from ${index}`);
      }
    }
  }

  end(): void {
    for (const { ref } of this.model) heap.free(ref);
    let nodes = 0;
    while (!tree.destroySome(this.root, 3)) nodes += 3;
    assert(heap.usedBytes === 0, "all memory is back");
    assert(nodes <= this.model.length + 3, "a budget of nodes");
  }
}

function randomScore(random: Random): number {
  return pick(random, [
    random.below(5),
    -random.below(1000),
    random.int32() / 7,
    pick(random, [0, -0, 5e-324, -5e-324, 1e300, -1e300]),
    pick(random, [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]),
  ]);
}

function randomKey(random: Random): string {
  return pick(random, [
    random.hex(1 + random.below(4)),
    `member:${random.below(100000)}`,
    "\xff".repeat(random.below(30)),
    random.hex(random.below(100)),
  ]);
}

describe("against a sorted array", () => {
  test("random entries come, move and go", () =>
    forSeeds(20, (random) => {
      heap.reset();
      const pair = new Pair();
      for (let round = 0; round < 6; round++) {
        const isGrowing = round < 3;
        for (let i = random.below(700); i > 0; i--) {
          const { length } = pair.model;
          switch (length === 0 ? 0 : random.below(isGrowing ? 8 : 12)) {
            case 0:
              pair.insert(randomScore(random), randomKey(random));
              break;
            case 1:
              pair.removeAt(random.below(length));
              break;
            case 2:
              pair.rescoreAt(random.below(length), randomScore(random));
              break;
            case 3: {
              const index = random.below(length);
              pair.rescoreAt(index, pair.model[index]!.score + random.below(3));
              break;
            }
            case 4:
              pair.replaceAt(random.below(length));
              break;
            default:
              if (isGrowing) pair.insert(randomScore(random), randomKey(random));
              else pair.removeAt(random.below(length));
          }
          if (i % 50 === 0) pair.check();
        }
        pair.check();
        for (let i = 0; i < 20; i++) pair.look(random);
      }
      pair.end();
    }));

  test("every step of a small tree", () =>
    forSeeds(5, (random) => {
      heap.reset();
      const pair = new Pair();
      for (let i = 0; i < 300; i++) {
        pair.insert(randomScore(random), randomKey(random));
        pair.check();
        pair.look(random);
      }
      while (pair.model.length > 0) {
        pair.removeAt(random.below(pair.model.length));
        pair.check();
        pair.look(random);
      }
      pair.end();
    }));

  for (const [name, score] of [
    ["ascending", (i: number) => i],
    ["descending", (i: number) => -i],
    ["all of one score", () => 1],
    ["from the middle to both sides", (i: number) => (i % 2 === 0 ? i : -i)],
  ] as const) {
    test(`thousands of entries, ${name}, removed from either end or in the middle`, () => {
      for (const removed of ["front", "back", "middle"]) {
        heap.reset();
        const pair = new Pair();
        for (let i = 0; i < 12_000; i++) pair.insert(score(i), `m${i}`);
        pair.check();
        // More than two levels of inner nodes.
        expect(pair.model.length).toBeGreaterThan(84 * 50 * 2);
        for (let left = pair.model.length; left > 0; left--) {
          pair.removeAt(removed === "front" ? 0 : removed === "back" ? left - 1 : left >> 1);
          if (left % 1000 === 0) pair.check();
        }
        pair.check();
        pair.end();
      }
    });
  }
});

test("among equal scores keys are found by their bytes", () =>
  forSeeds(10, (random) => {
    heap.reset();
    const pair = new Pair();
    for (let i = 0; i < 400; i++) pair.insert(7, randomKey(random));
    for (let i = 0; i < 200; i++) {
      const key = random.below(2) === 0 ? randomKey(random) : pick(random, pair.model).key;
      const bytes = latin1(`<${key}>`);
      for (const isAfter of [false, true]) {
        const rank = pair.model.filter((e) => (isAfter ? e.key <= key : e.key < key)).length;
        assert(tree.seekKey(pair.root, bytes, 1, key.length, isAfter) === rank, `rank of ${key}`);
        const isEnd = rank === pair.model.length;
        assert(isEnd ? tree.leaf === 0 : keyOf(heap, tree.ref) === pair.model[rank]!.key, key);
      }
    }
    pair.end();
  }));

describe("room", () => {
  const COUNT = 20_000;

  function bytesAnEntry(scores: Iterable<number>): number {
    const pair = new Pair();
    let i = 0;
    for (const score of scores) pair.insert(score, `m${i++}`);
    pair.check();
    return tree.usedBytes(pair.root) / pair.model.length;
  }

  test("entries added at an end fill the leaves", () => {
    const ascending = Array.from({ length: COUNT }, (_, i) => i);
    expect(bytesAnEntry(ascending)).toBeLessThan(12.6);
    heap.reset();
    expect(bytesAnEntry(ascending.reverse())).toBeLessThan(12.6);
  });

  test("in random order leaves are four fifths full, and two thirds after removals", () =>
    forSeeds(2, (random) => {
      heap.reset();
      const pair = new Pair();
      for (let i = 0; i < COUNT; i++) pair.insert(random.int32(), `m${i}`);
      expect(tree.usedBytes(pair.root) / pair.model.length).toBeLessThan(15.6);
      for (const part of [0.8, 0.5, 0.2, 0.05]) {
        while (pair.model.length > COUNT * part) pair.removeAt(random.below(pair.model.length));
        pair.check();
        expect(tree.usedBytes(pair.root) / pair.model.length).toBeLessThan(18.6);
      }
    }));

  test("a few entries have a small leaf", () => {
    const pair = new Pair();
    for (let i = 0; i < 8; i++) pair.insert(i, `m${i}`);
    expect(tree.usedBytes(pair.root)).toBeLessThanOrEqual(144);
    for (let i = 0; i < 200; i++) pair.insert(i, `n${i}`);
    while (pair.model.length > 8) pair.removeAt(3);
    expect(tree.usedBytes(pair.root)).toBeLessThanOrEqual(288);
    pair.check();
  });
});

test("whoever copies a leaf before it changes has the tree as it was", () =>
  forSeeds(10, (random) => {
    heap.reset();
    tree.guard = null;
    const pair = new Pair();
    for (let i = 0; i < 2000; i++) pair.insert(randomScore(random), randomKey(random));
    const before = pair.model.map(({ key, score }) => [key, score + 0]);
    const leaves: number[] = [];
    for (let leaf = tree.firstLeaf(pair.root); leaf !== 0; leaf = tree.nextLeaf(leaf)) {
      leaves.push(leaf);
    }
    const read = (leaf: number) =>
      Array.from({ length: tree.entriesOf(leaf) }, (_, i) => [
        keyOf(heap, tree.refAt(leaf, i)),
        tree.scoreAt(leaf, i),
      ]);
    const kept = new Map<number, ReturnType<typeof read>>();
    tree.guard = {
      beforeChange(leaf) {
        if (leaves.includes(leaf) && !kept.has(leaf)) kept.set(leaf, read(leaf));
      },
    };
    for (let i = random.below(1500); i > 0; i--) {
      const { length } = pair.model;
      if (random.below(3) === 0) pair.insert(randomScore(random), randomKey(random));
      else if (random.below(2) === 0) pair.removeAt(random.below(length));
      else pair.rescoreAt(random.below(length), randomScore(random));
    }
    expect(leaves.flatMap((leaf) => kept.get(leaf) ?? read(leaf))).toEqual(before);
    pair.check();
  }));

test("a heap that runs out leaves the tree as it was", () =>
  forSeeds(10, (random) => {
    heap.reset();
    const pair = new Pair();
    const scores = shuffled(random, [0, 1, 2]);
    let failures = 0;
    for (let i = 0; i < 6000; i++) {
      // Mostly at an end, so that inner nodes are full too.
      const score = random.below(3) === 0 ? scores[0]! : i;
      const key = `m${i}`;
      // One block for the record; from none to all of what the tree needs.
      const end = runShort(heap, 1 + random.below(4));
      const done = fits(() => pair.insert(score, key));
      end();
      if (!done) {
        failures++;
        if (failures % 20 === 0) pair.check();
        pair.insert(score, key);
      }
      if (random.below(10) === 0) {
        const index = random.below(pair.model.length);
        const endAgain = runShort(heap, random.below(2));
        fits(() => pair.rescoreAt(index, random.below(6000)));
        endAgain();
      }
    }
    expect(failures).toBeGreaterThan(2);
    pair.check();
    const end = runShort(heap, 0);
    while (pair.model.length > 100) pair.removeAt(random.below(pair.model.length));
    end();
    pair.check();
    pair.end();
  }));

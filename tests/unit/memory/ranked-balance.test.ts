import { beforeEach, describe, expect, test } from "bun:test";
import { forSeeds, shuffled } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";
import { heap, Pair, randomKey, randomScore, tree } from "./ranked-model.ts";
import { keyOf } from "./records.ts";

beforeEach(() => {
  heap.reset();
  tree.guard = null;
});

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

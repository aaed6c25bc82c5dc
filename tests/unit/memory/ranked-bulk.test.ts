/** Records that are added to a ranked tree at once, in whatever order they come. */
import { beforeEach, expect, test } from "bun:test";
import { RankedBulk } from "../../../src/memory/ranked-bulk.ts";
import { forSeeds } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";
import { heap, Pair, randomKey, randomScore, tree } from "./ranked-model.ts";
import { createRecord } from "./records.ts";

const bulk = new RankedBulk(heap);

beforeEach(() => heap.reset());

test("they come to stand in order, among those that are there", () =>
  forSeeds(60, (random) => {
    heap.reset();
    const pair = new Pair();
    for (let i = random.below(100); i > 0; i--) pair.insert(randomScore(random), randomKey(random));
    for (let times = random.below(4); times > 0; times--) {
      const count = random.below(1500);
      bulk.begin(count);
      for (let i = 0; i < count; i++) {
        const score = randomScore(random);
        pair.add(score, randomKey(random), (ref) => bulk.gather(score, ref));
      }
      bulk.insert(tree, pair.root);
      expect(bulk.count).toEqual(0);
      pair.check();
    }
    pair.look(random);
    pair.end();
  }));

test("where all scores are equal, their keys decide", () => {
  const pair = new Pair();
  bulk.begin(500);
  for (let i = 0; i < 500; i++) {
    pair.add(-0, `key ${(i * 7919) % 5000}`, (ref) => bulk.gather(-0, ref));
  }
  bulk.insert(tree, pair.root);
  bulk.end();
  pair.check();
  pair.end();
});

test("a tree that was empty has full leaves", () => {
  const root = tree.create();
  bulk.begin(84 * 50);
  for (let i = 0; i < 84 * 50; i++) {
    bulk.gather((i * 7919) % 10007, createRecord(heap, String(i)));
  }
  bulk.insert(tree, root);
  for (let leaf = tree.firstLeaf(root); leaf !== 0; leaf = tree.nextLeaf(leaf)) {
    expect(tree.entriesOf(leaf)).toEqual(84);
  }
});

test("where memory runs out, the tree is sound", () =>
  forSeeds(20, (random) => {
    heap.reset();
    const root = tree.create();
    bulk.begin(1000);
    for (let i = 0; i < 1000; i++) bulk.gather(i % 10, createRecord(heap, String(i)));
    const end = runShort(heap, random.below(10));
    expect(fits(() => bulk.insert(tree, root))).toEqual(false);
    end();
    tree.check(root, () => {});
    expect(tree.count(root)).toBeLessThan(1000);
  }));

import { beforeEach, describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1 } from "../../../src/base/bytes.ts";
import { forSeeds, pick } from "../seeds.ts";
import { heap, Pair, randomKey, randomScore, tree } from "./ranked-model.ts";
import { keyOf } from "./records.ts";

beforeEach(() => {
  heap.reset();
  tree.guard = null;
});

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

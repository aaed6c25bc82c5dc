/** What the keyspace asks of sorted sets as a type: forms, copies, freeing in slices. */
import { beforeEach, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { Model } from "../model.ts";

const model = new Model();
const { space } = model;
const { sortedSets } = space;
const db = model.database(0);

beforeEach(() => {
  model.reset();
  sortedSets.limit.entries = 128;
});

function members(count: number): (readonly [string, number])[] {
  return Array.from({ length: count }, (_, i) => [`member ${i}`, i % 7] as const);
}

test("a small set is read and freed at once", () => {
  model.addScored(0, "z", members(20));
  const ref = model.look(0, "z");
  expect([sortedSets.encoding(ref), sortedSets.count(ref)]).toEqual(["listpack", 20]);
  expect(sortedSets.walk(ref)).toEqual(null);
  model.remove(0, "z");
  expect(space.reaper.hasWork).toEqual(false);
  model.check();
});

test("a large one is read in slices and freed later, and its copy stays", () => {
  model.addScored(0, "z", members(500));
  const ref = model.look(0, "z");
  expect([sortedSets.encoding(ref), sortedSets.count(ref)]).toEqual(["skiplist", 500]);
  expect(sortedSets.walk(ref)?.count).toEqual(500);
  expect(sortedSets.usedBytes(ref, 0)).toBeGreaterThan(500 * 32);
  model.copy(0, "z", 1, "copy");
  model.remove(0, "z");
  let slices = 0;
  for (; space.reaper.hasWork; slices++) {
    space.reaper.freeSome(20);
    model.check();
  }
  expect(slices).toBeGreaterThan(5);
  const key = latin1("copy");
  expect(sortedSets.count(model.database(1).peek(key, 0, key.length))).toEqual(500);
});

test("a set that is built in bulk takes the form that fits", () => {
  for (const [count, encoding] of [
    [3, "listpack"],
    [300, "skiplist"],
  ] as const) {
    const set = sortedSets.createBulk();
    for (const [member, score] of members(count)) {
      const bytes = latin1(member);
      set.addBulk(bytes, 0, bytes.length, score);
    }
    set.endBulk();
    set.shrink();
    const key = latin1(`bulk ${count}`);
    const ref = set.addTo(db, key, 0, key.length);
    expect([sortedSets.encoding(ref), sortedSets.count(ref)]).toEqual([encoding, count]);
    set.open(ref);
    set.seek(count - 1);
    set.read();
    expect(set.score).toEqual(Math.min(count - 1, 6));
    space.check();
  }
});

import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import type { Random } from "../../../src/base/random.ts";
import { NO_EXPIRY } from "../../../src/store/entry.ts";
import { fits, runShort } from "../memory/lean-heap.ts";
import { forSeeds, pick } from "../seeds.ts";
import { Model, setLimits, typeOf } from "./model.ts";
import { operate } from "./operations.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const model = new Model();
const { space } = model;
const { heap } = space;

beforeEach(() => {
  space.lists.limit.set(-2);
  space.hashes.limit.entries = 128;
  model.reset();
});

/** Every single change a command makes through the database; none may happen by half. */
const CHANGES: readonly ((random: Random) => void)[] = [
  (random) => model.set(0, `new${random.below(1000)}`, "v".repeat(random.below(200))),
  (random) => model.set(0, `new${random.below(1000)}`, "1", model.nowMs + 1 + random.below(9999)),
  (random) => model.set(0, `k${random.below(20)}`, "w".repeat(random.below(400))),
  (random) => model.set(0, `k${random.below(20)}`, "2", model.nowMs + 1 + random.below(9999)),
  (random) => model.setInteger(0, `k${random.below(20)}`, random.int32()),
  (random) => model.push(0, `list${random.below(1000)}`, ["a"]),
  (random) => model.addScored(0, `zset${random.below(1000)}`, [["a", random.below(5)]]),
  (random) => model.addMembers(0, `set${random.below(5)}`, [`m${random.below(30)}`]),
  (random) => model.addMembers(0, `set${random.below(5)}`, [String(random.below(30) - 9)]),
  (random) => model.addMembers(0, `set${random.below(5)}`, ["long".repeat(random.below(60))]),
  (random) => model.setFields(0, `hash${random.below(5)}`, [[`f${random.below(20)}`, "v"]]),
  (random) => {
    const long = "long".repeat(random.below(60));
    model.setFields(0, `hash${random.below(5)}`, [[`f${random.below(20)}`, long]]);
  },
  ...[0, 1].flatMap((to): ((random: Random) => void)[] => [
    withKey((random, key) => model.move(0, key, to, `moved${random.below(1000)}`)),
    withKey((random, key) => model.copy(0, key, to, `copied${random.below(1000)}`)),
    withKey((random, key) => model.move(0, key, to, `k${random.below(20)}`)),
    withKey((random, key) => model.copy(0, key, to, `k${random.below(20)}`)),
  ]),
  withKey((random, key) => model.expireAt(0, key, model.nowMs + 1 + random.below(9999))),
  withKey((random, key) => {
    if (typeof model.value(0, key)!.data !== "string") return;
    model.append(0, key, "more".repeat(1 + random.below(50)));
  }),
];

function withKey(work: (random: Random, key: string) => void): (random: Random) => void {
  return (random) => {
    const keys = model.keys(0);
    if (keys.length > 0) work(random, pick(random, keys));
  };
}

describe("running out of memory", () => {
  test("changes nothing, at whatever block it happens", () =>
    forSeeds(60, (random) => {
      model.reset();
      space.lists.limit.set(pick(random, [-2, 2, 4]));
      setLimits(space, random);
      space.hashes.limit.entries = pick(random, [128, 4, 0]);
      for (let i = 0; i < 20; i++) model.set(0, `k${i}`, "value".repeat(random.below(10)));
      for (let i = random.below(60); i > 0; i--) operate(model, random);
      let failures = 0;
      for (let i = 0; i < 25; i++) {
        const change = pick(random, CHANGES);
        // The model drops what has expired when it is asked.
        for (const { index } of space.databases) model.keys(index);
        const states = model.states.map((state) => new Map(state));
        // With one block more each time, until it fits.
        for (let blocks = 0; ; blocks++) {
          assert(blocks < 100, "a change takes few blocks");
          const end = runShort(heap, blocks);
          let fitted: boolean;
          try {
            fitted = fits(() => change(random));
          } finally {
            end();
          }
          if (fitted) break;
          failures++;
          expect(model.states).toEqual(states);
          model.check();
        }
        model.check();
      }
      expect(failures).toBeGreaterThan(0);
    }));

  test("removing, popping, persisting and expiring need no memory", () =>
    forSeeds(20, (random) => {
      model.reset();
      space.lists.limit.set(pick(random, [-2, 2]));
      for (let i = 0; i < 400; i++) operate(model, random);
      const end = runShort(heap, 0);
      try {
        for (let i = 0; i < 400; i++) {
          const index = random.below(4);
          const keys = model.keys(index);
          if (keys.length === 0) continue;
          const key = pick(random, keys);
          const type = typeOf(model.value(index, key)!.data);
          switch (random.below(4)) {
            case 0:
              model.remove(index, key);
              break;
            case 1:
              model.expireAt(index, key, -1);
              break;
            case 2:
              if (type === "list")
                model.pop(index, key, 1 + random.below(3), random.below(2) === 0);
              if (type === "zset") model.removeScored(index, key, random.below(3), 2, false);
              if (type === "set") model.popMembers(index, key, 1 + random.below(3));
              break;
            default:
              model.advance(random.below(1000));
              space.wheel.budget = 10;
              while (model.database(index).expireOne());
          }
          space.reaper.freeSome(random.below(3));
          if (i % 20 === 0) model.check();
        }
      } finally {
        end();
      }
      model.check();
    }));
});

describe("a heap that is really full", () => {
  /** Takes all that is free; returns what gives it back. */
  function fill(): () => void {
    const refs: number[] = [];
    for (let bytes = 1 << 29; bytes >= 8; bytes = bytes > 128 ? bytes >>> 1 : bytes - 8) {
      while (fits(() => refs.push(heap.alloc(bytes))));
    }
    return () => {
      for (const ref of refs) heap.free(ref);
    };
  }

  test("refuses what is new, still reads, changes in place and removes", () => {
    for (let i = 0; i < 300; i++) model.set(0, `k${i}`, `value ${i}`);
    model.set(0, "n", "1");
    model.push(0, "list", ["a", "b", "c"]);
    const empty = fill();
    expect(fits(() => model.set(0, "another", "x".repeat(10000)))).toEqual(false);
    expect(fits(() => model.set(0, "k1", "x".repeat(10000)))).toEqual(false);
    expect(fits(() => model.append(0, "k1", "x".repeat(10000)))).toEqual(false);
    expect(fits(() => model.copy(0, "k1", 1, "k".repeat(5000)))).toEqual(false);
    model.set(0, "k1", "another");
    model.setInteger(0, "n", 2);
    model.pop(0, "list", 2);
    for (let i = 2; i < 280; i++) model.remove(0, `k${i}`);
    // What was removed makes room.
    for (let i = 2; i < 100; i++) model.set(0, `k${i}`, `value ${i}`);
    empty();
    model.check();
    expect(model.keys(0).length).toEqual(302 - 278 + 98);
  });

  test("a database that is flushed makes room at once", () => {
    for (let i = 0; i < 1000; i++) model.set(0, `k${i}`, "value", NO_EXPIRY);
    fill();
    model.flush(0);
    model.check();
    model.set(0, "k", "x".repeat(1000000));
    model.check();
  });
});

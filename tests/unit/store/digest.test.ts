import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { digestOfAll, digestOfValue } from "../../../src/store/digest.ts";
import { NO_EXPIRY } from "../../../src/store/entry.ts";
import { forSeeds, shuffled } from "../seeds.ts";
import { Model, Scores, setLimits } from "./model.ts";
import { operate } from "./operations.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const model = new Model();
const { space } = model;

beforeEach(() => {
  space.lists.limit.set(-2);
  model.reset();
});

function valueDigest(key: string): string {
  return digestOfValue(space, model.database(0), model.look(0, key));
}

describe("digest", () => {
  test("of nothing is zero", () => {
    expect(digestOfAll(space)).toEqual("0".repeat(40));
    expect(digestOfValue(space, model.database(0), 0)).toEqual("0".repeat(40));
  });

  test("is the one that redis-server 7.0.15 has for the same data", () => {
    model.set(0, "text", "hello");
    expect(digestOfAll(space)).toEqual("1c636bd6892ee3583fee4f2a4b57b6aff15ec86b");
    model.setInteger(0, "number", -42);
    model.push(0, "list", ["a", "1", ""]);
    expect(digestOfAll(space)).toEqual("287873ae57607254ac85fea26b9ef8a441fa742a");
    model.set(3, "text", "hello", model.nowMs + 1000000);
    expect(digestOfAll(space)).toEqual("b9324822858496b5efc565d643efb9cd66f3fe6a");
    expect([valueDigest("text"), valueDigest("number"), valueDigest("list")]).toEqual([
      "36b23a1456b2dce2c3ed252c456761301dba8060",
      "ce70a5674f228eaf3e2c2d01f6152e36f7e792a7",
      "7736d67ea0f4464c2ae9cbe1f5e7598c4395e6d3",
    ]);
  });

  test("depends on the data alone, not on how it came about or how it is encoded", () =>
    forSeeds(20, (random) => {
      model.reset();
      for (let i = 0; i < 300; i++) operate(model, random);
      // The digest has what expired unseen, so that goes first.
      model.advance(1);
      for (const { index } of space.databases) {
        space.wheel.budget = Number.POSITIVE_INFINITY;
        while (model.database(index).expireOne());
      }
      const states = model.states.map((state, index) =>
        model.keys(index).map((key) => [key, state.get(key)!] as const),
      );
      const digest = digestOfAll(space);
      const { nowMs } = model;
      model.reset();
      model.clock.nowMs = nowMs;
      space.lists.limit.set(3);
      setLimits(space, random);
      for (const [index, entries] of states.entries()) {
        for (const [key, { data, expireAtMs }] of shuffled(random, entries)) {
          if (data instanceof Scores) model.addScored(index, key, shuffled(random, [...data]));
          else if (data instanceof Set) model.addMembers(index, key, shuffled(random, [...data]));
          else if (data instanceof Map) model.setFields(index, key, shuffled(random, [...data]));
          else if (typeof data !== "string") model.push(index, key, data as readonly string[]);
          else {
            // Digits as text.
            const [name, text] = [latin1(key), latin1(data)];
            const db = model.database(index);
            const ref = model.look(index, key);
            space.strings.setText(db, ref, name, 0, name.length, text, 0, text.length, NO_EXPIRY);
            model.states[index]!.set(key, { data, expireAtMs: -1 });
          }
          if (expireAtMs >= 0) model.expireAt(index, key, expireAtMs);
        }
      }
      model.check();
      expect(digestOfAll(space)).toEqual(digest);
    }));

  test("changes with every part of the data", () => {
    model.push(0, "list", ["a", "b"]);
    model.set(0, "k", "v");
    const seen = new Set([digestOfAll(space)]);
    const note = () => {
      const digest = digestOfAll(space);
      expect(seen.has(digest)).toEqual(false);
      seen.add(digest);
    };
    model.set(0, "k", "w");
    note();
    model.move(0, "k", 0, "l");
    note();
    model.move(0, "l", 1, "l");
    note();
    model.expireAt(1, "l", model.nowMs + 5000);
    note();
    model.push(0, "list", ["c"]);
    note();
    model.pop(0, "list", 1, true);
    note();
    model.push(0, "list", ["a"]);
    note();
    model.swap(0, 1);
    note();
  });
});

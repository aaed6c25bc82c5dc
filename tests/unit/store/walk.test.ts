import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Walk } from "../../../src/store/walk.ts";
import { forSeeds, pick } from "../seeds.ts";
import { Model, type State } from "./model.ts";
import { operate } from "./operations.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const model = new Model();
const { space } = model;

beforeEach(() => {
  space.lists.limit.set(-2);
  model.reset();
});

/** A walk that collects what it visits, as it then is in memory. */
function collect(): { readonly walk: Walk; readonly seen: State[]; twice: number } {
  const seen: State[] = model.states.map(() => new Map());
  const result = {
    walk: new Walk(space, (index, ref) => {
      const db = model.database(index);
      const key = model.keyOf(db, ref);
      if (seen[index]!.has(key)) result.twice++;
      seen[index]!.set(key, model.read(db, ref));
    }),
    seen,
    twice: 0,
  };
  return result;
}

/** Without the keys whose time had come at `nowMs`: the walk meets those that nobody removed yet. */
function alive(states: readonly State[], nowMs: number): State[] {
  return states.map(
    (state) =>
      new Map([...state].filter(([, { expireAtMs }]) => expireAtMs < 0 || expireAtMs >= nowMs)),
  );
}

describe("a walk", () => {
  test("visits the state at its beginning, each entry once, whatever happens meanwhile", () =>
    forSeeds(40, (random) => {
      model.reset();
      space.lists.limit.set(pick(random, [-2, 2]));
      for (let i = random.below(600); i > 0; i--) operate(model, random);
      // One walk after the other, for each turns the marks over.
      for (let round = 0; round < 3; round++) {
        for (let i = random.below(100); i > 0; i--) operate(model, random);
        const startMs = model.nowMs;
        const expected = alive(
          model.states.map((state) => new Map(state)),
          startMs,
        );
        const total = space.keyCount();
        const result = collect();
        const slice = 1 + random.below(20);
        let calls = 0;
        while (!result.walk.advance(slice)) {
          for (let i = random.below(10); i > 0; i--) operate(model, random);
          if (calls++ % 5 === 0) model.check();
        }
        expect(alive(result.seen, startMs)).toEqual(expected);
        expect([result.twice, result.walk.visited, result.walk.total]).toEqual([0, total, total]);
        expect([space.walk, result.walk.done]).toEqual([null, true]);
        model.reapAll();
        model.check();
      }
    }));

  test("of nothing is over at once", () => {
    const { walk, seen } = collect();
    expect(walk.advance(1)).toEqual(true);
    expect(seen.map((state) => state.size)).toEqual([0, 0, 0, 0]);
  });

  test("goes on in slices, and leaves no mark behind that the next would miss", () => {
    for (let i = 0; i < 1000; i++) model.set(0, `k${i}`, "v");
    for (let round = 0; round < 4; round++) {
      const { walk, seen } = collect();
      let calls = 1;
      while (!walk.advance(10)) calls++;
      expect(calls).toBeGreaterThan(50);
      expect(seen[0]!.size).toEqual(1000);
    }
  });

  test("keeps flushed tables until it is over, and says so", () => {
    for (let i = 0; i < 500; i++) model.set(i % 2, `k${i}`, "v");
    const expected = model.states.map((state) => new Map(state));
    const { walk, seen } = collect();
    walk.advance(20);
    model.flush(0);
    model.flushAll();
    expect(space.reaper.hasWork).toEqual(false);
    space.reaper.freeSome(1000000);
    model.set(0, "k0", "after");
    model.check();
    while (!walk.advance(20));
    expect(seen).toEqual(expected);
    expect(space.reaper.hasWork).toEqual(true);
    model.reapAll();
    model.check();
  });

  test("that nobody wants any more ends without visiting, and the next is whole", () => {
    for (let i = 0; i < 100; i++) model.set(0, `k${i}`, "v");
    const first = collect();
    first.walk.ignoreRest();
    while (!first.walk.advance(10));
    expect(first.seen[0]!.size).toEqual(0);
    const second = collect();
    while (!second.walk.advance(10));
    expect(second.seen[0]!.size).toEqual(100);
  });

  test("two at a time are refused", () => {
    model.set(0, "k", "v");
    const { walk } = collect();
    expect(() => collect()).toThrow("one walk at a time");
    while (!walk.advance(10));
  });
});

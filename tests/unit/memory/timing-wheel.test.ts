import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { TimingWheel } from "../../../src/memory/timing-wheel.ts";
import { forSeeds, pick } from "../seeds.ts";
import { copyRecord, createExpiringRecord } from "./records.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const heap = new Heap(1);
const wheel = new TimingWheel(heap);
/** The wheel counts 48 bits of ms. */
const HORIZON = 2 ** 48;
const START = Date.UTC(2026, 0, 1);
/** A record moves down at most seven times, and is handed out once. */
const MOVES_MAX = 8;

beforeEach(() => heap.reset());

/** A wheel with a list beside it that says what must be in it. */
class Pair {
  readonly root: number;
  readonly model = new Map<number, number>();
  /** The latest time that `due` was asked for. */
  reached: number;
  /** What `due` was allowed in all. */
  moves = 0;
  added = 0;

  constructor(nowMs: number) {
    this.root = wheel.create(nowMs);
    this.reached = nowMs;
  }

  add(timeMs: number): number {
    const ref = createExpiringRecord(heap, "");
    wheel.setTime(ref, timeMs);
    wheel.add(this.root, ref);
    this.model.set(ref, timeMs);
    this.added++;
    return ref;
  }

  remove(ref: number): void {
    wheel.remove(this.root, ref);
    heap.free(ref);
    this.model.delete(ref);
  }

  move(ref: number): void {
    const copy = copyRecord(heap, ref);
    wheel.moved(this.root, copy);
    heap.free(ref);
    this.model.set(copy, this.model.get(ref)!);
    this.model.delete(ref);
  }

  /** Takes what is due at `nowMs`, `slice` moves at a time; asserts that it is just that, in order. */
  take(nowMs: number, slice = 1000): number[] {
    const before = this.reached;
    const times: number[] = [];
    let last = Number.NEGATIVE_INFINITY;
    for (let idle = 0; idle < 2; ) {
      wheel.budget = slice;
      const ref = wheel.due(this.root, nowMs);
      this.moves += slice - wheel.budget;
      if (ref === 0) {
        // With moves left there was nothing to do; without, it has to be asked again.
        if (wheel.budget > 0) idle++;
        continue;
      }
      idle = 0;
      const time = this.model.get(ref)!;
      assert(time <= nowMs, `a record of ${time} is not due at ${nowMs}`);
      assert(wheel.timeOf(ref) === time, "a record keeps its time");
      // Those that were late already when they were added come first, in any order.
      const turn = Math.max(time, before);
      assert(turn >= last, `${turn} comes before ${last}`);
      last = turn;
      times.push(time);
      this.remove(ref);
    }
    this.reached = Math.max(this.reached, nowMs);
    for (const time of this.model.values()) assert(time > nowMs, `${time} was forgotten`);
    return times;
  }

  check(): void {
    const seen = new Set<number>();
    wheel.check(this.root, (ref) => {
      assert(!seen.has(ref), "a record is there once");
      seen.add(ref);
    });
    assert(seen.size === this.model.size, "number of records");
    assert(wheel.count(this.root) === this.model.size, "count");
    let first = Number.POSITIVE_INFINITY;
    for (const [ref, time] of this.model) {
      assert(seen.has(ref), `the record of ${time} is there`);
      assert(wheel.timeOf(ref) === time, "a record keeps its time");
      first = Math.min(first, time);
    }
    assert(wheel.nextMs(this.root) <= Math.max(first, this.reached), "nextMs is not late");
    assert(heap.check() === this.model.size + 1, "blocks");
  }

  end(): void {
    for (const ref of this.model.keys()) heap.free(ref);
    wheel.destroy(this.root);
    assert(heap.usedBytes === 0, "all memory is back");
  }
}

describe("times", () => {
  test("a record keeps any time that a key can have", () => {
    const ref = createExpiringRecord(heap, "key");
    for (const time of [
      0,
      1,
      START,
      2 ** 31,
      2 ** 32 - 1,
      2 ** 32,
      HORIZON - 1,
      HORIZON,
      Number.MAX_SAFE_INTEGER,
    ]) {
      wheel.setTime(ref, time);
      expect(wheel.timeOf(ref)).toEqual(time);
    }
  });

  test("without records there is no next time", () => {
    const pair = new Pair(START);
    expect(wheel.nextMs(pair.root)).toEqual(Number.POSITIVE_INFINITY);
    expect(pair.take(START + 1e9)).toEqual([]);
    const ref = pair.add(START + 2e9);
    expect(wheel.nextMs(pair.root)).toBeLessThanOrEqual(START + 2e9);
    pair.remove(ref);
    expect(wheel.nextMs(pair.root)).toEqual(Number.POSITIVE_INFINITY);
    pair.end();
  });

  test("every digit of the time: not a millisecond early, not one late", () => {
    for (const start of [0, 1, 63, 64, 4095, 2 ** 24 - 1, 2 ** 24, START, HORIZON - 2 ** 43]) {
      for (let power = 0; power < 43; power++) {
        for (const delay of [2 ** power - 1, 2 ** power, 2 ** power + 1]) {
          const pair = new Pair(start);
          pair.add(start + delay);
          pair.check();
          if (delay > 0) expect(pair.take(start + delay - 1)).toEqual([]);
          pair.check();
          expect(pair.take(start + delay)).toEqual([start + delay]);
          pair.end();
        }
      }
    }
  });

  test("times beyond 48 bits wait, and do not disturb the others", () => {
    const pair = new Pair(START);
    for (const time of [HORIZON - 1, HORIZON, HORIZON + 1, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
      pair.add(time);
    }
    pair.add(START + 1);
    pair.check();
    expect(pair.take(START + 1)).toEqual([START + 1]);
    expect(pair.take(START + 2 ** 47)).toEqual([]);
    pair.check();
    const soon = START + 2 ** 47 + 5;
    pair.add(soon);
    pair.add(HORIZON + 7);
    expect(pair.take(soon)).toEqual([soon]);
    expect(pair.take(HORIZON - 2)).toEqual([]);
    pair.check();
    pair.end();
  });

  test("a time that has passed already is due at once", () => {
    const pair = new Pair(START);
    expect(pair.take(START + 500)).toEqual([]);
    pair.add(START + 100);
    pair.add(0);
    pair.add(START + 500);
    pair.add(START + 501);
    pair.check();
    expect(pair.take(START + 500).sort()).toEqual([0, START + 100, START + 500]);
    pair.check();
    pair.end();
  });

  test("a clock that goes back a little hands out nothing and forgets nothing", () => {
    const pair = new Pair(START);
    pair.add(START + 1000);
    expect(pair.take(START + 500)).toEqual([]);
    expect(pair.take(START + 100)).toEqual([]);
    pair.check();
    expect(pair.take(START + 1000)).toEqual([START + 1000]);
    pair.end();
  });

  test("a clock that is set back by years counts from there, for old records and new ones", () => {
    const year = 366 * 86400000;
    const pair = new Pair(START + 20 * year);
    const later = [START + 20 * year + 5, START + 21 * year, HORIZON + 1];
    for (const time of later) pair.add(time);
    expect(pair.take(START + 20 * year + 1)).toEqual([]);
    pair.reached = START;
    expect(pair.take(START)).toEqual([]);
    pair.check();
    for (const delay of [0, 1, 100, 5000, 86400000]) pair.add(START + delay);
    pair.check();
    expect(pair.take(START)).toEqual([START]);
    expect(pair.take(START + 99)).toEqual([START + 1]);
    expect(pair.take(START + 86400000)).toEqual([START + 100, START + 5000, START + 86400000]);
    expect(pair.take(START + 21 * year)).toEqual(later.slice(0, 2));
    pair.check();
    pair.end();
  });

  test("random jumps to and fro: what is due at the time that it is, comes", () =>
    forSeeds(30, (random) => {
      heap.reset();
      const pair = new Pair(START);
      for (let step = 0; step < 40; step++) {
        const now = START + Math.floor(2 ** (random.below(4000) / 100));
        // Beyond the tolerance at once, so that the wheel stands where the clock does.
        wheel.budget = 1;
        wheel.due(pair.root, START - 5000);
        pair.reached = START - 5000;
        for (let i = random.below(30); i > 0; i--) pair.add(now + random.below(2000) - 1000);
        pair.take(now, 1 + random.below(30));
        pair.check();
      }
      pair.end();
    }));
});

describe("many records", () => {
  test("thousands of the same time come in slices of the budget", () => {
    const pair = new Pair(START);
    const time = START + 123456789;
    for (let i = 0; i < 5000; i++) pair.add(time);
    pair.check();
    // No slice does more than its budget, also where all records have to move down first.
    wheel.budget = 100;
    expect(wheel.due(pair.root, time)).toEqual(0);
    expect(wheel.budget).toEqual(0);
    pair.check();
    expect(wheel.count(pair.root)).toEqual(5000);
    expect(pair.take(time - 1, 100)).toEqual([]);
    expect(pair.take(time, 100)).toEqual(new Array(5000).fill(time));
    expect(pair.moves).toBeLessThanOrEqual(5000 * MOVES_MAX);
    pair.end();
  });

  test("a budget of nothing does nothing", () => {
    const pair = new Pair(START);
    pair.add(START);
    wheel.budget = 0;
    expect(wheel.due(pair.root, START + 1)).toEqual(0);
    pair.check();
    expect(pair.take(START + 1, 1)).toEqual([START]);
    pair.end();
  });

  test("what is due stays until it is removed", () => {
    const pair = new Pair(START);
    const ref = pair.add(START + 1);
    wheel.budget = 10;
    expect(wheel.due(pair.root, START + 2)).toEqual(ref);
    expect(wheel.due(pair.root, START + 2)).toEqual(ref);
    pair.check();
    pair.end();
  });
});

describe("against a sorted model", () => {
  test("random times, removals, moves and jumps of the clock", () =>
    forSeeds(40, (random) => {
      heap.reset();
      const start = pick(random, [0, START, 2 ** 24 - 1, 2 ** 36 - 5, HORIZON - 2 ** 42]);
      const pair = new Pair(start);
      let now = start;
      for (let step = 0; step < 60; step++) {
        for (let i = random.below(40); i > 0; i--) {
          const far = 2 ** random.below(pick(random, [8, 20, 41]));
          // Many share a time; some are late; a few lie beyond the horizon.
          const time =
            random.below(100) === 0
              ? HORIZON + random.below(1000)
              : now + Math.floor(far * (random.below(1000) / 900)) - random.below(20);
          pair.add(Math.max(0, time));
        }
        for (let i = random.below(10); i > 0 && pair.model.size > 0; i--) {
          const ref = pick(random, [...pair.model.keys()]);
          if (random.below(2) === 0) pair.remove(ref);
          else pair.move(ref);
        }
        pair.check();
        const next = wheel.nextMs(pair.root);
        switch (random.below(4)) {
          case 0:
            now += random.below(100);
            break;
          case 1:
            // Just before something happens.
            if (next > now + 1 && next < HORIZON) now = next - 1;
            break;
          case 2:
            if (next > now && next < HORIZON) now = next;
            break;
          default:
            now += 2 ** random.below(34);
        }
        now = Math.min(now, HORIZON - 2);
        // The clock has fractions, of which a double keeps five bits at these times.
        pair.take(now + random.below(16) / 16, 1 + random.below(40));
        pair.check();
      }
      assert(pair.moves <= pair.added * MOVES_MAX, `${pair.moves} moves of ${pair.added} records`);
      pair.end();
    }));
});

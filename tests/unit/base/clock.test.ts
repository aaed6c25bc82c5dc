import { describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { Clock } from "../../../src/base/clock.ts";

describe("clock", () => {
  test("wall time is that of the system, in whole ms", () => {
    const before = Date.now();
    const clock = new Clock();
    const now = clock.refresh();
    expect(Number.isInteger(now)).toEqual(true);
    // Date.now is cut to whole ms, and the clock's own two readings lie a moment apart.
    expect(now).toBeGreaterThanOrEqual(before - 1);
    expect(now).toBeLessThanOrEqual(Date.now() + 1);
    expect(clock.nowMs).toEqual(now);
  });

  test("times stand still until the clock is refreshed", () => {
    const clock = new Clock();
    const { nowMs, nowUs } = clock;
    while (clock.monotonicUs() < nowUs + 2000);
    expect([clock.nowMs, clock.nowUs]).toEqual([nowMs, nowUs]);
    clock.refresh();
    expect(clock.nowUs).toBeGreaterThanOrEqual(nowUs + 2000);
    expect(clock.nowMs).toBeGreaterThan(nowMs);
  });

  test("advanceBy moves wall time, again and again, and not the monotonic time", () => {
    const clock = new Clock();
    const before = clock.nowMs;
    const monotonic = clock.monotonicUs();
    clock.advanceBy(3600000);
    clock.advanceBy(3600000);
    expect(clock.nowMs).toBeGreaterThanOrEqual(before + 7200000 - 1);
    expect(clock.nowMs).toBeLessThan(before + 7200000 + 600000);
    expect(Math.floor(clock.wallUs() / 1000)).toBeGreaterThanOrEqual(clock.nowMs - 1);
    clock.synchronize();
    expect(clock.nowMs).toBeGreaterThanOrEqual(before + 7200000 - 1);
    expect(clock.monotonicUs()).toBeLessThan(monotonic + 600000000);
  });
});

test("assert throws what is broken", () => {
  expect(() => assert(true, "fine")).not.toThrow();
  expect(() => assert(false, "counts differ")).toThrow("invariant broken: counts differ");
});

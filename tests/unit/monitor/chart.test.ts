import { describe, expect, test } from "bun:test";
import { bar, chart, topOf } from "../../../src/monitor/chart.ts";
import { History, type Sample } from "../../../src/monitor/history.ts";

describe("charts", () => {
  test("of braille have two values a cell, the newest at the right", () => {
    expect(chart([1, 2, 3, 4, 5, 6, 7, 8], 5, 2, 8, "braille")).toEqual(["   ⣠⣾", " ⣠⣾⣿⣿"]);
    expect(chart([8], 3, 1, 8, "braille")).toEqual(["  ⢸"]);
  });

  test("of blocks have one", () => {
    expect(chart([1, 4, 8, 12, 16], 5, 2, 16, "block")).toEqual(["   ▄█", "▁▄███"]);
    expect(chart([0, 8, 16], 3, 1, 16, "block")).toEqual([" ▄█"]);
  });

  test("of ASCII too", () => {
    expect(chart([0, 1, 2, 3, 4], 5, 2, 4, "ascii")).toEqual(["   .:", " .:::"]);
  });

  test("show what is above zero, leave out what is not known, cut off what is too high", () => {
    expect(chart([0.001, Number.NaN, 0, 99], 4, 1, 10, "block")).toEqual(["▁  █"]);
    expect(chart([1, 2], 3, 2, 0, "block")).toEqual(["   ", "   "]);
    expect(chart([], 3, 1, 10, "braille")).toEqual(["   "]);
    expect(chart([1, 2, 3, 4], 2, 1, 4, "block")).toEqual(["▆█"]);
  });

  test("end at round numbers", () => {
    expect([0.5, 1, 1.4, 3.5, 7, 99, 101].map((value) => topOf([value], 0.1))).toEqual([
      0.5, 1, 1.5, 4, 8, 100, 150,
    ]);
    expect(topOf([Number.NaN, 0], 10)).toBe(10);
  });
});

test("bars are filled in eighths of a cell", () => {
  expect([0, 0.5, 0.03125, 1, 7, Number.NaN].map((part) => bar(part, 4, "block"))).toEqual([
    "    ",
    "██  ",
    "▏   ",
    "████",
    "████",
    "    ",
  ]);
  expect(bar(0.5, 4, "ascii")).toBe("##..");
});

describe("the history", () => {
  const sample = (operations: number): Sample => ({
    operations,
    keys: 0,
    usedBytes: 0,
    clients: 0,
    receivedBytes: 0,
    sentBytes: 0,
    hitRatio: 0,
    cpu: 0,
  });

  test("keeps the last values, and gaps where there were none", () => {
    const history = new History(4);
    expect(history.last("operations", 10)).toEqual([]);
    history.push(sample(1));
    history.push(null);
    expect(history.last("operations", 10)).toEqual([1, Number.NaN]);
    for (const value of [3, 4, 5, 6]) history.push(sample(value));
    expect(history.last("operations", 10)).toEqual([3, 4, 5, 6]);
    expect(history.last("operations", 2)).toEqual([5, 6]);
    expect(history.length).toBe(4);
  });

  test("is copied as it is", () => {
    const history = new History(4);
    history.push(sample(1));
    const copy = history.copy();
    history.push(sample(2));
    expect([copy.last("operations", 9), history.last("operations", 9)]).toEqual([[1], [1, 2]]);
  });
});

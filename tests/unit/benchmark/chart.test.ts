/** The chart, drawn on a terminal that is only text. */
import { describe, expect, test } from "bun:test";
import { Chart, columnChart, shortNumber } from "../../../src/benchmark/chart.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is looked for.
const COLORS = /\x1b\[[0-9;]*m/g;

function drawn(columns: number, hasColor: boolean, samples: number): string[] {
  const writes: string[] = [];
  const chart = new Chart(
    (text) => writes.push(text),
    () => columns,
    hasColor,
  );
  chart.start("A test with a long name that may have to be cut at the end");
  for (let i = 1; i <= samples; i++) {
    chart.draw({ rate: i * 1000, latencyMs: 0.5, finished: i, total: samples });
  }
  return writes;
}

describe("the chart", () => {
  test("columns are as high as their rates", () => {
    expect(columnChart([0, 1, 4, 8, 12, 16], 2)).toEqual(["    ▄█", " ▁▄███"]);
    expect(columnChart([0, 0], 1)).toEqual(["  "]);
    expect(columnChart([], 1)).toEqual([""]);
  });

  test("numbers are short", () => {
    expect([0, 999, 1000, 85_312, 1_234_567].map(shortNumber)).toEqual([
      "0",
      "999",
      "1.0k",
      "85.3k",
      "1.23M",
    ]);
  });

  test("is a line of figures, four of columns and one with the peak", () => {
    const chart: string[] = [];
    const it = new Chart(
      (text) => chart.push(text),
      () => 80,
      false,
    );
    it.start("SET");
    it.draw({ rate: 2000, latencyMs: 0.25, finished: 10, total: 40 });
    expect(chart).toEqual(["SET  2.0k requests/s  0.250 ms  25%\n█\n█\n█\n█\npeak 2.0k/s"]);
  });

  test.each([20, 40, 80, 132, 1000])("never fills a line of %p columns", (columns) => {
    for (const hasColor of [false, true]) {
      const last = drawn(columns, hasColor, 300).at(-1)!.replaceAll(COLORS, "");
      const widths = last.split("\n").map((line) => [...line].length);
      expect(widths.length).toEqual(6);
      expect({ columns, fits: Math.max(...widths) < columns }).toEqual({ columns, fits: true });
    }
  });

  test("has colors only where it may", () => {
    expect(drawn(80, false, 3).join("").match(COLORS)).toEqual(null);
    expect(drawn(80, true, 3).join("").match(COLORS)?.length).toEqual(30);
  });

  test("is gone after it is cleared, once", () => {
    const writes: string[] = [];
    const chart = new Chart(
      (text) => writes.push(text),
      () => 80,
      false,
    );
    chart.clear();
    chart.draw({ rate: 1, latencyMs: 0, finished: 0, total: 0 });
    chart.clear();
    chart.clear();
    expect(writes.slice(1)).toEqual(["\x1b[5A\r\x1b[J"]);
  });
});

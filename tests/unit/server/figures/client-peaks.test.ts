/** The largest buffers of clients in the last seconds. */
import { expect, test } from "bun:test";
import { ClientPeaks } from "../../../../src/server/figures/client-peaks.ts";

const SECOND = 1000;
const START = 1_700_000_000_500;

test("the largest of the last eight seconds are told, input and output apart", () => {
  const peaks = new ClientPeaks();
  const told = (nowMs: number) => [peaks.inputBytes(nowMs), peaks.outputBytes(nowMs)];
  expect(told(START)).toEqual([0, 0]);
  peaks.note(100, 5, START);
  peaks.note(7, 9, START);
  expect(told(START)).toEqual([100, 9]);
  peaks.note(50, 0, START + 3 * SECOND);
  expect(told(START + 7 * SECOND)).toEqual([100, 9]);
  expect(told(START + 8 * SECOND)).toEqual([50, 0]);
  expect(told(START + 11 * SECOND)).toEqual([0, 0]);
});

test("after a long silence, and when the clock was set back, nothing old is told", () => {
  const peaks = new ClientPeaks();
  peaks.note(100, 100, START);
  expect(peaks.inputBytes(START + 1000 * SECOND)).toEqual(0);
  peaks.note(100, 100, START + 1000 * SECOND);
  expect(peaks.outputBytes(START - 50 * SECOND)).toEqual(0);
});

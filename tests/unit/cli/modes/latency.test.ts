import { expect, test } from "bun:test";
import { spectrum } from "../../../../src/cli/modes/latency.ts";

test("a spectrum without colours has its marks below", () => {
  const counts = new Array(32).fill(0);
  counts[1] = 10;
  const [row, marks] = spectrum(counts, false).split("\n");
  expect(row!.slice(0, 4)).toEqual(" @  ");
  expect(marks!.slice(0, 6)).toEqual(".-*#12");
});

import { expect, test } from "bun:test";
import { rowText, ttlText } from "../../../../src/cli/modes/preview.ts";

test("keys and values on one row of the screen", () => {
  expect(rowText("a\nb\x1b[31m\x00")).toEqual("a⏎b\\x1b[31m\\x00");
  expect(rowText("h\xc3\xa9")).toEqual("hé");
  expect([-1, 900, 119_000, 130_000, 7_300_000, 200_000_000].map(ttlText)).toEqual([
    "no expiry",
    "1 s",
    "119 s",
    "2 min",
    "2 h",
    "2 days",
  ]);
});

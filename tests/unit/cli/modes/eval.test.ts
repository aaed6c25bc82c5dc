import { expect, test } from "bun:test";
import { evalCommand } from "../../../../src/cli/modes/eval.ts";

test("keys of a script end at a comma", () => {
  expect(evalCommand("s", ["a", "b", ",", "c", ","])).toEqual([
    "EVAL",
    "s",
    "2",
    "a",
    "b",
    "c",
    ",",
  ]);
  expect(evalCommand("s", [])).toEqual(["EVAL", "s", "0"]);
});

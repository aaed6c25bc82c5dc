import { expect, test } from "bun:test";
import { patternOf } from "../../../../src/cli/modes/browse.ts";

test("a word without a pattern is looked for anywhere in the key", () => {
  expect([patternOf(""), patternOf("user"), patternOf("user:*")]).toEqual([
    "*",
    "*user*",
    "user:*",
  ]);
});

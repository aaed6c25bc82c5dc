import { expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";

test("what holds passes, and what does not says so", () => {
  expect(() => assert(true, "all is well")).not.toThrow();
  expect(() => assert(false, "a block has two owners")).toThrow(
    new Error("invariant broken: a block has two owners"),
  );
});

import { expect, test } from "bun:test";
import { commandsIn } from "../../../src/cli/prompt.ts";

test("pasted text is a command a line, unless its quotes are open", () => {
  expect(commandsIn("a\nb")).toEqual(["a", "b"]);
  expect(commandsIn("set a 'x\ny'\r\nget a")).toEqual(["set a 'x\ny'", "get a"]);
  expect(commandsIn("set a 'x\ny")).toEqual(["set a 'x\ny"]);
});

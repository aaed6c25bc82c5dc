import { expect, test } from "bun:test";
import { markChanges } from "../../../../src/cli/modes/watch.ts";

test("changes are marked: what differs, or the line where there are no colours", () => {
  const changed = (text: string) => `\x1b[7m${text}\x1b[0m`;
  expect(markChanges("abc", "abc", true)).toEqual("abc");
  expect(markChanges("abc", undefined, true)).toEqual("abc");
  expect(markChanges("a12c", "a3c", true)).toEqual(`a${changed("12")}c`);
  expect(markChanges("ac", "abc", true)).toEqual(changed("ac"));
  expect(markChanges("aa", "aaa", false)).toEqual("> aa");
  expect(markChanges("aa", "aa", false)).toEqual("  aa");
});

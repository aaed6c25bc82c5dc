import { expect, test } from "bun:test";
import { progressBar } from "../../../../src/cli/modes/pipe.ts";

test("a bar of progress", () => {
  expect(progressBar(0, 100)).toEqual(`[${".".repeat(30)}]   0% 0B`);
  expect(progressBar(50, 100)).toEqual(`[${"#".repeat(15)}${".".repeat(15)}]  50% 50B`);
  expect(progressBar(100, 100)).toEqual(`[${"#".repeat(30)}] 100% 100B`);
  expect(progressBar(2048, null)).toEqual("2.00K sent");
});

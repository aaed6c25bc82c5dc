import { expect, test } from "bun:test";
import { humanBytes } from "../../../src/base/human-bytes.ts";

test("bytes as people read them", () => {
  const sizes = [0, 1023, 1024, 1536, 1048575, 5 << 20, 2 ** 30, 3 * 2 ** 40, 5000 * 2 ** 40];
  expect(sizes.map(humanBytes)).toEqual([
    "0B",
    "1023B",
    "1.00K",
    "1.50K",
    "1024.00K",
    "5.00M",
    "1.00G",
    "3.00T",
    "5000.00T",
  ]);
});

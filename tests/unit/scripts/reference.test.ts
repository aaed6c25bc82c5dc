/** The documents say of commands and directives what the code does. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { references } from "../../../scripts/reference.ts";

const ROOT = join(import.meta.dir, "../../..");

test.each([...references()])("%s is up to date (bun scripts/reference.ts)", (path, wanted) => {
  expect(readFileSync(join(ROOT, path), "utf8")).toBe(wanted);
});

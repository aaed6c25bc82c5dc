/** What CONFIG REWRITE writes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../../../src/base/random.ts";
import { Config } from "../../../../src/server/configuration/config.ts";
import {
  DIRECTIVE_NAMES,
  DIRECTIVES,
  type DirectiveName,
} from "../../../../src/server/configuration/directives/index.ts";
import { rewriteText } from "../../../../src/server/configuration/rewrite.ts";
import { parseCommandLine } from "../../../../src/server/configuration/sources.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-configuration-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text, "latin1");
  return path;
}

function read(...args: string[]): Config {
  return new Config({ commandLine: parseCommandLine(args) });
}

function ofText(standardInput: string): Config {
  return new Config({ standardInput });
}

describe("rewrite", () => {
  /** Values that a client can set, of any bytes where the directive takes them. */
  const settable = DIRECTIVE_NAMES.filter((name) => DIRECTIVES[name].settable !== "at start");
  const valuesOf = (config: Config) => [...config.get(["*"])].filter(([name]) => name !== "dir");

  test("what is written is read back equal, whatever bytes were set", () => {
    const seed = Number(process.env.SEED ?? 1);
    const random = new Random(seed);
    const AWKWARD = [
      '"',
      "'",
      "\\",
      "\n",
      "\r",
      "\0",
      " ",
      "\t",
      "#",
      "\xff",
      "\x80",
      "a",
      "\\x",
      '\\"',
    ];
    let set = 0;
    for (let round = 0; round < 300; round++) {
      const config = ofText("enable-protected-configs yes\n");
      for (let i = 0; i < 10; i++) {
        const name = settable[random.below(settable.length)]!;
        if (name === "dir") continue;
        const length = random.below(12);
        const value = Array.from({ length }, () => AWKWARD[random.below(AWKWARD.length)]!).join("");
        if (config.set([[name, value]], true) === "") set++;
      }
      const text = rewriteText("", (name: DirectiveName) => config.value(name));
      const again = ofText(text);
      expect({ seed, values: valuesOf(again) }).toEqual({ seed, values: valuesOf(config) });
      // And again, in the place of the lines that are there.
      const twice = rewriteText(text, (name: DirectiveName) => again.value(name));
      expect({ seed, twice }).toEqual({ seed, twice: text });
    }
    expect(set).toBeGreaterThan(300);
  });

  test("a value is never a line of its own", () => {
    const config = new Config();
    config.keep("replicaof", { host: "a 1\nenable-debug-command yes\n#", port: 5 });
    config.set([["masterauth", "x\nenable-debug-command yes"]], true);
    const text = rewriteText("", (name: DirectiveName) => config.value(name));
    expect(text.split("\n").map((line) => line.split(" ")[0])).toEqual([
      "replicaof",
      "masterauth",
      "",
    ]);
  });

  test("keeps comments, includes and renamed commands, and the file's mode", () => {
    const path = file(
      "kept.conf",
      `# note\ninclude ${folder}/none*\nrename-command KEYS ""\nhz 1\n`,
    );
    Bun.spawnSync(["chmod", "600", path]);
    const config = read(path);
    config.set(
      [
        ["hz", "2"],
        ["requirepass", "x"],
      ],
      true,
    );
    expect(config.rewrite()).toBe("");
    expect(readFileSync(path, "latin1")).toBe(
      `# note\ninclude ${folder}/none*\nrename-command KEYS ""\nhz 2\nrequirepass x\n`,
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });
});

/** The table of directives: types, stock files, names of files and of commands. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Config, ConfigError } from "../../../../../src/server/configuration/config.ts";
import { parseCommandLine } from "../../../../../src/server/configuration/sources.ts";
import { STOCK_FILES } from "../stock-files.ts";

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

function problemsOf(make: () => unknown): readonly string[] {
  try {
    make();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test("names and types of directives are checked by the compiler", () => {
  const config = new Config();
  // @ts-expect-error: no such directive
  expect(config.number("maxmemmory")).toBeNaN();
  // @ts-expect-error: no number
  config.number("requirepass");
  // @ts-expect-error: no flag
  config.flag("maxclients");
  // @ts-expect-error: no text
  config.text("appendonly");
  // @ts-expect-error: not a value of it
  config.keep("appendfsync", "sometimes");
  const policy: "everysec" | "always" | "no" = new Config().text("appendfsync");
  expect(policy).toBe("everysec");
});

describe("stock configuration files", () => {
  test.each(Object.entries(STOCK_FILES))("%s", (_, text) => {
    expect(problemsOf(() => ofText(text))).toEqual([]);
  });

  test("what has no effect is noted with its line; the rest is not", () => {
    const { notes } = ofText("hz 20\njemalloc-bg-thread yes\n");
    expect(notes).toEqual([
      "standard input:2: jemalloc-bg-thread has no effect: StormDB allocates memory itself",
    ]);
  });
});

describe("rename-command", () => {
  test("names are checked as they are at that line", () => {
    const config = ofText(
      'rename-command GET fetch\nrename-command SET get\nrename-command keys ""\n',
    );
    expect(config.value("rename-command")).toEqual([
      ["get", "fetch"],
      ["set", "get"],
      ["keys", ""],
    ]);
    expect(problemsOf(() => ofText("rename-command nope x\n"))).toEqual([
      "standard input:1: bad value 'nope x' for 'rename-command': No such command in rename-command",
    ]);
    expect(problemsOf(() => ofText("rename-command get SET\n"))).toEqual([
      "standard input:1: bad value 'get SET' for 'rename-command': Target command name already exists",
    ]);
  });
});

describe("names of files", () => {
  const NAMES = ["dbfilename", "appendfilename", "appenddirname"] as const;
  const WRONG = ["../x", "a/b", "/x", "a\\b", ".", "..", ""];

  test.each(NAMES)("%s is no path, and not empty, wherever it is said", (name) => {
    for (const value of WRONG) {
      const reason =
        value === ""
          ? `${name} can't be empty`
          : `${name} can't be a path, just a ${name === "appenddirname" ? "dirname" : "filename"}`;
      const problem = `bad value '${value}' for '${name}': ${reason}`;
      const path = file("name.conf", `${name} "${value.replaceAll("\\", "\\\\")}"\n`);
      expect(problemsOf(() => read(path))).toEqual([`${path}:1: ${problem}`]);
      expect(problemsOf(() => read(`--${name}`, value))).toEqual([problem]);
      expect(problemsOf(() => new Config({ directives: [[name, [value]]] }))).toEqual([problem]);
      const config = ofText("enable-protected-configs yes\n");
      const refused = config.set([[name, value]], true);
      expect(refused).toEndWith(name === "dbfilename" ? reason : "can't set immutable config");
    }
  });

  test("protected directives are set only by whom the configuration allows to", () => {
    for (const [allowed, isLocal, may] of [
      ["no", true, false],
      ["local", false, false],
      ["local", true, true],
      ["yes", false, true],
    ] as const) {
      for (const pair of [
        ["dbfilename", "x.rdb"],
        ["dir", folder],
      ] as const) {
        const config = ofText(`enable-protected-configs ${allowed}\n`);
        const error = config.set([pair], isLocal);
        expect(error.includes("can't set protected config")).toBe(!may);
        expect(config.text(pair[0]) === pair[1]).toBe(may);
      }
    }
  });
});

import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LOG_LEVELS, Log, type LogLevel } from "../../../src/base/log.ts";

let folder = "";
let log = new Log();

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "stormdb-log-"));
  log = new Log();
  log.file = join(folder, "server.log");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function lines(): string[] {
  return existsSync(log.file) ? readFileSync(log.file, "latin1").split("\n").slice(0, -1) : [];
}

function writeAll(): void {
  log.debug("d");
  log.verbose("v");
  log.notice("n");
  log.warning("w");
}

describe("log", () => {
  test("a line is as Redis writes it: pid, role, date, time with ms, mark, message", () => {
    const before = Date.now();
    log.notice("Ready to accept connections");
    const after = Date.now();
    const match =
      /^(\d+):M (\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d)\.(\d{3}) \* Ready to accept connections$/.exec(
        lines()[0]!,
      )!;
    expect(Number(match[1])).toEqual(process.pid);
    const time = new Date(match[2]!).getTime() + Number(match[3]);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(after);
  });

  test("each level has its mark and hides what is below it", () => {
    const marks: Record<string, string> = {};
    for (const level of LOG_LEVELS) {
      log.level = level;
      rmSync(log.file, { force: true });
      writeAll();
      marks[level] = lines()
        .map((line) => line.slice(-3))
        .join(",");
    }
    const expected: Record<LogLevel, string> = {
      debug: ". d,- v,* n,# w",
      verbose: "- v,* n,# w",
      notice: "* n,# w",
      warning: "# w",
      nothing: "",
    };
    expect(marks).toEqual(expected);
  });

  test("the usual level is notice", () => {
    writeAll();
    expect(lines().length).toEqual(2);
  });

  test("lines are appended, and a file that cannot be written is no reason to fail", () => {
    log.notice("one");
    log.notice("two");
    expect(lines().map((line) => line.slice(-5))).toEqual(["* one", "* two"]);
    log.file = join(folder, "missing", "server.log");
    expect(() => log.warning("lost")).not.toThrow();
  });
});

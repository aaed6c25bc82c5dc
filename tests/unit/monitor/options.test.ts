import { expect, test } from "bun:test";
import { UsageError } from "../../../src/client/target.ts";
import { type MonitorOptions, readOptions } from "../../../src/monitor/options.ts";
import { glyphsFor, isColoured } from "../../../src/monitor/terminal.ts";

function read(...args: string[]): readonly [MonitorOptions, string[]] {
  const warnings: string[] = [];
  return [readOptions(args, (text) => warnings.push(text)), warnings];
}

test("options say which server, how often and in which form", () => {
  expect(read()[0]).toMatchObject({
    host: "127.0.0.1",
    port: 6379,
    intervalMs: 1000,
    once: false,
    json: false,
  });
  const [options, warnings] = read(
    "--host",
    "db",
    "--port",
    "7000",
    "--interval",
    "0.5",
    "--once",
    "--json",
    "-n",
    "2",
  );
  expect(options).toMatchObject({
    host: "db",
    port: 7000,
    database: 2,
    intervalMs: 500,
    once: true,
    json: true,
  });
  expect(warnings).toEqual([]);
  expect(read("-u", "redis://ann:word@db:7001/3")[0]).toMatchObject({
    host: "db",
    port: 7001,
    database: 3,
    user: "ann",
    password: "word",
  });
});

test("a password on the command line is warned of, without showing it", () => {
  const [options, warnings] = read("-a", "secret-word");
  expect(options.password).toBe("secret-word");
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).not.toContain("secret-word");
  expect(read("-a", "secret-word", "--no-auth-warning")[1]).toEqual([]);
});

test("mistakes are told", () => {
  const mistakes = [
    ["x"],
    ["--no"],
    ["--interval"],
    ["--interval", "0.01"],
    ["--interval", "1h"],
    ["-p", "70000"],
  ];
  for (const args of mistakes) expect(() => read(...args)).toThrow(UsageError);
});

test("the environment says what the terminal can show", () => {
  const cases: readonly (readonly [Record<string, string>, string])[] = [
    [{ LANG: "en_US.UTF-8" }, "braille"],
    [{ LANG: "C", LC_ALL: "C.utf8" }, "braille"],
    [{ LANG: "en_US.UTF-8", LC_ALL: "C" }, "ascii"],
    [{ LANG: "en_US.UTF-8", LC_CTYPE: "POSIX" }, "ascii"],
    [{}, "ascii"],
    [{ LANG: "C.UTF-8", TERM: "linux" }, "block"],
  ];
  for (const [env, glyphs] of cases) expect([env, glyphsFor(env)]).toEqual([env, glyphs as never]);
  expect([{}, { NO_COLOR: "" }, { NO_COLOR: "1" }, { NO_COLOR: "0" }].map(isColoured)).toEqual([
    true,
    true,
    false,
    false,
  ]);
});

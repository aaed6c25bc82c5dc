import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { type CliOptions, readOptions } from "../../../src/cli/options.ts";
import { readLine } from "../../../src/cli/run.ts";
import { UsageError } from "../../../src/client/target.ts";

let warnings: string[] = [];
const { REDISCLI_AUTH } = process.env;
delete process.env.REDISCLI_AUTH;

beforeEach(() => {
  warnings = [];
});

afterAll(() => {
  delete process.env.REDISCLI_AUTH;
  if (REDISCLI_AUTH !== undefined) process.env.REDISCLI_AUTH = REDISCLI_AUTH;
});

function read(...args: string[]): CliOptions {
  return readOptions(args, (text) => warnings.push(text));
}

const USUAL: CliOptions = read();

describe("options", () => {
  test("without any", () => {
    expect(USUAL).toMatchObject({
      host: "127.0.0.1",
      port: 6379,
      database: 0,
      protocol: 2,
      repeat: 1,
      intervalSeconds: 0,
      command: [],
    });
    expect([USUAL.path, USUAL.user, USUAL.password, USUAL.format]).toEqual(
      new Array(4).fill(undefined),
    );
  });

  test("each one sets what it says", () => {
    const cases: readonly (readonly [string[], Partial<CliOptions>])[] = [
      [["-h", "example"], { host: "example" }],
      [["-p", "7000"], { port: 7000 }],
      [["-s", "/tmp/s"], { path: "/tmp/s" }],
      [["--user", "u"], { user: "u" }],
      [["-n", "3"], { database: 3 }],
      [["-2"], { protocol: 2 }],
      [["-3"], { protocol: 3 }],
      [["-e"], { failOnError: true }],
      [["-x"], { lastFromInput: true }],
      [["-X", "tag"], { tagFromInput: "tag" }],
      [["-r", "5"], { repeat: 5 }],
      [["-r", "-1"], { repeat: Number.POSITIVE_INFINITY }],
      [["-i", "0.5"], { intervalSeconds: 0.5 }],
      [["--raw"], { format: "raw" }],
      [["--no-raw"], { format: "pretty" }],
      [["--csv"], { format: "csv" }],
      [["--json"], { format: "json", protocol: 3 }],
      [["--quoted-json"], { format: "quoted-json", protocol: 3 }],
      [["-d", ";"], { elementDelimiter: ";" }],
      [["-D", ""], { replyDelimiter: "" }],
      [["-c"], { followsRedirections: true }],
      [["--yes"], { confirmed: true }],
      [["--scan", "--pattern", "a*"], { mode: "scan", pattern: "a*" }],
      [["--quoted-pattern", '"\\x41"'], { pattern: "A" }],
      [["--count", "7", "--type", "list"], { count: 7, type: "list" }],
      [["--pipe", "--pipe-timeout", "3"], { mode: "pipe", pipeTimeoutSeconds: 3 }],
      [["--memkeys-samples", "9"], { mode: "memkeys", samples: 9 }],
      [["--rdb", "f"], { mode: "rdb", file: "f" }],
      [["--show-pushes", "no"], { showsPushes: false }],
      [["--tls", "--sni", "a"], { security: { serverName: "a" } }],
      [["--insecure", "--tls"], { security: { unchecked: true } }],
      [["--insecure"], {}],
      [["--json", "-2"], { format: "json", protocol: 2 }],
    ];
    for (const [args, expected] of cases) expect(read(...args)).toEqual({ ...USUAL, ...expected });
    expect(warnings).toEqual([]);
  });

  test("the command begins at the first word that is no option", () => {
    expect(read("-n", "1", "SET", "-x", "--raw").command).toEqual(["SET", "-x", "--raw"]);
    // One character a byte.
    expect(read("ECHO", "é").command).toEqual(["ECHO", "\xc3\xa9"]);
  });

  test("behind a script, and what is watched or explained, all words are theirs", () => {
    expect(read("--eval", "f", "k", ",", "-a")).toMatchObject({
      mode: "eval",
      file: "f",
      command: ["k", ",", "-a"],
    });
    expect(read("--watch", "-x").command).toEqual(["-x"]);
    expect(read("--explain", "SET").command).toEqual(["SET"]);
  });

  test("a URI has all of the address", () => {
    expect(read("-u", "redis://me:p%40ss@host:7000/4")).toMatchObject({
      host: "host",
      port: 7000,
      user: "me",
      password: "p@ss",
      database: 4,
    });
    expect(read("-u", "redis://[::1]")).toMatchObject({ host: "::1", port: 6379, database: 0 });
    expect(() => read("-u", "http://host")).toThrow(UsageError);
    expect(() => read("-u", "nonsense")).toThrow(UsageError);
  });

  test("a password on the command line is warned of, one from the environment is not", () => {
    expect(read("-a", "secret").password).toEqual("secret");
    expect(warnings.length).toEqual(1);
    expect(read("-a", "secret", "--no-auth-warning").password).toEqual("secret");
    expect(warnings.length).toEqual(1);
    process.env.REDISCLI_AUTH = "hidden";
    expect(read().password).toEqual("hidden");
    expect(warnings.length).toEqual(1);
  });

  test("what is not known, or lacks its value, is refused by name", () => {
    for (const args of [["--nosuch"], ["-p"], ["-h"], ["-X"]]) {
      expect(() => read(...args)).toThrow(`'${args[0]}'`);
    }
    expect(() => read("-p", "70000")).toThrow(UsageError);
    // Text that is no number counts as 0, as in redis-cli.
    expect(read("-p", "x").port).toEqual(0);
  });
});

describe("lines", () => {
  test("are words, and may begin with how often they are to be run", () => {
    expect(readLine("SET k 'a b'")).toEqual({ args: ["SET", "k", "a b"], times: 1 });
    expect(readLine("3 PING")).toEqual({ args: ["PING"], times: 3 });
    expect(readLine("3")).toEqual({ args: ["3"], times: 1 });
    expect(readLine("0 PING")).toEqual({ args: ["PING"], times: Number.NaN });
    expect(readLine("-2 PING")).toEqual({ args: ["PING"], times: Number.NaN });
    expect(readLine("2x PING")).toEqual({ args: ["2x", "PING"], times: 1 });
    expect(readLine("")).toEqual({ args: [], times: 1 });
    expect(readLine('SET "k')).toEqual(null);
  });
});

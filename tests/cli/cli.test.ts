/** `stormdb cli` against redis-cli: the same arguments, the same output and exit code. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { BINARY, REDIS_CLI, type RunningServer, startStormdb } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";

let server: RunningServer;

beforeAll(async () => {
  server = await startStormdb();
  const client = await server.connect();
  await client.call("RPUSH", "list", "a", "b c", "3", "\xff\x00\"'\\\t");
  await client.call("RPUSH", "long", ...Array.from({ length: 12 }, (_, i) => `e${i}`));
  await client.call("SET", "text", 'a"b\n\x01\xff \x7f\r\t');
  await client.call("SET", "number", "42");
});

afterAll(() => server[Symbol.asyncDispose]());

interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

function run(command: readonly string[], args: readonly string[], input = ""): Outcome {
  const child = Bun.spawnSync([...command, "-p", String(server.port), ...args], {
    stdin: Buffer.from(input, "latin1"),
  });
  return {
    out: child.stdout.toString("latin1"),
    err: child.stderr.toString("latin1"),
    code: child.exitCode,
  };
}

const storm = (args: readonly string[], input?: string) => run([BINARY, "cli"], args, input);
const redis = (args: readonly string[], input?: string) => run([REDIS_CLI!], args, input);

const FORMATS = [
  [],
  ["--raw"],
  ["--no-raw"],
  ["--csv"],
  ["--json"],
  ["--json", "-2"],
  ["-3"],
  ["-3", "--no-raw"],
  ["-3", "--csv"],
];
const COMMANDS = [
  ["GET", "text"],
  ["GET", "number"],
  ["GET", "missing"],
  ["LRANGE", "list", "0", "-1"],
  ["LRANGE", "long", "0", "-1"],
  ["LRANGE", "missing", "0", "-1"],
  ["LPOS", "list", "zz", "COUNT", "0"],
  ["STRLEN", "text"],
  ["PING"],
  ["PING", "a b"],
  ["NOSUCH", "x"],
  ["INCR", "list"],
  ["GET"],
  ["SCAN", "0", "COUNT", "100", "TYPE", "string", "MATCH", "num*"],
  ["COMMAND", "INFO", "get", "nosuch", "lmpop"],
  ["COMMAND", "GETKEYSANDFLAGS", "SET", "a", "b"],
  ["CONFIG", "GET", "max*"],
  ["CONFIG", "GET", "nosuch"],
  ["LCS", "text", "number", "IDX"],
  ["DEBUG", "PROTOCOL", "double"],
  ["DEBUG", "PROTOCOL", "map"],
  ["DEBUG", "PROTOCOL", "set"],
  ["DEBUG", "PROTOCOL", "true"],
  ["DEBUG", "PROTOCOL", "null"],
  ["DEBUG", "PROTOCOL", "verbatim"],
];

describe.skipIf(without("redis-cli"))("the same as redis-cli", () => {
  for (const format of FORMATS) {
    test(`every reply with ${format.join(" ") || "no format"}`, () => {
      for (const command of COMMANDS) {
        const args = [...format, ...command];
        expect({ args, ...storm(args) }).toEqual({ args, ...redis(args) });
      }
    });
  }

  test("commands from standard input", () => {
    const input =
      'set a 1\nget a\n\n"unbalanced\nnosuch\n3 incr number\nget "a"\nlrange list 0 -1\r\nget text\nquit\nget a';
    const expected = redis([], input);
    // The counter is where it was, for the second run.
    redis(["SET", "number", "42"]);
    const before = redis(["--no-raw"], input);
    redis(["SET", "number", "42"]);
    expect(storm([], input)).toEqual(expected);
    redis(["SET", "number", "42"]);
    expect(storm(["--no-raw"], input)).toEqual(before);
    redis(["SET", "number", "42"]);
  });

  test("-x, -X, -r, -i, -n, -e, -u and -s", () => {
    const cases: readonly (readonly [readonly string[], string])[] = [
      [["-x", "SET", "fromx"], "bytes \xff\x00\n"],
      [["GET", "fromx"], ""],
      [["-X", "tag", "SET", "fromX", "tag"], "more"],
      [["GET", "fromX"], ""],
      [["-X", "tag", "SET", "fromX", "none"], "more"],
      [["-r", "3", "PING"], ""],
      [["-r", "2", "-i", "0.01", "PING"], ""],
      [["-n", "5", "DBSIZE"], ""],
      [["-n", "99", "DBSIZE"], ""],
      [["-e", "NOSUCH"], ""],
      [["-e", "PING"], ""],
      [["-u", `redis://127.0.0.1:${server.port}/3`, "DBSIZE"], ""],
    ];
    for (const [args, input] of cases) {
      const theirs = redis(args, input);
      expect({ args, ...storm(args, input) }).toEqual({ args, ...theirs });
    }
  });
});

test("a value of several megabytes comes whole", () => {
  const value = "0123456789abcdef".repeat(300_000);
  expect(storm(["-x", "SET", "large"], value)).toEqual({ out: "OK\n", err: "", code: 0 });
  expect(storm(["GET", "large"]).out).toEqual(`${value}\n`);
  storm(["DEL", "large"]);
});

test("a server that is not there is told with address and reason, exit code 1", () => {
  const child = Bun.spawnSync([BINARY, "cli", "-p", "1", "PING"]);
  expect(child.stderr.toString()).toEqual(
    "Could not connect to Redis at 127.0.0.1:1: Connection refused\n",
  );
  expect(child.exitCode).toEqual(1);
});

test("bad options are named, exit code 1; help and its exit code", () => {
  const bad = Bun.spawnSync([BINARY, "cli", "--nosuch"]);
  expect([bad.stderr.toString(), bad.exitCode]).toEqual([
    "Unrecognized option or bad number of args for: '--nosuch'\n",
    1,
  ]);
  const help = Bun.spawnSync([BINARY, "cli", "--help"]);
  expect(help.stdout.toString()).toStartWith("Usage: stormdb cli");
  expect(help.exitCode).toEqual(0);
});

test("passwords: -a, --user, REDISCLI_AUTH and a URI; a wrong one is told", async () => {
  await using locked = await startStormdb("--requirepass", "se cret");
  const call = (args: readonly string[], env = {}) => {
    const child = Bun.spawnSync([BINARY, "cli", "-p", String(locked.port), ...args], {
      env: { ...process.env, ...env },
    });
    return [child.stdout.toString(), child.stderr.toString()];
  };
  const warning =
    "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.\n";
  expect(call(["PING"])).toEqual(["NOAUTH Authentication required.\n\n", ""]);
  expect(call(["-a", "se cret", "PING"])).toEqual(["PONG\n", warning]);
  expect(call(["-a", "se cret", "--no-auth-warning", "PING"])).toEqual(["PONG\n", ""]);
  expect(call(["--user", "default", "--pass", "se cret", "--no-auth-warning", "PING"])).toEqual([
    "PONG\n",
    "",
  ]);
  expect(call(["PING"], { REDISCLI_AUTH: "se cret" })).toEqual(["PONG\n", ""]);
  const uri = `redis://:se%20cret@127.0.0.1:${locked.port}/0`;
  expect(call(["-u", uri, "--no-auth-warning", "PING"])).toEqual(["PONG\n", ""]);
  expect(call(["-a", "wrong", "--no-auth-warning", "PING"])).toEqual([
    "NOAUTH Authentication required.\n\n",
    "AUTH failed: WRONGPASS invalid username-password pair or user is disabled.\n",
  ]);
});

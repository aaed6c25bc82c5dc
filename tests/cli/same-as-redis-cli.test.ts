/**
 * The same arguments give the same output and exit code as with redis-cli 7.0.15: a table of cases,
 * each run with both, against StormDB and against redis-server.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BINARY,
  REDIS_CLI,
  REDIS_SERVER,
  type RunningServer,
  startRedis,
  startStormdb,
} from "../harness/processes.ts";
import { without } from "../harness/skips.ts";

const STDBUF = Bun.which("stdbuf");
const ESCAPE = String.fromCharCode(27);
const UNKNOWN = "Unrecognized option or bad number of args for: ";

interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

interface Case {
  readonly args: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Both texts go through it: for what cannot be equal. */
  readonly mask?: (text: string) => string;
  /** It does not end by itself: that many lines of its output are compared. */
  readonly lines?: number;
  /** The server it is compared at; both without it. */
  readonly at?: "redis";
  /** The port is not given. */
  readonly elsewhere?: true;
}

const folder = mkdtempSync(join(tmpdir(), "stormdb-same-"));
const KEYS_SCRIPT = join(folder, "keys.lua");
const ERROR_SCRIPT = join(folder, "error.lua");
const RDB_FILE = join(folder, "fetched.rdb");

const digits = (text: string) => text.replace(/\d+/g, "0");
/** Numbers, and the spaces that fill up their columns. */
const columns = (text: string) =>
  digits(text)
    .replace(/ +/g, " ")
    .replace(/0\.0[BKMG]/g, "0B");
/** The id of the connection, and how redis-cli learns that its connection has gone. */
const identity = (text: string) =>
  text.replace(/\bid(\W+(?:\(integer\) )?)\d+/g, "id$10").replace(/Error: .*/g, "Error: lost");
const sorted = (text: string) => text.split("\n").sort().join("\n");
/** Keys come in the order of the hash function, which is random; then the largest so far as well. */
const summary = (text: string) =>
  text.replace(/^\[[\d.]+%\] Biggest.*\n/gm, "").replace(/^\[[\d.]+%\] Hot key.*\n/gm, "");
const summarySizes = (text: string) =>
  summary(text)
    .replace(/(has|with) \d+ bytes/g, "$1 0 bytes")
    .replace(/avg size [\d.]+/g, "avg");
const shades = new RegExp(`${ESCAPE}\\[48;5;\\d+m`, "g");
const spectrumMask = (text: string) => text.replace(shades, "");

/** Protocol as bytes. */
function resp(...commands: string[][]): string {
  return commands
    .map((words) => `*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join("")}`)
    .join("");
}

const many = (count: number) =>
  resp(...Array.from({ length: count }, (_, i) => ["SET", "piped", `v${i}`]));

const CASES: Readonly<Record<string, readonly Case[]>> = {
  "replies and formats": [
    [],
    ["--raw"],
    ["--no-raw"],
    ["--csv"],
    ["--json"],
    ["--quoted-json"],
    ["--json", "-2"],
    ["-3"],
    ["-3", "--no-raw"],
    ["-d", ";"],
    ["-D", "|"],
    ["-3", "-d", ", ", "-D", "."],
  ].flatMap((format) =>
    [
      ["GET", "text"],
      ["GET", "missing"],
      ["LRANGE", "list", "0", "-1"],
      ["HGETALL", "hash"],
      ["SMEMBERS", "set"],
      ["ZRANGE", "zset", "0", "-1", "WITHSCORES"],
      ["GEOPOS", "zset", "two", "none"],
      ["LRANGE", "missing", "0", "-1"],
      ["PING"],
      ["NOSUCH", "x"],
      ["CONFIG", "GET", "maxmemory"],
      ["COMMAND", "INFO", "get", "nosuch"],
      ["DEBUG", "PROTOCOL", "map"],
      ["DEBUG", "PROTOCOL", "push"],
    ].map((command) => ({ args: [...format, ...command] })),
  ),
  repeating: [
    { args: ["-r", "3", "PING"] },
    { args: ["-r", "2", "-i", "0.01", "PING"] },
    { args: ["-r", "0", "PING"] },
    { args: ["-r", "abc", "PING"] },
    { args: ["-r", "2", "NOSUCH"] },
    { args: ["-e", "-r", "2", "NOSUCH"] },
    { args: ["-i", "abc", "PING"] },
    { args: ["-r", "-1", "-i", "0.01", "PING"], lines: 5 },
  ],
  "arguments from standard input": [
    { args: ["-x", "SET", "fromx"], input: "bytes \xff\x00\n" },
    { args: ["GET", "fromx"] },
    { args: ["-X", "tag", "SET", "fromX", "tag"], input: "more" },
    { args: ["GET", "fromX"] },
    { args: ["-X", "tag", "SET", "fromX", "none"], input: "more" },
    { args: ["-x", "-X", "a", "SET", "a"], input: "more" },
    { args: ["--quoted-input", "ECHO", '"a\\x00b"'] },
    { args: ["--quoted-input", "ECHO", "'v'"] },
    { args: ["--quoted-input", "ECHO", '"open'] },
  ],
  databases: [
    { args: ["-n", "5", "DBSIZE"] },
    { args: ["-n", "99", "DBSIZE"] },
    { args: ["-n", "abc", "GET", "text"] },
    { args: ["-u", "redis://127.0.0.1:PORT/3", "DBSIZE"], elsewhere: true },
    { args: ["-n", "3", "-u", "redis://127.0.0.1:PORT", "DBSIZE"], elsewhere: true },
    { args: ["-u", "redis://me:se%63ret@127.0.0.1:PORT", "PING"], elsewhere: true },
  ],
  passwords: [
    { args: ["-a", "wrong", "PING"] },
    { args: ["-a", "wrong", "--no-auth-warning", "PING"] },
    { args: ["--user", "me", "--pass", "wrong", "PING"] },
    { args: ["PING"], env: { REDISCLI_AUTH: "wrong" } },
    { args: ["-a", "wrong", "--stat", "-i", "0.01"], lines: 1 },
  ],
  "mistakes on the command line": [
    { args: ["--nosuch"] },
    { args: ["-p"], elsewhere: true },
    { args: ["-u", "http://a", "PING"] },
    { args: ["--show-pushes", "maybe", "PING"] },
    { args: ["--show-pushes", "no", "PING"] },
    { args: ["--eval"] },
    { args: ["--rdb"] },
    { args: [""] },
    { args: ["set a b"] },
    { args: ["2", "PING"] },
    { args: [":set", "hints"] },
    { args: ["exit"] },
    { args: ["quit"] },
    { args: ["shutdown", "bad"] },
  ],
  "nobody there": [
    { args: ["-p", "1", "PING"], elsewhere: true },
    { args: ["-p", "x", "PING"], elsewhere: true },
    { args: ["-p", "1"], input: "ping\nping\n", elsewhere: true },
    { args: ["-p", "1"], input: "shutdown\n", elsewhere: true },
    { args: ["-p", "1", "--stat"], elsewhere: true },
    { args: ["-p", "1", "--bigkeys"], elsewhere: true },
    { args: ["-p", "1", "--memkeys"], elsewhere: true },
    { args: ["-p", "1", "--hotkeys"], elsewhere: true },
    { args: ["-p", "1", "--scan"], elsewhere: true },
    { args: ["-p", "1", "--latency"], elsewhere: true },
    { args: ["-p", "1", "--rdb", RDB_FILE], elsewhere: true },
    { args: ["-p", "1", "--pipe"], elsewhere: true, input: "PING\r\n" },
    { args: ["-p", "1", "--eval", KEYS_SCRIPT], elsewhere: true },
    { args: ["-s", "/no/such/socket", "PING"], elsewhere: true },
    { args: ["-h", "no.such.host.invalid", "PING"], elsewhere: true },
    { args: ["-p", "1", "SUBSCRIBE", "a"], elsewhere: true },
  ],
  "commands from standard input": [
    "set a 1\nget a\n\n'unbalanced\nnosuch\n3 ping\nget 'a'\r\nquit\nget a",
    "multi\nset a 1\nget a\nexec\nmulti\nnosuch\nexec\ndiscard\n",
    "select 3\ndbsize\nselect 99\nselect 0\nget text",
    "0 ping\n-1 ping\n2 ping\n",
    ":set hints\n:set nohints\nping\n",
    "restart\nclear\nping\n",
    "exit\n",
    "QUIT\nping",
    "hello 3\nlrange list 0 -1\nreset\nping\n",
    "client kill\nconnect 127.0.0.1\nping\n",
    "auth wrong\nping\n",
    "client setname x\nclient getname\nquit\n",
    "client kill type normal skipme no\nping\n",
  ].flatMap((input) => [
    { args: [], input, mask: identity },
    { args: ["--no-raw"], input, mask: identity },
    { args: ["-3"], input, mask: identity },
    { args: ["--csv"], input, mask: identity },
  ]),
  scanning: [
    { args: ["--scan"], mask: sorted },
    { args: ["--scan", "--pattern", "li*"], mask: sorted },
    { args: ["--scan", "--pattern", "none*"] },
    { args: ["--scan", "--quoted-pattern", '"\\x6cist"'] },
    { args: ["--scan", "--no-raw"], mask: sorted },
    { args: ["--scan", "-i", "0.01"], mask: sorted },
    { args: ["--scan", "-n", "5"] },
  ],
  "large keys": [
    { args: ["--bigkeys"], mask: summary },
    { args: ["--bigkeys", "-i", "0.01"], mask: summary },
    { args: ["--bigkeys", "-n", "5"], mask: sorted },
    { args: ["--memkeys"], mask: summarySizes },
    { args: ["--memkeys-samples", "3"], mask: summarySizes },
    { args: ["--hotkeys"] },
  ],
  scripts: [
    { args: ["--eval", join(folder, "missing.lua")] },
    { args: ["--eval", KEYS_SCRIPT, "k", ",", "1", "2"], mask: (text) => text.split(",")[0]! },
    { args: ["--eval", ERROR_SCRIPT, "k"], mask: (text) => text.split(",")[0]! },
  ],
  "mass insertion": [
    { args: ["--pipe"], input: "SET piped 1\r\nGET piped\r\n" },
    { args: ["--pipe"], input: "SET piped 1\r\nNOSUCH\r\nINCR list\r\n" },
    { args: ["--pipe"], input: "" },
    { args: ["--pipe"], input: many(5000) },
    { args: ["--pipe"], input: resp(["LRANGE", "list", "0", "-1"], ["GET", "missing"]) },
    { args: ["--pipe", "-n", "3"], input: resp(["SET", "there", "1"], ["DEL", "there"]) },
    { args: ["--pipe", "--pipe-timeout", "1"], input: "*3\r\n$3\r\nSET\r\n" },
    { args: ["--pipe", "--pipe-timeout", "1"], input: "BLPOP none 0\r\n" },
  ],
  "rolling figures": [
    { args: ["--stat", "-i", "0.05"], lines: 4, mask: columns },
    { args: ["--latency", "-i", "0.05"], mask: digits },
    { args: ["--latency", "-i", "0.05", "--csv"], mask: digits },
    { args: ["--latency", "-i", "0.05", "--json"], mask: digits },
    { args: ["--latency", "-i", "0.05", "--raw"], mask: digits },
    { args: ["--latency-history", "-i", "0.2"], lines: 2, mask: digits },
    { args: ["--latency-dist", "-i", "0.02"], lines: 8, mask: spectrumMask },
  ],
  "messages and monitor": [
    { args: ["SUBSCRIBE", "a", "b"], lines: 6 },
    { args: ["--csv", "SUBSCRIBE", "a"], lines: 2 },
    { args: ["--json", "SUBSCRIBE", "a"], lines: 2 },
    { args: ["--no-raw", "PSUBSCRIBE", "a*", "b"], lines: 7 },
    { args: ["-3", "--no-raw", "SSUBSCRIBE", "a"], lines: 4 },
    { args: [], input: "ping\nsubscribe x\nping\n", lines: 4 },
    { args: ["MONITOR"], lines: 1 },
    { args: ["--no-raw", "MONITOR"], lines: 1 },
    { args: ["MONITOR", "x"] },
    { args: ["SHUTDOWN", "ABORT"] },
  ],
  snapshots: [
    // StormDB does not know REPLCONF rdb-only, without which redis-cli 7.0 waits for ever.
    { args: ["--rdb", RDB_FILE], mask: digits, at: "redis" },
    { args: ["--rdb", join(folder, "no/such/folder.rdb")], mask: digits, at: "redis" },
    { args: ["--functions-rdb", RDB_FILE], mask: digits, at: "redis" },
  ],
};

let servers: Readonly<Record<string, RunningServer>> = {};

beforeAll(async () => {
  writeFileSync(KEYS_SCRIPT, "return {KEYS[1],ARGV[1],ARGV[2]}");
  writeFileSync(ERROR_SCRIPT, 'return redis.error_reply("MY error")');
  if (REDIS_CLI === null || REDIS_SERVER === null) return;
  const [redis, storm] = await Promise.all([
    startRedis("--repl-diskless-sync-delay", "0"),
    startStormdb("--repl-diskless-sync-delay", "0"),
  ]);
  servers = { redis, storm };
  for (const server of [redis, storm]) {
    const client = await server.connect();
    await client.call("RPUSH", "list", "a", "b c", "3", "\xff\x00\"'\\\t");
    await client.call("SET", "text", 'a"b\n\x01\xff \x7f\r\t');
    await client.call("SET", "number", "42");
    await client.call("SET", "long", "x".repeat(300));
    await client.call("RPUSH", "few", "1");
    await client.call("HSET", "hash", "field", "value", "f", "\x01");
    await client.call("SADD", "set", "1", "2", "3");
    await client.call("ZADD", "zset", "1", "one", "2.5", "two", "inf", "three", "-1", "four");
    client.close();
  }
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  for (const server of Object.values(servers)) await server[Symbol.asyncDispose]();
});

/** The first lines of what a command prints that would go on for ever. */
async function firstLines(
  command: readonly string[],
  count: number,
  input: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Outcome> {
  const child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe", env });
  child.stdin.write(Buffer.from(input, "latin1"));
  child.stdin.flush();
  const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
  let out = "";
  for await (const chunk of child.stdout) {
    out += Buffer.from(chunk).toString("latin1");
    if (out.split("\n").length > count) break;
  }
  clearTimeout(late);
  child.kill("SIGKILL");
  await child.exited;
  return { out: out.split("\n").slice(0, count).join("\n"), err: "", code: null };
}

async function run(tool: readonly string[], one: Case, port: number): Promise<Outcome> {
  const words = one.args.map((word) => word.replace("PORT", String(port)));
  const where = one.elsewhere ? [] : ["-p", String(port)];
  const env = { ...process.env, REDISCLI_AUTH: undefined, ...one.env };
  const { mask = (text: string) => text } = one;
  let outcome: Outcome;
  if (one.lines !== undefined) {
    // redis-cli holds back what does not go to a terminal.
    const command = [...(STDBUF === null ? [] : [STDBUF, "-oL"]), ...tool, ...where, ...words];
    outcome = await firstLines(command, one.lines, one.input ?? "", env);
  } else {
    const child = Bun.spawn([...tool, ...where, ...words], {
      stdin: Buffer.from(one.input ?? "", "latin1"),
      stdout: "pipe",
      stderr: "pipe",
      env,
      timeout: 10_000,
    });
    const [out, err] = await Promise.all([child.stdout.bytes(), child.stderr.bytes()]);
    const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
    outcome = { out: text(out), err: text(err), code: await child.exited };
  }
  return { ...outcome, out: mask(outcome.out), err: mask(outcome.err) };
}

describe.skipIf(without("redis-cli", "redis-server"))("the same as redis-cli", () => {
  for (const [name, cases] of Object.entries(CASES)) {
    for (const server of ["storm", "redis"]) {
      test(`${name}, against ${server}`, async () => {
        const { port } = servers[server]!;
        const expected: unknown[] = [];
        const got: unknown[] = [];
        // One after the other: they may change data.
        for (const one of cases) {
          const { args, input } = one;
          if (one.at !== undefined && one.at !== server) continue;
          const shown = { args: args.join(" "), input: input?.slice(0, 100) };
          const theirs = await run([REDIS_CLI!], one, port);
          const ours = await run([BINARY, "cli"], one, port);
          if (Bun.deepEquals(theirs, ours)) continue;
          expected.push({ ...shown, ...theirs });
          got.push({ ...shown, ...ours });
        }
        expect(got).toEqual(expected);
      }, 60_000);
    }
  }

  test("the snapshot that --rdb fetched is that of the server", async () => {
    for (const server of Object.values(servers)) {
      rmSync(RDB_FILE, { force: true });
      await run([BINARY, "cli"], { args: ["--rdb", RDB_FILE] }, server.port);
      expect(existsSync(RDB_FILE)).toEqual(true);
      const piped = await run([BINARY, "cli"], { args: ["--rdb", "-"] }, server.port);
      // Both begin alike, and end in the checksum; the times in between differ.
      expect(piped.out.slice(0, 9)).toEqual("REDIS0010");
      expect(readFileSync(RDB_FILE).toString("latin1").slice(0, 9)).toEqual("REDIS0010");
    }
  });

  test("what redis-cli 7.0 does not have", async () => {
    const { port } = servers.redis!;
    for (const option of ["--count", "--type"]) {
      const theirs = await run([REDIS_CLI!], { args: ["--scan", option, "1"] }, port);
      expect(theirs.err).toEqual(`${UNKNOWN}'${option}'\n`);
    }
    const ours = await run(
      [BINARY, "cli"],
      { args: ["--scan", "--type", "list", "--count", "1"], mask: sorted },
      port,
    );
    expect(ours).toEqual({ out: "\nfew\nlist", err: "", code: 0 });
  });
});

/** `stormdb benchmark`, compiled, against StormDB and the real redis-server. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BINARY,
  freePort,
  REDIS_BENCHMARK,
  type RunningServer,
  startRedis,
  startStormdb,
  until,
} from "../harness/processes.ts";
import { without } from "../harness/skips.ts";
import { readInfoNumber } from "../server/info.ts";

/** What the test INCR counts up. */
const COUNTER = "counter:__rand_int__";

let storm: RunningServer;

beforeAll(async () => {
  storm = await startStormdb();
});

afterAll(() => storm[Symbol.asyncDispose]());

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(command: readonly string[], input = ""): Promise<Result> {
  const child = Bun.spawn([...command], {
    stdin: Buffer.from(input),
    stdout: "pipe",
    stderr: "pipe",
    timeout: 50_000,
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, out, err };
}

function benchmark(port: number, ...args: string[]): Promise<Result> {
  return run([BINARY, "benchmark", "-p", String(port), ...args]);
}

/** The result of a run that goes well. */
async function output(port: number, ...args: string[]): Promise<string> {
  const { code, err, out } = await benchmark(port, ...args);
  expect({ args, code, err }).toEqual({ args, code: 0, err: "" });
  return out;
}

/** Runs it on a server that has been emptied, and asks what is there then. */
async function afterwards(args: readonly string[], ...question: string[]): Promise<string> {
  const client = await storm.connect();
  await client.call("FLUSHALL");
  await output(storm.port, "-q", ...args);
  const reply = await client.call(...question);
  client.close();
  return reply;
}

/** The text without its figures; lines that repeat are one. */
function shape(text: string): string[] {
  const lines = text
    .split(/[\n\r]/)
    // What redis-benchmark shows of its progress.
    .filter((line) => line.trim() !== "" && !line.includes("rps="))
    .map((line) => line.replaceAll(/[0-9]+\.[0-9]+/g, "F").replaceAll(/ +/g, " "))
    .map((line) => line.replace(/count [0-9]+/, "count N"));
  return lines.filter((line, i) => line !== lines[i - 1]);
}

describe.skipIf(without("redis-benchmark"))("the same words as redis-benchmark", () => {
  const ours = (...args: string[]) => output(storm.port, ...args);
  const theirs = async (...args: string[]) =>
    (await run([REDIS_BENCHMARK!, "-p", String(storm.port), ...args])).out;

  test("in the report, with more sections", async () => {
    for (const args of [[], ["--threads", "2"], ["-c", "3", "-d", "100"]]) {
      const all = [...args, "-t", "set", "-n", "3000"];
      const lines = shape(await ours(...all));
      const more = lines.indexOf("Histogram of latencies:");
      const expected = shape(await theirs(...all));
      const [summary, percentiles] = [lines.indexOf("Summary:"), " latency percentiles (msec):"];
      expect([
        ...lines.slice(0, more),
        ...lines.slice(summary, lines.indexOf(percentiles)),
      ]).toEqual(expected);
    }
  });

  test("with -q", async () => {
    const args = ["-q", "-n", "1000", "-t", "ping,set,get,incr,lpush,rpush,lpop,rpop,lrange,mset"];
    expect(shape(await ours(...args))).toEqual(shape(await theirs(...args)));
  });

  test("with --csv, and two columns more", async () => {
    const args = ["--csv", "-n", "1000", "-t", "ping_mbulk,get,lrange_300"];
    const cut = (await ours(...args))
      .split("\n")
      .map((line) => line.split(",").slice(0, 8).join(","))
      .join("\n");
    expect(shape(cut)).toEqual(shape(await theirs(...args)));
  });
});

describe("what is sent", () => {
  test.each([
    [[]],
    [["-P", "16"]],
    [["-P", "7", "-c", "9"]],
    [["-c", "1"]],
    [["-c", "300"]],
    [["--threads", "1"]],
    [["--threads", "3", "-P", "5"]],
    [["--threads", "4", "-c", "2"]],
    [["-k", "0"]],
    [["-3"]],
    [["--rate", "100000"]],
    [["--rate", "100000", "-P", "4", "--threads", "2"]],
  ])("is exactly -n requests, with %j", async (args) => {
    const client = await storm.connect();
    await client.call("FLUSHALL");
    const { code } = await benchmark(storm.port, "-q", "-t", "incr", "-n", "1001", ...args);
    expect({ args, code, counter: await client.call("GET", COUNTER) }).toEqual({
      args,
      code: 0,
      counter: "$4\r\n1001\r\n",
    });
    client.close();
  });

  test("goes to keys at random", async () => {
    const args = ["-t", "set", "-n", "2000", "-r", "10"];
    expect(await afterwards(args, "DBSIZE")).toEqual(":10\r\n");
    expect(await afterwards([...args, "-d", "1000"], "STRLEN", "key:000000000003")).toEqual(
      ":1000\r\n",
    );
    const zipf = [...args, "--distribution", "zipf:1.2", "--threads", "2"];
    expect(await afterwards(zipf, "EXISTS", "key:000000000000")).toEqual(":1\r\n");
    expect(await afterwards(["--ratio", "1:1", ...args.slice(2)], "DBSIZE")).toEqual(":10\r\n");
  });

  test("is a command of one's own", async () => {
    expect(await afterwards(["-n", "20", "-c", "1", "APPEND", "a", "xy"], "STRLEN", "a")).toEqual(
      ":40\r\n",
    );
    const data = ["-n", "2", "-d", "50", "SET", "b", "__data__"];
    expect(await afterwards(data, "STRLEN", "b")).toEqual(":50\r\n");
    const client = await storm.connect();
    const child = [BINARY, "benchmark", "-p", String(storm.port), "-q", "-n", "3"];
    expect((await run([...child, "-x", "SET", "c"], "from input")).code).toEqual(0);
    expect(await client.call("GET", "c")).toEqual("$10\r\nfrom input\r\n");
    client.close();
  });

  test("goes to another database", async () => {
    const client = await storm.connect();
    await client.call("FLUSHALL");
    await output(storm.port, "-q", "-t", "set", "-n", "100", "--dbnum", "5");
    expect(await client.call("DBSIZE")).toEqual(":0\r\n");
    await client.call("SELECT", "5");
    expect(await client.call("DBSIZE")).toEqual(":1\r\n");
    client.close();
  });

  test("values larger than what a socket takes at once", async () => {
    const args = ["-t", "set,get", "-n", "20", "-c", "4", "-d", "3000000", "-P", "2"];
    expect(await afterwards(args, "STRLEN", "key:__rand_int__")).toEqual(":3000000\r\n");
  });
});

test("password, user, URI and Unix socket", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stormdb-benchmark-"));
  const path = join(folder, "socket");
  await using server = await startStormdb("--unixsocket", path, "--requirepass", "secret");
  const client = await server.connect();
  await client.call("AUTH", "secret");
  const uri = `redis://default:secret@127.0.0.1:${server.port}/2`;
  for (const args of [
    ["-p", String(server.port), "-a", "secret"],
    ["-p", String(server.port), "-a", "secret", "--user", "default", "-3", "--threads", "2"],
    ["-u", uri],
    ["-s", path, "-a", "secret"],
  ]) {
    const command = [BINARY, "benchmark", "-q", "-t", "set", "-n", "100", ...args];
    const { code, out } = await run(command);
    expect({ args, code, out }).toEqual({ args, code: 0, out: expect.stringMatching(/^SET: /) });
  }
  expect(await readInfoNumber(client, "stats", "total_error_replies")).toEqual(0);
  const wrong = await benchmark(server.port, "-q", "-a", "wrong");
  expect(wrong.code).toEqual(1);
  expect(wrong.err).toInclude("AUTH failed: WRONGPASS");
  const without = await benchmark(server.port, "-q", "-t", "set");
  expect(without.code).toEqual(1);
  expect(without.err).toInclude("NOAUTH");
  rmSync(folder, { recursive: true });
});

describe("what goes wrong", () => {
  test("a server that is not there", async () => {
    const port = await freePort();
    expect(await benchmark(port)).toEqual({
      code: 1,
      out: "",
      err: `Could not connect to Redis at 127.0.0.1:${port}: Connection refused\n`,
    });
    const { code, err } = await benchmark(storm.port, "--vs", `127.0.0.1:${port}`);
    expect({ code, names: err.includes(`127.0.0.1:${port}`) }).toEqual({ code: 1, names: true });
  });

  test("a test that the server refuses is skipped, the others run", async () => {
    const client = await storm.connect();
    await client.call("FLUSHALL");
    await client.call("SET", "mylist", "no list");
    for (const threads of ["0", "2"]) {
      const args = ["-q", "-n", "500", "-t", "set,lpush,get", "--threads", threads];
      const { code, err, out } = await benchmark(storm.port, ...args);
      expect({ code, err, out: shape(out) }).toEqual({
        code: 0,
        err: `Error from server: WRONGTYPE Operation against a key holding the wrong kind of value\nLPUSH is skipped.\n`,
        out: ["SET: F requests per second, p50=F msec", "GET: F requests per second, p50=F msec"],
      });
    }
    client.close();
  });

  test("of two servers the one that refuses is named", async () => {
    await using other = await startStormdb();
    const client = await other.connect();
    await client.call("SELECT", "7");
    await client.call("SET", "mylist", "no list");
    const args = ["-q", "-n", "100", "-t", "lpush,get", "--vs", `127.0.0.1:${other.port}`];
    const { code, err, out } = await benchmark(storm.port, ...args, "--dbnum", "7");
    expect({ code, err, out: out.split(":")[0] }).toEqual({
      code: 0,
      err: `Error from server 127.0.0.1:${other.port}: WRONGTYPE Operation against a key holding the wrong kind of value\nLPUSH is skipped.\n`,
      out: "GET",
    });
  });

  test("a command that the server refuses; -e goes on", async () => {
    const refused = await benchmark(storm.port, "-q", "-n", "500", "NOSUCH");
    expect({ ...refused, out: refused.out.trim() }).toEqual({
      code: 1,
      out: "",
      err: "Error from server: ERR unknown command 'NOSUCH', with args beginning with:\n",
    });
    const { code, err, out } = await benchmark(storm.port, "--json", "-e", "-n", "500", "NOSUCH");
    const [result] = JSON.parse(out).tests;
    expect({ code, errors: result.errors, requests: result.requests }).toEqual({
      code: 0,
      errors: 500,
      requests: 500,
    });
    expect(err).toStartWith("Error from server: ERR unknown command 'NOSUCH'");
  });

  test("a mistake on the command line, and help", async () => {
    expect(await benchmark(storm.port, "--nosuch")).toEqual({
      code: 1,
      out: "",
      err: 'Invalid option "--nosuch" or option argument missing\n\nstormdb benchmark --help lists the options.\n',
    });
    expect(await output(storm.port, "--help")).toStartWith("Usage: stormdb benchmark [options]");
    expect(await output(storm.port, "--version")).toMatch(/^stormdb benchmark [0-9.]+\n$/);
  });

  test("a server that goes away", async () => {
    const server = await startStormdb();
    const result = benchmark(server.port, "-q", "-t", "set", "-l");
    const client = await server.connect();
    await until("requests have come", async () =>
      /db0:keys=1/.test(await client.call("INFO", "keyspace")),
    );
    await server[Symbol.asyncDispose]();
    const { code, err } = await result;
    expect({ code, err }).toEqual({ code: 1, err: "Server closed the connection\n" });
  });
});

describe.skipIf(without("redis-server"))("with the real redis-server", () => {
  test("every test runs, with and without pipelines and threads", async () => {
    await using redis = await startRedis();
    for (const args of [[], ["-P", "16", "-r", "100"], ["-3", "--threads", "2"]]) {
      const out = await output(redis.port, "--json", "-n", "500", ...args);
      const { tests } = JSON.parse(out);
      expect([args, tests.length]).toEqual([args, 20]);
      expect(tests.filter(({ requests }: { requests: number }) => requests !== 500)).toEqual([]);
    }
    await output(redis.port, "-q", "-n", "500", "-t", "xadd");
    const client = await redis.connect();
    expect(await readInfoNumber(client, "stats", "total_error_replies")).toEqual(0);
  });

  test("compared with StormDB in one run", async () => {
    await using redis = await startRedis();
    const args = ["-t", "incr", "-n", "600", "--rounds", "3", "--vs", `127.0.0.1:${redis.port}`];
    for (const threads of ["0", "2"]) {
      for (const server of [storm, redis]) {
        const client = await server.connect();
        await client.call("FLUSHALL");
        client.close();
      }
      const out = await output(storm.port, "--json", ...args, "--threads", threads);
      const [{ ratio, rounds, servers }] = JSON.parse(out).tests;
      expect(rounds).toEqual(3);
      const medians = servers.map(
        ({ roundsRps }: { roundsRps: number[] }) => roundsRps.toSorted((a, b) => a - b)[1],
      );
      expect(ratio).toBeCloseTo(medians[0] / medians[1], 2);
      for (const [i, server] of [storm, redis].entries()) {
        expect(servers[i].server).toEqual(`127.0.0.1:${server.port}`);
        expect(servers[i].requests).toEqual(600);
        // A round of 200 more warmed it up.
        const client = await server.connect();
        expect(await client.call("GET", COUNTER)).toEqual("$3\r\n800\r\n");
        client.close();
      }
    }
    expect(await output(storm.port, ...args)).toInclude("(median of 3 rounds).\n");
    expect(await output(storm.port, "-q", ...args)).toMatch(
      /^INCR: [0-9.]+ against [0-9.]+ requests per second, ratio [0-9.]+: .*\n\n$/,
    );
    const csv = (await output(storm.port, "--csv", ...args)).trim().split("\n");
    expect(csv.map((line) => line.split(",").length)).toEqual([13, 13, 13]);
  });
});

describe("interrupted", () => {
  test("it reports what there is, and ends with 130", async () => {
    for (const args of [[], ["--threads", "2"], ["--rate", "500"], ["-k", "0"]]) {
      const client = await storm.connect();
      await client.call("FLUSHALL");
      const requests = async () => Number((await client.call("GET", COUNTER)).split("\r\n")[1]);
      const all = ["--json", "-t", "incr,xadd", "-n", "1000000000", ...args];
      const child = Bun.spawn([BINARY, "benchmark", "-p", String(storm.port), ...all], {
        stdout: "pipe",
        stderr: "ignore",
      });
      // More than the connections can have under way, so that replies have come back.
      await until("requests have been answered", async () => (await requests()) > 200);
      child.kill("SIGINT");
      const { tests } = JSON.parse(await child.stdout.text());
      expect({ args, code: await child.exited, tests }).toEqual({
        args,
        code: 130,
        tests: [expect.objectContaining({ test: "INCR" })],
      });
      expect(tests[0].requests).toBeGreaterThan(0);
      client.close();
    }
  });

  test("idle connections wait for it", async () => {
    await using server = await startStormdb();
    const command = [BINARY, "benchmark", "-p", String(server.port), "-I", "-c", "20"];
    const client = await server.connect();
    const connected = () => readInfoNumber(client, "clients", "connected_clients");
    const child = Bun.spawn(command, { stdout: "pipe" });
    await until("they are connected", async () => (await connected()) >= 21);
    child.kill("SIGINT");
    expect(await child.stdout.text()).toEndWith("clients: 20\n");
    expect(await child.exited).toEqual(130);
    await until("they are gone", async () => (await connected()) === 1);
  });
});

test("no escape codes in a pipe, even where colors are forced", async () => {
  const command = [BINARY, "benchmark", "-p", String(storm.port), "-t", "set", "-n", "20000"];
  const { err, out } = await run(["env", "TERM=xterm-256color", "FORCE_COLOR=1", ...command]);
  expect(err).toEqual("");
  expect(out).not.toInclude("\x1b");
  expect(out).not.toInclude("\r");
});

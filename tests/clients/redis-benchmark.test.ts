/** redis-benchmark: every test of it whose commands exist runs to its end without an error. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { REDIS_BENCHMARK, type RunningServer, startStormdb } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";
import { readInfoNumber } from "../server/info.ts";

const TESTS = "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,lrange,mset";

/** What it prints, one line a test. Fails where it fails or complains. */
async function benchmark(server: RunningServer, ...args: string[]): Promise<string[]> {
  const child = Bun.spawn([REDIS_BENCHMARK!, "-p", String(server.port), "--csv", ...args], {
    stdout: "pipe",
    stderr: "pipe",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  const complaints = stderr.split("\n").filter((line) => !/^(WARNING: Keepalive.*)?$/.test(line));
  expect({ args, code: await child.exited, complaints }).toEqual({ args, code: 0, complaints: [] });
  return stdout
    .split("\n")
    .slice(1)
    .filter((line) => line !== "")
    .map((line) => line.split('"')[1]!);
}

const ALL = [
  "PING_INLINE",
  "PING_MBULK",
  "SET",
  "GET",
  "INCR",
  "LPUSH",
  "RPUSH",
  "LPOP",
  "RPOP",
  "LPUSH (needed to benchmark LRANGE)",
  "LRANGE_100 (first 100 elements)",
  "LRANGE_300 (first 300 elements)",
  "LRANGE_500 (first 500 elements)",
  "LRANGE_600 (first 600 elements)",
  "MSET (10 keys)",
];

describe.skipIf(without("redis-benchmark"))("redis-benchmark", () => {
  test.each([
    ["one at a time", []],
    ["in pipelines of 16", ["-P", "16"]],
    ["random keys, large values", ["-P", "4", "-r", "1000", "-d", "300"]],
  ] as const)("every test, %s", async (_, args) => {
    await using storm = await startStormdb();
    expect(await benchmark(storm, "-t", TESTS, "-n", "2000", ...args)).toEqual(ALL);
    const client = await storm.connect();
    expect(await readInfoNumber(client, "stats", "total_error_replies")).toEqual(0);
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });

  test.each([
    ["without keep-alive", ["-k", "0", "-n", "500"]],
    ["with threads", ["--threads", "2", "-n", "5000"]],
    ["with 300 connections", ["-c", "300", "-n", "5000"]],
    ["in RESP3", ["-3", "-n", "2000"]],
    ["in another database", ["--dbnum", "3", "-n", "2000"]],
  ] as const)("SET and GET %s", async (_, args) => {
    await using storm = await startStormdb();
    expect(await benchmark(storm, "-t", "set,get", ...args)).toEqual(["SET", "GET"]);
  });

  test("a command of one's own", async () => {
    await using storm = await startStormdb();
    expect(
      await benchmark(storm, "-n", "2000", "-r", "10", "SET", "key:__rand_int__", "value"),
    ).toEqual(["SET key:__rand_int__ value"]);
    expect(await (await storm.connect()).call("DBSIZE")).toEqual(":10\r\n");
  });

  test("with a password, over a Unix socket", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-benchmark-"));
    const path = join(folder, "socket");
    await using storm = await startStormdb("--unixsocket", path, "--requirepass", "secret");
    // The socket is there a moment later than the port.
    await (await storm.connect()).call("PING");
    expect(
      await benchmark(storm, "-s", path, "-a", "secret", "-t", "set,get", "-n", "1000"),
    ).toEqual(["SET", "GET"]);
    rmSync(folder, { recursive: true });
  });
});

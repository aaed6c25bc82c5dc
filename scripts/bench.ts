/**
 * Measures StormDB against redis-server, side by side in one run, because shared machines drift:
 * both servers run pinned to one core, the load to another, they take turns, and what is
 * reported are ratios of medians, with the CPU time each server took per request.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Clock } from "../src/base/clock.ts";
import { Random } from "../src/base/random.ts";
import { Client } from "../src/client/client.ts";
import { NO_EXPIRY } from "../src/store/database.ts";
import { Keyspace } from "../src/store/keyspace.ts";

const USAGE = `Usage: scripts/bench [--rounds N] [--quick] [--only speed,memory,growth,idle,cli] [--tests GET,SET,...]

speed    redis-benchmark, 50 clients, without pipelining and with pipelines of 16 and 64
memory   RSS growth per key of DEBUG POPULATE 5000000 key 64
growth   the longest single SET while the table grows from 0 to 10 million keys
idle     RSS of a server that has nothing to do
cli      wall time of "cli PING" against redis-cli
`;

const TESTS = [
  "PING_MBULK",
  "GET",
  "SET",
  "INCR",
  "LPUSH",
  "RPUSH",
  "LPOP",
  "RPOP",
  "LRANGE_100",
  "MSET",
];
/** Requests of one measurement, by pipeline: about two seconds' worth. */
const REQUESTS: Readonly<Record<number, number>> = { 1: 150_000, 16: 1_500_000, 64: 3_000_000 };
const SLOW_TESTS: Readonly<Record<string, number>> = { LRANGE_100: 15, MSET: 4 };
const POPULATED_KEYS = 5_000_000;
const GROWN_KEYS = 10_000_000;
const TICKS_PER_SECOND = 100;
const STORMDB = join(import.meta.dir, "../stormdb");

function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

const quick = process.argv.includes("--quick");
const rounds = Number(option("--rounds") ?? (quick ? 3 : 5));
const parts = (option("--only") ?? "speed,memory,growth,idle,cli").split(",");
const tests = option("--tests")?.toUpperCase().split(",") ?? TESTS;
const pinned = cpus().length > 1;

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly call: (...args: string[]) => Promise<void>;
  readonly stop: () => Promise<void>;
}

function onCore(core: number, command: readonly string[]): string[] {
  return pinned ? ["taskset", "-c", String(core), ...command] : [...command];
}

async function start(name: string, command: readonly string[], port: number): Promise<Contender> {
  const folder = mkdtempSync(join(tmpdir(), "stormdb-bench-"));
  const child = Bun.spawn(onCore(0, [...command, "--port", String(port), "--bind", "127.0.0.1"]), {
    cwd: folder,
    stdout: "ignore",
    stderr: "ignore",
  });
  let client: Client | undefined;
  for (let i = 0; i < 300 && client === undefined; i++) {
    await Bun.sleep(20);
    client = await Client.connect({ host: "127.0.0.1", port }).catch(() => undefined);
  }
  if (client === undefined) throw new Error(`${name} did not start`);
  const connection = client;
  return {
    name,
    port,
    pid: child.pid,
    call: async (...args) => {
      const reply = await connection.call(args);
      if (reply.kind === "error") throw new Error(`${name}: ${args.join(" ")}: ${reply.text}`);
    },
    stop: async () => {
      connection.close();
      child.kill("SIGKILL");
      await child.exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startBoth(): Promise<readonly [Contender, Contender]> {
  const base = 20_000 + Math.floor(Math.random() * 20_000);
  const redis = ["redis-server", "--save", "", "--enable-debug-command", "yes"];
  return Promise.all([
    start("redis-server", redis, base),
    start("StormDB", [STORMDB, "server", "--enable-debug-command", "yes"], base + 1),
  ]);
}

/** CPU time of the process so far, in s. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of the process, in bytes. */
function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

interface Measured {
  readonly requestsPerSecond: number;
  readonly cpuUs: number;
}

function measure(server: Contender, test: string, pipeline: number): Measured {
  const requests = Math.ceil(REQUESTS[pipeline]! / (SLOW_TESTS[test] ?? 1) / (quick ? 4 : 1));
  const before = cpuSeconds(server.pid);
  const flags = [
    "-p",
    String(server.port),
    "-c",
    "50",
    "-P",
    String(pipeline),
    "-n",
    String(requests),
  ];
  const run = Bun.spawnSync(onCore(1, ["redis-benchmark", ...flags, "-t", test, "--csv"]));
  const cpu = cpuSeconds(server.pid) - before;
  const lines = run.stdout.toString().trim().split("\n");
  const line = lines.findLast((text) => text.startsWith(`"${test.split("_")[0]}`))!;
  // LRANGE fills its list first, with an LPUSH that is not counted.
  return { requestsPerSecond: Number(line.split('","')[1]), cpuUs: (cpu / requests) * 1e6 };
}

async function speed(): Promise<void> {
  const [redis, storm] = await startBoth();
  console.log(
    "| command | pipeline | redis-server req/s | StormDB req/s | ratio | CPU µs redis | CPU µs StormDB | CPU ratio |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const pipeline of [1, 16, 64]) {
    for (const test of tests) {
      const results: Measured[][] = [[], []];
      for (let round = 0; round <= rounds; round++) {
        for (const [i, server] of [redis, storm].entries()) {
          await server.call("FLUSHALL");
          // Popping needs something to pop.
          if (/^[LR]POP$/.test(test))
            measure(server, test === "LPOP" ? "LPUSH" : "RPUSH", pipeline);
          const result = measure(server, test, pipeline);
          // The first round warms up.
          if (round > 0) results[i]!.push(result);
        }
      }
      const [a, b] = results.map((list) => ({
        rate: median(list.map((one) => one.requestsPerSecond)),
        cpu: median(list.map((one) => one.cpuUs)),
      })) as [{ rate: number; cpu: number }, { rate: number; cpu: number }];
      console.log(
        `| ${test.replace("_MBULK", "")} | ${pipeline} | ${Math.round(a.rate)} | ${Math.round(b.rate)} | ${(b.rate / a.rate).toFixed(2)} | ${a.cpu.toFixed(2)} | ${b.cpu.toFixed(2)} | ${(a.cpu / b.cpu).toFixed(2)} |`,
      );
    }
  }
  await Promise.all([redis.stop(), storm.stop()]);
}

async function memory(): Promise<void> {
  console.log(
    `\n| ${POPULATED_KEYS} keys, values of 64 bytes | RSS growth per key, bytes |\n| --- | ---: |`,
  );
  for (const server of await startBoth()) {
    const before = rssBytes(server.pid);
    await server.call("DEBUG", "POPULATE", String(POPULATED_KEYS), "key", "64");
    const perKey = (rssBytes(server.pid) - before) / POPULATED_KEYS;
    console.log(`| ${server.name} | ${perKey.toFixed(1)} |`);
    await server.stop();
  }
}

function growth(): void {
  const clock = new Clock();
  const space = new Keyspace({ databases: 1, segments: 8, clock, random: new Random(1) });
  const db = space.databases[0]!;
  const key = new Uint8Array(16).fill(48);
  const value = new Uint8Array(16).fill(120);
  const slow: number[] = [];
  let worstUs = 0;
  for (let i = 0; i < GROWN_KEYS; i++) {
    for (let rest = i, at = 15; rest > 0; at--, rest = Math.floor(rest / 10))
      key[at] = 48 + (rest % 10);
    const start = performance.now();
    db.setString(db.lookupWrite(key, 0, 16), key, 0, 16, value, 0, 16, NO_EXPIRY);
    const us = (performance.now() - start) * 1000;
    if (us > worstUs) worstUs = us;
    if (us > 500) slow.push(us);
  }
  console.log(`\n| SET from 0 to ${GROWN_KEYS} keys | |\n| --- | ---: |`);
  console.log(`| longest single SET, ms | ${(worstUs / 1000).toFixed(2)} |`);
  console.log(`| SETs over 0.5 ms | ${slow.length} |`);
  console.log(`| SETs over 2 ms | ${slow.filter((us) => us > 2000).length} |`);
}

async function idle(): Promise<void> {
  console.log("\n| idle | RSS, MB |\n| --- | ---: |");
  for (const server of await startBoth()) {
    await Bun.sleep(1000);
    console.log(`| ${server.name} | ${(rssBytes(server.pid) / 1e6).toFixed(1)} |`);
    await server.stop();
  }
}

async function cli(): Promise<void> {
  const [redis, storm] = await startBoth();
  const commands = [
    ["redis-cli", "-p", String(redis.port), "PING"],
    [STORMDB, "cli", "-p", String(redis.port), "PING"],
  ];
  const times: number[][] = [[], []];
  for (let i = 0; i < 100; i++) {
    for (const [which, command] of commands.entries()) {
      const start = performance.now();
      Bun.spawnSync(command);
      times[which]!.push(performance.now() - start);
    }
  }
  const [a, b] = times.map(median) as [number, number];
  console.log("\n| one PING from the shell | ms |\n| --- | ---: |");
  console.log(
    `| redis-cli | ${a.toFixed(1)} |\n| stormdb cli | ${b.toFixed(1)} |\n| ratio | ${(b / a).toFixed(2)} |`,
  );
  await Promise.all([redis.stop(), storm.stop()]);
}

if (process.argv.includes("--help")) {
  console.log(USAGE);
} else {
  if (Bun.which("redis-server") === null || Bun.which("redis-benchmark") === null) {
    console.error(
      "scripts/bench needs redis-server and redis-benchmark (Debian: redis-server, redis-tools).",
    );
    process.exit(1);
  }
  if (parts.includes("speed")) await speed();
  if (parts.includes("memory")) await memory();
  if (parts.includes("growth")) growth();
  if (parts.includes("idle")) await idle();
  if (parts.includes("cli")) await cli();
  process.exit(0);
}

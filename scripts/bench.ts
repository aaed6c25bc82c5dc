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
import type { Reply } from "../src/protocol/reply-parser.ts";
import { NO_EXPIRY } from "../src/store/database.ts";
import { Keyspace } from "../src/store/keyspace.ts";

const USAGE = `Usage: scripts/bench [--rounds N] [--quick] [--only PART,...] [--tests GET,SET,...]

speed    redis-benchmark, 50 clients, without pipelining and with pipelines of 16 and 64
memory   RSS growth per key of DEBUG POPULATE 5000000 key 64
growth   the longest single SET while the table grows from 0 to 10 million keys
idle     RSS of a server that has nothing to do
cli      wall time of "cli PING" against redis-cli
fsync    SET with the append-only file and each fsync policy, pipelines of 1 and 16
load     start-up time with 5 million keys, from RDB and from an append-only file of commands
bgsave   the latency a client sees, and the memory, while 5 million keys are saved under load
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
const REQUESTS: Readonly<Record<number, number>> = { 1: 100_000, 16: 1_000_000, 64: 2_000_000 };
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
const PARTS = "speed,memory,growth,idle,cli,fsync,load,bgsave";
const parts = (option("--only") ?? PARTS).split(",");
const tests = option("--tests")?.toUpperCase().split(",") ?? TESTS;
const pinned = cpus().length > 1;

interface Contender {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  readonly ask: (...args: string[]) => Promise<Reply>;
  readonly call: (...args: string[]) => Promise<void>;
  readonly stop: () => Promise<void>;
}

function onCore(core: number, command: readonly string[]): string[] {
  return pinned ? ["taskset", "-c", String(core), ...command] : [...command];
}

async function start(
  name: string,
  command: readonly string[],
  port: number,
  kept?: string,
): Promise<Contender> {
  const folder = kept ?? mkdtempSync(join(tmpdir(), "stormdb-bench-"));
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
    folder,
    pid: child.pid,
    ask: (...args) => connection.call(args),
    call: async (...args) => {
      const reply = await connection.call(args);
      if (reply.kind === "error") throw new Error(`${name}: ${args.join(" ")}: ${reply.text}`);
    },
    stop: async () => {
      connection.close();
      child.kill("SIGKILL");
      await child.exited;
      if (kept === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

const SERVERS: Readonly<Record<string, readonly string[]>> = {
  "redis-server": ["redis-server"],
  StormDB: [STORMDB, "server"],
};

/** Starts one of the two with more directives, in `folder` if it is given. */
function startOne(
  name: string,
  directives: readonly string[],
  folder?: string,
): Promise<Contender> {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const command = [...SERVERS[name]!, "--enable-debug-command", "yes", "--save", "", ...directives];
  return start(name, command, port, folder);
}

async function startBoth(...directives: string[]): Promise<readonly [Contender, Contender]> {
  return Promise.all([startOne("redis-server", directives), startOne("StormDB", directives)]);
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

async function fsync(): Promise<void> {
  console.log("\n| SET with appendfsync | pipeline | redis-server req/s | StormDB req/s | ratio |");
  console.log("| --- | ---: | ---: | ---: | ---: |");
  for (const policy of ["always", "everysec", "no"]) {
    const servers = await startBoth("--appendonly", "yes", "--appendfsync", policy);
    for (const pipeline of [1, 16]) {
      const rates: number[][] = [[], []];
      for (let round = 0; round <= rounds; round++) {
        for (const [i, server] of servers.entries()) {
          const { requestsPerSecond } = measure(server, "SET", pipeline);
          if (round > 0) rates[i]!.push(requestsPerSecond);
        }
      }
      const [a, b] = rates.map(median) as [number, number];
      console.log(
        `| ${policy} | ${pipeline} | ${Math.round(a)} | ${Math.round(b)} | ${(b / a).toFixed(2)} |`,
      );
    }
    for (const server of servers) await server.stop();
  }
}

/** Waits until the server answers PING with PONG; returns the ms it took since `started`. */
async function readyAfter(server: Contender, started: number): Promise<number> {
  for (;;) {
    const reply = await server.ask("PING");
    if (reply.kind === "simple") return performance.now() - started;
    await Bun.sleep(5);
  }
}

async function infoValue(server: Contender, section: string, field: string): Promise<string> {
  const reply = await server.ask("INFO", section);
  const text = "text" in reply ? reply.text : "";
  return new RegExp(`^${field}:(.*)$`, "m").exec(text)![1]!.trim();
}

async function load(): Promise<void> {
  console.log(`\n| start with ${POPULATED_KEYS} keys | redis-server s | StormDB s | ratio |`);
  console.log("| --- | ---: | ---: | ---: |");
  for (const kind of ["RDB", "AOF"]) {
    const medians: number[] = [];
    for (const name of Object.keys(SERVERS)) {
      const folder = mkdtempSync(join(tmpdir(), "stormdb-bench-"));
      const directives =
        kind === "RDB" ? [] : ["--appendonly", "yes", "--aof-use-rdb-preamble", "no"];
      const writer = await startOne(name, directives, folder);
      await writer.call("DEBUG", "POPULATE", String(POPULATED_KEYS), "key", "64");
      if (kind === "RDB") await writer.call("SAVE");
      else {
        await writer.call("BGREWRITEAOF");
        do await Bun.sleep(200);
        while ((await infoValue(writer, "persistence", "aof_rewrite_in_progress")) === "1");
      }
      await writer.stop();
      const times: number[] = [];
      for (let i = 0; i < 3; i++) {
        const started = performance.now();
        const reader = await startOne(name, directives, folder);
        times.push((await readyAfter(reader, started)) / 1000);
        const size = await reader.ask("DBSIZE");
        if (!("text" in size) || Number(size.text) !== POPULATED_KEYS) {
          throw new Error(`${name} loaded ${JSON.stringify(size)}`);
        }
        await reader.stop();
      }
      rmSync(folder, { recursive: true, force: true });
      medians.push(median(times));
    }
    const [a, b] = medians as [number, number];
    console.log(`| ${kind} | ${a.toFixed(2)} | ${b.toFixed(2)} | ${(a / b).toFixed(2)} |`);
  }
}

/** Latencies of PING, one at a time, until `until` says stop; sorted, in ms. */
async function pingUntil(server: Contender, until: () => Promise<boolean>): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; ; i++) {
    const started = performance.now();
    await server.ask("PING");
    latencies.push(performance.now() - started);
    if (i % 100 === 99 && (await until())) return latencies.sort((a, b) => a - b);
    await Bun.sleep(1);
  }
}

async function bgsave(): Promise<void> {
  console.log(
    `\n| ${POPULATED_KEYS} keys, under load | PING p99.9 ms | worst ms | while saving: p99.9 | worst | save s | memory |`,
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const name of Object.keys(SERVERS)) {
    const server = await startOne(name, []);
    await server.call("DEBUG", "POPULATE", String(POPULATED_KEYS), "key", "64");
    const flags = [
      "-p",
      String(server.port),
      "-c",
      "10",
      "-n",
      "100000000",
      "-r",
      String(POPULATED_KEYS),
    ];
    const load = Bun.spawn(
      onCore(1, ["redis-benchmark", ...flags, "-d", "64", "-q", "SET", "key:__rand_int__", "x"]),
      { stdout: "ignore", stderr: "ignore" },
    );
    let rounds = 0;
    const before = await pingUntil(server, async () => ++rounds === 20);
    const rss = rssBytes(server.pid);
    let peak = rss;
    const started = performance.now();
    await server.call("BGSAVE");
    const during = await pingUntil(server, async () => {
      peak = Math.max(peak, rssBytes(server.pid));
      return (await infoValue(server, "persistence", "rdb_bgsave_in_progress")) === "0";
    });
    const seconds = (performance.now() - started) / 1000;
    load.kill();
    await load.exited;
    const at = (list: readonly number[], p: number) =>
      list[Math.min(list.length - 1, Math.floor(list.length * p))]!.toFixed(2);
    console.log(
      `| ${name} | ${at(before, 0.999)} | ${at(before, 1)} | ${at(during, 0.999)} | ${at(during, 1)} | ${seconds.toFixed(1)} | +${((peak / rss - 1) * 100).toFixed(0)} % |`,
    );
    await server.stop();
  }
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
  if (parts.includes("fsync")) await fsync();
  if (parts.includes("load")) await load();
  if (parts.includes("bgsave")) await bgsave();
  process.exit(0);
}

/** Commands and memory: what a server by itself takes. */
import { Clock } from "../../src/base/clock.ts";
import { Random } from "../../src/base/random.ts";
import { NO_EXPIRY } from "../../src/store/entry.ts";
import { Keyspace } from "../../src/store/keyspace.ts";
import {
  type Measured,
  measure,
  median,
  option,
  rounds,
  rssBytes,
  STORMDB,
  startBoth,
} from "./contenders.ts";

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
const tests = option("--tests")?.toUpperCase().split(",") ?? TESTS;
export const POPULATED_KEYS = 5_000_000;
const GROWN_KEYS = 10_000_000;

export async function speed(): Promise<void> {
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

export async function memory(): Promise<void> {
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

export function growth(): void {
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
    space.strings.set(db, db.lookupWrite(key, 0, 16), key, 0, 16, value, 0, 16, NO_EXPIRY);
    const us = (performance.now() - start) * 1000;
    if (us > worstUs) worstUs = us;
    if (us > 500) slow.push(us);
  }
  console.log(`\n| SET from 0 to ${GROWN_KEYS} keys | |\n| --- | ---: |`);
  console.log(`| longest single SET, ms | ${(worstUs / 1000).toFixed(2)} |`);
  console.log(`| SETs over 0.5 ms | ${slow.length} |`);
  console.log(`| SETs over 2 ms | ${slow.filter((us) => us > 2000).length} |`);
}

export async function idle(): Promise<void> {
  console.log("\n| idle | RSS, MB |\n| --- | ---: |");
  for (const server of await startBoth()) {
    await Bun.sleep(1000);
    console.log(`| ${server.name} | ${(rssBytes(server.pid) / 1e6).toFixed(1)} |`);
    await server.stop();
  }
}

export async function cli(): Promise<void> {
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

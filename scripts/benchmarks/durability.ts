/** What it costs to have the data on disk. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Contender,
  infoValue,
  measure,
  median,
  onCore,
  percentile,
  pingUntil,
  rounds,
  rssBytes,
  SERVERS,
  startBoth,
  startOne,
} from "./contenders.ts";
import { POPULATED_KEYS } from "./engine.ts";

export async function fsync(): Promise<void> {
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

export async function load(): Promise<void> {
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

export async function bgsave(): Promise<void> {
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
    const at = (list: readonly number[], p: number) => percentile(list, p).toFixed(2);
    console.log(
      `| ${name} | ${at(before, 0.999)} | ${at(before, 1)} | ${at(during, 0.999)} | ${at(during, 1)} | ${seconds.toFixed(1)} | +${((peak / rss - 1) * 100).toFixed(0)} % |`,
    );
    await server.stop();
  }
}

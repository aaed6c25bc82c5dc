/** What it costs to have replicas, and how far behind they are. */
import {
  type Contender,
  infoValue,
  measure,
  median,
  onCore,
  percentile,
  pingUntil,
  quick,
  rounds,
  SERVERS,
  startOne,
} from "./contenders.ts";
import { POPULATED_KEYS } from "./engine.ts";

const LAG_SECONDS = quick ? 3 : 10;
const NAMES = Object.keys(SERVERS);

/** A replica of the same kind, on the core of the load. */
async function follow(primary: Contender): Promise<Contender> {
  const replica = await startOne(primary.name, [], undefined, 1);
  await replica.call("REPLICAOF", "127.0.0.1", String(primary.port));
  return replica;
}

async function untilUp(replica: Contender): Promise<void> {
  while ((await infoValue(replica, "replication", "master_link_status")) !== "up") {
    await Bun.sleep(10);
  }
}

function startPrimary(name: string): Promise<Contender> {
  return startOne(name, ["--repl-diskless-sync-delay", "0"]);
}

export async function replicas(): Promise<void> {
  console.log(
    "\n| SET with replicas | pipeline | redis-server req/s | StormDB req/s | ratio | CPU µs redis | CPU µs StormDB | CPU ratio |",
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  const primaries = [await startPrimary(NAMES[0]!), await startPrimary(NAMES[1]!)];
  const followers: Contender[] = [];
  for (const count of [1, 2]) {
    for (const primary of primaries) {
      const replica = await follow(primary);
      await untilUp(replica);
      followers.push(replica);
    }
    for (const pipeline of [1, 16]) {
      const rates: number[][] = [[], []];
      const cpus: number[][] = [[], []];
      for (let round = 0; round <= rounds; round++) {
        for (const [i, primary] of primaries.entries()) {
          const { cpuUs, requestsPerSecond } = measure(primary, "SET", pipeline);
          if (round === 0) continue;
          rates[i]!.push(requestsPerSecond);
          cpus[i]!.push(cpuUs);
        }
      }
      const [a, b] = rates.map(median) as [number, number];
      const [c, d] = cpus.map(median) as [number, number];
      console.log(
        `| ${count} | ${pipeline} | ${Math.round(a)} | ${Math.round(b)} | ${(b / a).toFixed(2)} | ${c.toFixed(2)} | ${d.toFixed(2)} | ${(c / d).toFixed(2)} |`,
      );
    }
  }
  for (const server of [...followers, ...primaries]) await server.stop();
}

export async function resync(): Promise<void> {
  console.log(
    `\n| full resync of ${POPULATED_KEYS} keys | s | PING p99.9 ms | worst ms |\n| --- | ---: | ---: | ---: |`,
  );
  for (const name of NAMES) {
    const primary = await startPrimary(name);
    await primary.call("DEBUG", "POPULATE", String(POPULATED_KEYS), "key", "64");
    const started = performance.now();
    const replica = await follow(primary);
    const latencies = await pingUntil(
      primary,
      async () => (await infoValue(replica, "replication", "master_link_status")) === "up",
    );
    const seconds = (performance.now() - started) / 1000;
    console.log(
      `| ${name} | ${seconds.toFixed(1)} | ${percentile(latencies, 0.999).toFixed(2)} | ${percentile(latencies, 1).toFixed(2)} |`,
    );
    await replica.stop();
    await primary.stop();
  }
}

export async function lag(): Promise<void> {
  console.log(
    "\n| lag of a replica under SETs of 50 clients | bytes p50 | p99 | SET and WAIT 1, ms p50 | p99 |\n| --- | ---: | ---: | ---: | ---: |",
  );
  for (const name of NAMES) {
    const primary = await startPrimary(name);
    const replica = await follow(primary);
    await untilUp(replica);
    const flags = ["-p", String(primary.port), "-c", "50", "-n", "100000000", "-r", "100000"];
    const load = Bun.spawn(onCore(1, ["redis-benchmark", ...flags, "-t", "set", "-q"]), {
      stdout: "ignore",
      stderr: "ignore",
    });
    const bytes: number[] = [];
    const waitsMs: number[] = [];
    const end = performance.now() + LAG_SECONDS * 1000;
    while (performance.now() < end) {
      const position = Number(await infoValue(primary, "replication", "master_repl_offset"));
      const there = Number(await infoValue(replica, "replication", "slave_repl_offset"));
      bytes.push(Math.max(0, position - there));
      const started = performance.now();
      await primary.call("SET", "lag", "x");
      await primary.call("WAIT", "1", "0");
      waitsMs.push(performance.now() - started);
      await Bun.sleep(5);
    }
    load.kill();
    await load.exited;
    bytes.sort((a, b) => a - b);
    waitsMs.sort((a, b) => a - b);
    console.log(
      `| ${name} | ${percentile(bytes, 0.5)} | ${percentile(bytes, 0.99)} | ${percentile(waitsMs, 0.5).toFixed(2)} | ${percentile(waitsMs, 0.99).toFixed(2)} |`,
    );
    await replica.stop();
    await primary.stop();
  }
}

/** What runs many clients against each other: messages, waiting, transactions, expiry. */
import { join } from "node:path";
import {
  type Contender,
  cpuSeconds,
  median,
  onCore,
  quick,
  rounds,
  rssBytes,
  startBoth,
} from "./contenders.ts";

/** Messages delivered in one measurement. */
const DELIVERIES = quick ? 100_000 : 400_000;
const MESSAGE_BYTES = 64;
const HANDOFFS = quick ? 2000 : 10_000;
const TRANSACTIONS = quick ? 20_000 : 50_000;
const EXPIRING_KEYS = 1_000_000;
const EXPIRY_SECONDS = 20;
const IDLE_CONNECTIONS = 10_000;

type Outcome = Readonly<Record<string, number>>;

function loadCommand(kind: string, server: Contender, ...numbers: number[]): string[] {
  const script = join(import.meta.dir, "load.ts");
  const words = [process.execPath, script, kind, String(server.port), ...numbers.map(String)];
  return onCore(1, ["sh", "-c", 'ulimit -n $(ulimit -Hn); exec "$@"', "sh", ...words]);
}

interface Run {
  readonly outcome: Outcome;
  /** CPU time that the server took, in s. */
  readonly cpu: number;
}

function run(kind: string, server: Contender, ...numbers: number[]): Run {
  const before = cpuSeconds(server.pid);
  const child = Bun.spawnSync(loadCommand(kind, server, ...numbers), { stderr: "inherit" });
  return { outcome: JSON.parse(child.stdout.toString()), cpu: cpuSeconds(server.pid) - before };
}

/** Lets both take turns; the medians of what `value` makes of each run, redis-server first. */
function alternate(
  servers: readonly Contender[],
  once: (server: Contender) => Run,
  ...values: readonly ((run: Run) => number)[]
): number[][] {
  const results = servers.map(() => values.map((): number[] => []));
  for (let round = 0; round <= rounds; round++) {
    for (const [i, server] of servers.entries()) {
      const result = once(server);
      // The first round warms up.
      if (round === 0) continue;
      for (const [v, value] of values.entries()) results[i]![v]!.push(value(result));
    }
  }
  return results.map((lists) => lists.map(median));
}

export async function publish(): Promise<void> {
  const servers = await startBoth();
  console.log(
    "\n| PUBLISH to subscribers | pipeline | redis-server messages/s | StormDB messages/s | ratio | CPU µs a message, redis | StormDB | CPU ratio |",
  );
  console.log("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const subscribers of [1, 100, 1000]) {
    for (const pipeline of [1, 16]) {
      const wanted = DELIVERIES / subscribers / (subscribers === 1 ? 8 / pipeline : 1);
      const messages = Math.max(1, Math.round(wanted / pipeline)) * pipeline;
      const deliveries = messages * subscribers;
      const [a, b] = alternate(
        servers,
        (server) => run("publish", server, subscribers, pipeline, messages, MESSAGE_BYTES),
        ({ outcome }) => deliveries / outcome.seconds!,
        ({ cpu }) => (cpu / deliveries) * 1e6,
      ) as [[number, number], [number, number]];
      console.log(
        `| ${subscribers} | ${pipeline} | ${Math.round(a[0])} | ${Math.round(b[0])} | ${(b[0] / a[0]).toFixed(2)} | ${a[1].toFixed(2)} | ${b[1].toFixed(2)} | ${(a[1] / b[1]).toFixed(2)} |`,
      );
    }
  }
  for (const server of servers) await server.stop();
}

export async function blocking(): Promise<void> {
  const servers = await startBoth();
  const [a, b] = alternate(
    servers,
    (server) => run("blocking", server, HANDOFFS),
    ({ outcome }) => outcome.medianUs!,
    ({ outcome }) => outcome.p99Us!,
  ) as [[number, number], [number, number]];
  console.log("\n| BLPOP, from push to client | redis-server µs | StormDB µs | ratio |");
  console.log("| --- | ---: | ---: | ---: |");
  for (const [i, name] of ["median", "p99"].entries()) {
    console.log(
      `| ${name} | ${a[i]!.toFixed(0)} | ${b[i]!.toFixed(0)} | ${(a[i]! / b[i]!).toFixed(2)} |`,
    );
  }
  for (const server of servers) await server.stop();
}

export async function transactions(): Promise<void> {
  const servers = await startBoth();
  const [a, b] = alternate(
    servers,
    (server) => run("exec", server, 50, TRANSACTIONS, 10),
    ({ outcome }) => TRANSACTIONS / outcome.seconds!,
    ({ cpu }) => (cpu / TRANSACTIONS) * 1e6,
  ) as [[number, number], [number, number]];
  console.log("\n| MULTI, 10 SETs, EXEC | redis-server | StormDB | ratio |");
  console.log("| --- | ---: | ---: | ---: |");
  console.log(
    `| transactions/s | ${Math.round(a[0])} | ${Math.round(b[0])} | ${(b[0] / a[0]).toFixed(2)} |`,
  );
  console.log(
    `| CPU µs each | ${a[1].toFixed(1)} | ${b[1].toFixed(1)} | ${(a[1] / b[1]).toFixed(2)} |`,
  );
  for (const server of servers) await server.stop();
}

export async function expiry(): Promise<void> {
  console.log(
    `\n| ${EXPIRING_KEYS} keys that expire within ${EXPIRY_SECONDS} s: event after its time | p50 ms | p99 ms | worst ms |`,
  );
  console.log("| --- | ---: | ---: | ---: |");
  for (const server of await startBoth("--notify-keyspace-events", "Ex")) {
    const { outcome } = run("expiry", server, EXPIRING_KEYS, EXPIRY_SECONDS);
    const late = outcome.inTime ? "" : " (keys were not all set in time)";
    console.log(`| ${server.name}${late} | ${outcome.p50} | ${outcome.p99} | ${outcome.worst} |`);
    await server.stop();
  }
}

export async function connections(): Promise<void> {
  console.log(
    `\n| connections | bytes each, of ${IDLE_CONNECTIONS} idle | PING p99 ms while 1,000 subscribers get messages |`,
  );
  console.log("| --- | ---: | ---: |");
  for (const server of await startBoth("--maxclients", "20000")) {
    await server.call("PING");
    const before = rssBytes(server.pid);
    const holder = Bun.spawn(loadCommand("idle", server, IDLE_CONNECTIONS), { stdin: "pipe" });
    await holder.stdout.getReader().read();
    const each = (rssBytes(server.pid) - before) / IDLE_CONNECTIONS;
    holder.stdin.end();
    await holder.exited;
    const load = Bun.spawn(loadCommand("publish", server, 1000, 1, 2000, MESSAGE_BYTES), {
      stdout: "ignore",
    });
    const latencies: number[] = [];
    while (load.exitCode === null) {
      const started = performance.now();
      await server.ask("PING");
      latencies.push(performance.now() - started);
      await Bun.sleep(1);
    }
    latencies.sort((x, y) => x - y);
    const p99 = latencies[Math.floor(latencies.length * 0.99)]!;
    console.log(`| ${server.name} | ${each.toFixed(0)} | ${p99.toFixed(2)} |`);
    await server.stop();
  }
}

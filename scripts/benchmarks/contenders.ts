/** The two servers that are measured, and how: pinned to one core, the load to another. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "../../src/client/client.ts";
import type { Reply } from "../../src/protocol/reply-parser.ts";

/** Requests of one measurement, by pipeline: about two seconds' worth. */
const REQUESTS: Readonly<Record<number, number>> = { 1: 100_000, 16: 1_000_000, 64: 2_000_000 };
const SLOW_TESTS: Readonly<Record<string, number>> = { LRANGE_100: 15, MSET: 4 };
const TICKS_PER_SECOND = 100;
/** Below the ports of outgoing connections, which cannot be bound for a minute after their end. */
const FIRST_PORT = 20_000;
const PORTS = 12_000;
export const STORMDB = join(import.meta.dir, "../../stormdb");

export function option(name: string): string | undefined {
  const at = process.argv.indexOf(name);
  return at < 0 ? undefined : process.argv[at + 1];
}

export const quick = process.argv.includes("--quick");
export const rounds = Number(option("--rounds") ?? (quick ? 3 : 5));
const pinned = cpus().length > 1;

export interface Contender {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  readonly ask: (...args: string[]) => Promise<Reply>;
  readonly call: (...args: string[]) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export function onCore(core: number, command: readonly string[]): string[] {
  return pinned ? ["taskset", "-c", String(core), ...command] : [...command];
}

async function start(
  name: string,
  command: readonly string[],
  port: number,
  core: number,
  kept?: string,
): Promise<Contender> {
  const folder = kept ?? mkdtempSync(join(tmpdir(), "stormdb-bench-"));
  const child = Bun.spawn(
    onCore(core, [
      "sh",
      "-c",
      'ulimit -n $(ulimit -Hn); exec "$@"',
      "sh",
      ...command,
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
    ]),
    {
      cwd: folder,
      stdout: "ignore",
      stderr: "ignore",
    },
  );
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

export const SERVERS: Readonly<Record<string, readonly string[]>> = {
  "redis-server": ["redis-server"],
  StormDB: [STORMDB, "server"],
};

/** Starts one of the two with more directives, in `folder` if it is given. */
export function startOne(
  name: string,
  directives: readonly string[],
  folder?: string,
  core = 0,
): Promise<Contender> {
  const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
  const command = [...SERVERS[name]!, "--enable-debug-command", "yes", "--save", "", ...directives];
  return start(name, command, port, core, folder);
}

export async function startBoth(...directives: string[]): Promise<readonly [Contender, Contender]> {
  return Promise.all([startOne("redis-server", directives), startOne("StormDB", directives)]);
}

/** Latencies of PING, one at a time, until `until` says stop; sorted, in ms. */
export async function pingUntil(
  server: Contender,
  until: () => Promise<boolean>,
): Promise<number[]> {
  const latencies: number[] = [];
  for (let i = 0; ; i++) {
    const started = performance.now();
    await server.ask("PING");
    latencies.push(performance.now() - started);
    if (i % 100 === 99 && (await until())) return latencies.sort((a, b) => a - b);
    await Bun.sleep(1);
  }
}

/** The value below which the fraction `p` of the sorted values are. */
export function percentile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]!;
}

/** CPU time of the process so far, in s. */
export function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of the process, in bytes. */
export function rssBytes(pid: number): number {
  return Number(/VmRSS:\s+([0-9]+)/.exec(readFileSync(`/proc/${pid}/status`, "latin1"))![1]) * 1024;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

export interface Measured {
  readonly requestsPerSecond: number;
  readonly cpuUs: number;
}

export function measure(server: Contender, test: string, pipeline: number): Measured {
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

export async function infoValue(
  server: Contender,
  section: string,
  field: string,
): Promise<string> {
  const reply = await server.ask("INFO", section);
  const text = "text" in reply ? reply.text : "";
  return new RegExp(`^${field}:(.*)$`, "m").exec(text)![1]!.trim();
}

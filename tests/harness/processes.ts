/**
 * Servers as processes of their own: the compiled binary, and the real redis-server as oracle.
 * Each listens on a free port of loopback, in a temporary folder, and ends with its test:
 *
 *     await using storm = await startStormdb();
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { RawClient } from "./raw-client.ts";

export const BINARY = resolve(import.meta.dir, "../../stormdb");
export const REDIS_SERVER = Bun.which("redis-server");
export const REDIS_CLI = Bun.which("redis-cli");
export const REDIS_BENCHMARK = Bun.which("redis-benchmark");

const READY_TRIES = 500;
const UNTIL_TRIES = 2000;

export interface RunningServer extends AsyncDisposable {
  readonly port: number;
  readonly pid: number;
  readonly folder: string;
  /** A connection that speaks raw RESP; closed with the server. */
  connect(): Promise<RawClient>;
  /** Standard output and error so far. */
  output(): string;
  readonly exited: Promise<number>;
}

/**
 * Ports that the system gives to no outgoing connection: one of those could take the port before
 * the server has it, or be connected to itself.
 */
const FIRST_PORT = 10_000;
const LAST_PORT = 32_000;
/** Test processes that run side by side have a slot each, and so ports that no other takes. */
const SLOT = Number(process.env.TEST_SLOT ?? 0);
const PORTS = Math.floor((LAST_PORT - FIRST_PORT) / Number(process.env.TEST_SLOTS ?? 1));
let portIndex = Math.floor(Math.random() * PORTS);

/** A port that nothing listens on now; no second call in this process gets the same. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + SLOT * PORTS + (portIndex++ % PORTS);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const probe = createServer();
    probe.on("error", () => done(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => done(true)));
  });
}

/** Whether it is this process that listens on the port, as far as the system tells. */
function listens(pid: number, port: number): boolean {
  if (process.platform !== "linux") return true;
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const listening = ["/proc/net/tcp", "/proc/net/tcp6"]
    .filter(existsSync)
    .flatMap((path) => readFileSync(path, "latin1").split("\n"))
    .map((line) => line.trim().split(/ +/))
    .filter(([, local, , state]) => local?.endsWith(wanted) && state === "0A")
    .map((fields) => `socket:[${fields[9]}]`);
  try {
    return readdirSync(`/proc/${pid}/fd`).some((name) => {
      try {
        return listening.includes(readlinkSync(`/proc/${pid}/fd/${name}`));
      } catch {
        // Closed meanwhile.
        return false;
      }
    });
  } catch {
    // The process has ended.
    return false;
  }
}

/** Of servers that have not been disposed of: tests that are filtered out or time out leave them. */
const running = new Map<Bun.Subprocess, string>();

process.on("exit", () => {
  for (const [child, folder] of running) {
    child.kill("SIGKILL");
    if (folder !== "") rmSync(folder, { recursive: true, force: true });
  }
});

/** `keepsFolder`: the folder outlives the server, for another one to start on it. */
export async function start(
  command: readonly string[],
  port: number,
  folder: string,
  keepsFolder = false,
): Promise<RunningServer> {
  const child = Bun.spawn([...command], { cwd: folder, stdout: "pipe", stderr: "pipe" });
  running.set(child, keepsFolder ? "" : folder);
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    const decoder = new TextDecoder("latin1");
    for await (const chunk of stream) output += decoder.decode(chunk);
  };
  const collected = Promise.all([collect(child.stdout), collect(child.stderr)]);
  const clients: RawClient[] = [];
  let ready = false;
  for (let i = 0; i < READY_TRIES && !ready; i++) {
    if (child.exitCode !== null) {
      await collected;
      throw new Error(`${command[0]} ended with code ${child.exitCode}:\n${output}`);
    }
    try {
      (await RawClient.connect(port)).close();
      // Else another server has the port, and this one is about to end.
      ready = listens(child.pid, port);
    } catch {
      // Not yet.
    }
    if (!ready) await Bun.sleep(10);
  }
  if (!ready) throw new Error(`${command[0]} did not answer on port ${port}:\n${output}`);
  return {
    port,
    pid: child.pid,
    folder,
    exited: child.exited,
    output: () => output,
    connect: async () => {
      const client = await RawClient.connect(port);
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close();
      child.kill("SIGKILL");
      await child.exited;
      await collected;
      running.delete(child);
      if (!keepsFolder) rmSync(folder, { recursive: true, force: true });
    },
  };
}

function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "stormdb-test-"));
}

/** A folder for servers that are started on it one after the other; gone with its test. */
export class DataFolder implements Disposable {
  readonly path = temporaryFolder();

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

function stormdbCommand(port: number, args: readonly string[]): string[] {
  const usual = ["--port", String(port), "--bind", "127.0.0.1", "--save", ""];
  return [BINARY, "server", ...usual, "--enable-debug-command", "yes", ...args];
}

/** Starts the compiled binary on the folder and waits until it has loaded what is there. */
export async function startStormdbOn(
  folder: DataFolder,
  ...args: string[]
): Promise<RunningServer> {
  const port = await freePort();
  const storm = await start(stormdbCommand(port, args), port, folder.path, true);
  await loaded(storm);
  return storm;
}

/** The same, but does not wait for anything. */
export async function spawnStormdbOn(
  folder: DataFolder,
  ...args: string[]
): Promise<Bun.Subprocess> {
  return Bun.spawn(stormdbCommand(await freePort(), args), {
    cwd: folder.path,
    stdout: "ignore",
    stderr: "ignore",
  });
}

/** Starts the real redis-server on the folder and waits until it has loaded what is there. */
export async function startRedisOn(folder: DataFolder, ...args: string[]): Promise<RunningServer> {
  const port = await freePort();
  const redis = await start(redisCommand(port, args), port, folder.path, true);
  await loaded(redis);
  return redis;
}

async function loaded(server: RunningServer): Promise<void> {
  const client = await server.connect();
  await until("the data is loaded", async () => {
    // The server says why when it cannot load what is there.
    const reply = await client.call("PING").catch(() => {
      throw new Error(`the server ended while it was loading:\n${server.output()}`);
    });
    return !reply.startsWith("-LOADING");
  });
  client.close();
}

/** Starts the compiled binary; `args` are directives such as "--maxclients", "10". */
export async function startStormdb(...args: string[]): Promise<RunningServer> {
  if (!existsSync(BINARY)) throw new Error("build the binary first: scripts/build");
  const port = await freePort();
  return start(stormdbCommand(port, args), port, temporaryFolder());
}

/** The same with a config file; `args` go before what it says. */
export async function startStormdbWith(file: string, ...args: string[]): Promise<RunningServer> {
  const port = await freePort();
  const usual = ["--port", String(port), "--bind", "127.0.0.1"];
  return start([BINARY, "server", file, ...usual, ...args], port, temporaryFolder());
}

/** Runs the binary until it ends by itself. */
export async function runStormdb(
  args: readonly string[],
  folder = ".",
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const child = Bun.spawn([BINARY, ...args], {
    cwd: folder,
    stdout: "pipe",
    stderr: "pipe",
    // A server that starts where it should have refused must not hang the test.
    timeout: 20000,
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

/** Waits until the condition holds; fails, naming it, where it never does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  tries = UNTIL_TRIES,
): Promise<void> {
  for (let i = 0; i < tries; i++) {
    if (await condition()) return;
    await Bun.sleep(10);
  }
  throw new Error(`timed out waiting for: ${what}`);
}

function redisCommand(port: number, args: readonly string[]): string[] {
  if (REDIS_SERVER === null) throw new Error("redis-server is not installed");
  const usual = ["--port", String(port), "--bind", "127.0.0.1", "--save", ""];
  return [
    REDIS_SERVER,
    ...usual,
    "--enable-debug-command",
    "yes",
    "--loglevel",
    "warning",
    ...args,
  ];
}

/** Starts the real redis-server, without persistence. */
export async function startRedis(...args: string[]): Promise<RunningServer> {
  const port = await freePort();
  return start(redisCommand(port, args), port, temporaryFolder());
}

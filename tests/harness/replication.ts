/**
 * Servers that follow each other, StormDB's and the real redis-server in any mixture, with a load
 * of random writes, and a proxy that cuts the connection between them.
 */

import { expect } from "bun:test";
import { connect, createServer, type Server, type Socket } from "node:net";
import { Random } from "../../src/base/random.ts";
import { type Command, type LoadOptions, pipeline, randomCommand } from "../persistence/load.ts";
import {
  type DataFolder,
  REDIS_SERVER,
  type RunningServer,
  startRedis,
  startRedisOn,
  startStormdb,
  startStormdbOn,
  until,
} from "./processes.ts";
import type { RawClient } from "./raw-client.ts";

export type Kind = "StormDB" | "redis-server";

/** Primary and replica; without redis-server there are fewer. */
export const PAIRS: readonly (readonly [Kind, Kind])[] = [
  ["StormDB", "StormDB"],
  ...(REDIS_SERVER === null
    ? []
    : ([
        ["StormDB", "redis-server"],
        ["redis-server", "StormDB"],
      ] as const)),
];

export const SEED = Number(process.env.SEED ?? 1);

const USUAL = ["--repl-diskless-sync-delay", "0"];
/** At its usual 10 a redis-server looks only every 100 ms whether somebody has waited long enough. */
const OFTEN = ["--hz", "200"];

/** A server with a connection of the test's own. */
export class Node implements AsyncDisposable {
  readonly kind: Kind;
  readonly server: RunningServer;
  readonly client: RawClient;

  private constructor(kind: Kind, server: RunningServer, client: RawClient) {
    this.kind = kind;
    this.server = server;
    this.client = client;
  }

  static async start(kind: Kind, ...args: string[]): Promise<Node> {
    const server =
      kind === "StormDB"
        ? await startStormdb(...USUAL, ...args)
        : await startRedis(...USUAL, ...OFTEN, ...args);
    return new Node(kind, server, await server.connect());
  }

  /** The same on a folder that outlives the server. */
  static async startOn(folder: DataFolder, kind: Kind, ...args: string[]): Promise<Node> {
    const server =
      kind === "StormDB"
        ? await startStormdbOn(folder, ...USUAL, ...args)
        : await startRedisOn(folder, ...USUAL, ...OFTEN, ...args);
    return new Node(kind, server, await server.connect());
  }

  get port(): number {
    return this.server.port;
  }

  call(...words: string[]): Promise<string> {
    return this.client.call(...words);
  }

  /** The fields of one INFO, of all sections. */
  async info(): Promise<Record<string, string>> {
    const text = await this.call("INFO", "everything");
    const fields = text.matchAll(/^([a-z0-9_]+):(.*)\r$/gm);
    return Object.fromEntries(Array.from(fields, ([, name, value]) => [name!, value!]));
  }

  async digest(): Promise<string> {
    return (await this.call("DEBUG", "DIGEST")).trim();
  }

  async follow(primary: { readonly port: number }): Promise<string> {
    for (;;) {
      const reply = await this.call("REPLICAOF", "127.0.0.1", String(primary.port));
      // It is loading the data of another primary.
      if (!reply.startsWith("-LOADING")) return reply;
    }
  }

  /** Whether StormDB's structures are whole. */
  async check(): Promise<void> {
    if (this.kind === "StormDB") expect(await this.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  }

  async kill(): Promise<void> {
    process.kill(this.server.pid, "SIGKILL");
    await this.server.exited;
  }

  async shutdown(...words: string[]): Promise<void> {
    this.client.write(`SHUTDOWN ${words.join(" ")}\r\n`);
    await this.server.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
  }
}

/** The arguments that make a server a replica from its start. */
export function following(primary: { readonly port: number }): string[] {
  return ["--replicaof", "127.0.0.1", String(primary.port)];
}

export async function untilUp(replica: Node): Promise<void> {
  await until("the link to the primary is up", async () => {
    return (await replica.info()).master_link_status === "up";
  });
}

/** Waits until the replica is where its primary is, and expects it to hold the same data. */
export async function untilSame(primary: Node, ...replicas: readonly Node[]): Promise<void> {
  for (const replica of replicas) {
    let seen: unknown;
    try {
      await until("primary and replica are at one place", async () => {
        const [ours, theirs] = [await primary.info(), await replica.info()];
        // A digest holds a server up for long: not before there is a point in it.
        const isThere = ours.master_repl_offset === theirs.master_repl_offset;
        seen = {
          link: theirs.master_link_status,
          positions: [ours.master_repl_offset, theirs.master_repl_offset],
          ids: [ours.master_replid, theirs.master_replid],
          digests: isThere ? [await primary.digest(), await replica.digest()] : ["", "not yet"],
        };
        const { digests, ids, link, positions } = seen as Record<string, string[]>;
        const isSame = [digests, ids, positions].every((pair) => pair![0] === pair![1]);
        return isSame && String(link) === "up";
      });
    } catch (error) {
      const logs = `${primary.server.output().slice(-3000)}\n-- replica:\n${replica.server.output().slice(-3000)}`;
      throw new Error(
        `SEED=${SEED}: ${(error as Error).message}: ${JSON.stringify(seen)}\n${logs}`,
      );
    }
    await replica.check();
  }
  await primary.check();
}

// ── Load ─────────────────────────────────────────────────────────────────────────────────────

export const LOAD: LoadOptions = { keys: 200, shortMs: 60, far: true, flushEvery: 700 };

/** One to some commands that belong together: most are single, some a transaction. */
export function randomStep(random: Random, options: LoadOptions = LOAD): Command[] {
  const one = () => randomCommand(random, options);
  const list = () => `l${random.below(12)}`;
  switch (random.below(24)) {
    case 0:
      return [["MULTI"], ...Array.from({ length: random.below(6) }, one), ["EXEC"]];
    case 1:
      // Whoever finds nothing waits a moment.
      return [["BLMOVE", list(), list(), "LEFT", "RIGHT", "0.001"]];
    case 2:
      return [["BLPOP", list(), list(), "0.001"]];
    case 3:
      return [["PUBLISH", "channel", random.hex(8)]];
    case 4:
      return [["RESTORE", `s${random.below(200)}`, "0", DUMPED, "REPLACE"]];
    case 5:
      return [["MULTI"], ["PUBLISH", "channel", "x"], ["INCR", "counter"], ["EXEC"]];
    case 6:
      return [["INCR", "counter"]];
    default:
      return [one()];
  }
}

/** DUMP of "123" in the format of 7.0. */
const DUMPED = "\x00\xc0{\n\x00H\xe2S\xe1\x00zg\xb9";

/** A connection that writes until it is told to stop. */
export class Writer {
  #stopped = false;
  readonly #done: Promise<void>;
  written = 0;

  constructor(client: RawClient, random: Random, options: LoadOptions = LOAD) {
    this.#done = this.#run(client, random, options);
  }

  async #run(client: RawClient, random: Random, options: LoadOptions): Promise<void> {
    while (!this.#stopped) {
      const steps = Array.from({ length: 20 }, () => randomStep(random, options)).flat();
      await pipeline(client, steps);
      this.written += steps.length;
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  /** Waits until so many more commands have been written. */
  async further(count: number): Promise<void> {
    const aim = this.written + count;
    await until("more has been written", () => this.written >= aim);
  }
}

export async function writerTo(node: Node, random = new Random(SEED), options = LOAD) {
  return new Writer(await node.server.connect(), random, options);
}

export async function write(node: Node, count: number, random = new Random(SEED), options = LOAD) {
  for (let left = count; left > 0; left -= 200) {
    const steps = Array.from({ length: Math.min(left, 200) }, () => randomStep(random, options));
    await pipeline(node.client, steps.flat());
  }
  await node.call("SELECT", "0");
}

// ── Connections that break ───────────────────────────────────────────────────────────────────

/** Passes connections on to a server, and cuts each after a number of bytes in either direction. */
export class CutProxy implements Disposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  /** How many bytes the next connection may carry; Infinity for a whole one. */
  #bytesFor: () => number;
  cuts = 0;
  connections = 0;

  private constructor(target: number, bytesFor: () => number) {
    this.#bytesFor = bytesFor;
    this.#server = createServer((near) => {
      this.connections++;
      let left = this.#bytesFor();
      const far = connect(target, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#open.add(from);
        from.setNoDelay(true);
        from.on("error", () => {});
        from.on("close", () => {
          this.#open.delete(from);
          to.destroy();
        });
        from.on("data", (chunk: Buffer) => {
          if (chunk.length < left) {
            left -= chunk.length;
            if (!to.write(chunk)) {
              from.pause();
              to.once("drain", () => from.resume());
            }
            return;
          }
          if (left > 0) this.cuts++;
          // What is allowed still arrives; then both ends see the end.
          to.end(chunk.subarray(0, left), () => from.destroy());
          left = 0;
        });
      }
    });
  }

  static async to(target: number, bytesFor: () => number): Promise<CutProxy> {
    const proxy = new CutProxy(target, bytesFor);
    await new Promise<void>((done) => proxy.#server.listen(0, "127.0.0.1", done));
    return proxy;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Cuts all connections now. */
  cutAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  /** From now on connections live. */
  stopCutting(): void {
    this.#bytesFor = () => Number.POSITIVE_INFINITY;
    this.cutAll();
  }

  [Symbol.dispose](): void {
    this.cutAll();
    this.#server.close();
  }
}

/** A server of the test's own that plays a primary or whatever else. */
export class FakeServer implements Disposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  connections = 0;

  private constructor(onConnection: (socket: Socket, index: number) => void) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
      onConnection(socket, this.connections++);
    });
  }

  static async listen(onConnection: (socket: Socket, index: number) => void): Promise<FakeServer> {
    const fake = new FakeServer(onConnection);
    await new Promise<void>((done) => fake.#server.listen(0, "127.0.0.1", done));
    return fake;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

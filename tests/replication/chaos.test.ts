/**
 * Everything at once: a primary and two replicas, StormDB's and redis-servers in a mixture, under
 * writes of all kinds, while links are cut, servers stand still, are killed and come back, save and
 * rewrite, follow each other in another order and hand over. Then all is quiet, and all hold the
 * same; what was acknowledged is there, exactly once, and transactions are whole.
 *
 *     SEED=7 bun test tests/replication/chaos     repeats a run as far as chance goes
 *     SOAK=1 bun test tests/replication/chaos     many more rounds; ROUNDS=500 for as many
 */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { DataFolder, REDIS_SERVER, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { type Kind, LOAD, Node, randomStep, untilSame } from "../harness/replication.ts";
import { type Command, DATABASES, pipeline, untilIdle } from "../persistence/load.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const ROUNDS = Number(process.env.ROUNDS ?? (process.env.SOAK === undefined ? 1 : 30));
const EVENTS = 12;
const PAUSE_MS_MAX = 40;
const EXACT_WRITERS = 3;
const RANDOM_WRITERS = 2;
/** A database that the random writers leave alone. */
const EXACT_DATABASE = "9";
const BIG_BYTES_MAX = 1_000_000;
const ARGS = [
  ...["--appendonly", "yes", "--appendfsync", "always"],
  ...["--auto-aof-rewrite-percentage", "0", "--repl-backlog-size", "2mb"],
];

const S = "StormDB";
const R = "redis-server";
const MIXTURES: readonly (readonly Kind[])[] =
  REDIS_SERVER === null
    ? [[S, S, S]]
    : [
        [S, S, R],
        [R, S, S],
        [S, R, R],
      ];

/** A server that is killed now and then, and its place among the others. */
class Member implements AsyncDisposable {
  readonly kind: Kind;
  readonly #folder = new DataFolder();
  node!: Node;

  constructor(kind: Kind) {
    this.kind = kind;
  }

  async start(): Promise<void> {
    this.node = await Node.startOn(this.#folder, this.kind, ...ARGS);
  }

  async restart(hard: boolean): Promise<void> {
    if (hard) await this.node.kill();
    else await this.node.shutdown("NOSAVE", "NOW", "FORCE");
    await this.node[Symbol.asyncDispose]();
    await this.start();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    this.#folder[Symbol.dispose]();
  }
}

class Cluster implements AsyncDisposable {
  readonly members: readonly Member[];
  primary: Member;
  /** What has happened since all was quiet: a failure tells it. */
  readonly events: string[] = [];

  private constructor(members: readonly Member[]) {
    this.members = members;
    this.primary = members[0]!;
  }

  static async start(kinds: readonly Kind[]): Promise<Cluster> {
    const cluster = new Cluster(kinds.map((kind) => new Member(kind)));
    await Promise.all(cluster.members.map((member) => member.start()));
    await cluster.straighten();
    return cluster;
  }

  get replicas(): Member[] {
    return this.members.filter((member) => member !== this.primary);
  }

  /** All others follow the primary. */
  async straighten(): Promise<void> {
    for (const { node } of this.replicas) {
      let reply = "";
      await until("it does not load any more", async () => {
        reply = await node.follow(this.primary.node);
        return !reply.startsWith("-LOADING");
      });
      expect(reply).toMatch(/^\+OK/);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member[Symbol.asyncDispose]();
  }
}

// ── What happens ─────────────────────────────────────────────────────────────────────────────

const words = (text: string): string[] => text.split(" ");

/** A command that may be refused, as while the server loads. */
async function ask(member: Member, text: string): Promise<string> {
  return member.node.call(...words(text));
}

/** All data that the server has is also in its files. */
async function untilSafe(member: Member): Promise<void> {
  await until("it has loaded", async () => {
    return !(await ask(member, "PING")).startsWith("-LOADING");
  });
  await untilIdle(member.node.client);
}

/** The primary hands over to a replica; where that does not come about, it stays what it is. */
async function handOver(cluster: Cluster, to: Member): Promise<string> {
  const from = cluster.primary;
  const reply = await ask(from, `FAILOVER TO 127.0.0.1 ${to.node.port} TIMEOUT 500`);
  if (!reply.startsWith("+")) return reply.trim();
  await until("the failover has ended", async () => {
    return (await from.node.info()).master_failover_state === "no-failover";
  });
  if ((await from.node.info()).role === "master") return "given up";
  await until("the other is the primary", async () => (await to.node.info()).role === "master");
  cluster.primary = to;
  await untilSafe(to);
  await cluster.straighten();
  return "done";
}

/** One thing that may happen, and what is to be said of it. */
async function happen(cluster: Cluster, random: Random): Promise<string> {
  const any = cluster.members[random.below(cluster.members.length)]!;
  const replica = cluster.replicas[random.below(cluster.replicas.length)]!;
  const name = `${any.kind} ${cluster.members.indexOf(any)}`;
  const replicaName = `${replica.kind} ${cluster.members.indexOf(replica)}`;
  const setting = async (text: string) => {
    await ask(any, `CONFIG SET ${text}`);
    return `${name}: ${text}`;
  };
  switch (random.below(18)) {
    case 0:
    case 1:
      await ask(any, "CLIENT KILL TYPE replica");
      return `${name}: its replicas are cut off`;
    case 2:
      await ask(replica, "CLIENT KILL TYPE master");
      return `${replicaName}: its primary is cut off`;
    case 3: {
      const seconds = (random.below(60) + 1) / 1000;
      // Nobody waits for it.
      any.node.call("DEBUG", "SLEEP", String(seconds)).catch(() => {});
      return `${name}: stands still for ${seconds} s`;
    }
    case 4:
    case 5: {
      const hard = random.below(3) > 0;
      await replica.restart(hard);
      await replica.node.follow(cluster.primary.node);
      return `${replicaName}: is ${hard ? "killed" : "shut down"} and comes back`;
    }
    case 6: {
      const { primary } = cluster;
      const hard = random.below(3) > 0;
      await untilSafe(primary);
      await primary.restart(hard);
      await cluster.straighten();
      return `the primary is ${hard ? "killed" : "shut down"} and comes back`;
    }
    case 7: {
      const [a, b] = cluster.replicas;
      await a!.node.follow(cluster.primary.node);
      await b!.node.follow(a!.node);
      return "the replicas are a chain";
    }
    case 8:
      await cluster.straighten();
      return "the replicas follow the primary";
    case 9:
      await replica.node.follow(cluster.primary.node);
      return `${replicaName}: follows the primary`;
    case 10:
      return `handing over to ${replicaName}: ${await handOver(cluster, replica)}`;
    case 11:
    case 12:
      return `${name}: BGREWRITEAOF ${(await ask(any, "BGREWRITEAOF")).trim()}`;
    case 13:
    case 14:
      return `${name}: BGSAVE ${(await ask(any, "BGSAVE")).trim()}`;
    case 15:
      return setting(`repl-diskless-load ${random.below(2) === 0 ? "disabled" : "swapdb"}`);
    case 16:
      return setting(`repl-diskless-sync ${random.below(2) === 0 ? "yes" : "no"}`);
    default: {
      const on = random.below(2) === 0;
      await ask(replica, `CONFIG SET appendonly ${on ? "yes" : "no"}`);
      if (!on) await ask(replica, "CONFIG SET appendonly yes");
      return `${replicaName}: appendonly ${on ? "yes" : "no, yes"}`;
    }
  }
}

// ── Writers ──────────────────────────────────────────────────────────────────────────────────

/** Writes until it is told to stop, to whoever is the primary. */
abstract class Writer {
  readonly #cluster: Cluster;
  #stopped = false;
  #done: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  protected abstract write(client: RawClient): Promise<void>;

  start(): void {
    this.#stopped = false;
    this.#done = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        const client = await this.#cluster.primary.node.server.connect();
        try {
          while (!this.#stopped) await this.write(client);
        } finally {
          client.close();
        }
      } catch (error) {
        if (!isLoss(error as Error)) throw error;
      }
      await Bun.sleep(2);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }
}

class Refused extends Error {}

function isLoss(error: Error): boolean {
  return error instanceof Refused || /connection was closed|ECONN/.test(error.message);
}

/** Writes anything; nobody knows what is there in the end. */
class RandomWriter extends Writer {
  readonly #random: Random;

  constructor(cluster: Cluster, random: Random) {
    super(cluster);
    this.#random = random;
  }

  #step(): Command[] {
    const random = this.#random;
    if (random.below(60) === 0) {
      const value = "big".repeat(random.below(BIG_BYTES_MAX / 3));
      return [[random.below(2) === 0 ? "SET" : "RPUSH", `big${random.below(4)}`, value]];
    }
    const steps = randomStep(random, { ...LOAD, flushEvery: 300 });
    // It would take the exact writers' data, too.
    return steps.map((step) => (step[0] === "FLUSHALL" ? ["FLUSHDB"] : step));
  }

  protected async write(client: RawClient): Promise<void> {
    const steps = Array.from({ length: 1 + this.#random.below(20) }, () => this.#step());
    const replies = await pipeline(client, steps.flat());
    if (replies.some((reply) => reply.startsWith("-READONLY"))) throw new Refused();
  }
}

/** Counts in transactions, and knows between what the count has to be. */
class ExactWriter extends Writer {
  readonly #id: number;
  #acknowledged = 0;
  #sent = 0;

  constructor(cluster: Cluster, id: number) {
    super(cluster);
    this.#id = id;
  }

  protected async write(client: RawClient): Promise<void> {
    const id = this.#id;
    const commands = [
      ["SELECT", EXACT_DATABASE],
      ["MULTI"],
      ["INCR", `count${id}`],
      ["RPUSH", `list${id}`, String(id)],
      ["APPEND", `text${id}`, "x"],
      ["EXEC"],
    ];
    this.#sent++;
    client.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
    let reply = "";
    for (const _ of commands) reply = await client.read();
    if (reply.startsWith("-")) throw new Refused();
    if (!/^\*3\r\n:\d+\r\n:\d+\r\n:\d+\r\n$/.test(reply)) throw new Error(`EXEC replied ${reply}`);
    this.#acknowledged++;
  }

  async compare(node: Node): Promise<string> {
    const number = async (...command: string[]) => {
      const reply = await node.call(...command);
      return Number(/(\d+)\r\n$/.exec(reply.replace("$-1", ":0"))?.[1] ?? reply);
    };
    await node.call("SELECT", EXACT_DATABASE);
    const counts = [
      await number("GET", `count${this.#id}`),
      await number("LLEN", `list${this.#id}`),
      await number("STRLEN", `text${this.#id}`),
    ];
    await node.call("SELECT", "0");
    const seen = `${counts.join(", ")}, of ${this.#sent} sent ${this.#acknowledged} acknowledged`;
    if (new Set(counts).size > 1) return `writer ${this.#id}: half a transaction: ${seen}`;
    const [count] = counts as [number];
    if (count < this.#acknowledged) return `writer ${this.#id}: writes are lost: ${seen}`;
    if (count > this.#sent) return `writer ${this.#id}: writes have been repeated: ${seen}`;
    this.#acknowledged = count;
    this.#sent = count;
    return "";
  }

  get total(): number {
    return this.#acknowledged;
  }
}

// ── Comparing ────────────────────────────────────────────────────────────────────────────────

/** When each key expires, which is no part of a digest. */
async function expiries(node: Node): Promise<Record<string, string>> {
  const all: Record<string, string> = {};
  const soon = Date.now() + 60_000;
  for (let index = 0; index < DATABASES; index++) {
    await node.call("SELECT", String(index));
    const keys = (await node.call("KEYS", "*")).split("\r\n").filter((_, i) => i % 2 === 0);
    const times = await pipeline(
      node.client,
      keys.slice(1).map((key) => ["PEXPIRETIME", key]),
    );
    for (const [i, time] of times.entries()) {
      const atMs = Number(time.slice(1));
      // What lives shortly may expire while it is asked for.
      if (atMs < 0 || atMs > soon) all[`${index} ${keys[i + 1]}`] = time.trim();
    }
  }
  await node.call("SELECT", "0");
  return all;
}

async function compare(cluster: Cluster, writers: readonly ExactWriter[]): Promise<void> {
  await cluster.straighten();
  const [a, b, c] = [cluster.primary, ...cluster.replicas].map(({ node }) => node);
  await untilSame(a!, b!, c!);
  const wrong: string[] = [];
  for (const writer of writers) wrong.push(await writer.compare(a!));
  expect(wrong.filter((text) => text !== "")).toEqual([]);
  const own = await expiries(a!);
  expect(await expiries(b!)).toEqual(own);
  expect(await expiries(c!)).toEqual(own);
}

/** Waits until each writer has had one more transaction acknowledged. */
async function allWrite(writers: readonly ExactWriter[]): Promise<void> {
  const before = writers.map(({ total }) => total);
  await until("every writer has a transaction acknowledged", () =>
    writers.every(({ total }, i) => total > before[i]!),
  );
}

describe.each(MIXTURES)(`%s, %s and %s, SEED=${SEED}`, (...kinds) => {
  test(
    "whatever happens, all hold the same in the end",
    async () => {
      const random = new Random(SEED);
      await using cluster = await Cluster.start(kinds);
      const exact = Array.from({ length: EXACT_WRITERS }, (_, i) => new ExactWriter(cluster, i));
      const others = Array.from(
        { length: RANDOM_WRITERS },
        () => new RandomWriter(cluster, new Random(random.int32())),
      );
      for (let round = 0; round < ROUNDS; round++) {
        cluster.events.length = 0;
        try {
          for (const writer of [...exact, ...others]) writer.start();
          await allWrite(exact);
          for (let i = 0; i < EVENTS; i++) {
            // Lets the events fall at any point of what the servers do; nothing depends on it.
            await Bun.sleep(random.below(PAUSE_MS_MAX));
            cluster.events.push(await happen(cluster, random));
          }
          await allWrite(exact);
          for (const writer of [...exact, ...others]) await writer.stop();
          await compare(cluster, exact);
        } catch (error) {
          const message = (error as Error).stack ?? String(error);
          throw new Error(
            `SEED=${SEED}, round ${round}:\n${cluster.events.join("\n")}\n${message}`,
          );
        }
      }
      for (const { total } of exact) {
        expect(total, "acknowledged transactions").toBeGreaterThanOrEqual(2 * ROUNDS);
      }
    },
    60_000 + ROUNDS * 30_000,
  );
});

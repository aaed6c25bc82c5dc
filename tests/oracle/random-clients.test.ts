/**
 * Random calls of several clients, the same to redis-server and to StormDB, one step after the
 * other: pops that wait, pushes, transactions, and clients that are unblocked or leave. A step is
 * over when no reply is on its way: exactly the clients that INFO counts as blocked owe one.
 *
 *     SEED=7 STEPS=5000 bun test tests/oracle/random-clients      another run
 *     SEED=1 SEEDS=100 bun test tests/oracle/random-clients       many of them
 *
 * Redis 7.2 runs the call of a client that waited again, and so serves it the first of its keys
 * that has something; 7.0 serves it the key that appeared. Therefore those keys that are waited
 * for together never appear together: only single commands push to them.
 */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { describePair, shown } from "../harness/oracle.ts";
import type { RunningServer } from "../harness/processes.ts";
import { encodeCommand, RawClient } from "../harness/raw-client.ts";

type Words = readonly string[];

/** Keys that are waited for one by one; transactions and moves push to them. */
const SINGLE = ["a", "b"];
/** Keys that are waited for together. */
const TOGETHER = ["p", "q", "r"];
const KEYS = [...SINGLE, ...TOGETHER];
const CLIENTS = 6;
const STEP_MS_MAX = 20_000;
const SHOWN_BEFORE = 12;

/** What a client sends in one write; "{3}" stands for the id of client 3. */
interface Step {
  readonly client: number;
  readonly calls: readonly Words[];
  /** It leaves instead, and comes back as another. */
  readonly leaves: boolean;
}

class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  below(limit: number): number {
    return this.#random.below(limit);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  some<T>(items: readonly T[], most: number): T[] {
    return Array.from({ length: 1 + this.below(most) }, () => this.pick(items));
  }

  values(): string[] {
    return this.some(
      ["1", "2", "3", "x", "yy", "\0\xff", "z".repeat(300)],
      this.chance(70) ? 1 : 4,
    );
  }

  end(): string {
    return this.pick(["LEFT", "RIGHT"]);
  }

  push(keys: readonly string[]): Words {
    return [this.pick(["LPUSH", "RPUSH", "RPUSH"]), this.pick(keys), ...this.values()];
  }

  pop(keys: readonly string[]): Words {
    if (this.chance(70)) return [this.pick(["LPOP", "RPOP"]), this.pick(keys)];
    return ["LMPOP", "1", this.pick(keys), this.end(), "COUNT", "3"];
  }

  /** A pop or move that waits; not where it finds something. */
  waiting(): Words {
    const keys = this.chance(50) ? [this.pick(SINGLE)] : this.some(TOGETHER, 3);
    const from = this.pick(KEYS);
    // A move to the keys that are waited for together could let two of them appear.
    const to = this.chance(80) ? this.pick(SINGLE) : from;
    switch (this.below(5)) {
      case 0:
        return ["BRPOP", ...keys, "0"];
      case 1:
        return ["BLMOVE", from, to, this.end(), this.end(), "0"];
      case 2:
        return ["BRPOPLPUSH", from, to, "0"];
      case 3: {
        const count = this.chance(50) ? ["COUNT", String(1 + this.below(4))] : [];
        return ["BLMPOP", "0", String(keys.length), ...keys, this.end(), ...count];
      }
      default:
        return ["BLPOP", ...keys, "0"];
    }
  }

  /** Any other call, on these keys. */
  other(keys: readonly string[]): Words {
    const [key, another] = [this.pick(keys), this.pick(keys)];
    return this.pick<Words>([
      ["DEL", key],
      ["RENAME", key, another],
      ["RENAMENX", key, another],
      ["COPY", key, another, "REPLACE"],
      ["LRANGE", key, "0", "-1"],
      ["LTRIM", key, "1", "-1"],
      ["LREM", key, "0", "x"],
      ["LMOVE", key, key, "LEFT", "RIGHT"],
      ["EXISTS", ...keys],
      ["PING"],
    ]);
  }

  transaction(): Words[] {
    const calls = Array.from({ length: this.below(6) }, () => {
      if (this.chance(50)) return this.push(SINGLE);
      if (this.chance(20)) return ["SET", this.pick(SINGLE), "text"];
      if (this.chance(20)) return ["LMOVE", ...SINGLE, this.end(), this.end()];
      if (this.chance(20)) return ["BLPOP", this.pick(SINGLE), "0"];
      return this.chance(50) ? this.pop(KEYS) : this.other(SINGLE);
    });
    const last = this.chance(90) ? "EXEC" : "DISCARD";
    return [["MULTI"], ...calls, [last]];
  }

  calls(): Words[] {
    const kind = this.below(100);
    if (kind < 34) return [this.waiting()];
    if (kind < 40) return [this.waiting(), ...this.calls()];
    if (kind < 66) return [this.push(KEYS)];
    if (kind < 70) return [this.push(SINGLE), this.pop(SINGLE), this.push(KEYS)];
    if (kind < 72) return [this.pop(KEYS)];
    if (kind < 76) return [["DEL", ...(this.chance(30) ? KEYS : this.some(KEYS, 3))]];
    if (kind < 80) return [this.other(this.chance(50) ? SINGLE : TOGETHER)];
    if (kind < 81) return [["SET", this.pick(SINGLE), "text"]];
    if (kind < 86) return [[this.pick(["WATCH", "UNWATCH"]), ...(this.chance(80) ? ["a"] : [])]];
    if (kind < 93) return this.transaction();
    const reason = this.pick([[], ["TIMEOUT"], ["ERROR"]]);
    return [["CLIENT", "UNBLOCK", `{${this.below(CLIENTS)}}`, ...reason]];
  }
}

/** The clients of one server. */
class Clients {
  readonly #server: RunningServer;
  readonly #control: RawClient;
  readonly #clients: RawClient[] = [];
  readonly #ids: string[] = [];
  /** Calls whose replies have not come, by client. */
  readonly owed: number[] = [];
  /** Replies since the last step, by client. */
  readonly #replies: string[][] = [];
  readonly #protocol: string;

  private constructor(server: RunningServer, control: RawClient, protocol: string) {
    this.#server = server;
    this.#control = control;
    this.#protocol = protocol;
  }

  static async connect(server: RunningServer, protocol: string): Promise<Clients> {
    const clients = new Clients(server, await RawClient.connect(server.port), protocol);
    await clients.#control.call("FLUSHALL");
    for (let i = 0; i < CLIENTS; i++) await clients.#join(i);
    return clients;
  }

  async #join(index: number): Promise<void> {
    const client = await RawClient.connect(this.#server.port);
    await client.call("HELLO", this.#protocol);
    this.#ids[index] = /\d+/.exec(await client.call("CLIENT", "ID"))![0];
    this.#clients[index] = client;
    this.owed[index] = 0;
    this.#replies[index] = [];
  }

  async run({ client: index, calls, leaves }: Step): Promise<string> {
    const client = this.#clients[index]!;
    if (leaves) {
      const before = await this.#figure("connected_clients");
      // Whoever leaves is owed nothing any more.
      this.owed[index] = 0;
      client.close();
      await this.#until(async () => (await this.#figure("connected_clients")) < before);
      await this.#join(index);
    } else {
      const withIds = (word: string) =>
        word.replace(/^\{(\d)\}$/, (_, i: string) => this.#ids[Number(i)]!);
      const requests = calls.map((words) => encodeCommand(words.map(withIds)));
      this.owed[index]! += calls.length;
      client.write(Buffer.concat(requests));
      for (let i = 0; i < calls.length; i++) {
        client.read().then(
          (reply) => {
            this.owed[index]!--;
            this.#replies[index]!.push(reply);
          },
          () => {},
        );
      }
    }
    await this.#settle();
    return this.#replies.map((replies, i) => `${i}: ${replies.splice(0).join("")}`).join("; ");
  }

  async #figure(name: string): Promise<number> {
    const info = await this.#control.call("INFO", "clients");
    return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)![1]);
  }

  async #until(condition: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + STEP_MS_MAX;
    while (!(await condition())) {
      if (performance.now() < endMs) continue;
      throw new Error(`no end of a step; replies are owed: ${this.owed}`);
    }
  }

  /** Waits until only clients that wait are owed replies. */
  async #settle(): Promise<void> {
    // The first INFO may have run before the step did; the second one comes behind it.
    let times = 0;
    await this.#until(async () => {
      const waiting = await this.#figure("blocked_clients");
      const owed = this.owed.filter((count) => count > 0).length;
      times = waiting === owed ? times + 1 : 0;
      return times === 2;
    });
  }

  own(...words: string[]): Promise<string> {
    return this.#control.call(...words);
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.#until(async () => (await this.#figure("connected_clients")) <= 1);
    this.#control.close();
  }
}

function stepText({ client, calls, leaves }: Step): string {
  const text = calls.map((words) => words.map((word) => JSON.stringify(word)).join(" ")).join("; ");
  return `${client}: ${leaves ? "leaves" : shown(text)}`;
}

async function run(pair: readonly Clients[], seed: number, steps: number): Promise<number> {
  const dice = new Dice(seed);
  const done: Step[] = [];
  let served = 0;
  const fail = (what: string): never => {
    const last = done.slice(-SHOWN_BEFORE).map(stepText).join("\n");
    throw new Error(`SEED=${seed} STEPS=${steps}, step ${done.length - 1}: ${what}\n${last}`);
  };
  const [redis, storm] = [pair[0]!, pair[1]!];
  while (done.length < steps) {
    const index = dice.below(CLIENTS);
    const isWaiting = redis.owed[index]! > 0;
    // Most calls are sent by clients that do not wait, or all would soon.
    const isLast = redis.owed.filter((count) => count === 0).length <= 1;
    if (isWaiting && !dice.chance(8)) continue;
    const calls = isLast && !isWaiting ? [dice.push(KEYS)] : dice.calls();
    const step = { client: index, calls, leaves: dice.chance(3) };
    done.push(step);
    const before = redis.owed.filter((count) => count > 0).length;
    const [expected, got] = await Promise.all(
      pair.map((clients) => clients.run(step).catch((error: Error) => fail(error.message))),
    );
    const after = redis.owed.filter((count) => count > 0).length;
    if (after < before) served += before - after;
    if (expected !== got) {
      fail(`\n${shown(expected!)} from redis-server\n${shown(got!)} from StormDB`);
    }
    if (done.length % 50 !== 0 && done.length < steps) continue;
    const check = await storm.own("DEBUG", "CHECK");
    if (check !== "+OK\r\n") fail(check);
    const [digest, ofStorm] = await Promise.all(pair.map((one) => one.own("DEBUG", "DIGEST")));
    if (digest !== ofStorm) fail("the digests differ");
  }
  return served;
}

const FIRST_SEED = Number(process.env.SEED ?? 1);
const SEEDS = Number(process.env.SEEDS ?? (process.env.SEED === undefined ? 6 : 1));
const STEPS = Number(process.env.STEPS ?? 400);

describePair("random calls of several clients", (pair) => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    test(`seed ${seed}`, async () => {
      const { redis, storm } = await pair();
      const protocol = seed % 2 === 0 ? "2" : "3";
      const clients = await Promise.all(
        [redis, storm].map((server) => Clients.connect(server, protocol)),
      );
      try {
        const served = await run(clients, seed, STEPS);
        // A run in which nobody waited would show nothing.
        expect(served).toBeGreaterThan(STEPS / 20);
      } finally {
        await Promise.all(clients.map((one) => one.close()));
      }
    }, 30000);
  }
});

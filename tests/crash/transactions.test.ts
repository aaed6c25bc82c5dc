/**
 * kill -9 in the middle of a load of transactions: each one is there whole or not at all, and
 * each one that was acknowledged is there; also where the end of the file is lost as when power
 * fails, though then acknowledged ones may be lost.
 *
 *     SEED=7 bun test tests/crash   repeats a run as far as chance goes; time is not repeatable
 *     SOAK=1 bun test tests/crash   many more kills
 */
import { describe, expect, test } from "bun:test";
import { statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { DataFolder, type RunningServer, startStormdbOn } from "../harness/processes.ts";
import { CONNECTION_CLOSED, encodeCommand } from "../harness/raw-client.ts";
import { jitter, Tally, whileRunning } from "./tally.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const FACTOR = process.env.SOAK === undefined ? 1 : 50;
const KILLS = 15 * FACTOR;
const CONNECTIONS = 4;
/** So many transactions are acknowledged at least, and so many more by chance, before each kill. */
const TRANSACTIONS_MIN = 5;
const TRANSACTIONS_SPREAD = 60;
const JITTER_MS_MAX = 5;
const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];

/** What a writer has been told, and how many transactions it may have sent beyond. */
interface Told {
  /** Part of its keys' names; no writer of another plan, which runs at the same time, has it. */
  readonly id: string;
  acknowledged: number;
  sent: number;
}

const request = (line: string) => encodeCommand(line.split(" "));

/**
 * One transaction of writer `id`: its counters in two databases go up together, what it pads is
 * of any size, and a list and its length stay in step.
 */
function transaction(random: Random, id: string): Buffer {
  const padding = "x".repeat(random.below(random.below(10) === 0 ? 100_000 : 500));
  return Buffer.concat([
    request("MULTI"),
    request(`INCR a${id}`),
    encodeCommand(["SET", `padding${id}`, padding]),
    request("SELECT 1"),
    request(`INCR b${id}`),
    request("SELECT 0"),
    request(`RPUSH list${id} x`),
    request(`INCR length${id}`),
    request("EXEC"),
  ]);
}
const REPLIES = 9;

/** Sends transactions, several at once, until the server is gone. */
async function write(
  storm: RunningServer,
  random: Random,
  told: Told,
  tally: Tally,
): Promise<void> {
  try {
    const client = await storm.connect();
    for (;;) {
      const count = 1 + random.below(8);
      told.sent += count;
      client.write(
        Buffer.concat(Array.from({ length: count }, () => transaction(random, told.id))),
      );
      for (let i = 0; i < count; i++) {
        for (let reply = 1; reply < REPLIES; reply++) await client.read();
        const result = await client.read();
        if (!result.startsWith("*7\r\n:")) throw new Error(`EXEC replied ${result}`);
        told.acknowledged++;
        tally.add();
      }
    }
  } catch (error) {
    if ((error as Error).message !== CONNECTION_CLOSED) throw error;
  }
}

/** Takes up to a few transactions' bytes off the end of what was appended. */
function tear(folder: DataFolder, random: Random): void {
  const path = join(folder.path, "appendonlydir", "appendonly.aof.1.incr.aof");
  truncateSync(path, Math.max(0, statSync(path).size - random.below(1500)));
}

/** Compares what is there with what was told; returns what is wrong. */
async function compare(
  storm: RunningServer,
  told: readonly Told[],
  torn: boolean,
): Promise<string> {
  const client = await storm.connect();
  const number = async (...command: string[]) => {
    const reply = await client.call(...command);
    return Number(reply.startsWith("$-1") ? 0 : reply.split("\r\n").at(-2)!.replace(":", ""));
  };
  for (const own of told) {
    const { acknowledged, id, sent } = own;
    await client.call("SELECT", "1");
    const b = await number("GET", `b${id}`);
    await client.call("SELECT", "0");
    const a = await number("GET", `a${id}`);
    const length = await number("GET", `length${id}`);
    const elements = await number("LLEN", `list${id}`);
    const seen = `a=${a} b=${b} length=${length} elements=${elements}, ${acknowledged} acknowledged, ${sent} sent`;
    if (b !== a || length !== a || elements !== a) return `half a transaction: ${seen}`;
    if ((a < acknowledged && !torn) || a > sent) return `lost or made up: ${seen}`;
    // What was not acknowledged may be there; from here on it counts.
    own.acknowledged = a;
    own.sent = a;
  }
  const check = await client.call("DEBUG", "CHECK");
  return check === "+OK\r\n" ? "" : check;
}

describe(`kill -9 among transactions, SEED=${SEED}`, () => {
  test.concurrent.each([
    ["always", ["--appendfsync", "always"], [], false],
    ["everysec, file rewritten", ["--appendfsync", "everysec"], ["BGREWRITEAOF"], false],
    ["the end of the file lost", ["--appendfsync", "everysec"], [], true],
  ])(
    "%s",
    async (name, args, meanwhile, torn) => {
      const random = new Random(SEED);
      const told: Told[] = Array.from({ length: CONNECTIONS }, (_, i) => ({
        id: `${name.replaceAll(" ", "-")}:${i}`,
        acknowledged: 0,
        sent: 0,
      }));
      const tally = new Tally();
      using folder = new DataFolder();
      for (let kill = 0; kill <= KILLS; kill++) {
        await using storm = await startStormdbOn(folder, ...AOF, ...args);
        const wrong = await compare(storm, told, torn);
        if (wrong !== "") throw new Error(`SEED=${SEED}, after kill ${kill}: ${wrong}`);
        const load = Promise.all(
          told.map((own) => write(storm, new Random(random.int32()), own, tally)),
        );
        const control = await storm.connect();
        for (const command of meanwhile) await control.call(command);
        await whileRunning(load, tally.more(TRANSACTIONS_MIN + random.below(TRANSACTIONS_SPREAD)));
        await jitter(random.below(JITTER_MS_MAX));
        process.kill(storm.pid, "SIGKILL");
        await storm.exited;
        await load;
        if (torn) tear(folder, random);
      }
      expect(tally.total, "acknowledged transactions").toBeGreaterThan(KILLS * TRANSACTIONS_MIN);
    },
    240_000 * FACTOR,
  );
});

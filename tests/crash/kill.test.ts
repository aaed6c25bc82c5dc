/**
 * kill -9 at random moments. Nothing acknowledged may be lost, whatever `appendfsync` says: only
 * the process dies, and the OS keeps what it was given. Nothing may be there that was not sent.
 *
 *     SEED=7 bun test tests/crash   repeats a run as far as chance goes; time is not repeatable
 *     SOAK=1 bun test tests/crash   many more kills
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import {
  DataFolder,
  type RunningServer,
  spawnStormdbOn,
  startStormdbOn,
} from "../harness/processes.ts";
import { CONNECTION_CLOSED } from "../harness/raw-client.ts";
import { Writer } from "./model.ts";
import { jitter, Tally, whileRunning } from "./tally.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const FACTOR = process.env.SOAK === undefined ? 1 : 50;
const TIMEOUT_MS = 240_000 * FACTOR;
const CONNECTIONS = 4;
/** So many writes are acknowledged at least, and so many more by chance, before each kill. */
const WRITES_MIN = 20;
const WRITES_SPREAD = 400;
const JITTER_MS_MAX = 5;
/** Kills during a start fall between 0 and this share of the time that a start takes here. */
const START_SHARE_MAX = 1.2;

interface Plan {
  readonly name: string;
  readonly args: readonly string[];
  readonly kills: number;
  /** What is asked of the server, again and again, while writes go on. */
  readonly meanwhile: readonly string[];
  /** Whether some rewrite must have been completed by the end. */
  readonly rewrites: boolean;
}

const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];

const PLANS: readonly Plan[] = [
  {
    name: "always",
    args: [...AOF, "--appendfsync", "always"],
    kills: 30,
    meanwhile: [],
    rewrites: false,
  },
  {
    name: "everysec",
    args: [...AOF, "--appendfsync", "everysec"],
    kills: 30,
    meanwhile: [],
    rewrites: false,
  },
  {
    name: "everysec, while the file is rewritten",
    args: [...AOF, "--appendfsync", "everysec"],
    kills: 40,
    meanwhile: ["BGREWRITEAOF"],
    rewrites: true,
  },
  {
    name: "always, while the file is rewritten as commands",
    args: [...AOF, "--appendfsync", "always", "--aof-use-rdb-preamble", "no"],
    kills: 30,
    meanwhile: ["BGREWRITEAOF"],
    rewrites: true,
  },
  {
    name: "everysec, while the data is saved and the file rewritten by itself",
    args: [
      ...["--appendonly", "yes", "--appendfsync", "everysec"],
      ...["--auto-aof-rewrite-percentage", "1", "--auto-aof-rewrite-min-size", "1"],
    ],
    kills: 30,
    meanwhile: ["BGSAVE"],
    rewrites: true,
  },
];

/** Sends the commands again and again until the server is gone; counts the rounds. */
async function repeat(
  storm: RunningServer,
  commands: readonly string[],
  rounds: Tally,
): Promise<void> {
  try {
    const client = await storm.connect();
    for (;;) {
      for (const command of commands) await client.call(command);
      rounds.add();
    }
  } catch (error) {
    if ((error as Error).message !== CONNECTION_CLOSED) throw error;
  }
}

/** Starts the binary; the time that a start takes here sets when later starts are killed. */
class Starts {
  readonly #folder: DataFolder;
  readonly #args: readonly string[];
  readonly #random: Random;
  /** Of the last whole start. */
  tookMs: number;

  constructor(folder: DataFolder, args: readonly string[], random: Random, tookMs = 50) {
    this.#folder = folder;
    this.#args = args;
    this.#random = random;
    this.tookMs = tookMs;
  }

  async whole(): Promise<RunningServer> {
    const fromMs = performance.now();
    const storm = await startStormdbOn(this.#folder, ...this.#args);
    this.tookMs = performance.now() - fromMs;
    return storm;
  }

  async killed(): Promise<void> {
    const child = await spawnStormdbOn(this.#folder, ...this.#args);
    await jitter((this.#random.below(1000) / 1000) * START_SHARE_MAX * this.tookMs);
    child.kill("SIGKILL");
    await child.exited;
  }
}

async function compareAll(storm: RunningServer, writers: readonly Writer[]): Promise<string> {
  const client = await storm.connect();
  const wrong = [];
  for (const writer of writers) wrong.push(await writer.compare(client));
  const check = await client.call("DEBUG", "CHECK");
  if (check !== "+OK\r\n") wrong.push(check);
  return wrong.filter((text) => text !== "").join("\n");
}

async function runPlan(plan: Plan): Promise<void> {
  const random = new Random(SEED);
  const acknowledged = new Tally();
  const rounds = new Tally();
  const writers = Array.from(
    { length: CONNECTIONS },
    (_, i) => new Writer(i, new Random(SEED + i), acknowledged),
  );
  using folder = new DataFolder();
  const starts = new Starts(folder, plan.args, random);
  for (let kill = 0; kill <= plan.kills * FACTOR; kill++) {
    // Now and then it is killed while it starts, too, and must start all the better.
    while (random.below(4) === 0) await starts.killed();
    await using storm = await starts.whole();
    const wrong = await compareAll(storm, writers);
    if (wrong !== "") {
      throw new Error(`SEED=${SEED}, after kill ${kill}: ${wrong}\n${storm.output()}`);
    }
    const running = writers.map((writer) => writer.run(storm));
    if (plan.meanwhile.length > 0) running.push(repeat(storm, plan.meanwhile, rounds));
    const load = Promise.all(running);
    const enough = [acknowledged.more(WRITES_MIN + random.below(WRITES_SPREAD))];
    if (plan.meanwhile.length > 0) enough.push(rounds.more(1 + random.below(3)));
    await whileRunning(load, Promise.all(enough));
    await jitter(random.below(JITTER_MS_MAX));
    process.kill(storm.pid, "SIGKILL");
    await storm.exited;
    await load;
  }
  expect(acknowledged.total, "acknowledged writes").toBeGreaterThan(plan.kills * WRITES_MIN);
  expectNoLeftovers(folder);
  if (plan.rewrites) {
    const bases = readdirSync(join(folder.path, "appendonlydir")).flatMap(
      (name) => /\.(\d+)\.base\./.exec(name)?.[1] ?? [],
    );
    expect(Math.max(...bases.map(Number)), "the newest base file's number").toBeGreaterThan(1);
  }
}

/** Each start removes what the crash before it left unfinished. */
function expectNoLeftovers(folder: DataFolder): void {
  const names = readdirSync(folder.path).filter((name) => name.includes("tmp"));
  const ofAof = readdirSync(join(folder.path, "appendonlydir"));
  const unfinished = ofAof.filter((name) => /temp|tmp/.test(name));
  // Those of the last kill are still there.
  expect(names.length).toBeLessThan(3);
  expect(unfinished.length).toBeLessThan(3);
}

describe(`kill -9, SEED=${SEED}`, () => {
  for (const plan of PLANS) test.concurrent(plan.name, () => runPlan(plan), TIMEOUT_MS);

  test.concurrent(
    "at the first start",
    async () => {
      const random = new Random(SEED);
      let begun = 0;
      let tookMs = 50;
      for (let i = 0; i < 40 * FACTOR; i++) {
        using folder = new DataFolder();
        const starts = new Starts(folder, ["--appendonly", "yes"], random, tookMs);
        await starts.killed();
        if (existsSync(join(folder.path, "appendonlydir"))) begun++;
        const before = `SEED=${SEED}, start ${i}`;
        {
          await using storm = await starts.whole();
          const client = await storm.connect();
          expect(await client.call("DBSIZE"), before).toEqual(":0\r\n");
          expect(await client.call("SET", "a", "1"), before).toEqual("+OK\r\n");
        }
        await using storm = await starts.whole();
        const client = await storm.connect();
        expect(await client.call("GET", "a"), before).toEqual("$1\r\n1\r\n");
        tookMs = starts.tookMs;
      }
      expect(begun, "starts that had made files before they were killed").toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

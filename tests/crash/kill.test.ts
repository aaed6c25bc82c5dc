/**
 * kill -9 at random moments. Nothing acknowledged may be lost, whatever `appendfsync` says: only
 * the process dies, and the OS keeps what it was given. Nothing may be there that was not sent.
 *
 *     SEED=7 bun test tests/crash   repeats a run as far as chance goes; time is not repeatable
 *     SOAK=1 bun test tests/crash   many more kills
 */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import {
  DataFolder,
  type RunningServer,
  spawnStormdbOn,
  startStormdbOn,
} from "../harness/processes.ts";
import { Writer } from "./model.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const FACTOR = process.env.SOAK === undefined ? 1 : 50;
const TIMEOUT_MS = 60_000 * FACTOR;
const CONNECTIONS = 4;
const ALIVE_MS_MAX = 60;
const START_MS_MAX = 90;

interface Plan {
  readonly name: string;
  readonly args: readonly string[];
  readonly kills: number;
  /** What is asked of the server, again and again, while writes go on. */
  readonly meanwhile: readonly string[];
}

const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];

const PLANS: readonly Plan[] = [
  { name: "always", args: [...AOF, "--appendfsync", "always"], kills: 30, meanwhile: [] },
  { name: "everysec", args: [...AOF, "--appendfsync", "everysec"], kills: 30, meanwhile: [] },
  {
    name: "everysec, while the file is rewritten",
    args: [...AOF, "--appendfsync", "everysec"],
    kills: 40,
    meanwhile: ["BGREWRITEAOF"],
  },
  {
    name: "always, while the file is rewritten as commands",
    args: [...AOF, "--appendfsync", "always", "--aof-use-rdb-preamble", "no"],
    kills: 30,
    meanwhile: ["BGREWRITEAOF"],
  },
  {
    name: "everysec, while the data is saved and the file rewritten by itself",
    args: [
      ...["--appendonly", "yes", "--appendfsync", "everysec"],
      ...["--auto-aof-rewrite-percentage", "1", "--auto-aof-rewrite-min-size", "1"],
    ],
    kills: 30,
    meanwhile: ["BGSAVE"],
  },
];

function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

/** Sends the commands again and again until the server is gone. */
async function repeat(storm: RunningServer, commands: readonly string[]): Promise<void> {
  try {
    const client = await storm.connect();
    while (commands.length > 0) {
      for (const command of commands) await client.call(command);
      await sleep(2);
    }
  } catch {
    // The server was killed.
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
  const writers = Array.from(
    { length: CONNECTIONS },
    (_, i) => new Writer(i, new Random(SEED + i)),
  );
  using folder = new DataFolder();
  for (let kill = 0; kill <= plan.kills * FACTOR; kill++) {
    // Now and then it is killed while it starts, too, and must start all the better.
    while (random.below(4) === 0) {
      const child = await spawnStormdbOn(folder, ...plan.args);
      await sleep(random.below(START_MS_MAX));
      child.kill("SIGKILL");
      await child.exited;
    }
    await using storm = await startStormdbOn(folder, ...plan.args);
    const wrong = await compareAll(storm, writers);
    if (wrong !== "") {
      throw new Error(`SEED=${SEED}, after kill ${kill}: ${wrong}\n${storm.output()}`);
    }
    const running = writers.map((writer) => writer.run(storm));
    const asking = repeat(storm, plan.meanwhile);
    await sleep(random.below(ALIVE_MS_MAX));
    process.kill(storm.pid, "SIGKILL");
    await storm.exited;
    await Promise.all([...running, asking]);
  }
  const written = writers.reduce((sum, writer) => sum + writer.total, 0);
  expect(written, "acknowledged writes").toBeGreaterThan(plan.kills);
  expectNoLeftovers(folder);
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
      for (let i = 0; i < 40 * FACTOR; i++) {
        using folder = new DataFolder();
        const args = ["--appendonly", "yes"];
        const child = await spawnStormdbOn(folder, ...args);
        await sleep(random.below(START_MS_MAX));
        child.kill("SIGKILL");
        await child.exited;
        const before = `SEED=${SEED}, start ${i}`;
        {
          await using storm = await startStormdbOn(folder, ...args);
          const client = await storm.connect();
          expect(await client.call("DBSIZE"), before).toEqual(":0\r\n");
          expect(await client.call("SET", "a", "1"), before).toEqual("+OK\r\n");
        }
        await using storm = await startStormdbOn(folder, ...args);
        const client = await storm.connect();
        expect(await client.call("GET", "a"), before).toEqual("$1\r\n1\r\n");
      }
    },
    TIMEOUT_MS,
  );
});

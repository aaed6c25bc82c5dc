/** A snapshot holds exactly the data of its moment, whatever happens while it is being made. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { DataFolder, type RunningServer, startStormdbOn, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import {
  type Command,
  digestOf,
  digestOfFile,
  fill,
  infoField,
  kill,
  type LoadOptions,
  pipeline,
  randomCommand,
  untilIdle,
} from "./load.ts";

const FIRST_SEED = Number(process.env.SEED ?? 1);
const SEEDS = Number(process.env.SEEDS ?? (process.env.SEED === undefined ? 2 : 1));
const LOAD: LoadOptions = { keys: 20000, shortMs: 120, far: false, flushEvery: 2500 };
const BATCH = 1500;
const SNAPSHOTS = 3;

function batch(random: Random): Command[] {
  return Array.from({ length: BATCH }, () => randomCommand(random, LOAD));
}

/** Keys enough that the walk takes many slices, in tables that have just grown. */
async function populate(client: RawClient, random: Random): Promise<void> {
  await pipeline(client, [
    ["SELECT", "1"],
    ["DEBUG", "POPULATE", "20000", "many"],
    ["SELECT", "0"],
    ["DEBUG", "POPULATE", "15000", "other", "60"],
  ]);
  await fill(client, random, 3000, LOAD);
  const elements = Array.from({ length: 500 }, (_, i) => `element:${i}`);
  for (let i = 0; i < 10; i++) await client.call("RPUSH", "l0", ...elements);
}

/** Deletes most of what `populate` has made, so that the table shrinks under the walk. */
function shrinking(random: Random): Command[] {
  return Array.from({ length: 12000 }, () => ["DEL", `other:${random.below(15000)}`]);
}

/** Loads the server until the field says that the work is done. */
async function loadUntilDone(client: RawClient, random: Random, field: string): Promise<number> {
  let batches = 0;
  while ((await infoField(client, field)) !== "0") {
    await pipeline(client, batch(random));
    batches++;
  }
  return batches;
}

async function withServer(
  args: readonly string[],
  run: (storm: RunningServer, client: RawClient, folder: DataFolder) => Promise<void>,
): Promise<void> {
  using folder = new DataFolder();
  await using storm = await startStormdbOn(folder, ...args);
  await run(storm, await storm.connect(), folder);
}

for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
  describe(`SEED=${seed}`, () => {
    test("BGSAVE", async () => {
      await withServer([], async (_, client, folder) => {
        const random = new Random(seed);
        let batches = 0;
        for (let i = 0; i < SNAPSHOTS; i++) {
          await populate(client, random);
          // No key may go between the digest and the snapshot, in case they come in two chunks.
          const moment = await pipeline(client, [
            ...batch(random),
            ["DEBUG", "SET-ACTIVE-EXPIRE", "0"],
            ["DEBUG", "DIGEST"],
            ["BGSAVE"],
            ["DEBUG", "SET-ACTIVE-EXPIRE", "1"],
            ...(i % 2 === 0 ? shrinking(random) : batch(random)),
          ]);
          const [digest, started] = moment.slice(BATCH + 1);
          expect(started).toEqual("+Background saving started\r\n");
          batches += await loadUntilDone(client, random, "rdb_bgsave_in_progress");
          expect(await infoField(client, "rdb_last_bgsave_status")).toEqual("ok");
          expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
          expect(`+${digestOfFile(join(folder.path, "dump.rdb"))}\r\n`).toEqual(digest!);
        }
        expect(batches, "batches during the snapshots").toBeGreaterThan(0);
      });
    });

    test("FLUSHALL, SWAPDB or FLUSHDB at once behind BGSAVE", async () => {
      await withServer([], async (_, client, folder) => {
        const random = new Random(seed);
        const path = join(folder.path, "dump.rdb");
        for (const behind of [["FLUSHALL"], ["SWAPDB", "0", "1"], ["FLUSHDB"]]) {
          await populate(client, random);
          await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
          const [digest] = await pipeline(client, [["DEBUG", "DIGEST"], ["BGSAVE"], behind]);
          await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "1");
          await loadUntilDone(client, random, "rdb_bgsave_in_progress");
          expect(`+${digestOfFile(path)}\r\n`).toEqual(digest!);
          expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
        }
      });
    });

    test.each(["yes", "no"])("BGREWRITEAOF, aof-use-rdb-preamble %s", async (preamble) => {
      using folder = new DataFolder();
      const args = ["--appendonly", "yes", "--aof-use-rdb-preamble", preamble];
      const random = new Random(seed);
      let digest = "";
      {
        await using storm = await startStormdbOn(folder, ...args);
        const client = await storm.connect();
        // DEBUG POPULATE is no write that is written down: these keys are there by the base alone.
        await populate(client, random);
        for (let i = 0; i < SNAPSHOTS; i++) {
          await pipeline(client, [...batch(random), ["BGREWRITEAOF"], ...batch(random)]);
          await loadUntilDone(client, random, "aof_rewrite_in_progress");
        }
        expect(await infoField(client, "aof_last_bgrewrite_status")).toEqual("ok");
        await until("all that expires has expired", async () => {
          return !/expires=[1-9]/.test(await client.call("INFO", "keyspace"));
        });
        digest = await digestOf(client);
        await kill(storm);
      }
      await using storm = await startStormdbOn(folder, ...args);
      expect(await digestOf(await storm.connect())).toEqual(digest);
    });
  });
}

test("a rewrite that is given up for SAVE is made up for", async () => {
  using folder = new DataFolder();
  const random = new Random(1);
  let digest = "";
  {
    await using storm = await startStormdbOn(folder, "--appendonly", "yes");
    const client = await storm.connect();
    await fill(client, random, 2000, { ...LOAD, shortMs: 0 });
    for (let i = 0; i < 20; i++) {
      // In one write and in two, so that SAVE meets the rewrite in different phases.
      const [first, ...rest] = [["BGREWRITEAOF"], ["SAVE"], ["SELECT", "0"], ["INCR", "counter"]];
      if (i % 2 === 0) await pipeline(client, [first!, ...rest]);
      else {
        await client.call(...first!);
        await pipeline(client, rest);
      }
    }
    await untilIdle(client);
    digest = await digestOf(client);
    await kill(storm);
  }
  await using storm = await startStormdbOn(folder, "--appendonly", "yes");
  expect(await digestOf(await storm.connect())).toEqual(digest);
});

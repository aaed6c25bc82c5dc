/** Files move both ways between StormDB and a real redis-server, with equal digests. */
import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { DataFolder, startRedisOn, startStormdbOn } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { without } from "../harness/skips.ts";
import {
  digestOf,
  FIRST_PART,
  fill,
  infoField,
  kill,
  type LoadOptions,
  pipeline,
  randomCommand,
  untilIdle,
} from "./load.ts";

const SEED = Number(process.env.SEED ?? 1);
const COMMANDS = 3000;
const LOAD: LoadOptions = { keys: 300, shortMs: 0, far: true, flushEvery: 1000 };
const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];

/** What redis-check-rdb or redis-check-aof says of the file; "" where it is content. */
async function check(tool: string, path: string): Promise<string> {
  const child = Bun.spawn([tool, path], { stdout: "pipe", stderr: "pipe" });
  const output = (await child.stdout.text()) + (await child.stderr.text());
  return (await child.exited) === 0 ? "" : output;
}

type Start = typeof startRedisOn;

/** The digest of what a server loads from the folder. */
async function loadedBy(start: Start, folder: DataFolder, ...args: string[]): Promise<string> {
  await using server = await start(folder, ...args);
  return await digestOf(await server.connect());
}

describe.skipIf(without("redis-server"))(`StormDB's files in redis-server, SEED=${SEED}`, () => {
  test.each([
    [[]],
    [["--rdbcompression", "no"]],
    [["--rdbchecksum", "no"]],
    [["--list-max-listpack-size", "4"]],
  ])("an RDB file, %p", async (args) => {
    using folder = new DataFolder();
    let digest = "";
    {
      await using storm = await startStormdbOn(folder, ...args);
      const client = await storm.connect();
      await fill(client, new Random(SEED), COMMANDS, LOAD);
      expect(await client.call("SAVE")).toEqual("+OK\r\n");
      digest = await digestOf(client);
    }
    expect(await check("redis-check-rdb", join(folder.path, "dump.rdb"))).toEqual("");
    expect(await loadedBy(startRedisOn, folder)).toEqual(digest);
    expect(await loadedBy(startStormdbOn, folder)).toEqual(digest);
  });

  test.each([
    [[]],
    [["--aof-use-rdb-preamble", "no"]],
    [["--aof-timestamp-enabled", "yes"]],
    [["--appendfilename", "my ü.aof", "--appenddirname", "數"]],
  ])("an append-only file, %p", async (args) => {
    using folder = new DataFolder();
    const random = new Random(SEED);
    let digest = "";
    const both = [...AOF, ...args];
    {
      await using storm = await startStormdbOn(folder, ...both);
      await fill(await storm.connect(), random, COMMANDS, LOAD);
      digest = await digestOf(await storm.connect());
      await kill(storm);
    }
    expect(await loadedBy(startRedisOn, folder, ...both)).toEqual(digest);
    {
      await using storm = await startStormdbOn(folder, ...both);
      const client = await storm.connect();
      expect(await digestOf(client)).toEqual(digest);
      await client.call("BGREWRITEAOF");
      await fill(client, random, COMMANDS, LOAD);
      await untilIdle(client);
      await fill(client, random, 100, LOAD);
      digest = await digestOf(client);
      await kill(storm);
    }
    const name = args[0] === "--appendfilename" ? args[1]! : "appendonly.aof";
    const parts = args[2] === "--appenddirname" ? args[3]! : "appendonlydir";
    const manifest = join(folder.path, parts, `${name}.manifest`);
    expect(await check("redis-check-aof", manifest)).toEqual("");
    expect(await loadedBy(startRedisOn, folder, ...both)).toEqual(digest);
    expect(await loadedBy(startStormdbOn, folder, ...both)).toEqual(digest);
  });
});

describe.skipIf(without("redis-server"))(`redis-server's files in StormDB, SEED=${SEED}`, () => {
  test.each([
    [[]],
    [["--rdbcompression", "no", "--list-max-listpack-size", "4"]],
    [["--list-compress-depth", "1", "--list-max-listpack-size", "-1"]],
    [["--rdbchecksum", "no", "--list-max-listpack-size", "128"]],
  ])("an RDB file, %p", async (args) => {
    using folder = new DataFolder();
    let digest = "";
    {
      await using redis = await startRedisOn(folder, ...args);
      const client = await redis.connect();
      await fill(client, new Random(SEED), COMMANDS, LOAD);
      expect(await client.call("SAVE")).toEqual("+OK\r\n");
      digest = await digestOf(client);
      await kill(redis);
    }
    await using storm = await startStormdbOn(folder);
    const client = await storm.connect();
    expect(await digestOf(client)).toEqual(digest);
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });

  test.each([[[]], [["--aof-use-rdb-preamble", "no"]], [["--aof-timestamp-enabled", "yes"]]])(
    "an append-only file with MULTI, %p",
    async (args) => {
      using folder = new DataFolder();
      const both = [...AOF, ...args];
      const random = new Random(SEED);
      let digest = "";
      {
        // With everysec it may put a write off while it syncs, and the kill would lose it.
        await using redis = await startRedisOn(folder, ...both, "--appendfsync", "always");
        const client = await redis.connect();
        const multi = async () => {
          const inside = Array.from({ length: 20 }, () => randomCommand(random, LOAD));
          await pipeline(client, [["MULTI"], ...inside, ["EXEC"]]);
        };
        await fill(client, random, COMMANDS, LOAD);
        await multi();
        await client.call("BGREWRITEAOF");
        await untilIdle(client);
        expect(await infoField(client, "aof_last_bgrewrite_status")).toEqual("ok");
        await fill(client, random, 500, LOAD);
        for (let i = 0; i < 10; i++) await multi();
        digest = await digestOf(client);
        await kill(redis);
      }
      {
        await using storm = await startStormdbOn(folder, ...both);
        const client = await storm.connect();
        expect(await digestOf(client)).toEqual(digest);
        // And goes on in the same files, which redis-server then takes back.
        await fill(client, random, 200, LOAD);
        digest = await digestOf(client);
        await kill(storm);
      }
      expect(await loadedBy(startRedisOn, folder, ...both)).toEqual(digest);
    },
  );

  test("a single append-only file, as before Redis 7, in the folder itself", async () => {
    using source = new DataFolder();
    using folder = new DataFolder();
    let digest = "";
    {
      await using redis = await startRedisOn(source, ...AOF);
      const client = await redis.connect();
      await fill(client, new Random(SEED), 500, LOAD);
      digest = await digestOf(client);
      await kill(redis);
    }
    const increment = join(source.path, FIRST_PART);
    copyFileSync(increment, join(folder.path, "appendonly.aof"));
    {
      await using storm = await startStormdbOn(folder, ...AOF);
      const client = await storm.connect();
      expect(await digestOf(client)).toEqual(digest);
      await client.call("SET", "later", "1");
      digest = await digestOf(client);
      await kill(storm);
    }
    expect(await loadedBy(startStormdbOn, folder, ...AOF)).toEqual(digest);
    expect(await loadedBy(startRedisOn, folder, ...AOF)).toEqual(digest);
  });

  test("the same where a crash came between the manifest and the new place of the file", async () => {
    using folder = new DataFolder();
    const parts = join(folder.path, "appendonlydir");
    mkdirSync(parts);
    writeFileSync(join(parts, "appendonly.aof.manifest"), "file appendonly.aof seq 1 type b\n");
    writeFileSync(join(folder.path, "appendonly.aof"), encodeCommand(["SET", "a", "1"]));
    const digest = await loadedBy(startStormdbOn, folder, ...AOF);
    expect(digest).not.toEqual("0".repeat(40));
    expect(await loadedBy(startRedisOn, folder, ...AOF)).toEqual(digest);
  });
});

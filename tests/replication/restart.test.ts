/** Servers that are killed or stopped and come back: what their files say of the stream is enough. */
import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { DataFolder, REDIS_SERVER, until } from "../harness/processes.ts";
import {
  following,
  type Kind,
  LOAD,
  Node,
  PAIRS,
  SEED,
  untilSame,
  untilUp,
  write,
  writerTo,
} from "../harness/replication.ts";
import { without } from "../harness/skips.ts";

const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];
const ALWAYS = [...AOF, "--appendfsync", "always"];
const LARGE = ["--repl-backlog-size", "20mb"];
const PRIMARIES: readonly Kind[] =
  REDIS_SERVER === null ? ["StormDB"] : ["StormDB", "redis-server"];

/** Many counters: whatever is applied twice shows. */
async function count(node: Node, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await node.call("MULTI");
    for (let j = 0; j < 5; j++) await node.call("INCR", `n${j}`);
    await node.call("EXEC");
    await node.call("INCR", "single");
    await node.call("SELECT", String(i % 3));
    await node.call("APPEND", "text", "x");
  }
  await node.call("SELECT", "0");
}

async function syncs(primary: Node): Promise<readonly [full: number, partial: number]> {
  const { sync_full, sync_partial_ok } = await primary.info();
  return [Number(sync_full), Number(sync_partial_ok)];
}

describe.each(PRIMARIES)(`a StormDB replica of %s comes back, SEED=${SEED}`, (ofPrimary) => {
  test.each([
    ["SHUTDOWN", ["--save", "3600 100000"]],
    ["SHUTDOWN", AOF],
    ["SIGKILL", AOF],
    ["SIGKILL", ALWAYS],
    ["SIGKILL after SAVE", []],
  ] as const)("after %s with %p it goes on where it stopped", async (how, args) => {
    await using primary = await Node.start(ofPrimary, ...LARGE);
    await write(primary, 500, new Random(SEED));
    using folder = new DataFolder();
    {
      await using replica = await Node.startOn(folder, "StormDB", ...following(primary), ...args);
      await untilUp(replica);
      await count(primary, 30);
      await untilSame(primary, replica);
      // The base of the append-only file is written in the background.
      await until("the base is there", async () => {
        return (await replica.info()).aof_rewrite_in_progress === "0";
      });
      await count(primary, 5);
      if (how === "SHUTDOWN") await replica.shutdown();
      else {
        if (how !== "SIGKILL") await replica.call("SAVE");
        await count(primary, 5);
        await replica.kill();
      }
    }
    await count(primary, 30);
    const [full, partial] = await syncs(primary);
    await using replica = await Node.startOn(folder, "StormDB", ...following(primary), ...args);
    await untilSame(primary, replica);
    expect(await syncs(primary)).toEqual([full, partial + 1]);
    await count(primary, 5);
    await untilSame(primary, replica);
  });

  test("killed at any moment of a load, again and again", async () => {
    await using primary = await Node.start(ofPrimary, ...LARGE);
    await write(primary, 300, new Random(SEED));
    using folder = new DataFolder();
    const random = new Random(SEED);
    const writer = await writerTo(primary, random, { ...LOAD, flushEvery: 0 });
    const counter = await primary.server.connect();
    let sent = 0;
    for (let i = 0; i < 4; i++) {
      await using replica = await Node.startOn(folder, "StormDB", ...following(primary), ...AOF);
      await untilUp(replica);
      const more = 20 + random.below(100);
      for (let j = 0; j < more; j++) {
        await counter.call("SELECT", "9");
        await counter.call("INCR", "exact");
        sent++;
      }
      await replica.kill();
    }
    await writer.stop();
    await using replica = await Node.startOn(folder, "StormDB", ...following(primary), ...AOF);
    await untilSame(primary, replica);
    await replica.call("SELECT", "9");
    const value = await replica.call("GET", "exact");
    expect(value).toEqual(`$${String(sent).length}\r\n${sent}\r\n`);
  });
});

/** The last part of the append-only file in the folder. */
function lastPart(folder: string): string {
  const names = readdirSync(join(folder, "appendonlydir")).filter((name) => /incr/.test(name));
  names.sort((a, b) => Number(a.split(".")[2]) - Number(b.split(".")[2]));
  return join(folder, "appendonlydir", names.at(-1)!);
}

function copyFolder(from: string, to: string): void {
  mkdirSync(join(to, "appendonlydir"));
  for (const name of readdirSync(join(from, "appendonlydir"))) {
    copyFileSync(join(from, "appendonlydir", name), join(to, "appendonlydir", name));
  }
}

test("the replica's append-only file, cut at every byte near its end, never leads to wrong data", async () => {
  await using primary = await Node.start("StormDB", ...LARGE);
  using folder = new DataFolder();
  {
    await using replica = await Node.startOn(folder, "StormDB", ...following(primary), ...AOF);
    await untilUp(replica);
    await until("the base is there", async () => {
      return (await replica.info()).aof_rewrite_in_progress === "0";
    });
    await count(primary, 4);
    await untilSame(primary, replica);
    await replica.kill();
  }
  await count(primary, 3);
  const whole = readFileSync(lastPart(folder.path));
  const first = Math.max(0, whole.length - 170);
  let wasPartial = 0;
  let wasFull = 0;
  const lengths = Array.from({ length: whole.length - first + 1 }, (_, i) => first + i);
  // The end of every kind of line, and a sample of what is between.
  const wanted = lengths.filter((n, i) => whole[n - 1] === 10 || i % 37 === 0);
  for (let i = 0; i < wanted.length; i += 6) {
    await Promise.all(
      wanted.slice(i, i + 6).map(async (length) => {
        using copy = new DataFolder();
        copyFolder(folder.path, copy.path);
        writeFileSync(lastPart(copy.path), whole.subarray(0, length));
        await using replica = await Node.startOn(copy, "StormDB", ...following(primary), ...AOF);
        try {
          await untilSame(primary, replica);
        } catch (error) {
          throw new Error(`cut at ${length} of ${whole.length}: ${(error as Error).message}`);
        }
        if (/Successful partial resync/.test(replica.server.output())) wasPartial++;
        else wasFull++;
      }),
    );
  }
  expect([wasPartial > 0, wasPartial + wasFull]).toEqual([true, wanted.length]);
});

describe.skipIf(without("redis-server"))("a StormDB replica's append-only file", () => {
  test("is good for redis-check-aof and for redis-server", async () => {
    await using primary = await Node.start("StormDB");
    using folder = new DataFolder();
    let digest = "";
    {
      await using replica = await Node.startOn(folder, "StormDB", ...following(primary), ...AOF);
      await untilUp(replica);
      await write(primary, 500, new Random(SEED));
      // Nothing may expire between here and there.
      for (const index of ["0", "1", "2", "3"]) {
        await primary.call("SELECT", index);
        for (let i = 0; i < 200; i++) await primary.call("PERSIST", `s${i}`);
        for (let i = 0; i < 12; i++) await primary.call("PERSIST", `l${i}`);
      }
      await untilSame(primary, replica);
      digest = await primary.digest();
      await replica.kill();
    }
    expect(readFileSync(lastPart(folder.path), "latin1")).toContain("#REPL:");
    const manifest = join(folder.path, "appendonlydir", "appendonly.aof.manifest");
    const check = Bun.spawn(["redis-check-aof", manifest], { stdout: "pipe", stderr: "pipe" });
    const said = await check.stdout.text();
    expect([await check.exited, said.includes("is valid")]).toEqual([0, true]);
    await using redis = await Node.startOn(folder, "redis-server", ...AOF);
    expect(await redis.digest()).toEqual(digest);
  });
});

describe.each(PAIRS)(`%s is restarted, followed by %s, SEED=${SEED}`, (ofPrimary, ofReplica) => {
  test.each([
    ["SHUTDOWN SAVE NOW", [], true],
    ["SHUTDOWN", AOF, false],
    ["SIGKILL", ALWAYS, false],
  ] as const)("after %s with %p", async (how, args, goesOn) => {
    using folder = new DataFolder();
    await using replica = await Node.start(ofReplica);
    {
      await using primary = await Node.startOn(folder, ofPrimary, ...args);
      await write(primary, 300, new Random(SEED));
      await count(primary, 5);
      await replica.follow(primary);
      await untilSame(primary, replica);
      await count(primary, 5);
      // NOW, for a redis-server 7.0 that waits for its replicas ends without its RDB file.
      await untilSame(primary, replica);
      if (how === "SIGKILL") await primary.kill();
      else await primary.shutdown(...how.split(" ").slice(1));
    }
    await using primary = await Node.startOn(folder, ofPrimary, ...args);
    await replica.follow(primary);
    await count(primary, 5);
    await untilSame(primary, replica);
    // Three of each five were for this database.
    expect(await replica.call("GET", "single")).toEqual("$1\r\n9\r\n");
    const { sync_partial_ok } = await primary.info();
    if (goesOn) expect(sync_partial_ok).toEqual("1");
  });

  test("what expires while the primary is away goes from the replica too", async () => {
    using folder = new DataFolder();
    await using replica = await Node.start(ofReplica);
    {
      await using primary = await Node.startOn(folder, ofPrimary);
      await replica.follow(primary);
      await primary.call("SET", "stays", "1");
      for (let i = 0; i < 9; i++) await primary.call("SET", `goes:${i}`, "1", "PX", "400");
      await untilSame(primary, replica);
      await primary.shutdown("SAVE", "NOW");
    }
    await until("the time has come", async () => {
      return (await replica.call("EXISTS", "goes:8")) === ":0\r\n";
    });
    await using primary = await Node.startOn(folder, ofPrimary);
    await replica.follow(primary);
    await until("it has gone", async () => (await replica.call("DBSIZE")) === ":1\r\n");
    await untilSame(primary, replica);
    expect((await primary.info()).sync_full).toEqual("0");
  });
});

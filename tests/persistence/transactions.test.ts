/** Transactions and served waiters in the append-only file: whole or not at all, and as it was. */
import { describe, expect, test } from "bun:test";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readAof } from "../../src/persistence/aof/aof-reader.ts";
import {
  DataFolder,
  REDIS_SERVER,
  type RunningServer,
  startRedisOn,
  startStormdbOn,
  until,
} from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { forSeeds, pick } from "../unit/seeds.ts";
import {
  commandsOf,
  digestOf,
  FIRST_PART,
  infoField,
  journalOf,
  kill,
  randomCommand,
  scratchSpace,
} from "./load.ts";

const AOF = ["--appendonly", "yes", "--auto-aof-rewrite-percentage", "0"];

describe("in the file stands", () => {
  test.each([
    [
      "a transaction as one block",
      ["MULTI", "SET a 1", "GET a", "INCR a", "DEL none", "EXEC", "SET b 1"],
      ["SELECT 0", "MULTI", "SET a 1", "INCR a", "EXEC", "SET b 1"],
    ],
    [
      "nothing around a single command",
      ["MULTI", "GET a", "SET a 1", "GET a", "EXEC"],
      ["SELECT 0", "SET a 1"],
    ],
    ["nothing of a transaction that only reads", ["MULTI", "GET a", "DEL a", "EXEC"], []],
    [
      "each block by itself",
      ["MULTI", "SET a 1", "SET b 1", "EXEC", "MULTI", "SET c 1", "SET d 1", "EXEC"],
      ["SELECT 0", "MULTI", "SET a 1", "SET b 1", "EXEC", "MULTI", "SET c 1", "SET d 1", "EXEC"],
    ],
    [
      "a block with the commands that did not fail",
      ["MULTI", "SET a x", "INCR a", "LPUSH a 1", "APPEND a y", "EXEC"],
      ["SELECT 0", "MULTI", "SET a x", "APPEND a y", "EXEC"],
    ],
    [
      "one command where the others failed",
      ["SET a x", "MULTI", "INCR a", "SET b 1", "LPUSH a 1", "EXEC"],
      ["SELECT 0", "SET a x", "SET b 1"],
    ],
    [
      "a block across databases, and the right one behind it",
      ["MULTI", "SET a 1", "SELECT 3", "SET b 1", "SELECT 0", "SET c 1", "SELECT 5", "EXEC"].concat(
        "SET d 1",
      ),
      [
        ...["SELECT 0", "MULTI", "SET a 1", "SELECT 3", "SET b 1", "SELECT 0", "SET c 1", "EXEC"],
        ...["SELECT 5", "SET d 1"],
      ],
    ],
    [
      "SELECT before a block that begins in another database",
      ["SET a 1", "SELECT 2", "MULTI", "SET b 1", "SET c 1", "EXEC"],
      ["SELECT 0", "SET a 1", "SELECT 2", "MULTI", "SET b 1", "SET c 1", "EXEC"],
    ],
    [
      "what the commands of a block did rather than what they were",
      ["MULTI", "SET a 1 EX 100", "INCRBYFLOAT f 1.5", "GETEX a PERSIST", "GETDEL f", "EXEC"],
      [
        ...["SELECT 0", "MULTI", "SET a 1 PXAT T", "SET f 1.5 KEEPTTL"],
        ...["PERSIST a", "DEL f", "EXEC"],
      ],
    ],
    [
      "blocking commands of a block as what they popped",
      ["RPUSH l a b c", "MULTI", "BLPOP l 0", "BLMOVE l m LEFT RIGHT 0", "BRPOP none 0", "EXEC"],
      ["SELECT 0", "RPUSH l a b c", "MULTI", "LPOP l", "LMOVE l m left right", "EXEC"],
    ],
    [
      "nothing of what was given up",
      ["MULTI", "SET a 1", "SET b 1", "DISCARD", "WATCH w", "SET w 1", "MULTI", "SET c 1"].concat(
        ["SET d 1", "EXEC"],
        ["MULTI", "SET e 1", "NOSUCH", "SET f 1", "EXEC"],
      ),
      ["SELECT 0", "SET w 1"],
    ],
  ])("%s", async (_, lines, expected) => {
    expect(await journalOf(lines)).toEqual(expected);
  });

  test("no time stamp within a block", async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, ...AOF, "--aof-timestamp-enabled", "yes");
    const client = await storm.connect();
    const path = join(folder.path, FIRST_PART);
    const text = () => readFileSync(path, "latin1");
    // Over several seconds, so that stamps would fall into the blocks.
    await until("there are three stamps", async () => {
      client.write("MULTI\r\nINCR a\r\nINCR b\r\nEXEC\r\n");
      for (let i = 0; i < 4; i++) await client.read();
      return text().split("#TS:").length > 3;
    });
    for (const block of text().split("MULTI\r\n").slice(1)) {
      expect(block.slice(0, block.indexOf("EXEC"))).not.toContain("#TS");
    }
  });

  test("a key whose time had come as DEL within the block that met it", async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    const at = Date.now() + 20;
    await client.call("SET", "a", "1", "PXAT", String(at));
    await client.call("MULTI");
    await client.call("SET", "b", "1");
    await client.call("GET", "a");
    await client.call("SET", "c", "1");
    await until("its time has come", () => Date.now() > at + 1);
    expect(await client.call("EXEC")).toEqual("*3\r\n+OK\r\n$-1\r\n+OK\r\n");
    const commands = commandsOf(join(folder.path, FIRST_PART));
    expect(commands.slice(-5)).toEqual(["MULTI", "SET b 1", "DEL a", "SET c 1", "EXEC"]);
  });
});

test("a block that is cut at any byte is read as if none of it had happened", async () => {
  using folder = new DataFolder();
  const path = join(folder.path, FIRST_PART);
  {
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    const lines = ["SET a 1", "SELECT 2", "MULTI", "SET b 1", "SELECT 3", "RPUSH l x", "EXEC"];
    for (const line of lines) await client.call(...line.split(" "));
    await kill(storm);
  }
  const whole = readFileSync(path);
  const start = whole.indexOf("*1\r\n$5\r\nMULTI");
  const torn = join(folder.path, "torn.aof");
  for (let bytes = start; bytes <= whole.length; bytes++) {
    writeFileSync(torn, whole.subarray(0, bytes));
    const commands: string[] = [];
    const { validBytes } = await readAof(torn, scratch, {
      check() {},
      execute: (request) =>
        void commands.push(
          Array.from({ length: request.count }, (_, i) => request.text(i)).join(" "),
        ),
      progress() {},
    });
    const isWhole = bytes === whole.length;
    expect({ bytes, validBytes, commands }).toEqual({
      bytes,
      validBytes: isWhole ? bytes : start,
      commands: [
        ...["SELECT 0", "SET a 1", "SELECT 2"],
        ...(isWhole ? ["SET b 1", "SELECT 3", "RPUSH l x"] : []),
      ],
    });
  }
  // The same with real servers at a few places: they start, and what comes next is right.
  for (const bytes of [start + 5, whole.indexOf("RPUSH"), whole.length - 1]) {
    using other = new DataFolder();
    cpSync(join(folder.path, "appendonlydir"), join(other.path, "appendonlydir"), {
      recursive: true,
    });
    writeFileSync(join(other.path, FIRST_PART), whole.subarray(0, bytes));
    for (let round = 0; round < 2; round++) {
      await using storm = await startStormdbOn(other, ...AOF);
      const client = await storm.connect();
      expect(await client.call("INCR", "a")).toEqual(`:${round + 2}\r\n`);
      expect(await infoField(client, "db2")).toEqual("");
      expect(await infoField(client, "db3")).toEqual("");
      await kill(storm);
    }
  }
}, 60000);

const scratch = scratchSpace();

describe("within a transaction", () => {
  test("BGSAVE and BGREWRITEAOF are put off to its end", async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    const saves = Number(await infoField(client, "rdb_saves"));
    for (const line of ["MULTI", "SET a 1", "BGSAVE", "BGREWRITEAOF", "SET b 1"]) {
      await client.call(...line.split(" "));
    }
    expect(await client.call("EXEC")).toEqual(
      "*4\r\n+OK\r\n+Background saving scheduled\r\n+Background append only file rewriting scheduled\r\n+OK\r\n",
    );
    await until("both are done", async () => {
      const info = await client.call("INFO", "persistence");
      const idle = !/(in_progress|scheduled):1/.test(info);
      return idle && Number(await infoField(client, "rdb_saves")) > saves;
    });
    await until("the file is rewritten", () => {
      const text = readFileSync(
        join(folder.path, "appendonlydir", "appendonly.aof.manifest"),
        "latin1",
      );
      return text.includes("appendonly.aof.2.base.rdb");
    });
    // The increment began behind the whole transaction.
    const second = join(folder.path, "appendonlydir", "appendonly.aof.2.incr.aof");
    expect(commandsOf(second)).toEqual([]);
    const digest = await digestOf(client);
    await kill(storm);
    await using again = await startStormdbOn(folder, ...AOF);
    expect(await digestOf(await again.connect())).toEqual(digest);
  });

  test("the append-only file may be switched off and on, and what counts is there", async () => {
    for (const lines of [
      ["CONFIG SET appendonly no", "SET c 1", "CONFIG SET appendonly yes", "SET d 1", "SET e 1"],
      ["CONFIG SET appendonly no", "CONFIG SET appendonly yes", "SET c 1"],
    ]) {
      using folder = new DataFolder();
      await using storm = await startStormdbOn(folder, ...AOF);
      const client = await storm.connect();
      for (const line of ["MULTI", "SET a 1", "SET b 1", ...lines]) {
        await client.call(...line.split(" "));
      }
      const reply = await client.call("EXEC");
      expect(reply).toEqual(`*${2 + lines.length}\r\n${"+OK\r\n".repeat(2 + lines.length)}`);
      await until("the new base is there", async () => {
        return !/aof_rewrite_(in_progress|scheduled):1/.test(await client.call("INFO"));
      });
      await client.call("SET", "z", "1");
      const digest = await digestOf(client);
      await kill(storm);
      await using again = await startStormdbOn(folder, ...AOF);
      expect(await digestOf(await again.connect())).toEqual(digest);
    }
  });
});

// ── Served waiters ───────────────────────────────────────────────────────────────────────────

const LISTS = ["l0", "l1", "l2", "l3"];

/** Clients that block, push, and push within transactions, until `count` commands were sent. */
async function mix(storm: RunningServer, random: Parameters<typeof pick>[0], count: number) {
  const clients: RawClient[] = [];
  for (let i = 0; i < 8; i++) clients.push(await storm.connect());
  const list = () => pick(random, LISTS);
  const blocking = (): string[] =>
    pick(random, [
      ["BLPOP", list(), list(), "0.01"],
      ["BRPOP", list(), "0.01"],
      ["BLMOVE", list(), list(), "LEFT", "RIGHT", "0.01"],
      ["BRPOPLPUSH", list(), list(), "0.01"],
      ["BLMPOP", "0.01", "2", list(), list(), "RIGHT", "COUNT", "3"],
    ]);
  const plain = (): readonly string[] =>
    pick(random, [
      ["RPUSH", list(), String(random.below(1000)), "x"],
      ["LPUSH", list(), random.hex(10)],
      ["LMOVE", list(), list(), "LEFT", "LEFT"],
      ["RENAME", list(), list()],
      ["COPY", list(), list(), "REPLACE"],
      ["SWAPDB", "0", String(random.below(3))],
      ["DEL", list()],
      ["SELECT", String(random.below(3))],
      randomCommand(random, { keys: 30, shortMs: 20, far: true, flushEvery: 40 }),
    ]);
  const run = async (client: RawClient, commands: (readonly string[])[]) => {
    client.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
    for (const _ of commands) await client.read();
  };
  for (let sent = 0; sent < count; ) {
    await Promise.all(
      clients.map((client) => {
        const commands: (readonly string[])[] = [];
        for (let n = 1 + random.below(4); n > 0; n--) {
          if (random.below(3) === 0) {
            const inside = Array.from({ length: random.below(5) }, () =>
              random.below(5) === 0 ? blocking() : plain(),
            );
            commands.push(["MULTI"], ...inside, ["EXEC"]);
          } else commands.push(random.below(3) === 0 ? blocking() : plain());
        }
        sent += commands.length;
        return run(client, commands);
      }),
    );
  }
  for (const client of clients) client.close();
}

test(
  "served waiters, transactions and all else: after a restart the data is the same",
  () =>
    forSeeds(4, async (random) => {
      using folder = new DataFolder();
      let digest = "";
      let commands: string[] = [];
      {
        await using storm = await startStormdbOn(folder, ...AOF);
        await mix(storm, random, 1500);
        const client = await storm.connect();
        await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
        for (const database of ["0", "1", "2", "3"]) {
          await client.call("SELECT", database);
          // What is about to expire must not make the difference.
          for (const key of parseKeys(await client.call("KEYS", "*")))
            await client.call("PERSIST", key);
        }
        digest = await digestOf(client);
        expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
        await kill(storm);
        commands = commandsOf(join(folder.path, FIRST_PART));
      }
      expect(commands.some((line) => line.startsWith("B"))).toEqual(false);
      expect(commands).toContain("EXEC");
      {
        await using storm = await startStormdbOn(folder, ...AOF);
        expect(await digestOf(await storm.connect())).toEqual(digest);
      }
      if (REDIS_SERVER === null) return;
      await using redis = await startRedisOn(folder, ...AOF);
      expect(await digestOf(await redis.connect())).toEqual(digest);
    }),
  60000,
);

function parseKeys(reply: string): string[] {
  return reply.split("\r\n").filter((_, i) => i > 0 && i % 2 === 0);
}

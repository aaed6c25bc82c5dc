/** What the append-only file says: effects, so that repeating them gives the same data later. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DataFolder, startRedisOn, startStormdbOn, until } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { without } from "../harness/skips.ts";
import { commandsOf, digestOf, FIRST_PART, infoField, journalOf, kill, untilIdle } from "./load.ts";

const AOF = ["--appendonly", "yes"];

describe("in the file stands", () => {
  test.each([
    [
      "SET with a time to live as PXAT",
      ["SET a 1 EX 100", "SET b 1 PX 100000 GET", "SETEX c 100 v", "PSETEX d 100000 v"],
      ["SET a 1 PXAT T", "SET b 1 PXAT T", "SET c v PXAT T", "SET d v PXAT T"],
    ],
    [
      "INCRBYFLOAT as SET that keeps the time to live",
      ["INCRBYFLOAT f 1.5"],
      ["SET f 1.5 KEEPTTL"],
    ],
    [
      "EXPIRE as PEXPIREAT",
      ["SET a 1", "EXPIRE a 100", "PERSIST a"],
      ["SET a 1", "PEXPIREAT a T", "PERSIST a"],
    ],
    ["EXPIRE in the past as DEL", ["SET a 1", "EXPIRE a -1"], ["SET a 1", "DEL a"]],
    [
      "GETEX as what it did",
      ["SET a 1", "GETEX a EX 100", "GETEX a", "GETEX a PERSIST", "GETEX a PERSIST"],
      ["SET a 1", "PEXPIREAT a T", "PERSIST a"],
    ],
    ["GETDEL as DEL", ["SET a 1", "GETDEL a", "GETDEL a"], ["SET a 1", "DEL a"]],
    [
      "LMPOP as the pop it was",
      ["RPUSH l a b c d", "LMPOP 2 none l RIGHT COUNT 2", "LMPOP 1 l LEFT"],
      ["RPUSH l a b c d", "RPOP l 2", "LPOP l 1"],
    ],
    [
      "each command's database",
      ["SET a 1", "SELECT 3", "SET b 1", "SET c 1"],
      ["SET a 1", "SELECT 3", "SET b 1", "SET c 1"],
    ],
    [
      "nothing that changed nothing",
      ["SET a 1", "SET a 2 NX", "DEL none", "GET a", "LPUSHX none 1", "EXPIRE none 5"],
      ["SET a 1"],
    ],
    ["nothing that failed", ["SET a x", "INCR a", "LPUSH a 1"], ["SET a x"]],
  ])("%s", async (_, calls, lines) => {
    expect(await journalOf(calls)).toEqual(["SELECT 0", ...lines]);
  });

  test("DEL for each key whose time has come, met or not", async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    await client.call("SET", "a", "1", "PX", "1");
    const path = join(folder.path, FIRST_PART);
    await until("the key has expired", () => commandsOf(path).at(-1) === "DEL a");
    await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    await client.call("SET", "b", "1", "PX", "1");
    await until("the key is gone", async () => (await client.call("GET", "b")) === "$-1\r\n");
    expect(commandsOf(path).at(-1)).toEqual("DEL b");
  });
});

describe.skipIf(without("redis-server"))("DUMP and RESTORE with redis-server", () => {
  const values: [string, string[][]][] = [
    ["short text", [["SET", "k", "abc"]]],
    ["number", [["SET", "k", "-12345678901"]]],
    ["compressible text", [["SET", "k", "ab".repeat(5000)]]],
    ["bytes", [["SET", "k", "\0\xff\r\n"]]],
    ["short list", [["RPUSH", "k", "a", "1", "-4000", "99999999999", ""]]],
    [
      "list of many nodes",
      [["RPUSH", "k", ...Array.from({ length: 5000 }, (_, i) => `element ${i}`)]],
    ],
    [
      "list with a large element",
      [["RPUSH", "k", "x".repeat(50000), "y", "0123456789".repeat(2000)]],
    ],
  ];

  /** The payload in a reply, as bytes one a character. */
  const payloadOf = (reply: string) => reply.slice(reply.indexOf("\r\n") + 2, -2);

  test("each form both ways", async () => {
    using folder = new DataFolder();
    await using redis = await startRedisOn(folder);
    await using storm = await startStormdbOn(folder);
    const [ofRedis, ofStorm] = [await redis.connect(), await storm.connect()];
    for (const [name, commands] of values) {
      for (const [from, to] of [
        [ofRedis, ofStorm],
        [ofStorm, ofRedis],
      ] as const) {
        for (const client of [from, to]) await client.call("FLUSHALL");
        for (const command of commands) await from.call(...command);
        const payload = payloadOf(await from.call("DUMP", "k"));
        expect(await to.call("RESTORE", "k", "0", payload), name).toEqual("+OK\r\n");
        expect(await digestOf(to), name).toEqual(await digestOf(from));
        const again = await to.call("RESTORE", "k", "0", payload);
        expect(again).toEqual("-BUSYKEY Target key name already exists.\r\n");
        const time = "4000000000123";
        const more = ["REPLACE", "ABSTTL"];
        expect(await to.call("RESTORE", "k", time, payload, ...more)).toEqual("+OK\r\n");
        expect(await to.call("PEXPIRETIME", "k")).toEqual(`:${time}\r\n`);
        expect(await to.call("RESTORE", "k", "-1", payload, "REPLACE")).toEqual(
          "-ERR Invalid TTL value, must be >= 0\r\n",
        );
        const damaged = `${payload.slice(0, -1)}${payload.endsWith("a") ? "b" : "a"}`;
        expect(await to.call("RESTORE", "k", "0", damaged, "REPLACE")).toEqual(
          "-ERR DUMP payload version or checksum are wrong\r\n",
        );
      }
    }
  });

  test("a restored key is there after a restart", async () => {
    using folder = new DataFolder();
    let digest = "";
    {
      await using storm = await startStormdbOn(folder, ...AOF);
      const client = await storm.connect();
      await client.call("RPUSH", "k", "a", "b");
      const payload = payloadOf(await client.call("DUMP", "k"));
      await client.call("RESTORE", "other", "100000", payload);
      await client.call("RESTORE", "k", "0", payload, "REPLACE");
      // Its time has come already: nothing is there, and nothing stays of the old value.
      await client.call("RESTORE", "k", "1000", payload, "REPLACE", "ABSTTL");
      expect(await client.call("EXISTS", "k", "other")).toEqual(":1\r\n");
      digest = await digestOf(client);
      await kill(storm);
    }
    await using storm = await startStormdbOn(folder, ...AOF);
    expect(await digestOf(await storm.connect())).toEqual(digest);
  });
});

describe("saving", () => {
  const lastSave = (reply: string) => Number(reply.slice(1));

  test("SHUTDOWN saves where there are save points or it is asked to, else not", async () => {
    const cases: [string[], string, boolean][] = [
      [[], "SHUTDOWN", false],
      [[], "SHUTDOWN SAVE", true],
      [["--save", "900 1"], "SHUTDOWN", true],
      [["--save", "900 1"], "SHUTDOWN NOSAVE", false],
      [["--save", "900 1"], "SIGTERM", true],
      [[], "SIGTERM", false],
    ];
    for (const [args, end, saves] of cases) {
      using folder = new DataFolder();
      {
        await using storm = await startStormdbOn(folder, ...args);
        const client = await storm.connect();
        await client.call("SET", "a", "1");
        if (end === "SIGTERM") process.kill(storm.pid, "SIGTERM");
        else await client.call(...end.split(" ")).catch(() => "");
        expect(await storm.exited).toEqual(0);
      }
      await using storm = await startStormdbOn(folder, ...args);
      const client = await storm.connect();
      expect([end, args, await client.call("EXISTS", "a")]).toEqual([
        end,
        args,
        `:${Number(saves)}\r\n`,
      ]);
    }
  });

  test("SHUTDOWN in the middle of BGSAVE and of BGREWRITEAOF loses nothing", async () => {
    for (const command of ["BGSAVE", "BGREWRITEAOF"]) {
      using folder = new DataFolder();
      let digest = "";
      {
        await using storm = await startStormdbOn(folder, ...AOF, "--save", "900 1");
        const client = await storm.connect();
        for (let i = 0; i < 20; i++)
          await client.call("RPUSH", `l${i}`, ..."abcdefghij".repeat(200));
        digest = await digestOf(client);
        client.write(encodeCommand([command]));
        client.write(encodeCommand(["SHUTDOWN"]));
        expect(await storm.exited).toEqual(0);
      }
      for (const args of [AOF, []]) {
        await using storm = await startStormdbOn(folder, ...args);
        expect(await digestOf(await storm.connect())).toEqual(digest);
      }
    }
  });

  test("a save point fires, LASTSAVE tells, and DEBUG RELOAD changes nothing", async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, "--save", "1 2");
    const client = await storm.connect();
    const before = lastSave(await client.call("LASTSAVE"));
    await client.call("SET", "a", "1");
    await client.call("SET", "b", "1", "EX", "1000");
    await client.call("RPUSH", "l", "1", "a");
    await until("the data is saved", async () => lastSave(await client.call("LASTSAVE")) > before);
    expect(await infoField(client, "rdb_changes_since_last_save")).toEqual("0");
    const digest = await digestOf(client);
    expect(await client.call("DEBUG", "RELOAD")).toEqual("+OK\r\n");
    expect(await digestOf(client)).toEqual(digest);
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });

  test("BGSAVE SCHEDULE waits for the rewrite", async () => {
    using folder = new DataFolder();
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    for (let i = 0; i < 20; i++) await client.call("RPUSH", `l${i}`, ..."abcdefghij".repeat(500));
    const before = await infoField(client, "rdb_saves");
    const replies = await Promise.all([
      client.call("BGREWRITEAOF"),
      client.call("BGSAVE", "SCHEDULE"),
    ]);
    expect(replies).toEqual([
      "+Background append only file rewriting started\r\n",
      "+Background saving scheduled\r\n",
    ]);
    await until("it is saved", async () => (await infoField(client, "rdb_saves")) !== before);
    expect(await infoField(client, "rdb_last_bgsave_status")).toEqual("ok");
  });
});

describe("appendonly at run time", () => {
  /** Switches, changes something after each, and restarts. */
  async function expectSame(args: readonly string[], ...steps: string[]): Promise<void> {
    using folder = new DataFolder();
    let digest = "";
    {
      await using storm = await startStormdbOn(folder, ...args);
      const client = await storm.connect();
      for (let i = 0; i < 30; i++) await client.call("RPUSH", `l${i}`, ..."abcdefghij".repeat(100));
      for (const step of steps) {
        // Not waited for: the next one comes while the work of this one goes on.
        const replies = [client.call(...step.split(" ")), client.call("INCR", "n")];
        expect((await Promise.all(replies))[0]!.startsWith("+")).toEqual(true);
      }
      await untilIdle(client);
      await client.call("INCR", "n");
      digest = await digestOf(client);
      await kill(storm);
    }
    await using storm = await startStormdbOn(folder, ...AOF);
    expect(await digestOf(await storm.connect())).toEqual(digest);
  }

  const ON = "CONFIG SET appendonly yes";
  const OFF = "CONFIG SET appendonly no";

  test.each([
    ["on", [], [ON]],
    ["on while the data is saved", [], ["BGSAVE", ON]],
    ["on while a base is written without it", [], ["BGREWRITEAOF", ON]],
    ["off and on", AOF, [OFF, ON]],
    ["off and on, again and again", AOF, [OFF, ON, OFF, ON, OFF, ON]],
    ["off and on while the file is rewritten", AOF, ["BGREWRITEAOF", OFF, ON]],
  ])("%s", async (_, args, steps) => {
    await expectSame(args, ...steps);
  });

  test("off while the file is rewritten: what is on disk is what was there when it went off", async () => {
    using folder = new DataFolder();
    let digest = "";
    {
      await using storm = await startStormdbOn(folder, ...AOF);
      const client = await storm.connect();
      for (let i = 0; i < 30; i++) await client.call("RPUSH", `l${i}`, ..."abcdefghij".repeat(100));
      const calls = [["BGREWRITEAOF"], ["INCR", "n"], OFF.split(" "), ["DEBUG", "DIGEST"]];
      digest = (await Promise.all(calls.map((call) => client.call(...call))))[3]!;
      await client.call("INCR", "later");
      await untilIdle(client);
      await kill(storm);
    }
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    expect(`+${await digestOf(client)}\r\n`).toEqual(digest);
  });

  test("killed before the new base is there, the old files are as they were", async () => {
    using folder = new DataFolder();
    let digest = "";
    {
      await using storm = await startStormdbOn(folder, ...AOF);
      const client = await storm.connect();
      for (let i = 0; i < 30; i++) await client.call("RPUSH", `l${i}`, ..."abcdefghij".repeat(100));
      const calls = [["INCR", "n"], ["DEBUG", "DIGEST"], OFF.split(" "), ["FLUSHALL"]];
      digest = (await Promise.all(calls.map((call) => client.call(...call))))[1]!;
      // Large enough that the base is not there before the kill.
      await client.call("DEBUG", "POPULATE", "100000", "key", "100");
      await client.call(...ON.split(" "));
      await client.call("INCR", "n");
      await kill(storm);
    }
    await using storm = await startStormdbOn(folder, ...AOF);
    expect(`+${await digestOf(await storm.connect())}\r\n`).toEqual(digest);
  });

  test("an end before the new base is there waits for it", async () => {
    using folder = new DataFolder();
    {
      await using storm = await startStormdbOn(folder);
      const client = await storm.connect();
      await client.call("DEBUG", "POPULATE", "100000", "key", "100");
      await client.call("SET", "n", "0");
      client.write(Buffer.concat([ON.split(" "), ["INCR", "n"], ["SHUTDOWN"]].map(encodeCommand)));
      expect(await storm.exited).toEqual(0);
    }
    await using storm = await startStormdbOn(folder, ...AOF);
    const client = await storm.connect();
    expect(await client.call("DBSIZE")).toEqual(":100001\r\n");
    expect(await client.call("GET", "n")).toEqual("$1\r\n1\r\n");
  });

  test("the file is rewritten by itself when it has grown", async () => {
    using folder = new DataFolder();
    const auto = ["--auto-aof-rewrite-percentage", "100", "--auto-aof-rewrite-min-size", "2000"];
    await using storm = await startStormdbOn(folder, ...AOF, ...auto);
    const client = await storm.connect();
    for (let i = 0; i < 100; i++) await client.call("SET", "a", "x".repeat(100));
    await until("it is rewritten", async () => (await infoField(client, "aof_rewrites")) !== "0");
    await untilIdle(client);
    await until(
      "it is small",
      async () => Number(await infoField(client, "aof_current_size")) < 2000,
    );
  });
});

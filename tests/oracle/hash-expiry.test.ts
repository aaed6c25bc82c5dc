/**
 * Fields of hashes that expire, which came with Redis 7.4, and HGETDEL, HGETEX and HSETEX of 8.0. The
 * expected replies are those of the command reference: https://redis.io/docs/latest/commands/hexpire/ and
 * the pages beside it.
 */
import { describe, expect, test } from "bun:test";
import { startRedis, startStormdb, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { without } from "../harness/skips.ts";

async function connect(...directives: string[]) {
  const server = await startStormdb("--enable-debug-command", "yes", ...directives);
  return { server, client: await server.connect() };
}

/** Calls with their replies, line ends as "|". */
async function talk(client: RawClient, calls: readonly (readonly [string, string])[]) {
  for (const [call, reply] of calls) {
    const got = (await client.call(...call.split(" "))).replaceAll("\r\n", "|");
    expect([call, got]).toEqual([call, reply]);
  }
}

const MISSING = "-ERR Mandatory argument FIELDS is missing or not at the right position|";
const MISMATCH = "-ERR The `numfields` parameter must match the number of arguments|";

test("HEXPIRE and its relatives", async () => {
  const { client, server } = await connect();
  await using _ = server;
  await talk(client, [
    ["HSETEX ms EX 100 FIELDS 1 a 1", ":1|"],
    ["HPTTL none FIELDS 1 a", "*1|:-2|"],
  ]);
  const ttlMs = Number(
    /:(\d+)\r\n$/.exec(await client.call("HPTTL", "ms", "FIELDS", "1", "a"))![1],
  );
  expect(ttlMs).toBeWithin(60_000, 100_001);
  await talk(client, [
    ["HPTTL ms FIELDS 1 b", "*1|:-2|"],
    ["HEXPIRE none 100 FIELDS 2 a b", "*2|:-2|:-2|"],
    ["HSET h a 1 b 2 c 3 d 4", ":4|"],
    ["HEXPIRE h 100 FIELDS 3 a b none", "*3|:1|:1|:-2|"],
    ["OBJECT ENCODING h", "$10|listpackex|"],
    ["HTTL h FIELDS 4 a b c none", "*4|:100|:100|:-1|:-2|"],
    ["HEXPIRE h 200 NX FIELDS 2 a c", "*2|:0|:1|"],
    ["HEXPIRE h 300 XX FIELDS 2 a d", "*2|:1|:0|"],
    ["HEXPIRE h 200 GT FIELDS 3 a b d", "*3|:0|:1|:0|"],
    ["HEXPIRE h 250 LT FIELDS 3 a b d", "*3|:1|:0|:1|"],
    ["HTTL h FIELDS 4 a b c d", "*4|:250|:200|:200|:250|"],
    ["HPEXPIREAT h 4102444800123 FIELDS 1 a", "*1|:1|"],
    ["HEXPIRETIME h FIELDS 1 a", "*1|:4102444801|"],
    ["HPEXPIRETIME h FIELDS 1 a", "*1|:4102444800123|"],
    ["HEXPIREAT h 4102444800 FIELDS 1 a", "*1|:1|"],
    ["HPEXPIRETIME h FIELDS 2 a none", "*2|:4102444800000|:-2|"],
    ["HPERSIST h FIELDS 3 a none c", "*3|:1|:-2|:1|"],
    ["HPERSIST h FIELDS 1 a", "*1|:-1|"],
    ["HTTL h FIELDS 2 a c", "*2|:-1|:-1|"],
    // A time that is past removes the field.
    ["HPEXPIREAT h 1 FIELDS 1 a", "*1|:2|"],
    ["HEXPIRE h 0 FIELDS 1 b", "*1|:2|"],
    ["HGET h a", "$-1|"],
    ["HLEN h", ":2|"],
    ["HEXPIRE h 0 FIELDS 2 c d", "*2|:2|:2|"],
    ["EXISTS h", ":0|"],
    ["DEBUG CHECK", "+OK|"],
  ]);
});

test("what is wrong with them", async () => {
  const { client, server } = await connect();
  await using _ = server;
  const wrongType = "-WRONGTYPE Operation against a key holding the wrong kind of value|";
  await talk(client, [
    ["SET s v", "+OK|"],
    ["HSET h a 1", ":1|"],
    ["HEXPIRE s 1 FIELDS 1 a", wrongType],
    ["HTTL s FIELDS 1 a", wrongType],
    ["HPERSIST s FIELDS 1 a", wrongType],
    ["HGETDEL s FIELDS 1 a", wrongType],
    ["HGETEX s FIELDS 1 a", wrongType],
    ["HSETEX s FIELDS 1 a b", wrongType],
    ["HEXPIRE h 1 FIELDS 1", "-ERR wrong number of arguments for 'hexpire' command|"],
    ["HEXPIRE h x FIELDS 1 a", "-ERR value is not an integer or out of range|"],
    ["HEXPIRE h -1 FIELDS 1 a", "-ERR invalid expire time, must be >= 0|"],
    ["HEXPIRE h 281474976710655 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command|"],
    [
      "HPEXPIREAT h 281474976710655 FIELDS 1 a",
      "-ERR invalid expire time in 'hpexpireat' command|",
    ],
    ["HEXPIRE h 9223372036854775807 FIELDS 1 a", "-ERR invalid expire time in 'hexpire' command|"],
    ["HEXPIRE h 1 NX FIELD 1 a", MISSING],
    ["HEXPIRE h 1 NX XX FIELDS 1 a", MISSING],
    ["HEXPIRE h 1 FIELDS 2 a", MISMATCH],
    ["HEXPIRE h 1 FIELDS 1 a b", MISMATCH],
    ["HEXPIRE h 1 FIELDS 0 a", "-ERR Parameter `numFields` should be greater than 0|"],
    ["HTTL h FIELDS 0 a", "-ERR Number of fields must be a positive integer|"],
    ["HTTL h FIELDS 2 a", MISMATCH],
    ["HTTL h FIELD 1 a", MISSING],
    ["HPERSIST h FIELDS 2 a", MISMATCH],
    ["HGETDEL h FIELDS 2 a", MISMATCH],
    [
      "HGETEX h EX 1 PERSIST FIELDS 1 a",
      "-ERR Only one of EX, PX, EXAT, PXAT or PERSIST arguments can be specified|",
    ],
    ["HGETEX h NONSENSE FIELDS 1 a", "-ERR unknown argument: NONSENSE|"],
    [
      "HSETEX h EX 1 KEEPTTL FIELDS 1 a 1",
      "-ERR Only one of EX, PX, EXAT, PXAT or KEEPTTL arguments can be specified|",
    ],
    ["HSETEX h FNX FXX FIELDS 1 a 1", "-ERR Only one of FXX or FNX arguments can be specified|"],
    ["HSETEX h FIELDS 1 a 1 b", MISMATCH],
    ["HTTL h FIELDS 1 a", "*1|:-1|"],
    ["DEBUG CHECK", "+OK|"],
  ]);
});

test("HGETDEL, HGETEX and HSETEX", async () => {
  const { client, server } = await connect();
  await using _ = server;
  await talk(client, [
    ["HGETDEL none FIELDS 1 a", "*1|$-1|"],
    ["HGETEX none EX 5 FIELDS 1 a", "*1|$-1|"],
    ["HSETEX h EX 100 FIELDS 2 a 1 b 2", ":1|"],
    ["HTTL h FIELDS 2 a b", "*2|:100|:100|"],
    ["HSETEX h FNX FIELDS 2 b 3 c 3", ":0|"],
    ["HSETEX h FXX FIELDS 2 b 3 c 3", ":0|"],
    ["HSETEX h FXX KEEPTTL FIELDS 1 a 7", ":1|"],
    ["HTTL h FIELDS 1 a", "*1|:100|"],
    ["HSETEX h FNX PXAT 4102444800000 FIELDS 1 c 3", ":1|"],
    ["HPEXPIRETIME h FIELDS 1 c", "*1|:4102444800000|"],
    ["HSETEX h FIELDS 1 b 9", ":1|"],
    ["HTTL h FIELDS 1 b", "*1|:-1|"],
    ["HSETEX h XX FIELDS 1 d 1", ":1|"],
    ["HSETEX h NX FIELDS 1 e 1", ":0|"],
    ["HGETEX h FIELDS 2 a none", "*2|$1|7|$-1|"],
    ["HGETEX h PERSIST FIELDS 1 a", "*1|$1|7|"],
    ["HTTL h FIELDS 1 a", "*1|:-1|"],
    ["HGETEX h EX 50 FIELDS 2 a b", "*2|$1|7|$1|9|"],
    ["HTTL h FIELDS 2 a b", "*2|:50|:50|"],
    ["HGETEX h PXAT 1 FIELDS 1 b", "*1|$1|9|"],
    ["HEXISTS h b", ":0|"],
    ["HGETDEL h FIELDS 3 a none c", "*3|$1|7|$-1|$1|3|"],
    ["HGETDEL h FIELDS 1 d", "*1|$1|1|"],
    ["EXISTS h", ":0|"],
    ["HSETEX h PXAT 1 FIELDS 1 a 1", ":1|"],
    ["EXISTS h", ":0|"],
    ["DEBUG CHECK", "+OK|"],
  ]);
});

test("what other commands do to the expiry of a field", async () => {
  const { client, server } = await connect();
  await using _ = server;
  await talk(client, [
    ["HSETEX h EX 100 FIELDS 5 a 1 b 2 c 3 d 4 e 5", ":1|"],
    ["HSET h a 9", ":0|"],
    ["HINCRBY h b 1", ":3|"],
    ["HINCRBYFLOAT h c 1.5", "$3|4.5|"],
    ["HSETNX h d 9", ":0|"],
    ["HTTL h FIELDS 5 a b c d e", "*5|:-1|:100|:100|:100|:100|"],
    ["COPY h copied", ":1|"],
    ["HTTL copied FIELDS 2 a b", "*2|:-1|:100|"],
    ["RENAME copied renamed", "+OK|"],
    ["HTTL renamed FIELDS 2 a b", "*2|:-1|:100|"],
    ["MOVE renamed 1", ":1|"],
    ["EXPIRE h 1000", ":1|"],
    ["HTTL h FIELDS 2 a b", "*2|:-1|:100|"],
    ["SWAPDB 0 1", "+OK|"],
    ["HTTL renamed FIELDS 2 a b", "*2|:-1|:100|"],
    ["DEBUG CHECK", "+OK|"],
    ["FLUSHDB", "+OK|"],
    ["DEBUG CHECK", "+OK|"],
    ["SELECT 1", "+OK|"],
    ["HTTL h FIELDS 2 a b", "*2|:-1|:100|"],
    ["DEL h", ":1|"],
    ["DEBUG CHECK", "+OK|"],
  ]);
});

describe("fields whose time has passed", () => {
  test("go by themselves, and the key with the last", async () => {
    const { client, server } = await connect();
    await using _ = server;
    const listener = await server.connect();
    await client.call("CONFIG", "SET", "notify-keyspace-events", "Kgh");
    await listener.call("SUBSCRIBE", "__keyspace@0__:h");
    await talk(client, [
      ["HSETEX h PX 20 FIELDS 2 a 1 b 2", ":1|"],
      ["HSET h c 3", ":1|"],
    ]);
    await until("two fields are gone", async () => (await client.call("HLEN", "h")) === ":1\r\n");
    await talk(client, [
      ["HGETALL h", "*2|$1|c|$1|3|"],
      ["HPEXPIRE h 20 FIELDS 1 c", "*1|:1|"],
    ]);
    await until("the key is gone", async () => (await client.call("EXISTS", "h")) === ":0\r\n");
    const info = await client.call("INFO", "stats");
    expect(info).toContain("expired_subkeys:3\r\n");
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
    const events: string[] = [];
    while (events.at(-1) !== "del") events.push(/\r\n(\w+)\r\n$/.exec(await listener.read())![1]!);
    expect(events.filter((event, i) => event !== events[i - 1])).toEqual([
      "hset",
      "hexpire",
      "hset",
      "hexpired",
      "hexpire",
      "hexpired",
      "del",
    ]);
  });

  test("are told in INFO, and by DEBUG DIGEST after a restart", async () => {
    const { client, server } = await connect("--appendonly", "yes");
    await using _ = server;
    await client.call("HSETEX", "h", "EX", "1000", "FIELDS", "1", "a", "1");
    for (let i = 0; i < 700; i++)
      await client.call("HSETEX", "l", "EX", "1000", "FIELDS", "1", `f${i}`, "v");
    expect(await client.call("INFO", "keyspace")).toContain("subexpiry=2");
    const digest = await client.call("DEBUG", "DIGEST");
    await client.call("DEBUG", "RELOAD");
    expect(await client.call("DEBUG", "DIGEST")).toEqual(digest);
    await client.call("DEBUG", "LOADAOF");
    expect(await client.call("DEBUG", "DIGEST")).toEqual(digest);
    expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
    expect(await client.call("INFO", "keyspace")).toContain("subexpiry=2");
  });

  test("leave a replica by the primary's HDEL", async () => {
    const { client, server } = await connect();
    await using primary = server;
    const other = await connect("--replicaof", `127.0.0.1 ${primary.port}`);
    await using _ = other.server;
    await until("the link is up", async () =>
      (await other.client.call("INFO", "replication")).includes("master_link_status:up"),
    );
    await talk(client, [
      ["HSETEX h PX 30 FIELDS 1 a 1", ":1|"],
      ["HSETEX h EX 500 FIELDS 1 b 2", ":1|"],
      ["HINCRBYFLOAT h b 1.5", "$3|3.5|"],
      ["HPEXPIRE h 400000 FIELDS 1 b", "*1|:1|"],
    ]);
    await until("the field is gone", async () => (await client.call("HLEN", "h")) === ":1\r\n");
    const same = async () =>
      (await other.client.call("DEBUG", "DIGEST")) === (await client.call("DEBUG", "DIGEST"));
    await until("both have the same", same);
    const time = await client.call("HPEXPIRETIME", "h", "FIELDS", "1", "b");
    expect(await other.client.call("HPEXPIRETIME", "h", "FIELDS", "1", "b")).toEqual(time);
    expect(await other.client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });
});

describe.skipIf(without("redis-server"))("files", () => {
  test("are of version 10 as long as no field expires, so that Redis 7.0 takes the values", async () => {
    const { client, server } = await connect();
    await using _ = server;
    await using redis = await startRedis();
    const theirs = await redis.connect();
    await client.call("HSETEX", "h", "EX", "1000", "FIELDS", "1", "a", "1");
    const versionOf = async () => {
      const dump = Buffer.from(await client.call("DUMP", "h"), "latin1");
      return dump[dump.length - 12];
    };
    expect(await versionOf()).toEqual(12);
    await client.call("CONFIG", "SET", "rdb-dialect", "valkey");
    expect(await versionOf()).toEqual(80);
    await client.call("HPERSIST", "h", "FIELDS", "1", "a");
    expect(await versionOf()).toEqual(10);
    const dump = /^\$\d+\r\n(.*)\r\n$/s.exec(await client.call("DUMP", "h"))![1]!;
    expect(await theirs.call("RESTORE", "h", "0", dump)).toEqual("+OK\r\n");
    expect(await theirs.call("HGETALL", "h")).toEqual(await client.call("HGETALL", "h"));
  });
});

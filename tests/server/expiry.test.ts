/** Keys that expire, seen from outside: by access, and by themselves. */
import { expect, test } from "bun:test";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { readInfo, readInfoNumber } from "./info.ts";
import { sameAsRedis } from "./same-as-redis.ts";

/** Waits until the server's own clock has passed a time in ms from now. */
async function letPass(client: RawClient, ms: number): Promise<void> {
  const now = async () => {
    const [, , seconds, , us] = (await client.call("TIME")).split("\r\n");
    return Number(seconds) * 1000 + Number(us) / 1000;
  };
  const end = (await now()) + ms;
  await until("the time has passed", async () => (await now()) > end);
}

async function dbsize(client: RawClient): Promise<number> {
  return Number((await client.call("DBSIZE")).slice(1));
}

const expired = (client: RawClient) => readInfoNumber(client, "stats", "expired_keys");

test("keys go by themselves, in every database, and are counted", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  const calls: Promise<string>[] = [];
  for (const database of ["0", "9"]) {
    calls.push(client.call("SELECT", database));
    for (let i = 0; i < 1000; i++) {
      calls.push(client.call("SET", `string:${i}`, `value:${i}`, "PX", String(1 + (i % 100))));
    }
    calls.push(client.call("RPUSH", "list", "a", "b"), client.call("PEXPIRE", "list", "60"));
    calls.push(client.call("SET", "stays", "1"), client.call("SET", "later", "1", "EX", "1000"));
  }
  await Promise.all(calls);
  await until("only two are left in the database", async () => (await dbsize(client)) === 2);
  expect(await client.call("SELECT", "0")).toEqual("+OK\r\n");
  await until("and in the other", async () => (await dbsize(client)) === 2);
  expect(await expired(client)).toEqual(2002);
  const { db0, db9 } = await readInfo(client, "keyspace");
  expect([db0, db9].map((line) => line!.replace(/avg_ttl=\d+/, ""))).toEqual([
    "keys=2,expires=1,",
    "keys=2,expires=1,",
  ]);
  expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
});

test("100,000 keys that expire in the same millisecond all go", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  expect(await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0")).toEqual("+OK\r\n");
  const at = String(Date.now() + 300);
  const lines = Array.from({ length: 100_000 }, (_, i) => `SET key:${i} x PXAT ${at}\r\n`);
  client.write(`CLIENT REPLY OFF\r\n${lines.join("")}CLIENT REPLY ON\r\n`);
  expect(await client.read()).toEqual("+OK\r\n");
  await letPass(client, 300);
  const before = await dbsize(client);
  expect(await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "1")).toEqual("+OK\r\n");
  await until("all are gone", async () => (await dbsize(client)) === 0);
  expect({ before, expired: await expired(client) }).toEqual({ before: 100_000, expired: 100_000 });
  expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
});

const WITHOUT_ACTIVE = async (server: RunningServer) => {
  const client = await server.connect();
  await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
  for (const key of ["a", "b", "c", "d", "e", "f", "g", "h", "i"]) {
    await client.call("SET", key, "1", "PX", "20");
  }
  await client.call("RPUSH", "list", "1");
  await client.call("PEXPIRE", "list", "20");
  await client.call("SET", "stays", "1");
  await letPass(client, 30);
  const replies: string[] = [];
  for (const line of [
    "DBSIZE",
    "GET a",
    "DBSIZE",
    "KEYS *",
    "SCAN 0 COUNT 100",
    "EXISTS b",
    "TTL c",
    "TYPE d",
    "INCR e",
    "SET f 2 XX",
    "SET g 2 KEEPTTL",
    "TTL g",
    "RENAME h i",
    "EXPIRE i 10",
    "RPUSH list 2",
    "LRANGE list 0 -1",
    "DBSIZE",
    "DBSIZE",
    "RANDOMKEY",
    "FLUSHALL",
    "RANDOMKEY",
  ]) {
    const reply = await client.call(...line.split(" "));
    // Which of the live keys comes is chance.
    replies.push(line === "RANDOMKEY" ? reply.slice(0, 1) : `${line} -> ${reply}`);
  }
  replies.push(`expired_keys ${await expired(client)}`);
  return replies;
};

sameAsRedis("with DEBUG SET-ACTIVE-EXPIRE 0 keys go when they are looked at", [], WITHOUT_ACTIVE);

test("RANDOMKEY never returns an expired key", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
  for (let i = 0; i < 200; i++) await client.call("SET", `gone:${i}`, "1", "PX", "1");
  await client.call("SET", "stays", "1");
  await letPass(client, 5);
  for (let i = 0; i < 20; i++) {
    expect(await client.call("RANDOMKEY")).toEqual("$5\r\nstays\r\n");
  }
  await client.call("DEL", "stays");
  expect(await client.call("RANDOMKEY")).toEqual("$-1\r\n");
  expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
});

test("a changed expiry counts, and PERSIST keeps the key", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  // In one piece, so that no key expires before the command behind it.
  const lines = [
    "SET sooner 1 EX 1000",
    "PEXPIRE sooner 20",
    "SET later 1 PX 20",
    "EXPIRE later 1000",
    "SET persisted 1 PX 20",
    "PERSIST persisted",
    "SET replaced 1 PX 20",
    "SET replaced 2",
    "SET moved 1 PX 20",
    "RENAME moved renamed",
    "SET copied 1 PX 20",
    "COPY copied copy",
    "PERSIST copied",
  ];
  client.write(lines.map((line) => `${line}\r\n`).join(""));
  for (const _ of lines) await client.read();
  await until("three are gone", async () => (await dbsize(client)) === 4);
  expect(await client.call("EXISTS", "later", "persisted", "replaced", "copied")).toEqual(":4\r\n");
  expect(await expired(client)).toEqual(3);
});

sameAsRedis(
  "whoever has become a replica keeps the keys whose time has come, also when it loads",
  ["--enable-debug-command", "yes"],
  async (server) => {
    const client = await server.connect();
    await client.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    await client.call("SET", "key", "value", "PX", "1");
    await letPass(client, 5);
    // Nobody listens there.
    const became = await client.call("REPLICAOF", "127.0.0.1", "1");
    const reloaded = await client.call("DEBUG", "RELOAD");
    const size = await dbsize(client);
    const promoted = await client.call("REPLICAOF", "NO", "ONE");
    return [
      became,
      reloaded,
      size,
      promoted,
      await client.call("DEBUG", "RELOAD"),
      await dbsize(client),
    ];
  },
);

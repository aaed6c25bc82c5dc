/** An append-only file may hold anything: commands about a connection or the process are skipped. */
import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataFolder, startStormdbOn } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";

const SKIPPED = [
  "SUBSCRIBE c",
  "PSUBSCRIBE c*",
  "SSUBSCRIBE c",
  "UNSUBSCRIBE",
  "MONITOR",
  "AUTH x",
  "HELLO 3",
  "RESET",
  "QUIT",
  "CLIENT REPLY OFF",
  "CLIENT PAUSE 100000 ALL",
  "CLIENT KILL TYPE normal",
  "WATCH a",
  "UNWATCH",
  "DISCARD",
  "WAIT 1 0",
  "SYNC",
  "PSYNC ? -1",
  "REPLCONF listening-port 1",
  "REPLICAOF 127.0.0.1 1",
  "FAILOVER",
  "CONFIG SET maxmemory 1",
  "DEBUG SET-ACTIVE-EXPIRE 0",
  "SAVE",
  "BGREWRITEAOF",
  "SHUTDOWN NOSAVE",
];

test("what is about a connection or the process is skipped, the rest is data", async () => {
  using folder = new DataFolder();
  const lines = [
    "SELECT 0",
    "SET before 1",
    ...SKIPPED,
    // These change data, and would wait elsewhere.
    "BLPOP none 0",
    "BLMOVE none b LEFT LEFT 0",
    "MULTI",
    "SUBSCRIBE c",
    "INCR n",
    "EXEC",
    "SET after 1",
  ];
  mkdirSync(join(folder.path, "appendonlydir"));
  const file = "appendonly.aof.1.incr.aof";
  const bytes = Buffer.concat(lines.map((line) => encodeCommand(line.split(" "))));
  writeFileSync(join(folder.path, "appendonlydir", file), bytes);
  writeFileSync(
    join(folder.path, "appendonlydir", "appendonly.aof.manifest"),
    `file ${file} seq 1 type i\n`,
  );
  await using storm = await startStormdbOn(folder, "--appendonly", "yes");
  const client = await storm.connect();
  expect(await client.call("MGET", "before", "n", "after")).toEqual(
    "*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n",
  );
  // Nobody is subscribed, and publishing works.
  expect(await client.call("PUBSUB", "NUMSUB", "c")).toEqual("*2\r\n$1\r\nc\r\n:0\r\n");
  for (const command of ["PUBLISH", "SPUBLISH"]) {
    expect(await client.call(command, "c", "message")).toEqual(":0\r\n");
  }
  expect(await client.call("CONFIG", "GET", "maxmemory")).toContain("\r\n0\r\n");
  expect(await client.call("ROLE")).toStartWith("*3\r\n$6\r\nmaster\r\n");
  expect(await client.call("SET", "a", "1")).toEqual("+OK\r\n");
  const names = [...storm.output().matchAll(/Skipped '([^']+)'/g)].map(([, name]) => name);
  expect(names).toContain("subscribe");
  expect(new Set(names).size).toEqual(names.length);
});

/** Names and ports that replicas and commands tell: nothing in them may add a line anywhere. */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataFolder, startStormdb, startStormdbOn } from "../harness/processes.ts";

const INJECTED = "127.0.0.1 1\nenable-debug-command yes\n#";

test("REPLCONF ip-address and listening-port", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  for (const ip of ["x\r\nevil:1", "a b", "\x1b[31m", "\0", "x".repeat(256)]) {
    expect(await client.call("REPLCONF", "ip-address", ip)).toStartWith("-ERR REPLCONF ip-address");
  }
  for (const port of ["65536", "-1", "99999999999"]) {
    expect(await client.call("REPLCONF", "listening-port", port)).toStartWith("-ERR");
  }
  expect(await client.call("REPLCONF", "ip-address", "10.0.0.1", "listening-port", "1")).toEqual(
    "+OK\r\n",
  );
  expect(await client.call("REPLCONF", "capa", "e\r\nof")).toEqual("+OK\r\n");
  client.write(Buffer.from("*3\r\n$5\r\nPSYNC\r\n$1\r\n?\r\n$2\r\n-1\r\n"));
  const info = await (await storm.connect()).call("INFO", "replication");
  expect(info).toContain("slave0:ip=10.0.0.1,port=1,");
  expect(info).not.toContain("evil");
});

test("REPLICAOF and FAILOVER TO", async () => {
  using folder = new DataFolder();
  const file = join(folder.path, "storm.conf");
  writeFileSync(file, "");
  await using storm = await startStormdbOn(folder);
  const client = await storm.connect();
  for (const host of [INJECTED, "a b", "", "a\0b", "\x1b[31m"]) {
    expect(await client.call("REPLICAOF", host, "6379")).toEqual("-ERR Invalid master host\r\n");
    expect(await client.call("FAILOVER", "TO", host, "6379")).toStartWith("-ERR");
  }
  expect(await client.call("ROLE")).toContain("master");
  expect(readFileSync(file, "latin1")).toEqual("");
});

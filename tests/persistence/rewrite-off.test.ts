/** BGREWRITEAOF while the append-only file is off, on a folder that holds an older one. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startStormdb, until } from "../harness/processes.ts";

test("the older parts give way to a new base, and the data is that of now", async () => {
  await using server = await startStormdb("--appendonly", "yes");
  const client = await server.connect();
  await client.call("SET", "a", "1");
  await client.call("CONFIG", "SET", "appendonly", "no");
  await client.call("SET", "a", "2");
  expect(await client.call("BGREWRITEAOF")).toStartWith("+Background");
  await until("the rewrite has ended", async () =>
    (await client.call("INFO", "persistence")).includes("aof_rewrites:1"),
  );
  const folder = join(server.folder, "appendonlydir");
  const names = ["appendonly.aof.2.base.rdb", "appendonly.aof.manifest"];
  expect(readdirSync(folder).sort()).toEqual(names);
  expect(readFileSync(join(folder, names[1]!), "latin1")).toEqual(
    "file appendonly.aof.2.base.rdb seq 2 type b\n",
  );
});

/** StormDB inside another program: createServer, its clock and its seed. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RedisClient } from "bun";
import { createServer, type EmbeddedServer } from "../../src/index.ts";

const ROOT = join(import.meta.dir, "../..");
const folder = mkdtempSync(join(tmpdir(), "stormdb-embedding-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function connect(server: EmbeddedServer): Promise<RedisClient> {
  const client = new RedisClient(server.url);
  await client.connect();
  return client;
}

test("several servers in one process share nothing", async () => {
  await using a = await createServer();
  await using b = await createServer();
  const [ofA, ofB] = await Promise.all([connect(a), connect(b)]);
  await ofA.set("key", "of a");
  await ofA.send("CONFIG", ["SET", "maxclients", "7"]);
  expect(a.port).not.toEqual(b.port);
  expect(await ofB.get("key")).toEqual(null);
  expect(await ofB.send("CONFIG", ["GET", "maxclients"])).toEqual({ maxclients: "10000" });
  a.advanceBy(3_600_000);
  const [, time] = [await ofA.send("TIME", []), await ofB.send("TIME", [])];
  expect(Math.abs(Number(time[0]) - Date.now() / 1000)).toBeLessThan(1800);
  ofA.close();
  ofB.close();
});

test("the clock can be moved: keys expire and waits end", async () => {
  await using server = await createServer({ directives: { "notify-keyspace-events": "Ex" } });
  const client = await connect(server);
  const listener = await connect(server);
  const waiting = await connect(server);
  const expired = Promise.withResolvers<string>();
  await listener.subscribe("__keyevent@0__:expired", (key) => expired.resolve(key));
  await client.send("SET", ["session", "x", "EX", "3600"]);
  const popped = waiting.send("BLPOP", ["queue", "600"]);
  while (!String(await client.send("INFO", ["clients"])).includes("blocked_clients:1"));
  server.advanceBy(3_599_000);
  expect(await client.exists("session")).toEqual(true);
  expect(await popped).toEqual(null);
  server.advanceBy(2000);
  expect(await expired.promise).toEqual("session");
  expect(await client.exists("session")).toEqual(false);
  for (const one of [client, listener, waiting]) one.close();
});

test("chance follows from the seed", async () => {
  const draws: string[][] = [];
  for (const seed of [7, 7, 8]) {
    await using server = await createServer({ seed });
    const client = await connect(server);
    for (let i = 0; i < 100; i++) await client.set(`key:${i}`, "x");
    const drawn: string[] = [];
    for (let i = 0; i < 20; i++) drawn.push(String(await client.send("RANDOMKEY", [])));
    draws.push(drawn);
    client.close();
  }
  expect(draws[1]).toEqual(draws[0]!);
  expect(draws[2]).not.toEqual(draws[0]!);
});

describe("directives", () => {
  test("data is kept where they say so, and loaded again", async () => {
    const directives = { dir: folder, appendonly: "yes", appendfsync: "always" };
    const first = await createServer({ directives });
    const writer = await connect(first);
    await writer.set("kept", "yes");
    writer.close();
    await first.close();
    await using second = await createServer({ directives });
    const reader = await connect(second);
    expect(await reader.get("kept")).toEqual("yes");
    reader.close();
  });

  test("nothing is written without them", async () => {
    const before = readdirSync(process.cwd());
    const server = await createServer();
    const client = await connect(server);
    await client.set("key", "x");
    client.close();
    await server.close();
    expect(readdirSync(process.cwd())).toEqual(before);
  });

  test("a value of several words, and one with a space", async () => {
    await using server = await createServer({
      directives: { save: "60 1000 300 10", requirepass: "two words", dir: folder },
    });
    const client = new RedisClient(server.url.replace("//", "//:two%20words@"));
    expect(await client.send("CONFIG", ["GET", "save"])).toEqual({ save: "60 1000 300 10" });
    client.close();
  });

  test("a wrong one rejects, and so does a port that is taken", async () => {
    expect(createServer({ directives: { nonsense: 1 } })).rejects.toThrow(
      "unknown directive 'nonsense'",
    );
    await using server = await createServer();
    expect(createServer({ port: server.port })).rejects.toThrow("can't listen on");
  });
});

test("the README's example passes as a test of its own", async () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const example = /<!-- example test -->\n+```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  // Inside the package, so that its name can be imported.
  const file = join(ROOT, "tests/embedding", `readme-${process.pid}.test.ts`);
  writeFileSync(file, example);
  try {
    const run = Bun.spawn([process.execPath, "test", file], {
      cwd: ROOT,
      stdout: "pipe",
      stderr: "pipe",
    });
    const output = `${await run.stdout.text()}${await run.stderr.text()}`;
    expect({ code: await run.exited, output }).toEqual({
      code: 0,
      output: expect.stringMatching(/ 1 pass\n/),
    });
  } finally {
    rmSync(file);
  }
});

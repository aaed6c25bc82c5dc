/** Bun's own client, which speaks RESP3. */
import { expect, test } from "bun:test";
import { RedisClient, type RedisOptions } from "bun";
import { type RunningServer, until } from "../harness/processes.ts";
import { againstBoth, BINARY_KEY, BINARY_VALUE, expectOwnReplies, rejection } from "./servers.ts";

/** A client that is closed with its scope. */
async function open(
  server: RunningServer,
  options: RedisOptions = {},
  login = "",
  database = "",
): Promise<RedisClient & AsyncDisposable> {
  const client = new RedisClient(`redis://${login}127.0.0.1:${server.port}${database}`, options);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.close() });
}

againstBoth("Bun's RedisClient", (start) => {
  test("connects, and finds its way in with a password", async () => {
    await using server = await start("--requirepass", "secret");
    await using client = await open(server, {}, ":secret@", "/3");
    expect(await client.ping()).toEqual("PONG");
    const info = String(await client.send("CLIENT", ["INFO"]));
    expect(info).toContain(" db=3 ");
    expect(info).toContain("resp=3");
    const wrong = new RedisClient(`redis://:wrong@127.0.0.1:${server.port}`, { maxRetries: 0 });
    expect(await rejection(wrong.connect())).not.toStartWith("resolved");
    wrong.close();
  });

  test("strings with every option of SET", async () => {
    await using server = await start();
    await using client = await open(server);
    const seconds = Math.floor(Date.now() / 1000) + 1000;
    expect(await client.set("a", "1")).toEqual("OK");
    expect(await client.set("a", "2", "NX")).toBeNull();
    expect(await client.set("b", "2", "XX")).toBeNull();
    expect(await client.set("a", "2", "GET")).toEqual("1");
    expect(await client.set("c", "3", "GET")).toBeNull();
    expect(await client.set("a", "3", "EX", 100)).toEqual("OK");
    expect(await client.set("a", "4", "KEEPTTL")).toEqual("OK");
    expect(await client.ttl("a")).toBeWithin(98, 101);
    expect(await client.set("a", "5", "PX", 50_000)).toEqual("OK");
    expect(await client.pttl("a")).toBeWithin(40_000, 50_001);
    expect(await client.set("a", "6", "EXAT", seconds)).toEqual("OK");
    expect(await client.expiretime("a")).toEqual(seconds);
    expect(await client.set("a", "7", "PXAT", seconds * 1000 + 5)).toEqual("OK");
    expect(await client.pexpiretime("a")).toEqual(seconds * 1000 + 5);
    expect(await client.set("a", "8", "XX", "GET", "EX", "10")).toEqual("7");
    expect(await client.mget("a", "missing", "c")).toEqual(["8", null, "3"]);
    expect(await client.getrange("a", 0, -1)).toEqual("8");
    expect(await client.append("a", "23")).toEqual(3);
    expect(await client.getdel("a")).toEqual("823");
    expect(await client.exists("a")).toEqual(false);
    expect(await client.set("ünï", "wörld ✓")).toEqual("OK");
    expect(await client.get("ünï")).toEqual("wörld ✓");
  });

  test("numbers", async () => {
    await using server = await start();
    await using client = await open(server);
    expect(await client.incr("n")).toEqual(1);
    expect(await client.incrby("n", 41)).toEqual(42);
    expect(await client.decrby("n", 50)).toEqual(-8);
    expect(await client.incrbyfloat("f", 2.5)).toEqual("2.5");
  });

  test("bytes that are no text", async () => {
    await using server = await start();
    await using client = await open(server);
    expect(await client.set(BINARY_KEY, BINARY_VALUE)).toEqual("OK");
    expect(Buffer.from((await client.getBuffer(BINARY_KEY))!)).toEqual(BINARY_VALUE);
  });

  test("lists", async () => {
    await using server = await start();
    await using client = await open(server);
    const elements = Array.from({ length: 1000 }, (_, i) => `element:${i}`);
    expect(await client.send("RPUSH", ["list", ...elements])).toEqual(1000);
    expect(await client.lrange("list", 0, -1)).toEqual(elements);
    expect(await client.lpop("list")).toEqual("element:0");
    expect(await client.rpop("list")).toEqual("element:999");
    expect(await client.lindex("list", 5)).toEqual("element:6");
    expect(await client.lpos("list", "element:6")).toEqual(5);
    expect(await client.lmove("list", "other", "LEFT", "RIGHT")).toEqual("element:1");
    expect(await client.ltrim("list", 0, 1)).toEqual("OK");
    expect(await client.llen("list")).toEqual(2);
    expect(await client.lpop("missing")).toBeNull();
  });

  test("expiry", async () => {
    await using server = await start();
    await using client = await open(server);
    await client.set("soon", "1", "PX", 20);
    await client.set("later", "1", "EX", 1000);
    expect(await client.persist("later")).toEqual(1);
    expect(await client.ttl("later")).toEqual(-1);
    await until("it expires", async () => (await client.get("soon")) === null);
    expect(await client.send("DBSIZE", [])).toEqual(1);
  });

  test("scan until the cursor is 0", async () => {
    await using server = await start();
    await using client = await open(server);
    const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`);
    await Promise.all(keys.map((key) => client.set(key, "1")));
    const found = new Set<string>();
    let cursor: string | number = 0;
    do {
      const [next, part]: [string, string[]] = await client.scan(cursor, "COUNT", 100);
      for (const key of part) found.add(key);
      cursor = next;
    } while (cursor !== "0");
    expect([...found].sort()).toEqual(keys.sort());
  });

  test("many calls at once, with and without automatic pipelines", async () => {
    await using server = await start();
    for (const enableAutoPipelining of [true, false]) {
      await using client = await open(server, { enableAutoPipelining });
      await client.send("FLUSHALL", []);
      await expectOwnReplies(client);
    }
  });

  test("RESP3's types arrive as JavaScript's", async () => {
    await using server = await start();
    await using client = await open(server);
    const sample = (type: string) => client.send("DEBUG", ["PROTOCOL", type]) as Promise<unknown>;
    expect(await sample("string")).toEqual("Hello World");
    expect(await sample("integer")).toEqual(12345);
    expect(await sample("double")).toEqual(Number("3.141"));
    expect(await sample("null")).toBeNull();
    expect(await sample("array")).toEqual([0, 1, 2]);
    expect(await sample("set")).toEqual([0, 1, 2]);
    expect(await sample("true")).toEqual(true);
    expect(await sample("false")).toEqual(false);
    expect(await sample("verbatim")).toEqual("This is a verbatim\nstring");
    expect({ ...((await sample("map")) as object) }).toEqual({ 0: false, 1: true, 2: false });
    expect({ ...(await client.send("CONFIG", ["GET", "maxmemory"])) }).toEqual({ maxmemory: "0" });
  });

  test("errors are errors", async () => {
    await using server = await start();
    await using client = await open(server);
    await client.set("a", "x");
    expect(await rejection(client.incr("a"))).toContain("value is not an integer or out of range");
    expect(await rejection(client.lpush("a", "1"))).toContain("WRONGTYPE Operation against a key");
    expect(await rejection(client.send("NOSUCH", ["x y"]))).toContain("unknown command 'NOSUCH'");
    expect(await client.get("a")).toEqual("x");
  });

  test("databases", async () => {
    await using server = await start();
    await using client = await open(server);
    await using other = await open(server, {}, "", "/7");
    await client.set("a", "zero");
    expect(await other.get("a")).toBeNull();
    expect(await client.send("SELECT", ["7"])).toEqual("OK");
    await client.set("a", "seven");
    expect(await other.get("a")).toEqual("seven");
  });

  test("connects again after CLIENT KILL", async () => {
    await using server = await start();
    await using client = await open(server);
    await using killer = await open(server);
    await client.set("a", "1");
    for (let round = 0; round < 3; round++) {
      const id = String(await client.send("CLIENT", ["ID"]));
      expect(await killer.send("CLIENT", ["KILL", "ID", id])).toEqual(1);
      await until("it is back", async () => (await rejection(client.get("a"))) === "resolved to 1");
      expect(String(await client.send("CLIENT", ["ID"]))).not.toEqual(id);
    }
  });

  test("a value of 5 MB", async () => {
    await using server = await start();
    await using client = await open(server);
    const value = "0123456789".repeat(500_000);
    expect(await client.set("big", value)).toEqual("OK");
    expect((await client.get("big")) === value).toEqual(true);
  });
});

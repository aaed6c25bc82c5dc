/** node-redis (the package "redis"), in RESP2 and in RESP3. */
import { describe, expect, test } from "bun:test";
import { createClient, RESP_TYPES } from "redis";
import { type RunningServer, until } from "../harness/processes.ts";
import { againstBoth, BINARY_KEY, BINARY_VALUE, expectOwnReplies, rejection } from "./servers.ts";

type Options = NonNullable<Parameters<typeof createClient>[0]>;

/** A client that is closed with its scope. */
async function open(server: RunningServer, RESP: 2 | 3, options: Partial<Options> = {}) {
  const client = createClient({
    ...options,
    RESP,
    socket: { host: "127.0.0.1", port: server.port, reconnectStrategy: 10 },
  });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, {
    [Symbol.asyncDispose]: async () => {
      if (client.isOpen) client.destroy();
    },
  });
}

againstBoth("node-redis", (start) => {
  describe.each([2, 3] as const)("RESP%i", (protocol) => {
    test("connects, says who it is, and finds its way in with a password", async () => {
      await using server = await start("--requirepass", "secret");
      await using client = await open(server, protocol, {
        password: "secret",
        database: 3,
        name: "tester",
      });
      expect(await client.ping()).toEqual("PONG");
      expect(await client.clientGetName()).toEqual("tester");
      const info = await client.clientInfo();
      expect({ db: info.db, resp: info.resp, name: info.name }).toEqual({
        db: 3,
        resp: protocol,
        name: "tester",
      });
      const wrong = createClient({
        RESP: protocol,
        password: "wrong",
        socket: { host: "127.0.0.1", port: server.port, reconnectStrategy: false },
      });
      wrong.on("error", () => {});
      expect(await rejection(wrong.connect())).toStartWith("WRONGPASS");
    });

    test("strings with every option of SET", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      const seconds = Math.floor(Date.now() / 1000) + 1000;
      expect(await client.set("a", "1")).toEqual("OK");
      expect(await client.set("a", "2", { condition: "NX" })).toBeNull();
      expect(await client.set("b", "2", { condition: "XX" })).toBeNull();
      expect(await client.set("a", "2", { GET: true })).toEqual("1");
      expect(await client.set("c", "3", { GET: true })).toBeNull();
      expect(await client.set("a", "3", { expiration: { type: "EX", value: 100 } })).toEqual("OK");
      expect(await client.set("a", "4", { expiration: "KEEPTTL" })).toEqual("OK");
      expect(await client.ttl("a")).toBeWithin(98, 101);
      expect(
        await client.set("a", "5", { expiration: { type: "PX", value: 50_000 }, condition: "XX" }),
      ).toEqual("OK");
      expect(await client.pTTL("a")).toBeWithin(40_000, 50_001);
      expect(await client.set("a", "6", { expiration: { type: "EXAT", value: seconds } })).toEqual(
        "OK",
      );
      expect(await client.expireTime("a")).toEqual(seconds);
      expect(
        await client.set("a", "7", {
          expiration: { type: "PXAT", value: seconds * 1000 + 5 },
          GET: true,
        }),
      ).toEqual("6");
      expect(await client.pExpireTime("a")).toEqual(seconds * 1000 + 5);
      expect(await client.mGet(["a", "missing", "c"])).toEqual(["7", null, "3"]);
      expect(await client.mSet({ x: "1", y: "2" })).toEqual("OK");
      expect((await client.mSetNX({ x: "1", z: "2" })) as unknown).toEqual(0);
      expect(await client.getRange("a", 0, -1)).toEqual("7");
      expect(await client.append("x", "23")).toEqual(3);
      expect(await client.getDel("x")).toEqual("123");
      expect(await client.getEx("y", { type: "PERSIST" })).toEqual("2");
      expect(await client.exists(["x", "y", "y"])).toEqual(2);
      expect(await client.set("ünï", "wörld ✓")).toEqual("OK");
      expect(await client.get("ünï")).toEqual("wörld ✓");
      expect(await client.lcs("a", "c")).toEqual("");
    });

    test("numbers", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      expect(await client.incr("n")).toEqual(1);
      expect(await client.incrBy("n", 41)).toEqual(42);
      expect(await client.decrBy("n", 50)).toEqual(-8);
      expect(await client.incrByFloat("f", 0.5)).toEqual("0.5");
      expect(await client.incrByFloat("f", 2.5e3)).toEqual("2500.5");
    });

    test("bytes that are no text", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      expect(await bytes.set(BINARY_KEY, BINARY_VALUE)).toEqual("OK");
      expect(await bytes.get(BINARY_KEY)).toEqual(BINARY_VALUE);
      expect(await bytes.rPush("list", [BINARY_VALUE, BINARY_KEY])).toEqual(2);
      expect(await bytes.lRange("list", 0, -1)).toEqual([BINARY_VALUE, BINARY_KEY]);
    });

    test("lists", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      const elements = Array.from({ length: 1000 }, (_, i) => `element:${i}`);
      expect(await client.rPush("list", elements)).toEqual(1000);
      expect(await client.lRange("list", 0, -1)).toEqual(elements);
      expect(await client.lPop("list")).toEqual("element:0");
      expect(await client.rPopCount("list", 2)).toEqual(["element:999", "element:998"]);
      expect(await client.lIndex("list", 5)).toEqual("element:6");
      expect(await client.lPos("list", "element:6")).toEqual(5);
      expect(await client.lInsert("list", "BEFORE", "element:6", "new")).toEqual(998);
      expect(await client.lRem("list", 0, "new")).toEqual(1);
      expect(await client.lMove("list", "other", "LEFT", "RIGHT")).toEqual("element:1");
      expect(await client.lTrim("list", 0, 1)).toEqual("OK");
      expect(await client.lmPop(["missing", "list"], "LEFT", { COUNT: 5 })).toEqual([
        "list",
        ["element:2", "element:3"],
      ]);
      expect(await client.lPop("missing")).toBeNull();
      expect(await client.lPopCount("missing", 3)).toBeNull();
      expect(await client.lLen("list")).toEqual(0);
      expect(await client.type("other")).toEqual("list");
    });

    test("expiry", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      await client.pSetEx("soon", 20, "1");
      await client.setEx("later", 1000, "1");
      expect(await client.expire("later", 2000, "GT")).toEqual(1);
      expect(await client.expire("later", 10, "NX")).toEqual(0);
      expect(await client.persist("later")).toEqual(1);
      expect(await client.ttl("later")).toEqual(-1);
      await until("it expires", async () => (await client.get("soon")) === null);
      expect(await client.dbSize()).toEqual(1);
    });

    test("scan iterators", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`);
      await client.mSet(keys.map((key): [string, string] => [key, "1"]));
      await client.rPush("list", "1");
      const collect = async (options: Parameters<typeof client.scanIterator>[0]) => {
        const found = new Set<string>();
        for await (const part of client.scanIterator(options)) {
          for (const key of part) found.add(String(key));
        }
        return [...found].sort();
      };
      expect(await collect({})).toEqual([...keys, "list"].sort());
      expect(await collect({ MATCH: "key:1?", COUNT: 100 })).toEqual(
        keys.filter((key) => /^key:1.$/.test(key)).sort(),
      );
      expect(await collect({ TYPE: "list" })).toEqual(["list"]);
    });

    test("pipelines", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      const results: unknown = await client
        .multi()
        .set("a", "1")
        .get("a")
        .get("missing")
        .incr("a")
        .execAsPipeline();
      expect(results).toEqual(["OK", "1", null, 2]);
      // What is asked for in one tick goes out together.
      await expectOwnReplies(client);
    });

    test("errors are errors", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      await client.set("a", "x");
      expect(await rejection(client.incr("a"))).toEqual(
        "ERR value is not an integer or out of range",
      );
      expect(await rejection(client.lPush("a", "1"))).toEqual(
        "WRONGTYPE Operation against a key holding the wrong kind of value",
      );
      expect(await rejection(client.sendCommand(["NOSUCH", "x y"]))).toEqual(
        "ERR unknown command 'NOSUCH', with args beginning with: 'x y' ",
      );
      expect(await rejection(client.select(99))).toEqual("ERR DB index is out of range");
      expect(await client.get("a")).toEqual("x");
    });

    test("databases", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      await using other = await open(server, protocol, { database: 7 });
      await client.set("a", "zero");
      expect(await other.get("a")).toBeNull();
      await client.select(7);
      await client.set("a", "seven");
      expect(await other.get("a")).toEqual("seven");
      expect(await client.move("a", 0)).toEqual(0);
      await client.swapDb(0, 7);
      expect(await other.get("a")).toEqual("zero");
    });

    test("connects again after CLIENT KILL, with its database and name", async () => {
      await using server = await start();
      await using client = await open(server, protocol, { database: 5, name: "survivor" });
      await using killer = await open(server, protocol);
      await client.set("a", "1");
      for (let round = 0; round < 3; round++) {
        const id = await client.clientId();
        expect(await killer.clientKill({ filter: "ID", id })).toEqual(1);
        await until(
          "it is back",
          async () => (await rejection(client.ping())) === "resolved to PONG",
        );
        expect(await client.get("a")).toEqual("1");
        expect(await client.clientGetName()).toEqual("survivor");
        expect(await client.clientId()).not.toEqual(id);
      }
    });

    test("what else the library asks a server", async () => {
      await using server = await start();
      await using client = await open(server, protocol);
      expect(await client.configGet("maxmemory")).toMatchObject({ maxmemory: "0" });
      expect(await client.configSet("maxmemory", "100mb")).toEqual("OK");
      expect(await client.info("memory")).toContain("maxmemory:104857600");
      expect(await client.time()).toBeArray();
      expect((await client.commandCount()) > 50).toEqual(true);
      const [described] = await client.commandInfo(["get"]);
      expect(described).toMatchObject({ name: "get", arity: 2, firstKeyIndex: 1 });
      expect((await client.hello(protocol)).proto).toEqual(protocol);
      expect(await client.objectEncoding("missing")).toBeNull();
      expect(await client.memoryUsage("missing")).toBeNull();
    });
  });
});

/** ioredis, in RESP2 and in RESP3. */
import { describe, expect, test } from "bun:test";
import { Redis, type RedisOptions } from "ioredis";
import { type RunningServer, until } from "../harness/processes.ts";
import { againstBoth, BINARY_KEY, BINARY_VALUE, expectOwnReplies, rejection } from "./servers.ts";

/** A client that is closed with its scope. */
function open(server: RunningServer, options: RedisOptions): Redis & AsyncDisposable {
  const redis = new Redis(server.port, "127.0.0.1", options);
  // Connection losses are part of some tests; every command still rejects by itself.
  redis.on("error", () => {});
  return Object.assign(redis, {
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  });
}

againstBoth("ioredis", (start) => {
  describe.each([2, 3] as const)("RESP%i", (protocol) => {
    test("connects, says who it is, and finds its way in with a password", async () => {
      await using server = await start("--requirepass", "secret");
      await using redis = open(server, {
        protocol,
        password: "secret",
        db: 3,
        connectionName: "tester",
      });
      expect(await redis.ping()).toEqual("PONG");
      const info = String(await redis.client("INFO"));
      expect(info).toContain(" name=tester ");
      expect(info).toContain(" db=3 ");
      expect(info).toContain(`resp=${protocol}`);
      expect(redis.status).toEqual("ready");
      await using wrong = open(server, { protocol, password: "wrong", retryStrategy: null });
      expect(await rejection(wrong.get("a"))).toMatch(/WRONGPASS|NOAUTH|Connection is closed/);
    });

    test("strings with every option of SET", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      expect(await redis.set("a", "1")).toEqual("OK");
      expect(await redis.set("a", "2", "NX")).toBeNull();
      expect(await redis.set("b", "2", "XX")).toBeNull();
      expect(await redis.set("a", "2", "GET")).toEqual("1");
      expect(await redis.set("c", "3", "GET")).toBeNull();
      expect(await redis.set("a", "3", "EX", 100)).toEqual("OK");
      expect(await redis.set("a", "4", "KEEPTTL")).toEqual("OK");
      expect(await redis.ttl("a")).toBeWithin(98, 101);
      expect(await redis.set("a", "5", "PX", 50_000, "XX")).toEqual("OK");
      expect(await redis.pttl("a")).toBeWithin(40_000, 50_001);
      const at = Math.floor(Date.now() / 1000) + 1000;
      expect(await redis.set("a", "6", "EXAT", at)).toEqual("OK");
      expect(await redis.expiretime("a")).toEqual(at);
      expect(await redis.set("a", "7", "PXAT", at * 1000 + 5, "GET")).toEqual("6");
      expect(await redis.pexpiretime("a")).toEqual(at * 1000 + 5);
      expect(await redis.mget("a", "missing", "c")).toEqual(["7", null, "3"]);
      expect(await redis.mset({ x: "1", y: "2" })).toEqual("OK");
      expect(await redis.getrange("a", 0, -1)).toEqual("7");
      expect(await redis.append("x", "23")).toEqual(3);
      expect(await redis.getdel("x")).toEqual("123");
      expect(await redis.getex("y", "PERSIST")).toEqual("2");
      expect(await redis.exists("x", "y", "y")).toEqual(2);
      expect(await redis.set("ünï", "wörld ✓")).toEqual("OK");
      expect(await redis.get("ünï")).toEqual("wörld ✓");
    });

    test("numbers", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      expect(await redis.incr("n")).toEqual(1);
      expect(await redis.incrby("n", 41)).toEqual(42);
      expect(await redis.decrby("n", 50)).toEqual(-8);
      expect(await redis.incrbyfloat("f", 0.5)).toEqual("0.5");
      expect(await redis.incrbyfloat("f", 2.5e3)).toEqual("2500.5");
      await redis.set("big", "9007199254740993");
      await using exact = open(server, { protocol, stringNumbers: true });
      expect(String(await exact.incr("big"))).toEqual("9007199254740994");
    });

    test("bytes that are no text", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      expect(await redis.set(BINARY_KEY, BINARY_VALUE)).toEqual("OK");
      expect(await redis.getBuffer(BINARY_KEY)).toEqual(BINARY_VALUE);
      expect(await redis.rpush("list", BINARY_VALUE, BINARY_KEY)).toEqual(2);
      expect(await redis.lrangeBuffer("list", 0, -1)).toEqual([BINARY_VALUE, BINARY_KEY]);
      expect(await redis.keysBuffer("*")).toContainEqual(BINARY_KEY);
    });

    test("lists", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      const elements = Array.from({ length: 1000 }, (_, i) => `element:${i}`);
      expect(await redis.rpush("list", ...elements)).toEqual(1000);
      expect(await redis.lrange("list", 0, -1)).toEqual(elements);
      expect(await redis.lpop("list")).toEqual("element:0");
      expect(await redis.rpop("list", 2)).toEqual(["element:999", "element:998"]);
      expect(await redis.lindex("list", 5)).toEqual("element:6");
      expect(await redis.lpos("list", "element:6")).toEqual(5);
      expect(await redis.linsert("list", "BEFORE", "element:6", "new")).toEqual(998);
      expect(await redis.lrem("list", 0, "new")).toEqual(1);
      expect(await redis.lmove("list", "other", "LEFT", "RIGHT")).toEqual("element:1");
      expect(await redis.ltrim("list", 0, 1)).toEqual("OK");
      expect(await redis.lmpop(2, "missing", "list", "LEFT", "COUNT", 5)).toEqual([
        "list",
        ["element:2", "element:3"],
      ]);
      expect(await redis.lpop("missing")).toBeNull();
      expect(await redis.lpop("missing", 3)).toBeNull();
      expect(await redis.llen("list")).toEqual(0);
      expect(await redis.type("other")).toEqual("list");
    });

    test("expiry", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      await redis.psetex("soon", 20, "1");
      await redis.setex("later", 1000, "1");
      expect(await redis.expire("later", 2000, "GT")).toEqual(1);
      expect(await redis.expire("later", 10, "NX")).toEqual(0);
      expect(await redis.persist("later")).toEqual(1);
      expect(await redis.ttl("later")).toEqual(-1);
      expect(await redis.ttl("missing")).toEqual(-2);
      await until("it expires", async () => (await redis.get("soon")) === null);
      expect(await redis.dbsize()).toEqual(1);
    });

    test("scan streams", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      const keys = Array.from({ length: 2000 }, (_, i) => `key:${i}`);
      await redis.mset(...keys.flatMap((key) => [key, "1"]));
      await redis.rpush("list", "1");
      const collect = async (options: Parameters<typeof redis.scanStream>[0]) => {
        const found = new Set<string>();
        for await (const part of redis.scanStream(options)) {
          for (const key of part as string[]) found.add(key);
        }
        return [...found].sort();
      };
      expect(await collect({})).toEqual([...keys, "list"].sort());
      expect(await collect({ match: "key:1?", count: 100 })).toEqual(
        keys.filter((key) => /^key:1.$/.test(key)).sort(),
      );
      expect(await collect({ type: "list" })).toEqual(["list"]);
    });

    test("pipelines give each command its own result", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      const results = await redis
        .pipeline()
        .set("a", "1")
        .get("a")
        .lpush("a", "1")
        .get("missing")
        .incr("a")
        .exec();
      expect(results!.map(([error, value]) => error?.message ?? value)).toEqual([
        "OK",
        "1",
        "WRONGTYPE Operation against a key holding the wrong kind of value",
        null,
        2,
      ]);
      const long = redis.pipeline();
      for (let i = 0; i < 10_000; i++) long.incr("count");
      const values = (await long.exec())!.map(([, value]) => value);
      expect(values).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
    });

    test("automatic pipelines and many calls at once", async () => {
      await using server = await start();
      for (const enableAutoPipelining of [false, true]) {
        await using redis = open(server, { protocol, enableAutoPipelining });
        await redis.flushall();
        await expectOwnReplies(redis);
      }
    });

    test("errors are errors", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      await redis.set("a", "x");
      expect(await rejection(redis.incr("a"))).toEqual(
        "ERR value is not an integer or out of range",
      );
      expect(await rejection(redis.lpush("a", "1"))).toEqual(
        "WRONGTYPE Operation against a key holding the wrong kind of value",
      );
      expect(await rejection(redis.call("NOSUCH", "x y") as Promise<unknown>)).toEqual(
        "ERR unknown command 'NOSUCH', with args beginning with: 'x y' ",
      );
      expect(await rejection(redis.select(99))).toEqual("ERR DB index is out of range");
      expect(await redis.get("a")).toEqual("x");
    });

    test("databases", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      await using other = open(server, { protocol, db: 7 });
      await redis.set("a", "zero");
      expect(await other.get("a")).toBeNull();
      await redis.select(7);
      await redis.set("a", "seven");
      expect(await other.get("a")).toEqual("seven");
      await redis.swapdb(0, 7);
      expect(await other.get("a")).toEqual("zero");
    });

    test("connects again after CLIENT KILL, with its database and name", async () => {
      await using server = await start();
      await using redis = open(server, {
        protocol,
        db: 5,
        connectionName: "survivor",
        retryStrategy: () => 10,
      });
      await using killer = open(server, { protocol });
      await redis.set("a", "1");
      for (let round = 0; round < 3; round++) {
        const id = await redis.client("ID");
        expect(await killer.client("KILL", "ID", id)).toEqual(1);
        // Given while it is away, the command waits for the new connection.
        expect(await redis.get("a")).toEqual("1");
        await until("it is known by its name again", async () =>
          String(await killer.client("LIST")).includes("name=survivor"),
        );
        expect(await redis.client("ID")).not.toEqual(id);
      }
    });

    test("a value of 5 MB", async () => {
      await using server = await start();
      await using redis = open(server, { protocol });
      const value = "0123456789".repeat(500_000);
      expect(await redis.set("big", value)).toEqual("OK");
      expect((await redis.get("big")) === value).toEqual(true);
      expect(await redis.strlen("big")).toEqual(5_000_000);
    });
  });

  test("RESP3 replies as JavaScript's own types", async () => {
    await using server = await start();
    await using redis = open(server, { protocol: 3, replyMapping: "resp3" });
    expect((await redis.config("GET", "maxmemory")) as unknown).toEqual({ maxmemory: "0" });
  });
});

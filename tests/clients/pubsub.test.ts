/**
 * Channels, patterns and shard channels with ioredis and node-redis, and what Bun's RedisClient
 * knows of them: channels, and messages that are text.
 */
import { describe, expect, test } from "bun:test";
import { RedisClient } from "bun";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { type RunningServer, until } from "../harness/processes.ts";
import { againstBoth, BINARY_KEY, BINARY_VALUE } from "./servers.ts";

const COUNT = 500;
const NUMBERED = Array.from({ length: COUNT }, (_, i) => `message ${i}: wörld ✓`);

function openIoredis(server: RunningServer, protocol: 2 | 3): Redis & AsyncDisposable {
  const redis = new Redis(server.port, "127.0.0.1", { protocol, retryStrategy: () => 10 });
  redis.on("error", () => {});
  return Object.assign(redis, { [Symbol.asyncDispose]: async () => redis.disconnect() });
}

async function openNodeRedis(server: RunningServer, RESP: 2 | 3) {
  const client = createClient({
    RESP,
    socket: { host: "127.0.0.1", port: server.port, reconnectStrategy: 10 },
  });
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.destroy() });
}

async function openBun(server: RunningServer): Promise<RedisClient & AsyncDisposable> {
  const client = new RedisClient(`redis://127.0.0.1:${server.port}`);
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.close() });
}

againstBoth("pub/sub", (start) => {
  describe.each([2, 3] as const)("ioredis, RESP%i", (protocol) => {
    test("channels, patterns and shard channels, texts and bytes", async () => {
      await using server = await start();
      await using subscriber = openIoredis(server, protocol);
      await using publisher = openIoredis(server, protocol);
      const seen: unknown[] = [];
      subscriber.on("messageBuffer", (...args) => seen.push(["message", ...args]));
      subscriber.on("pmessageBuffer", (pattern, channel, message) =>
        seen.push(["pmessage", Buffer.from(pattern), channel, message]),
      );
      subscriber.on("smessageBuffer", (...args) => seen.push(["smessage", ...args]));
      expect(await subscriber.subscribe("news", BINARY_KEY)).toEqual(2);
      expect(await subscriber.psubscribe("n[ae]ws")).toEqual(3);
      expect(await subscriber.ssubscribe("shard")).toEqual(1);
      expect(await publisher.publish("news", BINARY_VALUE)).toEqual(2);
      expect(await publisher.publish("naws", "ü✓")).toEqual(1);
      expect(await publisher.publish(BINARY_KEY as unknown as string, "x")).toEqual(1);
      expect(await publisher.spublish("shard", BINARY_VALUE)).toEqual(1);
      expect(await publisher.publish("shard", "x")).toEqual(0);
      await until("all have come", () => seen.length >= 5);
      expect(seen).toEqual([
        ["message", Buffer.from("news"), BINARY_VALUE],
        ["pmessage", Buffer.from("n[ae]ws"), Buffer.from("news"), BINARY_VALUE],
        ["pmessage", Buffer.from("n[ae]ws"), Buffer.from("naws"), Buffer.from("ü✓")],
        ["message", BINARY_KEY, Buffer.from("x")],
        ["smessage", Buffer.from("shard"), BINARY_VALUE],
      ]);
      expect((await publisher.pubsub("NUMSUB", "news", "none")) as unknown[]).toEqual([
        ...["news", 1, "none", 0],
      ]);
      expect(await publisher.call("PUBSUB", "NUMPAT")).toEqual(1);
      // Without names this library waits for a count of zero, which patterns are part of.
      expect(await subscriber.unsubscribe("news", BINARY_KEY)).toEqual(1);
      expect(await subscriber.punsubscribe("n[ae]ws")).toEqual(0);
      expect(await subscriber.sunsubscribe("shard")).toEqual(0);
      // It is an ordinary client again.
      expect(await subscriber.set("a", "1")).toEqual("OK");
      expect(await publisher.publish("news", "x")).toEqual(0);
    });

    test("many messages come in order, and subscriptions survive CLIENT KILL", async () => {
      await using server = await start();
      await using subscriber = openIoredis(server, protocol);
      await using publisher = openIoredis(server, protocol);
      const seen: string[] = [];
      subscriber.on("message", (_, message) => seen.push(message));
      await subscriber.subscribe("news");
      await subscriber.psubscribe("none*");
      for (let round = 0; round < 2; round++) {
        await Promise.all(NUMBERED.map((message) => publisher.publish("news", message)));
        await until("all have come", () => seen.length >= COUNT);
        expect(seen.splice(0)).toEqual(NUMBERED);
        expect(await publisher.call("CLIENT", "KILL", "TYPE", "pubsub")).toEqual(1);
        await until("it listens again", async () => {
          const [, listeners] = (await publisher.pubsub("NUMSUB", "news")) as unknown[];
          return listeners === 1 && (await publisher.call("PUBSUB", "NUMPAT")) === 1;
        });
      }
    });
  });

  describe.each([2, 3] as const)("node-redis, RESP%i", (protocol) => {
    test("channels, patterns and shard channels, texts and bytes", async () => {
      await using server = await start();
      await using subscriber = await openNodeRedis(server, protocol);
      await using publisher = await openNodeRedis(server, protocol);
      const seen: unknown[] = [];
      const note = (kind: string) => (message: Buffer | string, channel: Buffer | string) =>
        void seen.push([kind, channel, message]);
      await subscriber.subscribe("news", note("bytes"), true);
      await subscriber.subscribe("news", note("text"));
      await subscriber.pSubscribe("n[ae]ws", note("pattern"), true);
      await subscriber.sSubscribe("shard", note("shard"), true);
      expect(await publisher.publish("news", "ü✓")).toEqual(2);
      expect(await publisher.publish("naws", BINARY_VALUE)).toEqual(1);
      expect(await publisher.sPublish("shard", BINARY_VALUE)).toEqual(1);
      await until("all have come", () => seen.length >= 5);
      expect(seen.map((each) => JSON.stringify(each)).sort()).toEqual(
        [
          ["bytes", Buffer.from("news"), Buffer.from("ü✓")],
          ["text", "news", "ü✓"],
          ["pattern", Buffer.from("news"), Buffer.from("ü✓")],
          ["pattern", Buffer.from("naws"), BINARY_VALUE],
          ["shard", Buffer.from("shard"), BINARY_VALUE],
        ]
          .map((each) => JSON.stringify(each))
          .sort(),
      );
      expect(await publisher.pubSubChannels("n*")).toEqual(["news"]);
      expect(await publisher.pubSubShardChannels()).toEqual(["shard"]);
      expect({ ...(await publisher.pubSubNumSub(["news", "none"])) }).toEqual({ news: 1, none: 0 });
      expect(await publisher.pubSubNumPat()).toEqual(1);
      await subscriber.unsubscribe();
      await subscriber.pUnsubscribe();
      await subscriber.sUnsubscribe();
      // In RESP2 it is left in a mode that gives bytes.
      expect(String(await subscriber.set("a", "1"))).toEqual("OK");
      expect(await publisher.publish("news", "x")).toEqual(0);
    });

    test("many messages come in order, and subscriptions survive CLIENT KILL", async () => {
      await using server = await start();
      await using subscriber = await openNodeRedis(server, protocol);
      await using publisher = await openNodeRedis(server, protocol);
      const seen: string[] = [];
      await subscriber.subscribe("news", (message) => void seen.push(message));
      for (let round = 0; round < 2; round++) {
        await Promise.all(NUMBERED.map((message) => publisher.publish("news", message)));
        await until("all have come", () => seen.length >= COUNT);
        expect(seen.splice(0)).toEqual(NUMBERED);
        const killed = await publisher.sendCommand(["CLIENT", "KILL", "TYPE", "pubsub"]);
        expect(Number(killed)).toEqual(1);
        await until("it listens again", async () => {
          return Number((await publisher.pubSubNumSub(["news"])).news) === 1;
        });
      }
    });
  });

  test("Bun's RedisClient: channels, texts in order, and an end", async () => {
    await using server = await start();
    await using subscriber = await openBun(server);
    await using publisher = await openBun(server);
    const seen: [string, string][] = [];
    const note = (message: string, channel: string) => void seen.push([channel, message]);
    await subscriber.subscribe(["news", "ü✓"], note);
    expect(await publisher.publish("ü✓", "one")).toEqual(1);
    await Promise.all(NUMBERED.map((message) => publisher.publish("news", message)));
    expect(await publisher.publish("none", "x")).toEqual(0);
    await until("all have come", () => seen.length > COUNT);
    expect(seen).toEqual([
      ["ü✓", "one"],
      ...NUMBERED.map((message): [string, string] => ["news", message]),
    ]);
    expect(await publisher.send("PUBSUB", ["NUMSUB", "news"])).toEqual(["news", 1]);
    await subscriber.unsubscribe();
    await until("nobody listens", async () => (await publisher.publish("news", "x")) === 0);
    expect(await subscriber.set("a", "1")).toEqual("OK");
  });
});

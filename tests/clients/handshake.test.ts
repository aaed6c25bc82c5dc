/** What the libraries send when they connect is understood, or refused in a way that they expect. */
import { expect, test } from "bun:test";
import { RedisClient } from "bun";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { startStormdb } from "../harness/processes.ts";
import { readClients, readInfo } from "../server/info.ts";

/** Connects, sends PING and returns what closes the connection. */
type Connect = (port: number) => Promise<() => void>;

function withIoredis(protocol: 2 | 3): Connect {
  return async (port) => {
    const redis = new Redis(port, "127.0.0.1", { protocol });
    await redis.ping();
    return () => redis.disconnect();
  };
}

function withNodeRedis(RESP: 2 | 3): Connect {
  return async (port) => {
    const client = createClient({ RESP, socket: { host: "127.0.0.1", port } });
    client.on("error", () => {});
    await client.connect();
    await client.ping();
    return () => client.destroy();
  };
}

async function withBun(port: number): Promise<() => void> {
  const client = new RedisClient(`redis://127.0.0.1:${port}`);
  await client.connect();
  await client.ping();
  return () => client.close();
}

const IOREDIS = { resp: "2", library: "ioredis 6.0.0", failures: "0" };
const NODE_REDIS = { resp: "2", library: "node-redis 6.3.1", failures: "0" };

test.each([
  ["ioredis, RESP2", withIoredis(2), { ...IOREDIS, sent: "client|setinfo info ping" }],
  [
    "ioredis, RESP3",
    withIoredis(3),
    { ...IOREDIS, resp: "3", sent: "client|setinfo hello info ping" },
  ],
  ["node-redis, RESP2", withNodeRedis(2), { ...NODE_REDIS, sent: "client|setinfo ping" }],
  [
    "node-redis, RESP3",
    withNodeRedis(3),
    // It asks for CLIENT MAINT_NOTIFICATIONS, which Redis 7.2 does not know either.
    { ...NODE_REDIS, resp: "3", sent: "client|setinfo hello ping", failures: "1" },
  ],
  ["Bun", withBun, { resp: "3", library: " ", sent: "hello ping", failures: "0" }],
] as const)("%s", async (_, connect, expected) => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  await control.call("CONFIG", "RESETSTAT");
  const close = await connect(storm.port);
  // One call only: it is not in its own figures.
  const info = await readInfo(control, "everything");
  const sent = Object.keys(info)
    .filter((name) => name.startsWith("cmdstat_") && name !== "cmdstat_config|resetstat")
    .map((name) => name.replace("cmdstat_", ""))
    .sort();
  const list = await readClients(control, "LIST");
  const client = list.find(({ cmd }) => cmd === "ping")!;
  expect({
    resp: client.resp,
    library: `${client["lib-name"]} ${client["lib-ver"]}`,
    sent: sent.join(" "),
    failures: info.total_error_replies,
  }).toEqual(expected);
  close();
});

/** The client libraries behind one face, for what is tested with each of them in the same way. */
import { RedisClient } from "bun";
import { Redis } from "ioredis";
import { createClient, WatchError } from "redis";
import type { RunningServer } from "../harness/processes.ts";

export interface Handle extends AsyncDisposable {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  push(list: string, value: string): Promise<unknown>;
  /** Waits for an element of the first list that has one; null when the time is over. */
  pop(lists: readonly string[], seconds: number): Promise<readonly [string, string] | null>;
  watch(key: string): Promise<unknown>;
  /** Sets the keys in one transaction; false where a watched key has changed. */
  setAll(values: Readonly<Record<string, string>>): Promise<boolean>;
}

export interface Library {
  readonly name: string;
  open(server: RunningServer): Promise<Handle>;
}

async function openIoredis(server: RunningServer, protocol: 2 | 3): Promise<Handle> {
  const redis = new Redis(server.port, "127.0.0.1", { protocol });
  redis.on("error", () => {});
  return {
    get: (key) => redis.get(key),
    set: (key, value) => redis.set(key, value),
    push: (list, value) => redis.rpush(list, value),
    pop: (lists, seconds) => redis.blpop(...lists, seconds),
    watch: (key) => redis.watch(key),
    setAll: async (values) => {
      const transaction = redis.multi();
      for (const [key, value] of Object.entries(values)) transaction.set(key, value);
      return (await transaction.exec()) !== null;
    },
    [Symbol.asyncDispose]: async () => redis.disconnect(),
  };
}

async function openNodeRedis(server: RunningServer, RESP: 2 | 3): Promise<Handle> {
  const client = createClient({ RESP, socket: { host: "127.0.0.1", port: server.port } });
  client.on("error", () => {});
  await client.connect();
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    push: (list, value) => client.rPush(list, value),
    pop: async (lists, seconds) => {
      const popped = await client.blPop([...lists], seconds);
      return popped === null ? null : [popped.key, popped.element];
    },
    watch: (key) => client.watch(key),
    setAll: async (values) => {
      const transaction = client.multi();
      for (const [key, value] of Object.entries(values)) transaction.set(key, value);
      try {
        await transaction.exec();
        return true;
      } catch (error) {
        if (error instanceof WatchError) return false;
        throw error;
      }
    },
    [Symbol.asyncDispose]: async () => client.destroy(),
  };
}

async function openBun(server: RunningServer): Promise<Handle> {
  const client = new RedisClient(`redis://127.0.0.1:${server.port}`);
  await client.connect();
  return {
    get: (key) => client.get(key),
    set: (key, value) => client.set(key, value),
    push: (list, value) => client.rpush(list, value),
    pop: (lists, seconds) => client.blpop(...lists, seconds),
    watch: (key) => client.send("WATCH", [key]),
    // It knows no transactions of its own.
    setAll: async (values) => {
      const replies = await Promise.all([
        client.send("MULTI", []),
        ...Object.entries(values).map((pair) => client.send("SET", pair)),
        client.send("EXEC", []),
      ]);
      return replies.at(-1) !== null;
    },
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

export const LIBRARIES: readonly Library[] = [
  { name: "ioredis, RESP2", open: (server) => openIoredis(server, 2) },
  { name: "ioredis, RESP3", open: (server) => openIoredis(server, 3) },
  { name: "node-redis, RESP2", open: (server) => openNodeRedis(server, 2) },
  { name: "node-redis, RESP3", open: (server) => openNodeRedis(server, 3) },
  { name: "Bun's RedisClient", open: openBun },
];

/**
 * Clients that go away in the middle of something, by every way there is: nothing of them is left
 * with the server, neither in what it says nor in its memory.
 */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { readClientBuffers, readClients, readInfo, readInfoNumber } from "../server/info.ts";
import { pick } from "../unit/seeds.ts";

const MEGABYTE = 1 << 20;
const ROUNDS = 8;
const CLIENTS = 60;
const SEED = Number(process.env.SEED ?? 1);

type Commands = readonly (readonly string[])[];

/** What a client is in the middle of when it goes; `n` makes names that no other client uses. */
const STATES: Readonly<Record<string, (n: number) => Commands>> = {
  "subscribed in every way": (n) => [
    ["SUBSCRIBE", `channel:${n}`, "shared"],
    ["PSUBSCRIBE", `pattern:${n}:*`, "shared*"],
    ["SSUBSCRIBE", `shard:${n}`, "shared"],
  ],
  "blocked on keys of its own and shared ones": (n) => [
    ["BLPOP", `queue:${n}`, `${n}:queue`, "queue", "0"],
  ],
  "blocked with a timeout that has not come": (n) => [
    ["SELECT", String(n % 16)],
    ["BLMOVE", "queue", `moved:${n}`, "LEFT", "LEFT", "1000"],
  ],
  "blocked, with more behind it": (n) => [
    ["BRPOP", `queue:${n}`, "0"],
    ...Array.from({ length: 50 }, () => ["SET", "never", "x".repeat(1000)]),
  ],
  watching: (n) => [
    ["SELECT", String(n % 16)],
    ["WATCH", `watched:${n}`, "watched", "shared"],
  ],
  "in MULTI, watching": (n) => [
    ["WATCH", `watched:${n}`, "watched"],
    ["MULTI"],
    ...Array.from({ length: 50 }, (_, i) => ["SET", `never:${i}`, "x".repeat(1000)]),
  ],
  "in MULTI after an error": () => [["MULTI"], ["NOSUCH"], ["SET", "never", "1"]],
  "in MONITOR mode": () => [["MONITOR"]],
  "subscribed, then RESET, then blocked": (n) => [
    ["SUBSCRIBE", `channel:${n}`],
    ["RESET"],
    ["WATCH", "watched"],
    ["BLMPOP", "0", "2", `queue:${n}`, "queue", "LEFT"],
  ],
  "subscribed in RESP3 and blocked": (n) => [
    ["HELLO", "3"],
    ["SUBSCRIBE", `channel:${n}`, "shared"],
    ["BLPOP", `queue:${n}`, "0"],
  ],
};

/** Ways to go. */
const ENDS: readonly ((client: RawClient, control: RawClient, id: string) => void)[] = [
  (client) => client.close(),
  (client) => client.write("*1\r\n$-5\r\n"),
  (_, control, id) => void control.call("CLIENT", "KILL", "ID", id),
];

async function figures(control: RawClient): Promise<Record<string, string | undefined>> {
  const info = await readInfo(control, "all");
  const names = ["connected_clients", "blocked_clients", "total_blocking_keys"];
  const more = ["pubsub_channels", "pubsub_patterns", "pubsubshard_channels"];
  return {
    ...Object.fromEntries([...names, ...more].map((name) => [name, info[name]])),
    buffers: String(await readClientBuffers(control)),
  };
}

const NOTHING = {
  connected_clients: "1",
  blocked_clients: "0",
  total_blocking_keys: "0",
  pubsub_channels: "0",
  pubsub_patterns: "0",
  pubsubshard_channels: "0",
  buffers: "0",
};

async function untilNothingIsLeft(control: RawClient): Promise<void> {
  let seen = {};
  try {
    await until("all are gone", async () => {
      seen = await figures(control);
      return Bun.deepEquals(seen, NOTHING);
    });
  } catch {
    expect(seen).toEqual(NOTHING);
  }
}

async function come(storm: RunningServer, commands: Commands): Promise<[RawClient, string]> {
  const client = await storm.connect();
  const id = (await client.call("CLIENT", "ID")).slice(1, -2);
  client.write(Buffer.concat(commands.map((command) => encodeCommand(command))));
  return [client, id];
}

test.each(Object.entries(STATES))("clients that are %s, and go", async (_, commands) => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const random = new Random(SEED);
  const resident: number[] = [];
  let usedBytes = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, (_, i) => come(storm, commands(round * CLIENTS + i))),
    );
    await until("all are in it", async () => {
      const list = await readClients(control, "LIST");
      return list.length === CLIENTS + 1 && list.every(({ cmd }) => cmd !== "client|id");
    });
    for (const [client, id] of clients) pick(random, ENDS)(client, control, id);
    // A broken request of a client that is blocked is not looked at before it is served.
    for (const [client] of clients) client.close();
    await untilNothingIsLeft(control);
    // What they waited for, watched and listened to goes on as if nobody had ever been there.
    expect(await control.call("PUBLISH", "shared", "x")).toEqual(":0\r\n");
    expect(await control.call("SPUBLISH", "shared", "x")).toEqual(":0\r\n");
    expect(await control.call("RPUSH", "queue", "x")).toEqual(":1\r\n");
    expect(await control.call("SET", "watched", "x")).toEqual("+OK\r\n");
    expect(await control.call("DEL", "queue", "watched", "never")).toEqual(":2\r\n");
    expect(await control.call("DBSIZE")).toEqual(":0\r\n");
    const used = await readInfoNumber(control, "memory", "used_memory");
    if (round === 0) usedBytes = used;
    expect({ round, used }).toEqual({ round, used: usedBytes });
    resident.push(await readInfoNumber(control, "memory", "used_memory_rss"));
  }
  expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  expect(Math.max(...resident)).toBeLessThan(resident[0]! + 40 * MEGABYTE);
});

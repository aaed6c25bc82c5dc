/**
 * Fill, empty, repeat: whatever way the keys go, `used_memory` comes back to where it was, to the
 * byte, and the process does not grow from round to round.
 */
import { describe, expect, test } from "bun:test";
import { startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { ByteSocket } from "../server/byte-socket.ts";
import { readInfo, readInfoNumber } from "../server/info.ts";

const KEYS = 1500;
const ROUNDS = 3;
const MEGABYTE = 1 << 20;

/** The commands as bytes; only the last thing in them, which says that all is done, is replied to. */
function encode(commands: readonly (readonly string[])[]): Buffer {
  return Buffer.concat([
    encodeCommand(["CLIENT", "REPLY", "OFF"]),
    ...commands.map((command) => encodeCommand(command)),
    encodeCommand(["CLIENT", "REPLY", "ON"]),
  ]);
}

async function send(client: RawClient, commands: readonly (readonly string[])[]): Promise<void> {
  client.write(encode(commands));
  expect(await client.read()).toEqual("+OK\r\n");
}

function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** The commands that create the keys `key:0`, `key:1`, … */
interface Filling {
  readonly name: string;
  readonly keys: number;
  readonly commands: () => string[][];
}

function longList(key: string, length: number): string[][] {
  const elements = times(length, (i) => (i % 3 === 0 ? String(i) : `element:${i}`));
  return times(length / 1000, (i) => ["RPUSH", key, ...elements.slice(i * 1000, i * 1000 + 1000)]);
}

const FILLINGS: readonly Filling[] = [
  {
    name: "small strings",
    keys: KEYS,
    commands: () => times(KEYS, (i) => ["SET", `key:${i}`, `value:${i}`]),
  },
  {
    name: "integers",
    keys: KEYS,
    commands: () => times(KEYS, (i) => ["SET", `key:${i}`, String(i * 1_000_003)]),
  },
  {
    name: "large strings",
    keys: 100,
    commands: () => times(100, (i) => ["SET", `key:${i}`, "x".repeat(1 + i * 400)]),
  },
  {
    name: "strings that grew",
    keys: 500,
    commands: () =>
      times(500, (i) => `key:${i}`).flatMap((key, i) => [
        ["SET", key, String(i)],
        ["APPEND", key, "x".repeat(i % 300)],
        ["SETRANGE", key, String(i % 5000), "y"],
        ["INCR", `${key}`],
      ]),
  },
  {
    name: "keys with expiry",
    keys: KEYS,
    commands: () =>
      times(KEYS, (i) => ["SET", `key:${i}`, `value:${i}`, "PX", String(1_000_000 + i * 977)]),
  },
  {
    name: "small lists",
    keys: KEYS / 2,
    commands: () => times(KEYS / 2, (i) => ["RPUSH", `key:${i}`, "a", String(i), `element:${i}`]),
  },
  {
    name: "a list of 100,000 elements and a shorter one",
    keys: 2,
    commands: () => [...longList("key:0", 100_000), ...longList("key:1", 10_000)],
  },
  {
    name: "lists with large elements",
    keys: 8,
    commands: () =>
      times(8, (i) => ["RPUSH", `key:${i}`, ...times(20, (n) => "x".repeat(n * 1000))]),
  },
];

/** Ways to get rid of every key of a filling. */
const EMPTYINGS: Readonly<
  Record<string, (client: RawClient, filling: Filling) => Promise<void> | void>
> = {
  DEL: (client, { keys }) =>
    send(
      client,
      times(keys, (i) => ["DEL", `key:${i}`]),
    ),
  "DEL of many at once": (client, { keys }) =>
    send(client, [["DEL", ...times(keys, (i) => `key:${i}`)]]),
  UNLINK: (client, { keys }) => send(client, [["UNLINK", ...times(keys, (i) => `key:${i}`)]]),
  GETDEL: (client, { keys }) =>
    send(
      client,
      times(keys, (i) => [
        ["GETDEL", `key:${i}`],
        ["LTRIM", `key:${i}`, "1", "0"],
      ]).flat(),
    ),
  expiry: (client, { keys }) =>
    send(
      client,
      times(keys, (i) => ["PEXPIRE", `key:${i}`, "1"]),
    ),
  "expiry in the past": (client, { keys }) =>
    send(
      client,
      times(keys, (i) => ["EXPIREAT", `key:${i}`, "1"]),
    ),
  FLUSHDB: (client) => send(client, [["FLUSHDB"]]),
  "FLUSHDB ASYNC": (client) => send(client, [["FLUSHDB", "ASYNC"]]),
  FLUSHALL: (client) => send(client, [["FLUSHALL"]]),
  "SET over them, DEL": (client, { keys }) =>
    send(
      client,
      times(keys, (i) => [
        ["SET", `key:${i}`, "x"],
        ["DEL", `key:${i}`],
      ]).flat(),
    ),
  "RENAME over one another": (client, { keys }) =>
    send(client, [
      ...times(keys - 1, (i) => ["RENAME", `key:${i}`, `key:${i + 1}`]),
      ["DEL", `key:${keys - 1}`],
    ]),
  "COPY over one another, MOVE, FLUSHDB": (client, { keys }) =>
    send(client, [
      ...times(keys - 1, (i) => ["COPY", `key:${i}`, `key:${i + 1}`, "REPLACE"]),
      ...times(keys, (i) => ["MOVE", `key:${i}`, "3"]),
      ["SELECT", "3"],
      ["FLUSHDB"],
      ["SELECT", "0"],
    ]),
  "LPOP and RPOP until empty": (client, { keys }) =>
    send(
      client,
      times(keys, (i) => [
        // Strings do not care.
        ["LPOP", `key:${i}`, "7"],
        ...times(5, () => ["RPOP", `key:${i}`]),
        ["LTRIM", `key:${i}`, "10", "-11"],
        ["LREM", `key:${i}`, "0", "element:1"],
        ["LPOP", `key:${i}`, "1000000"],
        ["DEL", `key:${i}`],
      ]).flat(),
    ),
};

async function usedMemory(client: RawClient): Promise<number> {
  return readInfoNumber(client, "memory", "used_memory");
}

/** Waits until nothing is freed in the background any more and no key is left. */
async function settle(client: RawClient): Promise<void> {
  await until("all keys are gone and freed", async () => {
    const info = await readInfo(client, "all");
    return info.db0 === undefined && info.lazyfree_pending_objects === "0";
  });
}

/**
 * Creates what stays once it was needed: the timing wheels of the databases used, and the second
 * half of the smallest page of their tables.
 */
async function warmUp(client: RawClient): Promise<void> {
  const keys = times(40, (i) => `warm:${i}`);
  for (const database of ["3", "0"]) {
    await send(client, [
      ["SELECT", database],
      ...keys.map((key) => ["SET", key, "1", "EX", "1000"]),
      ["DEL", ...keys],
    ]);
  }
}

const encoded = FILLINGS.map((filling) => ({ filling, bytes: encode(filling.commands()) }));

describe("used_memory comes back to the byte after", () => {
  test.each(Object.entries(EMPTYINGS))("%s", async (_, empty) => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    const resident: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      for (const { filling, bytes } of encoded) {
        await warmUp(client);
        const start = await usedMemory(client);
        client.write(bytes);
        expect(await client.read()).toEqual("+OK\r\n");
        expect(await client.call("DBSIZE")).toEqual(`:${filling.keys}\r\n`);
        if (round === 0) expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
        await empty(client, filling);
        await settle(client);
        await warmUp(client);
        const more = (await usedMemory(client)) - start;
        expect({ filling: filling.name, round, more }).toEqual({
          filling: filling.name,
          round,
          more: 0,
        });
      }
      expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
      resident.push(await readInfoNumber(client, "memory", "used_memory_rss"));
    }
    // The first round grows the process, the others use the same memory again.
    expect(Math.max(...resident)).toBeLessThan(resident[0]! + 60 * MEGABYTE);
  });
});

test("20 rounds of 50 MB in strings of other sizes each time do not pile up", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  const resident: number[] = [];
  for (let round = 0; round < 20; round++) {
    const size = 1000 + round * 1733;
    const keys = Math.floor((50 * MEGABYTE) / size);
    expect(await client.call("DEBUG", "POPULATE", String(keys), "key", String(size))).toEqual(
      "+OK\r\n",
    );
    resident.push(await readInfoNumber(client, "memory", "used_memory_rss"));
    if (round % 2 === 0)
      await send(
        client,
        times(keys, (i) => ["DEL", `key:${i}`]),
      );
    else await send(client, [["UNLINK", ...times(keys, (i) => `key:${i}`)]]);
    await settle(client);
  }
  expect(await client.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  const peak = await readInfoNumber(client, "memory", "used_memory_peak");
  expect(Math.max(...resident)).toBeLessThan(peak + 150 * MEGABYTE);
});

test("large values that go in and out do not pile up as garbage", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const socket = await ByteSocket.connect(storm.port);
  const value = "x".repeat(100_000);
  const set = encodeCommand(["SET", "key", value]);
  const resident: number[] = [];
  for (let round = 0; round < 60; round++) {
    for (let i = 0; i < 50; i++) {
      // Alone, so that it comes in pieces that are put together, and several at once.
      void socket.write(set);
      void socket.write("GET key\r\nGET key\r\n");
    }
    await socket.digest(50 * (5 + 2 * (9 + value.length + 2)));
    resident.push(await readInfoNumber(control, "memory", "used_memory_rss"));
  }
  // 300 MB went in and 600 MB out; what the first 15 MB needed is enough for the others.
  expect(Math.max(...resident)).toBeLessThan(resident[0]! + 60 * MEGABYTE);
  socket.close();
});

describe("memory of freed values goes back to the system", () => {
  const ways: readonly { name: string; fill: string[][]; empty: string[] }[] = [
    {
      name: "one string of 200 MB, by DEL",
      fill: [["SETRANGE", "key", String(200 * MEGABYTE - 1), "x"]],
      empty: ["DEL", "key"],
    },
    {
      name: "one list of 60 MB, by UNLINK",
      fill: times(60, () => ["RPUSH", "key", ...times(1000, () => "x".repeat(1000))]),
      empty: ["UNLINK", "key"],
    },
    {
      name: "300,000 keys, by FLUSHALL",
      fill: [["DEBUG", "POPULATE", "300000", "key", "300"]],
      empty: ["FLUSHALL"],
    },
    {
      name: "a string in a segment beyond the first, by SET of another in its place",
      fill: [
        ["SETRANGE", "filler", String(512 * MEGABYTE - 1), "x"],
        ["SETRANGE", "key", String(512 * MEGABYTE - 1), "x"],
      ],
      empty: ["MSET", "filler", "y", "key", "y"],
    },
  ];
  test.each(ways)("$name", async ({ fill, empty }) => {
    await using storm = await startStormdb();
    const client = await storm.connect();
    const resident = () => readInfoNumber(client, "memory", "used_memory_rss");
    const before = await resident();
    for (const command of fill) expect(await client.call(...command)).not.toStartWith("-");
    const used = await readInfoNumber(client, "memory", "used_memory");
    expect((await resident()) - before).toBeGreaterThan(used * 0.6);
    expect(await client.call(...empty)).not.toStartWith("-");
    await until(
      "all but 30 MB has gone back",
      async () => (await resident()) - before < 30 * MEGABYTE,
    );
  });
});

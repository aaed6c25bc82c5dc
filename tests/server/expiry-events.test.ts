/**
 * Keys expire in their millisecond, not at the next tick and not when somebody looks: seen from
 * the order of events alone. The servers tick once a second, so that ticks do not help.
 */
import { expect, test } from "bun:test";
import { startStormdb } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { parseValue } from "../harness/reply-value.ts";
import { forSeeds, shuffled } from "../unit/seeds.ts";
import { readInfoNumber } from "./info.ts";

const ARGS = ["--hz", "1", "--notify-keyspace-events", "Ex"];

async function listener(client: RawClient): Promise<void> {
  await client.call("HELLO", "3");
  await client.call("PSUBSCRIBE", "__keyevent@*__:expired");
}

/** The keys of the expired events that come before the reply to what is blocked. */
async function expiredBefore(client: RawClient, reply: string): Promise<string[]> {
  const keys: string[] = [];
  for (;;) {
    const frame = await client.read();
    if (frame === reply) return keys;
    if (frame === "+OK\r\n") continue;
    const [, pattern, channel, key] = parseValue(frame) as string[];
    expect(pattern).toEqual("__keyevent@*__:expired");
    keys.push(`${channel!.slice(11, -10)} ${key}`);
  }
}

test("keys that live for less than a tick expire in order, before a later timeout ends", async () => {
  await using storm = await startStormdb(...ARGS);
  const client = await storm.connect();
  const other = await storm.connect();
  await listener(client);
  await forSeeds(5, async (random) => {
    const lives = Array.from({ length: 25 }, (_, i) => 3 + i * 5);
    // In any order: a key may be the first to expire, or wait behind others.
    const sets = shuffled(random, lives).map((ms) =>
      encodeCommand(["SET", `key:${ms}`, "x", "PX", String(ms)]),
    );
    // In one piece, so that all count from the same moment.
    client.write(Buffer.concat([...sets, encodeCommand(["BLPOP", "none", "0.2"])]));
    expect(await expiredBefore(client, "_\r\n")).toEqual(lives.map((ms) => `0 key:${ms}`));
    expect(await other.call("DBSIZE")).toEqual(":0\r\n");
  });
  expect(await readInfoNumber(other, "stats", "expired_keys")).toEqual(125);
});

test("a key that is set later and dies sooner, in another database, does not wait", async () => {
  await using storm = await startStormdb(...ARGS);
  const client = await storm.connect();
  await listener(client);
  for (let round = 0; round < 4; round++) {
    const lines = [
      ...["SELECT 0", "SET late x PX 150", "SELECT 9", "SET soon x PX 60", "SELECT 3"],
      ...["SET sooner x PX 20", "SET never x PX 100000", "SET changed x PX 100000"],
      ...["PEXPIRE changed 40", "SET kept x PX 30", "PERSIST kept", "BLPOP none 0.2"],
    ];
    client.write(Buffer.concat(lines.map((line) => encodeCommand(line.split(" ")))));
    const seen: string[] = [];
    while (seen.at(-1) !== "_\r\n") {
      const frame = await client.read();
      if (frame.startsWith(">") || frame === "_\r\n") seen.push(frame);
    }
    const keys = seen.slice(0, -1).map((frame) => (parseValue(frame) as string[])[3]);
    expect(keys).toEqual(["sooner", "changed", "soon", "late"]);
  }
});

test("thousands of keys of the same millisecond give an event each, and clients are answered", async () => {
  await using storm = await startStormdb("--notify-keyspace-events", "Ex");
  const client = await storm.connect();
  const other = await storm.connect();
  await listener(client);
  const count = 20_000;
  await other.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
  const at = String(Date.now() + 50);
  const names = Array.from({ length: count }, (_, i) => `key:${i}`);
  other.write(names.map((name) => `SET ${name} x PXAT ${at}\r\n`).join(""));
  for (const _ of names) await other.read();
  await other.call("DEBUG", "SET-ACTIVE-EXPIRE", "1");
  const keys: string[] = [];
  while (keys.length < count) keys.push((parseValue(await client.read()) as string[])[3]!);
  expect(keys.sort()).toEqual(names.sort());
  expect(await other.call("DBSIZE")).toEqual(":0\r\n");
});

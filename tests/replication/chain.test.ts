/** Three servers in a row, and who follows whom after one of them has been promoted. */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { REDIS_SERVER, until } from "../harness/processes.ts";
import {
  following,
  type Kind,
  Node,
  SEED,
  untilSame,
  untilUp,
  write,
  writerTo,
} from "../harness/replication.ts";

const LARGE = ["--repl-backlog-size", "20mb"];
const S = "StormDB";
const R = "redis-server";
const CHAINS: readonly (readonly [Kind, Kind, Kind])[] =
  REDIS_SERVER === null
    ? [[S, S, S]]
    : [
        [S, S, S],
        [S, R, S],
        [R, S, R],
        [R, S, S],
        [S, S, R],
      ];

async function partialSyncs(node: Node): Promise<number> {
  return Number((await node.info()).sync_partial_ok);
}

describe.each(CHAINS)(`%s followed by %s followed by %s, SEED=${SEED}`, (first, second, third) => {
  test("the same data and places everywhere, also after cuts", async () => {
    await using a = await Node.start(first, ...LARGE);
    await write(a, 300, new Random(SEED));
    await using b = await Node.start(second, ...following(a), ...LARGE);
    await using c = await Node.start(third, ...following(b));
    const writer = await writerTo(a);
    await untilUp(c);
    await b.call("CLIENT", "KILL", "TYPE", "replica");
    await writer.further(200);
    await a.call("CLIENT", "KILL", "TYPE", "replica");
    await writer.further(200);
    await writer.stop();
    await untilSame(a, b, c);
    expect((await a.info()).connected_slaves).toEqual("1");
    expect((await c.info()).master_port).toEqual(String(b.port));
    expect(await a.call("WAIT", "1", "0")).toEqual(":1\r\n");
    expect(await b.call("WAIT", "1", "1")).toMatch(/^-ERR WAIT cannot be used with replica/);
  });

  test("all data comes to the middle anew, and then to the last", async () => {
    await using a = await Node.start(first);
    await using b = await Node.start(second, ...following(a));
    await using c = await Node.start(third, ...following(b));
    await write(a, 100, new Random(SEED));
    await untilUp(c);
    await untilSame(a, b, c);
    await using other = await Node.start(first);
    await write(other, 200, new Random(SEED + 1));
    await b.follow(other);
    await untilSame(other, b, c);
  });

  test("the middle is promoted: all go on with what they have", async () => {
    await using a = await Node.start(first, ...LARGE);
    await using b = await Node.start(second, ...following(a), ...LARGE);
    await using c = await Node.start(third, ...following(b), ...LARGE);
    await using d = await Node.start(S, ...following(a), ...LARGE);
    await untilUp(c);
    await untilUp(d);
    await write(a, 200, new Random(SEED));
    await untilSame(a, b, c, d);
    const [old, before] = [await a.info(), await partialSyncs(b)];
    expect(await b.call("REPLICAOF", "NO", "ONE")).toEqual("+OK\r\n");
    const promoted = await b.info();
    expect([promoted.role, promoted.master_replid2, promoted.master_replid]).toEqual([
      "master",
      old.master_replid!,
      expect.not.stringMatching(old.master_replid!),
    ]);
    await write(b, 100, new Random(SEED + 1));
    await untilSame(b, c);
    // The others come over with what they have of the old stream.
    await d.follow(b);
    await untilSame(b, d);
    await a.follow(b);
    await untilSame(b, a, c, d);
    const after = await b.info();
    expect([Number(after.sync_partial_ok) - before, after.sync_full]).toEqual([
      3,
      promoted.sync_full!,
    ]);
    expect((await a.info()).role).toEqual("slave");
    expect((await a.info()).master_replid).toEqual(after.master_replid!);
    // And back again.
    await write(b, 50, new Random(SEED + 2));
    await untilSame(b, a);
    await a.call("REPLICAOF", "NO", "ONE");
    await b.follow(a);
    await write(a, 50, new Random(SEED + 3));
    await untilSame(a, b, c, d);
  });

  test("who has written beside gets all data anew", async () => {
    await using a = await Node.start(first, ...LARGE);
    await using b = await Node.start(second, ...following(a), ...LARGE);
    await write(a, 50, new Random(SEED));
    await untilSame(a, b);
    await b.call("REPLICAOF", "NO", "ONE");
    await write(a, 50, new Random(SEED + 1));
    await write(b, 50, new Random(SEED + 2));
    const full = Number((await b.info()).sync_full);
    await a.follow(b);
    await untilSame(b, a);
    expect(Number((await b.info()).sync_full)).toEqual(full + 1);
  });
});

test("a server that would follow itself, or its own replica, goes on living", async () => {
  await using a = await Node.start(S);
  await a.call("SET", "a", "1");
  expect(await a.follow(a)).toEqual("+OK\r\n");
  await until("it has tried", async () => (await a.info()).master_link_status === "down");
  expect(await a.call("REPLICAOF", "NO", "ONE")).toEqual("+OK\r\n");
  expect(await a.call("GET", "a")).toEqual("$1\r\n1\r\n");
  await using b = await Node.start(S, ...following(a));
  await untilUp(b);
  expect(await a.follow(b)).toEqual("+OK\r\n");
  await until("neither has a primary", async () => {
    const links = [await a.info(), await b.info()].map((info) => info.master_link_status);
    return links.includes("down");
  });
  await a.call("REPLICAOF", "NO", "ONE");
  await a.call("SET", "a", "2");
  await untilSame(a, b);
  expect(await b.call("GET", "a")).toEqual("$1\r\n2\r\n");
});

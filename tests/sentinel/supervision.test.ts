/** What Sentinel reads of the servers that it watches and has them do, beside redis-server. */
import { describe, expect, test } from "bun:test";
import { freePort, REDIS_CLI } from "../harness/processes.ts";
import { RawClient } from "../harness/raw-client.ts";
import type { Value } from "../harness/reply-value.ts";
import {
  fieldsOf,
  GROUP_NAME,
  Group,
  type Kind,
  Member,
  SENTINEL_MISSING,
} from "../harness/sentinel.ts";
import { skips } from "../harness/skips.ts";

const KINDS: readonly Kind[] = ["redis", "stormdb"];
/** What Sentinel has learned of a server and what is not a matter of time or place. */
const LEARNED = [
  "flags",
  "role-reported",
  "num-slaves",
  "quorum",
  "master-link-down-time",
  "master-link-status",
  "master-host",
  "slave-priority",
  "replica-announced",
];

function learned(value: Value): Record<string, string | undefined> {
  const fields = fieldsOf(value);
  return Object.fromEntries(LEARNED.map((name) => [name, fields[name]]));
}

/** The kinds of connections that a server has, by their flags and by the end of their names. */
async function connections(member: Member): Promise<string[]> {
  const lines = String(await member.ask("CLIENT", "LIST")).split("\n");
  const kinds = lines.map((line) => {
    const flags = / flags=(\S+)/.exec(line)?.[1];
    const name = / name=(\S*)/.exec(line)?.[1]?.replace(/^sentinel-[0-9a-f]{8}-/, "sentinel ");
    return `${flags} ${name}`;
  });
  // The link to the primary is a client in redis-server alone.
  return kinds.filter((kind) => !kind.startsWith("M") && kind !== "undefined undefined").toSorted();
}

async function supervised(kind: Kind): Promise<unknown> {
  const own: Record<string, string>[] = [{}, { "replica-priority": "7" }];
  await using group = await Group.start({ kinds: [kind, kind], own, sentinels: 1 });
  const [sentinel] = group.sentinels;
  const [primary, replica] = group.members;
  const ask = (...words: string[]) => sentinel!.ask("SENTINEL", ...words, GROUP_NAME);
  const replicas = (await ask("REPLICAS")) as Value[];
  const master = await ask("MASTER");
  expect(fieldsOf(master).runid).toEqual((await primary!.info("server")).run_id!);
  expect(fieldsOf(replicas[0]!).runid).toEqual((await replica!.info("server")).run_id!);
  expect(fieldsOf(replicas[0]!)["master-port"]).toEqual(`${primary!.port}`);
  await group.reached("Sentinel has subscribed at both", async () => {
    const kinds = await Promise.all([primary!, replica!].map(connections));
    return kinds.every((of) => of.some((one) => one.startsWith("P ")));
  });
  const found = await Promise.all([primary!, replica!].map(connections));
  const channels = await primary!.ask("PUBSUB", "CHANNELS");
  await replica!.ask("CONFIG", "SET", "replica-announced", "no");
  await group.reached("Sentinel keeps the replica to itself", async () => {
    return ((await ask("REPLICAS")) as Value[]).length === 0;
  });
  return {
    channels,
    connections: found,
    master: learned(master),
    replicas: replicas.map(learned),
  };
}

/** What Sentinel sends to who is to change its role, in one go. */
async function reconfigured(kind: Kind): Promise<unknown> {
  await using member = new Member(kind, await freePort(), "", {});
  await member.start();
  const [sentinel, normal, subscriber] = await Promise.all(
    [0, 1, 2].map(() => RawClient.connect(member.port)),
  );
  await subscriber!.call("SUBSCRIBE", "__sentinel__:hello");
  const replies: string[] = [];
  const roles: (string | undefined)[] = [];
  // The others are there at the first time alone.
  for (const words of [
    ["SLAVEOF", "127.0.0.1", "1"],
    ["SLAVEOF", "NO", "ONE"],
  ]) {
    for (const call of [
      ["MULTI"],
      words,
      ["CONFIG", "REWRITE"],
      ["CLIENT", "KILL", "TYPE", "normal"],
      ["CLIENT", "KILL", "TYPE", "pubsub"],
      ["EXEC"],
    ]) {
      replies.push(await sentinel!.call(...call));
    }
    await Promise.all([normal!.closed, subscriber!.closed]);
    roles.push((await member.info("replication")).role);
    roles.push(...member.config.filter((line) => line.startsWith("replicaof")));
  }
  sentinel!.close();
  return { replies, roles };
}

describe.skipIf(skips(SENTINEL_MISSING))("redis-sentinel", () => {
  test("learns the same of StormDB as of redis-server", async () => {
    const [redis, storm] = await Promise.all(KINDS.map(supervised));
    expect(storm).toEqual(redis);
  });

  test("has StormDB change its role as it has redis-server do", async () => {
    const [redis, storm] = await Promise.all(KINDS.map(reconfigured));
    expect(storm).toEqual(redis);
  });

  test("hands over by command, with passwords, and never to priority 0", async () => {
    await using group = await Group.start({
      kinds: ["stormdb", "stormdb", "stormdb"],
      password: "s3cret#pass",
      own: [{}, { "replica-priority": "0" }, {}],
    });
    const [first, never, second] = group.members as [Member, Member, Member];
    const port = String(group.sentinels[0]!.port);
    const command = async () => {
      const args = ["-p", port, "SENTINEL", "FAILOVER", GROUP_NAME];
      const child = Bun.spawn([REDIS_CLI!, ...args], { stdout: "pipe" });
      return (await child.stdout.text()).trim();
    };
    await first.ask("SET", "before", "1");
    await group.settled();
    expect(await command()).toEqual("OK");
    expect((await group.newPrimary(first)).port).toEqual(second.port);
    await group.settled();
    await second.ask("SET", "between", "2");
    // Sentinel lets some time pass between two of them.
    await group.reached("it can be done again", async () => (await command()) === "OK");
    expect((await group.newPrimary(second)).port).toEqual(first.port);
    await group.settled();
    const digests = await group.digests();
    expect(digests).toEqual(digests.map(() => digests[0]!));
    expect(await never.ask("MGET", "before", "between")).toEqual(["1", "2"]);

    await second.kill();
    await group.reached("nobody is good enough", async () =>
      (await command()).startsWith("NOGOODSLAVE"),
    );
    expect((await never.info("replication")).role).toEqual("slave");
  });

  test("StormDB and redis-server side by side, each as the other's primary", async () => {
    await using group = await Group.start({
      kinds: ["stormdb", "redis", "stormdb"],
      own: [{}, { "replica-priority": "10" }, {}],
    });
    const [first, redis, second] = group.members as [Member, Member, Member];
    const write = async (member: Member, mark: string) => {
      for (let i = 0; i < 20; i++) {
        await member.ask("SET", `${mark}:${i}`, mark.repeat(i));
        await member.ask("RPUSH", "list", `${mark}:${i}`, "x".repeat(i * 10));
        await member.ask("LPUSH", `list:${mark}`, String(i));
      }
      await member.ask("LPOP", "list", "5");
      await member.ask("SET", `${mark}:expires`, "1", "PX", "100000");
    };
    const same = async () => {
      await group.settled();
      const digests = await group.digests();
      expect(digests).toEqual(digests.map(() => digests[0]!));
    };
    await write(first, "a");
    await same();
    await first.kill();
    expect((await group.newPrimary(first)).port).toEqual(redis.port);
    await write(redis, "b");
    await same();
    await first.start();
    await group.reached("the old primary is a replica", async () => {
      return (await first.info("replication")).role === "slave";
    });
    await same();
    await redis.kill();
    const third = await group.newPrimary(redis);
    expect([first.port, second.port]).toContain(third.port);
    await write(third, "c");
    await same();
    await redis.start();
    await group.reached("redis-server is a replica", async () => {
      return (await redis.info("replication")).role === "slave";
    });
    await same();
    expect(await third.ask("LLEN", "list")).toEqual(3 * 35);
  });
});

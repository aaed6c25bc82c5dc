/** FAILOVER: a primary hands its part over, between StormDB and redis-server in every mixture. */
import { describe, expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { freePort, until } from "../harness/processes.ts";
import { following, Node, PAIRS, SEED, untilSame, untilUp, write } from "../harness/replication.ts";
import { pipeline } from "../persistence/load.ts";

const OK = "+OK\r\n";

async function hasRole(node: Node, role: string): Promise<boolean> {
  return (await node.info()).role === role;
}

/** How it may be asked for; the last two show all between different servers. */
const WAYS: readonly (readonly [string, (replica: Node) => readonly string[]])[] = [
  ["any replica", () => []],
  ["a given one", (b: Node) => ["TO", "127.0.0.1", String(b.port)]],
  ["any in time", () => ["TIMEOUT", "10000"]],
  ["a given one in time", (b: Node) => ["TO", "127.0.0.1", String(b.port), "TIMEOUT", "10000"]],
  [
    "a given one by force",
    (b: Node) => ["TO", "127.0.0.1", String(b.port), "FORCE", "TIMEOUT", "10000"],
  ],
];

describe.each(PAIRS)("%s hands over to %s", (ofPrimary, ofReplica) => {
  test.each(ofPrimary === ofReplica ? WAYS : WAYS.slice(-2))("%s", async (_, words) => {
    await using a = await Node.start(ofPrimary);
    await using b = await Node.start(ofReplica, ...following(a));
    await untilUp(b);
    await write(a, 100, new Random(SEED));
    // Who writes meanwhile waits, and is then told that this is no primary any more.
    const writing = await a.server.connect();
    const replies: string[] = [];
    let stopped = false;
    const written = (async () => {
      while (!stopped) replies.push(await writing.call("INCR", "exact"));
    })();
    await until("it writes", () => replies.length > 5);
    expect(await a.call("FAILOVER", ...words(b))).toEqual(OK);
    await until("the other is the primary", () => hasRole(b, "master"));
    await until("it has ended", async () => {
      return (await a.info()).master_failover_state === "no-failover";
    });
    await until("writes are refused", () => replies.at(-1)!.startsWith("-READONLY"));
    stopped = true;
    await written;
    await untilSame(b, a);
    // All that was said to have been written is there, and nothing twice.
    const counted = replies.filter((reply) => reply.startsWith(":"));
    const value = String(counted.length);
    expect(await b.call("GET", "exact")).toEqual(`$${value.length}\r\n${value}\r\n`);
    expect((await b.info()).sync_full).toEqual("0");
    expect((await a.info()).role).toEqual("slave");
    if (ofPrimary === "StormDB") {
      // It follows like any other from now on, also when it has to connect again.
      await b.call("CLIENT", "KILL", "TYPE", "replica");
      await b.call("SET", "behind", "0");
      await untilSame(b, a);
    }
    // And back.
    expect(await b.call("FAILOVER")).toEqual(OK);
    await until("the first is the primary again", () => hasRole(a, "master"));
    await until("the other follows", async () => (await b.info()).master_link_status === "up");
    await a.call("SET", "behind", "1");
    await untilSame(a, b);
  });

  test.each([
    ["together with it", [["SET", "late", "1"], ["FAILOVER"]]],
    ["in its transaction", [["MULTI"], ["SET", "late", "1"], ["FAILOVER"], ["EXEC"]]],
  ])("what is written %s goes along", async (_, commands) => {
    await using a = await Node.start(ofPrimary);
    await using b = await Node.start(ofReplica, ...following(a));
    await untilUp(b);
    await a.call("SET", "early", "1");
    await untilSame(a, b);
    expect(await a.call("WAIT", "1", "0")).toEqual(":1\r\n");
    const replies = await pipeline(a.client, commands);
    expect(replies.filter((reply) => reply.startsWith("-"))).toEqual([]);
    await until("the other is the primary", () => hasRole(b, "master"));
    expect(await b.call("GET", "late")).toEqual("$1\r\n1\r\n");
    await untilSame(b, a);
    expect((await b.info()).sync_full).toEqual("0");
  });

  test("a replica that does not come along: TIMEOUT, ABORT and FORCE", async () => {
    await using a = await Node.start(ofPrimary);
    await using b = await Node.start(ofReplica, ...following(a));
    await untilUp(b);
    const target = ["TO", "127.0.0.1", String(b.port)];
    process.kill(b.server.pid, "SIGSTOP");
    try {
      await a.call("SET", "a", "1");
      expect(await a.call("FAILOVER", ...target, "TIMEOUT", "50")).toEqual(OK);
      expect((await a.info()).master_failover_state).toEqual("waiting-for-sync");
      await until("the time is over", async () => {
        return (await a.info()).master_failover_state === "no-failover";
      });
      expect(await a.call("SET", "a", "2")).toEqual(OK);
      expect(await a.call("FAILOVER", ...target)).toEqual(OK);
      expect(await a.call("FAILOVER", ...target)).toEqual("-ERR FAILOVER already in progress.\r\n");
      const writing = await a.server.connect();
      const reply = writing.call("SET", "a", "3");
      expect(await a.call("REPLICAOF", "NO", "ONE")).toEqual(
        "-ERR REPLICAOF not allowed while failing over.\r\n",
      );
      // Reads go on.
      expect(await a.call("GET", "a")).toEqual("$1\r\n2\r\n");
      expect(await a.call("FAILOVER", "ABORT")).toEqual(OK);
      expect(await reply).toEqual(OK);
      expect(await a.call("FAILOVER", "ABORT")).toEqual("-ERR No failover in progress.\r\n");
      expect(await a.call("FAILOVER", ...target, "FORCE", "TIMEOUT", "50")).toEqual(OK);
      await until("it follows by force", () => hasRole(a, "slave"));
    } finally {
      process.kill(b.server.pid, "SIGCONT");
    }
    await until("the other is the primary", () => hasRole(b, "master"));
    await b.call("SET", "b", "1");
    await untilSame(b, a);
  });
});

test("a target that cannot be reached: the primary goes on", async () => {
  await using a = await Node.start("StormDB");
  await using b = await Node.start("StormDB");
  const nobody = await freePort();
  await b.call("CONFIG", "SET", "replica-announce-port", String(nobody));
  await b.follow(a);
  await untilUp(b);
  expect(await a.call("FAILOVER", "TO", "127.0.0.1", String(nobody))).toEqual(OK);
  await until("it is over", async () => {
    const { master_failover_state, role } = await a.info();
    return master_failover_state === "no-failover" && role === "master";
  });
  expect(await a.call("SET", "a", "1")).toEqual(OK);
  await untilSame(a, b);
});

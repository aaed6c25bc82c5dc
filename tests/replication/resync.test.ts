/** Full and partial resync under a load of random writes, between StormDB and a real redis-server. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { DataFolder, until } from "../harness/processes.ts";
import {
  CutProxy,
  FakeServer,
  following,
  Node,
  PAIRS,
  SEED,
  untilSame,
  untilUp,
  write,
  writerTo,
} from "../harness/replication.ts";
import { pipeline } from "../persistence/load.ts";

const ON_EMPTY = ["--repl-diskless-load", "on-empty-db"];
const SWAPPED = ["--repl-diskless-load", "swapdb"];
const BY_FILE = ["--repl-diskless-sync", "no"];

async function fillTexts(node: Node, count: number, length: number): Promise<void> {
  const value = "v".repeat(length);
  for (let i = 0; i < count; i += 500) {
    const keys = Array.from({ length: 500 }, (_, j) => ["SET", `key${i + j}`, value]);
    await pipeline(node.client, keys);
  }
}

describe.each(PAIRS)(`%s followed by %s, SEED=${SEED}`, (ofPrimary, ofReplica) => {
  test("all data comes while it is being written, and then the stream", async () => {
    await using primary = await Node.start(ofPrimary);
    await write(primary, 3000, new Random(SEED));
    const writer = await writerTo(primary);
    await using replica = await Node.start(ofReplica, ...following(primary));
    await untilUp(replica);
    await writer.further(500);
    await writer.stop();
    await untilSame(primary, replica);
    expect(await primary.call("WAIT", "1", "0")).toEqual(":1\r\n");
  });

  test.each([
    ["by a file to memory", BY_FILE, SWAPPED],
    ["by files at both ends", BY_FILE, []],
    ["without a file", [], SWAPPED],
    ["without a file where the replica is empty", [], ON_EMPTY],
  ] as const)("all data goes %s", async (_, atPrimary, atReplica) => {
    await using primary = await Node.start(ofPrimary, ...atPrimary);
    await write(primary, 1500, new Random(SEED));
    await using replica = await Node.start(ofReplica, ...atReplica);
    if (atReplica !== ON_EMPTY) await replica.call("SET", "of its own", "1");
    const writer = await writerTo(primary);
    await replica.follow(primary);
    await untilUp(replica);
    await writer.further(200);
    await writer.stop();
    await untilSame(primary, replica);
  });

  test("a cut link goes on where it stopped", async () => {
    await using primary = await Node.start(ofPrimary, "--repl-backlog-size", "10mb");
    await using replica = await Node.start(ofReplica, ...following(primary));
    await untilUp(replica);
    const writer = await writerTo(primary);
    for (let i = 1; i <= 2; i++) {
      await writer.further(200);
      await primary.call("CLIENT", "KILL", "TYPE", "replica");
      await until("it has come back", async () => {
        return Number((await primary.info()).sync_partial_ok) >= i;
      });
    }
    await writer.stop();
    await untilSame(primary, replica);
    const { sync_full, sync_partial_err } = await primary.info();
    // A redis-server that follows asks for a stream that it cannot know at its first attempt.
    expect([sync_full, Number(sync_partial_err) <= 1]).toEqual(["1", true]);
  });

  test("a replica that was away for longer than the backlog gets all data anew", async () => {
    await using primary = await Node.start(ofPrimary, "--repl-backlog-size", "16384");
    using proxy = await CutProxy.to(primary.port, () => Number.POSITIVE_INFINITY);
    await using replica = await Node.start(ofReplica, ...following(proxy));
    await untilUp(replica);
    // In one write, and cut within it: the replica cannot be as far as the backlog's start.
    proxy.cutAll();
    await primary.call("SET", "large", "x".repeat(100000));
    await write(primary, 300);
    await until("all data came twice", async () => (await primary.info()).sync_full === "2");
    await untilSame(primary, replica);
  });

  test("two replicas share one walk, and a third comes later", async () => {
    await using primary = await Node.start(ofPrimary, "--repl-diskless-sync-delay", "1");
    await write(primary, 500);
    await using first = await Node.start(ofReplica);
    await using second = await Node.start("StormDB");
    await Promise.all([first.follow(primary), second.follow(primary)]);
    await Promise.all([untilUp(first), untilUp(second)]);
    await write(primary, 100);
    await untilSame(primary, first, second);
    await primary.call("CONFIG", "SET", "repl-diskless-sync-delay", "0");
    await using third = await Node.start(ofReplica, ...following(primary));
    await untilUp(third);
    await write(primary, 100);
    await untilSame(primary, first, second, third);
    expect((await primary.info()).connected_slaves).toEqual("3");
  });

  test("by the configuration, by REPLICAOF, and NO ONE", async () => {
    await using primary = await Node.start(ofPrimary);
    await primary.call("SET", "a", "1");
    using folder = new DataFolder();
    const file = join(folder.path, "replica.conf");
    writeFileSync(file, `replicaof 127.0.0.1 ${primary.port}\n`);
    await using replica = await Node.start(ofReplica, ...following(primary));
    await untilUp(replica);
    expect(await replica.follow(primary)).toEqual("+OK Already connected to specified master\r\n");
    expect(await replica.call("CONFIG", "GET", "replicaof")).toContain(`127.0.0.1 ${primary.port}`);
    expect(await replica.call("SET", "a", "2")).toEqual(
      "-READONLY You can't write against a read only replica.\r\n",
    );
    expect(await replica.call("REPLICAOF", "NO", "ONE")).toEqual("+OK\r\n");
    expect(await replica.call("SET", "a", "2")).toEqual("+OK\r\n");
    expect(await replica.call("ROLE")).toMatch(/^\*3\r\n\$6\r\nmaster\r\n/);
    await replica.follow(primary);
    await untilSame(primary, replica);
    expect(await replica.call("GET", "a")).toEqual("$1\r\n1\r\n");
  });

  test("what blocked clients take and messages reach the replica", async () => {
    await using primary = await Node.start(ofPrimary);
    await using replica = await Node.start(ofReplica, ...following(primary));
    await untilUp(replica);
    const listener = await replica.server.connect();
    await listener.call("SUBSCRIBE", "news");
    const monitor = await replica.server.connect();
    await monitor.call("MONITOR");
    const waiting = await primary.server.connect();
    const taken = waiting.call("BLMOVE", "from", "to", "LEFT", "RIGHT", "0");
    await until("it waits", async () => (await primary.info()).blocked_clients === "1");
    await primary.call("MULTI");
    await primary.call("RPUSH", "from", "a", "b");
    await primary.call("PUBLISH", "news", "hello");
    await primary.call("EXEC");
    expect(await taken).toEqual("$1\r\na\r\n");
    expect(await listener.read()).toEqual("*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n");
    await untilSame(primary, replica);
    expect(await replica.call("LRANGE", "to", "0", "-1")).toEqual("*1\r\n$1\r\na\r\n");
    const seen: string[] = [];
    while (!seen.at(-1)?.includes("PUBLISH")) seen.push(await monitor.read());
    expect(seen.join("")).toContain('"RPUSH" "from" "a" "b"');
    expect(seen.join("")).not.toContain("BLMOVE");
  });
});

describe("StormDB as a replica", () => {
  test("serves the old data while the new comes, and takes it at once", async () => {
    await using primary = await Node.start("StormDB");
    await fillTexts(primary, 40000, 100);
    await using replica = await Node.start("StormDB", ...SWAPPED);
    await replica.call("SET", "old", "1");
    // So little at a time that there is a moment to look.
    let left = 300_000;
    using proxy = await CutProxy.to(primary.port, () => left);
    await replica.follow(proxy);
    await until("the proxy has cut within the data", () => proxy.cuts > 0);
    expect(await replica.call("GET", "old")).toEqual("$1\r\n1\r\n");
    expect(await replica.call("DBSIZE")).toEqual(":1\r\n");
    left = Number.POSITIVE_INFINITY;
    const seen = new Set<string>();
    await until("the new data is there", async () => {
      seen.add(await replica.call("DBSIZE"));
      return seen.size > 1;
    });
    expect([...seen]).toEqual([":1\r\n", ":40000\r\n"]);
    expect(await replica.call("GET", "old")).toEqual("$-1\r\n");
    await untilSame(primary, replica);
  });

  test.each([[[]], [SWAPPED], [ON_EMPTY]])(
    "the link is lost while the data comes, %p",
    async (args) => {
      await using primary = await Node.start("StormDB", "--repl-backlog-size", "10mb");
      await fillTexts(primary, 20000, 100);
      await using replica = await Node.start("StormDB", ...args);
      const random = new Random(SEED);
      const budgets = [100 + random.below(900), 200_000 + random.below(100_000)];
      using proxy = await CutProxy.to(
        primary.port,
        () => budgets.shift() ?? Number.POSITIVE_INFINITY,
      );
      await replica.follow(proxy);
      await primary.call("INCR", "once");
      await untilSame(primary, replica);
      expect([SEED, proxy.cuts > 0]).toEqual([SEED, true]);
      expect(await replica.call("GET", "once")).toEqual("$1\r\n1\r\n");
    },
  );

  test("replica-serve-stale-data no: nothing is answered without the primary", async () => {
    await using primary = await Node.start("StormDB");
    await primary.call("SET", "a", "1");
    const down =
      "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n";
    await using replica = await Node.start("StormDB", "--replica-serve-stale-data", "no");
    await replica.follow(primary);
    await untilUp(replica);
    expect(await replica.call("GET", "a")).toEqual("$1\r\n1\r\n");
    await primary.kill();
    await until("the link is down", async () => {
      return (await replica.info()).master_link_status === "down";
    });
    expect(await replica.call("GET", "a")).toEqual(down);
    expect(await replica.call("PING")).toEqual(down);
    expect(await replica.call("CONFIG", "SET", "replica-serve-stale-data", "yes")).toEqual(
      "+OK\r\n",
    );
    expect(await replica.call("GET", "a")).toEqual("$1\r\n1\r\n");
  });

  test("replica-read-only no: it takes writes that stay its own", async () => {
    await using primary = await Node.start("StormDB");
    await using replica = await Node.start("StormDB", "--replica-read-only", "no");
    await replica.follow(primary);
    await untilUp(replica);
    expect(await replica.call("SET", "own", "1", "PX", "1")).toEqual("+OK\r\n");
    await until("its own key expires", async () => {
      return (await replica.call("EXISTS", "own")) === ":0\r\n";
    });
    expect(await replica.call("SET", "b", "1")).toEqual("+OK\r\n");
    await primary.call("SET", "a", "1");
    await primary.call("WAIT", "1", "0");
    expect(await replica.call("GET", "a")).toEqual("$1\r\n1\r\n");
    expect(await primary.call("GET", "b")).toEqual("$-1\r\n");
    expect(await replica.call("CONFIG", "SET", "replica-read-only", "yes")).toEqual("+OK\r\n");
    expect(await replica.call("SET", "b", "2")).toMatch(/^-READONLY /);
  });

  test("writes within MULTI are refused", async () => {
    await using primary = await Node.start("StormDB");
    await using replica = await Node.start("StormDB", ...following(primary));
    await untilUp(replica);
    expect(await replica.call("MULTI")).toEqual("+OK\r\n");
    expect(await replica.call("SET", "a", "1")).toMatch(/^-READONLY /);
    expect(await replica.call("EXEC")).toMatch(/^-EXECABORT /);
    // Queued while it was a primary.
    await replica.call("REPLICAOF", "NO", "ONE");
    await replica.call("MULTI");
    expect(await replica.call("SET", "a", "1")).toEqual("+QUEUED\r\n");
    const other = await replica.server.connect();
    await other.call("REPLICAOF", "127.0.0.1", String(primary.port));
    expect(await replica.call("EXEC")).toMatch(
      /^-EXECABORT Transaction discarded because of: READONLY/,
    );
    await untilSame(primary, replica);
  });

  test("a client that waits for a key is told when the server becomes a replica", async () => {
    await using primary = await Node.start("StormDB");
    await using replica = await Node.start("StormDB");
    const waiting = await replica.server.connect();
    const reply = waiting.call("BLPOP", "l", "0");
    await until("it waits", async () => (await replica.info()).blocked_clients === "1");
    await replica.follow(primary);
    expect(await reply).toEqual(
      "-UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)\r\n",
    );
  });
});

describe.each(PAIRS)("%s followed by %s", (ofPrimary, ofReplica) => {
  test("keys expire when the primary says so", async () => {
    await using primary = await Node.start(ofPrimary);
    await using replica = await Node.start(ofReplica, ...following(primary));
    await untilUp(replica);
    // Nothing expires by itself there either, so that the DEL comes when the test wants it.
    await primary.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
    await primary.call("SET", "short", "1", "PX", "1");
    await primary.call("SET", "stays", "1");
    await primary.call("WAIT", "1", "0");
    await until("the replica says that it is gone", async () => {
      return (await replica.call("GET", "short")) === "$-1\r\n";
    });
    expect(await replica.call("EXISTS", "short")).toEqual(":0\r\n");
    expect(await replica.call("TTL", "short")).toEqual(":-2\r\n");
    expect(await replica.call("DBSIZE")).toEqual(":2\r\n");
    expect((await replica.info()).expired_keys).toEqual("0");
    expect(await primary.call("GET", "short")).toEqual("$-1\r\n");
    await until("the DEL has come", async () => (await replica.call("DBSIZE")) === ":1\r\n");
    await untilSame(primary, replica);
  });

  test("a password, and a user's", async () => {
    await using primary = await Node.start(ofPrimary, "--requirepass", "secret");
    await primary.call("AUTH", "secret");
    await primary.call("SET", "a", "1");
    await using replica = await Node.start(ofReplica, ...following(primary), "--masterauth", "no");
    await until("it was refused", async () => {
      return (await primary.info()).total_error_replies !== "0";
    });
    expect((await replica.info()).master_link_status).toEqual("down");
    await replica.call("CONFIG", "SET", "masterauth", "secret");
    await untilSame(primary, replica);
    await replica.call("CONFIG", "SET", "masteruser", "default");
    await primary.call("CLIENT", "KILL", "TYPE", "replica");
    await primary.call("SET", "a", "2");
    await untilSame(primary, replica);
    expect(await replica.call("GET", "a")).toEqual("$1\r\n2\r\n");
  });

  test("too few replicas: no writes", async () => {
    const refusal = "-NOREPLICAS Not enough good replicas to write.\r\n";
    await using primary = await Node.start(ofPrimary, "--min-replicas-to-write", "1");
    expect(await primary.call("SET", "a", "1")).toEqual(refusal);
    expect(await primary.call("GET", "a")).toEqual("$-1\r\n");
    expect((await primary.info()).min_slaves_good_slaves).toEqual("0");
    await using replica = await Node.start(ofReplica, ...following(primary));
    await until("there is a good replica", async () => {
      return (await primary.call("SET", "a", "1")) === "+OK\r\n";
    });
    expect((await primary.info()).min_slaves_good_slaves).toEqual("1");
    await untilSame(primary, replica);
    await replica.call("REPLICAOF", "NO", "ONE");
    await until("there is none", async () => {
      return (await primary.call("SET", "a", "1")) === refusal;
    });
    await primary.call("CONFIG", "SET", "min-replicas-max-lag", "0");
    expect(await primary.call("SET", "a", "1")).toEqual("+OK\r\n");
  });

  test("a replica that was stopped is no good replica", async () => {
    const args = ["--min-replicas-to-write", "1", "--min-replicas-max-lag", "1"];
    await using primary = await Node.start(ofPrimary, ...args);
    await using replica = await Node.start(ofReplica, ...following(primary));
    await until("there is a good replica", async () => {
      return (await primary.call("SET", "a", "1")) === "+OK\r\n";
    });
    process.kill(replica.server.pid, "SIGSTOP");
    await until("it is not good any more", async () => {
      return (await primary.call("SET", "a", "1")).startsWith("-NOREPLICAS");
    });
    process.kill(replica.server.pid, "SIGCONT");
    await until("it is again", async () => (await primary.call("SET", "a", "2")) === "+OK\r\n");
    await untilSame(primary, replica);
  });
});

test("a primary that is not there yet is tried again", async () => {
  await using replica = await Node.start("StormDB");
  let port = 0;
  {
    using nobody = await FakeServer.listen((socket) => socket.destroy());
    port = nobody.port;
    await replica.follow({ port });
    await until("it has tried twice", () => nobody.connections >= 2);
  }
  expect((await replica.info()).master_link_status).toEqual("down");
  await using primary = await Node.start("StormDB");
  await replica.follow(primary);
  await untilSame(primary, replica);
});

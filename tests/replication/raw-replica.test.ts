/** Replicas that are no servers: what goes over the wire, odd orders, slow and silent ones. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { REDIS_CLI, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import {
  FakeServer,
  following,
  Node,
  SEED,
  untilSame,
  untilUp,
  write,
} from "../harness/replication.ts";
import { without } from "../harness/skips.ts";
import { digestOfFile, pipeline } from "../persistence/load.ts";
import { pick } from "../unit/seeds.ts";

const CAPA = ["REPLCONF", "capa", "eof", "capa", "psync2"];
const PING = "*1\r\n$4\r\nPING\r\n";

/** Waits until the text matches, and returns the match. */
async function unread(client: RawClient, pattern: RegExp): Promise<RegExpExecArray> {
  let found: RegExpExecArray | null = null;
  await until(`it has sent ${pattern}`, () => {
    found = pattern.exec(client.unread);
    return found !== null;
  });
  return found!;
}

async function loaded(node: Node, keys = 20): Promise<void> {
  for (let i = 0; i < keys; i++) await node.call("SET", `key${i}`, "x".repeat(100));
}

async function massive(node: Node, megabytes: number): Promise<void> {
  const value = new Random(SEED).hex(50000);
  for (let i = 0; i < megabytes; i++) {
    await pipeline(
      node.client,
      Array.from({ length: 20 }, (_, j) => ["SET", `large${i}:${j}`, value + i + j]),
    );
  }
}

async function replicas(node: Node): Promise<number> {
  return Number((await node.info()).connected_slaves);
}

describe("the data", () => {
  test.each([
    [
      "PSYNC, by mark",
      [CAPA],
      "PSYNC ? -1",
      /^\+OK\r\n\n*\+FULLRESYNC ([0-9a-f]{40}) ([0-9]+)\r\n\n*\$EOF:(.{40})\r\n/,
    ],
    [
      "PSYNC, by length",
      [],
      "PSYNC ? -1",
      /^\n*\+FULLRESYNC ([0-9a-f]{40}) ([0-9]+)\r\n()\n*\$([0-9]+)\r\n/,
    ],
    ["SYNC, by mark", [CAPA], "SYNC", /^\+OK\r\n\n*()()\$EOF:(.{40})\r\n/],
    ["SYNC, by length", [], "SYNC", /^\n*()()()\$([0-9]+)\r\n/],
  ] as const)("%s", async (_, before, request, head) => {
    await using primary = await Node.start("StormDB");
    await loaded(primary);
    const client = await primary.server.connect();
    for (const words of before) client.write(`${words.join(" ")}\r\n`);
    client.write(`${request}\r\n`);
    const begin = await unread(client, head);
    const [all, , , mark, length] = begin;
    const at = begin.index + all.length;
    const end = () =>
      mark
        ? client.unread.indexOf(mark, at)
        : client.unread.length - at >= Number(length)
          ? at + Number(length)
          : -1;
    await until("all data has come", () => end() >= 0);
    const path = join(primary.server.folder, "came.rdb");
    await Bun.write(path, Buffer.from(client.unread.slice(at, end()), "latin1"));
    const digest = (await primary.digest()).slice(1);
    expect(digestOfFile(path)).toEqual(digest);
    // The stream begins at once where the length is known, and at an ACK where not.
    await primary.call("SET", "behind", "1");
    if (mark) client.write("REPLCONF ACK 0\r\n");
    await unread(
      client,
      /\$6\r\nSELECT\r\n\$1\r\n0\r\n\*3\r\n\$3\r\nSET\r\n\$6\r\nbehind\r\n\$1\r\n1\r\n/,
    );
    await primary.check();
  });

  test.skipIf(without("redis-cli"))("redis-cli --rdb", async () => {
    await using primary = await Node.start("StormDB");
    await loaded(primary);
    const path = join(primary.server.folder, "taken.rdb");
    const cli = Bun.spawn([REDIS_CLI!, "-p", String(primary.port), "--rdb", path], {
      stdout: "ignore",
      stderr: "ignore",
    });
    expect(await cli.exited).toEqual(0);
    expect(readFileSync(path, "latin1").slice(0, 5)).toEqual("REDIS");
    expect(digestOfFile(path)).toEqual((await primary.digest()).slice(1));
  });
});

describe("what clients are told", () => {
  test("WAIT, its timeout, and CLIENT UNBLOCK", async () => {
    await using primary = await Node.start("StormDB");
    await using replica = await Node.start("StormDB", ...following(primary));
    await untilUp(replica);
    await primary.call("SET", "a", "1");
    expect(await primary.call("WAIT", "1", "0")).toEqual(":1\r\n");
    expect(await primary.call("WAIT", "0", "0")).toMatch(/^:[01]\r\n$/);
    const waiting = await primary.server.connect();
    const id = (await waiting.call("CLIENT", "ID")).slice(1, -2);
    await waiting.call("SET", "a", "2");
    const reply = waiting.call("WAIT", "2", "0");
    await until("it waits", async () => (await primary.info()).blocked_clients === "1");
    expect(await primary.call("CLIENT", "LIST", "ID", id)).toContain(" flags=b ");
    await primary.call("WAIT", "1", "0");
    expect(await primary.call("CLIENT", "UNBLOCK", id)).toEqual(":1\r\n");
    expect(await reply).toEqual(":1\r\n");
    const again = waiting.call("WAIT", "2", "0");
    await until("it waits", async () => (await primary.info()).blocked_clients === "1");
    await primary.call("CLIENT", "UNBLOCK", id, "ERROR");
    expect(await again).toEqual("-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    expect(await waiting.call("WAIT", "2", "1")).toMatch(/^:[01]\r\n$/);
    // Longer than a timer can be.
    const long = waiting.call("WAIT", "2", "99999999999");
    await until("it waits", async () => (await primary.info()).blocked_clients === "1");
    await primary.call("CLIENT", "UNBLOCK", id);
    await long;
    const last = waiting.call("WAIT", "2", "0");
    await until("it waits", async () => (await primary.info()).blocked_clients === "1");
    await primary.call("REPLICAOF", "127.0.0.1", "1");
    expect(await last).toMatch(/^-UNBLOCKED force unblock/);
  });

  test("WAIT counts a write that came with it, and asks nothing for who has not written", async () => {
    await using primary = await Node.start("StormDB");
    const replica = await primary.server.connect();
    await replica.call(...CAPA);
    replica.write(encodeCommand(["PSYNC", "?", "-1"]));
    await unread(replica, /\$EOF:(.{40})\r\n[\s\S]*\1/);
    replica.write(encodeCommand(["REPLCONF", "ACK", "0"]));
    const client = await primary.server.connect();
    await until(
      "the replica is online",
      async () => (await client.call("WAIT", "1", "1")) === ":1\r\n",
    );
    client.write(
      Buffer.concat(
        [
          ["SET", "a", "1"],
          ["WAIT", "1", "50"],
        ].map(encodeCommand),
      ),
    );
    expect([await client.read(), await client.read()]).toEqual(["+OK\r\n", ":0\r\n"]);
  });

  test("INFO, ROLE and CLIENT LIST of both", async () => {
    await using primary = await Node.start("StormDB");
    await using replica = await Node.start("StormDB", "--replica-announce-ip", "127.0.0.9");
    await replica.follow(primary);
    await untilUp(replica);
    await primary.call("SET", "a", "1");
    await primary.call("WAIT", "1", "0");
    const position = (await primary.info()).master_repl_offset!;
    await until("it has said how far it is", async () => {
      return (await primary.call("ROLE")).includes(`$${position.length}\r\n${position}\r\n`);
    });
    expect(await primary.call("ROLE")).toEqual(
      `*3\r\n$6\r\nmaster\r\n:${position}\r\n*1\r\n*3\r\n$9\r\n127.0.0.9\r\n$${String(replica.port).length}\r\n${replica.port}\r\n$${position.length}\r\n${position}\r\n`,
    );
    expect(await replica.call("ROLE")).toEqual(
      `*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:${primary.port}\r\n$9\r\nconnected\r\n:${position}\r\n`,
    );
    const info = await primary.info();
    expect(info.slave0).toMatch(
      new RegExp(`^ip=127.0.0.9,port=${replica.port},state=online,offset=${position},lag=[01]$`),
    );
    expect(await primary.call("CLIENT", "LIST", "TYPE", "replica")).toMatch(
      / flags=S .* cmd=replconf /,
    );
    expect(await primary.call("CLIENT", "LIST", "TYPE", "normal")).not.toContain("flags=S");
    const { role, slave_read_only, master_host, connected_slaves } = await replica.info();
    expect([role, slave_read_only, master_host, connected_slaves]).toEqual([
      "slave",
      "1",
      "127.0.0.1",
      "0",
    ]);
  });
});

describe("odd orders", () => {
  const WORDS = [
    "PING",
    "REPLCONF listening-port 1",
    "REPLCONF capa eof",
    "REPLCONF capa psync2",
    "REPLCONF ACK 0",
    "REPLCONF ACK 99999999",
    "REPLCONF ACK -5",
    "REPLCONF GETACK *",
    "PSYNC ? -1",
    "PSYNC 0123456789012345678901234567890123456789 5",
    "PSYNC ? 9223372036854775807",
    "SYNC",
    "MULTI",
    "EXEC",
    "DISCARD",
    "SET a 1",
    "GET a",
    "SUBSCRIBE x",
    "MONITOR",
    "BLPOP nothing 0.01",
    "WAIT 1 1",
    "CLIENT REPLY OFF",
    "CLIENT REPLY ON",
    "CLIENT NO-EVICT ON",
    "HELLO 3",
    "RESET",
    "ROLE",
    "INFO replication",
    "\n\n",
    "*1\r\n$4\r\nPING",
  ];

  test(`random ones, SEED=${SEED}`, async () => {
    const random = new Random(SEED);
    await using primary = await Node.start("StormDB");
    await loaded(primary);
    await using replica = await Node.start("StormDB", ...following(primary));
    await untilUp(replica);
    for (let run = 0; run < 40; run++) {
      const client = await primary.server.connect();
      for (let i = 1 + random.below(12); i > 0; i--) client.write(`${pick(random, WORDS)}\r\n`);
      await primary.call("INCR", "n");
      if (random.below(2) === 0) client.close();
    }
    await primary.call("CLIENT", "KILL", "TYPE", "replica");
    await primary.call("SET", "last", "1");
    await untilSame(primary, replica);
    expect(await primary.call("PING")).toEqual("+PONG\r\n");
  });

  test("a replica that says PSYNC twice, and then asks for keys", async () => {
    await using primary = await Node.start("StormDB");
    const client = await primary.server.connect();
    client.write("PSYNC ? -1\r\nPSYNC ? -1\r\nSYNC\r\n");
    await until(
      "it follows",
      async () => (await primary.info()).slave0?.includes("state=online") ?? false,
    );
    expect((await primary.info()).sync_full).toEqual("1");
    client.write("GET a\r\nSET a 1\r\n");
    await primary.call("SET", "b", "1");
    expect(await primary.call("GET", "a")).toEqual("$-1\r\n");
    await primary.check();
  });
});

test("FAILOVER waits for what was written just before it", async () => {
  await using primary = await Node.start("StormDB");
  using target = await FakeServer.listen(() => {});
  const replica = await primary.server.connect();
  replica.write(`REPLCONF listening-port ${target.port}\r\nPSYNC ? -1\r\n`);
  const head = await unread(replica, /^\+OK\r\n\n*\+FULLRESYNC \S+ ([0-9]+)\r\n\n*\$([0-9]+)\r\n/);
  const streamFrom = head[0].length + Number(head[2]);
  const acknowledge = () => {
    const position = Number(head[1]) + Math.max(0, replica.unread.length - streamFrom);
    replica.write(`REPLCONF ACK ${position}\r\n`);
  };
  await until("the replica has said that it has all", async () => {
    acknowledge();
    const { master_repl_offset, slave0 } = await primary.info();
    return slave0!.includes(`,state=online,offset=${master_repl_offset},`);
  });
  primary.client.write("SET last 1\r\nFAILOVER\r\n");
  await unread(replica, /last\r\n\$1\r\n1\r\n.*GETACK/s);
  expect(target.connections).toEqual(0);
  await until("it hands over", () => {
    acknowledge();
    return target.connections > 0;
  });
});

describe("slow and silent ones", () => {
  const LIMITED = "--client-output-buffer-limit";
  const SMALL = ["--repl-backlog-size", "16384"];

  test.each([
    ["the hard limit", "replica 3mb 0 0"],
    ["the soft limit", "replica 0 1mb 1"],
  ])("one that does not read is dropped by %s, and others go on", async (_, limit) => {
    await using primary = await Node.start("StormDB", ...SMALL, LIMITED, limit);
    await using good = await Node.start("StormDB", ...following(primary));
    await untilUp(good);
    const slow = await primary.server.connect();
    slow.write("PSYNC ? -1\r\n");
    await until("both follow", async () => {
      const { slave0, slave1 } = await primary.info();
      return [slave0, slave1].every((one) => one?.includes("state=online"));
    });
    slow.pause();
    let rounds = 0;
    await until("one is left", async () => {
      if (rounds++ < 30) await massive(primary, 1);
      await primary.call("WAIT", "1", "1000");
      return (await replicas(primary)) === 1;
    });
    await untilSame(primary, good);
    expect((await primary.info()).slave0).toContain(`port=${good.port},`);
    // What was kept for it is given up.
    expect(Number((await primary.info()).repl_backlog_histlen)).toBeLessThan(1_000_000);
  });

  test("a stopped replica recovers by a full resync", async () => {
    await using primary = await Node.start("StormDB", ...SMALL, LIMITED, "replica 1mb 0 0");
    await using replica = await Node.start("StormDB", ...following(primary));
    await untilUp(replica);
    process.kill(replica.server.pid, "SIGSTOP");
    try {
      let rounds = 0;
      await until("it is dropped", async () => {
        if (rounds++ < 30) await massive(primary, 1);
        return (await replicas(primary)) === 0;
      });
    } finally {
      process.kill(replica.server.pid, "SIGCONT");
    }
    await untilSame(primary, replica);
    expect((await primary.info()).sync_full).toEqual("2");
  });

  test.each([
    ["within the data", "REPLCONF capa eof\r\nPSYNC ? -1\r\n", 30],
    ["within the data of a file", "PSYNC ? -1\r\n", 30],
    ["behind the data", "REPLCONF capa eof\r\nPSYNC ? -1\r\n", 0],
    ["online", "PSYNC ? -1\r\n", 0],
  ] as const)(
    "one that falls silent %s is dropped after repl-timeout",
    async (_, words, megabytes) => {
      await using primary = await Node.start("StormDB", "--repl-timeout", "1");
      await massive(primary, megabytes);
      const silent = await primary.server.connect();
      silent.write(words);
      if (megabytes > 0) silent.pause();
      await until("it follows", async () => (await replicas(primary)) === 1);
      await until("it is dropped", async () => (await replicas(primary)) === 0);
      // And others are served.
      await using replica = await Node.start("StormDB", ...following(primary));
      await untilSame(primary, replica);
      await primary.call("BGSAVE");
    },
  );

  test("one that loads for longer than repl-timeout says so, and is kept", async () => {
    await using primary = await Node.start("StormDB", "--repl-timeout", "1");
    const client = await primary.server.connect();
    client.write("PSYNC ? -1\r\n");
    await until("it follows", async () => (await replicas(primary)) === 1);
    const began = Date.now();
    await until("more than the timeout has passed", () => {
      client.write("\n");
      return Date.now() - began > 2200;
    });
    expect(await replicas(primary)).toEqual(1);
  });

  test("repl-backlog-ttl: without replicas the stream ends", async () => {
    await using primary = await Node.start("StormDB", "--repl-backlog-ttl", "1");
    await using replica = await Node.start("StormDB", ...following(primary));
    await untilUp(replica);
    const { master_replid } = await primary.info();
    await replica.call("REPLICAOF", "NO", "ONE");
    await until("the backlog is gone", async () => {
      return (await primary.info()).repl_backlog_active === "0";
    });
    expect((await primary.info()).master_replid).not.toEqual(master_replid!);
    await primary.call("SET", "a", "1");
    await replica.follow(primary);
    await untilSame(primary, replica);
    expect((await primary.info()).sync_full).toEqual("2");
  });
});

test("PING in the stream keeps a quiet link alive", async () => {
  await using primary = await Node.start("StormDB", "--repl-ping-replica-period", "1");
  const client = await primary.server.connect();
  client.write("PSYNC ? -1\r\n");
  await unread(client, new RegExp(PING.replace(/[*$]/g, "\\$&")));
  await write(primary, 10);
  await primary.check();
});

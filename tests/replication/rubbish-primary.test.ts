/** A primary that makes no sense, or breaks off: the replica lives, and comes right in the end. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { Random } from "../../src/base/random.ts";
import { Crc64 } from "../../src/persistence/rdb/crc64.ts";
import { DataFolder, until } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { FakeServer, following, Node, SEED, untilSame } from "../harness/replication.ts";
import { randomBytes } from "../unit/seeds.ts";

const ID = "0123456789abcdef0123456789abcdef01234567";
const MARK = "m".repeat(40);

/** An RDB with one key, "a", of the value "1", and with some that take a while to load. */
async function rdbFile(extraKeys = 0): Promise<Buffer> {
  using folder = new DataFolder();
  await using storm = await Node.startOn(folder, "StormDB");
  await storm.call("SET", "a", "1");
  const random = new Random(SEED);
  for (let i = 0; i < extraKeys; i++) await storm.call("SET", `key${i}`, random.hex(20000));
  await storm.call("SAVE");
  return readFileSync(join(folder.path, "dump.rdb"));
}

/** Answers the handshake up to PSYNC as a primary does; `onPsync` gets the arguments of that. */
function handshake(socket: Socket, onPsync: (words: readonly string[]) => void): void {
  let received = "";
  let isDone = false;
  socket.on("data", (chunk: Buffer) => {
    if (isDone) return;
    received += chunk.toString("latin1");
    for (;;) {
      const found = /^\*([0-9]+)\r\n((?:\$[0-9]+\r\n[^\r]*\r\n)*)/.exec(received);
      if (found === null) return;
      const words = found[2]!.split("\r\n").filter((_, i) => i % 2 === 1);
      if (words.length < Number(found[1])) return;
      received = received.slice(found[0].length);
      if (words[0] === "PING") socket.write("+PONG\r\n");
      else if (words[0] === "PSYNC") {
        isDone = true;
        onPsync(words.slice(1));
        return;
      } else socket.write("+OK\r\n");
    }
  });
}

const LOADS = [["disabled"], ["swapdb"]] as const;

describe.each(LOADS)("repl-diskless-load %s", (load) => {
  const args = ["--repl-diskless-load", load];

  /** Lets the replica meet the rubbish some times, and then a primary that is right. */
  async function survives(play: (socket: Socket) => void, times = 2): Promise<void> {
    await using replica = await Node.start("StormDB", ...args);
    using fake = await FakeServer.listen(play);
    await replica.follow(fake);
    await until("it has tried again", () => fake.connections >= times);
    // While it loads what it was sent it says so.
    await until("it answers", async () => (await replica.call("PING")) === "+PONG\r\n");
    await replica.check();
    await using primary = await Node.start("StormDB");
    await primary.call("SET", "right", "1");
    await replica.follow(primary);
    await untilSame(primary, replica);
  }

  const full = `+FULLRESYNC ${ID} 100\r\n`;
  // How the data is loaded does not matter before it comes.
  const early: [string, string][] = [
    ["silence that ends", ""],
    ["nonsense for PSYNC", "+WHAT\r\n"],
    ["an error for PSYNC", "-ERR no\r\n"],
    ["FULLRESYNC without anything", "+FULLRESYNC\r\n"],
    ["FULLRESYNC with a wrong offset", `+FULLRESYNC ${ID} -5\r\n`],
    ["CONTINUE where nothing is known", "+CONTINUE\r\n"],
    ["CONTINUE of some stream", `+CONTINUE ${ID}\r\n*1\r\n$4\r\nPING\r\n`],
    ["a line without an end", "x".repeat(10000)],
    ["no length of the data", `${full}what\r\n`],
    ["a negative length", `${full}$-5\r\n`],
    ["an error in place of the data", `${full}-ERR no\r\n`],
  ];
  test.each([
    ...(load === "disabled" ? early : []),
    ["no data", `${full}$0\r\n`],
    ["data that is none", `${full}$20\r\n${"x".repeat(20)}`],
    ["data that is none, by mark", `${full}$EOF:${MARK}\r\n${"x".repeat(2000)}${MARK}`],
    ["the mark at once", `${full}$EOF:${MARK}\r\n${MARK}`],
    ["a head and no more", `${full}$1000\r\nREDIS0010`],
  ])("%s", async (_, answer) => {
    await survives((socket) => handshake(socket, () => socket.end(answer, "latin1")));
  });

  test(`data with wrong bytes, and cut, SEED=${SEED}`, async () => {
    const random = new Random(SEED);
    const file = await rdbFile();
    await survives((socket) => {
      handshake(socket, () => {
        const wrong = Buffer.from(file);
        wrong[random.below(wrong.length)]! ^= 1 + random.below(255);
        const cut = random.below(2) === 0 ? wrong : wrong.subarray(0, random.below(wrong.length));
        socket.write(`${full}$EOF:${MARK}\r\n`, "latin1");
        socket.write(cut);
        socket.end(MARK);
      });
    }, 4);
  });

  test("random bytes from the start", async () => {
    const random = new Random(SEED);
    await survives((socket) => socket.end(randomBytes(random, 1 + random.below(5000))), 3);
  });

  test.each([
    ["no RESP", ["*1\r\n:5\r\n"]],
    ["bytes", ["\x00\xff\xfe$$$\r\n*-7\r\n*1\r\n$-3\r\n"]],
    ["unknown commands", [["NOSUCH", "x"], ["CONFIG"], ["CONFIG", "NOSUCH"]]],
    ["wrong numbers of arguments", [["SET"], ["SET", "a"], ["RPUSH"], ["SELECT"], ["MSET", "a"]]],
    ["transactions within each other", [["MULTI"], ["MULTI"], ["SET", "b", "1"], ["EXEC"]]],
    ["EXEC without MULTI", [["EXEC"], ["DISCARD"]]],
    ["MULTI and DISCARD", [["MULTI"], ["SET", "x", "1"], ["DISCARD"], ["EXEC"]]],
    [
      "wrong types",
      [
        ["LPUSH", "a", "x"],
        ["INCR", "a"],
        ["SELECT", "99"],
        ["SELECT", "x"],
      ],
    ],
    [
      "commands of clients",
      [
        ["SUBSCRIBE", "x"],
        ["UNSUBSCRIBE"],
        ["MONITOR"],
        ["WATCH", "a"],
        ["UNWATCH"],
        ["CLIENT", "NO-EVICT", "ON"],
        ["CLIENT", "LIST"],
        ["CLIENT", "KILL", "ID", "0"],
        ["CLIENT", "PAUSE", "0"],
        ["HELLO", "3"],
        ["AUTH", "x"],
        ["RESET"],
        ["QUIT"],
        ["SHUTDOWN", "NOSAVE"],
        ["REPLICAOF", "NO", "ONE"],
        ["BLPOP", "nothing", "0"],
        ["WAIT", "1", "0"],
        ["PSYNC", "?", "-1"],
        ["SYNC"],
        ["REPLCONF", "capa", "eof"],
        ["REPLCONF", "ACK", "5"],
        ["REPLCONF", "NOSUCH"],
        ["ROLE"],
        ["FAILOVER"],
      ],
    ],
  ] as const)("a stream of %s", async (_, items) => {
    const file = await rdbFile();
    await using replica = await Node.start("StormDB", ...args);
    const good = encodeCommand(["SET", "good", "1"]);
    using fake = await FakeServer.listen((socket) => {
      handshake(socket, () => {
        socket.write(`${full}$${file.length}\r\n`);
        socket.write(file);
        for (const item of items) {
          socket.write(
            typeof item === "string" ? Buffer.from(item, "latin1") : encodeCommand(item),
          );
        }
        socket.write(good);
      });
    });
    await replica.follow(fake);
    const isStream = typeof items[0] !== "string";
    if (isStream) {
      await until("it has come to the end of it", async () => {
        const reply = await replica.call("GET", "good");
        return reply === "$1\r\n1\r\n";
      });
    } else await until("it has begun anew", () => fake.connections >= 2);
    expect(await replica.call("ECHO", "x")).toEqual("$1\r\nx\r\n");
    await replica.check();
    await using primary = await Node.start("StormDB");
    await primary.call("SET", "right", "1");
    await replica.follow(primary);
    await untilSame(primary, replica);
  });

  test("the connection ends with the data's last byte: it goes on from there", async () => {
    const file = await rdbFile(500);
    await using replica = await Node.start("StormDB", ...args);
    const asked: string[] = [];
    using fake = await FakeServer.listen((socket) => {
      handshake(socket, (words) => {
        asked.push(words.join(" "));
        if (words[0] !== "?") {
          socket.write(`+CONTINUE ${ID}\r\n`);
          socket.write(encodeCommand(["INCR", "a"]));
          return;
        }
        socket.write(`${full}$${file.length}\r\n`);
        socket.end(file);
      });
    });
    await replica.follow(fake);
    await until("it goes on", async () => (await replica.call("GET", "a")) === "$1\r\n2\r\n");
    expect(asked).toEqual(["? -1", `${ID} 101`]);
    await replica.check();
  });

  test("silence at each stage: repl-timeout", async () => {
    const file = await rdbFile();
    const stages = ["+PONG\r\n", `${full}$${file.length}\r\n`, "online"];
    await using replica = await Node.start("StormDB", ...args, "--repl-timeout", "1");
    using fake = await FakeServer.listen((socket, index) => {
      const stage = stages[index] ?? "";
      if (stage === "") return;
      if (stage === "+PONG\r\n") socket.write(stage);
      else {
        handshake(socket, (words) => {
          if (stage !== "online") socket.write(stage);
          else if (words[0] === "?") {
            socket.write(`${full}$${file.length}\r\n`);
            socket.write(file);
          }
        });
      }
    });
    await replica.follow(fake);
    // The last stages need but one look; to wait for each takes more than a second.
    const wanted = load === "disabled" ? stages.length + 1 : 2;
    await until("it has given up each", () => fake.connections >= wanted);
    await replica.check();
  });
});

/** The file with a new checksum and other bytes before it. */
function withChecksum(file: Uint8Array): Buffer {
  const bytes = Buffer.from(file);
  const crc = new Crc64();
  crc.update(bytes, 0, bytes.length - 8);
  crc.write(bytes, bytes.length - 8);
  return bytes;
}

test("the data has a wrong checksum or no end: the old data is served, in all its parts", async () => {
  const rdb = await rdbFile(100);
  const wrong = Buffer.from(rdb);
  wrong[rdb.length - 1]! ^= 1;
  const inside = Buffer.from(rdb);
  inside[rdb.length >> 1]! ^= 1;
  for (const data of [wrong, inside, rdb.subarray(0, rdb.length - 9), Buffer.alloc(0)]) {
    for (const mark of ["", MARK]) {
      using fake = await FakeServer.listen((socket) => {
        handshake(socket, () => {
          const head = mark === "" ? `$${data.length}` : `$EOF:${mark}`;
          socket.write(`+FULLRESYNC ${ID} 100\r\n${head}\r\n`);
          socket.write(data);
          socket.write(mark);
        });
      });
      await using replica = await Node.start("StormDB", "--repl-diskless-load", "disabled");
      await replica.call("MSET", "before", "1", "other", "2");
      await replica.follow(fake);
      await until("it has tried twice", () => fake.connections >= 2);
      expect(await replica.call("DBSIZE")).toEqual(":2\r\n");
      expect(await replica.call("GET", "before")).toEqual("$1\r\n1\r\n");
      expect(
        readdirSync(replica.server.folder).filter((name) => name.includes("sync")),
      ).toHaveLength(0);
    }
  }
});

test("the data cannot be loaded: nothing of it is served, and as a primary again its replicas get what there is", async () => {
  const rdb = await rdbFile(100);
  const damaged = Buffer.from(rdb);
  // The last key has a type that nobody knows.
  damaged[rdb.lastIndexOf("key") - 2] = 77;
  using fake = await FakeServer.listen((socket) => {
    handshake(socket, () => {
      const data = withChecksum(damaged);
      socket.write(`+FULLRESYNC ${ID} 100\r\n$${data.length}\r\n`);
      socket.write(data);
    });
  });
  await using middle = await Node.start("StormDB", "--repl-diskless-load", "disabled");
  await using replica = await Node.start("StormDB", ...following(middle));
  await middle.call("SET", "before", "1");
  await untilSame(middle, replica);
  await middle.follow(fake);
  await until("loading has failed", () => /Failed loading/.test(middle.server.output()));
  await until("it answers", async () => !(await middle.call("DBSIZE")).startsWith("-LOADING"));
  expect(await middle.call("DBSIZE")).toEqual(":0\r\n");
  await middle.call("REPLICAOF", "NO", "ONE");
  await middle.call("SET", "behind", "1");
  await untilSame(middle, replica);
});

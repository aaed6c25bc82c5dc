/**
 * Hostile connections beside well-behaved ones: bytes that are no requests, requests that are
 * almost right, lengths that nobody means, connections that end in every way. The others must get
 * every reply as if they were alone, and the process must live and stay small.
 */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { Random } from "../../src/base/random.ts";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { forSeeds, pick, randomBytes } from "../unit/seeds.ts";

const HOSTILE = 80;
const AT_ONCE = 16;
const GOOD = 3;
const REQUESTS = 40;
const GROWTH_BYTES_MAX = 150 << 20;

// ── What hostile connections send ────────────────────────────────────────────────────────────

const WORDS = [
  ..."SET GET RPUSH LRANGE APPEND INCR ECHO PING DEL HELLO RESET MONITOR".split(" "),
  ..."SUBSCRIBE PSUBSCRIBE SSUBSCRIBE UNSUBSCRIBE PUNSUBSCRIBE PUBLISH SPUBLISH PUBSUB".split(" "),
  ..."MULTI MULTI EXEC EXEC DISCARD WATCH UNWATCH".split(" "),
  ..."BLPOP BRPOP BLMOVE BRPOPLPUSH BLMPOP LMOVE".split(" "),
];
const ARGUMENTS = ["k", "l", "0", "-1", "3", "", "\0", "\r\n", "*1\r\n", "\xff\xfe", "$-1\r\n"];
/** Whole requests that chance would hardly put together. */
const REQUESTS_KNOWN = [
  ["BLPOP", "k", "l", "0"],
  ["BLPOP", "k", "0.01"],
  ["BLMOVE", "k", "l", "LEFT", "RIGHT", "0"],
  ["BLMPOP", "0", "2", "k", "l", "LEFT", "COUNT", "3"],
  ["RPUSH", "k", "a", "b", "c"],
  ["CLIENT", "UNBLOCK", "7", "ERROR"],
  ["CLIENT", "REPLY", "SKIP"],
  ["CLIENT", "REPLY", "OFF"],
  ["CLIENT", "NO-TOUCH", "ON"],
  ["SUBSCRIBE", "k", "l", ""],
  ["PSUBSCRIBE", "*", "[k"],
  ["PUBLISH", "k", "x"],
  ["WATCH", "k", "l"],
  ["HELLO", "3"],
];
const NUMBERS = [
  ..."0 1 2 3 10 11 -1 -2 00 01 +1 1. 1e3 0x1 512 1000 65535 65536 1048576 1048577".split(" "),
  ..."536870912 536870913 2147483647 2147483648 4294967295 4294967296 4294967298".split(" "),
  ..."9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808".split(" "),
  ..."18446744073709551615 18446744073709551616 99999999999999999999999999".split(" "),
];

function validRequest(random: Random): Buffer {
  if (random.below(4) === 0) return encodeCommand(pick(random, REQUESTS_KNOWN));
  const args = [pick(random, WORDS)];
  for (let i = random.below(5); i > 0; i--) args.push(pick(random, ARGUMENTS));
  if (random.below(20) === 0) args.push("x".repeat(random.below(100000)));
  return encodeCommand(args);
}

function validPipeline(random: Random): Buffer {
  return Buffer.concat(Array.from({ length: 1 + random.below(20) }, () => validRequest(random)));
}

/** A few bytes changed, lost, doubled, put in or cut off. */
function mutated(random: Random, bytes: Buffer): Buffer {
  let out = Buffer.from(bytes);
  for (let i = 1 + random.below(4); i > 0; i--) {
    const at = random.below(out.length + 1);
    const to = Math.min(out.length, at + random.below(10));
    const [before, some, behind] = [out.subarray(0, at), out.subarray(at, to), out.subarray(to)];
    const middle = pick(random, [
      [],
      [some, some],
      [Buffer.from(randomBytes(random, to - at))],
      [Buffer.from(pick(random, ["\r", "\n", "\r\n", "*", "$", "-", "\0", '"', "'"])), some],
      [some, Buffer.from(pick(random, NUMBERS)), Buffer.from("\r\n")],
    ]);
    out = Buffer.concat([before, ...middle, behind]);
  }
  return random.below(4) === 0 ? out.subarray(0, random.below(out.length + 1)) : out;
}

function announced(random: Random): Buffer {
  const count = pick(random, NUMBERS);
  const length = pick(random, NUMBERS);
  return Buffer.from(
    pick(random, [
      `*${count}\r\n`,
      `*${count}\r\n$${length}\r\n`,
      `*3\r\n$3\r\nSET\r\n$${length}\r\nkey\r\n`,
      `*2\r\n$4\r\nECHO\r\n$${length}\r\n${"x".repeat(random.below(2000))}`,
      `*${count}`,
      `*1\r\n$${length}`,
      `*${count}\r\n${"$1\r\na\r\n".repeat(random.below(300))}`,
    ]),
    "latin1",
  );
}

function inline(random: Random): Buffer {
  const line = pick(random, [
    "PING".padEnd(random.below(200000)),
    "A".repeat(random.below(200000)),
    `SET k "${"\\x41".repeat(random.below(5000))}"`,
    `SET k '${"'".repeat(random.below(50))}`,
    `ECHO ${"\0".repeat(random.below(100))}`,
    "GET ".repeat(random.below(10000)),
    "\0\0\0\0",
    'PING "',
    "\v\f\t PING \v",
  ]);
  return Buffer.from(line + pick(random, ["\r\n", "\n", "\r", "", "\0\r\n"]), "latin1");
}

function hostileBytes(random: Random): Buffer {
  const kinds = [
    () => Buffer.from(randomBytes(random, random.below(4000))),
    () => Buffer.alloc(random.below(70000), pick(random, ["\0", "\r", "\n", "*", "$", "1", " "])),
    () => mutated(random, validPipeline(random)),
    () => mutated(random, validPipeline(random)),
    () => announced(random),
    () => announced(random),
    () => inline(random),
    () => validPipeline(random),
  ];
  return Buffer.concat(Array.from({ length: 1 + random.below(3) }, () => pick(random, kinds)()));
}

/** The bytes in pieces: whole, a few, or the first hundred one by one. */
function pieces(random: Random, bytes: Buffer): Buffer[] {
  const size = pick(random, [bytes.length, 1000, 100, 1]);
  const out: Buffer[] = [];
  let at = 0;
  for (; at < bytes.length && out.length < 100; ) {
    const next = at + 1 + random.below(Math.max(1, size));
    out.push(bytes.subarray(at, next));
    at = next;
  }
  out.push(bytes.subarray(at));
  return out;
}

// ── Connections ──────────────────────────────────────────────────────────────────────────────

type End = "cut" | "reset" | "half" | "stay";

interface Hostile {
  readonly socket: Socket;
  /** The server, or we, closed it. */
  readonly closed: Promise<void>;
  /** What came back. */
  text: string;
}

function open(port: number): Promise<Hostile> {
  return new Promise((done, fail) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => {
      socket.off("error", fail);
      socket.on("error", () => {});
      done(hostile);
    });
    const hostile: Hostile = {
      socket,
      closed: new Promise((gone) => socket.on("close", () => gone())),
      text: "",
    };
    socket.on("error", fail);
    socket.on("data", (chunk: Buffer) => {
      hostile.text += chunk.toString("latin1");
    });
    socket.on("end", () => socket.end());
  });
}

/** Sends, and ends in its way; resolves when that is done. What stays open goes to `staying`. */
async function attack(port: number, random: Random, staying: Hostile[]): Promise<string> {
  const hostile = await open(port);
  const { closed, socket } = hostile;
  for (const piece of pieces(random, hostileBytes(random))) {
    await Promise.race([new Promise((sent) => socket.write(piece, sent)), closed]);
    if (socket.destroyed) break;
  }
  switch (pick<End>(random, ["cut", "reset", "half", "half", "stay"])) {
    case "cut":
      socket.destroy();
      break;
    case "reset":
      socket.resetAndDestroy();
      break;
    case "half":
      // The server has to see that nothing more will come, and close its side.
      socket.end();
      break;
    case "stay":
      staying.push(hostile);
      return hostile.text;
  }
  await closed;
  return hostile.text;
}

/** A client that minds the protocol: every reply must be just what belongs to its request. */
async function behave(server: RunningServer, name: string, random: Random): Promise<void> {
  const client = await server.connect();
  const texts = new Map<string, string>();
  const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
  for (let i = 0; i < REQUESTS; i++) {
    const key = `${name}:${random.below(5)}`;
    const text = Buffer.from(randomBytes(random, random.below(300))).toString("latin1");
    const requests: Buffer[] = [];
    const expected: string[] = [];
    for (let n = 1 + random.below(4); n > 0; n--) {
      switch (random.below(3)) {
        case 0:
          requests.push(encodeCommand(["SET", key, text]));
          expected.push("+OK\r\n");
          texts.set(key, text);
          break;
        case 1:
          requests.push(encodeCommand(["GET", key]));
          expected.push(texts.has(key) ? bulk(texts.get(key)!) : "$-1\r\n");
          break;
        default:
          requests.push(encodeCommand(["ECHO", text]));
          expected.push(bulk(text));
      }
    }
    // In two parts, so that others come between them.
    const bytes = Buffer.concat(requests);
    const cut = random.below(bytes.length);
    client.write(bytes.subarray(0, cut));
    if (random.below(2) === 0) await new Promise((later) => setImmediate(later));
    client.write(bytes.subarray(cut));
    const replies: string[] = [];
    for (const _ of expected) replies.push(await client.read());
    expect(replies).toEqual(expected);
  }
  client.close();
}

function residentBytes(pid: number): number {
  const path = `/proc/${pid}/status`;
  if (!existsSync(path)) return 0;
  return Number(/VmRSS:\s*(\d+) kB/.exec(readFileSync(path, "latin1"))![1]) * 1024;
}

// ── The test ─────────────────────────────────────────────────────────────────────────────────

test("hostile connections harm nobody else", async () => {
  await using storm = await startStormdb("--maxmemory", "64mb");
  let exitCode: number | null = null;
  storm.exited.then((code) => {
    exitCode = code;
  });
  const control = await storm.connect();
  const start = residentBytes(storm.pid);
  await forSeeds(10, async (random) => {
    const seeds = () => new Random(random.int32());
    const staying: Hostile[] = [];
    const attackers = Array.from({ length: AT_ONCE }, seeds).map(async (own) => {
      for (let i = 0; i < HOSTILE / AT_ONCE; i++) {
        const text = await attack(storm.port, own, staying);
        // A handler that threw would say so; nothing that a client sends may do that.
        expect(text).not.toContain("internal error");
      }
    });
    const behaving = Array.from({ length: GOOD }, seeds).map((own, i) =>
      behave(storm, `good${i}`, own),
    );
    await Promise.all([...attackers, ...behaving]);
    expect(await control.call("PING")).toEqual("+PONG\r\n");
    // Half a request that waits for its other half keeps nobody from anything.
    for (const { closed, socket, text } of staying) {
      expect(text).not.toContain("internal error");
      socket.destroy();
      await closed;
    }
    await until("the server has noticed that all are gone", async () =>
      (await control.call("INFO", "clients")).includes("connected_clients:1\r\n"),
    );
    expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
    expect(exitCode).toEqual(null);
    expect(residentBytes(storm.pid) - start).toBeLessThan(GROWTH_BYTES_MAX);
    await control.call("FLUSHALL");
  });
  expect(storm.output()).not.toContain("failed:");
}, 600000);

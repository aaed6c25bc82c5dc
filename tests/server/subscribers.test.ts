/**
 * Subscribers and monitors, fast and slow: those who read get every message in order; those who
 * do not are bounded and cut, and nobody else notices.
 */
import { describe, expect, test } from "bun:test";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClientBuffers, readClients, readInfoNumber } from "./info.ts";
import { sameAsRedis } from "./same-as-redis.ts";

const MEGABYTE = 1 << 20;

function push(protocol: number, ...texts: string[]): string {
  const bulks = texts.map((text) => `$${text.length}\r\n${text}\r\n`).join("");
  return `${protocol === 3 ? ">" : "*"}${texts.length}\r\n${bulks}`;
}

async function subscriber(
  storm: RunningServer,
  channels: readonly string[] = ["news"],
  protocol = 2,
): Promise<ByteSocket> {
  const socket = await ByteSocket.connect(storm.port);
  if (protocol === 3) {
    await socket.write("HELLO 3\r\n");
    for (const _ of (await helloReply(storm)).matchAll(/\r\n/g)) await socket.line();
  }
  for (const [i, channel] of channels.entries()) {
    const isPattern = channel.includes("*");
    await socket.write(encodeCommand([isPattern ? "PSUBSCRIBE" : "SUBSCRIBE", channel]));
    const mark = isPattern ? "psubscribe" : "subscribe";
    const confirmed = `${push(protocol, mark, channel).replace(/^(.)2/, "$13")}:${i + 1}\r\n`;
    expect(await socket.text(confirmed.length)).toEqual(confirmed);
  }
  return socket;
}

async function helloReply(storm: RunningServer): Promise<string> {
  const client = await storm.connect();
  const reply = await client.call("HELLO", "3");
  client.close();
  return reply;
}

async function pausedSubscriber(storm: RunningServer): Promise<ByteSocket> {
  const socket = await subscriber(storm);
  socket.pause();
  return socket;
}

const cuts = (control: RawClient) =>
  readInfoNumber(control, "stats", "client_output_buffer_limit_disconnections");

/** Bytes that the server holds for its clients, as each one is told. */
async function owed(control: RawClient): Promise<number> {
  const list = await readClients(control, "LIST");
  return list.reduce((sum, { omem }) => sum + Number(omem), 0);
}

function numbered(index: number, length: number): string {
  return `${index}:`.padEnd(length, "x");
}

describe("a slow subscriber", () => {
  test("is cut at the hard limit; the others get each message before the next is sent", async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 4mb 0 0");
    const control = await storm.connect();
    const slow = await pausedSubscriber(storm);
    const fast = await Promise.all([
      subscriber(storm),
      subscriber(storm, ["news"], 3),
      subscriber(storm, ["n*s"]),
    ]);
    const receivers: string[] = [];
    for (let i = 0; (await cuts(control)) === 0; i++) {
      const message = numbered(i, 300_000);
      receivers.push(await control.call("PUBLISH", "news", message));
      // In step: nobody has to wait for the slow one.
      for (const [n, socket] of fast.entries()) {
        const expected =
          n === 2
            ? push(2, "pmessage", "n*s", "news", message)
            : push(n === 1 ? 3 : 2, "message", "news", message);
        expect((await socket.text(expected.length)) === expected).toEqual(true);
      }
      expect(i).toBeLessThan(1000);
    }
    expect(new Set(receivers)).toEqual(new Set([":4\r\n"]));
    expect(await control.call("PUBLISH", "news", "after")).toEqual(":3\r\n");
    expect(await cuts(control)).toEqual(1);
    expect(storm.output()).toContain("client-output-buffer-limit");
    slow.resume();
    await slow.closed;
    expect(await readClientBuffers(control)).toEqual(0);
    for (const socket of fast) socket.close();
  });

  test("is cut when it is over the soft limit for long enough, not for being over it shortly", async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 0 2mb 4");
    const control = await storm.connect();
    const [slow, tardy] = [await pausedSubscriber(storm), await pausedSubscriber(storm)];
    const frame = push(2, "message", "news", "x".repeat(MEGABYTE));
    let sent = 0;
    await until("both are over it", async () => {
      const omem = (await readClients(control, "LIST")).map((fields) => Number(fields.omem));
      // omem counts what holds the messages, too: a message more is over the limit for certain.
      if (omem.filter((bytes) => bytes > 3 * MEGABYTE).length === 2) return true;
      await control.call("PUBLISH", "news", "x".repeat(MEGABYTE));
      sent++;
      return false;
    });
    tardy.resume();
    await tardy.digest(sent * frame.length);
    await until("the slow one is cut", async () => (await cuts(control)) === 1);
    expect(await control.call("PUBLISH", "news", "after")).toEqual(":1\r\n");
    const last = push(2, "message", "news", "after");
    expect(await tardy.text(last.length)).toEqual(last);
    slow.resume();
    await slow.closed;
    tardy.close();
  });

  test("is held to the limit of pubsub, other clients are not", async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 2mb 0 0");
    const control = await storm.connect();
    await control.call("SET", "megabyte", "x".repeat(MEGABYTE));
    const reader = await ByteSocket.connect(storm.port);
    reader.pause();
    await reader.write("GET megabyte\r\n".repeat(20));
    await until("it is owed more", async () => (await owed(control)) > 4 * MEGABYTE);
    expect(await cuts(control)).toEqual(0);
    reader.close();
  });

  test("that wakes up gets all that it missed, small and large, in order", async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 0 0 0");
    const control = await storm.connect();
    const slow = await Promise.all([
      pausedSubscriber(storm),
      pausedSubscriber(storm),
      pausedSubscriber(storm),
    ]);
    const hasher = new Bun.CryptoHasher("sha256");
    let total = 0;
    let index = 0;
    const publish = async (length: number) => {
      const message = numbered(index++, length);
      const frame = push(2, "message", "news", message);
      hasher.update(Buffer.from(frame, "latin1"));
      total += frame.length;
      expect(await control.call("PUBLISH", "news", message)).toEqual(":3\r\n");
    };
    while ((await owed(control)) < 3 * MEGABYTE) await publish(200_000);
    for (let i = 0; i < 3000; i++) await publish([10, 100, 3000, 20_000][i % 4]!);
    // Tiny messages are not kept one by one.
    const entries = (await readClients(control, "LIST")).map((fields) => Number(fields.oll));
    expect(Math.max(...entries)).toBeLessThan(2000);
    for (const socket of slow) socket.resume();
    const digest = hasher.digest("hex");
    expect(await Promise.all(slow.map((socket) => socket.digest(total)))).toEqual([
      digest,
      digest,
      digest,
    ]);
    await until("nothing is owed", async () => (await owed(control)) === 0);
    for (const socket of slow) socket.close();
  });

  test("40 of them are owed the same large messages, which are kept once", async () => {
    await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 0 0 0");
    const control = await storm.connect();
    const slow: ByteSocket[] = [];
    for (let i = 0; i < 40; i++) slow.push(await pausedSubscriber(storm));
    const resident = () => readInfoNumber(control, "memory", "used_memory_rss");
    await control.call("PUBLISH", "none", "x".repeat(MEGABYTE));
    const before = await resident();
    const messages = 20;
    for (let i = 0; i < messages; i++) {
      const message = numbered(i, MEGABYTE);
      expect(await control.call("PUBLISH", "news", message)).toEqual(":40\r\n");
    }
    expect(await owed(control)).toBeGreaterThan(200 * MEGABYTE);
    expect((await resident()) - before).toBeLessThan(130 * MEGABYTE);
    const frame = (i: number) => push(2, "message", "news", numbered(i, MEGABYTE));
    const hasher = new Bun.CryptoHasher("sha256");
    for (let i = 0; i < messages; i++) hasher.update(frame(i));
    const digest = hasher.digest("hex");
    for (const [i, socket] of slow.entries()) {
      // Half of them go away unread.
      if (i % 2 === 0) socket.close();
      else {
        socket.resume();
        expect(await socket.digest(messages * frame(0).length)).toEqual(digest);
      }
    }
    await until("nothing is owed", async () => (await owed(control)) === 0);
    for (const socket of slow) socket.close();
  });
});

test("a slow MONITOR client is bounded by the limit of pubsub, which is this server's own decision", async () => {
  await using storm = await startStormdb("--client-output-buffer-limit", "pubsub 2mb 0 0");
  const control = await storm.connect();
  const monitor = await ByteSocket.connect(storm.port);
  await monitor.write("MONITOR\r\n");
  expect(await monitor.line()).toEqual("+OK");
  monitor.pause();
  const watching = await ByteSocket.connect(storm.port);
  await watching.write("MONITOR\r\n");
  expect(await watching.line()).toEqual("+OK");
  let calls = 0;
  const large = "x".repeat(200_000);
  for (; (await cuts(control)) === 0; calls++) {
    expect(await control.call("SET", `key:${calls}`, large)).toEqual("+OK\r\n");
    // Who reads sees everything, the INFO of this loop included.
    expect(await watching.line()).toContain('"INFO" "stats"');
    const line = await watching.text(large.length + 40);
    expect(line).toContain(`"SET" "key:${calls}" "${"x".repeat(100)}`);
    await watching.line();
    expect(calls).toBeLessThan(1000);
  }
  monitor.resume();
  await monitor.closed;
  expect(await cuts(control)).toEqual(1);
  watching.close();
});

test("1,000 subscribers that read: no message is lost or out of order", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const sockets: ByteSocket[] = [];
  for (let i = 0; i < 1000; i += 50) {
    const some = Array.from({ length: 50 }, (_, n) =>
      subscriber(storm, n % 5 === 0 ? ["a", "b"] : n % 5 === 1 ? ["*"] : ["a"]),
    );
    sockets.push(...(await Promise.all(some)));
  }
  // What each kind of subscriber has to get, byte by byte.
  const expected = ["", "", ""];
  const publishers = [await storm.connect(), await storm.connect()];
  for (let round = 0; round < 30; round++) {
    const requests: Buffer[] = [];
    let count = 0;
    for (let n = 0; n <= round % 4; n++) {
      const channel = n % 2 === 0 ? "a" : "b";
      const message = numbered(round * 10 + n, 10 + ((round * 37) % 500));
      requests.push(encodeCommand(["PUBLISH", channel, message]));
      count++;
      expected[0] += push(2, "message", channel, message);
      expected[1] += push(2, "pmessage", "*", channel, message);
      if (channel === "a") expected[2] += push(2, "message", channel, message);
    }
    const publisher = publishers[round % 2]!;
    publisher.write(Buffer.concat(requests));
    for (let n = 0; n < count; n++) {
      expect(await publisher.read()).toEqual(n % 2 === 0 ? ":1000\r\n" : ":400\r\n");
    }
  }
  for (const [i, socket] of sockets.entries()) {
    const all = expected[Math.min(2, i % 5)]!;
    expect((await socket.text(all.length)) === all).toEqual(true);
    expect(socket.available).toEqual(0);
  }
  expect(await owed(control)).toEqual(0);
  for (const socket of sockets) socket.close();
});

sameAsRedis("subscriptions within a transaction", [], async (server) => {
  const client = await server.connect();
  const replies: string[] = [];
  for (const name of ["SUBSCRIBE a b", "PSUBSCRIBE a*", "SSUBSCRIBE a", "UNSUBSCRIBE", "PING"]) {
    for (const line of ["MULTI", name, "GET none", "EXEC"]) {
      replies.push(await client.call(...line.split(" ")));
    }
    replies.push(await client.call("RESET"), await client.call("PUBSUB", "CHANNELS"));
  }
  return replies;
});

sameAsRedis("subscriptions are confirmed though replies are off", [], async (server) => {
  const client = await server.connect();
  const replies: string[] = [];
  for (const mode of ["OFF", "SKIP"]) {
    for (const line of ["SUBSCRIBE a", "PSUBSCRIBE a*", "SSUBSCRIBE a", "UNSUBSCRIBE"]) {
      client.write(`CLIENT REPLY ${mode}\r\n${line}\r\nPING\r\nSUBSCRIBE\r\nRESET\r\n`);
      for (let reply = ""; reply !== "+RESET\r\n"; replies.push(reply)) {
        reply = await client.read();
      }
    }
  }
  return replies;
});

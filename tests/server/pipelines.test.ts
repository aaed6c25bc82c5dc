/** Many commands in one write, in pieces of any size, and cut at every byte. */
import { expect, test } from "bun:test";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { forSeeds } from "../unit/seeds.ts";
import { ByteSocket } from "./byte-socket.ts";
import { bulk, readClientBuffers, readInfoNumber } from "./info.ts";

const COUNT = 100_000;

/** Commands of several kinds and sizes, and all their replies. */
function makePipeline(count: number): { readonly bytes: Buffer; readonly replies: string } {
  const parts: Buffer[] = [];
  const replies: string[] = [];
  const add = (reply: string, ...args: string[]) => {
    parts.push(encodeCommand(args));
    replies.push(reply);
  };
  let pushed = 0;
  for (let i = 0; i < count; i++) {
    const value = `value:${i}`.repeat(1 + (i % 7));
    switch (i % 8) {
      case 0:
        add("+OK\r\n", "SET", `key:${i % 1000}`, value);
        break;
      case 1:
        add(bulk(`value:${i - 1}`.repeat(1 + ((i - 1) % 7))), "GET", `key:${(i - 1) % 1000}`);
        break;
      case 2:
        add(`:${(i >> 3) + 1}\r\n`, "INCR", "counter");
        break;
      case 3:
        add(`:${++pushed}\r\n`, "RPUSH", "list", value);
        break;
      case 4:
        add("$-1\r\n", "GET", "missing");
        break;
      case 5:
        add("-ERR wrong number of arguments for 'get' command\r\n", "GET");
        break;
      case 6:
        parts.push(Buffer.from(`ECHO ${i}\r\n`));
        replies.push(bulk(String(i)));
        break;
      default:
        add(bulk(`${i}\0\r\n\xff`), "ECHO", `${i}\0\r\n\xff`);
    }
  }
  return { bytes: Buffer.concat(parts), replies: replies.join("") };
}

const pipeline = makePipeline(COUNT);

async function expectReplies(
  storm: RunningServer,
  send: (socket: ByteSocket) => Promise<void>,
): Promise<void> {
  const socket = await ByteSocket.connect(storm.port);
  await socket.write("FLUSHALL\r\n");
  await socket.text(5);
  const received = socket.text(pipeline.replies.length);
  await send(socket);
  // Compared as one value, but not shown: it has megabytes.
  expect((await received) === pipeline.replies).toEqual(true);
  await socket.write("DEBUG CHECK\r\n");
  expect(await socket.text(5)).toEqual("+OK\r\n");
  expect(socket.available).toEqual(0);
  socket.close();
}

test("100,000 commands in one write", async () => {
  await using storm = await startStormdb();
  await expectReplies(storm, (socket) => socket.write(pipeline.bytes));
});

test("100,000 commands in pieces of any size", async () => {
  await using storm = await startStormdb();
  await forSeeds(1, (random) =>
    expectReplies(storm, async (socket) => {
      for (let at = 0; at < pipeline.bytes.length; ) {
        // Mostly around the size of a command, sometimes much more.
        const size = 1 + random.below(random.below(10) === 0 ? 100_000 : 200);
        const written = socket.write(pipeline.bytes.subarray(at, at + size));
        if (random.below(20) === 0) await written;
        at += size;
      }
    }),
  );
});

test("eight clients at once, each in its own database, in pieces", async () => {
  await using storm = await startStormdb();
  const small = makePipeline(4000);
  await forSeeds(1, async (random) => {
    const sockets: ByteSocket[] = [];
    for (let i = 0; i < 8; i++) sockets.push(await ByteSocket.connect(storm.port));
    await Promise.all(
      sockets.map(async (socket, i) => {
        await socket.write(`SELECT ${i}\r\nFLUSHDB\r\n`);
        await socket.text(10);
        const received = socket.text(small.replies.length);
        for (let at = 0; at < small.bytes.length; ) {
          const size = 1 + random.below(2000);
          await socket.write(small.bytes.subarray(at, at + size));
          at += size;
        }
        expect((await received) === small.replies, `client ${i}`).toEqual(true);
        socket.close();
      }),
    );
  });
});

test("commands cut at every byte", async () => {
  await using storm = await startStormdb();
  const bytes = Buffer.concat([
    encodeCommand(["SET", "key", "a value of some length"]),
    Buffer.from("PING\r\n*0\r\n\r\n"),
    encodeCommand(["GET", "key"]),
    encodeCommand(["SET", "key", ""]),
    Buffer.from(`ECHO "a \\x41 b" \r\n`),
    encodeCommand(["ECHO", "x".repeat(123)]),
    Buffer.from("NOSUCH\r\n"),
    encodeCommand(["DEL", "key"]),
  ]);
  const replies = [
    "+OK\r\n",
    "+PONG\r\n",
    bulk("a value of some length"),
    "+OK\r\n",
    bulk("a A b"),
    bulk("x".repeat(123)),
    "-ERR unknown command 'NOSUCH', with args beginning with: \r\n",
    ":1\r\n",
  ].join("");
  const control = await storm.connect();
  for (let cut = 0; cut <= bytes.length; cut++) {
    const socket = await ByteSocket.connect(storm.port);
    const received = socket.text(replies.length);
    await socket.write(bytes.subarray(0, cut));
    // The server has taken the first part once it has answered another client.
    await control.call("PING");
    await socket.write(bytes.subarray(cut));
    expect({ cut, received: await received }).toEqual({ cut, received: replies });
    socket.close();
  }
  // And byte by byte.
  const socket = await ByteSocket.connect(storm.port);
  const received = socket.text(replies.length);
  for (const byte of bytes) {
    await socket.write(Uint8Array.of(byte));
    await control.call("PING");
  }
  expect(await received).toEqual(replies);
});

test("clients that go away in the middle of a command leave nothing behind", async () => {
  await using storm = await startStormdb();
  const control = await storm.connect();
  const { bytes } = makePipeline(200);
  await forSeeds(1, async (random) => {
    for (let round = 0; round < 200; round++) {
      const socket = await ByteSocket.connect(storm.port);
      await socket.write(bytes.subarray(0, random.below(bytes.length)));
      if (round % 3 === 0) await control.call("PING");
      socket.close();
    }
    expect(await control.call("ECHO", "still here")).toEqual(bulk("still here"));
    expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  });
  await until("all are gone", async () => {
    return (await readInfoNumber(control, "clients", "connected_clients")) === 1;
  });
  expect(await readClientBuffers(control)).toEqual(0);
});

/** A value of 100 MB on its way in and out. */
import { expect, test } from "bun:test";
import { startStormdb, until } from "../harness/processes.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClientBuffers, readInfoNumber } from "./info.ts";

const LENGTH = 100_000_000;
const ELEMENT = 20_000_000;

function sha256(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** Bytes that do not repeat, so that a piece in the wrong place is seen. */
function makeValue(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2654435761) ^ (i >>> 7);
  return new Uint8Array(words.buffer);
}

test("100 MB in and out: SET, STRLEN, GETRANGE, APPEND, GET, DEL", async () => {
  const value = makeValue(LENGTH);
  await using storm = await startStormdb();
  const control = await storm.connect();
  const socket = await ByteSocket.connect(storm.port);
  const start = await readInfoNumber(control, "memory", "used_memory");
  const head = `$${LENGTH}\r\n`;

  for (let round = 0; round < 2; round++) {
    await socket.write(`*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n${head}`);
    await socket.write(value);
    // What is behind the value in the pipeline is answered behind it.
    await socket.write("\r\nSTRLEN big\r\nGET big\r\nPING\r\n");
    expect(await socket.text(5)).toEqual("+OK\r\n");
    expect(await socket.text(12)).toEqual(`:${LENGTH}\r\n`);
    expect(await socket.text(head.length)).toEqual(head);
    expect(await socket.digest(LENGTH)).toEqual(sha256(value));
    expect(await socket.text(9)).toEqual("\r\n+PONG\r\n");
  }

  const ends = [
    await control.call("GETRANGE", "big", "0", "7"),
    await control.call("GETRANGE", "big", String(LENGTH - 8), "-1"),
    await control.call("APPEND", "big", "tail"),
    await control.call("GETRANGE", "big", String(LENGTH), "-1"),
  ];
  const text = (from: number) => Buffer.from(value.subarray(from, from + 8)).toString("latin1");
  expect(ends).toEqual([
    `$8\r\n${text(0)}\r\n`,
    `$8\r\n${text(LENGTH - 8)}\r\n`,
    `:${LENGTH + 4}\r\n`,
    "$4\r\ntail\r\n",
  ]);
  expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  expect(await control.call("DEL", "big")).toEqual(":1\r\n");
  await until("the buffers are given back", async () => {
    const used = await readInfoNumber(control, "memory", "used_memory");
    return used === start && (await readClientBuffers(control)) === 0;
  });
  socket.close();
});

test("20 MB as an element of a list, and moved between lists", async () => {
  const value = makeValue(ELEMENT);
  await using storm = await startStormdb();
  const control = await storm.connect();
  const socket = await ByteSocket.connect(storm.port);
  const start = await readInfoNumber(control, "memory", "used_memory");
  const head = `$${ELEMENT}\r\n`;
  await socket.write(`RPUSH list before\r\n*3\r\n$5\r\nRPUSH\r\n$4\r\nlist\r\n${head}`);
  await socket.write(value);
  await socket.write("\r\nRPUSH list behind\r\nLPOP list\r\nLMOVE list other LEFT RIGHT\r\n");
  expect(await socket.text(12)).toEqual(":1\r\n:2\r\n:3\r\n");
  expect(await socket.text(12)).toEqual("$6\r\nbefore\r\n");
  expect(await socket.text(head.length)).toEqual(head);
  expect(await socket.digest(ELEMENT)).toEqual(sha256(value));
  await socket.write("LRANGE list 0 -1\r\nLPOP other\r\nEXISTS other\r\n");
  expect(await socket.text(18)).toEqual("\r\n*1\r\n$6\r\nbehind\r\n".slice(0, 18));
  expect(await socket.text(head.length)).toEqual(head);
  expect(await socket.digest(ELEMENT)).toEqual(sha256(value));
  expect(await socket.text(6)).toEqual("\r\n:0\r\n");
  expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
  expect(await control.call("DEL", "list")).toEqual(":1\r\n");
  await until("the memory is given back", async () => {
    return (await readInfoNumber(control, "memory", "used_memory")) === start;
  });
  socket.close();
});

test("the slow log keeps the beginnings of large arguments, not the whole of them", async () => {
  await using storm = await startStormdb("--slowlog-log-slower-than", "0");
  const control = await storm.connect();
  const value = "x".repeat(ELEMENT);
  const rss = () => readInfoNumber(control, "memory", "used_memory_rss");
  await control.call("SET", "key", value);
  const before = await rss();
  for (let i = 0; i < 15; i++) await control.call("SET", "key", value);
  await control.call("CONFIG", "SET", "slowlog-log-slower-than", "-1");
  await until("the memory is given back", async () => (await rss()) - before < 6 * ELEMENT, 200);
  const shown = `${"x".repeat(128)}... (${ELEMENT - 128} more bytes)`;
  expect((await control.call("SLOWLOG", "GET", "-1")).split(shown)).toHaveLength(17);
});

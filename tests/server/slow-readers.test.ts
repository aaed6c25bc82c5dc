/** Clients that do not read what they are sent: bounded, cut, and no trouble for the others. */
import { expect, test } from "bun:test";
import { type RunningServer, startStormdb, until } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClientBuffers, readClients, readInfo, readInfoNumber } from "./info.ts";

const MEGABYTE = 1 << 20;
const HEAD = `$${MEGABYTE}\r\n`;

async function startWithMegabyte(...args: string[]): Promise<RunningServer> {
  const storm = await startStormdb(...args);
  const client = await storm.connect();
  await client.call("SET", "megabyte", "x".repeat(MEGABYTE));
  return storm;
}

/** Bytes that the server holds for its clients. */
async function owed(control: RawClient): Promise<number> {
  const list = await readClients(control, "LIST");
  return list.reduce((sum, { omem }) => sum + Number(omem), 0);
}

test("over the hard limit the client is cut, counted and logged; others are served", async () => {
  await using storm = await startWithMegabyte();
  const control = await storm.connect();
  expect(
    await control.call("CONFIG", "SET", "client-output-buffer-limit", "normal 20mb 0 0"),
  ).toEqual("+OK\r\n");
  for (let round = 1; round <= 5; round++) {
    const slow = await ByteSocket.connect(storm.port);
    const other = await ByteSocket.connect(storm.port);
    slow.pause();
    await slow.write("GET megabyte\r\n".repeat(100));
    // Another client streams meanwhile and gets every byte.
    await other.write("GET megabyte\r\n".repeat(10));
    expect(await other.text(10 * (HEAD.length + MEGABYTE + 2))).toEqual(
      `${HEAD}${"x".repeat(MEGABYTE)}\r\n`.repeat(10),
    );
    await until("the slow client is cut", async () => {
      const field = "client_output_buffer_limit_disconnections";
      return (await readInfoNumber(control, "stats", field)) === round;
    });
    slow.resume();
    await slow.closed;
    expect(slow.available).toBeLessThan(100 * MEGABYTE);
    other.close();
    await until("the other is gone", async () => {
      return (await readInfoNumber(control, "clients", "connected_clients")) === 2;
    });
    expect(await readClientBuffers(control)).toEqual(0);
  }
  expect(storm.output().match(/client-output-buffer-limit/g)).toHaveLength(5);
  // 500 MB were asked for; what the cut clients were owed is not kept.
  expect(await readInfoNumber(control, "memory", "used_memory_rss")).toBeLessThan(250 * MEGABYTE);
});

test("many small replies count as well as large ones", async () => {
  await using storm = await startWithMegabyte(
    ...["--client-output-buffer-limit", "normal 1mb 0 0"],
  );
  const control = await storm.connect();
  await control.call("SET", "a", "x".repeat(100));
  const slow = await ByteSocket.connect(storm.port);
  slow.pause();
  const burst = "GET a\r\n".repeat(10_000);
  const cut = async () => {
    const field = "client_output_buffer_limit_disconnections";
    return (await readInfoNumber(control, "stats", field)) === 1;
  };
  await until("the client is cut", async () => {
    if (await cut()) return true;
    await Promise.race([slow.write(burst), Bun.sleep(20)]);
    return false;
  });
  slow.resume();
  await slow.closed;
  expect(await control.call("PING")).toEqual("+PONG\r\n");
});

test("over the soft limit for long enough the client is cut", async () => {
  await using storm = await startWithMegabyte(
    ...["--client-output-buffer-limit", "normal 0 10mb 1"],
  );
  const control = await storm.connect();
  const slow = await ByteSocket.connect(storm.port);
  slow.pause();
  await slow.write("GET megabyte\r\n".repeat(60));
  await until("it is owed more than the limit", async () => (await owed(control)) > 10 * MEGABYTE);
  await until("it is cut", async () => {
    const { connected_clients } = await readInfo(control, "clients");
    return connected_clients === "2";
  });
  const { client_output_buffer_limit_disconnections } = await readInfo(control, "stats");
  expect(client_output_buffer_limit_disconnections).toEqual("1");
  slow.close();
});

test("back under the soft limit in time the client stays", async () => {
  await using storm = await startWithMegabyte(
    ...["--client-output-buffer-limit", "normal 0 10mb 10"],
  );
  const control = await storm.connect();
  const slow = await ByteSocket.connect(storm.port);
  const replies = 60 * (HEAD.length + MEGABYTE + 2);
  for (let round = 0; round < 3; round++) {
    slow.pause();
    await slow.write("GET megabyte\r\n".repeat(60));
    await until(
      "it is owed more than the limit",
      async () => (await owed(control)) > 10 * MEGABYTE,
    );
    slow.resume();
    await slow.digest(replies);
    await until("nothing is owed", async () => (await owed(control)) === 0);
  }
  await slow.write("PING\r\n");
  expect(await slow.text(7)).toEqual("+PONG\r\n");
  slow.close();
});

test("without a limit everything comes at last, in order, also behind QUIT", async () => {
  await using storm = await startWithMegabyte();
  const control = await storm.connect();
  const slow = await ByteSocket.connect(storm.port);
  slow.pause();
  const lines = Array.from({ length: 60 }, (_, i) => `ECHO ${i}\r\nGET megabyte\r\n`);
  await slow.write(`${lines.join("")}QUIT\r\nPING\r\n`);
  await until("much is owed", async () => (await owed(control)) > 30 * MEGABYTE);
  // It counts as one connection as long as it is owed something.
  expect(await readInfoNumber(control, "clients", "connected_clients")).toEqual(3);
  slow.resume();
  const body = `${HEAD}${"x".repeat(MEGABYTE)}\r\n`;
  for (let i = 0; i < 60; i++) {
    const text = `$${String(i).length}\r\n${i}\r\n`;
    expect(await slow.text(text.length)).toEqual(text);
    expect((await slow.text(body.length)) === body).toEqual(true);
  }
  expect(await slow.text(5)).toEqual("+OK\r\n");
  await slow.closed;
  expect(slow.available).toEqual(0);
  await until("the connection is gone", async () => {
    return (await readInfoNumber(control, "clients", "connected_clients")) === 2;
  });
});

test("a client that is owed much and goes away leaves nothing behind", async () => {
  await using storm = await startWithMegabyte();
  const control = await storm.connect();
  for (let round = 0; round < 5; round++) {
    const slow = await ByteSocket.connect(storm.port);
    slow.pause();
    await slow.write("GET megabyte\r\n".repeat(60));
    await until("much is owed", async () => (await owed(control)) > 30 * MEGABYTE);
    slow.close();
    await until("it is gone", async () => {
      return (await readInfoNumber(control, "clients", "connected_clients")) === 2;
    });
    expect(await readClientBuffers(control)).toEqual(0);
  }
  expect(await control.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
});

test("the memory of what it was owed comes back, also where nothing else happens", async () => {
  await using storm = await startWithMegabyte();
  const control = await storm.connect();
  const rss = () => readInfoNumber(control, "memory", "used_memory_rss");
  const slow = await ByteSocket.connect(storm.port);
  slow.pause();
  await slow.write("GET megabyte\r\n".repeat(200));
  await until("much is owed", async () => (await owed(control)) > 150 * MEGABYTE);
  // Garbage is looked for several times a second, and so while this is still needed.
  const uptime = () => readInfoNumber(control, "server", "uptime_in_seconds");
  const since = await uptime();
  await until("the server has looked for garbage", async () => (await uptime()) > since + 1);
  const before = await rss();
  slow.close();
  await until("it is back", async () => before - (await rss()) > 120 * MEGABYTE, 500);
});

/** What a client queues behind MULTI and never runs: bounded, like everything that it sends. */
import { expect, test } from "bun:test";
import { startStormdb, until } from "../harness/processes.ts";
import { encodeCommand, type RawClient } from "../harness/raw-client.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClientBuffers, readClients, readInfoNumber } from "./info.ts";

const MEGABYTE = 1 << 20;

const cuts = (control: RawClient) =>
  readInfoNumber(control, "stats", "client_query_buffer_limit_disconnections");

test.each([
  ["tiny commands", encodeCommand(["PING"])],
  ["commands of a kilobyte", encodeCommand(["SET", "key", "x".repeat(1000)])],
  ["a command larger than any chunk", encodeCommand(["SET", "key", "x".repeat(700_000)])],
  ["commands of many arguments", encodeCommand(["DEL", ..."abcdefghij".repeat(100)])],
])("%s without end: the client is cut at client-query-buffer-limit", async (_, command) => {
  await using storm = await startStormdb("--client-query-buffer-limit", "1mb");
  const control = await storm.connect();
  const socket = await ByteSocket.connect(storm.port);
  await socket.write("MULTI\r\n");
  const burst = Buffer.concat(
    Array.from({ length: Math.ceil(100_000 / command.length) }, () => command),
  );
  let sent = 0;
  await until("it is cut", async () => {
    if ((await cuts(control)) === 1) return true;
    const kept = (await readClients(control, "LIST")).map((fields) => Number(fields["multi-mem"]));
    // Room grows by doubling.
    expect(Math.max(...kept)).toBeLessThan(4 * MEGABYTE);
    if (sent < 20 * MEGABYTE) await Promise.race([socket.write(burst), socket.closed]);
    sent += burst.length;
    return false;
  });
  expect(storm.output()).toContain("over client-query-buffer-limit");
  await socket.closed;
  expect(await readClientBuffers(control)).toEqual(0);
  expect(await control.call("DBSIZE")).toEqual(":0\r\n");
  expect(await control.call("PING")).toEqual("+PONG\r\n");
});

test("a transaction below the limit runs, however often", async () => {
  await using storm = await startStormdb("--client-query-buffer-limit", "1mb");
  const client = await storm.connect();
  for (let round = 0; round < 5; round++) {
    expect(await client.call("MULTI")).toEqual("+OK\r\n");
    for (let i = 0; i < 9; i++) {
      expect(await client.call("APPEND", "key", "x".repeat(100_000))).toEqual("+QUEUED\r\n");
    }
    const lengths = Array.from({ length: 9 }, (_, i) => `:${(round * 9 + i + 1) * 100_000}\r\n`);
    expect(await client.call("EXEC")).toEqual(`*9\r\n${lengths.join("")}`);
  }
  expect(await cuts(client)).toEqual(0);
});

test("what will not run, after an error, is not kept", async () => {
  await using storm = await startStormdb("--client-query-buffer-limit", "1mb");
  const client = await storm.connect();
  const control = await storm.connect();
  await client.call("CLIENT", "SETNAME", "queuing");
  await client.call("MULTI");
  expect(await client.call("NOSUCH")).toStartWith("-ERR unknown command");
  for (let i = 0; i < 30; i++) {
    expect(await client.call("SET", "key", "x".repeat(100_000))).toEqual("+QUEUED\r\n");
  }
  const own = (await readClients(control, "LIST")).find(({ name }) => name === "queuing")!;
  expect({ multi: own.multi, isSmall: Number(own["multi-mem"]) < 10_000 }).toEqual({
    multi: "0",
    isSmall: true,
  });
  expect(await client.call("EXEC")).toEqual(
    "-EXECABORT Transaction discarded because of previous errors.\r\n",
  );
  expect(await client.call("EXISTS", "key")).toEqual(":0\r\n");
});

test("a client that watches very many keys, and again, holds nobody up", async () => {
  await using storm = await startStormdb();
  const [watching, other] = [await storm.connect(), await storm.connect()];
  const keys = Array.from({ length: 100_000 }, (_, i) => `key:${i}`);
  expect(await watching.call("WATCH", ...keys)).toEqual("+OK\r\n");
  expect(await watching.call("WATCH", ...keys)).toEqual("+OK\r\n");
  await other.call("SET", "key:7", "1");
  for (const command of ["FLUSHALL", "SWAPDB 0 1", "PING"]) {
    expect(await other.call(...command.split(" "))).toMatch(/^\+/);
  }
  await watching.call("MULTI");
  expect(await watching.call("EXEC")).toEqual("*-1\r\n");
});

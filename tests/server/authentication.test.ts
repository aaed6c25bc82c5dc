/** requirepass: who may do what before and after AUTH. */
import { expect, test } from "bun:test";
import { startStormdb, until } from "../harness/processes.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClients, readInfoNumber } from "./info.ts";
import { exchange, sameAsRedis } from "./same-as-redis.ts";

const SECRET = ["--requirepass", "secret"];

sameAsRedis("without AUTH only the handshake is allowed", SECRET, async (server) => {
  const client = await server.connect();
  const replies: string[] = [];
  for (const call of [
    ["PING"],
    ["GET", "a"],
    ["GET"],
    ["NOSUCHCOMMAND"],
    ["CLIENT", "SETNAME", "x"],
    ["CONFIG", "GET", "port"],
    ["SHUTDOWN"],
    ["AUTH"],
    ["AUTH", "wrong"],
    ["AUTH", "default", "wrong"],
    ["AUTH", "nobody", "secret"],
    ["AUTH", "a", "b", "c"],
    ["HELLO", "4"],
    ["HELLO", "3", "AUTH", "default", "wrong"],
    ["HELLO", "3", "AUTH", "default"],
    ["GET", "a"],
    ["RESET"],
    ["AUTH", "secret"],
    ["SET", "a", "1"],
    ["AUTH", "wrong"],
    ["GET", "a"],
    ["RESET"],
    ["GET", "a"],
    ["AUTH", "default", "secret"],
    ["GET", "a"],
    ["QUIT"],
  ]) {
    replies.push(`${call.join(" ")} -> ${await client.call(...call)}`);
  }
  await client.closed;
  return replies;
});

sameAsRedis("without a password", [], async (server) => {
  const client = await server.connect();
  const replies: string[] = [];
  for (const call of [
    ["AUTH", "any"],
    ["AUTH", "default", "any"],
    ["AUTH", "nobody", "any"],
    ["PING"],
  ]) {
    replies.push(`${call.join(" ")} -> ${await client.call(...call)}`);
  }
  return replies;
});

sameAsRedis("a password set and taken away while clients are connected", [], async (server) => {
  const before = await server.connect();
  const replies = [await before.call("CONFIG", "SET", "requirepass", "one")];
  const after = await server.connect();
  // Who was in stays in; who comes has to say the password.
  replies.push(await before.call("PING"), await after.call("PING"));
  replies.push(await before.call("CONFIG", "SET", "requirepass", "two"));
  replies.push(await after.call("AUTH", "one"), await after.call("AUTH", "two"));
  const waiting = await server.connect();
  replies.push(await waiting.call("PING"));
  replies.push(await before.call("CONFIG", "SET", "requirepass", ""));
  replies.push(await waiting.call("PING"), await waiting.call("HELLO", "nonsense"));
  const keys = Array.from({ length: 20 }, (_, i) => `key:${i}`);
  replies.push(await waiting.call("EXISTS", ...keys));
  return replies;
});

test("HELLO authenticates, names the client and chooses the protocol at once", async () => {
  await using storm = await startStormdb(...SECRET);
  const client = await storm.connect();
  expect(await client.call("HELLO", "3")).toStartWith("-NOAUTH HELLO must be called");
  const hello = await client.call("HELLO", "3", "AUTH", "default", "secret", "SETNAME", "me");
  expect(hello).toStartWith("%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.");
  expect(await client.call("GET", "missing")).toEqual("_\r\n");
  const [info] = await readClients(client, "INFO");
  expect([info!.name, info!.resp, info!.user]).toEqual(["me", "3", "default"]);
});

const LONG = "x".repeat(16384);

sameAsRedis("what an unauthenticated client may send is limited", SECRET, async (server) => {
  const ten = `*10\r\n$4\r\nPING\r\n${"$1\r\na\r\n".repeat(9)}`;
  return {
    tenArguments: await exchange(server, ten, 1),
    elevenArguments: await exchange(server, "*11\r\n"),
    elevenBehindAnother: await exchange(server, `${ten}*11\r\n$4\r\nPING\r\n`),
    longest: await exchange(server, `*2\r\n$4\r\nECHO\r\n$16384\r\n${LONG}\r\n`, 1),
    tooLong: await exchange(server, "*2\r\n$4\r\nECHO\r\n$16385\r\n"),
    inline: await exchange(server, `PING ${LONG}x ${"a ".repeat(20)}\r\n`, 1),
    authenticated: await exchange(
      server,
      `*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*2\r\n$4\r\nECHO\r\n$16385\r\n${LONG}x\r\n*12\r\n$6\r\nEXISTS\r\n${"$1\r\na\r\n".repeat(11)}`,
      3,
    ),
  };
});

sameAsRedis("refusals are counted", SECRET, async (server) => {
  const client = await server.connect();
  for (let i = 0; i < 3; i++) await client.call("GET", "a");
  await client.call("AUTH", "wrong");
  await client.call("AUTH", "secret");
  const text = await client.call("INFO", "errorstats", "commandstats");
  return text
    .split("\r\n")
    .filter((line) => /^(errorstat_|cmdstat_(get|auth):)/.test(line))
    .map((line) => line.replace(/usec=\d+,usec_per_call=[\d.]+,/, ""))
    .sort();
});

/** Ways to be replied to without authentication. */
const UNAUTHENTICATED: Readonly<Record<string, string>> = {
  "a command": "GET x\r\n",
  "an array": "*2\r\n$3\r\nGET\r\n$1\r\nx\r\n",
  "no such command": "x\r\n",
  "a wrong password": "AUTH wrong\r\n",
  HELLO: "HELLO 3\r\n",
  "HELLO with a wrong password": "HELLO 3 AUTH default wrong\r\n",
  RESET: "RESET\r\n",
};

test("what an unauthenticated client is owed is limited, however it is replied to", async () => {
  await using storm = await startStormdb(...SECRET);
  const control = await storm.connect();
  await control.call("AUTH", "secret");
  let cut = 0;
  for (const [name, request] of Object.entries(UNAUTHENTICATED)) {
    const slow = await ByteSocket.connect(storm.port);
    slow.pause();
    const burst = request.repeat(20_000);
    await until(`${name}: the client is cut`, async () => {
      const field = "client_output_buffer_limit_disconnections";
      if ((await readInfoNumber(control, "stats", field)) > cut) return true;
      for (const { omem } of await readClients(control, "LIST")) {
        expect(Number(omem)).toBeLessThanOrEqual(1024);
      }
      await Promise.race([slow.write(burst), Bun.sleep(20)]);
      return false;
    });
    cut++;
    slow.resume();
    await slow.closed;
  }
  expect(await control.call("PING")).toEqual("+PONG\r\n");
});

test("what is kept of an unauthenticated client's input is limited while it has to wait", async () => {
  await using storm = await startStormdb(...SECRET);
  const control = await storm.connect();
  await control.call("AUTH", "secret");
  await control.call("CLIENT", "PAUSE", "1000000", "ALL");
  const greedy = await ByteSocket.connect(storm.port);
  await greedy.write("AUTH secret\r\n");
  const input = "SET a b\r\n".repeat(10_000);
  for (let i = 0; i < 100 && !greedy.isClosed; i++) {
    await Promise.race([greedy.write(input), greedy.closed]);
  }
  await greedy.closed;
  expect(greedy.available).toEqual(0);
  await control.call("CLIENT", "UNPAUSE");
  expect(await control.call("EXISTS", "a")).toEqual(":0\r\n");
});

test("an unauthenticated client that reads gets all its replies", async () => {
  await using storm = await startStormdb(...SECRET);
  const client = await ByteSocket.connect(storm.port);
  const reply = "-NOAUTH Authentication required.\r\n";
  await client.write("GET x\r\n".repeat(10_000));
  expect(await client.text(reply.length * 10_000)).toEqual(reply.repeat(10_000));
  client.close();
});

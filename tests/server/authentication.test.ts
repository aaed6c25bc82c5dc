/** requirepass: who may do what before and after AUTH. */
import { expect, test } from "bun:test";
import { startStormdb } from "../harness/processes.ts";
import { readClients } from "./info.ts";
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

/** HTTP requests, which a web page can have a browser send: the connection is closed, and nothing runs. */
import { expect, test } from "bun:test";
import { type RunningServer, startStormdb } from "../harness/processes.ts";
import { encodeCommand } from "../harness/raw-client.ts";
import { exchange, sameAsRedis } from "./same-as-redis.ts";

const SET = encodeCommand(["SET", "a", "b"]).toString("latin1");
const BODY = `\r\nSET a b\r\n${SET}`;

/** Each is followed by commands that set `a`. */
const REQUESTS: Readonly<Record<string, string>> = {
  "a browser's POST": "POST / HTTP/1.1\r\nHost: 127.0.0.1:6379\r\nContent-Type: text/plain\r\n",
  "GET with a Host header": "GET / HTTP/1.1\r\nHost: 127.0.0.1:6379\r\n",
  "PUT with a Host header": "PUT / HTTP/1.1\r\nhOsT: 127.0.0.1:6379\r\n",
  "lower case": "post / http/1.1\r\n",
  "mixed case": "pOsT\r\n",
  "a header alone": "HOST: x\r\n",
  "line feeds alone": "POST / HTTP/1.1\n",
  "in quotes": '"POST" /\r\n',
  "with an escape": '"\\x50OST" /\r\n',
  "an array": encodeCommand(["POST", "/"]).toString("latin1"),
  "an array of one": encodeCommand(["host:"]).toString("latin1"),
  "a zero byte behind the name": encodeCommand(["POST\0x"]).toString("latin1"),
  "behind another command": "PING\r\nPOST /\r\n",
  "behind an array": `${encodeCommand(["PING"]).toString("latin1")}Host: x\r\n`,
  "within MULTI": "MULTI\r\nPING\r\nHost: x\r\nEXEC\r\n",
  "without replies": "CLIENT REPLY OFF\r\nPOST /\r\n",
  "in RESP3": "HELLO 3\r\nPOST /\r\n",
  subscribed: "SUBSCRIBE c\r\nPOST /\r\n",
};

async function results(server: RunningServer): Promise<Record<string, unknown>> {
  const control = await server.connect();
  const out: Record<string, unknown> = {};
  for (const [name, request] of Object.entries(REQUESTS)) {
    const { closed } = await exchange(server, request + BODY);
    const client = await server.connect();
    // A byte at a time, the commands behind it may come when the connection is gone already.
    for (const byte of request + BODY) client.write(byte);
    await client.closed;
    out[name] = { closed, a: await control.call("GET", "a") };
  }
  return out;
}

sameAsRedis("HTTP closes the connection and runs nothing that follows", [], results);

sameAsRedis("also before authentication", ["--requirepass", "secret"], async (server) => {
  const answers: unknown[] = [];
  for (const request of ["POST / HTTP/1.1\r\n", "host: x\r\n"]) {
    answers.push(await exchange(server, `${request}AUTH secret\r\nSET a b\r\n`));
  }
  return answers;
});

test("nothing is replied, not even to what came before in the same chunk, and it is logged once", async () => {
  await using storm = await startStormdb();
  for (const request of Object.values(REQUESTS)) {
    expect(await exchange(storm, request + BODY)).toEqual({ received: "", closed: true });
  }
  expect(storm.output().match(/Possible SECURITY ATTACK detected/g)).toHaveLength(1);
  expect(storm.output()).toContain("Connection from 127.0.0.1:");
});

// Redis takes this for an unknown command, and runs what follows.
test("no space behind Host:", async () => {
  await using storm = await startStormdb();
  for (const name of ["Host:127.0.0.1:6379", "hOST:x", "host:\0"]) {
    const request = `GET / HTTP/1.1\r\n${name}\r\n${BODY}`;
    expect(await exchange(storm, request)).toEqual({ received: "", closed: true });
  }
  const client = await storm.connect();
  expect(await client.call("GET", "a")).toEqual("$-1\r\n");
});

sameAsRedis("words that only look like it are commands like any other", [], async (server) => {
  const words = ["POS", "POSTS", "HOST", "HOSTS:", "GET", " POST", "XPOST"];
  const replies: string[] = [];
  const client = await server.connect();
  for (const word of words) replies.push(await client.call(word));
  replies.push(await client.call("ECHO", "POST"));
  return replies;
});

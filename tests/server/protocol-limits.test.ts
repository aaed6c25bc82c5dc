/** What the server does not take: the error's text, and that the connection is closed. */
import { describe, expect, test } from "bun:test";
import { startStormdb, until } from "../harness/processes.ts";
import { ByteSocket } from "./byte-socket.ts";
import { readClientBuffers, readClients, readInfo } from "./info.ts";
import { exchange, sameAsRedis } from "./same-as-redis.ts";

const LINE_MAX = 65536;
const ECHO = "*2\r\n$4\r\nECHO\r\n";

/** Each breaks the protocol; PING goes before it, and what is behind it must not run. */
const BROKEN: Readonly<Record<string, string>> = {
  "count: a letter": "*a\r\n",
  "count: a letter behind": "*1a\r\n",
  "count: a space": "* 1\r\n",
  "count: a plus": "*+1\r\n",
  "count: a point": "*1.0\r\n",
  "count: nothing": "*\r\n",
  "count: a leading zero": "*01\r\n",
  "count: minus zero": "*-0\r\n",
  "count: only a minus": "*-\r\n",
  "count: over 2^31": "*2147483648\r\n",
  "count: over 2^64": "*18446744073709551617\r\n",
  "count: a line without end": `*${"1".repeat(LINE_MAX)}`,
  "length: a letter": "*1\r\n$a\r\n",
  "length: a letter behind": "*1\r\n$4b\r\nPING\r\n",
  "length: a space": "*1\r\n$ 4\r\nPING\r\n",
  "length: a plus": "*1\r\n$+4\r\nPING\r\n",
  "length: nothing": "*1\r\n$\r\n",
  "length: a leading zero": "*1\r\n$04\r\nPING\r\n",
  "length: -1": "*1\r\n$-1\r\n",
  "length: -2": "*1\r\n$-2\r\n",
  "length: over proto-max-bulk-len": `${ECHO}$536870913\r\n`,
  "length: over 2^64": `${ECHO}$18446744073709551617\r\n`,
  "length: a line without end": `*1\r\n$${"1".repeat(LINE_MAX)}`,
  "no dollar: a colon": "*1\r\n:1\r\n",
  "no dollar: a star": "*1\r\n*1\r\n",
  "no dollar: an empty line": "*1\r\n\r\n",
  "no dollar: a high byte": "*1\r\n\xff\r\n",
  "no dollar: in the second argument": "*2\r\n$4\r\nECHO\r\n4\r\n",
  "inline: too long": "a".repeat(LINE_MAX + 1),
  "inline: a double quote left open": 'ECHO "a\r\n',
  "inline: a single quote left open": "ECHO 'a\r\n",
  "inline: something behind a quote": 'ECHO "a"b\r\n',
  "inline: a quote escaped away": 'ECHO "a\\"\r\n',
};

sameAsRedis("a broken request gets its error, then the end", [], async (server) => {
  const results: Record<string, unknown> = {};
  for (const [name, bytes] of Object.entries(BROKEN)) {
    results[name] = [await exchange(server, bytes), await exchange(server, `PING\r\n${bytes}`)];
  }
  return results;
});

test("a broken request of one client does not touch the others", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  const half = await storm.connect();
  half.write("*2\r\n$4\r\nECHO\r\n$5\r\nhe");
  for (const [name, bytes] of Object.entries(BROKEN)) {
    const { received, closed } = await exchange(storm, bytes);
    expect({ name, closed }).toEqual({ name, closed: true });
    expect(received).toStartWith("-ERR Protocol error: ");
    expect(await client.call("ECHO", name)).toEqual(`$${name.length}\r\n${name}\r\n`);
    expect(await exchange(storm, "PING\r\n", 1)).toEqual({ received: "+PONG\r\n", closed: false });
  }
  half.write("llo\r\n");
  expect(await half.read()).toEqual("$5\r\nhello\r\n");
  expect((await readInfo(client, "errorstats")).errorstat_ERR).toEqual(
    `count=${Object.keys(BROKEN).length}`,
  );
});

/** Unusual, but allowed; with the number of replies. */
const ALLOWED: Readonly<Record<string, readonly [string, number]>> = {
  "empty lines and empty arrays": ["\r\n\n*0\r\n*-1\r\n*-100\r\nPING\r\n", 1],
  "line feeds alone": ["PING\nPING\n", 2],
  "spaces and tabs around words": ["  PING  \r\n\tECHO \t a\t\r\n", 2],
  "an empty bulk": [`${ECHO}$0\r\n\r\n*1\r\n$0\r\n\r\n`, 2],
  quotes: [`ECHO "a b"\r\nECHO 'a b'\r\nECHO ""\r\nECHO ''\r\n`, 4],
  "a quote inside a word": ["ECHO a\"b c\"\r\nECHO a'b c'\r\n", 2],
  escapes: [`ECHO "\\x41\\n\\r\\t\\b\\a\\\\\\"\\q\\xZZ"\r\nECHO 'a\\'b\\n'\r\n`, 2],
  "an empty command name": ['"" a\r\n', 1],
  "CR LF inside a bulk": [`${ECHO}$6\r\na\r\nb\r\n\r\n`, 1],
  "any two bytes behind a bulk": [`${ECHO}$1\r\naXXPING\r\n`, 2],
  "all bytes": [
    `${ECHO}$256\r\n${Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("")}\r\n`,
    1,
  ],
  "the longest inline command": [`ECHO ${"a".repeat(LINE_MAX - 6)}\r\n`, 1],
  "mixed forms": [`PING\r\n*1\r\n$4\r\nPING\r\nECHO x\n${ECHO}$1\r\ny\r\n`, 4],
};

sameAsRedis("an unusual request is served", [], async (server) => {
  const results: Record<string, unknown> = {};
  for (const [name, [bytes, replies]] of Object.entries(ALLOWED)) {
    results[name] = await exchange(server, bytes, replies);
  }
  return results;
});

sameAsRedis("1,048,577 arguments and more are taken", [], async (server) => {
  const keys = "$1\r\nk\r\n".repeat(1_200_000);
  return exchange(server, `SET k 1\r\n*1200001\r\n$6\r\nEXISTS\r\n${keys}PING\r\n`, 3);
});

describe("proto-max-bulk-len", () => {
  const limit = ["--proto-max-bulk-len", "1mb"];

  sameAsRedis("a bulk of that length passes, a longer one does not", limit, async (server) => {
    const longest = "x".repeat(1 << 20);
    return {
      passes: await exchange(server, `${ECHO}$1048576\r\n${longest}\r\n`, 1),
      fails: await exchange(server, `${ECHO}$1048577\r\n`),
    };
  });

  sameAsRedis("strings cannot be grown over it either", limit, async (server) => {
    const client = await server.connect();
    const replies = [
      await client.call("SETRANGE", "a", "1048575", "x"),
      await client.call("SETRANGE", "a", "1048576", "x"),
      await client.call("APPEND", "a", "x"),
      await client.call("STRLEN", "a"),
    ];
    await client.call("CONFIG", "SET", "proto-max-bulk-len", "2mb");
    replies.push(await client.call("APPEND", "a", "x"), await client.call("STRLEN", "a"));
    return replies;
  });
});

describe("client-query-buffer-limit", () => {
  const limit = ["--client-query-buffer-limit", "1mb"];

  sameAsRedis("a request that grows over it closes the connection", limit, async (server) => {
    const client = await server.connect();
    const greedy = await ByteSocket.connect(server.port);
    await greedy.write(`${ECHO}$50000000\r\n`);
    const megabyte = "x".repeat(1 << 20);
    for (let i = 0; i < 50 && !greedy.isClosed; i++) {
      await Promise.race([greedy.write(megabyte), greedy.closed]);
    }
    await greedy.closed;
    return [greedy.available, await client.call("PING")];
  });

  test("is counted and logged, and the memory comes back", async () => {
    await using storm = await startStormdb(...limit);
    const client = await storm.connect();
    const greedy = await ByteSocket.connect(storm.port);
    await greedy.write(`${ECHO}$50000000\r\n${"x".repeat(900_000)}`);
    await until("its bytes are counted", async () => {
      const list = await readClients(client, "LIST");
      return list.some(({ qbuf }) => Number(qbuf) > 900_000);
    });
    expect(await readClientBuffers(client)).toBeGreaterThan(900_000);
    await greedy.write("x".repeat(200_000));
    await greedy.closed;
    const info = await readInfo(client, "all");
    expect([info.client_query_buffer_limit_disconnections, info.connected_clients]).toEqual([
      "1",
      "1",
    ]);
    expect(await readClientBuffers(client)).toEqual(0);
    await until("it is logged", () => storm.output().includes("client-query-buffer-limit"));
  });

  sameAsRedis("many requests below it, sent at once, all pass", limit, async (server) => {
    const value = "x".repeat(900_000);
    const set = `*3\r\n$3\r\nSET\r\n$1\r\na\r\n$900000\r\n${value}\r\n`;
    return exchange(server, `${set.repeat(8)}STRLEN a\r\n`, 9);
  });
});

/** Connections and clients, compared with redis-server byte for byte. */
import { expect, test } from "bun:test";
import { type Call, describePair, oracleTest } from "../harness/oracle.ts";
import type { RunningServer } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

/** Names that clients may not have, and one that they may. */
const NAMES = ['"a b"', '"a\\nb"', '"\\x7f"', '"\\xff"', '"\\x00"', '" "', '"a\\x00b"', "~!"];

function since72(call: string, reply: string): Call {
  return { call, as: { redis72: `${reply}\r\n` } };
}

/** Redis 7.2 says where AUTH belongs. */
const NO_AUTH_HELLO = {
  redis72: (redis70: string) => redis70.replace("HELLO AUTH", "HELLO <proto> AUTH"),
};

function shape(call: string): Call {
  return { call, as: "shape" };
}

oracleTest("ping, echo, unknown commands", [
  "PING",
  "ping",
  "PING hello",
  'PING ""',
  'PING "\\x00\\xff\\r\\n"',
  "PING a b",
  "ECHO hi",
  'ECHO ""',
  'ECHO "\\x00\\xff\\r\\n"',
  { call: ["ECHO", "e".repeat(200000)] },
  "ECHO",
  "ECHO a b",
  "FOO",
  "FOO a b c",
  '""',
  '"" a',
  '"FOO\\x00BAR" "a\\x00b" c',
  '"foo\\r\\nbar" "a\\r\\nb"',
  '"\\xff\\xfe" "\\xff"',
  "GETT a",
  "ge",
  '"GET " a',
  {
    call: '"get\\x00" a',
    // redis-server finds GET if its random hash seed puts both names into one bucket.
    as: { redis72: "-ERR unknown command 'get', with args beginning with: 'a' \r\n" },
  },
  "GET|A b",
  "CONFIG|GET port",
  { call: ["X".repeat(200), "a"] },
  { call: ["foo", "y".repeat(200), "z"] },
  { call: ["foo", ...Array.from({ length: 60 }, (_, i) => `argument${i}`)] },
  { call: ["foo", "y".repeat(126), "z", "more"] },
  { call: ["foo", "y".repeat(127), "z"] },
  { call: ["foo", "y".repeat(128), "z"] },
  { call: ["foo", "y".repeat(125), "z"] },
  { call: ["foo", "y".repeat(124), "z", ""] },
  { call: ["foo", "", "", ""] },
  { call: ["CLIENT", "y".repeat(200)] },
  'CLIENT "foo\\x00bar"',
  'CLIENT "foo\\r\\nbar"',
  "CLIENT foo a b",
  "COMMAND foo",
  "MEMORY foo",
  "CLIENT",
  "COMMAND COUNT x",
  "CLIENT ID x",
  "client Getname x",
]);

oracleTest("hello", [
  shape("HELLO"),
  shape("HELLO 2"),
  shape("HELLO 3"),
  shape("HELLO"),
  "CLIENT GETNAME",
  shape("HELLO 3 SETNAME me"),
  "CLIENT GETNAME",
  shape("HELLO 2 setname you"),
  "CLIENT GETNAME",
  shape("HELLO 3 AUTH default anything"),
  shape("HELLO 3 auth default anything setname both"),
  "CLIENT GETNAME",
  shape('HELLO 3 SETNAME ""'),
  "CLIENT GETNAME",
  "PING",
  "HELLO 1",
  "HELLO 4",
  "HELLO 0",
  "HELLO -3",
  ...each("HELLO %", NO_INTEGERS),
  ...each("HELLO %", [MAX, MIN, "4294967299"]),
  "HELLO 3 FOO",
  "HELLO 3 AUTH",
  "HELLO 3 AUTH default",
  "HELLO 3 SETNAME",
  "HELLO 3 SETNAME a FOO",
  "HELLO 3 AUTH nobody x",
  'HELLO 3 "FO\\x00O"',
  'HELLO 3 "F\\r\\nO"',
  "HELLO 4 FOO",
  "HELLO x FOO",
  "HELLO SETNAME a",
  "HELLO 2 2",
  ...each("HELLO 3 SETNAME %", NAMES.slice(0, -1)),
  shape("HELLO 3 SETNAME ~!"),
  "CLIENT GETNAME",
  // A HELLO that fails has changed nothing.
  shape("HELLO 2"),
  "CLIENT SETNAME before",
  "HELLO 3 SETNAME after AUTH nobody x",
  since72("CLIENT GETNAME", "$6\r\nbefore"),
  "CLIENT SETNAME before",
  "HELLO 3 SETNAME after FOO",
  since72("CLIENT GETNAME", "$6\r\nbefore"),
  since72("HELLO 3 AUTH nobody x FOO", "-ERR Syntax error in HELLO option 'FOO'"),
  since72(
    'HELLO 3 AUTH nobody x SETNAME "a b"',
    "-ERR Client names cannot contain spaces, newlines or special characters.",
  ),
]);

oracleTest("auth without a password", [
  "AUTH",
  "AUTH x",
  'AUTH ""',
  "AUTH default x",
  'AUTH default ""',
  "AUTH nobody x",
  "AUTH Default x",
  'AUTH "default\\x00" x',
  "AUTH a b c",
  "AUTH a b c d",
]);

const SECRET = ["--requirepass", "secret"];

oracleTest(
  "auth with a password",
  [
    "PING",
    "GET a",
    "GET",
    "FOO",
    "CLIENT FOO",
    "CLIENT ID",
    "CLIENT",
    "CONFIG GET port",
    "COMMAND COUNT",
    "INFO",
    "SELECT 1",
    "ECHO x",
    "SHUTDOWN FOO",
    "DEBUG SLEEP 0",
    { call: "HELLO", as: NO_AUTH_HELLO },
    { call: "HELLO 2", as: NO_AUTH_HELLO },
    { call: "HELLO 3", as: NO_AUTH_HELLO },
    "HELLO 4",
    "HELLO x",
    "HELLO 3 FOO",
    { call: "HELLO 3 SETNAME me", as: NO_AUTH_HELLO },
    "HELLO 3 AUTH default wrong",
    "HELLO 3 AUTH nobody secret",
    "HELLO 3 AUTH default",
    'HELLO 3 SETNAME "a b"',
    "AUTH",
    "AUTH wrong",
    'AUTH ""',
    "AUTH secre",
    "AUTH secrets",
    "AUTH SECRET",
    "AUTH nobody secret",
    "AUTH default wrong",
    "AUTH a b c",
    "GET a",
    "AUTH secret",
    "GET a",
    "AUTH wrong",
    "GET a",
    "AUTH default secret",
    { call: "GET a", on: "second" },
    { call: "AUTH default secret", on: "second" },
    { call: "GET a", on: "second" },
    { call: "RESET", on: "second" },
    { call: "GET a", on: "second" },
    { call: "PING", on: "second" },
    { call: "HELLO 3 AUTH default secret SETNAME me", on: "third", as: "shape" },
    { call: "CLIENT GETNAME", on: "third" },
    { call: "GET a", on: "third" },
    { call: "HELLO 2 AUTH default wrong", on: "third" },
    { call: "GET a", on: "third" },
    { call: "QUIT", on: "fourth", closes: true },
    "CONFIG GET requirepass",
    "CONFIG SET requirepass other",
    "PING",
    "AUTH secret",
    "AUTH other",
    "CONFIG SET requirepass secret",
    { call: "AUTH other", on: "fifth" },
    { call: "AUTH secret", on: "fifth" },
    { call: "RESET", on: "fifth" },
    "CONFIG SET requirepass ''",
    { call: "GET a", on: "fifth" },
    { call: "AUTH x", on: "fifth" },
    { call: "AUTH default x", on: "fifth" },
    { call: "GET a", on: "sixth" },
    { call: "PING", on: "fifth" },
    "CONFIG SET requirepass secret",
    { call: "GET a", on: "sixth" },
    { call: "GET a", on: "seventh" },
  ],
  SECRET,
);

oracleTest("quit and reset", [
  { call: "QUIT", closes: true },
  { call: "QUIT now please", closes: true },
  "PING",
  "CLIENT SETNAME me",
  "SELECT 3",
  "SET a three",
  "RESET",
  "CLIENT GETNAME",
  "GET a",
  "RESET x",
  "PING",
  shape("HELLO"),
  shape("HELLO 3"),
  "CLIENT GETNAME",
  "RESET",
  "CLIENT GETNAME",
]);

oracleTest("client: names and settings", [
  shape("CLIENT ID"),
  "CLIENT GETNAME",
  "CLIENT SETNAME me",
  "CLIENT GETNAME",
  'CLIENT SETNAME ""',
  "CLIENT GETNAME",
  ...each("CLIENT SETNAME %", NAMES),
  { call: ["CLIENT", "SETNAME", "n".repeat(5000)] },
  "CLIENT GETNAME",
  "CLIENT SETNAME",
  "CLIENT SETNAME a b",
  "CLIENT GETNAME a",
  "CLIENT NO-EVICT on",
  "CLIENT NO-EVICT OFF",
  "CLIENT NO-EVICT x",
  'CLIENT NO-EVICT ""',
  "CLIENT NO-EVICT",
  "CLIENT NO-EVICT on off",
  since72("CLIENT NO-TOUCH on", "+OK"),
  since72("CLIENT NO-TOUCH OFF", "+OK"),
  since72("CLIENT NO-TOUCH x", "-ERR syntax error"),
  since72("CLIENT NO-TOUCH", "-ERR wrong number of arguments for 'client|no-touch' command"),
  since72("CLIENT SETINFO LIB-NAME ioredis", "+OK"),
  since72("CLIENT SETINFO lib-ver 1.2.3", "+OK"),
  since72('CLIENT SETINFO LIB-NAME ""', "+OK"),
  since72(
    'CLIENT SETINFO LIB-NAME "a b"',
    "-ERR lib-name cannot contain spaces, newlines or special characters.",
  ),
  since72(
    'CLIENT SETINFO LIB-VER "a\\nb"',
    "-ERR lib-ver cannot contain spaces, newlines or special characters.",
  ),
  since72("CLIENT SETINFO FOO bar", "-ERR Unrecognized option 'FOO'"),
  since72("CLIENT SETINFO LIB-NAME", "-ERR wrong number of arguments for 'client|setinfo' command"),
  { call: "CLIENT HELP", as: "any" },
  "CLIENT HELP x",
]);

oracleTest("client: replies off, skipped and on", [
  "CLIENT REPLY ON",
  "CLIENT REPLY on",
  "CLIENT REPLY x",
  "CLIENT REPLY",
  "CLIENT REPLY ON OFF",
  ...[
    ["CLIENT REPLY OFF", "PING", "CLIENT REPLY ON", "PING"],
    ["CLIENT REPLY SKIP", "PING", "ECHO seen"],
    ["CLIENT REPLY SKIP", "FOO", "ECHO seen"],
    ["CLIENT REPLY SKIP", "GET", "ECHO seen"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "PING", "ECHO seen", "ECHO too"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO seen"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY OFF", "PING", "CLIENT REPLY ON", "ECHO seen"],
    ["CLIENT REPLY OFF", "CLIENT REPLY SKIP", "PING", "CLIENT REPLY ON", "ECHO seen"],
    ["CLIENT REPLY OFF", "CLIENT REPLY x", "FOO", "CLIENT REPLY ON"],
    ["CLIENT REPLY OFF", "CLIENT REPLY OFF", "CLIENT REPLY ON"],
    ["CLIENT REPLY SKIP", "CLIENT REPLY x", "ECHO seen"],
    ["CLIENT REPLY OFF", "SET a 1", "INCR a", "LRANGE a 0 -1", "CLIENT REPLY ON", "GET a"],
    ["CLIENT REPLY OFF", "RESET", "ECHO seen"],
    ["CLIENT REPLY SKIP", "RESET", "ECHO seen", "ECHO too"],
    ["PING", "ECHO a", "SET b 2", "GET b", "FOO"],
  ].map((pipe) => ({ pipe })),
]);

oracleTest("client: list, kill, pause: errors", [
  ...["TYPE", "ID"].flatMap((word) => [`CLIENT LIST ${word}`, `CLIENT INFO ${word}`]),
  "CLIENT LIST FOO",
  "CLIENT LIST FOO bar",
  "CLIENT LIST TYPE foo",
  "CLIENT LIST TYPE master",
  "CLIENT LIST TYPE REPLICA",
  "CLIENT LIST TYPE slave",
  "CLIENT LIST TYPE pubsub",
  "CLIENT LIST TYPE normal x",
  "CLIENT LIST ID 999999999",
  "CLIENT LIST ID 999999999 999999998",
  ...each("CLIENT LIST ID %", [...NO_INTEGERS, "-1", "0", MIN, MAX]),
  "CLIENT LIST ID 1 x",
  "CLIENT LIST ID 999999999 TYPE normal",
  "CLIENT KILL",
  "CLIENT KILL 1.2.3.4:5",
  'CLIENT KILL ""',
  "CLIENT KILL foo",
  "CLIENT KILL FOO bar",
  "CLIENT KILL ID",
  ...each("CLIENT KILL ID %", [...NO_INTEGERS, "0", "-1", "999999999", MIN, MAX]),
  "CLIENT KILL ID 999999999 ADDR",
  "CLIENT KILL ID 999999999 FOO bar",
  "CLIENT KILL TYPE foo",
  "CLIENT KILL TYPE master",
  "CLIENT KILL TYPE replica",
  "CLIENT KILL TYPE slave",
  "CLIENT KILL TYPE pubsub",
  "CLIENT KILL ADDR 1.2.3.4:5",
  "CLIENT KILL LADDR 1.2.3.4:5",
  "CLIENT KILL USER nobody",
  'CLIENT KILL USER "no\\x00body"',
  "CLIENT KILL ADDR 1.2.3.4:5 USER default SKIPME no",
  "CLIENT KILL ADDR 1.2.3.4:5 SKIPME x",
  "CLIENT KILL SKIPME maybe",
  "CLIENT KILL ADDR 1.2.3.4:5 TYPE normal ID 5",
  "CLIENT KILL addr 1.2.3.4:5 skipme YES",
  ...each("CLIENT PAUSE %", [...NO_INTEGERS, "-1", "-100", MIN, MAX, "9223372036854775000"]),
  "CLIENT UNPAUSE",
  "CLIENT PAUSE",
  "CLIENT PAUSE 1 FOO",
  "CLIENT PAUSE x FOO",
  "CLIENT PAUSE -1 FOO",
  "CLIENT PAUSE 1 WRITE ALL",
  "CLIENT PAUSE 0",
  "PING",
  "CLIENT UNPAUSE x",
  "CLIENT UNPAUSE",
]);

/** The fields of each line of a CLIENT LIST or CLIENT INFO reply. */
function clientsOf(reply: string): Map<string, string>[] {
  const text = reply.replace(/^[$=]\d+\r\n(txt:)?/, "").trimEnd();
  return text.split("\n").map(
    (line) =>
      new Map(
        line.split(" ").map((field) => {
          const at = field.indexOf("=");
          return [field.slice(0, at), field.slice(at + 1)] as const;
        }),
      ),
  );
}

/** Fields that are the same on both servers if they are described alike. */
const COMPARED = ["name", "flags", "db", "sub", "psub", "ssub", "multi", "user", "redir", "resp"];

/** Resolves when there are no other connections than this client's and `others`. */
async function aloneWith(client: RawClient, others: number): Promise<void> {
  while (clientsOf(await client.call("CLIENT", "LIST")).length !== others + 1) await Bun.sleep(1);
}

async function described(server: RunningServer): Promise<Record<string, string>[]> {
  const [a, b] = [await server.connect(), await server.connect()];
  await aloneWith(a, 1);
  await a.call("CLIENT", "SETNAME", "first");
  await a.call("SELECT", "3");
  await a.call("CLIENT", "NO-EVICT", "on");
  await b.call("HELLO", "3", "SETNAME", "second");
  await b.call("CONFIG", "GET", "port");
  const own = clientsOf(await a.call("CLIENT", "INFO"))[0]!;
  const list = clientsOf(await b.call("CLIENT", "LIST"));
  const ids = [own.get("id")!, "999999999", own.get("id")!];
  const byId = clientsOf(await b.call("CLIENT", "LIST", "ID", ...ids));
  const normal = clientsOf(await b.call("CLIENT", "LIST", "TYPE", "normal"));
  const shown = [own, ...list, ...byId, ...normal].map((fields) => ({
    ...Object.fromEntries([...COMPARED, "cmd"].map((n) => [n, fields.get(n)!])),
    fields: [...fields.keys()].join(" "),
    isOwn: String(fields.get("id") === own.get("id")),
    isServer: String(fields.get("laddr") === `127.0.0.1:${server.port}`),
  }));
  a.close();
  b.close();
  return shown;
}

type Filter = (victim: Map<string, string>) => readonly string[];

const KILLS: Readonly<Record<string, Filter>> = {
  "by address, the old way": (victim) => [victim.get("addr")!],
  "by address": (victim) => ["ADDR", victim.get("addr")!],
  "by id": (victim) => ["ID", victim.get("id")!],
  "by id and type": (victim) => ["ID", victim.get("id")!, "TYPE", "normal", "USER", "default"],
  "all others": () => ["TYPE", "normal"],
  "all others, by the server's address": (victim) => ["LADDR", victim.get("laddr")!],
};

describePair(
  "client: list, kill and pause",
  (pair) => {
    /** Expects the same of both servers. */
    const compare = async (run: (server: RunningServer) => Promise<unknown>) => {
      const { redis, storm } = await pair();
      const [expected, got] = [await run(redis), await run(storm)];
      expect(got).toEqual(expected);
    };

    test("clients are described by the same fields", async () => {
      const { redis, storm } = await pair();
      const expected = await described(redis);
      // Redis 7.2 added what CLIENT SETINFO sets.
      for (const client of expected) client.fields += " lib-name lib-ver";
      expect(await described(storm)).toEqual(expected);
    });

    for (const [how, filter] of Object.entries(KILLS)) {
      test(`kill ${how}`, () =>
        compare(async (server) => {
          const [victim, caller] = [await server.connect(), await server.connect()];
          await aloneWith(caller, 1);
          const info = clientsOf(await victim.call("CLIENT", "INFO"))[0]!;
          const reply = await caller.call("CLIENT", "KILL", ...filter(info));
          await victim.closed;
          const alive = await caller.call("PING");
          caller.close();
          return { reply, alive };
        }));
    }

    test("kill itself", () =>
      compare(async (server) => {
        const replies: string[] = [];
        for (const field of ["id", "addr"]) {
          const client = await server.connect();
          const value = clientsOf(await client.call("CLIENT", "INFO"))[0]!.get(field)!;
          const filter = [field.toUpperCase(), value];
          replies.push(await client.call("CLIENT", "KILL", ...filter));
          replies.push(await client.call("CLIENT", "KILL", ...filter, "SKIPME", "yes"));
          replies.push(await client.call("CLIENT", "KILL", ...filter, "SKIPME", "no"));
          await client.closed;
        }
        const client = await server.connect();
        const address = clientsOf(await client.call("CLIENT", "INFO"))[0]!.get("addr")!;
        replies.push(await client.call("CLIENT", "KILL", address));
        await client.closed;
        return replies;
      }));

    test("pause of writing commands", () =>
      compare(async (server) => {
        const [caller, other] = [await server.connect(), await server.connect()];
        const seen: string[] = [];
        const note = async (name: string, reply: Promise<string>) => {
          seen.push(`${name} -> ${await reply}`);
        };
        await note("pause", caller.call("CLIENT", "PAUSE", "1000000", "WRITE"));
        await note("get", other.call("GET", "none"));
        const waiting = [
          note("other ping", other.call("PING")),
          note("other set", other.call("SET", "paused", "1")),
          note("other get", other.call("GET", "paused")),
        ];
        await waiting[0];
        await note("caller get, before", caller.call("GET", "paused"));
        await note("unpause", caller.call("CLIENT", "UNPAUSE"));
        await Promise.all(waiting);
        await note("caller get, after", caller.call("GET", "paused"));
        await note("del", caller.call("DEL", "paused"));
        caller.close();
        other.close();
        // Replies on different connections come in any order.
        return seen.sort();
      }));

    for (const mode of [[], ["ALL"], ["all"]]) {
      test(`pause of all commands until the time is over: ${mode}`, () =>
        compare(async (server) => {
          const [caller, other] = [await server.connect(), await server.connect()];
          const replies = [
            caller.call("CLIENT", "PAUSE", "20", ...mode),
            caller.call("PING"),
            other.call("SET", "paused", "1"),
            other.call("DEL", "paused"),
          ];
          const seen = await Promise.all(replies);
          caller.close();
          other.close();
          return seen;
        }));
    }

    test("a pause of all commands can be ended, unlike in Redis, which pauses UNPAUSE too", async () => {
      const { storm } = await pair();
      const [caller, other] = [await storm.connect(), await storm.connect()];
      expect(await caller.call("CLIENT", "PAUSE", "1000000")).toEqual("+OK\r\n");
      const pong = other.call("PING");
      expect(await caller.call("CLIENT", "UNPAUSE")).toEqual("+OK\r\n");
      expect(await pong).toEqual("+PONG\r\n");
      caller.close();
      other.close();
    });
  },
  // Servers of their own: the other tests' connections would be counted.
  ["--maxclients", "100"],
);

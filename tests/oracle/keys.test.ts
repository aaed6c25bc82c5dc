/** Keys and databases, compared with redis-server byte for byte. */
import { expect, test } from "bun:test";
import { type Call, describePair, oracleTest } from "../harness/oracle.ts";
import type { RunningServer } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

/** Numbers that no database has, and no numbers. */
const NO_DATABASES = [
  "-1",
  "16",
  "1000",
  "2147483647",
  "2147483648",
  "-2147483648",
  "-2147483649",
  "4294967296",
  MAX,
  MIN,
  ...NO_INTEGERS,
];

function sorted(calls: readonly string[]): Call[] {
  return calls.map((call) => ({ call, as: "sorted" }));
}

/** A list of one block is a listpack since Redis 7.2. */
const LISTPACK = { redis72: "$8\r\nlistpack\r\n" };

oracleTest("del, unlink, exists, touch, type", [
  "MSET a 1 b 2 c hello",
  "RPUSH l x y",
  ...["ZADD z 1 a 2 b", "TYPE z", "EXISTS z", "TOUCH z", "UNLINK z"],
  "EXISTS a",
  "EXISTS a b c l none",
  "EXISTS a a a none",
  "TOUCH a l none none2",
  "TOUCH a a",
  "TYPE a",
  "TYPE l",
  "TYPE none",
  "DEL a none b a",
  "UNLINK c none l c",
  "EXISTS a b c l",
  "DBSIZE",
  'SET "" empty',
  'SET "\\x00\\xff" binary',
  'EXISTS "" "\\x00\\xff" "\\x00"',
  'TYPE ""',
  'DEL ""',
  'UNLINK "\\x00\\xff"',
  "DBSIZE",
  ...["DEL", "UNLINK", "EXISTS", "TOUCH", "TYPE", "TYPE a b", "DBSIZE x", "RANDOMKEY x"],
  "RANDOMKEY",
  "SET only 1",
  "RANDOMKEY",
  "SET passing 1 PXAT 1",
  "EXISTS passing",
  "SET passing 1 PXAT 1",
  "DEL passing",
  "SET passing 1 PXAT 1",
  "TYPE passing",
  { call: ["RPUSH", "large", ...Array.from({ length: 5000 }, (_, i) => `element ${i}`)] },
  "UNLINK large",
  { call: ["RPUSH", "large", ...Array.from({ length: 5000 }, (_, i) => `element ${i}`)] },
  "DEL large",
]);

oracleTest("rename and renamenx", [
  "SET a 1",
  "RENAME a b",
  "GET b",
  "GET a",
  "RENAME a b",
  "RENAMENX a b",
  "RENAME b b",
  "RENAMENX b b",
  "SET c 3",
  "RENAMENX b c",
  "RENAME b c",
  "GET c",
  "EXISTS b",
  "RPUSH l x y z",
  "RENAME l c",
  "LRANGE c 0 -1",
  "SET s v EX 100",
  "RENAME s t",
  "TTL t",
  "SET u v",
  "RENAME u t",
  "TTL t",
  "SET w v EX 100",
  "RENAMENX w x",
  "TTL x",
  "SET x2 v EX 1000",
  "RENAME x x2",
  "TTL x2",
  'RENAME x2 ""',
  'RENAME "" "\\x00\\xff"',
  'GET "\\x00\\xff"',
  { call: ["RENAME", "\0\xff", "n".repeat(70000)] },
  { call: ["STRLEN", "n".repeat(70000)] },
  { call: ["RENAME", "n".repeat(70000), "short"] },
  "GET short",
  "SET passing 1 PXAT 1",
  "RENAME passing other",
  "SET passing 1 PXAT 1",
  "RENAMENX short passing",
  "GET passing",
  "RENAME none none",
  "RENAMENX none none",
  ...["RENAME", "RENAME a", "RENAME a b c", "RENAMENX", "RENAMENX a", "RENAMENX a b c"],
]);

oracleTest("copy", [
  "SET a hello EX 100",
  "COPY a b",
  "TTL b",
  "GET b",
  "COPY a b",
  "COPY a b REPLACE",
  "COPY none b REPLACE",
  "GET b",
  "COPY none c",
  "COPY a a",
  "COPY a a REPLACE",
  "COPY none none",
  "COPY a a DB 0",
  "COPY a a DB 1",
  "COPY a a DB 1",
  "COPY a a DB 1 REPLACE",
  "COPY a c DB 1 REPLACE DB 2",
  "COPY a d REPLACE REPLACE",
  "SELECT 1",
  "GET a",
  "TTL a",
  "EXISTS c",
  "COPY a a",
  "COPY a b DB 0",
  "SELECT 2",
  "EXISTS c",
  "SELECT 0",
  ...each("COPY a b DB %", NO_DATABASES),
  ...each("COPY none b DB %", ["99", "x"]),
  "COPY a b FOO",
  "COPY a b DB",
  "COPY a b REPLACE DB",
  "COPY a b DB 99 FOO",
  "COPY a b DB x FOO",
  "COPY a b FOO DB x",
  "COPY a",
  "COPY",
  "RPUSH l 1 2 3 x",
  "COPY l m",
  "RPUSH m more",
  "LRANGE l 0 -1",
  "LRANGE m 0 -1",
  "COPY l b REPLACE",
  "TYPE b",
  "TTL b",
  "COPY a l REPLACE",
  "TYPE l",
  "TTL l",
  "SET n 42",
  "COPY n n2",
  "INCR n2",
  "MGET n n2",
  "OBJECT ENCODING n2",
  { call: ["RPUSH", "large", ...Array.from({ length: 3000 }, (_, i) => `element ${i}`)] },
  "COPY large large2",
  "LPOP large2 2990",
  "LLEN large",
  "LRANGE large2 0 -1",
  "SET passing 1 PXAT 1",
  "COPY passing other",
  "SET passing 1 PXAT 1",
  "COPY n passing",
  "GET passing",
]);

oracleTest("move, select, swapdb", [
  "SET a 1 EX 100",
  "RPUSH l x y",
  "MOVE a 1",
  "MOVE a 1",
  "MOVE l 1",
  "EXISTS a l",
  "SELECT 1",
  "GET a",
  "TTL a",
  "LRANGE l 0 -1",
  "MOVE a 1",
  "SELECT 0",
  "SET a other",
  "MOVE a 1",
  "GET a",
  "MOVE none 1",
  "MOVE none 0",
  ...each("MOVE a %", ["0", ...NO_DATABASES]),
  ...each("MOVE none %", NO_DATABASES),
  ...["MOVE", "MOVE a", "MOVE a 1 2"],
  ...each("SELECT %", NO_DATABASES),
  ...["SELECT", "SELECT 1 2"],
  "SELECT 15",
  "DBSIZE",
  "SET fifteen 15",
  "SELECT 0",
  "SWAPDB 0 1",
  "GET a",
  "LRANGE l 0 -1",
  "TTL a",
  "SWAPDB 0 0",
  "SWAPDB 1 1",
  "SWAPDB 0 1",
  "GET a",
  { call: "SELECT 1", on: "other" },
  { call: "LLEN l", on: "other" },
  "SWAPDB 0 1",
  { call: "LLEN l", on: "other" },
  { call: "GET a", on: "other" },
  "LLEN l",
  "SWAPDB 15 3",
  { call: "SELECT 3", on: "other" },
  { call: "GET fifteen", on: "other" },
  ...each("SWAPDB % 0", NO_DATABASES),
  ...each("SWAPDB 0 %", NO_DATABASES),
  "SWAPDB x y",
  "SWAPDB 99 y",
  ...["SWAPDB", "SWAPDB 0", "SWAPDB 0 1 2"],
  "SET passing 1 PXAT 1",
  "MOVE passing 5",
  { call: "SELECT 5", on: "other" },
  { call: "SET a 1 PXAT 1", on: "other" },
  "SET a moved",
  "MOVE a 5",
  { call: "GET a", on: "other" },
]);

oracleTest("flushdb, flushall, dbsize", [
  "MSET a 1 b 2 c 3",
  "RPUSH l x",
  "EXPIRE a 100",
  "SELECT 1",
  "MSET a 1 b 2",
  "DBSIZE",
  "FLUSHDB",
  "DBSIZE",
  "SELECT 0",
  "DBSIZE",
  "GET a",
  "FLUSHDB ASYNC",
  "DBSIZE",
  "TTL a",
  "SET a 1",
  "SELECT 2",
  "SET a 1",
  "FLUSHDB sync",
  "SELECT 0",
  "GET a",
  "FLUSHALL",
  "DBSIZE",
  "SET a 1",
  "FLUSHALL ASYNC",
  "SET a 1",
  "FLUSHALL sync",
  "DBSIZE",
  ...["FLUSHDB x", "FLUSHALL x", "FLUSHDB ASYNC SYNC", "FLUSHALL SYNC SYNC", 'FLUSHALL ""'],
  ...Array.from({ length: 300 }, (_, i) => `SET key:${i} ${i} EX 1000`),
  { call: ["RPUSH", "large", ...Array.from({ length: 3000 }, (_, i) => `element ${i}`)] },
  "FLUSHALL ASYNC",
  "DBSIZE",
  "SET after 1",
  "DBSIZE",
]);

const LONG_STRING = "x".repeat(45);

oracleTest("object", [
  "SET int 12345",
  "SET shared 42",
  "SET negative -5",
  "SET 9999 9999",
  "SET 10000 10000",
  `SET max ${MAX}`,
  `SET beyond ${MAX}0`,
  "SET zeros 007",
  "SET short hello",
  'SET empty ""',
  `SET s44 ${"x".repeat(44)}`,
  `SET s45 ${LONG_STRING}`,
  "SET float 3.25",
  "RPUSH l x",
  ...[
    "int",
    "shared",
    "negative",
    "9999",
    "10000",
    "max",
    "beyond",
    "zeros",
    "short",
    "empty",
    "s44",
    "s45",
    "float",
    "none",
  ].flatMap((key) => each(`OBJECT % ${key}`, ["ENCODING", "REFCOUNT", "FREQ"])),
  { call: "OBJECT ENCODING l", as: LISTPACK },
  "OBJECT REFCOUNT l",
  { call: "OBJECT IDLETIME l", as: "shape" },
  "OBJECT IDLETIME none",
  "object encoding int",
  "SETEX setex 100 12345",
  "OBJECT ENCODING setex",
  "MSET mset 12345 mset2 abc",
  "OBJECT ENCODING mset",
  "GETSET mset 5",
  "OBJECT ENCODING mset",
  "SETNX setnx 100",
  "OBJECT ENCODING setnx",
  "INCRBYFLOAT float 1.75",
  "OBJECT ENCODING float",
  "OBJECT REFCOUNT float",
  "COPY int int2",
  "OBJECT ENCODING int2",
  "APPEND short world",
  "OBJECT ENCODING short",
  "COPY short short2",
  "OBJECT ENCODING short2",
  "RENAME short short3",
  "OBJECT ENCODING short3",
  "EXPIRE short3 100",
  "OBJECT ENCODING short3",
  "GETEX short3 PERSIST",
  "OBJECT ENCODING short3",
  "SET passing 1 PXAT 1",
  "OBJECT ENCODING passing",
  { call: "OBJECT HELP", as: "any" },
  ...[
    "OBJECT",
    "OBJECT ENCODING",
    "OBJECT ENCODING a b",
    "OBJECT REFCOUNT",
    "OBJECT IDLETIME",
    "OBJECT FREQ",
    "OBJECT FOO",
    "OBJECT FOO int",
    "OBJECT HELP x",
    'OBJECT ""',
    'OBJECT "enc\\x00"',
  ],
]);

const PATTERNS = [
  "*",
  "**",
  "***a***",
  "?",
  "??",
  "a*",
  "*a",
  "*a*b*",
  "h?llo",
  "h*llo",
  "h[ae]llo",
  "h[^e]llo",
  "h[^ae]llo",
  "h[a-e]llo",
  "h[e-a]llo",
  "h[a-ce-z]llo",
  "h[]llo",
  "h[^]llo",
  "h[a",
  "h[",
  "h[^",
  "h[a-",
  "[a-",
  "h\\?llo",
  "h\\*llo",
  "\\h*",
  "h\\",
  "\\",
  "*\\",
  "[\\]]",
  "h[\\]]llo",
  "h[\\-a]llo",
  "h[-a]llo",
  "h[a-]llo",
  "h[*]llo",
  "h[?]llo",
  "[^a]*",
  "[^h]*",
  "",
  "x*y*z*",
  "*[0-9]",
  "*[!0-9]",
  "*é*",
  "key:\\[1\\]",
  "key:[[]1]",
  "HELLO",
  "h*?",
  "*?o",
  "*ll*o*",
  "a]",
  "a\\]",
  "[]",
  "[^]",
  "[a]b]",
  "[\xe0-\xff]*",
  "\xff*",
  "*\0*",
  "a[\\\\]b",
];

const KEYS = [
  "hello",
  "hallo",
  "hxllo",
  "hllo",
  "h?llo",
  "h*llo",
  "h]llo",
  "h-llo",
  "h[a",
  "h[",
  "h",
  "a",
  "b",
  "ab",
  "aab",
  "a]",
  "a\\b",
  "\\",
  "key:[1]",
  "xyz",
  "x1y2z3",
  "9",
  "",
  "\0",
  "a\0b",
  "\xff",
  "\xe9t\xe9",
  "HELLO",
  "b]",
];

oracleTest("keys, scan: patterns", [
  ...KEYS.map((key): Call => ({ call: ["SET", key, "v"] })),
  "RPUSH list x",
  ...PATTERNS.flatMap((pattern): Call[] => [
    { call: ["KEYS", pattern], as: "sorted" },
    { call: ["SCAN", "0", "MATCH", pattern, "COUNT", "1000"], as: "sorted" },
  ]),
  ...sorted([
    "SCAN 0 COUNT 1000",
    "SCAN 0 COUNT 1000 TYPE string",
    "SCAN 0 COUNT 1000 TYPE list",
    "SCAN 0 COUNT 1000 TYPE LIST MATCH *",
    "SCAN 0 COUNT 1000 TYPE set",
    "SCAN 0 COUNT 1000 TYPE nothing",
    'SCAN 0 COUNT 1000 TYPE ""',
    "SCAN 0 COUNT 1000 TYPE list MATCH a*",
    "SCAN 0 TYPE list TYPE string COUNT 1 COUNT 1000",
    `SCAN 0 COUNT ${MAX}`,
    'SCAN "" COUNT 1000',
    'SCAN "0\\x00" COUNT 1000',
    "SCAN 00 COUNT 1000",
    "SCAN +0 COUNT 1000",
    "SCAN -0 COUNT 1000",
  ]),
  ...[
    "SCAN abc",
    'SCAN " 0"',
    'SCAN "0 "',
    "SCAN 0x10",
    "SCAN 1.5",
    "SCAN --1",
    "SCAN -",
    "SCAN +",
  ],
  "SCAN 18446744073709551616",
  "SCAN 99999999999999999999999",
  "SCAN -18446744073709551616",
  { call: ["SCAN", "1".repeat(1_000_000)] },
  { call: ["SCAN", "0".repeat(1_000_000)], as: "error" },
  ...each("SCAN 0 COUNT %", ["0", "-1", MIN, ...NO_INTEGERS]),
  "SCAN 0 COUNT",
  "SCAN 0 MATCH",
  "SCAN 0 TYPE",
  "SCAN 0 FOO",
  "SCAN 0 FOO bar",
  "SCAN 0 MATCH * COUNT",
  "SCAN 0 COUNT x FOO",
  "SCAN abc FOO bar",
  "SCAN",
  "KEYS",
  "KEYS a b",
  ...["1", "-1", "18446744073709551615", MAX, "4294967296"].map(
    (cursor): Call => ({ call: `SCAN ${cursor}`, as: "error" }),
  ),
]);

/** Every key that a whole iteration returns, and how many calls it took. */
async function scanAll(client: RawClient, ...options: string[]): Promise<string[]> {
  const found = new Set<string>();
  let cursor = "0";
  do {
    const reply = await client.call("SCAN", cursor, ...options);
    const [next, ...keys] = [...reply.matchAll(/\$\d+\r\n([^\r]*)\r\n/g)].map((match) => match[1]!);
    for (const key of keys) found.add(key);
    cursor = next!;
  } while (cursor !== "0");
  return [...found].sort();
}

const SCAN_OPTIONS = [
  [],
  ["COUNT", "1"],
  ["COUNT", "7"],
  ["COUNT", "100000"],
  ["MATCH", "*7*"],
  ["MATCH", "list:*", "COUNT", "33"],
  ["TYPE", "list"],
  ["TYPE", "string", "MATCH", "*0", "COUNT", "3"],
  ["TYPE", "hash"],
];

describePair("scan: whole iterations", (pair) => {
  for (const size of [0, 1, 5, 100, 3000]) {
    test(`${size} keys`, async () => {
      const { redis, storm } = await pair();
      const fill = async (server: RunningServer) => {
        const client = await server.connect();
        const calls = [client.call("FLUSHALL")];
        for (let i = 0; i < size; i++) {
          calls.push(
            i % 4 === 0
              ? client.call("RPUSH", `list:${i}`, "x")
              : client.call("SET", `s:${i}`, "v"),
          );
        }
        await Promise.all(calls);
        return client;
      };
      const clients = await Promise.all([redis, storm].map(fill));
      for (const options of SCAN_OPTIONS) {
        const [expected, got] = await Promise.all(clients.map((c) => scanAll(c, ...options)));
        expect([options, got]).toEqual([options, expected]);
      }
      for (const client of clients) client.close();
    });
  }

  test("keys that stay are returned while the database grows and shrinks", async () => {
    const { storm } = await pair();
    const client = await storm.connect();
    await client.call("FLUSHALL");
    const staying = Array.from({ length: 500 }, (_, i) => `stay:${i}`);
    await Promise.all(staying.map((key) => client.call("SET", key, "v")));
    for (const growing of [true, false]) {
      const found = new Set<string>();
      let cursor = "0";
      let step = 0;
      do {
        const reply = await client.call("SCAN", cursor, "MATCH", "stay:*", "COUNT", "5");
        const [next, ...keys] = [...reply.matchAll(/\$\d+\r\n(.*)\r\n/g)].map((match) => match[1]!);
        for (const key of keys) found.add(key);
        cursor = next!;
        const passing = Array.from({ length: 10 }, (_, i) => `pass:${step * 10 + i}`);
        const pairs = passing.flatMap((key) => [key, "v"]);
        // Cursors of one size are given back at another.
        if (growing) await client.call("MSET", ...pairs);
        else await client.call("DEL", ...passing);
        step++;
      } while (cursor !== "0");
      expect([growing, [...found].sort()]).toEqual([growing, staying.toSorted()]);
    }
    client.close();
  });
});

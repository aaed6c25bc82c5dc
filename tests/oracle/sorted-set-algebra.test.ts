/** ZUNION, ZINTER, ZDIFF and their relatives, compared with redis-server byte for byte, with sources in both forms. */
import { describe, expect, test } from "bun:test";
import { type Call, oracleTest } from "../harness/oracle.ts";
import { startStormdb } from "../harness/processes.ts";
import { each, MAX, NO_INTEGERS } from "./values.ts";

const LARGE = ["--zset-max-listpack-entries", "0"];

function inBothForms(name: string, calls: readonly Call[]): void {
  oracleTest(`${name}, small`, calls);
  oracleTest(`${name}, large`, calls, LARGE);
}

const SOURCES = [
  "ZADD a 1 x 2 y 3 z 4 12",
  "ZADD b 10 y 20 z 30 w 40 12",
  "ZADD c 100 z -100 12 5 only",
  "ZADD inf inf x -inf y 0 z",
];

const OPERATIONS = ["UNION", "INTER", "DIFF"];

inBothForms("what is returned", [
  ...SOURCES,
  ...OPERATIONS.flatMap((operation) =>
    [
      "1 a",
      "2 a b",
      "3 a b c",
      "3 c b a",
      "2 a none",
      "2 none a",
      "1 none",
      "2 a a",
      "2 a inf",
    ].flatMap((keys) => [`Z${operation} ${keys}`, `Z${operation} ${keys} WITHSCORES`]),
  ),
  ...["UNION", "INTER"].flatMap((operation) =>
    [
      "WEIGHTS 2 3",
      "WEIGHTS -1 0.5",
      "WEIGHTS inf -inf",
      "WEIGHTS 0 0",
      "AGGREGATE MIN",
      "AGGREGATE max WEIGHTS 10 1",
      "WEIGHTS 1 1 AGGREGATE SUM AGGREGATE MIN",
    ].flatMap((options) => [
      `Z${operation} 2 a b ${options} WITHSCORES`,
      `Z${operation} 2 a inf WITHSCORES ${options}`,
    ]),
  ),
  ...["ZINTERCARD 1 a", "ZINTERCARD 2 a b", "ZINTERCARD 3 a b c", "ZINTERCARD 2 a none"],
  ...["0", "1", "2", "3", "100", MAX].map((limit) => `ZINTERCARD 2 a b LIMIT ${limit}`),
  ...each("ZINTERCARD 2 a b LIMIT %", ["-1", "x", ...NO_INTEGERS]),
]);

inBothForms("zeros with a sign", [
  "ZADD a -1 x 0 y 1 z",
  "ZUNION 1 a WEIGHTS 0 WITHSCORES",
  "ZINTER 2 a a WEIGHTS 0 0 AGGREGATE MIN WITHSCORES",
  "ZUNIONSTORE d 1 a WEIGHTS 0",
  "ZRANGE d 0 -1 WITHSCORES",
]);

inBothForms("what is stored", [
  ...SOURCES,
  ...OPERATIONS.flatMap((operation) =>
    ["1 a", "2 a b", "3 a b c", "2 d b", "2 a none", "1 none", "1 none", "2 b a"].flatMap(
      (keys) => [`Z${operation}STORE d ${keys}`, "ZRANGE d 0 -1 WITHSCORES", "OBJECT ENCODING d"],
    ),
  ),
  "ZUNIONSTORE a 2 a b WEIGHTS 1 2 AGGREGATE MAX",
  "ZRANGE a 0 -1 WITHSCORES",
  "SET d v EX 1000",
  "ZUNIONSTORE d 1 b",
  "TTL d",
  "EXPIRE d 1000",
  "ZINTERSTORE d 1 b",
  "TTL d",
  "SET d v",
  "ZINTERSTORE d 2 a none",
  "EXISTS d",
]);

inBothForms("plain sets as sources", [
  ...SOURCES,
  "SADD plain x y 12 extra",
  "SADD numbers 1 2 12 100000",
  ...OPERATIONS.flatMap((operation) =>
    [
      "1 plain",
      "2 a plain",
      "2 plain a",
      "2 plain numbers",
      "3 a plain numbers",
      "2 plain plain",
    ].flatMap((keys) => [
      `Z${operation} ${keys} WITHSCORES`,
      `Z${operation}STORE d ${keys}`,
      "ZRANGE d 0 -1 WITHSCORES",
    ]),
  ),
  "ZUNION 2 a plain WEIGHTS 2 10 AGGREGATE MAX WITHSCORES",
  "ZINTERCARD 2 plain a",
  "ZINTERCARD 2 numbers plain",
  "ZUNIONSTORE plain 2 plain a",
  "TYPE plain",
]);

inBothForms("what is wrong", [
  ...SOURCES,
  "SET s v",
  ...OPERATIONS.flatMap((operation) => [
    ...each(`Z${operation} % a`, ["0", "-1", "2", MAX, ...NO_INTEGERS]),
    `Z${operation} 1`,
    `Z${operation} 2 a s`,
    `Z${operation} 2 none s`,
    `Z${operation} 2 a b c`,
    `Z${operation} 2 a b WITHSCORES c`,
    `Z${operation} 2 a b WEIGHTS 1`,
    `Z${operation} 2 a b WEIGHTS 1 x`,
    `Z${operation} 2 a b WEIGHTS 1 nan`,
    `Z${operation} 2 a b WEIGHTS 1 2 3`,
    `Z${operation} 2 a b AGGREGATE`,
    `Z${operation} 2 a b AGGREGATE AVERAGE`,
    `Z${operation} 2 a b LIMIT 1`,
    ...each(`Z${operation}STORE d % a`, ["0", "-1", "2"]),
    `Z${operation}STORE d 2 a s`,
    `Z${operation}STORE d 2 a b WITHSCORES`,
    `Z${operation}STORE d 1`,
    `Z${operation}STORE s 1 none`,
    "SET s v",
  ]),
  "ZINTERCARD 0 a",
  "ZINTERCARD x a",
  "ZINTERCARD 2 a",
  "ZINTERCARD 2 a s",
  "ZINTERCARD 2 a b WEIGHTS 1 2",
  "ZINTERCARD 2 a b AGGREGATE SUM",
  "ZINTERCARD 2 a b WITHSCORES",
  "ZINTERCARD 2 a b LIMIT",
  "ZINTERCARD 2 a b LIMIT 1 LIMIT 2",
]);

/** So many that results have to be sorted, often by members. */
const MANY = Array.from({ length: 3000 }, (_, i) => [
  String(((i * 7919) % 50) / 4 - 5),
  `member ${(i * 31) % 5000}`,
]).flat();

oracleTest("large results", [
  { call: ["ZADD", "a", ...MANY] },
  { call: ["ZADD", "b", ...MANY.slice(1500, 4500)] },
  "ZADD small 1 x",
  "ZUNIONSTORE d 2 a b",
  "ZRANGE d 0 -1 WITHSCORES",
  "ZINTERSTORE d 2 a b WEIGHTS 1 -2",
  "ZRANGE d 0 -1 WITHSCORES",
  "ZDIFFSTORE d 2 a b",
  "ZRANGE d 0 -1 WITHSCORES",
  "OBJECT ENCODING d",
  "ZDIFF 2 a b",
  "ZDIFFSTORE d 2 a a",
  "ZINTERSTORE d 2 a small",
  "ZUNION 3 a b small AGGREGATE MIN",
]);

describe("AGGREGATE COUNT", () => {
  // Redis has it since 8.8: each source that has the member adds its weight, whatever the score
  // (redis/redis pull request 14892; zunionstore.md of redis/docs).
  for (const directives of [[], LARGE]) {
    test(directives.join(" "), async () => {
      await using storm = await startStormdb(...directives);
      const client = await storm.connect();
      await client.call("ZADD", "s1", "1", "foo", "1", "bar");
      await client.call("ZADD", "s2", "2", "foo", "2", "bar");
      await client.call("ZADD", "s3", "3", "foo");
      const call = (text: string) => client.call(...text.split(" "));
      const pairs = (...words: readonly string[]) =>
        `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join("")}`;
      expect(await call("ZUNION 3 s1 s2 s3 AGGREGATE COUNT WITHSCORES")).toEqual(
        pairs("bar", "2", "foo", "3"),
      );
      expect(await call("ZINTER 3 s1 s2 s3 WEIGHTS 1 10 100 AGGREGATE count WITHSCORES")).toEqual(
        pairs("foo", "111"),
      );
      expect(await call("ZUNION 2 s1 s3 WEIGHTS inf -inf AGGREGATE COUNT WITHSCORES")).toEqual(
        pairs("foo", "0", "bar", "inf"),
      );
      expect(await call("ZUNIONSTORE d 3 s1 s2 s3 WEIGHTS 2 3 4 AGGREGATE COUNT")).toEqual(
        ":2\r\n",
      );
      expect(await call("ZRANGE d 0 -1 WITHSCORES")).toEqual(pairs("bar", "5", "foo", "9"));
    });
  }
});

/** Commands that pop from several sorted sets and may wait for one, compared with redis-server. */
import { type Call, oracleTest, type Step, type Waits } from "../harness/oracle.ts";
import { each, MAX, NO_INTEGERS } from "./values.ts";

const on = (name: string, call: string): Step => ({ on: name, call });
const waits = (name: string, call: string): Waits => ({ on: name, waits: call });

const LARGE = ["--zset-max-listpack-entries", "0"];

function inBothForms(name: string, calls: readonly Call[]): void {
  oracleTest(`${name}, small`, calls);
  oracleTest(`${name}, large`, calls, LARGE);
}

/** One of each, all of which wait for the key z. */
const EACH = [
  "BZPOPMIN z 0",
  "BZPOPMAX z 0",
  "BZPOPMIN none z 0",
  "BZPOPMAX none z other 0",
  "BZMPOP 0 1 z MIN",
  "BZMPOP 0 2 none z MAX COUNT 2",
  "bzmpop 0 1 z min count 100",
];

inBothForms("ZMPOP", [
  "ZADD z 1 a 2 b 3 c 4 d",
  "ZADD y 1 q",
  "ZMPOP 1 z MIN",
  "ZMPOP 1 z MAX",
  "ZMPOP 3 none y z MIN COUNT 5",
  "ZMPOP 3 none y z MAX COUNT 1",
  "ZMPOP 2 none z min count 10",
  "ZMPOP 1 z MIN",
  "ZMPOP 2 none z MAX",
  "EXISTS z y",
  "ZADD z 1 a",
  ...each("ZMPOP % z MIN", ["0", "-1", "2", MAX, ...NO_INTEGERS]),
  ...each("ZMPOP 1 z MIN COUNT %", ["0", "-1", ...NO_INTEGERS]),
  "ZMPOP 1 z",
  "ZMPOP 1 z LEFT",
  "ZMPOP 1 z MIN COUNT",
  "ZMPOP 1 z MIN COUNT 1 COUNT 2",
  "ZMPOP 1 z MIN 1",
  "ZCARD z",
  "SET s v",
  "ZMPOP 2 none s MIN",
  "ZMPOP 2 z s MIN",
]);

inBothForms("nothing to wait for", [
  ...EACH.flatMap((call) => ["ZADD z 1 a 2 b 3 c", call, "ZRANGE z 0 -1 WITHSCORES", "DEL z"]),
  "BZPOPMIN none z 0.001",
  "BZMPOP 0.001 1 z MIN",
  "SET s v",
  "BZPOPMIN s 0",
  "BZPOPMIN none s 0",
  "BZMPOP 0 2 none s MIN",
  "BZPOPMIN z x",
  "BZPOPMIN z -1",
  "BZPOPMIN z",
  "BZMPOP x 1 z MIN",
  "BZMPOP -1 1 z MIN",
  "BZMPOP 0 0 z MIN",
  "BZMPOP 0 1 z LEFT",
  "BZMPOP 0 1 z MIN COUNT 0",
  ...["MULTI", "BZPOPMIN none 0", "BZMPOP 0 1 none MIN", "ZADD z 1 a", "BZPOPMAX z 0", "EXEC"],
]);

inBothForms(
  "each waits for a member",
  EACH.flatMap((call): Call[] => [
    waits("a", call),
    "ZADD z 1 a 2 b 3 c",
    { read: "a" },
    "ZRANGE z 0 -1 WITHSCORES",
    "DEL z",
  ]),
);

inBothForms("first come, first served", [
  waits("a", "BZPOPMIN z 0"),
  waits("b", "BZPOPMAX z 0"),
  waits("c", "BZMPOP 0 2 y z MIN COUNT 2"),
  "ZADD z 1 a 2 b 3 c 4 d 5 e",
  { read: "a" },
  { read: "b" },
  { read: "c" },
  "ZRANGE z 0 -1 WITHSCORES",
]);

inBothForms("whatever makes the key", [
  ...[
    "ZADD z 1 a",
    "ZINCRBY z 5 a",
    "ZUNIONSTORE z 1 source",
    "ZINTERSTORE z 1 source",
    "ZDIFFSTORE z 1 source",
    "ZRANGESTORE z source 0 -1",
    "COPY source z",
    "RENAME source z",
  ].flatMap((call): Call[] => [
    "ZADD source 2 x 3 y",
    waits("a", "BZPOPMIN z 0"),
    call,
    { read: "a" },
    "DEL z",
  ]),
  "ZADD source 2 x",
  "SELECT 1",
  "ZADD z 7 of-db-1",
  "SELECT 0",
  waits("a", "BZPOPMIN z 0"),
  "SWAPDB 0 1",
  { read: "a" },
  "SELECT 1",
  waits("a", "BZPOPMIN other 0"),
  "SELECT 0",
  "ZADD other 1 a",
  "MOVE other 1",
  on("a", "PING"),
]);

inBothForms("clients that wait for other types", [
  waits("list", "BLPOP k 0"),
  waits("zset", "BZPOPMIN k 0"),
  waits("list2", "BLPOP other k 0"),
  "SET k v",
  "DEL k",
  "ZADD k 1 a",
  { read: "zset" },
  "EXISTS k",
  "RPUSH k x y",
  { read: "list" },
  { read: "list2" },
  waits("zset", "BZPOPMIN k 0"),
  waits("list", "BLPOP k 0"),
  ...["MULTI", "RPUSH k x", "DEL k", "ZADD k 1 a 2 b", "EXEC"],
  { read: "zset" },
  "ZPOPMIN k",
  "RPUSH k z",
  { read: "list" },
]);

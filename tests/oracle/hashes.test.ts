/** Hashes, compared with redis-server byte for byte. */
import { type Call, oracleTest } from "../harness/oracle.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

/** Values at each border of the encodings: integers by size, strings by length. */
const BORDERS: readonly string[] = [
  ...[0, 1, 127, 128, 4095, 4096, 32767, 32768, 8388607, 8388608, 2147483647, 2147483648].flatMap(
    (n) => [String(n), String(-n), String(-n - 1)],
  ),
  MAX,
  MIN,
  "9223372036854775808",
  "007",
  "-0",
  "1.5",
  "",
  "\0",
  "\xff\xfe\0\r\n",
  ...[1, 62, 63, 64].map((n) => "s".repeat(n)),
];
const LONG = [65, 4095, 4096, 20000].map((n) => "l".repeat(n));

const READS = ["HGETALL %", "HKEYS %", "HVALS %", "HLEN %", "OBJECT ENCODING %", "TYPE %"];

/** All that can be read of a key; a table has an order of its own. */
function readsOf(key: string, as: "same" | "sorted" = "same"): Call[] {
  return READS.map((call): Call => ({ call: call.replace("%", key), as }));
}

/** A call of HSET with `count` fields. */
function setMany(key: string, count: number): Call {
  const pairs = Array.from({ length: count }, (_, i) => [`field:${i}`, `value:${i}`]);
  return { call: ["HSET", key, ...pairs.flat()] };
}

const ONE_FIELD = [
  "HGET % f",
  "HMGET % f g",
  "HEXISTS % f",
  "HSTRLEN % f",
  "HDEL % f g",
  "HSETNX % f 1",
  "HSET % f 1",
  "HMSET % f 1",
  "HINCRBY % f 1",
  "HINCRBYFLOAT % f 1",
];

oracleTest("fields", [
  "HSET h a 1",
  "HSET h a 2 b 3 a 4",
  "HSET h b 3",
  ...readsOf("h"),
  "HGET h a",
  "HGET h none",
  "HMGET h a none b a",
  "HEXISTS h a",
  "HEXISTS h none",
  "HSTRLEN h a",
  "HSTRLEN h none",
  "HSETNX h a 9",
  "HSETNX h c 9",
  "HSETNX new f v",
  "HMSET h d 4 e five",
  "HMSET h d 5",
  ...readsOf("h"),
  "HDEL h none",
  "HDEL h a none b a",
  "HDEL h c d e",
  "EXISTS h",
  "HDEL h c",
  ...readsOf("none"),
  ...ONE_FIELD.flatMap((call) => [call.replace("%", "fresh"), "HGETALL fresh"]),
  'HSET "" "" ""',
  'HGETALL ""',
  'HGET "" ""',
  'HSTRLEN "" ""',
  'HSET "\\x00\\xff" "\\x00" "\\xff" "\\r\\n" ""',
  'HGETALL "\\x00\\xff"',
  "EXPIRE new 100",
  "HSET new g w",
  "TTL new",
]);

oracleTest("wrong calls of hash commands", [
  "SET s v",
  "RPUSH l a",
  "HSET l f v",
  "HGETALL l",
  "HSET h f v",
  ...[...ONE_FIELD, ...READS].flatMap((call) => [
    call.replace("%", "s"),
    ...call.split(" ").map((_, i) =>
      call
        .split(" ")
        .slice(0, i + 1)
        .join(" ")
        .replace("%", "h"),
    ),
    `${call.replace("%", "h")} one-more`,
    `${call.replace("%", "h")} one-more two-more`,
  ]),
  "HSET h a 1 b",
  "HMSET h a 1 b",
  "HSET s a 1 b",
  "HGETALL h",
  ...each("HINCRBY h n %", NO_INTEGERS),
  ...each("HINCRBY s n %", NO_INTEGERS),
  ...each("HINCRBYFLOAT s n %", ["abc", "nan", "inf", '""']),
  "HGETALL h",
]);

oracleTest("values of every encoding", [
  ...BORDERS.flatMap((text): Call[] => [
    { call: ["HSET", "values", "f", text] },
    "HGET values f",
    "HSTRLEN values f",
    { call: ["HSET", "fields", text, "v"] },
    { call: ["HGET", "fields", text] },
    { call: ["HEXISTS", "fields", text] },
    { call: ["HSET", "both", text, text] },
    { call: ["HSET", `own:${text}`, text, text, "other", text] },
    { call: ["HGETALL", `own:${text}`] },
    { call: ["OBJECT", "ENCODING", `own:${text}`] },
  ]),
  ...readsOf("fields"),
  ...readsOf("both"),
  ...BORDERS.flatMap((text): Call[] => [
    { call: ["HDEL", "both", text] },
    { call: ["HGET", "both", text] },
    { call: ["HSETNX", "both", text, "again"] },
  ]),
  ...readsOf("both"),
]);

oracleTest("small hashes become tables", [
  ...LONG.flatMap((text, i): Call[] => [
    { call: ["HSET", `v${i}`, "1", "2", "f", text] },
    ...readsOf(`v${i}`, "sorted"),
    { call: ["HSET", `f${i}`, "1", "2", text, "v"] },
    ...readsOf(`f${i}`, "sorted"),
    { call: ["HGET", `f${i}`, text] },
    `HSTRLEN v${i} f`,
    { call: ["HINCRBY", `n${i}`, text, "5"] },
    `OBJECT ENCODING n${i}`,
    `HSET v${i} f short`,
    `HGET v${i} f`,
    `OBJECT ENCODING v${i}`,
    { call: ["HSETNX", `x${i}`, "f", text] },
    `OBJECT ENCODING x${i}`,
    { call: ["HSET", `y${i}`, "f", "v"] },
    { call: ["HSET", `y${i}`, "f", text] },
    `OBJECT ENCODING y${i}`,
  ]),
  setMany("h", 512),
  "OBJECT ENCODING h",
  "HSET h field:0 again",
  "OBJECT ENCODING h",
  "HSET h one-more v",
  ...readsOf("h", "sorted"),
  "HDEL h one-more",
  "OBJECT ENCODING h",
  "HMGET h field:0 field:1 none field:511 one-more",
  "HSET h field:7 x field:8 y field:7 z new v",
  "HMGET h field:7 field:8 new",
  "HINCRBY h count 5",
  "HINCRBY h count -7",
  "HINCRBY h field:1 1",
  "HINCRBYFLOAT h float 1.5",
  "HINCRBYFLOAT h float 1.5",
  "HSETNX h count 9",
  "HSETNX h count2 9",
  "HSTRLEN h count",
  ...readsOf("h", "sorted"),
  ...Array.from({ length: 512 }, (_, i) => `HDEL h field:${i}`),
  ...readsOf("h", "sorted"),
  "HDEL h count count2 new float",
  "EXISTS h",
  "CONFIG SET hash-max-listpack-entries 3",
  "CONFIG GET hash-max-ziplist-entries",
  "HSET t 1 1 2 2 3 3",
  "OBJECT ENCODING t",
  "HSET t 4 4",
  "OBJECT ENCODING t",
  "HSET u a 1 b 2 c 3",
  "HINCRBY u d 4",
  "OBJECT ENCODING u",
  "CONFIG SET hash-max-listpack-entries 0",
  "HSET w a 1",
  "OBJECT ENCODING w",
  "CONFIG SET hash-max-ziplist-entries 512",
  "CONFIG SET hash-max-listpack-value 3",
  "CONFIG GET hash-max-ziplist-value",
  "HSET y abc def",
  "OBJECT ENCODING y",
  "HSET y abc defg",
  "OBJECT ENCODING y",
  "HSET z a 1",
  "HINCRBY z a 9999",
  "OBJECT ENCODING z",
  "HGETALL z",
  "CONFIG SET hash-max-listpack-value 64",
]);

const NUMBERS = ["0", "1", "-1", "5", MAX, MIN, "4611686018427387904", "9007199254740993"];

oracleTest("counting", [
  ...NUMBERS.flatMap((value) =>
    NUMBERS.flatMap((by) => [
      `HSET n f ${value}`,
      `HINCRBY n f ${by}`,
      "HGET n f",
      `HINCRBYFLOAT n f ${by}`,
      "HGET n f",
    ]),
  ),
  ...["abc", '""', '" 1"', "1.0", "1e3", "01", "+1", "inf", "nan", "0x10", '"1\\x00"'].flatMap(
    (value) => [
      `HSET n f ${value}`,
      "HINCRBY n f 1",
      `HSET n f ${value}`,
      "HINCRBYFLOAT n f 1",
      "HGET n f",
      `HINCRBYFLOAT n g ${value}`,
      "HGET n g",
    ],
  ),
  "HINCRBYFLOAT n x 0.1",
  "HINCRBYFLOAT n x 0.2",
  "HINCRBYFLOAT n x -0.3",
  "HINCRBYFLOAT n x 5.0e3",
  "HINCRBYFLOAT n x 1e300",
  "HINCRBYFLOAT n x 1e4932",
  "HINCRBYFLOAT n x 1e4932",
  "HINCRBYFLOAT fresh x nan",
  "EXISTS fresh",
]);

oracleTest("whole keys", [
  setMany("small", 10),
  setMany("large", 600),
  "COPY small small2",
  "COPY large large2",
  "HSET small2 field:1 other",
  "HSET large2 field:1 other",
  ...["small", "small2", "large", "large2"].flatMap((key): Call[] => [
    ...readsOf(key, "sorted"),
    `DEBUG DIGEST-VALUE ${key}`,
    `OBJECT REFCOUNT ${key}`,
    `RENAME ${key} ${key}-renamed`,
    `MOVE ${key}-renamed 1`,
    "SELECT 1",
    ...readsOf(`${key}-renamed`, "sorted"),
    `EXPIRE ${key}-renamed 1000`,
    `HSET ${key}-renamed more 1`,
    `PERSIST ${key}-renamed`,
    "SELECT 0",
  ]),
  "SWAPDB 0 1",
  ...["small", "small2", "large", "large2"].flatMap((key) => readsOf(`${key}-renamed`, "sorted")),
  "SET large-renamed string",
  "DEL small-renamed",
  "HSET small-renamed a 1",
  "RENAME small-renamed large2-renamed",
  "HGETALL large2-renamed",
  setMany("rest", 600),
  "UNLINK rest",
  "FLUSHDB",
]);

const SCANS = [
  "HSCAN % 0",
  "HSCAN % 0 COUNT 1000",
  "HSCAN % 0 MATCH field:1*",
  "HSCAN % 0 MATCH field:1* COUNT 1000",
  "HSCAN % 0 COUNT 1000 MATCH none",
  "HSCAN % 0 COUNT 1000 MATCH *",
];

oracleTest("scans", [
  setMany("small", 20),
  'HSET odd 1 2 "" "" 12 12 x y',
  'HSCAN odd 0 MATCH ""',
  "HSCAN odd 0 MATCH 1*",
  ...SCANS.flatMap((call) => [
    call.replace("%", "small"),
    call.replace("%", "odd"),
    call.replace("%", "none"),
    call.replace("%", "s"),
  ]),
  setMany("large", 700),
  ...SCANS.filter((call) => call.includes("1000")).map(
    (call): Call => ({ call: call.replace("%", "large"), as: "sorted" }),
  ),
  { call: "HSCAN large 0", as: "any" },
  "HSCAN small 5",
  "HSCAN small 5x",
  "HSCAN none 5x",
  "HSCAN small abc",
  "HSCAN small -1",
  "HSCAN small 99999999999999999999",
  "HSCAN small 0 COUNT",
  "HSCAN small 0 COUNT 0",
  "HSCAN small 0 COUNT x",
  "HSCAN small 0 MATCH",
  "HSCAN small 0 TYPE hash",
  "HSCAN none 0 COUNT 0",
  "HSCAN none 0 no-option",
  "SET s v",
  "HSCAN s 0",
  "HSCAN s x",
  "HSCAN",
  "HSCAN small",
  // NOVALUES came with Redis 7.4: https://redis.io/docs/latest/commands/hscan/
  {
    call: "HSCAN odd 0 NOVALUES",
    as: {
      differs: "*2\r\n$1\r\n0\r\n*4\r\n$1\r\n1\r\n$0\r\n\r\n$2\r\n12\r\n$1\r\nx\r\n",
      because: "of 7.4",
    },
  },
  {
    call: "HSCAN odd 0 NOVALUES MATCH 1* COUNT 3",
    as: { differs: "*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$2\r\n12\r\n", because: "of 7.4" },
  },
]);

/** Bulk strings in order, whatever frames they are in. */
const bulks = (reply: string) => (reply.match(/\$.*\r\n.*\r\n/g) ?? []).sort().join("");

oracleTest("fields at random", [
  "HSET one f v",
  setMany("small", 20),
  setMany("large", 700),
  ...["one", "none"].flatMap((key) => [
    `HRANDFIELD ${key}`,
    `HRANDFIELD ${key} 0`,
    `HRANDFIELD ${key} 1`,
    `HRANDFIELD ${key} 5`,
    `HRANDFIELD ${key} -3`,
    `HRANDFIELD ${key} 5 WITHVALUES`,
    `HRANDFIELD ${key} -3 WITHVALUES`,
    `HRANDFIELD ${key} 0 WITHVALUES`,
  ]),
  ...["small", "large"].flatMap((key): Call[] => [
    ...["1000", "1000 WITHVALUES"].map(
      (rest): Call => ({ call: `HRANDFIELD ${key} ${rest}`, as: bulks }),
    ),
    ...["", "5", "19", "100", "-5", "-100", "5 WITHVALUES", "-5 withvalues", "19 WITHVALUES"].map(
      (rest): Call => ({ call: `HRANDFIELD ${key} ${rest}`, as: { only: /^[*~%]\d+|^[*]2/gm } }),
    ),
  ]),
  "SET s v",
  "HRANDFIELD s",
  "HRANDFIELD s 1",
  "HRANDFIELD s x",
  "HRANDFIELD one 1 no-option",
  "HRANDFIELD one 1 WITHVALUES more",
  "HRANDFIELD one x WITHVALUES",
  "HRANDFIELD",
  `HRANDFIELD none ${MAX}`,
  `HRANDFIELD none ${MAX} WITHVALUES`,
  `HRANDFIELD none ${MIN}`,
  `HRANDFIELD one ${MIN}`,
  `HRANDFIELD one ${MAX}`,
  "HRANDFIELD one 4611686018427387903 WITHVALUES",
  "HRANDFIELD one 4611686018427387904 WITHVALUES",
  "HRANDFIELD none -4611686018427387904 WITHVALUES",
  "HRANDFIELD none -4611686018427387905 WITHVALUES",
  ...each("HRANDFIELD one %", NO_INTEGERS),
]);

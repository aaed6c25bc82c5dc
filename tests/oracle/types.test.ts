/** What commands on keys of any type tell of each type, in every encoding, compared with redis-server. */
import { type Call, oracleTest } from "../harness/oracle.ts";
import { each } from "./values.ts";

const many = (count: number, make: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i)).join(" ");

const LONG = "x".repeat(65);

/** Adds a value of each type in each encoding, under the name of both. */
const VALUES: readonly (readonly [key: string, add: string])[] = [
  ["string:int", "SET string:int 12345"],
  ["string:embstr", "SET string:embstr text"],
  ["string:raw", `SET string:raw ${LONG}`],
  ["string:bits", "SETBIT string:bits 1000 1"],
  ["string:hll", "PFADD string:hll a b c"],
  ["list:short", "RPUSH list:short a b 1"],
  ["list:long", `RPUSH list:long ${many(3000, (i) => `element:${i}`)}`],
  ["set:ints", "SADD set:ints 3 1 2 -9223372036854775808"],
  ["set:words", "SADD set:words a b 1"],
  ["set:many", `SADD set:many ${many(600, (i) => `${i}`)}`],
  ["set:long", `SADD set:long ${LONG}`],
  ["hash:few", "HSET hash:few f v g 1"],
  ["hash:many", `HSET hash:many ${many(600, (i) => `field:${i} ${i}`)}`],
  ["hash:long", `HSET hash:long f ${LONG}`],
  ["zset:few", "ZADD zset:few 1 a 2.5 b -inf c"],
  ["zset:many", `ZADD zset:many ${many(300, (i) => `${i} member:${i}`)}`],
  ["zset:long", `ZADD zset:long 1 ${LONG}`],
  ["zset:geo", "GEOADD zset:geo 13.361389 38.115556 Palermo"],
];
const KEYS = VALUES.map(([key]) => key);
const ADD = VALUES.map(([, add]) => add);
const TYPES = ["string", "list", "set", "hash", "zset"];

/** Encodings that Redis has had since 7.2 for short lists and for small sets of words. */
const ENCODINGS_72: Readonly<Record<string, string>> = {
  "list:short": "listpack",
  "set:words": "listpack",
};

function encodingOf(key: string): Call {
  const call = `OBJECT ENCODING ${key}`;
  const encoding = ENCODINGS_72[key];
  if (encoding === undefined) return call;
  return { call, as: { redis72: `$${encoding.length}\r\n${encoding}\r\n` } };
}

oracleTest("names of types and encodings", [
  ...ADD,
  ...each("TYPE %", KEYS),
  ...KEYS.map(encodingOf),
  ...each("OBJECT REFCOUNT %", KEYS),
  ...each("OBJECT FREQ %", KEYS),
  ...KEYS.map((key): Call => ({ call: `OBJECT IDLETIME ${key}`, as: "shape" })),
  ...KEYS.map((key): Call => ({ call: `MEMORY USAGE ${key}`, as: sizeShape })),
  ...["0", "1", "5", "100000"].flatMap((samples) =>
    KEYS.map((key): Call => ({ call: `MEMORY USAGE ${key} SAMPLES ${samples}`, as: sizeShape })),
  ),
  "MEMORY USAGE zset:many SAMPLES -1",
  "MEMORY USAGE zset:many SAMPLES x",
  "MEMORY USAGE none SAMPLES 5",
  ...KEYS.filter((key) => !(key in ENCODINGS_72)).map(
    (key): Call => ({ call: `DEBUG OBJECT ${key}`, as: { only: /refcount:1 encoding:\w+/g } }),
  ),
  `DEBUG DIGEST-VALUE ${KEYS.join(" ")} none`,
]);

/** Sizes differ, but are there. */
function sizeShape(reply: string): string {
  return reply.replace(/^:[1-9]\d*/, ":size");
}

oracleTest("SCAN by type", [
  ...ADD,
  ...[...TYPES, "ZSET", "Hash", "stream", "none"].map(
    (type): Call => ({ call: `SCAN 0 COUNT 1000 TYPE ${type}`, as: "sorted" }),
  ),
  { call: "SCAN 0 COUNT 1000 TYPE set MATCH *:l*", as: "sorted" },
  { call: "KEYS *:many", as: "sorted" },
  "DBSIZE",
]);

oracleTest("values of all types are copied, renamed, moved, dumped and restored", [
  ...ADD,
  ...KEYS.flatMap((key) => [
    `COPY ${key} copy:${key}`,
    `RENAME ${key} ${key}:renamed`,
    `COPY ${key}:renamed ${key} DB 1`,
    `MOVE copy:${key} 1`,
    `EXPIRE ${key}:renamed 1000`,
    `TYPE ${key}:renamed`,
  ]),
  "DEBUG DIGEST",
  `DEBUG DIGEST-VALUE ${KEYS.map((key) => `${key}:renamed`).join(" ")}`,
  "SELECT 1",
  ...KEYS.map(encodingOf),
  "DEBUG RELOAD",
  ...KEYS.map(encodingOf),
  ...each("TYPE copy:%", KEYS),
  // Each type replaces each other one.
  ...KEYS.flatMap((key, i) => [`COPY ${key} ${KEYS[(i * 7 + 5) % KEYS.length]} REPLACE`]),
  "DEBUG DIGEST",
  `UNLINK ${KEYS.slice(0, 9).join(" ")}`,
  `DEL ${KEYS.join(" ")}`,
  "DBSIZE",
]);

oracleTest("a command of one type refuses keys of all others", [
  ...ADD,
  ...KEYS.flatMap((key) => [
    `STRLEN ${key}`,
    `LLEN ${key}`,
    `SCARD ${key}`,
    `HLEN ${key}`,
    `ZCARD ${key}`,
    `GEOPOS ${key} none`,
    `GETBIT ${key} 7`,
  ]),
]);

/** Sorted sets, compared with redis-server byte for byte: each script with the small form and with the large one. */
import { describe, expect, test } from "bun:test";
import { type Call, oracleTest, type Step } from "../harness/oracle.ts";
import { startStormdb } from "../harness/processes.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

const LARGE = ["--zset-max-listpack-entries", "0"];

/** Runs the script with sets in both forms. */
function inBothForms(name: string, calls: readonly Call[]): void {
  oracleTest(`${name}, small`, calls);
  oracleTest(`${name}, large`, calls, LARGE);
}

/** Redis writes scores with the fewest digits since 7.2, with 17 before (fpconv_dtoa in util.c). */
function withFewestDigits(reply: string): string {
  return reply.replace(
    /(?:\$\d+\r\n|,)(-?\d\.?\d{15,}(?:e[-+]\d+)?|-?\d+\.\d{10,})\r\n/g,
    (found, digits: string) => {
      const text = String(Number(digits)).replace(/e([-+])(\d)$/, "e$1$2");
      return found[0] === "," ? `,${text}\r\n` : `$${text.length}\r\n${text}\r\n`;
    },
  );
}

function fewestDigits(call: string): Step {
  return { call, as: { redis72: withFewestDigits } };
}

const ALL = "ZRANGE z 0 -1 WITHSCORES";

inBothForms("ZADD and its options", [
  "ZADD z 1 a",
  "ZADD z 1 a 2 b 3 c",
  ALL,
  "ZADD z 5 a 0 c",
  ALL,
  "ZADD z CH 6 a 0 c 9 d",
  "ZADD z NX 7 a 7 e",
  "ZADD z NX CH 7 a 7 e 8 f",
  "ZADD z XX 8 a 8 new",
  "ZADD z XX CH 9 a 8 new",
  "ZADD z GT 1 a 20 b",
  "ZADD z GT CH 10 a 10 b 1 later",
  "ZADD z LT CH 1 a 30 b 1 later 3 latest",
  "ZADD z XX GT CH 100 a 100 nobody",
  "ZADD z XX LT CH 1 a 1 nobody",
  ALL,
  "ZADD z INCR 5 a",
  "ZADD z INCR -2.5 new",
  "ZADD z NX INCR 5 a",
  "ZADD z XX INCR 5 nobody",
  "ZADD z GT INCR -5 a",
  "ZADD z LT INCR 5 a",
  "ZADD z GT INCR 5 a",
  "ZADD z XX CH INCR 1 a",
  "ZADD z nx 1 q",
  "ZADD z Ch 2 q",
  ALL,
  // What does not go together.
  "ZADD z NX XX 1 a",
  "ZADD z NX GT 1 a",
  "ZADD z NX LT 1 a",
  "ZADD z GT LT 1 a",
  "ZADD z NX XX GT LT 1 a",
  "ZADD z INCR 1 a 2 b",
  "ZADD z NX XX INCR 1 a 2 b",
  "ZADD z 1",
  "ZADD z 1 a 2",
  "ZADD z NX 1",
  "ZADD z NX CH",
  "ZADD z",
  "ZADD z 1 a b c",
  "ZADD z x a",
  "ZADD z 1 a x b",
  "ZADD z 1 NX",
  "ZADD z 1 1 1 2",
  ALL,
  // A key that is not there.
  "ZADD none XX 1 a",
  "ZADD none XX INCR 1 a",
  "EXISTS none",
  "ZADD none GT 1 a",
  "ZADD none2 1 a 2 a 3 a",
  "ZRANGE none2 0 -1 WITHSCORES",
  "ZADD none3 CH 1 a 2 a 3 a",
  // The same score again changes nothing.
  "ZADD none3 CH 3 a",
  "SET s v",
  "ZADD s 1 a",
  "ZADD s x a",
  "ZADD s NX XX 1 a",
]);

inBothForms("scores of all kinds", [
  ...["0", "-0", "1", "-1", "1.5", "-2.25", "inf", "-inf", "+inf", "Infinity", "-INFINITY"].map(
    (score, i) => `ZADD z ${score} m${i}`,
  ),
  ...[
    "1e3",
    "1E3",
    "+5",
    ".5",
    "5.",
    "0x10",
    "1e20",
    "1e300",
    "-1e300",
    "9007199254740992",
    "9007199254740993",
    "9223372036854775807",
    "123456789012345680",
    "0.5e-10",
  ].map((score, i) => `ZADD z ${score} n${i}`),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((i) => `ZSCORE z m${i}`),
  ...[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((i) => fewestDigits(`ZSCORE z n${i}`)),
  ...["0.1", "3.141592653589793", "1e-7", "-0.3", "1e22", "2.5e-320", "1.7e308"].flatMap(
    (score, i): Call[] => [`ZADD y ${score} o${i}`, fewestDigits(`ZSCORE y o${i}`)],
  ),
  fewestDigits("ZRANGE y 0 -1 WITHSCORES"),
  ...each("ZADD z % bad", [
    '""',
    "abc",
    "nan",
    "-nan",
    "1x",
    '" 1"',
    '"1 "',
    "1e",
    "1e400",
    "0x",
    "--1",
    "(1",
    '"1\\x00"',
    "1,5",
    "in",
    "infin",
  ]),
  "ZSCORE z bad",
  "ZCARD z",
]);

inBothForms("ZINCRBY", [
  "ZINCRBY z 2 a",
  "ZINCRBY z 2 a",
  "ZINCRBY z -10 a",
  "ZINCRBY z 0 a",
  "ZINCRBY z 0.5 b",
  "ZINCRBY z inf c",
  "ZINCRBY z -inf c",
  "ZINCRBY z 1 c",
  "ZSCORE z c",
  "ZINCRBY z -inf d",
  "ZINCRBY z inf d",
  "ZINCRBY z x a",
  "ZINCRBY z nx a",
  "ZINCRBY z nan a",
  "ZINCRBY z 1",
  "ZINCRBY z 1 a 2",
  ALL,
  fewestDigits("ZINCRBY z 0.1 e"),
  fewestDigits("ZINCRBY z 0.2 e"),
  "SET s v",
  "ZINCRBY s 1 a",
]);

/** Members at the borders of the encodings, and of the small form. */
const MEMBERS: readonly string[] = [
  ...[0, 1, 127, 128, 4095, 4096, 32767, 32768, 8388607, 8388608, 2147483648].flatMap((n) => [
    String(n),
    String(-n - 1),
  ]),
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

inBothForms("members of all kinds", [
  ...MEMBERS.map((member, i): Call => ({ call: ["ZADD", "z", String(i % 4), member] })),
  ALL,
  "ZREVRANGE z 0 -1 WITHSCORES",
  ...MEMBERS.flatMap((member): Call[] => [
    { call: ["ZSCORE", "z", member] },
    { call: ["ZRANK", "z", member] },
    { call: ["ZREVRANK", "z", member] },
    { call: ["ZINCRBY", "z", "1.5", member] },
  ]),
  ALL,
  "OBJECT ENCODING z",
  ...MEMBERS.map((member): Call => ({ call: ["ZREM", "z", member, "other"] })),
  "EXISTS z",
]);

oracleTest("the small form ends at its limits", [
  "CONFIG SET zset-max-listpack-entries 4 zset-max-listpack-value 8",
  "ZADD z 1 a 2 b 3 c 4 d",
  "OBJECT ENCODING z",
  "ZADD z 5 d",
  "OBJECT ENCODING z",
  "ZADD z 5 e",
  "OBJECT ENCODING z",
  ALL,
  "ZREM z e d c",
  "OBJECT ENCODING z",
  "ZADD y 1 12345678",
  "OBJECT ENCODING y",
  "ZADD y 1 123456789",
  "OBJECT ENCODING y",
  "ZRANGE y 0 -1",
  "CONFIG SET zset-max-ziplist-entries 128 zset-max-ziplist-value 64",
  { call: "CONFIG GET zset-max-*", as: "sorted" },
  "CONFIG SET zset-max-listpack-entries -1",
  "ZADD w 1 -0 -0 zero",
  "ZRANGE w 0 -1 WITHSCORES",
  "COPY z copy",
  "OBJECT ENCODING copy",
  "ZRANGE copy 0 -1 WITHSCORES",
]);

inBothForms("ZREM, ZCARD, ZSCORE, ZMSCORE", [
  "ZADD z 1 a 2 b 3 c 4 d",
  "ZREM z a",
  "ZREM z a",
  "ZREM z b x b",
  "ZREM z",
  "ZCARD z",
  "ZREM z c d",
  "EXISTS z",
  "ZREM z a",
  "ZCARD z",
  "ZCARD",
  "ZADD z 1 a 2 b 3 c 4 d",
  "ZSCORE z a",
  "ZSCORE z x",
  "ZSCORE none a",
  "ZSCORE z",
  "ZMSCORE z a x d",
  "ZMSCORE none a b",
  "ZMSCORE z",
  "SET s v",
  ...["ZREM s a", "ZCARD s", "ZSCORE s a", "ZMSCORE s a", "ZRANK s a", "ZREVRANK s a"],
]);

inBothForms("ZRANK and ZREVRANK", [
  "ZADD z 1 a 2 b 2 c 4 d",
  ...["a", "b", "c", "d", "x"].flatMap((member) => [`ZRANK z ${member}`, `ZREVRANK z ${member}`]),
  "ZRANK none a",
  "ZRANK z",
]);

describe("ZRANK and ZREVRANK WITHSCORE", () => {
  // Redis has it since 7.2: "Added the optional WITHSCORE argument" (commands/zrank.json); what it replies
  // stands there in reply_schema: null, or rank and score.
  for (const directives of [[], LARGE]) {
    test(directives.join(" "), async () => {
      await using storm = await startStormdb(...directives);
      const client = await storm.connect();
      await client.call("ZADD", "z", "1", "a", "2.5", "b", "2.5", "c");
      expect(await client.call("ZRANK", "z", "c", "WITHSCORE")).toEqual(
        "*2\r\n:2\r\n$3\r\n2.5\r\n",
      );
      expect(await client.call("ZREVRANK", "z", "a", "withscore")).toEqual(
        "*2\r\n:2\r\n$1\r\n1\r\n",
      );
      expect(await client.call("ZRANK", "z", "x", "WITHSCORE")).toEqual("*-1\r\n");
      expect(await client.call("ZRANK", "none", "x", "WITHSCORE")).toEqual("*-1\r\n");
      expect(await client.call("ZRANK", "z", "a", "SCORE")).toEqual("-ERR syntax error\r\n");
      expect(await client.call("ZRANK", "z", "a", "WITHSCORE", "x")).toEqual(
        "-ERR wrong number of arguments for 'zrank' command\r\n",
      );
      await client.call("HELLO", "3");
      expect(await client.call("ZRANK", "z", "c", "WITHSCORE")).toEqual("*2\r\n:2\r\n,2.5\r\n");
      expect(await client.call("ZRANK", "z", "x", "WITHSCORE")).toEqual("_\r\n");
    });
  }
});

inBothForms("ZRANGE by rank", [
  "ZADD z 1 a 2 b 3 c 4 d 5 e",
  ...["0", "1", "4", "5", "-1", "-5", "-6", "100", "-100", MAX, MIN].flatMap((start) =>
    ["0", "2", "4", "5", "-1", "-2", "-6", MAX, MIN].flatMap((stop) => [
      `ZRANGE z ${start} ${stop}`,
      `ZREVRANGE z ${start} ${stop} WITHSCORES`,
    ]),
  ),
  "ZRANGE z 0 -1 REV",
  "ZRANGE z 1 2 REV WITHSCORES",
  "ZRANGE z 0 -1 WITHSCORES WITHSCORES",
  "ZRANGE z 0 -1 REV REV",
  "ZRANGE z 0 -1 LIMIT 0 1",
  "ZRANGE z 0 -1 LIMIT 0 -1",
  "ZREVRANGE z 0 -1 LIMIT 0 1",
  "ZREVRANGE z 0 -1 REV",
  "ZREVRANGE z 0 -1 BYSCORE",
  "ZRANGE z 0 -1 NONE",
  "ZRANGE z 0 -1 LIMIT 0",
  "ZRANGE z 0 -1 LIMIT x 1",
  "ZRANGE z 0 -1 LIMIT 0 x",
  "ZRANGE z 0",
  "ZRANGE none 0 -1",
  "ZRANGE none 0 -1 WITHSCORES",
  ...each("ZRANGE z % 1", NO_INTEGERS),
  ...each("ZRANGE z 0 %", NO_INTEGERS),
  "SET s v",
  "ZRANGE s 0 -1",
  "ZREVRANGE s 0 -1",
  "ZRANGE s x -1",
]);

const SCORE_BOUNDS = ["-inf", "(1", "1", "2", "(2", "2.5", "4", "(5", "9", "+inf", "(inf"];

inBothForms("ranges by score", [
  "ZADD z 1 a 2 b 2 c 2 d 4 e 5 f inf g -inf h",
  ...SCORE_BOUNDS.flatMap((min) =>
    SCORE_BOUNDS.flatMap((max) => [
      `ZRANGEBYSCORE z ${min} ${max}`,
      `ZREVRANGEBYSCORE z ${max} ${min} WITHSCORES`,
      `ZCOUNT z ${min} ${max}`,
    ]),
  ),
  ...[
    "0 1",
    "1 2",
    "2 -1",
    "0 0",
    "-1 2",
    "100 1",
    "1 100",
    "0 -5",
    `1 ${MAX}`,
    `${MAX} 1`,
  ].flatMap((limit) => [
    `ZRANGEBYSCORE z 1 4 LIMIT ${limit}`,
    `ZREVRANGEBYSCORE z 4 1 WITHSCORES LIMIT ${limit}`,
    `ZRANGE z 1 4 BYSCORE LIMIT ${limit}`,
    `ZRANGE z 4 1 BYSCORE REV LIMIT ${limit} WITHSCORES`,
  ]),
  ...each("ZRANGEBYSCORE z % 4", [
    "x",
    '""',
    '" 1"',
    '"1 "',
    "nan",
    "((1",
    "[1",
    "(",
    "0x2",
    "1e400",
    '"1\\x00x"',
    "-",
  ]),
  "ZRANGEBYSCORE z 4 1",
  "ZRANGEBYSCORE z 1 x",
  "ZRANGEBYSCORE z 1 4 BYSCORE",
  "ZRANGEBYSCORE z 1 4 REV",
  "ZRANGEBYSCORE z 1 4 WITHSCORES LIMIT 1",
  "ZRANGEBYSCORE z 1 4 LIMIT 1 2 LIMIT 0 1",
  "ZRANGE z 1 4 BYSCORE BYLEX",
  "ZRANGE z 1 4 BYSCORE BYSCORE",
  "ZRANGEBYSCORE none 1 4",
  "ZCOUNT none 1 4",
  "ZCOUNT z 1 x",
  "SET s v",
  "ZRANGEBYSCORE s 1 2",
  "ZRANGEBYSCORE s x 2",
  "ZCOUNT s 1 2",
  "ZCOUNT s x 2",
]);

const LEX_BOUNDS = ["-", "+", "[", "(", "[a", "(a", "[b", "[bb", "(c", "[z", "(12", "[zz"];

inBothForms("ranges by member", [
  "ZADD z 0 a 0 b 0 bb 0 c 0 12 0 x 0 y 0 z",
  ...LEX_BOUNDS.flatMap((min) =>
    LEX_BOUNDS.flatMap((max) => [
      `ZRANGEBYLEX z ${min} ${max}`,
      `ZREVRANGEBYLEX z ${max} ${min}`,
      `ZLEXCOUNT z ${min} ${max}`,
    ]),
  ),
  ...["0 1", "1 2", "2 -1", "0 0", "-1 2", "100 1"].flatMap((limit) => [
    `ZRANGEBYLEX z [a + LIMIT ${limit}`,
    `ZRANGE z + (b BYLEX REV LIMIT ${limit}`,
  ]),
  ...each("ZRANGEBYLEX z % +", ["a", '""', "-a", "+a", '"-\\x00a"', "12", "]a"]),
  "ZRANGEBYLEX z - x",
  "ZRANGEBYLEX z - + WITHSCORES",
  "ZRANGE z - + BYLEX WITHSCORES",
  "ZRANGEBYLEX none - +",
  "ZLEXCOUNT none - +",
  "ZLEXCOUNT z a +",
  "SET s v",
  "ZRANGEBYLEX s - +",
  "ZLEXCOUNT s - +",
  "ZLEXCOUNT s a +",
]);

const MEMBERS_OF_8 = "1 a 2 b 2 c 3 d 4 e 5 f 6 g 7 h";

inBothForms("ranges that are removed", [
  ...["0 0", "1 3", "-2 -1", "5 2", "100 200", "0 -1", "x 1", "0 x"].flatMap((ranks) => [
    `ZADD z ${MEMBERS_OF_8}`,
    `ZREMRANGEBYRANK z ${ranks}`,
    ALL,
  ]),
  ...["2 2", "(2 4", "-inf (3", "9 1", "-inf +inf", "x 1", "1 x"].flatMap((scores) => [
    `ZADD z ${MEMBERS_OF_8}`,
    `ZREMRANGEBYSCORE z ${scores}`,
    ALL,
  ]),
  "DEL z",
  ...["[a [c", "(a (d", "- [b", "[z +", "- +", "x +"].flatMap((members) => [
    "ZADD z 0 a 0 b 0 c 0 d 0 e",
    `ZREMRANGEBYLEX z ${members}`,
    ALL,
  ]),
  "DEL z",
  "ZREMRANGEBYRANK z 0 1",
  "ZREMRANGEBYSCORE z 0 1",
  "ZREMRANGEBYLEX z - +",
  "SET s v",
  "ZREMRANGEBYRANK s 0 1",
  "ZREMRANGEBYSCORE s 0 1",
  "ZREMRANGEBYLEX s - +",
]);

inBothForms("ZRANGESTORE", [
  `ZADD z ${MEMBERS_OF_8}`,
  ...[
    "d z 0 -1",
    "d z 2 4",
    "d z 1 3 REV",
    "d z (2 5 BYSCORE",
    "d z 5 2 BYSCORE REV LIMIT 1 2",
    "d z 1 2 BYSCORE LIMIT 5 1",
    "d z 0 -1",
    "d none 0 -1",
    "d none 0 -1",
    "d z [a [c BYLEX",
    "z z 1 -1",
  ].flatMap((call) => [`ZRANGESTORE ${call}`, "ZRANGE d 0 -1 WITHSCORES", "OBJECT ENCODING d"]),
  "ZRANGESTORE d z 0 -1 WITHSCORES",
  "ZRANGESTORE d z 0 -1 LIMIT 0 1",
  "ZRANGESTORE d z x -1",
  "ZRANGESTORE d z 0",
  "SET d v EX 1000",
  "ZRANGESTORE d z 0 1",
  "TTL d",
  "TYPE d",
  "SET s v",
  "ZRANGESTORE d s 0 -1",
  "TYPE d",
]);

inBothForms("ZPOPMIN and ZPOPMAX", [
  `ZADD z ${MEMBERS_OF_8}`,
  "ZPOPMIN z",
  "ZPOPMAX z",
  "ZPOPMIN z 2",
  "ZPOPMAX z 2",
  "ZPOPMIN z 0",
  "ZPOPMAX z 100",
  "EXISTS z",
  "ZPOPMIN z",
  "ZPOPMIN z 1",
  "ZPOPMIN z -1",
  ...each("ZPOPMIN z %", NO_INTEGERS),
  "ZPOPMIN z 1 2",
  "SET s v",
  "ZPOPMIN s",
  "ZPOPMIN s 0",
  "ZPOPMIN s -1",
]);

inBothForms("ZRANDMEMBER", [
  "ZADD z 1 a",
  "ZRANDMEMBER z",
  "ZRANDMEMBER z 1",
  "ZRANDMEMBER z 5",
  "ZRANDMEMBER z -3",
  "ZRANDMEMBER z 5 WITHSCORES",
  "ZRANDMEMBER z -3 WITHSCORES",
  "ZRANDMEMBER z 0",
  "ZRANDMEMBER none",
  "ZRANDMEMBER none 2",
  "ZRANDMEMBER none -2 WITHSCORES",
  "ZRANDMEMBER z 1 SCORES",
  "ZRANDMEMBER z 1 WITHSCORES 2",
  `ZRANDMEMBER z ${MAX} WITHSCORES`,
  `ZRANDMEMBER z ${MAX}`,
  `ZRANDMEMBER z ${MIN}`,
  `ZRANDMEMBER z ${MIN} WITHSCORES`,
  "ZRANDMEMBER z -9223372036854775807 WITHSCORES",
  ...each("ZRANDMEMBER z %", NO_INTEGERS),
  "ZADD z 2 b 3 c",
  { call: "ZRANDMEMBER z 2", as: { without: /[abc]/g } },
  "ZRANDMEMBER z 3 WITHSCORES",
  "ZRANDMEMBER z 10",
  "SET s v",
  "ZRANDMEMBER s",
  "ZRANDMEMBER s 1",
]);

inBothForms("ZSCAN", [
  `ZADD z ${MEMBERS_OF_8} 1.5 i 1e20 j inf k`,
  { call: "ZSCAN z 0 COUNT 100", as: "sorted" },
  { call: "ZSCAN z 0 MATCH [a-c] COUNT 100", as: "sorted" },
  "ZSCAN z 0 MATCH x COUNT 100",
  "ZSCAN none 0",
  "ZSCAN none 0 NONSENSE",
  "ZSCAN z x",
  "ZSCAN none x",
  "ZSCAN z 0 COUNT 0",
  "ZSCAN z 0 COUNT x",
  "ZSCAN z 0 COUNT",
  "ZSCAN z 0 TYPE zset",
  "ZSCAN z 0 NOVALUES",
  "ZSCAN z",
  "SET s v",
  "ZSCAN s 0",
  "ZSCAN s 0 NONSENSE",
]);

/** Commands that write the data to disk, and DUMP and RESTORE, compared with redis-server. */
import { expect, test } from "bun:test";
import { describePair, oracleTest } from "../harness/oracle.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

oracleTest("save, bgsave, bgrewriteaof, lastsave", [
  { call: "LASTSAVE", as: "shape" },
  "LASTSAVE x",
  "SET a 1",
  "SAVE",
  "SAVE x",
  "BGSAVE FOO",
  "BGSAVE SCHEDULE x",
  "BGSAVE x y",
  "BGREWRITEAOF x",
]);

describePair("in the background", (pair) => {
  test.each(["BGSAVE", "BGSAVE SCHEDULE", "bgsave schedule", "BGREWRITEAOF"])(
    "%s",
    async (line) => {
      const { redis, storm } = await pair();
      const run = async (server: typeof redis) => {
        const client = await server.connect();
        await client.call("SET", "a", "1");
        const reply = await client.call(...line.split(" "));
        // What has been begun is over when INFO says so.
        for (;;) {
          const info = await client.call("INFO", "persistence");
          if (!/(rdb_bgsave|aof_rewrite)_(in_progress|scheduled):1/.test(info)) break;
          await Bun.sleep(1);
        }
        client.close();
        return reply;
      };
      expect(await run(storm)).toEqual(await run(redis));
    },
  );
});

/** A payload that Redis wrote: the integer 12345 in the RDB version of 7.0. */
const PAYLOAD = '"\\xc1\\x39\\x30\\x0a\\x00\\xe3\\x3b\\x0b\\x9b\\x1b\\x29\\x4b\\x93"';

oracleTest("restore: errors", [
  "RESTORE",
  "RESTORE a",
  "RESTORE a 0",
  "RESTORE a 0 x",
  'RESTORE a 0 ""',
  ...each("RESTORE a % x", [...NO_INTEGERS, "-1", MIN]),
  ...each(`RESTORE a % ${PAYLOAD}`, ["x", "-1", MIN]),
  "RESTORE a 0 x FOO",
  "RESTORE a 0 x IDLETIME",
  "RESTORE a 0 x FREQ",
  ...each("RESTORE a 0 x IDLETIME %", [...NO_INTEGERS, "-1", "0", MAX]),
  ...each("RESTORE a 0 x FREQ %", [...NO_INTEGERS, "-1", "0", "255", "256"]),
  "RESTORE a 0 x IDLETIME 1 FREQ 1",
  "RESTORE a 0 x FREQ 1 IDLETIME 1",
  "RESTORE a x x FOO",
  "SET present 1",
  "RESTORE present 0 x",
  "RESTORE present x x",
  "RESTORE present -1 x",
  "RESTORE present 0 x REPLACE",
  "RESTORE present 0 x replace ABSTTL",
  "GET present",
  "RPUSH list x",
  "RESTORE list 0 x",
  "RESTORE list 0 x REPLACE",
  "DUMP",
  "DUMP a b",
  "DUMP none",
]);

/** The bytes of a bulk reply. */
function bulkOf(reply: string): string {
  return reply.slice(reply.indexOf("\r\n") + 2, -2);
}

const VALUES: Readonly<Record<string, readonly (readonly string[])[]>> = {
  integers: ["0", "-1", "127", "128", "-32769", "2147483648", MAX, MIN].map((n) => ["SET", n]),
  texts: ["", "x", "\0\xff\r\n", "007", "a".repeat(63), "b".repeat(20000), "ab".repeat(9000)].map(
    (text) => ["SET", text],
  ),
  "sorted sets": [
    ["ZADD", "1", "x"],
    [
      "ZADD",
      "1.5",
      "",
      "-3",
      "\0\xff",
      "inf",
      "12",
      "-inf",
      "-70000",
      "0",
      MAX,
      "7",
      "x".repeat(64),
    ],
    ["ZADD", ...Array.from({ length: 500 }, (_, i) => [String(i % 90), `member ${i}`]).flat()],
    ["ZADD", "1", "a", "-0", "b", "4611686018427387904", "c", "2", "long".repeat(30)],
  ],
  lists: [
    ["RPUSH", "x"],
    ["RPUSH", "", "\0\xff", "12", "-70000", MAX, "x".repeat(100)],
    ["RPUSH", ...Array.from({ length: 500 }, (_, i) => `element ${i}`.repeat(1 + (i % 9)))],
    ["RPUSH", "a", "x".repeat(9000), "b", "y".repeat(20000)],
  ],
};

describePair("dump and restore", (pair) => {
  let clients: readonly RawClient[] = [];

  for (const [kind, values] of Object.entries(VALUES)) {
    test(`${kind} that redis-server dumped`, async () => {
      const { redis, storm } = await pair();
      clients = [await redis.connect(), await storm.connect()];
      const [ofRedis, ofStorm] = clients as [RawClient, RawClient];
      const both = (...words: string[]) => Promise.all(clients.map((c) => c.call(...words)));
      for (const [i, [command, ...args]] of values.entries()) {
        const key = `${kind}:${i}`;
        await both("DEL", key, "copy");
        await ofRedis.call(command!, key, ...args);
        const payload = bulkOf(await ofRedis.call("DUMP", key));
        const calls = [
          ["RESTORE", "copy", "0", payload],
          ["RESTORE", "copy", "0", payload],
          ["RESTORE", "copy", "100000", payload, "REPLACE"],
          ["TTL", "copy"],
          ["RESTORE", "copy", "33177117420123", payload, "ABSTTL", "REPLACE"],
          ["PEXPIRETIME", "copy"],
          ["DEBUG", "DIGEST-VALUE", "copy"],
          // Multiples of 1,024, beyond the integers that a double counts one by one.
          ["RESTORE", "copy", "9007199254742016", payload, "ABSTTL", "REPLACE"],
          ["PEXPIRETIME", "copy"],
          ["RESTORE", "copy", "9223372036854774784", payload, "ABSTTL", "REPLACE"],
          ["PEXPIRETIME", "copy"],
          ["RESTORE", "copy", "9223372036854775807", payload, "ABSTTL", "REPLACE"],
          ["EXISTS", "copy"],
          ["RESTORE", "copy", "1", payload, "ABSTTL", "REPLACE"],
          ["EXISTS", "copy"],
          ["RESTORE", "copy", "0", payload, "IDLETIME", "5", "FREQ", "5"],
          ["RESTORE", "copy", "0", payload, "IDLETIME", "5"],
          ["OBJECT", "IDLETIME", "copy"],
          ["RESTORE", "copy", "0", payload.slice(0, -1), "REPLACE"],
          ["RESTORE", "copy", "0", `x${payload.slice(1)}`, "REPLACE"],
          ["DEBUG", "DIGEST-VALUE", "copy"],
        ];
        for (const words of calls) {
          // A second may pass between setting an idle time and asking for it.
          const [expected, got] = (await both(...words)).map((reply) =>
            words[1] === "IDLETIME" ? reply.replace(/[567]/, "5 to 7") : reply,
          );
          expect([words.slice(0, 3), got]).toEqual([words.slice(0, 3), expected]);
        }
        // And what StormDB dumps it takes itself.
        await ofStorm.call("DEL", "again");
        const own = bulkOf(await ofStorm.call("DUMP", "copy"));
        expect(await ofStorm.call("RESTORE", "again", "0", own)).toEqual("+OK\r\n");
        expect(await ofStorm.call("DEBUG", "DIGEST-VALUE", "again")).toEqual(
          await ofStorm.call("DEBUG", "DIGEST-VALUE", "copy"),
        );
      }
      expect(await ofStorm.call("DEBUG", "CHECK")).toEqual("+OK\r\n");
      for (const client of clients) client.close();
    });
  }
});

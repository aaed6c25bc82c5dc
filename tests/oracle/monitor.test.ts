/** MONITOR, compared with the real redis-server. */
import { type Call, oracleTest, type Step } from "../harness/oracle.ts";

const on = (name: string, call: string): Step => ({ on: name, call });

/** Without times and the addresses of clients; and without what the harness asks while it waits. */
const LINES = (reply: string): string =>
  reply
    .replace(/\+[^\r]* "INFO" "clients"\r\n/g, "")
    .replace(/\d+\.\d{6} \[|127\.0\.0\.1:\d+/g, "*");

/** What the monitor has shown by now. */
const SHOWN: Call = { sync: "m", as: LINES };

oracleTest("what is shown", [
  on("m", "MONITOR"),
  ...["SET a 1", "get a", "GET", "nothing x", "SELECT 1", "GET a", "SELECT 0", "LPUSH a x"],
  SHOWN,
  { call: ["SET", "\x00\xff\r\n\t\x07\b\"'\\ %", "é", "x".repeat(3000)] },
  { call: ["SET", "\x00\xff\r\n\t\x07\b\"'\\ %", "é"] },
  { call: ["ECHO", ""] },
  SHOWN,
  // Those of administrators are not.
  ...["CONFIG GET nothing", "CLIENT GETNAME", "CLIENT LIST x", "CLIENT KILL ID 999999"],
  ...["DEBUG SLEEP 0", "SLOWLOG LEN x", "SLOWLOG RESET", "CONFIG SET maxmemory 0"],
  ...["INFO nothing x", "COMMAND COUNT x", "MEMORY USAGE none", "LATENCY RESET", "OBJECT HELP x"],
  SHOWN,
  ...["PUBLISH a b", "PUBSUB NUMPAT", "PING", "ECHO x", "DBSIZE", "FLUSHALL", "RESET", "WATCH a"],
  ...["UNWATCH", "TIME x", "LASTSAVE x", "SAVE x"],
  SHOWN,
  on("s", "SUBSCRIBE x"),
  on("s", "UNSUBSCRIBE"),
  SHOWN,
]);

oracleTest("secrets", [
  on("m", "MONITOR"),
  "AUTH secret",
  "AUTH default secret",
  { call: "HELLO 3 AUTH default secret", as: "any" },
  { call: "HELLO 2 AUTH default secret SETNAME me", as: "any" },
  "HELLO 3 AUTH default",
  "HELLO 3 SETNAME x AUTH default secret FOO",
  "CONFIG SET requirepass secret",
  'CONFIG SET requirepass ""',
  SHOWN,
]);

oracleTest("transactions", [
  on("m", "MONITOR"),
  "MULTI",
  "SET a 1",
  "GET a",
  "SELECT 2",
  "GET a",
  "SELECT 0",
  "CONFIG GET nothing",
  SHOWN,
  "EXEC",
  SHOWN,
  "MULTI",
  "SET a 1",
  "DISCARD",
  "MULTI",
  "nothing",
  "EXEC",
  "EXEC",
  SHOWN,
  "WATCH a",
  "SET a 2",
  "MULTI",
  "EXEC",
  SHOWN,
]);

oracleTest("who waits", [
  on("m", "MONITOR"),
  { on: "a", waits: "BLPOP k 0" },
  SHOWN,
  "RPUSH k 1",
  { read: "a" },
  // Redis 7.2 runs it again, but does not show it again.
  SHOWN,
]);

/** Lines come between replies, so that replies are not waited for one by one. */
const sent = (...send: string[]): Call[] => [{ on: "m", send }, SHOWN];

oracleTest("what a monitor may do", [
  on("m", "MONITOR"),
  ...["MONITOR", "PING", "ECHO x", "GET a", "SET a 1", "DBSIZE", "CLIENT GETNAME"].flatMap((call) =>
    sent(call),
  ),
  ...["PUBLISH a b", "SUBSCRIBE x", "UNSUBSCRIBE x", "BLPOP k 0"].flatMap((call) => sent(call)),
  ...sent("MULTI", "GET a", "DISCARD"),
  { call: "CLIENT LIST ID {m.id}", as: { only: /(?:flags|cmd)=\S+/g } },
  SHOWN,
]);

oracleTest("the end of it", [
  on("m", "MONITOR"),
  "SET a 1",
  ...sent("RESET"),
  "SET a 2",
  on("m", "GET a"),
  on("m", "MONITOR"),
  { leave: "m" },
  "SET a 3",
  on("m", "MONITOR"),
  on("n", "MONITOR"),
  "SET a 4",
  SHOWN,
  { sync: "n", as: LINES },
  "CLIENT KILL ID {m.id}",
  { read: "m", closes: true, as: LINES },
  "SET a 5",
  { sync: "n", as: LINES },
]);

oracleTest("replies off", [
  { on: "m", send: ["CLIENT REPLY OFF", "MONITOR", "PING", "CLIENT REPLY ON"] },
  SHOWN,
  ...sent("CLIENT REPLY SKIP", "PING", "PING"),
]);

/** MULTI, EXEC, DISCARD, WATCH and UNWATCH, compared with the real redis-server. */
import { type Call, oracleTest, type Pipe, type Step } from "../harness/oracle.ts";

const on = (name: string, call: string): Step => ({ on: name, call });

/** A payload that Redis wrote: the list a, b, c in the RDB version of 7.0. */
const LIST_PAYLOAD =
  '"\\x12\\x01\\x02\\x10\\x10\\x00\\x00\\x00\\x03\\x00\\x81a\\x02\\x81b\\x02\\x81c\\x02\\xff\\n\\x00\\xc8\\x18\\xb9\\x0c\\x953R\\x9e"';

oracleTest("multi, exec, discard", [
  "MULTI",
  "SET a 1",
  "INCR a",
  "GET a",
  "RPUSH k x y",
  "LRANGE k 0 -1",
  "GET none",
  "EXEC",
  "GET a",
  "MULTI",
  "EXEC",
  "MULTI",
  "SET a 5",
  "DISCARD",
  "GET a",
  "EXEC",
  "DISCARD",
  "multi",
  "set a 6",
  "exec",
  "MULTI x",
  "EXEC x",
  "DISCARD x",
  "UNWATCH x",
  "WATCH",
]);

oracleTest("errors within a transaction do not stop it", [
  "MULTI",
  "SET a x",
  "INCR a",
  "LPUSH a x",
  "SET b 1",
  "SET b 1 FOO",
  "RENAME none x",
  "CONFIG SET nothing x",
  "SELECT 99",
  "EXEC",
  "MGET a b",
]);

oracleTest("errors when queueing abort it", [
  ...["nothing", "GET", "GET a b", "CONFIG FOO", "CLIENT", "WATCH", "SUBSCRIBE", "EXEC x"].flatMap(
    (call) => ["MULTI", "SET a 1", call, "SET b 2", "EXEC", "EXISTS a b", "EXEC"],
  ),
  ...["MULTI", "WATCH a"].flatMap((call) => ["MULTI", "SET c 1", call, "EXEC", "EXISTS c"]),
  "MULTI",
  "nothing",
  "DISCARD",
  "MULTI",
  "PING",
  "EXEC",
  // They stay in the transaction.
  "MULTI",
  "MULTI x",
  "PING",
  "EXEC",
  "MULTI",
  "DISCARD x",
  "PING",
  "EXEC",
  "MULTI",
  "nothing",
  "WATCH a",
  "UNWATCH",
  "EXEC",
  "EXEC",
]);

oracleTest("commands that may not be in it", [
  ...["SAVE", "SHUTDOWN FOO", "MONITOR", "HELLO 9", "HELLO 3 x", "AUTH x"].flatMap(
    (call): Call[] => ["MULTI", call, "SET a 1", "EXEC", "EXISTS a", "DEL a"],
  ),
]);

oracleTest("commands of all kinds in it", [
  "MULTI",
  "SELECT 1",
  "SET a 1",
  "SELECT 0",
  "GET a",
  "SWAPDB 0 1",
  "GET a",
  "SELECT 1",
  "DBSIZE",
  "EXEC",
  "DBSIZE",
  "SELECT 0",
  "MULTI",
  "PING",
  "PING hello",
  "ECHO x",
  "UNWATCH",
  "CLIENT GETNAME",
  "CLIENT SETNAME me",
  "COMMAND COUNT x",
  "OBJECT ENCODING a",
  "PUBLISH x y",
  "PUBSUB NUMPAT",
  "SCAN 0 COUNT 100",
  "FLUSHALL",
  "SET a 1 EX 100",
  "TTL a",
  "DEBUG DIGEST-VALUE a",
  "CONFIG GET maxmemory",
  "SLOWLOG RESET",
  "EXEC",
  "CLIENT GETNAME",
]);

oracleTest("blocking commands do not block in it", [
  "RPUSH full a b",
  "MULTI",
  "BLPOP k 0",
  "BRPOP k l 0",
  "BLMOVE k l LEFT RIGHT 0",
  "BRPOPLPUSH k l 0",
  "BLMPOP 0 2 k l LEFT",
  "BLPOP k x",
  "BLPOP k -1",
  "BLPOP full 0",
  "BLPOP k full 0",
  "BLPOP full 0",
  "RPUSH k a b c",
  "BLMOVE k l LEFT RIGHT 0",
  "BLMPOP 0 1 k LEFT COUNT 5",
  "EXEC",
]);

oracleTest("subscribing in it", [
  "MULTI",
  "SUBSCRIBE a b",
  "PING",
  "UNSUBSCRIBE b a",
  "SSUBSCRIBE s",
  { call: "EXEC", replies: 1 },
  // The array that EXEC promises has other items than there are replies.
  { sync: "" },
  on("b", "PUBLISH a x"),
  { sync: "" },
]);

oracleTest("a client that watches, queues and listens", [
  on("w", "WATCH a"),
  { call: "CLIENT LIST ID {w.id}", as: { only: /flags=\S+/g } },
  on("w", "MULTI"),
  on("w", "SUBSCRIBE x"),
  on("w", "EXEC"),
  { call: "CLIENT LIST ID {w.id}", as: { only: /flags=\S+|sub=\S+/g } },
  on("w", "SUBSCRIBE y"),
  "PUBLISH x 1",
  { sync: "w" },
  "MULTI",
  "CLIENT LIST TYPE replica",
  "CLIENT KILL ID 99999999",
  "CLIENT REPLY FOO",
  "EXEC",
]);

oracleTest("a message to itself in it", [
  { call: "HELLO 3", as: "any" },
  "SUBSCRIBE a",
  "MULTI",
  "PUBLISH a x",
  "GET none",
  {
    call: "EXEC",
    replies: 2,
    // Since 7.2 it comes behind the whole reply.
    as: {
      redis72: "*2\r\n:1\r\n_\r\n>3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n",
    },
  },
]);

oracleTest("replies off and skipped", [
  { pipe: ["CLIENT REPLY SKIP", "MULTI", "SET a 1", "GET a", "EXEC"] },
  { pipe: ["MULTI", "CLIENT REPLY SKIP", "GET a", "GET a", "EXEC", "GET a"] },
  { pipe: ["MULTI", "CLIENT REPLY SKIP", "EXEC", "GET a", "GET a"] },
  { pipe: ["MULTI", "CLIENT REPLY OFF", "GET a", "EXEC", "GET a", "CLIENT REPLY ON", "GET a"] },
  { pipe: ["MULTI", "GET a", "CLIENT REPLY OFF", "GET a", "CLIENT REPLY ON", "GET a", "EXEC"] },
  { pipe: ["CLIENT REPLY OFF", "MULTI", "GET a", "CLIENT REPLY ON", "GET a", "EXEC"] },
  { pipe: ["MULTI", "GET a", "CLIENT REPLY SKIP", "EXEC", "GET a"] },
  { pipe: ["MULTI", "nothing", "CLIENT REPLY SKIP", "EXEC", "GET a"] },
]);

oracleTest("reset and quit in it", [
  "MULTI",
  "SET a 1",
  "RESET",
  "EXEC",
  "GET a",
  "WATCH a",
  "RESET",
  on("b", "SET a 2"),
  "MULTI",
  "PING",
  "EXEC",
  "MULTI",
  "SET a 1",
  { call: "QUIT", closes: true },
  "GET a",
  "MULTI",
  "SET a 7",
  { leave: "" },
  "GET a",
]);

oracleTest("what CLIENT LIST shows of it", [
  on("a", "MULTI"),
  { call: "CLIENT LIST ID {a.id}", as: { only: /flags=\S+|multi=\S+|cmd=\S+/g } },
  on("a", "SET a 1"),
  on("a", "nothing"),
  { call: "CLIENT LIST ID {a.id}", as: { only: /flags=\S+|multi=\S+|cmd=\S+/g } },
  on("b", "WATCH a"),
  { call: "CLIENT LIST ID {b.id}", as: { only: /flags=\S+|multi=\S+|cmd=\S+/g } },
  "SET a 1",
  { call: "CLIENT LIST ID {b.id}", as: { only: /flags=\S+|multi=\S+|cmd=\S+/g } },
  on("b", "MULTI"),
  { call: "CLIENT LIST ID {b.id}", as: { only: /flags=\S+|multi=\S+|cmd=\S+/g } },
  on("b", "EXEC"),
  { call: "CLIENT LIST ID {b.id}", as: { only: /flags=\S+|multi=\S+|cmd=\S+/g } },
  "CLIENT KILL ID {a.id}",
  { read: "a", closes: true },
]);

// ── WATCH ────────────────────────────────────────────────────────────────────────────────────

type Change = string | Step | Pipe;

/** Whether a transaction runs where `changes` come between WATCH and EXEC. */
function watching(key: string, changes: readonly Change[]): Call[] {
  return [
    ...["FLUSHALL", "SET s text", "SET n 10 EX 1000", "RPUSH k a b c", "SELECT 0"],
    on("w", `WATCH ${key}`),
    ...changes,
    on("w", "MULTI"),
    echo(changes),
    on("w", "EXEC"),
    on("w", "EXEC"),
  ];
}

/** Names the changes in the transaction's reply. */
function echo(changes: readonly Change[]): Step {
  const words = changes.map((change) => {
    if (typeof change === "string") return change;
    return "pipe" in change ? change.pipe.join("; ") : change.call;
  });
  return { on: "w", call: ["ECHO", words.join("; ")] };
}

const KEYS = "s n k none";
/** Each alone between WATCH and EXEC: with what they change, and where there is nothing to change. */
const CHANGES = [
  "GET s",
  "TOUCH s",
  "SET s text",
  "SET s other NX",
  "SET s other XX",
  "SET none x XX",
  "SET s x GET",
  "SET n 1 KEEPTTL",
  "SETNX s x",
  "SETNX none x",
  "SETEX n 100 x",
  "PSETEX none 100000 x",
  "MSET s 1 n 2",
  "MSETNX s 1 none 2",
  "MSETNX none 1 none2 2",
  "APPEND s x",
  'APPEND s ""',
  'APPEND none ""',
  "SETRANGE s 0 x",
  'SETRANGE s 0 ""',
  'SETRANGE none 5 ""',
  "SETRANGE none 0 x",
  "SETRANGE s -1 x",
  "INCR n",
  "INCR s",
  "INCRBY n 0",
  "DECR none",
  "DECRBY n 5",
  "INCRBYFLOAT n 0",
  "INCRBYFLOAT s 1",
  "GETSET s x",
  "GETDEL s",
  "GETDEL none",
  "GETEX n",
  "GETEX n PERSIST",
  "GETEX s PERSIST",
  "GETEX n EX 100",
  "GETEX n PXAT 1",
  "GETEX none EX 100",
  "EXPIRE n 100",
  "EXPIRE n 100 NX",
  "EXPIRE s 100",
  "EXPIRE s 0",
  "EXPIRE none 100",
  "PEXPIREAT n 1",
  "PERSIST n",
  "PERSIST s",
  "PERSIST none",
  "DEL s none",
  "DEL none",
  "UNLINK k",
  "UNLINK none",
  "RENAME s none",
  "RENAME s s",
  "RENAME none s",
  "RENAME k n",
  "RENAMENX s n",
  "RENAMENX s s",
  "RENAMENX s new",
  "COPY s none",
  "COPY s n",
  "COPY s n REPLACE",
  "COPY s s DB 1",
  "COPY none s REPLACE",
  "MOVE s 1",
  "MOVE none 1",
  "MOVE s 0",
  "LPUSH k x",
  "RPUSH none x",
  "LPUSHX k x",
  "LPUSHX none x",
  "LPOP k",
  "LPOP k 0",
  "LPOP k 10",
  "LPOP none",
  "RPOP none 5",
  "LLEN k",
  "LSET k 0 a",
  "LSET k 9 x",
  "LSET none 0 x",
  "LTRIM k 0 -1",
  "LTRIM k 5 9",
  "LTRIM k 1 1",
  "LTRIM none 0 1",
  "LREM k 0 zzz",
  "LREM k 0 a",
  "LREM none 0 a",
  "LINSERT k BEFORE b x",
  "LINSERT k BEFORE zzz x",
  "LINSERT none BEFORE b x",
  "LMOVE k none LEFT RIGHT",
  "LMOVE k k LEFT LEFT",
  "LMOVE k k LEFT RIGHT",
  "LMOVE none k LEFT RIGHT",
  "RPOPLPUSH k k",
  "LMPOP 2 none k LEFT",
  "LMPOP 1 none LEFT",
  "BLPOP k 0",
  "BLMOVE k none LEFT LEFT 0",
  "BLMPOP 0 1 k LEFT COUNT 2",
  "BRPOPLPUSH k k 0",
  "FLUSHALL",
  "FLUSHDB",
  "SWAPDB 0 1",
  "SWAPDB 0 0",
  "SWAPDB 1 2",
  "RESTORE none 0 PAYLOAD",
  "RESTORE s 0 PAYLOAD",
  "RESTORE s 0 PAYLOAD REPLACE",
  "RESTORE s 1 PAYLOAD REPLACE ABSTTL",
  "RESTORE none 1 PAYLOAD ABSTTL",
].map((call) => call.replace("PAYLOAD", LIST_PAYLOAD));

for (const key of KEYS.split(" ")) {
  oracleTest(
    `what breaks WATCH ${key}`,
    CHANGES.flatMap((change) => watching(key, [change])),
  );
}

oracleTest("what breaks WATCH: other databases", [
  ...[
    ["SELECT 1", "SET s 1", "SELECT 0"],
    ["SELECT 1", "FLUSHDB", "SELECT 0"],
    ["SELECT 1", "FLUSHALL", "SELECT 0"],
    ["SELECT 1", "RPUSH s x", "MOVE s 0", "DEL s", "SELECT 0"],
    ["SELECT 1", "RPUSH none x", "MOVE none 0", "DEL none", "SELECT 0"],
    ["SELECT 1", "RPUSH x x", "COPY x none DB 0", "SELECT 0"],
    ["SELECT 1", "RPUSH x x", "COPY x s DB 0 REPLACE", "SELECT 0"],
    ["SELECT 1", "SET none 1", "SWAPDB 0 1", "SELECT 0"],
    ["SELECT 1", "SET none 1", "SWAPDB 1 2", "SELECT 0"],
  ].flatMap((changes) => [...watching("s", changes), ...watching("none", changes)]),
  ...watching("s", ["DEBUG RELOAD"]),
  ...watching("none", ["DEBUG RELOAD"]),
  // A key of a database that is exchanged twice.
  ...watching("s", ["SWAPDB 0 1", "SWAPDB 0 1"]),
  // Keys watched in several databases.
  on("w", "SELECT 1"),
  on("w", "WATCH s"),
  on("w", "SELECT 0"),
  on("w", "WATCH none"),
  "SELECT 1",
  "SET s x",
  "SELECT 0",
  on("w", "MULTI"),
  on("w", "EXEC"),
]);

oracleTest("what breaks WATCH: itself and several", [
  ...watching("s", [on("w", "SET s 1")]),
  ...watching("s", [on("w", "GET s")]),
  ...watching("s", [on("w", "UNWATCH"), "SET s 1"]),
  ...watching("s", ["SET s 1", on("w", "UNWATCH")]),
  ...watching("s", [on("w", "WATCH n"), "INCR n"]),
  ...watching("s", [on("w", "WATCH s s s n"), "INCR other"]),
  ...watching("s", ["SET s 1", on("w", "WATCH s")]),
  ...watching("s s", [on("v", "WATCH s n"), on("v", "UNWATCH"), "SET s 2"]),
  ...watching("s", [on("w", "MULTI"), on("w", "DISCARD"), "SET s 2"]),
  ...watching("s", [on("w", "MULTI"), on("w", "EXEC"), "SET s 2"]),
  // Changed and changed back, or gone and there again.
  ...watching("s", ["SET s x", "SET s text"]),
  ...watching("none", ["SET none x", "DEL none"]),
  // Its own transaction does not count.
  on("w", "WATCH s"),
  on("w", "MULTI"),
  on("w", "SET s 5"),
  on("w", "UNWATCH"),
  on("w", "EXEC"),
  on("w", "WATCH s"),
  on("w", "MULTI"),
  on("w", "WATCH n"),
  "SET n 5",
  on("w", "EXEC"),
  // A refused EXEC ends the watching.
  on("w", "WATCH s"),
  "SET s 9",
  on("w", "MULTI"),
  on("w", "SET s 10"),
  on("w", "EXEC"),
  "GET s",
  on("w", "MULTI"),
  on("w", "SET s 10"),
  on("w", "EXEC"),
  "GET s",
  // An aborted one too.
  on("w", "WATCH s"),
  on("w", "MULTI"),
  on("w", "nothing"),
  "SET s 11",
  on("w", "EXEC"),
  on("w", "MULTI"),
  on("w", "EXEC"),
]);

/** Time passes for sure. */
const LATER = "DEBUG SLEEP 0.005";
/** The same for keys that were to be there for a moment. */
const MUCH_LATER = "DEBUG SLEEP 0.025";

/** Calls of the one who watches, with no time between them in which the key could expire. */
const atOnce = (...pipe: string[]): Pipe => ({ on: "w", pipe });

oracleTest("WATCH and expiry", [
  "DEBUG SET-ACTIVE-EXPIRE 0",
  // Not looked at since it expired.
  ...watching("none", [atOnce("PEXPIRE n 20", "UNWATCH", "WATCH n"), MUCH_LATER]),
  ...watching("p", ["SET p x PX 1", LATER]),
  ...watching("none", [atOnce("SET p x PX 20", "WATCH p"), MUCH_LATER, "GET p"]),
  "SET p x PX 1",
  LATER,
  // It had expired already when the watching began, and is gone for good or set anew.
  ...watching("p", []),
  ...[
    [],
    ["GET p"],
    ["DEL p"],
    ["EXISTS p"],
    ["SET p y"],
    ["SET p y XX"],
    ["SET p y NX"],
    ["EXPIRE p 100"],
    ["PERSIST p"],
    ["APPEND p y"],
    ["LPUSH p x"],
    ["GET p", "SET p y"],
    ["DEL p", "SET p y"],
    ["GET p", "SET p y", "DEL p"],
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["SWAPDB 0 1", "SWAPDB 0 1"],
    ["RENAME s p"],
    ["RENAME p s"],
    ["COPY s p"],
    ["COPY s p REPLACE"],
    ["MOVE p 1"],
    ["SCAN 0 COUNT 100"].map((call) => `${call} MATCH none`),
  ].flatMap((changes) => [
    "FLUSHALL",
    "SET s text",
    "SET p x PX 1",
    LATER,
    on("w", "WATCH p"),
    ...changes,
    on("w", "MULTI"),
    echo(changes),
    on("w", "EXEC"),
  ]),
  "DEBUG SET-ACTIVE-EXPIRE 1",
  "FLUSHALL",
  atOnce("SET p x PX 20", "WATCH p"),
  { until: "DBSIZE", is: ":0\r\n" },
  on("w", "MULTI"),
  on("w", "PING"),
  on("w", "EXEC"),
]);

oracleTest("what is stamped in it", [
  // All of a transaction sees one time.
  "MULTI",
  "SET p x PX 1",
  "DEBUG SLEEP 0.005",
  "GET p",
  "EXISTS p",
  "EXEC",
  "EXISTS p",
]);

oracleTest("in one write", [
  { pipe: ["MULTI", "SET a 1", "INCR a", "EXEC", "GET a"] },
  { pipe: ["WATCH a", "SET a 1", "MULTI", "INCR a", "EXEC", "GET a"] },
  { pipe: ["MULTI", "nothing", "INCR a", "EXEC", "GET a"] },
  { pipe: ["MULTI", ...Array.from({ length: 500 }, () => "INCR a"), "EXEC"] },
  { pipe: [["MULTI"], ["SET", "big", "x".repeat(200000)], ["STRLEN", "big"], ["EXEC"]] },
  { pipe: [["MULTI"], ["SET", "\x00\r\n", "\xff\x00"], ["GET", "\x00\r\n"], ["EXEC"]] },
]);

oracleTest("while writing commands are paused", [
  ...[
    ["SET a 1"],
    ["PUBLISH x y"],
    ["SPUBLISH x y"],
    ["BLPOP k 0"],
    ["MULTI", "SET a 1", "EXEC"],
    ["MULTI", "PUBLISH x y", "EXEC"],
  ].flatMap((calls): Call[] => [
    "RPUSH k a",
    ...calls.slice(0, -1).map((call) => on("a", call)),
    on("p", "CLIENT PAUSE 100000 WRITE"),
    { on: "a", waits: calls.at(-1)! },
    { on: "p", call: "CLIENT LIST ID {a.id}", as: { only: /(?:flags|cmd|multi)=\S+/g } },
    on("p", "CLIENT UNPAUSE"),
    { read: "a" },
    "DEL k",
  ]),
  on("p", "CLIENT PAUSE 100000 WRITE"),
  "MULTI",
  "GET a",
  "EXEC",
  "WATCH a",
  "UNWATCH",
  "SUBSCRIBE x",
  "UNSUBSCRIBE x",
  on("p", "CLIENT UNPAUSE"),
]);

oracleTest("out of memory", [
  "SET a 1",
  "CONFIG SET maxmemory 1",
  "MULTI",
  "GET a",
  "EXEC",
  "MULTI",
  "SET a 2",
  "EXEC",
  "CONFIG SET maxmemory 0",
  "MULTI",
  "SET a 3",
  "LPUSH k x",
  "CONFIG SET maxmemory 1",
  "CONFIG SET maxmemory 0",
  "EXEC",
  "MULTI",
  "SET a 4",
  on("b", "CONFIG SET maxmemory 1"),
  "EXEC",
  on("b", "CONFIG SET maxmemory 0"),
  "MULTI",
  "DEL a",
  "GET a",
  on("b", "CONFIG SET maxmemory 1"),
  "EXEC",
  on("b", "CONFIG SET maxmemory 0"),
  "MULTI",
  "GET a",
  on("b", "CONFIG SET maxmemory 1"),
  "DISCARD",
  "WATCH a",
  "UNWATCH",
  "BLPOP k 0.001",
  "BLMOVE k l LEFT LEFT 0.001",
  on("b", "CONFIG SET maxmemory 0"),
]);

oracleTest(
  "without a password",
  [
    "MULTI",
    "EXEC",
    "DISCARD",
    "WATCH a",
    "UNWATCH",
    "SUBSCRIBE a",
    "MONITOR",
    "BLPOP k 0",
    "PUBLISH a b",
    { call: "AUTH secret", as: "any" },
    "MULTI",
    "GET a",
    "RESET",
    "EXEC",
    "GET a",
    { call: "AUTH secret", as: "any" },
    "MULTI",
    "GET a",
    "EXEC",
  ],
  ["--requirepass", "secret"],
);

/**
 * Random calls of every data command, the same to redis-server and to StormDB. The keys are few;
 * most calls take one that usually has the right type, the others make types collide. Lists are
 * small and large, so that they cross the border of a block.
 *
 *     SEED=7 CALLS=20000 bun test tests/oracle/random      another run
 *     SEED=1 SEEDS=100 bun test tests/oracle/random        many of them
 */
import { afterAll, expect, test } from "bun:test";
import { COMMANDS } from "../../src/commands/index.ts";
import { describePair, shown } from "../harness/oracle.ts";
import { type RawClient, replyEnd } from "../harness/raw-client.ts";
import {
  anyKey,
  bit,
  bitOffset,
  COMMON,
  call,
  DATABASES,
  Dice,
  type Entry,
  EXACT_FROM_MS,
  index,
  integer,
  KEYS,
  list,
  type Maker,
  of,
  often,
  rare,
  string,
  timeout,
  usual,
  value,
  type Word,
  type Words,
} from "./random-dice.ts";
import { SORTED_SET_CALLS } from "./random-sorted-sets.ts";
import { MAX } from "./values.ts";

const set: Word = (dice) => dice.set();
const member: Word = (dice) => dice.member();
const sets = (dice: Dice) => dice.times(1, dice.chance(90) ? 3 : 7, () => dice.set());

function push(name: string): Maker {
  return call(name, (dice) => [
    dice.list(),
    ...dice.times(1, dice.chance(80) ? 8 : 80, () => dice.value()),
  ]);
}

function pop(name: string): Maker {
  return call(name, (dice) => [dice.list(), ...(dice.chance(60) ? [] : [dice.count()])]);
}

function keys(name: string): Maker {
  return call(name, (dice) => dice.times(1, 4, () => dice.key()));
}

function pairs(name: string): Maker {
  return call(name, (dice) => [
    ...dice.times(1, 3, () => [dice.string(), dice.value()]).flat(),
    ...(dice.chance(2) ? ["odd"] : []),
  ]);
}

/** Redis keeps what is set with an expiry in the past until somebody looks. */
function looking(make: Maker): Maker {
  return (dice) => make(dice).flatMap((words) => [words, ["EXISTS", words[1]!]]);
}

function expire(name: string, time: Word): Maker {
  return call(name, (dice) => [dice.key(), time(dice), ...dice.condition()]);
}

/** A call that must not have to wait: in a transaction, or its first key has just got an element. */
function waiting(firstKey: number, make: Maker): Maker {
  return (dice) => {
    const calls = make(dice);
    if (dice.chance(50)) return [["MULTI"], ...calls, ["EXEC"]];
    return calls.flatMap((words) => [["RPUSH", words[firstKey]!, dice.value()], words]);
  };
}

function blockingPop(name: string): Maker {
  return waiting(
    1,
    call(name, (dice) => [...dice.times(1, 3, () => dice.list()), timeout(dice)]),
  );
}

/** Calls between MULTI and EXEC; often keys are watched, which the calls in between may change. */
const transaction: Maker = (dice) => {
  const calls = (high: number) => dice.times(0, high, () => dice.pick(DRAWN)(dice)).flat();
  const watched = dice.chance(50) ? [["WATCH", ...dice.times(1, 3, () => dice.key())]] : [];
  const between = watched.length > 0 ? calls(2) : [];
  const last = dice.chance(92) ? "EXEC" : dice.pick(["DISCARD", "EXEC x", "UNWATCH"]);
  const wrong = dice.chance(4)
    ? [dice.pick([["GET"], ["nothing"], ["WATCH", "k"], ["MULTI"]])]
    : [];
  return [...watched, ...between, ["MULTI"], ...calls(6), ...wrong, last.split(" "), ["DISCARD"]];
};

const TABLE: Readonly<Record<string, Entry>> = {
  set: often(
    looking(
      call("SET", (dice) => [
        ...(dice.chance(50)
          ? [dice.key("integer"), dice.integer()]
          : [dice.string(), dice.value()]),
        ...dice.options(
          () => [dice.pick(["NX", "XX"])],
          () => ["GET"],
          () => (dice.chance(60) ? ["KEEPTTL"] : dice.expiration()),
        ),
      ]),
    ),
  ),
  get: usual(of("GET", string)),
  getdel: rare(of("GETDEL", string)),
  getex: usual(
    call("GETEX", (dice) => [
      dice.string(),
      ...dice.options(() => (dice.chance(40) ? ["PERSIST"] : dice.expiration())),
    ]),
  ),
  getset: rare(of("GETSET", string, value)),
  setnx: usual(of("SETNX", anyKey, value)),
  setex: rare(of("SETEX", string, (dice) => dice.seconds(), value)),
  psetex: rare(of("PSETEX", string, (dice) => dice.milliseconds(), value)),
  mset: usual(pairs("MSET")),
  msetnx: usual(pairs("MSETNX")),
  mget: usual(keys("MGET")),
  append: often(of("APPEND", string, value)),
  strlen: usual(of("STRLEN", string)),
  getrange: usual(of("GETRANGE", string, index, index)),
  substr: rare(of("SUBSTR", string, index, index)),
  setrange: usual(
    of("SETRANGE", string, (dice) => (dice.chance(95) ? String(dice.int(-1, 300)) : "9000"), value),
  ),
  incr: usual(of("INCR", integer)),
  decr: usual(of("DECR", integer)),
  incrby: usual(of("INCRBY", integer, (dice) => dice.integer())),
  decrby: usual(of("DECRBY", integer, (dice) => dice.integer())),
  incrbyfloat: often(
    of(
      "INCRBYFLOAT",
      (dice) => dice.key("float"),
      (dice) => dice.float(),
    ),
  ),
  setbit: often(of("SETBIT", string, bitOffset, bit)),
  getbit: usual(of("GETBIT", string, bitOffset)),
  bitcount: usual(call("BITCOUNT", (dice) => [dice.string(), ...dice.bitRange()])),
  bitpos: usual(call("BITPOS", (dice) => [dice.string(), dice.bit(), ...dice.bitRange()])),
  bitop: usual(
    call("BITOP", (dice) => [
      dice.pick(["AND", "OR", "XOR", "NOT"]),
      ...dice.times(2, 5, () => dice.string()),
    ]),
  ),
  bitfield: often(
    call("BITFIELD", (dice) => [
      dice.string(),
      ...dice
        .times(1, 4, () => {
          if (dice.chance(30)) return ["GET", ...dice.field()];
          if (dice.chance(20)) return ["OVERFLOW", dice.pick(["WRAP", "FAIL"])];
          return [dice.pick(["SET", "INCRBY"]), ...dice.field(), dice.integer()];
        })
        .flat(),
    ]),
  ),
  bitfield_ro: rare(call("BITFIELD_RO", (dice) => [dice.string(), "GET", ...dice.field()])),
  pfadd: often(
    call("PFADD", (dice) => [
      dice.key("hyperloglog"),
      ...dice.times(0, dice.chance(90) ? 5 : 400, () => String(dice.int(0, 9999))),
    ]),
  ),
  pfcount: usual(call("PFCOUNT", (dice) => dice.times(1, 3, () => dice.key("hyperloglog")))),
  pfmerge: rare(call("PFMERGE", (dice) => dice.times(1, 3, () => dice.key("hyperloglog")))),
  pfdebug: rare(
    call("PFDEBUG", (dice) => [
      dice.pick(["GETREG", "DECODE", "ENCODING", "ENCODING", "TODENSE"]),
      dice.key("hyperloglog"),
    ]),
  ),
  // Of short strings only: it takes time and memory that grow with their product.
  lcs: usual((dice) => [
    ["SET", "a", dice.pick(COMMON).repeat(dice.int(0, 10)) + dice.pick(COMMON)],
    ["SET", "b", dice.pick(COMMON) + dice.pick(COMMON).repeat(dice.int(0, 10))],
    [
      "LCS",
      dice.pick(["a", "b"]),
      dice.pick(["a", "b", "none"]),
      ...dice.options(
        () => ["LEN"],
        () => ["IDX"],
        () => ["MINMATCHLEN", dice.count()],
        () => ["WITHMATCHLEN"],
      ),
    ],
  ]),
  lpush: often(push("LPUSH")),
  rpush: often(push("RPUSH")),
  lpushx: usual(push("LPUSHX")),
  rpushx: usual(push("RPUSHX")),
  lpop: usual(pop("LPOP")),
  rpop: usual(pop("RPOP")),
  lrange: often(of("LRANGE", list, index, index)),
  llen: usual(of("LLEN", list)),
  lindex: usual(of("LINDEX", list, index)),
  lset: often(of("LSET", list, index, value)),
  linsert: often(
    of(
      "LINSERT",
      list,
      (dice) => (dice.chance(98) ? dice.pick(["BEFORE", "AFTER"]) : ""),
      value,
      value,
    ),
  ),
  lrem: usual(
    of("LREM", list, (dice) => (dice.chance(90) ? String(dice.int(-3, 3)) : dice.index()), value),
  ),
  // Mostly near the ends, or lists would never grow large.
  ltrim: usual(
    call("LTRIM", (dice) =>
      dice.chance(90)
        ? [dice.list(), String(dice.int(0, 4)), String(dice.int(-5, -1))]
        : [dice.list(), dice.index(), dice.index()],
    ),
  ),
  lpos: often(
    call("LPOS", (dice) => [
      dice.list(),
      dice.value(),
      ...dice.options(
        () => ["RANK", dice.chance(90) ? String(dice.int(-3, 3)) : MAX],
        () => ["COUNT", dice.count()],
        () => ["MAXLEN", dice.count()],
      ),
    ]),
  ),
  lmove: often(call("LMOVE", (dice) => [dice.list(), dice.list(), dice.end(), dice.end()])),
  rpoplpush: usual(of("RPOPLPUSH", list, list)),
  lmpop: usual(
    call("LMPOP", (dice) => {
      const names = dice.times(1, 3, () => dice.list());
      const count = dice.chance(95) ? String(names.length) : dice.count();
      return [count, ...names, dice.end(), ...dice.options(() => ["COUNT", dice.count()])];
    }),
  ),
  blpop: usual(blockingPop("BLPOP")),
  brpop: usual(blockingPop("BRPOP")),
  blmove: usual(
    waiting(
      1,
      of(
        "BLMOVE",
        list,
        list,
        (dice) => dice.end(),
        (dice) => dice.end(),
        timeout,
      ),
    ),
  ),
  brpoplpush: rare(waiting(1, of("BRPOPLPUSH", list, list, timeout))),
  blmpop: usual(
    waiting(
      3,
      call("BLMPOP", (dice) => {
        const names = dice.times(1, 3, () => dice.list());
        const count = dice.chance(95) ? String(names.length) : dice.count();
        const options = dice.options(() => ["COUNT", dice.count()]);
        return [timeout(dice), count, ...names, dice.end(), ...options];
      }),
    ),
  ),
  ...SORTED_SET_CALLS,
  sadd: often(
    call("SADD", (dice) => [
      dice.set(),
      ...dice.times(1, dice.chance(85) ? 6 : 150, () => dice.member()),
    ]),
  ),
  srem: usual(call("SREM", (dice) => [dice.set(), ...dice.times(1, 6, () => dice.member())])),
  smembers: usual(of("SMEMBERS", set)),
  sismember: usual(of("SISMEMBER", set, member)),
  smismember: rare(
    call("SMISMEMBER", (dice) => [dice.set(), ...dice.times(1, 6, () => dice.member())]),
  ),
  scard: usual(of("SCARD", set)),
  smove: usual(of("SMOVE", set, set, member)),
  // All of the set, or nothing: what else is taken is a matter of chance.
  spop: rare(of("SPOP", set, (dice) => dice.pick(["0", "100000", "-1", "x"]))),
  srandmember: usual(
    call("SRANDMEMBER", (dice) => [dice.set(), ...(dice.chance(30) ? [] : [dice.index()])]),
  ),
  sinter: usual(call("SINTER", sets)),
  sunion: usual(call("SUNION", sets)),
  sdiff: usual(call("SDIFF", sets)),
  sinterstore: usual(call("SINTERSTORE", (dice) => [dice.set(), ...sets(dice)])),
  sunionstore: rare(call("SUNIONSTORE", (dice) => [dice.set(), ...sets(dice)])),
  sdiffstore: usual(call("SDIFFSTORE", (dice) => [dice.set(), ...sets(dice)])),
  sintercard: usual(
    call("SINTERCARD", (dice) => {
      const names = sets(dice);
      const count = dice.chance(95) ? String(names.length) : dice.count();
      return [count, ...names, ...dice.options(() => ["LIMIT", dice.count()])];
    }),
  ),
  sscan: rare(
    call("SSCAN", (dice) => [
      dice.set(),
      "0",
      "COUNT",
      "100000",
      ...dice.options(() => ["MATCH", dice.pick(["*", "m*", "[0-9]*", "-?"])]),
    ]),
  ),
  multi: usual((dice) => transaction(dice)),
  del: rare(keys("DEL")),
  unlink: rare(keys("UNLINK")),
  exists: usual(keys("EXISTS")),
  touch: rare(keys("TOUCH")),
  type: usual(of("TYPE", anyKey)),
  keys: rare(of("KEYS", (dice) => dice.pick(["*", "?", "[a-c]", "[^a]*", "", "\\a"]))),
  scan: rare(
    call("SCAN", (dice) => [
      "0",
      "COUNT",
      "1000",
      ...dice.options(
        () => ["MATCH", dice.pick(["*", "?", "[a-c]"])],
        () => ["TYPE", dice.pick(["string", "list", "set", "zset", "foo"])],
      ),
    ]),
  ),
  randomkey: rare(of("RANDOMKEY")),
  rename: usual(
    call("RENAME", (dice) =>
      dice.pick([
        [dice.list(), dice.list()],
        [dice.string(), dice.string()],
        [dice.zset(), dice.zset()],
      ]),
    ),
  ),
  renamenx: usual(of("RENAMENX", anyKey, anyKey)),
  copy: often(
    call("COPY", (dice) => [
      ...dice.pick([
        [dice.list(), dice.list()],
        [dice.string(), dice.string()],
        [dice.zset(), dice.zset()],
      ]),
      ...dice.options(
        () => ["DB", dice.chance(95) ? dice.pick(DATABASES) : "99"],
        () => ["REPLACE"],
      ),
    ]),
  ),
  move: rare(of("MOVE", anyKey, (dice) => (dice.chance(95) ? dice.pick(DATABASES) : "x"))),
  "object|encoding": usual(call("OBJECT", (dice) => ["ENCODING", dice.key()])),
  "object|refcount": rare(call("OBJECT", (dice) => ["REFCOUNT", dice.key()])),
  "object|freq": rare(call("OBJECT", (dice) => ["FREQ", dice.key()])),
  "object|idletime": rare(call("OBJECT", (dice) => ["IDLETIME", dice.key()])),
  select: rare(of("SELECT", (dice) => dice.pick(DATABASES))),
  swapdb: rare(
    of(
      "SWAPDB",
      (dice) => dice.pick(DATABASES),
      (dice) => dice.pick(DATABASES),
    ),
  ),
  dbsize: rare(of("DBSIZE")),
  // Nearly never, or nothing would ever grow large.
  flushdb: rare((dice) => (dice.chance(10) ? [["FLUSHDB", ...dice.options(() => ["ASYNC"])]] : [])),
  flushall: rare((dice) =>
    dice.chance(10) ? [["FLUSHALL", ...dice.options(() => ["SYNC"])]] : [],
  ),
  expire: usual(expire("EXPIRE", (dice) => dice.seconds())),
  pexpire: rare(expire("PEXPIRE", (dice) => dice.milliseconds())),
  expireat: often(expire("EXPIREAT", (dice) => dice.laterSeconds())),
  pexpireat: often(expire("PEXPIREAT", (dice) => dice.laterMilliseconds())),
  ttl: usual(of("TTL", anyKey)),
  pttl: rare(of("PTTL", anyKey)),
  expiretime: usual(of("EXPIRETIME", anyKey)),
  pexpiretime: usual(of("PEXPIRETIME", anyKey)),
  persist: usual(of("PERSIST", anyKey)),
  "memory|usage": rare(call("MEMORY", (dice) => ["USAGE", dice.key()])),
  debug: usual(call("DEBUG", () => ["DIGEST-VALUE", ...KEYS])),
  "config|set": rare(
    call("CONFIG", (dice) => [
      "SET",
      "list-max-listpack-size",
      dice.pick(["-2", "-1", "4", "128"]),
      "zset-max-listpack-entries",
      dice.pick(["0", "8", "128", "128"]),
    ]),
  ),
};

/** Data commands that are not drawn. */
const NOT_DRAWN: Readonly<Record<string, string>> = {
  dump: "the payload tells the version of the format, which Redis 7.2 has raised",
  restore: "it takes what DUMP returns",
  sunioncard: "Redis has it since 8.10",
  sdiffcard: "Redis has it since 8.10",
  wait: "it waits for replicas, of which there are none",
  pfselftest: "it is about no data",
  sort: "its results of equal weights follow another order in sets; sort.test.ts compares it",
  sort_ro: "as SORT",
  ...Object.fromEntries(
    ["digest", "delex", "delifeq", "msetex", "increx"].map((name) => [
      name,
      "redis-server 7.0 does not have it",
    ]),
  ),
};

/** Container of the subcommands that are data commands; the rest of the table is by full name. */
const CONTAINERS = ["object", "memory"];

const DRAWN: readonly Maker[] = Object.values(TABLE).flatMap(({ make, weight }) =>
  Array.from({ length: weight }, () => make),
);

/** Commands whose reply has an order of the server's own. */
const UNORDERED = [
  "KEYS",
  "SCAN",
  "SMEMBERS",
  "SPOP",
  "SINTER",
  "SUNION",
  "SDIFF",
  "SSCAN",
  "ZSCAN",
];
/** Since 7.2 small lists and sets are listpacks, in 7.0 quicklists and hashtables. */
const FORMS_OF_70 = /^\$\d\r\n(listpack|quicklist|hashtable)\r\n$/;

/** What of a reply must be equal; the rest depends on the clock, on chance or on the version. */
function comparable(words: Words, reply: string): string {
  const name = words[0]!;
  if (UNORDERED.includes(name)) return reply.split("\r\n").sort().join("|");
  // So is which members are drawn.
  if (name === "SRANDMEMBER") return reply.replace(/\$\d+\r\n[\s\S]*$/, "members");
  // Only how many they are.
  if (name === "ZRANDMEMBER") return reply.startsWith("$") ? "a member" : reply.split("\r\n")[0]!;
  // Which key is a matter of chance.
  if (name === "RANDOMKEY") return /^[$_]-?1?\r\n$/.test(reply) ? reply : "a key";
  if (name === "OBJECT" && FORMS_OF_70.test(reply)) return "a form";
  const number = /^:(\d+)\r\n$/.exec(reply);
  if (number === null) return reply;
  // An integer that was copied is not shared in Redis, but only REFCOUNT tells.
  if (["MEMORY", "TTL", "PTTL", "OBJECT"].includes(name)) return "positive";
  const unitMs = name === "EXPIRETIME" ? 1000 : 1;
  const isTime = name === "EXPIRETIME" || name === "PEXPIRETIME";
  return isTime && Number(number[1]) * unitMs < EXACT_FROM_MS ? "positive" : reply;
}

/** The replies of an EXEC, each compared as that of its command. */
function comparableExec(commands: readonly Words[], reply: string): string {
  const bytes = Buffer.from(reply, "latin1");
  if (!reply.startsWith(`*${commands.length}\r\n`)) return reply;
  let at = bytes.indexOf("\r\n") + 2;
  const replies = commands.map((words) => {
    const from = at;
    at = replyEnd(bytes, from);
    return comparable(words, bytes.toString("latin1", from, at));
  });
  return replies.join(" ");
}

const BATCH = 50;
const SHOWN_BEFORE = 10;

function wordsText(words: Words): string {
  return shown(words.map((word) => JSON.stringify(word)).join(" "));
}

/** Runs `calls` calls, or throws at the first difference. */
async function run(redis: RawClient, storm: RawClient, seed: number, calls: number): Promise<void> {
  const dice = new Dice(seed);
  const done: Words[] = [];
  const fail = (step: number, what: string): never => {
    const last = done.slice(Math.max(0, step - SHOWN_BEFORE), step + 1).map(wordsText);
    throw new Error(`SEED=${seed} CALLS=${calls}, step ${step}: ${what}\n${last.join("\n")}`);
  };
  const protocol = seed % 2 === 0 ? "2" : "3";
  for (const client of [redis, storm]) {
    await client.call("FLUSHALL");
    await client.call("HELLO", protocol);
    await client.call("CONFIG", "SET", "list-max-listpack-size", "-2");
    await client.call("CONFIG", "SET", "zset-max-listpack-entries", "128");
  }
  while (done.length < calls) {
    const batch: Words[] = [];
    while (batch.length < BATCH) batch.push(...dice.pick(DRAWN)(dice));
    const from = done.length;
    done.push(...batch);
    const replies = await Promise.all(
      batch.map((words) => Promise.all([redis.call(...words), storm.call(...words)])),
    );
    /** Commands that wait for EXEC. */
    let queued: Words[] = [];
    for (const [i, [expected, got]] of replies.entries()) {
      const words = batch[i]!;
      const compared =
        words[0] === "EXEC"
          ? [expected, got].map((reply) => comparableExec(queued, reply))
          : [expected, got].map((reply) => comparable(words, reply));
      if (expected === "+QUEUED\r\n") queued.push(words);
      else if (words[0] === "EXEC" || words[0] === "DISCARD") queued = [];
      if (compared[0] === compared[1]) continue;
      fail(from + i, `${shown(expected)} from redis-server, ${shown(got)} from StormDB`);
    }
    const check = await storm.call("DEBUG", "CHECK");
    if (check !== "+OK\r\n") fail(done.length - 1, check);
    const digests = await Promise.all([redis, storm].map((c) => c.call("DEBUG", "DIGEST")));
    if (digests[0] !== digests[1]) fail(done.length - 1, "the digests differ");
  }
}

const FIRST_SEED = Number(process.env.SEED ?? 1);
const SEEDS = Number(process.env.SEEDS ?? (process.env.SEED === undefined ? 8 : 1));
const CALLS = Number(process.env.CALLS ?? 2500);

describePair("random calls", (pair) => {
  const clients: RawClient[] = [];
  afterAll(() => {
    for (const client of clients) client.close();
  });

  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    test(`seed ${seed}`, async () => {
      if (clients.length === 0) {
        const { redis, storm } = await pair();
        clients.push(await redis.connect(), await storm.connect());
      }
      await run(clients[0]!, clients[1]!, seed, CALLS);
    });
  }
});

test("every data command is drawn", () => {
  const wanted = COMMANDS.flatMap((spec) => {
    if (CONTAINERS.includes(spec.name)) {
      const data = spec.subcommands!.filter((sub) => sub.keys !== undefined);
      return data.map((sub) => `${spec.name}|${sub.name}`);
    }
    const groups = ["string", "list", "set", "bitmap", "hyperloglog", "sorted-set", "generic"];
    return groups.includes(spec.group) ? [spec.name] : [];
  });
  const drawn = [...Object.keys(TABLE), ...Object.keys(NOT_DRAWN)];
  expect(wanted.filter((name) => !drawn.includes(name))).toEqual([]);
});

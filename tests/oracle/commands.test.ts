/**
 * The command entries against the real redis-server: what COMMAND tells of each, how many
 * arguments each takes, and that each is exercised by some script here.
 */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../src/commands/index.ts";
import type { CommandSpec } from "../../src/commands/spec/command.ts";
import { type Argument, parseSyntax } from "../../src/commands/spec/syntax.ts";
import { type Call, describePair, oracleTest } from "../harness/oracle.ts";
import { startStormdb } from "../harness/processes.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { parseValue, type Value } from "../harness/reply-value.ts";

type Fields = { [name: string]: Value };

/** Every entry by its full name. */
const ENTRIES: readonly (readonly [string, CommandSpec])[] = COMMANDS.flatMap((spec) => [
  [spec.name, spec] as const,
  ...(spec.subcommands ?? []).map((sub) => [`${spec.name}|${sub.name}`, sub] as const),
]);

/** Redis has these since 7.2 or later, or Valkey has them. */
const SINCE_72 = [
  ...["client|setinfo", "client|no-touch"],
  ...["digest", "delex", "delifeq", "msetex", "increx", "sunioncard", "sdiffcard"],
  ...[
    "hexpire",
    "hpexpire",
    "hexpireat",
    "hpexpireat",
    "httl",
    "hpttl",
    "hexpiretime",
    "hpexpiretime",
    "hpersist",
    "hgetdel",
    "hgetex",
    "hsetex",
  ],
];

const ALL_NODES = { set: ["request_policy:all_nodes", "response_policy:all_succeeded"] };
/** Since 7.2 a command without arguments may be asked for its keys. */
const GETKEYS = { arity: -3 };

/** Since 7.2 ZRANK takes WITHSCORE. */
const WITH_SCORE = { arity: -3 };

/** What Redis 7.2 says otherwise than 7.0. */
const INFO_72: Readonly<Record<string, Fields>> = {
  "config|resetstat": { tips: ALL_NODES },
  "config|rewrite": { tips: ALL_NODES },
  "command|getkeys": GETKEYS,
  "command|getkeysandflags": GETKEYS,
  zrank: WITH_SCORE,
  zrevrank: WITH_SCORE,
};

const INFO_FIELDS = [
  "name",
  "arity",
  "flags",
  "firstKey",
  "lastKey",
  "step",
  "categories",
  "tips",
  "keySpecs",
] as const;

function fieldsOfInfo(info: Value): Fields | null {
  if (!Array.isArray(info)) return null;
  return Object.fromEntries(INFO_FIELDS.map((name, i) => [name, info[i]!]));
}

const GEO_NAMES = {
  count: "count-block",
  "COUNT count": "count",
  "FROMLONLAT longitude_latitude": "fromlonlat",
};

const SORT_NAMES = {
  "BY pattern": "by-pattern",
  "LIMIT offset_count": "limit",
  "GET pattern": "get-pattern",
};

/** Argument names that Redis 7.2 changed, by command: the new name by the old one. */
const NAMES_72: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  lcs: { "MINMATCHLEN len": "min-match-len" },
  hello: { username_password: "auth" },
  "client|list": { normal_master_replica_pubsub: "client-type" },
  "client|kill": {
    "ip:port": "old-format",
    normal_master_slave_pubsub: "client-type",
    "ADDR ip:port": "addr",
    "LADDR ip:port": "laddr",
  },
  "client|reply": { on_off_skip: "action" },
  shutdown: { nosave_save: "save-selector" },
  "config|set": { parameter_value: "data" },
  bitcount: { index: "range", index_unit: "unit" },
  bitpos: { index: "range", end_index: "end-unit-block", index_unit: "unit" },
  bitfield: {
    "GET encoding_offset": "get-block",
    "OVERFLOW wrap_sat_fail": "overflow-block",
    write_operation: "write-operation",
    "SET encoding_offset_value": "set-block",
    "INCRBY encoding_offset_increment": "incrby-block",
  },
  bitfield_ro: { "GET encoding_offset": "get-block" },
  geoadd: { longitude_latitude_member: "data" },
  hmset: { field_value: "data" },
  hset: { field_value: "data" },
  sort: SORT_NAMES,
  sort_ro: SORT_NAMES,
  geosearch: GEO_NAMES,
  geosearchstore: GEO_NAMES,
  georadius: GEO_NAMES,
  georadius_ro: GEO_NAMES,
  georadiusbymember: GEO_NAMES,
  georadiusbymember_ro: GEO_NAMES,
};

/** A choice of words, with the one that Redis 8.8 has added. */
const withCount = (argument: Fields): Fields => ({
  ...argument,
  arguments: [
    ...(argument.arguments as Fields[]),
    { name: "count", type: "pure-token", token: "COUNT" },
  ],
});

function mayBeMissing(argument: Fields): Fields {
  return { ...argument, flags: { set: ["multiple", "optional"] } };
}

/** STORE and STOREDIST are a choice. */
function eitherStore(argument: Fields): Fields {
  const key = (name: string, token: string, spec: number) => ({
    name,
    type: "key",
    token,
    key_spec_index: spec,
  });
  return {
    name: "store",
    type: "oneof",
    flags: argument.flags!,
    arguments: [key("storekey", "STORE", 1), key("storedistkey", "STOREDIST", 2)],
  };
}

/** Valkey has had polygons since 9.0. */
function withPolygon(argument: Fields): Fields {
  const corners: Fields = {
    name: "vertex",
    type: "block",
    flags: { set: ["multiple"] },
    arguments: ["longitude", "latitude"].map((name) => ({ name, type: "double" })),
  };
  const count: Fields = { name: "num-vertices", type: "integer", token: "BYPOLYGON" };
  const polygon: Fields = { name: "polygon", type: "block", arguments: [count, corners] };
  return { ...argument, arguments: [...(argument.arguments as Fields[]), polygon] };
}

/** Arguments that Redis 7.2 describes otherwise: none or another one in place of each. */
const ARGUMENTS_72: Readonly<Record<string, (argument: Fields) => Fields | Fields[]>> = {
  "geohash member": mayBeMissing,
  "geopos member": mayBeMissing,
  "geosearch by": withPolygon,
  "geosearchstore by": withPolygon,
  "georadius STORE key": eitherStore,
  "georadius STOREDIST key": () => [],
  "georadiusbymember STORE key": eitherStore,
  "georadiusbymember STOREDIST key": () => [],
  // A choice of two words, no free text.
  "client|kill SKIPME yes/no": ({ type: _, ...argument }) => ({
    ...argument,
    name: "skipme",
    type: "oneof",
    arguments: ["YES", "NO"].map((token) => ({
      name: token.toLowerCase(),
      type: "pure-token",
      token,
    })),
  }),
  // A choice of words, with those that Redis 8.2 has added.
  "bitop operation": ({ type: _, ...argument }) => ({
    ...argument,
    type: "oneof",
    arguments: ["AND", "OR", "XOR", "NOT", "DIFF", "DIFF1", "ANDOR", "ONE"].map((token) => ({
      name: token.toLowerCase(),
      type: "pure-token",
      token,
    })),
  }),
  // The destination alone is enough.
  "pfmerge sourcekey": (argument) => ({ ...argument, flags: { set: ["multiple", "optional"] } }),
  // The comparisons of 8.4.
  "set condition": ({ arguments: items, ...argument }) => ({
    ...argument,
    arguments: [
      ...(items as Fields[]),
      ...["ifeq-value", "ifne-value", "ifdeq-digest", "ifdne-digest"].map((name) => ({
        name,
        type: "string",
        token: name.split("-")[0]!.toUpperCase(),
      })),
    ],
  }),
  ...Object.fromEntries(
    ["zunion", "zinter", "zunionstore", "zinterstore"].map((name) => [
      `${name} AGGREGATE aggregate`,
      withCount,
    ]),
  ),
  // No block around it.
  "client|list ID id": (argument) => ({
    ...(argument.arguments as Fields[])[0],
    token: "ID",
    flags: { set: ["multiple", "optional"] },
  }),
};

const GETKEYS_ARGUMENTS: Value = [
  { name: "command", type: "string" },
  { name: "arg", type: "string", flags: { set: ["multiple", "optional"] } },
];

const RANK_ARGUMENTS: Value = [
  { name: "key", type: "key", key_spec_index: 0 },
  { name: "member", type: "string" },
  { name: "withscore", type: "pure-token", token: "WITHSCORE", flags: { set: ["optional"] } },
];

/** HSCAN takes NOVALUES since Redis 7.4. */
const HSCAN_ARGUMENTS: Value = [
  { name: "key", type: "key", key_spec_index: 0 },
  { name: "cursor", type: "integer" },
  { name: "pattern", type: "pattern", token: "MATCH", flags: { set: ["optional"] } },
  { name: "count", type: "integer", token: "COUNT", flags: { set: ["optional"] } },
  { name: "novalues", type: "pure-token", token: "NOVALUES", flags: { set: ["optional"] } },
];

/** What Redis 7.2 documents and 7.0 does not: uses that are no longer recommended, and arguments. */
const DOCS_72: Readonly<Record<string, Fields>> = {
  setnx: deprecated("2.6.12", "`SET` with the `NX` argument"),
  setex: deprecated("2.6.12", "`SET` with the `EX` argument"),
  psetex: deprecated("2.6.12", "`SET` with the `PX` argument"),
  quit: deprecated("7.2.0", "just closing the connection"),
  "command|getkeys": { arguments: GETKEYS_ARGUMENTS },
  "command|getkeysandflags": { arguments: GETKEYS_ARGUMENTS },
  hscan: { arguments: HSCAN_ARGUMENTS },
  zrank: { arguments: RANK_ARGUMENTS },
  zrevrank: { arguments: RANK_ARGUMENTS },
};

function deprecated(since: string, replacement: string): Fields {
  return { doc_flags: { set: ["deprecated"] }, deprecated_since: since, replaced_by: replacement };
}

const DOCS_FIELDS = ["since", "group", "doc_flags", "deprecated_since", "replaced_by"];

/** The documented arguments as far as they are compared, in the words of Redis 7.2. */
function argumentsOf(command: string, items: Value | undefined, isRedis: boolean): Value[] {
  return ((items ?? []) as Fields[]).flatMap((item) => {
    const argument: Fields = {};
    for (const field of ["name", "type", "token", "flags", "key_spec_index"]) {
      if (item[field] !== undefined) argument[field] = item[field];
    }
    if (item.arguments !== undefined) {
      argument.arguments = argumentsOf(command, item.arguments, isRedis);
    }
    if (!isRedis) return argument;
    const names = NAMES_72[command] ?? {};
    const name = [item.token, item.name].filter((word) => word !== undefined).join(" ");
    const changed = names[name] ?? names[String(item.name)];
    if (changed !== undefined) argument.name = changed;
    return ARGUMENTS_72[`${command} ${name}`]?.(argument) ?? argument;
  });
}

describePair("what COMMAND tells", (pair) => {
  let clients: readonly RawClient[] | undefined;

  /** The replies of redis-server and of StormDB. */
  const ask = async (...args: string[]): Promise<readonly Value[]> => {
    if (clients === undefined) {
      const { redis, storm } = await pair();
      clients = [await redis.connect(), await storm.connect()];
      for (const client of clients) await client.call("HELLO", "3");
    }
    return Promise.all(clients.map(async (client) => parseValue(await client.call(...args))));
  };

  for (const [name] of ENTRIES) {
    test(`INFO ${name}`, async () => {
      const [redis, storm] = await ask("COMMAND", "INFO", name);
      const expected = fieldsOfInfo((redis as Value[])[0]!);
      const got = fieldsOfInfo((storm as Value[])[0]!);
      if (SINCE_72.includes(name)) {
        expect([expected, got?.name]).toEqual([null, name]);
        return;
      }
      const changes = INFO_72[name] ?? {};
      for (const [field, value] of Object.entries(changes)) {
        expect(expected?.[field]).not.toEqual(value);
      }
      expect(got).toEqual({ ...expected, ...changes });
    });

    if (SINCE_72.includes(name)) continue;
    test(`DOCS ${name}`, async () => {
      const [redis, storm] = (await ask("COMMAND", "DOCS", name)) as Fields[];
      const [expected, got] = [redis!, storm!].map((docs, i) => {
        const all = docs[name] as Fields;
        const compared: Fields = { arguments: argumentsOf(name, all.arguments, i === 0) };
        for (const field of DOCS_FIELDS) {
          if (all[field] !== undefined) compared[field] = all[field];
        }
        return compared;
      });
      const changes = DOCS_72[name] ?? {};
      for (const [field, value] of Object.entries(changes)) {
        expect(expected![field]).not.toEqual(value);
      }
      expect(got).toEqual({ ...expected, ...changes });
    });
  }

  test("subcommands within their container are told as by themselves", async () => {
    for (const { name, subcommands } of COMMANDS) {
      const [, storm] = await ask("COMMAND", "INFO", name);
      const [, docs] = await ask("COMMAND", "DOCS", name);
      const inInfo = ((storm as Value[])[0] as Value[])[9] as Value[];
      const inDocs = ((docs as Fields)[name] as Fields).subcommands ?? {};
      expect(inInfo.length).toEqual(subcommands?.length ?? 0);
      for (const [i, sub] of (subcommands ?? []).entries()) {
        const full = `${name}|${sub.name}`;
        const [, alone] = await ask("COMMAND", "INFO", full);
        const [, docsAlone] = await ask("COMMAND", "DOCS", full);
        expect(inInfo[i]).toEqual((alone as Value[])[0]!);
        expect((inDocs as Fields)[full]).toEqual((docsAlone as Fields)[full]!);
      }
    }
  });

  // Without a cluster even its HELP is refused.
  const containers = COMMANDS.filter(
    ({ name, subcommands }) => subcommands !== undefined && name !== "cluster",
  );
  test.each([...containers.map((spec) => spec.name), "debug"])(
    "HELP of %s begins and ends alike and names every subcommand",
    async (name) => {
      const [redis, storm] = (await ask(name.toUpperCase(), "help")) as string[][];
      const frame = (lines: string[]) => [lines[0], ...lines.slice(-2)];
      expect(frame(storm!)).toEqual(frame(redis!));
      // A line with the usage, and below it one that explains.
      const usages = storm!.slice(1).filter((line) => !line.startsWith(" "));
      const subs = COMMANDS.find((spec) => spec.name === name)!.subcommands ?? [];
      for (const sub of subs) {
        const word = sub.name.toUpperCase();
        expect(usages.filter((usage) => usage.split(" ")[0] === word)).toHaveLength(1);
      }
    },
  );

  test("COUNT, LIST, INFO and COMMAND itself are of the same commands", async () => {
    const names = COMMANDS.map((spec) => spec.name).sort();
    const [, count] = await ask("COMMAND", "COUNT");
    const [, list] = await ask("COMMAND", "LIST");
    const [, info] = await ask("COMMAND", "INFO");
    const [, all] = await ask("COMMAND");
    const [, docs] = await ask("COMMAND", "DOCS");
    expect(count).toEqual(names.length);
    expect((list as string[]).toSorted()).toEqual(ENTRIES.map(([name]) => name).sort());
    expect((info as Value[][]).map((command) => command[0]).sort()).toEqual(names);
    expect(all).toEqual(info!);
    expect(Object.keys(docs as Fields).sort()).toEqual(names);
  });

  const FILTERS = [
    ["MODULE", "nothing"],
    ["ACLCAT", "list"],
    ["ACLCAT", "string"],
    ["ACLCAT", "hash"],
    ["ACLCAT", "bitmap"],
    ["ACLCAT", "hyperloglog"],
    ["ACLCAT", "DANGEROUS"],
    ["ACLCAT", "keyspace"],
    ["ACLCAT", "connection"],
    ["ACLCAT", "admin"],
    ["ACLCAT", "nothing"],
    ["ACLCAT", "@list"],
    ["PATTERN", "l*"],
    ["PATTERN", "*SET*"],
    ["PATTERN", "config|*"],
    ["PATTERN", "get"],
    ["PATTERN", "nothing"],
    ["pattern", "?et"],
  ];
  test.each(FILTERS)("LIST FILTERBY %s %s", async (kind, value) => {
    const [redis, storm] = await ask("COMMAND", "LIST", "FILTERBY", kind!, value!);
    const ours = ENTRIES.map(([name]) => name);
    const expected = (redis as string[]).filter((name) => ours.includes(name));
    const got = (storm as string[]).filter((name) => !SINCE_72.includes(name));
    expect(got.sort()).toEqual(expected.sort());
  });
});

oracleTest("COMMAND: keys and errors", [
  ...[
    "SET a b",
    "SET a b GET",
    "SET a b NX get EX 10",
    "set a b gEt",
    "GET a",
    "GET a b",
    "MGET a b c",
    "MSET a 1 b 2",
    "MSET a 1 b",
    "MSET a",
    "MSETNX a 1 b 2 c 3",
    "DEL a b a",
    "EXISTS a b",
    "RENAME a b",
    "COPY a b",
    "COPY a b DB 1 REPLACE",
    "LCS a b LEN",
    "LCS a b IDX MINMATCHLEN 4",
    "LMOVE a b LEFT RIGHT",
    "RPOPLPUSH a b",
    "LMPOP 2 a b LEFT",
    "LMPOP 1 a b LEFT",
    "LMPOP 3 a b LEFT",
    "LMPOP 4 a b LEFT",
    "LMPOP 0 a LEFT",
    "LMPOP -1 a LEFT",
    "LMPOP x a LEFT",
    'LMPOP "" a LEFT',
    "LMPOP 99999999999999999999 a LEFT",
    "LMPOP 2147483648 a LEFT",
    "OBJECT ENCODING a",
    "OBJECT FOO a",
    "OBJECT HELP",
    "MEMORY USAGE a SAMPLES 5",
    "EXPIRE a 10 NX",
    "GETEX a PERSIST",
    "PING a",
    "ECHO a",
    "SCAN 0",
    "KEYS a",
    "FLUSHALL x",
    "CONFIG GET a",
    "CONFIG FOO a",
    "CLIENT LIST x",
    "nothing a",
    '"" a',
    "SELECT 1",
    'GET "\\x00\\xff"',
    'SET "" ""',
    "SET get 1",
    "SET a get",
    "SET a 1 get",
  ].flatMap((line) => [`COMMAND GETKEYS ${line}`, `COMMAND GETKEYSANDFLAGS ${line}`]),
  ...["GETKEYS", "GETKEYSANDFLAGS"].flatMap((sub): Call[] => {
    // Redis 7.2 looks at commands without arguments too.
    const wrongCount = "-ERR Invalid number of arguments specified for command\r\n";
    const noKeys = "-ERR The command has no key arguments\r\n";
    return [
      { call: `COMMAND ${sub} GET`, as: { redis72: wrongCount } },
      { call: `COMMAND ${sub} MGET`, as: { redis72: wrongCount } },
      { call: `COMMAND ${sub} PING`, as: { redis72: noKeys } },
      // redis-server finds GET if its random hash seed puts both names into one bucket.
      {
        call: `COMMAND ${sub} "get\\x00" a`,
        as: { redis72: "-ERR Invalid command specified\r\n" },
      },
      { call: `COMMAND ${sub} nothing`, as: { redis72: "-ERR Invalid command specified\r\n" } },
    ];
  }),
  "COMMAND GETKEYS",
  "COMMAND GETKEYSANDFLAGS",
  "COMMAND FOO",
  "COMMAND INFO nothing",
  "COMMAND INFO nothing nothing2",
  "COMMAND INFO get|nothing",
  "COMMAND INFO config|nothing",
  "COMMAND INFO config|get|x",
  'COMMAND INFO ""',
  "COMMAND INFO |",
  "COMMAND DOCS nothing",
  "COMMAND DOCS nothing get|x",
  "COMMAND LIST FILTERBY",
  "COMMAND LIST FILTERBY FOO bar",
  "COMMAND LIST FILTERBY MODULE",
  "COMMAND LIST FOO MODULE x",
  "COMMAND LIST FILTERBY MODULE x y",
  "COMMAND LIST MODULE x",
  { call: "COMMAND HELP", as: "any" },
]);

/** The fewest arguments, and whether there may be more. */
function countOf(items: readonly Argument[]): { readonly least: number; readonly more: boolean } {
  let least = 0;
  let more = false;
  for (const item of items) {
    const one = countOfOne(item);
    least += item.optional ? 0 : one.least;
    more ||= one.more || item.optional || item.multiple;
  }
  return { least, more };
}

function countOfOne(item: Argument): { readonly least: number; readonly more: boolean } {
  const token = item.token === undefined ? 0 : 1;
  if (item.type === "pure-token") return { least: 1, more: false };
  if (item.type === "block") {
    const inner = countOf(item.arguments!);
    return { least: token + inner.least, more: inner.more };
  }
  if (item.type !== "oneof") return { least: token + 1, more: false };
  const choices = item.arguments!.map(countOfOne);
  const least = Math.min(...choices.map((choice) => choice.least));
  return {
    least: token + least,
    more: choices.some((choice) => choice.more || choice.least > least),
  };
}

/** Commands that take more than they document. */
const TAKE_MORE = ["quit", "replconf", "psync"];

describe("arity and syntax say the same of", () => {
  test.each(ENTRIES.map(([name, spec]) => [name, spec] as const))("%s", (name, spec) => {
    if (spec.subcommands !== undefined || name === "debug") {
      // A container has no arguments of its own, but COMMAND works without a subcommand.
      expect(spec.arity).toEqual(name === "command" ? -1 : -2);
      return;
    }
    const { least, more } = countOf(parseSyntax(spec.syntax ?? "", 0));
    const words = name.split("|").length;
    const arity = words + least;
    expect(spec.arity).toEqual(more || TAKE_MORE.includes(name) ? -arity : arity);
  });
});

/** Arguments of a call without options: keys as given, in their order. */
function leastCall(items: readonly Argument[], keys: string[]): string[] {
  return items.flatMap((item) => {
    if (item.optional) return [];
    const words = item.token === undefined ? [] : [item.token];
    if (item.type === "pure-token") return words;
    if (item.type === "oneof") return [...words, ...leastCall([item.arguments![0]!], keys)];
    if (item.type === "block") return [...words, ...leastCall(item.arguments!, keys)];
    if (item.type === "key") return [...words, keys.shift()!];
    // Not so short that the key is gone when it is looked at.
    return [...words, item.name === "milliseconds" ? "100000" : "1"];
  });
}

/** Commands that take values of any type, or say it in words of their own. */
const TYPELESS = ["set", "setnx", "setex", "psetex", "mset", "msetnx", "mget", "lcs"];

/** The type of the values that a group's commands are about. */
const TYPES: Readonly<Record<string, string>> = {
  string: "string",
  list: "list",
  bitmap: "string",
  hyperloglog: "string",
};

/** What takes a key with a value of its type, but not just any. */
const NO_TYPES = ["pfselftest", "pfdebug"];

const TYPED = COMMANDS.filter(
  ({ group, name }) => group in TYPES && ![...NO_TYPES, ...SINCE_72].includes(name),
);

describePair("a key with a value of another type", (pair) => {
  test.each(TYPED.map((spec) => [spec.name, spec] as const))("%s", async (name, spec) => {
    const { redis, storm } = await pair();
    const items = parseSyntax(spec.syntax ?? "", 0);
    const right = TYPES[spec.group]!;
    const wrong = right === "string" ? "list" : "string";
    const replies: string[] = [];
    for (const keys of [
      [wrong, wrong],
      [wrong, "none"],
      [wrong, right],
      [right, wrong],
      ["none", wrong],
    ]) {
      const call = [name, ...leastCall(items, [...keys])];
      const [expected, got] = await Promise.all(
        [redis, storm].map(async (server) => {
          const client = await server.connect();
          await client.call("FLUSHALL");
          await client.call("SET", "string", "1");
          await client.call("RPUSH", "list", "1", "2");
          // What might wait for a key runs in a transaction, where it does not.
          const mayWait = spec.flags.split(" ").includes("blocking");
          if (mayWait) await client.call("MULTI");
          const queued = await client.call(...call);
          const reply = mayWait ? await client.call("EXEC") : queued;
          const types = await client.call("TYPE", wrong);
          client.close();
          return reply + types;
        }),
      );
      expect(`${call.join(" ")}: ${got}`).toEqual(`${call.join(" ")}: ${expected}`);
      replies.push(got!);
    }
    const refuses = /^(?:\*1\r\n)?-WRONGTYPE /.test(replies[0]!);
    expect(refuses).toEqual(!TYPELESS.includes(name));
  });
});

// Not in the script above: redis-server compares names up to a zero byte once their hashes fall into
// one bucket, and so takes this for GET in one process of some hundreds.
test("a name with a zero byte is no command's", async () => {
  await using storm = await startStormdb();
  const client = await storm.connect();
  const invalid = "-ERR Invalid command specified\r\n";
  for (const name of ["get\0", "\0get", "g\0et", "get\0get"]) {
    expect(await client.call("COMMAND", "GETKEYS", name, "a")).toEqual(invalid);
    expect(await client.call("COMMAND", "GETKEYSANDFLAGS", name, "a")).toEqual(invalid);
    expect(await client.call(name, "a")).toStartWith("-ERR unknown command");
  }
});

test("some script exercises every command", () => {
  const own = import.meta.file;
  const scripts = readdirSync(import.meta.dir)
    .filter((file) => file.endsWith(".test.ts") && file !== own && file !== "random.test.ts")
    .map((file) => readFileSync(join(import.meta.dir, file), "utf8"))
    .join("\n");
  const here = readFileSync(import.meta.path, "utf8");
  const missing = ENTRIES.map(([name]) => name).filter((name) => {
    // A line such as "CONFIG GET x", or arguments such as "CONFIG", "GET".
    const words = name.toUpperCase().split("|").join('(?: |", ")');
    const used = new RegExp(`["'\`]${words}["'\` %]`, "i");
    return !used.test(name.startsWith("command") ? here : scripts);
  });
  expect(missing).toEqual([]);
});

/** Commands about the server, compared with redis-server byte for byte. */
import { expect, test } from "bun:test";
import {
  DIRECTIVE_NAMES,
  DIRECTIVES,
  type DirectiveName,
} from "../../src/server/configuration/directives/index.ts";
import { type Call, describePair, oracleTest } from "../harness/oracle.ts";
import type { RunningServer } from "../harness/processes.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

function shape(call: string): Call {
  return { call, as: "shape" };
}

oracleTest("debug protocol", [
  ...[
    "string",
    "integer",
    "double",
    "bignum",
    "null",
    "array",
    "set",
    "map",
    "attrib",
    "verbatim",
    "true",
    "false",
    "STRING",
    "nothing",
    '""',
    '"set\\x00"',
  ].map((type) => `DEBUG PROTOCOL ${type}`),
  "DEBUG PROTOCOL",
  // In RESP3 that is a push and a reply.
  { pipe: ["DEBUG PROTOCOL push"] },
  "DEBUG PROTOCOL a b",
]);

oracleTest("debug", [
  "DEBUG",
  "DEBUG FOO",
  "DEBUG FOO a b",
  'DEBUG "fo\\x00o"',
  'DEBUG ""',
  { call: ["DEBUG", "x".repeat(200)] },
  "DEBUG SLEEP 0",
  "DEBUG SLEEP 0.001",
  "debug sleep 0",
  "DEBUG SLEEP",
  "DEBUG SLEEP 1 2",
  "DEBUG SET-ACTIVE-EXPIRE 1",
  "DEBUG SET-ACTIVE-EXPIRE",
  "DEBUG SET-ACTIVE-EXPIRE 1 2",
  "DEBUG OBJECT none",
  "DEBUG OBJECT",
  "DEBUG DIGEST",
  "DEBUG DIGEST x",
  "DEBUG DIGEST-VALUE",
  "DEBUG DIGEST-VALUE none",
  "DEBUG DIGEST-VALUE none none2",
  "SET s hello",
  "SET n 12345",
  "SET expiring hello EX 1000",
  "RPUSH l a b 1 2 -100000",
  'SET "\\x00\\xff" "\\xff\\x00"',
  'DEBUG DIGEST-VALUE s none n expiring l s "\\x00\\xff"',
  "DEBUG DIGEST",
  "SELECT 5",
  "SET s hello",
  "DEBUG DIGEST",
  "SELECT 0",
  "DEL s",
  "DEBUG DIGEST",
  "DEBUG POPULATE 10",
  "DBSIZE",
  "GET key:0",
  "GET key:9",
  "DEBUG POPULATE 12",
  "DEBUG POPULATE 5 other",
  "GET other:4",
  "DEBUG POPULATE 3 sized 20",
  "GET sized:2",
  "DEBUG POPULATE 3 short 3",
  "GET short:2",
  "DEBUG POPULATE 0",
  "DEBUG POPULATE 0 x 5",
  ...each("DEBUG POPULATE %", [...NO_INTEGERS, "-1"]),
  ...each("DEBUG POPULATE 1 p %", [...NO_INTEGERS, "-1", "0"]),
  "DEBUG POPULATE",
  "DEBUG POPULATE 1 2 3 4",
  "DEBUG DIGEST",
  { call: "DEBUG HELP", as: "any" },
]);

describePair(
  "debug is off",
  (pair) => {
    test("nothing of it is served", async () => {
      const { redis, storm } = await pair();
      const run = async (server: RunningServer) => {
        const client = await server.connect();
        const calls = [["DIGEST"], ["FOO"], [], ["HELP"], ["SLEEP", "0"]];
        const replies = await Promise.all(calls.map((args) => client.call("DEBUG", ...args)));
        client.close();
        return replies;
      };
      expect(await run(storm)).toEqual(await run(redis));
    });
  },
  ["--enable-debug-command", "no"],
);

describePair("debug object", (pair) => {
  test("tells the same of strings, and of lists what StormDB knows", async () => {
    const { redis, storm } = await pair();
    const values = [
      ["SET", "12345"],
      ["SET", "short"],
      ["SET", "x".repeat(50)],
      ["RPUSH", "a", "b"],
      ["SET", ""],
      ["SET", "-1000000"],
      ["SET", "a text that has no part twice"],
    ];
    const told = async (server: RunningServer) => {
      const client = await server.connect();
      const lines: Record<string, string>[] = [];
      for (const [command, ...args] of values) {
        await client.call("DEL", "k");
        await client.call(command!, "k", ...args);
        const line = (await client.call("DEBUG", "OBJECT", "k")).trimEnd();
        const fields = line.split(" ").map((field) => field.split(":") as [string, string]);
        // A DUMP has a byte for the type before the value, and ten for version and checksum behind.
        const dumpBytes = Number(/^\$(\d+)/.exec(await client.call("DUMP", "k"))![1]);
        const told = Object.fromEntries(fields);
        expect(Number(told.serializedlength)).toEqual(dumpBytes - 11);
        lines.push(told);
      }
      client.close();
      return lines;
    };
    const [expected, got] = [await told(redis), await told(storm)];
    for (const [i, fields] of got.entries()) {
      const known = expected[i]!;
      expect(Object.keys(known).filter((name) => name in fields)).toEqual(Object.keys(fields));
      expect([fields.refcount, fields.at?.slice(0, 2)]).toEqual([known.refcount, "0x"]);
      // Since Redis 7.2 a short list is a listpack.
      const encoding = fields.encoding === "listpack" ? "quicklist" : fields.encoding;
      expect(encoding).toEqual(known.encoding);
    }
  });
});

oracleTest("time, shutdown, info", [
  shape("TIME"),
  "TIME x",
  "SHUTDOWN FOO",
  "SHUTDOWN SAVE NOSAVE",
  "SHUTDOWN NOSAVE SAVE",
  "SHUTDOWN ABORT",
  "SHUTDOWN ABORT NOW",
  "SHUTDOWN NOW ABORT",
  "SHUTDOWN ABORT FOO",
  "SHUTDOWN NOW FOO",
  "SHUTDOWN abort abort",
  "INFO nothing",
  'INFO ""',
  "INFO nothing nothing2",
  "INFO modules",
  "INFO cluster",
  "INFO MODULES cluster",
  "INFO keyspace",
  "SET a 1",
  "SET b 1 EX 1000",
  shape("INFO keyspace"),
  "SELECT 3",
  "SET a 1",
  shape("INFO Keyspace"),
  shape("INFO keyspace cluster keyspace"),
  "CONFIG RESETSTAT",
  "INFO errorstats",
  "FOO",
  "GET",
  "LPUSH a x",
  "SELECT 99",
  "INFO errorstats",
]);

oracleTest("memory", [
  // What they say is compared in figures.test.ts, or is meant for people.
  ...["MEMORY DOCTOR", "MEMORY MALLOC-STATS", "MEMORY STATS"].flatMap((call): Call[] => [
    { call, as: "any" },
    `${call} x`,
  ]),
  "MEMORY PURGE",
  "memory purge x",
  "SET a 1",
  "RPUSH l a b c",
  shape("MEMORY USAGE a"),
  shape("MEMORY USAGE l SAMPLES 0"),
  shape("memory usage l samples 5"),
  "MEMORY USAGE none",
  "MEMORY USAGE none SAMPLES 5",
  ...each("MEMORY USAGE l SAMPLES %", [...NO_INTEGERS, "-1", MIN]),
  shape(`MEMORY USAGE l SAMPLES ${MAX}`),
  "MEMORY USAGE l SAMPLES",
  "MEMORY USAGE l FOO",
  "MEMORY USAGE l FOO 5",
  "MEMORY USAGE none FOO 5",
  "MEMORY USAGE l SAMPLES 5 FOO",
  shape("MEMORY USAGE l SAMPLES 5 SAMPLES 6"),
  "MEMORY USAGE",
  "MEMORY",
  "MEMORY FOO",
  { call: "MEMORY HELP", as: "any" },
]);

oracleTest("slowlog", [
  "CONFIG SET slowlog-log-slower-than 1000000",
  "SLOWLOG RESET",
  "SLOWLOG LEN",
  "SLOWLOG GET",
  "SLOWLOG GET 0",
  "SLOWLOG GET -1",
  ...each("SLOWLOG GET %", [...NO_INTEGERS, "-2", MIN]),
  `SLOWLOG GET ${MAX}`,
  "SLOWLOG GET 1 2",
  "SLOWLOG LEN x",
  "SLOWLOG RESET x",
  "SLOWLOG",
  "SLOWLOG FOO",
  { call: "SLOWLOG HELP", as: "any" },
  "CLIENT SETNAME me",
  "CONFIG SET slowlog-log-slower-than 0",
  "SET a 1",
  'SET "\\x00\\xff" "\\r\\n"',
  "GET a b",
  "FOO",
  { call: ["SET", "long", "v".repeat(129)] },
  { call: ["SET", "long", "v".repeat(128)] },
  { call: ["SET", "long", "v".repeat(1000)] },
  { call: ["RPUSH", "l", ...Array.from({ length: 29 }, (_, i) => `e${i}`)] },
  { call: ["RPUSH", "l", ...Array.from({ length: 30 }, (_, i) => `e${i}`)] },
  { call: ["RPUSH", "l", ...Array.from({ length: 31 }, (_, i) => `e${i}`)] },
  { call: ["RPUSH", "l", ...Array.from({ length: 60 }, (_, i) => `e${i}`)] },
  "LPOP nothing",
  "LPUSH a x",
  "slowlog len",
  "AUTH default x",
  shape("HELLO 3 AUTH default x SETNAME you"),
  "SLOWLOG GET 0",
  "CONFIG SET slowlog-log-slower-than 1000000",
  "SLOWLOG LEN",
  shape("SLOWLOG GET"),
  shape("SLOWLOG GET 2"),
  shape("SLOWLOG GET -1"),
  shape("SLOWLOG GET 1000"),
  "CONFIG SET slowlog-max-len 3",
  shape("SLOWLOG GET -1"),
  "SLOWLOG LEN",
  "CONFIG SET slowlog-max-len 0",
  "SLOWLOG LEN",
  "SLOWLOG GET",
  "CONFIG SET slowlog-log-slower-than -1",
  "SET a 2",
  "SLOWLOG LEN",
  "CONFIG SET slowlog-max-len 128 slowlog-log-slower-than 10000",
  "SLOWLOG RESET",
]);

oracleTest("latency", [
  "LATENCY RESET",
  "LATENCY LATEST",
  "LATENCY HISTORY command",
  "LATENCY HISTORY",
  "LATENCY HISTORY a b",
  "LATENCY LATEST x",
  "LATENCY",
  "LATENCY FOO",
  { call: "LATENCY HELP", as: "any" },
  { call: "LATENCY DOCTOR", as: "any" },
  "LATENCY DOCTOR x",
  "LATENCY GRAPH nothing",
  'LATENCY GRAPH "no\\x00thing"',
  "LATENCY GRAPH",
  "CONFIG SET latency-monitor-threshold 100",
  "DEBUG SLEEP 0.12",
  shape("LATENCY LATEST"),
  shape("LATENCY HISTORY command"),
  shape("LATENCY HISTORY COMMAND"),
  "LATENCY HISTORY nothing",
  "LATENCY RESET nothing",
  "LATENCY RESET nothing command command",
  "LATENCY LATEST",
  "DEBUG SLEEP 0.12",
  "LATENCY RESET",
  "LATENCY RESET",
  "CONFIG SET latency-monitor-threshold 0",
  "CONFIG RESETSTAT",
  "LATENCY HISTOGRAM set",
  "LATENCY HISTOGRAM nothing",
  "LATENCY HISTOGRAM nothing set config|nothing",
]);

describePair("latency histogram", (pair) => {
  test("the commands called, with their counts", async () => {
    const run = async (server: RunningServer, protocol: string) => {
      const client = await server.connect();
      await client.call("HELLO", protocol);
      await client.call("CONFIG", "RESETSTAT");
      for (let i = 0; i < 5; i++) await client.call("SET", "a", "1");
      await client.call("GET", "a");
      await client.call("GET");
      await client.call("CLIENT", "ID");
      await client.call("INCR", "l");
      const replies: string[] = [];
      for (const names of [[], ["set"], ["SET", "get", "none"], ["client"], ["client|id"]]) {
        const reply = await client.call("LATENCY", "HISTOGRAM", ...names);
        // The distribution itself is the machine's.
        const calls = [
          ...reply.matchAll(/\$\d+\r\n([a-z|]+)\r\n[*%]\d+\r\n\$5\r\ncalls\r\n(:\d+)/g),
        ];
        replies.push(
          calls
            .map((match) => match.slice(1).join(" "))
            .sort()
            .join(", "),
        );
      }
      client.close();
      return replies;
    };
    const { redis, storm } = await pair();
    for (const protocol of ["2", "3"]) {
      expect(await run(storm, protocol)).toEqual(await run(redis, protocol));
    }
  });
});

oracleTest("config get and set: errors", [
  "CONFIG",
  "CONFIG FOO",
  "CONFIG GET",
  "CONFIG SET",
  "CONFIG SET hz",
  "CONFIG SET hz 10 timeout",
  "CONFIG RESETSTAT x",
  "CONFIG REWRITE x",
  "CONFIG REWRITE",
  { call: "CONFIG HELP", as: "any" },
  "CONFIG GET nothing",
  'CONFIG GET ""',
  "CONFIG GET nothing nothing2",
  "CONFIG GET HZ",
  "CONFIG GET hz hz",
  "CONFIG GET hz HZ Hz",
  "CONFIG GET HZ h[z]",
  "CONFIG GET h[z] HZ",
  "CONFIG GET List-Max-Ziplist-Size",
  { call: "CONFIG GET hz timeout h[z]", as: "sorted" },
  { call: "CONFIG GET list-max-*-size", as: "sorted" },
  "CONFIG GET list-max-ziplist-size",
  { call: "CONFIG GET slowlog-* latency-tracking", as: "sorted" },
  "CONFIG SET nothing 1",
  "CONFIG SET hz 10 nothing 1",
  "CONFIG SET nothing 1 hz x",
  'CONFIG SET "noth\\x00ing" 1',
  'CONFIG SET "noth\\r\\ning" 1',
  "CONFIG SET hz 10 hz 20",
  "CONFIG SET hz 10 HZ 20",
  "CONFIG SET list-max-listpack-size 5 list-max-ziplist-size 6",
  "CONFIG SET databases 1",
  "CONFIG SET daemonize yes",
  "CONFIG SET timeout 20 hz x",
  "CONFIG GET timeout",
  "CONFIG SET timeout 20 databases 5",
  "CONFIG GET timeout",
  "CONFIG SET timeout 20 hz 20",
  "CONFIG GET timeout",
  "CONFIG GET hz",
  "config set TIMEOUT 0 Hz 10",
  "CONFIG GET timeout",
  "CONFIG SET requirepass ''",
  "CONFIG GET requirepass",
  "CONFIG SET loglevel VERBOSE",
  "CONFIG GET loglevel",
  {
    call: "CONFIG SET loglevel foo",
    as: { redis72: (redis70) => redis70.replace("warning", "warning, nothing") },
  },
  "CONFIG SET loglevel warning",
  "CONFIG SET latency-tracking YES",
  "CONFIG SET latency-tracking foo",
  "CONFIG SET latency-tracking 1",
  ...[
    "50 99 99.9",
    "0 100",
    "12.5",
    '""',
    "",
    "101",
    "-1",
    "50  99",
    " 50",
    "abc",
    "50 abc",
  ].flatMap((value): Call[] => [
    { call: ["CONFIG", "SET", "latency-tracking-info-percentiles", value] },
    "CONFIG GET latency-tracking-info-percentiles",
  ]),
  { call: ["CONFIG", "SET", "latency-tracking-info-percentiles", "50 99 99.9"] },
  ...[
    "normal 0 0 0",
    "normal 1mb 2k 10",
    "slave 1gb 0 0 pubsub 1 2 3",
    "replica 256mb 64mb 60",
    "normal 0 0",
    "foo 0 0 0",
    "normal x 0 0",
    "normal 0 x 0",
    "normal 0 0 x",
    "normal -1 0 0",
    "normal 0 0 -1",
    "",
    "normal 0 0 0 normal 5 5 5",
    "NORMAL 0 0 0 PubSub 33554432 8388608 60 Replica 268435456 67108864 60",
  ].flatMap((value): Call[] => [
    { call: ["CONFIG", "SET", "client-output-buffer-limit", value] },
    "CONFIG GET client-output-buffer-limit",
  ]),
  ...[
    "100",
    "1b",
    "5k",
    "5kb",
    "5KB",
    "5m",
    "5Mb",
    "2g",
    "2gb",
    "1.5gb",
    "-1",
    "x",
    "",
    "5x",
    "kb",
    "9".repeat(127),
    "9".repeat(128),
    "0",
  ].flatMap((value): Call[] => [
    { call: ["CONFIG", "SET", "maxmemory", value] },
    "CONFIG GET maxmemory",
  ]),
]);

/** Directives that are set to other values here, or that mean other things on this machine. */
const OWN_VALUES: Readonly<Record<string, string>> = {
  port: "each server has its own",
  dir: "each server has its own",
  save: "only the oracle is told not to save",
  loglevel: "only the oracle is told to be quiet",
};

/** Directives of later versions, of Valkey, and lines that are no values. */
const NOT_IN_ORACLE = [
  ...["aof-rewrite-cpulist", "bgsave-cpulist", "bio-cpulist", "server-cpulist", "rdb-dialect"],
  ...["set-max-listpack-entries", "set-max-listpack-value", "locale-collate"],
  ...["cluster-announce-human-nodename", "hide-user-data-from-log", "unixsocketgroup"],
  ...["repl-rdb-channel", "replica-full-sync-buffer-limit", "dual-channel-replication-enabled"],
  ...["extended-redis-compatibility", "tcp-keepalive-probes", "prefetch-batch-max-size"],
  ...["commandlog-request-larger-than", "commandlog-large-request-max-len"],
  ...["commandlog-reply-larger-than", "commandlog-large-reply-max-len"],
  ...["log-format", "log-timestamp-format", "rdb-version-check", "import-mode"],
  ...["list-max-ziplist-entries", "list-max-ziplist-value"],
];
const COMPARED = DIRECTIVE_NAMES.filter((name) => !NOT_IN_ORACLE.includes(name));

const isMemory = (name: DirectiveName) => {
  const { default: value, parse } = DIRECTIVES[name];
  return typeof parse(["64mb"], { value, isGiven: false }) === "number";
};

// Not maxclients: what it may be depends on the operating system's limits.
const SETTABLE = COMPARED.filter(
  (name) =>
    !["maxclients", "maxmemory-clients", "port", "tls-port"].includes(name) &&
    DIRECTIVES[name].settable === "always" &&
    // The kinds of number alone.
    typeof DIRECTIVES[name].default === "number" &&
    name !== "notify-keyspace-events",
);

const NUMBERS = [
  "0",
  "1",
  "-1",
  "-2",
  "-5",
  "-6",
  "500",
  "501",
  "65536",
  "1048575",
  "1048576",
  "2147483647",
  "2147483648",
  "4294967296",
  "9007199254740991",
  MIN,
  "99999999999999999999",
  ...NO_INTEGERS,
  "1mb",
  "10k",
];

oracleTest("config: values of every directive", [
  ...COMPARED.filter((name) => !(name in OWN_VALUES)).map((name): Call => `CONFIG GET ${name}`),
  ...SETTABLE.flatMap((name): Call[] => [
    // In sizes Redis takes what is before a zero byte, but not in integers.
    ...NUMBERS.filter((value) => !isMemory(name) || !value.includes("\\x00")).flatMap(
      (value): Call[] => [`CONFIG SET ${name} ${value}`, `CONFIG GET ${name}`],
    ),
    `CONFIG SET ${name} ${DIRECTIVES[name].default}`,
    `CONFIG GET ${name}`,
  ]),
]);

oracleTest(
  "config: extreme values do no harm to new connections",
  ["tcp-keepalive", "timeout"].flatMap((name) => [
    `CONFIG SET ${name} 2147483647`,
    { call: "PING", on: name },
    `CONFIG SET ${name} 0`,
  ]),
);

describePair("info", (pair) => {
  test("counts of calls, errors and keys", async () => {
    const { redis, storm } = await pair();
    const count = async (server: RunningServer) => {
      const client = await server.connect();
      await client.call("FLUSHALL");
      await client.call("CONFIG", "RESETSTAT");
      for (let i = 0; i < 3; i++) await client.call("SET", `k:${i}`, "v", "EX", "1000");
      await client.call("GET", "k:1");
      await client.call("GET", "none");
      await client.call("EXISTS", "k:1", "none");
      await client.call("LPUSH", "k:1", "x");
      await client.call("GET");
      await client.call("FOO");
      await client.call("CLIENT", "SETNAME", "a b");
      await client.call("CLIENT", "GETNAME");
      const text = await client.call("INFO", "everything");
      client.close();
      const wanted =
        /^(cmdstat_.*|errorstat_.*|latency_percentiles_usec_.*|db\d+|keyspace_.*|total_error_replies|total_commands_processed|expired_keys):/;
      return text
        .split("\r\n")
        .filter((line) => wanted.test(line))
        .map((line) =>
          line
            .replace(/usec=\d+,usec_per_call=[\d.]+/, "usec=0")
            .replace(/=[\d.]+(,|$)/g, (part) =>
              /^latency/.test(line) ? `=0${part.at(-1) === "," ? "," : ""}` : part,
            )
            .replace(/avg_ttl=\d+/, "avg_ttl=0"),
        )
        .sort();
    };
    expect(await count(storm)).toEqual(await count(redis));
  });
});

test("the list of own values of directives is no longer than needed", () => {
  expect(Object.keys(OWN_VALUES).filter((name) => !(name in DIRECTIVES))).toEqual([]);
});

/** SORT and SORT_RO, compared with redis-server byte for byte. */
import { type Call, oracleTest } from "../harness/oracle.ts";
import { each, NO_INTEGERS } from "./values.ts";

/** Each option on its own and with others, for one kind of order. */
const LIMITS = [
  "",
  "LIMIT 0 3",
  "LIMIT 2 2",
  "LIMIT 1 -1",
  "LIMIT -5 4",
  "LIMIT 100 5",
  "LIMIT 0 0",
];
const DIRECTIONS = ["", "ASC", "DESC", "DESC ASC"];

function sorting(key: string, ...options: readonly string[]): string[] {
  return options.flatMap((option) =>
    DIRECTIONS.flatMap((direction) =>
      LIMITS.map((limit) => `SORT ${key} ${option} ${direction} ${limit}`),
    ),
  );
}

const NUMBERS = [
  "3",
  "1",
  "2",
  "10",
  "-1",
  "2",
  "1.5",
  "1e1",
  "-0",
  "0",
  "inf",
  "-inf",
  "0x10",
  "007",
];
const WEIGHTS = [
  "MSET w1 3 w2 1 w3 2 w10 1 w-1 x",
  "SET w-1 0",
  "MSET o1 first o2 second o3 third o10 12",
  "SET o-1 9223372036854775807",
];

/** Short lists are listpacks since Redis 7.2. */
const LISTPACK: Call = { call: "OBJECT ENCODING d", as: { redis72: "$8\r\nlistpack\r\n" } };

for (const [type, add] of [
  ["list", "RPUSH k"],
  ["set", "SADD k"],
] as const) {
  oracleTest("long elements", [
    { call: ["RPUSH", "l", "b".repeat(9000), "1", "a".repeat(100000), ""] },
    "SORT l ALPHA",
    "SORT l BY nosort",
    "SORT l",
    "SORT l ALPHA LIMIT 1 2 STORE d",
    "LRANGE d 0 -1",
  ]);

  oracleTest(`a ${type} of numbers`, [
    `${add} ${NUMBERS.join(" ")}`,
    ...WEIGHTS,
    ...sorting("k", "", "ALPHA", "BY w*", "BY w* GET # GET o*", "GET o*", "GET none GET # GET #"),
    "DEL k",
    `${add} 1 9007199254740993 9007199254740992 9223372036854775807 -9223372036854775808 9007199254740994`,
    ...sorting("k", "", "ALPHA"),
  ]);

  oracleTest(`a ${type} of words`, [
    `${add} ${["banana", "apple", "Cherry", "b", "ba", '""', '"\\xff\\xfe"', "apples", "10", "9"].join(" ")}`,
    ...sorting("k", "ALPHA", "ALPHA GET #", "ALPHA GET w*"),
    "SORT k",
    "SORT k BY w*",
    "SORT k BY w* ALPHA GET # STORE d",
    // Where members of a set have the same weight, Redis's order is that of its hash table.
    { call: "LRANGE d 0 -1", as: type === "set" ? "sorted" : "same" },
    "SORT k ALPHA DESC STORE d",
    "LRANGE d 0 -1",
  ]);

  oracleTest(`many elements in a ${type}`, [
    ...Array.from({ length: 20 }, (_, call): Call => {
      const some = Array.from({ length: 100 }, (_, i) => (((call * 100 + i) * 7919) % 2003) - 1000);
      return `${add} ${some.join(" ")}`;
    }),
    "SORT k",
    "SORT k DESC",
    "SORT k LIMIT 500 20",
    "SORT k DESC LIMIT 500 20",
    "SORT k ALPHA",
    "SORT k ALPHA DESC LIMIT 10 1000",
    "SORT k BY none*",
    "SORT k BY none* DESC LIMIT 3 7",
    "SORT k STORE d",
    LISTPACK,
    "LRANGE d 0 -1",
    "SORT k ALPHA LIMIT 0 9 STORE d",
    LISTPACK,
    "LRANGE d 0 -1",
  ]);
}

oracleTest("members of a set with equal weights are stored in the order of their bytes", [
  "SADD s z y x 10 9 w",
  "MSET w:z 1 w:10 1",
  "SORT s BY w:* ALPHA STORE d",
  {
    call: "LRANGE d 0 -1",
    as: {
      differs: "*6\r\n$1\r\n9\r\n$1\r\nw\r\n$1\r\nx\r\n$1\r\ny\r\n$2\r\n10\r\n$1\r\nz\r\n",
      because:
        "a replica that repeats the command must store the same, Redis takes its hash table's order",
    },
  },
  "DEL d",
]);

oracleTest("equal weights", [
  "RPUSH k c a b d e",
  "MSET w:a 1 w:b 1 w:c 1 w:d 0",
  ...sorting("k", "BY w:*", "BY w:* GET w:*"),
  // Those of a list stay as they are; with LIMIT Redis sorts only a part, and leaves that to chance.
  ...DIRECTIONS.map((direction) => `SORT k BY w:* ALPHA ${direction}`),
  ...DIRECTIONS.map((direction) => `SORT k BY none* ALPHA ${direction}`),
  "MSET t:a x t:b y t:c z t:d xx t:e 10",
  ...sorting("k", "BY t:* ALPHA", "BY t:* ALPHA GET # GET t:*"),
]);

oracleTest("a sorted set", [
  "ZADD k 3 1 2 2 1 3 5 10 4 7",
  ...WEIGHTS,
  ...sorting("k", "", "ALPHA", "BY w*", "BY nosort", "BY nosort GET # GET o*", "GET o*"),
  "SORT k BY nosort STORE d",
  "LRANGE d 0 -1",
  "SORT k BY nosort DESC LIMIT 1 2 STORE d",
  "LRANGE d 0 -1",
  ...Array.from({ length: 300 }, (_, i) => `ZADD big ${(i * 7) % 301} ${i}`),
  ...sorting("big", "", "BY nosort", "ALPHA"),
]);

oracleTest("without an order", [
  "RPUSH k 3 1 2 10 1 x",
  ...sorting("k", "BY nosort", "BY nosort GET #", "BY w ALPHA", 'BY ""', "BY nosort BY w*"),
  "SORT k BY nosort STORE d",
  "LRANGE d 0 -1",
  "SADD s c a b 10 9",
  { call: "SORT s BY nosort", as: "sorted" },
  { call: "SORT s BY nosort DESC", as: "sorted" },
  { call: "SORT s BY nosort LIMIT 0 2 GET none", as: "sorted" },
  "SORT s BY nosort STORE d",
  "LRANGE d 0 -1",
  "SORT s BY nosort DESC LIMIT 1 3 STORE d",
  "LRANGE d 0 -1",
]);

oracleTest("patterns", [
  "RPUSH k 1 2 3",
  'MSET a1b x a2b y "k*" star 1 one 2 two k1k1 no "p\\x001" nul "#" hash "#1" sharp',
  ...each("SORT k GET %", [
    "a*b",
    "*",
    "a*b*",
    "#",
    '"#\\x00rest"',
    "#*",
    "##",
    "k*k*",
    '""',
    '"p\\x00*"',
    '"*\\x00"',
    "none",
    "w*->f",
    "*->",
    "*->f",
    "->f",
    "a*b->",
    "a->f*",
  ]),
  ...each("SORT k BY %", ["a*b", "*", "#", '"#*"', "*->f", "*->", "w*->", '"p\\x00*"', '""']),
  ...each("SORT k BY % ALPHA", ["a*b", "*", "#", '"#*"', "*->f", "w*->", '"p\\x00*"', '""']),
  // What a pattern names may be of another type, or be no longer there.
  "RPUSH a3b list",
  "SORT k GET a*b",
  "SORT k BY a*b",
  "SORT k BY a*b ALPHA GET a*b",
  "SET a1b gone PX 1",
  { until: "EXISTS a1b", is: ":0\r\n" },
  "SORT k BY a*b ALPHA GET a*b",
]);

oracleTest("fields of hashes", [
  "RPUSH k 1 2 3 4",
  'HSET h1 f 3 g one "\x00" nul "->" arrow "a->b" both',
  "HSET h2 f 1.5 g 9223372036854775807",
  `HSET h3 f 2 g ${"long".repeat(100)}`,
  "SET h4 string",
  ...sorting("k", "BY h*->f", "BY h*->f GET # GET h*->f GET h*->g", "GET h*->none"),
  ...sorting("k", "BY h*->g ALPHA", "BY h*->f ALPHA GET h*->g"),
  ...each("SORT k GET %", [
    "h*->",
    'h*->"\x00"',
    '"h*->\x00"',
    '"h*->f\x00"',
    "h*->->",
    "h*->a->b",
    "h*",
    "*->f",
    "h->f*",
    "h*-f",
    "h*->F",
  ]),
  "SORT k BY h*->g",
  "SORT k BY h*->f GET h*->g GET none STORE d",
  "LRANGE d 0 -1",
  "SORT h1",
  "SORT h1 STORE d",
  "HDEL h2 f",
  "SORT k BY h*->f GET h*->f",
]);

oracleTest("weights that are no numbers", [
  "RPUSH k 1",
  ...each("SET w1 %", [
    "x",
    '""',
    '" "',
    '" 1"',
    '"\\t\\n1"',
    '"1 "',
    '"1\\x00x"',
    '"\\x00"',
    "nan",
    "inf",
    "-infinity",
    "0x1p3",
    "1e",
    "+1",
    "--1",
    ".5",
    "5.",
    ".",
    // Redis never sets errno back, so that behind one of these it refuses all that are no integers.
    "1e400",
    "-1e400",
  ]).flatMap((set) => [
    set,
    "SORT k BY w*",
    "SORT k BY w* GET w*",
    "DEL d",
    "SORT k BY w* STORE d",
  ]),
  "RPUSH words a b",
  "SET d kept",
  "SORT words",
  "SORT words STORE d",
  "SORT words LIMIT 5 5",
  "GET d",
]);

oracleTest(
  "STORE",
  [
    "RPUSH k 3 1 2",
    "MSET w1 a w3 c",
    "SORT k STORE d",
    "LRANGE d 0 -1",
    "EXPIRE d 100",
    "SORT k DESC STORE d GET w*",
    "TTL d",
    "LRANGE d 0 -1",
    "SORT k STORE k",
    "LRANGE k 0 -1",
    "SET s v",
    "SORT k LIMIT 0 1 STORE s",
    "TYPE s",
    "SORT k LIMIT 5 1 STORE s",
    "EXISTS s",
    "SORT k LIMIT 5 1 STORE s",
    "SORT none STORE d",
    "EXISTS d",
    "SORT k STORE a STORE b",
    "KEYS ?",
    "SORT_RO k STORE b",
    "SORT_RO k DESC LIMIT 1 2 GET # GET w*",
    "SORT_RO none",
    "ZADD z 1 a 2 b",
    "SORT z ALPHA STORE z",
    "TYPE z",
  ].map((call): Call => (call === "KEYS ?" ? { call, as: "sorted" } : call)),
);

oracleTest("options and errors", [
  "RPUSH k 3 1 2",
  "SORT",
  "SORT k nothing",
  "SORT k BY",
  "SORT k GET",
  "SORT k LIMIT",
  "SORT k LIMIT 1",
  "SORT k STORE",
  "SORT k ASC DESC ALPHA ASC",
  "sort k by w* get # limit 0 2 desc alpha",
  "SORT k LIMIT 0 1 LIMIT 1 1",
  "SORT k BY a* BY b*",
  ...each("SORT k LIMIT % 1", NO_INTEGERS),
  ...each("SORT k LIMIT 0 %", NO_INTEGERS),
  "SORT k LIMIT 9223372036854775807 9223372036854775807",
  "SORT k LIMIT -9223372036854775808 -9223372036854775808",
  "SET s v",
  "SORT s",
  "SORT s nothing",
  "SORT s STORE d",
  "SORT_RO s",
  "SORT none",
  "SORT none BY w* GET # ALPHA LIMIT 0 5",
]);

oracleTest("events and keys of SORT", [
  "CONFIG SET notify-keyspace-events KEA",
  { call: "PSUBSCRIBE *", on: "listener" },
  "RPUSH k 3 1 2",
  "SORT k STORE d",
  "SORT k LIMIT 9 9 STORE d",
  "SORT none STORE d",
  { sync: "listener" },
  "CONFIG SET notify-keyspace-events ''",
  ...[
    "SORT k",
    "SORT k STORE d",
    "SORT k BY store GET x",
    "SORT k BY store STORE d GET store LIMIT store store",
    "SORT k STORE a STORE b",
    "SORT k STORE",
    "SORT_RO k BY w*",
  ].flatMap((call) => [`COMMAND GETKEYS ${call}`, `COMMAND GETKEYSANDFLAGS ${call}`]),
  { waits: "BLPOP waiting 0", on: "blocked" },
  "SORT k STORE waiting",
  { read: "blocked" },
  "LRANGE waiting 0 -1",
]);

/** Bitmap commands, compared with redis-server byte for byte. */
import { type Call, oracleTest } from "../harness/oracle.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

/** Indexes at the edges of what a range takes. */
const INDEXES = ["0", "1", "2", "7", "8", "15", "100", "-1", "-2", "-8", "-100", MAX, MIN];

const STRINGS: readonly Call[] = [
  'SET s "\\x00\\xff\\xf0\\x0f\\x80\\x01"',
  'SET zeros "\\x00\\x00\\x00"',
  'SET ones "\\xff\\xff\\xff"',
  'SET empty ""',
  "SET number 1234567890",
  "SET big -9223372036854775808",
  { call: ["SET", "long", "a".repeat(20000)] },
  "RPUSH list x",
];

oracleTest("setbit and getbit", [
  "SETBIT a 7 1",
  "GET a",
  "OBJECT ENCODING a",
  "SETBIT a 7 1",
  "SETBIT a 7 0",
  "GET a",
  "SETBIT a 0 0",
  "SETBIT a 100 1",
  "STRLEN a",
  "SETBIT a 200 0",
  "STRLEN a",
  ...["0", "7", "99", "100", "101", "200", "207", "208", "4294967295"].map((n) => `GETBIT a ${n}`),
  "GETBIT missing 0",
  "SETBIT new 0 0",
  "GET new",
  "SET number 12345",
  "GETBIT number 2",
  "GETBIT number 3",
  "GETBIT number 1000",
  "OBJECT ENCODING number",
  "SETBIT number 2 1",
  "OBJECT ENCODING number",
  "GET number",
  "SET text abc",
  "OBJECT ENCODING text",
  "SETBIT text 1 1",
  "OBJECT ENCODING text",
  "SETBIT text 23 0",
  "GET text",
  "SET expires x EX 1000",
  "SETBIT expires 100 1",
  { call: "TTL expires", as: "shape" },
  "SETBIT long 1000000 1",
  "STRLEN long",
  "SETBIT long 999999 1",
  "BITCOUNT long",
  "GETBIT long 1000000",
  "SETBIT huge 4294967295 1",
  "STRLEN huge",
  "BITCOUNT huge",
  "BITPOS huge 1",
  "DEL huge",
  "RPUSH list x",
  "SETBIT list 0 1",
  "GETBIT list 0",
  "SETBIT list x 1",
  "SETBIT list 0 2",
]);

oracleTest("setbit and getbit: errors", [
  "SETBIT",
  "SETBIT a 1",
  "SETBIT a 1 1 1",
  "GETBIT a",
  "GETBIT a 1 1",
  ...each("SETBIT a % 1", [...NO_INTEGERS, "-1", "4294967296", MAX, MIN, "#1", "#"]),
  ...each("SETBIT a 1 %", [...NO_INTEGERS, "-1", "2", MAX, MIN]),
  ...each("GETBIT a %", [...NO_INTEGERS, "-1", "4294967296", MAX, MIN, "#1"]),
  "EXISTS a",
]);

oracleTest("bitcount", [
  ...STRINGS,
  ...["s", "zeros", "ones", "empty", "number", "big", "long", "missing"].flatMap((key) => [
    `BITCOUNT ${key}`,
    ...["0 -1", "1 2", "2 1", "-2 -1", "-1 -2", "1 1 BIT", "3 -3 bit", "0 -1 byte"].map(
      (range) => `BITCOUNT ${key} ${range}`,
    ),
  ]),
  ...INDEXES.flatMap((start) =>
    INDEXES.flatMap((end) => [
      `BITCOUNT s ${start} ${end}`,
      `BITCOUNT s ${start} ${end} BIT`,
      `BITCOUNT number ${start} ${end} BIT`,
    ]),
  ),
  "BITCOUNT s -9223372036854775807 -9223372036854775808",
  "BITCOUNT s -9223372036854775808 -9223372036854775807",
  ...Array.from({ length: 48 }, (_, i) => `BITCOUNT s ${i} 47 BIT`),
  ...Array.from({ length: 48 }, (_, i) => `BITCOUNT s 0 ${i} BIT`),
  "BITCOUNT",
  "BITCOUNT s 0",
  "BITCOUNT s 0 1 BIT x",
  "BITCOUNT s 0 1 BITS",
  "BITCOUNT s 0 1 x",
  ...each("BITCOUNT s % 1", NO_INTEGERS),
  ...each("BITCOUNT s 1 %", NO_INTEGERS),
  "BITCOUNT list",
  "BITCOUNT list 0 -1",
]);

/** Since 7.2 arguments are checked before the key: redis/redis pull request 11734. */
const notAnInteger = { redis72: "-ERR value is not an integer or out of range\r\n" };
const syntaxError = { redis72: "-ERR syntax error\r\n" };

oracleTest("ranges are checked before keys", [
  "RPUSH list x",
  ...["missing", "list"].flatMap((key): Call[] => [
    { call: `BITCOUNT ${key} x 1`, as: notAnInteger },
    { call: `BITCOUNT ${key} 1 x`, as: notAnInteger },
    { call: `BITCOUNT ${key} 1 1 x`, as: syntaxError },
    { call: `BITCOUNT ${key} 1`, as: syntaxError },
    { call: `BITCOUNT ${key} 1 2 BIT 3`, as: syntaxError },
    { call: `BITPOS ${key} 1 x`, as: notAnInteger },
    { call: `BITPOS ${key} 1 1 x`, as: notAnInteger },
    { call: `BITPOS ${key} 1 1 1 x`, as: syntaxError },
    { call: `BITPOS ${key} 1 1 1 BIT x`, as: syntaxError },
  ]),
]);

oracleTest("bitpos", [
  ...STRINGS,
  ...["s", "zeros", "ones", "empty", "number", "big", "long", "missing"].flatMap((key) =>
    ["0", "1"].flatMap((bit) => [
      `BITPOS ${key} ${bit}`,
      ...["0", "1", "2", "3", "100", "-1", "-100", "0 -1", "1 2", "2 1", "0 0 BIT", "3 -3 bit"].map(
        (range) => `BITPOS ${key} ${bit} ${range}`,
      ),
      `BITPOS ${key} ${bit} 5 5 bit`,
      `BITPOS ${key} ${bit} 0 -1 byte`,
    ]),
  ),
  ...["0", "1"].flatMap((bit) => [
    ...INDEXES.map((start) => `BITPOS s ${bit} ${start}`),
    ...INDEXES.flatMap((start) =>
      INDEXES.flatMap((end) => [
        `BITPOS s ${bit} ${start} ${end}`,
        `BITPOS s ${bit} ${start} ${end} BIT`,
      ]),
    ),
    ...Array.from({ length: 48 }, (_, i) => `BITPOS s ${bit} ${i} 47 BIT`),
    ...Array.from({ length: 48 }, (_, i) => `BITPOS s ${bit} 0 ${i} BIT`),
    ...Array.from({ length: 48 }, (_, i) => `BITPOS s ${bit} ${i} ${i + 9} BIT`),
  ]),
  "BITPOS s",
  "BITPOS s 2",
  "BITPOS s -1",
  "BITPOS missing 2",
  "BITPOS list 2",
  "BITPOS list 1",
  "BITPOS s 1 0 1 BIT x",
  "BITPOS s 1 0 1 x",
  "BITPOS s 1 x 1 y",
  ...each("BITPOS s %", NO_INTEGERS),
  ...each("BITPOS s 1 %", NO_INTEGERS),
  ...each("BITPOS s 1 0 %", NO_INTEGERS),
]);

oracleTest("bitop", [
  ...STRINGS,
  'SET t "\\xaa\\xbb\\xcc"',
  ...["AND", "OR", "xor"].flatMap((operation) =>
    ["s", "s t", "s t ones", "s missing", "missing", "missing t", "empty", "number big s"].flatMap(
      (keys) => [
        `BITOP ${operation} r ${keys}`,
        "GET r",
        "EXISTS r",
        "OBJECT ENCODING r",
        `BITOP ${operation} s2 s s`,
      ],
    ),
  ),
  "BITOP NOT r s",
  "GET r",
  "BITOP not r number",
  "GET r",
  "BITOP NOT r missing",
  "EXISTS r",
  // Integers whose digits need more buffers than there are.
  ...["1", "22", "333", "4444", "55555", "666666", "7777777"].map((n, i) => `SET n${i} ${n}`),
  "BITOP XOR r n0 n1 n2 n3 n4 n5 n6",
  "GET r",
  "BITOP OR n0 n0 n1 n2 n3 n4 n5 n6",
  "GET n0",
  "SET x 1",
  "BITOP AND x x",
  "OBJECT ENCODING x",
  "GET x",
  "BITOP AND long2 long long",
  "STRLEN long2",
  "BITOP NOT long long",
  "BITCOUNT long",
  "BITOP XOR long2 long long2 s",
  "BITCOUNT long2",
  "BITOP OR list s",
  "TYPE list",
  "RPUSH list2 x",
  "BITOP AND s list2",
  "BITOP AND r s list2",
  "BITOP AND list2 missing",
  "EXISTS list2",
  "SET expires x EX 1000",
  "BITOP OR expires s",
  "TTL expires",
  "BITOP",
  "BITOP AND",
  "BITOP AND r",
  "BITOP FOO r s",
  "BITOP NOT r s t",
  "BITOP NOT r",
  'BITOP "AND\\x00" r s t',
]);

/**
 * The operations that Redis has had since 8.2, by its command reference: X is the first key, the Ys are
 * the others. DIFF: in X and in no Y; DIFF1: in some Y and not in X; ANDOR: in X and in some Y; ONE: in
 * exactly one of all.
 */
const since82 = (call: string, reply: string): Call => ({ call, as: { redis72: `${reply}\r\n` } });

function combined(operation: string, keys: string, expected: number[]): Call[] {
  const text = String.fromCharCode(...expected);
  return [
    since82(`BITOP ${operation} r ${keys}`, `:${expected.length}`),
    since82("GET r", `$${text.length}\r\n${text}`),
    { call: "DEL r", as: { redis72: ":1\r\n" } },
  ];
}

oracleTest("bitop of Redis 8.2", [
  'SET x "\\xf0\\xff"',
  'SET y "\\x3c\\x0f\\x81"',
  'SET z "\\x55"',
  "RPUSH list a",
  ...combined("DIFF", "x y", [0xc0, 0xf0, 0]),
  ...combined("DIFF", "x y z", [0x80, 0xf0, 0]),
  ...combined("DIFF1", "x y", [0x0c, 0, 0x81]),
  ...combined("DIFF1", "x y z", [0x0d, 0, 0x81]),
  ...combined("ANDOR", "x y", [0x30, 0x0f, 0]),
  ...combined("andor", "x y z", [0x70, 0x0f, 0]),
  ...combined("ONE", "x", [0xf0, 0xff]),
  ...combined("ONE", "x y", [0xcc, 0xf0, 0x81]),
  ...combined("One", "x y z", [0x89, 0xf0, 0x81]),
  ...combined("ONE", "x x y", [0x0c, 0, 0x81]),
  since82("BITOP DIFF r missing none", ":0"),
  since82(
    "BITOP DIFF r x list",
    "-WRONGTYPE Operation against a key holding the wrong kind of value",
  ),
  ...["DIFF", "DIFF1", "ANDOR"].map((operation) =>
    since82(
      `BITOP ${operation} r x`,
      `-ERR BITOP ${operation} must be called with at least two source keys.`,
    ),
  ),
  since82("BITOP diff r x", "-ERR BITOP DIFF must be called with at least two source keys."),
  "EXISTS r",
]);

const TYPES = ["u1", "u7", "u8", "u63", "i1", "i2", "i8", "i53", "i64"];
const AMOUNTS = ["0", "1", "-1", "100", "255", "-128", "4503599627370497", MAX, MIN];

oracleTest("bitfield", [
  "BITFIELD a",
  "EXISTS a",
  "BITFIELD a GET u8 0",
  "EXISTS a",
  "BITFIELD a SET u8 0 255 GET u8 0 GET i8 0 GET u16 0 GET u4 2",
  "GET a",
  "OBJECT ENCODING a",
  "BITFIELD a INCRBY u8 0 10",
  "BITFIELD a INCRBY i5 100 1 GET u4 0",
  "STRLEN a",
  "BITFIELD a SET i16 #3 -2 GET i16 #3 INCRBY i16 #3 1",
  "STRLEN a",
  "BITFIELD a OVERFLOW SAT INCRBY u8 0 1000 OVERFLOW FAIL INCRBY u8 0 1 OVERFLOW WRAP INCRBY u8 0 1",
  "BITFIELD a overflow fail set u8 0 300 set u8 0 -1 get u8 0",
  "BITFIELD a OVERFLOW SAT",
  "BITFIELD a GET u8 0 OVERFLOW SAT",
  "BITFIELD new OVERFLOW FAIL SET u8 0 256",
  "GET new",
  "BITFIELD new2 OVERFLOW FAIL SET u8 100 256",
  "STRLEN new2",
  "SET number 12345",
  "BITFIELD number GET u8 0 GET u8 32 GET u8 40",
  "OBJECT ENCODING number",
  "BITFIELD number SET u8 8 65",
  "GET number",
  "OBJECT ENCODING number",
  ...TYPES.flatMap((type) =>
    ["WRAP", "FAIL", "SAT"].flatMap((overflow) =>
      // Redis's check of a SET that saturates overflows for a far too low value, and takes the highest.
      AMOUNTS.filter((n) => overflow !== "SAT" || n !== MIN).flatMap((n) => [
        `BITFIELD f OVERFLOW ${overflow} INCRBY ${type} 3 ${n} SET ${type} 70 ${n} GET ${type} 3`,
      ]),
    ),
  ),
  "GET f",
  "BITFIELD far SET u1 4294967295 1",
  "STRLEN far",
  "DEL far",
  { call: ["SET", "long", "a".repeat(20000)] },
  "BITFIELD long SET u8 #19999 1 SET u8 #20000 2 INCRBY i64 0 1 GET u32 159984",
  "STRLEN long",
  "RPUSH list x",
  "BITFIELD list GET u8 0",
  "BITFIELD list SET u8 0 1",
  "BITFIELD list",
]);

oracleTest("bitfield: errors", [
  "BITFIELD",
  "BITFIELD a GET",
  "BITFIELD a GET u8",
  "BITFIELD a SET u8 0",
  "BITFIELD a INCRBY u8 0",
  "BITFIELD a FOO u8 0",
  "BITFIELD a OVERFLOW",
  "BITFIELD a OVERFLOW FOO",
  "BITFIELD a OVERFLOW FOO GET u8 0",
  "BITFIELD a OVERFLOW SAT FOO",
  "BITFIELD a SET u8 0 1 GET u64 0",
  "BITFIELD a SET u8 0 1 GET u8 -1",
  "BITFIELD a SET u8 0 1 SET u8 0 x",
  "EXISTS a",
  ...each("BITFIELD a GET % 0", [
    ...[
      "u0",
      "u64",
      "u65",
      "i0",
      "i65",
      "i-1",
      "u",
      "i",
      "8",
      "x8",
      '""',
      "U8",
      "I8",
      "u8.0",
      "u08",
    ],
    ...['"u8\\x00"', '"u8\\x00x"', '"\\x00"', "u+8", `u${MAX}`, "i99999999999999999999"],
  ]),
  ...each("BITFIELD a GET u8 %", [
    ...NO_INTEGERS,
    ...["-1", "4294967296", MAX, MIN, "#", "#-1", "#x", "#536870912", "##1", "4294967295"],
    ...["#536870911", "#0"],
  ]),
  ...each("BITFIELD a GET i64 %", ["#67108863", "#67108864"]),
  ...each("BITFIELD a SET u8 0 %", NO_INTEGERS),
  ...each("BITFIELD a INCRBY u8 0 %", NO_INTEGERS),
  "EXISTS a",
]);

oracleTest("bitfield_ro", [
  'SET a "\\xff\\x00\\xf0"',
  "BITFIELD_RO a",
  "BITFIELD_RO a GET u8 0 GET i4 16 get u2 #1",
  "BITFIELD_RO missing GET u8 0",
  "BITFIELD_RO a SET u8 0 1",
  "BITFIELD_RO a INCRBY u8 0 1",
  "BITFIELD_RO missing SET u8 0 1",
  "BITFIELD_RO a OVERFLOW SAT GET u8 0",
  "BITFIELD_RO a SET u8 0 x",
  "BITFIELD_RO a SET u64 0 1",
  "BITFIELD_RO",
  "RPUSH list x",
  "BITFIELD_RO list GET u8 0",
  "BITFIELD_RO list SET u8 0 1",
  "EXISTS missing",
  "GET a",
]);

oracleTest(
  "bitmaps of proto-max-bulk-len",
  [
    "SETBIT a 8388607 1",
    "SETBIT a 8388608 1",
    "GETBIT a 8388607",
    "GETBIT a 8388608",
    "BITFIELD a SET u8 8388600 255",
    "BITFIELD a SET u8 8388607 255",
    "STRLEN a",
    "BITFIELD a SET u8 8388608 255",
    "BITFIELD a SET u8 #1048575 255",
    "BITFIELD a SET u8 #1048576 255",
  ],
  ["--proto-max-bulk-len", "1048576"],
);

oracleTest("what bitmap commands tell watchers and listeners", [
  "CONFIG SET notify-keyspace-events KEA",
  { call: "SUBSCRIBE __keyevent@0__:setbit", on: "listener" },
  { call: "PSUBSCRIBE __keyspace@0__:*", on: "listener" },
  "SETBIT a 1 1",
  "SETBIT a 1 1",
  "SETBIT a 1 0",
  "SETBIT a 100 0",
  "GETBIT a 1",
  "BITFIELD a GET u8 0",
  "BITFIELD a SET u8 0 0",
  "BITFIELD a SET u8 0 1 SET u8 0 2 INCRBY u8 8 1",
  "BITFIELD a OVERFLOW FAIL SET u8 0 256",
  "BITFIELD b OVERFLOW FAIL SET u8 0 256",
  "BITFIELD c SET u8 0 0",
  "BITOP NOT d a",
  "BITOP NOT d missing",
  "BITOP NOT d missing",
  { sync: "listener" },
  'CONFIG SET notify-keyspace-events ""',
  "WATCH a",
  "SETBIT a 5 1",
  "MULTI",
  "PING",
  "EXEC",
]);

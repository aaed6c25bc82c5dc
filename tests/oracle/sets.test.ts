/**
 * Sets, compared with redis-server. It replies with members in an order of its own, so that most replies
 * are compared sorted.
 *
 * Redis 7.2 has a form for small sets of texts, which 7.0 has not: it says "listpack" where 7.0 says
 * "hashtable". Source: its release notes and `set-max-listpack-entries` in its redis.conf.
 */
import { type Call, type Comparison, oracleTest } from "../harness/oracle.ts";
import { each, MAX, MIN, NO_INTEGERS } from "./values.ts";

type Form = "intset" | "listpack" | "hashtable";
const FORMS: readonly Form[] = ["intset", "listpack", "hashtable"];

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

/** What OBJECT ENCODING says of a set that is in this form. */
function isForm(key: string, form: Form): Call {
  const as: Comparison = form === "listpack" ? { redis72: bulk(form) } : "same";
  return { call: ["OBJECT", "ENCODING", key], as };
}

const integers = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => String(from + i * 3));
const texts = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => `member:${from + i * 3}`);

/** Members of a set of this form; those from 0 and from 3 on have many in common. */
function membersOf(form: Form, from = 0): string[] {
  if (form === "intset") return integers(from, 20);
  return [...integers(from, 10), ...texts(from, form === "listpack" ? 10 : 150)];
}

/** A call that makes a set of this form. */
const make = (key: string, form: Form, from = 0): Call => ({
  call: ["SADD", key, ...membersOf(form, from)],
});

const sorted = (...call: readonly string[]): Call => ({ call, as: "sorted" });

/** Texts and integers at each border of the encodings. */
const BORDERS: readonly string[] = [
  ...[0, 1, 127, 128, 4095, 4096, 32767, 32768, 2147483647, 2147483648].flatMap((n) => [
    String(n),
    String(-n),
    String(-n - 1),
  ]),
  MAX,
  MIN,
  "9223372036854775808",
  "-9223372036854775809",
  "007",
  "-0",
  "1.5",
  "",
  "\0",
  "\xff\xfe\0\r\n",
  ...[1, 62, 63, 64].map((n) => "s".repeat(n)),
];
const LONG = [65, 4095, 4096, 20000].map((n) => "l".repeat(n));

oracleTest("members come and go", [
  "SADD s a",
  "SADD s a b c a",
  "SADD s b",
  sorted("SMEMBERS", "s"),
  "SCARD s",
  "SISMEMBER s a",
  "SISMEMBER s none",
  "SMISMEMBER s a none c a",
  "TYPE s",
  "SREM s none",
  "SREM s a none b a",
  sorted("SMEMBERS", "s"),
  "SREM s c d e",
  "EXISTS s",
  "SREM s c",
  "SMEMBERS none",
  "SCARD none",
  "SISMEMBER none a",
  "SMISMEMBER none a b",
  "SREM none a",
  'SADD "" ""',
  'SMEMBERS ""',
  'SISMEMBER "" ""',
  'SADD "\\x00\\xff" "\\x00" "\\xff" "\\r\\n" ""',
  sorted("SMEMBERS", "\0\xff"),
  "SADD t a",
  "EXPIRE t 100",
  "SADD t b",
  "TTL t",
  "SREM t a b",
  "SADD t a",
  "TTL t",
]);

oracleTest("members of every encoding", [
  ...BORDERS.flatMap((member): Call[] => [
    { call: ["SADD", "all", member] },
    { call: ["SADD", "all", member, member] },
    { call: ["SADD", `own:${member}`, member] },
    { call: ["SMEMBERS", `own:${member}`] },
    { call: ["SISMEMBER", "all", member] },
    { call: ["SADD", `with:${member}`, member, "text"] },
    sorted("SMEMBERS", `with:${member}`),
    { call: ["SREM", `with:${member}`, member] },
    { call: ["SMEMBERS", `with:${member}`] },
  ]),
  sorted("SMEMBERS", "all"),
  isForm("all", "listpack"),
  { call: ["SMISMEMBER", "all", ...BORDERS, "none", "1", "01"] },
  ...LONG.flatMap((member): Call[] => [
    { call: ["SADD", "all", member] },
    isForm("all", "hashtable"),
    { call: ["SISMEMBER", "all", member] },
  ]),
  { call: ["SMISMEMBER", "all", ...BORDERS, ...LONG, "none", "1", "01"] },
  sorted("SMEMBERS", "all"),
  ...[...BORDERS, ...LONG].map((member): Call => ({ call: ["SREM", "all", member] })),
  "EXISTS all",
  // Integers of each width, one after another, and none again.
  ...BORDERS.filter((text) => /^-?[1-9]\d{0,17}$/.test(text)).flatMap((member): Call[] => [
    { call: ["SADD", "integers", member] },
    isForm("integers", "intset"),
    { call: ["SMEMBERS", "integers"] },
  ]),
  { call: ["SADD", "integers", MAX, MIN, "0"] },
  "SMEMBERS integers",
  isForm("integers", "intset"),
]);

const WORDS: readonly string[] = [
  "SADD % m n",
  "SREM % m n",
  "SMEMBERS %",
  "SCARD %",
  "SISMEMBER % m",
  "SMISMEMBER % m n",
  "SPOP %",
  "SPOP % 2",
  "SRANDMEMBER %",
  "SRANDMEMBER % 2",
  "SMOVE % other m",
  "SMOVE other % m",
  "SSCAN % 0",
];

oracleTest("wrong calls", [
  "SET text v",
  "RPUSH list a",
  "SADD other m",
  ...WORDS.flatMap((words) => [
    words.replace("%", "text"),
    words.replace("%", "list"),
    // Of each call its first words only.
    ...words
      .split(" ")
      .map((_, i) => words.split(" ").slice(0, i).join(" ").replace("%", "none"))
      .slice(1),
    `${words.replace("%", "none2")} 1 2 3`,
  ]),
  "SMOVE none text m",
  "SMOVE text none m",
  "SMOVE other text none",
  "SADD set a",
  "APPEND set x",
  "LPUSH set x",
  "GET set",
  ...each("SPOP set %", [...NO_INTEGERS, "-1", MIN]),
  ...each("SRANDMEMBER set %", [...NO_INTEGERS, MIN]),
  "SPOP set 1 2",
  "SRANDMEMBER set 1 2",
  "SADD ints 1 2",
  ...each("SSCAN ints %", NO_INTEGERS),
  ...each("SSCAN set 0 COUNT %", [...NO_INTEGERS, "0", "-1"]),
  "SSCAN set 0 COUNT",
  "SSCAN set 0 MATCH",
  "SSCAN set 0 FOO 1",
  "SSCAN set 0 NOVALUES",
  "SSCAN none 0 FOO 1",
  "SSCAN none x",
  "SMEMBERS set",
]);

oracleTest("the form of a set", [
  { call: ["SADD", "i", ...integers(0, 512)] },
  isForm("i", "intset"),
  "SADD i 0 3",
  isForm("i", "intset"),
  "SADD i 1",
  isForm("i", "hashtable"),
  { call: ["SADD", "j", ...integers(0, 513)] },
  isForm("j", "hashtable"),
  { call: ["SADD", "l", ...texts(0, 128)] },
  isForm("l", "listpack"),
  "SADD l member:0",
  isForm("l", "listpack"),
  "SADD l one-more",
  isForm("l", "hashtable"),
  { call: ["SADD", "m", ...texts(0, 129)] },
  isForm("m", "hashtable"),
  { call: ["SADD", "n", "x".repeat(64)] },
  isForm("n", "listpack"),
  { call: ["SADD", "n", "x".repeat(65)] },
  isForm("n", "hashtable"),
  { call: ["SREM", "n", "x".repeat(65)] },
  isForm("n", "hashtable"),
  // Integers that a text joins.
  { call: ["SADD", "few", ...integers(0, 127)] },
  "SADD few text",
  isForm("few", "listpack"),
  "SADD few 1",
  isForm("few", "hashtable"),
  { call: ["SADD", "many", ...integers(0, 128)] },
  "SADD many text",
  isForm("many", "hashtable"),
  sorted("SMEMBERS", "many"),
  { call: ["SADD", "long", ...integers(0, 10)] },
  { call: ["SADD", "long", "x".repeat(65)] },
  isForm("long", "hashtable"),
  sorted("SMEMBERS", "long"),
  // A text first: integers do not make an intset of it.
  "SADD t a",
  "SADD t 1",
  "SREM t a",
  isForm("t", "listpack"),
  "SMEMBERS t",
]);

/** A directive that 7.0 does not know. */
const setNewDirective = (name: string, value: string): Call => ({
  call: ["CONFIG", "SET", name, value],
  as: { redis72: "+OK\r\n" },
});

oracleTest("the form that the limits say", [
  "CONFIG SET set-max-intset-entries 4",
  setNewDirective("set-max-listpack-entries", "6"),
  setNewDirective("set-max-listpack-value", "10"),
  "SADD i 1 2 3 4",
  isForm("i", "intset"),
  "SADD i 5",
  isForm("i", "hashtable"),
  // With more arguments than an intset may have 7.2 does not begin with one: setTypeCreate in t_set.c.
  "SADD j 1 1 1 1 1",
  isForm("j", "listpack"),
  "SADD l a b c d e",
  isForm("l", "listpack"),
  "SADD l f",
  isForm("l", "listpack"),
  "SADD l g",
  isForm("l", "hashtable"),
  "SADD v a 1234567890",
  isForm("v", "listpack"),
  "SADD v 12345678901",
  isForm("v", "hashtable"),
  // An integer that is too long for packed entries.
  "SADD w 12345678901",
  isForm("w", "intset"),
  "SADD w a",
  isForm("w", "hashtable"),
  sorted("SMEMBERS", "w"),
  "SADD x 1 2",
  "SADD x a b c d e f",
  isForm("x", "hashtable"),
  "CONFIG SET set-max-intset-entries 0",
  setNewDirective("set-max-listpack-entries", "0"),
  "SADD y 1",
  isForm("y", "hashtable"),
  "SADD z a",
  isForm("z", "hashtable"),
  sorted("SMEMBERS", "y"),
  "CONFIG SET set-max-intset-entries 512",
  setNewDirective("set-max-listpack-entries", "128"),
  setNewDirective("set-max-listpack-value", "64"),
]);

for (const form of FORMS) {
  oracleTest(`a set as ${form}`, [
    make("s", form),
    isForm("s", form),
    sorted("SMEMBERS", "s"),
    "SCARD s",
    "SISMEMBER s 3",
    "SISMEMBER s member:3",
    "SISMEMBER s 4",
    "SMISMEMBER s 0 3 x 6",
    "SREM s 3 4 6 member:3",
    "SADD s 4 3 0",
    sorted("SSCAN", "s", "0", "COUNT", "1000"),
    sorted("SSCAN", "s", "0", "COUNT", "1000", "MATCH", "*3*"),
    sorted("SSCAN", "s", "0", "COUNT", "1000", "MATCH", "member:*"),
    sorted("SSCAN", "s", "0", "COUNT", "1000", "MATCH", "*"),
    "SSCAN s 0 COUNT 1000 MATCH nothing",
    "COPY s t",
    isForm("t", form),
    "SREM t 0",
    "RENAME t u",
    "SISMEMBER s 0",
    "SISMEMBER u 0",
    "DEBUG DIGEST-VALUE s u none",
    "EXPIRE s 100",
    "SADD s 1000",
    "TTL s",
    "MOVE u 1",
    "SELECT 1",
    "SCARD u",
    "DEL u",
    "SELECT 0",
    ...membersOf(form).map((member) => `SREM s ${member}`),
    sorted("SMEMBERS", "s"),
    "SREM s 4 1000",
    "EXISTS s",
  ]);
}

/** Names of sets in every form, of integers apart from the others, and of one that does not exist. */
const OPERANDS = [...FORMS, "other intset", "other listpack", "other hashtable", "none"];

/** Stores, and looks at what was stored; its form is Redis 7.2's. */
function stores(command: string, keys: readonly string[]): Call[] {
  return [
    { call: [command, "stored", ...keys] },
    sorted("SMEMBERS", "stored"),
    "EXPIRETIME stored",
  ];
}

oracleTest("combined sets", [
  ...FORMS.flatMap((form) => [make(form, form), make(`other ${form}`, form, 9)]),
  ...OPERANDS.flatMap((one): Call[] => [
    sorted("SINTER", one),
    sorted("SUNION", one),
    sorted("SDIFF", one),
    ...OPERANDS.flatMap((two): Call[] => [
      sorted("SINTER", one, two),
      sorted("SUNION", one, two),
      sorted("SDIFF", one, two),
      { call: ["SINTERCARD", "2", one, two] },
      { call: ["SINTERCARD", "2", one, two, "LIMIT", "3"] },
    ]),
  ]),
  ...OPERANDS.flatMap((one) =>
    OPERANDS.flatMap((two): Call[] => [
      sorted("SINTER", one, two, "hashtable"),
      sorted("SDIFF", "hashtable", one, two),
      sorted("SDIFF", one, two, "other hashtable"),
      sorted("SUNION", one, "intset", two),
    ]),
  ),
  sorted("SUNION", ...OPERANDS),
  sorted("SUNION", ...OPERANDS, ...OPERANDS.toReversed()),
  sorted("SINTER", ...FORMS),
  sorted("SDIFF", "hashtable", "none", "none", "other intset", "listpack"),
  sorted("SDIFF", "hashtable", "hashtable"),
  // Whatever was asked, nothing has changed.
  ...FORMS.map((form) => sorted("SMEMBERS", form)),
]);

oracleTest("combined sets are stored", [
  ...FORMS.flatMap((form) => [make(form, form), make(`other ${form}`, form, 9)]),
  ...["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"].flatMap((command) => [
    ...OPERANDS.flatMap((one) =>
      OPERANDS.flatMap((two) => stores(command, one < two ? [one, two] : [one, two, "hashtable"])),
    ),
    // In place of what there is: a string, a key that expires, one of the operands.
    "SET stored text",
    { call: [command, "stored", "hashtable", "other hashtable"] },
    "EXPIRE stored 100",
    { call: [command, "stored", "hashtable", "listpack"] },
    "TTL stored",
    "COPY hashtable operand REPLACE",
    { call: [command, "operand", "operand", "other hashtable"] },
    sorted("SMEMBERS", "operand"),
    { call: [command, "operand", "none"] },
    "EXISTS operand",
    { call: [command, "none", "none", "none2"] },
    "EXISTS none",
  ]),
  "SINTERSTORE i intset intset",
  isForm("i", "intset"),
  "SUNIONSTORE u intset intset",
  isForm("u", "intset"),
  "SUNIONSTORE l intset listpack",
  isForm("l", "listpack"),
  "SUNIONSTORE h intset hashtable",
  isForm("h", "hashtable"),
  { call: ["SADD", "digits", ...integers(0, 20), ...texts(1, 200)] },
  // Of a table only integers are left: 7.2 makes an intset of them (maybeConvertToIntset), 7.0 none.
  { call: ["SINTERSTORE", "both", "digits", "intset"] },
  isForm("both", "intset"),
]);

oracleTest("wrong calls of combining commands", [
  "SET text v",
  "SADD a 1 2 3",
  "SADD b 2 3 x",
  ...["SINTER", "SUNION", "SDIFF"].flatMap((command) => [
    command,
    `${command} text`,
    `${command} a text`,
    `${command} none text`,
    `${command}STORE`,
    `${command}STORE d`,
    `${command}STORE d text`,
    `${command}STORE d a text`,
    `${command}STORE d none text`,
    "EXISTS d",
  ]),
  "SINTERCARD",
  "SINTERCARD 1",
  "SINTERCARD 0 a",
  "SINTERCARD -1 a",
  "SINTERCARD x a",
  ...each("SINTERCARD % a", NO_INTEGERS),
  "SINTERCARD 2 a",
  "SINTERCARD 1 a b",
  "SINTERCARD 2 a b LIMIT",
  "SINTERCARD 2 a b LIMIT -1",
  ...each("SINTERCARD 2 a b LIMIT %", NO_INTEGERS),
  "SINTERCARD 2 a b LIMIT 0",
  "SINTERCARD 2 a b LIMIT 1",
  "SINTERCARD 2 a b LIMIT 1 LIMIT 2",
  "SINTERCARD 2 a b limit 100",
  "SINTERCARD 2 a b APPROX",
  "SINTERCARD 2 a text",
  "SINTERCARD 2 none text",
  `SINTERCARD ${MAX} a`,
]);

/** Redis 8.10's, of which 7.0 knows nothing. Source: SUNIONCARD and SDIFFCARD in its command reference. */
const newer = (reply: string, ...call: readonly string[]): Call => ({
  call,
  as: { redis72: reply },
});
const COUNT_ERROR = "-ERR Number of keys can't be greater than number of args\r\n";

oracleTest("SUNIONCARD and SDIFFCARD", [
  "SET text v",
  "SADD a 1 2 3",
  "SADD b 2 3 x y",
  { call: ["SADD", "c", ...texts(0, 200)] },
  newer(":5\r\n", "SUNIONCARD", "2", "a", "b"),
  newer(":5\r\n", "SUNIONCARD", "2", "a", "b", "APPROX"),
  newer(":2\r\n", "SUNIONCARD", "2", "a", "b", "LIMIT", "2"),
  newer(":2\r\n", "SUNIONCARD", "2", "a", "b", "LIMIT", "2", "approx"),
  newer(":5\r\n", "SUNIONCARD", "2", "a", "b", "LIMIT", "0"),
  newer(":205\r\n", "SUNIONCARD", "7", "a", "b", "c", "a", "b", "c", "none"),
  newer(":0\r\n", "SUNIONCARD", "1", "none"),
  newer(":1\r\n", "SDIFFCARD", "2", "a", "b"),
  newer(":2\r\n", "SDIFFCARD", "2", "b", "a"),
  newer(":1\r\n", "SDIFFCARD", "2", "b", "a", "LIMIT", "1"),
  newer(":200\r\n", "SDIFFCARD", "3", "c", "a", "b"),
  newer(":0\r\n", "SDIFFCARD", "2", "none", "a"),
  newer(":3\r\n", "SDIFFCARD", "2", "a", "none"),
  newer("-ERR syntax error\r\n", "SDIFFCARD", "2", "a", "b", "APPROX"),
  newer("-ERR syntax error\r\n", "SUNIONCARD", "2", "a", "b", "LIMIT"),
  newer("-ERR LIMIT can't be negative\r\n", "SUNIONCARD", "2", "a", "b", "LIMIT", "-1"),
  newer("-ERR numkeys should be greater than 0\r\n", "SUNIONCARD", "0", "a"),
  newer(COUNT_ERROR, "SDIFFCARD", "3", "a", "b"),
  newer(
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n",
    "SUNIONCARD",
    "2",
    "a",
    "text",
  ),
]);

/** Only how many come, and of what, is known of members that are drawn. */
const drawn = (...call: readonly string[]): Call => ({
  call,
  as: (reply) => reply.replace(/\$\d+\r\n[^\r]*/g, "a member"),
});

for (const form of FORMS) {
  oracleTest(`members drawn from a set as ${form}`, [
    make("s", form),
    drawn("SRANDMEMBER", "s"),
    ...["0", "1", "2", "5", "19", "20", "1000", "-1", "-5", "-300"].map((count) =>
      drawn("SRANDMEMBER", "s", count),
    ),
    "SCARD s",
    drawn("SPOP", "s"),
    "SCARD s",
    ...["0", "1", "2", "5"].map((count) => drawn("SPOP", "s", count)),
    "SCARD s",
    "COPY s t",
    sorted("SDIFF", "s", "t"),
    // All at once: the same members.
    make("u", form),
    sorted("SPOP", "u", "1000"),
    "EXISTS u",
    make("v", form),
    drawn("SPOP", "v", String(membersOf(form).length - 1)),
    "SCARD v",
    drawn("SPOP", "v"),
    "EXISTS v",
    "DEL s t",
    "SPOP none",
    "SPOP none 3",
    "SPOP none 0",
    "SRANDMEMBER none",
    "SRANDMEMBER none 3",
    "SRANDMEMBER none -3",
    "SRANDMEMBER none 0",
  ]);

  oracleTest(`a member that moves from a set as ${form}`, [
    ...FORMS.flatMap((target): Call[] => [
      make("s", form),
      make("t", target, 300),
      "SMOVE s t 0",
      "SMOVE s t 0",
      "SMOVE s t none",
      "SMOVE s s 3",
      "SMOVE s s none",
      sorted("SMEMBERS", "s"),
      sorted("SMEMBERS", "t"),
      "SMOVE s fresh 3",
      "SMEMBERS fresh",
      "SMOVE fresh s 3",
      "EXISTS fresh",
      "DEL s t",
    ]),
    "SMOVE none t a",
  ]);
}

oracleTest("sets are dumped and restored", [
  "SADD i 1 2 70000 -5",
  { call: "DUMP i", as: { without: /.{10}\r\n$/s } },
  ...FORMS.flatMap((form): Call[] => [make(form, form), `OBJECT REFCOUNT ${form}`]),
  "DEBUG RELOAD",
  ...FORMS.flatMap((form): Call[] => [sorted("SMEMBERS", form), isForm(form, form)]),
  "DEBUG DIGEST",
]);

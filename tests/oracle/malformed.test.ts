/**
 * Random calls of every command made from its documented arguments, most of them wrong somewhere:
 * arguments left out, doubled, exchanged or replaced. Both servers must refuse them in the same
 * words, or accept them with the same reply.
 *
 *     SEED=7 CALLS=1000 bun test tests/oracle/malformed    another run, so many calls a command
 */
import { expect, test } from "bun:test";
import { Random } from "../../src/base/random.ts";
import { COMMANDS } from "../../src/commands/index.ts";
import type { CommandSpec } from "../../src/commands/spec/command.ts";
import { type Argument, parseSyntax } from "../../src/commands/spec/syntax.ts";
import { describePair, shown } from "../harness/oracle.ts";
import type { RawClient } from "../harness/raw-client.ts";
import { MIN } from "./values.ts";

const SEED = Number(process.env.SEED ?? 1);
const CALLS = Number(process.env.CALLS ?? 40);

/** Not run: they end, stop, silence or take long, or their replies are of this machine. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  quit: "closes the connection",
  subscribe: "has as many replies as arguments",
  unsubscribe: "has as many replies as arguments",
  psubscribe: "has as many replies as arguments",
  punsubscribe: "has as many replies as arguments",
  ssubscribe: "has as many replies as arguments",
  sunsubscribe: "has as many replies as arguments",
  multi: "what follows would be queued",
  monitor: "what follows would be shown",
  shutdown: "stops the server",
  debug: "has subcommands of its own",
  save: "writes to the disk",
  bgsave: "writes to the disk",
  bgrewriteaof: "writes to the disk",
  pfselftest: "takes a second",
  info: "tells of the machine",
  time: "tells of the machine",
  lastsave: "tells of the machine",
  hello: "its reply has an id",
  auth: "is tried with a password elsewhere",
  replicaof: "makes a replica of the server",
  slaveof: "makes a replica of the server",
  replconf: "makes a replica of the client",
  psync: "makes a replica of the client",
  sync: "makes a replica of the client",
  wait: "waits for replicas",
  failover: "looks for replicas",
  randomkey: "depends on chance",
  dump: "the payload tells the version of the format",
  "acl|cat": "tells of commands that only one of them has",
  "acl|genpass": "depends on chance",
  "acl|getuser": "Redis has another flag since 7.2",
  "acl|list": "Redis has another flag since 7.2",
  command: "tells of commands that only one of them has",
  "client|list": "tells of the machine",
  "client|info": "tells of the machine",
  "client|id": "tells of the machine",
  "client|kill": "closes connections",
  "client|reply": "silences the connection",
  "client|pause": "stops the server",
  "client|no-touch": "Redis has it since 7.2",
  "client|setinfo": "Redis has it since 7.2",
  "config|get": "tells of directives that only one of them has",
  "config|set": "changes what other tests need",
  "config|rewrite": "writes to the disk",
  "slowlog|get": "tells of the machine",
  "slowlog|len": "tells of the machine",
  "latency|histogram": "tells of the machine",
  "latency|doctor": "has its own words",
  "latency|graph": "has its own words",
};

const KEYS = ["text", "number", "list", "none", "passing"];
const WORDS = [
  "",
  "x",
  "0",
  "1",
  "-1",
  "2",
  "10",
  "1.5",
  "abc",
  " 1",
  "9223372036854775807",
  MIN,
  "9223372036854775808",
  "33177117420",
  "a\0b",
  "\xff",
  "*",
  ...KEYS,
];

/** Commands that let a key expire: a short time could be over before anybody looks. */
const TIMED = ["set", "setex", "psetex", "getex", "expire", "pexpire", "restore"];

class Mutator {
  readonly #random: Random;
  readonly #tokens: readonly string[];

  constructor(seed: number, items: readonly Argument[]) {
    this.#random = new Random(seed);
    this.#tokens = tokensOf(items);
  }

  #below(limit: number): number {
    return this.#random.below(limit);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }

  /** Arguments as documented, options at random. */
  right(items: readonly Argument[]): string[] {
    const words: string[] = [];
    for (const item of items) {
      if (item.optional && this.#below(2) === 0) continue;
      const times = item.multiple ? 1 + this.#below(3) : 1;
      for (let i = 0; i < times; i++) {
        if (item.token !== undefined && (i === 0 || item.multipleToken)) words.push(item.token);
        words.push(...this.#value(item));
      }
    }
    return words;
  }

  #value(item: Argument): string[] {
    switch (item.type) {
      case "pure-token":
        return [];
      case "oneof":
        return this.right([{ ...this.#pick(item.arguments!), optional: false }]);
      case "block":
        return this.right(item.arguments!);
      case "key":
        return [this.#pick(KEYS)];
      case "string":
        return [this.#pick(WORDS)];
      case "pattern":
        return [this.#pick(["*", "?e*", "[a-n]*", "none"])];
      case "unix-time":
        return [this.#pick(["33177117420", "33177117420123", "1", "-1"])];
      case "double":
        return [this.#pick(["1.5", "-0.25", "1e3"])];
      default:
        return [this.#pick(["1000", "1", "2", "0", "-1", "5000"])];
    }
  }

  wrong(words: readonly string[]): string[] {
    const mutated = [...words];
    for (let i = this.#below(3); i > 0; i--) {
      const at = this.#below(mutated.length + 1);
      switch (this.#below(6)) {
        case 0:
          mutated.splice(at, 1);
          break;
        case 1:
          mutated.splice(at, 0, this.#pick(WORDS));
          break;
        case 2:
          if (this.#tokens.length > 0) mutated.splice(at, 0, this.#pick(this.#tokens));
          break;
        case 3:
          if (at < mutated.length) mutated[at] = this.#pick(WORDS);
          break;
        case 4:
          if (at < mutated.length) mutated[at] = mutated[at]!.toLowerCase();
          break;
        default:
          mutated.push(...mutated.slice(at));
      }
    }
    return mutated;
  }
}

function tokensOf(items: readonly Argument[]): string[] {
  return items.flatMap((item) => [
    ...(item.token === undefined ? [] : [item.token]),
    ...tokensOf(item.arguments ?? []),
  ]);
}

/** Keys of each kind, anew for each call, so that none depends on those before it. */
const SETUP: readonly (readonly string[])[] = [
  ["SELECT", "0"],
  ["FLUSHALL"],
  ["SET", "text", "some text", "EX", "7777"],
  ["SET", "number", "42"],
  ["RPUSH", "list", "1", "x", "2", "x", "abc"],
  ["SET", "passing", "v", "PXAT", "1"],
];

/** What depends on the clock, on the version or on the order of tables. */
function comparable(words: readonly string[], reply: string): string {
  const name = words[0]!;
  if (name === "keys") return reply.split("\r\n").sort().join("|");
  // What a part of an iteration returns depends on how the table is laid out.
  if (name === "scan" && reply[0] === "*") return "keys";
  // Redis looks at the memory of a key without looking at its expiry.
  if (name === "memory" && words[2] === "passing") return "a number";
  // These tell of the server's own memory.
  const isReport = ["stats", "doctor", "malloc-stats"].includes((words[1] ?? "").toLowerCase());
  if (name === "memory" && isReport && reply[0] !== "-") return "a report";
  // Redis 7.2 checks their arguments before it looks the key up, 7.0 only where it is a string (bitops.c).
  const isString = ["text", "number"].includes(words[1] ?? "");
  if ((name === "bitcount" || name === "bitpos") && !isString) return "none, or an error";
  if (reply === "$8\r\nlistpack\r\n") return "$9\r\nquicklist\r\n";
  const timed = ["pttl", "ttl", "expiretime", "pexpiretime", "memory", "object"].includes(name);
  return timed && /^:[0-9]+\r\n$/.test(reply) ? "a number" : reply;
}

/** Whether Redis 7.0 answers this call otherwise than the version that StormDB follows. */
function isNewerThanOracle(name: string, args: readonly string[]): boolean {
  switch (name) {
    case "lpos":
      // Redis 7.2 refuses this rank.
      return args.includes(MIN);
    case "bitcount":
    case "bitpos":
      // Redis 7.2 reads the arguments before it looks for the key (redis/redis#11734).
      return args[0] !== "text" && args[0] !== "number";
    case "bitop":
      // Redis 8.2 has these operations.
      return /^(diff1?|andor|one)$/i.test(args[0] ?? "");
    case "set":
      // Redis 8.4 has these comparisons.
      return args.some((arg) => /^if(d?eq|d?ne)$/i.test(arg));
    case "zrank":
    case "zrevrank":
      // Redis 7.2 takes one argument more, WITHSCORE.
      return args.length !== 2;
    default:
      return false;
  }
}

async function run(
  redis: RawClient,
  storm: RawClient,
  words: readonly string[],
  mayWait: boolean,
): Promise<void> {
  // Operations of BITOP that came with Redis 8.2.
  if (words[0] === "bitop" && /^(diff1?|andor|one)(\0|$)/i.test(words[1] ?? "")) return;
  // What might wait runs in a transaction, where it does not.
  const calls = mayWait ? [["MULTI"], words, ["EXEC"]] : [words];
  // Redis keeps an expired key until somebody looks.
  const all = [...SETUP, ...calls, ["EXISTS", ...KEYS], ["DEBUG", "DIGEST-VALUE", ...KEYS]];
  const [expected, got] = await Promise.all(
    [redis, storm].map(async (client) => {
      const replies = await Promise.all(all.map((call) => client.call(...call)));
      const [reply, ...after] = replies.slice(SETUP.length);
      return `${comparable(words, reply!)}; ${after.join(" ")}`;
    }),
  );
  // What the oracle does not have is tested by expected values elsewhere.
  if (expected === got || expected!.startsWith("-ERR unknown command")) return;
  throw new Error(
    `SEED=${SEED} CALLS=${CALLS}: ${JSON.stringify(words)}\n${shown(expected!)} from redis-server\n${shown(got!)} from StormDB`,
  );
}

const ENTRIES = COMMANDS.flatMap((spec): (readonly [string, CommandSpec])[] => {
  if (spec.name in LEFT_OUT) return [];
  if (spec.subcommands === undefined) return [[spec.name, spec]];
  return spec.subcommands
    .map((sub) => [`${spec.name}|${sub.name}`, sub] as const)
    .filter(([name, sub]) => !(name in LEFT_OUT) && sub.name !== "help");
});

describePair("malformed calls", (pair) => {
  let clients: readonly [RawClient, RawClient] | undefined;

  test.each(ENTRIES)("%s", async (name, spec) => {
    const { redis, storm } = await pair();
    clients ??= [await redis.connect(), await storm.connect()];
    const items = parseSyntax(spec.syntax ?? "", 0);
    const mutator = new Mutator(SEED * 1000 + name.length * 31 + name.charCodeAt(0), items);
    for (let i = 0; i < CALLS; i++) {
      const args = mutator.wrong(mutator.right(items));
      if (TIMED.includes(name)) {
        for (const [at, arg] of args.entries()) if (/^[1-9]\d?$/.test(arg)) args[at] = "100000";
      }
      if (isNewerThanOracle(name, args)) continue;
      const mayWait = spec.flags.split(" ").includes("blocking");
      await run(...clients, [...name.split("|"), ...args], mayWait);
    }
  });
});

test("what is left out is there", () => {
  const names = COMMANDS.flatMap((spec) => [
    spec.name,
    ...(spec.subcommands ?? []).map((sub) => `${spec.name}|${sub.name}`),
  ]);
  expect(Object.keys(LEFT_OUT).filter((name) => !names.includes(name))).toEqual([]);
});

import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { runShort } from "../memory/lean-heap.ts";
import { CommandRunner } from "./runner.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

/** Members of each form. */
const FORMS = [
  ["intset", Array.from({ length: 300 }, (_, i) => String(i))],
  ["listpack", Array.from({ length: 100 }, (_, i) => `m${i}`)],
  ["hashtable", Array.from({ length: 5000 }, (_, i) => `m${i}`)],
] as const;

function elementsOf(reply: string): string[] {
  return reply.split("\r\n").filter((_, i) => i > 0 && i % 2 === 0);
}

const members = (key: string) => elementsOf(commands.call("SMEMBERS", key));

describe.each(FORMS)("of a set as %s", (encoding, all) => {
  beforeEach(() => {
    commands.call("SADD", "s", ...all);
    const { databases, sets } = commands.space;
    expect(sets.encoding(databases[0]!.lookup(latin1("s"), 0, 1))).toEqual(encoding);
  });

  test("SPOP is propagated as SREM of what it took", () => {
    const [member] = commands.call("SPOP", "s").split("\r\n").slice(1);
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([
      1,
      [`SREM s ${member}`],
      ["spop s"],
    ]);
    expect(commands.call("SISMEMBER", "s", member!)).toEqual(":0\r\n");
  });

  // Few, many, nearly all: each has its own way.
  test.each([1, 2, 0.3, 0.85, 0.99])("SPOP of %d (a share below 1)", (wanted) => {
    const count = wanted < 1 ? Math.floor(all.length * wanted) : wanted;
    const taken = elementsOf(commands.call("SPOP", "s", String(count)));
    const { dirty, events, propagated } = commands;
    commands.space.check();
    expect([taken.length, new Set(taken).size, dirty, events]).toEqual([
      count,
      count,
      count,
      ["spop s"],
    ]);
    const left = members("s");
    expect(new Set([...taken, ...left])).toEqual(new Set(all));
    expect(left.length).toEqual(all.length - count);
    // Several commands are one transaction.
    const hasBlock = count > 1024;
    const removals = hasBlock ? propagated.slice(1, -1) : propagated;
    if (hasBlock) expect([propagated[0], propagated.at(-1)]).toEqual(["MULTI", "EXEC"]);
    const words = removals.map((line) => line.split(" "));
    for (const [name, key, ...some] of words) {
      expect([name, key, some.length <= 1024]).toEqual(["SREM", "s", true]);
    }
    expect(words.flatMap((line) => line.slice(2))).toEqual(taken);
  });

  test("SPOP of all is propagated as DEL", () => {
    const taken = elementsOf(commands.call("SPOP", "s", "1000000"));
    expect(new Set(taken)).toEqual(new Set(all));
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([
      all.length,
      ["DEL s"],
      ["spop s", "del s"],
    ]);
    expect(commands.call("EXISTS", "s")).toEqual(":0\r\n");
  });

  test("SRANDMEMBER of some", () => {
    const { length } = all;
    for (const count of [1, 2, length >> 4, length >> 1, length - 1, length, length * 2]) {
      const drawn = elementsOf(commands.call("SRANDMEMBER", "s", String(count)));
      expect([drawn.length, new Set(drawn).size]).toEqual([
        Math.min(count, length),
        Math.min(count, length),
      ]);
      for (const member of drawn) expect(all).toContain(member);
    }
    const repeated = elementsOf(commands.call("SRANDMEMBER", "s", `-${length * 2}`));
    expect(repeated.length).toEqual(length * 2);
    expect(new Set(repeated).size).toBeLessThan(length);
    expect(new Set(members("s"))).toEqual(new Set(all));
  });

  test.each([0.05, 0.4, 0.9])("a share of %d is drawn with the same chance for each", (share) => {
    const few = all.slice(0, 100);
    const wanted = Math.round(few.length * share);
    if (encoding !== "hashtable") {
      commands.call("DEL", "s");
      commands.call("SADD", "s", ...few);
    } else commands.call("SREM", "s", ...all.slice(100));
    const counts = new Map<string, number>();
    const rounds = 2000;
    for (let i = 0; i < rounds; i++) {
      for (const member of elementsOf(commands.call("SRANDMEMBER", "s", String(wanted)))) {
        counts.set(member, (counts.get(member) ?? 0) + 1);
      }
    }
    const mean = (rounds * wanted) / few.length;
    const variance = mean * (1 - share);
    let sum = 0;
    for (const member of few) sum += ((counts.get(member) ?? 0) - mean) ** 2 / variance;
    expect(sum).toBeLessThan(few.length + 6 * Math.sqrt(2 * few.length));
  });
});

test("SPOP of nearly all changes nothing where memory runs out", () => {
  commands.call("SADD", "s", ...FORMS[2][1]);
  let failures = 0;
  for (let blocks = 0; ; blocks += 5) {
    const end = runShort(commands.space.heap, blocks);
    const reply = commands.call("SPOP", "s", "4700");
    end();
    commands.space.check();
    if (!reply.startsWith("-OOM")) break;
    failures++;
    expect(commands.propagated).toEqual([]);
    expect(members("s").length).toEqual(5000);
    // No mark stays: every member can be drawn.
    if (failures < 3) {
      const drawn = elementsOf(commands.call("SRANDMEMBER", "s", "600"));
      expect(new Set(drawn).size).toEqual(600);
    }
  }
  expect(failures).toBeGreaterThan(3);
  expect(members("s").length).toEqual(300);
});

test("a reply that would be too long is refused", () => {
  commands.call("SADD", "s", "x".repeat(1000000), "y".repeat(1000000));
  expect(commands.call("SRANDMEMBER", "s", "-9223372036854775807")).toStartWith("-ERR the reply");
  expect(commands.call("SRANDMEMBER", "s", "-100000000")).toStartWith("-ERR the reply");
  expect(commands.call("SRANDMEMBER", "s", "-10")).toStartWith("*10\r\n$1000000\r\n");
});

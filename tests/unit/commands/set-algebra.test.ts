import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Random } from "../../../src/base/random.ts";
import { runShort } from "../memory/lean-heap.ts";
import { forSeeds, pick } from "../seeds.ts";
import { randomMember } from "../store/operations.ts";
import { CommandRunner } from "./runner.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

function elementsOf(reply: string): string[] {
  return reply.split("\r\n").filter((_, i) => i > 0 && i % 2 === 0);
}

const KEYS = ["a", "b", "c", "d", "e", "f", "none"];

/** Sets of every form and size, with many members in common. */
function fill(random: Random): Map<string, Set<string>> {
  const sets = new Map<string, Set<string>>([["none", new Set()]]);
  for (const key of KEYS.slice(0, -1)) {
    const count = pick(random, [1, 5, 60, 400, 2000]);
    const isInteger = random.below(3) === 0;
    const members = Array.from({ length: count }, () =>
      count < 400 ? randomMember(random, isInteger) : `m${random.below(2500)}`,
    );
    sets.set(key, new Set(members));
    commands.call("SADD", key, ...members);
  }
  return sets;
}

function combined(name: string, sets: readonly ReadonlySet<string>[]): Set<string> {
  const [first, ...others] = sets;
  if (name === "SUNION") return new Set(sets.flatMap((set) => [...set]));
  const has = (member: string) => others.map((set) => set.has(member));
  return new Set(
    [...first!].filter((member) =>
      name === "SINTER" ? has(member).every(Boolean) : !has(member).some(Boolean),
    ),
  );
}

describe("combined sets", () => {
  test("are those of plain sets, replied, counted and stored", () =>
    forSeeds(40, (random) => {
      commands = new CommandRunner();
      const sets = fill(random);
      for (let i = 0; i < 20; i++) {
        const name = pick(random, ["SINTER", "SUNION", "SDIFF"]);
        const keys = Array.from({ length: 1 + random.below(7) }, () => pick(random, KEYS));
        const expected = combined(
          name,
          keys.map((key) => sets.get(key)!),
        );
        const members = elementsOf(commands.call(name, ...keys));
        expect([name, keys, members.length]).toEqual([name, keys, expected.size]);
        expect(new Set(members)).toEqual(expected);
        const limit = random.below(20);
        const counted = commands.call(
          `${name}CARD`,
          String(keys.length),
          ...keys,
          "LIMIT",
          String(limit),
        );
        expect(counted).toEqual(
          `:${limit === 0 ? expected.size : Math.min(limit, expected.size)}\r\n`,
        );
        expect(commands.call(`${name}STORE`, "stored", ...keys)).toEqual(`:${expected.size}\r\n`);
        expect(new Set(elementsOf(commands.call("SMEMBERS", "stored")))).toEqual(expected);
        // What a union gathers is freed in slices.
        while (commands.space.reaper.hasWork) commands.space.reaper.freeSome(1000);
        commands.space.check();
      }
      // No mark stays.
      for (const [key, members] of sets) {
        const drawn = elementsOf(commands.call("SRANDMEMBER", key, String(members.size >> 3)));
        expect(new Set(drawn).size).toEqual(members.size >> 3);
        expect(new Set(elementsOf(commands.call("SMEMBERS", key)))).toEqual(members);
      }
    }));

  test("that are stored are propagated as they were asked for", () => {
    commands.call("SADD", "a", "1", "2");
    commands.call("SADD", "b", "2", "x");
    for (const name of ["SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"]) {
      commands.call(name, "d", "a", "b");
      expect([commands.dirty, commands.propagated, commands.events]).toEqual([
        1,
        [`${name} d a b`],
        [`${name.toLowerCase()} d`],
      ]);
      // An empty result removes the key, and nothing is propagated where there was none.
      commands.call(name, "d", "none");
      expect([commands.dirty, commands.events]).toEqual([1, ["del d"]]);
      commands.call(name, "d", "none");
      expect([commands.dirty, commands.propagated, commands.events]).toEqual([0, [], []]);
    }
  });
});

describe("where memory runs out", () => {
  const MANY = ["a", "b", "c", "d", "e", "f"];
  const CALLS = [
    ["SUNION", ...MANY],
    ["SUNIONCARD", "6", ...MANY],
    ["SUNIONSTORE", "new", "a", "b"],
    ["SUNIONSTORE", "a", "a", "b"],
    ["SINTERSTORE", "new", "a", "b"],
    ["SINTERSTORE", "text", "a", "b"],
    ["SDIFFSTORE", "new", "a", "b", "c"],
    ["SDIFFSTORE", "b", "a", "b", "c"],
  ];

  test.each(CALLS.map((call) => [call.join(" "), call]))("%s changes nothing", (_, call) => {
    commands.call("SET", "text", "v", "EX", "100");
    for (const [i, key] of MANY.entries()) {
      const members = Array.from({ length: 200 }, (_, j) => `m${i * 50 + j}`);
      commands.call("SADD", key, ...members);
    }
    const before = commands.state;
    let failures = 0;
    for (let blocks = 0; ; blocks += 1 + (blocks >> 3)) {
      const end = runShort(commands.space.heap, blocks);
      const reply = commands.call(...(call as string[]));
      end();
      while (commands.space.reaper.hasWork) commands.space.reaper.freeSome(1000);
      commands.space.check();
      if (!reply.startsWith("-OOM")) break;
      failures++;
      expect(commands.state).toEqual(before);
    }
    expect(failures).toBeGreaterThan(3);
  });
});

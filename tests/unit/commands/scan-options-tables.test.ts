/** How far a scan of a table goes, as SSCAN shows it. */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Random } from "../../../src/base/random.ts";
import { forSeeds } from "../seeds.ts";
import { CommandRunner } from "./runner.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

/** One call: the next cursor, and the members. */
function scan(cursor: string, ...options: readonly string[]): [string, string[]] {
  const lines = commands.call("SSCAN", "s", cursor, ...options).split("\r\n");
  return [lines[2]!, lines.slice(4).filter((_, i) => i % 2 === 1)];
}

describe("a scan", () => {
  test("returns every member that stays, whatever comes and goes", () =>
    forSeeds(20, (random: Random) => {
      commands = new CommandRunner();
      const staying = Array.from({ length: 300 }, (_, i) => `stays ${i}`);
      commands.call("SADD", "s", ...staying);
      const seen = new Set<string>();
      const isGrowing = random.below(2) === 0;
      const others = Array.from({ length: 3000 }, (_, i) => `other ${i}`);
      if (!isGrowing) commands.call("SADD", "s", ...others);
      let cursor = "0";
      let calls = 0;
      do {
        const [next, members] = scan(cursor, "COUNT", String(1 + random.below(30)));
        for (const member of members) seen.add(member);
        cursor = next;
        calls++;
        const some = others.splice(0, 100);
        if (some.length > 0) commands.call(isGrowing ? "SADD" : "SREM", "s", ...some);
      } while (cursor !== "0");
      expect(calls).toBeGreaterThan(5);
      expect(staying.filter((member) => !seen.has(member))).toEqual([]);
    }));

  test("ends each call in time, even where hardly anything matches or the set has become sparse", () => {
    const many = Array.from({ length: 5000 }, (_, i) => `m${i}`);
    commands.call("SADD", "s", ...many);
    const [next, members] = scan("0", "COUNT", "10", "MATCH", "none");
    expect(next).not.toEqual("0");
    expect(members).toEqual([]);
  });
});

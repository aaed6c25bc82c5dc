/** Source of MSETEX: Redis's command reference and its tests/unit/type/string.tcl. */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { runShort } from "../memory/lean-heap.ts";
import { forSeeds, pick } from "../seeds.ts";
import { CommandRunner, START_MS } from "./runner.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

describe("MSETEX", () => {
  test("sets all, with an expiry", () => {
    expect(commands.call("MSETEX", "2", "a", "1", "b", "x", "EX", "10")).toBe(":1\r\n");
    const at = START_MS + 10_000;
    const sets = [`SET a 1 PXAT ${at}`, `SET b x PXAT ${at}`];
    expect(commands.propagated).toEqual(["MULTI", ...sets, "EXEC"]);
    expect(commands.events).toEqual(["set a", "expire a", "set b", "expire b"]);
    expect(commands.call("TTL", "b")).toBe(":10\r\n");
    expect(commands.call("MSETEX", "2", "a", "2", "c", "y", "KEEPTTL")).toBe(":1\r\n");
    expect(commands.propagated).toEqual(["MULTI", "SET a 2 KEEPTTL", "SET c y KEEPTTL", "EXEC"]);
    expect(commands.call("TTL", "a")).toBe(":10\r\n");
    expect(commands.call("TTL", "c")).toBe(":-1\r\n");
    expect(commands.call("MSETEX", "2", "a", "2", "c", "y")).toBe(":1\r\n");
    expect(commands.propagated).toEqual(["MSET a 2 c y"]);
    expect(commands.call("TTL", "a")).toBe(":-1\r\n");
  });

  test("NX: if no key exists; XX: if all do", () => {
    commands.call("SET", "a", "old");
    expect(commands.call("MSETEX", "2", "a", "1", "b", "1", "NX")).toBe(":0\r\n");
    expect(commands.call("MSETEX", "2", "a", "1", "b", "1", "XX")).toBe(":0\r\n");
    expect([commands.propagated, commands.dirty]).toEqual([[], 0]);
    expect(commands.call("MSETEX", "2", "b", "1", "c", "1", "NX")).toBe(":1\r\n");
    expect(commands.call("MSETEX", "2", "a", "1", "b", "1", "XX", "PX", "5000")).toBe(":1\r\n");
    expect(commands.call("MGET", "a", "b", "c")).toBe("*3\r\n$1\r\n1\r\n$1\r\n1\r\n$1\r\n1\r\n");
  });

  test("errors", () => {
    const keys = "-ERR invalid numkeys value\r\n";
    const pairs = "-ERR wrong number of key-value pairs\r\n";
    const syntax = "-ERR syntax error\r\n";
    const time = "-ERR invalid expire time in 'msetex' command\r\n";
    const CALLS: [string, string][] = [
      ["a 1 EX", keys],
      ["0 a 1", keys],
      ["-1 a 1", keys],
      ["2147483648 a 1", keys],
      ["2147483647 a 1 EX 10", pairs],
      ["2 a 1 b", pairs],
      ["1 a 1 FOO", syntax],
      ["1 a 1 NX XX", syntax],
      ["1 a 1 EX 10 PX 10", syntax],
      ["1 a 1 KEEPTTL EX 10", syntax],
      ["1 a 1 EX", syntax],
      ["1 a 1 GET", syntax],
      ["1 a 1 PERSIST", syntax],
      ["1 a 1 IFEQ x", syntax],
      ["1 a 1 EX 0", time],
      ["1 a 1 EXAT -1", time],
      ["1 a 1 EX x", "-ERR value is not an integer or out of range\r\n"],
    ];
    for (const [call, error] of CALLS) {
      expect([call, commands.call("MSETEX", ...call.split(" "))]).toEqual([call, error]);
    }
    expect(commands.call("EXISTS", "a")).toBe(":0\r\n");
  });
});

describe("where memory runs out", () => {
  test("all pairs are set or none", () =>
    forSeeds(12, (random) => {
      commands = new CommandRunner();
      const value = () =>
        pick(random, ["1", "text", "v".repeat(random.below(300)), "w".repeat(20000)]);
      const key = () => `key${random.below(30)}`;
      for (let i = random.below(40); i > 0; i--) {
        commands.call("SET", key(), value());
        if (random.below(3) === 0) commands.call("EXPIRE", key(), "100");
        if (random.below(5) === 0) commands.call("RPUSH", `list${i}`, "x");
      }
      const pairs = Array.from({ length: 1 + random.below(25) }, () => [key(), value()]).flat();
      const numkeys = String(pairs.length / 2);
      const call = pick(random, [
        ["MSET", ...pairs],
        ["MSETNX", ...pairs.map((word, i) => (i % 2 === 0 ? `new${word}` : word))],
        ["MSETEX", numkeys, ...pairs, "EX", "100"],
        ["MSETEX", numkeys, ...pairs, "KEEPTTL"],
      ]);
      const before = commands.state;
      let failures = 0;
      for (let blocks = 0; ; blocks += 1 + random.below(6)) {
        const end = runShort(commands.space.heap, blocks);
        const reply = commands.call(...call);
        end();
        commands.space.check();
        if (!reply.startsWith("-OOM")) break;
        failures++;
        expect(commands.state).toEqual(before);
      }
      expect(failures).toBeGreaterThan(0);
      expect(commands.state).not.toEqual(before);
    }));
});

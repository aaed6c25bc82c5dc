import { beforeEach, describe, expect, test } from "bun:test";
import { runShort } from "../memory/lean-heap.ts";
import { CommandRunner } from "./runner.ts";

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

describe("what set commands propagate", () => {
  test("members that are new or leave, and none that stay", () => {
    commands.call("SADD", "a", "1", "x", "1");
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([
      2,
      ["SADD a 1 x 1"],
      ["sadd a"],
    ]);
    commands.call("SADD", "a", "1", "x");
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([0, [], []]);
    commands.call("SREM", "a", "none");
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([0, [], []]);
    commands.call("SREM", "a", "x", "1", "none");
    expect([commands.dirty, commands.events]).toEqual([2, ["srem a", "del a"]]);
  });

  test("a member that moves, with the events of both keys in Redis's order", () => {
    commands.call("SADD", "a", "x");
    commands.call("SMOVE", "a", "b", "x");
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([
      2,
      ["SMOVE a b x"],
      ["srem a", "del a", "sadd b"],
    ]);
    commands.call("SADD", "a", "x");
    // The target has the member already.
    commands.call("SMOVE", "a", "b", "x");
    expect([commands.dirty, commands.events]).toEqual([1, ["srem a", "del a"]]);
    commands.call("SMOVE", "b", "b", "x");
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([0, [], []]);
  });
});

describe("where memory runs out", () => {
  const CALLS = [
    ["SADD", "new", "a"],
    ["SADD", "new", "1"],
    ["SADD", "new", "a".repeat(100)],
    ["SADD", "ints", "x"],
    ["SADD", "ints", "9999999999"],
    ["SADD", "ints", "x".repeat(100)],
    ["SADD", "small", "x".repeat(100)],
    ["SADD", "large", "one more"],
    ["SMOVE", "ints", "new", "1"],
    ["SMOVE", "large", "new", "m1"],
    ["SMOVE", "small", "large", "b"],
  ];

  beforeEach(() => {
    commands.call("SADD", "ints", ...Array.from({ length: 12 }, (_, i) => String(i)));
    commands.call("SADD", "small", "a", "b", "c");
    commands.call("SADD", "large", ...Array.from({ length: 256 }, (_, i) => `m${i}`));
    commands.call("EXPIRE", "ints", "100");
  });

  const contents = () =>
    ["new", "ints", "small", "large"].map((key) =>
      commands.call("SMEMBERS", key).split("\r\n").sort().join(" "),
    );

  test.each(CALLS.map((call) => [call.join(" ").slice(0, 40), call]))(
    "%s changes nothing",
    (_, call) => {
      const before = contents();
      let failures = 0;
      for (let blocks = 0; ; blocks++) {
        const end = runShort(commands.space.heap, blocks);
        const reply = commands.call(...(call as string[]));
        end();
        commands.space.check();
        if (!reply.startsWith("-OOM")) break;
        failures++;
        expect(contents()).toEqual(before);
      }
      expect(failures).toBeGreaterThan(0);
      expect(contents()).not.toEqual(before);
    },
  );

  test("SADD of many keeps whole members, and propagates those", () => {
    const many = Array.from({ length: 40 }, (_, i) => `one more ${i}`);
    let partly = 0;
    for (let blocks = 0; ; blocks++) {
      commands.call("SREM", "large", ...many);
      const end = runShort(commands.space.heap, blocks);
      const reply = commands.call("SADD", "large", ...many);
      end();
      const { events, propagated } = commands;
      const added = Number(commands.call("SCARD", "large").slice(1)) - 256;
      commands.space.check();
      if (!reply.startsWith("-OOM")) break;
      if (added === 0) {
        expect([propagated, events]).toEqual([[], []]);
        continue;
      }
      partly++;
      expect(propagated).toEqual([`SADD large ${many.slice(0, added).join(" ")}`]);
      expect(events).toEqual(["sadd large"]);
    }
    expect(partly).toBeGreaterThan(0);
  });
});

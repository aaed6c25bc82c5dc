import { beforeEach, describe, expect, test } from "bun:test";
import { runShort } from "../memory/lean-heap.ts";
import { CommandRunner } from "./runner.ts";

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

describe("what bitmap commands propagate", () => {
  test("a bit that changes, and none that stays", () => {
    commands.call("SETBIT", "a", "5", "1");
    expect(commands.propagated).toEqual(["SETBIT a 5 1"]);
    commands.call("SETBIT", "a", "5", "1");
    expect([commands.dirty, commands.propagated, commands.events]).toEqual([0, [], []]);
    // The string becomes longer.
    commands.call("SETBIT", "a", "50", "0");
    expect([commands.propagated, commands.events]).toEqual([["SETBIT a 50 0"], ["setbit a"]]);
  });

  test("fields that change, counted one by one", () => {
    commands.call(
      "BITFIELD",
      "a",
      "SET",
      "u8",
      "0",
      "1",
      "INCRBY",
      "u8",
      "8",
      "0",
      "GET",
      "u8",
      "0",
    );
    // The second is counted too, because the string has become longer.
    expect(commands.dirty).toBe(2);
    commands.call("BITFIELD", "a", "SET", "u8", "0", "1", "INCRBY", "u8", "8", "1");
    expect([commands.dirty, commands.propagated]).toEqual([
      1,
      ["BITFIELD a SET u8 0 1 INCRBY u8 8 1"],
    ]);
    commands.call("BITFIELD", "a", "GET", "u8", "0");
    expect(commands.propagated).toEqual([]);
  });
});

describe("where memory runs out", () => {
  const CALLS = [
    ["SETBIT", "new", "9", "1"],
    ["SETBIT", "new", "900000", "1"],
    ["SETBIT", "number", "900", "1"],
    ["SETBIT", "short", "9000", "1"],
    ["SETBIT", "short", "900000", "1"],
    ["SETBIT", "long", "9000000", "1"],
    ["BITFIELD", "short", "SET", "u8", "8000", "1", "SET", "u8", "16000", "1"],
    ["BITFIELD", "new", "SET", "u8", "8000", "1"],
    ["BITOP", "NOT", "new", "short"],
    ["BITOP", "NOT", "new", "long"],
    ["BITOP", "NOT", "short", "long"],
    ["BITOP", "OR", "long", "long", "short"],
  ];

  test.each(CALLS.map((call) => [call.join(" "), call]))("%s changes nothing", (_, call) => {
    commands.call("SET", "number", "123");
    commands.call("SET", "short", "abc", "EX", "100");
    commands.call("SET", "long", "x".repeat(20000));
    const before = commands.state;
    let failures = 0;
    for (let blocks = 0; ; blocks++) {
      const end = runShort(commands.space.heap, blocks);
      const reply = commands.call(...(call as string[]));
      end();
      commands.space.check();
      if (!reply.startsWith("-OOM")) break;
      failures++;
      expect(commands.state).toEqual(before);
    }
    expect(failures).toBeGreaterThan(0);
    expect(commands.state).not.toEqual(before);
  });
});

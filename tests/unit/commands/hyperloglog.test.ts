import { beforeEach, describe, expect, test } from "bun:test";
import { runShort } from "../memory/lean-heap.ts";
import { CommandRunner } from "./runner.ts";

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

function elements(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `element:${i}`);
}

describe("what HyperLogLog commands propagate", () => {
  test("PFADD, if a register has changed", () => {
    commands.call("PFADD", "a", "x");
    expect(commands.propagated).toEqual(["PFADD a x"]);
    commands.call("PFADD", "a", "x");
    expect([commands.propagated, commands.events]).toEqual([[], []]);
    commands.call("PFADD", "empty");
    expect(commands.propagated).toEqual(["PFADD empty"]);
  });

  test("PFCOUNT, if the value keeps the count from now on", () => {
    commands.call("PFADD", "a", "x");
    commands.call("PFCOUNT", "a");
    expect([commands.propagated, commands.dirty]).toEqual([["PFCOUNT a"], 1]);
    commands.call("PFCOUNT", "a");
    expect([commands.propagated, commands.dirty]).toEqual([[], 0]);
    commands.call("PFADD", "a", "y");
    commands.call("PFCOUNT", "a", "a");
    expect(commands.propagated).toEqual([]);
  });

  test("PFMERGE always, PFDEBUG where it changes the form", () => {
    commands.call("PFADD", "a", "x");
    commands.call("PFMERGE", "b", "a");
    expect(commands.propagated).toEqual(["PFMERGE b a"]);
    commands.call("PFDEBUG", "DECODE", "a");
    expect(commands.propagated).toEqual([]);
    commands.call("PFDEBUG", "GETREG", "a");
    expect(commands.propagated).toEqual(["PFDEBUG GETREG a"]);
    commands.call("PFDEBUG", "GETREG", "a");
    expect(commands.propagated).toEqual([]);
    commands.call("PFDEBUG", "TODENSE", "b");
    expect(commands.propagated).toEqual(["PFDEBUG TODENSE b"]);
  });
});

test("a damaged value stays as it is where elements before the damage could be added", () => {
  const header = `HYLL\x01\0\0\0${"\0".repeat(8)}`;
  // The first 1,000 registers, and nothing behind them.
  commands.call("SET", "a", `${header}\x43\xe7`);
  const before = commands.state;
  expect(commands.call("PFADD", "a", ...elements(100))).toStartWith("-INVALIDOBJ ");
  expect([commands.dirty, commands.propagated]).toEqual([0, []]);
  expect(commands.state).toEqual(before);
});

test("a sparse value longer than any can be is damaged", () => {
  commands.call("SET", "a", `HYLL\x01${"\0".repeat(10)}\x80${"\0".repeat(100_000)}`);
  for (const call of [
    ["PFADD", "a", "x"],
    ["PFCOUNT", "a"],
    ["PFMERGE", "b", "a"],
  ]) {
    expect(commands.call(...call)).toBe("-INVALIDOBJ Corrupted HLL object detected\r\n");
  }
  expect(commands.call("PFDEBUG", "TODENSE", "a")).toStartWith("-INVALIDOBJ ");
});

describe("where memory runs out", () => {
  const CALLS = [
    ["PFADD", "new"],
    ["PFADD", "new", ...elements(2000)],
    ["PFADD", "sparse", ...elements(200)],
    ["PFADD", "sparse", ...elements(3000)],
    ["PFMERGE", "new", "sparse"],
    ["PFMERGE", "new", "dense"],
    ["PFMERGE", "sparse", "dense"],
    ["PFDEBUG", "GETREG", "sparse"],
  ];

  test.each(CALLS.map((call) => [call.slice(0, 3).join(" "), call]))("%s", (_, call) => {
    commands.call("PFADD", "sparse", "a", "b", "c");
    commands.call("PFADD", "dense", ...elements(5000));
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

test("PFSELFTEST finds nothing wrong, whatever it draws", () => {
  for (let i = 0; i < 20; i++) expect(commands.call("PFSELFTEST")).toBe("+OK\r\n");
});

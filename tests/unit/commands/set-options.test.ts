import { expect, test } from "bun:test";
import { CommandRunner } from "./runner.ts";

test("each option but GET excludes its rivals, in any order", () => {
  const commands = new CommandRunner();
  const GROUPS = [
    [["NX"], ["XX"], ["IFEQ", "v"], ["IFNE", "v"], ["IFDEQ", "0".repeat(16)]],
    [["EX", "9"], ["PX", "9"], ["EXAT", "99999999999"], ["PXAT", "99999999999999"], ["KEEPTTL"]],
  ];
  for (const group of GROUPS) {
    for (const one of group) {
      for (const other of group) {
        const reply = commands.call("SET", "k", "v", ...one, "GET", ...other);
        const isError = reply === "-ERR syntax error\r\n";
        // The same one twice is allowed.
        expect([one, other, isError]).toEqual([one, other, one !== other]);
      }
    }
  }
  for (const condition of GROUPS[0]!) {
    for (const expiry of GROUPS[1]!) {
      const reply = commands.call("SET", "k", "v", ...expiry, ...condition);
      expect([condition, expiry, reply.startsWith("-")]).toEqual([condition, expiry, false]);
    }
  }
});

test("options of other commands are none of GETEX", () => {
  const commands = new CommandRunner();
  commands.call("SET", "k", "v");
  for (const options of [["NX"], ["XX"], ["GET"], ["KEEPTTL"], ["IFEQ", "v"], ["IFDNE", "v"]]) {
    expect(commands.call("GETEX", "k", ...options)).toBe("-ERR syntax error\r\n");
  }
});

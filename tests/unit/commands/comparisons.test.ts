/** Sources: Redis's command reference of SET, DELEX and DIGEST, and its tests/unit/type/string.tcl; Valkey's of DELIFEQ. */
import { beforeEach, describe, expect, test } from "bun:test";
import { CommandRunner, START_MS } from "./runner.ts";

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

const HELLO = "9555e8555c62dcfd";
const OTHER = "0000000000000000";
const WRONG_TYPE = "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const NO_DIGEST = "-ERR must be exactly 16 hexadecimal characters\r\n";
const NULL = "$-1\r\n";

/** Conditions that hold for "hello", and some that do not. */
const HOLD = [
  ["IFEQ", "hello"],
  ["ifne", "other"],
  ["IFNE", ""],
  ["IFDEQ", HELLO],
  ["ifdeq", HELLO.toUpperCase()],
  ["IFDNE", OTHER],
  ["IFDNE", "z".repeat(16)],
] as const;
const HOLD_NOT = [
  ["IFEQ", "other"],
  ["IFEQ", "hell"],
  ["IFEQ", "hello\0"],
  ["IFNE", "hello"],
  ["IFDEQ", OTHER],
  ["IFDEQ", "z".repeat(16)],
  ["IFDNE", HELLO],
  ["IFDNE", HELLO.toUpperCase()],
] as const;

describe("DIGEST", () => {
  // The first is in Redis's documentation; the others were made with the xxhash library for Python.
  const bytes = (count: number) =>
    Array.from({ length: count }, (_, i) => String.fromCharCode(i % 251)).join("");
  test.each([
    ["Hello world", "b6acb9d84a38ff74"],
    ["hello", HELLO],
    ["123", "404a763b3f4c8c9a"],
    ["v8", "0cc76dbb41381419"],
    [
      "v8lf0c11xh8ymlqztfd3eeq16kfn4sspw7fqmnuuq3k3t75em5wdizgcdw7uc26nnf961u2jkfzkjytls2kwlj7626sd",
      "00006c38adf31777",
    ],
    [bytes(0), "2d06800538d394c2"],
    [bytes(1), "c44bdff4074eecdb"],
    [bytes(3), "5f4299fc161c9cbb"],
    [bytes(4), "60dab036a58211f2"],
    [bytes(8), "3a1c2d7c85af88f8"],
    [bytes(9), "e9612598145bb9dc"],
    [bytes(16), "8355e3a6f61770db"],
    [bytes(17), "9ef341a99de37328"],
    [bytes(128), "85c6174c7ff4c46b"],
    [bytes(129), "ec7642b431ba3e5a"],
    [bytes(240), "375a384d957fe865"],
    [bytes(241), "02e8cd95421c6d02"],
    [bytes(1024), "e5d78bafa45b2aa5"],
    [bytes(1025), "e95c42288f28186e"],
    [bytes(100000), "42c23aeead96750d"],
  ])("of %j", (value, digest) => {
    commands.call("SET", "a", value);
    expect(commands.call("DIGEST", "a")).toBe(`$16\r\n${digest}\r\n`);
  });

  test("of no key, and of a list", () => {
    expect(commands.call("DIGEST", "a")).toBe(NULL);
    commands.call("RPUSH", "a", "x");
    expect(commands.call("DIGEST", "a")).toBe(WRONG_TYPE);
  });
});

describe("SET with a comparison", () => {
  test.each(HOLD)("that holds: %s %s", (condition, value) => {
    commands.call("SET", "a", "hello", "EX", "100");
    expect(commands.call("SET", "a", "new", condition, value)).toBe("+OK\r\n");
    // What is repeated needs no comparison.
    expect(commands.propagated).toEqual(["SET a new"]);
    expect(commands.events).toEqual(["set a"]);
    expect(commands.call("GET", "a")).toBe("$3\r\nnew\r\n");
    expect(commands.call("TTL", "a")).toBe(":-1\r\n");
  });

  test.each(HOLD_NOT)("that does not hold: %s %s", (condition, value) => {
    commands.call("SET", "a", "hello");
    expect(commands.call("SET", "a", "new", condition, value)).toBe(NULL);
    expect([commands.propagated, commands.events, commands.dirty]).toEqual([[], [], 0]);
    expect(commands.call("SET", "a", "new", condition, value, "GET")).toBe("$5\r\nhello\r\n");
    expect(commands.call("GET", "a")).toBe("$5\r\nhello\r\n");
  });

  test("of a missing key", () => {
    for (const [condition, value] of [
      ["IFEQ", "hello"],
      ["IFDEQ", HELLO],
    ] as const) {
      expect(commands.call("SET", "a", "new", condition, value)).toBe(NULL);
      expect(commands.call("EXISTS", "a")).toBe(":0\r\n");
    }
    for (const [condition, value] of [
      ["IFNE", "hello"],
      ["IFDNE", HELLO],
    ] as const) {
      expect(commands.call("SET", "a", "new", condition, value)).toBe("+OK\r\n");
      commands.call("DEL", "a");
    }
  });

  test("with an expiry, and with that of the key", () => {
    commands.call("SET", "a", "12345");
    expect(commands.call("SET", "a", "new", "EX", "10", "IFEQ", "12345", "GET")).toBe(
      "$5\r\n12345\r\n",
    );
    expect(commands.propagated).toEqual([`SET a new PXAT ${START_MS + 10_000}`]);
    commands.call("SET", "a", "newer", "IFEQ", "new", "KEEPTTL");
    expect(commands.propagated).toEqual(["SET a newer KEEPTTL"]);
    expect(commands.call("TTL", "a")).toBe(":10\r\n");
  });

  test("of a list", () => {
    commands.call("RPUSH", "a", "x");
    for (const [condition, value] of HOLD) {
      expect(commands.call("SET", "a", "new", condition, value)).toBe(WRONG_TYPE);
    }
  });

  test("in wrong syntax", () => {
    for (const options of [
      "IFEQ",
      "IFEQ a NX",
      "NX IFEQ a",
      `XX IFDNE ${OTHER}`,
      "IFNE a XX",
      "IFEQ a IFNE b",
      `IFDEQ ${OTHER} IFDNE ${OTHER}`,
    ]) {
      const reply = commands.call("SET", "a", "new", ...options.split(" "));
      expect([options, reply]).toEqual([options, "-ERR syntax error\r\n"]);
    }
  });

  test.each(["", "0", HELLO.slice(1), `0${HELLO}`])("with no digest: %j", (digest) => {
    commands.call("SET", "a", "hello");
    for (const condition of ["IFDEQ", "IFDNE"]) {
      expect(commands.call("SET", "a", "new", condition, digest, "GET")).toBe(NO_DIGEST);
      expect(commands.call("DELEX", "a", condition, digest)).toBe(NO_DIGEST);
    }
    expect(commands.call("GET", "a")).toBe("$5\r\nhello\r\n");
  });
});

describe("DELEX", () => {
  test.each(HOLD)("where the condition holds: %s %s", (condition, value) => {
    commands.call("SET", "a", "hello");
    expect(commands.call("DELEX", "a", condition, value)).toBe(":1\r\n");
    expect([commands.propagated, commands.events]).toEqual([["DEL a"], ["del a"]]);
    expect(commands.call("EXISTS", "a")).toBe(":0\r\n");
  });

  test.each(HOLD_NOT)("where it does not: %s %s", (condition, value) => {
    commands.call("SET", "a", "hello");
    expect(commands.call("DELEX", "a", condition, value)).toBe(":0\r\n");
    expect([commands.propagated, commands.events]).toEqual([[], []]);
    expect(commands.call("EXISTS", "a")).toBe(":1\r\n");
  });

  test("without a condition any key", () => {
    expect(commands.call("DELEX", "a")).toBe(":0\r\n");
    commands.call("RPUSH", "a", "x");
    expect(commands.call("DELEX", "a")).toBe(":1\r\n");
    expect(commands.propagated).toEqual(["DEL a"]);
  });

  test("compares bytes, not numbers, and integers by their digits", () => {
    commands.call("SET", "a", "0123");
    expect(commands.call("DELEX", "a", "IFEQ", "123")).toBe(":0\r\n");
    commands.call("SET", "a", "-999");
    expect(commands.call("DELEX", "a", "IFEQ", "-999")).toBe(":1\r\n");
  });

  test("errors", () => {
    // A missing key is looked up before anything else is.
    for (const condition of ["IFEQ", "IFDEQ", "FOO"]) {
      expect(commands.call("DELEX", "none", condition, "x")).toBe(":0\r\n");
    }
    commands.call("SET", "a", "hello");
    expect(commands.call("DELEX", "a", "FOO", "x")).toBe(
      "-ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE\r\n",
    );
    for (const call of [
      ["DELEX", "a", "IFEQ"],
      ["DELEX", "a", "IFEQ", "hello", "extra"],
    ]) {
      expect(commands.call(...call)).toBe("-ERR wrong number of arguments for 'delex' command\r\n");
    }
    commands.call("RPUSH", "list", "x");
    expect(commands.call("DELEX", "list", "IFEQ", "x")).toBe(
      "-ERR Key should be of string type if conditions are specified\r\n",
    );
    expect(commands.call("EXISTS", "a", "list")).toBe(":2\r\n");
  });
});

test("DELIFEQ", () => {
  expect(commands.call("DELIFEQ", "a", "x")).toBe(":0\r\n");
  commands.call("SET", "a", "hello");
  expect(commands.call("DELIFEQ", "a", "x")).toBe(":0\r\n");
  expect(commands.call("DELIFEQ", "a", "hello")).toBe(":1\r\n");
  expect([commands.propagated, commands.events]).toEqual([["DEL a"], ["del a"]]);
  commands.call("RPUSH", "a", "x");
  expect(commands.call("DELIFEQ", "a", "x")).toBe(WRONG_TYPE);
});

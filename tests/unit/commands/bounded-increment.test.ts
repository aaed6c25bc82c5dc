/** Source: Redis's command reference of INCREX, and its tests/unit/type/increx.tcl. */
import { beforeEach, describe, expect, test } from "bun:test";
import { CommandRunner, START_MS } from "./runner.ts";

let commands: CommandRunner;

beforeEach(() => {
  commands = new CommandRunner();
});

const MAX = "9223372036854775807";
const MIN = "-9223372036854775808";

/** INCREX of a key that holds `value`, or of none for null; the two numbers of the reply. */
function increx(value: string | null, options: string): string {
  commands.call("DEL", "k");
  if (value !== null) commands.call("SET", "k", value);
  const reply = commands.call("INCREX", "k", ...options.split(" ").filter((word) => word !== ""));
  const numbers = /^\*2\r\n(?::|\$\d+\r\n)(\S+)\r\n(?::|\$\d+\r\n)(\S+)\r\n$/.exec(reply);
  return numbers === null ? reply : `${numbers[1]} ${numbers[2]}`;
}

test.each([
  [null, "", "1 1"],
  ["10", "", "11 1"],
  ["100", "BYINT 5", "105 5"],
  ["100", "BYINT -10", "90 -10"],
  ["95", "BYINT 0", "95 0"],
  // Out of the bounds: nothing happens, or the nearer bound is taken.
  ["50", "BYINT 100 UBOUND 80", "50 0"],
  ["50", "BYINT 100 UBOUND 80 SATURATE", "80 30"],
  ["10", "BYINT -100 LBOUND 0", "10 0"],
  ["10", "SATURATE LBOUND 0 BYINT -100", "0 -10"],
  ["5", "BYINT 1 LBOUND 0 UBOUND 10", "6 1"],
  ["5", "BYINT 5 UBOUND 10", "10 5"],
  ["9223372036854775800", "BYINT 9223372036854775800", "9223372036854775800 0"],
  ["9223372036854775800", "BYINT 9223372036854775800 SATURATE", `${MAX} 7`],
  ["-9223372036854775800", "BYINT -9223372036854775800 SATURATE", `${MIN} -8`],
  ["9007199254740993", "BYINT 9007199254740993", "18014398509481986 9007199254740993"],
  // The value is beyond a bound already.
  ["50", "BYINT 5 UBOUND 30", "50 0"],
  ["50", "BYINT 5 UBOUND 30 SATURATE", "30 -20"],
  ["-50", "BYINT -5 LBOUND -30 SATURATE", "-30 20"],
  ["50", "BYINT -25 UBOUND 30", "25 -25"],
  [null, "BYINT 5 LBOUND 10", "0 0"],
  [null, "BYINT 5 LBOUND 10 SATURATE", "10 10"],
  [null, "BYINT 15 UBOUND 10", "0 0"],
  ["1.5", "BYFLOAT 0.25", "1.75 0.25"],
  ["10", "BYFLOAT 100 UBOUND 42.5", "10 0"],
  ["10", "BYFLOAT 100 UBOUND 42.5 SATURATE", "42.5 32.5"],
  ["0", "BYFLOAT -100 LBOUND -5.5 SATURATE", "-5.5 -5.5"],
  ["50.5", "BYFLOAT 5.5 UBOUND 30 SATURATE", "30 -20.5"],
  ["5.0", "BYFLOAT 5.0 UBOUND 10.0", "10 5"],
  [null, "BYFLOAT 15.5 UBOUND 10", "0 0"],
  ["1", "BYFLOAT 1e0", "2 1"],
  ["0.1", "BYFLOAT 0.2", "0.3 0.2"],
])("of %p: %s", (value, options, expected) => {
  expect(increx(value, options)).toBe(expected);
  const made = expected.split(" ")[0]!;
  const applied = expected.split(" ")[1]!;
  const isDone = applied !== "0" || options === "BYINT 0";
  expect(commands.propagated).toEqual(isDone ? [`SET k ${made} KEEPTTL`] : []);
  const event = options.includes("BYFLOAT") ? "incrbyfloat k" : "incrby k";
  expect(commands.events).toEqual(isDone ? [event] : []);
  const kept = value === null && !isDone ? "$-1\r\n" : isDone ? made : value!;
  expect(commands.call("GET", "k")).toBe(
    kept.startsWith("$") ? kept : `$${kept.length}\r\n${kept}\r\n`,
  );
});

test("floats in RESP3 are doubles", () => {
  commands.protocol = 3;
  expect(commands.call("INCREX", "k", "BYFLOAT", "1.5")).toBe("*2\r\n,1.5\r\n,1.5\r\n");
  expect(commands.call("INCREX", "n", "BYINT", "2")).toBe("*2\r\n:2\r\n:2\r\n");
});

test("sums beyond what a float can be", () => {
  commands.call("SET", "k", "1e4932");
  const refused = commands.call("INCREX", "k", "BYFLOAT", "1e4932");
  expect(refused).toEndWith("$1\r\n0\r\n");
  const [, , made] = commands.call("INCREX", "k", "BYFLOAT", "1e4932", "SATURATE").split("\r\n");
  expect(made).toStartWith("118973149535723176502126385303097020516906332229462420044032373389");
  expect(made).toHaveLength(4933);
  expect(commands.call("INCREX", "k", "BYFLOAT", "1e4932", "SATURATE", "UBOUND", "7")).toStartWith(
    "*2\r\n$1\r\n7\r\n",
  );
});

const SYNTAX = "-ERR syntax error\r\n";

test.each([
  ["FOO", SYNTAX],
  ["BYINT 1 FOO", SYNTAX],
  ["BYINT", SYNTAX],
  ["BYINT 1 BYFLOAT 1.5", SYNTAX],
  ["BYINT 1 BYINT 2", SYNTAX],
  ["LBOUND 0 LBOUND 1", SYNTAX],
  ["UBOUND 9 UBOUND 8", SYNTAX],
  ["SATURATE SATURATE", SYNTAX],
  ["SAT", SYNTAX],
  ["EX 10 PX 5000", SYNTAX],
  ["EX 10 EX 20", SYNTAX],
  ["EX 10 PERSIST", SYNTAX],
  ["PERSIST EX 10", SYNTAX],
  ["PERSIST PERSIST", SYNTAX],
  ["PERSIST ENX", SYNTAX],
  ["ENX PERSIST", SYNTAX],
  ["ENX ENX EX 10", SYNTAX],
  ["ENX", "-ERR ENX flag requires an expiration\r\n"],
  ["BYINT abc", "-ERR Increment is not an integer or out of range\r\n"],
  ["BYINT 1.5", "-ERR Increment is not an integer or out of range\r\n"],
  ["LBOUND 1.5", "-ERR LBOUND is not an integer or out of range\r\n"],
  ["UBOUND abc", "-ERR UBOUND is not an integer or out of range\r\n"],
  ["BYFLOAT abc", "-ERR Increment is not a valid float\r\n"],
  ["BYFLOAT 1 LBOUND abc", "-ERR LBOUND is not a valid float\r\n"],
  ["BYFLOAT +inf", "-ERR BYFLOAT increment cannot be Infinity\r\n"],
  ["BYFLOAT -inf", "-ERR BYFLOAT increment cannot be Infinity\r\n"],
  ["LBOUND 10 UBOUND 5", "-ERR LBOUND can't be greater than UBOUND\r\n"],
  ["BYFLOAT 1 LBOUND 10.5 UBOUND 1.5", "-ERR LBOUND can't be greater than UBOUND\r\n"],
  ["EX 0", "-ERR invalid expire time in 'increx' command\r\n"],
  ["PX -1", "-ERR invalid expire time in 'increx' command\r\n"],
  ["EX x", "-ERR value is not an integer or out of range\r\n"],
])("in error: %s", (options, error) => {
  expect(increx("5", options)).toBe(error);
  expect(commands.call("GET", "k")).toBe("$1\r\n5\r\n");
});

test("values that are no numbers", () => {
  expect(increx("hello", "")).toBe("-ERR value is not an integer or out of range\r\n");
  expect(increx("1.5", "BYINT 1")).toBe("-ERR value is not an integer or out of range\r\n");
  expect(increx("hello", "BYFLOAT 1")).toBe("-ERR value is not a valid float\r\n");
  expect(increx("inf", "BYFLOAT 1")).toBe("-ERR value cannot be Infinity\r\n");
  expect(increx(MAX, `BYINT 1 SATURATE UBOUND ${MIN}`)).toBe(
    "-ERR applied increment would overflow\r\n",
  );
  commands.call("RPUSH", "list", "x");
  expect(commands.call("INCREX", "list")).toStartWith("-WRONGTYPE ");
});

describe("expiry", () => {
  const TTL_CASES: [string, number, string[], string[]][] = [
    // With options, of a key with 500 s: the TTL, what is propagated, and events.
    ["", 500, ["SET k 11 KEEPTTL"], ["incrby k"]],
    ["PERSIST", -1, ["SET k 11"], ["incrby k", "persist k"]],
    ["EX 100", 100, [`SET k 11 PXAT ${START_MS + 100_000}`], ["incrby k", "expire k"]],
    ["PX 100000", 100, [`SET k 11 PXAT ${START_MS + 100_000}`], ["incrby k", "expire k"]],
    ["EX 100 ENX", 500, ["SET k 11 KEEPTTL"], ["incrby k"]],
    ["EXAT 1 ENX", 500, ["SET k 11 KEEPTTL"], ["incrby k"]],
    ["EXAT 1", -2, ["DEL k"], ["del k"]],
    ["PXAT 1", -2, ["DEL k"], ["del k"]],
    ["UBOUND 5 EX 100", 500, [], []],
  ];
  test.each(TTL_CASES)("%s", (options, ttl, propagated, events) => {
    commands.call("SET", "k", "10", "EX", "500");
    commands.call("INCREX", "k", ...options.split(" ").filter((word) => word !== ""));
    expect([commands.propagated, commands.events]).toEqual([propagated, events]);
    expect(commands.call("TTL", "k")).toBe(`:${ttl}\r\n`);
  });

  test("ENX of a key without", () => {
    commands.call("SET", "k", "10");
    commands.call("INCREX", "k", "EX", "100", "ENX");
    expect(commands.propagated).toEqual([`SET k 11 PXAT ${START_MS + 100_000}`]);
    expect(commands.call("INCREX", "new", "EXAT", "1")).toBe("*2\r\n:1\r\n:1\r\n");
    expect([commands.propagated, commands.call("EXISTS", "new")]).toEqual([[], ":0\r\n"]);
  });
});

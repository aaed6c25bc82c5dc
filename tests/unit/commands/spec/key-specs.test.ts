import { describe, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { COMMANDS } from "../../../../src/commands/index.ts";
import { CommandTable } from "../../../../src/commands/spec/command-table.ts";
import {
  forEachKey,
  KEYS_FOUND,
  type KeysOutcome,
  keyFlagNames,
  NO_KEYS,
  placesOf,
  WRONG_COUNT,
  WRONG_KEYNUM,
} from "../../../../src/commands/spec/key-specs.ts";
import { Request } from "../../../../src/protocol/request.ts";

const TABLE = new CommandTable(COMMANDS);

function requestOf(words: readonly string[]): Request {
  const request = new Request();
  request.bytes = latin1(words.join(""));
  let at = 0;
  for (const { length } of words) {
    request.push(at, length);
    at += length;
  }
  return request;
}

/** The keys of a command line, each with its flags; `before` are words in front of it. */
function keysOf(line: string, before: readonly string[] = []): [KeysOutcome, string[]] {
  const words = line.split(" ").map((word) => (word === '""' ? "" : word));
  const request = requestOf([...before, ...words]);
  let command = TABLE.find(request, before.length)!;
  if (command.subcommands !== undefined) command = command.subcommands.get(words[1]!)!;
  const found: string[] = [];
  const visit = (index: number, bits: number) => {
    found.push([request.text(index), ...keyFlagNames(bits)].join(" "));
  };
  return [forEachKey(command, request, visit, before.length), found];
}

describe("the keys of a call", () => {
  test.each<[string, KeysOutcome, ...string[]]>([
    ["get a", KEYS_FOUND, "a RO access"],
    ["mget a b a", KEYS_FOUND, "a RO access", "b RO access", "a RO access"],
    ["mset a 1 b 2", KEYS_FOUND, "a OW update", "b OW update"],
    ["rename a b", KEYS_FOUND, "a RW access delete", "b OW update"],
    ["blpop a b 0", KEYS_FOUND, "a RW access delete", "b RW access delete"],
    ["lmpop 2 a b left", KEYS_FOUND, "a RW access delete", "b RW access delete"],
    ["blmpop 0 1 a left", KEYS_FOUND, "a RW access delete"],
    ["object encoding a", KEYS_FOUND, "a RO"],
    ["ping a", NO_KEYS],
    ["get", WRONG_COUNT],
    ["get a b", WRONG_COUNT],
    ["lmpop 3 a b left", KEYS_FOUND, "a", "b", "left"],
    ["lmpop 4 a b left", WRONG_KEYNUM],
    ["lmpop 0 a left", WRONG_KEYNUM],
    ["lmpop -1 a left", WRONG_KEYNUM],
    ["lmpop 1x a left", WRONG_KEYNUM],
    ['lmpop "" a left', WRONG_KEYNUM],
    ["lmpop 4294967297 a left", WRONG_KEYNUM],
    ["lmpop 99999999999999999999 a left", WRONG_KEYNUM],
  ])("%s", (line, outcome, ...keys) => {
    const [found, names] = keysOf(line);
    expect(found).toEqual(outcome);
    if (outcome !== KEYS_FOUND) return;
    const isShort = keys.every((key) => !key.includes(" "));
    expect(isShort ? names.map((name) => name.split(" ")[0]) : names).toEqual(keys);
  });

  test("flags depend on an option: SET reads the key only with GET", () => {
    expect(keysOf("set a 1")[1]).toEqual(["a OW update"]);
    expect(keysOf("set a 1 get")[1]).toEqual(["a RW access update"]);
    expect(keysOf("set a 1 EX 10 GeT")[1]).toEqual(["a RW access update"]);
    // The value and the key are no options.
    expect(keysOf("set get 1")[1]).toEqual(["get OW update"]);
    expect(keysOf("set a get")[1]).toEqual(["a OW update"]);
  });

  test("are the same behind other words, as in COMMAND GETKEYS", () => {
    for (const line of ["get a", "set a 1 get", "set a 1", "lmpop 2 a b left", "mget a b"]) {
      expect(keysOf(line, ["command", "getkeys"])).toEqual(keysOf(line));
    }
    // What stands in front is no option of the command.
    expect(keysOf("set a 1", ["get", "get"])[1]).toEqual(["a OW update"]);
  });
});

test("a flag that Redis does not have is refused when the table is built", () => {
  expect(() => placesOf([{ at: 1, flags: "RW acess" }])).toThrow("unknown flag 'acess' of a key");
});

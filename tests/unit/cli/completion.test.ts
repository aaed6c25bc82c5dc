import { describe, expect, test } from "bun:test";
import { completions } from "../../../src/cli/completion.ts";
import { dangerOf } from "../../../src/cli/danger.ts";
import { builtInDocs, findDoc, readDocs } from "../../../src/cli/docs.ts";
import { hintFor } from "../../../src/cli/hints.ts";
import { isSecret } from "../../../src/cli/history.ts";
import type { Reply } from "../../../src/protocol/reply-parser.ts";

const docs = builtInDocs();

describe("completion", () => {
  test("of names, in the case they are typed in", () => {
    expect(completions("strl", docs)).toEqual(["strlen"]);
    expect(completions("STRL", docs)).toEqual(["STRLEN"]);
    expect(completions("getr", docs)).toEqual(["getrange"]);
    expect(completions("", docs)).toEqual([]);
    expect(completions("nosuch", docs)).toEqual([]);
  });

  test("of subcommands, once the container is there", () => {
    expect(completions("conf", docs)).toEqual(["config"]);
    expect(completions("config re", docs)).toEqual(["config resetstat", "config rewrite"]);
  });

  test("of what help and our own words take", () => {
    expect(completions("help strl", docs)).toEqual(["help strlen"]);
    expect(completions("help @li", docs)).toEqual(["help @list"]);
    expect(completions(":set noh", docs)).toEqual([":set nohints"]);
    expect(completions(":explain getd", docs)).toEqual([":explain getdel"]);
    expect(completions(":watch 2 getd", docs)).toEqual([":watch 2 getdel"]);
  });
});

describe("hints", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["getrange", " key start end"],
    ["getrange ", "key start end"],
    ["getrange k", " start end"],
    ["getrange k 1 2", ""],
    ["getrange k 1 2 3", ""],
    ["get 'open quote", ""],
    ["getrange 'a b' ", "start end"],
    ["del k", " [key ...]"],
    ["del k l", " [key ...]"],
    ["expire k", " seconds [NX|XX|GT|LT]"],
    ["expire k 1 nx", ""],
    ["lpos k e rank", " rank [COUNT num-matches] [MAXLEN len]"],
    ["lpos k e count 1 ", "[RANK rank] [MAXLEN len]"],
    ["config get", " parameter [parameter ...]"],
    ["config", ""],
    ["nosuch a", ""],
    ["", ""],
  ];
  for (const [line, hint] of cases) {
    test(`behind "${line}"`, () => expect(hintFor(line, docs)).toEqual(hint));
  }
});

describe("docs of a server", () => {
  const text = (value: string): Reply => ({ kind: "bulk", text: value });
  const array = (...items: Reply[]): Reply => ({ kind: "array", items });
  const map = (...items: Reply[]): Reply => ({ kind: "map", items });

  test("are read from maps and from flat arrays", () => {
    for (const fields of [map, array]) {
      const key = fields(text("name"), text("key"), text("type"), text("key"));
      const option = fields(
        text("name"),
        text("fast"),
        text("type"),
        text("pure-token"),
        text("token"),
        text("FAST"),
        text("flags"),
        array({ kind: "simple", text: "optional" }),
      );
      const sub = fields(text("summary"), text("Inner."), text("since"), text("1"));
      const entry = fields(
        text("summary"),
        text("Outer."),
        text("group"),
        text("string"),
        text("arguments"),
        array(key, option),
        text("subcommands"),
        fields(text("outer|inner"), sub),
      );
      const read = readDocs(fields(text("outer"), entry));
      expect(read.map(({ name, summary }) => [name, summary])).toEqual([
        ["outer", "Outer."],
        ["outer inner", "Inner."],
      ]);
      expect(hintFor("outer", read)).toEqual(" key [FAST]");
      expect(findDoc(read, ["OUTER", "Inner", "x"])).toEqual({ doc: read[1]!, words: 2 });
    }
  });
});

test("what is dangerous, and what only looks so", () => {
  expect(dangerOf(["FLUSHALL"])).toContain("deletes every key");
  expect(dangerOf(["config", "SET", "a", "b"])).toContain("changes the running server");
  expect(dangerOf(["debug", "sleep", "0"])).not.toBeNull();
  expect(dangerOf(["CONFIG", "GET", "a"])).toBeNull();
  expect(dangerOf(["SHUTDOWN"])).not.toBeNull();
  expect(dangerOf(["SHUTDOWN", "abort"])).toBeNull();
  expect(dangerOf(["SET", "a", "b"])).toBeNull();
});

test("lines with passwords are secret", () => {
  for (const line of [
    "auth x",
    " AUTH u x",
    "hello 3 auth u x",
    "config set requirepass x",
    "config set maxmemory 1 masterauth x",
    "acl setuser u >x",
    "migrate h 1 k 0 1 auth x",
  ]) {
    expect([line, isSecret(line)]).toEqual([line, true]);
  }
  for (const line of ["set auth x", "hello 3", "config get requirepass"]) {
    expect([line, isSecret(line)]).toEqual([line, false]);
  }
});

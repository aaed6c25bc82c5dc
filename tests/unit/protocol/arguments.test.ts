import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { quote, splitArguments } from "../../../src/protocol/arguments.ts";
import { forSeeds, pick } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

describe("splitting", () => {
  const CASES: readonly (readonly [line: string, words: string[] | null])[] = [
    ["", []],
    ["   ", []],
    ["\t\r\n\v\f", []],
    ["a", ["a"]],
    ["  a  b\tc\r\n", ["a", "b", "c"]],
    ['"a b" c', ["a b", "c"]],
    ["'a b' c", ["a b", "c"]],
    ['""', [""]],
    ["''", [""]],
    ["\"\" '' x", ["", "", "x"]],
    ['"\\n\\r\\t\\b\\a\\\\\\""', ['\n\r\t\b\x07\\"']],
    ['"\\x00\\xfF\\x4a"', ["\x00\xffJ"]],
    ['"\\xg0\\x1"', ["xg0x1"]],
    ['"\\q"', ["q"]],
    ["'\\n\\x41\\''", ["\\n\\x41'"]],
    ["'\\\\ '", ["\\\\ "]],
    // The second backslash belongs to the quote behind it.
    ["'\\\\'", null],
    ['pre"fix x"', ["prefix x"]],
    ["pre'fix x' y", ["prefix x", "y"]],
    ["a\\b", ["a\\b"]],
    ["a\vb\fc", ["a\vb\fc"]],
    ['"a"\vb', ["a", "b"]],
    ["\xe9\xff", ["\xe9\xff"]],
    ['"a"b', null],
    ["'a'b", null],
    ["\"a\"'b'", null],
    ['"a', null],
    ["'a", null],
    ['"a\\"', null],
    ['"a\\', null],
    ["'a\\'", null],
    ['a "', null],
  ];
  for (const [line, words] of CASES) {
    test(JSON.stringify(line), () => expect(splitArguments(line)).toEqual(words));
  }
});

describe("quoting", () => {
  test("is as Redis prints it", () => {
    expect(quote("")).toEqual('""');
    expect(quote("plain text")).toEqual('"plain text"');
    expect(quote("\\ \" '")).toEqual('"\\\\ \\" \'"');
    expect(quote("\n\r\t\x07\b")).toEqual('"\\n\\r\\t\\a\\b"');
    expect(quote("\x00\x1b\x1f\x7f\x80\xff")).toEqual('"\\x00\\x1b\\x1f\\x7f\\x80\\xff"');
  });

  test("any text, quoted, splits into itself", () =>
    forSeeds(2000, (random) => {
      const words = Array.from({ length: random.below(5) }, () => {
        let word = "";
        for (let i = random.below(12); i > 0; i--) {
          word += pick(random, ["\\", '"', "'", " ", "x", "4", "n", "\0", "\r", "\n"]);
          word += String.fromCharCode(random.below(256));
        }
        return word;
      });
      expect(splitArguments(words.map(quote).join(" "))).toEqual(words);
    }));

  test("every byte survives", () => {
    const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
    expect(splitArguments(quote(all))).toEqual([all]);
  });
});

test("random lines never throw, and what they split into survives quoting", () =>
  forSeeds(3000, (random) => {
    let line = "";
    for (let i = random.below(30); i > 0; i--) {
      line += pick(random, ['"', "'", "\\", " ", "a", "x4", "\t", "\v", "\0", "\xff"]);
    }
    const words = splitArguments(line);
    if (words !== null) expect(splitArguments(words.map(quote).join(" "))).toEqual(words);
  }));

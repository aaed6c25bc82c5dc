import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { Glob, globMatch } from "../../../src/base/glob.ts";
import { forSeeds, pick } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

/** An element of a pattern: what it takes, and whether any number of times. */
interface Part {
  readonly takes: (c: string) => boolean;
  readonly star: boolean;
}

/** Takes a pattern apart as Redis's documentation and stringmatchlen describe it. */
function partsOf(pattern: string): Part[] {
  const parts: Part[] = [];
  const one = (takes: (c: string) => boolean) => parts.push({ takes, star: false });
  let rest = [...pattern];
  while (rest.length > 0) {
    const c = rest.shift()!;
    if (c === "*") parts.push({ takes: () => true, star: true });
    else if (c === "?") one(() => true);
    else if (c === "\\" && rest.length > 0) {
      const literal = rest.shift();
      one((x) => x === literal);
    } else if (c === "[") {
      const negated = rest[0] === "^";
      if (negated) rest.shift();
      const tests: ((x: string) => boolean)[] = [];
      // A class that is not closed ends with the pattern; one that begins with ] is empty.
      while (rest.length > 0 && rest[0] !== "]") {
        const first = rest.shift()!;
        if (first === "\\" && rest.length > 0) {
          const literal = rest.shift();
          tests.push((x) => x === literal);
        } else if (rest[0] === "-" && rest.length >= 2) {
          const [low, high] = [first, rest[1]!].sort();
          tests.push((x) => x >= low! && x <= high!);
          rest = rest.slice(2);
        } else tests.push((x) => x === first);
      }
      rest.shift();
      one((x) => tests.some((takes) => takes(x)) !== negated);
    } else one((x) => x === c);
  }
  return parts;
}

/** Matches by trying everything, from the end on. */
function naiveMatch(pattern: string, text: string): boolean {
  if (text === "") return pattern === "";
  const parts = partsOf(pattern);
  // matches[i]: the parts from the present one on match the text from i on.
  let matches = Array.from({ length: text.length + 1 }, (_, i) => i === text.length);
  for (const { takes, star } of parts.toReversed()) {
    const next: boolean[] = [];
    for (let i = text.length; i >= 0; i--) {
      const one = i < text.length && takes(text[i]!);
      next[i] = star ? matches[i]! || (one && next[i + 1]!) : one && matches[i + 1]!;
    }
    matches = next;
  }
  return matches[0]!;
}

/** The bytes of a text, with a count of how often one of them is looked at. */
function countingBytes(text: string): { readonly bytes: Uint8Array; readonly looks: () => number } {
  let looks = 0;
  const bytes = new Proxy(latin1(text), {
    get(target, property) {
      looks++;
      return target[Number(property)];
    },
  });
  return { bytes, looks: () => looks };
}

describe("examples", () => {
  const CASES: readonly (readonly [pattern: string, yes: string[], no: string[]])[] = [
    ["", [""], ["a"]],
    // As in Redis, not even a star matches nothing at all.
    ["*", ["a", "any text"], [""]],
    ["**", ["a", "ab"], [""]],
    ["?", ["a", "\n", "\xff"], ["", "ab"]],
    ["h?llo", ["hello", "hallo"], ["hllo", "heello"]],
    ["h*llo", ["hllo", "heeeello"], ["hell"]],
    ["h[ae]llo", ["hello", "hallo"], ["hillo"]],
    ["h[^e]llo", ["hallo", "hbllo"], ["hello", "hllo"]],
    ["h[a-b]llo", ["hallo", "hbllo"], ["hcllo"]],
    ["h[b-a]llo", ["hallo", "hbllo"], ["hcllo"]],
    // A range up to the bracket, in a class that is then not closed.
    ["[a-]", ["a", "]", "_"], ["-", "b"]],
    ["[a-", ["a", "-"], ["b"]],
    ["[-a]", ["a", "-"], ["b"]],
    ["[\\]]", ["]"], ["\\", "["]],
    ["[]a]", [], ["a", "]", "a]"]],
    ["[^]a]", ["xa]"], ["a", "]"]],
    ["[", [], ["[", ""]],
    ["[^", ["a", "["], [""]],
    ["[abc", ["a", "b", "c"], ["d", "[abc"]],
    ["a\\", ["a\\"], ["a"]],
    ["\\*", ["*"], ["a", "\\*"]],
    ["\\a", ["a"], ["\\a"]],
    ["*a*b", ["ab", "xaxb", "aabb"], ["ba", "aba"]],
    ["user:*:name", ["user::name", "user:1:2:name"], ["user:name"]],
    ["\x00*", ["\x00", "\x00a"], ["a"]],
  ];
  for (const [pattern, yes, no] of CASES) {
    test(JSON.stringify(pattern), () => {
      expect(yes.filter((text) => !globMatch(pattern, text))).toEqual([]);
      expect(no.filter((text) => globMatch(pattern, text))).toEqual([]);
    });
  }

  test("case is ignored where that is asked for", () => {
    expect(globMatch("HeL*[A-C]", "hello b")).toEqual(false);
    expect(globMatch("HeL*[A-C]", "hello b", true)).toEqual(true);
    expect(globMatch("maxmemory*", "MAXMEMORY-policy", true)).toEqual(true);
    expect(globMatch("[^a]", "A", true)).toEqual(false);
  });
});

test("random patterns and texts, against a matcher that tries everything", () =>
  forSeeds(20000, (random) => {
    const letters = "aabbc]^-\\[*?\xff";
    const textOf = (length: number) => {
      let text = "";
      for (let i = 0; i < length; i++) text += pick(random, [...letters]);
      return text;
    };
    const pattern = textOf(random.below(9));
    for (let i = 0; i < 5; i++) {
      const text = textOf(random.below(8));
      expect([pattern, text, globMatch(pattern, text)]).toEqual([
        pattern,
        text,
        naiveMatch(pattern, text),
      ]);
    }
  }));

test("patterns of many stars take no more than pattern times text", () => {
  const length = 5000;
  for (const pattern of [
    `${"*a".repeat(30)}*b`,
    `${"*".repeat(300)}b`,
    `${"*?".repeat(30)}b`,
    `${"a*".repeat(30)}b`,
    `${"*[^b]".repeat(30)}b`,
    `*${"a".repeat(100)}b`,
  ]) {
    const { bytes, looks } = countingBytes("a".repeat(length));
    expect(new Glob(pattern).matches(bytes, 0, length)).toEqual(false);
    expect(looks()).toBeLessThan(pattern.length * length);
  }
});

test("a text that does not end as the pattern does is told by its end", () => {
  const { bytes, looks } = countingBytes("a".repeat(5000));
  expect(new Glob("*a*a*a*a*b").matches(bytes, 0, 5000)).toEqual(false);
  expect(looks()).toEqual(1);
});

test("a pattern of more than 1000 stars matches nothing, and is not taken apart", () => {
  const stars = (count: number) => "*a".repeat(count);
  const text = "a".repeat(2000);
  expect(globMatch(stars(1000), text)).toEqual(true);
  expect(globMatch(stars(1001), text)).toEqual(false);
  expect(globMatch(`${stars(1000)}*`, text)).toEqual(true);
  expect(globMatch(`${stars(1000)}${"*".repeat(5000)}`, text)).toEqual(true);
  expect(globMatch(stars(100_000), text)).toEqual(false);
});

test("bytes are matched where they stand", () => {
  const bytes = latin1("..key:1..");
  const glob = new Glob("k*:?");
  expect([glob.matches(bytes, 2, 5), glob.matches(bytes, 2, 6)]).toEqual([true, false]);
  const all = ["*", "***", "", "a*", "*a", "?*", "[*]"].filter((text) => new Glob(text).isAll);
  expect(all).toEqual(["*", "***"]);
});

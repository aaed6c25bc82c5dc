import { describe, expect, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { PayloadReader } from "../../../src/protocol/payload.ts";

// Its own beginning stands in it again, so that a search that starts anew too late misses it.
const MARK = "abababababababababababababababababababac";

/** What the reader makes of the bytes, given to it cut at these places. */
function read(head: string, text: string, cuts: readonly number[] = []) {
  const reader = PayloadReader.behind(head)!;
  let data = "";
  let from = 0;
  for (const to of [...cuts, text.length]) {
    const chunk = latin1(text.slice(from, to));
    const rest = reader.feed(chunk, (bytes) => {
      expect(bytes.length).toBeGreaterThan(0);
      data += latin1Text(bytes);
      // It is done with them.
      bytes.fill(0);
    });
    from = to;
    if (rest === null) continue;
    return { data, rest: latin1Text(rest) + text.slice(to), passed: reader.passedBytes };
  }
  return { data, rest: null, passed: reader.passedBytes };
}

test("the head says the length, or the mark, or is none", () => {
  const head = (line: string) => PayloadReader.behind(line)?.length;
  expect(head("$0")).toBe(0);
  expect(head("$123456789012")).toBe(123456789012);
  expect(head(`$EOF:${MARK}`)).toBeNull();
  for (const line of ["", "$", "$-1", "$1x", "12", "+OK", "-ERR", "$EOF:", `$EOF:${MARK}x`]) {
    expect([line, PayloadReader.behind(line)]).toEqual([line, null]);
  }
});

describe("by length", () => {
  test("cut at every two places", () => {
    const data = "REDIS\r\n\x00\xff";
    const text = `${data}rest`;
    for (let a = 0; a <= text.length; a++) {
      for (let b = a; b <= text.length; b++) {
        const cuts = [a, b];
        expect({ cuts, ...read(`$${data.length}`, text, cuts) }).toEqual({
          cuts,
          data,
          rest: "rest",
          passed: data.length,
        });
      }
    }
  });

  test("an empty one is over before anything has come", () => {
    expect(read("$0", "")).toEqual({ data: "", rest: "", passed: 0 });
    expect(read("$0", "rest")).toEqual({ data: "", rest: "rest", passed: 0 });
  });

  test("one that is not complete goes on", () => {
    expect(read("$5", "")).toEqual({ data: "", rest: null, passed: 0 });
    expect(read("$5", "abcd", [0, 2, 2])).toEqual({ data: "abcd", rest: null, passed: 4 });
  });

  test("a mark means nothing", () => {
    expect(read("$41", `${MARK}xy`)).toEqual({ data: `${MARK}x`, rest: "y", passed: 41 });
  });
});

describe("by mark", () => {
  const head = `$EOF:${MARK}`;
  const DATA = {
    empty: "",
    "a byte": "x",
    "the beginning of the mark": MARK.slice(0, 39),
    "beginnings of the mark": `${MARK.slice(0, 39)}x${MARK.slice(0, 20)}`,
    "what the mark begins with": "abab",
    long: `${"REDIS\r\n\x00\xff".repeat(12)}aba`,
  };

  test.each(Object.entries(DATA))("%s, cut at every two places", (_, data) => {
    for (const rest of ["", "rest", `${MARK}rest`]) {
      const text = `${data}${MARK}${rest}`;
      for (let a = 0; a <= text.length; a++) {
        for (let b = a; b <= text.length; b += 7) {
          const cuts = [a, b];
          const expected = { cuts, data, rest, passed: data.length };
          expect({ cuts, ...read(head, text, cuts) }).toEqual(expected);
        }
      }
    }
  });

  test.each(Object.entries(DATA))("%s, in pieces of one size", (_, data) => {
    const text = `${data}${MARK}rest`;
    for (const size of [1, 2, 3, 39, 40, 41]) {
      const cuts = Array.from({ length: Math.floor(text.length / size) }, (_, i) => (i + 1) * size);
      expect({ size, ...read(head, text, cuts) }).toEqual({
        size,
        data,
        rest: "rest",
        passed: data.length,
      });
    }
  });

  test("the first of two marks is the end, wherever it stands in what has come", () => {
    expect(read(head, `ab${MARK}cd${MARK}`)).toEqual({ data: "ab", rest: `cd${MARK}`, passed: 2 });
  });

  test("what may be the mark's beginning is held back, the rest is not", () => {
    const text = `${"x".repeat(100)}${MARK.slice(0, 30)}`;
    expect(read(head, text)).toEqual({ data: "x".repeat(91), rest: null, passed: 91 });
    expect(read(head, "x".repeat(39))).toEqual({ data: "", rest: null, passed: 0 });
    expect(read(head, "", [0, 0])).toEqual({ data: "", rest: null, passed: 0 });
  });
});

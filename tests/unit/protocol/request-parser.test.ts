import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1 } from "../../../src/base/bytes.ts";
import type { Random } from "../../../src/base/random.ts";
import { encodeCommand } from "../../../src/protocol/command-encoder.ts";
import { Request } from "../../../src/protocol/request.ts";
import { EMPTY, FAILED, MORE, READY, RequestParser } from "../../../src/protocol/request-parser.ts";
import { forSeeds, pick } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

/** What comes of bytes: requests by their arguments, "empty" for nothing to do, an error at the end. */
type Outcome = readonly string[] | "empty" | { readonly error: string };

interface Settings {
  readonly authenticated?: boolean;
  readonly bulkBytesMax?: number;
}

/**
 * Keeps bytes as a connection does: what was parsed is dropped, what is left moves to the front
 * of a new buffer when more comes.
 */
class Feed {
  readonly outcomes: Outcome[] = [];
  readonly parser = new RequestParser();
  readonly #request = new Request();
  #bytes = new Uint8Array(0);
  #failed = false;

  constructor(settings: Settings = {}) {
    this.parser.authenticated = settings.authenticated ?? true;
    if (settings.bulkBytesMax !== undefined) this.parser.bulkBytesMax = settings.bulkBytesMax;
  }

  give(chunk: Uint8Array): void {
    if (this.#failed) return;
    // Bytes behind the end must not be looked at.
    const bytes = new Uint8Array(this.#bytes.length + chunk.length + 8).fill(0x0d);
    bytes.set(this.#bytes);
    bytes.set(chunk, this.#bytes.length);
    const end = this.#bytes.length + chunk.length;
    for (;;) {
      const state = this.parser.next(bytes, end, this.#request);
      if (state === MORE) break;
      if (state === READY) this.outcomes.push(this.#args());
      else if (state === EMPTY) this.outcomes.push("empty");
      else {
        this.outcomes.push({ error: this.parser.error });
        this.#failed = true;
        return;
      }
    }
    const from = this.parser.requestStart;
    this.#bytes = bytes.slice(from, end);
    this.parser.rebase(-from, this.#request);
  }

  #args(): string[] {
    const request = this.#request;
    return Array.from({ length: request.count }, (_, i) => {
      assert(request.start[i]! + request.length[i]! <= request.bytes.length, "span in the buffer");
      return request.text(i);
    });
  }
}

function outcomesOf(chunks: readonly Uint8Array[], settings?: Settings): Outcome[] {
  const feed = new Feed(settings);
  for (const chunk of chunks) feed.give(chunk);
  return feed.outcomes;
}

function bytewise(bytes: Uint8Array): Uint8Array[] {
  return Array.from(bytes, (byte) => Uint8Array.of(byte));
}

function chunksOf(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

/** Holds for the bytes whole, byte by byte, and cut in two at every point. */
function expectOutcomes(text: string, expected: readonly Outcome[], settings?: Settings): void {
  const bytes = latin1(text);
  expect(outcomesOf([bytes], settings)).toEqual([...expected]);
  // A feed copies what is left with each chunk, so of long texts byte by byte would take too long.
  const small = bytes.length <= 3000 ? bytewise(bytes) : chunksOf(bytes, 997);
  expect(outcomesOf(small, settings)).toEqual([...expected]);
  // Of long texts the cuts around line ends are enough.
  for (let cut = 1; cut < bytes.length; cut++) {
    if (bytes.length > 300 && !/[\r\n$*]/.test(text.slice(cut - 2, cut + 2))) continue;
    const outcomes = outcomesOf([bytes.subarray(0, cut), bytes.subarray(cut)], settings);
    expect([cut, outcomes]).toEqual([cut, [...expected]]);
  }
}

const failure = (text: string): Outcome => ({ error: `ERR Protocol error: ${text}` });

const REQUESTS: readonly (readonly [name: string, text: string, expected: Outcome[]])[] = [
  ["a command", "*1\r\n$4\r\nPING\r\n", [["PING"]]],
  ["empty arguments", "*3\r\n$0\r\n\r\n$1\r\na\r\n$0\r\n\r\n", [["", "a", ""]]],
  ["any bytes", "*2\r\n$4\r\nECHO\r\n$6\r\n\x00\r\n\xff$*\r\n", [["ECHO", "\x00\r\n\xff$*"]]],
  ["ten arguments", `*10\r\n${"$1\r\nx\r\n".repeat(10)}`, [new Array(10).fill("x")]],
  ["no arguments", "*0\r\n*1\r\n$4\r\nPING\r\n", ["empty", ["PING"]]],
  ["fewer than no arguments", "*-1\r\n*-17\r\nPING\r\n", ["empty", "empty", ["PING"]]],
  [
    "lengths of one to six digits",
    `*6\r\n${[1, 12, 123, 1234, 12345, 123456].map((n) => `$${n}\r\n${"v".repeat(n)}\r\n`).join("")}`,
    [[1, 12, 123, 1234, 12345, 123456].map((n) => "v".repeat(n))],
  ],
  [
    "a pipeline",
    "*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING\r\n\r\n*1\r\n$4\r\nQUIT\r\n",
    [["PING"], ["GET", "k"], ["PING"], "empty", ["QUIT"]],
  ],
  [
    // Redis does not look at them either.
    "any two bytes behind a bulk string",
    "*2\r\n$1\r\naXX$1\r\nbYY*1\r\n$1\r\nc\r\n",
    [["a", "b"], ["c"]],
  ],
  ["any byte behind the CR of a length", "*1\rX$1\rYa\r\n", [["a"]]],
  ["an inline command", "PING\r\n", [["PING"]]],
  ["an inline command without CR", "PING\nPING\n", [["PING"], ["PING"]]],
  ["an inline command with a CR inside", "SET a\rb\r\n", [["SET", "a", "b"]]],
  ["spaces around words", "  SET \t a   b \r\n", [["SET", "a", "b"]]],
  ["lines without words", "\r\n\n  \r\n\t\n", ["empty", "empty", "empty", "empty"]],
  [
    "form feeds and vertical tabs within words",
    "\v\fSET a\vb\fc d\f\r\n",
    [["SET", "a\vb\fc", "d\f"]],
  ],
  ["double quotes", 'SET "a b" "\\x41\\n\\"\\\\" ""\r\n', [["SET", "a b", 'A\n"\\', ""]]],
  ["single quotes", "SET 'a b' 'it\\'s' '\\n'\r\n", [["SET", "a b", "it's", "\\n"]]],
  ["quotes in the middle of a word", 'SET a"b c" d\r\n', [["SET", "ab c", "d"]]],
  [
    "a quoted command behind others",
    'PING\r\n"GET" k\r\nPING\r\n',
    [["PING"], ["GET", "k"], ["PING"]],
  ],
];

const FAILURES: readonly (readonly [name: string, text: string, error: Outcome])[] = [
  ...["x", "", "-", "+1", "01", " 1", "1 ", "-0", "00", "1.0", "2147483648", "9".repeat(30)].map(
    (count) => [`count "${count}"`, `*${count}\r\n`, failure("invalid multibulk length")] as const,
  ),
  ...["x", "", "-", "-1", "+1", "01", " 1", "1 ", "-0", "536870913", "9".repeat(30)].map(
    (length) =>
      [`length "${length}"`, `*1\r\n$${length}\r\n`, failure("invalid bulk length")] as const,
  ),
  ["no dollar", "*1\r\n+4\r\nPING\r\n", failure("expected '$', got '+'")],
  ["a line end for a dollar", "*1\r\n\r\n", failure("expected '$', got '\r'")],
  ["an array in an array", "*2\r\n$1\r\na\r\n*1\r\n", failure("expected '$', got '*'")],
  ["a second length that is wrong", "*2\r\n$1\r\na\r\n$b\r\n", failure("invalid bulk length")],
  ["a double quote left open", 'SET "a b\r\n', failure("unbalanced quotes in request")],
  ["a single quote left open", "SET 'a\r\n", failure("unbalanced quotes in request")],
  ["a word right behind a quote", 'SET "a"b\r\n', failure("unbalanced quotes in request")],
];

describe("requests, whole, byte by byte and cut at every point", () => {
  for (const [name, text, expected] of REQUESTS) {
    test(name, () => expectOutcomes(text, expected));
  }

  test("more arguments than there was room for", () => {
    const args = Array.from({ length: 1000 }, (_, i) => String(i));
    const bytes = encodeCommand(args);
    expect(outcomesOf([bytes, bytes])).toEqual([args, args]);
    expect(outcomesOf(bytewise(bytes))).toEqual([args]);
  });

  test("all short requests in one pipeline, in random pieces", () =>
    forSeeds(200, (random) => {
      const short = REQUESTS.filter(([, text]) => text.length < 1000);
      const requests = Array.from({ length: 30 }, () => pick(random, short));
      const bytes = latin1(requests.map(([, text]) => text).join(""));
      const expected = requests.flatMap(([, , outcomes]) => outcomes);
      expect(outcomesOf(pieces(random, bytes))).toEqual(expected);
    }));
});

function pieces(random: Random, bytes: Uint8Array): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const size = pick(random, [2, 10, 100, 100000]);
  for (let at = 0; at < bytes.length; ) {
    const next = at + random.below(size) + 1;
    chunks.push(bytes.subarray(at, next));
    at = next;
  }
  return chunks;
}

describe("failures, whole, byte by byte and cut at every point", () => {
  for (const [name, text, error] of FAILURES) {
    test(name, () => {
      expectOutcomes(text, [error]);
      expectOutcomes(`PING\r\n${text}`, [["PING"], error]);
    });
  }

  test("a parser that failed in any way begins anew as if nothing had been", () => {
    const parser = new RequestParser();
    const request = new Request();
    for (const [, text, error] of FAILURES) {
      const bad = latin1(text);
      parser.begin(0);
      expect(parser.next(bad, bad.length, request)).toEqual(FAILED);
      expect({ error: parser.error }).toEqual(error as { error: string });
      const good = latin1("..*1\r\n$4\r\nPING\r\n");
      parser.begin(2);
      expect(parser.midRequest).toEqual(false);
      expect(parser.next(good, good.length, request)).toEqual(READY);
      expect([request.count, request.text(0)]).toEqual([1, "PING"]);
      // The text of the last failure is not used again for another one.
      const other = latin1("*x\r\n");
      parser.begin(0);
      expect(parser.next(other, other.length, request)).toEqual(FAILED);
      expect(parser.error).toEqual("ERR Protocol error: invalid multibulk length");
    }
  });
});

describe("limits", () => {
  const LINE = 65536;

  test("an inline command of 64 KiB waits for its end, one byte more is too much", () => {
    const line = "a".repeat(LINE);
    expect(outcomesOf([latin1(line)])).toEqual([]);
    expect(outcomesOf([latin1(line), latin1("\r\n")])).toEqual([[line]]);
    expect(outcomesOf([latin1(`${line}a`)])).toEqual([failure("too big inline request")]);
    expect(outcomesOf([latin1(line), latin1("a")])).toEqual([failure("too big inline request")]);
  });

  test("a line with a count, or with a length, has the same limit", () => {
    for (const [before, error] of [
      ["*", "too big mbulk count string"],
      ["*1\r\n$", "too big bulk count string"],
      ["*1\r\n", "too big bulk count string"],
    ] as const) {
      const mark = before.endsWith("\n") ? "" : "1";
      const line = "1".repeat(LINE - mark.length);
      expect(outcomesOf([latin1(before + line)])).toEqual([]);
      expect(outcomesOf([latin1(before + line), latin1("1")])).toEqual([failure(error)]);
      expect(outcomesOf([latin1(`${before}${line}11`)])).toEqual([failure(error)]);
    }
  });

  test("bulk strings may be as long as proto-max-bulk-len says", () => {
    const settings = { bulkBytesMax: 1024 };
    expectOutcomes(`*1\r\n$1024\r\n${"x".repeat(1024)}\r\n`, [["x".repeat(1024)]], settings);
    expectOutcomes("*1\r\n$1025\r\n", [failure("invalid bulk length")], settings);
  });

  test("2^31 - 1 arguments are announced without taking memory", () => {
    const feed = new Feed();
    feed.give(latin1("*2147483647\r\n$1\r\na\r\n"));
    expect([feed.outcomes, feed.parser.midRequest]).toEqual([[], true]);
  });

  test("before authentication ten arguments of 16 KiB are enough", () => {
    const settings = { authenticated: false };
    const ten = `*10\r\n${"$1\r\nx\r\n".repeat(10)}`;
    expectOutcomes(ten, [new Array(10).fill("x")], settings);
    expectOutcomes("*11\r\n", [failure("unauthenticated multibulk length")], settings);
    const long = "x".repeat(16384);
    expectOutcomes(`*1\r\n$16384\r\n${long}\r\n`, [[long]], settings);
    expectOutcomes("*1\r\n$16385\r\n", [failure("unauthenticated bulk length")], settings);
    expectOutcomes(
      `*2\r\n$1\r\na\r\n$16385\r\n`,
      [failure("unauthenticated bulk length")],
      settings,
    );
    expectOutcomes("*2\r\n$999\r\n", [], settings);
  });
});

describe("between chunks", () => {
  test("the parser tells how many bytes the bulk under way will need", () => {
    const parser = new RequestParser();
    const request = new Request();
    const bytes = latin1("*2\r\n$1\r\na\r\n$1000\r\nxyz");
    expect(parser.next(bytes, 10, request)).toEqual(MORE);
    expect([parser.requestStart, parser.wantedBytes]).toEqual([0, 3]);
    expect(parser.next(bytes, bytes.length, request)).toEqual(MORE);
    expect([parser.requestStart, parser.wantedBytes, parser.at]).toEqual([0, 1002, 18]);
    expect(parser.midRequest).toEqual(true);
  });

  test("no byte is looked at more than a few times, however small the chunks are", () => {
    let looks = 0;
    const counting = (bytes: Uint8Array) =>
      new Proxy(bytes, {
        get: (target, key) => {
          if (typeof key === "string" && key >= "0" && key <= "9a") looks++;
          const value = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    for (const text of [
      `${"word ".repeat(4000)}\r\n`,
      `*2\r\n$3\r\nSET\r\n$20000\r\n${"x".repeat(20000)}\r\n`,
      `*4000\r\n${"$1\r\nx\r\n".repeat(4000)}`,
      `*${"0".repeat(20000)}1\r\n`,
    ]) {
      looks = 0;
      const bytes = latin1(text);
      const view = counting(bytes);
      const parser = new RequestParser();
      const request = new Request();
      let state = MORE;
      for (let end = 1; end <= bytes.length && state === MORE; end++) {
        state = parser.next(view, end, request);
      }
      expect(state).not.toEqual(MORE);
      expect(looks).toBeLessThan(bytes.length * 12 + 1000);
    }
  });
});

describe("garbage", () => {
  const MARKS = ["*", "$", "\r\n", "\n", "\r", "0", "1", "3", "-", '"', "'", " ", "\\", "x", "\0"];

  test("never throws, and means the same however it is cut", () =>
    forSeeds(3000, (random) => {
      let text = "";
      for (let i = random.below(60); i >= 0; i--) {
        text +=
          random.below(8) === 0 ? String.fromCharCode(random.below(256)) : pick(random, MARKS);
      }
      if (random.below(2) === 0) text = `*${1 + random.below(3)}\r\n$${random.below(5)}\r\n${text}`;
      const bytes = latin1(text);
      const whole = outcomesOf([bytes]);
      expect(outcomesOf(bytewise(bytes))).toEqual(whole);
      expect(outcomesOf(pieces(random, bytes))).toEqual(whole);
    }));
});

describe("request", () => {
  test("words are compared in any case, and whole", () => {
    const request = new Request();
    request.bytes = latin1("..GeT..gets[]@`");
    request.push(2, 3);
    request.push(7, 4);
    request.push(11, 2);
    request.push(13, 2);
    expect(request.is(0, "get")).toEqual(true);
    expect(request.is(0, "set")).toEqual(false);
    expect(request.is(1, "get")).toEqual(false);
    expect(request.is(1, "gets")).toEqual(true);
    // Only letters have another case.
    expect(request.is(2, "{}")).toEqual(false);
    expect(request.is(3, "``")).toEqual(false);
  });

  test("a zero byte ends a word, as in Redis", () => {
    const request = new Request();
    request.bytes = latin1("EX\0trailPX");
    request.push(0, 8);
    request.push(8, 2);
    expect([request.is(0, "ex"), request.is(0, "e"), request.is(1, "px")]).toEqual([
      true,
      false,
      true,
    ]);
  });

  test("the span goes from the first argument to the end of the last", () => {
    const request = new Request();
    const bytes = latin1("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n");
    expect(new RequestParser().next(bytes, bytes.length, request)).toEqual(READY);
    expect(request.spanBytes).toEqual("SET\r\n$1\r\nk\r\n$5\r\nvalue".length);
  });

  test("text and view give the argument's bytes", () => {
    const request = new Request();
    request.bytes = latin1("ab\xff\x00cd");
    request.push(1, 4);
    expect(request.text(0)).toEqual("b\xff\x00c");
    expect([...request.view(0)]).toEqual([98, 255, 0, 99]);
  });

  test("room for very many arguments is given back", () => {
    const request = new Request();
    for (let i = 0; i < 200000; i++) request.push(i, 1);
    expect([request.count, request.start[199999], request.length[199999]]).toEqual([
      200000, 199999, 1,
    ]);
    request.shrink();
    expect(request.start.length).toEqual(64);
    request.count = 0;
    request.push(7, 8);
    expect([request.start[0], request.length[0]]).toEqual([7, 8]);
  });
});

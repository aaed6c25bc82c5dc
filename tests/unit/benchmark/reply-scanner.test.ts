/** Replies are counted however they are cut. */
import { describe, expect, test } from "bun:test";
import { ReplyScanner } from "../../../src/benchmark/reply-scanner.ts";

/** Each is one reply, except as said. */
const REPLIES: readonly (readonly [text: string, replies: number, errors: number])[] = [
  ["+OK\r\n", 1, 0],
  [":-9223372036854775808\r\n", 1, 0],
  ["$-1\r\n", 1, 0],
  ["$0\r\n\r\n", 1, 0],
  ["$12\r\n+a\r\n-b\r\n*3\r\n\r\n", 1, 0],
  ["*-1\r\n", 1, 0],
  ["*0\r\n", 1, 0],
  ["*3\r\n$1\r\na\r\n*2\r\n:1\r\n+b\r\n$-1\r\n", 1, 0],
  ["-ERR no\r\n", 1, 1],
  ["!5\r\nERR x\r\n", 1, 1],
  ["%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", 1, 0],
  ["%0\r\n", 1, 0],
  ["~2\r\n#t\r\n,1.5\r\n", 1, 0],
  ["=7\r\ntxt:abc\r\n", 1, 0],
  ["(3492890328409238509324850943850943825024385\r\n", 1, 0],
  ["|1\r\n+ttl\r\n:5\r\n+OK\r\n", 1, 0],
  [">2\r\n+message\r\n*1\r\n+x\r\n", 0, 0],
  ["*2\r\n>1\r\n+x\r\n|0\r\n+y\r\n", 1, 0],
];
const ALL = REPLIES.map(([text]) => text).join("");
const ALL_REPLIES = REPLIES.reduce((sum, [, replies]) => sum + replies, 0);
const ALL_ERRORS = REPLIES.reduce((sum, [, , errors]) => sum + errors, 0);

function scan(...chunks: readonly string[]): { replies: number; errors: number } {
  const scanner = new ReplyScanner();
  let replies = 0;
  for (const chunk of chunks) replies += scanner.scan(Buffer.from(chunk, "latin1"));
  return { replies, errors: scanner.errors };
}

describe("replies", () => {
  test.each(REPLIES)("%j: %p, errors %p", (text, replies, errors) => {
    expect(scan(text)).toEqual({ replies, errors });
    expect(scan(...text)).toEqual({ replies, errors });
    // All but the last byte is no reply yet.
    expect(scan(text.slice(0, -1)).replies).toEqual(0);
  });

  test("one after the other, cut at every point", () => {
    for (let cut = 0; cut <= ALL.length; cut++) {
      const counted = scan(ALL.slice(0, cut), ALL.slice(cut));
      expect({ cut, ...counted }).toEqual({ cut, replies: ALL_REPLIES, errors: ALL_ERRORS });
    }
    expect(scan(...ALL)).toEqual({ replies: ALL_REPLIES, errors: ALL_ERRORS });
  });

  test("the text of the latest error is kept, also when it was cut", () => {
    const scanner = new ReplyScanner();
    for (const chunk of ["+OK\r\n-ERR fir", "st\r", "\n-WRONG", "TYPE second\r\n:1\r\n"]) {
      scanner.scan(Buffer.from(chunk));
    }
    const { errorText, errors } = scanner;
    expect({ errorText, errors }).toEqual({ errorText: "WRONGTYPE second", errors: 2 });
  });

  test("bytes that are no reply are refused", () => {
    expect(() => scan("HTTP/1.1 400 Bad Request\r\n")).toThrow(
      "Protocol error: the server sent bytes that are no reply",
    );
  });
});

test("lengths out of range end the run, and errors are shown without control characters", () => {
  for (const text of ["*9007199254740991\r\n", "$99999999999999999999\r\n"]) {
    expect(() => new ReplyScanner().scan(Buffer.from(text))).toThrow("out of range");
  }
  const scanner = new ReplyScanner();
  expect(scanner.scan(Buffer.from("-ERR \x1b[31mred\r\n"))).toEqual(1);
  expect(scanner.errorText).toEqual("ERR ?[31mred");
});

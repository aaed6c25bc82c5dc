import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { type Reply, ReplyParser } from "../../../src/protocol/reply-parser.ts";
import { forSeeds, pick } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function repliesOf(chunks: readonly Uint8Array[]): Reply[] {
  const parser = new ReplyParser();
  const replies: Reply[] = [];
  for (const chunk of chunks) {
    parser.feed(chunk);
    for (let reply = parser.next(); reply !== undefined; reply = parser.next()) replies.push(reply);
  }
  return replies;
}

const bulk = (text: string): Reply => ({ kind: "bulk", text });
const integer = (text: string): Reply => ({ kind: "integer", text });

const REPLIES: readonly (readonly [name: string, bytes: string, reply: Reply])[] = [
  ["simple string", "+OK\r\n", { kind: "simple", text: "OK" }],
  ["empty simple string", "+\r\n", { kind: "simple", text: "" }],
  ["error", "-ERR no\r\n", { kind: "error", text: "ERR no" }],
  ["integer", ":-42\r\n", integer("-42")],
  ["64-bit integer", ":9223372036854775807\r\n", integer("9223372036854775807")],
  ["bulk", "$5\r\na\r\nb\xff\r\n", bulk("a\r\nb\xff")],
  ["empty bulk", "$0\r\n\r\n", bulk("")],
  ["null bulk", "$-1\r\n", { kind: "null" }],
  ["null array", "*-1\r\n", { kind: "null" }],
  ["null of RESP3", "_\r\n", { kind: "null" }],
  ["true", "#t\r\n", { kind: "boolean", value: true }],
  ["false", "#f\r\n", { kind: "boolean", value: false }],
  ["double", ",3.14\r\n", { kind: "double", text: "3.14" }],
  ["infinite double", ",-inf\r\n", { kind: "double", text: "-inf" }],
  ["big number", "(12345678901234567890\r\n", { kind: "big", text: "12345678901234567890" }],
  ["bulk error", "!5\r\nERR x\r\n", { kind: "error", text: "ERR x" }],
  ["verbatim text", "=7\r\ntxt:a\nb\r\n", { kind: "verbatim", text: "a\nb" }],
  ["empty array", "*0\r\n", { kind: "array", items: [] }],
  ["array", "*2\r\n$1\r\na\r\n:1\r\n", { kind: "array", items: [bulk("a"), integer("1")] }],
  ["set", "~1\r\n$1\r\na\r\n", { kind: "set", items: [bulk("a")] }],
  ["empty map", "%0\r\n", { kind: "map", items: [] }],
  ["map", "%1\r\n$1\r\na\r\n:1\r\n", { kind: "map", items: [bulk("a"), integer("1")] }],
  ["push", ">1\r\n$1\r\na\r\n", { kind: "push", items: [bulk("a")] }],
  [
    "aggregates in aggregates",
    "*3\r\n*2\r\n*0\r\n%1\r\n+k\r\n*-1\r\n~0\r\n$-1\r\n",
    {
      kind: "array",
      items: [
        {
          kind: "array",
          items: [
            { kind: "array", items: [] },
            { kind: "map", items: [{ kind: "simple", text: "k" }, { kind: "null" }] },
          ],
        },
        { kind: "set", items: [] },
        { kind: "null" },
      ],
    },
  ],
  ["an attribute is dropped", "|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n", bulk("a")],
  ["an empty attribute is dropped", "|0\r\n$1\r\na\r\n", bulk("a")],
  [
    "attributes within an array are dropped",
    "*2\r\n|1\r\n+a\r\n*1\r\n+b\r\n:1\r\n|2\r\n+a\r\n+b\r\n+c\r\n+d\r\n:2\r\n",
    { kind: "array", items: [integer("1"), integer("2")] },
  ],
];

describe("every kind of reply, whole, byte by byte and cut at every point", () => {
  for (const [name, text, expected] of REPLIES) {
    test(name, () => {
      const bytes = latin1(text);
      expect(repliesOf([bytes])).toEqual([expected]);
      expect(repliesOf(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual([expected]);
      for (let cut = 1; cut < bytes.length; cut++) {
        expect(repliesOf([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual([expected]);
      }
      expect(repliesOf([latin1(text + text + text)])).toEqual([expected, expected, expected]);
    });
  }

  test("many in random pieces", () =>
    forSeeds(300, (random) => {
      const replies = Array.from({ length: 50 }, () => pick(random, REPLIES));
      const bytes = latin1(replies.map(([, text]) => text).join(""));
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < bytes.length; ) {
        const next = at + 1 + random.below(60);
        chunks.push(bytes.slice(at, next));
        at = next;
      }
      expect(repliesOf(chunks)).toEqual(replies.map(([, , reply]) => reply));
    }));
});

describe("chunks", () => {
  test("may be overwritten once they were fed", () => {
    const parser = new ReplyParser();
    const chunk = latin1("$10\r\n01234");
    parser.feed(chunk);
    expect(parser.next()).toEqual(undefined);
    chunk.fill(0);
    const rest = latin1("56789\r\n+O");
    parser.feed(rest);
    rest.fill(0);
    expect(parser.next()).toEqual(bulk("0123456789"));
    parser.feed(latin1("K\r\n"));
    expect(parser.next()).toEqual({ kind: "simple", text: "OK" });
  });

  test("of a large bulk take time in proportion to it", () => {
    const parser = new ReplyParser();
    const size = 8 << 20;
    parser.feed(latin1(`$${size}\r\n`));
    const chunk = new Uint8Array(4096).fill(120);
    // Copying all that is there with each of these chunks would take minutes.
    for (let at = 0; at < size; at += chunk.length) {
      parser.feed(chunk);
      expect(parser.next()).toEqual(undefined);
    }
    parser.feed(latin1("\r\n"));
    expect((parser.next() as { text: string }).text.length).toEqual(size);
  });
});

describe("bytes that are no reply", () => {
  for (const text of [
    "PING\r\n",
    "\r\n",
    "$x\r\n",
    "*1.5\r\n",
    "$1e99\r\n",
    "@1\r\n",
    "HTTP/1.1 200\r\n",
  ]) {
    test(JSON.stringify(text), () => {
      const parser = new ReplyParser();
      parser.feed(latin1(text));
      expect(() => parser.next()).toThrow("not a reply");
    });
  }
});

describe("replies of a hostile server", () => {
  const BAD: Readonly<Record<string, readonly string[]>> = {
    "Bad integer value": [":\r\n", ":1\x1b[31m\r\n", ":1.5\r\n", ":99999999999999999999\r\n"],
    "Bad double value": [",\r\n", ",1\x1b[31m\r\n", ",1e\r\n", ",0x1\r\n", ",infinite\r\n"],
    "Bad bignum value": ["(\r\n", "(1\x1b[31m\r\n", "(1.5\r\n"],
    "not a reply": ["*\r\n", "* 1\r\n", "*0x1\r\n", "$1e3\r\n", "\x1b]0;title\x07\r\n"],
    "Multi-bulk length out of range": [
      "*9007199254740991\r\n",
      "%4294967296\r\n",
      "|4294967296\r\n",
    ],
    "Bulk string length out of range": ["$9007199254740991\r\n", "=2147483648\r\n"],
    "nested deeper than 512": ["*1\r\n".repeat(100_000), ">1\r\n~1\r\n|1\r\n".repeat(200)],
  };
  for (const [message, texts] of Object.entries(BAD)) {
    test(message, () => {
      for (const text of texts) {
        const parser = new ReplyParser();
        parser.feed(latin1(text));
        let said = "";
        try {
          parser.next();
        } catch (error) {
          said = (error as Error).message;
        }
        expect(said).toContain(message);
        expect(said).toMatch(/^[ -~]*$/);
      }
    });
  }

  test("numbers of every form that a server sends pass", () => {
    const texts = [
      ":+1",
      ":-9223372036854775808",
      ",-1.5e-300",
      ",nan",
      ",-inf",
      ",.5",
      ",1.",
      "(-1",
    ];
    const replies = repliesOf([latin1(texts.map((text) => `${text}\r\n`).join(""))]);
    expect(replies.map((reply) => "text" in reply && reply.text)).toEqual(
      texts.map((text) => text.slice(1)),
    );
  });

  test("512 levels pass", () => {
    const [reply] = repliesOf([latin1(`${"*1\r\n".repeat(512)}+x\r\n`)]);
    expect(JSON.stringify(reply)).toContain('"text":"x"');
  });
});

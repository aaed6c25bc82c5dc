import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { ReplyParser } from "../../../src/protocol/reply-parser.ts";
import { ReplyWriter } from "../../../src/protocol/reply-writer.ts";
import { forSeeds, pick, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function written(protocol: number, write: (writer: ReplyWriter) => void): string {
  const writer = new ReplyWriter();
  writer.protocol = protocol;
  write(writer);
  return latin1Text(writer.bytes, 0, writer.at);
}

type Write = (writer: ReplyWriter) => void;

/** What is written, and its bytes in RESP2 and in RESP3, where they differ. */
const REPLIES: readonly (readonly [name: string, write: Write, resp2: string, resp3?: string])[] = [
  ["ok", (w) => w.ok(), "+OK\r\n"],
  ["simple string", (w) => w.simple("PONG"), "+PONG\r\n"],
  ["raw bytes", (w) => w.raw(latin1("$1\r\na\r\n")), "$1\r\na\r\n"],
  ["error", (w) => w.error("ERR no such key"), "-ERR no such key\r\n"],
  ["error with line ends", (w) => w.error("ERR a\r\nb\nc"), "-ERR a  b c\r\n"],
  ["integer 0", (w) => w.integer(0), ":0\r\n"],
  ["integer -1", (w) => w.integer(-1), ":-1\r\n"],
  ["largest safe integer", (w) => w.integer(2 ** 53 - 1), ":9007199254740991\r\n"],
  ["64-bit integer", (w) => w.bigInteger(-(2n ** 63n)), ":-9223372036854775808\r\n"],
  ["true", (w) => w.boolean(true), ":1\r\n", "#t\r\n"],
  ["false", (w) => w.boolean(false), ":0\r\n", "#f\r\n"],
  ["null", (w) => w.null(), "$-1\r\n", "_\r\n"],
  ["null array", (w) => w.nullArray(), "*-1\r\n", "_\r\n"],
  ["text", (w) => w.text("a\xff\r\n"), "$4\r\na\xff\r\n\r\n"],
  ["empty text", (w) => w.text(""), "$0\r\n\r\n"],
  ["bulk", (w) => w.bulk(latin1("..value.."), 2, 5), "$5\r\nvalue\r\n"],
  ["empty bulk", (w) => w.bulk(latin1("x"), 1, 0), "$0\r\n\r\n"],
  ["bulk of 9", (w) => w.bulk(latin1("123456789"), 0, 9), "$9\r\n123456789\r\n"],
  ["bulk of 10", (w) => w.bulk(latin1("1234567890"), 0, 10), "$10\r\n1234567890\r\n"],
  [
    "a set with fewer elements than were expected",
    (w) => {
      const place = w.at;
      w.set(1000);
      w.text("a");
      w.text("b");
      w.recount(place, 2);
    },
    "*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "~2\r\n$1\r\na\r\n$1\r\nb\r\n",
  ],
  [
    "an array with none",
    (w) => {
      const place = w.at;
      w.array(10);
      w.recount(place, 0);
    },
    "*0\r\n",
  ],
  ["integer as bulk", (w) => w.integerBulk(12345, 0), "$5\r\n12345\r\n"],
  ["negative integer as bulk", (w) => w.integerBulk(-7, -1), "$2\r\n-7\r\n"],
  [
    "64-bit integers as bulks",
    (w) => {
      w.integerBulk(-1, 0x7fffffff);
      w.integerBulk(0, -0x80000000);
      w.integerBulk(0, 0x200000);
    },
    "$19\r\n9223372036854775807\r\n$20\r\n-9223372036854775808\r\n$16\r\n9007199254740992\r\n",
  ],
  ["array", (w) => w.array(12), "*12\r\n"],
  ["map", (w) => w.map(3), "*6\r\n", "%3\r\n"],
  ["set", (w) => w.set(3), "*3\r\n", "~3\r\n"],
  ["push", (w) => w.push(3), "*3\r\n", ">3\r\n"],
  ["double", (w) => w.double(2.75), "$4\r\n2.75\r\n", ",2.75\r\n"],
  ["big number", (w) => w.bigNumber("-123"), "$4\r\n-123\r\n", "(-123\r\n"],
  ["verbatim text", (w) => w.verbatim("txt", "a\nb"), "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n"],
];

describe("every kind of reply", () => {
  for (const [name, write, resp2, resp3] of REPLIES) {
    test(name, () => {
      expect(written(2, write)).toEqual(resp2);
      expect(written(3, write)).toEqual(resp3 ?? resp2);
    });
  }
});

describe("doubles are as Redis 7.2 writes them", () => {
  // Redis 7.0 writes seventeen digits; 7.2 the shortest, in the notation of its fpconv library.
  const DOUBLES: readonly (readonly [number, string])[] = [
    [0, "0"],
    [-0, "-0"],
    [1, "1"],
    [-100, "-100"],
    [1.5, "1.5"],
    [-2.25, "-2.25"],
    [0.1, "0.1"],
    [0.1 + 0.2, "0.30000000000000004"],
    [1e15, "1000000000000000"],
    [2 ** 53, "9007199254740992"],
    [2 ** 62, "4611686018427387904"],
    [-(2 ** 62), "-4611686018427387904"],
    [2 ** 63, "9223372036854776000"],
    [1e19, "1e+19"],
    [1e20, "1e+20"],
    [2 ** 74, "18889465931478580000000"],
    [1e100, "1e+100"],
    [-1.7976931348623157e308, "-1.7976931348623157e+308"],
    [0.001, "0.001"],
    [0.00001, "0.00001"],
    [0.000001, "0.000001"],
    [1e-7, "1e-7"],
    [1.5e-6, "1.5e-6"],
    [0.001234567, "0.001234567"],
    [0.0001234567, "1.234567e-4"],
    [123.4567891, "123.4567891"],
    [12345.6789012, "1.23456789012e+4"],
    [1700000000.123456, "1700000000.123456"],
    [5e-324, "5e-324"],
    [Number.POSITIVE_INFINITY, "inf"],
    [Number.NEGATIVE_INFINITY, "-inf"],
    [Number.NaN, "nan"],
  ];
  for (const [value, text] of DOUBLES) {
    test(text, () => {
      expect(written(3, (w) => w.double(value))).toEqual(`,${text}\r\n`);
      expect(written(2, (w) => w.double(value))).toEqual(`$${text.length}\r\n${text}\r\n`);
    });
  }

  test("random doubles read back as they are", () =>
    forSeeds(3000, (random) => {
      const value = new Float64Array(Int32Array.of(random.int32(), random.int32()).buffer)[0]!;
      if (!Number.isFinite(value)) return;
      const text = written(3, (w) => w.double(value)).slice(1, -2);
      expect([text, Number(text)]).toEqual([text, value]);
      expect(text).toMatch(/^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$/);
    }));
});

describe("the buffer", () => {
  test("grows to whatever is written, of every kind, at any place", () => {
    for (const [, write, resp2] of REPLIES) {
      const writer = new ReplyWriter();
      // So that each kind of reply meets the end of the buffer at each of its bytes.
      for (let short = 0; short <= resp2.length + 24; short++) {
        writer.bytes = new Uint8Array(1000);
        writer.at = 1000 - short;
        write(writer);
        expect(latin1Text(writer.bytes, 1000 - short, writer.at)).toEqual(resp2);
      }
    }
  });

  test("takes a large bulk and gives its memory back", () => {
    const writer = new ReplyWriter();
    const usual = writer.bytes.length;
    const large = new Uint8Array(20 << 20).fill(7);
    writer.bulk(large, 0, large.length);
    expect(writer.at).toEqual(large.length + 13);
    writer.reset();
    expect([writer.at, writer.bytes.length]).toEqual([0, usual]);
  });

  test("errors are counted, with their codes", () => {
    const writer = new ReplyWriter();
    writer.error("WRONGTYPE Operation against a key holding the wrong kind of value");
    expect([writer.errors, writer.lastError]).toEqual([1, "WRONGTYPE"]);
    writer.error("EXECABORT");
    expect([writer.errors, writer.lastError]).toEqual([2, "EXECABORT"]);
  });
});

test("random replies are read by the client's parser as what was written", () =>
  forSeeds(300, (random) => {
    const writer = new ReplyWriter();
    writer.protocol = 3;
    const expected: unknown[] = [];
    for (let i = random.below(40); i >= 0; i--) {
      const bytes = randomBytes(random, pick(random, [0, 1, 9, 10, 95, 96, 97, 1000]));
      const text = latin1Text(bytes);
      switch (random.below(6)) {
        case 0:
          writer.bulk(bytes, 0, bytes.length);
          expected.push({ kind: "bulk", text });
          break;
        case 1:
          writer.text(text);
          expected.push({ kind: "bulk", text });
          break;
        case 2: {
          const value = random.int32() * 2 ** random.below(21);
          writer.integer(value);
          expected.push({ kind: "integer", text: String(value) });
          break;
        }
        case 3: {
          const [low, high] = [random.int32(), random.int32() >> random.below(32)];
          writer.integerBulk(low, high);
          const value = (BigInt(high) << 32n) | BigInt(low >>> 0);
          expected.push({ kind: "bulk", text: String(value) });
          break;
        }
        case 4:
          writer.null();
          expected.push({ kind: "null" });
          break;
        default:
          writer.map(1);
          writer.simple("k");
          writer.boolean(true);
          expected.push({
            kind: "map",
            items: [
              { kind: "simple", text: "k" },
              { kind: "boolean", value: true },
            ],
          });
      }
    }
    const parser = new ReplyParser();
    parser.feed(writer.bytes.subarray(0, writer.at));
    const replies = expected.map(() => parser.next());
    expect(replies as unknown[]).toEqual(expected);
    expect(parser.next()).toEqual(undefined);
  }));

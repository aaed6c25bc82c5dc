import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Element, entryBytes, previousEntry } from "../../../src/memory/element.ts";
import { forSeeds, pick, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

/** What a real redis-server (7.0.15) has in the listpack of DUMP after RPUSH of the text. */
const ENTRIES_OF_REDIS: readonly (readonly [string, string])[] = [
  ["", "8001"],
  ["a", "816102"],
  ["hello", "8568656c6c6f06"],
  ["-", "812d02"],
  ["-0", "822d3003"],
  ["0", "0001"],
  ["1", "0101"],
  ["127", "7f01"],
  ["128", "c08002"],
  ["-1", "dfff02"],
  ["-4096", "d00002"],
  ["-4097", "f1ffef03"],
  ["4095", "cfff02"],
  ["4096", "f1001003"],
  ["-32768", "f1008003"],
  ["-32769", "f2ff7fff04"],
  ["32767", "f1ff7f03"],
  ["32768", "f200800004"],
  ["-8388608", "f200008004"],
  ["-8388609", "f3ffff7fff05"],
  ["8388607", "f2ffff7f04"],
  ["8388608", "f30000800005"],
  ["2147483647", "f3ffffff7f05"],
  ["2147483648", "f4000000800000000009"],
  ["-2147483648", "f30000008005"],
  ["-2147483649", "f4ffffff7fffffffff09"],
  ["9223372036854775807", "f4ffffffffffffff7f09"],
  ["9223372036854775808", "933932323333373230333638353437373538303814"],
  ["-9223372036854775808", "f4000000000000008009"],
  ["-9223372036854775809", "942d3932323333373230333638353437373538303915"],
  ["01", "82303103"],
  ["+1", "822b3103"],
  [" 1", "82203103"],
  ["1 ", "82312003"],
  ["1.0", "83312e3004"],
  ["9007199254740993", "f4010000000000200009"],
  ["12345678901234567890", "94313233343536373839303132333435363738393015"],
  ["123456789012345678901", "9531323334353637383930313233343536373839303116"],
];

/** Length of a text of "x", and header and back length around it in a listpack of redis-server. */
const FRAMES_OF_REDIS: readonly (readonly [number, string, string])[] = [
  [63, "bf", "40"],
  [64, "e040", "42"],
  [125, "e07d", "7f"],
  [126, "e07e", "0180"],
  [4095, "efff", "2081"],
  [4096, "f000100000", "2085"],
  [16377, "f0f93f0000", "7ffe"],
  [16378, "f0fa3f0000", "00ffff"],
  [16379, "f0fb3f0000", "018080"],
  [2097145, "f0f9ff1f00", "7ffffe"],
  [2097146, "f0faff1f00", "00ffffff"],
  [2097147, "f0fbff1f00", "01808080"],
];

const element = new Element();

/** The entry of a text, from an offset in a larger buffer and back. */
function encode(text: string | Uint8Array): Uint8Array {
  const bytes = typeof text === "string" ? latin1(text) : text;
  const around = Buffer.concat([latin1("1"), bytes, latin1("2")]);
  const size = element.setText(around, 1, bytes.length).encodedSize;
  const to = new Uint8Array(size + 4).fill(0xee);
  const end = element.write(to, 2);
  expect(end).toEqual(size + 2);
  expect([to[0], to[1], to[size + 2], to[size + 3]]).toEqual([0xee, 0xee, 0xee, 0xee]);
  return to.subarray(2, size + 2);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The text that the entry at `at` holds, read in three ways that must agree. */
function decode(bytes: Uint8Array, at: number): string {
  const reader = new Element();
  const end = reader.read(bytes, at);
  assert(end === at + entryBytes(bytes, at), "entryBytes and read agree");
  assert(previousEntry(bytes, end) === at, "the entry can be found from behind");
  const text = new Uint8Array(reader.isInteger ? 20 : reader.length);
  const textEnd = reader.writeText(text, 0);
  return latin1Text(text, 0, textEnd);
}

describe("the bytes are those of Redis", () => {
  for (const [text, expected] of ENTRIES_OF_REDIS) {
    test(`entry of "${text}"`, () => {
      const entry = encode(text);
      expect(hex(entry)).toEqual(expected);
      expect(decode(entry, 0)).toEqual(text);
    });
  }

  for (const [length, head, tail] of FRAMES_OF_REDIS) {
    test(`header and back length of ${length} bytes`, () => {
      const entry = encode("x".repeat(length));
      expect([hex(entry.subarray(0, head.length / 2)), entry.length]).toEqual([
        head,
        head.length / 2 + length + tail.length / 2,
      ]);
      expect(hex(entry.subarray(entry.length - tail.length / 2))).toEqual(tail);
      expect(decode(entry, 0)).toEqual("x".repeat(length));
    });
  }
});

describe("integers", () => {
  const BODIES: readonly (readonly [number, bigint, bigint])[] = [
    [1, 0n, 127n],
    [2, -4096n, 4095n],
    [3, -(2n ** 15n), 2n ** 15n - 1n],
    [4, -(2n ** 23n), 2n ** 23n - 1n],
    [5, -(2n ** 31n), 2n ** 31n - 1n],
    [9, -(2n ** 63n), 2n ** 63n - 1n],
  ];

  function bodyOf(value: bigint): number {
    return BODIES.find(([, low, high]) => value >= low && value <= high)![0];
  }

  test("take as many bytes as their width needs, at every border", () => {
    const values = new Set<bigint>();
    for (const [, low, high] of BODIES) {
      for (const border of [low, high]) {
        for (let d = -2n; d <= 2n; d++) values.add(border + d);
      }
    }
    for (let power = 0n; power < 63n; power++) {
      for (let d = -1n; d <= 1n; d++) values.add(2n ** power + d).add(-(2n ** power) + d);
    }
    let texts = 0;
    for (const value of values) {
      const entry = encode(String(value));
      assert(decode(entry, 0) === String(value), `${value} survives`);
      if (value < -(2n ** 63n) || value > 2n ** 63n - 1n) {
        assert(entry[0]! >= 0x80 && entry[0]! < 0xc0, `${value} is a text`);
        texts++;
      } else assert(entry.length === bodyOf(value) + 1, `${value} takes ${entry.length}`);
    }
    expect(texts).toEqual(4);
  });

  test("are given as two words", () => {
    for (const value of [0n, -1n, 2n ** 31n, -(2n ** 63n), 2n ** 63n - 1n, 2n ** 53n + 1n]) {
      element.read(encode(String(value)), 0);
      expect((BigInt(element.high) << 32n) | BigInt(element.low >>> 0)).toEqual(value);
    }
  });

  test("only canonical texts are stored as integers", () => {
    const others = "- -- +1 00 01 -0 -01 1- 1_000 0x10 1e3 1.0 .5 ٣ 1\0 ".split(" ");
    for (const text of [...others, " 1", "1 ", "\n1", "", "1".repeat(20), "1".repeat(21)]) {
      const bytes = Buffer.from(text);
      element.setText(bytes, 0, bytes.length);
      expect([text, element.isInteger]).toEqual([text, false]);
    }
    for (const text of ["0", "-1", "9223372036854775807", "-9223372036854775808"]) {
      element.setText(latin1(text), 0, text.length);
      expect([text, element.isInteger]).toEqual([text, true]);
    }
  });
});

describe("texts", () => {
  for (const length of [0, 1, 62, 63, 64, 65, 127, 128, 4094, 4095, 4096, 4097, 65536, 3000000]) {
    test(`of ${length} bytes survive`, () => {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 31 + 1);
      const entry = encode(bytes);
      expect(decode(entry, 0)).toEqual(latin1Text(bytes));
    });
  }

  test("detach takes a copy that outlives the entry", () => {
    const entry = encode("some text");
    const reader = new Element();
    reader.read(entry, 0);
    reader.detach();
    entry.fill(0);
    const size = reader.prepare().encodedSize;
    const copy = new Uint8Array(size);
    reader.write(copy, 0);
    expect(hex(copy)).toEqual(hex(encode("some text")));
  });
});

test("random runs of entries are read from both ends, and equal texts have equal entries", () =>
  forSeeds(200, (random) => {
    const texts: string[] = [];
    const entries: Uint8Array[] = [];
    for (let i = random.below(40); i >= 0; i--) {
      const bits = random.below(65);
      const integer = BigInt.asIntN(
        bits,
        (BigInt(random.int32()) << 32n) | BigInt(random.int32() >>> 0),
      );
      const length = pick(random, [0, 1, 5, 63, 64, 126, 127, 200, 4095, 4096, 16378, 20000]);
      const text =
        random.below(2) === 0 ? String(integer) : latin1Text(randomBytes(random, length));
      texts.push(text);
      entries.push(encode(text));
    }
    const bytes = Buffer.concat([latin1("ab"), ...entries]);
    let at = 2;
    for (const text of texts) {
      assert(decode(bytes, at) === text, `"${text.slice(0, 40)}" is read forwards`);
      at += entryBytes(bytes, at);
    }
    assert(at === bytes.length, "the entries fill the run");
    for (const text of texts.toReversed()) {
      at = previousEntry(bytes, at);
      assert(decode(bytes, at) === text, `"${text.slice(0, 40)}" is read backwards`);
    }
    assert(at === 2, "the first entry begins the run");
    // What was read is written again as it was: setText and prepare agree.
    for (const entry of entries) {
      element.read(entry, 0);
      const copy = new Uint8Array(element.prepare().encodedSize);
      element.write(copy, 0);
      assert(hex(copy) === hex(entry), "an entry that was read is written again as it was");
    }
  }));

describe("entries from elsewhere", () => {
  /** What `readChecked` makes of the entry, whatever lies behind it; the text, or null. */
  function readForeign(entry: Uint8Array): string | null {
    const results = [0x00, 0x80, 0xff].map((behind) => {
      const bytes = new Uint8Array(entry.length + 20).fill(behind);
      bytes.set(entry, 3);
      const reader = new Element();
      const next = reader.readChecked(bytes, 3, entry.length + 3);
      if (next < 0) return null;
      assert(next > 3 && next <= entry.length + 3, "the entry ends within its bytes");
      const text = new Uint8Array(reader.isInteger ? 20 : reader.length);
      const found = latin1Text(text, 0, reader.writeText(text, 0));
      // It is written again as Redis would have written it.
      const again = new Uint8Array(reader.canonicalize().encodedSize);
      reader.write(again, 0);
      assert(hex(again) === hex(encode(found)), "the canonical form");
      return found;
    });
    assert(new Set(results).size === 1, "what lies behind the entry does not matter");
    return results[0]!;
  }

  test("that are as Redis writes them are read", () => {
    for (const [text, bytes] of ENTRIES_OF_REDIS) {
      expect(readForeign(Buffer.from(bytes, "hex"))).toEqual(text);
    }
    for (const [length] of FRAMES_OF_REDIS) {
      expect(readForeign(encode("x".repeat(length)))?.length).toEqual(length);
    }
  });

  test("that are valid but wider than need be are read, and written canonically", () => {
    for (const [bytes, text] of [
      ["c07f02", "127"],
      ["f1000003", "0"],
      ["f200000004", "0"],
      ["f3ffffffff05", "-1"],
      ["f4010000000000000009", "1"],
      ["83313233" + "04", "123"],
      ["e0016103", "a"],
      ["f0010000006106", "a"],
    ] as const) {
      expect(readForeign(Buffer.from(bytes, "hex"))).toEqual(text);
    }
  });

  test("that are cut short anywhere, or have another back length, are refused", () => {
    for (const text of ["", "a", "127", "128", "70000", "x".repeat(70), "x".repeat(5000)]) {
      const entry = encode(text);
      for (let length = 1; length < entry.length; length++) {
        expect(readForeign(entry.subarray(0, length))).toEqual(null);
      }
      const wrong = entry.slice();
      wrong[wrong.length - 1] = wrong.at(-1)! ^ 1;
      expect(readForeign(wrong)).toEqual(null);
    }
    for (const bytes of ["ff", "f500", "f0ffffffff6106", "f0000000806106", "f0ffffff7f6106"]) {
      expect(readForeign(Buffer.from(bytes, "hex"))).toEqual(null);
    }
  });

  test("at random are read as what they say or refused, and never throw", () =>
    forSeeds(20000, (random) => {
      const length = pick(random, [0, 1, 3, 60, 70, 130]);
      const entry = encode(
        pick(random, [String(random.int32()), latin1Text(randomBytes(random, length))]),
      );
      for (let i = random.below(3); i > 0; i--) entry[random.below(entry.length)] = random.int32();
      readForeign(entry);
    }));
});

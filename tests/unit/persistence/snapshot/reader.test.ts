/** RDB files: what is written is read back, whole and in pieces; older forms; damage. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Clock } from "../../../../src/base/clock.ts";
import { Random } from "../../../../src/base/random.ts";
import { Crc64 } from "../../../../src/persistence/rdb/crc64.ts";
import { RdbWriter } from "../../../../src/persistence/rdb/writer.ts";
import { saveEntry } from "../../../../src/persistence/snapshot/entry-writer.ts";
import { RdbError, RdbReader } from "../../../../src/persistence/snapshot/reader.ts";
import { digestOfAll } from "../../../../src/store/digest.ts";
import { LIST, NO_EXPIRY } from "../../../../src/store/entry.ts";
import { Keyspace } from "../../../../src/store/keyspace.ts";
import { forSeeds } from "../../seeds.ts";
import { textsOf } from "../../store/model.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function makeSpace(): Keyspace {
  return new Keyspace({ databases: 4, segments: 1, clock: new Clock(), random: new Random(1) });
}

// Making a keyspace reserves much memory: two serve all tests, one to write and one to read into.
const written = makeSpace();
const loaded = makeSpace();

/** An empty keyspace, the same one again each time. */
function newSpace(): Keyspace {
  written.flushAll();
  return written;
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

function setText(
  space: Keyspace,
  index: number,
  name: string,
  text: string,
  expireAtMs = NO_EXPIRY,
) {
  const db = space.databases[index]!;
  const key = bytesOf(name);
  const value = bytesOf(text);
  const ref = db.find(key, 0, key.length);
  space.strings.set(db, ref, key, 0, key.length, value, 0, value.length, expireAtMs);
}

function setList(space: Keyspace, index: number, name: string, texts: readonly string[]) {
  const db = space.databases[index]!;
  const key = bytesOf(name);
  const list = space.lists.create();
  for (const text of texts) {
    const value = bytesOf(text);
    list.pushTail(list.given.setText(value, 0, value.length));
  }
  db.putBack(list, key, 0, key.length);
}

/** All keys of the first database with their values. */
function contents(space: Keyspace): Record<string, string | string[]> {
  const db = space.databases[0]!;
  const found: Record<string, string | string[]> = {};
  const refs: number[] = [];
  const text = (bytes: Uint8Array, at: number, length: number) =>
    Buffer.from(bytes.slice(at, at + length)).toString("latin1");
  for (let i = 0; i < db.bucketCount; i++) {
    const n = db.readBucket(i, refs);
    for (let j = 0; j < n; j++) {
      const ref = refs[j]!;
      const name = text(db.bytesOf(ref), db.keyAt(ref), db.keyLength(ref));
      if (db.typeOf(ref) === LIST) found[name] = textsOf(space.lists.open(ref));
      else {
        const { bytes, from, length } = space.strings.open(ref);
        found[name] = text(bytes, from, length);
      }
    }
  }
  return found;
}

/** The keyspace as an RDB file. */
function fileOf(space: Keyspace, compressing = true): Uint8Array {
  const out = new RdbWriter();
  out.compressing = compressing;
  out.header([["redis-ver", "7.2.4"]]);
  const refs: number[] = [];
  for (const db of space.databases) {
    out.selectDatabase(db.index);
    out.resizeDatabase(db.keyCount, db.expiringCount);
    for (let i = 0; i < db.bucketCount; i++) {
      const n = db.readBucket(i, refs);
      for (let j = 0; j < n; j++) saveEntry(space, db, refs[j]!, out);
    }
  }
  out.end();
  return withChecksum(out.bytes.slice(0, out.at));
}

function withChecksum(body: Uint8Array): Uint8Array {
  const file = new Uint8Array(body.length + 8);
  file.set(body);
  const crc = new Crc64();
  crc.update(body, 0, body.length);
  crc.write(file, body.length);
  return file;
}

function read(file: Uint8Array, pieceBytes = file.length, keepExpired = false): Keyspace {
  const space = loaded;
  space.flushAll();
  const reader = new RdbReader({ space, keepExpired, checking: true });
  for (let at = 0; at < file.length; at += pieceBytes) {
    reader.feed(file.slice(at, at + pieceBytes));
  }
  reader.finish();
  space.check();
  return space;
}

const FAR_MS = 4_000_000_000_000;

function randomSpace(random: Random): Keyspace {
  const space = newSpace();
  const value = () =>
    [
      () => String(random.int32()),
      () => String(BigInt(random.int32()) * BigInt(random.int32())),
      () => random.hex(random.below(100)),
      () => "abc".repeat(random.below(200)),
      () => "",
      () => "\0\xff\r\n",
    ][random.below(6)]!();
  for (let i = 0; i < 40; i++) {
    const index = random.below(4);
    if (random.below(3) > 0) {
      setText(space, index, `text${i}`, value(), random.below(3) === 0 ? FAR_MS + i : NO_EXPIRY);
    } else {
      const length = 1 + random.below(random.below(4) === 0 ? 3000 : 10);
      setList(space, index, `list${i}`, Array.from({ length }, value));
    }
  }
  return space;
}

describe("RDB", () => {
  test("what is written is read back, in pieces of any length", async () => {
    await forSeeds(6, (random) => {
      const space = randomSpace(random);
      for (const compressing of [true, false]) {
        const file = fileOf(space, compressing);
        for (const pieceBytes of [file.length, 1 + random.below(50), 1 + random.below(5000)]) {
          expect(digestOfAll(read(file, pieceBytes))).toEqual(digestOfAll(space));
        }
      }
    });
  });

  test("a small file byte by byte", () => {
    const space = newSpace();
    setText(space, 0, "number", "-5");
    setText(space, 1, "text", "a".repeat(100), FAR_MS);
    setList(space, 3, "list", ["a", "1", "b".repeat(70)]);
    expect(digestOfAll(read(fileOf(space), 1))).toEqual(digestOfAll(space));
  });

  test("expiries are exact, and what has expired is left out or kept", () => {
    const space = newSpace();
    setText(space, 0, "far", "1", FAR_MS + 1);
    setText(space, 0, "past", "2", 1234);
    const file = fileOf(space);
    expect(contents(read(file))).toEqual({ far: "1" });
    const kept = read(file, file.length, true);
    expect(contents(kept)).toEqual({ far: "1", past: "2" });
    const db = kept.databases[0]!;
    expect(db.expiryOf(db.find(bytesOf("far"), 0, 3))).toEqual(FAR_MS + 1);
    expect(db.expiryOf(db.find(bytesOf("past"), 0, 4))).toEqual(1234);
  });

  test("cut at any byte it is refused", () => {
    const space = newSpace();
    setText(space, 0, "text", "abc".repeat(20));
    setList(space, 0, "list", ["a", "300", "x".repeat(100)]);
    const file = fileOf(space);
    for (let length = 0; length < file.length; length++) {
      expect(() => read(file.slice(0, length))).toThrow(RdbError);
    }
  });

  test("any bit that is turned over is found", () => {
    const space = newSpace();
    setText(space, 0, "text", "abc".repeat(20));
    setList(space, 1, "list", ["a", "300", "x".repeat(100)]);
    const file = fileOf(space);
    for (let bit = 0; bit < file.length * 8; bit++) {
      const damaged = file.slice();
      damaged[bit >> 3] = damaged[bit >> 3]! ^ (1 << (bit & 7));
      expect(() => read(damaged), `bit ${bit}`).toThrow(RdbError);
    }
  });
});

// ── Older forms, by hand ─────────────────────────────────────────────────────────────────────

/** A file of version `version` with the bytes given as body. */
function oldFile(version: number, ...body: (string | readonly number[])[]): Uint8Array {
  const parts = body.map((part) => Buffer.from(typeof part === "string" ? bytesOf(part) : part));
  const head = bytesOf(`REDIS${String(version).padStart(4, "0")}`);
  const whole = Buffer.concat([head, ...parts, Uint8Array.of(0xff)]);
  return version >= 5 ? withChecksum(whole) : whole;
}

const sized = (bytes: readonly number[]): number[] => [bytes.length, ...bytes];
const letters = (text: string): number[] => [...bytesOf(text)];

/** A ziplist of entries given without the length of the one before. */
function ziplist(entries: readonly (readonly number[])[]): number[] {
  const body: number[] = [];
  let before = 0;
  for (const entry of entries) {
    body.push(before, ...entry);
    before = entry.length + 1;
  }
  const total = 10 + body.length + 1;
  return [total, 0, 0, 0, total - before - 1, 0, 0, 0, entries.length, 0, ...body, 0xff];
}

const ZIPLIST = ziplist([
  [0x03, ...letters("abc")],
  [0xf1],
  [0xfd],
  [0xfe, 0x80],
  [0xc0, 0x39, 0x30],
  [0xf0, 0x00, 0x00, 0x80],
  [0xd0, 0xff, 0xff, 0xff, 0x7f],
  [0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80],
  [0x40, 0x05, ...letters("hello")],
]);
const ZIPLIST_TEXTS = [
  ...["abc", "0", "12", "-128", "12345", "-8388608", "2147483647", "-9223372036854775808"],
  "hello",
];

describe("older forms of RDB", () => {
  test.each([
    ["a string of version 1", oldFile(1, [0xfe, 0, 0], [1], "k", [3], "abc"), { k: "abc" }],
    [
      "integers",
      oldFile(
        6,
        [0, 1],
        "a",
        [0xc0, 0xff],
        [0, 1],
        "b",
        [0xc1, 0, 0x80],
        [0, 1],
        "c",
        [0xc2, 0, 0, 0, 0x80],
      ),
      { a: "-1", b: "-32768", c: "-2147483648" },
    ],
    [
      "a compressed string",
      oldFile(6, [0, 1], "k", [0xc3, 5, 12, 0], "a", [0xe0, 2, 0]),
      { k: "a".repeat(12) },
    ],
    [
      "an empty list, which is skipped as in Redis 7",
      oldFile(10, [18, 4], "gone", [0], [1, 8], "gone too", [0], [0, 1], "k", [1], "v"),
      { k: "v" },
    ],
    ["a list of strings", oldFile(6, [1, 1], "k", [2, 1], "a", [0xc0, 7]), { k: ["a", "7"] }],
    ["a ziplist", oldFile(6, [10, 1], "k", sized(ZIPLIST)), { k: ZIPLIST_TEXTS }],
    [
      "a quicklist of ziplists",
      oldFile(9, [14, 1], "k", [2], sized(ZIPLIST), sized(ZIPLIST)),
      { k: [...ZIPLIST_TEXTS, ...ZIPLIST_TEXTS] },
    ],
    [
      "idle times and frequencies",
      oldFile(9, [0xf8, 5], [0xf9, 9], [0, 1], "k", [1], "v"),
      { k: "v" },
    ],
    [
      "expiry in seconds",
      oldFile(3, [0xfd, 0xff, 0xff, 0xff, 0x7f], [0, 1], "k", [1], "v"),
      { k: "v" },
    ],
    [
      "lengths of 14, 32 and 64 bits",
      oldFile(
        9,
        [0, 0x40, 1],
        "a",
        [0x80, 0, 0, 0, 1],
        "x",
        [0, 0x81, 0, 0, 0, 0, 0, 0, 0, 1],
        "b",
        [1],
        "y",
      ),
      { a: "x", b: "y" },
    ],
  ])("%s", (_, file, expected) => {
    expect(contents(read(file))).toEqual(expected);
    expect(contents(read(file, 1))).toEqual(expected);
  });

  test("a checksum of zeros means that there is none", () => {
    const file = oldFile(9, [0, 1], "k", [1], "v");
    file.fill(0, file.length - 8);
    expect(contents(read(file))).toEqual({ k: "v" });
  });

  test("what this server does not have is no damage", () => {
    const refusal = (file: Uint8Array): RdbError => {
      try {
        read(file);
      } catch (error) {
        return error as RdbError;
      }
      throw new Error("the file was read");
    };
    const stream = refusal(oldFile(11, [21, 3], "key", [0]));
    expect([stream.isDamage, stream.report]).toEqual([
      false,
      'not damaged, but this server cannot read it: the key "key" is a stream (type 21), which this server does not have (byte 14)',
    ]);
    const valkey = Buffer.concat([bytesOf("VALKEY080"), Uint8Array.of(0, 1, 107, 1, 118, 255)]);
    expect(contents(read(withChecksum(valkey)))).toEqual({ k: "v" });
    expect(refusal(withChecksum(bytesOf("VALKEY099"))).message).toEqual(
      "RDB version 99 is not supported (80 to 81 are)",
    );
    expect(refusal(oldFile(9, [0, 1], "k", [0xc4])).isDamage).toEqual(true);
  });

  test.each([
    [
      "a stream",
      oldFile(9, [15, 1], "k", [1, 1], "a"),
      'the key "k" is a stream (type 15), which this server does not have',
    ],
    ["an unknown type", oldFile(9, [99, 1], "k"), 'the key "k" has the unknown type 99'],
    ["a later version", oldFile(99, []), "RDB version 99 is not supported (1 to 15 are)"],
    [
      "another file",
      bytesOf("not an RDB file"),
      "this is no RDB file: it does not start with REDIS or VALKEY",
    ],
    [
      "a database too many",
      oldFile(9, [0xfe, 4]),
      "database 4 does not exist here (see databases)",
    ],
    [
      "a key that stands there twice",
      oldFile(9, [0, 1], "k", [1], "v", [0, 1], "k", [1], "v"),
      'the key "k" stands there twice',
    ],
    [
      "functions",
      oldFile(10, [0xf5, 1], "f"),
      "it holds functions, which this server does not have",
    ],
  ])("%s is refused", (_, file, message) => {
    let thrown: unknown;
    try {
      read(file);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(RdbError);
    expect((thrown as RdbError).message).toEqual(message);
  });
});

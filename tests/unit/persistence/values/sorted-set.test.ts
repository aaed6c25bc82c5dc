/** Sorted sets in every RDB form, sound and damaged. */
import { beforeEach, describe, expect, test } from "bun:test";
import { latin1, latin1Text } from "../../../../src/base/bytes.ts";
import { Clock } from "../../../../src/base/clock.ts";
import { Random } from "../../../../src/base/random.ts";
import { RdbWriter } from "../../../../src/persistence/rdb/writer.ts";
import { saveValue } from "../../../../src/persistence/snapshot/entry-writer.ts";
import { readPayload } from "../../../../src/persistence/snapshot/reader.ts";
import { Keyspace } from "../../../../src/store/keyspace.ts";

const space = new Keyspace({
  databases: 1,
  segments: 1,
  clock: new Clock(),
  random: new Random(1),
});
const db = space.databases[0]!;
const KEY = latin1("key");

beforeEach(() => {
  space.flushAll();
  space.sortedSets.limit.entries = 128;
});

/** The members and scores of the payload's value. */
function load(payload: Uint8Array): readonly (readonly [string, number])[] {
  const ref = readPayload(space, payload).addTo(db, KEY, 0, KEY.length);
  space.check();
  const set = space.sortedSets.open(ref);
  const pairs: (readonly [string, number])[] = [];
  set.seek(0);
  for (let left = set.length; left > 0; left--) {
    set.readNext();
    const text = new Uint8Array(Math.max(20, set.member.length));
    pairs.push([latin1Text(text, 0, set.member.writeText(text, 0)), set.score]);
  }
  db.remove(ref);
  while (space.reaper.hasWork) space.reaper.freeSome(1000);
  return pairs;
}

function refuses(payload: Uint8Array, why: RegExp): void {
  expect(() => readPayload(space, payload)).toThrow(why);
  space.check();
}

/** A string of an RDB file. */
function string(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  return Buffer.concat([Buffer.of(0x40 | (bytes.length >> 8), bytes.length & 255), bytes]);
}

function double(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
}

function binary(...pairs: readonly (readonly [string, number])[]): Buffer {
  const parts = pairs.flatMap(([member, score]) => [string(member), double(score)]);
  return Buffer.concat([Buffer.of(5, pairs.length), ...parts]);
}

/** A listpack of short strings and small integers. */
function listpack(...items: readonly (string | number)[]): Buffer {
  const entries = items.flatMap((item) =>
    typeof item === "number"
      ? [item, 1]
      : [0x80 | item.length, ...Buffer.from(item, "latin1"), item.length + 1],
  );
  const header = Buffer.alloc(6);
  header.writeUInt32LE(entries.length + 7, 0);
  header.writeUInt16LE(items.length, 4);
  const all = Buffer.concat([header, Buffer.from(entries), Buffer.of(255)]);
  return Buffer.concat([Buffer.of(17), string(all.toString("latin1"))]);
}

/** A ziplist of short strings. */
function ziplist(...items: readonly string[]): Buffer {
  const entries: number[] = [];
  let last = 0;
  let before = 0;
  for (const item of items) {
    last = entries.length;
    entries.push(before, item.length, ...Buffer.from(item, "latin1"));
    before = item.length + 2;
  }
  const header = Buffer.alloc(10);
  header.writeUInt32LE(entries.length + 11, 0);
  header.writeUInt32LE(last + 10, 4);
  header.writeUInt16LE(items.length, 8);
  const all = Buffer.concat([header, Buffer.from(entries), Buffer.of(255)]);
  return Buffer.concat([Buffer.of(12), string(all.toString("latin1"))]);
}

describe("loading", () => {
  test("scores of 8 bytes", () => {
    const pairs = [["b", 2.5] as const, ["a", Number.NEGATIVE_INFINITY] as const];
    expect(load(binary(...pairs))).toEqual(pairs.toReversed());
  });

  test("scores as text", () => {
    const parts = [string("a"), Buffer.of(254), string("b"), Buffer.of(255)];
    const text = [string("c"), Buffer.of(3), Buffer.from("1.5")];
    expect(load(Buffer.concat([Buffer.of(3, 3), ...parts, ...text]))).toEqual([
      ["b", Number.NEGATIVE_INFINITY],
      ["c", 1.5],
      ["a", Number.POSITIVE_INFINITY],
    ]);
  });

  test("a listpack and a ziplist", () => {
    const pairs = [
      ["x", 1],
      ["12", 2],
      ["y", 2],
    ];
    expect(load(listpack("x", 1, 12, 2, "y", "2"))).toEqual(pairs as never);
    expect(load(ziplist("x", "1", "12", "2", "y", "2"))).toEqual(pairs as never);
  });

  test("a set beyond the limits of the small form becomes a large one", () => {
    const pairs = Array.from(
      { length: 300 },
      (_, i) => [`m${String(i).padStart(3, "0")}`, i] as const,
    );
    const bytes = Buffer.concat([
      Buffer.of(5, 0x41, 300 & 255),
      ...pairs.flatMap(([member, score]) => [string(member), double(score)]),
    ]);
    expect(load(bytes)).toEqual(pairs);
  });

  test("refuses what no server writes", () => {
    refuses(binary(["a", Number.NaN]), /a score that is no number/);
    refuses(binary(["a", 1], ["a", 2]), /a member of a sorted set twice/);
    refuses(Buffer.concat([Buffer.of(3, 1), string("a"), Buffer.of(253)]), /no number/);
    refuses(Buffer.concat([Buffer.of(3, 1), string("a"), Buffer.of(1, 120)]), /no number/);
    refuses(listpack("a", 1, "b"), /without a score/);
    refuses(listpack("a", "x"), /no number/);
    refuses(listpack("a", 1, "a", 2), /twice/);
    refuses(ziplist("a"), /without a score/);
    refuses(binary(["a", 1]).subarray(0, 9), /cut short/);
    refuses(Buffer.of(5, 0), /without elements/);
  });
});

describe("saving", () => {
  for (const entries of [128, 0]) {
    test(`is read back, up to ${entries} members small`, () => {
      space.sortedSets.limit.entries = entries;
      const pairs = [
        ["min", Number.NEGATIVE_INFINITY],
        ["-5", 0.1],
        ["x".repeat(60), 1e300],
      ] as const;
      const ref = readPayload(space, binary(...pairs)).addTo(db, KEY, 0, KEY.length);
      const out = new RdbWriter();
      saveValue(space, db, ref, out);
      expect(out.bytes[0]).toEqual(entries === 0 ? 5 : 17);
      db.remove(ref);
      expect(load(out.bytes.slice(0, out.at))).toEqual(pairs);
    });
  }
});

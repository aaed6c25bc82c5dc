/** Sets in files: every form that is read, and what is damaged. */
import { beforeEach, describe, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { RdbError } from "../../../../src/persistence/rdb/input.ts";
import { RdbWriter } from "../../../../src/persistence/rdb/writer.ts";
import { saveValue } from "../../../../src/persistence/snapshot/entry-writer.ts";
import { readPayload } from "../../../../src/persistence/snapshot/reader.ts";
import { fits, runShort } from "../../memory/lean-heap.ts";
import { Model, membersOf } from "../../store/model.ts";

const model = new Model(1);
const { space } = model;

beforeEach(() => {
  model.reset();
  Object.assign(space.sets.limit, { ints: 512, entries: 128, bytes: 64 });
});

const bytesOf = (...parts: readonly (string | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? latin1(part) : Buffer.from(part))));

const sized = (bytes: Uint8Array) => [bytes.length, ...bytes];

const intset = (width: number, ...values: readonly number[]) => {
  const bytes = Buffer.alloc(8 + width * values.length);
  bytes.writeInt32LE(width, 0);
  bytes.writeInt32LE(values.length, 4);
  for (const [i, value] of values.entries()) {
    const at = 8 + i * width;
    if (width === 8) bytes.writeBigInt64LE(BigInt(value), at);
    else bytes.writeIntLE(value, at, width);
  }
  return sized(bytes);
};

/** Entries of one byte of length, a text or an integer below 128. */
const listpack = (...entries: readonly (string | number)[]) => {
  const body = entries.flatMap((entry) =>
    typeof entry === "number"
      ? [entry, 1]
      : [0x80 | entry.length, ...latin1(entry), 1 + entry.length],
  );
  const total = 6 + body.length + 1;
  return sized(bytesOf([total, 0, 0, 0, entries.length, 0, ...body, 0xff]));
};

/** Loads a value as the key "k"; returns its members and form. */
function load(payload: Uint8Array): [Set<string>, string] {
  const db = model.database(0);
  const ref = readPayload(space, payload).addTo(db, latin1("k"), 0, 1);
  space.check();
  return [membersOf(space.sets.open(ref)), space.sets.encoding(ref)];
}

describe("sets are read", () => {
  test.each([
    ["member by member", bytesOf([2, 2, 1], "a", [0xc0, 7]), ["a", "7"], "listpack"],
    ["of integers, member by member", bytesOf([2, 2, 1], "5", [0xc0, 7]), ["5", "7"], "intset"],
    ["as an intset of 16 bits", bytesOf([11], intset(2, -5, 300)), ["-5", "300"], "intset"],
    ["as an intset of 32 bits", bytesOf([11], intset(4, -5, 70000)), ["-5", "70000"], "intset"],
    [
      "as an intset of 64 bits",
      bytesOf([11], intset(8, -5, 2 ** 40)),
      ["-5", `${2 ** 40}`],
      "intset",
    ],
    ["as packed entries", bytesOf([20], listpack("a", 7, "")), ["a", "7", ""], "listpack"],
    // As in Redis 7.2: packed entries stay what they are, even without a text.
    ["as packed integers", bytesOf([20], listpack(1, 2)), ["1", "2"], "listpack"],
  ])("%s", (_, payload, members, encoding) => {
    expect(load(payload)).toEqual([new Set(members), encoding]);
  });

  test("into the form that the limits say", () => {
    Object.assign(space.sets.limit, { ints: 1, entries: 1 });
    for (const payload of [
      bytesOf([11], intset(2, 1, 2)),
      bytesOf([20], listpack("a", "b")),
      bytesOf([2, 2, 1], "a", [1], "b"),
      bytesOf([2, 2, 1], "1", [1], "2"),
    ]) {
      expect(load(payload)[1]).toEqual("hashtable");
      model.database(0).remove(model.database(0).lookupWrite(latin1("k"), 0, 1));
    }
  });
});

describe("damage is refused, and nothing stays behind", () => {
  const WHOLE = [
    bytesOf([2, 3, 1], "a", [0xc0, 7], [2], "bc"),
    bytesOf([11], intset(4, -5, 3, 70000)),
    bytesOf([20], listpack("a", 7, "bc")),
  ];

  test("of a value that is cut short", () => {
    for (const payload of WHOLE) {
      for (let length = 1; length < payload.length; length++) {
        expect(() => readPayload(space, payload.subarray(0, length))).toThrow(RdbError);
        model.reapAll();
        space.check();
      }
    }
  });

  test.each([
    ["a member that stands there twice", bytesOf([2, 2, 1], "a", [1], "a")],
    ["an integer that stands there twice", bytesOf([2, 2, 1], "5", [0xc0, 5])],
    ["a packed member that stands there twice", bytesOf([20], listpack("a", "b", "a"))],
    ["integers that do not ascend", bytesOf([11], intset(2, 5, 4))],
    ["an integer that stands there twice in an intset", bytesOf([11], intset(2, 5, 5))],
    ["an intset of another width", bytesOf([11], sized(Buffer.from([3, 0, 0, 0, 0, 0, 0, 0])))],
    ["an intset that is shorter than it says", bytesOf([11, 8, 2, 0, 0, 0, 9, 0, 0, 0])],
    ["a set without members", bytesOf([2, 0])],
    ["an intset without members", bytesOf([11], intset(2))],
    ["packed entries without members", bytesOf([20], listpack())],
    ["packed entries that are none", bytesOf([20, 3, 1, 2, 3])],
    ["a set that claims more members than there are", bytesOf([2, 0x81, 0, 0, 1, 0, 0, 0, 0, 0])],
  ])("%s", (_, payload) => {
    expect(() => readPayload(space, payload)).toThrow(RdbError);
    model.reapAll();
    space.check();
    expect(space.heap.usedBytes).toEqual(new Model(1).space.heap.usedBytes);
  });

  test("where memory runs out", () => {
    Object.assign(space.sets.limit, { ints: 2, entries: 2 });
    for (const payload of WHOLE) {
      let failures = 0;
      for (let blocks = 0; ; blocks++) {
        const end = runShort(space.heap, blocks);
        const fitted = fits(() => readPayload(space, payload).discard());
        end();
        model.reapAll();
        space.check();
        if (fitted) break;
        failures++;
      }
      expect(failures).toBeGreaterThan(0);
    }
  });
});

test("sets are written as Redis 7.0 can read them", () => {
  const typeOf = (members: readonly string[]) => {
    model.remove(0, "k");
    model.addMembers(0, "k", members);
    const out = new RdbWriter();
    saveValue(space, model.database(0), model.look(0, "k"), out);
    return out.bytes[0];
  };
  expect(typeOf(["1", "2"])).toEqual(11);
  expect(typeOf(["1", "a"])).toEqual(2);
  expect(typeOf(Array.from({ length: 600 }, (_, i) => `m${i}`))).toEqual(2);
});

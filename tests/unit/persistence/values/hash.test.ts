/** Hashes in files: every form that is read, what is written, and damage. */
import { beforeEach, describe, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { RdbWriter } from "../../../../src/persistence/rdb/writer.ts";
import { saveValue } from "../../../../src/persistence/snapshot/entry-writer.ts";
import { RdbReader, readPayload } from "../../../../src/persistence/snapshot/reader.ts";
import { fieldsOf, Model } from "../../store/model.ts";

const model = new Model();
const { space } = model;

beforeEach(() => {
  space.hashes.limit.entries = 512;
  model.reset();
});

/** A string of a file, of fewer than 64 bytes. */
function text(bytes: string): string {
  return String.fromCharCode(bytes.length) + bytes;
}

function littleEndian(value: number, bytes: number): string {
  return Array.from({ length: bytes }, (_, i) =>
    String.fromCharCode((value >>> (i * 8)) & 255),
  ).join("");
}

function ziplist(...entries: string[]): string {
  let body = "";
  let before = 0;
  for (const entry of entries) {
    const bytes = String.fromCharCode(before) + text(entry);
    before = bytes.length;
    body += bytes;
  }
  const total = 10 + body.length + 1;
  const head = littleEndian(total, 4) + littleEndian(total - 1 - before, 4);
  return `${head}${littleEndian(entries.length, 2)}${body}\xff`;
}

function listpack(...entries: string[]): string {
  const body = entries
    .map(
      (entry) =>
        `${String.fromCharCode(0x80 | entry.length)}${entry}${String.fromCharCode(entry.length + 1)}`,
    )
    .join("");
  return `${littleEndian(7 + body.length, 4)}${littleEndian(entries.length, 2)}${body}\xff`;
}

function zipmap(...pairs: (readonly [string, string])[]): string {
  const body = pairs.map(
    ([field, value]) =>
      `${text(field)}${text(`\0${value}`).replace(/^./s, String.fromCharCode(value.length))}`,
  );
  return `${String.fromCharCode(pairs.length)}${body.join("")}\xff`;
}

/** The hash that a payload without its footer holds. */
function load(payload: string): Map<string, string> {
  model.reset();
  const name = latin1("h");
  const value = readPayload(space, latin1(payload));
  const ref = value.addTo(model.database(0), name, 0, 1);
  const fields = fieldsOf(space.hashes.open(ref));
  space.check();
  return fields;
}

const EXPECTED = new Map([
  ["name", "a value"],
  ["count", "12"],
]);
const PAIRS = [...EXPECTED].flat();

/** Each form with the same two fields. */
const FORMS: readonly (readonly [string, string])[] = [
  ["of pairs", `\x04\x02${PAIRS.map(text).join("")}`],
  ["of a zipmap", `\x09${text(zipmap(...EXPECTED))}`],
  ["of a ziplist", `\x0d${text(ziplist(...PAIRS))}`],
  ["of a listpack", `\x10${text(listpack(...PAIRS))}`],
];

const LATER = 4_102_444_800_123;

/** 8 bytes, the lowest first. */
function int64(value: number): string {
  const low = (value % 4294967296) | 0;
  return littleEndian(low, 4) + littleEndian(Math.floor(value / 4294967296), 4);
}

/** A length of 64 bits. */
function longLength(value: number): string {
  return `\x81${[...int64(value)].reverse().join("")}`;
}

/** The same fields, of which one expires, in each form; the version of the payload. */
const EXPIRING: readonly (readonly [string, number, string])[] = [
  [
    "of pairs",
    12,
    `\x18${int64(LATER - 5)}\x02\x06${text("name")}${text("a value")}\0${text("count")}${text("12")}`,
  ],
  [
    "of a listpack",
    12,
    `\x19${int64(LATER)}${text(listpack("name", "a value", String(LATER), "count", "12", "0"))}`,
  ],
  [
    "of pairs, from before the release",
    12,
    `\x16\x02${longLength(LATER)}${text("name")}${text("a value")}\0${text("count")}${text("12")}`,
  ],
  [
    "of a listpack, from before the release",
    12,
    `\x17${text(listpack("name", "a value", String(LATER), "count", "12", "0"))}`,
  ],
  [
    "of Valkey's pairs",
    80,
    `\x16\x02${text("name")}${text("a value")}${int64(LATER)}${text("count")}${text("12")}${"\xff".repeat(8)}`,
  ],
];

/** Hashes of templates, whose fields stand before the values. */
const TEMPLATES: readonly (readonly [string, string])[] = [
  [
    "two listpacks",
    `\x1d\0${text(listpack("name", "count"))}${text(listpack("0", "a value", "12"))}`,
  ],
  [
    "fields and a listpack",
    `\x1d\x01\x02${text("name")}${text("count")}${text(listpack("0", "a value", "12"))}`,
  ],
  ["fields and values", `\x1f\x01\x02${["name", "count", "a value", "12"].map(text).join("")}`],
  [
    "a listpack and values",
    `\x1f\0${text(listpack("name", "count"))}${text("a value")}${text("12")}`,
  ],
];

describe("fields that expire", () => {
  for (const [name, version, payload] of EXPIRING) {
    test(`${name} are read`, () => {
      const key = latin1("h");
      const value = readPayload(space, latin1(payload), version);
      const hash = space.hashes.open(value.addTo(model.database(0), key, 0, 1));
      expect(fieldsOf(hash)).toEqual(EXPECTED);
      hash.find(latin1("name"), 0, 4);
      expect(hash.expireAtMs).toEqual(LATER);
      hash.find(latin1("count"), 0, 5);
      expect(hash.expireAtMs).toEqual(-1);
      space.check();
      expect(space.fields.hashCount(0)).toEqual(1);
    });

    test(`${name} that are cut short are refused, and leave nothing behind`, () => {
      for (let end = 1; end < payload.length; end++) {
        expect(() => readPayload(space, latin1(payload.slice(0, end)), version)).toThrow();
      }
      model.reapAll();
      space.check();
    });
  }

  test("of Valkey are of a type that means something else in Redis", () => {
    const valkey = EXPIRING.at(-1)![2];
    expect(() => readPayload(space, latin1(valkey), 12)).toThrow();
    expect(() => readPayload(space, latin1(EXPIRING[0]![2]), 80)).toThrow();
    model.reapAll();
    space.check();
  });
});

describe("a hash with a template", () => {
  for (const [name, payload] of TEMPLATES) {
    test(`of ${name} is read`, () => expect(load(payload)).toEqual(EXPECTED));
  }

  test("that stands elsewhere is refused in a payload, and read in a file", () => {
    const head = `REDIS0015\xf2\x07\x02${text("name")}${text("count")}\xfe\0`;
    const refs = [
      `\x1e${text("a")}${text(listpack("7", "a value", "12"))}`,
      `\x20${text("b")}\x07${text("a value")}${text("12")}`,
    ];
    for (const ref of refs) {
      expect(() =>
        readPayload(space, latin1(ref.replace(text("a"), "").replace(text("b"), ""))),
      ).toThrow();
    }
    model.reapAll();
    const read = (file: string) => {
      const reader = new RdbReader({ space, keepExpired: true, checking: false });
      reader.feed(latin1(file));
      reader.finish();
    };
    read(`${head}${refs.join("")}\xff${"\0".repeat(8)}`);
    const db = model.database(0);
    for (const key of ["a", "b"]) {
      expect(fieldsOf(space.hashes.open(db.find(latin1(key), 0, 1)))).toEqual(EXPECTED);
    }
    model.reset();
    const other = `\x20${text("b")}\x08${text("a value")}${text("12")}`;
    expect(() => read(`${head}${other}\xff${"\0".repeat(8)}`)).toThrow("template 8");
  });
});

describe("a hash", () => {
  for (const [name, payload] of FORMS) {
    test(`${name} is read`, () => {
      expect(load(payload)).toEqual(EXPECTED);
      space.hashes.limit.entries = 1;
      expect(load(payload)).toEqual(EXPECTED);
    });

    test(`${name} that is cut short or longer is refused, and leaves nothing behind`, () => {
      for (let end = 1; end < payload.length; end++) {
        expect(() => readPayload(space, latin1(payload.slice(0, end)))).toThrow();
      }
      expect(() => readPayload(space, latin1(`${payload}x`))).toThrow("bytes behind the value");
      model.reapAll();
      space.check();
    });
  }

  test("with a field twice, without a value or without fields is refused", () => {
    for (const payload of [
      `\x04\x02${["a", "1", "a", "2"].map(text).join("")}`,
      `\x09${text(zipmap(["a", "1"], ["a", "2"]))}`,
      `\x0d${text(ziplist("a", "1", "a", "2"))}`,
      `\x10${text(listpack("a", "1", "a", "2"))}`,
      `\x0d${text(ziplist("a", "1", "b"))}`,
      `\x10${text(listpack("a", "1", "b"))}`,
      "\x04\x00",
      `\x10${text(listpack())}`,
    ]) {
      expect(() => readPayload(space, latin1(payload))).toThrow();
    }
    model.reapAll();
    space.check();
  });

  test("is written as a listpack while it is small, and else as pairs", () => {
    model.setFields(0, "h", [...EXPECTED]);
    const out = new RdbWriter();
    saveValue(space, model.database(0), model.look(0, "h"), out);
    expect(out.bytes[0]).toEqual(16);
    space.hashes.limit.entries = 1;
    model.setFields(0, "table", [...EXPECTED]);
    out.reset();
    saveValue(space, model.database(0), model.look(0, "table"), out);
    expect(out.bytes[0]).toEqual(4);
    expect(load(Buffer.from(out.bytes.subarray(0, out.at)).toString("latin1"))).toEqual(EXPECTED);
  });
});

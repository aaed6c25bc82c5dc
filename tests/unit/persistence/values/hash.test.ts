/** Hashes in files: every form that is read, what is written, and damage. */
import { beforeEach, describe, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { RdbWriter } from "../../../../src/persistence/rdb/writer.ts";
import { saveValue } from "../../../../src/persistence/snapshot/entry-writer.ts";
import { readPayload } from "../../../../src/persistence/snapshot/reader.ts";
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

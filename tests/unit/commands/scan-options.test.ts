/** Cursors and options of SCAN and its relatives. */
import { expect, test } from "bun:test";
import { Clock } from "../../../src/base/clock.ts";
import { Glob } from "../../../src/base/glob.ts";
import { Random } from "../../../src/base/random.ts";
import { Context } from "../../../src/commands/context.ts";
import { readCursor, readScanOptions } from "../../../src/commands/scan-options.ts";
import type { Services } from "../../../src/commands/services/services.ts";
import { ReplyWriter } from "../../../src/protocol/reply-writer.ts";
import { Request } from "../../../src/protocol/request.ts";
import { Keyspace } from "../../../src/store/keyspace.ts";

const space = new Keyspace({
  databases: 1,
  segments: 1,
  clock: new Clock(),
  random: new Random(1),
});
const reply = new ReplyWriter();
const context = new Context(reply, space, {} as Services);

function given(...words: readonly string[]): Context {
  const request = new Request();
  request.bytes = Buffer.from(words.join(""), "latin1");
  let at = 0;
  for (const { length } of words) {
    request.push(at, length);
    at += length;
  }
  reply.reset();
  context.args = request;
  return context;
}

function replied(): string {
  return Buffer.from(reply.bytes.slice(0, reply.at)).toString("latin1");
}

test("a cursor is what strtoul takes, of which the lower 31 bits count", () => {
  const cursors = [
    "0",
    "17",
    "+5",
    "007",
    "2147483648",
    "2147483649",
    "-1",
    "18446744073709551615",
    "",
  ];
  expect(cursors.map((cursor) => readCursor(given(cursor), 0))).toEqual([
    0, 17, 5, 7, 0, 1, 2147483647, 2147483647, 0,
  ]);
});

test("what is no cursor is refused", () => {
  for (const cursor of ["x", "1x", " 1", "18446744073709551616", "1".repeat(21)]) {
    expect(readCursor(given(cursor), 0)).toEqual(-1);
    expect(replied()).toEqual("-ERR invalid cursor\r\n");
  }
});

test("options come in any order, and the last one counts", () => {
  const words = ["MATCH", "a*", "count", "5", "match", "b*", "TYPE", "ZSet"];
  expect(readScanOptions(given(...words), 0, "type")).toEqual({
    count: 5,
    glob: new Glob("b*"),
    type: "zset",
    withoutValues: false,
  });
  const usual = { count: 10, glob: null, type: null, withoutValues: false };
  expect(readScanOptions(given(), 0, "")).toEqual(usual);
  for (const words of [
    ["NOVALUES", "COUNT", "3"],
    ["count", "3", "novalues"],
  ]) {
    const options = { ...usual, count: 3, withoutValues: true };
    expect(readScanOptions(given(...words), 0, "novalues")).toEqual(options);
    expect(readScanOptions(given(...words), 0, "")).toEqual(null);
    replied();
  }
});

test("what is no option is refused", () => {
  for (const words of [["COUNT"], ["COUNT", "0"], ["TYPE", "zset"], ["NONSENSE", "1"]]) {
    expect(readScanOptions(given(...words), 0, "")).toEqual(null);
    expect(replied()).toEqual("-ERR syntax error\r\n");
  }
});

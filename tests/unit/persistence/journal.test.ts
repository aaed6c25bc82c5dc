/** What the journal puts around commands: their database, and MULTI where it takes more than one. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Journal } from "../../../src/persistence/journal.ts";
import { Request } from "../../../src/protocol/request.ts";
import { READY, RequestParser } from "../../../src/protocol/request-parser.ts";
import { forSeeds } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function taken(journal: Journal): string[] {
  const bytes = journal.forReplicas().slice();
  expect(journal.forDisk()).toEqual(bytes);
  journal.reset();
  const parser = new RequestParser();
  const request = new Request();
  const lines: string[] = [];
  parser.begin(0);
  while (parser.at < bytes.length) {
    expect(parser.next(bytes, bytes.length, request)).toEqual(READY);
    lines.push(Array.from({ length: request.count }, (_, i) => request.text(i)).join(" "));
  }
  return lines;
}

function write(journal: Journal, database: number, ...words: string[]): void {
  const out = journal.begin(database, words.length);
  for (const word of words) out.text(word);
}

test("commands without a block", () => {
  const journal = new Journal();
  write(journal, 0, "SET", "a", "1");
  write(journal, 0, "DEL", "a");
  write(journal, 9, "DEL", "a");
  expect(taken(journal)).toEqual(["SELECT 0", "SET a 1", "DEL a", "SELECT 9", "DEL a"]);
  write(journal, 9, "DEL", "b");
  expect(taken(journal)).toEqual(["DEL b"]);
  journal.forgetDatabase();
  write(journal, 9, "DEL", "c");
  expect(taken(journal)).toEqual(["SELECT 9", "DEL c"]);
});

test("one command needs no MULTI, several are wrapped, none leave nothing", () => {
  const journal = new Journal();
  const block = (count: number) => {
    journal.beginBlock();
    for (let i = 0; i < count; i++) write(journal, 0, "INCR", "a");
    journal.endBlock();
    return taken(journal);
  };
  expect([block(0), block(1), block(2), block(0), block(1), block(3)]).toEqual([
    [],
    ["SELECT 0", "INCR a"],
    ["MULTI", "INCR a", "INCR a", "EXEC"],
    [],
    ["INCR a"],
    ["MULTI", "INCR a", "INCR a", "INCR a", "EXEC"],
  ]);
});

test("MULTI stands behind what was written before the block and before its first command", () => {
  const journal = new Journal();
  write(journal, 1, "SET", "before", "x".repeat(200));
  journal.beginBlock();
  write(journal, 2, "SET", "a", "y".repeat(100_000));
  write(journal, 3, "SET", "b", "");
  write(journal, 3, "DEL", "b");
  journal.endBlock();
  write(journal, 3, "DEL", "c");
  expect(taken(journal)).toEqual([
    "SELECT 1",
    `SET before ${"x".repeat(200)}`,
    "SELECT 2",
    "MULTI",
    `SET a ${"y".repeat(100_000)}`,
    "SELECT 3",
    "SET b ",
    "DEL b",
    "EXEC",
    "DEL c",
  ]);
});

test("random blocks and commands, taken now and then, against a plain model", () =>
  forSeeds(100, (random) => {
    const journal = new Journal();
    let selected = -1;
    const expected: string[] = [];
    const seen: string[] = [];
    const one = (into: string[]) => {
      const database = random.below(3);
      const value = "x".repeat(random.below(300));
      write(journal, database, "SET", "a", value);
      if (database !== selected) into.push(`SELECT ${database}`);
      selected = database;
      into.push(`SET a ${value}`);
    };
    for (let i = 0; i < 60; i++) {
      if (random.below(2) === 0) one(expected);
      else {
        const inside: string[] = [];
        const count = random.below(4);
        journal.beginBlock();
        for (let n = 0; n < count; n++) one(inside);
        journal.endBlock();
        // The first one's SELECT stays outside.
        if (inside[0]?.startsWith("SELECT")) expected.push(inside.shift()!);
        expected.push(...(count > 1 ? ["MULTI", ...inside, "EXEC"] : inside));
      }
      if (random.below(5) === 0) seen.push(...taken(journal));
      if (random.below(20) > 0) continue;
      journal.forgetDatabase();
      selected = -1;
    }
    seen.push(...taken(journal));
    expect(seen).toEqual(expected);
  }));

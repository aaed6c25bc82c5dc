/** Tables of members, alone and while a walk reads them. */
import { beforeEach, describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Hash } from "../../../src/base/key-hash.ts";
import type { Random } from "../../../src/base/random.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { MemberTable } from "../../../src/memory/member-table.ts";
import { BARE_RECORD_BYTES, RECORD_BYTES } from "../../../src/memory/record.ts";
import { TableWalk } from "../../../src/memory/table-walk.ts";
import { forSeeds, pick } from "../seeds.ts";

const heap = new Heap(1);
const tables = [RECORD_BYTES, BARE_RECORD_BYTES].map(
  (headBytes) => new MemberTable(heap, new Hash(1, 2), headBytes),
);

beforeEach(() => heap.reset());

/** A table of members with a tail of any length, with a Map beside it. */
class Pair {
  readonly table: MemberTable;
  model = new Map<string, string>();

  constructor(table: MemberTable) {
    this.table = table;
    table.create();
  }

  find(member: string): number {
    return this.table.find(latin1(`..${member}`), 2, member.length);
  }

  set(member: string, tail: string): void {
    const { table } = this;
    const present = this.find(member);
    const record =
      present === 0
        ? table.add(latin1(member), 0, member.length, 0, tail.length)
        : table.resized(present, tail.length);
    table.bytesOf(record).set(latin1(tail), table.tailAt(record));
    this.model.set(member, tail);
  }

  remove(member: string): void {
    this.table.remove(this.find(member));
    this.model.delete(member);
  }

  /** `tailOf` is told by the model: a record does not know how long its tail is. */
  read(record: number, model = this.model): [string, string] {
    const { table } = this;
    const bytes = table.bytesOf(record);
    const at = table.memberAt(record);
    const member = latin1Text(bytes, at, at + table.memberLength(record));
    const length = model.get(member)?.length ?? 0;
    const tail = table.tailAt(record);
    return [member, latin1Text(bytes, tail, tail + length)];
  }

  contents(): Map<string, string> {
    const found = new Map<string, string>();
    this.table.table.check(
      this.table.root,
      (record) => found.set(...this.read(record)),
      () => {},
    );
    return found;
  }

  change(random: Random): void {
    const members = [...this.model.keys()];
    const isGrowing = random.below(3) > 0;
    if (isGrowing || members.length === 0) {
      this.set(`m${random.below(400)}`, "t".repeat(random.below(40)));
    } else this.remove(pick(random, members));
  }
}

describe.each(tables.map((table, i) => [["with a word", "without one"][i]!, table] as const))(
  "members %s of the owner",
  (_, table) => {
    test("against a Map", () =>
      forSeeds(20, (random) => {
        heap.reset();
        const pair = new Pair(table);
        for (let i = 0; i < 1500; i++) pair.change(random);
        expect(pair.contents()).toEqual(pair.model);
        expect(pair.table.count).toEqual(pair.model.size);
        const bucket: number[] = [];
        let calls = 1;
        while (!table.freeSome(table.root, 10, bucket)) calls++;
        expect(calls).toBeGreaterThan(5);
        expect(heap.usedBytes).toEqual(0);
      }));

    test("a walk reads the members at its beginning, whatever happens meanwhile", () =>
      forSeeds(60, (random) => {
        heap.reset();
        const pair = new Pair(table);
        const size = random.below(3) === 0 ? 5 : random.below(1200);
        for (let i = 0; i < size; i++) pair.change(random);
        const expected = new Map(pair.model);
        const walk = new TableWalk(heap, table.table, table.root);
        table.guard = walk;
        const seen: [string, string][] = [];
        const emptying = random.below(4) === 0;
        while (!walk.isAtEnd) {
          walk.readSome((record) => seen.push(pair.read(record, expected)));
          for (let i = random.below(12); i > 0; i--) {
            const members = [...pair.model.keys()];
            if (emptying && members.length > 0) pair.remove(pick(random, members));
            else pair.change(random);
          }
        }
        expect(seen.length).toEqual(expected.size);
        expect(new Map(seen)).toEqual(expected);
        walk.end();
        table.guard = null;
        expect(pair.contents()).toEqual(pair.model);
        const owned = new Set<number>();
        table.table.check(
          table.root,
          (record) => owned.add(record),
          (block) => owned.add(block),
        );
        const live = heap.check((block) => assert(owned.has(block), "a block has an owner"));
        expect(live).toEqual(owned.size);
      }));

    test("a walk that ends early, of a table that has become empty, frees both", () => {
      const pair = new Pair(table);
      for (let i = 0; i < 100; i++) pair.set(`m${i}`, "tail");
      const walk = new TableWalk(heap, table.table, table.root);
      table.guard = walk;
      walk.readSome(() => {});
      for (let i = 0; i < 100; i++) pair.remove(`m${i}`);
      table.destroyEmpty();
      expect(heap.usedBytes).toBeGreaterThan(0);
      walk.end();
      expect(heap.usedBytes).toEqual(0);
    });
  },
);

import { beforeEach, describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { TableWalk } from "../../../src/memory/table-walk.ts";
import { forSeeds, pick } from "../seeds.ts";
import { heap, MemberPair, TABLES } from "./member-pair.ts";

beforeEach(() => heap.reset());

describe.each(TABLES)("a walk over members %s of the owner", (_, table) => {
  test("a walk reads the members at its beginning, whatever happens meanwhile", () =>
    forSeeds(60, (random) => {
      heap.reset();
      const pair = new MemberPair(table);
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
    const pair = new MemberPair(table);
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
});

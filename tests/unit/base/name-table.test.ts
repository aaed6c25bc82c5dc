/** Names that others choose: against a plain model, and names made to collide. */
import { describe, expect, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { Hash } from "../../../src/base/key-hash.ts";
import { Named, NameTable } from "../../../src/base/name-table.ts";
import { forSeeds } from "../seeds.ts";
import { collidingNames } from "./colliding-names.ts";

class Item extends Named<Item> {}

function make(seed = 1): NameTable<Item> {
  return new NameTable(new Hash(seed, ~seed), (name, hash) => new Item(name, hash));
}

function add(table: NameTable<Item>, name: string): Item {
  return table.findOrAdd(latin1(name), 0, name.length);
}

function find(table: NameTable<Item>, name: string): Item | null {
  return table.find(latin1(name), 0, name.length);
}

function namesOf(table: NameTable<Item>): string[] {
  const names: string[] = [];
  for (let item = table.first; item !== null; item = item.after) names.push(item.name);
  return names;
}

describe("NameTable", () => {
  test("finds the bytes of a name wherever they stand", () => {
    const table = make();
    const bytes = latin1("..\0\xffname..");
    const item = table.findOrAdd(bytes, 2, 6);
    expect(item.name).toEqual("\0\xffname");
    expect(find(table, "\0\xffname")).toBe(item);
    expect(table.findOrAdd(latin1("\0\xffname"), 0, 6)).toBe(item);
    expect([find(table, "\0\xffnam"), find(table, "\0\xffnamE")]).toEqual([null, null]);
    expect(find(make(), "")).toEqual(null);
    add(table, "");
    expect(find(table, "")?.name).toEqual("");
    table.check();
  });

  test("random additions and removals against a plain model", () =>
    forSeeds(20, (random) => {
      const table = make(random.int32());
      const model = new Map<string, Item>();
      // Long runs of one kind, so that buckets split and merge many times.
      for (let round = 0; round < 12; round++) {
        const adds = random.below(4);
        for (let step = random.below(300); step > 0; step--) {
          const name = `name:${random.below(400)}`;
          if (random.below(4) <= adds) {
            const item = add(table, name);
            expect(model.get(name) ?? item).toBe(item);
            model.set(name, item);
          } else {
            const item = find(table, name);
            expect(item).toBe(model.get(name) ?? null);
            if (item !== null) table.remove(item);
            model.delete(name);
          }
          expect(table.size).toEqual(model.size);
        }
        table.check();
        expect(namesOf(table)).toEqual([...model.keys()]);
      }
      for (const item of model.values()) {
        table.remove(item);
        if (random.below(20) === 0) table.check();
      }
      expect([table.size, table.first, table.check()]).toEqual([0, null, 0]);
    }));

  test("a walk goes on behind an item that it removes", () => {
    const table = make();
    for (let i = 0; i < 100; i++) add(table, String(i));
    const seen: string[] = [];
    for (let item = table.first; item !== null; item = item.after) {
      seen.push(item.name);
      if (Number(item.name) % 3 > 0) table.remove(item);
    }
    expect(seen).toHaveLength(100);
    expect(table.size).toEqual(34);
    table.check();
  });

  test("an item that is not there cannot be removed", () => {
    const table = make();
    const item = add(table, "a");
    table.remove(item);
    expect(() => table.remove(item)).toThrow("not in the table");
  });

  test("names that collide in the engine's hash spread like any others", () =>
    forSeeds(3, (random) => {
      const table = make(random.int32());
      for (const name of collidingNames(20_000)) add(table, name);
      // 20,000 in as many buckets: more than 20 in one would come once in 10^14 tables.
      expect(table.check()).toBeLessThan(20);
      for (const name of collidingNames(20_000)) table.remove(find(table, name)!);
      expect(table.size).toEqual(0);
    }));

  test("the order of a walk does not depend on the secret", () => {
    const orders = [1, 2, 3].map((seed) => {
      const table = make(seed);
      for (let i = 0; i < 500; i++) add(table, `n${(i * 7919) % 500}`);
      return namesOf(table).join();
    });
    expect(new Set(orders).size).toEqual(1);
  });
});

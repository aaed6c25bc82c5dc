import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1 } from "../../../src/base/bytes.ts";
import { Hash } from "../../../src/base/key-hash.ts";
import { Random } from "../../../src/base/random.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { HAS_HIGH } from "../../../src/memory/record.ts";
import { Table } from "../../../src/memory/table.ts";
import { forSeeds, pick, shuffled } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";
import { copyRecord, createExpiringRecord, createRecord, keyOf } from "./records.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const heap = new Heap(1);
const hash = new Hash(1, 2);

beforeEach(() => heap.reset());

/** A table with a Map beside it that says what must be in it. */
class Pair {
  readonly table: Table;
  readonly root: number;
  readonly model = new Map<string, number>();
  readonly #hash: Hash;

  constructor(by = hash) {
    this.#hash = by;
    this.table = new Table(heap, by);
    this.root = this.table.create();
  }

  hashOf(key: string): number {
    return this.#hash.of(latin1(key), 0, key.length);
  }

  find(key: string): number {
    // The key lies somewhere in a larger buffer, as in a request.
    return this.table.find(this.root, this.hashOf(key), latin1(`..${key}..`), 2, key.length);
  }

  insert(key: string, ref = createRecord(heap, key)): void {
    this.table.insert(this.root, this.hashOf(key), ref);
    this.model.set(key, ref);
  }

  remove(key: string): void {
    const ref = this.find(key);
    assert(ref !== 0 && ref === this.model.get(key), `${key} is found before it is removed`);
    this.table.remove(this.root, ref);
    heap.free(ref);
    this.model.delete(key);
  }

  /** Gives the record another block. */
  move(key: string): void {
    const ref = this.find(key);
    const copy = copyRecord(heap, ref);
    this.table.replace(this.root, ref, copy);
    heap.free(ref);
    this.model.set(key, copy);
  }

  /** Asserts that table and model agree, and that no block is lost. */
  check(): void {
    const seen = new Map<string, number>();
    const owned = new Set<number>();
    const owns = (block: number) => {
      assert(!owned.has(block), "a block has one owner");
      owned.add(block);
    };
    const visit = (ref: number, recordHash: number) => {
      const key = keyOf(heap, ref);
      assert(recordHash === this.hashOf(key), `the slot of ${key} has its hash`);
      assert(!seen.has(key), `${key} is there once`);
      seen.set(key, ref);
      owns(ref);
    };
    this.table.check(this.root, visit, owns);
    assert(seen.size === this.model.size, `${seen.size} keys, ${this.model.size} expected`);
    for (const [key, ref] of this.model) assert(seen.get(key) === ref, `${key} is in the table`);
    assert(this.table.count(this.root) === this.model.size, "count");
    const live = heap.check((block) => assert(owned.has(block), "a block has an owner"));
    assert(live === owned.size, "blocks of the table");
  }

  /** Keys of a whole scan; `between` runs between two calls. */
  scan(between: () => void = () => {}): string[] {
    const keys: string[] = [];
    const out: number[] = [];
    let cursor = 0;
    do {
      const n = this.table.readCursor(this.root, cursor, out, 0);
      for (let i = 0; i < n; i++) keys.push(keyOf(heap, out[i]!));
      cursor = this.table.nextCursor(this.root, cursor);
      between();
    } while (cursor !== 0);
    return keys;
  }
}

function randomKey(random: Random): string {
  const length = random.below(4) === 0 ? random.below(40) : 1 + random.below(2);
  let key = "";
  for (let i = 0; i < length; i++) key += String.fromCharCode(random.below(256));
  return key;
}

describe("against a Map", () => {
  test("random inserts, look-ups, moves and removals", () =>
    forSeeds(8, (random, seed) => {
      heap.reset();
      const pair = new Pair(new Hash(seed, seed * 7));
      const model = pair.model;
      for (let batch = 0; batch < 12; batch++) {
        // The table grows in some batches and shrinks in others.
        const removing = random.below(4);
        for (let i = 0; i < 400; i++) {
          const key = randomKey(random);
          const there = model.get(key) ?? 0;
          assert(pair.find(key) === there, `finding ${JSON.stringify(key)}`);
          if (there === 0) {
            const make = pick(random, [createRecord, createExpiringRecord]);
            pair.insert(key, make(heap, key, random.below(2) * HAS_HIGH));
          } else if (random.below(2) === 0) pair.move(key);
          for (let n = random.below(removing + 1); n > 0 && model.size > 0; n--) {
            pair.remove(pick(random, [...model.keys()].slice(0, 50)));
          }
        }
        pair.check();
      }
      for (const key of shuffled(random, [...model.keys()])) pair.remove(key);
      pair.check();
      expect(pair.table.bucketCount(pair.root)).toEqual(4);
      pair.table.destroy(pair.root);
      expect(heap.usedBytes).toEqual(0);
    }));

  test("every step on the way to some thousand records and back", () => {
    const pair = new Pair();
    const keys = Array.from({ length: 3000 }, (_, i) => `key:${i}`);
    const sizes = new Set<number>();
    for (const [i, key] of keys.entries()) {
      pair.insert(key);
      sizes.add(pair.table.bucketCount(pair.root));
      if (i < 100 || i % 97 === 0) pair.check();
    }
    // One bucket at a time, so that no insert ever does much.
    expect(sizes.size).toEqual(pair.table.bucketCount(pair.root) - 3);
    expect(pair.table.bucketCount(pair.root)).toEqual(3000 / 4);
    for (const [i, key] of keys.entries()) {
      pair.remove(key);
      sizes.delete(pair.table.bucketCount(pair.root));
      if (i > 2900 || i % 97 === 0) pair.check();
    }
    expect(sizes.size).toEqual(0);
    expect(pair.table.bucketCount(pair.root)).toEqual(4);
  });

  test("a hundred thousand records: more pages and a wider directory, all given back", () => {
    const pair = new Pair();
    const total = 100000;
    for (let i = 0; i < total; i++) pair.insert(String(i));
    expect(pair.table.bucketCount(pair.root)).toEqual(total / 4);
    pair.check();
    for (let i = 0; i < total; i++) assert(pair.find(String(i)) !== 0, `${i} is found`);
    for (let i = 0; i < total; i++) assert(pair.find(`-${i}`) === 0, `-${i} is not found`);
    for (let i = total - 1; i >= 0; i--) pair.remove(String(i));
    pair.check();
    pair.table.destroy(pair.root);
    expect(heap.usedBytes).toEqual(0);
  });

  test("keys whose hashes are all the same share one bucket and are told apart", () => {
    const pair = new Pair();
    const same = 12345;
    const refs = new Map<string, number>();
    for (let i = 0; i < 200; i++) {
      const key = `k${i}`;
      const ref = createRecord(heap, key);
      pair.table.insert(pair.root, same, ref);
      refs.set(key, ref);
      let found = 0;
      pair.table.check(
        pair.root,
        () => found++,
        () => {},
      );
      expect(found).toEqual(i + 1);
    }
    for (const key of shuffled(new Random(1), [...refs.keys()])) {
      const bytes = latin1(key);
      expect(pair.table.find(pair.root, same, bytes, 0, bytes.length)).toEqual(refs.get(key)!);
      pair.table.remove(pair.root, refs.get(key)!);
      heap.free(refs.get(key)!);
      refs.delete(key);
      expect(pair.table.find(pair.root, same, bytes, 0, bytes.length)).toEqual(0);
      let found = 0;
      pair.table.check(
        pair.root,
        () => found++,
        () => {},
      );
      expect(found).toEqual(refs.size);
    }
    pair.table.destroy(pair.root);
    expect(heap.usedBytes).toEqual(0);
  });

  test("a record is removed and replaced whatever was looked up before", () => {
    const pair = new Pair();
    for (let i = 0; i < 50; i++) pair.insert(`k${i}`);
    const ref = pair.model.get("k7")!;
    pair.find("k1");
    pair.table.remove(pair.root, ref);
    heap.free(ref);
    pair.model.delete("k7");
    pair.check();
    const moved = pair.model.get("k8")!;
    const copy = copyRecord(heap, moved);
    pair.find("k2");
    pair.find("none");
    pair.table.replace(pair.root, moved, copy);
    heap.free(moved);
    pair.model.set("k8", copy);
    pair.check();
    const stranger = createRecord(heap, "k9");
    pair.find("k9");
    expect(() => pair.table.remove(pair.root, stranger)).toThrow("the record is in the table");
  });

  test("a block that is used again for another key is no hint", () => {
    const pair = new Pair();
    for (let i = 0; i < 300; i++) {
      pair.insert(`k${i}`);
      const ref = pair.model.get(`k${i}`)!;
      const copy = copyRecord(heap, ref);
      pair.table.replace(pair.root, ref, copy);
      heap.free(ref);
      pair.model.set(`k${i}`, copy);
      if (i % 3 === 0) pair.remove(`k${i}`);
    }
    pair.check();
  });

  test("reading all buckets gives all records; clearing them leaves an empty table", () => {
    const pair = new Pair();
    for (let i = 0; i < 1000; i++) pair.insert(`k${i}`);
    const out: number[] = [];
    const seen = new Set<number>();
    for (let i = 0; i < pair.table.bucketCount(pair.root); i++) {
      const n = pair.table.readBucket(pair.root, i, out);
      for (let j = 0; j < n; j++) {
        seen.add(out[j]!);
        heap.free(out[j]!);
      }
      pair.table.clearBucket(pair.root, i);
    }
    expect(seen).toEqual(new Set(pair.model.values()));
    expect(pair.table.count(pair.root)).toEqual(0);
    pair.table.check(
      pair.root,
      () => assert(false, "no record is left"),
      () => {},
    );
    pair.table.destroy(pair.root);
    expect(heap.usedBytes).toEqual(0);
  });
});

describe("scan", () => {
  test("of a table at rest gives every record exactly once", () => {
    const pair = new Pair();
    for (let i = 0; i < 700; i++) {
      pair.insert(`k${i}`);
      if (i % 9 !== 0) continue;
      expect(pair.scan().sort()).toEqual([...pair.model.keys()].sort());
    }
  });

  test("returns every record that is there all the time, while the table grows and shrinks", () =>
    forSeeds(20, (random, seed) => {
      heap.reset();
      const pair = new Pair(new Hash(seed, ~seed));
      const staying: string[] = [];
      for (let i = random.below(1500); i >= 0; i--) staying.push(`s${i}`);
      const passing: string[] = [];
      const gone: string[] = [];
      let next = 0;
      const add = () => {
        passing.push(`p${next}`);
        pair.insert(`p${next++}`);
      };
      const remove = () => {
        if (passing.length === 0) return;
        const at = random.below(passing.length);
        pair.remove(passing[at]!);
        gone.push(passing[at]!);
        passing[at] = passing.at(-1)!;
        passing.pop();
      };
      for (const key of staying) pair.insert(key);
      for (let i = random.below(4000); i > 0; i--) add();
      for (let i = random.below(100); i > 0; i--) remove();
      const removedBefore = new Set(gone);
      // Long stretches of growing or shrinking, so that the table passes several powers of two.
      let change = add;
      let stretch = 0;
      let calls = 0;
      const keys = pair.scan(() => {
        assert(++calls < 100000, "the scan comes to an end");
        if (stretch-- <= 0) {
          change = pick(random, [add, remove, () => {}]);
          stretch = random.below(80);
        }
        for (let i = random.below(100); i > 0; i--) change();
      });
      const seen = new Set(keys);
      for (const key of staying) assert(seen.has(key), `${key} was there all the time`);
      for (const key of keys) assert(!removedBefore.has(key), `${key} was gone before the scan`);
      pair.check();
    }));

  test("any cursor that a client makes up leads to an end", () => {
    const pair = new Pair();
    for (let i = 0; i < 100; i++) pair.insert(`k${i}`);
    const buckets = pair.table.bucketCount(pair.root);
    const out: number[] = [];
    for (const start of [1, 3, 7, 1000, 0x7fffffff, 0x40000000, 123456789]) {
      let cursor = start;
      let steps = 0;
      do {
        pair.table.readCursor(pair.root, cursor, out, 0);
        cursor = pair.table.nextCursor(pair.root, cursor);
        steps++;
      } while (cursor !== 0);
      expect(steps).toBeLessThanOrEqual(buckets);
    }
  });
});

describe("random", () => {
  test("an empty table has no record", () => {
    const pair = new Pair();
    expect(pair.table.random(pair.root, new Random(1))).toEqual(0);
  });

  test("every record comes, about equally often", () => {
    const pair = new Pair();
    for (const size of [1, 2, 50, 203]) {
      while (pair.model.size < size) pair.insert(`k${pair.model.size}`);
      const random = new Random(size);
      const counts = new Map<number, number>();
      for (let i = 0; i < size * 400; i++) {
        const ref = pair.table.random(pair.root, random);
        counts.set(ref, (counts.get(ref) ?? 0) + 1);
      }
      expect(new Set(counts.keys())).toEqual(new Set(pair.model.values()));
      // 400 expected, standard deviation 20: the bounds are five of them away.
      for (const count of counts.values()) assert(count > 300 && count < 500, `${count} of 400`);
    }
  });
});

describe("a heap that runs out", () => {
  test("insert fails without a trace, wherever it is that memory is missing", () =>
    forSeeds(10, (random) => {
      heap.reset();
      const pair = new Pair();
      let failures = 0;
      for (let i = 0; i < 1500; i++) {
        const key = `k${i}`;
        const ref = createRecord(heap, key);
        const end = runShort(heap, random.below(2));
        const done = fits(() => pair.table.insert(pair.root, pair.hashOf(key), ref));
        end();
        if (done) pair.model.set(key, ref);
        else {
          heap.free(ref);
          failures++;
        }
        if (i % 50 === 0 || !done) pair.check();
      }
      expect(failures).toBeGreaterThan(0);
    }));

  test("a removal never fails, although two full buckets are merged", () => {
    const table = new Table(heap, hash);
    const root = table.create();
    const refs: number[] = [];
    // Eight buckets: seven records in the fourth, four in the last, which goes there; the rest passes.
    const buckets = [3, 3, 3, 3, 3, 3, 3, 7, 7, 7, 7];
    for (let i = 0; i < 18; i++) buckets.push([0, 1, 2, 4, 5, 6][i % 6]!);
    for (const [i, bucket] of buckets.entries()) {
      refs.push(createRecord(heap, `k${i}`));
      table.insert(root, bucket + 8 * i, refs[i]!);
    }
    expect(table.bucketCount(root)).toEqual(8);
    const end = runShort(heap, 0);
    for (let i = 28; i >= 8; i--) {
      const key = latin1(`k${i}`);
      expect(table.find(root, buckets[i]! + 8 * i, key, 0, key.length)).toEqual(refs[i]!);
      table.remove(root, refs[i]!);
    }
    end();
    let left = 0;
    table.check(
      root,
      () => left++,
      () => {},
    );
    expect(left).toEqual(8);
  });

  test("removals in any order never fail", () =>
    forSeeds(4, (random) => {
      heap.reset();
      const pair = new Pair();
      for (let i = 0; i < 3000; i++) pair.insert(`k${i}`);
      const end = runShort(heap, 0);
      try {
        for (const [i, key] of shuffled(random, [...pair.model.keys()]).entries()) {
          pair.remove(key);
          if (i % 100 === 0) pair.check();
        }
      } finally {
        end();
      }
      pair.check();
    }));
});

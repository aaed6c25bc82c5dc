/** Sets beside plain ones, in every form and on every way from one to another. */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../../src/base/assert.ts";
import { latin1 } from "../../../../src/base/bytes.ts";
import type { Random } from "../../../../src/base/random.ts";
import type { OpenSet } from "../../../../src/store/types/sets.ts";
import { fits, runShort } from "../../memory/lean-heap.ts";
import { forSeeds } from "../../seeds.ts";
import { elementText, Model, membersOf, setLimits } from "../model.ts";
import { randomMember } from "../operations.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const model = new Model(1);
const { space } = model;
const { sets } = space;

beforeEach(() => {
  model.reset();
  Object.assign(sets.limit, { ints: 512, entries: 128, bytes: 64 });
});

function has(set: OpenSet, member: string): boolean {
  return set.has(latin1(`..${member}`), 2, member.length);
}

function encodingOf(key: string): string {
  return sets.encoding(model.look(0, key));
}

const FORMS = [
  ["intset", Array.from({ length: 300 }, (_, i) => String(i * 7 - 1000))],
  ["listpack", Array.from({ length: 100 }, (_, i) => (i % 2 ? `m${i}` : String(i)))],
  ["hashtable", Array.from({ length: 700 }, (_, i) => (i % 2 ? `m${i}` : String(i)))],
] as const;

describe("a set", () => {
  test("is the one that a plain set is, whatever happens", () =>
    forSeeds(60, (random) => {
      model.reset();
      setLimits(space, random);
      const isInteger = random.below(2) === 0;
      for (let i = 0; i < 300; i++) {
        const members = Array.from({ length: 1 + random.below(5) }, () =>
          randomMember(random, isInteger),
        );
        if (random.below(3) > 0) model.addMembers(0, "s", members);
        else if (model.value(0, "s") !== undefined) {
          if (random.below(2) === 0) model.removeMembers(0, "s", members);
          else model.popMembers(0, "s", 1 + random.below(4));
        }
        if (i % 20 === 0) model.check();
      }
      model.check();
      checkReads(random);
    }));

  function checkReads(random: Random): void {
    const ref = model.look(0, "s");
    if (ref === 0) return;
    const expected = model.value(0, "s")!.data as ReadonlySet<string>;
    for (let i = 0; i < 100; i++) {
      const member = randomMember(random, false);
      assert(has(sets.open(ref), member) === expected.has(member), `${member} is a member`);
    }
    // A member of one set is looked up in another.
    const other = sets.create();
    const set = sets.open(ref);
    for (set.rewind(); set.next(); ) other.addElement(set.member);
    for (other.rewind(); other.next(); ) {
      assert(sets.open(ref).hasElement(other.member), "a member of the copy is one of the set");
    }
    expect(membersOf(other)).toEqual(expected as Set<string>);
    other.discard();
  }

  test.each(FORMS)("as %s draws every member alike", (encoding, members) => {
    const few = members.slice(0, encoding === "hashtable" ? members.length : 20);
    model.addMembers(0, "s", few);
    expect(encodingOf("s")).toEqual(encoding);
    const counts = new Map<string, number>();
    const draws = few.length * 200;
    const set = sets.open(model.look(0, "s"));
    for (let i = 0; i < draws; i++) {
      set.readRandom(space.random);
      const member = elementText(set.member);
      counts.set(member, (counts.get(member) ?? 0) + 1);
    }
    expect(counts.size).toEqual(few.length);
    // The sum of squared deviations is near the number of members, with a deviation of its root's double.
    let sum = 0;
    for (const count of counts.values()) sum += (count - 200) ** 2 / 200;
    expect(sum).toBeLessThan(few.length + 5 * Math.sqrt(2 * few.length));
  });

  test.each(FORMS)("as %s keeps its members where memory runs out", (encoding, members) => {
    model.addMembers(0, "s", members);
    expect(encodingOf("s")).toEqual(encoding);
    const next = { intset: "text", listpack: "x".repeat(100), hashtable: "new" }[encoding];
    let failures = 0;
    for (let blocks = 0; ; blocks++) {
      const end = runShort(space.heap, blocks);
      const fitted = fits(() => model.addMembers(0, "s", [next]));
      end();
      if (fitted) break;
      failures++;
      model.check();
    }
    expect(failures).toBeGreaterThan(0);
    model.check();
  });

  test("leaves its small form where a change would move too much, whatever the limits say", () => {
    Object.assign(sets.limit, { ints: 1e9, entries: 1e9, bytes: 1e9 });
    model.addMembers(0, "ints", ["1"]);
    model.addMembers(0, "packed", ["m"]);
    model.addMembers(0, "packed", ["x".repeat(60000)]);
    expect([encodingOf("ints"), encodingOf("packed")]).toEqual(["intset", "listpack"]);
    const some = Array.from({ length: 500 }, (_, i) => i);
    for (let from = 0; from < 10000; from += 500) {
      model.addMembers(
        0,
        "ints",
        some.map((i) => String(from + i)),
      );
    }
    model.addMembers(0, "packed", ["y".repeat(60000)]);
    expect([encodingOf("ints"), encodingOf("packed")]).toEqual(["hashtable", "hashtable"]);
    model.check();
  });

  test("that is large is freed in slices", () => {
    model.addMembers(0, "s", FORMS[2][1]);
    model.remove(0, "s");
    expect(space.reaper.pending).toEqual(1);
    space.reaper.freeSome(100);
    expect(space.reaper.pending).toEqual(1);
    model.check();
    model.reapAll();
    expect(space.reaper.pending).toEqual(0);
    model.check();
  });

  test("says what it uses", () => {
    for (const [encoding, members] of FORMS) model.addMembers(0, encoding, members);
    for (const [encoding] of FORMS) {
      const before = space.heap.usedBytes;
      const ref = model.look(0, encoding);
      const used = sets.usedBytes(ref, 0);
      // Overflow buckets of tables are left out, and the entry's own block.
      model.remove(0, encoding);
      model.reapAll();
      const freed = before - space.heap.usedBytes;
      expect(used).toBeLessThan(freed);
      expect(used).toBeGreaterThan(freed * 0.9 - 64);
    }
  });
});

describe("marks", () => {
  test("are on the members that were marked, until they are taken off", () => {
    model.addMembers(0, "s", FORMS[2][1]);
    const set = sets.open(model.look(0, "s"));
    const marked = new Map<number, string>();
    while (marked.size < 50) {
      set.readRandom(space.random);
      const text = elementText(set.member);
      expect(set.markFound()).toEqual(!marked.has(set.record));
      marked.set(set.record, text);
    }
    const found = new Set<string>();
    for (set.rewind(); set.next(); ) if (set.isFoundMarked) found.add(elementText(set.member));
    expect(found).toEqual(new Set(marked.values()));
    for (const record of marked.keys()) set.unmark(record);
    for (set.rewind(); set.next(); ) expect(set.isFoundMarked).toEqual(false);
    model.check();
  });
});

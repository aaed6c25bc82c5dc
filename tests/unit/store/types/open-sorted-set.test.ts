/** Sorted sets of both forms against a plain model, alone and while a walk reads them. */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../../src/base/bytes.ts";
import { Clock } from "../../../../src/base/clock.ts";
import { Random } from "../../../../src/base/random.ts";
import { ZSET } from "../../../../src/store/entry.ts";
import { Keyspace } from "../../../../src/store/keyspace.ts";
import type { SortedSet } from "../../../../src/store/types/open-sorted-set.ts";
import { Walk } from "../../../../src/store/walk.ts";
import { fits, runShort } from "../../memory/lean-heap.ts";
import { forSeeds, pick } from "../../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const space = new Keyspace({
  databases: 1,
  segments: 1,
  clock: new Clock(),
  random: new Random(1),
});
const db = space.databases[0]!;
const { sortedSets } = space;
const KEY = latin1("key");

type Pair = readonly [member: string, score: number];

function order([a, x]: Pair, [b, y]: Pair): number {
  return x - y || (x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1);
}

/** The set of the key, with a Map beside it. */
class Both {
  readonly scores = new Map<string, number>();

  get sorted(): Pair[] {
    return [...this.scores].sort(order);
  }

  get ref(): number {
    return db.lookupWrite(KEY, 0, KEY.length);
  }

  open(): SortedSet {
    return sortedSets.open(this.ref);
  }

  add(member: string, score: number): void {
    const { ref } = this;
    const set = ref === 0 ? sortedSets.create() : sortedSets.openToWrite(db, ref);
    const bytes = latin1(`..${member}`);
    try {
      const has = ref !== 0 && set.find(bytes, 2, member.length);
      assert(has === this.scores.has(member), "it is there if it is in the model");
      if (has) {
        assert(set.score === this.scores.get(member), "its score");
        set.rescore(score);
      } else set.add(bytes, 2, member.length, score);
    } catch (error) {
      if (ref === 0) set.discard();
      else set.store();
      throw error;
    }
    db.putBack(set, KEY, 0, KEY.length);
    this.scores.set(member, score);
  }

  remove(member: string): void {
    const set = sortedSets.openToWrite(db, this.ref);
    const bytes = latin1(member);
    assert(set.find(bytes, 0, member.length), "what is removed is there");
    set.remove();
    db.putBack(set, KEY, 0, KEY.length);
    this.scores.delete(member);
  }

  removeRange(from: number, count: number): void {
    const set = sortedSets.openToWrite(db, this.ref);
    for (const [member] of this.sorted.slice(from, from + count)) this.scores.delete(member);
    set.removeRange(from, count);
    db.putBack(set, KEY, 0, KEY.length);
  }

  check(): void {
    space.check();
    expect(this.ref === 0 ? [] : pairsOf(this.open())).toEqual(this.sorted);
  }
}

function memberOf({ member }: SortedSet): string {
  const text = new Uint8Array(Math.max(20, member.length));
  return latin1Text(text, 0, member.writeText(text, 0));
}

function pairsOf(set: SortedSet): Pair[] {
  const pairs: Pair[] = [];
  set.seek(0);
  for (let left = set.length; left > 0; left--) {
    set.readNext();
    pairs.push([memberOf(set), set.score]);
  }
  return pairs;
}

function randomMember(random: Random): string {
  const n = random.below(40);
  return pick(random, [`m${n}`, String(n - 20), "", "\0\xff", `long${n}`.repeat(n), "9".repeat(n)]);
}

/** Often equal ones, and none that the small form stores otherwise: it makes 0 of -0. */
function randomScore(random: Random): number {
  const double = new Float64Array(1);
  new Uint32Array(double.buffer).set([random.int32(), random.int32()]);
  const any = Number.isNaN(double[0]!) || double[0] === 0 ? 1 : double[0]!;
  return pick(random, [0, 1, 2, random.below(9) / 4, -3, Infinity, -Infinity, 2 ** 62, 1e300, any]);
}

beforeEach(() => {
  space.flushAll();
  sortedSets.limit.entries = 128;
  sortedSets.limit.memberBytes = 64;
});

function change(both: Both, random: Random): void {
  const { size } = both.scores;
  const kind = random.below(10);
  if (size === 0 || kind < 5) both.add(randomMember(random), randomScore(random));
  else if (kind < 7) both.add(pick(random, [...both.scores.keys()]), randomScore(random));
  else if (kind < 9) both.remove(pick(random, [...both.scores.keys()]));
  else {
    const from = random.below(size);
    both.removeRange(from, 1 + random.below(Math.min(5, size - from)));
  }
}

describe("a sorted set", () => {
  test("is its model after each change", () =>
    forSeeds(25, (random) => {
      space.flushAll();
      sortedSets.limit.entries = pick(random, [0, 6, 1000]);
      sortedSets.limit.memberBytes = pick(random, [10, 10000]);
      const both = new Both();
      for (let i = 0; i < 150; i++) {
        change(both, random);
        both.check();
      }
    }));

  test("finds ranks, and places by rank, score and member", () =>
    forSeeds(40, (random) => {
      space.flushAll();
      sortedSets.limit.entries = pick(random, [0, 1000]);
      sortedSets.limit.memberBytes = 1000;
      const both = new Both();
      const isLevel = random.below(2) === 0;
      for (let i = 0; i < 60; i++) {
        both.add(randomMember(random), isLevel ? 5 : randomScore(random));
      }
      const set = both.open();
      const { sorted } = both;
      for (const [rank, [member, score]] of sorted.entries()) {
        const bytes = latin1(member);
        expect(set.find(bytes, 0, bytes.length)).toEqual(true);
        expect([set.score, set.rank()]).toEqual([score, rank]);
        set.seek(rank);
        set.read();
        expect(memberOf(set)).toEqual(member);
      }
      set.seek(sorted.length - 1);
      for (const pair of sorted.toReversed()) {
        set.readPrevious();
        expect([memberOf(set), set.score]).toEqual([...pair]);
      }
      for (let i = 0; i < 30; i++) {
        const score = randomScore(random);
        for (const orEqual of [false, true]) {
          const below = sorted.filter(([, x]) => x < score || (orEqual && x === score)).length;
          expect(set.countBelowScore(score, orEqual)).toEqual(below);
        }
        if (!isLevel) continue;
        const member = randomMember(random);
        const bytes = latin1(member);
        for (const orEqual of [false, true]) {
          const below = sorted.filter(([m]) => m < member || (orEqual && m === member)).length;
          const known = random.below(below + 1);
          expect(set.countBelowMember(bytes, 0, bytes.length, orEqual, known)).toEqual(below);
        }
      }
    }));

  test("grows to the large form at its limits and does not come back", () => {
    sortedSets.limit.entries = 3;
    sortedSets.limit.memberBytes = 5;
    const both = new Both();
    for (const member of ["a", "b", "12345"]) both.add(member, 1);
    expect(sortedSets.encoding(both.ref)).toEqual("listpack");
    both.add("b", 2);
    expect(sortedSets.encoding(both.ref)).toEqual("listpack");
    both.add("c", 1);
    expect(sortedSets.encoding(both.ref)).toEqual("skiplist");
    for (const member of ["a", "b", "c"]) both.remove(member);
    expect(sortedSets.encoding(both.ref)).toEqual("skiplist");
    both.check();
    both.remove("12345");
    both.add("123456", 1);
    expect(sortedSets.encoding(both.ref)).toEqual("skiplist");
  });

  let all = 0;
  test("stays as it was where memory runs out", () =>
    forSeeds(25, (random) => {
      space.flushAll();
      sortedSets.limit.entries = pick(random, [0, 10, 1000]);
      sortedSets.limit.memberBytes = 1000;
      const both = new Both();
      for (let i = random.below(120); i > 0; i--) change(both, random);
      let failures = 0;
      for (let i = 0; i < 30; i++) {
        const end = runShort(space.heap, random.below(5));
        const isDone = fits(() => change(both, random));
        end();
        if (!isDone) failures++;
        both.check();
      }
      all += failures;
    }).then(() => expect(all).toBeGreaterThan(40)));

  test("is read by a walk as it was, whatever changes meanwhile", () =>
    forSeeds(25, (random) => {
      space.flushAll();
      sortedSets.limit.entries = 0;
      const both = new Both();
      while (both.scores.size < 70) both.add(`m${random.below(1000)}`, randomScore(random));
      const { sorted } = both;
      let valueWalk: ReturnType<typeof sortedSets.walk> = null;
      let word = 0;
      const walk = new Walk(space, (_, ref) => {
        expect(db.typeOf(ref)).toEqual(ZSET);
        valueWalk = sortedSets.walk(ref)!;
        word = db.valueWord(ref);
        walk.beginValue(word, valueWalk);
      });
      while (!walk.advance(100));
      const reader = sortedSets.createCursor();
      const read: Pair[] = [];
      while (!valueWalk!.isAtEnd) {
        valueWalk!.readSome((record) => {
          reader.readRecord(record);
          read.push([memberOf(reader), reader.score]);
        });
        if (random.below(50) === 0 && both.ref !== 0) {
          db.remove(both.ref);
          both.scores.clear();
        }
        for (let i = random.below(8); i > 0; i--) change(both, random);
        both.check();
      }
      walk.endValue(word);
      expect(read.sort(order)).toEqual(sorted);
      both.check();
      while (space.reaper.hasWork) space.reaper.freeSome(10);
      both.check();
    }));
});

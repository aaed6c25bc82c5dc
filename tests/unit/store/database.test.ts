import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { PACKED } from "../../../src/memory/quicklist.ts";
import { ENCODING_MASK, KEEP_EXPIRY, NO_EXPIRY, TEXT } from "../../../src/store/entry.ts";
import { forSeeds, pick } from "../seeds.ts";
import { Model } from "./model.ts";
import { operate } from "./operations.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const model = new Model();
const { space } = model;
const { heap } = space;
const db = model.database(0);

beforeEach(() => {
  space.lists.limit.set(-2);
  model.reset();
});

const DAY = 86400000;

describe("against a model", () => {
  test("random operations on all databases", () =>
    forSeeds(25, (random) => {
      model.reset();
      space.lists.limit.set(pick(random, [-2, -1, 2, 16]));
      for (let batch = 0; batch < 25; batch++) {
        for (let i = 0; i < 40; i++) operate(model, random);
        model.check();
      }
      for (const { index } of space.databases) {
        for (const key of model.keys(index)) model.remove(index, key);
      }
      model.reapAll();
      model.check();
    }));

  test("everything removed, everything is back", () =>
    forSeeds(10, (random) => {
      // With a wheel in each database, for those stay, and a table that had grown.
      model.reset();
      const useOnce = (index: number) => {
        for (let i = 0; i < 100; i++) model.set(index, `once${i}`, "v", model.nowMs + 1);
        for (let i = 0; i < 100; i++) model.remove(index, `once${i}`);
      };
      for (const { index } of space.databases) useOnce(index);
      const start = heap.usedBytes;
      for (let i = 0; i < 500; i++) operate(model, random);
      for (const { index } of space.databases) {
        for (const key of [...model.states[index]!.keys()]) model.remove(index, key);
        // Those that expired unseen; a new wheel may hold one a millisecond longer.
        model.advance(1);
        space.wheel.budget = Number.POSITIVE_INFINITY;
        while (model.database(index).expireOne());
        useOnce(index);
      }
      model.reapAll();
      model.check();
      expect(heap.usedBytes).toEqual(start);
    }));
});

describe("strings", () => {
  test("a canonical integer is stored as one, whatever else as text", () => {
    for (const text of ["0", "-1", "123", "9223372036854775807", "-9223372036854775808"]) {
      model.set(0, "k", text);
      const ref = model.look(0, "k");
      expect([text, String(space.strings.bigIntegerOf(ref))]).toEqual([text, text]);
      expect([text, db.metaOf(ref) & ENCODING_MASK]).toEqual([text, 1]);
      model.check();
    }
    for (const text of ["", "01", "+1", "-0", "9223372036854775808", "1.0", " 1"]) {
      model.set(0, "k", text);
      const ref = model.look(0, "k");
      expect([text, space.strings.bigIntegerOf(ref), space.strings.integerOf(ref)]).toEqual([
        text,
        null,
        Number.NaN,
      ]);
      expect([text, db.metaOf(ref) & ENCODING_MASK]).toEqual([text, TEXT]);
      model.check();
    }
  });

  test("setText keeps digits as text, which still count as an integer", () => {
    const value = latin1("12345");
    const key = latin1("k");
    db.lookupWrite(key, 0, 1);
    const ref = space.strings.setText(db, 0, key, 0, 1, value, 0, 5, NO_EXPIRY);
    expect(db.metaOf(ref) & ENCODING_MASK).toEqual(TEXT);
    expect([
      space.strings.textLength(ref),
      space.strings.integerOf(ref),
      space.strings.bigIntegerOf(ref),
    ]).toEqual([5, 12345, 12345n]);
  });

  test("growing a text fills with zeros and keeps what was there", () => {
    for (const text of ["", "abc", "12345", "-9223372036854775808", "x".repeat(100)]) {
      for (const length of [0, 1, 5, 20, 21, 100, 5000, 200000]) {
        model.set(0, "k", text);
        const ref = space.strings.edit(db, model.look(0, "k"), length, 0, 0);
        const expected = text.padEnd(length, "\0");
        expect(model.read(db, ref)).toEqual({ data: expected, expireAtMs: -1 });
        expect(space.strings.encoding(ref)).toEqual("raw");
        space.check();
      }
    }
  });

  test("appending little by little moves the text seldom", () => {
    model.set(0, "k", "x");
    let ref = model.look(0, "k");
    let moves = 0;
    for (let length = 2; length <= 300000; length += 7) {
      const next = space.strings.edit(db, ref, length, 0, 0);
      if (next !== ref) moves++;
      ref = next;
    }
    expect(moves).toBeLessThan(30);
    space.check();
  });

  test("a shorter value gives the block of a long one back", () => {
    model.set(0, "k", "x".repeat(100000));
    const long = heap.usedBytes;
    model.set(0, "k", "short");
    expect(heap.usedBytes).toBeLessThan(long - 90000);
    model.check();
  });

  test("a value and its expiry in every change from one to the other", () => {
    const values = ["1", "-9223372036854775808", "", "text", "y".repeat(500)];
    const expiries = [NO_EXPIRY, KEEP_EXPIRY, model.nowMs + DAY];
    for (const before of values) {
      for (const old of [NO_EXPIRY, model.nowMs + 1000]) {
        for (const after of values) {
          for (const next of expiries) {
            model.set(0, "key", before, old);
            model.set(0, "key", after, next);
            model.check();
          }
        }
      }
    }
  });

  test("integers are changed in place where they are integers already", () => {
    model.setInteger(0, "n", 5);
    const ref = model.look(0, "n");
    for (const value of [0, -1, 2 ** 40, -(2 ** 52), 2n ** 63n - 1n, -(2n ** 63n)]) {
      model.setInteger(0, "n", value);
      expect(model.look(0, "n")).toEqual(ref);
      model.check();
    }
    model.set(0, "n", "text", model.nowMs + DAY);
    model.setInteger(0, "n", 7);
    expect(model.value(0, "n")).toEqual({ data: "7", expireAtMs: model.nowMs + DAY });
    model.check();
  });
});

describe("expiry", () => {
  test("a key is there in its last millisecond and gone in the next, whoever looks", () => {
    for (const look of ["lookup", "lookupWrite", "peek"] as const) {
      const time = model.nowMs + 1000;
      model.set(0, "k", "v", time);
      const key = latin1("k");
      model.advance(1000);
      expect(db[look](key, 0, 1)).not.toEqual(0);
      model.advance(1);
      const expired = space.expired;
      expect([db[look](key, 0, 1), db.keyCount, db.expiringCount]).toEqual([0, 0, 0]);
      expect(space.expired).toEqual(expired + 1);
      model.check();
    }
  });

  test("a clock that is moved forward lets keys expire", () => {
    const { clock } = model;
    clock.synchronize();
    model.set(0, "k", "v", clock.nowMs + 100000);
    clock.advanceBy(100001);
    expect(model.look(0, "k")).toEqual(0);
  });

  test("active expiry takes what is due, in slices, from each database", () => {
    for (let i = 0; i < 1000; i++) model.set(1, `k${i}`, "v", model.nowMs + 1 + (i % 10));
    model.set(1, "later", "v", model.nowMs + DAY);
    model.set(1, "never", "v");
    expect(model.database(1).expiringCount).toEqual(1001);
    model.advance(5);
    space.wheel.budget = 100;
    let removed = 0;
    while (model.database(1).expireOne()) removed++;
    expect(removed).toBeLessThanOrEqual(100);
    expect(model.database(1).keyCount).toEqual(1002 - removed);
    space.check();
    space.wheel.budget = 10000;
    while (model.database(1).expireOne()) removed++;
    // Those of the fifth millisecond have it still.
    expect(removed).toEqual(400);
    expect(db.expireOne()).toEqual(false);
    model.advance(10);
    while (model.database(1).expireOne()) removed++;
    expect([removed, model.database(1).keyCount]).toEqual([1000, 2]);
    expect(model.database(1).nextExpiryMs()).toBeLessThanOrEqual(START + DAY);
    model.check();
  });

  const START = model.nowMs;

  test("the next expiry is never told too late", () =>
    forSeeds(30, (random) => {
      model.reset();
      for (let i = 0; i < 50; i++) {
        model.set(0, `k${i}`, "v", model.nowMs + 2 ** random.below(35));
      }
      while (db.keyCount > 0) {
        const next = db.nextExpiryMs();
        const first = Math.min(...[...model.states[0]!.values()].map((v) => v.expireAtMs));
        expect(next).toBeLessThanOrEqual(first);
        model.clock.nowMs = Math.max(next, model.nowMs) + 1;
        space.wheel.budget = 1000;
        while (db.expireOne());
        model.check();
      }
    }));

  test("the average time to live is about right", () => {
    expect(db.averageTtlMs()).toEqual(0);
    for (let i = 0; i < 100; i++) model.set(0, `k${i}`, "v", model.nowMs + 1000 + i);
    expect(db.averageTtlMs()).toBeGreaterThanOrEqual(1000);
    expect(db.averageTtlMs()).toBeLessThan(1100);
  });

  test("while expiry is paused nothing expires", () => {
    model.set(0, "k", "v", model.nowMs + 1);
    model.advance(10);
    space.expiryPaused = true;
    expect(db.peek(latin1("k"), 0, 1)).not.toEqual(0);
    space.expiryPaused = false;
    expect(db.peek(latin1("k"), 0, 1)).toEqual(0);
  });
});

describe("while expired keys are hidden", () => {
  const key = latin1("ko");
  beforeEach(() => {
    model.set(0, "k", "old", model.nowMs + 1);
    model.set(0, "o", "other");
    model.advance(10);
    space.hidesExpired = true;
  });
  afterEach(() => {
    space.hidesExpired = false;
  });

  const writes: Record<string, () => void> = {
    "a look-up for writing, then a write": () => {
      const ref = db.lookupWrite(key, 0, 1);
      space.strings.set(db, ref, key, 0, 1, key, 1, 1, NO_EXPIRY);
    },
    "a write after a look-up for reading": () => {
      const ref = db.lookup(key, 0, 1);
      space.strings.set(db, ref, key, 0, 1, key, 1, 1, NO_EXPIRY);
    },
    "another key that is renamed to it": () =>
      db.moveTo(db.peek(key, 1, 1), db, key, 0, 1, db.peek(key, 0, 1)),
    "another key that is copied to it": () =>
      db.copyTo(db.peek(key, 1, 1), db, key, 0, 1, db.peek(key, 0, 1)),
  };
  for (const [name, write] of Object.entries(writes)) {
    test(`${name} leaves one entry for the key`, () => {
      const { keyCount } = db;
      const { expired } = space;
      write();
      expect(space.expired).toEqual(expired + 1);
      expect(db.keyCount).toEqual(name.includes("renamed") ? keyCount - 1 : keyCount);
      space.check();
      db.remove(db.peek(key, 0, 1));
      expect(db.find(key, 0, 1)).toEqual(0);
    });
  }

  test("a look-up for reading leaves it where it is", () => {
    expect(db.lookup(key, 0, 1)).toEqual(0);
    expect(db.find(key, 0, 1)).not.toEqual(0);
  });
});

describe("whole keys", () => {
  test("hits and misses are counted for readers only", () => {
    model.set(0, "k", "v");
    const { hits, misses } = space;
    const key = latin1("kx");
    db.lookup(key, 0, 1);
    db.lookup(key, 0, 2);
    db.lookup(key, 0, 2);
    db.lookupWrite(key, 0, 1);
    db.peek(key, 0, 2);
    expect([space.hits - hits, space.misses - misses]).toEqual([1, 2]);
  });

  test("looking up sets the access clock, unless that is switched off", () => {
    model.set(0, "k", "v");
    const clockOf = () => db.metaOf(db.peek(latin1("k"), 0, 1)) >>> 8;
    const start = clockOf();
    model.advance(10000);
    space.refreshAccessClock();
    space.touching = false;
    db.lookup(latin1("k"), 0, 1);
    expect(clockOf()).toEqual(start);
    space.touching = true;
    db.lookup(latin1("k"), 0, 1);
    expect(clockOf()).toEqual((start + 10) & 0xffffff);
    model.check();
  });

  test("empty keys and values, and keys of any bytes", () => {
    model.set(0, "", "");
    model.set(0, "\x00\xff\r\n", "\x00");
    model.push(0, "list", ["", ""]);
    model.check();
    model.move(0, "", 1, "");
    model.copy(1, "", 0, "\xff");
    model.check();
  });

  test("a copy is a value of its own", () => {
    model.push(0, "list", ["a", "b"]);
    model.expireAt(0, "list", model.nowMs + DAY);
    model.copy(0, "list", 1, "other");
    model.push(1, "other", ["c"]);
    model.pop(0, "list", 1, true);
    model.check();
    expect(model.value(1, "other")).toEqual({
      data: ["a", "b", "c"],
      expireAtMs: model.nowMs + DAY,
    });
  });

  test("memory usage of a key covers its blocks", () => {
    const used = heap.usedBytes;
    model.push(0, "list", new Array<string>(1000).fill("element"));
    const usage = db.memoryUsage(model.look(0, "list"));
    const really = heap.usedBytes - used;
    expect(usage).toBeGreaterThanOrEqual(really);
    expect(usage).toBeLessThanOrEqual(really + 16);
  });

  test("a list that shrinks to nothing is gone, with its expiry", () => {
    for (const count of [1, 3, 500]) {
      model.push(
        0,
        "list",
        Array.from({ length: count }, (_, i) => String(i)),
      );
      model.expireAt(0, "list", model.nowMs + 5);
      model.pop(0, "list", count);
      expect([db.keyCount, db.expiringCount]).toEqual([0, 0]);
      model.check();
    }
  });

  test("random entries reach every key and pass over expired ones", () => {
    for (let i = 0; i < 50; i++) model.set(0, `k${i}`, "v", i < 25 ? model.nowMs + 1 : NO_EXPIRY);
    model.advance(10);
    const seen = new Set<string>();
    for (let i = 0; i < 2000; i++) seen.add(model.keyOf(db, db.randomEntry()));
    expect([...seen].sort()).toEqual(model.keys(0).sort());
    expect(seen.size).toEqual(25);
    model.check();
  });

  test("scan cursors meet every key while others come and go", () =>
    forSeeds(20, (random) => {
      model.reset();
      const staying = Array.from({ length: 1 + random.below(200) }, (_, i) => `s${i}`);
      for (const key of staying) model.set(0, key, "v");
      const seen = new Set<string>();
      const refs: number[] = [];
      let cursor = 0;
      let next = 0;
      do {
        const n = db.readCursor(cursor, refs, 0);
        for (let i = 0; i < n; i++) seen.add(model.keyOf(db, refs[i]!));
        cursor = db.nextCursor(cursor);
        const growing = Math.floor(next / 300) % 2 === 0;
        for (let i = random.below(60); i > 0; i--, next++) {
          if (growing) model.set(0, `p${next}`, "v");
          else model.remove(0, `p${next - 300}`);
        }
      } while (cursor !== 0);
      expect(staying.filter((key) => !seen.has(key))).toEqual([]);
      model.check();
    }));
});

describe("whole databases", () => {
  function fill(index: number, keys: number): void {
    for (let i = 0; i < keys; i++) {
      if (i % 3 === 0) model.set(index, `k${i}`, "v".repeat(i % 200), model.nowMs + DAY);
      else if (i % 3 === 1) model.set(index, `k${i}`, String(i));
      else model.push(index, `k${i}`, ["a", "b", "c".repeat(i % 300)]);
    }
  }

  test("one that is flushed is empty at once; its memory comes back in slices", () => {
    model.set(1, "other", "stays");
    const start = heap.usedBytes;
    fill(0, 3000);
    const full = heap.usedBytes;
    model.flush(0);
    expect([db.keyCount, db.expiringCount, space.reaper.hasWork]).toEqual([0, 0, true]);
    expect(heap.usedBytes).toBeGreaterThan(full / 2);
    model.check();
    // The database is of use meanwhile.
    model.set(0, "new", "value", model.nowMs + 5);
    let slices = 0;
    for (; space.reaper.hasWork; slices++) {
      const before = heap.usedBytes;
      space.reaper.freeSome(64);
      expect(before - heap.usedBytes).toBeLessThan(64 * 1000 + 20 * 65536);
      if (slices % 7 === 0) model.check();
    }
    expect(slices).toBeGreaterThan(30);
    model.flush(0);
    model.reapAll();
    model.check();
    expect(heap.usedBytes).toEqual(start);
  });

  test("the last one that is flushed takes everything along at once", () => {
    const start = heap.usedBytes;
    fill(0, 300);
    fill(1, 300);
    model.flush(0);
    model.flush(1);
    expect([space.reaper.hasWork, heap.usedBytes]).toEqual([false, start]);
    model.check();
    fill(2, 300);
    model.flushAll();
    expect([space.reaper.hasWork, heap.usedBytes]).toEqual([false, start]);
    model.check();
  });

  test("a long list that is removed comes back in slices too", () => {
    model.set(0, "k", "v");
    const start = heap.usedBytes;
    space.lists.limit.set(4);
    model.push(
      0,
      "list",
      Array.from({ length: 3000 }, (_, i) => String(i)),
    );
    const { freed } = space.reaper;
    model.remove(0, "list");
    expect(space.reaper.hasWork).toEqual(true);
    model.check();
    let slices = 0;
    for (; space.reaper.hasWork; slices++) {
      space.reaper.freeSome(100);
      model.check();
    }
    expect(slices).toBeGreaterThan(3);
    expect(space.reaper.freed).toEqual(freed + 1);
    expect(heap.usedBytes).toEqual(start);
  });

  test("long lists in a flushed database, and in values that are overwritten", () => {
    model.set(1, "other", "stays");
    const start = heap.usedBytes;
    space.lists.limit.set(2);
    for (let i = 0; i < 5; i++) {
      model.push(
        0,
        `list${i}`,
        Array.from({ length: 500 }, (_, n) => String(n)),
      );
    }
    model.set(0, "list0", "now a string");
    model.check();
    model.flush(0);
    while (space.reaper.hasWork) {
      space.reaper.freeSome(30);
      model.check();
    }
    expect(heap.usedBytes).toEqual(start);
  });

  test("swapping exchanges keys, expiries and what comes after", () => {
    model.set(0, "a", "1", model.nowMs + 10);
    model.push(1, "b", ["x"]);
    model.swap(0, 1);
    model.check();
    model.swap(1, 1);
    model.check();
    model.advance(11);
    space.wheel.budget = 100;
    expect([db.expireOne(), model.database(1).expireOne()]).toEqual([false, true]);
    model.check();
  });

  test("lists keep their form in a word of the entry", () => {
    model.push(0, "list", ["a"]);
    expect(db.metaOf(model.look(0, "list")) & ENCODING_MASK).toEqual(PACKED);
  });
});

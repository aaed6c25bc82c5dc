import { beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import type { Random } from "../../../src/base/random.ts";
import { RdbReader } from "../../../src/persistence/snapshot/reader.ts";
import { Snapshot } from "../../../src/persistence/snapshot/snapshot.ts";
import { fits, runShort } from "../memory/lean-heap.ts";
import { forSeeds, pick } from "../seeds.ts";
import { elementText, fieldsOf, Model } from "./model.ts";

setDefaultTimeout(60_000);

const model = new Model();
const { space } = model;
const { hashes } = space;

/** The expiry of each field, or -1, by key, by database. */
type Expiries = Map<string, Map<string, number>>;
let expected: Expiries[];

beforeEach(() => {
  hashes.limit.entries = 128;
  reset();
});

function reset(): void {
  model.reset();
  expected = space.databases.map(() => new Map());
}

function entryOf(index: number, key: string): number {
  return model.database(index).find(latin1(key), 0, key.length);
}

/** HSET, and then HPEXPIREAT, or HPERSIST for -1. */
function set(index: number, key: string, field: string, value: string, expireAtMs: number): void {
  const db = model.database(index);
  const name = latin1(key);
  const ref = entryOf(index, key);
  const hash = ref === 0 ? hashes.create() : hashes.openToWrite(db, ref);
  const bytes = latin1(field + value);
  try {
    hash.set(bytes, 0, field.length, bytes, field.length, value.length);
    if (expireAtMs >= 0) hash.setExpiry(bytes, 0, field.length, expireAtMs);
  } catch (error) {
    if (ref === 0) hash.discard();
    else hash.store();
    throw error;
  }
  db.putBack(hash, name, 0, name.length);
  const fields = expected[index]!.get(key) ?? new Map<string, number>();
  expected[index]!.set(key, fields.set(field, expireAtMs));
}

function remove(index: number, key: string, field: string): void {
  const db = model.database(index);
  const name = latin1(key);
  const hash = hashes.openToWrite(db, entryOf(index, key));
  expect(hash.find(latin1(field), 0, field.length)).toEqual(true);
  hash.remove();
  db.putBack(hash, name, 0, name.length);
  const fields = expected[index]!.get(key)!;
  fields.delete(field);
  if (fields.size === 0) expected[index]!.delete(key);
}

function persist(index: number, key: string, field: string): void {
  const hash = hashes.openToWrite(model.database(index), entryOf(index, key));
  hash.find(latin1(field), 0, field.length);
  if (hash.expires) hash.clearExpiry();
  hash.store();
  expected[index]!.get(key)!.set(field, -1);
}

/** What the server does between commands. */
function expireAll(): void {
  space.wheel.budget = Number.POSITIVE_INFINITY;
  while (space.expireFields());
  for (const keys of expected) {
    for (const [key, fields] of keys) {
      for (const [field, at] of fields) if (at >= 0 && at < model.nowMs) fields.delete(field);
      if (fields.size === 0) keys.delete(key);
    }
  }
}

function check(): void {
  space.check();
  for (const { index, keyCount } of space.databases) {
    expect(keyCount).toEqual(expected[index]!.size);
    let expiring = 0;
    for (const [key, fields] of expected[index]!) {
      const found = new Map<string, number>();
      const hash = hashes.open(entryOf(index, key));
      for (hash.rewind(); hash.next(); ) found.set(elementText(hash.field), hash.expireAtMs);
      expect([key, new Map([...found].sort())]).toEqual([key, new Map([...fields].sort())]);
      if ([...fields.values()].some((at) => at >= 0)) expiring++;
    }
    expect(space.fields.hashCount(index)).toEqual(expiring);
  }
}

function operate(random: Random): void {
  const index = random.below(3);
  const to = random.below(3);
  const keys = [...expected[index]!.keys()];
  const key = keys.length === 0 ? "" : pick(random, keys);
  const name = latin1(`k${random.below(6)}`);
  const target = name.reduce((text, byte) => text + String.fromCharCode(byte), "");
  const field = key === "" ? "" : pick(random, [...expected[index]!.get(key)!.keys()]);
  const db = model.database(index);
  const fresh = () => {
    const expiry = random.below(3) === 0 ? -1 : model.nowMs + 1 + random.below(5000);
    const value = "v".repeat(random.below(random.below(20) === 0 ? 3000 : 30));
    set(index, `k${random.below(6)}`, `f${random.below(200)}`, value, expiry);
  };
  const operations = [
    fresh,
    fresh,
    fresh,
    () => {
      for (let i = 0; i < 60; i++) {
        set(
          index,
          "large",
          `f${i * 3 + random.below(3)}`,
          "v",
          model.nowMs + 1 + random.below(9000),
        );
      }
    },
    () => key !== "" && remove(index, key, field),
    () => key !== "" && persist(index, key, field),
    () => {
      if (key === "" || (index === to && key === target)) return;
      const fields = expected[index]!.get(key)!;
      const present = entryOf(to, target);
      db.moveTo(entryOf(index, key), model.database(to), name, 0, name.length, present);
      expected[index]!.delete(key);
      expected[to]!.set(target, fields);
    },
    () => {
      if (key === "" || (index === to && key === target)) return;
      const present = entryOf(to, target);
      db.copyTo(entryOf(index, key), model.database(to), name, 0, name.length, present);
      expected[to]!.set(target, new Map(expected[index]!.get(key)!));
    },
    () => {
      if (key === "") return;
      db.remove(entryOf(index, key));
      expected[index]!.delete(key);
    },
    () => key !== "" && db.setExpiry(entryOf(index, key), model.nowMs + 10 ** 8),
    () => {
      if (random.below(4) > 0) return;
      space.swap(index, to);
      [expected[index], expected[to]] = [expected[to]!, expected[index]!];
    },
    () => {
      if (random.below(12) > 0) return;
      space.flush(index);
      expected[index] = new Map();
    },
    () => space.reaper.freeSome(1 + random.below(50)),
    () => {
      model.advance(random.below(1000));
      expireAll();
    },
  ];
  pick(random, operations)();
}

test("fields go when their time has passed, whatever happens to their hash", () =>
  forSeeds(30, (random) => {
    reset();
    hashes.limit.entries = pick(random, [128, 4, 0]);
    for (let i = 0; i < 250; i++) {
      operate(random);
      if (i % 5 === 0) check();
    }
    model.advance(10000);
    expireAll();
    check();
    model.reapAll();
    check();
    expect(expected.flatMap((keys) => [...keys.values()]).flatMap((f) => [...f.values()])).toEqual(
      expected.flatMap((keys) => [...keys.values()]).flatMap((f) => [...f].map(() => -1)),
    );
  }));

test("a snapshot has the expiries of its beginning, in both families' forms", () =>
  forSeeds(20, (random) => {
    reset();
    hashes.limit.entries = pick(random, [128, 4]);
    for (let i = 0; i < 120; i++) operate(random);
    const states = expected.map(
      (keys) => new Map([...keys].map(([key, fields]) => [key, new Map([...fields].sort())])),
    );
    const pieces: Uint8Array[] = [];
    const sink = {
      queuedBytes: 0,
      failed: false,
      append(bytes: Uint8Array, recycle: () => void) {
        pieces.push(bytes.slice());
        recycle();
      },
    };
    const isValkey = random.below(2) === 0;
    const options = { rdb: true, aux: [], compressing: true, checking: true, immediate: false };
    const snapshot = new Snapshot(space, sink, { ...options, isValkey });
    while (!snapshot.advance(0)) {
      for (let i = random.below(4); i > 0; i--) operate(random);
      if (random.below(8) === 0) check();
    }
    snapshot.end();
    model.reapAll();
    check();
    const loaded = new Model();
    const reader = new RdbReader({ space: loaded.space, keepExpired: true, checking: true });
    reader.feed(Buffer.concat(pieces));
    reader.finish();
    loaded.space.check();
    for (const db of loaded.space.databases) {
      expect(db.keyCount).toEqual(states[db.index]!.size);
      for (const [key, fields] of states[db.index]!) {
        const found = new Map<string, number>();
        const hash = loaded.space.hashes.open(db.find(latin1(key), 0, key.length));
        for (hash.rewind(); hash.next(); ) found.set(elementText(hash.field), hash.expireAtMs);
        expect(new Map([...found].sort())).toEqual(fields);
      }
    }
  }));

test("running out of memory leaves fields and expiries as they were", () => {
  set(0, "h", "a", "1", -1);
  set(0, "h", "b", "2", -1);
  let failures = 0;
  for (const [field, at] of [
    ["a", model.nowMs + 500],
    ["b", model.nowMs + 600],
    ["a", model.nowMs + 700],
    ["b", -1],
  ] as const) {
    for (let blocks = 0; ; blocks++) {
      const value = fieldsOf(hashes.open(entryOf(0, "h"))).get(field)!;
      const end = runShort(space.heap, blocks);
      let fitted: boolean;
      try {
        fitted = fits(() => (at < 0 ? persist(0, "h", field) : set(0, "h", field, value, at)));
      } finally {
        end();
      }
      space.check();
      if (fitted) break;
      failures++;
    }
    check();
  }
  expect(failures).toBeGreaterThan(3);
});

test("a flushed database's fields leave the wheel, and what comes after is its own", () => {
  for (let i = 0; i < 300; i++) set(0, "h", `f${i}`, "v", model.nowMs + 100 + i);
  set(1, "h", "f", "v", model.nowMs + 100);
  space.flush(0);
  expected[0] = new Map();
  set(0, "h", "f", "v", model.nowMs + 200);
  check();
  expect(space.fields.nextMs).toBeLessThanOrEqual(model.nowMs + 100);
  model.advance(150);
  expireAll();
  check();
  model.reapAll();
  check();
  expect([space.fields.hashCount(0), space.fields.hashCount(1)]).toEqual([1, 0]);
});

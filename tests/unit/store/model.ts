/**
 * A keyspace with a plain model beside it: Maps of texts and arrays. Every operation is done to
 * both, as a command handler would do it; `check` asserts that they agree.
 */
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Clock } from "../../../src/base/clock.ts";
import { writeInt64 } from "../../../src/base/number-text.ts";
import { Random } from "../../../src/base/random.ts";
import { Element } from "../../../src/memory/element.ts";
import { type Database, KEEP_EXPIRY, NO_EXPIRY } from "../../../src/store/database.ts";
import { isInteger, LIST } from "../../../src/store/entry.ts";
import { Keyspace } from "../../../src/store/keyspace.ts";

export interface Value {
  readonly data: string | readonly string[];
  /** In ms, or -1. */
  readonly expireAtMs: number;
}

/** Keys of one database with their values. */
export type State = Map<string, Value>;

const START_MS = Date.UTC(2026, 0, 1);

export class Model {
  readonly clock = new Clock();
  readonly space: Keyspace;
  states: State[];
  readonly #element = new Element();

  constructor(databases = 4) {
    this.clock.nowMs = START_MS;
    this.space = new Keyspace({
      databases,
      segments: 1,
      clock: this.clock,
      random: new Random(1),
    });
    this.states = this.space.databases.map(() => new Map());
  }

  /** Begins anew, with nothing. */
  reset(): void {
    this.clock.nowMs = START_MS;
    this.flushAll();
    this.space.check();
  }

  /** The time stands still but for this. */
  advance(ms: number): void {
    this.clock.nowMs += ms;
  }

  get nowMs(): number {
    return this.clock.nowMs;
  }

  database(index: number): Database {
    return this.space.databases[index]!;
  }

  /** The model's value of a key whose time has not come. */
  value(index: number, key: string): Value | undefined {
    const value = this.states[index]!.get(key);
    if (value === undefined || !this.#isExpired(value)) return value;
    this.states[index]!.delete(key);
    return undefined;
  }

  #isExpired({ expireAtMs }: Value): boolean {
    return expireAtMs >= 0 && expireAtMs < this.nowMs;
  }

  /** Looks a key up for writing; asserts that it exists if and only if the model has it. */
  look(index: number, key: string): number {
    const ref = this.database(index).lookupWrite(latin1(`--${key}--`), 2, key.length);
    assert((ref !== 0) === (this.value(index, key) !== undefined), `${key} of ${index} exists`);
    return ref;
  }

  keys(index: number): string[] {
    return [...this.states[index]!.keys()].filter((key) => this.value(index, key) !== undefined);
  }

  // ── Operations ─────────────────────────────────────────────────────────────────────────────

  /** SET; `expireAtMs` may be KEEP_EXPIRY or NO_EXPIRY. */
  set(index: number, key: string, text: string, expireAtMs = NO_EXPIRY): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const name = latin1(key);
    const value = latin1(`++${text}`);
    const db = this.database(index);
    db.setString(ref, name, 0, name.length, value, 2, text.length, expireAtMs);
    const kept = expireAtMs === KEEP_EXPIRY ? (old?.expireAtMs ?? -1) : Math.max(-1, expireAtMs);
    this.states[index]!.set(key, { data: text, expireAtMs: kept });
  }

  /** SET of an integer, as INCR does it. */
  setInteger(index: number, key: string, value: number | bigint, expireAtMs = KEEP_EXPIRY): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const name = latin1(key);
    this.database(index).setInteger(ref, name, 0, name.length, value, expireAtMs);
    const kept = expireAtMs === KEEP_EXPIRY ? (old?.expireAtMs ?? -1) : Math.max(-1, expireAtMs);
    this.states[index]!.set(key, { data: String(value), expireAtMs: kept });
  }

  /** APPEND to a string that exists. */
  append(index: number, key: string, text: string): void {
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const db = this.database(index);
    const oldLength = (old.data as string).length;
    const entry = db.growText(ref, oldLength + text.length);
    db.bytesOf(entry).set(latin1(text), db.textAt(entry) + oldLength);
    this.states[index]!.set(key, { ...old, data: old.data + text });
  }

  /** RPUSH or LPUSH. */
  push(index: number, key: string, texts: readonly string[], atHead = false): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const db = this.database(index);
    const { chain } = this.space;
    if (ref === 0) chain.openNew();
    else db.openListToWrite(ref);
    for (const text of texts) {
      const bytes = latin1(text);
      const size = this.#element.measure(bytes, 0, bytes.length);
      if (atHead) chain.pushHead(this.#element, size);
      else chain.pushTail(this.#element, size);
    }
    const name = latin1(key);
    if (ref === 0) db.addList(name, 0, name.length);
    else db.closeList(ref);
    const before = (old?.data ?? []) as string[];
    const data = atHead ? [...texts.toReversed(), ...before] : [...before, ...texts];
    this.states[index]!.set(key, { data, expireAtMs: old?.expireAtMs ?? -1 });
  }

  /** LPOP or RPOP of a list that exists. */
  pop(index: number, key: string, count: number, atHead = false): void {
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const db = this.database(index);
    const { chain } = this.space;
    db.openListToWrite(ref);
    const taken = Math.min(count, chain.length);
    if (atHead) chain.trimHead(taken);
    else chain.trimTail(taken);
    db.closeList(ref);
    const data = [...(old.data as string[])];
    data.splice(atHead ? 0 : data.length - taken, taken);
    if (data.length === 0) this.states[index]!.delete(key);
    else this.states[index]!.set(key, { ...old, data });
  }

  remove(index: number, key: string): void {
    const ref = this.look(index, key);
    if (ref !== 0) this.database(index).remove(ref);
    this.states[index]!.delete(key);
  }

  /** PEXPIREAT of a key that exists; -1 is PERSIST. */
  expireAt(index: number, key: string, expireAtMs: number): void {
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    if (expireAtMs >= 0) this.database(index).setExpiry(ref, expireAtMs);
    else if (old.expireAtMs >= 0) this.database(index).clearExpiry(ref);
    this.states[index]!.set(key, { ...old, expireAtMs });
  }

  /** RENAME, or MOVE with another name: of a key that exists. */
  move(index: number, key: string, toIndex: number, toKey: string): void {
    if (index === toIndex && key === toKey) return;
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const present = this.look(toIndex, toKey);
    const name = latin1(toKey);
    this.database(index).moveTo(ref, this.database(toIndex), name, 0, name.length, present);
    this.states[index]!.delete(key);
    this.states[toIndex]!.set(toKey, old);
  }

  /** COPY with REPLACE of a key that exists. */
  copy(index: number, key: string, toIndex: number, toKey: string): void {
    if (index === toIndex && key === toKey) return;
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const present = this.look(toIndex, toKey);
    const name = latin1(toKey);
    this.database(index).copyTo(ref, this.database(toIndex), name, 0, name.length, present);
    this.states[toIndex]!.set(toKey, old);
  }

  swap(a: number, b: number): void {
    this.space.swap(a, b);
    [this.states[a], this.states[b]] = [this.states[b]!, this.states[a]!];
  }

  flush(index: number): void {
    this.database(index).flush();
    this.states[index] = new Map();
  }

  flushAll(): void {
    this.space.flushAll();
    this.states = this.states.map(() => new Map());
  }

  /** Frees all that waits to be freed. */
  reapAll(): void {
    while (this.space.reaping) this.space.reap(1000);
  }

  // ── Comparing ──────────────────────────────────────────────────────────────────────────────

  keyOf(db: Database, ref: number): string {
    const at = db.keyAt(ref);
    return latin1Text(db.bytesOf(ref), at, at + db.keyLength(ref));
  }

  /** The value of an entry as it is in memory. */
  read(db: Database, ref: number): Value {
    return { data: this.#data(db, ref), expireAtMs: db.expiryOf(ref) };
  }

  #data(db: Database, ref: number): string | string[] {
    const digits = new Uint8Array(20);
    if (db.typeOf(ref) === LIST) {
      const { chain } = this.space;
      const texts: string[] = [];
      db.openList(ref);
      chain.seek(0);
      for (let more = true; more; ) {
        more = chain.readNext(this.#element);
        const { bytes, from, high, isInteger: isNumber, length, low } = this.#element;
        if (isNumber) texts.push(latin1Text(digits, 0, writeInt64(digits, 0, low, high)));
        else texts.push(latin1Text(bytes, from, from + length));
      }
      return texts;
    }
    if (isInteger(db.metaOf(ref))) {
      return latin1Text(digits, 0, writeInt64(digits, 0, db.integerLow(ref), db.integerHigh(ref)));
    }
    const at = db.textAt(ref);
    return latin1Text(db.bytesOf(ref), at, at + db.textLength(ref));
  }

  /** All entries of a database that have not expired, as they are in memory. */
  contents(index: number): State {
    const db = this.database(index);
    const state: State = new Map();
    const refs: number[] = [];
    for (let bucket = 0; bucket < db.bucketCount; bucket++) {
      const n = db.readBucket(bucket, refs);
      for (let i = 0; i < n; i++) {
        const ref = refs[i]!;
        if (!db.isExpired(ref)) state.set(this.keyOf(db, ref), this.read(db, ref));
      }
    }
    return state;
  }

  /** Asserts that memory is sound and says what the model says. */
  check(): void {
    this.space.check();
    for (const { index } of this.space.databases) {
      const contents = this.contents(index);
      const keys = this.keys(index);
      assert(
        contents.size === keys.length,
        `${contents.size} keys in ${index}, not ${keys.length}`,
      );
      for (const key of keys) {
        const value = contents.get(key);
        assert(value !== undefined, `${key} is in ${index}`);
        const expected = this.value(index, key)!;
        assert(value.expireAtMs === expected.expireAtMs, `expiry of ${key}`);
        assert(sameData(value.data, expected.data), `value of ${key}`);
      }
    }
  }
}

function sameData(a: Value["data"], b: Value["data"]): boolean {
  if (typeof a === "string" || typeof b === "string") return a === b;
  return a.length === b.length && a.every((text, i) => text === b[i]);
}

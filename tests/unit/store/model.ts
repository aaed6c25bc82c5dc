/**
 * A keyspace with a plain model beside it: Maps of texts and arrays. Every operation is done to
 * both, as a command handler would do it; `check` asserts that they agree.
 */
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { Clock } from "../../../src/base/clock.ts";
import { Random } from "../../../src/base/random.ts";
import type { Element } from "../../../src/memory/element.ts";
import type { Database } from "../../../src/store/database.ts";
import { HASH, KEEP_EXPIRY, LIST, NO_EXPIRY, SET, ZSET } from "../../../src/store/entry.ts";
import { Keyspace } from "../../../src/store/keyspace.ts";
import type { OpenHash } from "../../../src/store/types/hashes.ts";
import type { List } from "../../../src/store/types/lists.ts";
import type { SortedSet } from "../../../src/store/types/open-sorted-set.ts";
import type { OpenSet } from "../../../src/store/types/sets.ts";

/** The scores of a sorted set by member, in the order of the set. */
export class Scores extends Map<string, number> {
  readonly isScores = true;
}

/** A string, the elements of a list, the members of a set, the fields of a hash, a sorted set. */
export type Data =
  | string
  | readonly string[]
  | ReadonlySet<string>
  | ReadonlyMap<string, string>
  | Scores;

export interface Value {
  readonly data: Data;
  /** In ms, or -1. */
  readonly expireAtMs: number;
}

export function typeOf(data: Data): "string" | "list" | "set" | "hash" | "zset" {
  if (typeof data === "string") return "string";
  if (data instanceof Scores) return "zset";
  return data instanceof Set ? "set" : data instanceof Map ? "hash" : "list";
}

/** Keys of one database with their values. */
export type State = Map<string, Value>;

const START_MS = Date.UTC(2026, 0, 1);

export class Model {
  readonly clock = new Clock();
  readonly space: Keyspace;
  states: State[];

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
    this.space.strings.set(db, ref, name, 0, name.length, value, 2, text.length, expireAtMs);
    const kept = expireAtMs === KEEP_EXPIRY ? (old?.expireAtMs ?? -1) : Math.max(-1, expireAtMs);
    this.states[index]!.set(key, { data: text, expireAtMs: kept });
  }

  /** SET of an integer, as INCR does it. */
  setInteger(index: number, key: string, value: number | bigint, expireAtMs = KEEP_EXPIRY): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const name = latin1(key);
    const db = this.database(index);
    this.space.strings.setInteger(db, ref, name, 0, name.length, value, expireAtMs);
    const kept = expireAtMs === KEEP_EXPIRY ? (old?.expireAtMs ?? -1) : Math.max(-1, expireAtMs);
    this.states[index]!.set(key, { data: String(value), expireAtMs: kept });
  }

  /** APPEND to a string that exists. */
  append(index: number, key: string, text: string): void {
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const db = this.database(index);
    const oldLength = (old.data as string).length;
    const { strings } = this.space;
    const length = oldLength + text.length;
    const entry = strings.edit(db, ref, length, oldLength, length);
    strings.textBytes(entry).set(latin1(text), strings.textAt(entry) + oldLength);
    this.states[index]!.set(key, { ...old, data: old.data + text });
  }

  /** SETRANGE of a string that exists. */
  setRange(index: number, key: string, offset: number, text: string): void {
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const { strings } = this.space;
    const end = offset + text.length;
    const entry = strings.edit(this.database(index), ref, end, offset, end);
    strings.textBytes(entry).set(latin1(text), strings.textAt(entry) + offset);
    const before = (old.data as string).padEnd(end, "\0");
    const data = before.slice(0, offset) + text + before.slice(end);
    this.states[index]!.set(key, { ...old, data });
  }

  /** RPUSH or LPUSH. */
  push(index: number, key: string, texts: readonly string[], atHead = false): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const db = this.database(index);
    const { lists } = this.space;
    const list = ref === 0 ? lists.create() : lists.openToWrite(db, ref);
    for (const text of texts) {
      const bytes = latin1(text);
      const element = list.given.setText(bytes, 0, bytes.length);
      if (atHead) list.pushHead(element);
      else list.pushTail(element);
    }
    const name = latin1(key);
    db.putBack(list, name, 0, name.length);
    const before = (old?.data ?? []) as string[];
    const data = atHead ? [...texts.toReversed(), ...before] : [...before, ...texts];
    this.states[index]!.set(key, { data, expireAtMs: old?.expireAtMs ?? -1 });
  }

  /** LPOP or RPOP of a list that exists. */
  pop(index: number, key: string, count: number, atHead = false): void {
    const old = this.value(index, key)!;
    const ref = this.look(index, key);
    const db = this.database(index);
    const list = this.space.lists.openToWrite(db, ref);
    const taken = Math.min(count, list.length);
    if (taken < list.length) list.drop(taken, atHead);
    else while (list.length > 0) list.popHead();
    const name = latin1(key);
    db.putBack(list, name, 0, name.length);
    const data = [...(old.data as string[])];
    data.splice(atHead ? 0 : data.length - taken, taken);
    if (data.length === 0) this.states[index]!.delete(key);
    else this.states[index]!.set(key, { ...old, data });
  }

  /** SADD. */
  addMembers(index: number, key: string, members: readonly string[]): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const db = this.database(index);
    const { sets } = this.space;
    const first = latin1(members[0]!);
    const set =
      ref === 0
        ? sets.createFor(first, 0, first.length, members.length)
        : sets.openToWrite(db, ref);
    const data = new Set((old?.data ?? []) as ReadonlySet<string>);
    try {
      set.expect(members.length);
      for (const member of members) {
        const bytes = latin1(`..${member}`);
        assert(set.add(bytes, 2, member.length) === !data.has(member), `${member} is new`);
        data.add(member);
      }
    } catch (error) {
      if (ref === 0) set.discard();
      else set.store();
      throw error;
    }
    const name = latin1(key);
    db.putBack(set, name, 0, name.length);
    this.states[index]!.set(key, { data, expireAtMs: old?.expireAtMs ?? -1 });
  }

  /** SREM of members of a set that exists. */
  removeMembers(index: number, key: string, members: readonly string[]): void {
    const old = this.value(index, key)!;
    const db = this.database(index);
    const set = this.space.sets.openToWrite(db, this.look(index, key));
    const data = new Set(old.data as ReadonlySet<string>);
    for (const member of members) {
      const isThere = set.find(latin1(member), 0, member.length);
      assert(isThere === data.delete(member), `${member} of ${key} exists`);
      if (isThere) set.removeFound();
    }
    const name = latin1(key);
    db.putBack(set, name, 0, name.length);
    if (data.size === 0) this.states[index]!.delete(key);
    else this.states[index]!.set(key, { ...old, data });
  }

  /** SPOP of a set that exists. */
  popMembers(index: number, key: string, count: number): void {
    const old = this.value(index, key)!;
    const db = this.database(index);
    const set = this.space.sets.openToWrite(db, this.look(index, key));
    const data = new Set(old.data as ReadonlySet<string>);
    for (let left = Math.min(count, data.size); left > 0; left--) {
      set.readRandom(this.space.random);
      const member = elementText(set.member);
      assert(data.delete(member), `${member} is a member of ${key}`);
      set.removeFound();
    }
    const name = latin1(key);
    db.putBack(set, name, 0, name.length);
    if (data.size === 0) this.states[index]!.delete(key);
    else this.states[index]!.set(key, { ...old, data });
  }

  /** HSET. */
  setFields(index: number, key: string, pairs: readonly (readonly [string, string])[]): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const db = this.database(index);
    const { hashes } = this.space;
    const hash = ref === 0 ? hashes.create() : hashes.openToWrite(db, ref);
    const data = new Map((old?.data ?? []) as ReadonlyMap<string, string>);
    try {
      hash.expect(pairs.length);
      for (const [field, value] of pairs) {
        const bytes = latin1(field + value);
        const isNew = hash.set(bytes, 0, field.length, bytes, field.length, value.length);
        assert(isNew === !data.has(field), `${field} of ${key} is new`);
        data.set(field, value);
      }
    } catch (error) {
      if (ref === 0) hash.discard();
      else hash.store();
      throw error;
    }
    const name = latin1(key);
    db.putBack(hash, name, 0, name.length);
    this.states[index]!.set(key, { data, expireAtMs: old?.expireAtMs ?? -1 });
  }

  /** HDEL of fields of a hash that exists. */
  removeFields(index: number, key: string, fields: readonly string[]): void {
    const old = this.value(index, key)!;
    const db = this.database(index);
    const hash = this.space.hashes.openToWrite(db, this.look(index, key));
    const data = new Map(old.data as ReadonlyMap<string, string>);
    for (const field of fields) {
      const isThere = hash.find(latin1(field), 0, field.length);
      assert(isThere === data.delete(field), `${field} of ${key} exists`);
      if (isThere) hash.remove();
    }
    const name = latin1(key);
    db.putBack(hash, name, 0, name.length);
    if (data.size === 0) this.states[index]!.delete(key);
    else this.states[index]!.set(key, { ...old, data });
  }

  /** ZADD of members with their scores. */
  addScored(index: number, key: string, pairs: readonly (readonly [string, number])[]): void {
    const old = this.value(index, key);
    const ref = this.look(index, key);
    const db = this.database(index);
    const { sortedSets } = this.space;
    const set = ref === 0 ? sortedSets.create() : sortedSets.openToWrite(db, ref);
    const scores = new Scores((old?.data ?? []) as Scores);
    try {
      for (const [member, score] of pairs) {
        const bytes = latin1(member);
        if (set.find(bytes, 0, bytes.length)) set.rescore(score);
        else set.add(bytes, 0, bytes.length, score);
        scores.set(member, score);
      }
    } catch (error) {
      if (ref === 0) set.discard();
      else set.store();
      throw error;
    }
    const name = latin1(key);
    db.putBack(set, name, 0, name.length);
    const data = sortedScores(scores);
    this.states[index]!.set(key, { data, expireAtMs: old?.expireAtMs ?? -1 });
  }

  /** ZREMRANGEBYRANK, or ZREM of the same members. */
  removeScored(index: number, key: string, from: number, count: number, isRange: boolean): void {
    const old = this.value(index, key)!;
    const set = this.space.sortedSets.openToWrite(this.database(index), this.look(index, key));
    const data = new Scores(old.data as Scores);
    const members = [...data.keys()].slice(from, from + count);
    if (isRange) set.removeRange(from, members.length);
    for (const member of members) {
      const bytes = latin1(member);
      assert(set.find(bytes, 0, bytes.length) !== isRange, "it is there until it is removed");
      if (!isRange) set.remove();
      data.delete(member);
    }
    const name = latin1(key);
    this.database(index).putBack(set, name, 0, name.length);
    if (data.size === 0) this.states[index]!.delete(key);
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
    this.space.flush(index);
    this.states[index] = new Map();
  }

  flushAll(): void {
    this.space.flushAll();
    this.states = this.states.map(() => new Map());
  }

  /** Frees all that waits to be freed. */
  reapAll(): void {
    while (this.space.reaper.hasWork) this.space.reaper.freeSome(1000);
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

  #data(db: Database, ref: number): Data {
    if (db.typeOf(ref) === LIST) return textsOf(this.space.lists.open(ref));
    if (db.typeOf(ref) === ZSET) return scoresOf(this.space.sortedSets.open(ref));
    if (db.typeOf(ref) === SET) return membersOf(this.space.sets.open(ref));
    if (db.typeOf(ref) === HASH) return fieldsOf(this.space.hashes.open(ref));
    const { bytes, from, length } = this.space.strings.open(ref);
    return latin1Text(bytes, from, from + length);
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

/** The elements of an open list. */
export function textsOf(list: List): string[] {
  const texts: string[] = [];
  list.seek(0);
  for (let more = true; more; ) {
    more = list.readNext(list.element);
    texts.push(elementText(list.element));
  }
  return texts;
}

/** The members of an open set. */
export function membersOf(set: OpenSet): Set<string> {
  const members = new Set<string>();
  for (set.rewind(); set.next(); ) {
    const member = elementText(set.member);
    assert(!members.has(member), `${member} stands there twice`);
    members.add(member);
  }
  return members;
}

/** The fields of an open hash. */
export function fieldsOf(hash: OpenHash): Map<string, string> {
  const fields = new Map<string, string>();
  for (hash.rewind(); hash.next(); ) {
    const field = elementText(hash.field);
    assert(!fields.has(field), `${field} stands there twice`);
    fields.set(field, elementText(hash.value));
  }
  return fields;
}

/** The members of an open sorted set with their scores, in order. */
function scoresOf(set: SortedSet): Scores {
  const scores = new Scores();
  set.seek(0);
  for (let left = set.length; left > 0; left--) {
    set.readNext();
    const member = elementText(set.member);
    assert(!scores.has(member), `${member} stands there twice`);
    scores.set(member, set.score);
  }
  return scores;
}

/** In the order of a sorted set. */
export function sortedScores(scores: ReadonlyMap<string, number>): Scores {
  return new Scores(
    [...scores].sort(([a, x], [b, y]) => (x === y ? (a < b ? -1 : 1) : x < y ? -1 : 1)),
  );
}

export function elementText(element: Element): string {
  const text = new Uint8Array(element.isInteger ? 20 : element.length);
  return latin1Text(text, 0, element.writeText(text, 0));
}

function sameData(a: Data, b: Data): boolean {
  if (a instanceof Scores && b instanceof Scores) {
    const others = [...b];
    return (
      a.size === b.size &&
      [...a].every(([member, score], i) => others[i]![0] === member && others[i]![1] === score)
    );
  }
  if (typeof a === "string" || typeof b === "string") return a === b;
  if (a instanceof Set && b instanceof Set) {
    return a.size === b.size && [...a].every((member) => b.has(member));
  }
  if (a instanceof Map && b instanceof Map) {
    return a.size === b.size && [...a].every(([field, value]) => b.get(field) === value);
  }
  const one = a as readonly string[];
  const other = b as readonly string[];
  return one.length === other.length && one.every((text, i) => text === other[i]);
}

/** Limits of small forms, so that few elements reach every form. */
export function setLimits({ hashes, sets, sortedSets }: Keyspace, random: Random): void {
  hashes.limit.entries = [128, 4, 0][random.below(3)]!;
  sets.limit.ints = [512, 4, 0][random.below(3)]!;
  sets.limit.entries = [128, 4, 0][random.below(3)]!;
  sortedSets.limit.entries = [128, 8, 0][random.below(3)]!;
}

/**
 * A table of things by name, where others choose the names: channels, patterns, keys that clients
 * wait for or watch.
 *
 * What
 *   The engine's own Map hashes strings without a key, so that names with equal hashes are easy to
 *   make, and then each look-up takes as long as there are names. This table hashes the bytes of a
 *   name with a secret key. A look-up takes bytes and makes no string. The items themselves are
 *   linked, so that one name costs one object.
 *
 * Layout
 *   buckets   item -> item -> null      chained by `chained`, in no order
 *             null
 *             item -> null
 *   first <-> item <-> item <-> last    by `before` and `after`, in the order in which they came
 *
 *   Linear hashing: there are as many buckets as items, and one more item splits one bucket, so that
 *   no look-up has to wait until a large table has been built anew.
 *
 * Invariants (`check`)
 *   An item is in the bucket of its hash and in the list, once each. Names are different.
 *   The order of the list, which clients see, depends on no hash.
 */
import { assert } from "./assert.ts";
import { latin1, latin1Text } from "./bytes.ts";
import type { Hash } from "./key-hash.ts";

/** A power of two. */
const BUCKETS_MIN = 4;

/** An item of a table; `T` is its own class. Only the table changes the links. */
export abstract class Named<T> {
  /** One character a byte. */
  readonly name: string;
  readonly hash: number;
  chained: T | null = null;
  before: T | null = null;
  after: T | null = null;

  constructor(name: string, hash: number) {
    this.name = name;
    this.hash = hash;
  }
}

export class NameTable<T extends Named<T>> {
  readonly #hash: Hash;
  readonly #make: (name: string, hash: number) => T;
  readonly #buckets: (T | null)[] = new Array(BUCKETS_MIN).fill(null);
  /** The buckets of a full round of splitting, less 1. */
  #mask = BUCKETS_MIN - 1;
  #first: T | null = null;
  #last: T | null = null;
  #size = 0;

  /** `make` makes the item of a name that is new. */
  constructor(hash: Hash, make: (name: string, hash: number) => T) {
    this.#hash = hash;
    this.#make = make;
  }

  get size(): number {
    return this.#size;
  }

  /** The item that came first of those that are there; others follow by `after`. */
  get first(): T | null {
    return this.#first;
  }

  find(bytes: Uint8Array, from: number, length: number): T | null {
    if (this.#size === 0) return null;
    return this.#findHashed(this.#hash.of(bytes, from, length), bytes, from, length);
  }

  #findHashed(hash: number, bytes: Uint8Array, from: number, length: number): T | null {
    let item: T | null = this.#buckets[this.#bucketOf(hash)]!;
    while (item !== null) {
      if (item.hash === hash && isName(item.name, bytes, from, length)) return item;
      item = item.chained;
    }
    return null;
  }

  /** The item of that name, made if there is none. */
  findOrAdd(bytes: Uint8Array, from: number, length: number): T {
    const hash = this.#hash.of(bytes, from, length);
    const present = this.#findHashed(hash, bytes, from, length);
    if (present !== null) return present;
    const item = this.#make(latin1Text(bytes, from, from + length), hash);
    if (this.#size === this.#buckets.length) this.#split();
    const bucket = this.#bucketOf(hash);
    item.chained = this.#buckets[bucket]!;
    this.#buckets[bucket] = item;
    item.before = this.#last;
    if (this.#last === null) this.#first = item;
    else this.#last.after = item;
    this.#last = item;
    this.#size++;
    return item;
  }

  /** Takes out an item that is in this table. Its `after` stays, so that a walk can go on. */
  remove(item: T): void {
    const bucket = this.#bucketOf(item.hash);
    let present = this.#buckets[bucket]!;
    if (present === item) this.#buckets[bucket] = item.chained;
    else {
      while (present !== null && present.chained !== item) present = present.chained!;
      assert(present !== null, "the item is not in the table");
      present.chained = item.chained;
    }
    if (item.before === null) this.#first = item.after;
    else item.before.after = item.after;
    if (item.after === null) this.#last = item.before;
    else item.after.before = item.before;
    this.#size--;
    if (this.#size < this.#buckets.length >>> 1 && this.#buckets.length > BUCKETS_MIN) {
      this.#merge();
      this.#merge();
    }
  }

  #bucketOf(hash: number): number {
    const bucket = hash & this.#mask;
    return bucket < this.#buckets.length ? bucket : bucket & (this.#mask >>> 1);
  }

  /** One more bucket, which takes its share of another one's items. */
  #split(): void {
    const added = this.#buckets.length;
    if (added > this.#mask) this.#mask = this.#mask * 2 + 1;
    const from = added & (this.#mask >>> 1);
    let item = this.#buckets[from]!;
    this.#buckets[from] = null;
    this.#buckets.push(null);
    while (item !== null) {
      const next: T | null = item.chained;
      const bucket = this.#bucketOf(item.hash);
      item.chained = this.#buckets[bucket]!;
      this.#buckets[bucket] = item;
      item = next!;
    }
  }

  /** One bucket less: the opposite of a split. */
  #merge(): void {
    if (this.#buckets.length <= BUCKETS_MIN) return;
    let item = this.#buckets.pop()!;
    const into = this.#buckets.length & (this.#mask >>> 1);
    while (item !== null) {
      const next: T | null = item.chained;
      item.chained = this.#buckets[into]!;
      this.#buckets[into] = item;
      item = next!;
    }
    if (this.#buckets.length === (this.#mask + 1) >>> 1) this.#mask >>>= 1;
  }

  /** Asserts the invariants; returns how many items the fullest bucket has. */
  check(): number {
    let listed = 0;
    let before: T | null = null;
    for (let item = this.#first; item !== null; item = item.after) {
      assert(item.before === before, "the list is linked both ways");
      const bytes = latin1(item.name);
      assert(item.hash === this.#hash.of(bytes, 0, bytes.length), "the hash is the name's");
      assert(this.find(bytes, 0, bytes.length) === item, "the item is what its name finds");
      listed++;
      before = item;
    }
    assert(before === this.#last, "the list ends with the last item");
    assert(listed === this.#size, "the size is that of the list");
    let fullest = 0;
    let chainedCount = 0;
    for (const head of this.#buckets) {
      let count = 0;
      for (let item = head; item !== null; item = item.chained) count++;
      fullest = Math.max(fullest, count);
      chainedCount += count;
    }
    assert(chainedCount === this.#size, "the buckets have the items of the list");
    return fullest;
  }
}

function isName(name: string, bytes: Uint8Array, from: number, length: number): boolean {
  if (name.length !== length) return false;
  for (let i = 0; i < length; i++) {
    if (name.charCodeAt(i) !== bytes[from + i]) return false;
  }
  return true;
}

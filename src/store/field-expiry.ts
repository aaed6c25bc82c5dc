/**
 * The expiry of fields of hashes: one timing wheel for the fields of all databases, so that a hash can be
 * moved from one to another without its fields being visited.
 *
 *   field's record   with HAS_EXPIRY: its time and its links in the wheel; with HAS_HIGH: the ref of the
 *                    block below (20 bytes together). In the wheel exactly if its `previous` is not 0.
 *   block of a hash, words: 0 entry (0: no key has the hash, or its memory is being freed) | 1 domain, or 0
 *                    2 fields that expire | 3 whether one of them was taken out of the wheel for want of an entry
 *   domain, words:   0 index of the database, -1 once it was flushed | 1 hashes with fields that expire
 *
 * Each database has a domain, from the first field that expires on. Databases that are swapped swap their
 * domains; one that is flushed gets a new one, and the old one goes with the last of its hashes.
 *
 * Invariants (asserted by `check()`)
 *   A hash's block counts the records of its table that have an expiry, and is there exactly if there are
 *   any; a domain counts the hashes that name it.
 */
import { assert } from "../base/assert.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import { EXPIRY_WORD, HAS_EXPIRY, RECORD_BYTES } from "../memory/record.ts";
import type { TimingWheel } from "../memory/timing-wheel.ts";

const ENTRY = 0;
const DOMAIN = 1;
const COUNT = 2;
const IS_LOOSE = 3;
const BLOCK_BYTES = 16;
const INDEX = 0;
const HASHES = 1;
const DOMAIN_BYTES = 8;
/** A record's word that names the block of its hash: the one that HAS_HIGH adds. */
const BLOCK_WORD = (RECORD_BYTES + HAS_EXPIRY) >> 2;
const PREVIOUS = EXPIRY_WORD + 2;

/** Where the refs of the wheel and of the domains are kept: in shared memory, as those of the databases. */
export interface FieldRoots {
  readonly databases: number;
  wheel: number;
  domain(index: number): number;
  setDomain(index: number, domain: number): void;
}

export class FieldExpiry {
  readonly #heap: Heap;
  readonly #wheel: TimingWheel;
  readonly #roots: FieldRoots;
  /** Told of the expiry of each field that is added. */
  readonly #onAdded: (expireAtMs: number) => void;
  readonly #createWheel: () => number;

  constructor(
    heap: Heap,
    wheel: TimingWheel,
    roots: FieldRoots,
    createWheel: () => number,
    onAdded: (expireAtMs: number) => void,
  ) {
    this.#heap = heap;
    this.#wheel = wheel;
    this.#roots = roots;
    this.#createWheel = createWheel;
    this.#onAdded = onAdded;
  }

  // ── Databases ──────────────────────────────────────────────────────────────────────────────

  /** Sees to the wheel and the domains. Throws OutOfMemory; then a later call goes on. */
  prepare(): void {
    const roots = this.#roots;
    if (roots.wheel !== 0) return;
    for (let index = 0; index < roots.databases; index++) {
      if (roots.domain(index) === 0) roots.setDomain(index, this.#createDomain(index));
    }
    roots.wheel = this.#createWheel();
  }

  #createDomain(index: number): number {
    const domain = this.#heap.alloc(DOMAIN_BYTES);
    this.#set(domain, INDEX, index);
    this.#set(domain, HASHES, 0);
    return domain;
  }

  /** The two databases have exchanged their domains. */
  swapped(a: number, b: number): void {
    for (const index of [a, b]) {
      const domain = this.#roots.domain(index);
      if (domain !== 0) this.#set(domain, INDEX, index);
    }
  }

  /** The keys of the database are about to go; their memory is freed later. Throws OutOfMemory, and then nothing has changed. */
  flushing(index: number): void {
    const domain = this.#roots.domain(index);
    if (domain === 0) return;
    this.#roots.setDomain(index, this.#createDomain(index));
    this.#set(domain, INDEX, -1);
    if (this.#get(domain, HASHES) === 0) this.#heap.free(domain);
  }

  /** Hashes of the database that have fields that expire. */
  hashCount(index: number): number {
    const domain = this.#roots.domain(index);
    return domain === 0 ? 0 : this.#get(domain, HASHES);
  }

  /** The same of all databases. */
  get totalHashCount(): number {
    let count = 0;
    for (let index = 0; index < this.#roots.databases; index++) count += this.hashCount(index);
    return count;
  }

  // ── Hashes ─────────────────────────────────────────────────────────────────────────────────

  /** The block of a hash that has no key yet. Throws OutOfMemory. */
  createBlock(): number {
    const block = this.#heap.alloc(BLOCK_BYTES);
    for (let word = 0; word < BLOCK_BYTES >> 2; word++) this.#set(block, word, 0);
    return block;
  }

  /** The hash is the value of `entry`, in that database. */
  attach(block: number, entry: number, index: number): void {
    const domain = this.#roots.domain(index);
    this.#set(block, ENTRY, entry);
    const old = this.#get(block, DOMAIN);
    if (old === domain) return;
    this.#leaveDomain(block, old);
    this.#set(block, DOMAIN, domain);
    this.#set(domain, HASHES, this.#get(domain, HASHES) + 1);
  }

  /** No key has the hash any more. */
  detach(block: number): void {
    this.#set(block, ENTRY, 0);
    this.#leaveDomain(block, this.#get(block, DOMAIN));
  }

  #leaveDomain(block: number, domain: number): void {
    if (domain === 0) return;
    this.#set(block, DOMAIN, 0);
    const hashes = this.#get(domain, HASHES) - 1;
    this.#set(domain, HASHES, hashes);
    if (hashes === 0 && this.#get(domain, INDEX) < 0) this.#heap.free(domain);
  }

  destroyBlock(block: number): void {
    this.detach(block);
    this.#heap.free(block);
  }

  /** Fields of the hash that expire. */
  count(block: number): number {
    return this.#get(block, COUNT);
  }

  /** Whether fields of the hash are not in the wheel, although they expire; they are from now on, once the caller adds them. */
  takeLoose(block: number): boolean {
    const isLoose = this.#get(block, IS_LOOSE) === 1;
    this.#set(block, IS_LOOSE, 0);
    return isLoose;
  }

  // ── Fields ─────────────────────────────────────────────────────────────────────────────────

  timeOf(record: number): number {
    return this.#wheel.timeOf(record);
  }

  /** A record has been given room for an expiry. */
  add(block: number, record: number, expireAtMs: number): void {
    this.#set(record, BLOCK_WORD, block);
    this.#set(block, COUNT, this.#get(block, COUNT) + 1);
    this.#wheel.setTime(record, expireAtMs);
    this.link(record);
  }

  /** Puts a record that has its time into the wheel. */
  link(record: number): void {
    this.#wheel.add(this.#roots.wheel, record);
    this.#onAdded(this.#wheel.timeOf(record));
  }

  isLinked(record: number): boolean {
    return this.#get(record, PREVIOUS) !== 0;
  }

  /** Takes the record out of the wheel, if it is in it. */
  unlink(record: number): void {
    if (!this.isLinked(record)) return;
    this.#wheel.remove(this.#roots.wheel, record);
    this.#set(record, PREVIOUS, 0);
  }

  setTime(record: number, expireAtMs: number): void {
    this.unlink(record);
    this.#wheel.setTime(record, expireAtMs);
    this.link(record);
  }

  /** The record loses its expiry, or goes. */
  remove(block: number, record: number): void {
    this.unlink(record);
    this.#set(block, COUNT, this.#get(block, COUNT) - 1);
  }

  /** `record` is a copy of one that it has replaced. */
  moved(record: number): void {
    if (this.isLinked(record)) this.#wheel.moved(this.#roots.wheel, record);
  }

  /** A field that has expired, of a hash that a key has; 0 where there is none, or the wheel's budget has run out. */
  due(nowMs: number): number {
    const root = this.#roots.wheel;
    if (root === 0) return 0;
    for (;;) {
      const record = this.#wheel.due(root, nowMs - 1);
      if (record === 0 || this.#hasKey(record)) return record;
      this.unlink(record);
      this.#set(this.#blockOf(record), IS_LOOSE, 1);
    }
  }

  #hasKey(record: number): boolean {
    const block = this.#blockOf(record);
    return this.#get(block, ENTRY) !== 0 && this.#get(this.#get(block, DOMAIN), INDEX) >= 0;
  }

  /** A time no later than when the next field expires; Infinity if none does. */
  get nextMs(): number {
    const root = this.#roots.wheel;
    return root === 0 ? Number.POSITIVE_INFINITY : this.#wheel.nextMs(root);
  }

  /** The entry of the key that has the record's hash. */
  entryOf(record: number): number {
    return this.#get(this.#blockOf(record), ENTRY);
  }

  databaseOf(record: number): number {
    return this.#get(this.#get(this.#blockOf(record), DOMAIN), INDEX);
  }

  #blockOf(record: number): number {
    return this.#get(record, BLOCK_WORD);
  }

  #get(ref: number, word: number): number {
    return this.#heap.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #set(ref: number, word: number, value: number): void {
    this.#heap.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }

  // ── Checking ───────────────────────────────────────────────────────────────────────────────

  /** Records that `checkField` has seen in the wheel, and hashes by their domains. */
  readonly #linked = new Set<number>();
  readonly #hashes = new Map<number, number>();

  /** Asserts what holds for the block of a hash with so many fields that expire. `entry`: 0 for one that is being freed. */
  checkBlock(block: number, entry: number, fields: number): void {
    assert(this.#get(block, ENTRY) === entry, "the block of a hash names its entry");
    const domain = this.#get(block, DOMAIN);
    assert((domain !== 0) === (entry !== 0), "a hash that a key has has a domain");
    if (domain !== 0) this.#hashes.set(domain, (this.#hashes.get(domain) ?? 0) + 1);
    if (entry === 0) return;
    assert(this.#get(block, COUNT) === fields && fields > 0, "fields of a hash that expire");
  }

  checkField(block: number, record: number): void {
    assert(this.#blockOf(record) === block, "a field that expires names the block of its hash");
    if (this.isLinked(record)) this.#linked.add(record);
    else
      assert(
        this.#get(block, ENTRY) === 0 || this.#get(block, IS_LOOSE) === 1,
        "a field in the wheel",
      );
  }

  /** To be called when all hashes have been checked. */
  check(owns: (block: number) => void): void {
    const roots = this.#roots;
    for (let index = 0; index < roots.databases; index++) {
      const domain = roots.domain(index);
      if (domain === 0) continue;
      assert(this.#get(domain, INDEX) === index, "a domain names its database");
      const hashes = this.#hashes.get(domain) ?? 0;
      assert(this.#get(domain, HASHES) === hashes, "a domain counts its hashes");
      this.#hashes.delete(domain);
      owns(domain);
    }
    for (const [domain, hashes] of this.#hashes) {
      assert(this.#get(domain, INDEX) === -1, "the domain of a flushed database");
      assert(this.#get(domain, HASHES) === hashes, "a domain counts its hashes");
      owns(domain);
    }
    if (roots.wheel !== 0) {
      owns(roots.wheel);
      this.#wheel.check(roots.wheel, (record) => {
        assert(this.#linked.delete(record), "a record of the wheel is a field with expiry");
      });
    }
    assert(this.#linked.size === 0, "a field that expires is in the wheel");
    this.#hashes.clear();
  }
}

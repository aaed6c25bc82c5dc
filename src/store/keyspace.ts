/**
 * What all databases of a server share: the heap and the structures in it, the clocks, the
 * counters, and the queue of what is freed later.
 *
 * The roots of the databases stand in shared memory beside the heap, 4 words each:
 *   0 table | 1 timing wheel (0: no key has an expiry yet) | 2, 3 unused
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { Hash } from "../base/key-hash.ts";
import type { Random } from "../base/random.ts";
import { Heap, SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import { Chain, LINKED, NODES_FREED_AT_ONCE } from "../memory/quicklist.ts";
import { META_WORD, VALUE_WORD } from "../memory/record.ts";
import { Table } from "../memory/table.ts";
import { TimingWheel } from "../memory/timing-wheel.ts";
import { Database } from "./database.ts";
import { ENCODING_MASK, hasExpiry, LIST, MARK, TYPE_MASK } from "./entry.ts";
import type { Walk } from "./walk.ts";

const ROOT_WORDS = 4;
const TABLE = 0;
const WHEEL = 1;

/** A table that is being freed bucket by bucket. */
interface DoomedTable {
  readonly root: number;
  bucket: number;
}

export interface KeyspaceOptions {
  readonly databases: number;
  readonly segments: number;
  readonly clock: Clock;
  readonly random: Random;
  /** With a secret key, where clients choose the names of keys; by default one from `random`. */
  readonly hash?: Hash;
}

export class Keyspace {
  readonly segments: number;
  readonly heap: Heap;
  readonly hash: Hash;
  readonly table: Table;
  readonly wheel: TimingWheel;
  readonly chain: Chain;
  readonly clock: Clock;
  readonly random: Random;
  readonly databases: Database[] = [];

  /** Keys found and not found by reading commands, keys removed because their time had come. */
  hits = 0;
  misses = 0;
  expired = 0;
  /** Whether lookups set the access clock (CLIENT NO-TOUCH). */
  touching = true;
  /** The access clock: seconds, 24 bits, as in an entry's meta. */
  accessClock = 0;
  /** The walk under way; it wants to see entries before they change. */
  walk: Walk | null = null;
  /** The mark of entries that the walk has passed or need not see: MARK or 0. */
  mark = 0;
  /** No key expires: what is loaded says itself what has expired. */
  frozen = false;
  /** Keys whose time has come are not there, but are removed only when the primary says so. */
  keepsExpired = false;
  /** Told of each key that is removed because its time had come, before it is. */
  onExpired: ((db: Database, ref: number) => void) | null = null;
  /** Told of each key that is added; its value may not have been written yet. */
  onAdded: ((db: Database, ref: number) => void) | null = null;
  /** Told of each key that a reading command did not find. */
  onMissed: ((db: Database, key: Uint8Array, offset: number, length: number) => void) | null = null;
  /** Told of an expiry that comes before `plannedExpiryMs`. */
  onSooner: ((expireAtMs: number) => void) | null = null;
  /** When keys that expire are next looked for. */
  plannedExpiryMs = Number.NEGATIVE_INFINITY;

  readonly #roots: Int32Array;
  readonly #doomedTables: DoomedTable[] = [];
  /** Words of LINKED chains that are being freed node by node. */
  readonly #doomedChains: number[] = [];
  readonly #bucket: number[] = [];

  constructor(options: KeyspaceOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.segments = options.segments;
    this.heap = new Heap(options.segments);
    this.hash = options.hash ?? new Hash(options.random.int32(), options.random.int32());
    this.table = new Table(this.heap, this.hash);
    this.wheel = new TimingWheel(this.heap);
    this.chain = new Chain(this.heap);
    this.#roots = new Int32Array(new SharedArrayBuffer(options.databases * ROOT_WORDS * 4));
    for (let i = 0; i < options.databases; i++) {
      this.#roots[i * ROOT_WORDS + TABLE] = this.table.create();
      this.databases.push(new Database(this, i));
    }
    this.refreshAccessClock();
  }

  /** An empty keyspace whose data this one can take over. */
  createLike(): Keyspace {
    const { clock, databases, hash, random, segments } = this;
    return new Keyspace({ clock, databases: databases.length, hash, random, segments });
  }

  /** Takes the data of a keyspace over that `createLike` made, in place of its own. */
  adopt(other: Keyspace): void {
    assert(this.walk === null && other.walk === null, "no walk is under way");
    this.heap.adopt(other.heap);
    this.#roots.set(other.#roots);
    this.#doomedTables.length = 0;
    this.#doomedChains.length = 0;
    this.mark = other.mark;
  }

  beginWalk(walk: Walk): void {
    assert(this.walk === null, "one walk at a time");
    this.mark ^= MARK;
    this.walk = walk;
  }

  endWalk(): void {
    this.walk = null;
  }

  refreshAccessClock(): void {
    this.accessClock = Math.floor(this.clock.nowMs / 1000) & 0xffffff;
  }

  tableRoot(index: number): number {
    return this.#roots[index * ROOT_WORDS + TABLE]!;
  }

  /** The database's timing wheel, or 0. */
  wheelRoot(index: number): number {
    return this.#roots[index * ROOT_WORDS + WHEEL]!;
  }

  createWheel(index: number): number {
    const root = this.wheel.create(this.clock.nowMs);
    this.#roots[index * ROOT_WORDS + WHEEL] = root;
    return root;
  }

  /** Exchanges the contents of two databases. */
  swap(a: number, b: number): void {
    for (let word = 0; word < ROOT_WORDS; word++) {
      const kept = this.#roots[a * ROOT_WORDS + word]!;
      this.#roots[a * ROOT_WORDS + word] = this.#roots[b * ROOT_WORDS + word]!;
      this.#roots[b * ROOT_WORDS + word] = kept;
    }
  }

  /** Empties one database at once; its memory comes back in slices. */
  flush(index: number): void {
    const root = this.tableRoot(index);
    const count = this.table.count(root);
    if (count === 0) return;
    if (this.walk === null && count === this.keyCount()) {
      this.flushAll();
      return;
    }
    const empty = this.table.create();
    const wheel = this.wheelRoot(index);
    if (wheel !== 0) this.wheel.destroy(wheel);
    this.#roots[index * ROOT_WORDS + WHEEL] = 0;
    this.#doomedTables.push({ root, bucket: 0 });
    this.#roots[index * ROOT_WORDS + TABLE] = empty;
  }

  /** Empties every database: the heap starts anew, which takes no walk over the keys. */
  flushAll(): void {
    if (this.walk !== null) {
      for (const { index } of this.databases) this.flush(index);
      return;
    }
    this.heap.reset();
    this.#doomedTables.length = 0;
    this.#doomedChains.length = 0;
    this.#roots.fill(0);
    for (let i = 0; i < this.databases.length; i++) {
      this.#roots[i * ROOT_WORDS + TABLE] = this.table.create();
    }
  }

  /** Keys in all databases. */
  keyCount(): number {
    let count = 0;
    for (let i = 0; i < this.databases.length; i++) count += this.table.count(this.tableRoot(i));
    return count;
  }

  /** Frees the value of an entry, not the entry; a long list is freed later, in slices. */
  freeValue(ref: number): void {
    const words = this.heap.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const meta = words[w + META_WORD]!;
    if ((meta & TYPE_MASK) !== LIST) return;
    const { chain } = this;
    chain.open(words[w + VALUE_WORD]!, meta & ENCODING_MASK);
    if (!chain.destroySome(NODES_FREED_AT_ONCE)) {
      this.#doomedChains.push(chain.closeLinked());
    }
  }

  get reaping(): boolean {
    return (this.#doomedTables.length > 0 && this.walk === null) || this.#doomedChains.length > 0;
  }

  /** Frees a slice of what waits to be freed, about `blocks` blocks. */
  reap(blocks: number): void {
    let left = blocks;
    while (left > 0 && this.#doomedChains.length > 0) {
      const last = this.#doomedChains.length - 1;
      this.chain.open(this.#doomedChains[last]!, LINKED);
      if (this.chain.destroySome(left)) this.#doomedChains.pop();
      else this.chain.closeLinked();
      left -= 64;
    }
    // A walk may still have to read the entries of a flushed table.
    while (left > 0 && this.walk === null && this.#doomedTables.length > 0) {
      const doomed = this.#doomedTables[0]!;
      if (doomed.bucket === this.table.bucketCount(doomed.root)) {
        this.table.destroy(doomed.root);
        this.#doomedTables.shift();
        continue;
      }
      const n = this.table.readBucket(doomed.root, doomed.bucket, this.#bucket);
      for (let i = 0; i < n; i++) {
        this.freeValue(this.#bucket[i]!);
        this.heap.free(this.#bucket[i]!);
      }
      this.table.clearBucket(doomed.root, doomed.bucket++);
      left -= n + 1;
    }
  }

  /** Walks allocator, tables, wheels and values, and asserts that every block has one owner. */
  check(): void {
    const seen = new Set<number>();
    let blocks = 0;
    const visitEntry = (ref: number) => {
      assert(!seen.has(ref), "an entry is in one table only");
      seen.add(ref);
      blocks++;
      const words = this.heap.words[ref >>> SEGMENT_SHIFT]!;
      const w = (ref & UNIT_MASK) << 1;
      const meta = words[w]!;
      if ((meta & TYPE_MASK) === LIST) {
        this.chain.open(words[w + VALUE_WORD]!, meta & ENCODING_MASK);
        assert(this.chain.length > 0, "no list is empty");
        blocks += this.chain.check();
      }
    };
    for (let i = 0; i < this.databases.length; i++) {
      const expiring = new Set<number>();
      const ofTable = this.table.check(this.tableRoot(i), (ref) => {
        visitEntry(ref);
        const w = (ref & UNIT_MASK) << 1;
        if (hasExpiry(this.heap.words[ref >>> SEGMENT_SHIFT]![w]!)) expiring.add(ref);
      });
      blocks += ofTable;
      if (this.wheelRoot(i) !== 0) {
        blocks++;
        this.wheel.check(this.wheelRoot(i), (ref) => {
          assert(expiring.delete(ref), "a record of the wheel is an entry with expiry");
        });
      }
      assert(expiring.size === 0, "an entry with expiry is in the wheel");
    }
    for (const doomed of this.#doomedTables) {
      const ofTable = this.table.check(doomed.root, visitEntry);
      blocks += ofTable;
    }
    for (const word of this.#doomedChains) {
      this.chain.open(word, LINKED);
      blocks += this.chain.check();
    }
    const live = this.heap.check();
    assert(live === blocks, `the heap has ${live} blocks, the keyspace ${blocks}`);
  }
}

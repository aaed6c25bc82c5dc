/**
 * What all databases share: the heap and the structures in it, clocks, counters, hooks, and the walk
 * that is under way. A database and the value types see this much; keyspace.ts puts it together.
 *
 * The roots of the databases lie in shared memory beside the heap, 4 words each:
 *   0 table | 1 timing wheel (0: no key has an expiry yet) | 2 domain of fields that expire | 3 unused
 * Behind them is the root of the wheel for fields of hashes that expire (field-expiry.ts).
 */
import type { Clock } from "../base/clock.ts";
import { Hash } from "../base/key-hash.ts";
import type { Random } from "../base/random.ts";
import { useHugePages } from "../base/system-memory.ts";
import { Heap, SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import { Table } from "../memory/table.ts";
import { TimingWheel } from "../memory/timing-wheel.ts";
import { typeNumber } from "./entry.ts";
import { FieldExpiry } from "./field-expiry.ts";
import { noHooks } from "./hooks.ts";
import { Reaper } from "./reaper.ts";
import { ValueGuards } from "./value-guards.ts";
import type { ValueType } from "./value-type.ts";

export const ROOT_WORDS = 4;
/** A server with so little data takes no huge page. */
const SMALL_BYTES = 4 << 20;
export const TABLE = 0;
export const WHEEL = 1;
const DOMAIN = 2;

export interface SpaceOptions {
  readonly databases: number;
  readonly segments: number;
  readonly clock: Clock;
  readonly random: Random;
  /** With a secret key, where clients choose the names of keys; by default one from `random`. */
  readonly hash?: Hash;
}

/** The walk over all entries, as a database sees it (walk.ts). */
export interface EntryGuard {
  /** The entry of the table at `root` is about to change. */
  beforeChange(root: number, ref: number): void;
}

export class Space {
  readonly segments: number;
  readonly heap: Heap;
  readonly hash: Hash;
  readonly table: Table;
  readonly wheel: TimingWheel;
  readonly clock: Clock;
  readonly random: Random;
  readonly fields: FieldExpiry;
  readonly hooks = noHooks();
  readonly guards = new ValueGuards();
  readonly reaper: Reaper;
  /** The types by their number in an entry's meta; set once, by the keyspace. */
  types: readonly ValueType[] = [];

  /** Keys found and not found by reading commands, keys removed because they had expired. */
  hits = 0;
  misses = 0;
  expired = 0;
  /** Fields of hashes removed because they had expired. */
  expiredFields = 0;
  /** Whether look-ups set the access clock (CLIENT NO-TOUCH). */
  touching = true;
  /** The access clock: seconds, 24 bits, as in an entry's meta. */
  accessClock = 0;
  /** The walk under way; it is told of entries before they change. */
  walk: EntryGuard | null = null;
  /** The mark of entries that the walk has passed or need not see: MARK or 0. */
  mark = 0;
  /** Nothing expires: the file or the primary sends a DEL for each expired key. */
  expiryPaused = false;
  /** Expired keys are reported missing but are not deleted: a replica waits for the primary's DEL. */
  hidesExpired = false;
  /** When expired keys are next looked for, in ms. */
  plannedExpiryMs = Number.NEGATIVE_INFINITY;

  protected readonly roots: Int32Array;

  constructor(options: SpaceOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.segments = options.segments;
    this.heap = new Heap(options.segments, (segment, index) => {
      useHugePages(segment, index === 0 ? SMALL_BYTES : 0);
    });
    this.hash = options.hash ?? new Hash(options.random.int32(), options.random.int32());
    this.table = new Table(this.heap, this.hash);
    this.wheel = new TimingWheel(this.heap);
    this.reaper = new Reaper({
      heap: this.heap,
      table: this.table,
      isWalking: () => this.walk !== null,
      freeValue: (ref) => this.freeValue(ref),
    });
    const words = options.databases * ROOT_WORDS + 1;
    const roots = new Int32Array(new SharedArrayBuffer(words * 4));
    this.roots = roots;
    this.fields = new FieldExpiry(
      this.heap,
      this.wheel,
      {
        databases: options.databases,
        get wheel() {
          return roots[words - 1]!;
        },
        set wheel(root) {
          roots[words - 1] = root;
        },
        domain: (index) => roots[index * ROOT_WORDS + DOMAIN]!,
        setDomain: (index, domain) => {
          roots[index * ROOT_WORDS + DOMAIN] = domain;
        },
      },
      () => this.wheel.create(this.clock.nowMs),
      (expireAtMs) => {
        if (expireAtMs < this.plannedExpiryMs) this.hooks.expiresSooner?.(expireAtMs);
      },
    );
  }

  tableRoot(index: number): number {
    return this.roots[index * ROOT_WORDS + TABLE]!;
  }

  /** The database's timing wheel, or 0. */
  wheelRoot(index: number): number {
    return this.roots[index * ROOT_WORDS + WHEEL]!;
  }

  createWheel(index: number): number {
    const root = this.wheel.create(this.clock.nowMs);
    this.roots[index * ROOT_WORDS + WHEEL] = root;
    return root;
  }

  typeAt(ref: number): ValueType {
    const words = this.heap.words[ref >>> SEGMENT_SHIFT]!;
    return this.types[typeNumber(words[(ref & UNIT_MASK) << 1]!)]!;
  }

  /** Frees the value of an entry, not the entry; a long value is freed later, in slices. */
  freeValue(ref: number): void {
    const type = this.typeAt(ref);
    const rest = type.free(ref);
    if (rest !== 0) this.reaper.addValue(type, rest, this.guards.of(rest));
  }
}

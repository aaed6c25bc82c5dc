/**
 * Lazy free: frees flushed tables and long values in slices, between other work. A table waits while
 * a walk over the keyspace may still read its entries, a value while a walk reads it.
 */
import type { Heap } from "../memory/heap.ts";
import type { Table } from "../memory/table.ts";
import type { ValueType, ValueWalk } from "./value-type.ts";

/** A table that is freed bucket by bucket. */
interface FlushedTable {
  readonly root: number;
  bucket: number;
}

/** The rest of a value that is being freed. */
interface ValueRest {
  readonly type: ValueType;
  rest: number;
  /** Reads the value still; null if nobody does. */
  readonly guard: ValueWalk | null;
}

export interface ReaperOptions {
  readonly heap: Heap;
  readonly table: Table;
  /** Whether a walk over the keyspace is under way. */
  readonly isWalking: () => boolean;
  /** Frees the value of an entry, or adds it here. */
  readonly freeValue: (ref: number) => void;
}

export class Reaper {
  readonly #options: ReaperOptions;
  readonly #tables: FlushedTable[] = [];
  readonly #values: ValueRest[] = [];
  readonly #bucket: number[] = [];
  /** Tables and values freed since the start or the last CONFIG RESETSTAT. */
  freed = 0;

  constructor(options: ReaperOptions) {
    this.#options = options;
  }

  addTable(root: number): void {
    this.#tables.push({ root, bucket: 0 });
  }

  addValue(type: ValueType, rest: number, guard: ValueWalk | null): void {
    this.#values.push({ type, rest, guard });
  }

  /** Whether anything can be freed now. */
  get hasWork(): boolean {
    return this.#nextValue() >= 0 || (this.#tables.length > 0 && !this.#options.isWalking());
  }

  /** How many tables and values wait to be freed. */
  get pending(): number {
    return this.#tables.length + this.#values.length;
  }

  /** Forgets everything: the heap has been emptied. */
  clear(): void {
    this.freed += this.pending;
    this.#tables.length = 0;
    this.#values.length = 0;
  }

  /** Frees about `blocks` blocks. */
  freeSome(blocks: number): void {
    const { heap, table } = this.#options;
    let left = blocks;
    for (let i = this.#nextValue(); i >= 0 && left > 0; i = this.#nextValue()) {
      const value = this.#values[i]!;
      value.rest = value.type.freeMore(value.rest, left);
      if (value.rest !== 0) return;
      this.#values[i] = this.#values.at(-1)!;
      this.#values.pop();
      this.freed++;
      left -= blocks >> 2;
    }
    while (left > 0 && this.#tables.length > 0 && !this.#options.isWalking()) {
      const flushed = this.#tables[0]!;
      if (flushed.bucket === table.bucketCount(flushed.root)) {
        table.destroy(flushed.root);
        this.#tables.shift();
        this.freed++;
        continue;
      }
      const n = table.readBucket(flushed.root, flushed.bucket, this.#bucket);
      for (let i = 0; i < n; i++) {
        this.#options.freeValue(this.#bucket[i]!);
        heap.free(this.#bucket[i]!);
      }
      table.clearBucket(flushed.root, flushed.bucket++);
      left -= n + 1;
    }
  }

  /** The index of a value that may be freed now, or -1. */
  #nextValue(): number {
    const values = this.#values;
    for (let i = values.length - 1; i >= 0; i--) {
      const { guard } = values[i]!;
      if (guard === null || guard.hasEnded) return i;
    }
    return -1;
  }

  check(visitEntry: (ref: number) => void, owns: (block: number) => void): void {
    for (const { root } of this.#tables) this.#options.table.check(root, visitEntry, owns);
    for (const { rest, type } of this.#values) type.checkRest(rest, owns);
  }
}

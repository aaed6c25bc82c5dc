/**
 * Reads the records of a table as they are at one moment, in slices, while records come and go.
 *
 * What
 *   The walk reads buckets by scan cursor. Counted in reversed bits, the cursor only ever grows, and so
 *   it divides all hashes in those that have been read and those that have not, whatever the table
 *   looks like now. As the table's guard the walk is told of each record that comes or goes. A record
 *   that goes before it was read is not copied: the walk reads it later and then frees it. A record
 *   that comes where the walk has yet to read is noted, and passed by.
 *
 * Rule
 *   While a walk is under way, a record is never changed in place: its owner makes another one and puts
 *   it in the old one's place (member-table.ts).
 */
import type { BlockGuard } from "./block-guard.ts";
import type { Heap } from "./heap.ts";
import type { Table } from "./table.ts";

/** The bits of a hash in reversed order, as a number from 0 to 2^32 - 1. */
function reversed(hash: number): number {
  let v = hash;
  v = ((v >>> 1) & 0x55555555) | ((v & 0x55555555) << 1);
  v = ((v >>> 2) & 0x33333333) | ((v & 0x33333333) << 2);
  v = ((v >>> 4) & 0x0f0f0f0f) | ((v & 0x0f0f0f0f) << 4);
  v = ((v >>> 8) & 0x00ff00ff) | ((v & 0x00ff00ff) << 8);
  return ((v >>> 16) | (v << 16)) >>> 0;
}

const END = 2 ** 32;

export class TableWalk implements BlockGuard {
  readonly #heap: Heap;
  readonly #table: Table;
  readonly #root: number;
  #cursor = 0;
  /** Hashes below this, in reversed bits, have been read. */
  #position = 0;
  /** Records that came after the beginning, where the walk has yet to read. */
  readonly #added = new Set<number>();
  /** Records that left the table before they were read, and roots that lost their owner: the walk's to free. */
  readonly #owned = new Set<number>();
  readonly #bucket: number[] = [];
  #ownsRoot = false;
  hasEnded = false;
  readonly keptBytes = 0;
  /** Records at the beginning, and how many of them are still to be read. */
  readonly count: number;
  left: number;

  constructor(heap: Heap, table: Table, root: number) {
    this.#heap = heap;
    this.#table = table;
    this.#root = root;
    this.count = table.count(root);
    this.left = this.count;
  }

  get isAtEnd(): boolean {
    return this.left === 0;
  }

  /** Hands some records to `visit`, those of one bucket or one that has left the table. */
  readSome(visit: (record: number) => void): void {
    for (const record of this.#owned) {
      this.left--;
      visit(record);
      this.#owned.delete(record);
      this.#heap.free(record);
      return;
    }
    if (this.#position === END) return;
    const n = this.#table.readCursor(this.#root, this.#cursor, this.#bucket, 0);
    for (let i = 0; i < n; i++) {
      const record = this.#bucket[i]!;
      if (this.#added.delete(record)) continue;
      // Where the table has shrunk, a bucket has records that were read already.
      if (reversed(this.#table.hashOf(record)) < this.#position) continue;
      this.left--;
      visit(record);
    }
    this.#cursor = this.#table.nextCursor(this.#root, this.#cursor);
    this.#position = this.#cursor === 0 ? END : reversed(this.#cursor);
  }

  added(record: number): void {
    if (!this.#isRead(record)) this.#added.add(record);
  }

  takes(record: number): boolean {
    if (this.hasEnded || this.#added.delete(record) || this.#isRead(record)) return false;
    this.#owned.add(record);
    return true;
  }

  #isRead(record: number): boolean {
    return reversed(this.#table.hashOf(record)) < this.#position;
  }

  takesRoot(): void {
    this.#ownsRoot = true;
  }

  beforeChange(): void {}
  beforeRelink(): void {}

  end(): void {
    if (this.hasEnded) return;
    this.hasEnded = true;
    for (const record of this.#owned) this.#heap.free(record);
    this.#owned.clear();
    this.#added.clear();
    if (this.#ownsRoot) this.#table.destroy(this.#root);
  }

  check(owns: (block: number) => void): void {
    for (const record of this.#owned) owns(record);
    if (this.#ownsRoot && !this.hasEnded) this.#table.check(this.#root, () => {}, owns);
  }
}

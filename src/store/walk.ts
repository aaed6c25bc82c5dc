/**
 * A walk over every entry as it was when the walk began, in slices, while commands go on.
 *
 * What
 *   Each entry has a mark, one bit of its meta. A walk begins by turning over the keyspace's mark:
 *   from then on, entries whose mark differs are those that the walk has still to visit, and new
 *   entries are made with the new mark, so the walk passes them by. A write to an entry that was not
 *   yet visited hands it over first, in its old state. So what is visited is exactly the state at the
 *   beginning, each entry once, at the cost of one test for a write and of no copy of the data.
 *
 *   A long value is not read at its visit. The visitor asks for a `ValueWalk`, which reads the value
 *   in slices, and `guards` has it told of changes from then on. The walk is over when all entries
 *   have been visited and no value is being read.
 *
 *   The tables are read by scan cursor, whose guarantee holds while they grow and shrink: every
 *   entry that stays is met. Flushed tables are kept until the walk is over.
 */
import { SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import { MARK } from "./entry.ts";
import type { Keyspace } from "./keyspace.ts";
import type { EntryGuard } from "./space.ts";
import type { ValueWalk } from "./value-type.ts";

/** `index`: the database that the entry was in when the walk began. */
export type EntryVisitor = (index: number, ref: number) => void;

interface WalkedTable {
  readonly index: number;
  readonly root: number;
}

export class Walk implements EntryGuard {
  readonly #space: Keyspace;
  #visit: EntryVisitor;
  readonly #tables: WalkedTable[] = [];
  /** The table being read, and where in it. */
  #table = 0;
  #cursor = 0;
  readonly #refs: number[] = [];
  /** Entries visited. */
  visited = 0;
  /** Entries there were. */
  readonly total: number;
  /** All entries have been visited. */
  done = false;

  constructor(space: Keyspace, visit: EntryVisitor) {
    this.#space = space;
    this.#visit = visit;
    for (const { index } of space.databases) {
      const root = space.tableRoot(index);
      if (space.table.count(root) > 0) this.#tables.push({ index, root });
    }
    this.total = space.keyCount();
    space.beginWalk(this);
  }

  /** Visits about `entries` entries; returns whether all have been visited. */
  advance(entries: number): boolean {
    const { table } = this.#space;
    let left = entries;
    while (left > 0 && !this.done) {
      const walked = this.#tables[this.#table];
      if (walked === undefined) {
        this.done = true;
        this.#endIfOver();
        break;
      }
      const n = table.readCursor(walked.root, this.#cursor, this.#refs, 0);
      for (let i = 0; i < n; i++) this.#meet(walked.index, this.#refs[i]!);
      this.#cursor = table.nextCursor(walked.root, this.#cursor);
      if (this.#cursor === 0) this.#table++;
      left -= n + 1;
    }
    return this.done;
  }

  beforeChange(root: number, ref: number): void {
    for (const walked of this.#tables) {
      if (walked.root === root) this.#meet(walked.index, ref);
    }
  }

  /** The value is read in slices from now on. `valueWord` names it. */
  beginValue(valueWord: number, walk: ValueWalk): void {
    this.#space.guards.begin(valueWord, walk);
  }

  /** The value has been read, or nobody wants the rest of it. */
  endValue(valueWord: number): void {
    this.#space.guards.end(valueWord);
    this.#endIfOver();
  }

  /** Entries and tables stay guarded until the last value has been read. */
  #endIfOver(): void {
    if (this.done && this.#space.guards.count === 0 && this.#space.walk === this) {
      this.#space.endWalk();
    }
  }

  /** Nobody wants the entries any more. The walk still goes on to its end, for the marks. */
  ignoreRest(): void {
    this.#visit = () => {};
  }

  #meet(index: number, ref: number): void {
    const { heap, mark } = this.#space;
    const words = heap.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    if ((words[w]! & MARK) === mark) return;
    this.#visit(index, ref);
    words[w] = (words[w]! & ~MARK) | mark;
    this.visited++;
  }
}

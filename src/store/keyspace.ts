/** All databases of a server, with what they share (space.ts). */
import { assert } from "../base/assert.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import { Database } from "./database.ts";
import { hasExpiry, MARK } from "./entry.ts";
import { type EntryGuard, ROOT_WORDS, Space, type SpaceOptions, TABLE, WHEEL } from "./space.ts";
import type { Hashes } from "./types/hashes.ts";
import { createTypes, type Types } from "./types/index.ts";
import type { Lists } from "./types/lists.ts";
import type { Sets } from "./types/sets.ts";
import type { SortedSets } from "./types/sorted-sets.ts";
import type { Strings } from "./types/strings.ts";
import { byTypeNumber, type ValueType } from "./value-type.ts";

export class Keyspace extends Space {
  readonly databases: Database[] = [];
  readonly strings: Strings;
  readonly lists: Lists;
  readonly sortedSets: SortedSets;
  readonly sets: Sets;
  readonly hashes: Hashes;

  constructor(options: SpaceOptions) {
    super(options);
    const types: Types = createTypes(this);
    this.types = byTypeNumber<ValueType>(types);
    this.strings = types.string;
    this.lists = types.list;
    this.sortedSets = types.zset;
    this.sets = types.set;
    this.hashes = types.hash;
    for (let i = 0; i < options.databases; i++) {
      this.roots[i * ROOT_WORDS + TABLE] = this.table.create();
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
    this.roots.set(other.roots);
    this.reaper.clear();
    this.mark = other.mark;
  }

  beginWalk(walk: EntryGuard): void {
    assert(this.walk === null, "one walk at a time");
    this.mark ^= MARK;
    this.walk = walk;
  }

  endWalk(): void {
    assert(this.guards.count === 0, "no value is being read");
    this.walk = null;
  }

  refreshAccessClock(): void {
    this.accessClock = Math.floor(this.clock.nowMs / 1000) & 0xffffff;
  }

  /** Exchanges the contents of two databases. */
  swap(a: number, b: number): void {
    for (let word = 0; word < ROOT_WORDS; word++) {
      const kept = this.roots[a * ROOT_WORDS + word]!;
      this.roots[a * ROOT_WORDS + word] = this.roots[b * ROOT_WORDS + word]!;
      this.roots[b * ROOT_WORDS + word] = kept;
    }
    this.fields.swapped(a, b);
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
    this.fields.flushing(index);
    const wheel = this.wheelRoot(index);
    if (wheel !== 0) this.wheel.destroy(wheel);
    this.roots[index * ROOT_WORDS + WHEEL] = 0;
    this.reaper.addTable(root);
    this.roots[index * ROOT_WORDS + TABLE] = empty;
  }

  /** Empties every database: the heap starts anew, which takes no walk over the keys. */
  flushAll(): void {
    if (this.walk !== null) {
      for (const { index } of this.databases) this.flush(index);
      return;
    }
    this.heap.reset();
    this.reaper.clear();
    this.roots.fill(0);
    for (let i = 0; i < this.databases.length; i++) {
      this.roots[i * ROOT_WORDS + TABLE] = this.table.create();
    }
  }

  /** Removes fields of one hash that have expired; `wheel.budget` bounds the work. Returns false where there are none. */
  expireFields(): boolean {
    const record = this.fields.due(this.clock.nowMs);
    if (record === 0) return false;
    const db = this.databases[this.fields.databaseOf(record)]!;
    this.hashes.expireDue(db, this.fields.entryOf(record), record);
    return true;
  }

  /** Keys in all databases. */
  keyCount(): number {
    let count = 0;
    for (let i = 0; i < this.databases.length; i++) count += this.table.count(this.tableRoot(i));
    return count;
  }

  /** Walks allocator, tables, wheels and values, and asserts that every block has exactly one owner. */
  check(): void {
    const owned = new Set<number>();
    const owns = (block: number) => {
      assert(!owned.has(block), `block ${block >>> 0} has one owner`);
      owned.add(block);
    };
    const visitEntry = (ref: number) => {
      owns(ref);
      this.typeAt(ref).check(ref, owns);
    };
    for (let i = 0; i < this.databases.length; i++) {
      const expiring = new Set<number>();
      const root = this.tableRoot(i);
      const visit = (ref: number, hash: number) => {
        assert(this.table.hashOf(ref) === hash, "a slot has the hash of its key");
        visitEntry(ref);
        const w = (ref & UNIT_MASK) << 1;
        if (hasExpiry(this.heap.words[ref >>> SEGMENT_SHIFT]![w]!)) expiring.add(ref);
      };
      this.table.check(root, visit, owns);
      if (this.wheelRoot(i) !== 0) {
        owns(this.wheelRoot(i));
        this.wheel.check(this.wheelRoot(i), (ref) => {
          assert(expiring.delete(ref), "a record of the wheel is an entry with expiry");
        });
      }
      assert(expiring.size === 0, "an entry with expiry is in the wheel");
    }
    this.reaper.check(visitEntry, owns);
    this.guards.check(owns);
    this.fields.check(owns);
    const live = this.heap.check((ref) =>
      assert(owned.has(ref), `block ${ref >>> 0} has an owner`),
    );
    assert(live === owned.size, `the heap has ${live} blocks, the keyspace ${owned.size}`);
  }
}

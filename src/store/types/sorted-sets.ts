/**
 * Sorted sets.
 *
 *   encoding bits PACKED (0): the ref of packed entries (memory/packed.ts): member, score, member,
 *                             score, … in the order of the set
 *                 RANKED (1): the root of a table of members (memory/member-table.ts), whose owner's
 *                             word is the root of a ranked tree of the same records
 *
 *   A record has the score in its two words. The order is by score, then by the member's bytes.
 *   While a set is being built in bulk its table has no tree: the owner's word is 0.
 *
 *   A packed score is an integer where it is whole and below 2^62, else its shortest text. As in
 *   Redis, that makes 0 of -0; a record keeps -0.
 */
import { RankedBulk } from "../../memory/ranked-bulk.ts";
import { TableWalk } from "../../memory/table-walk.ts";
import type { Space } from "../space.ts";
import type { ValueDigest } from "../value-digest.ts";
import type { Entries, Ref, ValueType } from "../value-type.ts";
import { PackedLimit, SortedSet } from "./open-sorted-set.ts";

/** Sets of fewer members are read and freed at once. */
const LONG_FROM = 64;
const CURSORS = 4;

export class SortedSets implements ValueType {
  readonly name = "zset";
  readonly #space: Space;
  readonly limit = new PackedLimit();
  readonly #bulk: RankedBulk;
  readonly #cursors: SortedSet[];
  #next = 0;
  /** For work that no command sees. */
  readonly #own: SortedSet;
  /** For commands that read many sets, one after another, and look up in others meanwhile. */
  readonly firstSource: SortedSet;
  readonly otherSource: SortedSet;
  readonly #copy: SortedSet;

  constructor(space: Space) {
    this.#space = space;
    this.#bulk = new RankedBulk(space.heap);
    this.#cursors = Array.from({ length: CURSORS }, () => this.createCursor());
    this.#own = this.createCursor();
    this.firstSource = this.createCursor();
    this.otherSource = this.createCursor();
    this.#copy = this.createCursor();
  }

  #cursor(): SortedSet {
    return this.#cursors[this.#next++ & (CURSORS - 1)]!;
  }

  /** A cursor on the set, to read. */
  open(ref: Ref): SortedSet {
    const set = this.#cursor();
    set.open(ref);
    return set;
  }

  /** The same, to change it. The entry stays the same until `store`. */
  openToWrite(db: Entries, ref: Ref): SortedSet {
    db.beforeChange(ref);
    const set = this.open(ref);
    set.guard = this.#space.guards.of(set.word);
    return set;
  }

  /** A cursor that stays its caller's. */
  createCursor(): SortedSet {
    return new SortedSet(this.#space, this.limit, this.#bulk);
  }

  /** A new, empty set that no key has yet. */
  create(set = this.#cursor()): SortedSet {
    set.openNew();
    return set;
  }

  /** The cursor for work that no command sees. */
  #at(ref: Ref): SortedSet {
    this.#own.open(ref);
    return this.#own;
  }

  /** A new, empty set for `addBulk`. */
  createBulk(): SortedSet {
    const set = this.#cursor();
    set.openBulk();
    return set;
  }

  encoding(ref: Ref): string {
    return this.#at(ref).isSmall ? "listpack" : "skiplist";
  }

  count(ref: Ref): number {
    return this.#at(ref).length;
  }

  usedBytes(ref: Ref, samples: number): number {
    return this.#at(ref).usedBytes(samples);
  }

  copy(from: Ref, to: Ref): void {
    const copy = this.#copy;
    this.#at(from).copyTo(copy);
    copy.entry = to;
    copy.store();
  }

  free(ref: Ref): number {
    const set = this.#at(ref);
    const { word } = set;
    if (!set.isSmall && (set.length >= LONG_FROM || this.#space.guards.of(word) !== null)) {
      return word;
    }
    set.discard();
    return 0;
  }

  freeMore(rest: number, budget: number): number {
    return this.#own.destroySome(rest, budget) ? 0 : rest;
  }

  walk(ref: Ref): TableWalk | null {
    const set = this.#at(ref);
    if (set.isSmall || set.length < LONG_FROM) return null;
    return new TableWalk(this.#space.heap, set.table.table, set.word);
  }

  digest(ref: Ref, into: ValueDigest): void {
    this.#at(ref).digest(into);
  }

  check(ref: Ref, owns: (block: Ref) => void): void {
    const set = this.#at(ref);
    set.check(owns);
    if (set.length === 0) throw new Error("a sorted set is empty");
  }

  checkRest(rest: number, owns: (block: Ref) => void): void {
    this.#own.openRest(rest);
    this.#own.checkRest(owns);
  }
}

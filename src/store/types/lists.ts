/**
 * Lists: a quicklist (memory/quicklist.ts) whose word is the entry's value word.
 *
 *   encoding bits PACKED (0): the ref of its only node | LINKED (1): the ref of its root
 */
import { Element } from "../../memory/element.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import { LINKED, NODES_FREED_AT_ONCE, NodeLimit, Quicklist } from "../../memory/quicklist.ts";
import { QuicklistWalk } from "../../memory/quicklist-walk.ts";
import { VALUE_WORD } from "../../memory/record.ts";
import { ENCODING_MASK, LIST, NO_EXPIRY } from "../entry.ts";
import type { Space } from "../space.ts";
import type { ValueDigest } from "../value-digest.ts";
import type { Collection, Entries, Ref, ValueType, ValueWalk } from "../value-type.ts";

/** A walk reads lists of more nodes in slices. */
const WALK_NODES_MAX = 2;
const CURSORS = 4;

/** An open list: a cursor on its quicklist. Valid until four more lists are opened. */
export class List extends Quicklist implements Collection {
  readonly #space: Space;
  entry: Ref = 0;
  /** What `read` and `readNext` found. */
  readonly element = new Element();
  /** For an argument that is about to be written. */
  readonly given = new Element();

  constructor(space: Space, limit: NodeLimit) {
    super(space.heap, limit);
    this.#space = space;
  }

  addTo(db: Entries, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    return this.replace(db, 0, key, keyFrom, keyBytes);
  }

  /** Makes a new list the value of a key, whose entry is `present` or 0. Throws OutOfMemory, and is then discarded. */
  replace(db: Entries, present: Ref, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    try {
      const word = this.close();
      this.entry = db.place(present, key, keyFrom, keyBytes, LIST | this.form, 0, NO_EXPIRY);
      this.#setWord(word);
      return this.entry;
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  store(): void {
    this.#setWord(this.close());
  }

  #setWord(word: number): void {
    const words = this.#space.heap.words[this.entry >>> SEGMENT_SHIFT]!;
    const w = (this.entry & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = word;
    words[w] = (words[w]! & ~ENCODING_MASK) | this.form;
  }

  /** Drops `count` elements, fewer than there are, from one end; those of long lists are freed later. */
  drop(count: number, atHead: boolean): void {
    const rest = atHead ? this.trimHead(count) : this.trimTail(count);
    if (rest !== 0) {
      this.#space.reaper.addValue(this.#space.types[LIST >>> 5]!, rest, this.guard as ValueWalk);
    }
  }
}

export class Lists implements ValueType {
  readonly name = "list";
  readonly #space: Space;
  /** `list-max-listpack-size`. */
  readonly limit = new NodeLimit();
  readonly #cursors: List[];
  #next = 0;
  /** For work that no command sees. */
  readonly #own: List;

  constructor(space: Space) {
    this.#space = space;
    this.#cursors = Array.from({ length: CURSORS }, () => new List(space, this.limit));
    this.#own = new List(space, this.limit);
  }

  #cursor(): List {
    return this.#cursors[this.#next++ & (CURSORS - 1)]!;
  }

  /** A cursor on the list, to read. */
  open(ref: Ref): List {
    return this.#openAs(this.#cursor(), ref);
  }

  /** The same, to change it. The entry stays the same until `store`. */
  openToWrite(db: Entries, ref: Ref): List {
    db.beforeChange(ref);
    const list = this.#openAs(this.#cursor(), ref);
    list.guard = this.#space.guards.of(this.#wordOf(ref));
    return list;
  }

  /** A cursor that stays its caller's. */
  createCursor(): List {
    return new List(this.#space, this.limit);
  }

  /** A new, empty list that no key has yet. */
  create(list = this.#cursor()): List {
    list.entry = 0;
    list.openNew();
    return list;
  }

  #openAs(list: List, ref: Ref): List {
    const words = this.#space.heap.words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    list.entry = ref;
    list.open(words[w + VALUE_WORD]!, words[w]! & ENCODING_MASK);
    return list;
  }

  #wordOf(ref: Ref): number {
    return this.#space.heap.words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + VALUE_WORD]!;
  }

  encoding(ref: Ref): string {
    const meta = this.#space.heap.words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
    return (meta & ENCODING_MASK) === LINKED ? "quicklist" : "listpack";
  }

  count(ref: Ref): number {
    return this.#openAs(this.#own, ref).length;
  }

  usedBytes(ref: Ref, samples: number): number {
    return this.#openAs(this.#own, ref).usedBytes(samples);
  }

  copy(from: Ref, to: Ref): void {
    const list = this.#openAs(this.#own, from);
    const word = list.copy();
    const words = this.#space.heap.words[to >>> SEGMENT_SHIFT]!;
    const w = (to & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = word;
    words[w] = (words[w]! & ~ENCODING_MASK) | list.form;
  }

  free(ref: Ref): number {
    const word = this.#wordOf(ref);
    if (this.#space.guards.of(word) !== null) return word;
    const list = this.#openAs(this.#own, ref);
    return list.destroySome(NODES_FREED_AT_ONCE) ? 0 : list.closeLinked();
  }

  freeMore(rest: number, budget: number): number {
    const list = this.#own;
    list.open(rest, LINKED);
    return list.destroySome(budget) ? 0 : list.closeLinked();
  }

  walk(ref: Ref): QuicklistWalk | null {
    const list = this.#openAs(this.#own, ref);
    if (list.form !== LINKED || (list.nodes <= WALK_NODES_MAX && !list.hasLongNode())) return null;
    return new QuicklistWalk(this.#space.heap, list.head, list.nodes, list.length);
  }

  digest(ref: Ref, into: ValueDigest): void {
    const list = this.#openAs(this.#own, ref);
    list.seek(0);
    for (let more = true; more; ) {
      more = list.readNext(list.element);
      into.mixElement(list.element);
    }
  }

  check(ref: Ref, owns: (block: Ref) => void): void {
    const list = this.#openAs(this.#own, ref);
    list.check(owns);
    if (list.length === 0) throw new Error("a list is empty");
  }

  checkRest(rest: number, owns: (block: Ref) => void): void {
    this.#own.open(rest, LINKED);
    this.#own.check(owns);
  }
}

/**
 * Commands that combine sets: intersections, unions and differences.
 *
 * A result is read member by member, without a copy of it: an intersection passes the smallest set and asks
 * the others, a union of few sets asks those before. Tables keep the hashes of their members, so that the
 * members of one are found in another without being hashed again, or even being read.
 */
import type { Keyspace } from "../store/keyspace.ts";
import type { OpenSet, Sets } from "../store/types/sets.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, SET_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { allKeys, type KeySpec, keyAt } from "./spec/key-specs.ts";

/** A longer list of operands is given up with the next command. */
const OPERANDS_KEPT = 1024;
/** Of more sets than this a union is gathered in a set of its own: to ask all sets before takes longer. */
const ASKED_MAX = 4;

/** The sets that a command combines; keys that do not exist are left out. */
class Operands {
  refs = new Int32Array(16);
  count = 0;
  /** Keys that do not exist, and whether the first is one. */
  missing = 0;
  isFirstMissing = false;

  /** Looks up the sets in arguments `first` to `last`; false, with the reply written, if one has another type. */
  read(c: Context, first: number, last: number): boolean {
    const keys = last - first + 1;
    if (this.refs.length < keys || this.refs.length > OPERANDS_KEPT) {
      this.refs = new Int32Array(Math.max(16, keys));
    }
    this.count = 0;
    this.missing = 0;
    this.isFirstMissing = false;
    for (let i = first; i <= last; i++) {
      const ref = c.lookup(i);
      if (!c.isSet(ref)) return false;
      if (ref !== 0) this.refs[this.count++] = ref;
      else {
        this.missing++;
        if (i === first) this.isFirstMissing = true;
      }
    }
    return true;
  }

  /** Puts the smallest set first, or the largest. */
  putFirst(sets: Sets, largest: boolean): void {
    const { refs } = this;
    let chosen = 0;
    let size = -1;
    for (let i = 0; i < this.count; i++) {
      const length = sets.count(refs[i]!);
      if (size >= 0 && (largest ? length <= size : length >= size)) continue;
      chosen = i;
      size = length;
    }
    const first = refs[0]!;
    refs[0] = refs[chosen]!;
    refs[chosen] = first;
  }

  /** Members of the sets from the `from`th on. */
  members(sets: Sets, from = 0): number {
    let sum = 0;
    for (let i = from; i < this.count; i++) sum += sets.count(this.refs[i]!);
    return sum;
  }
}

const operands = new Operands();

/** The members of a result, one after another and each once, as steps of `source`. */
abstract class Result {
  source!: OpenSet;
  protected probe!: OpenSet;
  /** There are at most so many members. */
  countMax = 0;

  /** Begins with the operands that have been read. */
  begin(space: Keyspace): void {
    const { sets } = space;
    this.countMax = 0;
    if (operands.count === 0) return;
    this.source = sets.open(operands.refs[0]!);
    this.probe = sets.open(operands.refs[0]!);
    this.open(sets);
    this.source.rewind();
  }

  protected abstract open(sets: Sets): void;
  /** Goes to the next member; false behind the last one. */
  abstract next(): boolean;
  /** To be called at the end, or where nobody wants the rest. */
  end(): void {}
}

class Intersection extends Result {
  protected override open(sets: Sets): void {
    if (operands.missing > 0) return;
    operands.putFirst(sets, false);
    this.source.open(operands.refs[0]!);
    this.countMax = this.source.length;
    if (operands.count === 2) this.probe.open(operands.refs[1]!);
  }

  override next(): boolean {
    if (this.countMax === 0) return false;
    const { probe, source } = this;
    while (source.step()) {
      if (operands.count === 2 ? probe.hasStepOf(source) : this.#allHave()) return true;
    }
    return false;
  }

  #allHave(): boolean {
    const { probe, source } = this;
    for (let i = 1; i < operands.count; i++) {
      if (!probe.open(operands.refs[i]!).hasStepOf(source)) return false;
    }
    return true;
  }
}

class Union extends Result {
  /** Which operand is being passed. */
  #at = 0;
  /** All members so far; null where the sets before are asked. */
  #gathered: OpenSet | null = null;

  protected override open(sets: Sets): void {
    this.#at = 0;
    operands.putFirst(sets, true);
    this.source.open(operands.refs[0]!);
    this.countMax = operands.members(sets);
    if (operands.count > ASKED_MAX) this.#gathered = sets.createTable();
  }

  override next(): boolean {
    if (this.countMax === 0) return false;
    const { source } = this;
    for (;;) {
      while (source.step()) if (this.#isNew()) return true;
      if (++this.#at === operands.count) return false;
      source.open(operands.refs[this.#at]!);
      source.rewind();
    }
  }

  #isNew(): boolean {
    const { probe, source } = this;
    if (this.#gathered !== null) return this.#gathered.addStepOf(source);
    for (let i = 0; i < this.#at; i++) {
      if (probe.open(operands.refs[i]!).hasStepOf(source)) return false;
    }
    return true;
  }

  override end(): void {
    this.#gathered?.discard();
    this.#gathered = null;
  }
}

class Difference extends Result {
  /** The members that are in other sets were marked. */
  #isMarked = false;

  protected override open(sets: Sets): void {
    this.#isMarked = false;
    if (operands.isFirstMissing) return;
    const { length } = this.source;
    this.countMax = length;
    const others = operands.count - 1;
    if (others === 1) this.probe.open(operands.refs[1]!);
    // To pass the other sets takes less time than to ask each of them, as in Redis.
    else if (this.source.isTable && (length * others) / 2 > operands.members(sets, 1)) this.#mark();
  }

  #mark(): void {
    const { probe, source } = this;
    this.#isMarked = true;
    for (let i = 1; i < operands.count; i++) {
      probe.open(operands.refs[i]!);
      for (probe.rewind(); probe.step(); ) if (source.hasStepOf(probe)) source.markFound();
    }
  }

  override next(): boolean {
    if (this.countMax === 0) return false;
    const { source } = this;
    while (source.step()) {
      if (!this.#isMarked) {
        if (!this.#anyHas()) return true;
      } else if (!source.isFoundMarked) return true;
      else source.unmark(source.record);
    }
    this.#isMarked = false;
    return false;
  }

  #anyHas(): boolean {
    const { probe, source } = this;
    const { count, refs } = operands;
    if (count === 2) return probe.hasStepOf(source);
    for (let i = 1; i < count; i++) if (probe.open(refs[i]!).hasStepOf(source)) return true;
    return false;
  }

  override end(): void {
    const { source } = this;
    // The rest of the marks.
    while (this.#isMarked && source.step()) if (source.isFoundMarked) source.unmark(source.record);
    this.#isMarked = false;
  }
}

const intersection = new Intersection();
const union = new Union();
const difference = new Difference();

// ── What becomes of a result ─────────────────────────────────────────────────────────────────

function reply(c: Context, result: Result): void {
  if (!operands.read(c, 1, c.args.count - 1)) return;
  result.begin(c.keyspace);
  try {
    const place = c.reply.at;
    c.reply.set(result.countMax);
    let count = 0;
    for (; result.next(); count++) c.replyElement(result.source.readStep());
    c.reply.recount(place, count);
  } finally {
    result.end();
  }
}

/** Makes the result the value of the key in argument 1. */
function store(c: Context, result: Result, event: string): void {
  if (!operands.read(c, 2, c.args.count - 1)) return;
  const stored = c.keyspace.sets.create();
  result.begin(c.keyspace);
  try {
    while (result.next()) stored.addStepOf(result.source);
  } catch (error) {
    stored.discard();
    throw error;
  } finally {
    result.end();
  }
  putResult(c, stored, event);
}

/** The same for a union: the set that is stored tells which members are new. */
function storeUnion(c: Context): void {
  if (!operands.read(c, 2, c.args.count - 1)) return;
  const { sets } = c.keyspace;
  const stored = sets.create();
  const source = sets.create();
  try {
    for (let i = 0; i < operands.count; i++) {
      source.open(operands.refs[i]!);
      for (source.rewind(); source.step(); ) stored.addStepOf(source);
    }
  } catch (error) {
    stored.discard();
    throw error;
  }
  putResult(c, stored, "sunionstore");
}

function putResult(c: Context, stored: OpenSet, event: string): void {
  const { args, db } = c;
  const { length } = stored;
  const present = c.lookupWrite(1);
  if (length > 0) {
    stored.putAt(db, present, args.bytes, args.start[1]!, args.length[1]!);
    c.changed(SET_EVENT, event, 1);
    c.dirty++;
  } else {
    stored.discard();
    if (present !== 0) {
      db.remove(present);
      c.changed(GENERIC_EVENT, "del", 1);
      c.dirty++;
    }
  }
  c.reply.integer(length);
}

/** Replies with the number of members, counted up to LIMIT: "numkeys key ... [APPROX] [LIMIT limit]". */
function count(c: Context, result: Result, takesApprox: boolean): void {
  const { args } = c;
  const keys = c.integerWithin(
    1,
    1,
    Number.POSITIVE_INFINITY,
    "ERR numkeys should be greater than 0",
  );
  if (Number.isNaN(keys)) return;
  if (keys > args.count - 2) {
    c.reply.error("ERR Number of keys can't be greater than number of args");
    return;
  }
  let limit = 0;
  for (let i = 2 + keys; i < args.count; i++) {
    // The exact number is near enough.
    if (takesApprox && args.is(i, "approx")) continue;
    if (!args.is(i, "limit") || i + 1 >= args.count) {
      c.syntaxError();
      return;
    }
    limit = c.integerWithin(++i, 0, Number.POSITIVE_INFINITY, "ERR LIMIT can't be negative");
    if (Number.isNaN(limit)) return;
  }
  if (!operands.read(c, 2, 1 + keys)) return;
  result.begin(c.keyspace);
  let members = 0;
  try {
    while (result.next()) if (++members === limit) break;
  } finally {
    result.end();
  }
  c.reply.integer(members);
}

const INTERSECTION_COMPLEXITY =
  "O(N*M), N being the number of members of the smallest set and M the number of sets";
const ALL_COMPLEXITY = "O(N), N being the number of members of all sets";
const SOURCES: KeySpec = { at: 2, last: -1, step: 1, flags: "RO access" };
const COUNTED: readonly KeySpec[] = [{ at: 1, keynum: true, flags: "RO access" }];

export const SET_ALGEBRA_COMMANDS: readonly CommandSpec[] = [
  {
    name: "sinter",
    group: "set",
    since: "1.0.0",
    complexity: INTERSECTION_COMPLEXITY,
    summary: "Returns the members that all of the sets have.",
    arity: -2,
    flags: "readonly",
    keys: allKeys("RO access"),
    syntax: "key ...",
    tips: "nondeterministic_output_order",
    handler: (c) => reply(c, intersection),
  },
  {
    name: "sintercard",
    group: "set",
    since: "7.0.0",
    complexity: INTERSECTION_COMPLEXITY,
    summary: "Returns how many members all of the sets have.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: COUNTED,
    syntax: "numkeys key ... [LIMIT limit/integer]",
    handler: (c) => count(c, intersection, false),
  },
  {
    name: "sinterstore",
    group: "set",
    since: "1.0.0",
    complexity: INTERSECTION_COMPLEXITY,
    summary: "Stores the members that all of the sets have.",
    arity: -3,
    flags: "write denyoom",
    keys: [keyAt(1, "RW update"), SOURCES],
    syntax: "destination key ...",
    handler: (c) => store(c, intersection, "sinterstore"),
  },
  {
    name: "sunion",
    group: "set",
    since: "1.0.0",
    complexity: ALL_COMPLEXITY,
    summary: "Returns the members that any of the sets has.",
    arity: -2,
    flags: "readonly",
    keys: allKeys("RO access"),
    syntax: "key ...",
    tips: "nondeterministic_output_order",
    handler: (c) => reply(c, union),
  },
  {
    name: "sunioncard",
    group: "set",
    since: "8.10.0",
    complexity: ALL_COMPLEXITY,
    summary: "Returns how many members any of the sets has.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: COUNTED,
    syntax: "numkeys key ... [APPROX] [LIMIT limit/integer]",
    handler: (c) => count(c, union, true),
  },
  {
    name: "sunionstore",
    group: "set",
    since: "1.0.0",
    complexity: ALL_COMPLEXITY,
    summary: "Stores the members that any of the sets has.",
    arity: -3,
    flags: "write denyoom",
    keys: [keyAt(1, "OW update"), SOURCES],
    syntax: "destination key ...",
    handler: storeUnion,
  },
  {
    name: "sdiff",
    group: "set",
    since: "1.0.0",
    complexity: ALL_COMPLEXITY,
    summary: "Returns the members of the first set that no other one has.",
    arity: -2,
    flags: "readonly",
    keys: allKeys("RO access"),
    syntax: "key ...",
    tips: "nondeterministic_output_order",
    handler: (c) => reply(c, difference),
  },
  {
    name: "sdiffcard",
    group: "set",
    since: "8.10.0",
    complexity: ALL_COMPLEXITY,
    summary: "Returns how many members of the first set no other one has.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: COUNTED,
    syntax: "numkeys key ... [LIMIT limit/integer]",
    handler: (c) => count(c, difference, false),
  },
  {
    name: "sdiffstore",
    group: "set",
    since: "1.0.0",
    complexity: ALL_COMPLEXITY,
    summary: "Stores the members of the first set that no other one has.",
    arity: -3,
    flags: "write denyoom",
    keys: [keyAt(1, "OW update"), SOURCES],
    syntax: "destination key ...",
    handler: (c) => store(c, difference, "sdiffstore"),
  },
];

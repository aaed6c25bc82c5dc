/**
 * Ranges of sorted sets: by rank, by score, by member. Whatever the range is given by, it is found as
 * ranks first: then its size is known, and LIMIT and REV are arithmetic.
 */
import { parseBound } from "../base/double-text.ts";
import type { SortedSet } from "../store/types/open-sorted-set.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, ZSET_EVENT } from "./events.ts";
import { openOrNull, replyCount, replyMember, replyScored } from "./sorted-sets.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

const NOT_A_RANGE = "ERR min or max is not a float";
const NOT_A_LEX_RANGE = "ERR min or max not valid string range item";
const LIMIT_BY_RANK =
  "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
const SCORES_BY_LEX = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";

/** What the bounds of a range are. */
type By = "rank" | "score" | "lex";

const OPEN_PARENTHESIS = 40;
const PLUS = 43;
const MINUS = 45;
const OPEN_BRACKET = 91;

/** Before all members, behind all, or a text. */
const LOWEST = -1;
const HIGHEST = 1;

/** One end of a range. One object serves all calls. */
class Bound {
  /** A rank or a score. */
  value = 0;
  isExclusive = false;
  /** Of a range by members: where the text is. */
  bytes: Uint8Array = new Uint8Array(0);
  from = 0;
  length = 0;
  /** LOWEST, HIGHEST, or 0 for the text. */
  extreme = 0;

  setScore(c: Context, index: number): boolean {
    const { bytes, length, start } = c.args;
    this.isExclusive = bytes[start[index]!] === OPEN_PARENTHESIS && length[index]! > 0;
    const skipped = this.isExclusive ? 1 : 0;
    this.value = parseBound(bytes, start[index]! + skipped, length[index]! - skipped);
    return !Number.isNaN(this.value);
  }

  setMember(c: Context, index: number): boolean {
    const { bytes, length, start } = c.args;
    const from = start[index]!;
    const first = length[index] === 0 ? 0 : bytes[from];
    this.bytes = bytes;
    this.from = from + 1;
    this.length = length[index]! - 1;
    this.isExclusive = first === OPEN_PARENTHESIS;
    this.extreme = first === MINUS ? LOWEST : first === PLUS ? HIGHEST : 0;
    // As in Redis, which reads a C string.
    if (this.extreme !== 0) return this.length === 0 || bytes[from + 1] === 0;
    return this.isExclusive || first === OPEN_BRACKET;
  }

  /** How many members come before this end; `isEnd` if it is the upper one. The first `known` do. */
  countBefore(set: SortedSet, by: By, isEnd: boolean, known: number): number {
    const takesEqual = isEnd !== this.isExclusive;
    if (by === "score") return set.countBelowScore(this.value, takesEqual);
    if (this.extreme !== 0) return this.extreme === LOWEST ? 0 : set.length;
    const { bytes, from, length } = this;
    return set.countBelowMember(bytes, from, length, takesEqual, known);
  }
}

/** A range. One object serves all calls. */
class Range {
  by: By = "rank";
  readonly min = new Bound();
  readonly max = new Bound();
  offset = 0;
  limit = -1;
  isReverse = false;
  isScored = false;
  /** Ranks: the first member in the range's direction, and how many there are. */
  first = 0;
  count = 0;

  reset(by: By, isReverse: boolean): void {
    this.by = by;
    this.isReverse = isReverse;
    this.isScored = false;
    this.offset = 0;
    this.limit = -1;
  }

  /** Reads the two bounds; false with the error replied. */
  readBounds(c: Context, minIndex: number, maxIndex: number): boolean {
    const { max, min } = this;
    if (this.by === "rank") {
      min.value = c.integer(minIndex);
      if (Number.isNaN(min.value)) return false;
      max.value = c.integer(maxIndex);
      return !Number.isNaN(max.value);
    }
    if (this.by === "score") {
      if (min.setScore(c, minIndex) && max.setScore(c, maxIndex)) return true;
      c.reply.error(NOT_A_RANGE);
      return false;
    }
    if (min.setMember(c, minIndex) && max.setMember(c, maxIndex)) return true;
    c.reply.error(NOT_A_LEX_RANGE);
    return false;
  }

  /** Finds the ranks. */
  locate(set: SortedSet): void {
    const { length } = set;
    const { by, max, min } = this;
    let from: number;
    let end: number;
    if (by === "rank") {
      from = Math.max(0, min.value < 0 ? min.value + length : min.value);
      end = Math.min(length, (max.value < 0 ? max.value + length : max.value) + 1);
      // Ranks count from the other end.
      if (this.isReverse) [from, end] = [length - end, length - from];
    } else {
      from = min.countBefore(set, by, false, 0);
      end = from === length ? from : max.countBefore(set, by, true, from);
    }
    let count = Math.max(0, end - from);
    // A negative offset skips all.
    const skipped = this.offset < 0 ? count : Math.min(this.offset, count);
    count -= skipped;
    if (this.limit >= 0) count = Math.min(count, this.limit);
    this.count = count;
    this.first = this.isReverse ? end - 1 - skipped : from + skipped;
  }
}

const range = new Range();

interface RangeForm {
  readonly by?: By;
  readonly isReverse?: boolean;
}

/**
 * Reads bounds from argument `first` on, and options behind them, to `range`. What `form` leaves open
 * an option may say. False with the error replied.
 */
function readRange(c: Context, first: number, form: RangeForm, isStored: boolean): boolean {
  const { args } = c;
  range.reset(form.by ?? "rank", form.isReverse ?? false);
  let isBySaid = form.by !== undefined;
  for (let i = first + 2; i < args.count; i++) {
    if (!isStored && args.is(i, "withscores")) range.isScored = true;
    else if (args.is(i, "limit") && i + 2 < args.count) {
      range.offset = c.integer(i + 1);
      if (Number.isNaN(range.offset)) return false;
      range.limit = c.integer(i + 2);
      if (Number.isNaN(range.limit)) return false;
      i += 2;
    } else if (form.isReverse === undefined && !range.isReverse && args.is(i, "rev")) {
      range.isReverse = true;
    } else if (!isBySaid && args.is(i, "bylex")) {
      range.by = "lex";
      isBySaid = true;
    } else if (!isBySaid && args.is(i, "byscore")) {
      range.by = "score";
      isBySaid = true;
    } else {
      c.syntaxError();
      return false;
    }
  }
  if (range.limit !== -1 && range.by === "rank") {
    c.reply.error(LIMIT_BY_RANK);
    return false;
  }
  if (range.isScored && range.by === "lex") {
    c.reply.error(SCORES_BY_LEX);
    return false;
  }
  // A reverse range names its upper end first.
  const isTurned = range.isReverse && range.by !== "rank";
  return range.readBounds(c, isTurned ? first + 1 : first, isTurned ? first : first + 1);
}

function zrange(c: Context, form: RangeForm): void {
  if (!readRange(c, 2, form, false)) return;
  const set = openOrNull(c);
  if (set === null) return;
  if (set === undefined) {
    c.reply.array(0);
    return;
  }
  range.locate(set);
  const { count, isReverse, isScored } = range;
  replyCount(c, count, isScored);
  if (count === 0) return;
  set.seek(range.first);
  for (let i = 0; i < count; i++) {
    if (isReverse) set.readPrevious();
    else set.readNext();
    if (isScored) replyScored(c, set);
    else replyMember(c, set);
  }
}

function zcount(c: Context, by: By): void {
  range.reset(by, false);
  if (!range.readBounds(c, 2, 3)) return;
  const set = openOrNull(c);
  if (set === null) return;
  if (set !== undefined) range.locate(set);
  c.reply.integer(set === undefined ? 0 : range.count);
}

function zremrange(c: Context, by: By): void {
  range.reset(by, false);
  if (!range.readBounds(c, 2, 3)) return;
  const ref = c.lookupWrite(1);
  if (!c.isSortedSet(ref)) return;
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  const { sortedSets } = c.keyspace;
  const reading = sortedSets.open(ref);
  range.locate(reading);
  const { count, first } = range;
  const event = `zremrangeby${by}`;
  if (count === reading.length) {
    // All of a large set is freed later.
    c.db.remove(ref);
    c.changed(ZSET_EVENT, event, 1);
    c.changed(GENERIC_EVENT, "del", 1);
  } else if (count > 0) {
    const set = sortedSets.openToWrite(c.db, ref);
    set.removeRange(first, count);
    c.putBack(set, 1, ZSET_EVENT, event);
  }
  c.dirty += count;
  c.reply.integer(count);
}

/** Makes a set that no key has yet the value of the key in argument `index`, or removes the key if the set is empty. */
export function storeSet(c: Context, set: SortedSet, event: string, index = 1): void {
  const { bytes, length, start } = c.args;
  const count = set.length;
  const present = c.lookupWrite(index);
  if (count > 0) {
    set.replace(c.db, present, bytes, start[index]!, length[index]!);
    c.changed(ZSET_EVENT, event, index);
    c.dirty++;
  } else {
    set.discard();
    if (present !== 0) {
      c.db.remove(present);
      c.changed(GENERIC_EVENT, "del", index);
      c.dirty++;
    }
  }
  c.reply.integer(count);
}

function zrangestore(c: Context): void {
  if (!readRange(c, 3, {}, true)) return;
  const source = c.lookup(2);
  if (!c.isSortedSet(source)) return;
  const { sortedSets } = c.keyspace;
  const stored = sortedSets.create();
  if (source !== 0) {
    const set = sortedSets.open(source);
    range.locate(set);
    try {
      addRange(set, stored);
    } catch (error) {
      stored.discard();
      throw error;
    }
  }
  storeSet(c, stored, "zrangestore");
}

/** Adds the members of the range. */
function addRange(set: SortedSet, stored: SortedSet): void {
  if (range.count === 0) return;
  set.seek(range.first);
  for (let left = range.count; left > 0; left--) {
    if (range.isReverse) set.readPrevious();
    else set.readNext();
    stored.addMemberOf(set);
  }
}

const RANGE_COMPLEXITY = "O(log(N)+M), N being the number of members and M of those returned";
const REMOVE_COMPLEXITY = "O(M*log(N)), N being the number of members and M of those removed";
const COUNT_COMPLEXITY = "O(log(N)), N being the number of members";
const RO = oneKey("RO access");

export const SORTED_SET_RANGE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "zrange",
    group: "sorted-set",
    since: "1.2.0",
    complexity: RANGE_COMPLEXITY,
    summary: "Returns a range of a sorted set's members.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax:
      "key start/string stop/string [sortby: BYSCORE | BYLEX] [REV] [LIMIT offset_count: offset count] [WITHSCORES]",
    handler: (c) => zrange(c, {}),
  },
  {
    name: "zrangestore",
    group: "sorted-set",
    since: "6.2.0",
    complexity: "O(log(N)+M), N being the number of members and M of those stored",
    summary: "Stores a range of a sorted set's members as another sorted set.",
    arity: -5,
    flags: "write denyoom",
    keys: [keyAt(1, "OW update"), keyAt(2, "RO access")],
    syntax:
      "dst/key src/key min max [sortby: BYSCORE | BYLEX] [REV] [LIMIT offset_count: offset count]",
    handler: zrangestore,
  },
  {
    name: "zrevrange",
    group: "sorted-set",
    since: "1.2.0",
    complexity: RANGE_COMPLEXITY,
    summary: "Returns a range of a sorted set's members by rank, from the highest score.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax: "key start stop [WITHSCORES]",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` argument" },
    handler: (c) => zrange(c, { by: "rank", isReverse: true }),
  },
  {
    name: "zrangebyscore",
    group: "sorted-set",
    since: "1.0.5",
    complexity: RANGE_COMPLEXITY,
    summary: "Returns the members of a sorted set within a range of scores.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax: "key min/double max/double [WITHSCORES] [LIMIT offset_count: offset count]",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `BYSCORE` argument" },
    handler: (c) => zrange(c, { by: "score", isReverse: false }),
  },
  {
    name: "zrevrangebyscore",
    group: "sorted-set",
    since: "2.2.0",
    complexity: RANGE_COMPLEXITY,
    summary: "Returns the members of a sorted set within a range of scores, from the highest.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax: "key max/double min/double [WITHSCORES] [LIMIT offset_count: offset count]",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` and `BYSCORE` arguments" },
    handler: (c) => zrange(c, { by: "score", isReverse: true }),
  },
  {
    name: "zrangebylex",
    group: "sorted-set",
    since: "2.8.9",
    complexity: RANGE_COMPLEXITY,
    summary:
      "Returns the members of a sorted set within a range of members, if all scores are equal.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax: "key min max [LIMIT offset_count: offset count]",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `BYLEX` argument" },
    handler: (c) => zrange(c, { by: "lex", isReverse: false }),
  },
  {
    name: "zrevrangebylex",
    group: "sorted-set",
    since: "2.8.9",
    complexity: RANGE_COMPLEXITY,
    summary: "Returns the members of a sorted set within a range of members, from the highest.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax: "key max min [LIMIT offset_count: offset count]",
    deprecated: { since: "6.2.0", replacedBy: "`ZRANGE` with the `REV` and `BYLEX` arguments" },
    handler: (c) => zrange(c, { by: "lex", isReverse: true }),
  },
  {
    name: "zcount",
    batchTimedArgsMax: 4,
    group: "sorted-set",
    since: "2.0.0",
    complexity: COUNT_COMPLEXITY,
    summary: "Returns the number of members of a sorted set within a range of scores.",
    arity: 4,
    flags: "readonly fast",
    keys: RO,
    syntax: "key min/double max/double",
    handler: (c) => zcount(c, "score"),
  },
  {
    name: "zlexcount",
    batchTimedArgsMax: 4,
    group: "sorted-set",
    since: "2.8.9",
    complexity: COUNT_COMPLEXITY,
    summary: "Returns the number of members of a sorted set within a range of members.",
    arity: 4,
    flags: "readonly fast",
    keys: RO,
    syntax: "key min max",
    handler: (c) => zcount(c, "lex"),
  },
  {
    name: "zremrangebyrank",
    group: "sorted-set",
    since: "2.0.0",
    complexity: REMOVE_COMPLEXITY,
    summary: "Removes the members of a sorted set within a range of ranks.",
    arity: 4,
    flags: "write",
    keys: oneKey("RW delete"),
    syntax: "key start stop",
    handler: (c) => zremrange(c, "rank"),
  },
  {
    name: "zremrangebyscore",
    group: "sorted-set",
    since: "1.2.0",
    complexity: REMOVE_COMPLEXITY,
    summary: "Removes the members of a sorted set within a range of scores.",
    arity: 4,
    flags: "write",
    keys: oneKey("RW delete"),
    syntax: "key min/double max/double",
    handler: (c) => zremrange(c, "score"),
  },
  {
    name: "zremrangebylex",
    group: "sorted-set",
    since: "2.8.9",
    complexity: REMOVE_COMPLEXITY,
    summary: "Removes the members of a sorted set within a range of members.",
    arity: 4,
    flags: "write",
    keys: oneKey("RW delete"),
    syntax: "key min max",
    handler: (c) => zremrange(c, "lex"),
  },
];

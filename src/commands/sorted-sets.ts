/** Sorted set commands: members and their scores one by one. Ranges: sorted-set-ranges.ts. */

import {
  DOUBLE_TEXT_BYTES_MAX,
  parseDouble,
  writeDouble,
  writeDouble17,
} from "../base/double-text.ts";
import type { Glob } from "../base/glob.ts";
import * as errors from "../protocol/errors.ts";
import { MEMBER_BYTES_MAX, type SortedSet } from "../store/types/open-sorted-set.ts";
import type { Context } from "./context.ts";
import { ZSET_EVENT } from "./events.ts";
import { readCursor, readScanOptions, scanSome } from "./scan-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

const OPTIONS_NX_XX = "ERR XX and NX options at the same time are not compatible";
const OPTIONS_GT_LT = "ERR GT, LT, and/or NX options at the same time are not compatible";
const ONE_INCREMENT = "ERR INCR option supports a single increment-element pair";
const NOT_A_NUMBER = "ERR resulting score is not a number (NaN)";

export function replyMember(c: Context, { member }: SortedSet): void {
  if (member.isInteger) c.reply.integerBulk(member.low, member.high);
  else c.reply.bulk(member.bytes, member.from, member.length);
}

/** A member and its score: two replies, or in RESP3 a pair. */
export function replyScored(c: Context, set: SortedSet): void {
  if (c.reply.protocol === 3) c.reply.array(2);
  replyMember(c, set);
  c.reply.double(set.score);
}

/** The header of `count` members, with their scores if `scored`. */
export function replyCount(c: Context, count: number, scored: boolean): void {
  c.reply.array(scored && c.reply.protocol === 2 ? count * 2 : count);
}

/** Goes to the member in argument `index`; returns whether it is there. */
export function findMember(c: Context, set: SortedSet, index: number): boolean {
  const { args } = c;
  return set.find(args.bytes, args.start[index]!, args.length[index]!);
}

/** The set of the key in argument 1, to read; null, with the reply written, where the value is of another type. */
export function openOrNull(c: Context): SortedSet | null | undefined {
  const ref = c.lookup(1);
  if (ref === 0) return undefined;
  return c.isSortedSet(ref) ? c.keyspace.sortedSets.open(ref) : null;
}

// ── ZADD, ZINCRBY ────────────────────────────────────────────────────────────────────────────

export const NX = 1;
export const XX = 2;
const GT = 4;
const LT = 8;
export const CH = 16;
const INCR = 32;

/** Scores that have been read: all must be sound before the first member is added. */
let scores = new Float64Array(64);

/** Room for that many scores, which `addMembers` then reads. */
export function scoresToAdd(count: number): Float64Array {
  if (scores.length < count) scores = new Float64Array(count * 2);
  return scores;
}

function optionAt(c: Context, index: number): number {
  const { args } = c;
  // Options have two letters or four; most scores are told from them by their first byte.
  const first = args.bytes[args.start[index]!]! | 32;
  if (first < 97) return 0;
  if (args.is(index, "nx")) return NX;
  if (args.is(index, "xx")) return XX;
  if (args.is(index, "gt")) return GT;
  if (args.is(index, "lt")) return LT;
  if (args.is(index, "ch")) return CH;
  return args.is(index, "incr") ? INCR : 0;
}

function add(c: Context, given: number): void {
  const { args } = c;
  let options = given;
  let first = 2;
  while (first < args.count) {
    const option = optionAt(c, first);
    if (option === 0) break;
    options |= option;
    first++;
  }
  const pairs = (args.count - first) / 2;
  if (pairs < 1 || pairs !== Math.trunc(pairs)) {
    c.syntaxError();
    return;
  }
  if ((options & NX) !== 0 && (options & XX) !== 0) {
    c.reply.error(OPTIONS_NX_XX);
    return;
  }
  const conditions = options & (NX | GT | LT);
  if ((conditions & (conditions - 1)) !== 0) {
    c.reply.error(OPTIONS_GT_LT);
    return;
  }
  if ((options & INCR) !== 0 && pairs > 1) {
    c.reply.error(ONE_INCREMENT);
    return;
  }
  scoresToAdd(pairs);
  for (let i = 0; i < pairs; i++) {
    const at = first + i * 2;
    const score = parseDouble(args.bytes, args.start[at]!, args.length[at]!);
    if (Number.isNaN(score)) {
      c.reply.error(errors.NOT_A_FLOAT);
      return;
    }
    scores[i] = score;
  }
  addMembers(c, options, first + 1, 2, pairs);
}

/** Adds the member in argument `first`, and in every `step`th one behind it, with the scores that have been read. */
export function addMembers(
  c: Context,
  options: number,
  first: number,
  step: number,
  count: number,
): void {
  for (let i = 0; i < count; i++) {
    if (c.args.length[first + i * step]! <= MEMBER_BYTES_MAX) continue;
    c.reply.error(errors.STRING_TOO_LONG);
    return;
  }
  const ref = c.lookupWrite(1);
  if (!c.isSortedSet(ref)) return;
  if (ref === 0 && (options & XX) !== 0) {
    if ((options & INCR) !== 0) c.reply.null();
    else c.reply.integer(0);
    return;
  }
  addTo(c, ref, options, first, step, count);
}

/** The score last set: the reply to an increment. */
let newScore = 0;

const NOTHING = 0;
const ADDED = 1;
const UPDATED = 2;
/** The member has that score already. */
const SAME = 3;
const NO_NUMBER = 4;

function addTo(
  c: Context,
  ref: number,
  options: number,
  first: number,
  step: number,
  count: number,
): void {
  const { sortedSets } = c.keyspace;
  const set = ref === 0 ? sortedSets.create() : sortedSets.openToWrite(c.db, ref);
  let added = 0;
  let updated = 0;
  let done = 0;
  try {
    for (let i = 0; i < count; i++) {
      const outcome = addOne(c, set, options, scores[i]!, first + i * step);
      if (outcome === NO_NUMBER) {
        c.reply.error(NOT_A_NUMBER);
        return;
      }
      if (outcome === ADDED) added++;
      else if (outcome === UPDATED) updated++;
      if (outcome !== NOTHING) done++;
    }
  } catch (error) {
    // Members that have been added stay: a set that is there is sound, a new one is given up.
    if (ref === 0) set.discard();
    else set.store();
    throw error;
  }
  if (added + updated > 0) {
    c.putBack(set, 1, ZSET_EVENT, (options & INCR) !== 0 ? "zincr" : "zadd");
    c.dirty += added + updated;
  }
  if ((options & INCR) !== 0) {
    if (done > 0) c.reply.double(newScore);
    else c.reply.null();
  } else c.reply.integer((options & CH) !== 0 ? added + updated : added);
}

function addOne(c: Context, set: SortedSet, options: number, score: number, index: number): number {
  const { args } = c;
  const from = args.start[index]!;
  const length = args.length[index]!;
  if (!set.find(args.bytes, from, length)) {
    if ((options & XX) !== 0) return NOTHING;
    set.add(args.bytes, from, length, score);
    newScore = score;
    return ADDED;
  }
  if ((options & NX) !== 0) return NOTHING;
  newScore = (options & INCR) !== 0 ? set.score + score : score;
  if (Number.isNaN(newScore)) return NO_NUMBER;
  if ((options & LT) !== 0 && newScore >= set.score) return NOTHING;
  if ((options & GT) !== 0 && newScore <= set.score) return NOTHING;
  if (newScore === set.score) return SAME;
  set.rescore(newScore);
  return UPDATED;
}

// ── Removing ─────────────────────────────────────────────────────────────────────────────────

function zrem(c: Context): void {
  const { args } = c;
  const ref = c.lookupWrite(1);
  if (!c.isSortedSet(ref)) return;
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  const set = c.keyspace.sortedSets.openToWrite(c.db, ref);
  let removed = 0;
  for (let i = 2; i < args.count && set.length > 0; i++) {
    if (!findMember(c, set, i)) continue;
    set.remove();
    removed++;
  }
  if (removed > 0) c.putBack(set, 1, ZSET_EVENT, "zrem");
  c.dirty += removed;
  c.reply.integer(removed);
}

/**
 * Removes up to `count` members from one end of the set of the key in argument `index`, and replies with
 * each and its score; in pairs if `nested`. Returns how many.
 */
export function popFrom(
  c: Context,
  ref: number,
  index: number,
  atMax: boolean,
  count: number,
  nested: boolean,
): number {
  const set = c.keyspace.sortedSets.openToWrite(c.db, ref);
  const taken = Math.min(count, set.length);
  for (let i = 0; i < taken; i++) {
    set.seek(atMax ? set.length - 1 : 0);
    set.read();
    if (nested) c.reply.array(2);
    replyMember(c, set);
    c.reply.double(set.score);
    set.remove();
  }
  c.putBack(set, index, ZSET_EVENT, atMax ? "zpopmax" : "zpopmin");
  c.dirty += taken;
  return taken;
}

function pop(c: Context, atMax: boolean): void {
  if (c.args.count > 3) {
    c.syntaxError();
    return;
  }
  const hasCount = c.args.count === 3;
  let count = 1;
  if (hasCount) {
    count = c.integerWithin(2, 0, Number.POSITIVE_INFINITY, errors.NOT_POSITIVE);
    if (Number.isNaN(count)) return;
  }
  const ref = c.lookupWrite(1);
  if (!c.isSortedSet(ref)) return;
  if (ref === 0 || count === 0) {
    c.reply.array(0);
    return;
  }
  const nested = hasCount && c.reply.protocol === 3;
  const taken = Math.min(count, c.keyspace.sortedSets.open(ref).length);
  c.reply.array(nested ? taken : taken * 2);
  popFrom(c, ref, 1, atMax, taken, nested);
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────

function zcard(c: Context): void {
  const set = openOrNull(c);
  if (set !== null) c.reply.integer(set === undefined ? 0 : set.length);
}

function zscore(c: Context): void {
  const set = openOrNull(c);
  if (set === null) return;
  if (set !== undefined && findMember(c, set, 2)) c.reply.double(set.score);
  else c.reply.null();
}

function zmscore(c: Context): void {
  const set = openOrNull(c);
  if (set === null) return;
  c.reply.array(c.args.count - 2);
  for (let i = 2; i < c.args.count; i++) {
    if (set !== undefined && findMember(c, set, i)) c.reply.double(set.score);
    else c.reply.null();
  }
}

function rank(c: Context, fromMax: boolean): void {
  const { args, reply } = c;
  if (args.count > 4) {
    reply.error(errors.wrongArity(fromMax ? "zrevrank" : "zrank"));
    return;
  }
  const scored = args.count === 4;
  if (scored && !args.is(3, "withscore")) {
    c.syntaxError();
    return;
  }
  const set = openOrNull(c);
  if (set === null) return;
  if (set === undefined || !findMember(c, set, 2)) {
    if (scored) reply.nullArray();
    else reply.null();
    return;
  }
  if (scored) reply.array(2);
  const before = set.rank();
  reply.integer(fromMax ? set.length - 1 - before : before);
  if (scored) reply.double(set.score);
}

/** Most members that one call of ZRANDMEMBER returns with repetitions. */
const REPEATED_MAX = 1 << 22;

function zrandmember(c: Context): void {
  const { args, reply } = c;
  if (args.count === 2) {
    const set = openOrNull(c);
    if (set === null) return;
    if (set === undefined) {
      reply.null();
      return;
    }
    set.seek(c.keyspace.random.below(set.length));
    set.read();
    replyMember(c, set);
    return;
  }
  const count = c.integer(2);
  if (Number.isNaN(count)) return;
  if (args.is(2, "-9223372036854775808")) {
    reply.error(
      "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    return;
  }
  const scored = args.count === 4;
  if (args.count > 4 || (scored && !args.is(3, "withscores"))) {
    c.syntaxError();
    return;
  }
  if (count < -REPEATED_MAX || (scored && count === Number.POSITIVE_INFINITY && isHuge(c, 2))) {
    reply.error("ERR value is out of range");
    return;
  }
  const set = openOrNull(c);
  if (set === null) return;
  if (set === undefined || count === 0) {
    reply.array(0);
    return;
  }
  if (count < 0) replyPicks(c, set, -count, scored);
  else replyDistinct(c, set, Math.min(count, set.length), scored);
}

/** Whether the argument is more than half of the largest integer. */
function isHuge(c: Context, index: number): boolean {
  return BigInt(c.args.text(index)) > 4611686018427387903n;
}

function replyAt(c: Context, set: SortedSet, at: number, scored: boolean): void {
  set.seek(at);
  set.read();
  if (scored) replyScored(c, set);
  else replyMember(c, set);
}

function replyPicks(c: Context, set: SortedSet, count: number, scored: boolean): void {
  replyCount(c, count, scored);
  for (let i = 0; i < count; i++) replyAt(c, set, c.keyspace.random.below(set.length), scored);
}

/** Replies with `count` different members; all sets of that many are equally likely. */
function replyDistinct(c: Context, set: SortedSet, count: number, scored: boolean): void {
  const { length } = set;
  replyCount(c, count, scored);
  if (count === length) {
    // From the last to the first, as in Redis.
    for (let i = length - 1; i >= 0; i--) replyAt(c, set, i, scored);
    return;
  }
  // R. Floyd's algorithm: one number for each member, however many there are.
  const taken = new Set<number>();
  for (let last = length - count; last < length; last++) {
    const pick = c.keyspace.random.below(last + 1);
    const at = taken.has(pick) ? last : pick;
    taken.add(at);
    replyAt(c, set, at, scored);
  }
}

// ── ZSCAN ────────────────────────────────────────────────────────────────────────────────────

const scoreText = new Uint8Array(DOUBLE_TEXT_BYTES_MAX);

function zscan(c: Context): void {
  const { reply } = c;
  let cursor = readCursor(c, 2);
  if (cursor < 0) return;
  const set = openOrNull(c);
  if (set === null) return;
  if (set === undefined) {
    reply.array(2);
    reply.text("0");
    reply.array(0);
    return;
  }
  const options = readScanOptions(c, 3, "");
  if (options === null) return;
  const { count, glob } = options;
  if (set.isSmall) {
    cursor = 0;
    replyScan(c, cursor, set, glob, allPositions(set));
    return;
  }
  const records: number[] = [];
  const { table } = set;
  cursor = scanSome(table, cursor, count, records);
  replyScan(c, cursor, set, glob, records);
}

/** Ranks of all members of a small set. */
function allPositions(set: SortedSet): number[] {
  return Array.from({ length: set.length }, (_, rank) => rank);
}

/** `places`: ranks in a small set, else records. */
function replyScan(
  c: Context,
  cursor: number,
  set: SortedSet,
  glob: Glob | null,
  places: readonly number[],
): void {
  const read = (place: number) => {
    if (set.isSmall) {
      set.seek(place);
      set.read();
    } else set.readRecord(place);
  };
  const matching = places.filter((place) => {
    read(place);
    return glob === null || matches(glob, set);
  });
  c.reply.array(2);
  c.reply.text(String(cursor));
  c.reply.array(matching.length * 2);
  for (const place of matching) {
    read(place);
    replyMember(c, set);
    if (set.isSmall) replyPackedScore(c, set.score);
    else c.reply.bulk(scoreText, 0, writeDouble17(scoreText, 0, set.score));
  }
}

/** A packed score is text already: whole numbers of up to 62 bits, others in the fewest digits. */
function replyPackedScore(c: Context, score: number): void {
  c.reply.bulk(scoreText, 0, writeDouble(scoreText, 0, score));
}

function matches(glob: Glob, { member }: SortedSet): boolean {
  if (!member.isInteger) return glob.matches(member.bytes, member.from, member.length);
  return glob.matches(scoreText, 0, member.writeText(scoreText, 0));
}

const LOG = "O(log(N)), N being the number of members";
const POP_COMPLEXITY = "O(M*log(N)), N being the number of members and M of those returned";
const RO = oneKey("RO access");

export const SORTED_SET_COMMANDS: readonly CommandSpec[] = [
  {
    name: "zadd",
    batchTimedArgsMax: 4,
    group: "sorted-set",
    since: "1.2.0",
    complexity: "O(log(N)) for each member, N being the number of members",
    summary: "Adds members to a sorted set, which is created if need be, or changes their scores.",
    arity: -4,
    flags: "write denyoom fast",
    keys: oneKey("RW update"),
    syntax:
      "key [condition: NX | XX] [comparison: GT | LT] [CH/change] [INCR/increment] {score_member: score/double member} ...",
    handler: (c) => add(c, 0),
  },
  {
    name: "zincrby",
    batchTimedArgsMax: 4,
    group: "sorted-set",
    since: "1.2.0",
    complexity: LOG,
    summary: "Increments the score of a member of a sorted set.",
    arity: 4,
    flags: "write denyoom fast",
    keys: oneKey("RW access update"),
    syntax: "key increment member",
    handler: (c) => add(c, INCR),
  },
  {
    name: "zrem",
    batchTimedArgsMax: 3,
    group: "sorted-set",
    since: "1.2.0",
    complexity: "O(M*log(N)), N being the number of members and M of those to remove",
    summary: "Removes members from a sorted set.",
    arity: -3,
    flags: "write fast",
    keys: oneKey("RW delete"),
    syntax: "key member ...",
    handler: zrem,
  },
  {
    name: "zpopmin",
    batchTimedArgsMax: 2,
    group: "sorted-set",
    since: "5.0.0",
    complexity: POP_COMPLEXITY,
    summary: "Removes and returns the members with the lowest scores of a sorted set.",
    arity: -2,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: "key [count]",
    handler: (c) => pop(c, false),
  },
  {
    name: "zpopmax",
    batchTimedArgsMax: 2,
    group: "sorted-set",
    since: "5.0.0",
    complexity: POP_COMPLEXITY,
    summary: "Removes and returns the members with the highest scores of a sorted set.",
    arity: -2,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: "key [count]",
    handler: (c) => pop(c, true),
  },
  {
    name: "zcard",
    batchTimedArgsMax: 2,
    group: "sorted-set",
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Returns the number of members of a sorted set.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key",
    handler: zcard,
  },
  {
    name: "zscore",
    batchTimedArgsMax: 3,
    group: "sorted-set",
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Returns the score of a member of a sorted set.",
    arity: 3,
    flags: "readonly fast",
    keys: RO,
    syntax: "key member",
    handler: zscore,
  },
  {
    name: "zmscore",
    batchTimedArgsMax: 3,
    group: "sorted-set",
    since: "6.2.0",
    complexity: "O(N), N being the number of members asked for",
    summary: "Returns the scores of members of a sorted set.",
    arity: -3,
    flags: "readonly fast",
    keys: RO,
    syntax: "key member ...",
    handler: zmscore,
  },
  {
    name: "zrank",
    batchTimedArgsMax: 4,
    group: "sorted-set",
    since: "2.0.0",
    complexity: LOG,
    summary: "Returns the rank of a member of a sorted set, from the lowest score.",
    arity: -3,
    flags: "readonly fast",
    keys: RO,
    syntax: "key member [WITHSCORE]",
    handler: (c) => rank(c, false),
  },
  {
    name: "zrevrank",
    batchTimedArgsMax: 4,
    group: "sorted-set",
    since: "2.0.0",
    complexity: LOG,
    summary: "Returns the rank of a member of a sorted set, from the highest score.",
    arity: -3,
    flags: "readonly fast",
    keys: RO,
    syntax: "key member [WITHSCORE]",
    handler: (c) => rank(c, true),
  },
  {
    name: "zrandmember",
    group: "sorted-set",
    since: "6.2.0",
    complexity: "O(M*log(N)), N being the number of members and M of those returned",
    summary: "Returns members of a sorted set at random.",
    arity: -2,
    flags: "readonly",
    keys: RO,
    syntax: "key [options: count [WITHSCORES]]",
    tips: "nondeterministic_output",
    handler: zrandmember,
  },
  {
    name: "zscan",
    group: "sorted-set",
    since: "2.8.0",
    complexity: "O(1) a call, O(N) for all N members",
    summary: "Iterates over the members of a sorted set and their scores.",
    arity: -3,
    flags: "readonly",
    keys: RO,
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    tips: "nondeterministic_output",
    handler: zscan,
  },
];

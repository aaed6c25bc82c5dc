/** SPOP and SRANDMEMBER: members drawn at random. */
import type { CommandWriter } from "../protocol/command-writer.ts";
import * as errors from "../protocol/errors.ts";
import type { OpenSet } from "../store/types/sets.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, SET_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

/** As in Redis: where so many times as many members leave as stay, those that stay are drawn. */
const LEAVING_PER_STAYING = 5;
/** Members of an SREM that is propagated, as in Redis. */
const MEMBERS_PER_SREM = 1024;
/** Fewer than one of so many members are drawn one by one; more are chosen while all are passed. */
const MEMBERS_PER_DRAW = 8;
/** With a negative count the reply does not depend on the size of the set; a longer one is refused. */
const REPLY_BYTES_MAX = 1 << 29;
/** What the shortest member takes in a reply. */
const MEMBER_BYTES_MIN = 6;

function spop(c: Context): void {
  const { count } = c.args;
  if (count > 3) c.syntaxError();
  else if (count === 3) popSome(c);
  else popOne(c);
}

function popOne(c: Context): void {
  const ref = c.lookupWrite(1);
  if (!c.isSet(ref)) return;
  if (ref === 0) {
    c.reply.null();
    return;
  }
  const set = c.keyspace.sets.openToWrite(c.db, ref);
  set.readRandom(c.keyspace.random);
  c.replyElement(set.member);
  const out = c.propagateInstead(3);
  if (out !== null) {
    out.text("SREM");
    out.copy(c.args, 1);
    out.element(set.member);
  }
  set.removeFound();
  c.putBack(set, 1, SET_EVENT, "spop");
  c.dirty++;
}

function popSome(c: Context): void {
  const { keyspace, reply } = c;
  const count = c.integerWithin(2, 0, Number.POSITIVE_INFINITY, errors.NOT_POSITIVE);
  if (Number.isNaN(count)) return;
  const ref = c.lookupWrite(1);
  if (!c.isSet(ref)) return;
  if (ref === 0 || count === 0) {
    reply.set(0);
    return;
  }
  const set = keyspace.sets.openToWrite(c.db, ref);
  const size = set.length;
  const taken = Math.min(count, size);
  if (taken === size) popAll(c, set, ref);
  else if (set.isTable && (size - taken) * LEAVING_PER_STAYING <= taken)
    popMost(c, set, ref, taken);
  else {
    reply.set(taken);
    removal.begin(c, taken);
    for (let i = 0; i < taken; i++) {
      set.readRandom(keyspace.random);
      removal.add(c, set);
      set.removeFound();
    }
    removal.end(c);
    set.store();
    c.changed(SET_EVENT, "spop", 1);
  }
  c.dirty += taken;
}

function popAll(c: Context, set: OpenSet, ref: number): void {
  c.reply.set(set.length);
  for (set.rewind(); set.next(); ) c.replyElement(set.member);
  c.propagateDelete(1);
  c.db.remove(ref);
  c.changed(SET_EVENT, "spop", 1);
  c.changed(GENERIC_EVENT, "del", 1);
}

/** Draws the members that stay, into a set that takes the place of the open one. */
function popMost(c: Context, set: OpenSet, ref: number, taken: number): void {
  const { keyspace, reply } = c;
  const staying = set.length - taken;
  const kept = keyspace.sets.create();
  const drawn = drawMarked(c, set, staying);
  try {
    for (let i = 0; i < staying; i++) {
      set.readRecord(drawn[i]!);
      kept.addElement(set.member);
    }
    reply.set(taken);
    removal.begin(c, taken);
    for (set.rewind(); set.next(); ) if (!set.isFoundMarked) removal.add(c, set);
    removal.end(c);
  } catch (error) {
    kept.discard();
    throw error;
  } finally {
    unmark(set, drawn, staying);
  }
  keyspace.sets.replace(ref, kept);
  c.changed(SET_EVENT, "spop", 1);
}

/** Replies with members that leave a set, and propagates SREMs of them. */
class Removal {
  /** Members that are still to come, and how many of them are of the command that has begun. */
  #left = 0;
  #commandLeft = 0;
  #out: CommandWriter | null = null;
  /** Several commands are to be repeated together. */
  #hasBlock = false;

  begin(c: Context, members: number): void {
    this.#left = members;
    this.#commandLeft = 0;
    this.#hasBlock = members > MEMBERS_PER_SREM && c.journal !== null && !c.journal.inBlock;
    if (this.#hasBlock) c.journal!.beginBlock();
  }

  /** Before the member, which the set has just read, is removed. */
  add(c: Context, { member }: OpenSet): void {
    c.replyElement(member);
    if (this.#commandLeft === 0) {
      this.#commandLeft = Math.min(this.#left, MEMBERS_PER_SREM);
      this.#left -= this.#commandLeft;
      this.#out = c.propagateInstead(this.#commandLeft + 2);
      this.#out?.text("SREM");
      this.#out?.copy(c.args, 1);
    }
    this.#commandLeft--;
    this.#out?.element(member);
  }

  end(c: Context): void {
    if (this.#hasBlock) c.journal!.endBlock();
    this.#out = null;
  }
}

const removal = new Removal();

function srandmember(c: Context): void {
  const { reply } = c;
  if (c.args.count > 3) {
    c.syntaxError();
    return;
  }
  const hasCount = c.args.count === 3;
  let count = 1;
  if (hasCount) {
    count = readSignedCount(c, 2);
    if (Number.isNaN(count)) return;
  }
  const ref = c.lookup(1);
  if (!c.isSet(ref)) return;
  if (ref === 0 || count === 0) {
    if (hasCount) reply.array(0);
    else reply.null();
    return;
  }
  const set = c.keyspace.sets.open(ref);
  if (!hasCount) {
    set.readRandom(c.keyspace.random);
    c.replyElement(set.member);
  } else if (count < 0) replyDraws(c, set, -count);
  else replyDistinct(c, set, Math.min(count, set.length));
}

const LEAST = "-9223372036854775808";

function readSignedCount(c: Context, index: number): number {
  if (!c.args.is(index, LEAST)) return c.integer(index);
  c.reply.error(errors.COUNT_RANGE);
  return Number.NaN;
}

/** Replies with `count` members, each drawn from all of them. */
function replyDraws(c: Context, set: OpenSet, count: number): void {
  const { keyspace, reply } = c;
  const start = reply.at;
  let left = count * MEMBER_BYTES_MIN <= REPLY_BYTES_MAX ? count : -1;
  if (left > 0) reply.array(count);
  for (; left > 0 && reply.at - start <= REPLY_BYTES_MAX; left--) {
    set.readRandom(keyspace.random);
    c.replyElement(set.member);
  }
  if (left === 0) return;
  reply.at = start;
  reply.error(errors.REPLY_TOO_LONG);
}

/** Replies with `count` different members, at most all. */
function replyDistinct(c: Context, set: OpenSet, count: number): void {
  const { random } = c.keyspace;
  c.reply.array(count);
  if (set.isTable && count * MEMBERS_PER_DRAW <= set.length) {
    const drawn = drawMarked(c, set, count);
    for (let i = 0; i < count; i++) {
      set.readRecord(drawn[i]!);
      c.replyElement(set.member);
    }
    unmark(set, drawn, count);
    return;
  }
  // Each member is chosen with the chance that makes every choice equally likely.
  let wanted = count;
  let left = set.length;
  for (set.rewind(); wanted > 0 && set.next(); left--) {
    if (wanted < left && random.below(left) >= wanted) continue;
    c.replyElement(set.member);
    wanted--;
  }
}

/** Draws and marks `count` records of a table, of which it has many more. */
function drawMarked(c: Context, set: OpenSet, count: number): Int32Array {
  const drawn = new Int32Array(count);
  for (let n = 0; n < count; ) {
    set.readRandom(c.keyspace.random);
    if (set.markFound()) drawn[n++] = set.record;
  }
  return drawn;
}

function unmark(set: OpenSet, drawn: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) set.unmark(drawn[i]!);
}

export const SET_DRAW_COMMANDS: readonly CommandSpec[] = [
  {
    name: "spop",
    batchTimedArgsMax: 2,
    group: "set",
    since: "1.0.0",
    complexity: "O(1); with a count O(N), N being the count",
    summary: "Removes and returns random members of a set.",
    arity: -2,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: "key [count]",
    tips: "nondeterministic_output",
    handler: spop,
  },
  {
    name: "srandmember",
    batchTimedArgsMax: 2,
    group: "set",
    since: "1.0.0",
    complexity: "O(1); with a count O(N), N being the count without its sign",
    summary: "Returns random members of a set.",
    arity: -2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key [count]",
    tips: "nondeterministic_output",
    handler: srandmember,
  },
];

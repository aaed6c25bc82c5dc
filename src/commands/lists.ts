/** List commands. */

import { Element } from "../memory/element.ts";
import { ELEMENT_BYTES_MAX } from "../memory/quicklist.ts";
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, LIST_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

const element = new Element();

/** The argument as an element ready to be written; returns the size of its entry. */
function measure(c: Context, index: number): number {
  const { args } = c;
  return element.measure(args.bytes, args.start[index]!, args.length[index]!);
}

function replyElement(c: Context): void {
  if (element.isInteger) c.reply.integerBulk(element.low, element.high);
  else c.reply.bulk(element.bytes, element.from, element.length);
}

/** Whether every element from argument `from` on fits in a block; replies where one does not. */
function elementsFit(c: Context, from: number): boolean {
  for (let i = from; i < c.args.count; i++) {
    if (c.args.length[i]! <= ELEMENT_BYTES_MAX) continue;
    c.reply.error(errors.STRING_TOO_LONG);
    return false;
  }
  return true;
}

/** Closes the list of the key in argument `index`, after a change that is called `event`. */
function close(c: Context, ref: number, index: number, event: string): void {
  const isEmpty = c.keyspace.chain.length === 0;
  c.db.closeList(ref);
  c.changed(LIST_EVENT, event, index);
  if (isEmpty) c.changed(GENERIC_EVENT, "del", index);
}

// ── Pushing ──────────────────────────────────────────────────────────────────────────────────

function push(c: Context, atHead: boolean, mustExist: boolean): void {
  const ref = c.lookupWrite(1);
  if (!c.isList(ref) || !elementsFit(c, 2)) return;
  if (ref === 0 && mustExist) {
    c.reply.integer(0);
    return;
  }
  const { chain } = c.keyspace;
  const { count } = c.args;
  if (ref === 0) chain.openNew();
  else c.db.openListToWrite(ref);
  for (let i = 2; i < count; i++) {
    const size = measure(c, i);
    if (atHead) chain.pushHead(element, size);
    else chain.pushTail(element, size);
  }
  const { length } = chain;
  if (ref === 0) c.db.addList(c.args.bytes, c.args.start[1]!, c.args.length[1]!);
  else c.db.closeList(ref);
  c.changed(LIST_EVENT, atHead ? "lpush" : "rpush", 1);
  c.dirty += count - 2;
  c.reply.integer(length);
}

// ── Popping ──────────────────────────────────────────────────────────────────────────────────

/** Replies with the first or last element of the open list and removes it. */
function popOne(c: Context, atHead: boolean): void {
  const { chain } = c.keyspace;
  chain.seek(atHead ? 0 : chain.length - 1);
  chain.read(element);
  replyElement(c);
  if (atHead) chain.popHead();
  else chain.popTail();
}

/** Replies with the first or last element of the list in argument `index` and removes it. */
export function popFirst(c: Context, ref: number, index: number, atHead: boolean): void {
  c.db.openListToWrite(ref);
  popOne(c, atHead);
  close(c, ref, index, atHead ? "lpop" : "rpop");
  c.dirty++;
}

/** Replies with an array of up to `count` elements from one end and removes them. */
function popSome(c: Context, ref: number, index: number, atHead: boolean, count: number): number {
  c.db.openListToWrite(ref);
  const { chain } = c.keyspace;
  const taken = Math.min(count, chain.length);
  c.reply.array(taken);
  for (let i = 0; i < taken; i++) popOne(c, atHead);
  if (taken === 0) c.db.closeList(ref);
  else close(c, ref, index, atHead ? "lpop" : "rpop");
  c.dirty += taken;
  return taken;
}

function pop(c: Context, atHead: boolean): void {
  if (c.args.count > 3) {
    c.reply.error(errors.wrongArity(atHead ? "lpop" : "rpop"));
    return;
  }
  const hasCount = c.args.count === 3;
  let count = 1;
  if (hasCount) {
    count = c.integerWithin(2, 0, Number.POSITIVE_INFINITY, errors.NOT_POSITIVE);
    if (Number.isNaN(count)) return;
  }
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    if (hasCount) c.reply.nullArray();
    else c.reply.null();
    return;
  }
  if (!c.isList(ref)) return;
  if (hasCount) popSome(c, ref, 1, atHead, count);
  else popFirst(c, ref, 1, atHead);
}

/** LEFT as true, RIGHT as false; undefined, with the reply written, for anything else. */
export function readEnd(c: Context, index: number): boolean | undefined {
  if (c.args.is(index, "left")) return true;
  if (c.args.is(index, "right")) return false;
  c.syntaxError();
  return undefined;
}

/** What LMPOP and BLMPOP are to do: with the keys in arguments `first` to `last`. */
export interface PopOptions {
  readonly first: number;
  readonly last: number;
  readonly atHead: boolean;
  readonly count: number;
}

/** Reads "numkeys key ... end [COUNT count]" from argument `from` on; null with the error replied. */
export function readPopOptions(c: Context, from: number): PopOptions | null {
  const { args } = c;
  const wrong = "ERR numkeys should be greater than 0";
  const keys = c.integerWithin(from, 1, Number.POSITIVE_INFINITY, wrong);
  if (Number.isNaN(keys)) return null;
  const whereIndex = from + 1 + keys;
  if (whereIndex >= args.count) {
    c.syntaxError();
    return null;
  }
  const atHead = readEnd(c, whereIndex);
  if (atHead === undefined) return null;
  let count = -1;
  for (let i = whereIndex + 1; i < args.count; i++) {
    if (count >= 0 || !args.is(i, "count") || i + 1 >= args.count) {
      c.syntaxError();
      return null;
    }
    count = c.integerWithin(++i, 1, Number.POSITIVE_INFINITY, "ERR count should be greater than 0");
    if (Number.isNaN(count)) return null;
  }
  return { first: from + 1, last: whereIndex - 1, atHead, count: Math.max(1, count) };
}

/**
 * Pops from the first of the keys that is there, and replies with its name and the elements;
 * false, without a reply, where none is.
 */
export function popFromAny(c: Context, { first, last, atHead, count }: PopOptions): boolean {
  const { args } = c;
  for (let i = first; i <= last; i++) {
    const ref = c.lookupWrite(i);
    if (ref === 0) continue;
    if (!c.isList(ref)) return true;
    c.reply.array(2);
    c.reply.bulk(args.bytes, args.start[i]!, args.length[i]!);
    const taken = popSome(c, ref, i, atHead, count);
    const out = c.propagateInstead(3);
    if (out !== null) {
      out.text(atHead ? "LPOP" : "RPOP");
      out.copy(args, i);
      out.integer(taken);
    }
    return true;
  }
  return false;
}

function lmpop(c: Context): void {
  const options = readPopOptions(c, 1);
  if (options !== null && !popFromAny(c, options)) c.reply.nullArray();
}

// ── Moving ───────────────────────────────────────────────────────────────────────────────────

/**
 * Moves an element from the list in argument 1 to that in argument 2 and replies with it, or with
 * what is wrong: then it returns false.
 */
export function move(c: Context, fromHead: boolean, toHead: boolean): boolean {
  const source = c.lookupWrite(1);
  if (source === 0) {
    c.reply.null();
    return false;
  }
  if (!c.isList(source)) return false;
  const { args, db } = c;
  const { chain } = c.keyspace;
  const target = c.lookupWrite(2);
  if (!c.isList(target)) return false;
  const popped = fromHead ? "lpop" : "rpop";
  const pushed = toHead ? "lpush" : "rpush";
  db.openListToWrite(source);
  chain.seek(fromHead ? 0 : chain.length - 1);
  chain.read(element);
  replyElement(c);
  c.dirty++;
  const size = element.remeasure();
  if (source === target) {
    if (chain.length > 1 && fromHead !== toHead) {
      // The entry may be overwritten as soon as it is popped, so it travels as a copy.
      element.detach();
      if (fromHead) chain.popHead();
      else chain.popTail();
      if (toHead) chain.pushHead(element, size);
      else chain.pushTail(element, size);
    }
    db.closeList(source);
    c.changed(LIST_EVENT, pushed, 2);
    c.changed(LIST_EVENT, popped, 1);
    return true;
  }
  // Elsewhere it is pushed first and popped then.
  if (target === 0) chain.openNew();
  else db.openListToWrite(target);
  if (toHead) chain.pushHead(element, size);
  else chain.pushTail(element, size);
  if (target === 0) db.addList(args.bytes, args.start[2]!, args.length[2]!);
  else db.closeList(target);
  c.changed(LIST_EVENT, pushed, 2);
  const emptied = c.lookupWrite(1);
  db.openListToWrite(emptied);
  if (fromHead) chain.popHead();
  else chain.popTail();
  close(c, emptied, 1, popped);
  return true;
}

function lmove(c: Context): void {
  const fromHead = readEnd(c, 3);
  if (fromHead === undefined) return;
  const toHead = readEnd(c, 4);
  if (toHead === undefined) return;
  move(c, fromHead, toHead);
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────

function llen(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isList(ref)) return;
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  c.db.openList(ref);
  c.reply.integer(c.keyspace.chain.length);
}

function lindex(c: Context): void {
  const ref = c.lookup(1);
  if (ref === 0) {
    c.reply.null();
    return;
  }
  if (!c.isList(ref)) return;
  let index = c.integer(2);
  if (Number.isNaN(index)) return;
  c.db.openList(ref);
  const { chain } = c.keyspace;
  if (index < 0) index += chain.length;
  if (index < 0 || index >= chain.length) {
    c.reply.null();
    return;
  }
  chain.seek(index);
  chain.read(element);
  replyElement(c);
}

function lrange(c: Context): void {
  let start = c.integer(2);
  if (Number.isNaN(start)) return;
  let stop = c.integer(3);
  if (Number.isNaN(stop)) return;
  const ref = c.lookup(1);
  if (ref === 0) {
    c.reply.array(0);
    return;
  }
  if (!c.isList(ref)) return;
  c.db.openList(ref);
  const { chain } = c.keyspace;
  start = Math.max(0, start < 0 ? start + chain.length : start);
  stop = Math.min(chain.length - 1, stop < 0 ? stop + chain.length : stop);
  if (start > stop) {
    c.reply.array(0);
    return;
  }
  const count = stop - start + 1;
  c.reply.array(count);
  chain.seek(start);
  for (let i = 0; i < count; i++) {
    chain.readNext(element);
    replyElement(c);
  }
}

const RANK_ZERO =
  "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list";
const RANK_RANGE =
  "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807";

function lpos(c: Context): void {
  const { args, reply } = c;
  let rank = 1;
  let count = -1;
  let maxLength = 0;
  for (let i = 3; i < args.count; i++) {
    if (i + 1 >= args.count) {
      c.syntaxError();
      return;
    }
    if (args.is(i, "rank")) {
      if (args.is(i + 1, "-9223372036854775808")) {
        reply.error(RANK_RANGE);
        return;
      }
      rank = c.integer(++i);
      if (Number.isNaN(rank)) return;
      if (rank === 0) {
        reply.error(RANK_ZERO);
        return;
      }
    } else if (args.is(i, "count")) {
      count = c.integerWithin(++i, 0, Number.POSITIVE_INFINITY, "ERR COUNT can't be negative");
      if (Number.isNaN(count)) return;
    } else if (args.is(i, "maxlen")) {
      maxLength = c.integerWithin(++i, 0, Number.POSITIVE_INFINITY, "ERR MAXLEN can't be negative");
      if (Number.isNaN(maxLength)) return;
    } else {
      c.syntaxError();
      return;
    }
  }
  const ref = c.lookup(1);
  if (ref === 0) {
    if (count < 0) reply.null();
    else reply.array(0);
    return;
  }
  if (!c.isList(ref)) return;
  const found = findPositions(c, ref, rank, count < 0 ? 1 : count, maxLength);
  if (count < 0) {
    if (found.length === 0) reply.null();
    else reply.integer(found[0]!);
    return;
  }
  reply.array(found.length);
  for (const index of found) reply.integer(index);
}

/** Indexes of up to `count` (0: all) matches of argument 2, from the `rank`th on. */
function findPositions(
  c: Context,
  ref: number,
  rank: number,
  count: number,
  maxLength: number,
): number[] {
  const { chain } = c.keyspace;
  const [encoded, size] = encode(c, 2);
  c.db.openList(ref);
  const forward = rank > 0;
  const steps = maxLength === 0 ? chain.length : Math.min(maxLength, chain.length);
  const found: number[] = [];
  let skip = Math.abs(rank) - 1;
  chain.seek(forward ? 0 : chain.length - 1);
  for (let i = 0; i < steps; i++) {
    if (chain.equals(encoded, size) && skip-- <= 0) {
      found.push(forward ? i : chain.length - 1 - i);
      if (found.length === count) break;
    }
    if (forward) chain.stepNext();
    else chain.stepPrevious();
  }
  return found;
}

let scratch = new Uint8Array(1024);

/** The argument's entry, for comparing; valid until the next call. */
function encode(c: Context, index: number): readonly [Uint8Array, number] {
  const size = measure(c, index);
  if (scratch.length < size || scratch.length > 1048576) {
    scratch = new Uint8Array(Math.max(1024, size));
  }
  element.write(scratch, 0);
  return [scratch, size];
}

// ── Changing ─────────────────────────────────────────────────────────────────────────────────

function lset(c: Context): void {
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.reply.error(errors.NO_SUCH_KEY);
    return;
  }
  if (!c.isList(ref)) return;
  let index = c.integer(2);
  if (Number.isNaN(index) || !elementsFit(c, 3)) return;
  c.db.openListToWrite(ref);
  const { chain } = c.keyspace;
  if (index < 0) index += chain.length;
  if (index < 0 || index >= chain.length) {
    c.reply.error(errors.INDEX_OUT_OF_RANGE);
    return;
  }
  chain.seek(index);
  const size = measure(c, 3);
  chain.replaceHere(element, size);
  close(c, ref, 1, "lset");
  c.dirty++;
  c.reply.ok();
}

function linsert(c: Context): void {
  const behind = c.args.is(2, "after");
  if (!behind && !c.args.is(2, "before")) {
    c.syntaxError();
    return;
  }
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  if (!c.isList(ref) || !elementsFit(c, 4)) return;
  const { chain } = c.keyspace;
  const [encoded, encodedSize] = encode(c, 3);
  c.db.openListToWrite(ref);
  chain.seek(0);
  while (!chain.equals(encoded, encodedSize)) {
    if (chain.stepNext()) continue;
    c.reply.integer(-1);
    return;
  }
  chain.insertHere(element, measure(c, 4), behind);
  const { length } = chain;
  close(c, ref, 1, "linsert");
  c.dirty++;
  c.reply.integer(length);
}

function lrem(c: Context): void {
  const count = c.integer(2);
  if (Number.isNaN(count)) return;
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  if (!c.isList(ref)) return;
  const { chain } = c.keyspace;
  const [encoded, size] = encode(c, 3);
  c.db.openListToWrite(ref);
  const limit = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  const removed =
    count >= 0
      ? chain.removeForward(encoded, size, limit)
      : chain.removeBackward(encoded, size, limit);
  if (removed === 0) c.db.closeList(ref);
  else close(c, ref, 1, "lrem");
  c.dirty += removed;
  c.reply.integer(removed);
}

function ltrim(c: Context): void {
  let start = c.integer(2);
  if (Number.isNaN(start)) return;
  let stop = c.integer(3);
  if (Number.isNaN(stop)) return;
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.reply.ok();
    return;
  }
  if (!c.isList(ref)) return;
  c.db.openListToWrite(ref);
  const { chain } = c.keyspace;
  const { length } = chain;
  start = Math.max(0, start < 0 ? start + length : start);
  stop = Math.min(length - 1, stop < 0 ? stop + length : stop);
  if (start > stop || start >= length) {
    c.db.remove(ref);
    c.changed(LIST_EVENT, "ltrim", 1);
    c.changed(GENERIC_EVENT, "del", 1);
    c.dirty += length;
  } else {
    chain.trimHead(start);
    chain.trimTail(length - 1 - stop);
    c.dirty += length - chain.length;
    close(c, ref, 1, "ltrim");
  }
  c.reply.ok();
}

const PUSH_COMPLEXITY = "O(N), N being the number of elements pushed";
const POP_COMPLEXITY = "O(N), N being the number of elements returned";
export const MOVE_KEYS = [keyAt(1, "RW access delete"), keyAt(2, "RW insert")];

export const LIST_COMMANDS: readonly CommandSpec[] = [
  {
    name: "lpush",
    batchTimedArgsMax: 4,
    group: "list",
    since: "1.0.0",
    complexity: PUSH_COMPLEXITY,
    summary: "Adds elements at the head of a list, which is created if need be.",
    arity: -3,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key element ...",
    handler: (c) => push(c, true, false),
  },
  {
    name: "rpush",
    batchTimedArgsMax: 4,
    group: "list",
    since: "1.0.0",
    complexity: PUSH_COMPLEXITY,
    summary: "Adds elements at the tail of a list, which is created if need be.",
    arity: -3,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key element ...",
    handler: (c) => push(c, false, false),
  },
  {
    name: "lpushx",
    batchTimedArgsMax: 4,
    group: "list",
    since: "2.2.0",
    complexity: PUSH_COMPLEXITY,
    summary: "Adds elements at the head of a list that exists.",
    arity: -3,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key element ...",
    handler: (c) => push(c, true, true),
  },
  {
    name: "rpushx",
    batchTimedArgsMax: 4,
    group: "list",
    since: "2.2.0",
    complexity: PUSH_COMPLEXITY,
    summary: "Adds elements at the tail of a list that exists.",
    arity: -3,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key element ...",
    handler: (c) => push(c, false, true),
  },
  {
    name: "lpop",
    batchTimedArgsMax: 2,
    group: "list",
    since: "1.0.0",
    complexity: POP_COMPLEXITY,
    summary: "Removes and returns elements at the head of a list.",
    arity: -2,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: "key [count]",
    handler: (c) => pop(c, true),
  },
  {
    name: "rpop",
    batchTimedArgsMax: 2,
    group: "list",
    since: "1.0.0",
    complexity: POP_COMPLEXITY,
    summary: "Removes and returns elements at the tail of a list.",
    arity: -2,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: "key [count]",
    handler: (c) => pop(c, false),
  },
  {
    name: "lrange",
    group: "list",
    since: "1.0.0",
    complexity: "O(S+N), S being the distance from the nearer end and N the number of elements",
    summary: "Returns a range of a list's elements.",
    arity: 4,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key start stop",
    handler: lrange,
  },
  {
    name: "llen",
    batchTimedArgsMax: 2,
    group: "list",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns the length of a list.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key",
    handler: llen,
  },
  {
    name: "lindex",
    group: "list",
    since: "1.0.0",
    complexity: "O(N), N being the distance from the nearer end",
    summary: "Returns the element at an index of a list.",
    arity: 3,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key index",
    handler: lindex,
  },
  {
    name: "lset",
    group: "list",
    since: "1.0.0",
    complexity: "O(N), N being the distance from the nearer end",
    summary: "Sets the element at an index of a list.",
    arity: 4,
    flags: "write denyoom",
    keys: oneKey("RW update"),
    syntax: "key index element",
    handler: lset,
  },
  {
    name: "linsert",
    group: "list",
    since: "2.2.0",
    complexity: "O(N), N being the number of elements before the pivot",
    summary: "Inserts an element before or after another one of a list.",
    arity: 5,
    flags: "write denyoom",
    keys: oneKey("RW insert"),
    syntax: "key <where: BEFORE | AFTER> pivot element",
    handler: linsert,
  },
  {
    name: "lrem",
    group: "list",
    since: "1.0.0",
    complexity: "O(N), N being the length of the list",
    summary: "Removes elements equal to one from a list.",
    arity: 4,
    flags: "write",
    keys: oneKey("RW delete"),
    syntax: "key count element",
    handler: lrem,
  },
  {
    name: "ltrim",
    group: "list",
    since: "1.0.0",
    complexity: "O(N), N being the number of elements removed",
    summary: "Removes the elements of a list outside a range.",
    arity: 4,
    flags: "write",
    keys: oneKey("RW delete"),
    syntax: "key start stop",
    handler: ltrim,
  },
  {
    name: "lpos",
    group: "list",
    since: "6.0.6",
    complexity: "O(N), N being the number of elements compared",
    summary: "Returns the indexes of elements equal to one in a list.",
    arity: -3,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key element [RANK rank] [COUNT num-matches/integer] [MAXLEN len]",
    handler: lpos,
  },
  {
    name: "lmove",
    group: "list",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Moves an element from one end of a list to one end of another, and returns it.",
    arity: 5,
    flags: "write denyoom",
    keys: MOVE_KEYS,
    syntax: "source destination <wherefrom: LEFT | RIGHT> <whereto: LEFT | RIGHT>",
    handler: lmove,
  },
  {
    name: "rpoplpush",
    group: "list",
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Moves the last element of a list to the head of another, and returns it.",
    arity: 3,
    flags: "write denyoom",
    keys: MOVE_KEYS,
    syntax: "source destination",
    deprecated: { since: "6.2.0", replacedBy: "`LMOVE` with the `RIGHT` and `LEFT` arguments" },
    handler: (c) => move(c, false, true),
  },
  {
    name: "lmpop",
    group: "list",
    since: "7.0.0",
    complexity: "O(N+M), N being the number of keys and M of elements returned",
    summary: "Removes and returns elements of the first list among several keys that exists.",
    arity: -4,
    flags: "write movablekeys",
    keys: [{ at: 1, keynum: true, flags: "RW access delete" }],
    syntax: "numkeys key ... <where: LEFT | RIGHT> [COUNT count]",
    handler: lmpop,
  },
];

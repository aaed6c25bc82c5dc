/** List commands. */

import type { Element } from "../memory/element.ts";
import { ELEMENT_BYTES_MAX } from "../memory/quicklist.ts";
import * as errors from "../protocol/errors.ts";
import type { List } from "../store/types/lists.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, LIST_EVENT } from "./events.ts";
import { type PopOptions, readPopOptions, readWord } from "./pop-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

/** The argument as an element that is ready to be written to the list. */
function given(c: Context, list: List, index: number): Element {
  const { args } = c;
  return list.given.setText(args.bytes, args.start[index]!, args.length[index]!);
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

// ── Pushing ──────────────────────────────────────────────────────────────────────────────────

function push(c: Context, atHead: boolean, mustExist: boolean): void {
  const ref = c.lookupWrite(1);
  if (!c.isList(ref) || !elementsFit(c, 2)) return;
  if (ref === 0 && mustExist) {
    c.reply.integer(0);
    return;
  }
  const { lists } = c.keyspace;
  const { count } = c.args;
  const list = ref === 0 ? lists.create() : lists.openToWrite(c.db, ref);
  const had = list.length;
  try {
    for (let i = 2; i < count; i++) {
      const element = given(c, list, i);
      if (atHead) list.pushHead(element);
      else list.pushTail(element);
    }
  } catch (error) {
    takeBack(c, list, had, atHead);
    throw error;
  }
  const { length } = list;
  c.putBack(list, 1, LIST_EVENT, atHead ? "lpush" : "rpush");
  c.dirty += count - 2;
  c.reply.integer(length);
}

/** Memory has run out: the list is as it was before the push. */
function takeBack(c: Context, list: List, had: number, atHead: boolean): void {
  while (list.length > had) {
    if (atHead) list.popHead();
    else list.popTail();
  }
  if (list.entry !== 0) c.db.putBack(list, c.args.bytes, c.args.start[1]!, c.args.length[1]!);
}

// ── Popping ──────────────────────────────────────────────────────────────────────────────────

/** Replies with the first or last element of the list and removes it. */
function popOne(c: Context, list: List, atHead: boolean): void {
  list.seekEnd(atHead);
  list.read(list.element);
  c.replyElement(list.element);
  if (atHead) list.popHead();
  else list.popTail();
}

/** Replies with the first or last element of the list in argument `index` and removes it. */
export function popFirst(c: Context, ref: number, index: number, atHead: boolean): void {
  const list = c.keyspace.lists.openToWrite(c.db, ref);
  popOne(c, list, atHead);
  c.putBack(list, index, LIST_EVENT, atHead ? "lpop" : "rpop");
  c.dirty++;
}

/** Replies with an array of up to `count` elements from one end and removes them. */
function popSome(c: Context, ref: number, index: number, atHead: boolean, count: number): number {
  const list = c.keyspace.lists.openToWrite(c.db, ref);
  const taken = Math.min(count, list.length);
  c.reply.array(taken);
  for (let i = 0; i < taken; i++) popOne(c, list, atHead);
  if (taken > 0) c.putBack(list, index, LIST_EVENT, atHead ? "lpop" : "rpop");
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
  return readWord(c, index, "left", "right");
}

/**
 * Pops from the first of the keys that is there, and replies with its name and the elements;
 * false, without a reply, where none is.
 */
export function popFromAny(c: Context, { first, last, atStart, count }: PopOptions): boolean {
  const { args } = c;
  for (let i = first; i <= last; i++) {
    const ref = c.lookupWrite(i);
    if (ref === 0) continue;
    if (!c.isList(ref)) return true;
    c.reply.array(2);
    c.reply.bulk(args.bytes, args.start[i]!, args.length[i]!);
    const taken = popSome(c, ref, i, atStart, count);
    const out = c.propagateInstead(3);
    if (out !== null) {
      out.text(atStart ? "LPOP" : "RPOP");
      out.copy(args, i);
      out.integer(taken);
    }
    return true;
  }
  return false;
}

function lmpop(c: Context): void {
  const options = readPopOptions(c, 1, "left", "right");
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
  const { lists } = c.keyspace;
  const target = c.lookupWrite(2);
  if (!c.isList(target)) return false;
  const popped = fromHead ? "lpop" : "rpop";
  const pushed = toHead ? "lpush" : "rpush";
  const from = lists.openToWrite(c.db, source);
  const { element } = from;
  from.seekEnd(fromHead);
  from.read(element);
  c.replyElement(element);
  element.prepare();
  c.dirty++;
  if (source === target) {
    if (from.length > 1 && fromHead !== toHead) {
      // The entry may be overwritten as soon as it is popped, so it travels as a copy.
      element.detach();
      if (fromHead) from.popHead();
      else from.popTail();
      if (toHead) from.pushHead(element);
      else from.pushTail(element);
    }
    from.store();
    c.changed(LIST_EVENT, pushed, 2);
    c.changed(LIST_EVENT, popped, 1);
    return true;
  }
  // Push to the target first, then pop from the source, so that running out of memory loses nothing.
  const to = target === 0 ? lists.create() : lists.openToWrite(c.db, target);
  if (toHead) to.pushHead(element);
  else to.pushTail(element);
  c.putBack(to, 2, LIST_EVENT, pushed);
  if (fromHead) from.popHead();
  else from.popTail();
  c.putBack(from, 1, LIST_EVENT, popped);
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
  c.reply.integer(c.keyspace.lists.open(ref).length);
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
  const list = c.keyspace.lists.open(ref);
  if (index < 0) index += list.length;
  if (index < 0 || index >= list.length) {
    c.reply.null();
    return;
  }
  list.seek(index);
  list.read(list.element);
  c.replyElement(list.element);
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
  const list = c.keyspace.lists.open(ref);
  start = Math.max(0, start < 0 ? start + list.length : start);
  stop = Math.min(list.length - 1, stop < 0 ? stop + list.length : stop);
  if (start > stop) {
    c.reply.array(0);
    return;
  }
  const count = stop - start + 1;
  c.reply.array(count);
  list.seek(start);
  const { element } = list;
  for (let i = 0; i < count; i++) {
    list.readNext(element);
    c.replyElement(element);
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
  const list = c.keyspace.lists.open(ref);
  list.setWanted(given(c, list, 2));
  const forward = rank > 0;
  const steps = maxLength === 0 ? list.length : Math.min(maxLength, list.length);
  const found: number[] = [];
  let skip = Math.abs(rank) - 1;
  list.seek(forward ? 0 : list.length - 1);
  for (let i = 0; i < steps; i++) {
    if (list.matches() && skip-- <= 0) {
      found.push(forward ? i : list.length - 1 - i);
      if (found.length === count) break;
    }
    if (forward) list.stepNext();
    else list.stepPrevious();
  }
  return found;
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
  const list = c.keyspace.lists.openToWrite(c.db, ref);
  if (index < 0) index += list.length;
  if (index < 0 || index >= list.length) {
    c.reply.error(errors.INDEX_OUT_OF_RANGE);
    return;
  }
  list.seek(index);
  list.replaceHere(given(c, list, 3));
  c.putBack(list, 1, LIST_EVENT, "lset");
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
  const list = c.keyspace.lists.openToWrite(c.db, ref);
  list.setWanted(given(c, list, 3));
  list.seek(0);
  while (!list.matches()) {
    if (list.stepNext()) continue;
    c.reply.integer(-1);
    return;
  }
  list.insertHere(given(c, list, 4), behind);
  const { length } = list;
  c.putBack(list, 1, LIST_EVENT, "linsert");
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
  const list = c.keyspace.lists.openToWrite(c.db, ref);
  list.setWanted(given(c, list, 3));
  const limit = count === 0 ? Number.POSITIVE_INFINITY : Math.abs(count);
  const removed = count >= 0 ? list.removeForward(limit) : list.removeBackward(limit);
  if (removed > 0) c.putBack(list, 1, LIST_EVENT, "lrem");
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
  const list = c.keyspace.lists.openToWrite(c.db, ref);
  const { length } = list;
  start = Math.max(0, start < 0 ? start + length : start);
  stop = Math.min(length - 1, stop < 0 ? stop + length : stop);
  if (start > stop || start >= length) {
    c.db.remove(ref);
    c.changed(LIST_EVENT, "ltrim", 1);
    c.changed(GENERIC_EVENT, "del", 1);
    c.dirty += length;
  } else {
    list.drop(start, true);
    list.drop(length - 1 - stop, false);
    c.dirty += length - list.length;
    c.putBack(list, 1, LIST_EVENT, "ltrim");
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
    summary: "Prepends elements to a list; creates the list if it does not exist.",
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
    summary: "Appends elements to a list; creates the list if it does not exist.",
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
    summary: "Prepends elements to a list if it exists.",
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
    summary: "Appends elements to a list if it exists.",
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
    summary: "Removes and returns elements of the first list that exists.",
    arity: -4,
    flags: "write movablekeys",
    keys: [{ at: 1, keynum: true, flags: "RW access delete" }],
    syntax: "numkeys key ... <where: LEFT | RIGHT> [COUNT count]",
    handler: lmpop,
  },
];

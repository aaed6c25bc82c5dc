/** Commands on one set. Those that draw members at random are in set-draws.ts, those that combine sets in set-algebra.ts. */
import type { Glob } from "../base/glob.ts";
import { ELEMENT_BYTES_MAX } from "../memory/quicklist.ts";
import * as errors from "../protocol/errors.ts";
import type { OpenSet } from "../store/types/sets.ts";
import type { Context } from "./context.ts";
import { SET_EVENT } from "./events.ts";
import { readCursor, readScanOptions, scanSome } from "./scan-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

/** Whether the set has the member in argument `index`. */
function find(c: Context, set: OpenSet, index: number): boolean {
  const { bytes, length, start } = c.args;
  return set.find(bytes, start[index]!, length[index]!);
}

function addArgument(c: Context, set: OpenSet, index: number): boolean {
  const { bytes, length, start } = c.args;
  return set.add(bytes, start[index]!, length[index]!);
}

/** Whether every member from argument `from` on fits in a block; replies where one does not. */
function membersFit(c: Context, from: number): boolean {
  const { count, length } = c.args;
  for (let i = from; i < count; i++) {
    if (length[i]! <= ELEMENT_BYTES_MAX) continue;
    c.reply.error(errors.STRING_TOO_LONG);
    return false;
  }
  return true;
}

/** The set of the key in argument 1, whose entry is `ref` or 0, for so many more members from argument `first` on. */
function openToAdd(c: Context, ref: number, first: number, members: number): OpenSet {
  const { sets } = c.keyspace;
  if (ref !== 0) return sets.openToWrite(c.db, ref);
  const { bytes, length, start } = c.args;
  return sets.createFor(bytes, start[first]!, length[first]!, members);
}

// ── Adding and removing ──────────────────────────────────────────────────────────────────────

function sadd(c: Context): void {
  const { count } = c.args;
  const ref = c.lookupWrite(1);
  if (!c.isSet(ref) || !membersFit(c, 2)) return;
  const set = openToAdd(c, ref, 2, count - 2);
  let added = 0;
  let done = 2;
  try {
    if (ref !== 0) set.expect(count - 2);
    for (; done < count; done++) if (addArgument(c, set, done)) added++;
  } catch (error) {
    keepPart(c, set, added, done);
    throw error;
  }
  if (added > 0) c.putBack(set, 1, SET_EVENT, "sadd");
  else set.store();
  c.dirty += added;
  c.reply.integer(added);
}

/** Memory has run out: of a new set nothing stays; one that was there keeps the members before argument `end`. */
function keepPart(c: Context, set: OpenSet, added: number, end: number): void {
  if (set.entry === 0) {
    set.discard();
    return;
  }
  set.store();
  if (added === 0) return;
  c.changed(SET_EVENT, "sadd", 1);
  const out = c.propagateInstead(end);
  if (out === null) return;
  out.text("SADD");
  for (let i = 1; i < end; i++) out.copy(c.args, i);
}

function srem(c: Context): void {
  const { count } = c.args;
  const ref = c.lookupWrite(1);
  if (!c.isSet(ref)) return;
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  const set = c.keyspace.sets.openToWrite(c.db, ref);
  let removed = 0;
  for (let i = 2; i < count && set.length > 0; i++) {
    if (!find(c, set, i)) continue;
    set.removeFound();
    removed++;
  }
  if (removed > 0) c.putBack(set, 1, SET_EVENT, "srem");
  c.dirty += removed;
  c.reply.integer(removed);
}

function smove(c: Context): void {
  const { args, db, keyspace, reply } = c;
  const source = c.lookupWrite(1);
  const target = c.lookupWrite(2);
  if (source === 0) {
    reply.integer(0);
    return;
  }
  if (!c.isSet(source) || !c.isSet(target)) return;
  if (source === target) {
    reply.integer(find(c, keyspace.sets.open(source), 3) ? 1 : 0);
    return;
  }
  const from = keyspace.sets.openToWrite(db, source);
  if (!find(c, from, 3)) {
    reply.integer(0);
    return;
  }
  // The member is added first, so that running out of memory loses nothing.
  const to = openToAdd(c, target, 3, 1);
  let isNew: boolean;
  try {
    isNew = addArgument(c, to, 3);
  } catch (error) {
    if (target === 0) to.discard();
    else to.store();
    throw error;
  }
  db.putBack(to, args.bytes, args.start[2]!, args.length[2]!);
  from.removeFound();
  c.putBack(from, 1, SET_EVENT, "srem");
  if (isNew) c.changed(SET_EVENT, "sadd", 2);
  c.dirty += isNew ? 2 : 1;
  reply.integer(1);
}

// ── Asking ───────────────────────────────────────────────────────────────────────────────────

function sismember(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isSet(ref)) return;
  c.reply.integer(ref !== 0 && find(c, c.keyspace.sets.open(ref), 2) ? 1 : 0);
}

function smismember(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isSet(ref)) return;
  const { count } = c.args;
  c.reply.array(count - 2);
  const set = ref === 0 ? null : c.keyspace.sets.open(ref);
  for (let i = 2; i < count; i++) c.reply.integer(set !== null && find(c, set, i) ? 1 : 0);
}

function scard(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isSet(ref)) return;
  c.reply.integer(ref === 0 ? 0 : c.keyspace.sets.open(ref).length);
}

/** Replies with the members as a set, which the caller has begun. */
function replyAll(c: Context, set: OpenSet): void {
  for (set.rewind(); set.next(); ) c.replyElement(set.member);
}

function smembers(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isSet(ref)) return;
  if (ref === 0) {
    c.reply.set(0);
    return;
  }
  const set = c.keyspace.sets.open(ref);
  c.reply.set(set.length);
  replyAll(c, set);
}

const records: number[] = [];

function sscan(c: Context): void {
  const { reply } = c;
  const cursor = readCursor(c, 2);
  if (cursor < 0) return;
  const ref = c.lookup(1);
  if (!c.isSet(ref)) return;
  if (ref === 0) {
    reply.array(2);
    reply.text("0");
    reply.array(0);
    return;
  }
  const options = readScanOptions(c, 3, "");
  if (options === null) return;
  const set = c.keyspace.sets.open(ref);
  const { count, glob } = options;
  let next = 0;
  // As in Redis a small form is returned whole.
  if (set.isTable) next = scanSome(set.members, cursor, count, records);
  reply.array(2);
  reply.text(String(next));
  const place = reply.at;
  reply.array(set.isTable ? records.length : set.length);
  let matching = 0;
  if (set.isTable) {
    for (const record of records) {
      set.readRecord(record);
      if (replyMatch(c, set, glob)) matching++;
    }
  } else for (set.rewind(); set.next(); ) if (replyMatch(c, set, glob)) matching++;
  reply.recount(place, matching);
}

const digits = new Uint8Array(20);

/** Replies with the member that was read if it matches; returns whether it does. */
function replyMatch(c: Context, { member }: OpenSet, glob: Glob | null): boolean {
  if (glob !== null) {
    member.toText(digits);
    if (!glob.matches(member.bytes, member.from, member.length)) return false;
  }
  c.replyElement(member);
  return true;
}

const PER_MEMBER = "O(N), N being the number of members given";

export const SET_COMMANDS: readonly CommandSpec[] = [
  {
    name: "sadd",
    batchTimedArgsMax: 4,
    group: "set",
    since: "1.0.0",
    complexity: PER_MEMBER,
    summary: "Adds members to a set; creates the set if it does not exist.",
    arity: -3,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key member ...",
    handler: sadd,
  },
  {
    name: "srem",
    batchTimedArgsMax: 4,
    group: "set",
    since: "1.0.0",
    complexity: PER_MEMBER,
    summary: "Removes members from a set.",
    arity: -3,
    flags: "write fast",
    keys: oneKey("RW delete"),
    syntax: "key member ...",
    handler: srem,
  },
  {
    name: "smembers",
    group: "set",
    since: "1.0.0",
    complexity: "O(N), N being the number of members",
    summary: "Returns all members of a set.",
    arity: 2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key",
    tips: "nondeterministic_output_order",
    handler: smembers,
  },
  {
    name: "sismember",
    batchTimedArgsMax: 3,
    group: "set",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Tells whether a value is a member of a set.",
    arity: 3,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key member",
    handler: sismember,
  },
  {
    name: "smismember",
    batchTimedArgsMax: 4,
    group: "set",
    since: "6.2.0",
    complexity: PER_MEMBER,
    summary: "Tells for each of several values whether it is a member of a set.",
    arity: -3,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key member ...",
    handler: smismember,
  },
  {
    name: "scard",
    batchTimedArgsMax: 2,
    group: "set",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns the number of members of a set.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key",
    handler: scard,
  },
  {
    name: "smove",
    batchTimedArgsMax: 4,
    group: "set",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Moves a member from one set to another.",
    arity: 4,
    flags: "write fast",
    keys: [keyAt(1, "RW access delete"), keyAt(2, "RW insert")],
    syntax: "source destination member",
    handler: smove,
  },
  {
    name: "sscan",
    group: "set",
    since: "2.8.0",
    complexity: "O(1) a call, O(N) for all N members of the set",
    summary: "Iterates over the members of a set.",
    arity: -3,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key cursor [MATCH pattern] [COUNT count]",
    tips: "nondeterministic_output",
    handler: sscan,
  },
];

/** Commands that set several strings at once: all of them, or none where memory runs out. */

import * as errors from "../protocol/errors.ts";
import { KEEP_EXPIRY, NO_EXPIRY } from "../store/entry.ts";
import { Reservation } from "../store/reservation.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, STRING_EVENT } from "./events.ts";
import { EXPIRATION, EXPIRES, expiryOption, KEEPTTL, NX, readOptions, XX } from "./set-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { allKeys } from "./spec/key-specs.ts";

/** A request of this size fits into any new segment, whatever its blocks are rounded to. */
const SMALL_REQUEST_BYTES = 1 << 28;
const INT_MAX = 2147483647;

function hasPairs(c: Context, name: string): boolean {
  if (c.args.count % 2 === 1) return true;
  c.reply.error(errors.wrongArity(name));
  return false;
}

/** Sets the keys in arguments `from` to before `end`, each with the value behind it. */
function setPairs(c: Context, from: number, end: number, expireAtMs: number): void {
  reserve(c, from, end, expireAtMs);
  for (let i = from; i < end; i += 2) {
    c.setString(c.lookupWrite(i), i, i + 1, expireAtMs);
    c.changed(STRING_EVENT, "set", i);
    if (expireAtMs >= 0) c.changed(GENERIC_EVENT, "expire", i);
  }
}

/** Throws OutOfMemory where there may not be room for all pairs. */
function reserve(c: Context, from: number, end: number, expireAtMs: number): void {
  const { args, db, keyspace } = c;
  const { heap, strings } = keyspace;
  if (heap.canGrow && args.spanBytes < SMALL_REQUEST_BYTES) return;
  const room = new Reservation(heap);
  try {
    for (let i = from; i < end; i += 2) {
      const ref = c.lookupWrite(i);
      if (ref === 0) room.addSlot();
      const expires =
        expireAtMs === KEEP_EXPIRY ? ref !== 0 && db.expiryOf(ref) >= 0 : expireAtMs >= 0;
      const { bytes, length, start } = args;
      strings.reserve(room, length[i]!, bytes, start[i + 1]!, length[i + 1]!, expires);
    }
    if (expireAtMs >= 0) db.reserveExpiry();
  } finally {
    room.end();
  }
}

/** Whether any of the keys exists. */
function someExist(c: Context, from: number, end: number): boolean {
  for (let i = from; i < end; i += 2) if (c.lookupWrite(i) !== 0) return true;
  return false;
}

function allExist(c: Context, from: number, end: number): boolean {
  for (let i = from; i < end; i += 2) if (c.lookupWrite(i) === 0) return false;
  return true;
}

function mset(c: Context): void {
  if (!hasPairs(c, "mset")) return;
  setPairs(c, 1, c.args.count, NO_EXPIRY);
  c.reply.ok();
}

function msetnx(c: Context): void {
  if (!hasPairs(c, "msetnx")) return;
  const { count } = c.args;
  const isFree = !someExist(c, 1, count);
  if (isFree) setPairs(c, 1, count, NO_EXPIRY);
  c.reply.integer(isFree ? 1 : 0);
}

function msetex(c: Context): void {
  const keys = c.integerWithin(1, 1, INT_MAX, "ERR invalid numkeys value");
  if (Number.isNaN(keys)) return;
  const end = 2 + keys * 2;
  if (end > c.args.count) {
    c.reply.error("ERR wrong number of key-value pairs");
    return;
  }
  const options = readOptions(c, end, NX | XX | KEEPTTL | EXPIRES);
  if (options < 0) return;
  let expireAtMs = expiryOption(c, options);
  if (Number.isNaN(expireAtMs)) return;
  if (options & KEEPTTL) expireAtMs = KEEP_EXPIRY;
  if ((options & NX && someExist(c, 2, end)) || (options & XX && !allExist(c, 2, end))) {
    c.reply.integer(0);
    return;
  }
  setPairs(c, 2, end, expireAtMs);
  pairsEffect(c, end, expireAtMs);
  c.reply.integer(1);
}

/** The same in commands that older servers know, as one transaction. */
function pairsEffect(c: Context, end: number, expireAtMs: number): void {
  const { args, journal } = c;
  if (journal === null) return;
  const isOwnBlock = !journal.inBlock;
  if (isOwnBlock) journal.beginBlock();
  if (expireAtMs === NO_EXPIRY) {
    const out = c.propagateInstead(end - 1);
    out?.text("MSET");
    for (let i = 2; i < end; i++) out?.copy(args, i);
  } else {
    for (let i = 2; i < end; i += 2) {
      const out = c.propagateInstead(expireAtMs === KEEP_EXPIRY ? 4 : 5);
      out?.text("SET");
      out?.copy(args, i);
      out?.copy(args, i + 1);
      if (expireAtMs === KEEP_EXPIRY) out?.text("KEEPTTL");
      else {
        out?.text("PXAT");
        out?.integer(expireAtMs);
      }
    }
  }
  if (isOwnBlock) journal.endBlock();
}

export const MULTI_SET_COMMANDS: readonly CommandSpec[] = [
  {
    name: "mset",
    batchTimedArgsMax: 9,
    group: "string",
    since: "1.0.1",
    complexity: "O(N), N being the number of keys",
    summary: "Sets several keys to strings.",
    arity: -3,
    flags: "write denyoom",
    keys: allKeys("OW update", 2),
    syntax: "{key_value: key value} ...",
    tips: "request_policy:multi_shard response_policy:all_succeeded",
    handler: mset,
  },
  {
    name: "msetnx",
    group: "string",
    since: "1.0.1",
    complexity: "O(N), N being the number of keys",
    summary: "Sets several keys to strings if none of them exists.",
    arity: -3,
    flags: "write denyoom",
    keys: allKeys("OW insert", 2),
    syntax: "{key_value: key value} ...",
    tips: "request_policy:multi_shard response_policy:agg_min",
    handler: msetnx,
  },
  {
    name: "msetex",
    group: "string",
    since: "8.4.0",
    complexity: "O(N), N being the number of keys",
    summary: "Sets several keys to strings, with an optional condition and expiry.",
    arity: -4,
    flags: "write denyoom",
    keys: [{ at: 1, keynum: true, step: 2, flags: "OW update" }],
    syntax: `numkeys {data: key value} ... [condition: NX | XX] [expiration: ${EXPIRATION} | KEEPTTL]`,
    tips: "request_policy:multi_shard response_policy:all_succeeded",
    handler: msetex,
  },
];

/** Expiry times in arguments, and the commands about them. */
import { parseBigInteger } from "../base/number-text.ts";
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

export const SECONDS = 1000;
const INT64_MAX = 9223372036854775807n;

/**
 * The time in ms that argument `index` stands for, in units of `unitMs`, from now if `relative`.
 * NaN, with the reply written, where it is none that Redis takes. Times beyond 2^53 ms are
 * rounded. `negative`: whether times in the past are allowed.
 */
export function absoluteExpiry(
  c: Context,
  index: number,
  unitMs: number,
  relative: boolean,
  negative = false,
): number {
  const value = c.integer(index);
  if (Number.isNaN(value)) return Number.NaN;
  const base = relative ? c.nowMs : 0;
  const time = value * unitMs + base;
  if (Number.isSafeInteger(time) && (negative || value > 0)) return time;
  const { args } = c;
  const exact = parseBigInteger(args.bytes, args.start[index]!, args.length[index]!)!;
  const scaled = exact * BigInt(unitMs);
  if ((!negative && exact <= 0n) || scaled > INT64_MAX - BigInt(base) || scaled < -INT64_MAX - 1n) {
    c.reply.error(errors.invalidExpire(c.args.text(0).toLowerCase()));
    return Number.NaN;
  }
  return storableExpiry(scaled + BigInt(base));
}

/** The time in ms as entries have it: beyond 2^53 ms it is rounded, and 2^63 is not reached. */
export function storableExpiry(ms: bigint): number {
  return Math.min(Number(ms), LATEST_MS);
}

/** The largest double that is still a 64-bit integer. */
const LATEST_MS = 2 ** 63 - 1024;

const NX = 1;
const XX = 2;
const GT = 4;
const LT = 8;

function readConditions(c: Context): number {
  const { args, reply } = c;
  let flags = 0;
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, "nx")) flags |= NX;
    else if (args.is(i, "xx")) flags |= XX;
    else if (args.is(i, "gt")) flags |= GT;
    else if (args.is(i, "lt")) flags |= LT;
    else {
      reply.error(errors.unsupportedOption(args.text(i)));
      return -1;
    }
  }
  if (flags & NX && flags & (XX | GT | LT)) {
    reply.error(errors.NX_AND_OTHERS);
    return -1;
  }
  if (flags & GT && flags & LT) {
    reply.error(errors.GT_AND_LT);
    return -1;
  }
  return flags;
}

function expire(c: Context, unitMs: number, relative: boolean): void {
  const conditions = readConditions(c);
  if (conditions < 0) return;
  const time = absoluteExpiry(c, 2, unitMs, relative, true);
  if (Number.isNaN(time)) return;
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  const present = c.db.expiryOf(ref);
  // No expiry counts as one that never comes.
  const refused =
    (conditions & NX && present >= 0) ||
    (conditions & XX && present < 0) ||
    (conditions & GT && (present < 0 || time <= present)) ||
    (conditions & LT && present >= 0 && time >= present);
  if (refused) {
    c.reply.integer(0);
    return;
  }
  // While expiry is paused the file or the primary sends a DEL for the key.
  if (time <= c.nowMs && !c.keyspace.expiryPaused) {
    c.db.remove(ref);
    c.changed(GENERIC_EVENT, "del", 1);
    c.propagateDelete(1);
  } else {
    c.db.setExpiry(ref, time);
    c.changed(GENERIC_EVENT, "expire", 1);
    c.propagateExpireAt(1, time);
  }
  c.dirty++;
  c.reply.integer(1);
}

/** Replies with the key's expiry, from now or absolute, in units of `unitMs`. */
function replyExpiry(c: Context, unitMs: number, relative: boolean): void {
  const { args } = c;
  const ref = c.db.lookup(args.bytes, args.start[1]!, args.length[1]!);
  const time = ref === 0 ? -2 : c.db.expiryOf(ref);
  if (time < 0) {
    c.reply.integer(time);
    return;
  }
  const ms = relative ? Math.max(0, time - c.nowMs) : time;
  const value = unitMs === 1 ? ms : Math.floor((ms + unitMs / 2) / unitMs);
  if (Number.isSafeInteger(value)) c.reply.integer(value);
  else c.reply.bigInteger(BigInt(value));
}

function persist(c: Context): void {
  const ref = c.lookupWrite(1);
  if (ref === 0 || c.db.expiryOf(ref) < 0) {
    c.reply.integer(0);
    return;
  }
  c.db.clearExpiry(ref);
  c.changed(GENERIC_EVENT, "persist", 1);
  c.dirty++;
  c.reply.integer(1);
}

function setter(
  name: string,
  since: string,
  argument: string,
  summary: string,
  handler: CommandSpec["handler"],
): CommandSpec {
  return {
    name,
    group: "generic",
    since,
    complexity: "O(1)",
    summary,
    arity: -3,
    flags: "write fast",
    keys: oneKey("RW update"),
    syntax: `key ${argument} [condition: NX | XX | GT | LT]`,
    handler: handler!,
  };
}

function getter(
  name: string,
  since: string,
  summary: string,
  tips: string,
  handler: CommandSpec["handler"],
): CommandSpec {
  return {
    name,
    group: "generic",
    since,
    complexity: "O(1)",
    summary,
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key",
    ...(tips === "" ? {} : { tips }),
    handler: handler!,
  };
}

export const EXPIRY_COMMANDS: readonly CommandSpec[] = [
  setter("expire", "1.0.0", "seconds", "Sets a key's time to live in seconds.", (c) =>
    expire(c, SECONDS, true),
  ),
  setter("pexpire", "2.6.0", "milliseconds", "Sets a key's time to live in milliseconds.", (c) =>
    expire(c, 1, true),
  ),
  setter(
    "expireat",
    "1.2.0",
    "unix-time-seconds",
    "Sets a key's expiration time, in seconds since the epoch.",
    (c) => expire(c, SECONDS, false),
  ),
  setter(
    "pexpireat",
    "2.6.0",
    "unix-time-milliseconds",
    "Sets a key's expiration time, in milliseconds since the epoch.",
    (c) => expire(c, 1, false),
  ),
  getter(
    "ttl",
    "1.0.0",
    "Returns a key's time to live in seconds.",
    "nondeterministic_output",
    (c) => replyExpiry(c, SECONDS, true),
  ),
  getter(
    "pttl",
    "2.6.0",
    "Returns a key's time to live in milliseconds.",
    "nondeterministic_output",
    (c) => replyExpiry(c, 1, true),
  ),
  getter(
    "expiretime",
    "7.0.0",
    "Returns a key's expiration time, in seconds since the epoch.",
    "",
    (c) => replyExpiry(c, SECONDS, false),
  ),
  getter(
    "pexpiretime",
    "7.0.0",
    "Returns a key's expiration time, in milliseconds since the epoch.",
    "",
    (c) => replyExpiry(c, 1, false),
  ),
  {
    name: "persist",
    group: "generic",
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Removes the expiration of a key.",
    arity: 2,
    flags: "write fast",
    keys: oneKey("RW update"),
    syntax: "key",
    handler: persist,
  },
];

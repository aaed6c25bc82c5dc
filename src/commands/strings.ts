/** String commands. */

import { copyBytes, latin1 } from "../base/bytes.ts";
import {
  addExtended,
  type ExtendedFloat,
  formatExtended,
  INFINITE,
  type ParsedFloat,
  parseExtended,
} from "../base/extended-float.ts";
import { fitsInt64, parseBigInteger } from "../base/number-text.ts";
import * as errors from "../protocol/errors.ts";
import { KEEP_EXPIRY, NO_EXPIRY, STRING } from "../store/entry.ts";
import { COMPARISONS, compares, hasDigest } from "./comparisons.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, STRING_EVENT } from "./events.ts";
import { absoluteExpiry, SECONDS } from "./expiry.ts";
import { longestCommonSubsequence } from "./lcs.ts";
import {
  COMPARES,
  comparedIndex,
  EXAT,
  EXPIRATION,
  EXPIRES,
  expiryOption,
  GET,
  KEEPTTL,
  NX,
  PERSIST,
  PXAT,
  readOptions,
  XX,
} from "./set-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { allKeys, keyAt, oneKey } from "./spec/key-specs.ts";

// ── SET and its relatives ────────────────────────────────────────────────────────────────────

function set(c: Context): void {
  if (c.args.count === 3) {
    c.setString(c.lookupWrite(1), 1, 2, NO_EXPIRY);
    c.changed(STRING_EVENT, "set", 1);
    c.reply.ok();
    return;
  }
  const options = readOptions(c, 3, NX | XX | COMPARES | GET | KEEPTTL | EXPIRES);
  if (options < 0) return;
  let expireAtMs = expiryOption(c, options);
  if (Number.isNaN(expireAtMs)) return;
  if (options & COMPARES && !hasDigest(c, options & COMPARES, comparedIndex())) return;
  if (options & KEEPTTL) expireAtMs = KEEP_EXPIRY;
  const ref = options & GET ? c.lookup(1) : c.lookupWrite(1);
  if (options & GET) {
    if (!c.isString(ref)) return;
    c.replyString(ref);
  }
  const isCompared = (options & COMPARES) !== 0;
  if (isCompared && !c.isString(ref)) return;
  const isRefused =
    (options & NX && ref !== 0) ||
    (options & XX && ref === 0) ||
    (isCompared && !compares(c, ref, options & COMPARES, comparedIndex()));
  if (isRefused) {
    if ((options & GET) === 0) c.reply.null();
    return;
  }
  c.setString(ref, 1, 2, expireAtMs);
  c.changed(STRING_EVENT, "set", 1);
  if (options & EXPIRES) {
    c.changed(GENERIC_EVENT, "expire", 1);
    setEffect(c, 2, expireAtMs);
  } else if (isCompared) plainEffect(c, expireAtMs === KEEP_EXPIRY);
  if ((options & GET) === 0) c.reply.ok();
}

/** A SET with a relative expiry is propagated with an absolute one. */
function setEffect(c: Context, value: number, expireAtMs: number): void {
  const out = c.propagateInstead(5);
  if (out === null) return;
  out.text("SET");
  out.copy(c.args, 1);
  out.copy(c.args, value);
  out.text("PXAT");
  out.integer(expireAtMs);
}

/** What is to be repeated of a SET with a comparison is that it has been done. */
function plainEffect(c: Context, keepsExpiry: boolean): void {
  const out = c.propagateInstead(keepsExpiry ? 4 : 3);
  if (out === null) return;
  out.text("SET");
  out.copy(c.args, 1);
  out.copy(c.args, 2);
  if (keepsExpiry) out.text("KEEPTTL");
}

function setnx(c: Context): void {
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.setString(0, 1, 2, NO_EXPIRY);
    c.changed(STRING_EVENT, "set", 1);
  }
  c.reply.integer(ref === 0 ? 1 : 0);
}

function setWithTtl(c: Context, unitMs: number): void {
  const expireAtMs = absoluteExpiry(c, 2, unitMs, true);
  if (Number.isNaN(expireAtMs)) return;
  c.setString(c.lookupWrite(1), 1, 3, expireAtMs);
  c.changed(STRING_EVENT, "set", 1);
  c.changed(GENERIC_EVENT, "expire", 1);
  setEffect(c, 3, expireAtMs);
  c.reply.ok();
}

function get(c: Context): void {
  const ref = c.lookup(1);
  if (c.isString(ref)) c.replyString(ref);
}

function getdel(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  c.replyString(ref);
  if (ref === 0) return;
  c.db.remove(ref);
  c.changed(GENERIC_EVENT, "del", 1);
  c.propagateDelete(1);
  c.dirty++;
}

function getex(c: Context): void {
  const options = readOptions(c, 2, EXPIRES | PERSIST);
  if (options < 0) return;
  const ref = c.lookup(1);
  if (ref === 0) {
    c.reply.null();
    return;
  }
  if (!c.isString(ref)) return;
  const expireAtMs = expiryOption(c, options);
  if (Number.isNaN(expireAtMs)) return;
  c.replyString(ref);
  if (options & (EXAT | PXAT) && expireAtMs <= c.nowMs) {
    c.db.remove(ref);
    c.changed(GENERIC_EVENT, "del", 1);
    c.propagateDelete(1);
    c.dirty++;
  } else if (expireAtMs !== NO_EXPIRY) {
    c.db.setExpiry(ref, expireAtMs);
    c.changed(GENERIC_EVENT, "expire", 1);
    c.propagateExpireAt(1, expireAtMs);
    c.dirty++;
  } else if (options & PERSIST && c.db.expiryOf(ref) >= 0) {
    c.db.clearExpiry(ref);
    c.changed(GENERIC_EVENT, "persist", 1);
    const out = c.propagateInstead(2);
    out?.text("PERSIST");
    out?.copy(c.args, 1);
    c.dirty++;
  }
}

function getset(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  c.replyString(ref);
  c.setString(ref, 1, 2, NO_EXPIRY);
  c.changed(STRING_EVENT, "set", 1);
}

function mget(c: Context): void {
  const { count } = c.args;
  c.reply.array(count - 1);
  for (let i = 1; i < count; i++) {
    const ref = c.lookup(i);
    c.replyString(ref !== 0 && c.db.typeOf(ref) === STRING ? ref : 0);
  }
}

// ── Parts of strings ─────────────────────────────────────────────────────────────────────────

function strlen(c: Context): void {
  const ref = c.lookup(1);
  if (c.isString(ref)) c.reply.integer(c.keyspace.strings.open(ref).length);
}

/** Whether a string of this length is allowed; replies where it is not. */
function fits(c: Context, length: number): boolean {
  if (length <= c.server.config.number("proto-max-bulk-len")) return true;
  c.reply.error(errors.STRING_TOO_LONG);
  return false;
}

function append(c: Context): void {
  const ref = c.lookupWrite(1);
  if (ref === 0) {
    c.setString(0, 1, 2, NO_EXPIRY);
    c.changed(STRING_EVENT, "append", 1);
    c.reply.integer(c.args.length[2]!);
    return;
  }
  if (!c.isString(ref)) return;
  const added = c.args.length[2]!;
  const { strings } = c.keyspace;
  const had = strings.open(ref).length;
  if (!fits(c, had + added)) return;
  const entry = strings.edit(c.db, ref, had + added, had, had + added);
  const at = strings.textAt(entry) + had;
  copyBytes(c.args.bytes, c.args.start[2]!, strings.textBytes(entry), at, added);
  c.changed(STRING_EVENT, "append", 1);
  c.dirty++;
  c.reply.integer(had + added);
}

function getrange(c: Context): void {
  let start = c.integer(2);
  if (Number.isNaN(start)) return;
  let end = c.integer(3);
  if (Number.isNaN(end)) return;
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  if (start < 0 && end < 0 && start > end) {
    c.reply.text("");
    return;
  }
  start = Math.max(0, start < 0 ? start + length : start);
  end = Math.min(length - 1, Math.max(0, end < 0 ? end + length : end));
  if (start > end || length === 0) c.reply.text("");
  else c.reply.bulk(bytes, from + start, end - start + 1);
}

function setrange(c: Context): void {
  const offset = c.integer(2);
  if (Number.isNaN(offset)) return;
  if (offset < 0) {
    c.reply.error(errors.OFFSET_OUT_OF_RANGE);
    return;
  }
  const added = c.args.length[3]!;
  const ref = c.lookupWrite(1);
  if (!c.isString(ref)) return;
  const { strings } = c.keyspace;
  const had = strings.open(ref).length;
  if (added === 0) {
    c.reply.integer(had);
    return;
  }
  if (!fits(c, offset + added)) return;
  const { args, db } = c;
  const { start, length, bytes } = args;
  const end = offset + added;
  const entry = strings.editOrCreate(db, ref, bytes, start[1]!, length[1]!, end, offset, end);
  copyBytes(bytes, start[3]!, strings.textBytes(entry), strings.textAt(entry) + offset, added);
  c.changed(STRING_EVENT, "setrange", 1);
  c.dirty++;
  c.reply.integer(Math.max(had, offset + added));
}

// ── Numbers ──────────────────────────────────────────────────────────────────────────────────

/** Adds `by`, a safe integer, to the key; `by` of 64 bits goes through `incrementBig`. */
function increment(c: Context, by: number): void {
  const ref = c.lookupWrite(1);
  if (!c.isString(ref)) return;
  const value = ref === 0 ? 0 : c.keyspace.strings.integerOf(ref);
  if (Number.isNaN(value)) {
    c.reply.error(errors.NOT_AN_INTEGER);
    return;
  }
  const sum = value + by;
  if (!Number.isSafeInteger(sum)) {
    incrementBig(c, ref, BigInt(by));
    return;
  }
  store(c, ref, sum);
  c.reply.integer(sum);
}

function incrementBig(c: Context, ref: number, by: bigint): void {
  const value = ref === 0 ? 0n : c.keyspace.strings.bigIntegerOf(ref);
  if (value === null) {
    c.reply.error(errors.NOT_AN_INTEGER);
    return;
  }
  const sum = value + by;
  if (!fitsInt64(sum)) {
    c.reply.error(errors.OVERFLOW);
    return;
  }
  store(c, ref, sum);
  c.reply.bigInteger(sum);
}

function store(c: Context, ref: number, value: number | bigint): void {
  const { args, db, keyspace } = c;
  const { strings } = keyspace;
  strings.setInteger(db, ref, args.bytes, args.start[1]!, args.length[1]!, value, KEEP_EXPIRY);
  c.changed(STRING_EVENT, "incrby", 1);
  c.dirty++;
}

function incrementBy(c: Context, sign: 1 | -1): void {
  const by = c.integer(2);
  if (Number.isNaN(by)) return;
  if (Number.isFinite(by)) {
    increment(c, by * sign);
    return;
  }
  const { args } = c;
  const big = parseBigInteger(args.bytes, args.start[2]!, args.length[2]!)! * BigInt(sign);
  if (!fitsInt64(big)) {
    c.reply.error(errors.DECREMENT_OVERFLOW);
    return;
  }
  const ref = c.lookupWrite(1);
  if (c.isString(ref)) incrementBig(c, ref, big);
}

function incrbyfloat(c: Context): void {
  const ref = c.lookupWrite(1);
  if (!c.isString(ref)) return;
  const { bytes: textBytes, from, length } = c.keyspace.strings.open(ref);
  const value: ParsedFloat = ref === 0 ? ZERO : parseExtended(textBytes, from, length);
  const by =
    value === null ? null : parseExtended(c.args.bytes, c.args.start[2]!, c.args.length[2]!);
  if (value === null || by === null) {
    c.reply.error(errors.NOT_A_FLOAT);
    return;
  }
  const sum = value === INFINITE || by === INFINITE ? null : addExtended(value, by);
  if (sum === null) {
    c.reply.error(errors.NAN_OR_INFINITY);
    return;
  }
  const text = latin1(formatExtended(sum));
  const { args } = c;
  const { start, length: lengths, bytes } = args;
  const { strings } = c.keyspace;
  strings.setText(c.db, ref, bytes, start[1]!, lengths[1]!, text, 0, text.length, KEEP_EXPIRY);
  c.changed(STRING_EVENT, "incrbyfloat", 1);
  const out = c.propagateInstead(4);
  if (out !== null) {
    out.text("SET");
    out.copy(args, 1);
    out.argument(text, 0, text.length);
    out.text("KEEPTTL");
  }
  c.dirty++;
  c.reply.bulk(text, 0, text.length);
}

const ZERO: ExtendedFloat = { mantissa: 0n, exponent: 0 };

// ── LCS ──────────────────────────────────────────────────────────────────────────────────────

function lcs(c: Context): void {
  const { args, reply } = c;
  const refs = [c.lookup(1), c.lookup(2)];
  if (refs.some((ref) => ref !== 0 && c.db.typeOf(ref) !== STRING)) {
    reply.error("ERR The specified keys must contain string values");
    return;
  }
  let onlyLength = false;
  let indexes = false;
  let withLengths = false;
  let shortest = 0;
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, "idx")) indexes = true;
    else if (args.is(i, "len")) onlyLength = true;
    else if (args.is(i, "withmatchlen")) withLengths = true;
    else if (args.is(i, "minmatchlen") && i + 1 < args.count) {
      shortest = c.integer(++i);
      if (Number.isNaN(shortest)) return;
    } else {
      c.syntaxError();
      return;
    }
  }
  if (indexes && onlyLength) {
    reply.error("ERR If you want both the length and indexes, please just use IDX.");
    return;
  }
  const [a, b] = refs.map((ref) => {
    const { bytes, from, length } = c.keyspace.strings.open(ref);
    return Uint8Array.from(bytes.subarray(from, from + length));
  }) as [Uint8Array, Uint8Array];
  const cells = (a.length + 1) * (b.length + 1);
  if (cells * 4 > c.server.config.number("proto-max-bulk-len")) {
    reply.error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    return;
  }
  const found = longestCommonSubsequence(a, b);
  if (onlyLength) {
    reply.integer(found.length);
    return;
  }
  if (!indexes) {
    const text = new Uint8Array(found.length);
    let at = text.length;
    for (const match of found.matches) {
      at -= match.length;
      copyBytes(a, match.inA, text, at, match.length);
    }
    reply.bulk(text, 0, text.length);
    return;
  }
  const matches = found.matches.filter((match) => match.length >= shortest);
  reply.map(2);
  reply.text("matches");
  reply.array(matches.length);
  for (const match of matches) {
    reply.array(withLengths ? 3 : 2);
    for (const from of [match.inA, match.inB]) {
      reply.array(2);
      reply.integer(from);
      reply.integer(from + match.length - 1);
    }
    if (withLengths) reply.integer(match.length);
  }
  reply.text("len");
  reply.integer(found.length);
}

const UPDATE = "RW access update";

export const STRING_COMMANDS: readonly CommandSpec[] = [
  {
    name: "set",
    batchTimedArgsMax: 7,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets a key to a string, with an optional condition and expiry.",
    arity: -3,
    flags: "write denyoom",
    keys: [
      {
        ...keyAt(
          1,
          "RW access update variable_flags",
          "RW and ACCESS due to the optional `GET` argument",
        ),
        without: { option: "get", from: 3, flags: "OW update" },
      },
    ],
    syntax: `key value [condition: NX | XX | ${COMPARISONS}] [GET] [expiration: ${EXPIRATION} | KEEPTTL]`,
    handler: set,
  },
  {
    name: "get",
    batchTimedArgsMax: 2,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns the string at a key.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key",
    handler: get,
  },
  {
    name: "getdel",
    batchTimedArgsMax: 2,
    group: "string",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Returns the string at a key and deletes the key.",
    arity: 2,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: "key",
    handler: getdel,
  },
  {
    name: "getex",
    batchTimedArgsMax: 4,
    group: "string",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Returns the string at a key and changes the key's expiry.",
    arity: -2,
    flags: "write fast",
    keys: oneKey(UPDATE, "RW and UPDATE because it changes the TTL"),
    syntax: `key [expiration: ${EXPIRATION} | PERSIST]`,
    handler: getex,
  },
  {
    name: "getset",
    batchTimedArgsMax: 3,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets a key to a string and returns the one it had.",
    arity: 3,
    flags: "write denyoom fast",
    keys: oneKey(UPDATE),
    syntax: "key value",
    deprecated: { since: "6.2.0", replacedBy: "`SET` with the `!GET` argument" },
    handler: getset,
  },
  {
    name: "setnx",
    batchTimedArgsMax: 3,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Sets a key to a string if the key does not exist.",
    arity: 3,
    flags: "write denyoom fast",
    keys: oneKey("OW insert"),
    syntax: "key value",
    deprecated: { since: "2.6.12", replacedBy: "`SET` with the `NX` argument" },
    handler: setnx,
  },
  {
    name: "setex",
    batchTimedArgsMax: 4,
    group: "string",
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Sets a key to a string that expires after some seconds.",
    arity: 4,
    flags: "write denyoom",
    keys: oneKey("OW update"),
    syntax: "key seconds value",
    deprecated: { since: "2.6.12", replacedBy: "`SET` with the `EX` argument" },
    handler: (c) => setWithTtl(c, SECONDS),
  },
  {
    name: "psetex",
    batchTimedArgsMax: 4,
    group: "string",
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Sets a key to a string that expires after some milliseconds.",
    arity: 4,
    flags: "write denyoom",
    keys: oneKey("OW update"),
    syntax: "key milliseconds value",
    deprecated: { since: "2.6.12", replacedBy: "`SET` with the `PX` argument" },
    handler: (c) => setWithTtl(c, 1),
  },
  {
    name: "mget",
    batchTimedArgsMax: 9,
    group: "string",
    since: "1.0.0",
    complexity: "O(N), N being the number of keys",
    summary: "Returns the strings at several keys.",
    arity: -2,
    flags: "readonly fast",
    keys: allKeys("RO access"),
    syntax: "key ...",
    tips: "request_policy:multi_shard",
    handler: mget,
  },
  {
    name: "append",
    batchTimedArgsMax: 3,
    group: "string",
    since: "2.0.0",
    complexity: "O(M), M being the length of what is appended",
    summary: "Appends to the string value of a key; creates the key if it does not exist.",
    arity: 3,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key value",
    handler: append,
  },
  {
    name: "strlen",
    batchTimedArgsMax: 2,
    group: "string",
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Returns the length of a string in bytes.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key",
    handler: strlen,
  },
  {
    name: "getrange",
    group: "string",
    since: "2.4.0",
    complexity: "O(N), N being the length of what is returned",
    summary: "Returns part of a string.",
    arity: 4,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key start end",
    handler: getrange,
  },
  {
    name: "substr",
    group: "string",
    since: "1.0.0",
    complexity: "O(N), N being the length of what is returned",
    summary: "Returns part of a string.",
    arity: 4,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key start end",
    deprecated: { since: "2.0.0", replacedBy: "`GETRANGE`" },
    handler: getrange,
  },
  {
    name: "setrange",
    group: "string",
    since: "2.2.0",
    complexity: "O(M), M being the length of the value",
    summary: "Overwrites part of a string from an offset on, padding with zero bytes.",
    arity: 4,
    flags: "write denyoom",
    keys: oneKey("RW update"),
    syntax: "key offset value",
    handler: setrange,
  },
  {
    name: "incr",
    batchTimedArgsMax: 2,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Increments the integer value of a key by one; a missing key counts as 0.",
    arity: 2,
    flags: "write denyoom fast",
    keys: oneKey(UPDATE),
    syntax: "key",
    handler: (c) => increment(c, 1),
  },
  {
    name: "decr",
    batchTimedArgsMax: 2,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Decrements the integer value of a key by one; a missing key counts as 0.",
    arity: 2,
    flags: "write denyoom fast",
    keys: oneKey(UPDATE),
    syntax: "key",
    handler: (c) => increment(c, -1),
  },
  {
    name: "incrby",
    batchTimedArgsMax: 3,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Increments the integer value of a key by a number; a missing key counts as 0.",
    arity: 3,
    flags: "write denyoom fast",
    keys: oneKey(UPDATE),
    syntax: "key increment",
    handler: (c) => incrementBy(c, 1),
  },
  {
    name: "decrby",
    batchTimedArgsMax: 3,
    group: "string",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Decrements the integer value of a key by a number; a missing key counts as 0.",
    arity: 3,
    flags: "write denyoom fast",
    keys: oneKey(UPDATE),
    syntax: "key decrement",
    handler: (c) => incrementBy(c, -1),
  },
  {
    name: "incrbyfloat",
    group: "string",
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Increments the floating point value of a key by a number; a missing key counts as 0.",
    arity: 3,
    flags: "write denyoom fast",
    keys: oneKey(UPDATE),
    syntax: "key increment/double",
    handler: incrbyfloat,
  },
  {
    name: "lcs",
    group: "string",
    since: "7.0.0",
    complexity: "O(N*M), N and M being the lengths of the strings",
    summary: "Finds the longest common subsequence of two strings.",
    arity: -3,
    flags: "readonly",
    keys: [{ ...keyAt(1, "RO access"), last: 1 }],
    syntax: "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len/integer] [WITHMATCHLEN]",
    handler: lcs,
  },
];

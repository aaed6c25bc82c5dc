/**
 * Fields of hashes that expire: the commands of Redis 7.4 and 8.0.
 *
 * Relative times are propagated as absolute ones, and fields that are removed as HDEL. While commands of
 * a file or of a primary are executed no time has come: fields go by their own HDEL.
 */
import * as errors from "../protocol/errors.ts";
import type { OpenHash } from "../store/types/hashes.ts";
import type { Context } from "./context.ts";
import { HASH_EVENT } from "./events.ts";
import { find, findToWrite, keepPart, pairsFit, putBackExpired, setArgument } from "./hashes.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

/** As in Redis no field expires later than this, in ms. */
const LATEST_MS = 2 ** 48 - 2;
const SECONDS = 1000;

/** What the commands reply for a field. */
const NO_FIELD = -2;
const NO_EXPIRY = -1;
const REFUSED = 0;
const DONE = 1;
const REMOVED = 2;

const FIELDS_MISSING = "ERR Mandatory argument FIELDS is missing or not at the right position";
const FIELDS_MISMATCH = "ERR The `numfields` parameter must match the number of arguments";
const NOT_POSITIVE = "ERR Number of fields must be a positive integer";

/**
 * Reads "FIELDS numfields" from argument `at` on, behind which there must be so many groups of `step` arguments
 * and no more. Returns how many; NaN with the error replied.
 */
function readFields(c: Context, at: number, step: number, wrong = NOT_POSITIVE): number {
  const { args, reply } = c;
  if (at >= args.count || !args.is(at, "fields")) {
    reply.error(FIELDS_MISSING);
    return Number.NaN;
  }
  if (at + 1 >= args.count) {
    reply.error(FIELDS_MISMATCH);
    return Number.NaN;
  }
  const count = c.integerWithin(at + 1, 1, Number.POSITIVE_INFINITY, wrong);
  if (Number.isNaN(count)) return count;
  if (count * step === args.count - at - 2) return count;
  reply.error(FIELDS_MISMATCH);
  return Number.NaN;
}

/** The absolute time in ms that argument `index` stands for; NaN with the error replied. */
function readTime(c: Context, index: number, unitMs: number, isRelative: boolean): number {
  const value = c.integer(index);
  if (Number.isNaN(value)) return value;
  if (value < 0) {
    c.reply.error("ERR invalid expire time, must be >= 0");
    return Number.NaN;
  }
  const time = value * unitMs + (isRelative ? c.nowMs : 0);
  if (time <= LATEST_MS) return time;
  c.reply.error(errors.invalidExpire(c.args.text(0).toLowerCase()));
  return Number.NaN;
}

/** Whether a field with this expiry goes at once. */
function isPast(c: Context, expireAtMs: number): boolean {
  return expireAtMs <= c.nowMs && !c.keyspace.expiryPaused;
}

/** An array of the same reply for each of `count` fields of a key that does not exist. */
function replyNoFields(c: Context, count: number): void {
  c.reply.array(count);
  for (let i = 0; i < count; i++) c.reply.integer(NO_FIELD);
}

// ── HEXPIRE and its relatives ────────────────────────────────────────────────────────────────

const CONDITIONS = ["nx", "xx", "gt", "lt"] as const;
type Condition = (typeof CONDITIONS)[number] | "";

/** Whether a field with the expiry `present`, or -1, may be given another one. No expiry counts as one that never comes. */
function isAllowed(condition: Condition, present: number, expireAtMs: number): boolean {
  switch (condition) {
    case "nx":
      return present < 0;
    case "xx":
      return present >= 0;
    case "gt":
      return present >= 0 && expireAtMs > present;
    case "lt":
      return present < 0 || expireAtMs < present;
    case "":
      return true;
  }
}

/** The indexes of arguments that a command has changed the fields of. */
const changed: number[] = [];

function hexpire(c: Context, unitMs: number, isRelative: boolean): void {
  const { args, keyspace, reply } = c;
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  const time = readTime(c, 2, unitMs, isRelative);
  if (Number.isNaN(time)) return;
  const condition = CONDITIONS.find((word) => args.is(3, word)) ?? "";
  const at = condition === "" ? 3 : 4;
  const count = readFields(c, at, 1, "ERR Parameter `numFields` should be greater than 0");
  if (Number.isNaN(count)) return;
  if (ref === 0) {
    replyNoFields(c, count);
    return;
  }
  const hash = keyspace.hashes.openToWrite(c.db, ref);
  reply.array(count);
  changed.length = 0;
  for (let i = at + 2; i < args.count; i++) {
    if (!findToWrite(c, hash, i)) reply.integer(NO_FIELD);
    else if (!isAllowed(condition, hash.expireAtMs, time)) reply.integer(REFUSED);
    else {
      changed.push(i);
      if (isPast(c, time)) {
        hash.remove();
        reply.integer(REMOVED);
      } else {
        setExpiry(c, hash, i, time);
        reply.integer(DONE);
      }
    }
  }
  endExpire(c, hash, time);
}

/** Gives the field in argument `index`, which was found, an expiry. */
function setExpiry(c: Context, hash: OpenHash, index: number, expireAtMs: number): void {
  const { bytes, length, start } = c.args;
  try {
    hash.setExpiry(bytes, start[index]!, length[index]!, expireAtMs);
  } catch (error) {
    hash.store();
    throw error;
  }
}

/** The fields in the arguments `changed` have been given the expiry, or have gone because it is past. */
function endExpire(c: Context, hash: OpenHash, expireAtMs: number): void {
  if (changed.length === 0) {
    putBackExpired(c, hash);
    return;
  }
  if (isPast(c, expireAtMs)) {
    c.putBack(hash, 1, HASH_EVENT, "hdel");
    propagateFields(c, "HDEL", -1);
  } else {
    c.putBack(hash, 1, HASH_EVENT, "hexpire");
    propagateFields(c, "HPEXPIREAT", expireAtMs);
  }
  c.dirty += changed.length;
}

/** Propagates a command about the fields in the arguments `changed`, in place of this one. */
function propagateFields(c: Context, name: string, expireAtMs: number): void {
  const isList = name === "HDEL";
  const head = isList ? 2 : expireAtMs < 0 ? 4 : 5;
  const out = c.propagateInstead(head + changed.length);
  if (out === null) return;
  out.text(name);
  out.copy(c.args, 1);
  if (expireAtMs >= 0) out.integer(expireAtMs);
  if (!isList) {
    out.text("FIELDS");
    out.integer(changed.length);
  }
  for (const index of changed) out.copy(c.args, index);
}

/** HTTL, HPTTL, HEXPIRETIME and HPEXPIRETIME: seconds are rounded up. */
function httl(c: Context, unitMs: number, isRelative: boolean): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  const count = readFields(c, 2, 1);
  if (Number.isNaN(count)) return;
  if (ref === 0) {
    replyNoFields(c, count);
    return;
  }
  const hash = c.keyspace.hashes.open(ref);
  c.reply.array(count);
  for (let i = 4; i < c.args.count; i++) {
    if (!find(c, hash, i)) c.reply.integer(NO_FIELD);
    else if (!hash.expires) c.reply.integer(NO_EXPIRY);
    else {
      const ms = hash.expireAtMs - (isRelative ? c.nowMs : 0);
      c.reply.integer(Math.max(0, Math.ceil(ms / unitMs)));
    }
  }
}

/** Takes the expiry off the field that was found. */
function clearExpiry(hash: OpenHash): void {
  try {
    hash.clearExpiry();
  } catch (error) {
    hash.store();
    throw error;
  }
}

function hpersist(c: Context): void {
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  const count = readFields(c, 2, 1);
  if (Number.isNaN(count)) return;
  if (ref === 0) {
    replyNoFields(c, count);
    return;
  }
  const hash = c.keyspace.hashes.openToWrite(c.db, ref);
  c.reply.array(count);
  let persisted = 0;
  for (let i = 4; i < c.args.count; i++) {
    if (!findToWrite(c, hash, i)) c.reply.integer(NO_FIELD);
    else if (!hash.expires) c.reply.integer(NO_EXPIRY);
    else {
      clearExpiry(hash);
      persisted++;
      c.reply.integer(DONE);
    }
  }
  if (persisted > 0) c.putBack(hash, 1, HASH_EVENT, "hpersist");
  else putBackExpired(c, hash);
  c.dirty += persisted;
}

// ── Values with their expiry ─────────────────────────────────────────────────────────────────

function hgetdel(c: Context): void {
  const { args, reply } = c;
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  const count = readFields(c, 2, 1);
  if (Number.isNaN(count)) return;
  reply.array(count);
  if (ref === 0) {
    for (let i = 0; i < count; i++) reply.null();
    return;
  }
  const hash = c.keyspace.hashes.openToWrite(c.db, ref);
  changed.length = 0;
  for (let i = 4; i < args.count; i++) {
    if (hash.length === 0 || !findToWrite(c, hash, i)) reply.null();
    else {
      c.replyElement(hash.readValue());
      hash.remove();
      changed.push(i);
    }
  }
  if (changed.length === 0) {
    putBackExpired(c, hash);
    return;
  }
  c.putBack(hash, 1, HASH_EVENT, "hdel");
  propagateFields(c, "HDEL", -1);
  c.dirty += changed.length;
}

/** What stands before FIELDS in HGETEX and HSETEX. */
interface ExpiryOptions {
  /** Where FIELDS stands, or what is none of the options. */
  at: number;
  /** The new expiry; -1 if there is none. */
  expireAtMs: number;
  /** PERSIST or KEEPTTL was given. */
  hasWord: boolean;
  fields: "fnx" | "fxx" | "";
  key: "nx" | "xx" | "";
}

const TIMES: readonly (readonly [string, number, boolean])[] = [
  ["ex", SECONDS, true],
  ["px", 1, true],
  ["exat", SECONDS, false],
  ["pxat", 1, false],
];

/** Reads the options, in any order, up to FIELDS; null with the error replied. `word`: the one that stands for no new expiry. */
function readOptions(c: Context, word: "persist" | "keepttl"): ExpiryOptions | null {
  const { args, reply } = c;
  const options: ExpiryOptions = { at: 2, expireAtMs: -1, hasWord: false, fields: "", key: "" };
  const sets = word === "keepttl";
  for (; options.at < args.count && !args.is(options.at, "fields"); options.at++) {
    const { at } = options;
    const time = TIMES.find(([name]) => args.is(at, name));
    if (time !== undefined || args.is(at, word)) {
      if (options.expireAtMs >= 0 || options.hasWord) {
        const names = word.toUpperCase();
        reply.error(`ERR Only one of EX, PX, EXAT, PXAT or ${names} arguments can be specified`);
        return null;
      }
      if (time === undefined) options.hasWord = true;
      else {
        if (at + 1 >= args.count) {
          c.syntaxError();
          return null;
        }
        options.expireAtMs = readTime(c, ++options.at, time[1], time[2]);
        if (Number.isNaN(options.expireAtMs)) return null;
      }
    } else if (sets && (args.is(at, "fnx") || args.is(at, "fxx"))) {
      if (options.fields !== "") {
        reply.error("ERR Only one of FXX or FNX arguments can be specified");
        return null;
      }
      options.fields = args.is(at, "fnx") ? "fnx" : "fxx";
    } else if (sets && (args.is(at, "nx") || args.is(at, "xx"))) {
      if (options.key !== "") {
        c.syntaxError();
        return null;
      }
      options.key = args.is(at, "nx") ? "nx" : "xx";
    } else {
      reply.error(`ERR unknown argument: ${errors.shownArgument(args.text(at), 128)}`);
      return null;
    }
  }
  return options;
}

function hgetex(c: Context): void {
  const { args, reply } = c;
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  const options = readOptions(c, "persist");
  if (options === null) return;
  const { at, expireAtMs, hasWord } = options;
  const count = readFields(c, at, 1);
  if (Number.isNaN(count)) return;
  reply.array(count);
  if (ref === 0) {
    for (let i = 0; i < count; i++) reply.null();
    return;
  }
  const hash = c.keyspace.hashes.openToWrite(c.db, ref);
  changed.length = 0;
  for (let i = at + 2; i < args.count; i++) {
    if (hash.length === 0 || !findToWrite(c, hash, i)) {
      reply.null();
      continue;
    }
    c.replyElement(hash.readValue());
    if (hasWord) {
      if (!hash.expires) continue;
      clearExpiry(hash);
    } else if (expireAtMs < 0) continue;
    else if (isPast(c, expireAtMs)) hash.remove();
    else setExpiry(c, hash, i, expireAtMs);
    changed.push(i);
  }
  if (!hasWord) {
    endExpire(c, hash, expireAtMs);
    return;
  }
  if (changed.length === 0) {
    putBackExpired(c, hash);
    return;
  }
  c.putBack(hash, 1, HASH_EVENT, "hpersist");
  propagateFields(c, "HPERSIST", -1);
  c.dirty += changed.length;
}

/** Whether the hash, null for none, has all of the fields, or none of them, as the condition wants. */
function holds(c: Context, hash: OpenHash | null, condition: string, at: number): boolean {
  if (condition === "") return true;
  const wanted = condition === "fxx";
  for (let i = at + 2; i < c.args.count; i += 2) {
    if ((hash !== null && findToWrite(c, hash, i)) !== wanted) return false;
  }
  return true;
}

function hsetex(c: Context): void {
  const { args, keyspace, reply } = c;
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  const options = readOptions(c, "keepttl");
  if (options === null) return;
  const { at, expireAtMs, fields, hasWord, key } = options;
  const count = readFields(c, at, 2);
  if (Number.isNaN(count) || !pairsFit(c, at + 2)) return;
  if ((key === "nx" && ref !== 0) || (key === "xx" && ref === 0)) {
    reply.integer(0);
    return;
  }
  const present = ref === 0 ? null : keyspace.hashes.openToWrite(c.db, ref);
  if (!holds(c, present, fields, at)) {
    if (present !== null) putBackExpired(c, present);
    reply.integer(0);
    return;
  }
  const hash = present ?? keyspace.hashes.create();
  const goes = expireAtMs >= 0 && isPast(c, expireAtMs);
  try {
    for (let i = at + 2; i < args.count; i += 2) {
      if (goes) {
        if (hash.length > 0 && findToWrite(c, hash, i)) hash.remove();
        continue;
      }
      const kept = hasWord && findToWrite(c, hash, i) ? hash.expireAtMs : -1;
      setArgument(c, hash, i);
      const expiry = hasWord ? kept : expireAtMs;
      if (expiry >= 0) hash.setExpiry(args.bytes, args.start[i]!, args.length[i]!, expiry);
    }
  } catch (error) {
    keepPart(c, hash, 2);
    throw error;
  }
  if (goes) endPastSet(c, hash, at);
  else {
    c.putBack(hash, 1, HASH_EVENT, "hset");
    if (expireAtMs >= 0) c.changed(HASH_EVENT, "hexpire", 1);
    propagateSet(c, at, expireAtMs, hasWord);
  }
  c.dirty += count;
  reply.integer(1);
}

/** The fields of an HSETEX whose time is past are gone, and those of a new hash have never been. */
function endPastSet(c: Context, hash: OpenHash, at: number): void {
  changed.length = 0;
  for (let i = at + 2; i < c.args.count; i += 2) changed.push(i);
  if (hash.entry === 0) hash.discard();
  else c.putBack(hash, 1, HASH_EVENT, "hdel");
  propagateFields(c, "HDEL", -1);
}

/** Propagates an HSETEX without conditions, and with an absolute time. */
function propagateSet(c: Context, at: number, expireAtMs: number, keepsExpiry: boolean): void {
  const { args } = c;
  const words = expireAtMs >= 0 ? 2 : keepsExpiry ? 1 : 0;
  const out = c.propagateInstead(2 + words + args.count - at);
  if (out === null) return;
  out.text("HSETEX");
  out.copy(args, 1);
  if (expireAtMs >= 0) {
    out.text("PXAT");
    out.integer(expireAtMs);
  } else if (keepsExpiry) out.text("KEEPTTL");
  for (let i = at; i < args.count; i++) out.copy(args, i);
}

const PER_FIELD = "O(N), N being the number of fields in the arguments";
const FIELDS = "{fields: FIELDS numfields/integer field ...}";
const CONDITION = "[condition: NX | XX | GT | LT]";

function setter(name: string, argument: string, summary: string, handler: CommandSpec["handler"]) {
  return {
    name,
    group: "hash",
    since: "7.4.0",
    complexity: PER_FIELD,
    summary,
    arity: -6,
    flags: "write denyoom fast",
    keys: oneKey("RW update"),
    syntax: `key ${argument} ${CONDITION} ${FIELDS}`,
    handler,
  } satisfies CommandSpec;
}

function getter(name: string, summary: string, handler: CommandSpec["handler"]) {
  return {
    name,
    group: "hash",
    since: "7.4.0",
    complexity: PER_FIELD,
    summary,
    arity: -5,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: `key ${FIELDS}`,
    handler,
  } satisfies CommandSpec;
}

const TIME_OPTIONS =
  "EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds";

export const HASH_EXPIRY_COMMANDS: readonly CommandSpec[] = [
  setter("hexpire", "seconds", "Sets the expiry of fields of a hash, in seconds from now.", (c) =>
    hexpire(c, SECONDS, true),
  ),
  setter(
    "hpexpire",
    "milliseconds",
    "Sets the expiry of fields of a hash, in milliseconds from now.",
    (c) => hexpire(c, 1, true),
  ),
  setter(
    "hexpireat",
    "unix-time-seconds",
    "Sets the expiry of fields of a hash to a Unix time in seconds.",
    (c) => hexpire(c, SECONDS, false),
  ),
  setter(
    "hpexpireat",
    "unix-time-milliseconds",
    "Sets the expiry of fields of a hash to a Unix time in milliseconds.",
    (c) => hexpire(c, 1, false),
  ),
  getter("httl", "Returns the time to live of fields of a hash in seconds.", (c) =>
    httl(c, SECONDS, true),
  ),
  getter("hpttl", "Returns the time to live of fields of a hash in milliseconds.", (c) =>
    httl(c, 1, true),
  ),
  getter("hexpiretime", "Returns the expiry of fields of a hash as a Unix time in seconds.", (c) =>
    httl(c, SECONDS, false),
  ),
  getter(
    "hpexpiretime",
    "Returns the expiry of fields of a hash as a Unix time in milliseconds.",
    (c) => httl(c, 1, false),
  ),
  {
    name: "hpersist",
    group: "hash",
    since: "7.4.0",
    complexity: PER_FIELD,
    summary: "Takes the expiry off fields of a hash.",
    arity: -5,
    flags: "write fast",
    keys: oneKey("RW update"),
    syntax: `key ${FIELDS}`,
    handler: hpersist,
  },
  {
    name: "hgetdel",
    group: "hash",
    since: "8.0.0",
    complexity: PER_FIELD,
    summary: "Returns the values of fields of a hash and removes the fields.",
    arity: -5,
    flags: "write fast",
    keys: oneKey("RW access delete"),
    syntax: `key ${FIELDS}`,
    handler: hgetdel,
  },
  {
    name: "hgetex",
    group: "hash",
    since: "8.0.0",
    complexity: PER_FIELD,
    summary: "Returns the values of fields of a hash, and sets or removes their expiry.",
    arity: -5,
    flags: "write fast",
    keys: oneKey("RW access update"),
    syntax: `key [expiration: ${TIME_OPTIONS} | PERSIST] ${FIELDS}`,
    handler: hgetex,
  },
  {
    name: "hsetex",
    group: "hash",
    since: "8.0.0",
    complexity: PER_FIELD,
    summary: "Sets fields of a hash to values with an expiry.",
    arity: -6,
    flags: "write denyoom fast",
    keys: oneKey("RW update"),
    syntax: `key [key-condition: NX | XX] [field-condition: FNX | FXX] [expiration: ${TIME_OPTIONS} | KEEPTTL] {fields: FIELDS numfields/integer {data: field value} ...}`,
    handler: hsetex,
  },
];

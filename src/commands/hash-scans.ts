/** HSCAN and HRANDFIELD: some of a hash's fields. */
import type { Glob } from "../base/glob.ts";
import * as errors from "../protocol/errors.ts";
import type { OpenHash } from "../store/types/hashes.ts";
import type { Context } from "./context.ts";
import { readCursor, readScanOptions, scanSome } from "./scan-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

/** Fewer than one of so many fields are drawn one by one; more are chosen while all are passed. */
const FIELDS_PER_DRAW = 8;
/** With a negative count the reply does not depend on the size of the hash; a longer one is refused. */
const REPLY_BYTES_MAX = 1 << 29;
/** What the shortest field takes in a reply. */
const FIELD_BYTES_MIN = 6;
/** Counts beyond these are out of range, as in Redis. */
const COUNT_MAX = 9223372036854775807n;

const records: number[] = [];
const digits = new Uint8Array(20);

function hscan(c: Context): void {
  const { reply } = c;
  const cursor = readCursor(c, 2);
  if (cursor < 0) return;
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  if (ref === 0) {
    reply.array(2);
    reply.text("0");
    reply.array(0);
    return;
  }
  const options = readScanOptions(c, 3, "novalues");
  if (options === null) return;
  const { count, glob, withoutValues } = options;
  const hash = c.keyspace.hashes.open(ref);
  const withValues = !withoutValues;
  let next = 0;
  // As in Redis a small form is returned whole.
  if (hash.isTable) next = scanSome(hash.members, cursor, count, records);
  reply.array(2);
  reply.text(String(next));
  const place = reply.at;
  const each = withValues ? 2 : 1;
  reply.array((hash.isTable ? records.length : hash.length) * each);
  let matching = 0;
  if (hash.isTable) {
    for (const record of records) {
      hash.readRecord(record);
      if (replyMatch(c, hash, glob, withValues)) matching++;
    }
  } else for (hash.rewind(); hash.next(); ) if (replyMatch(c, hash, glob, withValues)) matching++;
  reply.recount(place, matching * each);
}

/** Replies with the field that was read if it matches; returns whether it does. */
function replyMatch(c: Context, hash: OpenHash, glob: Glob | null, withValues: boolean): boolean {
  const { field } = hash;
  if (hash.isExpired) return false;
  if (glob !== null) {
    field.toText(digits);
    if (!glob.matches(field.bytes, field.from, field.length)) return false;
  }
  c.replyElement(field);
  if (withValues) c.replyElement(hash.value);
  return true;
}

function hrandfield(c: Context): void {
  const { args, keyspace, reply } = c;
  if (args.count === 2) {
    const ref = c.lookup(1);
    if (!c.isHash(ref)) return;
    const hash = ref === 0 ? null : keyspace.hashes.open(ref);
    if (hash === null || liveFields(hash) === 0) reply.null();
    else {
      readRandom(c, hash);
      c.replyElement(hash.field);
    }
    return;
  }
  const withValues = args.count === 4;
  const count = readCount(c, withValues);
  if (Number.isNaN(count)) return;
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  if (ref === 0 || count === 0) {
    reply.array(0);
    return;
  }
  const hash = keyspace.hashes.open(ref);
  const fields = liveFields(hash);
  if (fields === 0) reply.array(0);
  else if (count < 0) replyDraws(c, hash, -count, withValues);
  else replyDistinct(c, hash, Math.min(count, fields), fields, withValues);
}

/** Fields that have not expired. */
function liveFields(hash: OpenHash): number {
  if (hash.expiringFields === 0) return hash.length;
  let fields = 0;
  for (hash.rewind(); hash.next(); ) if (!hash.isExpired) fields++;
  return fields;
}

const RANDOM_TRIES = 100;

/** Reads a field at random that has not expired, of a hash that has one. */
function readRandom(c: Context, hash: OpenHash): void {
  for (let tries = 0; tries < RANDOM_TRIES; tries++) {
    hash.readRandom(c.keyspace.random);
    if (!hash.isExpired) return;
  }
  for (hash.rewind(); hash.next() && hash.isExpired; );
}

/** The count in argument 2; NaN, with the reply written, where it or what follows is wrong. */
function readCount(c: Context, withValues: boolean): number {
  const { args, reply } = c;
  const count = c.integer(2);
  if (Number.isNaN(count)) return count;
  if (args.is(2, "-9223372036854775808")) {
    reply.error(errors.COUNT_RANGE);
    return Number.NaN;
  }
  if (args.count > 4 || (withValues && !args.is(3, "withvalues"))) {
    c.syntaxError();
    return Number.NaN;
  }
  if (withValues && !Number.isFinite(count)) {
    const exact = BigInt(args.text(2));
    if (exact > COUNT_MAX / 2n || exact < -COUNT_MAX / 2n) {
      reply.error("ERR value is out of range");
      return Number.NaN;
    }
  }
  return count;
}

function replyCount(c: Context, count: number, withValues: boolean): void {
  c.reply.array(withValues && c.reply.protocol === 2 ? count * 2 : count);
}

/** In RESP3 a field with its value is an array. */
function replyField(c: Context, hash: OpenHash, withValues: boolean): void {
  if (withValues && c.reply.protocol === 3) c.reply.array(2);
  c.replyElement(hash.field);
  if (withValues) c.replyElement(hash.value);
}

/** Replies with `count` fields, each drawn from all of them. */
function replyDraws(c: Context, hash: OpenHash, count: number, withValues: boolean): void {
  const { reply } = c;
  const start = reply.at;
  let left = count * FIELD_BYTES_MIN <= REPLY_BYTES_MAX ? count : -1;
  if (left > 0) replyCount(c, count, withValues);
  for (; left > 0 && reply.at - start <= REPLY_BYTES_MAX; left--) {
    readRandom(c, hash);
    replyField(c, hash, withValues);
  }
  if (left === 0) return;
  reply.at = start;
  reply.error(errors.REPLY_TOO_LONG);
}

/** Replies with `count` different fields, of `fields` that have not expired. */
function replyDistinct(
  c: Context,
  hash: OpenHash,
  count: number,
  fields: number,
  withValues: boolean,
): void {
  const { random } = c.keyspace;
  replyCount(c, count, withValues);
  if (hash.isTable && fields === hash.length && count * FIELDS_PER_DRAW <= fields) {
    const drawn = new Set<number>();
    while (drawn.size < count) drawn.add(hash.members.random(random));
    for (const record of drawn) {
      hash.readRecord(record);
      replyField(c, hash, withValues);
    }
    return;
  }
  // Each field is chosen with the chance that makes every choice equally likely.
  let wanted = count;
  let left = fields;
  for (hash.rewind(); wanted > 0 && hash.next(); ) {
    if (hash.isExpired) continue;
    if (wanted >= left || random.below(left) < wanted) {
      replyField(c, hash, withValues);
      wanted--;
    }
    left--;
  }
}

export const HASH_SCAN_COMMANDS: readonly CommandSpec[] = [
  {
    name: "hscan",
    group: "hash",
    since: "2.8.0",
    complexity: "O(1) a call, O(N) for all N fields of the hash",
    summary: "Iterates over the fields of a hash and their values.",
    arity: -3,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key cursor [MATCH pattern] [COUNT count] [NOVALUES]",
    tips: "nondeterministic_output",
    handler: hscan,
  },
  {
    name: "hrandfield",
    group: "hash",
    since: "6.2.0",
    complexity: "O(N), N being the number of fields returned",
    summary: "Returns random fields of a hash.",
    arity: -2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key [options: count [WITHVALUES]]",
    tips: "nondeterministic_output",
    handler: hrandfield,
  },
];

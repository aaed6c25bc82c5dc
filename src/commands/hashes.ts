/** Hash commands. */
import { latin1 } from "../base/bytes.ts";
import {
  addExtended,
  type ExtendedFloat,
  formatExtended,
  INFINITE,
  type ParsedFloat,
  parseExtended,
} from "../base/extended-float.ts";
import {
  fitsInt64,
  parseBigInteger,
  parseInteger,
  toBigInt,
  writeInteger,
} from "../base/number-text.ts";
import type { Element } from "../memory/element.ts";
import { ELEMENT_BYTES_MAX } from "../memory/quicklist.ts";
import * as errors from "../protocol/errors.ts";
import type { OpenHash } from "../store/types/hashes.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, HASH_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

/** The hash of the key in argument 1, to change it; a new one if there is none. Null, with the reply written, for another type. */
function openOrCreate(c: Context): OpenHash | null {
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return null;
  const { hashes } = c.keyspace;
  return ref === 0 ? hashes.create() : hashes.openToWrite(c.db, ref);
}

/** Whether the hash has the field in argument `index`. */
export function find(c: Context, hash: OpenHash, index: number): boolean {
  const { bytes, length, start } = c.args;
  return hash.find(bytes, start[index]!, length[index]!) && !hash.isExpired;
}

/**
 * The same for a command that may change the hash: a field that has expired is removed, so that replicas
 * see the command find what it finds here. `putBackExpired` has to follow where nothing else is changed.
 */
export function findToWrite(c: Context, hash: OpenHash, index: number): boolean {
  const { bytes, length, start } = c.args;
  if (!hash.find(bytes, start[index]!, length[index]!)) return false;
  if (!hash.isExpired) return true;
  c.keyspace.hashes.expireFound(c.db, hash);
  return false;
}

/** Removes the key if fields that were found expired were its last. */
export function putBackExpired(c: Context, hash: OpenHash): void {
  if (hash.length > 0) return;
  const { args } = c;
  c.db.putBack(hash, args.bytes, args.start[1]!, args.length[1]!);
  c.changed(GENERIC_EVENT, "del", 1);
}

/** Sets the field in argument `index` to the value behind it; returns whether it is new. */
export function setArgument(c: Context, hash: OpenHash, index: number): boolean {
  const { bytes, length, start } = c.args;
  return hash.set(
    bytes,
    start[index]!,
    length[index]!,
    bytes,
    start[index + 1]!,
    length[index + 1]!,
  );
}

/** Whether every pair from argument `from` on fits in a block; replies where one does not. */
export function pairsFit(c: Context, from: number): boolean {
  const { count, length } = c.args;
  for (let i = from; i < count; i += 2) {
    if (length[i]! + length[i + 1]! <= ELEMENT_BYTES_MAX) continue;
    c.reply.error(errors.STRING_TOO_LONG);
    return false;
  }
  return true;
}

// ── Setting ──────────────────────────────────────────────────────────────────────────────────

/** HSET and HMSET: sets the pairs in the arguments; returns how many fields are new, or -1 with the error replied. */
function setAll(c: Context): number {
  const { args } = c;
  const { count } = args;
  if (count % 2 !== 0) {
    c.reply.error(errors.wrongArity(args.text(0).toLowerCase()));
    return -1;
  }
  if (!pairsFit(c, 2)) return -1;
  const hash = openOrCreate(c);
  if (hash === null) return -1;
  let added = 0;
  let done = 2;
  try {
    hash.expect(count / 2 - 1);
    for (; done < count; done += 2) if (setArgument(c, hash, done)) added++;
  } catch (error) {
    keepPart(c, hash, done);
    throw error;
  }
  c.putBack(hash, 1, HASH_EVENT, "hset");
  c.dirty += count / 2 - 1;
  return added;
}

/**
 * Memory has run out at argument `end`. Of a new hash nothing stays; in one that was there the pairs
 * before have been set, which replicas and the append-only file must learn.
 */
export function keepPart(c: Context, hash: OpenHash, end: number): void {
  if (hash.entry === 0) {
    hash.discard();
    return;
  }
  hash.store();
  if (end === 2) return;
  c.changed(HASH_EVENT, "hset", 1);
  const out = c.propagateInstead(end);
  if (out === null) return;
  out.text("HSET");
  for (let i = 1; i < end; i++) out.copy(c.args, i);
}

function hset(c: Context): void {
  const added = setAll(c);
  if (added >= 0) c.reply.integer(added);
}

function hmset(c: Context): void {
  if (setAll(c) >= 0) c.reply.ok();
}

function hsetnx(c: Context): void {
  if (!pairsFit(c, 2)) return;
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  const { hashes } = c.keyspace;
  const hash = ref === 0 ? hashes.create() : hashes.openToWrite(c.db, ref);
  if (findToWrite(c, hash, 2)) {
    c.reply.integer(0);
    return;
  }
  try {
    setArgument(c, hash, 2);
  } catch (error) {
    keepPart(c, hash, 2);
    throw error;
  }
  c.putBack(hash, 1, HASH_EVENT, "hset");
  c.dirty++;
  c.reply.integer(1);
}

/** Sets the field in argument 2, which `find` has just looked for in the hash, to a text. */
function setText(
  c: Context,
  hash: OpenHash,
  isThere: boolean,
  bytes: Uint8Array,
  length: number,
  event: string,
): void {
  const { args } = c;
  const from = args.start[2]!;
  try {
    if (isThere) hash.setFound(args.bytes, from, args.length[2]!, bytes, 0, length);
    else hash.set(args.bytes, from, args.length[2]!, bytes, 0, length);
  } catch (error) {
    keepPart(c, hash, 2);
    throw error;
  }
  c.putBack(hash, 1, HASH_EVENT, event);
  c.dirty++;
}

// ── Counting ─────────────────────────────────────────────────────────────────────────────────

const DIGITS = 20;
const digits = new Uint8Array(DIGITS);

/** A value as a number, by the rules of `parseInteger`. */
function numberOf({ bytes, from, high, isInteger, length, low }: Element): number {
  if (!isInteger) return parseInteger(bytes, from, length);
  const value = high * 4294967296 + (low >>> 0);
  return Number.isSafeInteger(value) ? value : value * Number.POSITIVE_INFINITY;
}

function bigNumberOf({ bytes, from, high, isInteger, length, low }: Element): bigint {
  return isInteger ? toBigInt(low, high) : parseBigInteger(bytes, from, length)!;
}

function hincrby(c: Context): void {
  const by = c.integer(3);
  if (Number.isNaN(by)) return;
  const { args, keyspace, reply } = c;
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref) || !pairsFit(c, 2)) return;
  const hash = ref === 0 ? keyspace.hashes.create() : keyspace.hashes.openToWrite(c.db, ref);
  const isThere = findToWrite(c, hash, 2);
  const value = isThere ? numberOf(hash.readValue()) : 0;
  if (Number.isNaN(value)) {
    reply.error(errors.HASH_VALUE_NOT_AN_INTEGER);
    return;
  }
  const sum = value + by;
  if (Number.isSafeInteger(sum)) {
    setText(c, hash, isThere, digits, writeInteger(digits, 0, sum), "hincrby");
    reply.integer(sum);
    return;
  }
  const exact =
    (isThere ? bigNumberOf(hash.readValue()) : 0n) +
    parseBigInteger(args.bytes, args.start[3]!, args.length[3]!)!;
  if (!fitsInt64(exact)) {
    reply.error(errors.OVERFLOW);
    return;
  }
  const text = latin1(String(exact));
  setText(c, hash, isThere, text, text.length, "hincrby");
  reply.bigInteger(exact);
}

const ZERO: ExtendedFloat = { mantissa: 0n, exponent: 0 };

function floatOf(element: Element): ParsedFloat {
  element.toText(digits);
  return parseExtended(element.bytes, element.from, element.length);
}

function hincrbyfloat(c: Context): void {
  const { args, keyspace, reply } = c;
  const by = parseExtended(args.bytes, args.start[3]!, args.length[3]!);
  if (by === null) {
    reply.error(errors.NOT_A_FLOAT);
    return;
  }
  if (by === INFINITE) {
    reply.error(errors.VALUE_NAN_OR_INFINITY);
    return;
  }
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref) || !pairsFit(c, 2)) return;
  const hash = ref === 0 ? keyspace.hashes.create() : keyspace.hashes.openToWrite(c.db, ref);
  const isThere = findToWrite(c, hash, 2);
  const value: ParsedFloat = isThere ? floatOf(hash.readValue()) : ZERO;
  // Of a field that is missing the sum is a number: a new hash is never left without a field.
  if (value === null) {
    reply.error(errors.HASH_VALUE_NOT_A_FLOAT);
    return;
  }
  const sum = value === INFINITE ? null : addExtended(value, by);
  if (sum === null) {
    reply.error(errors.NAN_OR_INFINITY);
    return;
  }
  const text = latin1(formatExtended(sum));
  const keepsExpiry = isThere && hash.expires;
  setText(c, hash, isThere, text, text.length, "hincrbyfloat");
  const out = c.propagateInstead(keepsExpiry ? 7 : 4);
  if (out !== null) {
    out.text(keepsExpiry ? "HSETEX" : "HSET");
    out.copy(args, 1);
    if (keepsExpiry) for (const word of ["KEEPTTL", "FIELDS", "1"]) out.text(word);
    out.copy(args, 2);
    out.argument(text, 0, text.length);
  }
  reply.bulk(text, 0, text.length);
}

// ── Removing ─────────────────────────────────────────────────────────────────────────────────

function hdel(c: Context): void {
  const ref = c.lookupWrite(1);
  if (!c.isHash(ref)) return;
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  const hash = c.keyspace.hashes.openToWrite(c.db, ref);
  let removed = 0;
  for (let i = 2; i < c.args.count && hash.length > 0; i++) {
    if (!findToWrite(c, hash, i)) continue;
    hash.remove();
    removed++;
  }
  if (removed > 0) c.putBack(hash, 1, HASH_EVENT, "hdel");
  else putBackExpired(c, hash);
  c.dirty += removed;
  c.reply.integer(removed);
}

// ── Reading ──────────────────────────────────────────────────────────────────────────────────

function hget(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  if (ref !== 0) {
    const hash = c.keyspace.hashes.open(ref);
    if (find(c, hash, 2)) {
      c.replyElement(hash.readValue());
      return;
    }
  }
  c.reply.null();
}

function hmget(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  const { count } = c.args;
  c.reply.array(count - 2);
  const hash = ref === 0 ? null : c.keyspace.hashes.open(ref);
  for (let i = 2; i < count; i++) {
    if (hash !== null && find(c, hash, i)) c.replyElement(hash.readValue());
    else c.reply.null();
  }
}

function hlen(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  c.reply.integer(ref === 0 ? 0 : c.keyspace.hashes.open(ref).length);
}

function hexists(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  c.reply.integer(ref !== 0 && find(c, c.keyspace.hashes.open(ref), 2) ? 1 : 0);
}

function hstrlen(c: Context): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  const hash = ref === 0 ? null : c.keyspace.hashes.open(ref);
  c.reply.integer(hash !== null && find(c, hash, 2) ? hash.valueLength() : 0);
}

const FIELDS = 1;
const VALUES = 2;

function getAll(c: Context, wanted: number): void {
  const ref = c.lookup(1);
  if (!c.isHash(ref)) return;
  const { reply } = c;
  const hash = ref === 0 ? null : c.keyspace.hashes.open(ref);
  const { length } = hash ?? { length: 0 };
  const isMap = wanted === (FIELDS | VALUES);
  const place = reply.at;
  if (isMap) reply.map(length);
  else reply.array(length);
  if (hash === null) return;
  let count = 0;
  for (hash.rewind(); hash.next(); ) {
    if (hash.isExpired) continue;
    count++;
    if (wanted & FIELDS) c.replyElement(hash.field);
    if (wanted & VALUES) c.replyElement(hash.value);
  }
  if (count < length) reply.recount(place, isMap && reply.protocol === 2 ? count * 2 : count);
}

const PER_FIELD = "O(N), N being the number of fields in the arguments";
const WHOLE = "O(N), N being the number of fields of the hash";

export const HASH_COMMANDS: readonly CommandSpec[] = [
  {
    name: "hset",
    batchTimedArgsMax: 4,
    group: "hash",
    since: "2.0.0",
    complexity: PER_FIELD,
    summary: "Sets fields of a hash, which is created if need be, to values.",
    arity: -4,
    flags: "write denyoom fast",
    keys: oneKey("RW update"),
    syntax: "key {data: field value} ...",
    handler: hset,
  },
  {
    name: "hmset",
    batchTimedArgsMax: 4,
    group: "hash",
    since: "2.0.0",
    complexity: PER_FIELD,
    summary: "Sets fields of a hash, which is created if need be, to values.",
    arity: -4,
    flags: "write denyoom fast",
    keys: oneKey("RW update"),
    syntax: "key {data: field value} ...",
    deprecated: { since: "4.0.0", replacedBy: "`HSET` with multiple field-value pairs" },
    handler: hmset,
  },
  {
    name: "hsetnx",
    batchTimedArgsMax: 4,
    group: "hash",
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Sets a field of a hash to a value, unless the field is there.",
    arity: 4,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key field value",
    handler: hsetnx,
  },
  {
    name: "hget",
    batchTimedArgsMax: 3,
    group: "hash",
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Returns the value of a field of a hash.",
    arity: 3,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key field",
    handler: hget,
  },
  {
    name: "hmget",
    batchTimedArgsMax: 6,
    group: "hash",
    since: "2.0.0",
    complexity: PER_FIELD,
    summary: "Returns the values of fields of a hash.",
    arity: -3,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key field ...",
    handler: hmget,
  },
  {
    name: "hgetall",
    group: "hash",
    since: "2.0.0",
    complexity: WHOLE,
    summary: "Returns all fields of a hash with their values.",
    arity: 2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key",
    tips: "nondeterministic_output_order",
    handler: (c) => getAll(c, FIELDS | VALUES),
  },
  {
    name: "hkeys",
    group: "hash",
    since: "2.0.0",
    complexity: WHOLE,
    summary: "Returns all fields of a hash.",
    arity: 2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key",
    tips: "nondeterministic_output_order",
    handler: (c) => getAll(c, FIELDS),
  },
  {
    name: "hvals",
    group: "hash",
    since: "2.0.0",
    complexity: WHOLE,
    summary: "Returns all values of a hash.",
    arity: 2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key",
    tips: "nondeterministic_output_order",
    handler: (c) => getAll(c, VALUES),
  },
  {
    name: "hlen",
    batchTimedArgsMax: 2,
    group: "hash",
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Returns the number of fields of a hash.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key",
    handler: hlen,
  },
  {
    name: "hexists",
    batchTimedArgsMax: 3,
    group: "hash",
    since: "2.0.0",
    complexity: "O(1)",
    summary: "Says whether a hash has a field.",
    arity: 3,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key field",
    handler: hexists,
  },
  {
    name: "hstrlen",
    batchTimedArgsMax: 3,
    group: "hash",
    since: "3.2.0",
    complexity: "O(1)",
    summary: "Returns the length of the value of a field of a hash.",
    arity: 3,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key field",
    handler: hstrlen,
  },
  {
    name: "hdel",
    batchTimedArgsMax: 3,
    group: "hash",
    since: "2.0.0",
    complexity: PER_FIELD,
    summary: "Removes fields of a hash.",
    arity: -3,
    flags: "write fast",
    keys: oneKey("RW delete"),
    syntax: "key field ...",
    handler: hdel,
  },
  {
    name: "hincrby",
    batchTimedArgsMax: 4,
    group: "hash",
    since: "2.0.0",
    complexity: "O(1)",
    summary:
      "Adds an integer to the value of a field of a hash; a field that is missing counts as 0.",
    arity: 4,
    flags: "write denyoom fast",
    keys: oneKey("RW access update"),
    syntax: "key field increment",
    handler: hincrby,
  },
  {
    name: "hincrbyfloat",
    group: "hash",
    since: "2.6.0",
    complexity: "O(1)",
    summary:
      "Adds a number to the value of a field of a hash; a field that is missing counts as 0.",
    arity: 4,
    flags: "write denyoom fast",
    keys: oneKey("RW access update"),
    syntax: "key field increment/double",
    handler: hincrbyfloat,
  },
];

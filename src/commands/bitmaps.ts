/** Bitmap commands: strings as arrays of bits, bit 0 being the highest of byte 0. */
import { BitField, type Overflow } from "../base/bit-field.ts";
import { BitOperands, type BitOperation, combineBits, countBits, findBit } from "../base/bits.ts";
import { parseBigInteger, parseInteger } from "../base/number-text.ts";
import type { Request } from "../protocol/request.ts";
import { isInteger, NO_EXPIRY } from "../store/entry.ts";
import { LONG_FROM_BYTES, longTextAt, type Text } from "../store/types/strings.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, STRING_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

const NOT_A_BIT = "ERR bit is not an integer or out of range";
const NOT_AN_OFFSET = "ERR bit offset is not an integer or out of range";
const NOT_ONE_OR_ZERO = "ERR The bit argument must be 1 or 0.";
const NOT_A_TYPE =
  "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.";
const NOT_AN_OVERFLOW = "ERR Invalid OVERFLOW type specified";
const ONLY_GET = "ERR BITFIELD_RO only supports the GET subcommand";
const ONE_SOURCE = "ERR BITOP NOT must be called with a single source key.";

/** Offsets below this are within any `proto-max-bulk-len`, which is at least 1 MiB. */
const ALWAYS_ALLOWED_BITS = 8 * 1048576;
const HASH_MARK = 35;

/**
 * The bit offset in argument `index`; NaN, with the reply written, where it is none or beyond the
 * longest string. "#3" means 3 fields of `width` bits, unless that is 0.
 */
function bitOffset(c: Context, index: number, width: number): number {
  const { bytes, length, start } = c.args;
  const from = start[index]!;
  const isInFields = width > 0 && length[index]! > 0 && bytes[from] === HASH_MARK;
  const given = isInFields
    ? parseInteger(bytes, from + 1, length[index]! - 1) * width
    : parseInteger(bytes, from, length[index]!);
  if (given >= 0 && given < ALWAYS_ALLOWED_BITS) return given;
  if (given >= 0 && given < c.server.config.number("proto-max-bulk-len") * 8) return given;
  c.reply.error(NOT_AN_OFFSET);
  return Number.NaN;
}

/** The key in argument 1 as a string of at least `byteCount` bytes, of which one range is about to be written. */
function editBits(c: Context, ref: number, byteCount: number, from: number, to: number): number {
  const { bytes, length, start } = c.args;
  const { strings } = c.keyspace;
  return strings.editOrCreate(c.db, ref, bytes, start[1]!, length[1]!, byteCount, from, to);
}

// ── Single bits ──────────────────────────────────────────────────────────────────────────────

function setbit(c: Context): void {
  const offset = bitOffset(c, 2, 0);
  if (Number.isNaN(offset)) return;
  const bit = c.integerWithin(3, 0, 1, NOT_A_BIT);
  if (Number.isNaN(bit)) return;
  const ref = c.lookupWrite(1);
  if (!c.isString(ref)) return;
  const { strings } = c.keyspace;
  const byteIndex = Math.floor(offset / 8);
  const had = lengthOf(c, ref);
  const entry = editBits(c, ref, byteIndex + 1, byteIndex, byteIndex + 1);
  const bytes = strings.textBytes(entry);
  const at = strings.textAt(entry) + byteIndex;
  const shift = 7 - (offset & 7);
  const byte = bytes[at]!;
  const old = (byte >>> shift) & 1;
  if (byteIndex >= had || old !== bit) {
    bytes[at] = (byte & ~(1 << shift)) | (bit << shift);
    c.changed(STRING_EVENT, "setbit", 1);
    c.dirty++;
  }
  c.reply.integer(old);
}

/** Bytes of the string of an entry, or 0 for none. */
function lengthOf(c: Context, ref: number): number {
  if (ref === 0) return 0;
  const { strings } = c.keyspace;
  return isInteger(c.db.metaOf(ref)) ? strings.open(ref).length : strings.textLength(ref);
}

function getbit(c: Context): void {
  const offset = bitOffset(c, 2, 0);
  if (Number.isNaN(offset)) return;
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  const byteIndex = Math.floor(offset / 8);
  c.reply.integer(byteIndex < length ? (bytes[from + byteIndex]! >>> (7 - (offset & 7))) & 1 : 0);
}

// ── Ranges ───────────────────────────────────────────────────────────────────────────────────

/** The range that BITCOUNT or BITPOS is about, in bits; it is empty if `first` is behind `last`. */
const range = { first: 0, last: 0 };

/** BYTE or BIT in argument `index`: how many bits a unit of the range has; 0, with the reply written, for anything else. */
function unitBits(c: Context, index: number): number {
  if (c.args.is(index, "bit")) return 1;
  if (c.args.is(index, "byte")) return 8;
  c.syntaxError();
  return 0;
}

/** Sets `range` from indexes of units, negative ones from the end, in a string of `length` bytes. */
function setRange(start: number, end: number, unit: number, length: number): void {
  const units = (length * 8) / unit;
  const first = Math.max(0, start < 0 ? start + units : start);
  const last = Math.min(units - 1, Math.max(0, end < 0 ? end + units : end));
  range.first = first * unit;
  range.last = first > last ? -1 : last * unit + unit - 1;
}

function bitcount(c: Context): void {
  const { args, reply } = c;
  let start = 0;
  let end = -1;
  let unit = 8;
  if (args.count > 2) {
    if (args.count !== 4 && args.count !== 5) {
      c.syntaxError();
      return;
    }
    start = c.integer(2);
    if (Number.isNaN(start)) return;
    end = c.integer(3);
    if (Number.isNaN(end)) return;
    if (args.count === 5) {
      unit = unitBits(c, 4);
      if (unit === 0) return;
    }
  }
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  if (length === 0 || isReversed(args, start, end)) {
    reply.integer(0);
    return;
  }
  setRange(start, end, unit, length);
  reply.integer(countRange(bytes, from));
}

/** Whether both indexes count from the end and the first is behind the second: Redis then takes the range as empty. */
function isReversed(args: Request, start: number, end: number): boolean {
  if (start >= 0 || end >= 0) return false;
  if (start !== end || Number.isFinite(start)) return start > end;
  return bigArgument(args, 2) > bigArgument(args, 3);
}

function bigArgument(args: Request, index: number): bigint {
  return parseBigInteger(args.bytes, args.start[index]!, args.length[index]!)!;
}

/** The bits set in `range` of the string that starts at `from`. */
function countRange(bytes: Uint8Array, from: number): number {
  const { first, last } = range;
  if (first > last) return 0;
  const firstByte = Math.floor(first / 8);
  const lastByte = Math.floor(last / 8);
  const before = bytes[from + firstByte]! & ~(0xff >>> (first & 7));
  const behind = bytes[from + lastByte]! & (0x7f >>> (last & 7));
  const edges = bitsOf(before) + bitsOf(behind);
  return countBits(bytes, from + firstByte, lastByte - firstByte + 1) - edges;
}

function bitsOf(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}

function bitpos(c: Context): void {
  const { args, reply } = c;
  const bit = c.integer(2);
  if (Number.isNaN(bit)) return;
  if (bit !== 0 && bit !== 1) {
    reply.error(NOT_ONE_OR_ZERO);
    return;
  }
  let start = 0;
  let end = -1;
  let unit = 8;
  if (args.count > 6) {
    c.syntaxError();
    return;
  }
  if (args.count > 3) {
    start = c.integer(3);
    if (Number.isNaN(start)) return;
  }
  if (args.count > 5) {
    unit = unitBits(c, 5);
    if (unit === 0) return;
  }
  const hasEnd = args.count > 4;
  if (hasEnd) {
    end = c.integer(4);
    if (Number.isNaN(end)) return;
  }
  const ref = c.lookup(1);
  if (!c.isString(ref)) return;
  if (ref === 0) {
    // A missing key is a string of 0s without end.
    reply.integer(bit === 1 ? -1 : 0);
    return;
  }
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  setRange(start, end, unit, length);
  let position = range.first > range.last ? -1 : findInRange(bytes, from, bit);
  // Without an end the string goes on with 0s.
  if (position < 0 && bit === 0 && !hasEnd && range.first <= range.last) position = length * 8;
  reply.integer(position);
}

/** The first bit of this value in `range`, counted from the string's first; -1 if none is. */
function findInRange(bytes: Uint8Array, from: number, bit: 0 | 1): number {
  const { first, last } = range;
  const firstByte = Math.floor(first / 8);
  let at = first;
  // Bits before the first whole byte.
  for (; at <= last && (at & 7) !== 0; at++) {
    if (((bytes[from + firstByte]! >>> (7 - (at & 7))) & 1) === bit) return at;
  }
  if (at > last) return -1;
  const wholeByte = Math.floor(at / 8);
  const found = findBit(bytes, from + wholeByte, Math.floor(last / 8) - wholeByte + 1, bit);
  return found < 0 || at + found > last ? -1 : at + found;
}

// ── Operations on whole strings ──────────────────────────────────────────────────────────────

const OPERATIONS: readonly BitOperation[] = [
  ...(["and", "or", "xor", "not"] as const),
  ...(["diff", "diff1", "andor", "one"] as const),
];
const operands = new BitOperands();
/** Results that are not long enough for a block of their own. */
const result = new Uint8Array(LONG_FROM_BYTES);

/** The operation in argument 1; undefined, with the reply written, where the call is none that is possible. */
function readOperation(c: Context): BitOperation | undefined {
  const operation = OPERATIONS.find((name) => c.args.is(1, name));
  const sources = c.args.count - 3;
  if (operation === undefined) c.syntaxError();
  else if (operation === "not" && sources > 1) c.reply.error(ONE_SOURCE);
  else if (/diff|andor/.test(operation) && sources < 2) {
    c.reply.error(
      `ERR BITOP ${operation.toUpperCase()} must be called with at least two source keys.`,
    );
  } else return operation;
  return undefined;
}

function bitop(c: Context): void {
  const operation = readOperation(c);
  if (operation === undefined) return;
  try {
    for (let i = 3; i < c.args.count; i++) if (!addOperand(c, i)) return;
    storeResult(c, operation);
  } finally {
    operands.clear();
  }
}

/** Adds the string in argument `index` to the operands; false, with the reply written, where the key has none. */
function addOperand(c: Context, index: number): boolean {
  const ref = c.lookup(index);
  if (!c.isString(ref)) return false;
  const text = c.keyspace.strings.open(ref);
  // The digits of an integer are in a buffer that serves a few strings only.
  if (text.bytes === text.digits) operands.add(digitsOf(text), 0, text.length);
  else operands.add(text.bytes, text.from, text.length);
  return true;
}

function digitsOf({ digits, length }: Text): Uint8Array {
  return digits.slice(0, length);
}

function storeResult(c: Context, operation: BitOperation): void {
  const { args, db, keyspace } = c;
  const { bytes, start, length: lengths } = args;
  const { strings } = keyspace;
  const { length } = operands;
  const keyFrom = start[2]!;
  const keyBytes = lengths[2]!;
  if (length > LONG_FROM_BYTES) {
    const block = strings.newLong(length);
    combineBits(operation, operands, strings.longBytes(block), longTextAt(block));
    const ref = c.lookupWrite(2);
    strings.setLong(db, ref, bytes, keyFrom, keyBytes, block, NO_EXPIRY);
  } else if (length > 0) {
    combineBits(operation, operands, result, 0);
    const ref = c.lookupWrite(2);
    strings.setRaw(db, ref, bytes, keyFrom, keyBytes, result, 0, length, NO_EXPIRY);
  } else {
    const ref = c.lookupWrite(2);
    if (ref !== 0) {
      db.remove(ref);
      c.changed(GENERIC_EVENT, "del", 2);
      c.dirty++;
    }
  }
  if (length > 0) {
    c.changed(STRING_EVENT, "set", 2);
    c.dirty++;
  }
  c.reply.integer(length);
}

// ── Fields ───────────────────────────────────────────────────────────────────────────────────

const NONE = -1;
const GET = 0;
const SET = 1;
const INCRBY = 2;

/** The operation of BITFIELD that `readField` has read, and its field. */
const field = new BitField();
let fieldAction = GET;
/** What is set or added. */
let fieldAmount: number | bigint = 0;
let fieldOverflow: Overflow = "wrap";

/**
 * Reads the operation from argument `at` on, with what OVERFLOW says before it; returns the index behind
 * it, and -1, with the reply written, where it is none. Behind a last OVERFLOW the action is NONE.
 */
function readField(c: Context, from: number): number {
  const { args } = c;
  let at = from;
  for (; at + 1 < args.count && args.is(at, "overflow"); at += 2) {
    if (args.is(at + 1, "wrap")) fieldOverflow = "wrap";
    else if (args.is(at + 1, "sat")) fieldOverflow = "saturate";
    else if (args.is(at + 1, "fail")) fieldOverflow = "fail";
    else {
      c.reply.error(NOT_AN_OVERFLOW);
      return -1;
    }
  }
  fieldAction = NONE;
  if (at >= args.count) return at;
  const left = args.count - at - 1;
  if (args.is(at, "get") && left >= 2) fieldAction = GET;
  else if (args.is(at, "set") && left >= 3) fieldAction = SET;
  else if (args.is(at, "incrby") && left >= 3) fieldAction = INCRBY;
  else {
    c.syntaxError();
    return -1;
  }
  if (!readFieldType(c, at + 1)) return -1;
  const offset = bitOffset(c, at + 2, field.width);
  if (Number.isNaN(offset)) return -1;
  field.bitOffset = offset;
  if (fieldAction === GET) return at + 3;
  const amount = c.integer(at + 3);
  if (Number.isNaN(amount)) return -1;
  fieldAmount = Number.isFinite(amount) ? amount : bigArgument(args, at + 3);
  return at + 4;
}

/** Reads a type such as i16 or u8; false, with the reply written, where it is none. */
function readFieldType(c: Context, index: number): boolean {
  const { bytes, length, start } = c.args;
  const from = start[index]!;
  const mark = length[index]! === 0 ? 0 : bytes[from]!;
  // As in Redis, where a type is a C string, a zero byte ends it.
  const end = bytes.indexOf(0, from);
  const given = end < 0 ? length[index]! : Math.min(length[index]!, end - from);
  const width = parseInteger(bytes, from + 1, given - 1);
  field.isSigned = mark === 105;
  field.width = width;
  if ((field.isSigned || mark === 117) && width >= 1 && width <= (field.isSigned ? 64 : 63)) {
    return true;
  }
  c.reply.error(NOT_A_TYPE);
  return false;
}

function bitfield(c: Context, isReadOnly: boolean): void {
  const { args, reply } = c;
  // All operations are read once before anything is changed.
  let operations = 0;
  let byteCount = 0;
  fieldOverflow = "wrap";
  for (let at = 2; at < args.count; ) {
    at = readField(c, at);
    if (at < 0) return;
    if (fieldAction !== NONE) operations++;
    if (fieldAction > GET) byteCount = Math.max(byteCount, field.bytesNeeded);
  }
  if (byteCount > 0 && isReadOnly) {
    reply.error(ONLY_GET);
    return;
  }
  let ref = byteCount > 0 ? c.lookupWrite(1) : c.lookup(1);
  if (!c.isString(ref)) return;
  const had = lengthOf(c, ref);
  if (byteCount > 0) ref = editBits(c, ref, byteCount, byteCount, byteCount);
  reply.array(operations);
  let changes = 0;
  fieldOverflow = "wrap";
  for (let at = 2; at < args.count; ) {
    at = readField(c, at);
    if (fieldAction === GET) {
      const { bytes, from, length } = c.keyspace.strings.open(ref);
      replyField(c, field.read(bytes, from, length));
    } else if (fieldAction !== NONE && changeField(c, ref, byteCount > had)) changes++;
  }
  if (changes === 0) return;
  c.changed(STRING_EVENT, "setbit", 1);
  c.dirty += changes;
}

/** Does a SET or INCRBY and replies with its value; returns whether it is to be propagated. */
function changeField(c: Context, ref: number, hasGrown: boolean): boolean {
  const { strings } = c.keyspace;
  const from = Math.floor(field.bitOffset / 8);
  const end = field.bytesNeeded;
  const entry = strings.edit(c.db, ref, end, from, end);
  const bytes = strings.textBytes(entry);
  const at = strings.textAt(entry);
  const old = field.read(bytes, at, strings.textLength(entry));
  const made =
    fieldAction === SET
      ? field.fit(fieldAmount, fieldOverflow)
      : field.add(old, fieldAmount, fieldOverflow);
  if (made === null) {
    c.reply.null();
    return false;
  }
  field.write(bytes, at, made);
  replyField(c, fieldAction === SET ? old : made);
  return hasGrown || old !== made;
}

function replyField(c: Context, value: number | bigint): void {
  if (typeof value === "number") c.reply.integer(value);
  else c.reply.bigInteger(value);
}

export const BITMAP_COMMANDS: readonly CommandSpec[] = [
  {
    name: "setbit",
    batchTimedArgsMax: 4,
    group: "bitmap",
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Sets or clears a bit of the string at a key; creates the key if it does not exist.",
    arity: 4,
    flags: "write denyoom",
    keys: oneKey("RW access update"),
    syntax: "key offset value/integer",
    handler: setbit,
  },
  {
    name: "getbit",
    batchTimedArgsMax: 3,
    group: "bitmap",
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Returns a bit of the string at a key.",
    arity: 3,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key offset",
    handler: getbit,
  },
  {
    name: "bitcount",
    group: "bitmap",
    since: "2.6.0",
    complexity: "O(N), N being the length of the range",
    summary: "Counts the bits that are set in a string or a range of it.",
    arity: -2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key [range: start end [unit: BYTE | BIT]]",
    handler: bitcount,
  },
  {
    name: "bitpos",
    group: "bitmap",
    since: "2.8.7",
    complexity: "O(N), N being the length of the range",
    summary: "Finds the first bit that is set, or clear, in a string or a range of it.",
    arity: -3,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key bit/integer [range: start [end-unit-block: end [unit: BYTE | BIT]]]",
    handler: bitpos,
  },
  {
    name: "bitop",
    group: "bitmap",
    since: "2.6.0",
    complexity: "O(N), N being the bytes of the longest string",
    summary: "Combines the bits of several strings, and stores the result.",
    arity: -4,
    flags: "write denyoom",
    keys: [keyAt(2, "OW update"), { at: 3, last: -1, flags: "RO access" }],
    syntax: "<operation: AND | OR | XOR | NOT | DIFF | DIFF1 | ANDOR | ONE> destkey/key key ...",
    handler: bitop,
  },
  {
    name: "bitfield",
    group: "bitmap",
    since: "3.2.0",
    complexity: "O(1) for each operation",
    summary: "Reads, sets and increments integers of any width within a string.",
    arity: -2,
    flags: "write denyoom",
    keys: oneKey(
      "RW access update variable_flags",
      "This command allows both access and modification of the key",
    ),
    syntax:
      "key [operation: {GET get-block: encoding offset} | {write: [OVERFLOW overflow-block: WRAP | SAT | FAIL] <write-operation: {SET set-block: encoding offset value/integer} | {INCRBY incrby-block: encoding offset increment}>}] ...",
    handler: (c) => bitfield(c, false),
  },
  {
    name: "bitfield_ro",
    group: "bitmap",
    since: "6.0.0",
    complexity: "O(1) for each operation",
    summary: "Reads integers of any width within a string.",
    arity: -2,
    flags: "readonly fast",
    keys: oneKey("RO access"),
    syntax: "key [GET get-block: encoding offset] ...!",
    handler: (c) => bitfield(c, true),
  },
];

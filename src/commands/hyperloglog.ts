/**
 * HyperLogLog commands. A value is a string, byte for byte as Redis keeps it (store/hyperloglog.ts).
 *
 * What changes a sparse form, or makes a dense one of it, is done in `made` first: only what is whole
 * is written to the key, so a command that runs out of memory, or meets damage, changes nothing.
 */
import { copyBytes, latin1 } from "../base/bytes.ts";
import * as errors from "../protocol/errors.ts";
import {
  CHANGED,
  DAMAGED,
  DENSE_BYTES,
  ElementHash,
  EMPTY_BYTES,
  GROWTH_BYTES_MAX,
  HyperLogLog,
  isHyperLogLog,
  NEEDS_DENSE,
  type Outcome,
  REGISTERS,
  SPARSE_BYTES_MAX,
  writeEmpty,
  writeRegisters,
} from "../store/hyperloglog.ts";
import type { Context } from "./context.ts";
import { STRING_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

const NOT_VALID = "WRONGTYPE Key is not a valid HyperLogLog string value.";
const CORRUPTED = "INVALIDOBJ Corrupted HLL object detected";
const NOT_SPARSE = "ERR HLL encoding is not sparse";
const NO_KEY = "ERR The specified key does not exist";

/** A class that no notification is of: WATCH alone is told. */
const NO_EVENT = 0;

const hash = new ElementHash();
const hll = new HyperLogLog();
/** The maximum of each register over several values. */
const registers = new Uint8Array(REGISTERS);
const registerWords = new Int32Array(registers.buffer);
/** A value that is being made. */
const made = new Uint8Array(Math.max(SPARSE_BYTES_MAX, DENSE_BYTES) + GROWTH_BYTES_MAX);
/** Where a dense form is made of a sparse one in `made`. */
const dense = new Uint8Array(DENSE_BYTES);

/** Opens the value of an entry in `hll`; false, with the reply written, where it is none. */
function open(c: Context, ref: number): boolean {
  if (!c.isString(ref)) return false;
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  if (!isHyperLogLog(bytes, from, length)) {
    c.reply.error(NOT_VALID);
    return false;
  }
  hll.open(bytes, from, length);
  return true;
}

/** Copies the value of an entry that `open` has looked at to `made` and opens it there; false where it is damaged. */
function copyToMade(c: Context, ref: number): boolean {
  const { bytes, from, length } = c.keyspace.strings.open(ref);
  if (length > SPARSE_BYTES_MAX) return false;
  copyBytes(bytes, from, made, 0, length);
  hll.open(made, 0, length);
  return true;
}

function beginEmpty(): void {
  writeEmpty(made, 0);
  hll.open(made, 0, EMPTY_BYTES);
}

/** Makes the sparse form in `made` a dense one; false where it is damaged. */
function makeDense(): boolean {
  if (!hll.writeDense(dense, 0)) return false;
  made.set(dense);
  hll.open(made, 0, DENSE_BYTES);
  return true;
}

/** Raises a register of the value in `made`, of either form. */
function raise(index: number, value: number, sparseBytesMax: number): Outcome {
  const outcome = hll.set(index, value, sparseBytesMax);
  if (outcome !== NEEDS_DENSE) return outcome;
  return makeDense() ? hll.set(index, value, sparseBytesMax) : DAMAGED;
}

/** Writes the value in `made` to the key in argument `index`, whose entry is `ref` or 0. */
function store(c: Context, ref: number, index: number): void {
  const { bytes, start, length: lengths } = c.args;
  const { strings } = c.keyspace;
  const { length } = hll;
  const entry = strings.editOrCreate(
    c.db,
    ref,
    bytes,
    start[index]!,
    lengths[index]!,
    length,
    0,
    length,
  );
  copyBytes(made, 0, strings.textBytes(entry), strings.textAt(entry), length);
  strings.shorten(entry, length);
}

// ── PFADD ────────────────────────────────────────────────────────────────────────────────────

/** Hashes the element in argument `index`. */
function hashArgument(c: Context, index: number): void {
  hash.take(c.args.bytes, c.args.start[index]!, c.args.length[index]!);
}

function pfadd(c: Context): void {
  const ref = c.lookupWrite(1);
  if (ref !== 0 && !open(c, ref)) return;
  const updated = ref !== 0 && hll.isDense ? addToDense(c, ref) : addToSparse(c, ref);
  if (updated < 0) {
    c.reply.error(CORRUPTED);
    return;
  }
  if (updated > 0) {
    c.changed(STRING_EVENT, "pfadd", 1);
    c.dirty += updated;
  }
  c.reply.integer(updated > 0 ? 1 : 0);
}

/** Adds the elements in place; returns how many registers have changed. */
function addToDense(c: Context, ref: number): number {
  const { strings } = c.keyspace;
  const entry = strings.edit(c.db, ref, DENSE_BYTES, 0, DENSE_BYTES);
  hll.open(strings.textBytes(entry), strings.textAt(entry), DENSE_BYTES);
  let updated = 0;
  for (let i = 2; i < c.args.count; i++) {
    hashArgument(c, i);
    if (hll.set(hash.index, hash.value, 0) === CHANGED) updated++;
  }
  if (updated > 0) hll.invalidate();
  return updated;
}

/** The same for a sparse form, or for a new key, which counts as a change; -1 where the value is damaged. */
function addToSparse(c: Context, ref: number): number {
  const sparseBytesMax = c.server.config.number("hll-sparse-max-bytes");
  let updated = 0;
  if (ref === 0) {
    beginEmpty();
    updated++;
  } else if (!copyToMade(c, ref)) return -1;
  for (let i = 2; i < c.args.count; i++) {
    hashArgument(c, i);
    const outcome = raise(hash.index, hash.value, sparseBytesMax);
    if (outcome === DAMAGED) return -1;
    if (outcome === CHANGED) updated++;
  }
  if (updated === 0) return 0;
  hll.invalidate();
  store(c, ref, 1);
  return updated;
}

// ── PFCOUNT and PFMERGE ──────────────────────────────────────────────────────────────────────

/**
 * Takes the maximum of each register over the values of the keys in arguments `first` to the last; a
 * missing key has none. -1, with the reply written, where one is no value; else how many are dense.
 */
function gatherRegisters(c: Context, first: number): number {
  registers.fill(0);
  let denseCount = 0;
  for (let i = first; i < c.args.count; i++) {
    const ref = c.lookup(i);
    if (ref === 0) continue;
    if (!open(c, ref)) return -1;
    if (hll.isDense) denseCount++;
    if (hll.mergeInto(registers, registerWords)) continue;
    c.reply.error(CORRUPTED);
    return -1;
  }
  return denseCount;
}

function pfcount(c: Context): void {
  if (c.args.count > 2) {
    if (gatherRegisters(c, 1) >= 0) c.reply.integer(hll.countRegisters(registers));
    return;
  }
  const ref = c.lookup(1);
  if (ref === 0) {
    c.reply.integer(0);
    return;
  }
  if (!open(c, ref)) return;
  let count = hll.cached;
  if (count < 0) {
    count = hll.count();
    if (count < 0) {
      c.reply.error(CORRUPTED);
      return;
    }
    cacheCount(c, ref, count);
  }
  if (Number.isSafeInteger(count)) c.reply.integer(count);
  else c.reply.bigInteger(hll.bigCached);
}

/** Keeps the count in the value. The value has changed by that, and so the call is propagated. */
function cacheCount(c: Context, ref: number, count: number): void {
  const { strings } = c.keyspace;
  const { length } = hll;
  const entry = strings.edit(c.db, ref, length, 0, EMPTY_BYTES);
  hll.open(strings.textBytes(entry), strings.textAt(entry), length);
  hll.cache(count);
  c.changed(NO_EVENT, "", 1);
  const out = c.propagateInstead(2);
  out?.text("PFCOUNT");
  out?.copy(c.args, 1);
  c.dirty++;
}

function pfmerge(c: Context): void {
  const denseCount = gatherRegisters(c, 1);
  if (denseCount < 0) return;
  const ref = c.lookupWrite(1);
  // The header stays, with the last count in it.
  if (ref === 0) beginEmpty();
  else copyToMade(c, ref);
  if (denseCount > 0 || !mergeSparse(c)) {
    writeRegisters(registers, made, 0);
    hll.open(made, 0, DENSE_BYTES);
  }
  store(c, ref, 1);
  c.changed(STRING_EVENT, "pfadd", 1);
  c.dirty++;
  c.reply.ok();
}

/** Raises the registers of the sparse value in `made`; false where it does not fit in that form. */
function mergeSparse(c: Context): boolean {
  const sparseBytesMax = c.server.config.number("hll-sparse-max-bytes");
  for (let i = 0; i < REGISTERS; i++) {
    const value = registers[i]!;
    if (value > 0 && hll.set(i, value, sparseBytesMax) === NEEDS_DENSE) return false;
  }
  hll.invalidate();
  return true;
}

// ── Debugging ────────────────────────────────────────────────────────────────────────────────

function pfdebug(c: Context): void {
  const { args, reply } = c;
  const ref = c.lookupWrite(2);
  if (ref === 0) {
    reply.error(NO_KEY);
    return;
  }
  if (!open(c, ref)) return;
  if (args.is(1, "encoding")) reply.simple(hll.isDense ? "dense" : "sparse");
  else if (args.is(1, "decode")) {
    if (hll.isDense) reply.error(NOT_SPARSE);
    else reply.text(hll.describeRuns());
  } else if (args.is(1, "todense")) {
    const isSparse = !hll.isDense;
    if (isSparse && !convert(c, ref)) return;
    reply.integer(isSparse ? 1 : 0);
  } else if (args.is(1, "getreg")) {
    if (!hll.isDense && !convert(c, ref)) return;
    registers.fill(0);
    hll.mergeInto(registers, registerWords);
    reply.array(REGISTERS);
    for (const value of registers) reply.integer(value);
  } else reply.error(`ERR Unknown PFDEBUG subcommand '${errors.shownArgument(args.text(1))}'`);
}

/** Makes the sparse value of an entry dense; false, with the reply written, where it is damaged. */
function convert(c: Context, ref: number): boolean {
  if (!copyToMade(c, ref) || !makeDense()) {
    c.reply.error(CORRUPTED);
    return false;
  }
  store(c, ref, 2);
  c.dirty++;
  return true;
}

const TEST_ROUNDS = 8;
const TEST_ELEMENTS = 20000;
/** Six times the standard error of 16,384 registers, 1.04 / 128. */
const TEST_ERROR_MAX = (6 * 1.04) / 128;

/** The registers of the dense form keep what was written, and estimates of both forms are near the truth. */
function pfselftest(c: Context): void {
  const value = new Uint8Array(DENSE_BYTES);
  writeEmpty(value, 0);
  for (let round = 0; round < TEST_ROUNDS; round++) {
    for (let i = 0; i < REGISTERS; i++) registers[i] = c.keyspace.random.below(64);
    writeRegisters(registers, value, 0);
    hll.open(value, 0, DENSE_BYTES);
    const read = new Uint8Array(REGISTERS);
    hll.mergeInto(read);
    const wrong = read.findIndex((register, i) => register !== registers[i]);
    if (wrong >= 0) {
      c.reply.error(
        `ERR TESTFAILED Register ${wrong} should be ${registers[wrong]} but is ${read[wrong]}`,
      );
      return;
    }
  }
  beginEmpty();
  for (let added = 1, next = 10; added <= TEST_ELEMENTS; added++) {
    const element = latin1(`${c.keyspace.random.int32()}:${added}`);
    hash.take(element, 0, element.length);
    raise(hash.index, hash.value, c.server.config.number("hll-sparse-max-bytes"));
    if (added < next) continue;
    next *= 2;
    const off = Math.abs(hll.count() - added);
    // A few elements are counted all but exactly.
    if (off <= Math.ceil(added * TEST_ERROR_MAX)) continue;
    c.reply.error(`ERR TESTFAILED Too big error. card:${added} abserr:${off}`);
    return;
  }
  c.reply.ok();
}

export const HYPERLOGLOG_COMMANDS: readonly CommandSpec[] = [
  {
    name: "pfadd",
    batchTimedArgsMax: 4,
    group: "hyperloglog",
    since: "2.8.9",
    complexity: "O(1) for each element",
    summary: "Adds elements to a HyperLogLog; creates the key if it does not exist.",
    arity: -2,
    flags: "write denyoom fast",
    keys: oneKey("RW insert"),
    syntax: "key [element] ...",
    handler: pfadd,
  },
  {
    name: "pfcount",
    group: "hyperloglog",
    since: "2.8.9",
    complexity: "O(1) for one key, O(N) for N keys, with a large constant time",
    summary: "Returns about how many different elements HyperLogLogs have seen.",
    arity: -2,
    flags: "readonly",
    mayReplicate: true,
    keys: [
      {
        at: 1,
        last: -1,
        flags: "RW access",
        notes:
          "RW because it may change the internal representation of the key, and propagate to replicas",
      },
    ],
    syntax: "key ...",
    handler: pfcount,
  },
  {
    name: "pfmerge",
    group: "hyperloglog",
    since: "2.8.9",
    complexity: "O(N) for N HyperLogLogs, with a large constant time",
    summary: "Merges HyperLogLogs into one.",
    arity: -2,
    flags: "write denyoom",
    keys: [keyAt(1, "RW access insert"), { at: 2, last: -1, flags: "RO access" }],
    syntax: "destkey/key [sourcekey/key] ...",
    handler: pfmerge,
  },
  {
    name: "pfdebug",
    group: "hyperloglog",
    since: "2.8.9",
    complexity: "N/A",
    summary: "Shows how a HyperLogLog is kept.",
    arity: 3,
    flags: "write denyoom admin",
    keys: [keyAt(2, "RW access")],
    syntax: "subcommand key",
    docFlags: "syscmd",
    handler: pfdebug,
  },
  {
    name: "pfselftest",
    group: "hyperloglog",
    since: "2.8.9",
    complexity: "N/A",
    summary: "Checks the HyperLogLog implementation.",
    arity: 1,
    flags: "admin",
    docFlags: "syscmd",
    handler: pfselftest,
  },
];

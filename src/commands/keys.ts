/** Commands on keys of any type, and on whole databases. */
import type { Glob } from "../base/glob.ts";
import * as errors from "../protocol/errors.ts";
import type { Database } from "../store/database.ts";
import { CLOCK_SHIFT, isInteger, typeNumber } from "../store/entry.ts";
import { TYPE_NUMBERS, type TypeName } from "../store/value-type.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT } from "./events.ts";
import { helpCommand } from "./help.ts";
import { readCursor, readGlob, readScanOptions, scanSome } from "./scan-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { allKeys, keyAt, oneKey } from "./spec/key-specs.ts";
import { subcommands } from "./spec/subcommand.ts";

function del(c: Context): void {
  let removed = 0;
  for (let i = 1; i < c.args.count; i++) {
    const ref = c.lookupWrite(i);
    if (ref === 0) continue;
    c.db.remove(ref);
    c.changed(GENERIC_EVENT, "del", i);
    removed++;
  }
  c.dirty += removed;
  c.reply.integer(removed);
}

function countExisting(c: Context): void {
  let count = 0;
  for (let i = 1; i < c.args.count; i++) if (c.lookup(i) !== 0) count++;
  c.reply.integer(count);
}

/** Marks the keys as used even where the client has said CLIENT NO-TOUCH. */
function touch(c: Context): void {
  c.keyspace.touching = true;
  countExisting(c);
}

function type(c: Context): void {
  c.keyspace.touching = false;
  const ref = c.lookup(1);
  c.reply.simple(ref === 0 ? "none" : c.keyspace.typeAt(ref).name);
}

/** Whether the name of the entry's key matches; any name does without a pattern. */
function isMatch(glob: Glob | null, db: Database, ref: number): boolean {
  return glob === null || glob.matches(db.bytesOf(ref), db.keyAt(ref), db.keyLength(ref));
}

function replyKeys(c: Context, refs: readonly number[]): void {
  c.reply.array(refs.length);
  for (const ref of refs) c.reply.bulk(c.db.bytesOf(ref), c.db.keyAt(ref), c.db.keyLength(ref));
}

function keys(c: Context): void {
  const { db } = c;
  const glob = readGlob(c.args.text(1));
  const matching: number[] = [];
  const bucket: number[] = [];
  for (let i = 0; i < db.bucketCount; i++) {
    const n = db.readBucket(i, bucket);
    for (let j = 0; j < n; j++) {
      const ref = bucket[j]!;
      if (db.isExpired(ref)) continue;
      if (isMatch(glob, db, ref)) matching.push(ref);
    }
  }
  replyKeys(c, matching);
}

function scan(c: Context): void {
  const { db, reply } = c;
  const cursor = readCursor(c, 1);
  if (cursor < 0) return;
  const options = readScanOptions(c, 2, "type");
  if (options === null) return;
  const { count, glob, type: wantedType } = options;
  const refs: number[] = [];
  const next = scanSome(db, cursor, count, refs);
  const wantedNumber = TYPE_NUMBERS[wantedType as TypeName] ?? -1;
  const matching = refs.filter(
    (ref) =>
      !db.isExpired(ref) &&
      (wantedType === null || typeNumber(db.metaOf(ref)) === wantedNumber) &&
      isMatch(glob, db, ref),
  );
  reply.array(2);
  reply.text(String(next));
  replyKeys(c, matching);
}

function randomkey(c: Context): void {
  const ref = c.db.randomEntry();
  if (ref === 0) c.reply.null();
  else c.reply.bulk(c.db.bytesOf(ref), c.db.keyAt(ref), c.db.keyLength(ref));
}

function sameArguments(c: Context, a: number, b: number): boolean {
  return Buffer.compare(c.args.view(a), c.args.view(b)) === 0;
}

function rename(c: Context, onlyNew: boolean): void {
  const { args, db, reply } = c;
  const source = c.lookupWrite(1);
  if (source === 0) {
    reply.error(errors.NO_SUCH_KEY);
    return;
  }
  if (sameArguments(c, 1, 2)) {
    if (onlyNew) reply.integer(0);
    else reply.ok();
    return;
  }
  const target = c.lookupWrite(2);
  if (target !== 0 && onlyNew) {
    reply.integer(0);
    return;
  }
  db.moveTo(source, db, args.bytes, args.start[2]!, args.length[2]!, target);
  c.changed(GENERIC_EVENT, "rename_from", 1);
  c.changed(GENERIC_EVENT, "rename_to", 2);
  c.dirty++;
  if (onlyNew) reply.integer(1);
  else reply.ok();
}

const INT_MIN = -2147483648;
const INT_MAX = 2147483647;

/** The database that argument `index` numbers, or undefined with the reply written. */
function readDatabase(c: Context, index: number): Database | undefined {
  const number = c.integer(index);
  if (Number.isNaN(number)) return undefined;
  if (number < INT_MIN || number > INT_MAX) {
    c.reply.error(errors.DB_NOT_AN_INT);
    return undefined;
  }
  const database = c.keyspace.databases[number];
  if (database === undefined) c.reply.error(errors.DB_OUT_OF_RANGE);
  return database;
}

function copy(c: Context): void {
  const { args, db, reply } = c;
  let target: Database = db;
  let replace = false;
  for (let i = 3; i < args.count; i++) {
    if (args.is(i, "replace")) replace = true;
    else if (args.is(i, "db") && i + 1 < args.count) {
      const found = readDatabase(c, ++i);
      if (found === undefined) return;
      target = found;
    } else {
      c.syntaxError();
      return;
    }
  }
  if (target === db && sameArguments(c, 1, 2)) {
    reply.error(errors.SAME_OBJECT);
    return;
  }
  const source = c.lookup(1);
  if (source === 0) {
    reply.integer(0);
    return;
  }
  const start = args.start[2]!;
  const length = args.length[2]!;
  const present = target.lookupWrite(args.bytes, start, length);
  if (present !== 0 && !replace) {
    reply.integer(0);
    return;
  }
  db.copyTo(source, target, args.bytes, start, length, present);
  c.changed(GENERIC_EVENT, "copy_to", 2, target);
  c.dirty++;
  reply.integer(1);
}

function move(c: Context): void {
  const { args, db, reply } = c;
  const target = readDatabase(c, 2);
  if (target === undefined) return;
  if (target === db) {
    reply.error(errors.SAME_OBJECT);
    return;
  }
  const start = args.start[1]!;
  const length = args.length[1]!;
  if (c.lookupWrite(1) === 0 || target.lookupWrite(args.bytes, start, length) !== 0) {
    reply.integer(0);
    return;
  }
  db.moveTo(c.lookupWrite(1), target, args.bytes, start, length, 0);
  c.changed(GENERIC_EVENT, "move_from", 1);
  c.changed(GENERIC_EVENT, "move_to", 1, target);
  c.dirty++;
  reply.integer(1);
}

// ── OBJECT ───────────────────────────────────────────────────────────────────────────────────

/** The entry for OBJECT; 0 with null replied. */
function inspect(c: Context): number {
  const { args } = c;
  const ref = c.db.inspect(args.bytes, args.start[2]!, args.length[2]!);
  if (ref === 0) c.reply.null();
  return ref;
}

function objectEncoding(c: Context): void {
  const ref = inspect(c);
  if (ref !== 0) c.reply.text(c.keyspace.typeAt(ref).encoding(ref));
}

/** Redis shares the integers below 10,000 and says so with the largest count. */
const SHARED_INTEGERS = 10000;
const SHARED_COUNT = 2147483647;

function objectRefcount(c: Context): void {
  const ref = inspect(c);
  if (ref === 0) return;
  const value = isInteger(c.db.metaOf(ref)) ? c.keyspace.strings.integerOf(ref) : -1;
  c.reply.integer(value >= 0 && value < SHARED_INTEGERS ? SHARED_COUNT : 1);
}

function objectIdletime(c: Context): void {
  const ref = inspect(c);
  if (ref === 0) return;
  const clock = c.db.metaOf(ref) >>> CLOCK_SHIFT;
  c.reply.integer((c.keyspace.accessClock - clock) & 0xffffff);
}

function objectFreq(c: Context): void {
  if (inspect(c) === 0) return;
  c.reply.error(
    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
  );
}

// ── Databases ────────────────────────────────────────────────────────────────────────────────

function select(c: Context): void {
  const database = readDatabase(c, 1);
  if (database === undefined) return;
  c.client.database = database;
  c.reply.ok();
}

function swapdb(c: Context): void {
  const a = c.integerWithin(1, INT_MIN, INT_MAX, errors.INVALID_FIRST_DB_INDEX);
  if (Number.isNaN(a)) return;
  const b = c.integerWithin(2, INT_MIN, INT_MAX, errors.INVALID_SECOND_DB_INDEX);
  if (Number.isNaN(b)) return;
  const { databases } = c.keyspace;
  if (databases[a] === undefined || databases[b] === undefined) {
    c.reply.error(errors.DB_OUT_OF_RANGE);
    return;
  }
  if (a !== b) {
    c.events.swapping(databases[a], databases[b]);
    c.keyspace.swap(a, b);
    c.server.blocking.swapped(databases[a], databases[b]);
  }
  c.dirty++;
  c.reply.ok();
}

/** Whether the arguments of FLUSHDB and FLUSHALL are right; both ways are quick here. */
function flushArgumentsRight(c: Context): boolean {
  const { args } = c;
  if (args.count === 1 || (args.count === 2 && (args.is(1, "sync") || args.is(1, "async")))) {
    return true;
  }
  c.syntaxError();
  return false;
}

function flushdb(c: Context): void {
  if (!flushArgumentsRight(c)) return;
  c.dirty += c.db.keyCount;
  c.events.emptying(c.db);
  c.keyspace.flush(c.db.index);
  c.reply.ok();
}

function flushall(c: Context): void {
  if (!flushArgumentsRight(c)) return;
  c.dirty += c.keyspace.keyCount();
  for (const database of c.keyspace.databases) c.events.emptying(database);
  c.keyspace.flushAll();
  c.reply.ok();
}

const PER_KEY = "O(N), N being the number of keys";

const objectSubcommand = subcommands({
  group: "generic",
  flags: "readonly",
  keys: [keyAt(2, "RO")],
  syntax: "key",
  tips: "nondeterministic_output",
});

export const KEY_COMMANDS: readonly CommandSpec[] = [
  {
    name: "del",
    batchTimedArgsMax: 0,
    group: "generic",
    since: "1.0.0",
    complexity: PER_KEY,
    summary: "Deletes keys.",
    arity: -2,
    flags: "write",
    keys: allKeys("RM delete"),
    syntax: "key ...",
    tips: "request_policy:multi_shard response_policy:agg_sum",
    handler: del,
  },
  {
    name: "unlink",
    group: "generic",
    since: "4.0.0",
    complexity: PER_KEY,
    summary: "Deletes keys; frees their memory in the background.",
    arity: -2,
    flags: "write fast",
    keys: allKeys("RM delete"),
    syntax: "key ...",
    tips: "request_policy:multi_shard response_policy:agg_sum",
    handler: del,
  },
  {
    name: "exists",
    batchTimedArgsMax: 8,
    group: "generic",
    since: "1.0.0",
    complexity: PER_KEY,
    summary: "Returns how many of the keys exist.",
    arity: -2,
    flags: "readonly fast",
    keys: allKeys("RO"),
    syntax: "key ...",
    tips: "request_policy:multi_shard response_policy:agg_sum",
    handler: countExisting,
  },
  {
    name: "touch",
    batchTimedArgsMax: 8,
    group: "generic",
    since: "3.2.1",
    complexity: PER_KEY,
    summary: "Updates the access time of keys; returns how many exist.",
    arity: -2,
    flags: "readonly fast",
    keys: allKeys("RO"),
    syntax: "key ...",
    tips: "request_policy:multi_shard response_policy:agg_sum",
    handler: touch,
  },
  {
    name: "type",
    batchTimedArgsMax: 2,
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns the type of the value at a key.",
    arity: 2,
    flags: "readonly fast",
    keys: oneKey("RO"),
    syntax: "key",
    handler: type,
  },
  {
    name: "keys",
    group: "generic",
    since: "1.0.0",
    complexity: "O(N), N being the number of keys in the database",
    summary: "Returns all keys that match a pattern.",
    arity: 2,
    flags: "readonly",
    categories: "keyspace dangerous",
    syntax: "pattern",
    tips: "request_policy:all_shards nondeterministic_output_order",
    handler: keys,
  },
  {
    name: "scan",
    group: "generic",
    since: "2.8.0",
    complexity: "O(1) a call, O(N) for all N keys of the database",
    summary: "Iterates over the keys of the database.",
    arity: -2,
    flags: "readonly",
    syntax: "cursor [MATCH pattern] [COUNT count] [TYPE type]",
    tips: "nondeterministic_output request_policy:special",
    handler: scan,
  },
  {
    name: "randomkey",
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns a random key.",
    arity: 1,
    flags: "readonly",
    tips: "request_policy:all_shards nondeterministic_output",
    handler: randomkey,
  },
  {
    name: "rename",
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Renames a key and overwrites the key of the new name.",
    arity: 3,
    flags: "write",
    keys: [keyAt(1, "RW access delete"), keyAt(2, "OW update")],
    syntax: "key newkey",
    handler: (c) => rename(c, false),
  },
  {
    name: "renamenx",
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Renames a key if the new name does not exist.",
    arity: 3,
    flags: "write fast",
    keys: [keyAt(1, "RW access delete"), keyAt(2, "OW insert")],
    syntax: "key newkey",
    handler: (c) => rename(c, true),
  },
  {
    name: "copy",
    group: "generic",
    since: "6.2.0",
    complexity: "O(N), N being the size of the value",
    summary: "Copies the value at a key to another key.",
    arity: -3,
    flags: "write denyoom",
    keys: [keyAt(1, "RO access"), keyAt(2, "OW update")],
    syntax: "source destination [DB destination-db] [REPLACE]",
    handler: copy,
  },
  {
    name: "move",
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Moves a key to another database.",
    arity: 3,
    flags: "write fast",
    keys: oneKey("RW access update"),
    syntax: "key db",
    handler: move,
  },
  {
    name: "object",
    group: "generic",
    since: "2.2.3",
    complexity: "Depends on subcommand.",
    summary: "A container for object introspection commands.",
    arity: -2,
    flags: "",
    subcommands: [
      objectSubcommand(
        "encoding",
        "2.2.3",
        3,
        "Returns how the value at a key is encoded.",
        objectEncoding,
      ),
      objectSubcommand(
        "refcount",
        "2.2.3",
        3,
        "Returns how many references Redis would hold to the value at a key.",
        objectRefcount,
      ),
      objectSubcommand(
        "idletime",
        "2.2.3",
        3,
        "Returns the seconds since the key was last used.",
        objectIdletime,
      ),
      objectSubcommand(
        "freq",
        "4.0.0",
        3,
        "Returns how often the key is used, under an LFU policy.",
        objectFreq,
      ),
      helpCommand("generic", "6.2.0", "keyspace"),
    ],
  },
  {
    name: "select",
    batchTimedArgsMax: 2,
    group: "connection",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Selects the connection's database.",
    arity: 2,
    flags: "loading stale fast",
    syntax: "index",
    handler: select,
  },
  {
    name: "swapdb",
    group: "server",
    since: "4.0.0",
    complexity: "O(1)",
    summary: "Swaps two databases.",
    arity: 3,
    flags: "write fast",
    categories: "keyspace dangerous",
    syntax: "index1/integer index2/integer",
    handler: swapdb,
  },
  {
    name: "dbsize",
    batchTimedArgsMax: 1,
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns the number of keys in the database.",
    arity: 1,
    flags: "readonly fast",
    categories: "keyspace",
    tips: "request_policy:all_shards response_policy:agg_sum",
    handler: (c) => c.reply.integer(c.db.keyCount),
  },
  {
    name: "flushdb",
    group: "server",
    since: "1.0.0",
    complexity: "O(1); the memory is freed later",
    summary: "Deletes every key of the database.",
    arity: -1,
    flags: "write",
    categories: "keyspace dangerous",
    syntax: "[async: ASYNC | SYNC]",
    tips: "request_policy:all_shards response_policy:all_succeeded",
    handler: flushdb,
  },
  {
    name: "flushall",
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Deletes every key of every database.",
    arity: -1,
    flags: "write",
    categories: "keyspace dangerous",
    syntax: "[async: ASYNC | SYNC]",
    tips: "request_policy:all_shards response_policy:all_succeeded",
    handler: flushall,
  },
];

/** Commands that write the data to disk, or take a value out and in. */

import { parseBigInteger } from "../base/number-text.ts";
import { Crc64 } from "../persistence/rdb/crc64.ts";
import {
  RDB_VERSION_MAX,
  VALKEY_VERSION_MAX,
  VALKEY_VERSION_MIN,
} from "../persistence/rdb/format.ts";
import { RdbWriter, versionFor } from "../persistence/rdb/writer.ts";
import { saveValue } from "../persistence/snapshot/entry-writer.ts";
import { RdbError, readPayload } from "../persistence/snapshot/reader.ts";
import * as errors from "../protocol/errors.ts";
import { HASH } from "../store/entry.ts";
import type { NewValue } from "../store/value-type.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT } from "./events.ts";
import { storableExpiry } from "./expiry.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

function replyOkOr(c: Context, error: string): void {
  if (error === "") c.reply.ok();
  else c.reply.error(error);
}

function bgsave(c: Context): void {
  const { args } = c;
  const scheduled = args.count === 2 && args.is(1, "schedule");
  if (args.count > 1 && !scheduled) {
    c.syntaxError();
    return;
  }
  if (c.server.transactions.executing) {
    c.server.persistence.scheduleSave();
    c.reply.simple("Background saving scheduled");
    return;
  }
  const answer = c.server.persistence.saveInBackground(scheduled);
  if (answer.startsWith("ERR")) c.reply.error(answer);
  else c.reply.simple(answer);
}

function bgrewriteaof(c: Context): void {
  const { persistence, transactions } = c.server;
  if (transactions.executing) persistence.scheduleRewrite();
  const error = transactions.executing ? "" : persistence.rewrite();
  if (error !== "") c.reply.error(error);
  else if (persistence.rewriteScheduled) {
    c.reply.simple("Background append only file rewriting scheduled");
  } else c.reply.simple("Background append only file rewriting started");
}

// ── DUMP and RESTORE ─────────────────────────────────────────────────────────────────────────

/** Behind the value: the version, 2 bytes, and a CRC-64 of all before it, little-endian. */
const FOOTER_BYTES = 10;

function dump(c: Context): void {
  const ref = c.lookup(1);
  if (ref === 0) {
    c.reply.null();
    return;
  }
  const out = new RdbWriter();
  out.isValkey = c.server.persistence.isValkey;
  saveValue(c.keyspace, c.db, ref, out);
  const payload = new Uint8Array(out.at + FOOTER_BYTES);
  payload.set(out.bytes.subarray(0, out.at));
  const hasFieldExpiry =
    c.db.typeOf(ref) === HASH && c.keyspace.hashes.open(ref).expiringFields > 0;
  payload[out.at] = versionFor(hasFieldExpiry, out.isValkey);
  payload[out.at + 1] = 0;
  const crc = new Crc64();
  crc.update(payload, 0, out.at + 2);
  crc.write(payload, out.at + 2);
  c.reply.bulk(payload, 0, payload.length);
}

function versionOf(payload: Uint8Array): number {
  const footer = payload.length - FOOTER_BYTES;
  return payload[footer]! | (payload[footer + 1]! << 8);
}

function isWhole(payload: Uint8Array): boolean {
  const footer = payload.length - FOOTER_BYTES;
  if (footer < 1) return false;
  const version = versionOf(payload);
  const isKnown =
    version <= RDB_VERSION_MAX || (version >= VALKEY_VERSION_MIN && version <= VALKEY_VERSION_MAX);
  if (!isKnown) return false;
  // A checksum of zeros says that there is none.
  if (payload.subarray(footer + 2).every((byte) => byte === 0)) return true;
  const crc = new Crc64();
  crc.update(payload, 0, footer + 2);
  return crc.matches(payload, footer + 2);
}

function restore(c: Context): void {
  const { args, db, reply } = c;
  let replace = false;
  let absolute = false;
  let idle = -1;
  let hasFrequency = false;
  for (let i = 4; i < args.count; i++) {
    const more = i + 1 < args.count;
    if (args.is(i, "replace")) replace = true;
    else if (args.is(i, "absttl")) absolute = true;
    else if (args.is(i, "idletime") && more && !hasFrequency) {
      idle = c.integer(++i);
      if (Number.isNaN(idle)) return;
      if (idle < 0) {
        reply.error("ERR Invalid IDLETIME value, must be >= 0");
        return;
      }
    } else if (args.is(i, "freq") && more && idle < 0) {
      hasFrequency = true;
      const frequency = c.integer(++i);
      if (Number.isNaN(frequency)) return;
      if (frequency < 0 || frequency > 255) {
        reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255");
        return;
      }
    } else {
      c.syntaxError();
      return;
    }
  }
  if (!replace && c.lookupWrite(1) !== 0) {
    reply.error("BUSYKEY Target key name already exists.");
    return;
  }
  const ttl = c.integer(2);
  if (Number.isNaN(ttl)) return;
  if (ttl < 0) {
    reply.error("ERR Invalid TTL value, must be >= 0");
    return;
  }
  const payload = args.view(3);
  if (!isWhole(payload)) {
    reply.error("ERR DUMP payload version or checksum are wrong");
    return;
  }
  const exactTtl = parseBigInteger(args.bytes, args.start[2]!, args.length[2]!)!;
  const base = absolute ? 0n : BigInt(c.nowMs);
  const expireAtMs = ttl === 0 ? -1 : storableExpiry(base + exactTtl);
  let value: NewValue;
  try {
    const body = payload.subarray(0, payload.length - FOOTER_BYTES);
    value = readPayload(c.keyspace, body, versionOf(payload));
  } catch (error) {
    if (!(error instanceof RdbError)) throw error;
    reply.error("ERR Bad data format");
    return;
  }
  // A value that has expired already is not restored; one that it replaces is gone.
  const isExpired = expireAtMs >= 0 && expireAtMs <= c.nowMs;
  const present = c.lookupWrite(1);
  if (isExpired) value.discard();
  else if (!db.hasRoomForKey(args.length[1]!)) {
    value.discard();
    reply.error(errors.OOM);
    return;
  }
  if (present !== 0) db.remove(present);
  if (!isExpired) {
    let ref = value.addTo(db, args.bytes, args.start[1]!, args.length[1]!);
    if (expireAtMs >= 0) ref = db.setExpiry(ref, expireAtMs);
    if (idle > 0) db.setIdle(ref, idle);
    c.changed(GENERIC_EVENT, "restore", 1);
  } else if (present !== 0) c.changed(GENERIC_EVENT, "del", 1);
  c.dirty++;
  const out = c.propagateInstead(ttl === 0 ? 5 : 6);
  if (out !== null) {
    out.text("RESTORE");
    out.copy(args, 1);
    out.integer(Math.max(0, expireAtMs));
    out.copy(args, 3);
    out.text("REPLACE");
    if (ttl !== 0) out.text("ABSTTL");
  }
  reply.ok();
}

export const PERSISTENCE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "save",
    group: "server",
    since: "1.0.0",
    complexity: "O(N), N being the number of keys",
    summary: "Saves the data set to the RDB file and blocks meanwhile.",
    arity: 1,
    flags: "admin noscript no_async_loading no_multi",
    handler: (c) => replyOkOr(c, c.server.persistence.save()),
  },
  {
    name: "bgsave",
    group: "server",
    since: "1.0.0",
    complexity: "O(1); the work is done in slices",
    summary: "Saves the data set to the RDB file in the background.",
    arity: -1,
    flags: "admin noscript no_async_loading",
    syntax: "[SCHEDULE]",
    handler: bgsave,
  },
  {
    name: "bgrewriteaof",
    group: "server",
    since: "1.0.0",
    complexity: "O(1); the work is done in slices",
    summary: "Rewrites the append-only file in the background.",
    arity: 1,
    flags: "admin noscript no_async_loading",
    handler: bgrewriteaof,
  },
  {
    name: "lastsave",
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns the time of the last successful save, in seconds since the epoch.",
    arity: 1,
    flags: "loading stale fast",
    categories: "admin dangerous",
    tips: "nondeterministic_output",
    handler: (c) => c.reply.integer(Math.floor(c.server.persistence.lastSaveMs / 1000)),
  },
  {
    name: "dump",
    group: "generic",
    since: "2.6.0",
    complexity: "O(N), N being the size of the value",
    summary: "Returns the serialized value of a key, for RESTORE.",
    arity: 2,
    flags: "readonly",
    keys: oneKey("RO access"),
    syntax: "key",
    tips: "nondeterministic_output",
    handler: dump,
  },
  {
    name: "restore",
    group: "generic",
    since: "2.6.0",
    complexity: "O(N), N being the size of the value",
    summary: "Creates a key from the serialized value that DUMP returned.",
    arity: -4,
    flags: "write denyoom",
    categories: "keyspace dangerous",
    keys: oneKey("OW update"),
    syntax:
      "key ttl/integer serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency/integer]",
    handler: restore,
  },
];

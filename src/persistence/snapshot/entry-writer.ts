/** Entries as they stand in RDB: expiry, type, key, value. */
import type { Database } from "../../store/database.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { Ref } from "../../store/value-type.ts";
import type { RdbWriter } from "../rdb/writer.ts";
import { formatOf } from "../values/index.ts";

/** A key with its expiry and value. */
export function saveEntry(space: Keyspace, db: Database, ref: Ref, out: RdbWriter): void {
  saveEntryHead(space, db, ref, out);
  formatOf(db.metaOf(ref)).save(space, ref, out);
}

/** All of an entry that stands before its value. */
export function saveEntryHead(space: Keyspace, db: Database, ref: Ref, out: RdbWriter): void {
  const expireAtMs = db.expiryOf(ref);
  if (expireAtMs >= 0) out.expiry(expireAtMs);
  out.type(formatOf(db.metaOf(ref)).rdbTypeOf(space, ref, out.isValkey));
  out.string(db.bytesOf(ref), db.keyAt(ref), db.keyLength(ref));
}

/** The value alone, behind its type: what DUMP returns. */
export function saveValue(space: Keyspace, db: Database, ref: Ref, out: RdbWriter): void {
  const format = formatOf(db.metaOf(ref));
  out.type(format.rdbTypeOf(space, ref, out.isValkey));
  format.save(space, ref, out);
}

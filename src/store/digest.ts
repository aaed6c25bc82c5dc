/**
 * Redis's DEBUG DIGEST: a SHA-1 over the data set that does not depend on order, so that two
 * servers with equal data have equal digests.
 * Source: the description in Redis's debug.c of how keys, values and expiries are mixed.
 */
import type { Database } from "./database.ts";
import { typeNumber } from "./entry.ts";
import type { Keyspace } from "./keyspace.ts";
import { DIGEST_BYTES, ValueDigest } from "./value-digest.ts";

const EXPIRY_MARK = new TextEncoder().encode("!!expire!!");

function mixValue(space: Keyspace, db: Database, ref: number, digest: ValueDigest): void {
  digest.mixNumber32(typeNumber(db.metaOf(ref)));
  space.typeAt(ref).digest(ref, digest);
  if (db.expiryOf(ref) >= 0) digest.add(EXPIRY_MARK, 0, EXPIRY_MARK.length);
}

export function digestOfAll(space: Keyspace): string {
  const total = new ValueDigest();
  const one = new ValueDigest();
  const bucket: number[] = [];
  for (const db of space.databases) {
    if (db.keyCount === 0) continue;
    total.mixNumber32(db.index);
    for (let i = 0; i < db.bucketCount; i++) {
      const n = db.readBucket(i, bucket);
      for (let j = 0; j < n; j++) {
        const ref = bucket[j]!;
        one.reset().mix(db.bytesOf(ref), db.keyAt(ref), db.keyLength(ref));
        mixValue(space, db, ref, one);
        total.add(one.bytes, 0, DIGEST_BYTES);
      }
    }
  }
  return total.hex;
}

/** The digest of the value at `ref`; all zeros for 0. */
export function digestOfValue(space: Keyspace, db: Database, ref: number): string {
  const digest = new ValueDigest();
  if (ref !== 0) mixValue(space, db, ref, digest);
  return digest.hex;
}

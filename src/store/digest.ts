/**
 * Redis's DEBUG DIGEST: a SHA-1 over the data set that does not depend on order, so that two
 * servers with equal data have equal digests.
 * Source: the description in Redis's debug.c of how keys, values and expiries are mixed.
 */
import { copyBytes } from "../base/bytes.ts";
import { writeInt64 } from "../base/number-text.ts";
import { Element } from "../memory/element.ts";
import type { Database } from "./database.ts";
import { isInteger, LIST, TYPE_MASK } from "./entry.ts";
import type { Keyspace } from "./keyspace.ts";

const BYTES = 20;
const EXPIRY_MARK = new TextEncoder().encode("!!expire!!");

/** Buffers are reused: garbage for millions of keys would be more than the data. */
const hash = new Uint8Array(BYTES);
let scratch = new Uint8Array(4096);

/** digest ^= SHA1(bytes): the order of calls does not matter. */
function xor(digest: Uint8Array, bytes: Uint8Array): void {
  Bun.SHA1.hash(bytes, hash);
  for (let i = 0; i < BYTES; i++) digest[i] = digest[i]! ^ hash[i]!;
}

/** The same, then hashed again: the order matters. */
function mix(digest: Uint8Array, bytes: Uint8Array): void {
  xor(digest, bytes);
  Bun.SHA1.hash(digest, hash);
  digest.set(hash);
}

function number32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

const digits = new Uint8Array(20);

function textOf(db: Database, ref: number): Uint8Array {
  if (isInteger(db.metaOf(ref))) {
    return digits.slice(0, writeInt64(digits, 0, db.integerLow(ref), db.integerHigh(ref)));
  }
  return copyOf(db, ref, db.textAt(ref), db.textLength(ref));
}

/** Bytes of the entry's segment, outside shared memory; valid until the next call. */
function copyOf(db: Database, ref: number, at: number, length: number): Uint8Array {
  if (scratch.length < length) scratch = new Uint8Array(length);
  copyBytes(db.bytesOf(ref), at, scratch, 0, length);
  return scratch.subarray(0, length);
}

function mixValue(space: Keyspace, db: Database, ref: number, digest: Uint8Array): void {
  const type = (db.metaOf(ref) & TYPE_MASK) >>> 5;
  mix(digest, number32(type));
  if (db.typeOf(ref) === LIST) {
    const element = new Element();
    const { chain } = space;
    db.openList(ref);
    chain.seek(0);
    const { length } = chain;
    for (let i = 0; i < length; i++) {
      chain.readNext(element);
      const text = new Uint8Array(element.isInteger ? 20 : element.length);
      mix(digest, text.subarray(0, element.writeText(text, 0)));
    }
  } else {
    mix(digest, textOf(db, ref));
  }
  if (db.expiryOf(ref) >= 0) xor(digest, EXPIRY_MARK);
}

function hex(digest: Uint8Array): string {
  return Buffer.from(digest).toString("hex");
}

export function digestOfAll(space: Keyspace): string {
  const total = new Uint8Array(BYTES);
  const bucket: number[] = [];
  for (const db of space.databases) {
    if (db.keyCount === 0) continue;
    mix(total, number32(db.index));
    for (let i = 0; i < db.bucketCount; i++) {
      const n = db.readBucket(i, bucket);
      for (let j = 0; j < n; j++) {
        const ref = bucket[j]!;
        const digest = new Uint8Array(BYTES);
        mix(digest, copyOf(db, ref, db.keyAt(ref), db.keyLength(ref)));
        mixValue(space, db, ref, digest);
        xor(total, digest);
      }
    }
  }
  return hex(total);
}

/** The digest of the value at `ref`; all zeros for 0. */
export function digestOfValue(space: Keyspace, db: Database, ref: number): string {
  const digest = new Uint8Array(BYTES);
  if (ref !== 0) mixValue(space, db, ref, digest);
  return hex(digest);
}

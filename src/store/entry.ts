/**
 * An entry: a key with its value, one record (memory/record.ts) in the keyspace's table.
 *
 *     meta, low byte:   type (3 bits) | HAS_EXPIRY | MARK | HAS_HIGH | encoding (2 bits)
 *     meta, high 24:    access clock, in seconds
 *     value word, and what follows the key: the type's, see types/strings.ts, types/lists.ts, …
 *
 * A block may be larger than its entry: `Heap.usableBytes` tells, and strings grow into it.
 */
import { HAS_EXPIRY, HAS_HIGH } from "../memory/record.ts";

export const STRING = 0 << 5;
export const LIST = 1 << 5;
export const ZSET = 3 << 5;
export const SET = 2 << 5;
export const HASH = 4 << 5;
export const TYPE_MASK = 7 << 5;
/** Whether a walk has passed the entry: see walk.ts. */
export const MARK = 0x08;
export const ENCODING_MASK = 3;
export const CLOCK_SHIFT = 8;
export const LOW_MASK = 0xff;

/** The number of the entry's type, see `TYPE_NUMBERS`. */
export function typeNumber(meta: number): number {
  return (meta & TYPE_MASK) >>> 5;
}

export function isInteger(meta: number): boolean {
  return (meta & HAS_HIGH) !== 0;
}

export function hasExpiry(meta: number): boolean {
  return (meta & HAS_EXPIRY) !== 0;
}

/** A string's encodings; types/strings.ts says what they are. */
export const TEXT = 0;
/** Integers carry the flag that makes room for their high word. */
export const INTEGER = 1 | HAS_HIGH;
/** A text that was changed in place; only OBJECT ENCODING tells it from TEXT. */
export const RAW = 2;
/** A long text, in a block of its own. */
export const LONG = 3;

/** Bytes of the value behind the key. Only the texts of short strings lie there. */
export function tailBytes(meta: number, valueWord: number): number {
  const isText = (meta & (TYPE_MASK | HAS_HIGH)) === STRING && (meta & ENCODING_MASK) !== LONG;
  return isText ? valueWord : 0;
}

/** `expireAtMs` arguments: keep the key's expiry, or have none. */
export const KEEP_EXPIRY = -1;
export const NO_EXPIRY = -2;

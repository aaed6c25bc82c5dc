/**
 * An entry: a key with its value, one record (memory/record.ts) in the keyspace's table.
 *
 *     meta, low byte:   type (3 bits) | HAS_EXPIRY | MARK | HAS_HIGH | encoding (2 bits)
 *     meta, high 24:    access clock, in seconds
 *     value word, and what follows the key:
 *       string TEXT, RAW   length of the text;  the text follows the key
 *       string INTEGER     low word;  HAS_HIGH adds the high word
 *       list PACKED        ref of the only node of a chain (memory/quicklist.ts)
 *       list LINKED        ref of the chain's root
 *
 * A block may be larger than its entry: `Heap.usableBytes` tells, and strings grow into it.
 */
import { HAS_EXPIRY, HAS_HIGH } from "../memory/record.ts";

export const STRING = 0 << 5;
export const LIST = 1 << 5;
export const TYPE_MASK = 7 << 5;
/** Whether a walk has passed the entry: see walk.ts. */
export const MARK = 0x08;
export const ENCODING_MASK = 3;
export const CLOCK_SHIFT = 8;
export const LOW_MASK = 0xff;

export const TEXT = 0;
/** Integers carry the flag that makes room for their high word. */
export const INTEGER = 1 | HAS_HIGH;
/** A text that was changed in place; only OBJECT ENCODING tells it from TEXT. */
export const RAW = 2;

export const TYPE_NAMES = ["string", "list", "set", "zset", "hash", "stream"] as const;

export function typeName(meta: number): string {
  return TYPE_NAMES[(meta & TYPE_MASK) >>> 5]!;
}

export function isInteger(meta: number): boolean {
  return (meta & HAS_HIGH) !== 0;
}

export function hasExpiry(meta: number): boolean {
  return (meta & HAS_EXPIRY) !== 0;
}

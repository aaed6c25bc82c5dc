/**
 * A record is a block that a table can hold and a timing wheel can link.
 *
 *     +0   meta     clock (24 bits) | bits of the owner | HAS_EXPIRY | HAS_HIGH | bits of the owner
 *     +4   key length in bytes
 *     +8   a word of the owner's; a table of records without one is made with `BARE_RECORD_BYTES`
 *     +12  with HAS_EXPIRY: expiry time in ms, low word; high word; previous; next   (16 bytes)
 *     ...  with HAS_HIGH: a second word of the owner's                              (4 bytes)
 *     ...  key bytes, then bytes of the owner's
 *
 * The two flags have the values of the sizes that they add, so where the key starts is one AND.
 */
import { copyBytes } from "../base/bytes.ts";
import { type Heap, SEGMENT_SHIFT, UNIT_MASK } from "./heap.ts";

export const HAS_HIGH = 0x04;
export const HAS_EXPIRY = 0x10;
export const RECORD_BYTES = 12;
/** Of records without the owner's word. They have no expiry either. */
export const BARE_RECORD_BYTES = 8;
export const META_WORD = 0;
export const KEY_LENGTH_WORD = 1;
export const VALUE_WORD = 2;
/** First word of the four that HAS_EXPIRY adds: low, high, previous, next. */
export const EXPIRY_WORD = 3;

/** The bytes that a record's flags add before its key. */
export const FLAG_BYTES = HAS_HIGH | HAS_EXPIRY;

/** Bytes from the start of the record to its key. */
export function keyOffset(meta: number): number {
  return RECORD_BYTES + (meta & FLAG_BYTES);
}

/**
 * Makes room for the expiry words in a record of `bytes` bytes that has none, in its block or in a
 * new one, and returns the record's ref. A new block is the caller's to put in the old one's place;
 * the old one is the caller's to free.
 */
export function addExpiryWords(heap: Heap, ref: number, bytes: number): number {
  const start = (ref & UNIT_MASK) << 3;
  const from = heap.bytes[ref >>> SEGMENT_SHIFT]!;
  let record = ref;
  if (bytes + HAS_EXPIRY <= heap.usableBytes(ref)) {
    const at = start + RECORD_BYTES;
    from.copyWithin(at + HAS_EXPIRY, at, start + bytes);
  } else {
    record = heap.alloc(bytes + HAS_EXPIRY);
    const to = heap.bytes[record >>> SEGMENT_SHIFT]!;
    const base = (record & UNIT_MASK) << 3;
    copyBytes(from, start, to, base, RECORD_BYTES);
    const head = RECORD_BYTES + HAS_EXPIRY;
    copyBytes(from, start + RECORD_BYTES, to, base + head, bytes - RECORD_BYTES);
  }
  const words = heap.words[record >>> SEGMENT_SHIFT]!;
  const w = (record & UNIT_MASK) << 1;
  words[w] = words[w]! | HAS_EXPIRY;
  return record;
}

/** Takes the expiry words out of a record of `bytes` bytes; it does not move. */
export function dropExpiryWords(heap: Heap, ref: number, bytes: number): void {
  const start = (ref & UNIT_MASK) << 3;
  const segment = heap.bytes[ref >>> SEGMENT_SHIFT]!;
  segment.copyWithin(start + RECORD_BYTES, start + RECORD_BYTES + HAS_EXPIRY, start + bytes);
  const words = heap.words[ref >>> SEGMENT_SHIFT]!;
  words[start >>> 2] = words[start >>> 2]! & ~HAS_EXPIRY;
}

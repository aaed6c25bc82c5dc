/**
 * A record is a block that a table can hold and a timing wheel can link.
 *
 *     +0   meta     clock (24 bits) | bits of the owner | HAS_EXPIRY | HAS_HIGH | bits of the owner
 *     +4   key length in bytes
 *     +8   a word of the owner's
 *     +12  with HAS_EXPIRY: expiry time in ms, low word; high word; previous; next   (16 bytes)
 *     ...  with HAS_HIGH: a second word of the owner's                              (4 bytes)
 *     ...  key bytes, then bytes of the owner's
 *
 * The two flags have the values of the sizes that they add, so where the key starts is one AND.
 */
export const HAS_HIGH = 0x04;
export const HAS_EXPIRY = 0x10;
export const RECORD_BYTES = 12;
export const META_WORD = 0;
export const KEY_LENGTH_WORD = 1;
export const VALUE_WORD = 2;
/** First word of the four that HAS_EXPIRY adds: low, high, previous, next. */
export const EXPIRY_WORD = 3;

/** Bytes from the start of the record to its key. */
export function keyOffset(meta: number): number {
  return RECORD_BYTES + (meta & (HAS_HIGH | HAS_EXPIRY));
}

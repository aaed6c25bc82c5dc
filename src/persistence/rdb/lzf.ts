/**
 * LZF, the compression of long strings in RDB files.
 *
 *   000lllll  bytes                    1 to 32 literal bytes
 *   lllooooo oooooooo                  copy of 3 to 8 bytes from offset + 1 bytes back
 *   111ooooo llllllll oooooooo         copy of 9 to 264 bytes
 *
 * Source: the format of M. Lehmann's LibLZF.
 */
const HASH_BITS = 14;
const LITERALS_MAX = 32;
const OFFSET_MAX = 1 << 13;
const COPY_MAX = 264;

/**
 * Where a group of three bytes was last seen, as `base` + position + 1; whatever is not above
 * `base` stems from an earlier call, so the table need not be cleared for each.
 */
const seen = new Int32Array(1 << HASH_BITS);
let base = 0;
const BASE_MAX = 1 << 29;

/**
 * Compresses `length` bytes to `to`, which must have room for `length` bytes. Returns the bytes
 * written, or 0 where compression does not save any.
 */
export function compress(
  from: Uint8Array,
  offset: number,
  length: number,
  to: Uint8Array,
  toOffset: number,
): number {
  const end = offset + length;
  const limit = toOffset + length - 4;
  let out = toOffset + 1;
  let literals = 0;
  let at = offset;
  if (base > BASE_MAX) {
    seen.fill(0);
    base = 0;
  }
  const start = base;
  base += length + 1;
  while (at < end) {
    let copied = 0;
    if (at + 2 < end) {
      const hash =
        Math.imul(from[at]! | (from[at + 1]! << 8) | (from[at + 2]! << 16), 0x9e3779b1) >>>
        (32 - HASH_BITS);
      const known = seen[hash]! > start;
      const before = seen[hash]! - start - 1 + offset;
      seen[hash] = start + at - offset + 1;
      const distance = at - before - 1;
      if (
        known &&
        distance < OFFSET_MAX &&
        from[before] === from[at] &&
        from[before + 1] === from[at + 1] &&
        from[before + 2] === from[at + 2]
      ) {
        copied = 3;
        const most = Math.min(COPY_MAX, end - at);
        while (copied < most && from[before + copied] === from[at + copied]) copied++;
        if (out + 4 >= limit) return 0;
        if (literals > 0) to[out - literals - 1] = literals - 1;
        else out--;
        if (copied - 2 < 7) {
          to[out++] = ((copied - 2) << 5) | (distance >>> 8);
        } else {
          to[out++] = (7 << 5) | (distance >>> 8);
          to[out++] = copied - 9;
        }
        to[out++] = distance;
        out++;
        literals = 0;
        at += copied;
      }
    }
    if (copied > 0) continue;
    if (out >= limit) return 0;
    to[out++] = from[at++]!;
    if (++literals === LITERALS_MAX) {
      to[out - literals - 1] = literals - 1;
      literals = 0;
      out++;
    }
  }
  if (literals > 0) to[out - literals - 1] = literals - 1;
  else out--;
  return out - toOffset;
}

/** Decompresses to exactly `size` bytes; null where the input is damaged. */
export function decompress(
  from: Uint8Array,
  offset: number,
  length: number,
  size: number,
): Uint8Array | null {
  const to = new Uint8Array(size);
  const end = offset + length;
  let at = offset;
  let out = 0;
  while (at < end) {
    const mark = from[at++]!;
    if (mark < 32) {
      const count = mark + 1;
      if (at + count > end || out + count > size) return null;
      to.set(from.subarray(at, at + count), out);
      at += count;
      out += count;
      continue;
    }
    let count = mark >>> 5;
    if (count === 7) {
      if (at >= end) return null;
      count += from[at++]!;
    }
    count += 2;
    if (at >= end) return null;
    let back = out - ((mark & 31) << 8) - from[at++]! - 1;
    if (back < 0 || out + count > size) return null;
    // Byte by byte: the copy may overlap what it writes.
    for (let i = 0; i < count; i++) to[out++] = to[back++]!;
  }
  return out === size ? to : null;
}

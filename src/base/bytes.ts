/** Small operations on bytes that strings would be too slow or too lossy for. */

/** Below this many bytes a loop beats `set(subarray)`; measured in design.md. */
const LOOP_BYTES = 96;

export function copyBytes(
  from: Uint8Array,
  fromOffset: number,
  to: Uint8Array,
  toOffset: number,
  length: number,
): void {
  if (length < LOOP_BYTES) {
    for (let i = 0; i < length; i++) to[toOffset + i] = from[fromOffset + i]!;
  } else {
    to.set(from.subarray(fromOffset, fromOffset + length), toOffset);
  }
}

/** Smaller arrays are in the garbage collector's own heap. */
const FREED_BYTES_MIN = 2048;

/**
 * Gives the memory of a buffer that nobody reads any more back at once. The collector would let
 * hundreds of MB of them pile up: it sizes itself by what it takes for live, and that includes the
 * gigabytes of the heap's segments.
 */
export function freeBytes(bytes: Uint8Array): void {
  // The length goes first: a small array only gets a buffer when it is asked for it.
  if (bytes.length < FREED_BYTES_MIN) return;
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

export function equalBytes(
  a: Uint8Array,
  aOffset: number,
  b: Uint8Array,
  bOffset: number,
  length: number,
): boolean {
  let i = 0;
  // Four at a time: most of the time goes into the loop, not into the comparisons.
  for (; i + 3 < length; i += 4) {
    const p = aOffset + i;
    const q = bOffset + i;
    const difference =
      (a[p]! ^ b[q]!) | (a[p + 1]! ^ b[q + 1]!) | (a[p + 2]! ^ b[q + 2]!) | (a[p + 3]! ^ b[q + 3]!);
    if (difference !== 0) return false;
  }
  for (; i < length; i++) {
    if (a[aOffset + i] !== b[bOffset + i]) return false;
  }
  return true;
}

/** As memcmp does, and the shorter first: negative if `a` comes before `b`. */
export function compareBytes(
  a: Uint8Array,
  aOffset: number,
  aLength: number,
  b: Uint8Array,
  bOffset: number,
  bLength: number,
): number {
  const shared = Math.min(aLength, bLength);
  for (let i = 0; i < shared; i++) {
    const difference = a[aOffset + i]! - b[bOffset + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** Each character's low byte. */
export function latin1(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** What Buffer has for its own toString; it takes any bytes, and needs no Buffer to be made of them. */
const { latin1Slice } = Buffer.prototype as unknown as {
  latin1Slice(this: Uint8Array, from: number, to: number): string;
};

/** Each byte as a character. Works on views of shared memory too. */
export function latin1Text(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return latin1Slice.call(bytes, from, to);
}

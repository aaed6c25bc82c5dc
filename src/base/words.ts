/** Arithmetic on 64-bit numbers as two int32 words, read as unsigned: without BigInt, in integer registers. */

/** The upper word of the product of two words; `Math.imul` is the lower one. */
export function upperWord(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const t = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const u = (Math.imul(aLow, bHigh) + (t & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (t >>> 16) + (u >>> 16)) | 0;
}

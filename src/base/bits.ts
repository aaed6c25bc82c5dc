/**
 * Bits of byte strings, as BITCOUNT, BITPOS and BITOP see them: bit 0 is the highest of byte 0.
 *
 * Ranges are of bytes in any buffer, at any alignment. Long ones go through the kernel
 * (bit-kernel.ts) in pieces; nothing is allocated but the views of pieces.
 */
import { A, B, BitKernel, C, PIECE_BYTES } from "./bit-kernel.ts";

/** Shorter ranges are counted byte by byte. */
const COUNT_BYTES_MIN = 64;
/** From this length on it is worth to compile the kernel's module. */
const COMPILE_BYTES_MIN = 65536;

const BITS_OF_BYTE = Uint8Array.from({ length: 256 }, (_, byte) => {
  let count = 0;
  for (let rest = byte; rest > 0; rest >>= 1) count += rest & 1;
  return count;
});

const kernel = new BitKernel();

/** Resolves when long ranges are worked on at full speed: for benchmarks and tests. */
export function kernelReady(): Promise<void> {
  return kernel.compile();
}

/** How many bits are set in `length` bytes from `offset`. */
export function countBits(bytes: Uint8Array, offset: number, length: number): number {
  let count = 0;
  if (length < COUNT_BYTES_MIN) {
    for (let i = offset; i < offset + length; i++) count += BITS_OF_BYTE[bytes[i]!]!;
    return count;
  }
  if (length >= COMPILE_BYTES_MIN) void kernel.compile();
  for (let done = 0; done < length; done += PIECE_BYTES) {
    const piece = Math.min(PIECE_BYTES, length - done);
    kernel.load(A, bytes, offset + done, piece);
    count += kernel.count(A, piece);
  }
  return count;
}

/** The first bit of this value among `length` bytes, counted from bit 0 of the first; -1 if none is. */
export function findBit(bytes: Uint8Array, offset: number, length: number, bit: 0 | 1): number {
  const skipped = bit === 1 ? 0 : 0xff;
  let at = offset;
  const end = offset + length;
  // Words of the buffer, from the first whole one on.
  for (; at < end && ((bytes.byteOffset + at) & 3) !== 0; at++) {
    if (bytes[at] !== skipped) return bitInByte(bytes, offset, at, bit);
  }
  if (end - at >= COUNT_BYTES_MIN) {
    const count = (end - at) >>> 2;
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, count);
    const word = bit === 1 ? 0 : -1;
    let i = 0;
    while (i < count && words[i] === word) i++;
    at += i * 4;
  }
  for (; at < end; at++) if (bytes[at] !== skipped) return bitInByte(bytes, offset, at, bit);
  return -1;
}

function bitInByte(bytes: Uint8Array, offset: number, at: number, bit: 0 | 1): number {
  const byte = bit === 1 ? bytes[at]! : bytes[at]! ^ 0xff;
  return (at - offset) * 8 + Math.clz32(byte) - 24;
}

/**
 * AND, OR, XOR of all; NOT of the only one; with X for the first and Y for the others: DIFF is in X
 * and in no Y, DIFF1 in some Y and not in X, ANDOR in X and in some Y; ONE is in exactly one of all.
 */
export type BitOperation = "and" | "or" | "xor" | "not" | "diff" | "diff1" | "andor" | "one";

/** The operands of one operation; one object serves many. */
export class BitOperands {
  readonly bytes: Uint8Array[] = [];
  readonly offsets: number[] = [];
  readonly lengths: number[] = [];
  count = 0;
  /** The longest operand: the length of the result. Shorter ones are taken as if 0s followed. */
  length = 0;

  clear(): void {
    // Buffers of values are not to be kept alive.
    this.bytes.length = 0;
    this.count = 0;
    this.length = 0;
  }

  /** A key that is not there is an operand of length 0. */
  add(bytes: Uint8Array, offset: number, length: number): void {
    this.bytes[this.count] = bytes;
    this.offsets[this.count] = offset;
    this.lengths[this.count++] = length;
    this.length = Math.max(this.length, length);
  }
}

/** Writes the result, of the operands' longest length, at `at`; it may lie over an operand's bytes. */
export function combineBits(
  operation: BitOperation,
  operands: BitOperands,
  to: Uint8Array,
  at: number,
): void {
  const { length } = operands;
  if (length >= COMPILE_BYTES_MIN) void kernel.compile();
  for (let done = 0; done < length; done += PIECE_BYTES) {
    const piece = Math.min(PIECE_BYTES, length - done);
    combinePiece(operation, operands, done, piece);
    to.set(kernel.bytes.subarray(A, A + piece), at + done);
  }
}

/** Leaves the result for `length` bytes of the operands, from `done` on, in piece A. */
function combinePiece(
  operation: BitOperation,
  operands: BitOperands,
  done: number,
  length: number,
): void {
  switch (operation) {
    case "and":
    case "or":
    case "xor":
      load(A, operands, 0, done, length);
      for (let i = 1; i < operands.count; i++) {
        load(B, operands, i, done, length);
        kernel[operation](A, B, length);
      }
      break;
    case "not":
      kernel.words.fill(-1, A >>> 2, (A + PIECE_BYTES) >>> 2);
      load(B, operands, 0, done, length);
      kernel.xor(A, B, length);
      break;
    case "diff":
      load(A, operands, 0, done, length);
      for (let i = 1; i < operands.count; i++) {
        load(B, operands, i, done, length);
        kernel.andNot(A, B, length);
      }
      break;
    case "diff1":
    case "andor":
      kernel.words.fill(0, A >>> 2, (A + PIECE_BYTES) >>> 2);
      for (let i = 1; i < operands.count; i++) {
        load(B, operands, i, done, length);
        kernel.or(A, B, length);
      }
      load(B, operands, 0, done, length);
      if (operation === "andor") kernel.and(A, B, length);
      else kernel.andNot(A, B, length);
      break;
    case "one":
      exactlyOne(operands, done, length);
  }
}

/** A: bits of an odd number of operands; C: bits of more than one. */
function exactlyOne(operands: BitOperands, done: number, length: number): void {
  const { words } = kernel;
  const end = (length + 3) >>> 2;
  words.fill(0, C >>> 2, (C + PIECE_BYTES) >>> 2);
  load(A, operands, 0, done, length);
  for (let i = 1; i < operands.count; i++) {
    load(B, operands, i, done, length);
    for (let w = 0; w < end; w++) {
      const a = words[(A >>> 2) + w]!;
      const b = words[(B >>> 2) + w]!;
      words[(C >>> 2) + w] = words[(C >>> 2) + w]! | (a & b);
      words[(A >>> 2) + w] = a | b;
    }
  }
  kernel.andNot(A, C, length);
}

/** Loads `length` bytes of an operand from `done` on; behind its end it is 0. */
function load(
  piece: number,
  operands: BitOperands,
  index: number,
  done: number,
  length: number,
): void {
  const there = Math.min(Math.max(operands.lengths[index]! - done, 0), length);
  kernel.load(piece, operands.bytes[index]!, operands.offsets[index]! + done, there);
  if (there < length) kernel.bytes.fill(0, piece + there, piece + length);
}

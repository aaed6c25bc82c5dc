/**
 * HyperLogLog: how many different elements there were, from 16,384 registers, byte for byte as Redis
 * keeps it in a string, so that a value moves both ways.
 *
 * Layout
 *     +0   "HYLL"
 *     +4   0 dense, 1 sparse; three bytes of 0
 *     +8   the last count, 8 bytes little-endian; the highest bit says that it is out of date
 *     +16  dense: 16,384 registers of 6 bits, from the lowest bit of each byte on, 12,288 bytes
 *          sparse: runs of registers
 *            00llllll            l + 1 registers of 0
 *            01llllll llllllll   the same, up to 16,384
 *            1vvvvvll            l + 1 registers of v + 1, up to four and 32
 *
 * What
 *   An element's hash picks a register by its 14 lowest bits; the register keeps the most that 1 plus
 *   the number of trailing zeros of the other 50 bits has been.
 *   `HyperLogLog` is a cursor over any bytes. A sparse form may grow in place, so there must be
 *   GROWTH_BYTES_MAX bytes of room behind it; where it would become too long, or hold a value above 32,
 *   `set` says NEEDS_DENSE, and the owner calls `writeDense` and opens what that has written.
 *   Bytes come from clients: runs that do not make 16,384 registers are DAMAGED.
 *
 * Source: the format note at the head of Redis's hyperloglog.c; O. Ertl, "New cardinality estimation
 * algorithms for HyperLogLog sketches" (2017), for the estimate; A. Appleby's MurmurHash64A.
 */
import { upperWord } from "../base/words.ts";

export const REGISTERS = 16384;
export const HEADER_BYTES = 16;
export const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8;
/** An empty sparse form: one run. */
export const EMPTY_BYTES = HEADER_BYTES + 2;
/** A run of zeros becomes zeros, a value, zeros: two bytes become five. */
export const GROWTH_BYTES_MAX = 3;
/** A longer sparse form has more runs than there are registers, and is damaged. */
export const SPARSE_BYTES_MAX = HEADER_BYTES + 2 * REGISTERS;

export const UNCHANGED = 0;
export const CHANGED = 1;
export const NEEDS_DENSE = 2;
export const DAMAGED = 3;
export type Outcome = typeof UNCHANGED | typeof CHANGED | typeof NEEDS_DENSE | typeof DAMAGED;

const MAGIC = [72, 89, 76, 76];
const ENCODING = 4;
const DENSE = 0;
const SPARSE = 1;
const CARDINALITY = 8;
const OUT_OF_DATE = 0x80;

const INDEX_BITS = 14;
const HASH_BITS = 50;
const ZEROS_SHORT_MAX = 64;
const VALUE_MAX = 32;
const VALUE_RUN_MAX = 4;
/** How far behind a change runs are joined. */
const JOINED_RUNS = 5;
/** The highest bit of each byte of a word. */
const HIGH_BITS = 0x80808080 | 0;
const ALPHA = 0.7213475204444817;

const SEED = 0xadc83b19 | 0;
const M_HIGH = 0xc6a4a793 | 0;
const M_LOW = 0x5bd1e995;

/** Writes an empty sparse form at `at`; returns the offset behind it. */
export function writeEmpty(to: Uint8Array, at: number): number {
  to.fill(0, at, at + HEADER_BYTES);
  to.set(MAGIC, at);
  to[at + ENCODING] = SPARSE;
  to[at + HEADER_BYTES] = 0x40 | ((REGISTERS - 1) >> 8);
  to[at + HEADER_BYTES + 1] = (REGISTERS - 1) & 0xff;
  return at + EMPTY_BYTES;
}

/** Whether the bytes begin as those of a HyperLogLog; their runs are looked at when they are used. */
export function isHyperLogLog(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < HEADER_BYTES) return false;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[offset + i] !== MAGIC[i]) return false;
  const encoding = bytes[offset + ENCODING]!;
  return encoding === SPARSE || (encoding === DENSE && length === DENSE_BYTES);
}

/** Makes the value whose header is at `at` a dense one with these registers; its last count is out of date. */
export function writeRegisters(registers: Uint8Array, to: Uint8Array, at: number): void {
  to[at + ENCODING] = DENSE;
  to[at + CARDINALITY + 7] = to[at + CARDINALITY + 7]! | OUT_OF_DATE;
  let byte = at + HEADER_BYTES;
  // Four registers make three bytes.
  for (let i = 0; i < REGISTERS; i += 4, byte += 3) {
    const word =
      registers[i]! |
      (registers[i + 1]! << 6) |
      (registers[i + 2]! << 12) |
      (registers[i + 3]! << 18);
    to[byte] = word;
    to[byte + 1] = word >>> 8;
    to[byte + 2] = word >>> 16;
  }
}

/** The hash of an element: its register, and what the register must be at least. */
export class ElementHash {
  index = 0;
  value = 0;
  #high = 0;
  #low = 0;

  /** Takes `length` bytes from `offset`. */
  take(bytes: Uint8Array, offset: number, length: number): void {
    this.#high = 0;
    this.#low = length;
    this.#multiply();
    let high = this.#high;
    let low = this.#low ^ SEED;
    let at = offset;
    for (const end = offset + (length & ~7); at < end; at += 8) {
      this.#low =
        bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      this.#high =
        bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      this.#multiply();
      this.#low ^= this.#high >>> 15;
      this.#multiply();
      this.#low ^= low;
      this.#high ^= high;
      this.#multiply();
      low = this.#low;
      high = this.#high;
    }
    const rest = length & 7;
    for (let i = 0; i < rest; i++) {
      if (i < 4) low ^= bytes[at + i]! << (i * 8);
      else high ^= bytes[at + i]! << ((i - 4) * 8);
    }
    this.#low = low;
    this.#high = high;
    if (rest > 0) this.#multiply();
    this.#low ^= this.#high >>> 15;
    this.#multiply();
    this.#low ^= this.#high >>> 15;
    this.index = this.#low & (REGISTERS - 1);
    // The 50 bits that are left, and a 1 behind them that ends the search.
    const first = (this.#low >>> INDEX_BITS) | (this.#high << (32 - INDEX_BITS));
    const second = (this.#high >>> INDEX_BITS) | (1 << (HASH_BITS - 32));
    this.value = first !== 0 ? 32 - Math.clz32(first & -first) : 64 - Math.clz32(second & -second);
  }

  #multiply(): void {
    const low = this.#low;
    this.#high =
      (upperWord(low, M_LOW) + Math.imul(low, M_HIGH) + Math.imul(this.#high, M_LOW)) | 0;
    this.#low = Math.imul(low, M_LOW);
  }
}

export class HyperLogLog {
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where the registers or runs begin. */
  #from = 0;
  /** Bytes in all, header included; `set` changes it. */
  length = 0;
  readonly #runs = new Uint8Array(5);
  readonly #histogram = new Int32Array(64);

  /** Opens bytes that `isHyperLogLog` has looked at. */
  open(bytes: Uint8Array, offset: number, length: number): void {
    this.#bytes = bytes;
    this.#from = offset + HEADER_BYTES;
    this.length = length;
  }

  get isDense(): boolean {
    return this.#bytes[this.#from - HEADER_BYTES + ENCODING] === DENSE;
  }

  /** The last count, or -1 where it is out of date; where it is no safe integer `bigCached` has it. */
  get cached(): number {
    const at = this.#from - HEADER_BYTES + CARDINALITY;
    const bytes = this.#bytes;
    if (bytes[at + 7]! & OUT_OF_DATE) return -1;
    let count = 0;
    for (let i = 7; i >= 0; i--) count = count * 256 + bytes[at + i]!;
    return count;
  }

  /** The last count, whatever a client has written there. */
  get bigCached(): bigint {
    const at = this.#from - HEADER_BYTES + CARDINALITY;
    let count = 0n;
    for (let i = 7; i >= 0; i--) count = count * 256n + BigInt(this.#bytes[at + i]!);
    return count;
  }

  cache(count: number): void {
    const at = this.#from - HEADER_BYTES + CARDINALITY;
    let rest = count;
    for (let i = 0; i < 8; i++) {
      this.#bytes[at + i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
  }

  /** Marks the last count as out of date. */
  invalidate(): void {
    const at = this.#from - HEADER_BYTES + CARDINALITY + 7;
    this.#bytes[at] = this.#bytes[at]! | OUT_OF_DATE;
  }

  /**
   * Raises a register to `value`. A sparse form longer than `sparseBytesMax` (of
   * `hll-sparse-max-bytes`) becomes no longer.
   */
  set(index: number, value: number, sparseBytesMax: number): Outcome {
    if (!this.isDense) return this.#setSparse(index, value, sparseBytesMax);
    if (this.#dense(index) >= value) return UNCHANGED;
    this.#setDense(index, value);
    return CHANGED;
  }

  #dense(index: number): number {
    const at = this.#from + ((index * 6) >>> 3);
    const shift = (index * 6) & 7;
    const low = this.#bytes[at]! >>> shift;
    return (shift <= 2 ? low : low | (this.#bytes[at + 1]! << (8 - shift))) & 63;
  }

  #setDense(index: number, value: number): void {
    const bytes = this.#bytes;
    const at = this.#from + ((index * 6) >>> 3);
    const shift = (index * 6) & 7;
    bytes[at] = (bytes[at]! & ~(63 << shift)) | (value << shift);
    if (shift <= 2) return;
    bytes[at + 1] = (bytes[at + 1]! & ~(63 >>> (8 - shift))) | (value >>> (8 - shift));
  }

  #setSparse(index: number, value: number, sparseBytesMax: number): Outcome {
    if (value > VALUE_MAX) return NEEDS_DENSE;
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#from;
    let previous = at;
    let first = 0;
    let span = 0;
    for (;;) {
      if (at >= end) return DAMAGED;
      span = this.#span(at);
      if (index < first + span) break;
      previous = at;
      at += this.#runBytes(at);
      first += span;
    }
    const run = bytes[at]!;
    const isValue = (run & 0x80) !== 0;
    const there = isValue ? ((run >>> 2) & 31) + 1 : 0;
    const oldBytes = this.#runBytes(at);
    if (at + oldBytes > end) return DAMAGED;
    if (there >= value) return UNCHANGED;
    if (span === 1 && oldBytes === 1) bytes[at] = 0x80 | ((value - 1) << 2);
    else {
      const runs = this.#runs;
      let count = this.#putRun(0, there, index - first);
      runs[count++] = 0x80 | ((value - 1) << 2);
      count = this.#putRun(count, there, first + span - 1 - index);
      const growth = count - oldBytes;
      if (growth > 0 && this.length + growth > sparseBytesMax) return NEEDS_DENSE;
      if (growth !== 0) bytes.copyWithin(at + count, at + oldBytes, end);
      for (let i = 0; i < count; i++) bytes[at + i] = runs[i]!;
      this.length += growth;
    }
    this.#joinRuns(previous);
    this.invalidate();
    return CHANGED;
  }

  /** Puts a run of `span` registers, unless that is 0, into `#runs`; returns the place behind it. */
  #putRun(at: number, value: number, span: number): number {
    const runs = this.#runs;
    if (span === 0) return at;
    if (value > 0) runs[at] = 0x80 | ((value - 1) << 2) | (span - 1);
    else if (span <= ZEROS_SHORT_MAX) runs[at] = span - 1;
    else {
      runs[at] = 0x40 | ((span - 1) >> 8);
      runs[at + 1] = (span - 1) & 0xff;
      return at + 2;
    }
    return at + 1;
  }

  /** Joins runs of the same value among the few from `from` on. */
  #joinRuns(from: number): void {
    const bytes = this.#bytes;
    let at = from;
    for (let left = JOINED_RUNS; left > 0 && at < this.#end; left--) {
      const run = bytes[at]!;
      const next = at + 1 < this.#end ? bytes[at + 1]! : 0;
      const span = (run & 3) + (next & 3) + 2;
      if (run & 0x80 && (run & 0xfc) === (next & 0xfc) && span <= VALUE_RUN_MAX) {
        bytes[at + 1] = (run & 0xfc) | (span - 1);
        bytes.copyWithin(at, at + 1, this.#end);
        this.length--;
      } else at += this.#runBytes(at);
    }
  }

  get #end(): number {
    return this.#from - HEADER_BYTES + this.length;
  }

  #runBytes(at: number): number {
    return (this.#bytes[at]! & 0xc0) === 0x40 ? 2 : 1;
  }

  /** The registers of the run at `at`. A long run may end behind the bytes: see `#runBytes`. */
  #span(at: number): number {
    const run = this.#bytes[at]!;
    if (run & 0x80) return (run & 3) + 1;
    return run & 0x40 ? (((run & 63) << 8) | this.#bytes[at + 1]!) + 1 : run + 1;
  }

  /** Writes the dense form of the same registers at `at`. Returns false where this one is damaged. */
  writeDense(to: Uint8Array, at: number): boolean {
    const from = this.#from - HEADER_BYTES;
    for (let i = 0; i < HEADER_BYTES; i++) to[at + i] = this.#bytes[from + i]!;
    to[at + ENCODING] = DENSE;
    to.fill(0, at + HEADER_BYTES, at + DENSE_BYTES);
    const source = this.#bytes;
    const start = this.#from;
    const end = this.#end;
    let index = 0;
    let run = start;
    for (; run < end && index < REGISTERS; ) {
      const span = this.#span(run);
      const first = source[run]!;
      if (first & 0x80) {
        if (index + span > REGISTERS) return false;
        this.#bytes = to;
        this.#from = at + HEADER_BYTES;
        for (let i = 0; i < span; i++) this.#setDense(index + i, ((first >>> 2) & 31) + 1);
        this.#bytes = source;
        this.#from = start;
      }
      index += span;
      run += this.#runBytes(run);
    }
    return index === REGISTERS && run === end;
  }

  /**
   * Raises each of the 16,384 registers to what it is here; `words` is a view of the same bytes. Returns
   * false where this is damaged.
   */
  mergeInto(
    registers: Uint8Array,
    words = new Int32Array(registers.buffer, registers.byteOffset, REGISTERS / 4),
  ): boolean {
    const bytes = this.#bytes;
    if (this.isDense) {
      let at = this.#from;
      // Three bytes hold four registers, which become the four bytes of a word; no byte exceeds 63, so
      // differences of words do not borrow from one byte to the next.
      for (let i = 0; i < REGISTERS / 4; i++, at += 3) {
        const packed = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
        const mine =
          (packed & 0x3f) |
          ((packed & 0xfc0) << 2) |
          ((packed & 0x3f000) << 4) |
          ((packed & 0xfc0000) << 6);
        const there = words[i]!;
        const isMore = ((there | HIGH_BITS) - mine) & HIGH_BITS;
        const keeps = (isMore - (isMore >>> 7)) | isMore;
        words[i] = (there & keeps) | (mine & ~keeps);
      }
      return true;
    }
    let index = 0;
    let at = this.#from;
    for (const end = this.#end; at < end && index < REGISTERS; ) {
      const span = this.#span(at);
      const run = bytes[at]!;
      if (run & 0x80) {
        if (index + span > REGISTERS) return false;
        const value = ((run >>> 2) & 31) + 1;
        for (let i = 0; i < span; i++) {
          if (value > registers[index + i]!) registers[index + i] = value;
        }
      }
      index += span;
      at += this.#runBytes(at);
    }
    return index === REGISTERS && at === this.#end;
  }

  /** The estimate; -1 where this is damaged. */
  count(): number {
    const histogram = this.#histogram.fill(0);
    const bytes = this.#bytes;
    let at = this.#from;
    if (this.isDense) {
      for (const end = at + DENSE_BYTES - HEADER_BYTES; at < end; at += 3) {
        const word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
        histogram[word & 63]!++;
        histogram[(word >>> 6) & 63]!++;
        histogram[(word >>> 12) & 63]!++;
        histogram[word >>> 18]!++;
      }
      return estimate(histogram);
    }
    let index = 0;
    for (const end = this.#end; at < end; at += this.#runBytes(at)) {
      const span = this.#span(at);
      const run = bytes[at]!;
      const value = run & 0x80 ? ((run >>> 2) & 31) + 1 : 0;
      histogram[value] = histogram[value]! + span;
      index += span;
    }
    return index === REGISTERS && at === this.#end ? estimate(histogram) : -1;
  }

  /** The estimate for registers that `mergeInto` has filled. */
  countRegisters(registers: Uint8Array): number {
    const histogram = this.#histogram.fill(0);
    for (let i = 0; i < REGISTERS; i++) histogram[registers[i]! & 63]!++;
    return estimate(histogram);
  }

  /** The runs of a sparse form as text, as PFDEBUG DECODE shows them: z:63 Z:200 v:1,4. */
  describeRuns(): string {
    const runs: string[] = [];
    for (let at = this.#from; at < this.#end; at += this.#runBytes(at)) {
      const run = this.#bytes[at]!;
      const span = this.#span(at);
      if (run & 0x80) runs.push(`v:${((run >>> 2) & 31) + 1},${span}`);
      else runs.push(`${run & 0x40 ? "Z" : "z"}:${span}`);
    }
    return runs.join(" ");
  }
}

/** How many elements there were, from how many registers have each value. */
function estimate(histogram: Int32Array): number {
  let z = REGISTERS * tau((REGISTERS - histogram[HASH_BITS + 1]!) / REGISTERS);
  for (let value = HASH_BITS; value >= 1; value--) {
    z += histogram[value]!;
    z *= 0.5;
  }
  z += REGISTERS * sigma(histogram[0]! / REGISTERS);
  return Math.round((ALPHA * REGISTERS * REGISTERS) / z);
}

function tau(of: number): number {
  if (of === 0 || of === 1) return 0;
  let x = of;
  let y = 1;
  let z = 1 - x;
  for (let before = -1; before !== z; ) {
    x = Math.sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

function sigma(of: number): number {
  if (of === 1) return Number.POSITIVE_INFINITY;
  let x = of;
  let y = 1;
  let z = x;
  for (let before = -1; before !== z; ) {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  }
  return z;
}

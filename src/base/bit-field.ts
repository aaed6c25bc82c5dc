/**
 * Integers of any width within a byte string, as BITFIELD has them: i1 to i64, u1 to u63, from any bit
 * on, the highest bit first.
 *
 * Values of up to 52 bits are Numbers; wider ones take BigInt, which no ordinary counter needs.
 */
export type Overflow = "wrap" | "saturate" | "fail";

/** The widest integers that are handled as Numbers, sums included. */
const NUMBER_BITS = 52;

/** How a field is laid out. */
export class BitField {
  isSigned = false;
  width = 8;
  /** Its first bit. */
  bitOffset = 0;

  /** Bytes that a string must have for the field to lie within it. */
  get bytesNeeded(): number {
    return Math.floor((this.bitOffset + this.width - 1) / 8) + 1;
  }

  /** The value in `length` bytes from `offset`; bits beyond them are 0. */
  read(bytes: Uint8Array, offset: number, length: number): number | bigint {
    const { width } = this;
    if (width > NUMBER_BITS) {
      const upper = width - 32;
      const high = this.#bits(bytes, offset, length, 0, upper);
      const low = this.#bits(bytes, offset, length, upper, 32);
      const value = (BigInt(high) << 32n) | BigInt(low);
      return this.isSigned ? BigInt.asIntN(width, value) : value;
    }
    const value = this.#bits(bytes, offset, length, 0, width);
    return this.isSigned && value >= 2 ** (width - 1) ? value - 2 ** width : value;
  }

  /** Writes a value that fits; the field must lie within the bytes. */
  write(bytes: Uint8Array, offset: number, value: number | bigint): void {
    const { width } = this;
    if (typeof value === "bigint") {
      const bits = BigInt.asUintN(width, value);
      this.#setBits(bytes, offset, 0, width - 32, Number(bits >> 32n));
      this.#setBits(bytes, offset, width - 32, 32, Number(bits & 0xffffffffn));
    } else this.#setBits(bytes, offset, 0, width, value < 0 ? value + 2 ** width : value);
  }

  /**
   * The value plus an increment, brought into the range of the field; null where it does not fit and
   * must not be written. Both are 64-bit integers.
   */
  add(value: number | bigint, increment: number | bigint, overflow: Overflow) {
    if (typeof value === "number" && Math.abs(Number(increment)) <= 2 ** NUMBER_BITS) {
      return this.#fitNumber(value + Number(increment), overflow);
    }
    return this.#fitBig(BigInt(value) + BigInt(increment), overflow);
  }

  /** A value to be set, brought into the range. For an unsigned field a negative one is too large. */
  fit(value: number | bigint, overflow: Overflow) {
    if (!this.isSigned && value < 0) {
      return this.#fitBig(BigInt.asUintN(64, BigInt(value)), overflow);
    }
    if (typeof value === "number" && Math.abs(value) <= 2 ** NUMBER_BITS) {
      return this.#fitNumber(value, overflow);
    }
    return this.#fitBig(BigInt(value), overflow);
  }

  #fitNumber(value: number, overflow: Overflow): number | bigint | null {
    const { isSigned, width } = this;
    if (width > NUMBER_BITS) return this.#fitBig(BigInt(value), overflow);
    const span = 2 ** width;
    const least = isSigned ? -span / 2 : 0;
    const most = least + span - 1;
    if (value >= least && value <= most) return value;
    if (overflow === "fail") return null;
    if (overflow === "saturate") return value < least ? least : most;
    return value - Math.floor((value - least) / span) * span;
  }

  #fitBig(value: bigint, overflow: Overflow): number | bigint | null {
    const { isSigned, width } = this;
    const span = 1n << BigInt(width);
    const least = isSigned ? -span / 2n : 0n;
    const most = least + span - 1n;
    let fitted = value;
    if (value < least || value > most) {
      if (overflow === "fail") return null;
      if (overflow === "saturate") fitted = value < least ? least : most;
      else fitted = isSigned ? BigInt.asIntN(width, value) : BigInt.asUintN(width, value);
    }
    return width > NUMBER_BITS ? fitted : Number(fitted);
  }

  /** `count` bits from bit `skip` of the field on, as a Number. */
  #bits(bytes: Uint8Array, offset: number, length: number, skip: number, count: number): number {
    let bit = this.bitOffset + skip;
    let left = count;
    let value = 0;
    while (left > 0) {
      const at = Math.floor(bit / 8);
      const before = bit % 8;
      const taken = Math.min(8 - before, left);
      const byte = at < length ? bytes[offset + at]! : 0;
      value = value * 2 ** taken + ((byte >>> (8 - before - taken)) & ((1 << taken) - 1));
      bit += taken;
      left -= taken;
    }
    return value;
  }

  #setBits(bytes: Uint8Array, offset: number, skip: number, count: number, value: number): void {
    let bit = this.bitOffset + skip + count;
    let left = count;
    let rest = value;
    while (left > 0) {
      const at = offset + Math.floor((bit - 1) / 8);
      const behind = 7 - ((bit - 1) % 8);
      const taken = Math.min(8 - behind, left);
      const mask = ((1 << taken) - 1) << behind;
      const part = rest % 2 ** taken;
      bytes[at] = (bytes[at]! & ~mask) | (part << behind);
      rest = (rest - part) / 2 ** taken;
      bit -= taken;
      left -= taken;
    }
  }
}

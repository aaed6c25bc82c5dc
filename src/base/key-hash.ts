/**
 * HalfSipHash-1-3: a keyed 32-bit hash made of 32-bit operations, so that a client who does not
 * know the key cannot choose keys that collide.
 * Source: J.-P. Aumasson and D. J. Bernstein, "SipHash: a fast short-input PRF", and the
 * HalfSipHash variant they published beside it.
 */
import type { SecretSource } from "./random.ts";

export class Hash {
  readonly #k0: number;
  readonly #k1: number;

  /** Keyed by a secret. */
  static keyedBy(secrets: SecretSource): Hash {
    return new Hash(secrets.int32(), secrets.int32());
  }

  constructor(k0: number, k1: number) {
    this.#k0 = k0 | 0;
    this.#k1 = k1 | 0;
  }

  /** The hash of `length` bytes from `offset`, as a signed int32. */
  of(bytes: Uint8Array, offset: number, length: number): number {
    let v0 = this.#k0;
    let v1 = this.#k1;
    let v2 = 0x6c796765 ^ v0;
    let v3 = 0x74656462 ^ v1;
    let at = offset;
    const wordsEnd = offset + (length & ~3);
    for (; at < wordsEnd; at += 4) {
      const m =
        bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    let last = length << 24;
    const rest = length & 3;
    if (rest > 2) last |= bytes[at + 2]! << 16;
    if (rest > 1) last |= bytes[at + 1]! << 8;
    if (rest > 0) last |= bytes[at]!;
    v3 ^= last;
    for (let round = 0; round < 4; round++) {
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      if (round === 0) {
        v0 ^= last;
        v2 ^= 0xff;
      }
    }
    return v1 ^ v3;
  }
}

/**
 * The digest of one value, as Redis's DEBUG DIGEST-VALUE computes it: SHA-1 sums that are combined by
 * exclusive or. Source: the description in Redis's debug.c of how keys, values and expiries are mixed.
 */
import { copyBytes } from "../base/bytes.ts";
import { writeInt64 } from "../base/number-text.ts";
import type { Element } from "../memory/element.ts";

export const DIGEST_BYTES = 20;

/** Buffers are reused: garbage for millions of keys would be more than the data. */
const hash = new Uint8Array(DIGEST_BYTES);
const digits = new Uint8Array(20);
let scratch = new Uint8Array(4096);

export class ValueDigest {
  readonly bytes = new Uint8Array(DIGEST_BYTES);

  reset(): this {
    this.bytes.fill(0);
    return this;
  }

  /** Adds bytes whose place among the others does not matter. They may lie in shared memory. */
  add(from: Uint8Array, offset: number, length: number): void {
    if (scratch.length < length) scratch = new Uint8Array(length);
    copyBytes(from, offset, scratch, 0, length);
    this.#xor(scratch.subarray(0, length));
    if (scratch.length > 1 << 20) scratch = new Uint8Array(4096);
  }

  /** Adds bytes in this place. */
  mix(from: Uint8Array, offset: number, length: number): void {
    this.add(from, offset, length);
    Bun.SHA1.hash(this.bytes, hash);
    this.bytes.set(hash);
  }

  mixInteger(low: number, high: number): void {
    this.mix(digits, 0, writeInt64(digits, 0, low, high));
  }

  mixElement(element: Element): void {
    if (element.isInteger) this.mixInteger(element.low, element.high);
    else this.mix(element.bytes, element.from, element.length);
  }

  /** Adds a number as 4 bytes, the highest first. */
  mixNumber32(value: number): void {
    this.mix(Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value), 0, 4);
  }

  get hex(): string {
    return Buffer.from(this.bytes).toString("hex");
  }

  #xor(from: Uint8Array): void {
    Bun.SHA1.hash(from, hash);
    for (let i = 0; i < DIGEST_BYTES; i++) this.bytes[i] = this.bytes[i]! ^ hash[i]!;
  }
}

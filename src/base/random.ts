/**
 * Two kinds of randomness. `Random` is xorshift128: fast, repeatable, and open to anybody who sees
 * four outputs; it picks keys for RANDOMKEY and the like. What nobody may guess (keys of hashes,
 * ids, marks) comes from a `SecretSource`.
 */

/** Where secrets come from. */
export interface SecretSource {
  /** A signed 32-bit integer. */
  int32(): number;
  /** Lower-case hexadecimal text of `digits` digits. */
  hex(digits: number): string;
}

/** Secrets of the operating system: no output tells anything about another one. */
export class SystemSecrets implements SecretSource {
  int32(): number {
    return crypto.getRandomValues(new Int32Array(1))[0]!;
  }

  hex(digits: number): string {
    const bytes = crypto.getRandomValues(new Uint8Array((digits + 1) >> 1));
    return bytes.toHex().slice(0, digits);
  }
}

/** Tells the stream of a seed's secrets from that of its other numbers. */
const SECRETS_STREAM = 0x5ec2e75;

/** Secrets of the operating system; those of a seeded run, which tests repeat, follow from the seed. */
export function secretsFor(seed: number | undefined): SecretSource {
  return seed === undefined ? new SystemSecrets() : new Random(seed ^ SECRETS_STREAM);
}

export class Random implements SecretSource {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.seed = seed;
    // Spread the seed over the state with an LCG so that near seeds give far streams.
    let s = seed | 0;
    const next = () => {
      s = (Math.imul(s, 1664525) + 1013904223) | 0;
      return s ^ (s >>> 15);
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
    for (let i = 0; i < 16; i++) this.int32();
  }

  /** A signed 32-bit integer. */
  int32(): number {
    let t = this.#d;
    const s = this.#a;
    this.#d = this.#c;
    this.#c = this.#b;
    this.#b = s;
    t ^= t << 11;
    t ^= t >>> 8;
    this.#a = t ^ s ^ (s >>> 19);
    return this.#a | 0;
  }

  /** An integer in [0, limit), limit at most 2^31. */
  below(limit: number): number {
    return Math.floor(((this.int32() >>> 0) / 4294967296) * limit);
  }

  /** Lower-case hexadecimal text of `digits` digits. */
  hex(digits: number): string {
    let text = "";
    while (text.length < digits) text += (this.int32() >>> 0).toString(16).padStart(8, "0");
    return text.slice(0, digits);
  }
}

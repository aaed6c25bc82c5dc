/** The one generator of randomness: xorshift128, seeded, so that a run can be repeated. */
export class Random {
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

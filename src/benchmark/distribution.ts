/** Which key comes next: numbers in [0, size), equally likely or as Zipf's law says. */
import type { Random } from "../base/random.ts";

export interface Distribution {
  next(): number;
}

/** A fraction in [0, 1) of 53 bits. */
function fraction(random: Random): number {
  const high = random.int32() >>> 5;
  const low = random.int32() >>> 6;
  return (high * 67108864 + low) / 9007199254740992;
}

export class Uniform implements Distribution {
  readonly #size: number;
  readonly #random: Random;
  readonly #isSmall: boolean;

  constructor(size: number, random: Random) {
    this.#size = size;
    this.#random = random;
    this.#isSmall = size < 2 ** 31;
  }

  next(): number {
    if (this.#isSmall) return this.#random.below(this.#size);
    return Math.floor(fraction(this.#random) * this.#size);
  }
}

/**
 * Zipf's law: number k has weight 1 / (k + 1)^theta, so small numbers are the hot ones; theta > 0.
 *
 * Sampled by rejection-inversion in constant time and without tables, also for theta = 1:
 * W. Hörmann, G. Derflinger, "Rejection-inversion to generate variates from monotone discrete
 * distributions", ACM Transactions on Modeling and Computer Simulation 6 (3), 1996. The weights are
 * covered by the area under h(x) = x^-theta between the halves; a point of that area, picked by
 * inverting h's integral, is taken where it lies under the bar of its rank and tried anew where not.
 */
export class Zipf implements Distribution {
  readonly #size: number;
  readonly #theta: number;
  readonly #random: Random;
  /** The integral at the left and at the right end. */
  readonly #left: number;
  readonly #right: number;
  /** Points at most this far left of their rank are taken without further calculation. */
  readonly #sure: number;

  constructor(size: number, theta: number, random: Random) {
    this.#size = size;
    this.#theta = theta;
    this.#random = random;
    this.#left = this.#integral(1.5) - 1;
    this.#right = this.#integral(size + 0.5);
    this.#sure = 2 - this.#inverse(this.#integral(2.5) - this.#weight(2));
  }

  next(): number {
    for (;;) {
      const area = this.#right + fraction(this.#random) * (this.#left - this.#right);
      const x = this.#inverse(area);
      const rank = Math.min(this.#size, Math.max(1, Math.floor(x + 0.5)));
      if (rank - x <= this.#sure || area >= this.#integral(rank + 0.5) - this.#weight(rank)) {
        return rank - 1;
      }
    }
  }

  #weight(x: number): number {
    return Math.exp(-this.#theta * Math.log(x));
  }

  /** (x^(1 - theta) - 1) / (1 - theta), in a form that is good near theta = 1. */
  #integral(x: number): number {
    const log = Math.log(x);
    const power = (1 - this.#theta) * log;
    return Math.abs(power) < 1e-8 ? log * (1 + power / 2) : (Math.expm1(power) / power) * log;
  }

  #inverse(area: number): number {
    // Rounding can take it below -1, where the logarithm ends.
    const scaled = Math.max(-1, area * (1 - this.#theta));
    const log =
      Math.abs(scaled) < 1e-8 ? area * (1 - scaled / 2) : (Math.log1p(scaled) / scaled) * area;
    return Math.exp(log);
  }
}

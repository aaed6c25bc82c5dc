/** What random calls are made of: keys, values and arguments, drawn from a seed. */
import { Random } from "../../src/base/random.ts";
import { MAX, MIN } from "./values.ts";

export type Words = readonly string[];

/** Keys by what they usually hold. */
export const USUAL = {
  text: ["a", "b", ""],
  integer: ["n", "o"],
  float: ["f"],
  list: ["k", "l", "\0\xff\r\n"],
  set: ["s", "t", "u"],
  hyperloglog: ["h", "i"],
  zset: ["y", "z"],
} as const;
export const KEYS: readonly string[] = Object.values(USUAL).flat();
/** So often the same that LREM, LPOS, LINSERT and LCS find something. */
export const COMMON = ["x", "y", "hello", "12", "-5", "007", "", "3.5", "-100000", "\0\xff", MAX];
export const DATABASES = ["0", "1", "2"];
export const NO_INTEGERS = ["", "abc", "1.0", " 1", "9223372036854775808", "-0", "1e3"];
/** Seconds in the year 3021. */
export const LATER = 33177117420;
/** Expiries before this one, in ms, are relative to two clocks that do not quite agree. */
export const EXACT_FROM_MS = 4e12;

export class Dice {
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** An integer in [low, high]. */
  int(low: number, high: number): number {
    return low + this.#random.below(high - low + 1);
  }

  chance(percent: number): boolean {
    return this.#random.below(100) < percent;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.#random.below(items.length)]!;
  }

  times<T>(low: number, high: number, make: () => T): T[] {
    return Array.from({ length: this.int(low, high) }, make);
  }

  key(usual?: keyof typeof USUAL): string {
    return usual === undefined || this.chance(4) ? this.pick(KEYS) : this.pick(USUAL[usual]);
  }

  /** A key for a command on strings of any kind. */
  string(): string {
    return this.key(this.pick(["text", "text", "integer", "float"]));
  }

  list(): string {
    return this.key("list");
  }

  zset(): string {
    return this.key("zset");
  }

  /** A score: one that Redis 7.0 writes in the same digits as 7.2, even when some are summed up. */
  score(): string {
    if (this.chance(5)) return this.pick(["inf", "-inf", "1e3", "0x10", "", "nan", "x", "-0"]);
    return String(this.int(-200, 200) / this.pick([1, 1, 8]));
  }

  /** A bound of a range of scores. */
  scoreBound(): string {
    if (this.chance(25)) return this.pick(["-inf", "+inf", "inf"]);
    return `${this.chance(30) ? "(" : ""}${this.score()}`;
  }

  set(): string {
    return this.key("set");
  }

  /** Of few values, so that members meet: integers, short texts, and now and then any. */
  member(): string {
    if (this.chance(45)) return String(this.int(-40, 40));
    return this.chance(85) ? `m${this.int(0, 60)}` : this.value();
  }

  lexBound(): string {
    if (this.chance(30)) return this.pick(["-", "+"]);
    return this.chance(97) ? `${this.pick(["[", "("])}${this.member()}` : this.member();
  }

  limit(): Words {
    return ["LIMIT", this.chance(90) ? String(this.int(-1, 5)) : this.index(), this.count()];
  }

  /** "numkeys key ..." of sorted sets. */
  zsets(): Words {
    const names = this.times(1, 3, () => this.zset());
    return [this.chance(96) ? String(names.length) : this.count(), ...names];
  }

  /** The value of a string, or an element of a list. */
  value(): string {
    const kind = this.int(0, 99);
    if (kind < 40) return this.pick(COMMON);
    if (kind < 55) return String(this.int(-1000000, 1000000));
    if (kind < 65) return this.integer();
    if (kind < 75) return this.pick("pqrs\0\xfe".split("")).repeat(this.int(0, 70));
    if (kind < 92) return `${this.int(0, 9)}:`.padEnd(this.int(100, 500), "ab");
    if (kind < 97) return `${this.int(0, 9)}:`.padEnd(this.int(4000, 4200), "cd");
    return `${this.int(0, 9)}:`.padEnd(this.int(8100, 20000), "ef");
  }

  /** An index or offset. */
  index(): string {
    if (this.chance(2)) return this.pick([MAX, MIN, ...NO_INTEGERS]);
    if (this.chance(60)) return String(this.int(-6, 6));
    return String(this.int(-400, 400));
  }

  /** A count, mostly a valid one. */
  count(): string {
    if (this.chance(4)) return this.pick([MAX, MIN, "-1", ...NO_INTEGERS]);
    return String(this.chance(80) ? this.int(0, 12) : this.int(0, 300));
  }

  integer(): string {
    if (this.chance(10)) return this.pick([MAX, MIN, ...NO_INTEGERS]);
    const bits = this.int(0, 63);
    let value = 0n;
    for (let i = 0; i < bits; i++) value = value * 2n + BigInt(this.int(0, 1));
    return String(this.chance(50) ? value : -value);
  }

  /** The offset of a bit. */
  bitOffset(): string {
    if (this.chance(3)) return this.pick(["-1", MAX, MIN, ...NO_INTEGERS]);
    return String(this.chance(90) ? this.int(0, 300) : this.int(0, 200000));
  }

  bit(): string {
    return this.chance(3) ? this.pick(["2", "-1", ...NO_INTEGERS]) : this.pick(["0", "1"]);
  }

  /** A range of BITCOUNT or BITPOS; a valid one, because Redis 7.2 refuses others where 7.0 does not. */
  bitRange(): Words {
    if (this.chance(20)) return [];
    const range = this.times(2, 2, () => String(this.int(-400, 400)));
    return this.chance(60) ? [...range, this.pick(["BIT", "BYTE", "bit"])] : range;
  }

  /** Type and offset of a field of BITFIELD. */
  field(): Words {
    const type = this.chance(97) ? `${this.pick(["u", "i"])}${this.int(1, 63)}` : "u64";
    // Redis multiplies without a check for overflow.
    return [type, this.chance(20) ? `#${this.int(0, 40)}` : this.bitOffset()];
  }

  float(): string {
    if (this.chance(6))
      return this.pick(["", "nan", "inf", "-inf", "1e4932", "abc", "0x1p3", " 1"]);
    const digits = (low: number, high: number) =>
      this.times(low, high, () => this.int(0, 9)).join("");
    const sign = this.pick(["", "-", "+"]);
    const whole = digits(1, this.chance(80) ? 5 : 22);
    const fraction = this.chance(70) ? `.${digits(0, this.chance(80) ? 6 : 25)}` : "";
    const exponent = this.chance(25) ? `e${this.int(-25, 25)}` : "";
    return `${sign}${whole}${fraction}${exponent}`;
  }

  end(): string {
    return this.chance(2) ? this.pick(["", "MIDDLE"]) : this.pick(["LEFT", "RIGHT", "left"]);
  }

  /** Seconds from now: so many different ones that two never meet in one millisecond. */
  seconds(): string {
    if (this.chance(5)) return this.pick(["0", "-1", MIN, MAX, ...NO_INTEGERS]);
    return String(this.int(1000, 10000000));
  }

  milliseconds(): string {
    const seconds = this.seconds();
    // Times beyond 2^53 ms are rounded.
    if (seconds === MAX) return "10000000000";
    return /^[1-9]\d{3,}$/.test(seconds) && seconds.length < 10 ? `${seconds}000` : seconds;
  }

  /** An option of SET or GETEX that lets the key expire. */
  expiration(): Words {
    const option = this.pick(["EX", "PX", "EXAT", "PXAT"]);
    if (option === "EX") return [option, this.seconds()];
    if (option === "PX") return [option, this.milliseconds()];
    if (option === "EXAT") return [option, this.laterSeconds()];
    return [option, this.laterMilliseconds()];
  }

  laterSeconds(): string {
    return this.chance(5) ? this.seconds() : String(LATER + this.int(0, 1000));
  }

  laterMilliseconds(): string {
    return this.chance(5) ? this.milliseconds() : String((LATER + this.int(0, 1000)) * 1000 + 123);
  }

  /** Some of the options, in any order; now and then a wrong one. */
  options(...makers: readonly (() => Words)[]): string[] {
    const chosen: string[] = [];
    for (const make of makers) {
      if (this.chance(40)) {
        if (this.chance(50)) chosen.push(...make());
        else chosen.unshift(...make());
      }
    }
    if (this.chance(2)) chosen.push(this.pick(["", "FOO", "COUNT", "EX", "DB"]));
    return chosen;
  }

  condition(): Words {
    return this.chance(30)
      ? []
      : this.times(1, this.chance(85) ? 1 : 2, () => this.pick(["NX", "XX", "GT", "LT"]));
  }
}

export type Maker = (dice: Dice) => readonly Words[];

/** One call whose arguments behind the name are made by `make`. */
export function call(name: string, make: (dice: Dice) => Words): Maker {
  return (dice) => [[name, ...make(dice)]];
}

export type Word = (dice: Dice) => string;

export function of(name: string, ...words: readonly Word[]): Maker {
  return call(name, (dice) => words.map((make) => make(dice)));
}

export const anyKey: Word = (dice) => dice.key();
export const string: Word = (dice) => dice.string();
export const integer: Word = (dice) => dice.key("integer");
export const list: Word = (dice) => dice.list();

export const value: Word = (dice) => dice.value();
export const index: Word = (dice) => dice.index();
export const bitOffset: Word = (dice) => dice.bitOffset();
export const bit: Word = (dice) => dice.bit();

export interface Entry {
  readonly make: Maker;
  /** How often it comes up. */
  readonly weight: number;
}

export function often(make: Maker): Entry {
  return { make, weight: 8 };
}

export function usual(make: Maker): Entry {
  return { make, weight: 3 };
}

export function rare(make: Maker): Entry {
  return { make, weight: 1 };
}

export const timeout: Word = (dice) =>
  dice.chance(95) ? dice.pick(["0", "0.01", "5"]) : dice.pick(["-1", "x", ""]);

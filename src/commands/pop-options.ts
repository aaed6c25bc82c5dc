/** The options of commands that pop from the first of several keys: LMPOP, ZMPOP, and those that wait. */
import type { Context } from "./context.ts";

/** With the keys in arguments `first` to `last`. */
export interface PopOptions {
  readonly first: number;
  readonly last: number;
  /** LEFT or MIN; else RIGHT or MAX. */
  readonly atStart: boolean;
  readonly count: number;
}

/** True for the first of two words (in lower case), false for the second; undefined, with the error replied, for anything else. */
export function readWord(
  c: Context,
  index: number,
  first: string,
  second: string,
): boolean | undefined {
  if (c.args.is(index, first)) return true;
  if (c.args.is(index, second)) return false;
  c.syntaxError();
  return undefined;
}

/**
 * Reads "numkeys key ... end [COUNT count]" from argument `from` on; null with the error replied. The
 * ends are called `start` and `end`.
 */
export function readPopOptions(
  c: Context,
  from: number,
  start: string,
  end: string,
): PopOptions | null {
  const { args } = c;
  const wrong = "ERR numkeys should be greater than 0";
  const keys = c.integerWithin(from, 1, Number.POSITIVE_INFINITY, wrong);
  if (Number.isNaN(keys)) return null;
  const whereIndex = from + 1 + keys;
  if (whereIndex >= args.count) {
    c.syntaxError();
    return null;
  }
  const atStart = readWord(c, whereIndex, start, end);
  if (atStart === undefined) return null;
  let count = -1;
  for (let i = whereIndex + 1; i < args.count; i++) {
    if (count >= 0 || !args.is(i, "count") || i + 1 >= args.count) {
      c.syntaxError();
      return null;
    }
    count = c.integerWithin(++i, 1, Number.POSITIVE_INFINITY, "ERR count should be greater than 0");
    if (Number.isNaN(count)) return null;
  }
  return { first: from + 1, last: whereIndex - 1, atStart, count: Math.max(1, count) };
}

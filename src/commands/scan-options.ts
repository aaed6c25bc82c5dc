/** What SCAN and its relatives share: cursor, options, and how far a call goes. */
import { Glob } from "../base/glob.ts";
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";

const CURSOR_DIGITS_MAX = 20;

/** The cursor in argument `index`: what C's strtoul takes, of which the lower bits count; -1 with the error replied. */
export function readCursor(c: Context, index: number): number {
  const match = /^(?:([+-]?)([0-9]+))?(?:\0|$)/.exec(c.args.text(index));
  const digits = match === null ? null : (match[2]?.replace(/^0+/, "") ?? "");
  if (digits !== null && digits.length <= CURSOR_DIGITS_MAX) {
    const value = BigInt(digits);
    if (value <= 18446744073709551615n) {
      return Number(BigInt.asUintN(31, match![1] === "-" ? -value : value));
    }
  }
  c.reply.error(errors.INVALID_CURSOR);
  return -1;
}

export interface ScanOptions {
  count: number;
  /** Null where all match. */
  glob: Glob | null;
  /** Of SCAN alone: the name of a type, in lower case. */
  type: string | null;
  /** Of HSCAN alone. */
  withoutValues: boolean;
}

/** Null for a pattern that every text matches, the empty one included. */
export function readGlob(pattern: string): Glob | null {
  return pattern === "*" ? null : new Glob(pattern);
}

/** Reads the options from argument `from` on, with the one that not every scan has; null with the error replied. */
export function readScanOptions(
  c: Context,
  from: number,
  extra: "type" | "novalues" | "",
): ScanOptions | null {
  const { args } = c;
  const options: ScanOptions = { count: 10, glob: null, type: null, withoutValues: false };
  for (let i = from; i < args.count; i += 2) {
    const more = i + 1 < args.count;
    if (more && args.is(i, "count")) {
      options.count = c.integer(i + 1);
      if (Number.isNaN(options.count)) return null;
      if (options.count < 1) {
        c.syntaxError();
        return null;
      }
    } else if (more && args.is(i, "match")) options.glob = readGlob(args.text(i + 1));
    else if (more && extra === "type" && args.is(i, "type")) {
      options.type = args.text(i + 1).toLowerCase();
    } else if (extra === "novalues" && args.is(i, "novalues")) {
      options.withoutValues = true;
      i--;
    } else {
      c.syntaxError();
      return null;
    }
  }
  return options;
}

/** A call looks at up to this many buckets for each element that is asked for. */
const SCAN_STEPS_PER_KEY = 10;

/** A table that is scanned. */
export interface Scanned {
  readCursor(cursor: number, out: number[], from: number): number;
  nextCursor(cursor: number): number;
}

/** Collects about `count` records from `cursor` on, whole buckets, into `records`; returns the next cursor. */
export function scanSome(table: Scanned, cursor: number, count: number, records: number[]): number {
  let at = cursor;
  let found = 0;
  let steps = 0;
  do {
    found = table.readCursor(at, records, found);
    at = table.nextCursor(at);
    steps++;
  } while (at !== 0 && found < count && steps < count * SCAN_STEPS_PER_KEY);
  records.length = found;
  return at;
}

/** The options that SET, GETEX and MSETEX have in common. */
import { NO_EXPIRY } from "../store/entry.ts";
import type { Context } from "./context.ts";
import { absoluteExpiry, SECONDS } from "./expiry.ts";

export const EX = 1;
export const PX = 2;
export const EXAT = 4;
export const PXAT = 8;
export const KEEPTTL = 16;
export const PERSIST = 32;
export const NX = 64;
export const XX = 128;
export const GET = 256;
export const IFEQ = 512;
export const IFNE = 1024;
export const IFDEQ = 2048;
export const IFDNE = 4096;
export const EXPIRES = EX | PX | EXAT | PXAT;
export const COMPARES = IFEQ | IFNE | IFDEQ | IFDNE;

/** The syntax of EXPIRES. */
export const EXPIRATION =
  "EX seconds | PX milliseconds | EXAT unix-time-seconds | PXAT unix-time-milliseconds";

/** Where `readOptions` found the expiry's argument, and that of a comparison. */
let expiryIndex = 0;
let compareIndex = 0;

/** Where `readOptions` found what the present value is compared with. */
export function comparedIndex(): number {
  return compareIndex;
}

/** One of the options that are followed by a value; 0 for any other word. */
function valuedOption(c: Context, index: number): number {
  const { args } = c;
  if (args.is(index, "ex")) return EX;
  if (args.is(index, "px")) return PX;
  if (args.is(index, "exat")) return EXAT;
  if (args.is(index, "pxat")) return PXAT;
  return compareOption(c, index);
}

/** IFEQ and the like; 0 for any other word. */
export function compareOption(c: Context, index: number): number {
  const { args } = c;
  if (args.is(index, "ifeq")) return IFEQ;
  if (args.is(index, "ifne")) return IFNE;
  if (args.is(index, "ifdeq")) return IFDEQ;
  return args.is(index, "ifdne") ? IFDNE : 0;
}

/** Reads options from argument `from` on; -1 on a syntax error, replied. */
export function readOptions(c: Context, from: number, allowed: number): number {
  const { args } = c;
  let options = 0;
  for (let i = from; i < args.count; i++) {
    const more = i + 1 < args.count;
    let option = 0;
    if (args.is(i, "nx")) option = options & (XX | COMPARES) ? 0 : NX;
    else if (args.is(i, "xx")) option = options & (NX | COMPARES) ? 0 : XX;
    else if (args.is(i, "get")) option = GET;
    else if (args.is(i, "keepttl")) option = options & (EXPIRES | PERSIST) ? 0 : KEEPTTL;
    else if (args.is(i, "persist")) option = options & (EXPIRES | KEEPTTL) ? 0 : PERSIST;
    else if (more) {
      option = valuedOption(c, i++);
      if (option & COMPARES) {
        if (options & (NX | XX | (COMPARES & ~option))) option = 0;
        compareIndex = i;
      } else {
        if (options & ((EXPIRES | KEEPTTL | PERSIST) & ~option)) option = 0;
        expiryIndex = i;
      }
    }
    if ((option & allowed) === 0) {
      c.syntaxError();
      return -1;
    }
    options |= option;
  }
  return options;
}

/** The expiry that the options ask for, in ms; NO_EXPIRY without one; NaN on an error, replied. */
export function expiryOption(c: Context, options: number): number {
  if ((options & EXPIRES) === 0) return NO_EXPIRY;
  return absoluteExpiry(
    c,
    expiryIndex,
    options & (EX | EXAT) ? SECONDS : 1,
    (options & (EX | PX)) !== 0,
  );
}

/** INCREX: an increment within bounds, that may set the key's expiry too. */
import { latin1 } from "../base/bytes.ts";
import {
  addExtended,
  compareExtended,
  EXTENDED_MAX,
  type ExtendedFloat,
  formatExtended,
  INFINITE,
  negateExtended,
  parseExtended,
} from "../base/extended-float.ts";
import { fitsInt64, parseBigInteger } from "../base/number-text.ts";
import * as errors from "../protocol/errors.ts";
import { KEEP_EXPIRY, NO_EXPIRY } from "../store/entry.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, STRING_EVENT } from "./events.ts";
import { absoluteExpiry, SECONDS } from "./expiry.ts";
import { EX, EXAT, EXPIRATION, EXPIRES, PERSIST, PX, PXAT } from "./set-options.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

const BYINT = 1 << 16;
const BYFLOAT = 1 << 17;
const LBOUND = 1 << 18;
const UBOUND = 1 << 19;
const SATURATE = 1 << 20;
const ENX = 1 << 21;
const INCREMENTS = BYINT | BYFLOAT;

const WORDS: Readonly<Record<string, number>> = {
  byint: BYINT,
  byfloat: BYFLOAT,
  lbound: LBOUND,
  ubound: UBOUND,
  ex: EX,
  px: PX,
  exat: EXAT,
  pxat: PXAT,
  persist: PERSIST,
  saturate: SATURATE,
  enx: ENX,
};
const WITHOUT_VALUE = PERSIST | SATURATE | ENX;

const BOUNDS_CROSSED = "ERR LBOUND can't be greater than UBOUND";
const NEEDS_EXPIRATION = "ERR ENX flag requires an expiration";
const INFINITE_INCREMENT = "ERR BYFLOAT increment cannot be Infinity";
const INFINITE_VALUE = "ERR value cannot be Infinity";
const APPLIED_OVERFLOWS = "ERR applied increment would overflow";

/** What a call says: which options are there, and where the values behind them are. */
interface Options {
  readonly given: number;
  readonly increment: number;
  readonly lower: number;
  readonly upper: number;
  readonly expiry: number;
}

/** Numbers of one kind, and what can be done with them. */
interface Arithmetic<T> {
  /** In an argument, whose name stands in the error; null with the error replied. */
  parse(c: Context, index: number, name: string): T | null;
  /** The value of the key, whose entry is `ref` or 0; the same. */
  valueOf(c: Context, ref: number): T | null;
  readonly one: T;
  readonly least: T;
  readonly most: T;
  /** The sum; where it is out of range, false for one that is too small and true for one too large. */
  add(a: T, b: T): T | boolean;
  /** a - b; null where it is out of range. */
  subtract(a: T, b: T): T | null;
  compare(a: T, b: T): number;
  text(value: T): string;
  reply(c: Context, value: T): void;
  readonly zero: T;
  readonly event: string;
}

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

const INTEGERS: Arithmetic<bigint> = {
  one: 1n,
  zero: 0n,
  least: INT64_MIN,
  most: INT64_MAX,
  event: "incrby",

  parse(c, index, name) {
    const { bytes, length, start } = c.args;
    const value = parseBigInteger(bytes, start[index]!, length[index]!);
    if (value === null) c.reply.error(`ERR ${name} is not an integer or out of range`);
    return value;
  },

  valueOf(c, ref) {
    const value = ref === 0 ? 0n : c.keyspace.strings.bigIntegerOf(ref);
    if (value === null) c.reply.error(errors.NOT_AN_INTEGER);
    return value;
  },

  add(a, b) {
    const sum = a + b;
    return fitsInt64(sum) ? sum : sum > 0n;
  },

  subtract(a, b) {
    return fitsInt64(a - b) ? a - b : null;
  },

  compare: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  text: (value) => value.toString(),
  reply: (c, value) => c.reply.bigInteger(value),
};

const FLOATS: Arithmetic<ExtendedFloat> = {
  one: { mantissa: 1n, exponent: 0 },
  zero: { mantissa: 0n, exponent: 0 },
  least: negateExtended(EXTENDED_MAX),
  most: EXTENDED_MAX,
  event: "incrbyfloat",

  parse(c, index, name) {
    const { bytes, length, start } = c.args;
    const value = parseExtended(bytes, start[index]!, length[index]!);
    if (value === null) c.reply.error(`ERR ${name} is not a valid float`);
    if (value !== INFINITE) return value;
    if (name !== "Increment") return bytes[start[index]!] === 45 ? this.least : this.most;
    c.reply.error(INFINITE_INCREMENT);
    return null;
  },

  valueOf(c, ref) {
    if (ref === 0) return this.zero;
    const { bytes, from, length } = c.keyspace.strings.open(ref);
    const value = parseExtended(bytes, from, length);
    if (value === null) c.reply.error(errors.NOT_A_FLOAT);
    if (value !== INFINITE) return value;
    c.reply.error(INFINITE_VALUE);
    return null;
  },

  add(a, b) {
    return addExtended(a, b) ?? b.mantissa > 0n;
  },

  subtract(a, b) {
    return addExtended(a, negateExtended(b));
  },

  compare: compareExtended,
  text: formatExtended,

  reply(c, value) {
    const text = formatExtended(value);
    if (c.reply.protocol === 2) {
      c.reply.text(text);
      return;
    }
    c.reply.characters(`,${text}`);
    c.reply.endLine();
  },
};

/** Reads the options; null with the error replied. Each may be given once. */
function readOptions(c: Context): Options | null {
  const { args } = c;
  let given = 0;
  const places = { increment: 0, lower: 0, upper: 0, expiry: 0 };
  for (let i = 2; i < args.count; i++) {
    const word = Object.keys(WORDS).find((name) => args.is(i, name));
    const option = word === undefined ? 0 : WORDS[word]!;
    const exclusive =
      option & INCREMENTS ? INCREMENTS : option & (EXPIRES | PERSIST) ? EXPIRES | PERSIST : option;
    const clashes = given & exclusive || (option & (PERSIST | ENX) && given & (PERSIST | ENX));
    const hasValue = (option & WITHOUT_VALUE) === 0;
    if (option === 0 || clashes || (hasValue && i + 1 >= args.count)) {
      c.syntaxError();
      return null;
    }
    given |= option;
    if (!hasValue) continue;
    i++;
    if (option & INCREMENTS) places.increment = i;
    else if (option === LBOUND) places.lower = i;
    else if (option === UBOUND) places.upper = i;
    else places.expiry = i;
  }
  if (given & ENX && (given & EXPIRES) === 0) {
    c.reply.error(NEEDS_EXPIRATION);
    return null;
  }
  return { given, ...places };
}

function increx(c: Context): void {
  const options = readOptions(c);
  if (options === null) return;
  if (options.given & BYFLOAT) increment(c, options, FLOATS);
  else increment(c, options, INTEGERS);
}

function increment<T>(c: Context, options: Options, numbers: Arithmetic<T>): void {
  const { given } = options;
  const by =
    options.increment === 0 ? numbers.one : numbers.parse(c, options.increment, "Increment");
  if (by === null) return;
  const lower = options.lower === 0 ? numbers.least : numbers.parse(c, options.lower, "LBOUND");
  if (lower === null) return;
  const upper = options.upper === 0 ? numbers.most : numbers.parse(c, options.upper, "UBOUND");
  if (upper === null) return;
  if (numbers.compare(lower, upper) > 0) {
    c.reply.error(BOUNDS_CROSSED);
    return;
  }
  let expireAtMs = NO_EXPIRY;
  if (given & EXPIRES) {
    const unitMs = given & (EX | EXAT) ? SECONDS : 1;
    expireAtMs = absoluteExpiry(c, options.expiry, unitMs, (given & (EX | PX)) !== 0);
    if (Number.isNaN(expireAtMs)) return;
  }
  const ref = c.lookupWrite(1);
  if (!c.isString(ref)) return;
  const value = numbers.valueOf(c, ref);
  if (value === null) return;
  const made = bounded(numbers, numbers.add(value, by), lower, upper, (given & SATURATE) !== 0);
  if (made === null) {
    replyBoth(c, numbers, value, numbers.zero);
    return;
  }
  const applied = numbers.subtract(made, value);
  if (applied === null) {
    c.reply.error(APPLIED_OVERFLOWS);
    return;
  }
  const hadExpiry = ref !== 0 && c.db.expiryOf(ref) >= 0;
  const keeps = (given & (EXPIRES | PERSIST)) === 0 || (given & ENX && hadExpiry);
  store(c, ref, numbers, made, keeps ? KEEP_EXPIRY : expireAtMs, hadExpiry);
  replyBoth(c, numbers, made, applied);
}

/** The sum within the bounds; where it is not, the nearer bound if that is wanted, else null. */
function bounded<T>(
  { compare }: Arithmetic<T>,
  sum: T | boolean,
  lower: T,
  upper: T,
  saturates: boolean,
): T | null {
  const isTooLarge = typeof sum === "boolean" ? sum : compare(sum, upper) > 0;
  const isTooSmall = typeof sum === "boolean" ? !sum : compare(sum, lower) < 0;
  if (!isTooLarge && !isTooSmall) return sum as T;
  if (!saturates) return null;
  return isTooLarge ? upper : lower;
}

function replyBoth<T>(c: Context, numbers: Arithmetic<T>, value: T, applied: T): void {
  c.reply.array(2);
  numbers.reply(c, value);
  numbers.reply(c, applied);
}

/** Sets the key and says what happened; a time in the past deletes it. */
function store<T>(
  c: Context,
  ref: number,
  numbers: Arithmetic<T>,
  value: T,
  expireAtMs: number,
  hadExpiry: boolean,
): void {
  if (expireAtMs >= 0 && expireAtMs <= c.nowMs && !c.keyspace.expiryPaused) {
    if (ref === 0) return;
    c.db.remove(ref);
    c.changed(GENERIC_EVENT, "del", 1);
    c.propagateDelete(1);
    c.dirty++;
    return;
  }
  const { args, db, keyspace } = c;
  const key = args.start[1]!;
  const keyBytes = args.length[1]!;
  const text = latin1(numbers.text(value));
  const { strings } = keyspace;
  if (typeof value === "bigint") {
    strings.setInteger(db, ref, args.bytes, key, keyBytes, value, expireAtMs);
  } else {
    strings.setText(db, ref, args.bytes, key, keyBytes, text, 0, text.length, expireAtMs);
  }
  c.changed(STRING_EVENT, numbers.event, 1);
  if (expireAtMs >= 0) c.changed(GENERIC_EVENT, "expire", 1);
  else if (expireAtMs === NO_EXPIRY && hadExpiry) c.changed(GENERIC_EVENT, "persist", 1);
  c.dirty++;
  const out = c.propagateInstead(expireAtMs === KEEP_EXPIRY ? 4 : expireAtMs >= 0 ? 5 : 3);
  if (out === null) return;
  out.text("SET");
  out.copy(args, 1);
  out.argument(text, 0, text.length);
  if (expireAtMs === KEEP_EXPIRY) out.text("KEEPTTL");
  else if (expireAtMs >= 0) {
    out.text("PXAT");
    out.integer(expireAtMs);
  }
}

export const BOUNDED_INCREMENT_COMMANDS: readonly CommandSpec[] = [
  {
    name: "increx",
    group: "string",
    since: "8.8.0",
    complexity: "O(1)",
    summary: "Increments the number at a key within bounds, and may change the key's expiry.",
    arity: -2,
    flags: "write denyoom fast",
    keys: oneKey("RW access update"),
    syntax: `key [increment: BYFLOAT float/double | BYINT integer/integer] [SATURATE] [LBOUND lowerbound] [UBOUND upperbound] [expiration: ${EXPIRATION} | PERSIST] [ENX]`,
    handler: increx,
  },
];

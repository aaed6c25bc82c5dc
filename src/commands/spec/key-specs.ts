/** Where a command's keys are among its arguments: the one place that knows. */
import type { Request } from "../../protocol/request.ts";

/** An entry's key specification, in the words of COMMAND INFO. */
export interface KeySpec {
  /** Flags such as "RW access update". */
  readonly flags: string;
  /** Index of the first key, or of the number of keys if `keynum`, or where `behind` is looked for. */
  readonly at: number;
  /** Index of the last key relative to the first; negative counts from the end of the arguments. */
  readonly last?: number;
  readonly step?: number;
  /** The argument at `at` is the number of keys behind it. */
  readonly keynum?: boolean;
  /** The key is the argument behind the last such option (in lower case); no key without it. */
  readonly behind?: string;
  /** Options that take arguments, and how many: none of those is what `behind` says. */
  readonly skips?: Readonly<Record<string, number>>;
  /** COMMAND INFO calls the place of the key unknown, as Redis does; without `behind` it is. */
  readonly unknown?: true;
  readonly notes?: string;
  /** Other flags for a call that lacks an option (in lower case) from argument `from` on. */
  readonly without?: { readonly option: string; readonly from: number; readonly flags: string };
}

/** One key, in argument `at`. */
export function keyAt(at: number, flags: string, notes?: string): KeySpec {
  return notes === undefined ? { at, flags } : { at, flags, notes };
}

export function oneKey(flags: string, notes?: string): readonly KeySpec[] {
  return [keyAt(1, flags, notes)];
}

/** Every argument from the first on, or every `step`th. */
export function allKeys(flags: string, step = 1): readonly KeySpec[] {
  return [{ at: 1, last: -1, step, flags }];
}

/** What a command does with a key, as in Redis: first how it takes it, then what that means. */
export const KEY_OVERWRITE = 1;
export const KEY_READ_ONLY = 2;
export const KEY_READ_WRITE = 4;
export const KEY_REMOVE = 8;
export const KEY_ACCESS = 16;
export const KEY_UPDATE = 32;
export const KEY_INSERT = 64;
export const KEY_DELETE = 128;
export const KEY_NOT_KEY = 256;
export const KEY_INCOMPLETE = 512;
export const KEY_VARIABLE_FLAGS = 1024;

/** Redis's names of the flags, in the order of their bits. */
const FLAG_NAMES = [
  "OW",
  "RO",
  "RW",
  "RM",
  "access",
  "update",
  "insert",
  "delete",
  "not_key",
  "incomplete",
  "variable_flags",
];

function flagBits(flags: string): number {
  let bits = 0;
  for (const name of flags.split(" ")) {
    const index = FLAG_NAMES.indexOf(name);
    if (index < 0) throw new Error(`unknown flag '${name}' of a key`);
    bits |= 1 << index;
  }
  return bits;
}

export function keyFlagNames(bits: number): string[] {
  return FLAG_NAMES.filter((_, index) => bits & (1 << index));
}

/** A key specification, ready to be used for every call. */
export interface KeyPlace {
  readonly at: number;
  readonly last: number;
  readonly step: number;
  readonly keynum: boolean;
  /** "" for none. */
  readonly behind: string;
  readonly skips: readonly (readonly [option: string, count: number])[];
  readonly bits: number;
  /** An option without which `bitsWithoutOption` hold; "" for none. */
  readonly option: string;
  readonly optionFrom: number;
  readonly bitsWithoutOption: number;
}

export function placesOf(specs: readonly KeySpec[]): readonly KeyPlace[] {
  const known = specs.filter((spec) => !spec.unknown || spec.behind !== undefined);
  return known.map(({ at, behind, flags, keynum, last, skips, step, without }) => ({
    at,
    last: last ?? 0,
    step: step ?? 1,
    keynum: keynum ?? false,
    behind: behind ?? "",
    skips: Object.entries(skips ?? {}),
    bits: flagBits(flags),
    option: without?.option ?? "",
    optionFrom: without?.from ?? 0,
    bitsWithoutOption: without === undefined ? 0 : flagBits(without.flags),
  }));
}

/** Why the keys of a call cannot be told. */
export const KEYS_FOUND = 0;
/** The command takes no keys. */
export const NO_KEYS = 1;
/** The number of arguments is not one that the command accepts. */
export const WRONG_COUNT = 2;
/** The number of keys is no number, or there are fewer arguments. */
export const WRONG_KEYNUM = 3;
export type KeysOutcome =
  | typeof KEYS_FOUND
  | typeof NO_KEYS
  | typeof WRONG_COUNT
  | typeof WRONG_KEYNUM;

/** What `forEachKey` has to know of a command. */
interface Keyed {
  readonly keys: readonly KeyPlace[];
  acceptsCount(count: number): boolean;
}

/**
 * Calls `visit` with the index and the flag bits of each argument that is a key. The command's name
 * is argument `nameIndex`: the request may be about a call, as in COMMAND GETKEYS. Allocates nothing
 * and replies nothing. If the outcome is not KEYS_FOUND, some keys may have been visited.
 */
export function forEachKey(
  command: Keyed,
  request: Request,
  visit: (index: number, bits: number) => void,
  nameIndex = 0,
): KeysOutcome {
  const { keys } = command;
  if (keys.length === 0) return NO_KEYS;
  const count = request.count - nameIndex;
  if (!command.acceptsCount(count)) return WRONG_COUNT;
  for (let i = 0; i < keys.length; i++) {
    const place = keys[i]!;
    let first = place.at;
    let last = place.last < 0 ? count + place.last : first + place.last;
    if (place.behind !== "") {
      first = indexBehind(request, nameIndex + place.at, place) - nameIndex;
      if (first < 0) continue;
      last = first;
    } else if (place.keynum) {
      const keynum = smallNumber(request, nameIndex + first);
      last = first + 1 + (keynum - 1) * place.step;
      first++;
      // With a step of 2 each key has a value behind it.
      if (keynum < 1 || last + place.step - 1 >= count) return WRONG_KEYNUM;
    }
    // A specification's flags vary only with its option, and here the call is known.
    const lacksOption =
      place.option !== "" && !hasOption(request, nameIndex + place.optionFrom, place.option);
    const bits = lacksOption ? place.bitsWithoutOption : place.bits & ~KEY_VARIABLE_FLAGS;
    for (let index = first; index <= last && index < count; index += place.step) {
      visit(nameIndex + index, bits);
    }
  }
  return KEYS_FOUND;
}

/** The index of the argument behind the last such option; -1 without one. */
function indexBehind(request: Request, from: number, { behind, skips }: KeyPlace): number {
  let index = -1;
  for (let i = from; i < request.count; i++) {
    if (request.is(i, behind) && i + 1 < request.count) index = i + 1;
    i += argumentsOf(request, i, skips);
  }
  return index;
}

function argumentsOf(request: Request, index: number, options: KeyPlace["skips"]): number {
  for (let i = 0; i < options.length; i++) {
    const [option, count] = options[i]!;
    if (request.is(index, option)) return count;
  }
  return 0;
}

function hasOption(request: Request, from: number, option: string): boolean {
  for (let i = from; i < request.count; i++) if (request.is(i, option)) return true;
  return false;
}

/** The argument as a number of arguments; -1 if it is none, or more than any request has. */
function smallNumber(request: Request, index: number): number {
  const from = request.start[index]!;
  const length = request.length[index]!;
  if (length === 0 || length > 9) return -1;
  let number = 0;
  for (let i = from; i < from + length; i++) {
    const digit = request.bytes[i]! - 48;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

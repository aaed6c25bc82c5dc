/** What a directive is: how words become its value, and how the value is shown and written. */
import { latin1 } from "../../../base/bytes.ts";
import { parseBigInteger } from "../../../base/number-text.ts";

/** Why words are no value of a directive; the text is Redis's where Redis has one. */
export class Refusal {
  readonly reason: string;
  /** The words are right, but ask for what StormDB does not have. */
  readonly isLack: boolean;

  constructor(reason: string, isLack = false) {
    this.reason = reason;
    this.isLack = isLack;
  }
}

/** What a value may depend on besides its words. */
export interface Earlier<V> {
  readonly value: V;
  /** An earlier line of the files or arguments has set it: it is not the default any more. */
  readonly isGiven: boolean;
}

/** Texts are byte texts: one character a byte. */
export interface Kind<V> {
  readonly default: V;
  /** The default as documents show it, where it is not the same on every machine. */
  readonly defaultText?: string;
  readonly choices?: readonly string[];
  /** The value is a list: in a file its words may be arguments of their own. */
  readonly isList: boolean;
  parse(words: readonly string[], earlier: Earlier<V>): V | Refusal;
  /** The value as CONFIG GET shows it. */
  show(value: V): string;
  /** The arguments of each line that CONFIG REWRITE writes. */
  lines(value: V): readonly (readonly string[])[];
}

export interface Directive<V = unknown> extends Kind<V> {
  /** What it is for, in a line. */
  readonly about: string;
  /** When it can be set; "protected": by CONFIG SET only if enable-protected-configs allows it. */
  readonly settable: "always" | "protected" | "at start";
  readonly aliases: readonly string[];
  /** No log may show its value. */
  readonly isSecret: boolean;
  /** It is accepted, but changes nothing in StormDB. */
  readonly isIdle: boolean;
  /** A line that does something when it is read, and has no value to get, set or rewrite. */
  readonly isStatement: boolean;
}

type Options = Partial<
  Pick<Directive, "settable" | "aliases" | "isSecret" | "isIdle" | "isStatement">
>;

export function directive<V>(kind: Kind<V>, about: string, options: Options = {}): Directive<V> {
  return {
    settable: "always",
    aliases: [],
    isSecret: false,
    isIdle: false,
    isStatement: false,
    ...kind,
    about,
    ...options,
  };
}

/** The same, but it cannot be changed while the server runs. */
export function fixed<V>(kind: Kind<V>, about: string, options: Options = {}): Directive<V> {
  return directive(kind, about, { settable: "at start", ...options });
}

// ── Kinds ────────────────────────────────────────────────────────────────────────────────────

const INT_MAX = 2147483647n;
export const UINT_MAX = 4294967295n;
export const INT64_MAX = 9223372036854775807n;
export const UINT64_MAX = 18446744073709551615n;

/** A kind whose value is one word. */
export function single<V>(
  initial: V,
  parse: (word: string, earlier: Earlier<V>) => V | Refusal,
  show: (value: V) => string = String,
): Kind<V> {
  return {
    default: initial,
    isList: false,
    parse: ([word], earlier) => parse(word!, earlier),
    show,
    lines: (value) => [[show(value)]],
  };
}

/** A kind whose value is a list of words. */
export function list<V>(
  initial: V,
  parse: (words: readonly string[], earlier: Earlier<V>) => V | Refusal,
  wordsOf: (value: V) => readonly string[],
): Kind<V> {
  return {
    default: initial,
    isList: true,
    parse,
    show: (value) => wordsOf(value).join(" "),
    lines: (value) => [wordsOf(value).length === 0 ? [""] : wordsOf(value)],
  };
}

export function flag(initial: boolean): Kind<boolean> {
  return single(
    initial,
    (word) => {
      const lower = word.toLowerCase();
      return lower === "yes" || lower === "no"
        ? lower === "yes"
        : new Refusal("argument must be 'yes' or 'no'");
    },
    (value) => (value ? "yes" : "no"),
  );
}

/** An integer of up to 64 bits; a bigint where a number would not be exact. */
export type Quantity = number | bigint;

interface Limits {
  readonly min?: number;
  readonly max?: bigint;
  /** Smaller and larger values are taken as these. */
  readonly least?: number;
  readonly most?: number;
}

function quantity(value: bigint, { min = 0, max = INT_MAX, least, most }: Limits) {
  if (value < min || value > max) {
    return new Refusal(`argument must be between ${min} and ${max} inclusive`);
  }
  if (least !== undefined && value < least) return least;
  if (most !== undefined && value > most) return most;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER
    ? Number(value)
    : value;
}

export function integer(initial: number, limits: Limits = {}): Kind<Quantity> {
  return single<Quantity>(initial, (word) => {
    const value = parseBigInteger(latin1(word), 0, word.length);
    return value === null
      ? new Refusal("argument couldn't be parsed into an integer")
      : quantity(value, limits);
  });
}

export function memory(initial: number, limits: Limits = {}): Kind<Quantity> {
  return single<Quantity>(initial, (word) => {
    const value = parseMemory(word);
    return value === null
      ? new Refusal("argument must be a memory value")
      : quantity(value, { max: INT64_MAX, ...limits });
  });
}

const UNITS: Readonly<Record<string, bigint>> = {
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000000n,
  mb: 1048576n,
  g: 1000000000n,
  gb: 1073741824n,
};

/** Bytes in a text such as "64mb"; null where it is none. No digits are 0, and 128 too many, as in Redis. */
export function parseMemory(text: string): bigint | null {
  const match = /^([0-9]{0,127})(b|k|kb|m|mb|g|gb)?$/i.exec(text);
  if (match === null) return null;
  const bytes = BigInt(match[1]!) * UNITS[(match[2] ?? "b").toLowerCase()]!;
  return bytes > UINT64_MAX ? UINT64_MAX : bytes;
}

export function choice<const C extends string>(initial: C, ...choices: readonly C[]): Kind<C> {
  return {
    ...single<C>(initial, (word) => {
      const lower = word.toLowerCase();
      return (
        choices.find((name) => name === lower) ??
        new Refusal(`argument(s) must be one of the following: ${choices.join(", ")}`)
      );
    }),
    choices,
  };
}

/** Any bytes. */
export function text(initial: string, check: (value: string) => string = () => ""): Kind<string> {
  return single(initial, (word) => {
    const wrong = check(word);
    return wrong === "" ? word : new Refusal(wrong);
  });
}

/** The path of a file, relative to `dir` where it is not absolute; empty for none. */
export function filePath(initial: string): Kind<string> {
  return text(initial, (path) => (path.includes("\0") ? "a path can't contain a NUL byte" : ""));
}

/** The name of a file or folder within `dir`: a path would lead elsewhere. */
export function fileName(
  name: string,
  initial: string,
  what: "filename" | "dirname",
): Kind<string> {
  return text(initial, (value) => {
    if (value === "") return `${name} can't be empty`;
    if (value.includes("\0")) return `${name} can't contain a NUL byte`;
    const isPath = /[/\\]/.test(value) || value === "." || value === "..";
    return isPath ? `${name} can't be a path, just a ${what}` : "";
  });
}

/** Words of which each passes `check`, which returns what is wrong or "". */
export function words(
  initial: string,
  check: (words: readonly string[]) => string = () => "",
): Kind<readonly string[]> {
  const initialWords = initial === "" ? [] : initial.split(" ");
  return list<readonly string[]>(
    initialWords,
    (given) => {
      const wrong = check(given);
      return wrong === "" ? given : new Refusal(wrong);
    },
    (value) => value,
  );
}

/** The kind, without the values that StormDB could not live up to; `lack` says what is missing. */
export function only<V>(kind: Kind<V>, isNeutral: (value: V) => boolean, lack: string): Kind<V> {
  return {
    ...kind,
    parse(given, earlier) {
      const value = kind.parse(given, earlier);
      return value instanceof Refusal || isNeutral(value) ? value : new Refusal(lack, true);
    },
  };
}

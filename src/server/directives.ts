/**
 * The directives of the configuration: names, kinds, defaults and limits, once. Names, defaults
 * and texts of refusals are Redis's.
 */
import { LOG_LEVELS } from "../base/log.ts";

export type Directive =
  | { readonly kind: "boolean"; readonly default: string }
  | {
      readonly kind: "integer" | "memory";
      readonly default: string;
      readonly min: number;
      readonly max: number;
    }
  | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[] }
  | { readonly kind: "text"; readonly default: string }
  /** Several words; `check` returns what is wrong, or "". */
  | {
      readonly kind: "words";
      readonly default: string;
      readonly check: (words: readonly string[]) => string;
    };

export interface Entry {
  readonly directive: Directive;
  /** CONFIG SET may not change it. */
  readonly fixed: boolean;
  readonly alias?: string;
}

const INT_MAX = 2147483647;
const INT64 = Number.MAX_SAFE_INTEGER;

function boolean(value: string): Directive {
  return { kind: "boolean", default: value };
}
function integer(value: number, min: number, max: number): Directive {
  return { kind: "integer", default: String(value), min, max };
}
function memory(value: string, min = 0, max = INT64): Directive {
  return { kind: "memory", default: value, min, max };
}
function choice(value: string, ...choices: string[]): Directive {
  return { kind: "choice", default: value, choices };
}
function text(value: string): Directive {
  return { kind: "text", default: value };
}
function set(directive: Directive, alias?: string): Entry {
  return alias === undefined ? { directive, fixed: false } : { directive, fixed: false, alias };
}
function fix(directive: Directive): Entry {
  return { directive, fixed: true };
}

/** Bytes in a text such as "64mb"; NaN where it is none. */
export function parseMemory(value: string): number {
  const match = /^(-?[0-9]+)(b|k|kb|m|mb|g|gb)?$/i.exec(value);
  if (match === null) return Number.NaN;
  const unit = (match[2] ?? "b").toLowerCase();
  const powers: Readonly<Record<string, number>> = {
    b: 1,
    k: 1000,
    kb: 1024,
    m: 1e6,
    mb: 1048576,
    g: 1e9,
    gb: 1073741824,
  };
  return Number(match[1]) * powers[unit]!;
}

const CLIENT_CLASSES = ["normal", "slave", "replica", "pubsub"];

/** "class hard soft seconds", repeated. */
function checkOutputLimits(words: readonly string[]): string {
  if (words.length % 4 !== 0) return "Wrong number of arguments in buffer limit configuration.";
  for (let i = 0; i < words.length; i += 4) {
    if (!CLIENT_CLASSES.includes(words[i]!.toLowerCase())) {
      return "Invalid client class specified in buffer limit configuration.";
    }
    if (
      !(
        parseMemory(words[i + 1]!) >= 0 &&
        parseMemory(words[i + 2]!) >= 0 &&
        /^[0-9]+$/.test(words[i + 3]!)
      )
    ) {
      return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
  }
  return "";
}

export const DIRECTIVES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ["port", fix(integer(6379, 0, 65535))],
  ["bind", fix({ kind: "words", default: "* -::*", check: () => "" })],
  ["unixsocket", fix(text(""))],
  [
    "unixsocketperm",
    fix({
      kind: "words",
      default: "0",
      check: (words) =>
        words.length === 1 && /^0*[0-7]{1,3}$/.test(words[0]!)
          ? ""
          : "argument must be an octal file mode",
    }),
  ],
  ["tcp-backlog", fix(integer(511, 0, INT_MAX))],
  ["tcp-keepalive", set(integer(300, 0, INT_MAX))],
  ["timeout", set(integer(0, 0, INT_MAX))],
  ["protected-mode", set(boolean("yes"))],
  ["maxclients", set(integer(10000, 1, INT_MAX))],
  ["requirepass", set(text(""))],
  ["databases", fix(integer(16, 1, 1024))],
  ["hz", set(integer(10, 1, 500))],
  ["loglevel", set(choice("notice", ...LOG_LEVELS))],
  ["logfile", fix(text(""))],
  ["dir", fix(text(""))],
  ["enable-debug-command", fix(choice("no", "no", "yes", "local"))],
  ["proto-max-bulk-len", set(memory("536870912", 1048576))],
  ["client-query-buffer-limit", set(memory("1073741824", 1048576))],
  [
    "client-output-buffer-limit",
    set({
      kind: "words",
      default: "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
      check: checkOutputLimits,
    }),
  ],
  ["list-max-listpack-size", set(integer(-2, -5, INT_MAX), "list-max-ziplist-size")],
  ["slowlog-log-slower-than", set(integer(10000, -1, INT64))],
  ["slowlog-max-len", set(integer(128, 0, INT_MAX))],
  ["latency-monitor-threshold", set(integer(0, 0, INT64))],
  ["latency-tracking", set(boolean("yes"))],
  [
    "latency-tracking-info-percentiles",
    set({
      kind: "words",
      default: "50 99 99.9",
      check: (words) =>
        words.every((word) => Number(word) >= 0 && Number(word) <= 100)
          ? ""
          : "latency-tracking-info-percentiles should consist of values between 0.0 and 100.0",
    }),
  ],
  ["maxmemory", set(memory("0"))],
  ["maxmemory-policy", set(choice("noeviction", "noeviction"))],
  // Tools ask for these two; nothing is saved yet, so nothing else is accepted.
  [
    "save",
    fix({
      kind: "words",
      default: "",
      check: (words) => (words.join("") === "" ? "" : "saving is not available"),
    }),
  ],
  ["appendonly", fix(choice("no", "no"))],
  ["daemonize", fix(choice("no", "no"))],
]);

/**
 * The directives of the configuration: names, kinds, defaults and limits, once. Names, defaults
 * and texts of refusals are Redis's.
 */
import { LOG_LEVELS } from "../base/log.ts";
import { formatEventClasses, parseEventClasses } from "../commands/events.ts";

interface NumberDirective {
  readonly kind: "integer" | "memory";
  readonly default: string;
  readonly min: bigint;
  readonly max: bigint;
  /** Values beyond these are taken as these. */
  readonly least?: bigint;
  readonly most?: bigint;
}

export type Directive =
  | { readonly kind: "boolean"; readonly default: string }
  | NumberDirective
  | { readonly kind: "choice"; readonly default: string; readonly choices: readonly string[] }
  | {
      readonly kind: "text";
      readonly default: string;
      /** The value as it is kept, and what is wrong with it or "". */
      readonly normalize?: (value: string) => readonly [string, string];
      /** The value as CONFIG GET shows it. */
      readonly show?: (value: string) => string;
    }
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
  /** Its value is not to be shown in logs. */
  readonly secret?: boolean;
  readonly alias?: string;
}

const INT_MAX = 2147483647n;
const UINT_MAX = 4294967295n;
const INT64_MAX = 9223372036854775807n;
const UINT64_MAX = 18446744073709551615n;

function boolean(value: string): Directive {
  return { kind: "boolean", default: value };
}
function integer(value: number, min: number, max: bigint): NumberDirective {
  return { kind: "integer", default: String(value), min: BigInt(min), max };
}
function memory(value: string, min = 0, max = INT64_MAX): NumberDirective {
  return { kind: "memory", default: value, min: BigInt(min), max };
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

const UNITS: Readonly<Record<string, bigint>> = {
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000000n,
  mb: 1048576n,
  g: 1000000000n,
  gb: 1073741824n,
};

/** Bytes in a text such as "64mb"; null where it is none. No digits are 0, as in Redis. */
export function parseMemory(value: string): bigint | null {
  const match = /^([0-9]*)(b|k|kb|m|mb|g|gb)?$/i.exec(value);
  if (match === null) return null;
  const bytes = BigInt(match[1]!) * UNITS[(match[2] ?? "b").toLowerCase()]!;
  return bytes > UINT64_MAX ? UINT64_MAX : bytes;
}

const CLIENT_CLASSES = ["normal", "slave", "replica", "pubsub"];

function checkPercentiles(words: readonly string[]): string {
  const name = "latency-tracking-info-percentiles";
  for (const word of words) {
    if (!/^-?[0-9.]+$/.test(word) || Number.isNaN(Number(word)))
      return `Invalid ${name} parameters`;
    if (Number(word) < 0 || Number(word) > 100) {
      return `${name} parameters should sit between [0.0,100.0]`;
    }
  }
  return "";
}

/** "class hard soft seconds", repeated. */
function checkOutputLimits(words: readonly string[]): string {
  if (words.length % 4 !== 0) return "Wrong number of arguments in buffer limit configuration.";
  for (let i = 0; i < words.length; i += 4) {
    if (!CLIENT_CLASSES.includes(words[i]!.toLowerCase())) {
      return "Invalid client class specified in buffer limit configuration.";
    }
    const sizes = [parseMemory(words[i + 1]!), parseMemory(words[i + 2]!)];
    if (sizes.includes(null) || !/^[0-9]+$/.test(words[i + 3]!)) {
      return "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
    }
  }
  return "";
}

function normalizeEventClasses(value: string): readonly [string, string] {
  const classes = parseEventClasses(value);
  return classes < 0
    ? ["", "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."]
    : [formatEventClasses(classes), ""];
}

/** "host port", or nothing. */
function checkPrimary(words: readonly string[]): string {
  if (words.join(" ").toLowerCase() === "no one" || words.length === 0) return "";
  const isPort = /^[0-9]{1,5}$/.test(words[1] ?? "") && Number(words[1]) <= 65535;
  return words.length === 2 && isPort ? "" : "argument must be a host and a port";
}

/** Behind A there is no n, as in Redis. */
function showEventClasses(value: string): string {
  return value.replace(/^An/, "A");
}

/** "seconds changes", repeated. */
function checkSavePoints(words: readonly string[]): string {
  const wrong = "Invalid save parameters";
  if (words.join("") === "") return "";
  if (words.length % 2 !== 0 || !words.every((word) => /^[0-9]+$/.test(word))) return wrong;
  return words.every((word, i) => i % 2 === 1 || Number(word) >= 1) ? "" : wrong;
}

export const DIRECTIVES: ReadonlyMap<string, Entry> = new Map<string, Entry>([
  ["port", fix(integer(6379, 0, 65535n))],
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
  ["maxclients", set(integer(10000, 1, UINT_MAX))],
  ["requirepass", { ...set(text("")), secret: true }],
  ["databases", fix(integer(16, 1, 1024n))],
  ["shutdown-timeout", set(integer(10, 0, INT_MAX))],
  ["hz", set({ ...integer(10, 0, INT_MAX), least: 1n, most: 500n })],
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
  [
    "notify-keyspace-events",
    set({ kind: "text", default: "", normalize: normalizeEventClasses, show: showEventClasses }),
  ],
  ["list-max-listpack-size", set(integer(-2, -2147483648, INT_MAX), "list-max-ziplist-size")],
  ["slowlog-log-slower-than", set(integer(10000, -1, INT64_MAX))],
  ["slowlog-max-len", set(integer(128, 0, INT64_MAX))],
  ["latency-monitor-threshold", set(integer(0, 0, INT64_MAX))],
  ["latency-tracking", set(boolean("yes"))],
  [
    "latency-tracking-info-percentiles",
    set({
      kind: "words",
      default: "50 99 99.9",
      check: checkPercentiles,
    }),
  ],
  ["maxmemory", set(memory("0", 0, UINT64_MAX))],
  ["maxmemory-policy", set(choice("noeviction", "noeviction"))],
  ["save", set({ kind: "words", default: "3600 1 300 100 60 10000", check: checkSavePoints })],
  ["dbfilename", set(text("dump.rdb"))],
  ["rdbcompression", set(boolean("yes"))],
  ["rdbchecksum", fix(boolean("yes"))],
  ["stop-writes-on-bgsave-error", set(boolean("yes"))],
  ["appendonly", set(boolean("no"))],
  ["appendfilename", fix(text("appendonly.aof"))],
  ["appenddirname", fix(text("appendonlydir"))],
  ["appendfsync", set(choice("everysec", "everysec", "always", "no"))],
  ["no-appendfsync-on-rewrite", set(boolean("no"))],
  ["auto-aof-rewrite-percentage", set(integer(100, 0, INT_MAX))],
  ["auto-aof-rewrite-min-size", set(memory("67108864"))],
  ["aof-load-truncated", set(boolean("yes"))],
  ["aof-use-rdb-preamble", set(boolean("yes"))],
  ["aof-timestamp-enabled", set(boolean("no"))],
  ["replicaof", { ...fix({ kind: "words", default: "", check: checkPrimary }), alias: "slaveof" }],
  ["masterauth", { ...set(text("")), secret: true }],
  ["masteruser", set(text(""))],
  ["replica-read-only", set(boolean("yes"), "slave-read-only")],
  ["replica-serve-stale-data", set(boolean("yes"), "slave-serve-stale-data")],
  ["replica-priority", set(integer(100, 0, INT_MAX), "slave-priority")],
  ["replica-announced", set(boolean("yes"))],
  ["replica-announce-ip", set(text(""), "slave-announce-ip")],
  ["replica-announce-port", set(integer(0, 0, 65535n), "slave-announce-port")],
  ["repl-diskless-sync", set(boolean("yes"))],
  ["repl-diskless-sync-delay", set(integer(5, 0, INT_MAX))],
  ["repl-diskless-sync-max-replicas", set(integer(0, 0, INT_MAX))],
  ["repl-diskless-load", set(choice("disabled", "disabled", "on-empty-db", "swapdb"))],
  ["repl-ping-replica-period", set(integer(10, 1, INT_MAX), "repl-ping-slave-period")],
  ["repl-timeout", set(integer(60, 1, INT_MAX))],
  ["repl-backlog-size", set({ ...memory("1048576", 1), least: 16384n })],
  ["repl-backlog-ttl", set(integer(3600, 0, INT64_MAX))],
  ["min-replicas-to-write", set(integer(0, 0, INT_MAX), "min-slaves-to-write")],
  ["min-replicas-max-lag", set(integer(10, 0, INT_MAX), "min-slaves-max-lag")],
  ["daemonize", fix(choice("no", "no"))],
]);

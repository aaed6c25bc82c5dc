/**
 * The directives of the configuration: names, kinds, defaults and limits, once. Names, defaults
 * and texts of refusals are Redis's.
 */
import { LOG_LEVELS } from "../../base/log.ts";
import { formatEventClasses, parseEventClasses } from "../../commands/events.ts";

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
  /** What it is for, in a line. */
  readonly about: string;
  /** What it belongs to, in a word or two. */
  readonly group: string;
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
function words(value: string, check: (words: readonly string[]) => string): Directive {
  return { kind: "words", default: value, check };
}

type Ungrouped = Omit<Entry, "group">;
type More = Pick<Entry, "alias" | "secret">;

function set(directive: Directive, about: string, more: More = {}): Ungrouped {
  return { directive, about, fixed: false, ...more };
}
function fix(directive: Directive, about: string, more: More = {}): Ungrouped {
  return { directive, about, fixed: true, ...more };
}
function group(title: string, entries: Readonly<Record<string, Ungrouped>>): [string, Entry][] {
  return Object.entries(entries).map(([name, entry]) => [name, { ...entry, group: title }]);
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
export function parseMemory(value: string): bigint | null {
  const match = /^([0-9]{0,127})(b|k|kb|m|mb|g|gb)?$/i.exec(value);
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

function checkFileMode(words: readonly string[]): string {
  return words.length === 1 && /^0*[0-7]{1,3}$/.test(words[0]!)
    ? ""
    : "argument must be an octal file mode";
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

/** By name. */
export const DIRECTIVES: ReadonlyMap<string, Entry> = new Map([
  ...group("Network", {
    port: fix(
      integer(6379, 0, 65535n),
      "TCP port; 0 for none, or for any free one without a Unix socket",
    ),
    bind: fix(
      words("* -::*", () => ""),
      "addresses to listen on; one with - before it may be missing",
    ),
    unixsocket: fix(text(""), "path of a Unix socket to listen on too"),
    unixsocketperm: fix(words("0", checkFileMode), "its mode, octal; 0 for the system's usual one"),
    "tcp-backlog": fix(
      integer(511, 0, INT_MAX),
      "is taken, but the runtime chooses the length of the queue",
    ),
    "tcp-keepalive": set(
      integer(300, 0, INT_MAX),
      "seconds of silence before a client's system is asked whether it lives; 0 for never",
    ),
    timeout: set(
      integer(0, 0, INT_MAX),
      "seconds after which an idle client is closed; 0 for never",
    ),
    "protected-mode": set(
      boolean("yes"),
      "without a password only clients on this machine are let in",
    ),
  }),
  ...group("Process", {
    databases: fix(integer(16, 1, 1024n), "number of databases"),
    loglevel: set(choice("notice", ...LOG_LEVELS), "the least important kind of line in the log"),
    logfile: fix(text(""), "file of the log; none for standard output"),
    dir: fix(text(""), "folder of all files; none for the one it is started in"),
    hz: set(
      { ...integer(10, 0, INT_MAX), least: 1n, most: 500n },
      "ticks a second, for what has to be done regularly",
    ),
    "shutdown-timeout": set(integer(10, 0, INT_MAX), "seconds that SHUTDOWN waits for replicas"),
    "enable-debug-command": fix(choice("no", "no", "yes", "local"), "who may use DEBUG"),
    daemonize: fix(choice("no", "no"), "a server stays in the foreground"),
  }),
  ...group("Clients", {
    maxclients: set(integer(10000, 1, UINT_MAX), "connections at a time"),
    requirepass: set(text(""), "password that clients must give", { secret: true }),
    "proto-max-bulk-len": set(memory("536870912", 1048576), "bytes of an argument"),
    "client-query-buffer-limit": set(
      memory("1073741824", 1048576),
      "bytes of requests that a client may have waiting",
    ),
    "client-output-buffer-limit": set(
      words(
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        checkOutputLimits,
      ),
      "bytes of replies that may wait: class, hard limit, soft limit, seconds over it",
    ),
  }),
  ...group("Data", {
    maxmemory: set(
      memory("0", 0, UINT64_MAX),
      "bytes of data above which writes are refused; 0 for no limit",
    ),
    "maxmemory-policy": set(choice("noeviction", "noeviction"), "no keys are evicted"),
    "list-max-listpack-size": set(
      integer(-2, -2147483648, INT_MAX),
      "elements of a list's node, or -1 to -5 for 4 to 64 kB",
      {
        alias: "list-max-ziplist-size",
      },
    ),
    "notify-keyspace-events": set(
      { kind: "text", default: "", normalize: normalizeEventClasses, show: showEventClasses },
      "classes of events that are published, by their letters",
    ),
  }),
  ...group("Looking inside", {
    "slowlog-log-slower-than": set(
      integer(10000, -1, INT64_MAX),
      "microseconds; 0 for every command, -1 for none",
    ),
    "slowlog-max-len": set(integer(128, 0, INT64_MAX), "entries of the slow log"),
    "latency-monitor-threshold": set(
      integer(0, 0, INT64_MAX),
      "milliseconds from which on LATENCY keeps events; 0 for none",
    ),
    "latency-tracking": set(boolean("yes"), "keeps the distribution of each command's latencies"),
    "latency-tracking-info-percentiles": set(
      words("50 99 99.9", checkPercentiles),
      "those that INFO latencystats shows",
    ),
  }),
  ...group("Snapshots", {
    save: set(
      words("3600 1 300 100 60 10000", checkSavePoints),
      'when to save: seconds and changes, repeated; "" for never',
    ),
    dbfilename: set(text("dump.rdb"), "name of the RDB file"),
    rdbcompression: set(boolean("yes"), "compresses long strings"),
    rdbchecksum: fix(boolean("yes"), "writes and checks a checksum"),
    "stop-writes-on-bgsave-error": set(boolean("yes"), "refuses writes as long as saving fails"),
  }),
  ...group("Append-only file", {
    appendonly: set(boolean("no"), "writes every change to the append-only file"),
    appendfsync: set(
      choice("everysec", "everysec", "always", "no"),
      "when the disk is told to keep it",
    ),
    appendfilename: fix(text("appendonly.aof"), "what the names of its parts begin with"),
    appenddirname: fix(text("appendonlydir"), "the folder of its parts, in dir"),
    "auto-aof-rewrite-percentage": set(
      integer(100, 0, INT_MAX),
      "growth since the last rewrite that starts the next; 0 for none",
    ),
    "auto-aof-rewrite-min-size": set(memory("67108864"), "bytes below which growth starts none"),
    "no-appendfsync-on-rewrite": set(
      boolean("no"),
      "does not sync while a snapshot or rewrite runs",
    ),
    "aof-load-truncated": set(boolean("yes"), "cuts a torn end off, and starts"),
    "aof-use-rdb-preamble": set(
      boolean("yes"),
      "a rewrite begins the file with RDB, which loads faster",
    ),
    "aof-timestamp-enabled": set(boolean("no"), "writes down when commands came"),
  }),
  ...group("Replication", {
    replicaof: fix(words("", checkPrimary), "host and port of the primary; none for a primary", {
      alias: "slaveof",
    }),
    masterauth: set(text(""), "the primary's password", { secret: true }),
    masteruser: set(text(""), "the user to authenticate as"),
    "replica-read-only": set(boolean("yes"), "clients of a replica may not write", {
      alias: "slave-read-only",
    }),
    "replica-serve-stale-data": set(
      boolean("yes"),
      "a replica answers also while it has no primary",
      {
        alias: "slave-serve-stale-data",
      },
    ),
    "replica-priority": set(
      integer(100, 0, INT_MAX),
      "Sentinel promotes the lowest first, and never 0",
      {
        alias: "slave-priority",
      },
    ),
    "replica-announced": set(boolean("yes"), "Sentinel tells clients of this replica"),
    "replica-announce-ip": set(text(""), "address to be reached at, where it is not the socket's", {
      alias: "slave-announce-ip",
    }),
    "replica-announce-port": set(
      integer(0, 0, 65535n),
      "port to be reached at; 0 for the one it listens on",
      {
        alias: "slave-announce-port",
      },
    ),
    "repl-diskless-sync": set(
      boolean("yes"),
      "all data goes to replicas while it is read, and not by a file",
    ),
    "repl-diskless-sync-delay": set(
      integer(5, 0, INT_MAX),
      "seconds to wait for more replicas, which then share one snapshot",
    ),
    "repl-diskless-sync-max-replicas": set(
      integer(0, 0, INT_MAX),
      "so many need not wait; 0 for any number",
    ),
    "repl-diskless-load": set(
      choice("disabled", "disabled", "on-empty-db", "swapdb"),
      "when a replica takes all data into memory beside the old, and not by a file",
    ),
    "repl-ping-replica-period": set(
      integer(10, 1, INT_MAX),
      "seconds between signs of life to replicas",
      {
        alias: "repl-ping-slave-period",
      },
    ),
    "repl-timeout": set(
      integer(60, 1, INT_MAX),
      "seconds of silence after which the other side is taken for lost",
    ),
    "repl-backlog-size": set(
      { ...memory("1048576", 1), least: 16384n },
      "bytes of the stream kept for replicas that come back",
    ),
    "repl-backlog-ttl": set(
      integer(3600, 0, INT64_MAX),
      "seconds without replicas after which it is given up; 0 for never",
    ),
    "min-replicas-to-write": set(
      integer(0, 0, INT_MAX),
      "replicas without which writes are refused",
      {
        alias: "min-slaves-to-write",
      },
    ),
    "min-replicas-max-lag": set(
      integer(10, 0, INT_MAX),
      "seconds since a replica was heard of for it to count",
      {
        alias: "min-slaves-max-lag",
      },
    ),
  }),
]);

/**
 * Who uses the value of a directive: whoever reads it from the configuration when it is needed, and
 * the parts below, which have something to do when it changes. No part learns of values otherwise.
 */
import { accessSync, constants, readdirSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { FailedChange } from "./configuration/config.ts";
import type { DirectiveName } from "./configuration/directives/index.ts";
import type { Parts } from "./parts.ts";
import { clientsMax } from "./process/open-files.ts";
import { showTitle } from "./process/title.ts";

/** With what replication does beside its settings. */
interface ConfiguredParts extends Parts {
  readonly replication: Parts["replication"] & { updateExpiry(): void; updateRefusals(): void };
}

/** Says why the server cannot take the new values, or ""; called again when they are the old ones. */
type Action = (parts: ConfiguredParts) => string;

/** What has to be done when CONFIG SET changes a value, and may fail. The order is that of the table. */
const ACTIONS: readonly (readonly [readonly DirectiveName[], Action])[] = [
  [["maxclients"], checkClientsMax],
  [["port"], ({ listeners }) => listeners.reopen("port")],
  [["bind"], ({ listeners }) => listeners.reopen("bind")],
  [["dir"], checkFolder],
  [["appendonly"], switchAppendOnly],
];

/** Parts that keep a value in a form of their own; set at the start and when it changes. */
const COPIES: readonly (readonly [readonly DirectiveName[], (parts: ConfiguredParts) => void])[] = [
  [
    ["loglevel"],
    ({ config, log }) => {
      log.level = config.text("loglevel");
    },
  ],
  [
    ["logfile"],
    ({ config, log }) => {
      log.file = config.unicode("logfile");
    },
  ],
  [
    ["maxmemory"],
    ({ config, refusals }) => {
      refusals.memoryMax = config.number("maxmemory");
    },
  ],
  [
    ["latency-tracking"],
    ({ config, timing }) => {
      timing.tracking = config.flag("latency-tracking");
    },
  ],
  [
    ["proto-max-bulk-len"],
    ({ config, intake }) => {
      intake.bulkBytesMax = config.number("proto-max-bulk-len");
    },
  ],
  [
    ["client-query-buffer-limit"],
    ({ config, intake }) => {
      intake.queryBytesMax = config.number("client-query-buffer-limit");
    },
  ],
  [
    ["client-output-buffer-limit"],
    ({ config, output }) => {
      output.limits = new Map(Object.entries(config.value("client-output-buffer-limit")));
    },
  ],
  [
    ["requirepass"],
    ({ clients, config }) => {
      // Without a password there is nothing that a client could be asked for.
      if (config.text("requirepass") !== "") return;
      for (const client of clients.all.values()) client.authenticated = true;
    },
  ],
  [
    ["notify-keyspace-events"],
    (parts) => {
      parts.events.setClasses(parts.config.value("notify-keyspace-events"));
      parts.hookAdded();
    },
  ],
  [
    ["list-max-listpack-size"],
    ({ config, keyspace }) => {
      keyspace.lists.limit.set(config.number("list-max-listpack-size"));
    },
  ],
  [
    ["set-max-intset-entries", "set-max-listpack-entries", "set-max-listpack-value"],
    ({ config, keyspace }) => {
      keyspace.sets.limit.ints = config.number("set-max-intset-entries");
      keyspace.sets.limit.entries = config.number("set-max-listpack-entries");
      keyspace.sets.limit.bytes = config.number("set-max-listpack-value");
    },
  ],
  [
    ["zset-max-listpack-entries", "zset-max-listpack-value"],
    ({ config, keyspace }) => {
      keyspace.sortedSets.limit.entries = config.number("zset-max-listpack-entries");
      keyspace.sortedSets.limit.memberBytes = config.number("zset-max-listpack-value");
    },
  ],
  [
    ["hash-max-listpack-entries", "hash-max-listpack-value"],
    ({ config, keyspace }) => {
      keyspace.hashes.limit.entries = config.number("hash-max-listpack-entries");
      keyspace.hashes.limit.bytes = config.number("hash-max-listpack-value");
    },
  ],
  [
    ["slowlog-log-slower-than"],
    ({ config, slowlog }) => {
      const usec = config.number("slowlog-log-slower-than");
      slowlog.thresholdUsec = usec < 0 ? Number.POSITIVE_INFINITY : usec;
    },
  ],
  [
    ["slowlog-max-len"],
    ({ config, slowlog }) => slowlog.setLengthMax(config.number("slowlog-max-len")),
  ],
  [
    ["latency-monitor-threshold"],
    ({ config, latency }) => {
      latency.thresholdMs = config.number("latency-monitor-threshold");
    },
  ],
  [
    ["appendfsync", "save", "stop-writes-on-bgsave-error"],
    ({ persistence }) => persistence.settingsChanged(),
  ],
  [["repl-backlog-size"], ({ replication }) => replication.core.settingsChanged()],
  [["replica-read-only"], ({ replication }) => replication.updateExpiry()],
  [
    [
      "replica-read-only",
      "replica-serve-stale-data",
      "min-replicas-to-write",
      "min-replicas-max-lag",
    ],
    ({ replication }) => replication.updateRefusals(),
  ],
  [
    ["proc-title-template", "port", "bind"],
    ({ config, listeners }) => showTitle(config, listeners.port),
  ],
];

/** To be called once, when all parts are there. */
export function applyDirectives(parts: ConfiguredParts): void {
  for (const [, copy] of COPIES) copy(parts);
}

/** The directives have been changed; returns the one that the server cannot take, or null. */
export function directivesChanged(
  parts: ConfiguredParts,
  changed: ReadonlySet<DirectiveName>,
): FailedChange | null {
  for (const [names, act] of ACTIONS) {
    const name = names.find((one) => changed.has(one));
    const reason = name === undefined ? "" : act(parts);
    if (reason !== "") return { name: name!, reason };
  }
  for (const [names, copy] of COPIES) if (names.some((name) => changed.has(name))) copy(parts);
  return null;
}

function checkClientsMax({ config }: Parts): string {
  const possible = clientsMax();
  return config.number("maxclients") <= possible
    ? ""
    : `The operating system is not able to handle the specified number of clients, try with ${possible}`;
}

function checkFolder({ config, persistence }: Parts): string {
  const folder = config.unicode("dir");
  // Its parts would be in two folders, and the next start would find only some of them.
  if (persistence.aofEnabled) return "can't change dir while appendonly is yes";
  try {
    // All paths are absolute: the process stays where it is, and a relative logfile with it.
    readdirSync(folder);
    accessSync(folder, constants.X_OK);
  } catch (error) {
    const text = getSystemErrorMap().get((error as { errno?: number }).errno ?? 0)?.[1] ?? "";
    return text === "" ? (error as Error).message : `${text[0]!.toUpperCase()}${text.slice(1)}`;
  }
  return "";
}

function switchAppendOnly({ config, log, persistence }: Parts): string {
  const error = persistence.setAppendOnly(config.flag("appendonly"));
  if (error === "") return "";
  log.warning(`Can't switch the append-only file: ${error}`);
  return "Unable to turn on AOF. Check server logs.";
}

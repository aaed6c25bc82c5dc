/** What a change of a directive does: parts of the server keep its value in a form of their own. */
import type { LogLevel } from "../base/log.ts";
import { parseEventClasses } from "../commands/events.ts";
import { type Config, outputLimits } from "./configuration/config.ts";
import { persistenceSettings } from "./configuration/persistence-settings.ts";
import type { Parts } from "./parts.ts";

/** Replication's own settings and what follows from them. */
interface ConfiguredParts extends Parts {
  readonly replication: Parts["replication"] & { configure(): void };
}

type Effect = (parts: Parts, config: Config) => void;

/** Directives that are not here are read where they are needed. */
const EFFECTS: Readonly<Record<string, Effect>> = {
  loglevel: ({ log }, config) => {
    log.level = config.text("loglevel") as LogLevel;
  },
  logfile: ({ log }, config) => {
    log.file = config.unicode("logfile");
  },
  maxmemory: ({ refusals }, config) => {
    refusals.memoryMax = config.number("maxmemory");
  },
  "latency-tracking": ({ timing }, config) => {
    timing.tracking = config.flag("latency-tracking");
  },
  "proto-max-bulk-len": ({ intake }, config) => {
    intake.bulkBytesMax = config.number("proto-max-bulk-len");
  },
  "client-query-buffer-limit": ({ intake }, config) => {
    intake.queryBytesMax = config.number("client-query-buffer-limit");
  },
  "client-output-buffer-limit": ({ output }, config) => {
    const limits = [...outputLimits(config.text("client-output-buffer-limit"))];
    output.limits = new Map(
      limits.map(
        ([kind, [hardBytes, softBytes, softSeconds]]) =>
          [kind, { hardBytes, softBytes, softSeconds }] as const,
      ),
    );
  },
  requirepass: ({ clients }, config) => {
    // Without a password there is nothing that a client could be asked for.
    if (config.text("requirepass") !== "") return;
    for (const client of clients.all.values()) client.authenticated = true;
  },
  "notify-keyspace-events": (parts, config) => {
    parts.events.setClasses(parseEventClasses(config.text("notify-keyspace-events")));
    parts.hookAdded();
  },
  "list-max-listpack-size": ({ keyspace }, config) => {
    keyspace.lists.limit.set(config.number("list-max-listpack-size"));
  },
  "slowlog-log-slower-than": ({ slowlog }, config) => {
    const usec = config.number("slowlog-log-slower-than");
    slowlog.thresholdUsec = usec < 0 ? Number.POSITIVE_INFINITY : usec;
  },
  "slowlog-max-len": ({ slowlog }, config) => {
    slowlog.setLengthMax(config.number("slowlog-max-len"));
  },
  "latency-monitor-threshold": ({ latency }, config) => {
    latency.thresholdMs = config.number("latency-monitor-threshold");
  },
};

/** Called once, when all parts are there. */
export function applyDirectives(parts: ConfiguredParts): void {
  for (const effect of Object.values(EFFECTS)) effect(parts, parts.config);
  applyGroups(parts);
}

/** The directive has been changed. */
export function applyDirective(parts: ConfiguredParts, name: string): void {
  applyGroups(parts);
  EFFECTS[name]?.(parts, parts.config);
  if (name === "appendonly") switchAppendOnly(parts);
}

/** Persistence and replication take their settings as one object. */
function applyGroups(parts: ConfiguredParts): void {
  parts.persistence.configure(persistenceSettings(parts.config));
  parts.replication.configure();
}

function switchAppendOnly({ config, log, persistence }: Parts): void {
  const error = persistence.setAppendOnly(config.flag("appendonly"));
  if (error !== "") log.warning(`Can't switch the append only file: ${error}`);
}

/** What is to be done when a directive has a value: the parts of the server keep it in their own form. */
import type { LogLevel } from "../base/log.ts";
import { parseEventClasses } from "../commands/events.ts";
import { type Config, outputLimits } from "./configuration/config.ts";
import { persistenceSettings } from "./configuration/persistence-settings.ts";
import type { Server } from "./server.ts";

type Effect = (server: Server, config: Config) => void;

/** Directives that are not here are read where they are needed. */
const EFFECTS: Readonly<Record<string, Effect>> = {
  "replica-read-only": (server) => server.updateExpiry(),
  loglevel: ({ log }, config) => {
    log.level = config.text("loglevel") as LogLevel;
  },
  logfile: ({ log }, config) => {
    log.file = config.unicode("logfile");
  },
  maxmemory: ({ dispatch }, config) => {
    dispatch.memoryMax = config.number("maxmemory");
  },
  "latency-tracking": ({ dispatch }, config) => {
    dispatch.tracking = config.flag("latency-tracking");
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
    for (const client of clients.values()) client.authenticated = true;
  },
  "notify-keyspace-events": (server, config) => {
    server.events.setClasses(parseEventClasses(config.text("notify-keyspace-events")));
    server.hookAdded();
  },
  "list-max-listpack-size": ({ keyspace }, config) => {
    keyspace.chain.setNodeLimit(config.number("list-max-listpack-size"));
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

/** To be called once, when all parts are there. */
export function applyDirectives(server: Server): void {
  for (const effect of Object.values(EFFECTS)) effect(server, server.config);
  applyGroups(server);
}

/** The directive has been changed. */
export function applyDirective(server: Server, name: string): void {
  applyGroups(server);
  EFFECTS[name]?.(server, server.config);
  if (name === "appendonly") switchAppendOnly(server);
}

/** Those of persistence and replication, which take theirs together. */
function applyGroups(server: Server): void {
  server.persistence.configure(persistenceSettings(server.config));
  server.replication.configure();
  server.updateRefusals();
}

function switchAppendOnly({ config, log, persistence }: Server): void {
  const error = persistence.setAppendOnly(config.flag("appendonly"));
  if (error !== "") log.warning(`Can't switch the append only file: ${error}`);
}

/**
 * What the server says of itself at one moment, read from INFO's text; and what two such readings
 * say of the time between them.
 */

export interface CommandFigures {
  /** In lower case; a subcommand behind its command: "config|get". */
  readonly name: string;
  readonly calls: number;
  readonly usec: number;
  readonly rejected: number;
  readonly failed: number;
  /** Since the server started, in µs; NaN where the server does not track them. */
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
}

export interface Replica {
  readonly address: string;
  /** "online", "wait_bgsave" or "send_bulk". */
  readonly state: string;
  readonly offset: number;
  /** Since its last word; -1 before the first. */
  readonly lagSeconds: number;
}

export interface PrimaryOfServer {
  readonly address: string;
  readonly isUp: boolean;
  readonly lastIoSeconds: number;
  readonly downSeconds: number;
  /** Of a first transfer under way; both 0 without one. */
  readonly syncBytes: number;
  readonly syncTotalBytes: number;
}

export interface Reading {
  /** The server's own time where it tells it, else the monitor's, in ms. */
  readonly atMs: number;
  readonly product: string;
  readonly runId: string;
  readonly uptimeSeconds: number;
  readonly operations: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  readonly hits: number;
  readonly misses: number;
  readonly cpuSeconds: number;
  readonly expired: number;
  readonly evicted: number;
  readonly keys: number;
  readonly expiring: number;
  readonly usedBytes: number;
  readonly rssBytes: number;
  readonly peakBytes: number;
  /** 0: without a limit. */
  readonly limitBytes: number;
  readonly systemBytes: number;
  readonly policy: string;
  readonly clients: number;
  readonly clientsMax: number;
  readonly blocked: number;
  readonly connections: number;
  readonly rejectedConnections: number;
  readonly persistence: PersistenceFigures;
  readonly replication: ReplicationFigures;
  readonly commands: readonly CommandFigures[];
}

export interface PersistenceFigures {
  readonly isLoading: boolean;
  /** 0 to 1. */
  readonly loadedFraction: number;
  readonly changes: number;
  readonly isSaving: boolean;
  readonly savingSeconds: number;
  readonly lastSaveUnixSeconds: number;
  readonly lastSaveOk: boolean;
  readonly lastSaveSeconds: number;
  /** Of the save or rewrite under way. */
  readonly doneKeys: number;
  readonly totalKeys: number;
  readonly aofEnabled: boolean;
  readonly isRewriting: boolean;
  readonly rewriteScheduled: boolean;
  readonly rewritingSeconds: number;
  readonly lastRewriteOk: boolean;
  readonly lastRewriteSeconds: number;
  readonly lastWriteOk: boolean;
  readonly aofBytes: number;
  readonly aofBaseBytes: number;
  readonly delayedSyncs: number;
}

export interface ReplicationFigures {
  readonly isReplica: boolean;
  readonly offset: number;
  readonly replicationId: string;
  readonly backlogBytes: number;
  readonly backlogSizeBytes: number;
  readonly replicas: readonly Replica[];
  /** Null where the server is a primary itself. */
  readonly primary: PrimaryOfServer | null;
}

/** What INFO is asked for: an older server than 7.0 takes one section only, see poll.ts. */
export const SECTIONS = [
  "server",
  "clients",
  "memory",
  "persistence",
  "stats",
  "replication",
  "cpu",
  "commandstats",
  "latencystats",
  "keyspace",
] as const;

class Fields {
  readonly #fields = new Map<string, string>();

  constructor(text: string) {
    for (const line of text.split("\n")) {
      const colon = line.indexOf(":");
      if (colon > 0) this.#fields.set(line.slice(0, colon), line.slice(colon + 1).trimEnd());
    }
  }

  text(name: string, missing = ""): string {
    return this.#fields.get(name) ?? missing;
  }

  number(name: string, missing = 0): number {
    const value = Number.parseFloat(this.text(name));
    return Number.isNaN(value) ? missing : value;
  }

  flag(name: string): boolean {
    return this.text(name) === "1";
  }

  /** Fields whose names start so, without that start. */
  *family(prefix: string): Generator<readonly [string, string]> {
    for (const [name, value] of this.#fields) {
      if (name.startsWith(prefix)) yield [name.slice(prefix.length), value];
    }
  }
}

/** "calls=3,usec=5" */
function pairs(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split(",").map((pair) => {
      const equals = pair.indexOf("=");
      return [pair.slice(0, equals), pair.slice(equals + 1)];
    }),
  );
}

function number(text: string | undefined, missing: number): number {
  return text === undefined || text === "" ? missing : Number(text);
}

/** `nowMs`: a monotonic time, for servers that do not tell theirs. */
export function readInfo(text: string, nowMs: number): Reading {
  const fields = new Fields(text);
  const storm = fields.text("stormdb_version");
  const redis = fields.text("redis_version", "?");
  let keys = 0;
  let expiring = 0;
  for (const [name, value] of fields.family("db")) {
    if (!/^\d+$/.test(name)) continue;
    const database = pairs(value);
    keys += number(database.keys, 0);
    expiring += number(database.expires, 0);
  }
  const serverUsec = fields.number("server_time_usec");
  return {
    atMs: serverUsec > 0 ? serverUsec / 1000 : nowMs,
    product: storm === "" ? `Redis ${redis}` : `StormDB ${storm}`,
    runId: fields.text("run_id"),
    uptimeSeconds: fields.number("uptime_in_seconds"),
    operations: fields.number("total_commands_processed"),
    receivedBytes: fields.number("total_net_input_bytes"),
    sentBytes: fields.number("total_net_output_bytes"),
    hits: fields.number("keyspace_hits"),
    misses: fields.number("keyspace_misses"),
    cpuSeconds: fields.number("used_cpu_sys") + fields.number("used_cpu_user"),
    expired: fields.number("expired_keys"),
    evicted: fields.number("evicted_keys"),
    keys,
    expiring,
    usedBytes: fields.number("used_memory"),
    rssBytes: fields.number("used_memory_rss"),
    peakBytes: fields.number("used_memory_peak"),
    limitBytes: fields.number("maxmemory"),
    systemBytes: fields.number("total_system_memory"),
    policy: fields.text("maxmemory_policy"),
    clients: fields.number("connected_clients"),
    clientsMax: fields.number("maxclients"),
    blocked: fields.number("blocked_clients"),
    connections: fields.number("total_connections_received"),
    rejectedConnections: fields.number("rejected_connections"),
    persistence: readPersistence(fields),
    replication: readReplication(fields),
    commands: readCommands(fields),
  };
}

function readCommands(fields: Fields): CommandFigures[] {
  const percentiles = new Map(fields.family("latency_percentiles_usec_"));
  const commands: CommandFigures[] = [];
  for (const [name, value] of fields.family("cmdstat_")) {
    const figures = pairs(value);
    const latency = pairs(percentiles.get(name) ?? "");
    commands.push({
      name,
      calls: number(figures.calls, 0),
      usec: number(figures.usec, 0),
      rejected: number(figures.rejected_calls, 0),
      failed: number(figures.failed_calls, 0),
      p50: number(latency.p50, Number.NaN),
      p99: number(latency.p99, Number.NaN),
      p999: number(latency["p99.9"], Number.NaN),
    });
  }
  return commands;
}

function readPersistence(fields: Fields): PersistenceFigures {
  return {
    isLoading: fields.flag("loading"),
    loadedFraction: fields.number("loading_loaded_perc") / 100,
    changes: fields.number("rdb_changes_since_last_save"),
    isSaving: fields.flag("rdb_bgsave_in_progress"),
    savingSeconds: fields.number("rdb_current_bgsave_time_sec", -1),
    lastSaveUnixSeconds: fields.number("rdb_last_save_time"),
    lastSaveOk: fields.text("rdb_last_bgsave_status", "ok") === "ok",
    lastSaveSeconds: fields.number("rdb_last_bgsave_time_sec", -1),
    doneKeys: fields.number("current_save_keys_processed"),
    totalKeys: fields.number("current_save_keys_total"),
    aofEnabled: fields.flag("aof_enabled"),
    isRewriting: fields.flag("aof_rewrite_in_progress"),
    rewriteScheduled: fields.flag("aof_rewrite_scheduled"),
    rewritingSeconds: fields.number("aof_current_rewrite_time_sec", -1),
    lastRewriteOk: fields.text("aof_last_bgrewrite_status", "ok") === "ok",
    lastRewriteSeconds: fields.number("aof_last_rewrite_time_sec", -1),
    lastWriteOk: fields.text("aof_last_write_status", "ok") === "ok",
    aofBytes: fields.number("aof_current_size"),
    aofBaseBytes: fields.number("aof_base_size"),
    delayedSyncs: fields.number("aof_delayed_fsync"),
  };
}

function addressOf(host: string, port: string): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function readReplication(fields: Fields): ReplicationFigures {
  const replicas: Replica[] = [];
  for (const [name, value] of fields.family("slave")) {
    if (!/^\d+$/.test(name)) continue;
    const replica = pairs(value);
    replicas.push({
      address: addressOf(replica.ip ?? "?", replica.port ?? "?"),
      state: replica.state ?? "?",
      offset: number(replica.offset, 0),
      lagSeconds: number(replica.lag, -1),
    });
  }
  const isReplica = fields.text("role") === "slave";
  return {
    isReplica,
    offset: fields.number(isReplica ? "slave_repl_offset" : "master_repl_offset"),
    replicationId: fields.text("master_replid"),
    backlogBytes: fields.number("repl_backlog_histlen"),
    backlogSizeBytes: fields.number("repl_backlog_size"),
    replicas,
    primary: isReplica
      ? {
          address: addressOf(fields.text("master_host", "?"), fields.text("master_port", "?")),
          isUp: fields.text("master_link_status") === "up",
          lastIoSeconds: fields.number("master_last_io_seconds_ago", -1),
          downSeconds: fields.number("master_link_down_since_seconds"),
          syncBytes: fields.number("master_sync_read_bytes"),
          syncTotalBytes: fields.number("master_sync_total_bytes"),
        }
      : null,
  };
}

// ── Between two readings ─────────────────────────────────────────────────────────────────────

export interface CommandRate extends CommandFigures {
  readonly callsPerSecond: number;
  /** Of the calls between the readings, in µs; NaN without any. */
  readonly usecPerCall: number;
  /** Server time spent on it, of the time between the readings: 0 to 1. */
  readonly share: number;
}

/** All per second, except where the name says otherwise. */
export interface Rates {
  readonly seconds: number;
  readonly operations: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** 0 to 1; NaN where no key was looked up. */
  readonly hitRatio: number;
  /** 1 is one core. */
  readonly cpu: number;
  readonly connections: number;
  readonly expired: number;
  readonly evicted: number;
  readonly commands: readonly CommandRate[];
}

/**
 * Null where the readings are of different lives of the server, or its counters were reset
 * between them: then there is nothing that could be said of the time between.
 */
export function ratesBetween(before: Reading, after: Reading): Rates | null {
  const seconds = (after.atMs - before.atMs) / 1000;
  const wasReset =
    after.runId !== before.runId ||
    after.operations < before.operations ||
    after.receivedBytes < before.receivedBytes;
  if (wasReset || seconds <= 0) return null;
  const rate = (from: number, to: number) => Math.max(0, to - from) / seconds;
  const hits = Math.max(0, after.hits - before.hits);
  const lookups = hits + Math.max(0, after.misses - before.misses);
  const earlier = new Map(before.commands.map((command) => [command.name, command]));
  return {
    seconds,
    operations: rate(before.operations, after.operations),
    receivedBytes: rate(before.receivedBytes, after.receivedBytes),
    sentBytes: rate(before.sentBytes, after.sentBytes),
    hitRatio: lookups === 0 ? Number.NaN : hits / lookups,
    cpu: rate(before.cpuSeconds, after.cpuSeconds),
    connections: rate(before.connections, after.connections),
    expired: rate(before.expired, after.expired),
    evicted: rate(before.evicted, after.evicted),
    commands: after.commands.map((command) => {
      const { calls, usec } = earlier.get(command.name) ?? { calls: 0, usec: 0 };
      const newCalls = Math.max(0, command.calls - calls);
      const newUsec = Math.max(0, command.usec - usec);
      return {
        ...command,
        callsPerSecond: newCalls / seconds,
        usecPerCall: newCalls === 0 ? Number.NaN : newUsec / newCalls,
        share: newUsec / 1e6 / seconds,
      };
    }),
  };
}

/** The commands of a reading that has none before it: nothing is known of the time between. */
export function commandsOf(reading: Reading, rates: Rates | null): readonly CommandRate[] {
  if (rates !== null) return rates.commands;
  return reading.commands.map((command) => ({
    ...command,
    callsPerSecond: 0,
    usecPerCall: Number.NaN,
    share: 0,
  }));
}

/** Hits of all lookups since the server started, 0 to 1; NaN without lookups. */
export function hitRatioEver({ hits, misses }: Reading): number {
  return hits + misses === 0 ? Number.NaN : hits / (hits + misses);
}

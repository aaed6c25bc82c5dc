/** The text of INFO: Redis's sections and field names. */
import { totalmem } from "node:os";
import { humanBytes } from "../base/human-bytes.ts";
import { percentilesUsec } from "../commands/spec/command.ts";
import { CHANNEL, PATTERN, SHARD } from "../pubsub/pubsub.ts";
import { hostOf } from "../replication/failover.ts";
import type { ReplicaState } from "../replication/primary.ts";
import type { PrimaryLink } from "../replication/primary-link.ts";
import { REDIS_VERSION, STORMDB_VERSION } from "../version.ts";
import type { Server } from "./server.ts";

type Fields = readonly (readonly [string, string | number])[];

const SECTIONS: Readonly<Record<string, (server: Server) => Fields>> = {
  server: serverFields,
  clients: clientFields,
  memory: memoryFields,
  persistence: persistenceFields,
  stats: statsFields,
  replication: replicationFields,
  cpu: cpuFields,
  modules: () => [],
  commandstats: commandFields,
  errorstats: (server) =>
    [...server.dispatch.errorCounts].map(([code, count]) => [
      `errorstat_${code}`,
      `count=${count}`,
    ]),
  latencystats: latencyFields,
  cluster: () => [["cluster_enabled", 0]],
  keyspace: keyspaceFields,
};

const TITLES: Readonly<Record<string, string>> = { cpu: "CPU" };
/** What `INFO` without arguments leaves out. */
const NOT_BY_DEFAULT = new Set(["commandstats", "latencystats"]);

export function infoText(server: Server, wanted: readonly string[]): string {
  const names = new Set(wanted.map((name) => name.toLowerCase()));
  const everything = names.has("all") || names.has("everything");
  const usual = names.size === 0 || names.has("default");
  const parts: string[] = [];
  for (const [name, fields] of Object.entries(SECTIONS)) {
    if (!everything && !names.has(name) && !(usual && !NOT_BY_DEFAULT.has(name))) continue;
    const title = TITLES[name] ?? name[0]!.toUpperCase() + name.slice(1);
    const lines = fields(server).map(([key, value]) => `${key}:${value}\r\n`);
    parts.push(`# ${title}\r\n${lines.join("")}`);
  }
  return parts.join("\r\n");
}

function serverFields(server: Server): Fields {
  const { clock, config } = server;
  const uptimeSeconds = Math.floor((clock.nowMs - server.startedMs) / 1000);
  return [
    ["redis_version", REDIS_VERSION],
    ["stormdb_version", STORMDB_VERSION],
    ["redis_git_sha1", "00000000"],
    ["redis_git_dirty", 0],
    ["redis_build_id", "0"],
    ["redis_mode", "standalone"],
    ["os", `${process.platform} ${process.arch}`],
    ["arch_bits", 64],
    ["monotonic_clock", "performance.now"],
    ["multiplexing_api", "bun"],
    ["bun_version", Bun.version],
    ["process_id", process.pid],
    ["process_supervised", "no"],
    ["run_id", server.runId],
    ["tcp_port", server.port],
    ["server_time_usec", clock.wallUs()],
    ["uptime_in_seconds", uptimeSeconds],
    ["uptime_in_days", Math.floor(uptimeSeconds / 86400)],
    ["hz", config.number("hz")],
    ["configured_hz", config.number("hz")],
    ["lru_clock", server.keyspace.accessClock],
    ["executable", process.execPath],
    ["config_file", config.file],
    ["io_threads_active", 0],
  ];
}

function clientFields(server: Server): Fields {
  let inputMax = 0;
  let outputMax = 0;
  let blocked = 0;
  for (const client of server.clients.values()) {
    if (client.isHeld) blocked++;
    inputMax = Math.max(inputMax, client.pending?.bytes.length ?? 0);
    outputMax = Math.max(outputMax, client.backlogBytes);
  }
  return [
    ["connected_clients", server.clients.size],
    ["cluster_connections", 0],
    ["maxclients", server.config.number("maxclients")],
    ["client_recent_max_input_buffer", inputMax],
    ["client_recent_max_output_buffer", outputMax],
    ["blocked_clients", blocked],
    ["tracking_clients", 0],
    ["clients_in_timeout_table", 0],
    ["total_blocking_keys", server.blocking.keyCount],
    ["total_blocking_keys_on_nokey", 0],
  ];
}

function memoryFields(server: Server): Fields {
  const { heap } = server.keyspace;
  heap.notePeak();
  const { rss, heapUsed } = process.memoryUsage();
  const used = heap.usedBytes;
  const total = totalmem();
  const limit = server.config.number("maxmemory");
  return [
    ["used_memory", used],
    ["used_memory_human", humanBytes(used)],
    ["used_memory_rss", rss],
    ["used_memory_rss_human", humanBytes(rss)],
    ["used_memory_peak", heap.peakBytes],
    ["used_memory_peak_human", humanBytes(heap.peakBytes)],
    ["used_memory_peak_perc", `${((used / Math.max(1, heap.peakBytes)) * 100).toFixed(2)}%`],
    ["used_memory_startup", server.startupBytes],
    ["used_memory_dataset", used - server.startupBytes],
    ["used_memory_js_heap", heapUsed],
    ["total_system_memory", total],
    ["total_system_memory_human", humanBytes(total)],
    ["cgroup_memory_limit", server.cgroupLimitBytes],
    ["cgroup_memory_limit_human", humanBytes(server.cgroupLimitBytes)],
    ["maxmemory", limit],
    ["maxmemory_human", humanBytes(limit)],
    ["maxmemory_policy", server.config.text("maxmemory-policy")],
    ["mem_fragmentation_ratio", (rss / Math.max(1, used)).toFixed(2)],
    ["mem_clients_normal", server.clientBytes()],
    ["mem_allocator", "stormdb"],
    ["lazyfree_pending_objects", server.keyspace.reaper.pending],
    ["lazyfreed_objects", 0],
  ];
}

function persistenceFields(server: Server): Fields {
  const p = server.persistence;
  const nowMs = server.clock.nowMs;
  const runningSeconds = (task: string) =>
    p.task === task ? Math.floor((nowMs - p.taskStartedMs) / 1000) : -1;
  const { entries, total } = p.progress;
  return [
    ["loading", p.loading ? 1 : 0],
    ["async_loading", 0],
    ["current_save_keys_processed", entries],
    ["current_save_keys_total", total],
    ["rdb_changes_since_last_save", p.changes],
    ["rdb_bgsave_in_progress", p.task === "save" ? 1 : 0],
    ["rdb_last_save_time", Math.floor(p.lastSaveMs / 1000)],
    ["rdb_last_bgsave_status", p.lastSaveOk ? "ok" : "err"],
    ["rdb_last_bgsave_time_sec", p.lastSaveSeconds],
    ["rdb_current_bgsave_time_sec", runningSeconds("save")],
    ["rdb_saves", p.saves],
    ["aof_enabled", p.aofEnabled ? 1 : 0],
    ["aof_rewrite_in_progress", p.task === "rewrite" ? 1 : 0],
    ["aof_rewrite_scheduled", p.rewriteScheduled ? 1 : 0],
    ["aof_last_rewrite_time_sec", p.lastRewriteSeconds],
    ["aof_current_rewrite_time_sec", runningSeconds("rewrite")],
    ["aof_last_bgrewrite_status", p.lastRewriteOk ? "ok" : "err"],
    ["aof_rewrites", p.rewrites],
    ["aof_last_write_status", p.aofError === "" ? "ok" : "err"],
    ...(p.aofEnabled
      ? ([
          ["aof_current_size", p.aofBytes],
          ["aof_base_size", p.aofBaseBytes],
          ["aof_pending_rewrite", 0],
          ["aof_buffer_length", p.aofPendingBytes],
          ["aof_delayed_fsync", p.aofDelayedSyncs],
        ] as const)
      : []),
    ...(p.loading ? loadingFields(server) : []),
  ];
}

function loadingFields(server: Server): Fields {
  const { loadedBytes, startedMs, totalBytes } = server.persistence.loader;
  const fraction = loadedBytes / Math.max(1, totalBytes);
  const seconds = (server.clock.nowMs - startedMs) / 1000;
  return [
    ["loading_start_time", Math.floor(startedMs / 1000)],
    ["loading_total_bytes", totalBytes],
    ["loading_loaded_bytes", loadedBytes],
    ["loading_loaded_perc", (fraction * 100).toFixed(2)],
    ["loading_eta_seconds", fraction > 0 ? Math.ceil(seconds / fraction - seconds) : 0],
  ];
}

function statsFields(server: Server): Fields {
  const { dispatch, keyspace, intake, output, rates } = server;
  return [
    ["total_connections_received", server.listeners.received],
    ["total_commands_processed", dispatch.calls],
    ["instantaneous_ops_per_sec", Math.round(rates.calls)],
    ["total_net_input_bytes", intake.receivedBytes],
    ["total_net_output_bytes", output.sentBytes],
    ["instantaneous_input_kbps", (rates.inputBytes / 1024).toFixed(2)],
    ["instantaneous_output_kbps", (rates.outputBytes / 1024).toFixed(2)],
    ["rejected_connections", server.listeners.rejected],
    ["sync_full", server.replication.core.primary.fullSyncs],
    ["sync_partial_ok", server.replication.core.primary.partialSyncs],
    ["sync_partial_err", server.replication.core.primary.refusedSyncs],
    ["expired_keys", keyspace.expired],
    ["evicted_keys", 0],
    ["evicted_clients", 0],
    ["keyspace_hits", keyspace.hits],
    ["keyspace_misses", keyspace.misses],
    ["pubsub_channels", server.pubsub.nameCount(CHANNEL)],
    ["pubsub_patterns", server.pubsub.nameCount(PATTERN)],
    ["pubsubshard_channels", server.pubsub.nameCount(SHARD)],
    ["latest_fork_usec", 0],
    ["total_forks", 0],
    ["total_error_replies", dispatch.errorReplies],
    ["client_query_buffer_limit_disconnections", server.queryBufferCuts],
    ["client_output_buffer_limit_disconnections", server.outputBufferCuts],
  ];
}

function replicationFields(server: Server): Fields {
  const { config, replication } = server;
  const { backlog, id, link, position, primary, secondId, secondPosition } = replication.core;
  const { followers } = primary;
  const minReplicas = config.number("min-replicas-to-write");
  const nowMs = server.clock.nowMs;
  return [
    ["role", link === null ? "master" : "slave"],
    ...(link === null ? [] : linkFields(server, link)),
    ["connected_slaves", followers.length],
    ...(minReplicas > 0 ? [["min_slaves_good_slaves", primary.goodCount] as const] : []),
    ...followers.map((replica, i) => {
      const lag = replica.isOnline ? Math.floor((nowMs - replica.ackMs) / 1000) : 0;
      const state = STATES[replica.state];
      return [
        `slave${i}`,
        `ip=${hostOf(replica)},port=${replica.port},state=${state},offset=${replica.ackPosition},lag=${lag}`,
      ] as const;
    }),
    ["master_failover_state", replication.failoverState.state],
    ["master_replid", id],
    ["master_replid2", secondId],
    ["master_repl_offset", position],
    ["second_repl_offset", secondPosition < 0 ? -1 : secondPosition + 1],
    ["repl_backlog_active", backlog === null ? 0 : 1],
    ["repl_backlog_size", config.number("repl-backlog-size")],
    ["repl_backlog_first_byte_offset", backlog === null ? 0 : backlog.start + 1],
    ["repl_backlog_histlen", backlog === null ? 0 : backlog.end - backlog.start],
  ];
}

/** Redis's names for how far a replica is. */
const STATES: Readonly<Record<ReplicaState, string>> = {
  announced: "wait_bgsave",
  waiting: "wait_bgsave",
  writing: "wait_bgsave",
  receiving: "send_bulk",
  loading: "send_bulk",
  online: "online",
};

function linkFields(server: Server, link: PrimaryLink): Fields {
  const { config, replication } = server;
  const { host, port } = link.settings;
  const nowMs = Date.now();
  const isSyncing = link.state === "sync";
  return [
    ["master_host", host],
    ["master_port", port],
    ["master_link_status", link.isUp ? "up" : "down"],
    ["master_last_io_seconds_ago", link.isUp ? Math.floor((nowMs - link.lastIoMs) / 1000) : -1],
    ["master_sync_in_progress", isSyncing ? 1 : 0],
    ["slave_read_repl_offset", replication.position],
    ["slave_repl_offset", replication.position],
    ...(isSyncing
      ? ([
          ["master_sync_total_bytes", link.dataBytes],
          ["master_sync_read_bytes", link.dataTakenBytes],
          ["master_sync_left_bytes", Math.max(0, link.dataBytes - link.dataTakenBytes)],
          ["master_sync_last_io_seconds_ago", Math.floor((nowMs - link.lastIoMs) / 1000)],
        ] as const)
      : []),
    ...(link.isUp
      ? []
      : [
          [
            "master_link_down_since_seconds",
            Math.floor((nowMs - link.downSinceMs) / 1000),
          ] as const,
        ]),
    ["slave_priority", config.number("replica-priority")],
    ["slave_read_only", config.flag("replica-read-only") ? 1 : 0],
    ["replica_announced", config.flag("replica-announced") ? 1 : 0],
  ];
}

function cpuFields(): Fields {
  const { user, system } = process.cpuUsage();
  return [
    ["used_cpu_sys", (system / 1e6).toFixed(6)],
    ["used_cpu_user", (user / 1e6).toFixed(6)],
  ];
}

function commandFields(server: Server): Fields {
  return server
    .calledCommands()
    .map((command) => [
      `cmdstat_${command.fullName}`,
      `calls=${command.calls},usec=${Math.round(command.usec)},usec_per_call=${(command.usec / Math.max(1, command.calls)).toFixed(2)},rejected_calls=${command.rejected},failed_calls=${command.failed}`,
    ]);
}

function latencyFields(server: Server): Fields {
  if (!server.dispatch.tracking) return [];
  const percents = server.config.words("latency-tracking-info-percentiles");
  const fractions = percents.map((percent) => Number(percent) / 100);
  return server.calledCommands().flatMap(({ fullName, histogram }) => {
    if (histogram === null) return [];
    const shown = percentilesUsec(histogram, fractions).map(
      (usec, i) => `p${percents[i]}=${usec.toFixed(3)}`,
    );
    return [[`latency_percentiles_usec_${fullName}`, shown.join(",")] as const];
  });
}

function keyspaceFields(server: Server): Fields {
  return server.keyspace.databases
    .filter((db) => db.keyCount > 0)
    .map((db) => [
      `db${db.index}`,
      `keys=${db.keyCount},expires=${db.expiringCount},avg_ttl=${Math.round(db.averageTtlMs())}`,
    ]);
}

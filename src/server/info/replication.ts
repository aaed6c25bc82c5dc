/** INFO's section Replication. */

import type { Clock } from "../../base/clock.ts";
import { type Figure, flag, gauge, group, text } from "../../base/figure.ts";
import { hostOf } from "../../replication/failover.ts";
import type { PrimaryLink } from "../../replication/primary-link.ts";
import type { Replica, ReplicaState } from "../../replication/replica-feeds.ts";
import type { Replication } from "../../replication/replication.ts";
import type { Config } from "../configuration/config.ts";

export interface ReplicationSource {
  readonly clock: Clock;
  readonly config: Config;
  readonly replication: {
    readonly core: Replication;
    readonly failoverState: { readonly state: string };
  };
}

export function replicationFigures(source: ReplicationSource): Figure[] {
  const { clock, config, replication } = source;
  const { backlog, feeds, link, replid, secondReplid, secondReplidOffset, streamOffset } =
    replication.core;
  const { replicas } = feeds;
  const countsGood = config.number("min-replicas-to-write") > 0;
  return [
    text("role", link === null ? "master" : "slave"),
    ...(link === null ? [] : linkFigures(source, link)),
    gauge("connected_slaves", replicas.length),
    ...(countsGood ? [gauge("min_slaves_good_slaves", feeds.goodCount)] : []),
    ...replicas.map((replica, i) => replicaFigures(replica, i, clock.nowMs)),
    text("master_failover_state", replication.failoverState.state),
    text("master_replid", replid),
    text("master_replid2", secondReplid),
    gauge("master_repl_offset", streamOffset),
    gauge("second_repl_offset", secondReplidOffset < 0 ? -1 : secondReplidOffset + 1),
    flag("repl_backlog_active", backlog !== null),
    gauge("repl_backlog_size", config.number("repl-backlog-size")),
    gauge("repl_backlog_first_byte_offset", backlog === null ? 0 : backlog.start + 1),
    gauge("repl_backlog_histlen", backlog === null ? 0 : backlog.end - backlog.start),
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

function replicaFigures(replica: Replica, index: number, nowMs: number): Figure {
  const ip = hostOf(replica);
  const lag = replica.isOnline ? Math.floor((nowMs - replica.ackMs) / 1000) : 0;
  return group(`slave${index}`, { replica: `${ip}:${replica.port}` }, [
    text("ip", ip),
    gauge("port", replica.port),
    text("state", STATES[replica.state]),
    gauge("offset", replica.ackOffset),
    gauge("lag", lag),
  ]);
}

function linkFigures({ config, replication }: ReplicationSource, link: PrimaryLink): Figure[] {
  const { host, port } = link.settings;
  const { streamOffset } = replication.core;
  const nowMs = Date.now();
  const secondsSince = (timeMs: number) => Math.floor((nowMs - timeMs) / 1000);
  const isSyncing = link.state === "sync";
  return [
    text("master_host", host),
    gauge("master_port", port),
    text("master_link_status", link.isUp ? "up" : "down"),
    gauge("master_last_io_seconds_ago", link.isUp ? secondsSince(link.lastIoMs) : -1),
    flag("master_sync_in_progress", isSyncing),
    gauge("slave_read_repl_offset", streamOffset),
    gauge("slave_repl_offset", streamOffset),
    ...(isSyncing ? syncFigures(link, secondsSince(link.lastIoMs)) : []),
    ...(link.isUp ? [] : [gauge("master_link_down_since_seconds", secondsSince(link.downSinceMs))]),
    gauge("slave_priority", config.number("replica-priority")),
    flag("slave_read_only", config.flag("replica-read-only")),
    flag("replica_announced", config.flag("replica-announced")),
  ];
}

function syncFigures({ dataBytes, dataTakenBytes }: PrimaryLink, ioSecondsAgo: number): Figure[] {
  return [
    gauge("master_sync_total_bytes", dataBytes),
    gauge("master_sync_read_bytes", dataTakenBytes),
    gauge("master_sync_left_bytes", Math.max(0, dataBytes - dataTakenBytes)),
    gauge("master_sync_perc", dataBytes > 0 ? (dataTakenBytes / dataBytes) * 100 : 0, 2),
    gauge("master_sync_last_io_seconds_ago", ioSecondsAgo),
  ];
}

/** INFO's section Persistence. There is no fork: what Redis calls the child's is the snapshot's. */

import type { Clock } from "../../base/clock.ts";
import { type Figure, flag, gauge, text } from "../../base/figure.ts";
import type { Loader } from "../../persistence/loader.ts";
import type { PersistenceFigures } from "../../persistence/persistence.ts";

export interface PersistenceSource {
  readonly clock: Pick<Clock, "nowMs">;
  readonly persistence: {
    readonly figures: PersistenceFigures;
    readonly loader: Pick<Loader, "loadedBytes" | "startedMs" | "totalBytes">;
  };
  readonly keyspace: { readonly heap: { readonly usedBytes: number } };
}

export function persistenceFigures(source: PersistenceSource): Figure[] {
  const { figures } = source.persistence;
  const nowMs = source.clock.nowMs;
  return [
    flag("loading", figures.loading),
    gauge("async_loading", 0),
    ...snapshotFigures(figures),
    ...rdbFigures(figures, nowMs),
    ...aofFigures(figures, nowMs),
    gauge("module_fork_in_progress", 0),
    gauge("module_fork_last_cow_size", 0),
    ...(figures.aofEnabled ? aofFileFigures(figures) : []),
    ...(figures.loading ? loadingFigures(source) : []),
  ];
}

/** Nothing is copied on write. */
function snapshotFigures({ progress, task }: PersistenceFigures): Figure[] {
  const { entries, total } = progress;
  const done = task === "none" || total === 0 ? 0 : entries / total;
  return [
    gauge("current_cow_peak", 0),
    gauge("current_cow_size", 0),
    gauge("current_cow_size_age", 0),
    gauge("current_fork_perc", done * 100, 2),
    gauge("current_save_keys_processed", entries),
    gauge("current_save_keys_total", total),
  ];
}

/** How long the task has been under way, in seconds; -1 if it is not. */
function runningSeconds(p: PersistenceFigures, task: string, nowMs: number): number {
  return p.task === task ? Math.floor((nowMs - p.taskStartedMs) / 1000) : -1;
}

function status(ok: boolean): string {
  return ok ? "ok" : "err";
}

function rdbFigures(p: PersistenceFigures, nowMs: number): Figure[] {
  return [
    gauge("rdb_changes_since_last_save", p.changes),
    flag("rdb_bgsave_in_progress", p.task === "save"),
    gauge("rdb_last_save_time", Math.floor(p.lastSaveMs / 1000)),
    text("rdb_last_bgsave_status", status(p.lastSaveOk)),
    gauge("rdb_last_bgsave_time_sec", p.lastSaveSeconds),
    gauge("rdb_current_bgsave_time_sec", runningSeconds(p, "save", nowMs)),
    gauge("rdb_saves", p.saves),
    gauge("rdb_last_cow_size", 0),
    gauge("rdb_last_load_keys_expired", p.expiredKeys),
    gauge("rdb_last_load_keys_loaded", p.loadedKeys),
  ];
}

function aofFigures(p: PersistenceFigures, nowMs: number): Figure[] {
  return [
    flag("aof_enabled", p.aofEnabled),
    flag("aof_rewrite_in_progress", p.task === "rewrite"),
    flag("aof_rewrite_scheduled", p.rewriteScheduled),
    gauge("aof_last_rewrite_time_sec", p.lastRewriteSeconds),
    gauge("aof_current_rewrite_time_sec", runningSeconds(p, "rewrite", nowMs)),
    text("aof_last_bgrewrite_status", status(p.rewriteFailures === 0)),
    gauge("aof_rewrites", p.rewrites),
    gauge("aof_rewrites_consecutive_failures", p.rewriteFailures),
    text("aof_last_write_status", status(p.aofError === "")),
    gauge("aof_last_cow_size", 0),
  ];
}

function aofFileFigures(p: PersistenceFigures): Figure[] {
  return [
    gauge("aof_current_size", p.aofBytes),
    gauge("aof_base_size", p.aofBaseBytes),
    // A rewrite that has to wait is scheduled.
    flag("aof_pending_rewrite", false),
    gauge("aof_buffer_length", p.aofPendingBytes),
    flag("aof_pending_bio_fsync", p.aofSyncing),
    gauge("aof_delayed_fsync", p.aofDelayedSyncs),
  ];
}

function loadingFigures({ clock, keyspace, persistence }: PersistenceSource): Figure[] {
  const { loadedBytes, startedMs, totalBytes } = persistence.loader;
  const fraction = loadedBytes / Math.max(1, totalBytes);
  const seconds = (clock.nowMs - startedMs) / 1000;
  return [
    gauge("loading_start_time", Math.floor(startedMs / 1000)),
    gauge("loading_total_bytes", totalBytes),
    gauge("loading_rdb_used_mem", keyspace.heap.usedBytes),
    gauge("loading_loaded_bytes", loadedBytes),
    gauge("loading_loaded_perc", fraction * 100, 2),
    gauge("loading_eta_seconds", fraction > 0 ? Math.ceil(seconds / fraction - seconds) : 0),
  ];
}

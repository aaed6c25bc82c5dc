/** INFO's section Stats. Counters start anew with CONFIG RESETSTAT. */
import { counter, type Figure, gauge } from "../../base/figure.ts";
import type { CommandTable } from "../../commands/spec/command-table.ts";
import { CHANNEL, PATTERN, type PubSub, SHARD } from "../../pubsub/pubsub.ts";
import type { Replication } from "../../replication/replication.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { Connection } from "../connections/connection.ts";
import type { Listeners } from "../connections/listeners.ts";
import type { Output } from "../connections/output.ts";
import type { Dispatch } from "../execution/dispatch.ts";
import type { Intake } from "../execution/intake.ts";
import type { Rates } from "../figures/rates.ts";
import type { ThreadTime } from "../figures/thread-time.ts";
import type { Background } from "../keys/background.ts";
import { commandUsec } from "./commands.ts";

export interface StatsSource {
  readonly dispatch: Dispatch;
  readonly keyspace: Keyspace;
  readonly intake: Intake;
  readonly output: Output;
  readonly rates: Rates;
  readonly listeners: Pick<Listeners, "received" | "rejected">;
  readonly replication: { readonly core: Replication };
  readonly pubsub: PubSub<Connection>;
  readonly background: Background;
  readonly commands: CommandTable;
  readonly threadTime: ThreadTime;
  readonly clients: { readonly queryBufferCuts: number; readonly outputBufferCuts: number };
}

export function statsFigures(source: StatsSource): Figure[] {
  return [
    ...trafficFigures(source),
    ...keyFigures(source),
    ...absentFigures(),
    ...errorFigures(source),
    ...eventFigures(source),
    ...loopFigures(source),
    ...accessFigures(source),
  ];
}

function trafficFigures(source: StatsSource): Figure[] {
  const { dispatch, intake, listeners, output, replication } = source;
  const rates = source.rates.perSecond();
  const { feeds, inputBytes } = replication.core;
  return [
    counter("total_connections_received", listeners.received),
    counter("total_commands_processed", dispatch.calls),
    gauge("instantaneous_ops_per_sec", Math.round(rates.calls)),
    counter("total_net_input_bytes", intake.receivedBytes + inputBytes),
    counter("total_net_output_bytes", output.sentBytes),
    counter("total_net_repl_input_bytes", inputBytes),
    counter("total_net_repl_output_bytes", feeds.sentBytes),
    gauge("instantaneous_input_kbps", rates.inputBytes / 1024, 2),
    gauge("instantaneous_output_kbps", rates.outputBytes / 1024, 2),
    gauge("instantaneous_input_repl_kbps", rates.replicationInputBytes / 1024, 2),
    gauge("instantaneous_output_repl_kbps", rates.replicationOutputBytes / 1024, 2),
    counter("rejected_connections", listeners.rejected),
    counter("sync_full", feeds.fullSyncs),
    counter("sync_partial_ok", feeds.partialSyncs),
    counter("sync_partial_err", feeds.refusedSyncs),
  ];
}

/** Keys leave the timing wheel when they expire, so that none is left behind as in Redis's samples. */
function keyFigures({ background, keyspace, pubsub }: StatsSource): Figure[] {
  return [
    counter("expired_keys", keyspace.expired),
    counter("expired_subkeys", keyspace.expiredFields),
    gauge("expired_stale_perc", 0, 2),
    counter("expired_time_cap_reached_count", background.expireCapsReached),
    counter("expire_cycle_cpu_milliseconds", Math.round(background.expireMs)),
    counter("evicted_keys", 0),
    counter("evicted_clients", 0),
    counter("total_eviction_exceeded_time", 0),
    gauge("current_eviction_exceeded_time", 0),
    counter("keyspace_hits", keyspace.hits),
    counter("keyspace_misses", keyspace.misses),
    gauge("pubsub_channels", pubsub.nameCount(CHANNEL)),
    gauge("pubsub_patterns", pubsub.nameCount(PATTERN)),
    gauge("pubsubshard_channels", pubsub.nameCount(SHARD)),
  ];
}

/** Of what StormDB does without (forks, defragmentation) or does not have yet (tracking). */
function absentFigures(): Figure[] {
  return [
    gauge("latest_fork_usec", 0),
    counter("total_forks", 0),
    gauge("migrate_cached_sockets", 0),
    gauge("slave_expires_tracked_keys", 0),
    counter("active_defrag_hits", 0),
    counter("active_defrag_misses", 0),
    counter("active_defrag_key_hits", 0),
    counter("active_defrag_key_misses", 0),
    counter("total_active_defrag_time", 0),
    gauge("current_active_defrag_time", 0),
    gauge("tracking_total_keys", 0),
    gauge("tracking_total_items", 0),
    gauge("tracking_total_prefixes", 0),
  ];
}

/** Every payload that RESTORE is given is checked whole. */
function errorFigures({ commands, dispatch }: StatsSource): Figure[] {
  return [
    counter("unexpected_error_replies", dispatch.unexpectedErrors),
    counter("total_error_replies", dispatch.errorReplies),
    counter("dump_payload_sanitizations", commands.byName("restore")?.calls ?? 0),
  ];
}

/** Replies are in buffers that all clients share: none has one that shrinks or grows. */
function eventFigures(source: StatsSource): Figure[] {
  return [
    counter("total_reads_processed", source.intake.reads),
    counter("total_writes_processed", source.output.writes),
    counter("io_threaded_reads_processed", 0),
    counter("io_threaded_writes_processed", 0),
    // Since Redis 7.4.
    counter("client_query_buffer_limit_disconnections", source.clients.queryBufferCuts),
    counter("client_output_buffer_limit_disconnections", source.clients.outputBufferCuts),
    counter("reply_buffer_shrinks", 0),
    counter("reply_buffer_expands", 0),
  ];
}

/**
 * Since Redis 7.2. A cycle is a turn of the event loop that had something to send; the engine does
 * not tell of others, nor how long each took: that is the processor time of the thread.
 */
function loopFigures({ commands, output, rates, threadTime }: StatsSource): Figure[] {
  const { cycles, threadUsec } = rates.perSecond();
  return [
    counter("eventloop_cycles", output.flushes),
    counter("eventloop_duration_sum", threadTime.usecSinceReset()),
    counter("eventloop_duration_cmd_sum", Math.round(commandUsec(commands))),
    gauge("instantaneous_eventloop_cycles_per_sec", Math.round(cycles)),
    gauge("instantaneous_eventloop_duration_usec", cycles > 0 ? threadUsec / cycles : 0),
  ];
}

/** Since Redis 7.2. There are no users but the default one, who may do everything. */
function accessFigures({ dispatch }: StatsSource): Figure[] {
  return [
    counter("acl_access_denied_auth", dispatch.errorCounts.get("WRONGPASS") ?? 0),
    counter("acl_access_denied_cmd", 0),
    counter("acl_access_denied_key", 0),
    counter("acl_access_denied_channel", 0),
  ];
}

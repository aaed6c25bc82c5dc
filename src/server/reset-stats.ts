/** CONFIG RESETSTAT: the counters start anew. */
import type { Parts } from "./parts.ts";

export function resetStats(parts: Parts): void {
  const { clients, commands, dispatch, intake, keyspace, listeners, output } = parts;
  for (const command of commands.commands.values()) command.resetStats();
  dispatch.calls = 0;
  dispatch.errorReplies = 0;
  dispatch.unexpectedErrors = 0;
  dispatch.errorCounts.clear();
  keyspace.hits = 0;
  keyspace.misses = 0;
  keyspace.expired = 0;
  keyspace.reaper.freed = 0;
  intake.receivedBytes = 0;
  intake.reads = 0;
  output.sentBytes = 0;
  output.writes = 0;
  output.flushes = 0;
  const { core } = parts.replication;
  core.inputBytes = 0;
  core.feeds.sentBytes = 0;
  core.feeds.fullSyncs = 0;
  core.feeds.partialSyncs = 0;
  core.feeds.refusedSyncs = 0;
  parts.background.resetStats();
  parts.threadTime.reset();
  listeners.received = 0;
  listeners.rejected = 0;
  clients.queryBufferCuts = 0;
  clients.outputBufferCuts = 0;
  parts.rates.reset();
}

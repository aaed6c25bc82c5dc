/**
 * Where the memory of the server is, counted once for INFO memory, MEMORY STATS and MEMORY DOCTOR.
 *
 * Used memory is what the data takes in the heap of src/memory, tables and records included: what
 * `maxmemory` limits. The runtime and what belongs to connections lie outside it. They are the
 * larger part of an empty server, so that resident over used memory, as Redis divides them, would
 * say nothing but that. Each ratio here compares the resident memory with what it would be without
 * the waste in question, and is 1 without any:
 *
 *     ratio = resident / (resident - wasted)
 *
 *     pages in use over blocks in use      allocator-fragmentation
 *     resident pages over pages in use     allocator-rss
 *     resident pages over blocks in use    fragmentation
 *     what the runtime has grown by        rss-overhead
 */

import type { Keyspace } from "../../store/keyspace.ts";
import type { Config } from "../configuration/config.ts";
import type { Connection } from "../connections/connection.ts";
import { jsHeapBytes, residentBytes } from "../figures/process-memory.ts";

export interface MemorySource {
  readonly keyspace: Keyspace;
  readonly config: Pick<Config, "number" | "text">;
  readonly clients: { readonly all: ReadonlyMap<number, Connection> };
  readonly persistence: { readonly figures: { readonly aofPendingBytes: number } };
  readonly replication: {
    readonly core: {
      readonly backlog: { readonly usedBytes: number } | null;
      readonly feeds: { readonly queuedBytes: number };
    };
  };
  /** Bytes of the heap in use when the keyspace was empty. */
  readonly startupBytes: number;
  /** Bytes resident when the server had been put together, those of the heap excluded. */
  readonly startupRuntimeBytes: number;
  /** What the control group of the process is limited to; 0 for nothing. */
  readonly cgroupLimitBytes: number;
}

export interface DatabaseAccount {
  readonly index: number;
  readonly tableBytes: number;
  readonly wheelBytes: number;
}

/** Bytes that are resident although they serve nothing, and the ratio above. */
export interface Waste {
  readonly bytes: number;
  readonly ratio: number;
}

export interface MemoryAccount {
  readonly used: number;
  readonly peak: number;
  readonly startup: number;
  /** Of what is used: tables and wheels, and the rest. */
  readonly overhead: number;
  readonly dataset: number;
  /** The data set's part of what is used beyond an empty keyspace, 0 to 100. */
  readonly datasetPercent: number;
  readonly keys: number;
  readonly bytesPerKey: number;
  readonly databases: readonly DatabaseAccount[];
  /** Of the process. */
  readonly rss: number;
  readonly jsHeap: number;
  /** Of the heap: pages that hold blocks, and those that are resident. */
  readonly active: number;
  readonly resident: number;
  readonly allocatorFragmentation: Waste;
  readonly allocatorRss: Waste;
  readonly rssOverhead: Waste;
  readonly fragmentation: Waste;
  readonly backlog: number;
  readonly replicaQueues: number;
  readonly replicaClients: number;
  readonly normalClients: number;
  readonly aofBuffer: number;
}

export function memoryAccount(source: MemorySource): MemoryAccount {
  const { keyspace, persistence, replication, startupBytes } = source;
  const { heap } = keyspace;
  heap.notePeak();
  const used = heap.usedBytes;
  const databases = databaseAccounts(keyspace);
  const overhead = databases.reduce((sum, one) => sum + one.tableBytes + one.wheelBytes, 0);
  const dataset = Math.max(0, used - overhead);
  const grown = Math.max(1, used - startupBytes);
  const keys = keyspace.keyCount();
  const rss = residentBytes();
  // Pages count as resident when they have been handed out, which may be before they are touched.
  const resident = Math.max(0, Math.min(heap.residentBytes, rss - source.startupRuntimeBytes));
  const active = Math.min(heap.activeBytes, resident);
  const allocated = Math.min(used, active);
  const waste = (bytes: number) => ({ bytes, ratio: rss / Math.max(1, rss - bytes) });
  const { core } = replication;
  return {
    used,
    peak: heap.peakBytes,
    startup: startupBytes,
    overhead,
    dataset,
    datasetPercent: Math.min(100, (dataset / grown) * 100),
    keys,
    bytesPerKey: keys === 0 ? 0 : Math.floor(grown / keys),
    databases,
    rss,
    jsHeap: jsHeapBytes(heap.pageTableBytes),
    active,
    resident,
    allocatorFragmentation: waste(active - allocated),
    allocatorRss: waste(resident - active),
    rssOverhead: waste(Math.max(0, rss - resident - source.startupRuntimeBytes)),
    fragmentation: waste(resident - allocated),
    backlog: core.backlog?.usedBytes ?? 0,
    replicaQueues: core.feeds.queuedBytes,
    ...clientBytes(source.clients.all),
    aofBuffer: persistence.figures.aofPendingBytes,
  };
}

function databaseAccounts(keyspace: Keyspace): DatabaseAccount[] {
  const { databases, heap, table } = keyspace;
  return databases.map(({ index }) => {
    const wheel = keyspace.wheelRoot(index);
    return {
      index,
      tableBytes: table.usedBytes(keyspace.tableRoot(index)),
      wheelBytes: wheel === 0 ? 0 : heap.usableBytes(wheel),
    };
  });
}

function clientBytes(clients: ReadonlyMap<number, Connection>) {
  let normalClients = 0;
  let replicaClients = 0;
  for (const client of clients.values()) {
    if (client.isReplica) replicaClients += client.totalBytes;
    else normalClients += client.totalBytes;
  }
  return { normalClients, replicaClients };
}

/** MEMORY STATS, in Redis's order and names. */
import { type Figure, gauge, group } from "../../base/figure.ts";
import { type MemorySource, memoryAccount, type Waste } from "./memory-account.ts";

/** Behind the point; only whether there are any matters for the reply. */
const DOUBLE = 1;

export function memoryStats(source: MemorySource): Figure[] {
  const account = memoryAccount(source);
  const { databases, peak, used } = account;
  return [
    gauge("peak.allocated", peak),
    gauge("total.allocated", used),
    gauge("startup.allocated", account.startup),
    gauge("replication.backlog", account.backlog),
    gauge("clients.slaves", account.replicaClients),
    gauge("clients.normal", account.normalClients),
    gauge("cluster.links", 0),
    gauge("aof.buffer", account.aofBuffer),
    gauge("lua.caches", 0),
    gauge("functions.caches", 0),
    ...databases
      .filter(({ index }) => source.keyspace.databases[index]!.keyCount > 0)
      .map(({ index, tableBytes, wheelBytes }) =>
        group(`db.${index}`, { db: `db${index}` }, [
          gauge("overhead.hashtable.main", tableBytes),
          gauge("overhead.hashtable.expires", wheelBytes),
          gauge("overhead.hashtable.slot-to-keys", 0),
        ]),
      ),
    gauge("overhead.total", account.overhead),
    gauge("keys.count", account.keys),
    gauge("keys.bytes-per-key", account.bytesPerKey),
    gauge("dataset.bytes", account.dataset),
    gauge("dataset.percentage", account.datasetPercent, DOUBLE),
    gauge("peak.percentage", (used / Math.max(1, peak)) * 100, DOUBLE),
    gauge("allocator.allocated", used),
    gauge("allocator.active", account.active),
    gauge("allocator.resident", account.resident),
    ...wasteFigures("allocator-fragmentation", account.allocatorFragmentation),
    ...wasteFigures("allocator-rss", account.allocatorRss),
    ...wasteFigures("rss-overhead", account.rssOverhead),
    gauge("fragmentation", account.fragmentation.ratio, DOUBLE),
    gauge("fragmentation.bytes", account.fragmentation.bytes),
  ];
}

function wasteFigures(name: string, { bytes, ratio }: Waste): Figure[] {
  return [gauge(`${name}.ratio`, ratio, DOUBLE), gauge(`${name}.bytes`, bytes)];
}

/** INFO's section Memory. */
import { totalmem } from "node:os";
import { bytes, type Figure, gauge, text } from "../../base/figure.ts";
import { type MemoryAccount, type MemorySource, memoryAccount } from "./memory-account.ts";

export interface MemoryFiguresSource extends MemorySource {
  readonly keyspace: MemorySource["keyspace"] & { readonly reaper: { readonly pending: number } };
}

export function memoryFigures(source: MemoryFiguresSource): Figure[] {
  const account = memoryAccount(source);
  return [
    ...usedFigures(account),
    ...machineFigures(source),
    ...scriptFigures(),
    ...limitFigures(source),
    ...wasteFigures(account),
    ...bufferFigures(account),
    text("mem_allocator", "stormdb"),
    gauge("active_defrag_running", 0),
    gauge("lazyfree_pending_objects", source.keyspace.reaper.pending),
    gauge("lazyfreed_objects", source.keyspace.reaper.freed),
  ];
}

function usedFigures(account: MemoryAccount): Figure[] {
  const { peak, used } = account;
  return [
    ...bytes("used_memory", used),
    ...bytes("used_memory_rss", account.rss),
    ...bytes("used_memory_peak", peak),
    gauge("used_memory_peak_perc", (used / Math.max(1, peak)) * 100, 2, "%"),
    gauge("used_memory_overhead", account.overhead),
    gauge("used_memory_startup", account.startup),
    gauge("used_memory_dataset", account.dataset),
    gauge("used_memory_dataset_perc", account.datasetPercent, 2, "%"),
    gauge("used_memory_js_heap", account.jsHeap),
    gauge("allocator_allocated", account.used),
    gauge("allocator_active", account.active),
    gauge("allocator_resident", account.resident),
  ];
}

function machineFigures({ cgroupLimitBytes }: MemorySource): Figure[] {
  return [
    ...bytes("total_system_memory", totalmem()),
    ...bytes("cgroup_memory_limit", cgroupLimitBytes),
  ];
}

/** There are no scripts and no functions. */
function scriptFigures(): Figure[] {
  const [lua, luaHuman] = bytes("used_memory_lua", 0);
  return [
    lua,
    gauge("used_memory_vm_eval", 0),
    luaHuman,
    gauge("used_memory_scripts_eval", 0),
    gauge("number_of_cached_scripts", 0),
    gauge("number_of_functions", 0),
    gauge("number_of_libraries", 0),
    gauge("used_memory_vm_functions", 0),
    ...bytes("used_memory_vm_total", 0),
    gauge("used_memory_functions", 0),
    ...bytes("used_memory_scripts", 0),
  ];
}

function limitFigures({ config }: MemorySource): Figure[] {
  return [
    ...bytes("maxmemory", config.number("maxmemory")),
    text("maxmemory_policy", config.text("maxmemory-policy")),
  ];
}

function wasteFigures(account: MemoryAccount): Figure[] {
  const { allocatorFragmentation, allocatorRss, fragmentation, rssOverhead } = account;
  return [
    gauge("allocator_frag_ratio", allocatorFragmentation.ratio, 2),
    gauge("allocator_frag_bytes", allocatorFragmentation.bytes),
    gauge("allocator_rss_ratio", allocatorRss.ratio, 2),
    gauge("allocator_rss_bytes", allocatorRss.bytes),
    gauge("rss_overhead_ratio", rssOverhead.ratio, 2),
    gauge("rss_overhead_bytes", rssOverhead.bytes),
    gauge("mem_fragmentation_ratio", fragmentation.ratio, 2),
    gauge("mem_fragmentation_bytes", fragmentation.bytes),
  ];
}

/** None of these is a part of used memory, and so none has to be left out of what is evicted for. */
function bufferFigures(account: MemoryAccount): Figure[] {
  return [
    gauge("mem_not_counted_for_evict", 0),
    gauge("mem_replication_backlog", account.backlog),
    gauge("mem_total_replication_buffers", account.backlog + account.replicaQueues),
    gauge("mem_clients_slaves", account.replicaClients),
    gauge("mem_clients_normal", account.normalClients),
    gauge("mem_cluster_links", 0),
    gauge("mem_aof_buffer", account.aofBuffer),
  ];
}

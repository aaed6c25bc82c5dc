/** What MEMORY DOCTOR and MEMORY MALLOC-STATS say in words, for people. */
import { humanBytes } from "../../base/human-bytes.ts";
import { SEGMENT_BYTES } from "../../memory/heap.ts";
import {
  type MemoryAccount,
  type MemorySource,
  memoryAccount,
  type Waste,
} from "./memory-account.ts";

const MIB = 1048576;
/** Less data than this says nothing about how a server will be with more. */
const JUDGED_BYTES_MIN = 5 * MIB;
const PEAK_RATIO = 1.5;
const CLIENT_BYTES_MAX = 200 * 1024;
const REPLICA_BYTES_MAX = 10 * MIB;

interface Remedy {
  readonly kind: keyof MemoryAccount;
  readonly ratioMax: number;
  readonly what: string;
  readonly remedy: string;
}

/** What is looked at only from 10 MiB on, since the ratio of little says little. */
const WASTES: readonly Remedy[] = [
  {
    kind: "allocatorFragmentation",
    ratioMax: 1.1,
    what: "are free within pages that hold data: values of other sizes were deleted",
    remedy: "New values of those sizes fill them. A restart packs the data anew.",
  },
  {
    kind: "allocatorRss",
    ratioMax: 1.1,
    what: "are in free pages that are still resident",
    remedy:
      "They go back to the system once they have been free for some seconds; MEMORY PURGE gives them back now.",
  },
  {
    kind: "rssOverhead",
    ratioMax: 1.4,
    what: "are what the runtime has grown by since the start: compiled code, buffers and garbage",
    remedy: "MEMORY PURGE collects the garbage; large buffers of clients show in CLIENT LIST.",
  },
];
const WASTE_BYTES_MIN = 10 * MIB;

export function memoryDoctor(source: MemorySource): string {
  const account = memoryAccount(source);
  if (account.used < JUDGED_BYTES_MIN) {
    return `The server holds ${humanBytes(account.used)} of data, too little to judge its memory by.\n`;
  }
  const findings = [
    ...peakFindings(account),
    ...wasteFindings(account),
    ...bufferFindings(source, account),
  ];
  if (findings.length === 0) return "Nothing is unusual about the server's memory.\n";
  return `${findings.map((finding) => `* ${finding}`).join("\n")}\n`;
}

function peakFindings({ peak, used }: MemoryAccount): string[] {
  if (peak < used * PEAK_RATIO) return [];
  return [
    `The data took ${humanBytes(peak)} at its peak and takes ${humanBytes(used)} now. Pages that were used then may still be resident, which raises the fragmentation ratio. That is harmless, and they are used first when the data grows again.`,
  ];
}

function wasteFindings(account: MemoryAccount): string[] {
  return WASTES.flatMap(({ kind, ratioMax, remedy, what }) => {
    const { bytes, ratio } = account[kind] as Waste;
    if (ratio <= ratioMax || bytes < WASTE_BYTES_MIN) return [];
    return [`${humanBytes(bytes)} ${what} (ratio ${ratio.toFixed(2)}). ${remedy}`];
  });
}

function bufferFindings({ clients }: MemorySource, account: MemoryAccount): string[] {
  const replicas = [...clients.all.values()].filter(({ isReplica }) => isReplica).length;
  const normal = clients.all.size - replicas;
  const findings: string[] = [];
  if (account.normalClients > normal * CLIENT_BYTES_MAX) {
    findings.push(
      `Clients take ${humanBytes(account.normalClients / normal)} each on average: some do not read their replies, or send long pipelines. CLIENT LIST shows which (tot-mem); client-output-buffer-limit bounds them.`,
    );
  }
  if (account.replicaClients > replicas * REPLICA_BYTES_MAX) {
    findings.push(
      `Replicas take ${humanBytes(account.replicaClients / replicas)} each on average: they, or the network, are slower than the writes. client-output-buffer-limit replica bounds them.`,
    );
  }
  return findings;
}

/** The allocator is StormDB's own: what jemalloc says of arenas has no counterpart. */
export function allocatorReport(source: MemorySource): string {
  const account = memoryAccount(source);
  const { heap } = source.keyspace;
  const lines: readonly (readonly [string, number])[] = [
    ["blocks in use", account.used],
    ["most blocks in use", account.peak],
    ["pages that hold blocks", account.active],
    ["free within them", Math.max(0, account.active - account.used)],
    ["resident pages", account.resident],
    ["segments", heap.bytes.length * SEGMENT_BYTES],
    ["most that there can be", heap.capacityBytes],
    ["outside the heap", Math.max(0, account.rss - account.resident)],
    ["of that the JavaScript heap", account.jsHeap],
  ];
  const rows = lines.map(
    ([name, bytes]) => `${name.padEnd(28)} ${String(bytes).padStart(14)}  ${humanBytes(bytes)}`,
  );
  return `${["The allocator of StormDB, in bytes:", ...rows].join("\n")}\n`;
}

/**
 * What a command is. One entry is the only source of its look-up, arity check, flags, keys, ACL
 * categories, COMMAND INFO and DOCS, help in the cli and line in the README.
 */
import type { Context } from "../context.ts";
import type { CommandInfo, CommandView } from "./command-info.ts";
import * as bits from "./command-info.ts";
import { type KeyPlace, placesOf } from "./key-specs.ts";

export type Handler = (c: Context) => void;

export interface CommandSpec extends CommandInfo {
  readonly handler?: Handler;
  readonly subcommands?: readonly CommandSpec[];
}

/** Latencies are counted in buckets of powers of two of µs, 8 to a doubling. */
const HISTOGRAM_BUCKETS = 27 * 8;

/** Groups that have an ACL category, which may have another name. */
const GROUP_CATEGORIES: Readonly<Partial<Record<CommandInfo["group"], string>>> = {
  string: "string",
  list: "list",
  set: "set",
  hash: "hash",
  bitmap: "bitmap",
  hyperloglog: "hyperloglog",
  "sorted-set": "sortedset",
  geo: "geo",
  connection: "connection",
  transactions: "transaction",
};

/** A command at run time: its entry, and what was counted. */
export class Command implements CommandView {
  readonly spec: CommandSpec;
  /** "get", "config|get". */
  readonly fullName: string;
  readonly nameBytes: Uint8Array;
  readonly arity: number;
  readonly bits: number;
  readonly handler: Handler | undefined;
  readonly subcommands: ReadonlyMap<string, Command> | undefined;
  readonly keys: readonly KeyPlace[];
  readonly batchTimedArgsMax: number;

  /** Calls of the present batch that have not been timed yet. */
  untimedCalls = 0;
  calls = 0;
  /** µs spent. */
  usec = 0;
  rejected = 0;
  failed = 0;
  /** Counts of calls by latency; made at the first call. */
  histogram: Float64Array | null = null;

  constructor(spec: CommandSpec, container?: string) {
    this.spec = spec;
    this.fullName = container === undefined ? spec.name : `${container}|${spec.name}`;
    this.nameBytes = Buffer.from(spec.name, "latin1");
    this.arity = spec.arity;
    this.handler = spec.handler;
    this.keys = placesOf(spec.keys ?? []);
    this.batchTimedArgsMax = spec.batchTimedArgsMax ?? 0;
    const flags = new Set(spec.flags.split(" "));
    this.bits =
      (flags.has("write") ? bits.WRITE : 0) |
      (flags.has("denyoom") ? bits.DENY_OOM : 0) |
      (flags.has("no_auth") ? bits.NO_AUTH_NEEDED : 0) |
      (flags.has("skip_slowlog") ? bits.SKIP_SLOWLOG : 0) |
      (flags.has("loading") ? bits.ALLOWED_LOADING : 0) |
      (flags.has("admin") ? bits.ADMIN : 0) |
      (flags.has("fast") ? bits.FAST : 0) |
      (flags.has("readonly") ? bits.READ_ONLY : 0) |
      (flags.has("no_multi") ? bits.NO_MULTI : 0) |
      (flags.has("stale") ? bits.STALE : 0) |
      (flags.has("noscript") ? bits.NO_SCRIPT : 0) |
      (spec.immediate ? bits.IMMEDIATE : 0) |
      (spec.whileSubscribed ? bits.WHILE_SUBSCRIBED : 0) |
      (spec.mayReplicate ? bits.MAY_REPLICATE : 0) |
      (spec.name === "client" || container === "client" ? bits.MAY_RUN_PAUSED : 0);
    this.subcommands =
      spec.subcommands === undefined
        ? undefined
        : new Map(spec.subcommands.map((sub) => [sub.name, new Command(sub, spec.name)]));
  }

  acceptsCount(count: number): boolean {
    const { arity } = this;
    return arity > 0 ? count === arity : count >= -arity;
  }

  /** ACL categories without "@", in Redis's way: from flags, group and what the entry adds. */
  categories(): string[] {
    const flags = this.spec.flags.split(" ");
    const names: string[] = [];
    if (flags.includes("write")) names.push("write");
    if (flags.includes("readonly")) names.push("read");
    if (flags.includes("admin")) names.push("admin", "dangerous");
    if (flags.includes("pubsub")) names.push("pubsub");
    if (flags.includes("blocking")) names.push("blocking");
    names.push(flags.includes("fast") ? "fast" : "slow");
    const { group, categories, subcommands } = this.spec;
    if (subcommands === undefined) {
      const category = GROUP_CATEGORIES[group];
      if (category !== undefined) names.push(category);
      if (group === "generic" && categories === undefined) names.push("keyspace");
    }
    if (categories) names.push(...categories.split(" "));
    return [...new Set(names)];
  }

  /** Counts `calls` calls of `usec` µs each. */
  record(calls: number, usec: number, tracking: boolean): void {
    this.calls += calls;
    this.usec += usec * calls;
    if (!tracking) return;
    this.histogram ??= new Float64Array(HISTOGRAM_BUCKETS);
    const bucket = latencyBucket(usec);
    this.histogram[bucket] = this.histogram[bucket]! + calls;
  }

  resetStats(): void {
    this.calls = 0;
    this.usec = 0;
    this.rejected = 0;
    this.failed = 0;
    this.histogram = null;
    for (const sub of this.subcommands?.values() ?? []) sub.resetStats();
  }
}

/** The bucket of a latency: by its power of two (from 1/8 µs on) and the next three bits. */
function latencyBucket(usec: number): number {
  // In eighths of a µs, so that the smallest buckets still tell latencies apart.
  const v = Math.min((usec * 8) | 0, 0x7fffffff);
  if (v < 8) return Math.max(v, 0);
  const e = 31 - Math.clz32(v);
  return Math.min(HISTOGRAM_BUCKETS - 1, (e - 2) * 8 + ((v >>> (e - 3)) & 7));
}

/** The upper end of a bucket in µs. */
export function bucketUsec(bucket: number): number {
  if (bucket < 8) return (bucket + 1) / 8;
  const e = (bucket >>> 3) + 2;
  return ((8 + (bucket & 7) + 1) * 2 ** (e - 3)) / 8;
}

/** For each fraction the latency in µs below which that part of the calls were. */
export function percentilesUsec(histogram: Float64Array, fractions: readonly number[]): number[] {
  // Calls in each bucket and those below it.
  const sums = new Float64Array(histogram.length);
  let total = 0;
  for (let i = 0; i < histogram.length; i++) {
    total += histogram[i]!;
    sums[i] = total;
  }
  if (total === 0) return fractions.map(() => 0);
  return fractions.map((fraction) =>
    bucketUsec(firstFrom(sums, Math.max(1, Math.ceil(total * fraction)))),
  );
}

/** Index of the first of the rising numbers that is at least `wanted`; the last one is. */
function firstFrom(rising: Float64Array, wanted: number): number {
  let low = 0;
  let high = rising.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (rising[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * What is known of a command without its code. The table's entries (command.ts) add the handler;
 * COMMAND, ACL and LATENCY get only this, so that what they see does not depend on `Context`.
 */
import type { KeyPlace, KeySpec } from "./key-specs.ts";

/** One entry of a command family, without the code. */
export interface CommandInfo {
  /** In lower case; for a subcommand its own name only. */
  readonly name: string;
  readonly group:
    | "string"
    | "list"
    | "bitmap"
    | "hyperloglog"
    | "sorted-set"
    | "set"
    | "geo"
    | "hash"
    | "generic"
    | "connection"
    | "server"
    | "pubsub"
    | "transactions"
    | "cluster";
  readonly since: string;
  readonly complexity: string;
  readonly summary: string;
  /** Arguments, name included; at least that many if negative. A subcommand counts its container. */
  readonly arity: number;
  /** Space-separated, in Redis's words. */
  readonly flags: string;
  /** ACL categories beyond those that flags and group imply, without "@". */
  readonly categories?: string;
  readonly keys?: readonly KeySpec[];
  /** The arguments, in the notation of syntax.ts. */
  readonly syntax?: string;
  /** Hints for clients, as in COMMAND INFO. */
  readonly tips?: string;
  readonly deprecated?: { readonly since: string; readonly replacedBy: string };
  /** Not in COMMAND DOCS's usual set ("syscmd"). */
  readonly docFlags?: string;
  /** Runs at once between MULTI and EXEC; it is not queued. */
  readonly immediate?: true;
  /** Changes no data but is propagated to replicas: CLIENT PAUSE WRITE holds it back too. */
  readonly mayReplicate?: true;
  /** RESP2 clients may call it while they are subscribed to a channel. */
  readonly whileSubscribed?: true;
  /**
   * With at most this many arguments the command takes constant time; such calls in a pipeline are
   * timed together, because reading the clock would cost more than most of them.
   */
  readonly batchTimedArgsMax?: number;
}

/** A command of the running server. */
export interface CommandView {
  readonly spec: CommandInfo;
  /** "get", "config|get". */
  readonly fullName: string;
  readonly bits: number;
  readonly keys: readonly KeyPlace[];
  readonly subcommands: ReadonlyMap<string, CommandView> | undefined;
  readonly calls: number;
  /** Counts of calls by latency; null before the first call. */
  readonly histogram: Float64Array | null;
  /** Whether it may be called with that many arguments, its name included. */
  acceptsCount(count: number): boolean;
  /** ACL categories without "@". */
  categories(): string[];
}

export const WRITE = 1;
export const DENY_OOM = 2;
export const NO_AUTH_NEEDED = 4;
export const SKIP_SLOWLOG = 8;
export const ADMIN = 16;
export const FAST = 32;
export const MAY_RUN_PAUSED = 64;
export const ALLOWED_LOADING = 128;
export const READ_ONLY = 256;
export const NO_MULTI = 512;
export const IMMEDIATE = 1024;
export const WHILE_SUBSCRIBED = 2048;
export const STALE = 4096;
export const MAY_REPLICATE = 8192;
/** About the calling connection or about the process: scripts, files and primaries may not run it. */
export const NO_SCRIPT = 16384;

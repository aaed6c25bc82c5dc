/** Why a command may not run now. The order of the checks is that of Redis's processCommand. */
import type { Command } from "../../commands/spec/command.ts";
import {
  ALLOWED_LOADING,
  DENY_OOM,
  IMMEDIATE,
  MAY_REPLICATE,
  MAY_RUN_PAUSED,
  NO_AUTH_NEEDED,
  NO_MULTI,
  READ_ONLY,
  STALE,
  WHILE_SUBSCRIBED,
  WRITE,
} from "../../commands/spec/command-info.ts";
import { BLOCK_BYTES_MAX } from "../../memory/heap.ts";
import * as errors from "../../protocol/errors.ts";
import type { Request } from "../../protocol/request.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { IS_MONITOR, IS_REPLICA } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";
import type { Pause } from "./pause.ts";

/** Room that is always left in the heap, so that a command never runs out of it half-way. */
const HEAP_RESERVE_BYTES = 64 * 1048576;
/** Room for nodes and slabs that a command may need beside its arguments, in one piece. */
const HEAP_RUN_BYTES = 1048576;

/** Why commands of all clients need more than dispatch's plain path: the bits of `conditions`. */
const IS_LOADING = 1;
const WRITES_REFUSED = 2;
const READS_REFUSED = 4;
const IS_PAUSED = 8;

/** The state of persistence that matters here. */
interface PersistenceState {
  readonly loading: boolean;
  /** Why writes are refused, or "". */
  readonly refusal: string;
}

export class Refusals {
  readonly #keyspace: Keyspace;
  readonly #persistence: PersistenceState;
  readonly #pause: Pause;
  /** `maxmemory`, bytes; 0 for none. */
  memoryMax = 0;
  /** Why clients may not write, and why they may not even read, because of replication; or "". */
  writeRefusal = "";
  readRefusal = "";
  /** 0: no state of the server can make a command be refused. */
  conditions = 0;

  constructor(keyspace: Keyspace, persistence: PersistenceState, pause: Pause) {
    this.#keyspace = keyspace;
    this.#persistence = persistence;
    this.#pause = pause;
  }

  /** Ends a pause whose time is up. */
  checkPause(): void {
    this.#pause.check();
  }

  /** To be called when something that `conditions` depends on may have changed. */
  refresh(): void {
    const { loading, refusal } = this.#persistence;
    this.conditions =
      (loading ? IS_LOADING : 0) |
      (refusal !== "" || this.writeRefusal !== "" ? WRITES_REFUSED : 0) |
      (this.readRefusal !== "" ? READS_REFUSED : 0) |
      (this.#pause.isOn ? IS_PAUSED : 0);
  }

  /** Whether the command has to wait for the end of CLIENT PAUSE. */
  pauses(command: Command, client: Connection): boolean {
    const { isOn, writesOnly } = this.#pause;
    if (!isOn || command.bits & MAY_RUN_PAUSED || client.isReplica) return false;
    return !writesOnly || (flagsOf(command, client) & (WRITE | MAY_REPLICATE)) !== 0;
  }

  /** The error that the command is refused with, or "". */
  reasonFor(command: Command, client: Connection, request: Request): string {
    const { transaction } = client;
    const flags = flagsOf(command, client);
    if (!client.authenticated && (flags & NO_AUTH_NEEDED) === 0) return errors.NO_AUTH;
    if (transaction !== null && flags & NO_MULTI) return errors.NOT_IN_TRANSACTION;
    const isQueued = transaction !== null && (flags & IMMEDIATE) === 0;
    if ((flags & DENY_OOM || isQueued) && this.isOutOfMemory(request)) return errors.OOM;
    const { loading, refusal } = this.#persistence;
    // Sentinel finds out by PING that the disk fails, and fails over.
    const tellsOfDisk = (flags & WRITE) !== 0 || command.fullName === "ping";
    if (tellsOfDisk && refusal !== "" && !loading) return refusal;
    if (flags & WRITE && this.writeRefusal !== "") return this.writeRefusal;
    if (
      client.subscriptions !== null &&
      client.protocol === 2 &&
      (flags & WHILE_SUBSCRIBED) === 0
    ) {
      return errors.subscribersOnly(command.fullName);
    }
    if (this.readRefusal !== "" && (flags & STALE) === 0) return this.readRefusal;
    if (loading && (flags & ALLOWED_LOADING) === 0) return errors.LOADING;
    const isFeed = (client.state & (IS_MONITOR | IS_REPLICA)) !== 0;
    if (isFeed && flags & (WRITE | READ_ONLY | MAY_REPLICATE)) return errors.MONITOR_ONLY;
    return "";
  }

  isOutOfMemory(request: Request): boolean {
    const { heap } = this.#keyspace;
    const used = heap.usedBytes;
    if (this.memoryMax > 0 && used > this.memoryMax) return true;
    if (heap.canGrow) return false;
    const bytes = request.spanBytes;
    if (used + bytes * 2 + HEAP_RESERVE_BYTES > heap.capacityBytes) return true;
    // What is free may lie in pieces that are too small, or within slabs for other sizes.
    return !heap.hasRoomFor(Math.min(BLOCK_BYTES_MAX, bytes + (bytes >>> 3) + HEAP_RUN_BYTES));
  }
}

/** The flags that decide whether the command may run: for EXEC those of the queued commands too. */
function flagsOf(command: Command, client: Connection): number {
  const { transaction } = client;
  if (transaction === null || command.fullName !== "exec") return command.bits;
  return command.bits | (transaction.bits & (WRITE | DENY_OOM | MAY_REPLICATE));
}

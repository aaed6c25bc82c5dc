/** One client's connection: who it is, and what of its input and output is not yet dealt with. */
import type { Socket } from "bun";
import type { Client, ReplyMode } from "../../commands/context.ts";
import { quote } from "../../protocol/arguments.ts";
import type { Request } from "../../protocol/request.ts";
import type { RequestParser } from "../../protocol/request-parser.ts";
import { CHANNEL, PATTERN, SHARD, type Subscriptions } from "../../pubsub/pubsub.ts";
import type { Database } from "../../store/database.ts";
import type { AckWait } from "../execution/ack-waits.ts";
import type { Waiter } from "../execution/blocking.ts";
import type { Transaction } from "../execution/transactions.ts";
import type { Watch } from "../keys/key-events.ts";
import { clientLine } from "./client-line.ts";
import type { Backlogged, OutputClass } from "./output.ts";

/** A request of which only a part has come, or which waits: its bytes and the parser's place. */
export interface PendingInput {
  bytes: Uint8Array;
  /** Bytes in use. */
  end: number;
  readonly parser: RequestParser;
  readonly request: Request;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly socket: Socket<Connection>;
  readonly address: string;
  readonly localAddress: string;
  readonly isLocal: boolean;
  readonly isUnix: boolean;
  readonly database: Database;
  readonly authenticated: boolean;
  readonly nowMs: number;
}

/** What an idle connection takes, in the engine and here: measured, see docs/performance.md. */
const CONNECTION_BYTES = 2200;

export class Connection implements Client {
  readonly id: number;
  readonly socket: Socket<Connection>;
  readonly address: string;
  readonly localAddress: string;
  readonly isLocal: boolean;
  readonly isUnix: boolean;
  readonly createdMs: number;
  name = "";
  libraryName = "";
  libraryVersion = "";
  protocol = 2;
  authenticated: boolean;
  database: Database;
  noEvict = false;
  noTouch = false;
  replyMode: ReplyMode = "on";
  closing = false;
  hasWritten = false;
  lastWritePosition = 0;
  /** The socket is gone. */
  closed = false;
  lastActiveMs: number;
  lastCommand = "NULL";

  pending: PendingInput | null = null;
  /** Waits for CLIENT UNPAUSE: its input is kept and not looked at. */
  paused = false;
  /** Waits for a key; the same. */
  waiter: Waiter | null = null;
  /** Waits for replicas; the same. */
  ackWait: AckWait | null = null;
  /** It follows this server. */
  isReplica = false;
  subscriptions: Subscriptions | null = null;
  transaction: Transaction | null = null;
  /** Keys that it watches; null without any. */
  watches: Watch[] | null = null;
  /** One of them has changed. */
  watchBroken = false;
  isMonitor = false;

  /** Ranges of the shared output buffers that are this client's: buffer, from, to, … */
  readonly ranges: number[] = [];
  /** It is in the list of those to be written to when the tick ends. */
  queued = false;
  /** What the socket did not take yet. */
  readonly backlog: Backlogged[] = [];
  backlogBytes = 0;
  /** Since when the soft output limit is exceeded; 0 if it is not. */
  overSoftSinceMs = 0;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.socket = options.socket;
    this.address = options.address;
    this.localAddress = options.localAddress;
    this.isLocal = options.isLocal;
    this.isUnix = options.isUnix;
    this.database = options.database;
    this.authenticated = options.authenticated;
    this.createdMs = options.nowMs;
    this.lastActiveMs = options.nowMs;
  }

  /** Nothing about it speaks against any command. */
  get isPlain(): boolean {
    return (
      this.transaction === null &&
      this.subscriptions === null &&
      this.authenticated &&
      !this.isMonitor &&
      !this.isReplica
    );
  }

  get inTransaction(): boolean {
    return this.transaction !== null;
  }

  get isWaiting(): boolean {
    return this.waiter !== null || this.ackWait !== null;
  }

  /** Whether its input has to wait. */
  get isHeld(): boolean {
    return this.paused || this.isWaiting;
  }

  get type(): string {
    if (this.isReplica) return "replica";
    return this.subscriptions === null ? "normal" : "pubsub";
  }

  /** Which output limit holds for it; monitors get messages like subscribers. */
  get outputClass(): OutputClass {
    if (this.isReplica) return "slave";
    return this.subscriptions !== null || this.isMonitor ? "pubsub" : "normal";
  }

  /** Bytes of the buffer of what it sent and what cannot run yet. */
  get inputBytes(): number {
    return this.pending?.bytes.length ?? 0;
  }

  /** Bytes of its buffers of what is to be sent. */
  get outputBytes(): number {
    let bytes = 0;
    for (const piece of this.backlog) bytes += piece.bytes.length;
    return bytes;
  }

  /** Bytes of requests that wait for EXEC, and of the one that waits for a key. */
  get queuedBytes(): number {
    return this.transaction?.requests.usedBytes ?? 0;
  }

  /** Bytes of the connection's own buffers. */
  get bufferBytes(): number {
    return this.inputBytes + this.outputBytes + this.queuedBytes + this.waitingBytes;
  }

  get waitingBytes(): number {
    return this.waiter?.requests.usedBytes ?? 0;
  }

  /** The same, and what a connection takes by itself. */
  get totalBytes(): number {
    return CONNECTION_BYTES + this.bufferBytes;
  }

  describe(nowMs = Date.now()): string {
    const queued = this.pending === null ? 0 : this.pending.end;
    const free = this.pending === null ? 0 : this.pending.bytes.length - queued;
    const { subscriptions, transaction } = this;
    const flags = [
      this.isMonitor ? "O" : this.isReplica ? "S" : "",
      subscriptions !== null ? "P" : "",
      transaction !== null ? "x" : "",
      this.isHeld ? "b" : "",
      this.watchBroken ? "d" : "",
      this.closing ? "c" : "",
      this.isUnix ? "U" : "",
      this.noEvict ? "e" : "",
      this.noTouch ? "T" : "",
    ].join("");
    return clientLine(
      {
        id: this.id,
        address: this.address,
        localAddress: this.localAddress,
        name: this.name,
        createdMs: this.createdMs,
        lastActiveMs: this.lastActiveMs,
        flags,
        databaseIndex: this.database.index,
        channels: subscriptions?.count(CHANNEL) ?? 0,
        patterns: subscriptions?.count(PATTERN) ?? 0,
        shardChannels: subscriptions?.count(SHARD) ?? 0,
        queuedCommands: transaction?.commands.length ?? -1,
        queuedBytes: transaction?.requests.usedBytes ?? 0,
        inputBytes: queued,
        inputFreeBytes: free,
        backlogPieces: this.backlog.length,
        backlogBytes: this.backlogBytes,
        bufferBytes: this.bufferBytes,
        command: this.lastCommand,
        protocol: this.protocol,
        libraryName: this.libraryName,
        libraryVersion: this.libraryVersion,
      },
      nowMs,
    );
  }

  /** The same, safe for a log line. */
  toString(): string {
    return quote(this.describe());
  }
}

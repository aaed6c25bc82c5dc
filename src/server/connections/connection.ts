/** One client's connection: who it is, and what of its input and output is not yet dealt with. */
import type { Client, ReplyMode } from "../../commands/services/client.ts";
import { quote } from "../../protocol/arguments.ts";
import type { Request } from "../../protocol/request.ts";
import { CHANNEL, PATTERN, SHARD, type Subscriptions } from "../../pubsub/pubsub.ts";
import type { Database } from "../../store/database.ts";
import type { Waiter, Watch } from "./client-keys.ts";
import { clientLine } from "./client-line.ts";
import {
  type AckWait,
  IN_MULTI,
  IS_MONITOR,
  IS_REPLICA,
  NO_TOUCH,
  NOT_AUTHENTICATED,
  type OutputClass,
  type PendingInput,
  type QueuedCommands,
  REPLIES_WITHHELD,
  SUBSCRIBED,
  type UnsentPiece,
} from "./client-state.ts";
import type { EndableSocket } from "./hang-up.ts";

/** What a connection needs of its socket; the clients that stand for a file or a primary have none. */
export interface ClientSocket extends EndableSocket {
  write(bytes: Uint8Array, from: number, length: number): number;
  /** On TCP alone: whether small packets are sent at once. */
  setNoDelay?(on: boolean): unknown;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly socket: ClientSocket;
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
  readonly socket: ClientSocket;
  readonly address: string;
  readonly localAddress: string;
  readonly isLocal: boolean;
  readonly isUnix: boolean;
  readonly createdMs: number;
  name = "";
  libraryName = "";
  libraryVersion = "";
  protocol = 2;
  database: Database;
  noEvict = false;
  closing = false;
  hasWritten = false;
  lastWritePosition = 0;
  /** The socket is gone. */
  closed = false;
  lastActiveMs: number;
  lastCommand = "NULL";

  pending: PendingInput | null = null;
  /** Why its commands need more than dispatch's plain path; 0 for most clients at most times. */
  state = 0;
  #replyMode: ReplyMode = "on";
  #subscriptions: Subscriptions | null = null;
  #transaction: QueuedCommands | null = null;
  /** It waits for CLIENT UNPAUSE: its input is kept and not parsed. */
  paused = false;
  /** It waits for a key; the same. */
  waiter: Waiter<Connection> | null = null;
  /** It waits for replicas; the same. */
  ackWait: AckWait<Connection> | null = null;
  /** Keys that it watches; null without any. */
  watches: Watch<Connection>[] | null = null;
  /** A watched key has changed. */
  watchBroken = false;

  /** Ranges of the shared output buffers that are this client's: buffer, from, to, … */
  readonly ranges: number[] = [];
  /** Its output is sent when the tick ends. */
  queued = false;
  /** Output that the socket has not accepted yet. */
  readonly unsent: UnsentPiece[] = [];
  unsentBytes = 0;
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

  #setState(bit: number, on: boolean): void {
    this.state = on ? this.state | bit : this.state & ~bit;
  }

  get authenticated(): boolean {
    return (this.state & NOT_AUTHENTICATED) === 0;
  }

  set authenticated(authenticated: boolean) {
    this.#setState(NOT_AUTHENTICATED, !authenticated);
  }

  get noTouch(): boolean {
    return (this.state & NO_TOUCH) !== 0;
  }

  set noTouch(noTouch: boolean) {
    this.#setState(NO_TOUCH, noTouch);
  }

  get isMonitor(): boolean {
    return (this.state & IS_MONITOR) !== 0;
  }

  set isMonitor(isMonitor: boolean) {
    this.#setState(IS_MONITOR, isMonitor);
  }

  /** Its other end is a replica of this server. */
  get isReplica(): boolean {
    return (this.state & IS_REPLICA) !== 0;
  }

  set isReplica(isReplica: boolean) {
    this.#setState(IS_REPLICA, isReplica);
  }

  get replyMode(): ReplyMode {
    return this.#replyMode;
  }

  set replyMode(mode: ReplyMode) {
    this.#replyMode = mode;
    this.#setState(REPLIES_WITHHELD, mode !== "on");
  }

  get subscriptions(): Subscriptions | null {
    return this.#subscriptions;
  }

  set subscriptions(subscriptions: Subscriptions | null) {
    this.#subscriptions = subscriptions;
    this.#setState(SUBSCRIBED, subscriptions !== null);
  }

  get transaction(): QueuedCommands | null {
    return this.#transaction;
  }

  set transaction(transaction: QueuedCommands | null) {
    this.#transaction = transaction;
    this.#setState(IN_MULTI, transaction !== null);
  }

  get inTransaction(): boolean {
    return this.transaction !== null;
  }

  get isWaiting(): boolean {
    return this.waiter !== null || this.ackWait !== null;
  }

  /** Whether its input is kept and not parsed. */
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
    for (const piece of this.unsent) bytes += piece.bytes.length;
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

  /** Bytes of replies in the shared buffers, which leave when the tick ends. */
  get replyBytes(): number {
    let bytes = 0;
    for (let i = 0; i < this.ranges.length; i += 3)
      bytes += this.ranges[i + 2]! - this.ranges[i + 1]!;
    return bytes;
  }

  /** Redis's letters for its state, in Redis's order. */
  get #flags(): string {
    const { subscriptions, transaction } = this;
    return [
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
  }

  describe(running: Request | null = null): string {
    const { pending, subscriptions, transaction } = this;
    // Without a rest of earlier chunks, what runs is in the chunk that has just come.
    const queued = pending?.end ?? running?.bytes.length ?? 0;
    const argumentBytes = running?.argumentBytes ?? this.waiter?.requests.filledBytes ?? 0;
    const chunkBytes = pending === null ? queued : 0;
    return clientLine(
      {
        id: this.id,
        // Not among its documented properties, but it has it.
        fd: (this.socket as { readonly fd?: number }).fd ?? -1,
        address: this.address,
        localAddress: this.localAddress,
        name: this.name,
        createdMs: this.createdMs,
        lastActiveMs: this.lastActiveMs,
        flags: this.#flags,
        databaseIndex: this.database.index,
        channels: subscriptions?.count(CHANNEL) ?? 0,
        patterns: subscriptions?.count(PATTERN) ?? 0,
        shardChannels: subscriptions?.count(SHARD) ?? 0,
        queuedCommands: transaction?.commands.length ?? -1,
        queuedBytes: this.queuedBytes,
        inputBytes: queued,
        inputFreeBytes: pending === null ? 0 : pending.bytes.length - queued,
        argumentBytes,
        replyBytes: this.replyBytes,
        unsentPieces: this.unsent.length,
        outputBytes: this.outputBytes,
        totalBytes: this.totalBytes + chunkBytes,
        command: this.lastCommand,
        protocol: this.protocol,
        libraryName: this.libraryName,
        libraryVersion: this.libraryVersion,
      },
      Date.now(),
    );
  }

  /** The same, safe for a log line. */
  toString(): string {
    return quote(this.describe());
  }
}

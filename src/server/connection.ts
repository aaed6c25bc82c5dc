/** One client's connection: who it is, and what of its input and output is not yet dealt with. */
import type { Socket } from "bun";
import type { Client, ReplyMode } from "../commands/context.ts";
import { quote } from "../protocol/arguments.ts";
import type { Request } from "../protocol/request.ts";
import type { RequestParser } from "../protocol/request-parser.ts";
import type { Database } from "../store/database.ts";

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
  readonly database: Database;
  readonly authenticated: boolean;
  readonly nowMs: number;
}

export class Connection implements Client {
  readonly id: number;
  readonly socket: Socket<Connection>;
  readonly address: string;
  readonly localAddress: string;
  readonly isLocal: boolean;
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
  /** The socket is gone. */
  closed = false;
  lastActiveMs: number;
  lastCommand = "NULL";

  pending: PendingInput | null = null;
  /** Waits for CLIENT UNPAUSE: its input is kept and not looked at. */
  paused = false;

  /** The range of the shared reply buffer that is this client's; from is -1 without one. */
  replyFrom = -1;
  replyTo = 0;
  /** What the socket did not take yet. */
  readonly backlog: Uint8Array[] = [];
  backlogBytes = 0;
  /** Since when the soft output limit is exceeded; 0 if it is not. */
  overSoftSinceMs = 0;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.socket = options.socket;
    this.address = options.address;
    this.localAddress = options.localAddress;
    this.isLocal = options.isLocal;
    this.database = options.database;
    this.authenticated = options.authenticated;
    this.createdMs = options.nowMs;
    this.lastActiveMs = options.nowMs;
  }

  /** Bytes of the connection's own buffers. */
  get bufferBytes(): number {
    return (this.pending?.bytes.length ?? 0) + this.backlogBytes;
  }

  describe(nowMs = Date.now()): string {
    const queued = this.pending === null ? 0 : this.pending.end;
    const free = this.pending === null ? 0 : this.pending.bytes.length - queued;
    const flags = `${this.closing ? "c" : ""}${this.noEvict ? "e" : ""}${this.noTouch ? "T" : ""}`;
    return [
      `id=${this.id}`,
      `addr=${this.address}`,
      `laddr=${this.localAddress}`,
      "fd=-1",
      `name=${this.name}`,
      `age=${Math.floor((nowMs - this.createdMs) / 1000)}`,
      `idle=${Math.floor((nowMs - this.lastActiveMs) / 1000)}`,
      `flags=${flags === "" ? "N" : flags}`,
      `db=${this.database.index}`,
      "sub=0",
      "psub=0",
      "ssub=0",
      "multi=-1",
      `qbuf=${queued}`,
      `qbuf-free=${free}`,
      "argv-mem=0",
      "multi-mem=0",
      "rbs=0",
      "rbp=0",
      "obl=0",
      `oll=${this.backlog.length}`,
      `omem=${this.backlogBytes}`,
      `tot-mem=${this.bufferBytes}`,
      `events=${this.backlogBytes > 0 ? "rw" : "r"}`,
      `cmd=${this.lastCommand}`,
      "user=default",
      "redir=-1",
      `resp=${this.protocol}`,
      `lib-name=${this.libraryName}`,
      `lib-ver=${this.libraryVersion}`,
    ].join(" ");
  }

  /** The same, safe for a log line. */
  toString(): string {
    return quote(this.describe());
  }
}

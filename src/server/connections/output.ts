/**
 * Replies and pushed messages on their way out. All of an event-loop tick is written to shared
 * buffers, one for replies and one for what is pushed in each protocol; each client has ranges of
 * them, in order; at the end of the tick they go out in one write a client. A message to many
 * clients is in the buffer once. What a socket does not accept is kept with the client as unsent
 * output, which the output limits bound; bytes that several clients share are kept once.
 */
import { copyBytes, freeBytes } from "../../base/bytes.ts";
import { ReplyWriter } from "../../protocol/reply-writer.ts";
import type { Outlet } from "../../pubsub/pubsub.ts";
import type { UnsentPiece } from "./client-state.ts";
import type { Connection } from "./connection.ts";

/** From this many bytes on, replies leave before the tick ends. */
const FLUSH_BYTES = 1 << 20;
/** The buffer of replies; the pushes of a protocol are in the buffer of its number. */
const REPLIES = 0;
const GATHER_BYTES = 1 << 16;
/** Less than this is not kept by itself: unsent output of tiny messages would be mostly overhead. */
const BLOCK_BYTES = 1 << 14;

export interface OutputLimit {
  /** Bytes at which a client is cut at once; 0 for none. */
  readonly hardBytes: number;
  readonly softBytes: number;
  /** How long a client may stay over the soft limit. */
  readonly softSeconds: number;
}

/** What a client may be owed that has not authenticated; Redis (7.2.8) allows it as much. */
const UNAUTHENTICATED_BYTES_MAX = 1024;

const NO_LIMIT: OutputLimit = { hardBytes: 0, softBytes: 0, softSeconds: 0 };

export class Output implements Outlet<Connection> {
  /** Replies. */
  readonly writer: ReplyWriter;
  limits: ReadonlyMap<string, OutputLimit> = new Map();
  /** Bytes given to sockets. */
  sentBytes = 0;
  /** Writes to sockets. */
  writes = 0;
  /** How often what had been collected was sent: turns of the event loop that had something to send. */
  flushes = 0;
  /** Whose command is running; what is pushed to it comes behind the command's reply. */
  executing: Connection | null = null;
  /** Ranges that wait for that reply's end: protocol, from, to, … */
  readonly #deferred: number[] = [];
  readonly #writers: readonly ReplyWriter[];
  readonly #waiting: Connection[] = [];
  readonly #flush = () => this.flush();
  readonly #cut: (client: Connection) => void;
  readonly #close: (client: Connection) => void;
  readonly #beforeSend: () => void;
  readonly #afterSend: () => void;
  #scheduled = false;
  #from = 0;
  /** Several ranges of one client are brought together here. */
  #gathered = new Uint8Array(GATHER_BYTES);
  /** The last range of pushes that did not go out whole. */
  #kept: { readonly writer: number; from: number; to: number; bytes: Uint8Array } | null = null;

  /**
   * `beforeSend` is called before replies leave, so that what they say is on disk if it must be,
   * and `afterSend` when they have left.
   * `cut` is called for a client whose unsent output is over a limit, and `close` for one that is to be
   * closed and has been sent everything.
   */
  constructor(
    writer: ReplyWriter,
    cut: (client: Connection) => void,
    close: (client: Connection) => void,
    beforeSend: () => void,
    afterSend: () => void,
  ) {
    this.writer = writer;
    const pushWriter = (protocol: number) => {
      const made = new ReplyWriter();
      made.protocol = protocol;
      return made;
    };
    this.#writers = [writer, pushWriter(2), pushWriter(2), pushWriter(3)];
    this.#beforeSend = beforeSend;
    this.#afterSend = afterSend;
    this.#cut = cut;
    this.#close = close;
  }

  // ── Replies ────────────────────────────────────────────────────────────────────────────────

  /** What is written from now on is for one client, until `end`. */
  begin(): void {
    this.#from = this.writer.at;
  }

  end(client: Connection): void {
    const from = this.#from;
    const to = this.writer.at;
    this.#from = to;
    if (to > from) this.#give(client, REPLIES, from, to);
    else if (client.closing) this.#enqueue(client);
  }

  /**
   * To be called between the commands of a client: keeps the shared buffers small. Returns whether
   * anything has been sent.
   */
  relieve(client: Connection): boolean {
    const [, , two, three] = this.#writers;
    if (this.writer.at + two!.at + three!.at < FLUSH_BYTES) return false;
    this.end(client);
    this.flush();
    this.begin();
    return true;
  }

  // ── Pushes ─────────────────────────────────────────────────────────────────────────────────

  pushWriter(protocol: number): ReplyWriter {
    return this.#writers[protocol]!;
  }

  push(client: Connection, protocol: number, from: number, to: number): void {
    if (client === this.executing) this.#deferred.push(protocol, from, to);
    else this.#give(client, protocol, from, to);
  }

  /** The reply to the command of the client that is executing is complete. */
  endReply(client: Connection): void {
    if (this.#deferred.length === 0) return;
    this.end(client);
    const deferred = this.#deferred;
    for (let i = 0; i < deferred.length; i += 3) {
      this.#give(client, deferred[i]!, deferred[i + 1]!, deferred[i + 2]!);
    }
    deferred.length = 0;
  }

  #give(client: Connection, writer: number, from: number, to: number): void {
    const { ranges } = client;
    const { length } = ranges;
    if (length === 0) this.#enqueue(client);
    else if (ranges[length - 3] === writer && ranges[length - 1] === from) {
      ranges[length - 1] = to;
      return;
    }
    ranges.push(writer, from, to);
  }

  #enqueue(client: Connection): void {
    if (client.queued) return;
    client.queued = true;
    this.#waiting.push(client);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  // ── Sending ────────────────────────────────────────────────────────────────────────────────

  flush(): void {
    this.#scheduled = false;
    this.flushes++;
    this.#beforeSend();
    const waiting = this.#waiting;
    for (let i = 0; i < waiting.length; i++) this.#send(waiting[i]!);
    waiting.length = 0;
    for (const writer of this.#writers) writer.reset();
    this.#kept = null;
    this.#from = 0;
    this.#afterSend();
  }

  #send(client: Connection): void {
    client.queued = false;
    const { ranges } = client;
    if (!client.closed && ranges.length > 0) {
      if (ranges.length === 3) this.#sendRange(client, ranges[0]!, ranges[1]!, ranges[2]!);
      else this.#sendGathered(client);
    }
    ranges.length = 0;
    if (client.closing && client.unsentBytes === 0 && !client.closed) this.#close(client);
  }

  #sendRange(client: Connection, writer: number, from: number, to: number): void {
    const { bytes } = this.#writers[writer]!;
    const sent = this.#write(client, bytes, from, to);
    if (sent === to - from) return;
    if (writer === REPLIES || to - from < BLOCK_BYTES) {
      this.#keepCopy(client, bytes, from + sent, to);
      return;
    }
    if (this.#kept?.writer !== writer || this.#kept.from !== from || this.#kept.to !== to) {
      this.#kept = { writer, from, to, bytes: bytes.slice(from, to) };
    }
    this.#keep(client, { bytes: this.#kept.bytes, at: sent, end: to - from, shared: true });
  }

  #sendGathered(client: Connection): void {
    const { ranges } = client;
    let total = 0;
    for (let i = 0; i < ranges.length; i += 3) total += ranges[i + 2]! - ranges[i + 1]!;
    const gathered =
      total <= this.#gathered.length ? this.#gathered : new Uint8Array(Math.max(total, 1));
    let at = 0;
    for (let i = 0; i < ranges.length; i += 3) {
      const from = ranges[i + 1]!;
      const length = ranges[i + 2]! - from;
      copyBytes(this.#writers[ranges[i]!]!.bytes, from, gathered, at, length);
      at += length;
    }
    const sent = this.#write(client, gathered, 0, total);
    if (sent < total) this.#keepCopy(client, gathered, sent, total);
    if (gathered !== this.#gathered) freeBytes(gathered);
  }

  /** Returns how many bytes the socket took. */
  #write(client: Connection, bytes: Uint8Array, from: number, to: number): number {
    if (client.unsentBytes > 0) return 0;
    const sent = Math.max(0, client.socket.write(bytes, from, to - from));
    this.sentBytes += sent;
    this.writes++;
    return sent;
  }

  #keep(client: Connection, rest: UnsentPiece): void {
    client.unsent.push(rest);
    client.unsentBytes += rest.end - rest.at;
    this.#enforceLimit(client);
  }

  /** Keeps bytes for this client alone, behind the last ones if there is room. */
  #keepCopy(client: Connection, from: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const last = client.unsent.at(-1);
    if (last === undefined || last.shared || last.bytes.length - last.end < length) {
      const bytes = new Uint8Array(Math.max(BLOCK_BYTES, length));
      copyBytes(from, start, bytes, 0, length);
      this.#keep(client, { bytes, at: 0, end: length, shared: false });
      return;
    }
    copyBytes(from, start, last.bytes, last.end, length);
    last.end += length;
    client.unsentBytes += length;
    this.#enforceLimit(client);
  }

  #enforceLimit(client: Connection): void {
    const { hardBytes, softBytes } = this.limits.get(client.outputClass) ?? NO_LIMIT;
    const isOver =
      (hardBytes > 0 && client.unsentBytes >= hardBytes) ||
      (client.unsentBytes > UNAUTHENTICATED_BYTES_MAX && !client.authenticated);
    if (isOver) this.#cut(client);
    else if (softBytes > 0 && client.unsentBytes >= softBytes) {
      if (client.overSoftSinceMs === 0) client.overSoftSinceMs = Date.now();
    } else client.overSoftSinceMs = 0;
  }

  /** Cuts the client if it has been over the soft limit for too long. */
  checkSoftLimit(client: Connection, nowMs: number): void {
    if (client.overSoftSinceMs === 0) return;
    const { softSeconds } = this.limits.get(client.outputClass) ?? NO_LIMIT;
    if (nowMs - client.overSoftSinceMs > softSeconds * 1000) this.#cut(client);
  }

  /** The socket accepts bytes again. */
  drain(client: Connection): void {
    const { unsent } = client;
    let done = 0;
    for (const head of unsent) {
      const { bytes } = head;
      const sent = Math.max(0, client.socket.write(bytes, head.at, head.end - head.at));
      this.sentBytes += sent;
      this.writes++;
      client.unsentBytes -= sent;
      // A client that reads slowly is not idle.
      if (sent > 0) client.lastActiveMs = Date.now();
      head.at += sent;
      if (head.at < head.end) break;
      done++;
      if (!head.shared) freeBytes(bytes);
    }
    unsent.splice(0, done);
    this.#enforceLimit(client);
    if (client.closing && client.unsentBytes === 0 && !client.queued && !client.closed)
      this.#close(client);
  }
}

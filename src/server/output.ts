/**
 * Replies on their way out. All commands of an event-loop tick write to one shared buffer; each
 * client has a range of it; at the end of the tick every range goes out in one write. What a
 * socket does not take is copied to the client's backlog, which the output limits bound.
 */
import { freeBytes } from "../base/bytes.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import type { Connection } from "./connection.ts";

/** From this many bytes on, replies leave before the tick ends. */
const FLUSH_BYTES = 1 << 20;

export interface OutputLimit {
  /** Bytes at which a client is cut at once; 0 for none. */
  readonly hardBytes: number;
  readonly softBytes: number;
  /** How long a client may stay over the soft limit. */
  readonly softSeconds: number;
}

export class Output {
  readonly writer: ReplyWriter;
  limit: OutputLimit = { hardBytes: 0, softBytes: 0, softSeconds: 0 };
  /** Bytes given to sockets. */
  sentBytes = 0;
  readonly #waiting: Connection[] = [];
  readonly #flush = () => this.flush();
  readonly #cut: (client: Connection) => void;
  readonly #beforeSend: () => void;
  #scheduled = false;
  #from = 0;

  /**
   * `beforeSend` is called before replies leave, so that what they say is on disk if it must be.
   * `cut` is called for a client whose backlog is over a limit.
   */
  constructor(writer: ReplyWriter, cut: (client: Connection) => void, beforeSend: () => void) {
    this.writer = writer;
    this.#beforeSend = beforeSend;
    this.#cut = cut;
  }

  /** What is written from now on is for one client, until `end`. */
  begin(): void {
    this.#from = this.writer.at;
  }

  end(client: Connection): void {
    const from = this.#from;
    const to = this.writer.at;
    this.#from = to;
    if (to > from) {
      if (client.replyFrom < 0) {
        client.replyFrom = from;
        client.replyTo = to;
        this.#waiting.push(client);
      } else if (client.replyTo === from) {
        client.replyTo = to;
      } else {
        this.#beforeSend();
        this.#send(client);
        client.replyFrom = from;
        client.replyTo = to;
        this.#waiting.push(client);
      }
    } else if (client.closing && client.replyFrom < 0) {
      client.replyFrom = from;
      client.replyTo = from;
      this.#waiting.push(client);
    }
    if (!this.#scheduled && this.#waiting.length > 0) {
      this.#scheduled = true;
      setImmediate(this.#flush);
    }
  }

  /** To be called between the commands of a client: keeps the shared buffer small. */
  relieve(client: Connection): void {
    if (this.writer.at < FLUSH_BYTES) return;
    this.end(client);
    this.flush();
    this.begin();
  }

  flush(): void {
    this.#scheduled = false;
    this.#beforeSend();
    const waiting = this.#waiting;
    for (let i = 0; i < waiting.length; i++) {
      const client = waiting[i]!;
      if (client.replyFrom >= 0) this.#send(client);
    }
    waiting.length = 0;
    this.writer.reset();
    this.#from = 0;
  }

  #send(client: Connection): void {
    const from = client.replyFrom;
    const to = client.replyTo;
    client.replyFrom = -1;
    if (client.closed) return;
    if (to > from) this.#write(client, from, to);
    if (client.closing && client.backlogBytes === 0 && !client.closed) client.socket.end();
  }

  #write(client: Connection, from: number, to: number): void {
    const { bytes } = this.writer;
    let sent = 0;
    if (client.backlogBytes === 0) {
      sent = client.socket.write(bytes, from, to - from);
      if (sent < 0) sent = 0;
      this.sentBytes += sent;
      if (sent === to - from) return;
    }
    const rest = bytes.slice(from + sent, to);
    client.backlog.push(rest);
    client.backlogBytes += rest.length;
    this.#enforceLimit(client);
  }

  #enforceLimit(client: Connection): void {
    const { hardBytes, softBytes } = this.limit;
    if (hardBytes > 0 && client.backlogBytes >= hardBytes) this.#cut(client);
    else if (softBytes > 0 && client.backlogBytes >= softBytes) {
      if (client.overSoftSinceMs === 0) client.overSoftSinceMs = Date.now();
    } else client.overSoftSinceMs = 0;
  }

  /** Cuts the client if it has been over the soft limit for too long. */
  checkSoftLimit(client: Connection, nowMs: number): void {
    if (client.overSoftSinceMs === 0) return;
    if (nowMs - client.overSoftSinceMs > this.limit.softSeconds * 1000) this.#cut(client);
  }

  /** The socket takes bytes again. */
  drain(client: Connection): void {
    const { backlog } = client;
    while (backlog.length > 0) {
      const head = backlog[0]!;
      const sent = Math.max(0, client.socket.write(head));
      this.sentBytes += sent;
      client.backlogBytes -= sent;
      // Who takes what it is owed is not idle, however slow.
      if (sent > 0) client.lastActiveMs = Date.now();
      if (sent < head.length) {
        backlog[0] = head.subarray(sent);
        break;
      }
      backlog.shift();
      freeBytes(head);
    }
    this.#enforceLimit(client);
    if (client.closing && client.backlogBytes === 0 && client.replyFrom < 0) client.socket.end();
  }
}

/**
 * Bytes on their way in. Requests are parsed straight from the chunk that the socket delivered;
 * only what is left over (a request cut short, or one that has to wait) is copied, and then
 * parsing goes on in the copy, where it stopped. The memory of a chunk is given back as soon as it
 * has been parsed, so that no view of a request's arguments may outlive its call.
 */
import { freeBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { Request } from "../../protocol/request.ts";
import { FAILED, MORE, READY, RequestParser } from "../../protocol/request-parser.ts";
import type { PendingInput } from "../connections/client-state.ts";
import type { Connection } from "../connections/connection.ts";
import type { Output } from "../connections/output.ts";
import type { Dispatch } from "./dispatch.ts";

const FIRST_BYTES = 256;
/** Input that may be kept for a client that has not authenticated: more than any request of it may have. */
const UNAUTHENTICATED_BYTES_MAX = 1 << 20;

export class Intake {
  /** Bytes received. */
  receivedBytes = 0;
  /** Chunks received. */
  reads = 0;
  /** `client-query-buffer-limit`, bytes. */
  queryBytesMax = 1 << 30;
  /** `proto-max-bulk-len`, bytes. */
  bulkBytesMax = 1 << 29;
  readonly #clock: Clock;
  readonly #dispatch: Dispatch;
  readonly #output: Output;
  readonly #cut: (client: Connection, reason: string) => void;
  #parser = new RequestParser();
  #request = new Request();

  constructor(
    clock: Clock,
    dispatch: Dispatch,
    output: Output,
    cut: (client: Connection, reason: string) => void,
  ) {
    this.#clock = clock;
    this.#dispatch = dispatch;
    this.#output = output;
    this.#cut = cut;
  }

  receive(client: Connection, chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    this.reads++;
    if (client.closing || client.closed) return;
    const { pending } = client;
    if (client.isHeld && pending === null) {
      this.#parser.begin(0);
      client.pending = this.#keep(chunk, 0);
      return;
    }
    if (pending !== null) {
      this.#append(pending, chunk);
      if (!client.isHeld) this.resume(client);
      this.#enforceLimit(client);
      return;
    }
    const parser = this.#parser;
    parser.begin(0);
    this.#output.begin();
    const stopped = this.#run(client, parser, this.#request, chunk, chunk.length);
    this.#dispatch.endBatch();
    this.#output.end(client);
    this.#output.executing = null;
    if (stopped < 0) freeBytes(chunk);
    else client.pending = this.#keep(chunk, stopped);
    if (client.transaction !== null) this.#enforceLimit(client);
  }

  /**
   * Only what cannot run yet counts, so that many small requests in one chunk may pass: what was
   * left over, and what is queued for EXEC, which could else grow without end.
   */
  #enforceLimit(client: Connection): void {
    const queuedBytes = client.transaction?.requests.filledBytes ?? 0;
    const bytesMax = client.authenticated
      ? this.queryBytesMax
      : Math.min(this.queryBytesMax, UNAUTHENTICATED_BYTES_MAX);
    if ((client.pending?.end ?? 0) + queuedBytes > bytesMax && !client.closed) {
      this.#cut(client, "its query buffer is over client-query-buffer-limit");
    }
  }

  /** What is left of the chunk from `from` on; parser and request go with it, the next chunk gets new ones. */
  #keep(chunk: Uint8Array, from: number): PendingInput {
    const parser = this.#parser;
    const request = this.#request;
    const left = chunk.length - from;
    const wanted = parser.at - from + parser.wantedBytes;
    const bytes = new Uint8Array(capacityFor(left, wanted, 0));
    bytes.set(chunk.subarray(from));
    freeBytes(chunk);
    this.#parser = new RequestParser();
    this.#request = new Request();
    parser.rebase(-from, request);
    return { bytes, end: left, parser, request };
  }

  /** Goes on with the input that the client has waiting. */
  resume(client: Connection): void {
    const pending = client.pending;
    if (pending === null || client.closed) return;
    const { parser, request } = pending;
    this.#output.begin();
    const stopped = this.#run(client, parser, request, pending.bytes, pending.end);
    this.#dispatch.endBatch();
    this.#output.end(client);
    this.#output.executing = null;
    if (stopped < 0) {
      client.pending = null;
      freeBytes(pending.bytes);
      return;
    }
    if (stopped > 0) {
      // Move what is left to the front, into a smaller buffer if it has become far too large.
      const left = pending.end - stopped;
      const spacious = pending.bytes.length > 65536 && left < pending.bytes.length >>> 2;
      const bytes = spacious ? new Uint8Array(Math.max(FIRST_BYTES, left)) : pending.bytes;
      bytes.set(pending.bytes.subarray(stopped, pending.end));
      if (spacious) freeBytes(pending.bytes);
      pending.bytes = bytes;
      pending.end = left;
      parser.rebase(-stopped, request);
    }
  }

  /** Runs requests; returns -1 when all is done, else from where bytes must be kept. */
  #run(
    client: Connection,
    parser: RequestParser,
    request: Request,
    bytes: Uint8Array,
    end: number,
  ): number {
    const output = this.#output;
    output.executing = client;
    parser.bulkBytesMax = this.bulkBytesMax;
    client.lastActiveMs = this.#clock.refresh();
    this.#dispatch.beginBatch();
    for (;;) {
      parser.authenticated = client.authenticated;
      const state = parser.next(bytes, end, request);
      if (state === READY) {
        if (!this.#dispatch.call(client, request)) {
          // The command has to wait: it will be parsed again.
          parser.begin(parser.requestStart);
          return parser.requestStart;
        }
        output.endReply(client);
        if (output.relieve(client)) this.#dispatch.refreshConditions();
        request.shrink();
        if (client.closing || client.closed) return -1;
        if (client.isWaiting) {
          parser.begin(parser.at);
          return parser.at < end ? parser.at : -1;
        }
      } else if (state === MORE) {
        return parser.requestStart < end ? parser.requestStart : -1;
      } else if (state === FAILED) {
        this.#dispatch.protocolError(client, parser.error);
        return -1;
      }
    }
  }

  #append(pending: PendingInput, chunk: Uint8Array): void {
    const end = pending.end + chunk.length;
    if (end > pending.bytes.length) {
      const wanted = pending.parser.at + pending.parser.wantedBytes;
      const wider = new Uint8Array(capacityFor(end, wanted, pending.bytes.length));
      wider.set(pending.bytes.subarray(0, pending.end));
      freeBytes(pending.bytes);
      pending.bytes = wider;
    }
    pending.bytes.set(chunk, pending.end);
    freeBytes(chunk);
    pending.end = end;
  }
}

/**
 * Room for `have` bytes of which `wanted` are expected in all: never more than twice what has
 * really come, so that a client cannot claim memory by announcing a large bulk.
 */
function capacityFor(have: number, wanted: number, present: number): number {
  return Math.max(FIRST_BYTES, have, Math.min(Math.max(wanted, present * 2), have * 2));
}

/**
 * Commands as the append-only file and the replication stream hold them: each by itself, or
 * between MULTI and EXEC. A transaction runs when its EXEC has come, all of it or nothing.
 */
import { Request } from "../protocol/request.ts";
import { RequestQueue } from "../protocol/request-queue.ts";

export interface TransactionSink {
  run(request: Request): void;
  /** The commands between these two are one transaction. */
  beginBlock(): void;
  endBlock(): void;
  /**
   * A MULTI or DISCARD within a transaction, or an EXEC outside one: no server writes these. They are
   * ignored, unless the sink throws.
   */
  unexpected(what: string): void;
}

/** A queue's offsets are 32-bit numbers; a transaction that is larger gets several queues. */
const QUEUE_BYTES_MAX = 1 << 30;

export class TransactionReader {
  readonly #sink: TransactionSink;
  readonly #request = new Request();
  /** Commands since MULTI; null outside a transaction. */
  #queues: RequestQueue[] | null = null;

  constructor(sink: TransactionSink) {
    this.#sink = sink;
  }

  /** Whether a MULTI has come whose EXEC has not. */
  get isOpen(): boolean {
    return this.#queues !== null;
  }

  /** Runs the command or queues it. Throws what the sink throws. */
  take(request: Request): void {
    const queues = this.#queues;
    if (request.count === 1 && request.is(0, "multi")) {
      if (queues === null) this.#queues = [new RequestQueue()];
      else this.#sink.unexpected("MULTI within a transaction");
    } else if (request.count === 1 && request.is(0, "exec")) {
      this.#queues = null;
      if (queues !== null) this.#execute(queues);
      else this.#sink.unexpected("EXEC without MULTI");
    } else if (queues !== null && request.count === 1 && request.is(0, "discard")) {
      this.#sink.unexpected("DISCARD within a transaction");
    } else if (queues === null) this.#sink.run(request);
    else {
      let queue = queues.at(-1)!;
      if (queue.count > 0 && queue.filledBytes + request.spanBytes > QUEUE_BYTES_MAX) {
        queue = new RequestQueue();
        queues.push(queue);
      }
      queue.push(request);
    }
  }

  #execute(queues: readonly RequestQueue[]): void {
    const request = this.#request;
    this.#sink.beginBlock();
    try {
      for (const queue of queues) {
        for (let i = 0; i < queue.count; i++) {
          queue.read(i, request);
          this.#sink.run(request);
        }
      }
    } finally {
      this.#sink.endBlock();
      for (const queue of queues) queue.free();
    }
  }
}

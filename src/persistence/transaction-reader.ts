/**
 * Commands as the append-only file and the replication stream hold them: each by itself, or
 * between MULTI and EXEC. A transaction runs when its EXEC has come, all of it or nothing.
 */
import { Request } from "../protocol/request.ts";
import { RequestQueue } from "../protocol/request-queue.ts";

/** The commands do not form a sequence of commands and transactions. */
export class SequenceError extends Error {}

export interface TransactionSink {
  run(request: Request): void;
  /** The commands between these two are one transaction. */
  beginBlock(): void;
  endBlock(): void;
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

  /** Runs the command or queues it. Throws SequenceError, and what running a command throws. */
  take(request: Request): void {
    const queues = this.#queues;
    if (request.count === 1 && request.is(0, "multi")) {
      if (queues !== null) throw new SequenceError("MULTI within a transaction");
      this.#queues = [new RequestQueue()];
    } else if (request.count === 1 && request.is(0, "exec")) {
      if (queues === null) throw new SequenceError("EXEC without MULTI");
      this.#queues = null;
      this.#execute(queues);
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

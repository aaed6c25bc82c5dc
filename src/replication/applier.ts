/**
 * Runs the replication stream of the primary: commands one by one, those between MULTI and EXEC
 * together when the EXEC has come. The replication offset counts what has been run, to the byte.
 */
import { PendingBytes } from "../base/pending-bytes.ts";
import { TransactionReader, type TransactionSink } from "../persistence/transaction-reader.ts";
import { Request } from "../protocol/request.ts";
import { FAILED, MORE, READY, RequestParser } from "../protocol/request-parser.ts";

export interface ApplierSink extends TransactionSink {
  /** These bytes of the stream have been run. */
  onApplied(bytes: Uint8Array, from: number, length: number): void;
}

/** The stream makes no sense. */
export class StreamError extends Error {}

/** Spans of arguments are 32-bit numbers. */
const COMMAND_BYTES_MAX = 2 ** 31 - 1;

export class Applier {
  readonly #sink: ApplierSink;
  readonly #parser = new RequestParser();
  readonly #request = new Request();
  readonly #pending = new PendingBytes();
  readonly #transactions: TransactionReader;

  constructor(sink: ApplierSink) {
    this.#sink = sink;
    this.#transactions = new TransactionReader(sink);
    this.#parser.bulkBytesMax = COMMAND_BYTES_MAX;
    this.#parser.begin(0);
  }

  /**
   * Takes more of the stream; done with the bytes when it returns. Throws StreamError, and what
   * running a command throws.
   */
  feed(chunk: Uint8Array): void {
    const pending = this.#pending;
    if (pending.end + chunk.length > COMMAND_BYTES_MAX) {
      throw new StreamError("a command or transaction of more than 2 GiB");
    }
    pending.append(chunk);
    const applied = this.#run();
    if (applied > 0) this.#sink.onApplied(pending.bytes, 0, applied);
    pending.keepFrom(applied);
    this.#parser.rebase(-applied, this.#request);
  }

  /** Runs what is complete; returns up to where. */
  #run(): number {
    const { bytes, end } = this.#pending;
    const parser = this.#parser;
    const request = this.#request;
    let applied = 0;
    for (;;) {
      const state = parser.next(bytes, end, request);
      if (state === MORE) return applied;
      if (state === FAILED) throw new StreamError(parser.error.replace(/^ERR /, ""));
      if (state === READY) this.#transactions.take(request);
      if (!this.#transactions.isOpen) applied = parser.at;
    }
  }
}

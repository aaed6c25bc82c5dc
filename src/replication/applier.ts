/**
 * Runs the stream of the primary: commands one by one, those between MULTI and EXEC together when
 * the EXEC has come. What has been run counts, to the byte, as the place to go on from.
 */
import { Request } from "../protocol/request.ts";
import { FAILED, MORE, READY, RequestParser } from "../protocol/request-parser.ts";
import { RequestQueue } from "../protocol/request-queue.ts";

export interface ApplierSink {
  /** Runs one command; a transaction's come between `beginBlock` and `endBlock`. */
  run(request: Request): void;
  beginBlock(): void;
  endBlock(): void;
  /** These bytes of the stream have been run. */
  onApplied(bytes: Uint8Array, from: number, length: number): void;
}

/** The stream makes no sense. */
export class StreamError extends Error {}

export class Applier {
  readonly #sink: ApplierSink;
  readonly #parser = new RequestParser();
  readonly #request = new Request();
  readonly #queued = new Request();
  #bytes: Uint8Array = new Uint8Array(0);
  #end = 0;
  /** Commands since MULTI; null without one. */
  #transaction: RequestQueue | null = null;

  constructor(sink: ApplierSink) {
    this.#sink = sink;
    this.#parser.bulkBytesMax = Number.MAX_SAFE_INTEGER;
  }

  /** Takes more of the stream; done with the bytes when it returns. Throws StreamError. */
  feed(chunk: Uint8Array): void {
    const isAlone = this.#end === 0;
    if (isAlone) {
      this.#bytes = chunk;
      this.#end = chunk.length;
      this.#parser.begin(0);
    } else {
      if (this.#end + chunk.length > this.#bytes.length) {
        const wider = new Uint8Array(Math.max(this.#end * 2, this.#end + chunk.length));
        wider.set(this.#bytes.subarray(0, this.#end));
        this.#bytes = wider;
      }
      this.#bytes.set(chunk, this.#end);
      this.#end += chunk.length;
    }
    const applied = this.#run();
    if (applied > 0) this.#sink.onApplied(this.#bytes, 0, applied);
    const left = this.#end - applied;
    if (left === 0) this.#bytes = new Uint8Array(0);
    else if (isAlone) this.#bytes = chunk.slice(applied);
    else if (applied > 0) this.#bytes.copyWithin(0, applied, this.#end);
    this.#end = left;
    this.#parser.rebase(-applied, this.#request);
  }

  /** Runs what is complete; returns up to where. */
  #run(): number {
    const parser = this.#parser;
    const request = this.#request;
    let applied = 0;
    for (;;) {
      const state = parser.next(this.#bytes, this.#end, request);
      if (state === MORE) return applied;
      if (state === FAILED) throw new StreamError(parser.error.replace(/^ERR /, ""));
      if (state === READY) this.#take(request);
      if (this.#transaction === null) applied = parser.at;
    }
  }

  #take(request: Request): void {
    if (request.count === 1 && request.is(0, "multi")) {
      this.#transaction = new RequestQueue();
      return;
    }
    const transaction = this.#transaction;
    if (transaction === null) {
      this.#sink.run(request);
      return;
    }
    if (request.count !== 1 || !request.is(0, "exec")) {
      transaction.push(request);
      return;
    }
    this.#transaction = null;
    this.#sink.beginBlock();
    for (let i = 0; i < transaction.count; i++) {
      transaction.read(i, this.#queued);
      this.#sink.run(this.#queued);
    }
    this.#sink.endBlock();
    transaction.free();
  }
}

/**
 * Requests kept for later, of a transaction or of a client that waits. Their bytes stand one
 * behind the other in one buffer:
 *
 *   bytes   | from the first argument of request 0 to the end of its last | request 1 | …
 *   spans   | count, start and length of each argument | count, … |   starts count from 0 of bytes
 *   offsets   where each request's spans begin
 */
import { copyBytes, freeBytes } from "../base/bytes.ts";
import type { Request } from "./request.ts";

const FIRST_BYTES = 256;
const FIRST_SPANS = 32;

export class RequestQueue {
  #bytes = new Uint8Array(FIRST_BYTES);
  #end = 0;
  #spans = new Int32Array(FIRST_SPANS);
  #spanEnd = 0;
  readonly #offsets: number[] = [];

  get count(): number {
    return this.#offsets.length;
  }

  /** Bytes that the queue takes. */
  get usedBytes(): number {
    return this.#bytes.length + this.#spans.length * 4;
  }

  /** Bytes of it that hold something. */
  get filledBytes(): number {
    return this.#end + this.#spanEnd * 4;
  }

  /** Copies the request. */
  push(request: Request): void {
    const { count, start, length, spanBytes } = request;
    this.#reserve(spanBytes, 1 + count * 2);
    const from = start[0]!;
    const moved = this.#end - from;
    copyBytes(request.bytes, from, this.#bytes, this.#end, spanBytes);
    this.#end += spanBytes;
    this.#offsets.push(this.#spanEnd);
    const spans = this.#spans;
    let at = this.#spanEnd;
    spans[at++] = count;
    for (let i = 0; i < count; i++) {
      spans[at++] = start[i]! + moved;
      spans[at++] = length[i]!;
    }
    this.#spanEnd = at;
  }

  /** Makes `into` the request at `index`; its bytes are the queue's, and valid as long as that. */
  read(index: number, into: Request): void {
    const spans = this.#spans;
    let at = this.#offsets[index]!;
    const count = spans[at++]!;
    into.bytes = this.#bytes;
    into.count = 0;
    for (let i = 0; i < count; i++) {
      into.push(spans[at]!, spans[at + 1]!);
      at += 2;
    }
  }

  /** Empties the queue, which keeps its memory. */
  clear(): void {
    this.#end = 0;
    this.#spanEnd = 0;
    this.#offsets.length = 0;
  }

  /** Gives the memory back; the queue must not be used again. */
  free(): void {
    freeBytes(this.#bytes);
  }

  #reserve(bytes: number, spans: number): void {
    if (this.#end + bytes > this.#bytes.length) {
      const wider = new Uint8Array(Math.max(this.#bytes.length * 2, this.#end + bytes));
      wider.set(this.#bytes.subarray(0, this.#end));
      freeBytes(this.#bytes);
      this.#bytes = wider;
    }
    if (this.#spanEnd + spans > this.#spans.length) {
      const wider = new Int32Array(Math.max(this.#spans.length * 2, this.#spanEnd + spans));
      wider.set(this.#spans);
      this.#spans = wider;
    }
  }
}

/**
 * The resumable parser of requests: RESP2 arrays of bulk strings, and inline commands.
 *
 * What
 *   A pure state machine over bytes, without I/O. `next` reads from `bytes[at..end)` and fills a
 *   Request with spans into `bytes`. Where the bytes end within a request it answers MORE and
 *   keeps its place; the caller then keeps the bytes from `requestStart` on, and calls again with
 *   more of them behind: nothing is scanned twice. If the kept bytes have moved, `rebase` says by
 *   how much.
 *
 * Limits
 *   Those of Redis: 2^31 - 1 arguments, bulks of `bulkBytesMax` (proto-max-bulk-len), 64 KiB for
 *   an inline command or a line with a count; 10 arguments of 16 KiB before authentication.
 *
 * Source: the RESP specification; processMultibulkBuffer and processInlineBuffer of Redis for
 * limits and error texts.
 */

import { latin1 } from "../base/bytes.ts";
import { splitArguments } from "./arguments.ts";
import {
  expectedDollar,
  INVALID_BULK_LENGTH,
  INVALID_MULTIBULK_LENGTH,
  TOO_BIG_BULK_COUNT,
  TOO_BIG_COUNT,
  TOO_BIG_INLINE,
  UNAUTHENTICATED_BULK,
  UNAUTHENTICATED_COUNT,
  UNBALANCED_QUOTES,
} from "./errors.ts";
import type { Request } from "./request.ts";

export const MORE = 0;
export const READY = 1;
/** An empty line or an empty array: nothing to do, go on. */
export const EMPTY = 2;
/** The connection must be closed after the reply `error`. */
export const FAILED = 3;

const LINE_BYTES_MAX = 65536;
const ARGUMENTS_MAX = 2147483647;
const UNAUTHENTICATED_ARGUMENTS_MAX = 10;
const UNAUTHENTICATED_BULK_MAX = 16384;

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const MINUS = 45;
const ZERO = 48;

export class RequestParser {
  /** Where the next byte is read. */
  at = 0;
  /** Where the request under way began. */
  requestStart = 0;
  /** What to tell the client after FAILED. */
  error = "";
  bulkBytesMax = 536870912;
  authenticated = true;

  /** Arguments still to come; -1 while no request is under way. */
  #missing = -1;
  /** Length of the bulk under way; -1 while its length line is awaited. */
  #bulk = -1;
  /** Where the search for the end of a line goes on. */
  #lineAt = 0;

  /** Whether a request has begun and is not complete. */
  get midRequest(): boolean {
    return this.#missing >= 0;
  }

  /** Bytes of the bulk under way that the buffer must hold in all, from `at`; 0 if not known. */
  get wantedBytes(): number {
    return this.#bulk >= 0 ? this.#bulk + 2 : 0;
  }

  /** Starts on new bytes at `at`, with no request under way, whatever the last one came to. */
  begin(at: number): void {
    this.at = at;
    this.requestStart = at;
    this.error = "";
    this.#missing = -1;
    this.#bulk = -1;
    this.#lineAt = at;
  }

  /** The bytes have moved by `by`; spans already in `request` move along. */
  rebase(by: number, request: Request): void {
    this.at += by;
    this.requestStart += by;
    this.#lineAt += by;
    for (let i = 0; i < request.count; i++) request.start[i] = request.start[i]! + by;
  }

  next(bytes: Uint8Array, end: number, request: Request): number {
    request.bytes = bytes;
    if (this.#missing < 0) {
      request.count = 0;
      this.requestStart = this.at;
      if (this.at >= end) return MORE;
      if (bytes[this.at] !== STAR) return this.#inline(bytes, end, request);
      const digit = this.at + 4 < end ? bytes[this.at + 1]! - ZERO : 0;
      let count: number;
      if (digit > 0 && digit <= 9 && bytes[this.at + 2] === CR && bytes[this.at + 3] === LF) {
        count = digit;
        this.at += 4;
      } else count = this.#readCount(bytes, end, TOO_BIG_COUNT);
      if (count === MORE_BYTES) return MORE;
      if (count === BAD_COUNT || count > ARGUMENTS_MAX) {
        return this.#fail(this.error || INVALID_MULTIBULK_LENGTH);
      }
      if (count <= 0) return EMPTY;
      if (!this.authenticated && count > UNAUTHENTICATED_ARGUMENTS_MAX) {
        return this.#fail(UNAUTHENTICATED_COUNT);
      }
      this.#missing = count;
    }
    let missing = this.#missing;
    let at = this.at;
    let n = request.count;
    let starts = request.start;
    let lengths = request.length;
    while (missing > 0) {
      let length = this.#bulk;
      if (length < 0) {
        // The common case at full speed: a length of up to three digits whose line is all here.
        const first = at + 6 < end && bytes[at] === DOLLAR ? bytes[at + 1]! - 48 : -1;
        if (first >= 0 && first <= 9) {
          length = first;
          let p = at + 2;
          let c = bytes[p]! - 48;
          if (c >= 0 && c <= 9 && length > 0) {
            length = length * 10 + c;
            c = bytes[++p]! - 48;
            if (c >= 0 && c <= 9) {
              length = length * 10 + c;
              p++;
            }
          }
          if (bytes[p] === CR && bytes[p + 1] === LF) at = p + 2;
          else length = -1;
        }
        if (length < 0 || (!this.authenticated && length > UNAUTHENTICATED_BULK_MAX)) {
          length = this.#readBulkLength(bytes, at, end);
          if (length < 0) {
            this.#missing = missing;
            request.count = n;
            return length === MORE_BYTES ? MORE : FAILED;
          }
          at = this.at;
        }
      }
      if (at + length + 2 > end) {
        this.#bulk = length;
        this.#missing = missing;
        this.at = at;
        request.count = n;
        return MORE;
      }
      this.#bulk = -1;
      if (n === starts.length) {
        request.grow();
        starts = request.start;
        lengths = request.length;
      }
      starts[n] = at;
      lengths[n++] = length;
      at += length + 2;
      missing--;
    }
    this.#missing = -1;
    this.at = at;
    this.#lineAt = at;
    request.count = n;
    return READY;
  }

  /** Reads `$length CR LF` at `at`, the careful way. */
  #readBulkLength(bytes: Uint8Array, at: number, end: number): number {
    this.at = at;
    if (this.#lineAt < at) this.#lineAt = at;
    if (at >= end) return MORE_BYTES;
    if (bytes[at] !== DOLLAR) {
      // Redis waits for the whole line before it looks at its first byte.
      if (this.#findLine(bytes, end) < 0) {
        if (end - at <= LINE_BYTES_MAX) return MORE_BYTES;
        this.#fail(TOO_BIG_BULK_COUNT);
        return BAD_COUNT;
      }
      this.#fail(expectedDollar(String.fromCharCode(bytes[at]!)));
      return BAD_COUNT;
    }
    const length = this.#readCount(bytes, end, TOO_BIG_BULK_COUNT);
    if (length === MORE_BYTES) return MORE_BYTES;
    if (length === BAD_COUNT || length < 0 || length > this.bulkBytesMax) {
      this.#fail(this.error || INVALID_BULK_LENGTH);
      return BAD_COUNT;
    }
    if (!this.authenticated && length > UNAUTHENTICATED_BULK_MAX) {
      this.#fail(UNAUTHENTICATED_BULK);
      return BAD_COUNT;
    }
    return length;
  }

  /** The number in the line at `at`, behind its first byte; `at` then is behind the line. */
  #readCount(bytes: Uint8Array, end: number, tooBig: string): number {
    const lineEnd = this.#findLine(bytes, end);
    if (lineEnd < 0) {
      if (end - this.at <= LINE_BYTES_MAX) return MORE_BYTES;
      this.error = tooBig;
      return BAD_COUNT;
    }
    let p = this.at + 1;
    const negative = bytes[p] === MINUS;
    if (negative) p++;
    let value = 0;
    if (p >= lineEnd || lineEnd - p > 15) return BAD_COUNT;
    if (bytes[p] === ZERO && (negative || lineEnd - p > 1)) return BAD_COUNT;
    for (; p < lineEnd; p++) {
      const digit = bytes[p]! - 48;
      if (digit < 0 || digit > 9) return BAD_COUNT;
      value = value * 10 + digit;
    }
    this.at = lineEnd + 2;
    this.#lineAt = this.at;
    // Every count below zero means the same to the callers; keep clear of the two signals.
    return negative ? -1 : value;
  }

  /** The offset of the CR that ends the line at `at`, if the byte behind it is here too; or -1. */
  #findLine(bytes: Uint8Array, end: number): number {
    let p = Math.max(this.#lineAt, this.at);
    while (p < end && bytes[p] !== CR) p++;
    this.#lineAt = p;
    return p + 1 < end ? p : -1;
  }

  #inline(bytes: Uint8Array, end: number, request: Request): number {
    let p = Math.max(this.#lineAt, this.at);
    while (p < end && bytes[p] !== LF) p++;
    if (p === end) {
      this.#lineAt = p;
      return end - this.at > LINE_BYTES_MAX ? this.#fail(TOO_BIG_INLINE) : MORE;
    }
    const start = this.at;
    const stop = p > start && bytes[p - 1] === CR ? p - 1 : p;
    this.at = p + 1;
    this.#lineAt = this.at;
    let quoted = false;
    for (let i = start; i < stop; i++) quoted ||= bytes[i] === 34 || bytes[i] === 39;
    if (quoted) return this.#inlineQuoted(bytes.subarray(start, stop), request);
    for (let i = start; i < stop; ) {
      while (i < stop && isSpace(bytes[i]!)) i++;
      const from = i;
      while (i < stop && !endsWord(bytes[i]!)) i++;
      if (i > from) request.push(from, i - from);
    }
    return request.count === 0 ? EMPTY : READY;
  }

  /** Quotes and escapes change the bytes, so the arguments get a buffer of their own. */
  #inlineQuoted(line: Uint8Array, request: Request): number {
    const parts = splitArguments(Buffer.from(line).toString("latin1"));
    if (parts === null) return this.#fail(UNBALANCED_QUOTES);
    const bytes = latin1(parts.join(""));
    let at = 0;
    for (const part of parts) {
      request.push(at, part.length);
      at += part.length;
    }
    request.bytes = bytes;
    return READY;
  }

  #fail(error: string): number {
    this.error = error;
    return FAILED;
  }
}

const MORE_BYTES = -2;
const BAD_COUNT = -3;

/** As in splitArguments. */
function isSpace(c: number): boolean {
  return c === 32 || (c >= 9 && c <= 13) || c === 0;
}

function endsWord(c: number): boolean {
  return c === 32 || c === 9 || c === LF || c === CR || c === 0;
}

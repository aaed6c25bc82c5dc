/**
 * Writes commands as RESP into one buffer: what the append-only file and the replicas get.
 * Whoever takes the bytes calls `reset`.
 */
import { copyBytes } from "../base/bytes.ts";
import { GrowingBytes } from "../base/growing-bytes.ts";
import { integerTextLength, writeInt64, writeInteger } from "../base/number-text.ts";
import type { Request } from "./request.ts";

/** A text or an integer of 64 bits, as a packed value holds it. */
export interface ElementText {
  readonly isInteger: boolean;
  readonly bytes: Uint8Array;
  readonly from: number;
  readonly length: number;
  readonly low: number;
  readonly high: number;
}

const INITIAL_BYTES = 1 << 16;
const KEPT_BYTES = 1 << 22;

export class CommandWriter extends GrowingBytes {
  readonly #digits = new Uint8Array(20);

  constructor() {
    super(INITIAL_BYTES, KEPT_BYTES);
  }

  #head(mark: number, count: number): void {
    this.reserve(24);
    const { bytes } = this;
    bytes[this.at] = mark;
    const at = writeInteger(bytes, this.at + 1, count);
    bytes[at] = 13;
    bytes[at + 1] = 10;
    this.at = at + 2;
  }

  /** A command of `count` arguments begins; that many of the following calls must come. */
  begin(count: number): void {
    this.#head(42, count);
  }

  argument(from: Uint8Array, offset: number, length: number): void {
    this.#head(36, length);
    this.raw(from, offset, length);
    this.endArgument();
  }

  /** An argument of `length` bytes begins. They come through `raw`, and `endArgument` behind them. */
  beginArgument(length: number): void {
    this.#head(36, length);
  }

  raw(from: Uint8Array, offset: number, length: number): void {
    this.reserve(length);
    copyBytes(from, offset, this.bytes, this.at, length);
    this.at += length;
  }

  endArgument(): void {
    this.reserve(2);
    this.#lineEnd();
  }

  element({ bytes, from, high, isInteger, length, low }: ElementText): void {
    if (isInteger) this.argument(this.#digits, 0, writeInt64(this.#digits, 0, low, high));
    else this.argument(bytes, from, length);
  }

  /** One character a byte. */
  text(text: string): void {
    this.#head(36, text.length);
    this.reserve(text.length + 2);
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
    this.#lineEnd();
  }

  /** A safe integer as its decimal text. */
  integer(value: number): void {
    this.#head(36, integerTextLength(value));
    this.reserve(24);
    this.at = writeInteger(this.bytes, this.at, value);
    this.#lineEnd();
  }

  /** Argument `index` of a request. */
  copy(request: Request, index: number): void {
    this.argument(request.bytes, request.start[index]!, request.length[index]!);
  }

  /** All arguments of a request. */
  requestBody(request: Request): void {
    for (let i = 0; i < request.count; i++) this.copy(request, i);
  }

  /** Puts encoded commands in before what stands at `at`. */
  insert(at: number, encoded: Uint8Array): void {
    this.reserve(encoded.length);
    this.bytes.copyWithin(at + encoded.length, at, this.at);
    this.bytes.set(encoded, at);
    this.at += encoded.length;
  }

  /** A line that is no command, such as the append-only file's time stamps. */
  line(text: string): void {
    this.reserve(text.length + 2);
    for (let i = 0; i < text.length; i++) this.bytes[this.at++] = text.charCodeAt(i);
    this.#lineEnd();
  }

  #lineEnd(): void {
    this.bytes[this.at++] = 13;
    this.bytes[this.at++] = 10;
  }
}

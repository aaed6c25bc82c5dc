/**
 * A payload: the snapshot that a primary sends a replica. A line stands before it, and says either
 * how long it is or which mark stands behind it: the primary that makes the snapshot while it sends
 * it (diskless) does not know its length.
 */
import { latin1 } from "../base/bytes.ts";

export const PAYLOAD_MARK_BYTES = 40;

const HEAD = new RegExp(`^\\$(?:([0-9]+)|EOF:(.{${PAYLOAD_MARK_BYTES}}))$`);

/** Finds where the payload ends, in whatever pieces it comes. */
export class PayloadReader {
  /** As the head says; null where a mark ends it. */
  readonly length: number | null;
  /** Bytes of the payload that have been passed on. */
  passedBytes = 0;
  readonly #mark: Buffer;
  /** The last bytes so far, which may be the beginning of the mark. */
  #tail: Uint8Array = new Uint8Array(0);

  private constructor(length: number | null, mark: string) {
    this.length = length;
    this.#mark = Buffer.from(latin1(mark));
  }

  /** For the payload behind this line, which has lost its end; null where it announces none. */
  static behind(head: string): PayloadReader | null {
    const [, length, mark] = HEAD.exec(head) ?? [];
    if (mark !== undefined) return new PayloadReader(null, mark);
    return length === undefined ? null : new PayloadReader(Number(length), "");
  }

  /**
   * Takes the next bytes, of which there may be none, and gives those of the payload to `pass`,
   * which must be done with them when it returns. Returns what stands behind the payload's end, as
   * a view of `chunk`; null while the end has not come. Not to be called again after it has.
   */
  feed(chunk: Uint8Array, pass: (bytes: Uint8Array) => void): Uint8Array | null {
    return this.length === null
      ? this.#search(chunk, pass)
      : this.#count(chunk, this.length - this.passedBytes, pass);
  }

  #count(chunk: Uint8Array, missing: number, pass: (bytes: Uint8Array) => void): Uint8Array | null {
    this.#pass(chunk.subarray(0, missing), pass);
    return chunk.length < missing ? null : chunk.subarray(missing);
  }

  #search(chunk: Uint8Array, pass: (bytes: Uint8Array) => void): Uint8Array | null {
    const mark = this.#mark;
    const tail = this.#tail;
    // A mark that has begun in the tail is the first, and ends in the next few bytes.
    const seam = Buffer.concat([tail, chunk.subarray(0, mark.length - 1)]);
    const inSeam = seam.indexOf(mark);
    if (inSeam >= 0) {
      this.#pass(seam.subarray(0, inSeam), pass);
      return chunk.subarray(inSeam + mark.length - tail.length);
    }
    const at = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).indexOf(mark);
    if (at >= 0) {
      this.#pass(tail, pass);
      this.#pass(chunk.subarray(0, at), pass);
      return chunk.subarray(at + mark.length);
    }
    const surplus = Math.max(0, tail.length + chunk.length - (mark.length - 1));
    const fromTail = Math.min(surplus, tail.length);
    this.#pass(tail.subarray(0, fromTail), pass);
    this.#pass(chunk.subarray(0, surplus - fromTail), pass);
    this.#tail = Buffer.concat([tail.subarray(fromTail), chunk.subarray(surplus - fromTail)]);
    return null;
  }

  #pass(bytes: Uint8Array, pass: (bytes: Uint8Array) => void): void {
    if (bytes.length === 0) return;
    this.passedBytes += bytes.length;
    pass(bytes);
  }
}

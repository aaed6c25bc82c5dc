/**
 * Input that arrives in chunks and is read as items: commands, lines. Bytes of an item that is not
 * complete are kept until more have come. As long as nothing is kept, a chunk is read where it
 * lies, without a copy.
 *
 *   bytes  | items that are read | an item that is not complete |
 *          0                     from                          end
 */
const NO_BYTES = new Uint8Array(0);

export class PendingBytes {
  bytes: Uint8Array = NO_BYTES;
  /** How many of `bytes` there are. */
  end = 0;
  /** How many bytes of the input came before `bytes[0]`. */
  offset = 0;
  /** `bytes` is the caller's chunk. */
  #isBorrowed = false;

  /** Adds a chunk, which must not change until `keepFrom` is called. */
  append(chunk: Uint8Array): void {
    if (this.end === 0) {
      this.bytes = chunk;
      this.#isBorrowed = true;
      this.end = chunk.length;
      return;
    }
    const end = this.end + chunk.length;
    if (this.#isBorrowed || end > this.bytes.length) {
      // Twice the room, so that a large item is not copied for each chunk of it.
      const wider = new Uint8Array(Math.max(this.end * 2, end));
      wider.set(this.bytes.subarray(0, this.end));
      this.bytes = wider;
      this.#isBorrowed = false;
    }
    this.bytes.set(chunk, this.end);
    this.end = end;
  }

  /** Forgets the bytes before `from`, and takes a copy of the others: the chunk is free again. */
  keepFrom(from: number): void {
    const left = this.end - from;
    this.offset += from;
    if (left === 0) this.bytes = NO_BYTES;
    // Not `slice`, which is a view where the chunk is a Buffer.
    else if (this.#isBorrowed) this.bytes = new Uint8Array(this.bytes.subarray(from, this.end));
    else if (from > 0) this.bytes.copyWithin(0, from, this.end);
    this.#isBorrowed = false;
    this.end = left;
  }
}

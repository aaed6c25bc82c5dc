/**
 * The replication backlog: the last bytes of the replication stream, kept once for all replicas.
 *
 * What
 *   An offset is the number of bytes of the stream before it. Bytes are kept from `start` to
 *   `end`: at least the last `sizeBytes` of them, for replicas that lost their connection for a
 *   while, and all that a connected replica has not been sent.
 *
 * Layout
 *   blocks of BLOCK_BYTES, the first of which begins at offset `#first`; the last one is being
 *   filled. Blocks that nobody needs go back to a small pool.
 *
 * Cost
 *   Appending copies each byte once; replicas are sent to straight from the blocks.
 */

const BLOCK_SHIFT = 16;
const BLOCK_BYTES = 1 << BLOCK_SHIFT;
const POOLED_MAX = 16;

/** Bytes of one block; valid until the next call of the backlog. */
export interface Piece {
  bytes: Uint8Array;
  from: number;
  length: number;
}

export class Backlog {
  /** `repl-backlog-size`. */
  sizeBytes: number;
  readonly #blocks: Uint8Array[] = [];
  readonly #pool: Uint8Array[] = [];
  readonly #piece: Piece = { bytes: new Uint8Array(0), from: 0, length: 0 };
  /** Offset of the first byte of the first block. */
  #first: number;
  #start: number;
  #end: number;

  /** `offset`: how many bytes the stream has had already. */
  constructor(offset: number, sizeBytes: number) {
    this.#first = offset;
    this.#start = offset;
    this.#end = offset;
    this.sizeBytes = sizeBytes;
  }

  /** The lowest offset that can still be read from. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  /** Bytes of the blocks, those that are kept for later included. */
  get usedBytes(): number {
    return (this.#blocks.length + this.#pool.length) * BLOCK_BYTES;
  }

  append(bytes: Uint8Array, from: number, length: number): void {
    let at = from;
    for (let left = length; left > 0; ) {
      const used = (this.#end - this.#first) & (BLOCK_BYTES - 1);
      if (used === 0) this.#blocks.push(this.#pool.pop() ?? new Uint8Array(BLOCK_BYTES));
      const count = Math.min(left, BLOCK_BYTES - used);
      this.#blocks.at(-1)!.set(bytes.subarray(at, at + count), used);
      this.#end += count;
      at += count;
      left -= count;
    }
  }

  /** Some of the bytes from `offset` on, which is at least `start`; none at the end. */
  read(offset: number): Piece {
    const piece = this.#piece;
    const past = offset - this.#first;
    const from = past & (BLOCK_BYTES - 1);
    piece.bytes = this.#blocks[Math.floor(past / BLOCK_BYTES)] ?? piece.bytes;
    piece.from = from;
    piece.length = Math.min(BLOCK_BYTES - from, this.#end - offset);
    return piece;
  }

  /** Drops what is older than the backlog's size, but not from offset `needed` on. */
  trim(needed: number): void {
    const kept = Math.min(this.#end - this.sizeBytes, needed);
    if (kept <= this.#start) return;
    this.#start = kept;
    while (this.#first + BLOCK_BYTES <= kept) {
      const block = this.#blocks.shift()!;
      this.#first += BLOCK_BYTES;
      if (this.#pool.length < POOLED_MAX) this.#pool.push(block);
    }
  }
}

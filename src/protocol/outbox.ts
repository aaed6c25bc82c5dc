/** Bytes on their way to a socket that takes only as much as the system has room for. */

interface Writable {
  /** Returns how many of the bytes it has taken; nothing, or less, where it is closed. */
  write(bytes: Uint8Array): number;
}

export class Outbox {
  #pieces: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.#pieces.length === 0;
  }

  /** The bytes must stay as they are until they have been sent. */
  push(bytes: Uint8Array): void {
    this.#pieces.push(bytes);
  }

  /** What is there leaves in one piece, instead of one for each push. */
  join(): void {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
  }

  clear(): void {
    this.#pieces = [];
  }

  /** Sends as much as the socket takes now. */
  sendTo(socket: Writable): void {
    // Where the connection ends meanwhile, others may begin with `clear`.
    const pieces = this.#pieces;
    while (pieces.length > 0) {
      const head = pieces[0]!;
      const sent = Math.max(0, socket.write(head));
      if (sent < head.length) {
        pieces[0] = head.subarray(sent);
        return;
      }
      pieces.shift();
    }
  }
}

/** A connection for many or large replies: counts and hashes what comes, and keeps no reply apart. */
import { connect, type Socket } from "node:net";

export class ByteSocket {
  readonly #socket: Socket;
  readonly #chunks: Buffer[] = [];
  #waiting: (() => void) | null = null;
  /** Bytes received that were not taken. */
  available = 0;
  isClosed = false;
  /** Resolves when the connection is closed. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.available += chunk.length;
      this.#waiting?.();
    });
    socket.on("error", () => {});
    this.closed = new Promise((done) => {
      socket.on("close", () => {
        this.isClosed = true;
        this.#waiting?.();
        done();
      });
    });
  }

  static connect(port: number): Promise<ByteSocket> {
    return new Promise((done, fail) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.off("error", fail);
        done(new ByteSocket(socket));
      });
      socket.on("error", fail);
    });
  }

  /** Resolves when the bytes have been given to the kernel. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((done) => {
      this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, () =>
        done(),
      );
    });
  }

  /** The next `count` bytes, in pieces as they come. Throws where the connection ends before. */
  async *pieces(count: number): AsyncGenerator<Buffer> {
    for (let left = count; left > 0; ) {
      const chunk = this.#chunks.shift();
      if (chunk === undefined) {
        if (this.isClosed) throw new Error(`the connection was closed, ${left} bytes too early`);
        await new Promise<void>((done) => {
          this.#waiting = done;
        });
        continue;
      }
      const piece = chunk.length > left ? chunk.subarray(0, left) : chunk;
      if (chunk.length > left) this.#chunks.unshift(chunk.subarray(left));
      this.available -= piece.length;
      left -= piece.length;
      yield piece;
    }
  }

  /** The next `count` bytes, one character a byte. */
  async text(count: number): Promise<string> {
    const pieces: Buffer[] = [];
    for await (const piece of this.pieces(count)) pieces.push(piece);
    return Buffer.concat(pieces).toString("latin1");
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    let text = "";
    while (!text.endsWith("\r\n")) text += await this.text(1);
    return text.slice(0, -2);
  }

  /** The hash of the next `count` bytes. */
  async digest(count: number): Promise<string> {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const piece of this.pieces(count)) hasher.update(piece);
    return hasher.digest("hex");
  }

  /** Stops and starts reading from the socket. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** A client that shows replies as the bytes they are, one whole reply at a time. */
import { connect, type Socket } from "node:net";

/** A command as RESP; arguments that are strings are taken as one byte a character. */
export function encodeCommand(args: readonly (string | Uint8Array)[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = typeof arg === "string" ? Buffer.from(arg, "latin1") : Buffer.from(arg);
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

/** Where the reply that starts at `at` ends, or -1 if it is not all there. */
export function replyEnd(bytes: Buffer, at: number): number {
  const lineEnd = bytes.indexOf("\r\n", at);
  if (lineEnd < 0) return -1;
  const kind = String.fromCharCode(bytes[at]!);
  const behind = lineEnd + 2;
  const count = Number(bytes.toString("latin1", at + 1, lineEnd));
  if ("$=!".includes(kind)) {
    if (count < 0) return behind;
    return behind + count + 2 <= bytes.length ? behind + count + 2 : -1;
  }
  if (!"*~>%|".includes(kind)) return behind;
  let end = behind;
  // An attribute goes before the reply that it describes.
  const items = kind === "%" ? count * 2 : kind === "|" ? count * 2 + 1 : count;
  for (let i = 0; i < items && end >= 0; i++) end = replyEnd(bytes, end);
  return end;
}

/** The message of the error of a call whose reply never came. */
export const CONNECTION_CLOSED = "the connection was closed";

export class RawClient {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: ((reply: string) => void)[] = [];
  #failing: ((error: Error) => void)[] = [];
  /** Told when bytes have come, or the end. */
  #arrived = () => {};
  /** Resolves when the server has closed the connection. */
  readonly closed: Promise<void>;
  isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#deliver();
      this.#arrived();
    });
    this.closed = new Promise((done) => {
      socket.on("close", () => {
        this.isClosed = true;
        for (const fail of this.#failing) fail(new Error(CONNECTION_CLOSED));
        this.#arrived();
        done();
      });
    });
    socket.on("error", () => {});
  }

  static connect(port: number, host = "127.0.0.1"): Promise<RawClient> {
    return new Promise((done, fail) => {
      const socket = connect(port, host, () => done(new RawClient(socket)));
      socket.on("error", fail);
    });
  }

  #deliver(): void {
    while (this.#waiting.length > 0) {
      const end = replyEnd(this.#received, 0);
      if (end < 0) return;
      const reply = this.#received.toString("latin1", 0, end);
      this.#received = this.#received.subarray(end);
      this.#failing.shift();
      this.#waiting.shift()!(reply);
    }
  }

  /** Sends bytes as they are. */
  write(bytes: string | Uint8Array): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** The next reply, one character a byte, frame marks included. */
  read(): Promise<string> {
    if (this.isClosed) return Promise.reject(new Error(CONNECTION_CLOSED));
    return new Promise((done, fail) => {
      this.#waiting.push(done);
      this.#failing.push(fail);
      this.#deliver();
    });
  }

  /** All that comes up to the end of `mark`, whatever frames it is in. */
  async readThrough(mark: string): Promise<string> {
    for (;;) {
      const at = this.#received.indexOf(mark, 0, "latin1");
      if (at >= 0) {
        const end = at + mark.length;
        const text = this.#received.toString("latin1", 0, end);
        this.#received = this.#received.subarray(end);
        return text;
      }
      if (this.isClosed) throw new Error("the connection was closed");
      await new Promise<void>((done) => {
        this.#arrived = done;
      });
    }
  }

  /** What has come and was not read. */
  get unread(): string {
    return this.#received.toString("latin1");
  }

  /** Sends a command and returns its reply's bytes. */
  call(...args: (string | Uint8Array)[]): Promise<string> {
    const reply = this.read();
    this.#socket.write(encodeCommand(args));
    return reply;
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

/** One connection of the load: sends a batch of requests, counts its replies, asks for the next. */
import type { Socket } from "bun";
import type { Address } from "../client/client.ts";
import { ReplyScanner } from "./reply-scanner.ts";

/** What a connection tells the load it is part of. */
export interface Listener {
  /** Every reply to what was sent before the first batch has come. */
  ready(connection: Connection): void;
  /** `replies` more replies to the batch have come. */
  replied(connection: Connection, replies: number): void;
  /** It ended though nobody closed it. */
  lost(connection: Connection, reason: string): void;
}

/** One object for all sockets: what a socket is called with finds its connection in `data`. */
const HANDLERS = {
  binaryType: "uint8array" as const,
  open: (socket: Socket<Connection>) => socket.data.opened(socket),
  data: (socket: Socket<Connection>, chunk: Uint8Array) => socket.data.receive(socket, chunk),
  drain: (socket: Socket<Connection>) => socket.data.flush(),
  close: (socket: Socket<Connection>) => socket.data.ended(socket, "Server closed the connection"),
  error: (socket: Socket<Connection>, error: Error) => socket.data.ended(socket, error.message),
  connectError: () => {},
};

export class Connection {
  readonly buffer: Uint8Array;
  /** Number of the batch's first request, where they are due at set times. */
  firstRequest = 0;
  /** When the batch was sent, in µs. */
  sentUs = 0;
  /** Replies still to come. */
  pending = 0;
  readonly scanner = new ReplyScanner();
  readonly #listener: Listener;
  #socket: Socket<Connection> | null = null;
  /** What is being sent, how far it is, and its length. */
  #out: Uint8Array;
  #sent = 0;
  #length = 0;
  #isReady = false;

  constructor(buffer: Uint8Array, listener: Listener) {
    this.buffer = buffer;
    this.#out = buffer;
    this.#listener = listener;
  }

  /** Connects and sends `greeting`, which has that many replies. Throws what Bun.connect throws. */
  async open({ host, path, port }: Address, greeting: Uint8Array, replies: number): Promise<void> {
    this.#isReady = false;
    const socket = { socket: HANDLERS, data: this as Connection };
    if (path === undefined) await Bun.connect({ hostname: host, port, ...socket });
    else await Bun.connect({ unix: path, ...socket });
    this.pending = replies;
    if (replies > 0) this.#send(greeting, greeting.length);
    else this.#becomeReady();
  }

  opened(socket: Socket<Connection>): void {
    this.#socket = socket;
  }

  /** Sends the first `length` bytes of the buffer: `requests` requests. */
  send(length: number, requests: number): void {
    this.pending = requests;
    this.#send(this.buffer, length);
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.end();
  }

  #send(bytes: Uint8Array, length: number): void {
    this.#out = bytes;
    this.#sent = 0;
    this.#length = length;
    this.flush();
  }

  /** Sends what the system had no room for. */
  flush(): void {
    while (this.#socket !== null && this.#sent < this.#length) {
      const written = this.#socket.write(this.#out, this.#sent, this.#length - this.#sent);
      if (written <= 0) return;
      this.#sent += written;
    }
  }

  receive(socket: Socket<Connection>, chunk: Uint8Array): void {
    if (this.#socket !== socket) return;
    let replies: number;
    try {
      replies = this.scanner.scan(chunk);
    } catch (error) {
      this.ended(socket, (error as Error).message);
      return;
    }
    if (replies === 0) return;
    this.pending -= replies;
    if (this.#isReady) this.#listener.replied(this, replies);
    else if (this.pending === 0) this.#becomeReady();
  }

  #becomeReady(): void {
    this.#isReady = true;
    this.#listener.ready(this);
  }

  /** A socket that has been closed or replaced ends unheard. */
  ended(socket: Socket<Connection>, reason: string): void {
    if (this.#socket !== socket) return;
    this.close();
    this.#listener.lost(this, reason);
  }
}

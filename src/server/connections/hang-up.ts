/**
 * The regular end of a connection: the peer reads what it has been sent, and then an end of file.
 *
 * A socket that is closed while input waits in it is reset by the kernel, and the peer then gets an
 * error in place of what was sent last. So only the sending side is closed first; what still comes
 * is dropped, and the socket is closed for good when the peer closes its side, or when it has had
 * long enough for that.
 */

/** How long the peer has at least; at most twice as long. */
const LINGER_MS = 1000;
/** More are closed at once: sockets that `maxclients` does not count are bounded too. */
const LINGERING_MAX = 1024;

/** What this needs of a socket. */
export interface EndableSocket {
  /** 1 while it is open. */
  readonly readyState: number;
  /** Closes the sending side. */
  shutdown(): void;
  end(): void;
}

export class HangUp {
  /** Sockets whose time ends with this period, and with the next one. */
  #older = new Set<EndableSocket>();
  #newer = new Set<EndableSocket>();
  #timer: Timer | null = null;
  readonly #freeSockets: () => number;

  /** `freeSockets`: how many more sockets the limit on open files has room for, these not counted. */
  constructor(freeSockets: () => number) {
    this.#freeSockets = freeSockets;
  }

  /** Ends the connection; whatever it delivers from now on has to be ignored. */
  end(socket: EndableSocket): void {
    if (socket.readyState !== 1) return;
    if (this.#older.size + this.#newer.size >= Math.min(LINGERING_MAX, this.#freeSockets())) {
      socket.end();
      return;
    }
    socket.shutdown();
    this.#newer.add(socket);
    this.#timer ??= setInterval(() => this.#sweep(), LINGER_MS).unref();
  }

  /** To be called when a socket has closed. */
  closed(socket: EndableSocket): void {
    this.#newer.delete(socket);
    this.#older.delete(socket);
  }

  /** Closes what is left. */
  stop(): void {
    this.#sweep();
    this.#sweep();
  }

  #sweep(): void {
    const due = this.#older;
    this.#older = this.#newer;
    this.#newer = new Set();
    // Closing tells `closed`, which must not meet the set that is being read.
    for (const socket of due) socket.end();
    if (this.#older.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

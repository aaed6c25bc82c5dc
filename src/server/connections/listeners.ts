/** Where the server listens: its addresses and its Unix socket; and who of those that come is let in. */
import { chmodSync, unlinkSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { Socket, TCPSocketListener, UnixSocketListener } from "bun";
import { MAX_CLIENTS, PROTECTED_MODE } from "../../protocol/errors.ts";
import type { Config } from "../configuration/config.ts";
import type { Connection, ConnectionOptions } from "./connection.ts";
import type { HangUp } from "./hang-up.ts";

/** More is not possible in TCP. */
const KEEP_ALIVE_SECONDS_MAX = 32767;

/** By which way a client has come. */
export type Origin = Pick<
  ConnectionOptions,
  "socket" | "address" | "localAddress" | "isLocal" | "isUnix"
>;

export interface ListenersOptions {
  readonly config: Config;
  readonly clientCount: () => number;
  /** Makes a client of the one that is let in. */
  readonly admit: (origin: Origin) => Connection;
  readonly onData: (client: Connection, chunk: Uint8Array) => void;
  /** The socket takes bytes again. */
  readonly onDrain: (client: Connection) => void;
  readonly onClosed: (client: Connection) => void;
  readonly hangUp: HangUp;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #listeners: (TCPSocketListener<Connection> | UnixSocketListener<Connection>)[] = [];
  #port = 0;
  /** The Unix socket that this server has made, and not another one that uses the same path. */
  #unixPath = "";
  /** Connections that were let in, and turned away. */
  received = 0;
  rejected = 0;

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** The TCP port; 0 if none. */
  get port(): number {
    return this.#port;
  }

  /** Throws where an address cannot be bound; those before it are then still to be closed. */
  open(): void {
    const { config } = this.#options;
    const port = config.number("port");
    // Port 0 means no TCP, as in Redis, unless there would then be no way in: then any free port.
    const path = config.unicode("unixsocket");
    if (port > 0 || path === "") {
      for (const address of config.words("bind")) this.#listen(address, port);
    }
    if (path !== "") this.#listenUnix(path);
    if (this.#listeners.length === 0) throw new Error("there is no address to listen on");
  }

  #listen(given: string, port: number): void {
    const optional = given.startsWith("-");
    const address = optional ? given.slice(1) : given;
    const hostname = address === "*" ? "0.0.0.0" : address.replace(/^::\*$/, "::");
    try {
      const options = {
        hostname,
        port: this.#port > 0 ? this.#port : port,
        // Else "::" would take IPv4 too, and could not stand beside "0.0.0.0".
        ipv6Only: hostname.includes(":"),
        socket: this.#handlers(false),
      };
      const listener = Bun.listen<Connection>(options);
      this.#port = listener.port;
      this.#listeners.push(listener);
    } catch (error) {
      if (optional) return;
      throw new Error(`can't listen on ${hostname}:${port}: ${listenFailure(error)}`);
    }
  }

  #listenUnix(path: string): void {
    try {
      unlinkSync(path);
    } catch {
      // There was none.
    }
    try {
      this.#listeners.push(Bun.listen<Connection>({ unix: path, socket: this.#handlers(true) }));
      this.#unixPath = path;
      const mode = Number.parseInt(this.#options.config.text("unixsocketperm"), 8);
      if (mode > 0) chmodSync(path, mode);
    } catch (error) {
      throw new Error(`can't listen on ${path}: ${listenFailure(error)}`);
    }
  }

  close(): void {
    for (const listener of this.#listeners) listener.stop(true);
    if (this.#unixPath === "") return;
    try {
      unlinkSync(this.#unixPath);
    } catch {
      // Somebody else has removed it.
    }
  }

  #handlers(isUnix: boolean) {
    const { hangUp, onClosed, onData, onDrain } = this.#options;
    const closed = (socket: Socket<Connection>) => {
      hangUp.closed(socket);
      if (socket.data !== undefined) onClosed(socket.data);
    };
    return {
      binaryType: "uint8array" as const,
      open: (socket: Socket<Connection>) => this.#receive(socket, isUnix),
      // One that was turned away may send all the same.
      data: (socket: Socket<Connection>, chunk: Uint8Array) => {
        if (socket.data !== undefined) onData(socket.data, chunk);
      },
      drain: (socket: Socket<Connection>) => {
        if (socket.data !== undefined) onDrain(socket.data);
      },
      close: closed,
      error: closed,
    };
  }

  #receive(socket: Socket<Connection>, isUnix: boolean): void {
    const { admit, config } = this.#options;
    const isLocal = isUnix || isLoopback(socket.remoteAddress);
    const refusal = this.#refusal(isLocal);
    if (refusal !== "") {
      this.rejected++;
      socket.write(`-${refusal}\r\n`);
      this.#options.hangUp.end(socket);
      return;
    }
    this.received++;
    const path = `${config.text("unixsocket")}:0`;
    socket.data = admit({
      socket,
      address: isUnix ? path : addressText(socket.remoteAddress, socket.remotePort),
      localAddress: isUnix ? path : addressText(socket.localAddress, socket.localPort),
      isLocal,
      isUnix,
    });
    if (isUnix) return;
    socket.setNoDelay(true);
    const keepAliveSeconds = Math.min(config.number("tcp-keepalive"), KEEP_ALIVE_SECONDS_MAX);
    if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
  }

  /** Why one more client is not let in, or "". */
  #refusal(isLocal: boolean): string {
    const { clientCount, config } = this.#options;
    if (clientCount() >= config.number("maxclients")) return MAX_CLIENTS;
    const isProtected = config.flag("protected-mode") && config.text("requirepass") === "";
    return isProtected && !isLocal ? PROTECTED_MODE : "";
  }
}

function listenFailure(error: unknown): string {
  const { errno, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall !== "listen" || errno === undefined) return message;
  return getSystemErrorMap().get(-errno)?.[1] ?? message;
}

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1" || address.startsWith("::ffff:127.");
}

function addressText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

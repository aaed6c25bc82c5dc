/** Where the server listens: its addresses and its Unix socket; and who of those that come is let in. */
import { chmodSync, unlinkSync } from "node:fs";
import { getSystemErrorMap } from "node:util";
import type { Socket, TCPSocketListener, UnixSocketListener } from "bun";
import type { Log } from "../../base/log.ts";
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
  readonly log: Log;
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
  /** By host name as it was given to the system. */
  readonly #tcp = new Map<string, TCPSocketListener<Connection>>();
  #unix: UnixSocketListener<Connection> | null = null;
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
    if (port > 0 || path === "") this.#listenTcp(port);
    if (path !== "") this.#listenUnix(path);
    if (this.#tcp.size === 0 && this.#unix === null) {
      throw new Error("there is no address to listen on");
    }
  }

  /**
   * Listens where `port` and `bind` say now; connections stay. Returns an error text where that is
   * not possible: called again when the directives are as before, it goes back to them.
   */
  reopen(changed: "port" | "bind"): string {
    const { config, log } = this.#options;
    const port = config.number("port");
    try {
      // Port 0 may stand for the free port that it has found.
      this.#listenTcp(changed === "bind" && port === 0 ? this.#port : port);
      return "";
    } catch (error) {
      log.warning((error as Error).message);
      return changed === "port"
        ? "Unable to listen on this port. Check server logs."
        : "Failed to bind to specified addresses.";
    }
  }

  /** Listens on the port, 0 for any, at the addresses of `bind` and nowhere else. */
  #listenTcp(port: number): void {
    const { config } = this.#options;
    const addresses = config.value("bind");
    if (this.#tcp.size > 0 && port !== this.#port) {
      this.#move(port === 0 ? [] : addresses, port);
      return;
    }
    const wanted = new Set(addresses.map(hostnameOf));
    for (const [hostname, listener] of this.#tcp) {
      if (wanted.has(hostname)) continue;
      listener.stop();
      this.#tcp.delete(hostname);
    }
    for (const address of addresses) this.#listen(address, port, this.#tcp);
    if (this.#tcp.size === 0) this.#port = 0;
  }

  /** Goes to another port; the present one is left only when that has been possible. */
  #move(addresses: readonly string[], port: number): void {
    const before = [...this.#tcp.values()];
    const opened = new Map<string, TCPSocketListener<Connection>>();
    try {
      for (const address of addresses) this.#listen(address, port, opened);
    } catch (error) {
      for (const listener of opened.values()) listener.stop();
      throw error;
    }
    for (const listener of before) listener.stop();
    this.#tcp.clear();
    for (const [hostname, listener] of opened) this.#tcp.set(hostname, listener);
    this.#port = opened.size === 0 ? 0 : port;
  }

  /** Adds the listener to `into`, unless it is there or the address is not. */
  #listen(given: string, port: number, into: Map<string, TCPSocketListener<Connection>>): void {
    const hostname = hostnameOf(given);
    if (into.has(hostname)) return;
    try {
      const options = {
        hostname,
        // All addresses share the free port that the first one has found.
        port: port === 0 ? this.#port : port,
        // Else "::" would take IPv4 too, and could not stand beside "0.0.0.0".
        ipv6Only: hostname.includes(":"),
        socket: this.#handlers(false),
      };
      const listener = Bun.listen<Connection>(options);
      if (into === this.#tcp) this.#port = listener.port;
      into.set(hostname, listener);
    } catch (error) {
      if (given.startsWith("-") && isMissing(error)) return;
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
      this.#unix = Bun.listen<Connection>({ unix: path, socket: this.#handlers(true) });
      this.#unixPath = path;
      const mode = this.#options.config.value("unixsocketperm");
      if (mode > 0) chmodSync(path, mode);
    } catch (error) {
      throw new Error(`can't listen on ${path}: ${listenFailure(error)}`);
    }
  }

  close(): void {
    for (const listener of this.#tcp.values()) listener.stop(true);
    this.#unix?.stop(true);
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

/** The host name that an address of `bind` stands for. */
function hostnameOf(address: string): string {
  const name = address.replace(/^-/, "");
  return name === "*" ? "0.0.0.0" : name.replace(/^::\*$/, "::");
}

/** Whether the address is not there, and not only in use or forbidden. */
function isMissing(error: unknown): boolean {
  return !["EADDRINUSE", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "");
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

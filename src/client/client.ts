/** A small client: one connection, commands answered in order. */
import type { Socket } from "bun";
import { encodeCommand } from "../protocol/command-encoder.ts";
import { Outbox } from "../protocol/outbox.ts";
import { type Reply, ReplyParser } from "../protocol/reply-parser.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined;
}

/** How a connection is encrypted. */
export interface Security {
  /** The name the server's certificate must have, where it is not the host's. */
  readonly serverName?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** The server's certificate is not checked. */
  readonly unchecked?: boolean;
}

/** The connection failed or ended; the message says why. */
export class ConnectionError extends Error {}

interface Waiting {
  readonly done: (reply: Reply) => void;
  readonly fail: (error: Error) => void;
}

export class Client {
  readonly #parser = new ReplyParser();
  readonly #waiting: Waiting[] = [];
  #socket!: Socket;
  readonly #outbox = new Outbox();
  #ended = false;
  #isScheduled = false;
  #reason = "not connected";
  #raw: ((chunk: Uint8Array) => void) | null = null;
  #drained: (() => void)[] = [];
  /** Called with replies that no command waits for. */
  onPush: (reply: Reply) => void = () => {};
  /** Called once, with the reason, when the connection has ended from the other side. */
  onEnd: (reason: string) => void = () => {};

  private constructor() {}

  /** Throws ConnectionError. */
  static async connect(address: Address, security?: Security): Promise<Client> {
    const client = new Client();
    const socket = {
      binaryType: "uint8array" as const,
      data: (_: Socket, chunk: Uint8Array) => client.#receive(chunk),
      drain: () => client.#send(),
      close: () => client.#end("Server closed the connection"),
      error: (_: Socket, error: Error) => client.#end(error.message),
      connectError: () => {},
      // Of encrypted connections: why a certificate is not trusted comes before the end.
      handshake: (_: Socket, trusted: boolean, error: Error | null) => {
        if (!trusted && error !== null && !security?.unchecked) client.#end(error.message);
      },
    };
    try {
      client.#socket =
        address.path === undefined
          ? await Bun.connect({
              hostname: address.host,
              port: address.port,
              ...(security && { tls: tlsOptions(security, address.host) }),
              socket,
            })
          : await Bun.connect({ unix: address.path, socket });
    } catch (error) {
      throw new ConnectionError(reasonOf(error));
    }
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Why it ended. */
  get reason(): string {
    return this.#reason;
  }

  /** Sends a command and waits for its reply. An error reply is a reply; throws ConnectionError. */
  call(args: readonly string[]): Promise<Reply> {
    if (this.#ended) return Promise.reject(new ConnectionError("not connected"));
    return new Promise((done, fail) => {
      this.#waiting.push({ done, fail });
      this.#outbox.push(encodeCommand(args));
      // Calls that are made together leave together.
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        if (this.#ended) return;
        this.#outbox.join();
        this.#send();
      });
    });
  }

  /** The next reply, whatever it answers: of a connection in a mode of its own. */
  next(): Promise<Reply> {
    if (this.#ended) return Promise.reject(new ConnectionError(this.#reason));
    return new Promise((done, fail) => this.#waiting.push({ done, fail }));
  }

  /** Sends bytes as they are. Resolves when they have left, and at once where the connection ends. */
  send(bytes: Uint8Array): Promise<void> | void {
    if (this.#ended) return;
    this.#outbox.push(bytes);
    this.#send();
    if (!this.#outbox.isEmpty) return new Promise((done) => this.#drained.push(done));
  }

  /** From now on what comes is handed over as bytes. What had come already goes first. */
  takeBytes(receive: (chunk: Uint8Array) => void): void {
    this.#raw = receive;
    const rest = this.#parser.rest();
    if (rest.length > 0) receive(rest);
  }

  close(): void {
    this.#ended = true;
    this.#socket.end();
  }

  #send(): void {
    this.#outbox.sendTo(this.#socket);
    if (!this.#outbox.isEmpty) return;
    for (const done of this.#drained.splice(0)) done();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#raw !== null) {
      this.#raw(chunk);
      return;
    }
    this.#parser.feed(chunk);
    try {
      for (let reply = this.#parser.next(); reply !== undefined; reply = this.#parser.next()) {
        const waiting = reply.kind === "push" ? undefined : this.#waiting.shift();
        if (waiting === undefined) this.onPush(reply);
        else waiting.done(reply);
      }
    } catch (error) {
      this.#end((error as Error).message);
      this.#socket.terminate();
    }
  }

  #end(reason: string): void {
    const first = !this.#ended;
    this.#ended = true;
    this.#reason = reason;
    if (first) this.onEnd(reason);
    for (const done of this.#drained.splice(0)) done();
    for (const { fail } of this.#waiting.splice(0)) fail(new ConnectionError(reason));
  }
}

function tlsOptions(security: Security, host: string): Bun.TLSOptions {
  const { caFile, certFile, keyFile, serverName, unchecked } = security;
  return {
    serverName: serverName ?? host,
    rejectUnauthorized: !unchecked,
    ...(caFile !== undefined && { ca: Bun.file(caFile) }),
    ...(certFile !== undefined && { cert: Bun.file(certFile) }),
    ...(keyFile !== undefined && { key: Bun.file(keyFile) }),
  };
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === "ECONNREFUSED") return "Connection refused";
  if (code === "ENOENT") return "No such file or directory";
  if (code === "ENOTFOUND" || code === "DNS_ENOTFOUND") return "Name or service not known";
  return message;
}

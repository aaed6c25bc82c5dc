/** A small client: one connection, commands answered in order. */
import type { Socket } from "bun";
import { encodeCommand } from "../protocol/command-encoder.ts";
import { type Reply, ReplyParser } from "../protocol/reply-parser.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string;
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
  #unsent: Uint8Array[] = [];
  #ended = false;
  /** Called with replies that no command waits for. */
  onPush: (reply: Reply) => void = () => {};

  private constructor() {}

  /** Throws ConnectionError. */
  static async connect(address: Address): Promise<Client> {
    const client = new Client();
    const socket = {
      binaryType: "uint8array" as const,
      data: (_: Socket, chunk: Uint8Array) => client.#receive(chunk),
      drain: () => client.#send(),
      close: () => client.#end("Server closed the connection"),
      error: (_: Socket, error: Error) => client.#end(error.message),
      connectError: () => {},
    };
    try {
      client.#socket =
        address.path === undefined
          ? await Bun.connect({ hostname: address.host, port: address.port, socket })
          : await Bun.connect({ unix: address.path, socket });
    } catch (error) {
      throw new ConnectionError(reasonOf(error));
    }
    return client;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sends a command and waits for its reply. An error reply is a reply; throws ConnectionError. */
  call(args: readonly string[]): Promise<Reply> {
    if (this.#ended) return Promise.reject(new ConnectionError("not connected"));
    return new Promise((done, fail) => {
      this.#waiting.push({ done, fail });
      this.#unsent.push(encodeCommand(args));
      this.#send();
    });
  }

  close(): void {
    this.#ended = true;
    this.#socket.end();
  }

  #send(): void {
    while (this.#unsent.length > 0) {
      const head = this.#unsent[0]!;
      const sent = Math.max(0, this.#socket.write(head));
      if (sent < head.length) {
        this.#unsent[0] = head.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
  }

  #receive(chunk: Uint8Array): void {
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
    this.#ended = true;
    for (const { fail } of this.#waiting.splice(0)) fail(new ConnectionError(reason));
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  if (code === "ECONNREFUSED") return "Connection refused";
  if (code === "ENOENT") return "No such file or directory";
  if (code === "ENOTFOUND" || code === "DNS_ENOTFOUND") return "Name or service not known";
  return message;
}

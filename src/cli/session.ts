/** A connection as the cli's user sees it: made ready (AUTH, SELECT, HELLO), lost and found again. */
import { Client, ConnectionError } from "../client/client.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import type { CliOptions } from "./options.ts";

export class Session {
  readonly #options: CliOptions;
  readonly #warn: (text: string) => void;
  #client: Client | null = null;
  database: number;

  /** `warn` receives what went wrong on the way, a line at a time. */
  constructor(options: CliOptions, warn: (text: string) => void) {
    this.#options = options;
    this.#warn = warn;
    this.database = options.database;
  }

  get connected(): boolean {
    return this.#client !== null && !this.#client.ended;
  }

  /** "host:port", or the path of the socket. */
  get target(): string {
    const { host, path, port } = this.#options;
    return path ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
  }

  /** Connects if need be. False, with the reason told, where it cannot. */
  async open(): Promise<boolean> {
    if (this.connected) return true;
    const { host, path, port } = this.#options;
    try {
      this.#client = await Client.connect(
        path === undefined ? { host, port } : { host, port, path },
      );
      await this.#prepare(this.#client);
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#warn(`Could not connect to StormDB or Redis at ${this.target}: ${error.message}`);
      return false;
    }
  }

  async #prepare(client: Client): Promise<void> {
    const { password, protocol, user } = this.#options;
    if (password !== undefined) {
      const reply = await client.call(
        user === undefined ? ["AUTH", password] : ["AUTH", user, password],
      );
      if (reply.kind === "error") this.#warn(`AUTH failed: ${reply.text}`);
    }
    if (protocol === 3) {
      const reply = await client.call(["HELLO", "3"]);
      if (reply.kind === "error") this.#warn(`HELLO 3 failed: ${reply.text}`);
    }
    if (this.database === 0) return;
    const reply = await client.call(["SELECT", String(this.database)]);
    if (reply.kind !== "error") return;
    this.#warn(`SELECT ${this.database} failed: ${reply.text}`);
    this.database = 0;
  }

  /** Runs a command on the open connection; throws ConnectionError. */
  async call(args: readonly string[]): Promise<Reply> {
    const reply = await this.#client!.call(args);
    if (args.length === 2 && args[0]!.toLowerCase() === "select" && reply.kind !== "error") {
      this.database = Number(args[1]);
    }
    return reply;
  }

  close(): void {
    this.#client?.close();
  }
}

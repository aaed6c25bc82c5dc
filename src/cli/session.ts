/** A connection as the cli's user sees it: made ready (AUTH, SELECT, HELLO), lost and found again. */
import { type Client, ConnectionError } from "../client/client.ts";
import { connectTo, targetName } from "../client/target.ts";
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
    return targetName(this.#options);
  }

  /** Connects if need be. False, with the reason told, where it cannot. */
  async open(): Promise<boolean> {
    if (this.connected) return true;
    const target = { ...this.#options, database: this.database };
    try {
      this.#client = await connectTo(target, this.#options.protocol, (command, error) => {
        const what = command === "SELECT" ? `SELECT ${this.database}` : command;
        this.#warn(`${what} failed: ${error}`);
        if (command === "SELECT") this.database = 0;
      });
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#warn(error.message);
      return false;
    }
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

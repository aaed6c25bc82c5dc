/** A connection as the cli's user sees it: made ready (AUTH, SELECT, HELLO), lost and found again. */
import { type Client, ConnectionError } from "../client/client.ts";
import { connectTo, isLocal, type Target, targetName } from "../client/target.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import type { CliOptions } from "./options.ts";

export class Session {
  readonly #target: Target;
  readonly #warn: (text: string) => void;
  #client: Client | null = null;
  #cancel: ((error: Error) => void) | null = null;
  /** Of the connections to come. */
  #protocol: number;
  /** Where SELECT goes that MULTI queued, and from where, should the transaction fail. */
  #databaseBefore = 0;
  inTransaction = false;
  /** The connection listens to channels. */
  subscribed = false;
  /** AUTH, SELECT or HELLO was refused when the connection was made. */
  refused = false;
  /** Called with what comes without being asked for. */
  onPush: (reply: Reply) => void = () => {};

  /** `warn` receives what went wrong on the way, a line at a time. */
  constructor(options: CliOptions, warn: (text: string) => void) {
    this.#target = { ...options };
    this.#protocol = options.protocol;
    this.#warn = warn;
  }

  get database(): number {
    return this.#target.database;
  }

  get protocol(): number {
    return this.#protocol;
  }

  get connected(): boolean {
    return this.#client !== null && !this.#client.ended;
  }

  /** "host:port", or the path of the socket. */
  get target(): string {
    return targetName(this.#target);
  }

  /** Why the connection ended since it was last used; null where it did not. Told once. */
  takeLoss(): string | null {
    const client = this.#client;
    if (client === null || !client.ended) return null;
    this.#client = null;
    return client.reason;
  }

  get isLocal(): boolean {
    return isLocal(this.#target);
  }

  /** Only while connected. */
  get client(): Client {
    return this.#client!;
  }

  /** Connects if need be. False, with the reason told, where it cannot. */
  async open(): Promise<boolean> {
    if (this.connected) return true;
    this.inTransaction = false;
    this.subscribed = false;
    this.refused = false;
    try {
      const client = await connectTo(this.#target, this.#protocol, (command, error) => {
        const what = command === "SELECT" ? `SELECT ${this.database}` : command;
        this.refused = true;
        this.#warn(`${what} failed: ${error}`);
        if (command === "SELECT") this.#target.database = 0;
      });
      client.onPush = (reply) => {
        this.subscribed = isSubscribed(reply) ?? this.subscribed;
        this.onPush(reply);
      };
      this.#client = client;
      return true;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#warn(error.message);
      return false;
    }
  }

  /** Goes to another server, with the same user and database. */
  async move(host: string, port: number): Promise<boolean> {
    this.close();
    this.#target.host = host;
    this.#target.port = port;
    this.#target.path = undefined;
    return this.open();
  }

  /** Runs a command on the open connection; throws ConnectionError. */
  async call(args: readonly string[]): Promise<Reply> {
    const cancelled = new Promise<never>((_, fail) => {
      this.#cancel = fail;
    });
    const reply = await Promise.race([this.#client!.call(args), cancelled]);
    this.#follow(args, reply);
    return reply;
  }

  /** What the reply says about the connection's state. */
  #follow(args: readonly string[], reply: Reply): void {
    const name = args[0]!.toLowerCase();
    if (reply.kind === "error") {
      // An EXEC that fails has ended the transaction as well.
      if (name === "exec" && this.inTransaction) this.#endTransaction(false);
      return;
    }
    switch (name) {
      case "select":
        if (args.length === 2) this.#target.database = Number(args[1]);
        break;
      case "auth":
        if (args.length === 2 || args.length === 3) {
          this.#target.user = args.length === 3 ? args[1] : undefined;
          this.#target.password = args.at(-1);
        }
        break;
      case "multi":
        this.inTransaction = true;
        this.#databaseBefore = this.database;
        break;
      case "exec":
        if (this.inTransaction) this.#endTransaction(reply.kind !== "null");
        break;
      case "discard":
        if (this.inTransaction) this.#endTransaction(false);
        break;
      case "hello":
        if (args[1] === "2" || args[1] === "3") this.#protocol = Number(args[1]);
        break;
      case "reset":
        this.inTransaction = false;
        this.subscribed = false;
        this.#target.database = 0;
        this.#protocol = 2;
        break;
    }
  }

  #endTransaction(done: boolean): void {
    this.inTransaction = false;
    if (!done) this.#target.database = this.#databaseBefore;
  }

  /** Gives up waiting for a reply: the connection is closed, the command fails. */
  cancel(): void {
    this.#cancel?.(new ConnectionError("cancelled"));
    this.close();
  }

  close(): void {
    this.#client?.close();
    this.#client = null;
    this.inTransaction = false;
    this.subscribed = false;
  }
}

/** Whether the connection listens to anything, where the message tells. */
function isSubscribed(reply: Reply): boolean | null {
  if (!("items" in reply) || reply.items.length !== 3) return null;
  const [kind, , count] = reply.items;
  if (kind === undefined || !("text" in kind) || !/subscribe$/.test(kind.text)) return null;
  return count?.kind === "integer" ? count.text !== "0" : null;
}

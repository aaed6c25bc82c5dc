/** Clients, as commands see them. */
import type { Request } from "../../protocol/request.ts";
import type { Subscriptions } from "../../pubsub/pubsub.ts";
import type { Database } from "../../store/database.ts";

/** Which replies a client wants: CLIENT REPLY. */
export type ReplyMode = "on" | "off" | "skip-next" | "skip";

/** What commands may know and change of a client. */
export interface Client {
  readonly id: number;
  /** "ip:port", or "path:0" for a Unix socket. */
  readonly address: string;
  readonly localAddress: string;
  readonly isLocal: boolean;
  name: string;
  libraryName: string;
  libraryVersion: string;
  protocol: number;
  authenticated: boolean;
  database: Database;
  noEvict: boolean;
  noTouch: boolean;
  replyMode: ReplyMode;
  /** Close the connection once the replies so far have been sent. */
  closing: boolean;
  /** It has changed data since `lastWritePosition` was taken. */
  hasWritten: boolean;
  /** The replication offset behind its last write. */
  lastWritePosition: number;
  /** The channels it is subscribed to; null without any. */
  readonly subscriptions: Subscriptions | null;
  /** Between MULTI and EXEC or DISCARD. */
  readonly inTransaction: boolean;
  /** Blocked: it waits for a key or for replicas. */
  readonly isWaiting: boolean;
  /** What CLIENT LIST and CLIENT KILL call its type: normal, pubsub, … */
  readonly type: string;
  readonly createdMs: number;
  readonly lastActiveMs: number;
  /** Its line in CLIENT LIST, without line end. `running`: the command that it runs now. */
  describe(running?: Request | null): string;
}

export interface ClientsService<C extends Client = Client> {
  /** By id. */
  readonly all: ReadonlyMap<number, C>;
  /** The client that stands for the primary; null while there is no link to one. */
  readonly linkClient: C | null;
  /** Closes the client's connection: at once, or behind its replies if it is the caller's own. */
  kill(client: C, caller: C): void;
  /** CLIENT PAUSE. A second pause can only make the first one longer and stricter. */
  pause(untilMs: number, writesOnly: boolean): void;
  unpause(): void;
  /** Unblocks the client with an error, or as if it had timed out. False: it is not blocked. */
  unblock(client: C, withError: boolean): boolean;
  /** Shows the client every command from now on. False: it is a monitor already. */
  monitor(client: C): boolean;
  /** Ends the client's subscriptions, transaction and monitoring: RESET. */
  reset(client: C): void;
}

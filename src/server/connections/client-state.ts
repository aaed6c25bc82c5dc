/**
 * What the server's features keep with a client. Each feature's file works on the state that is
 * described here, so that a connection can hold it without knowing the feature.
 */
import type { Command } from "../../commands/spec/command.ts";
import type { Request } from "../../protocol/request.ts";
import type { RequestParser } from "../../protocol/request-parser.ts";
import type { RequestQueue } from "../../protocol/request-queue.ts";

/** Why a client's commands need more than dispatch's plain path: the bits of `Connection.state`. */
export const IN_MULTI = 1;
export const NOT_AUTHENTICATED = 2;
export const SUBSCRIBED = 4;
export const IS_MONITOR = 8;
export const IS_REPLICA = 16;
export const NO_TOUCH = 32;
/** CLIENT REPLY OFF or SKIP. */
export const REPLIES_WITHHELD = 64;

/** A request of which only a part has come, or which waits: its bytes and the parser's position. */
export interface PendingInput {
  bytes: Uint8Array;
  /** Bytes in use. */
  end: number;
  readonly parser: RequestParser;
  readonly request: Request;
}

/** Which of `client-output-buffer-limit` holds. */
export type OutputClass = "normal" | "pubsub" | "slave";

/** Output that the socket has not accepted yet. */
export interface UnsentPiece {
  readonly bytes: Uint8Array;
  /** What is before it has been sent. */
  at: number;
  /** What is from here on is room for more. */
  end: number;
  /** Whether other clients may have it too. */
  readonly shared: boolean;
}

/** The commands that a client has queued since MULTI. */
export interface QueuedCommands {
  readonly requests: RequestQueue;
  readonly commands: readonly Command[];
  /** The flags of all commands together. */
  readonly bits: number;
  /** A command was refused: EXEC will not run the others. */
  aborted: boolean;
  queue(command: Command, request: Request): void;
  clear(): void;
}

/** A client that is blocked until replicas have acknowledged an offset. */
export interface AckWait<C> {
  readonly client: C;
  readonly position: number;
  readonly count: number;
  readonly timer: Timer | null;
  /** When it times out, in ms since the epoch; Infinity for never. */
  readonly untilMs: number;
}

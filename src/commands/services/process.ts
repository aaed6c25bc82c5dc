/** The process: SHUTDOWN. */
import type { Client } from "./client.ts";
import type { SaveMode } from "./persistence.ts";

export interface ShutdownRequest<C extends Client = Client> {
  readonly mode: SaveMode;
  /** Exit even if the data cannot be saved. */
  readonly force: boolean;
  /** Do not wait for replicas. */
  readonly now: boolean;
  /** Null for a signal. */
  readonly caller: C | null;
}

export interface ProcessService<C extends Client = Client> {
  /**
   * Stops the server; returns why it cannot stop, or "". While replicas lack writes it waits for
   * them, and blocks the caller.
   */
  shutdown(request: ShutdownRequest<C>): string;
  /** False: no shutdown is under way. */
  abortShutdown(): boolean;
}

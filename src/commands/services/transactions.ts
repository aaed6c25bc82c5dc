/** MULTI, EXEC and DISCARD. */
import type { Client } from "./client.ts";

export interface TransactionService<C extends Client = Client> {
  /** An EXEC is under way. */
  readonly executing: boolean;
  begin(client: C): void;
  discard(client: C): void;
  /** Runs the queued commands, and replies. */
  execute(client: C): void;
}

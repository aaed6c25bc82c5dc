/** Who may do what. */
import type { Client } from "./client.ts";

export interface AccessService<C extends Client = Client> {
  /** The directive `requirepass`; empty for none. */
  readonly password: string;
  /** Whether `enable-debug-command` allows the client to use DEBUG. */
  mayDebug(client: C): boolean;
}

/** Commands that wait for a key. */
import type { Request } from "../../protocol/request.ts";
import type { Database } from "../../store/database.ts";
import type { Client } from "./client.ts";

export interface BlockingService<C extends Client = Client> {
  /**
   * Blocks the client until one of the keys in arguments `first` to `last` has a value of the
   * type; the request is then run again. `timeoutMs` 0: without a timeout.
   */
  block(
    client: C,
    request: Request,
    type: number,
    first: number,
    last: number,
    timeoutMs: number,
  ): void;
  /** The databases have exchanged their keys. */
  swapped(a: Database, b: Database): void;
}

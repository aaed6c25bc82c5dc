/** WATCH and keyspace notifications. */
import type { Database } from "../../store/database.ts";
import type { Client } from "./client.ts";

export interface KeyEventService<C extends Client = Client> {
  /** Whether a client watches a key or notifications are on. */
  readonly active: boolean;
  /** The key has changed; `event` is the notification's name and `kind` its class. */
  changed(
    kind: number,
    event: string,
    database: Database,
    key: Uint8Array,
    from: number,
    length: number,
  ): void;
  watch(client: C, database: Database, bytes: Uint8Array, from: number, length: number): void;
  unwatch(client: C): void;
  /** All keys of the database are about to be deleted. */
  emptying(database: Database): void;
  /** The databases are about to exchange their keys. */
  swapping(a: Database, b: Database): void;
}

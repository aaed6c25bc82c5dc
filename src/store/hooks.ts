/** What the store tells the server about keys. Each hook is null while nobody listens. */
import type { Database } from "./database.ts";

/** Why a key was removed without a command that names it. */
export type RemovalCause = "expired" | "evicted";

export interface KeyHooks {
  /** A reading command did not find the key. */
  missed: ((db: Database, key: Uint8Array, offset: number, length: number) => void) | null;
  /** The key at `ref` is new, or has become something that a client may wait for. Its value may not have been written yet. */
  ready: ((db: Database, ref: number) => void) | null;
  /** The key at `ref` is about to be removed. */
  removed: ((db: Database, ref: number, cause: RemovalCause) => void) | null;
  /** A key has been given an expiry earlier than `Space.plannedExpiryMs`. */
  expiresSooner: ((expireAtMs: number) => void) | null;
}

export function noHooks(): KeyHooks {
  return { missed: null, ready: null, removed: null, expiresSooner: null };
}

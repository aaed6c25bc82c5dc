/**
 * What the store tells the server about keys. Each hook is null while nobody listens. A database is
 * named by its index.
 */

/** Why a key was removed without a command that names it. */
export type RemovalCause = "expired" | "evicted";

export interface KeyHooks {
  /** A reading command did not find the key. */
  missed: ((database: number, key: Uint8Array, from: number, length: number) => void) | null;
  /** The key at `ref` is new, or has become something that a client may wait for. Its value may not have been written yet. */
  ready: ((database: number, ref: number) => void) | null;
  /** The key at `ref` is about to be removed. */
  removed: ((database: number, ref: number, cause: RemovalCause) => void) | null;
  /** A key has been given an expiry earlier than `Space.plannedExpiryMs`. */
  expiresSooner: ((expireAtMs: number) => void) | null;
}

export function noHooks(): KeyHooks {
  return { missed: null, ready: null, removed: null, expiresSooner: null };
}

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
  /** The field of the hash at `ref` is about to be removed because it has expired. */
  fieldExpired:
    | ((database: number, ref: number, field: Uint8Array, from: number, length: number) => void)
    | null;
  /** Fields of the hash at `ref` have been removed because they had expired; `isEmpty`: the key goes with them. */
  fieldsRemoved: ((database: number, ref: number, isEmpty: boolean) => void) | null;
  /** A key or a field has been given an expiry earlier than `Space.plannedExpiryMs`. */
  expiresSooner: ((expireAtMs: number) => void) | null;
}

export function noHooks(): KeyHooks {
  return {
    missed: null,
    ready: null,
    removed: null,
    fieldExpired: null,
    fieldsRemoved: null,
    expiresSooner: null,
  };
}

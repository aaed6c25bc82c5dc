/** INFO's section Keyspace: databases that have keys. */
import { type Figure, gauge, group, type NumberFigure } from "../../base/figure.ts";
import type { Keyspace } from "../../store/keyspace.ts";

export interface KeyspaceSource {
  readonly keyspace: Keyspace;
}

export function keyspaceFigures({ keyspace }: KeyspaceSource): Figure[] {
  return keyspace.databases
    .filter((db) => db.keyCount > 0)
    .map((db) =>
      group(`db${db.index}`, { db: `db${db.index}` }, [
        gauge("keys", db.keyCount),
        gauge("expires", db.expiringCount),
        gauge("avg_ttl", Math.round(db.averageTtlMs())),
        ...subexpiry(keyspace.fields.hashCount(db.index)),
      ]),
    );
}

/** Hashes with fields that expire, told only where there are any: Redis has the figure since 7.4. */
function subexpiry(hashes: number): NumberFigure[] {
  return hashes === 0 ? [] : [gauge("subexpiry", hashes)];
}

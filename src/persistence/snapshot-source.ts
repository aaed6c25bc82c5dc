/** Begins snapshots of the data set as it is now. */
import type { Clock } from "../base/clock.ts";
import type { Keyspace } from "../store/keyspace.ts";
import { REDIS_VERSION, STORMDB_VERSION } from "../version.ts";
import type { PropagationService } from "./journal.ts";
import { offsetFields } from "./replication-offset.ts";
import type { PersistenceSettings } from "./settings.ts";
import { FileSnapshot } from "./snapshot/runner.ts";
import { Snapshot, type SnapshotOptions, type SnapshotSink } from "./snapshot/snapshot.ts";

export interface SnapshotKind {
  /** RDB, or else commands. */
  readonly rdb: boolean;
  /** The file is the base of the append-only file. */
  readonly isBase: boolean;
  /** The caller waits: it is written on the caller's thread. */
  readonly immediate: boolean;
}

export const BACKGROUND_RDB: SnapshotKind = { rdb: true, isBase: false, immediate: false };
export const IMMEDIATE_RDB: SnapshotKind = { rdb: true, isBase: false, immediate: true };

export interface SnapshotSourceOptions {
  readonly space: Keyspace;
  readonly clock: Clock;
  readonly propagation: PropagationService;
  readonly settings: () => PersistenceSettings;
}

export class SnapshotSource {
  readonly #options: SnapshotSourceOptions;

  constructor(options: SnapshotSourceOptions) {
    this.#options = options;
  }

  /** A snapshot whose bytes go to the sink. */
  begin(sink: SnapshotSink, kind: SnapshotKind): Snapshot {
    return new Snapshot(this.#options.space, sink, this.#snapshotOptions(kind));
  }

  /** A snapshot that becomes the file `path`. Throws if the file cannot be created. */
  beginFile(path: string, kind: SnapshotKind): FileSnapshot {
    return new FileSnapshot(this.#options.space, path, this.#snapshotOptions(kind));
  }

  /** The replication offset of the data set is written too, so propagation is flushed first. */
  #snapshotOptions({ immediate, isBase, rdb }: SnapshotKind): SnapshotOptions {
    const { clock, propagation, settings, space } = this.#options;
    propagation.mark();
    const { checking, compressing, isValkey } = settings();
    return {
      rdb,
      aux: [
        ["redis-ver", REDIS_VERSION],
        ["redis-bits", "64"],
        ["ctime", String(Math.floor(clock.nowMs / 1000))],
        ["used-mem", String(space.heap.usedBytes)],
        ...offsetFields(propagation.offset),
        ["aof-base", isBase ? "1" : "0"],
        ["stormdb-ver", STORMDB_VERSION],
      ],
      compressing,
      isValkey,
      checking,
      immediate,
    };
  }
}

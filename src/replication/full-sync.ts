/**
 * A replica's full sync: where the data of the primary goes. `repl-diskless-load` says whether it
 * goes to a file first or straight into memory. Clients are never served a part of a data set: the
 * old data is in use until all data has come and its checksum is right.
 */
import type { Log } from "../base/log.ts";
import { OpenFile, removeQuietly, renameFile } from "../persistence/files.ts";
import { ReceivedRdb } from "../persistence/received-rdb.ts";
import type { ReplicationOffset } from "../persistence/replication-offset.ts";
import { streamDatabaseOf } from "../persistence/replication-offset.ts";
import type { DataSink } from "./primary-link.ts";

/** An RDB that was loaded: the fields that it begins with. */
export interface LoadedRdb {
  readonly aux: ReadonlyMap<string, string>;
}

/** What a full sync asks of the data set that it replaces. */
export interface ReplacedDataSet {
  readonly rdbPath: string;
  readonly isEmpty: boolean;
  /** Loads an RDB file in place of all data; if that fails, no data is left. */
  replaceBy(path: string): Promise<LoadedRdb>;
  /** Begins to load an RDB beside the data set. */
  loadBeside(): {
    take(bytes: Uint8Array): void;
    /** Throws if the RDB is not complete. */
    finish(): LoadedRdb;
    /** Takes the place of the data set, at once. */
    adopt(): void;
  };
  /** The data set was replaced, and its replication offset is known; or replacing it has failed. */
  replaced(): void;
}

export interface FullSyncOptions {
  readonly dataSet: ReplacedDataSet;
  readonly log: Log;
  readonly temporaryPath: () => string;
  readonly disklessLoad: () => "disabled" | "on-empty-db" | "swapdb";
  /** All data is about to be replaced. */
  readonly onReplace: () => void;
  /** All data was replaced by that at this replication offset. */
  readonly onReplaced: (offset: ReplicationOffset) => void;
}

export class FullSync {
  readonly #options: FullSyncOptions;

  constructor(options: FullSyncOptions) {
    this.#options = options;
  }

  /** The data of the primary begins to come. Throws if it cannot be kept. */
  begin(replid: string, offset: number): DataSink {
    const { dataSet, disklessLoad } = this.#options;
    const mode = disklessLoad();
    const isDiskless = mode === "swapdb" || (mode === "on-empty-db" && dataSet.isEmpty);
    return isDiskless ? this.#intoMemory(replid, offset) : this.#byFile(replid, offset);
  }

  #succeed(replid: string, offset: number, { aux }: LoadedRdb): void {
    const { log, onReplaced } = this.#options;
    onReplaced({ replid, offset, databaseIndex: streamDatabaseOf(aux) });
    log.notice("MASTER <-> REPLICA sync: Finished with success");
  }

  #intoMemory(replid: string, offset: number): DataSink {
    const { dataSet, onReplace } = this.#options;
    const fresh = dataSet.loadBeside();
    return {
      take: (bytes) => fresh.take(bytes),
      finish: async () => {
        const rdb = fresh.finish();
        onReplace();
        fresh.adopt();
        this.#succeed(replid, offset, rdb);
        dataSet.replaced();
      },
      abandon: () => {},
    };
  }

  #byFile(replid: string, offset: number): DataSink {
    const { dataSet, log, onReplace, temporaryPath } = this.#options;
    const path = temporaryPath();
    const file = OpenFile.create(path);
    const received = new ReceivedRdb();
    let isOpen = true;
    const close = () => {
      if (isOpen) file.close();
      isOpen = false;
    };
    const load = async () => {
      const { problem } = received;
      if (problem !== "") throw new Error(problem);
      onReplace();
      try {
        const rdb = await dataSet.replaceBy(path);
        try {
          renameFile(path, dataSet.rdbPath);
        } catch (error) {
          log.warning(`The data of the MASTER is not kept as ${dataSet.rdbPath}: ${error}`);
        }
        this.#succeed(replid, offset, rdb);
      } finally {
        dataSet.replaced();
      }
    };
    return {
      take: (bytes) => {
        received.take(bytes);
        file.write(bytes);
      },
      finish: async () => {
        close();
        await load().finally(() => removeQuietly(path));
      },
      abandon: () => {
        close();
        removeQuietly(path);
      },
    };
  }
}

/** Hands out a snapshot of the data set: to a sink while it is encoded, or as a file. */
import type { SnapshotRunner } from "./snapshot/runner.ts";
import type { SnapshotSink } from "./snapshot/snapshot.ts";
import { BACKGROUND_RDB, type SnapshotSource } from "./snapshot-source.ts";

/** Gets an error text, or "" when the snapshot is complete. */
export type ExportDone = (error: string) => void;

export class SnapshotExports {
  readonly #source: SnapshotSource;
  readonly #runner: SnapshotRunner;

  constructor(source: SnapshotSource, runner: SnapshotRunner) {
    this.#source = source;
    this.#runner = runner;
  }

  /** Encodes RDB into the sink, in slices. False: another snapshot is under way. */
  toSink(sink: SnapshotSink, done: ExportDone): boolean {
    if (this.#runner.task !== "none") return false;
    const snapshot = this.#source.begin(sink, BACKGROUND_RDB);
    this.#runner.run("sync", snapshot, {
      finish: () => {
        snapshot.end();
        setImmediate(() => done(""));
        return Promise.resolve();
      },
      failed: (error) => done(error.message),
      abandon: () => {
        snapshot.abandon();
        done("the snapshot was cancelled");
      },
    });
    return true;
  }

  /** Writes an RDB file. Throws if the file cannot be created. */
  toFile(path: string, done: ExportDone): boolean {
    if (this.#runner.task !== "none") return false;
    const file = this.#source.beginFile(path, BACKGROUND_RDB);
    this.#runner.run("sync", file.snapshot, {
      finish: async () => {
        await file.finish();
        setImmediate(() => done(""));
      },
      failed: (error) => done(error.message),
      abandon: () => {
        file.abandon();
        done("the snapshot was cancelled");
      },
    });
    return true;
  }
}

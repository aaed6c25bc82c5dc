/** The snapshot under way, of which there is one at a time: advances it in slices until it ends. */
import type { Clock } from "../../base/clock.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { GrowingFile } from "../files.ts";
import { Snapshot, type SnapshotOptions, type SnapshotSink } from "./snapshot.ts";

const SLICE_MS = 0.5;

/** What a snapshot is for: an RDB file, the base of the append-only file, replicas. */
export type SnapshotTask = "none" | "save" | "rewrite" | "sync";

/** A snapshot on its way into a file. */
export class FileSnapshot {
  readonly snapshot: Snapshot;
  readonly #file: GrowingFile;

  /** Begins a snapshot of this moment. Throws where the file cannot be created. */
  constructor(space: Keyspace, temporary: string, options: SnapshotOptions) {
    this.#file = new GrowingFile(temporary, options.immediate);
    this.snapshot = new Snapshot(space, this.#file, options);
  }

  /** Waits until the file is on disk under its name. Throws what went wrong. */
  async finish(path: string): Promise<void> {
    this.snapshot.end();
    await this.#file.finish(path);
  }

  /** Does all of it at once. Throws what went wrong. */
  finishNow(path: string): void {
    this.snapshot.encodeNow();
    this.#file.finishNow(path);
  }

  abandon(): void {
    this.snapshot.abandon();
    this.#file.discard();
  }
}

/** How a snapshot that runs ends. */
export interface SnapshotEnd {
  /** All entries are encoded. */
  readonly finish: () => Promise<void>;
  readonly failed: (error: Error) => void;
  /** It is given up. */
  readonly abandon: () => void;
}

export class Snapshots {
  readonly #clock: Clock;
  #snapshot: Snapshot | null = null;
  #end: SnapshotEnd | null = null;
  task: SnapshotTask = "none";
  startedMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How far the snapshot under way is. */
  get progress(): { readonly entries: number; readonly total: number } {
    const walk = this.#snapshot?.walk;
    return { entries: walk?.visited ?? 0, total: walk?.total ?? 0 };
  }

  /** Runs the snapshot in slices between other work. */
  run(task: SnapshotTask, snapshot: Snapshot, end: SnapshotEnd): void {
    this.task = task;
    this.startedMs = this.#clock.nowMs;
    this.#snapshot = snapshot;
    this.#end = end;
    const slice = async () => {
      if (this.#snapshot !== snapshot) return;
      if (!snapshot.advance(performance.now() + SLICE_MS)) {
        setImmediate(slice);
        return;
      }
      try {
        await end.finish();
      } catch (error) {
        if (this.#snapshot !== snapshot) return;
        end.failed(error as Error);
      }
      if (this.#snapshot === snapshot) this.#forget();
    };
    setImmediate(slice);
  }

  /** What it writes is wanted no longer; it still goes on to its end. */
  abandon(): void {
    this.#end?.abandon();
  }

  /** Gives it up at once. */
  stop(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    this.abandon();
    while (!snapshot.advance(Number.POSITIVE_INFINITY));
    this.#forget();
  }

  #forget(): void {
    this.#snapshot = null;
    this.#end = null;
    this.task = "none";
  }
}

export type { SnapshotSink };

/** The snapshot under way, of which there is one at a time: advances it in slices until it ends. */
import type { Clock } from "../../base/clock.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { GrowingFile } from "../files.ts";
import { Snapshot, type SnapshotOptions } from "./snapshot.ts";

const SLICE_MS = 0.5;

/** What a snapshot is for: an RDB file, the base of the append-only file, replicas. */
export type SnapshotTask = "none" | "save" | "rewrite" | "sync";

/** A snapshot on its way into a file. */
export class FileSnapshot {
  readonly snapshot: Snapshot;
  /** The name that the file gets when it is whole. */
  readonly path: string;
  readonly #file: GrowingFile;

  /** Begins a snapshot of this moment. Throws where the file cannot be created. */
  constructor(space: Keyspace, path: string, options: SnapshotOptions) {
    this.path = path;
    this.#file = new GrowingFile(path, options.immediate);
    this.snapshot = new Snapshot(space, this.#file, options);
  }

  /** Waits until the file is on disk under its name. Throws what went wrong. */
  async finish(): Promise<void> {
    this.snapshot.end();
    await this.#file.finish();
  }

  /** Does all of it at once. Throws what went wrong. */
  finishNow(): void {
    this.snapshot.encodeNow();
    this.#file.finishNow();
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
  /** Nobody wants it any more. */
  readonly abandon: () => void;
}

export class SnapshotRunner {
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
        // One that was abandoned has had its end.
        if (this.#end === end) await end.finish();
      } catch (error) {
        if (this.#snapshot !== snapshot) return;
        if (this.#end === end) end.failed(error as Error);
      }
      if (this.#snapshot === snapshot) this.#forget();
    };
    setImmediate(slice);
  }

  /** What it writes is wanted no longer; the walk still goes on to its end. */
  abandon(): void {
    const end = this.#end;
    this.#end = null;
    end?.abandon();
  }

  /** Ends it at once. */
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

/** RDB files on disk: SAVE, BGSAVE and save points. */
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { PersistenceSettings } from "./settings.ts";
import type { FileSnapshot, SnapshotRunner } from "./snapshot/runner.ts";
import { BACKGROUND_RDB, IMMEDIATE_RDB, type SnapshotSource } from "./snapshot-source.ts";

/** How long after a save that failed a save point starts the next one. */
const RETRY_MS = 5000;
const REFUSAL =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";
const IN_PROGRESS = "ERR Background save already in progress";

export interface SavesOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: () => PersistenceSettings;
  readonly source: SnapshotSource;
  readonly runner: SnapshotRunner;
  /** The last save has succeeded, or failed. */
  readonly onOutcome: () => void;
}

export class Saves {
  readonly #options: SavesOptions;
  #isScheduled = false;
  #triedMs = 0;
  #changesAtStart = 0;
  /** Changes since the last save. */
  changes = 0;
  /** When the data set was last saved. */
  lastMs: number;
  lastOk = true;
  /** How long the last save took; -1 without one. */
  lastSeconds = -1;
  count = 0;

  constructor(options: SavesOptions) {
    this.#options = options;
    this.lastMs = options.clock.nowMs;
  }

  /** The file that is saved to and loaded. */
  get path(): string {
    const { dbFileName, folder } = this.#options.settings();
    return join(folder, dbFileName);
  }

  /** Why commands may not write, or "". */
  get refusal(): string {
    const { savePoints, stopsWritesOnError } = this.#options.settings();
    return !this.lastOk && stopsWritesOnError && savePoints.length > 0 ? REFUSAL : "";
  }

  /** SAVE: returns an error text or "". */
  save(): string {
    const { clock, runner, source } = this.#options;
    if (runner.task === "save" || runner.task === "sync") return IN_PROGRESS;
    // There can be one walk at a time: a rewrite gives way, and starts again later.
    runner.stop();
    const started = performance.now();
    this.#triedMs = clock.nowMs;
    try {
      const file = source.beginFile(this.path, IMMEDIATE_RDB);
      file.finishNow();
      this.#saved(file, started, 0);
      return "";
    } catch (error) {
      this.#failed(`Error saving ${this.path}`, error);
      return "ERR";
    }
  }

  #saved(file: FileSnapshot, started: number, changesLeft: number): void {
    const { clock, log } = this.#options;
    this.lastMs = clock.nowMs;
    this.lastSeconds = Math.floor((performance.now() - started) / 1000);
    this.changes = changesLeft;
    this.count++;
    log.notice(`DB saved on disk: ${file.path}`);
    this.#setOk(true);
  }

  #failed(what: string, error: unknown): void {
    this.#options.log.warning(`${what}: ${(error as Error).message}`);
    this.#setOk(false);
  }

  #setOk(ok: boolean): void {
    this.lastOk = ok;
    this.#options.onOutcome();
  }

  /** Saves in the background as soon as no transaction and no other snapshot is under way. */
  schedule(): void {
    this.#isScheduled = true;
  }

  /** BGSAVE: returns the reply, an error text where it starts with "ERR". */
  saveInBackground(scheduled: boolean): string {
    const { clock, log, runner, source } = this.#options;
    const { task } = runner;
    if (task === "save" || (task === "sync" && !scheduled)) return IN_PROGRESS;
    if (task !== "none") {
      if (!scheduled) {
        return "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
      }
      this.schedule();
      return "Background saving scheduled";
    }
    this.#triedMs = clock.nowMs;
    this.#changesAtStart = this.changes;
    let file: FileSnapshot;
    try {
      file = source.beginFile(this.path, BACKGROUND_RDB);
    } catch (error) {
      this.#failed("Can't save in background", error);
      return `ERR ${(error as Error).message}`;
    }
    log.notice("Background saving started");
    const started = performance.now();
    runner.run("save", file.snapshot, {
      finish: async () => {
        await file.finish();
        this.#saved(file, started, this.changes - this.#changesAtStart);
      },
      failed: (error) => this.#failed("Background saving failed", error),
      abandon: () => file.abandon(),
    });
    return "Background saving started";
  }

  /** Starts a save that was scheduled; returns whether there was one. */
  startScheduled(): boolean {
    if (!this.#isScheduled) return false;
    this.#isScheduled = false;
    this.saveInBackground(false);
    return true;
  }

  /** Starts a save if a save point is reached; returns whether one is. */
  startDue(): boolean {
    const { clock, log, settings } = this.#options;
    const { nowMs } = clock;
    const isDue = settings().savePoints.some(
      ([seconds, changes]) => this.changes >= changes && nowMs - this.lastMs > seconds * 1000,
    );
    if (!isDue || (!this.lastOk && nowMs - this.#triedMs <= RETRY_MS)) return false;
    log.notice(`${this.changes} changes since the last save. Saving...`);
    this.saveInBackground(false);
    return true;
  }
}

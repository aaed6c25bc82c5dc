/**
 * Durability as a whole: loading at the start, regular work, and the end. What is on disk at any
 * moment, and so what a crash leaves, follows from three rules: a file gets its name only when it
 * is whole and synced; the manifest is replaced at once, and names only files that are there;
 * commands are written before their replies leave.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Request } from "../protocol/request.ts";
import type { Keyspace } from "../store/keyspace.ts";
import { AppendLog } from "./aof/append-log.ts";
import { ManifestError } from "./aof/manifest.ts";
import { isTemporaryName, removeQuietly } from "./files.ts";
import { FolderLock } from "./folder-lock.ts";
import type { PropagationService } from "./journal.ts";
import { KeyspaceLoader, LoadError, Loader } from "./loader.ts";
import { Saves } from "./saves.ts";
import type { PersistenceSettings } from "./settings.ts";
import type { RdbReader } from "./snapshot/reader.ts";
import { SnapshotRunner, type SnapshotTask } from "./snapshot/runner.ts";
import type { SnapshotSink } from "./snapshot/snapshot.ts";
import { type ExportDone, SnapshotExports } from "./snapshot-exports.ts";
import { SnapshotSource } from "./snapshot-source.ts";

export interface PersistenceOptions {
  readonly space: Keyspace;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: PersistenceSettings;
  /** Throws if the command that was read does not exist or has a wrong number of arguments. */
  readonly check: (request: Request) => void;
  /** Runs a command that was read. */
  readonly execute: (request: Request) => void;
  readonly propagation: PropagationService;
  /** Ends the process: the disk failed under a promise that was made. */
  readonly die: (reason: string) => void;
}

/** What INFO says of persistence. */
export interface PersistenceFigures {
  readonly loading: boolean;
  /** What the snapshot under way is for, since when, and how far it is. */
  readonly task: SnapshotTask;
  readonly taskStartedMs: number;
  readonly progress: { readonly entries: number; readonly total: number };
  readonly changes: number;
  readonly lastSaveMs: number;
  readonly lastSaveOk: boolean;
  readonly lastSaveSeconds: number;
  readonly saves: number;
  /** Keys of the RDB that was loaded last, and those that were left out because they had expired. */
  readonly loadedKeys: number;
  readonly expiredKeys: number;
  readonly aofEnabled: boolean;
  readonly aofBytes: number;
  readonly aofBaseBytes: number;
  readonly aofPendingBytes: number;
  readonly aofSyncing: boolean;
  readonly aofDelayedSyncs: number;
  readonly aofError: string;
  readonly rewriteScheduled: boolean;
  readonly rewriteFailures: number;
  readonly lastRewriteSeconds: number;
  readonly rewrites: number;
}

export class Persistence {
  readonly #space: Keyspace;
  readonly #log: Log;
  readonly #settings: PersistenceSettings;
  readonly #propagation: PropagationService;
  readonly #runner: SnapshotRunner;
  readonly #exports: SnapshotExports;
  readonly loader: Loader;
  readonly saves: Saves;
  readonly appendLog: AppendLog;
  #lock: FolderLock | null = null;
  /** The append-only file is off while the data set is being replaced, and goes on afterwards. */
  #reopensAppendLog = false;
  get isValkey(): boolean {
    return this.#settings.isValkey;
  }

  /** Why commands may not write, or "". */
  refusal = "";

  constructor(options: PersistenceOptions) {
    const { clock, log, propagation, space } = options;
    this.#space = space;
    this.#log = log;
    this.#settings = options.settings;
    this.#propagation = propagation;
    const settings = () => this.#settings;
    const onOutcome = () => this.#updateRefusal();
    const runner = new SnapshotRunner(clock);
    const source = new SnapshotSource({ space, clock, propagation, settings });
    const shared = { clock, log, settings, source, runner, onOutcome };
    this.#runner = runner;
    this.#exports = new SnapshotExports(source, runner);
    this.loader = new Loader({ ...options, settings });
    this.saves = new Saves(shared);
    this.appendLog = new AppendLog({ ...shared, propagation, die: options.die });
  }

  get figures(): PersistenceFigures {
    const { appendLog, loader, loading, saves } = this;
    const { progress, startedMs, task } = this.#runner;
    return {
      loading,
      task,
      taskStartedMs: startedMs,
      progress,
      changes: saves.changes,
      lastSaveMs: saves.lastMs,
      lastSaveOk: saves.lastOk,
      lastSaveSeconds: saves.lastSeconds,
      saves: saves.count,
      loadedKeys: loader.loadedKeys,
      expiredKeys: loader.expiredKeys,
      aofEnabled: appendLog.isOn,
      aofBytes: appendLog.bytes,
      aofBaseBytes: appendLog.rewrittenBytes,
      aofPendingBytes: this.#propagation.usedBytes + appendLog.unwrittenBytes,
      aofSyncing: appendLog.isSyncing,
      aofDelayedSyncs: appendLog.delayedSyncs,
      aofError: appendLog.error,
      rewriteScheduled: appendLog.isRewriteScheduled,
      rewriteFailures: appendLog.rewriteFailures,
      lastRewriteSeconds: appendLog.lastRewriteSeconds,
      rewrites: appendLog.rewrites,
    };
  }

  get loading(): boolean {
    return this.loader.loading;
  }

  /** The configuration has changed. */
  settingsChanged(): void {
    this.appendLog.settingsChanged();
    this.#updateRefusal();
  }

  #updateRefusal(): void {
    this.refusal = this.appendLog.refusal || this.saves.refusal;
  }

  // ── What propagation needs ─────────────────────────────────────────────────────────────────

  get aofEnabled(): boolean {
    return this.appendLog.isOn;
  }

  append(commands: Uint8Array): void {
    this.appendLog.append(commands);
  }

  get changes(): number {
    return this.saves.changes;
  }

  set changes(changes: number) {
    this.saves.changes = changes;
  }

  // ── What commands need ─────────────────────────────────────────────────────────────────────

  get lastSaveMs(): number {
    return this.saves.lastMs;
  }

  get rewriteScheduled(): boolean {
    return this.appendLog.isRewriteScheduled;
  }

  save(): string {
    return this.saves.save();
  }

  saveInBackground(scheduled: boolean): string {
    return this.saves.saveInBackground(scheduled);
  }

  scheduleSave(): void {
    this.saves.schedule();
  }

  rewrite(): string {
    return this.appendLog.rewrite();
  }

  scheduleRewrite(): void {
    this.appendLog.scheduleRewrite();
  }

  /** DEBUG RELOAD: writes everything to the RDB file and reads it back; an error text or "". */
  reload(): string {
    const failed = this.save();
    if (failed !== "") return failed;
    try {
      this.loader.replaceNow(this.saves.path);
      return "";
    } catch (error) {
      return `ERR Error trying to load the RDB dump: ${(error as Error).message}`;
    }
  }

  /** Switches the append-only file on or off at run time; returns an error text or "". */
  setAppendOnly(on: boolean): string {
    if (on) return this.appendLog.switchOn();
    this.appendLog.switchOff();
    return "";
  }

  // ── The data set as a whole ────────────────────────────────────────────────────────────────

  get rdbPath(): string {
    return this.saves.path;
  }

  get isEmpty(): boolean {
    return this.#space.keyCount() === 0;
  }

  /**
   * Gives the sink all data as it is now, as RDB, in slices; `done` gets an error text or "".
   * False: another snapshot is under way.
   */
  streamTo(sink: SnapshotSink, done: ExportDone): boolean {
    return !this.loading && this.#exports.toSink(sink, done);
  }

  /** The same to a file. Throws if it cannot be created. */
  writeFor(path: string, done: ExportDone): boolean {
    return !this.loading && this.#exports.toFile(path, done);
  }

  /**
   * Loads an RDB file in place of all data. If it cannot be loaded, no data is left: a part of a
   * data set is worse than none. Throws RdbError and what the system says.
   */
  async replaceBy(path: string): Promise<RdbReader> {
    this.#reopensAppendLog = this.aofEnabled;
    this.appendLog.switchOff();
    this.#runner.stop();
    const reader = await this.loader.replaceBy(path);
    this.changes = 0;
    return reader;
  }

  /** Begins to load an RDB beside the data set, whose place it takes when it is complete. */
  loadBeside(): KeyspaceLoader {
    return new KeyspaceLoader(this.#space, () => this.#runner.stop());
  }

  /** All data has been replaced and its replication offset is known: the append-only file starts anew. */
  replaced(): void {
    if (!this.aofEnabled && !this.#reopensAppendLog) return;
    this.#reopensAppendLog = false;
    this.appendLog.switchOff();
    const error = this.appendLog.switchOn();
    if (error !== "") this.#log.warning(`Can't begin the append only file anew: ${error}`);
  }

  // ── Starting, working, ending ──────────────────────────────────────────────────────────────

  /** Takes the folder and loads what is there. Throws LoadError. */
  async load(): Promise<void> {
    const { appendOnly, folder, savePoints } = this.#settings;
    // Clients can connect already; until all is loaded they are told to wait.
    await this.loader.during(async () => {
      try {
        if (appendOnly || savePoints.length > 0) await this.#lockFolder(folder);
        if (appendOnly) await this.appendLog.load((parts) => this.loader.aof(parts));
        else if (existsSync(this.rdbPath)) await this.loader.rdb(this.rdbPath);
      } catch (error) {
        if (error instanceof LoadError) throw error;
        const { message } = error as Error;
        if (error instanceof ManifestError) throw new LoadError(message);
        throw new LoadError(`can't load the data in ${folder}: ${message}`);
      }
    });
    this.changes = 0;
  }

  async #lockFolder(folder: string): Promise<void> {
    try {
      this.#lock = await FolderLock.take(folder);
    } catch (error) {
      // A folder that cannot be written: Redis starts all the same, and tells when it has to save.
      this.#log.warning(`Can't lock the folder ${folder}: ${(error as Error).message}`);
      return;
    }
    if (this.#lock !== null) {
      this.#removeUnfinished();
      return;
    }
    throw new LoadError(
      `another server uses the folder ${folder} (dir) for its data; give each server a folder of its own`,
    );
  }

  /** Removes files that a crash left before they were whole; nobody else writes to the folder. */
  #removeUnfinished(): void {
    const { appendFileName, appendFolder, dbFileName, folder } = this.#settings;
    const isUnfinished = (name: string) => {
      const [of] = name.split(".tmp-");
      const isOurs =
        of === dbFileName || of === "temp-sync" || of!.startsWith(`${appendFileName}.`);
      const isOld = /^temp-(rewriteaof|sync)-[0-9]+\.(aof|rdb)(\.tmp)?$/.test(name);
      return isOld || (isOurs && isTemporaryName(name, of!));
    };
    for (const path of [folder, join(folder, appendFolder)]) {
      if (!existsSync(path)) continue;
      for (const name of readdirSync(path)) {
        if (isUnfinished(name)) removeQuietly(join(path, name));
      }
    }
  }

  /** Regular work: postponed writes and syncs, save points, automatic rewrites. */
  tick(): void {
    if (this.loading) return;
    this.#propagation.flush();
    if (this.#runner.task !== "none") return;
    const hasStarted =
      this.saves.startScheduled() || this.appendLog.startScheduled() || this.saves.startDue();
    if (!hasStarted) this.appendLog.startDue();
  }

  /** Another server may have the folder now. */
  release(): void {
    this.#lock?.release();
    this.#lock = null;
  }

  /** The last work before the end; `saves` is what SHUTDOWN asked for. Returns an error or "". */
  close(saves: "save" | "nosave" | "default"): string {
    this.#runner.stop();
    const error = this.appendLog.finish();
    if (error !== "") return error;
    // What has been loaded so far must not take the place of what is being loaded.
    if (this.loading) return "";
    const isSaved =
      saves === "save" || (saves === "default" && this.#settings.savePoints.length > 0);
    if (!isSaved) return "";
    this.#log.notice("Saving the final RDB snapshot before exiting.");
    return this.save();
  }
}

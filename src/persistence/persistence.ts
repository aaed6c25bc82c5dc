/**
 * Durability as a whole: the append-only file with its parts, RDB files, snapshots in the
 * background, and loading at the start. What is on disk at any moment, and so what a crash leaves,
 * follows from three rules: a file gets its name only when it is whole and synced; the manifest is
 * replaced at once, and names only files that are there; commands are written before their replies
 * leave.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { latin1 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Request } from "../protocol/request.ts";
import type { Keyspace } from "../store/keyspace.ts";
import { REDIS_VERSION, STORMDB_VERSION } from "../version.ts";
import { AofFile } from "./aof/aof-file.ts";
import { AofParts } from "./aof/aof-parts.ts";
import type { AofPart } from "./aof/manifest.ts";
import { removeIfThere } from "./files.ts";
import { FolderLock } from "./folder-lock.ts";
import type { PropagationService } from "./journal.ts";
import { LoadError, Loader } from "./loader.ts";
import type { PersistenceSettings } from "./settings.ts";
import type { RdbReader } from "./snapshot/reader.ts";
import { FileSnapshot, Snapshots, type SnapshotTask } from "./snapshot/runner.ts";
import { Snapshot, type SnapshotOptions, type SnapshotSink } from "./snapshot/snapshot.ts";
import { formatPlace, placeFields } from "./stream-place.ts";

/** How long after a save or rewrite that failed the next one begins by itself. */
const RETRY_MS = 5000;
const SAVE_REFUSAL =
  "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled, because this instance is configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB error.";

export interface PersistenceOptions {
  readonly space: Keyspace;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: PersistenceSettings;
  /** Runs a command that was read; throws where there is none of that name. */
  readonly execute: (request: Request) => void;
  readonly propagation: PropagationService;
  /** Ends the process: the disk failed under a promise that was made. */
  readonly die: (reason: string) => void;
}

export class Persistence {
  readonly #space: Keyspace;
  readonly #clock: Clock;
  readonly #log: Log;
  #settings: PersistenceSettings;
  readonly #options: PersistenceOptions;
  readonly #propagation: PropagationService;
  readonly #parts = new AofParts(() => this.#settings);
  readonly loader: Loader;
  #aof: AofFile | null = null;
  #lock: FolderLock | null = null;
  readonly #snapshots: Snapshots;
  /** A rewrite or save that is to start when the present one has ended. */
  #rewriteScheduled = false;
  #saveScheduled = false;
  #rewriteTriedMs = 0;
  /** It is off while all data is being replaced. */
  #reopensAof = false;
  /** Bytes of the append-only file when it was last rewritten. */
  #rewrittenBytes = 0;
  /** Bytes of its parts but the one being appended to. */
  #earlierBytes = 0;

  /** Why writes are refused, or "". */
  refusal = "";
  lastSaveMs: number;
  lastSaveOk = true;
  lastSaveTryMs = 0;
  lastSaveSeconds = -1;
  /** Rewrites that have failed since the last one that succeeded. */
  rewriteFailures = 0;
  lastRewriteSeconds = -1;
  saves = 0;
  rewrites = 0;
  /** Changes since the last save. */
  changes = 0;
  #changesAtStart = 0;
  #stampedSecond = 0;

  constructor(options: PersistenceOptions) {
    this.#options = options;
    this.#propagation = options.propagation;
    this.#space = options.space;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#settings = options.settings;
    this.#snapshots = new Snapshots(options.clock);
    this.loader = new Loader({ ...options, settings: () => this.#settings });
    this.lastSaveMs = options.clock.nowMs;
  }

  get loading(): boolean {
    return this.loader.loading;
  }

  /** What the snapshot under way is for. */
  get task(): SnapshotTask {
    return this.#snapshots.task;
  }

  get taskStartedMs(): number {
    return this.#snapshots.startedMs;
  }

  get aofEnabled(): boolean {
    return this.#aof !== null;
  }

  get lastRewriteOk(): boolean {
    return this.rewriteFailures === 0;
  }

  get rewriteScheduled(): boolean {
    return this.#rewriteScheduled;
  }

  /** How far the snapshot under way is. */
  get progress(): { readonly entries: number; readonly total: number } {
    return this.#snapshots.progress;
  }

  get aofBytes(): number {
    return this.#earlierBytes + (this.#aof?.size ?? 0);
  }

  get aofBaseBytes(): number {
    return this.#rewrittenBytes;
  }

  get aofPendingBytes(): number {
    return this.#propagation.usedBytes + (this.#aof?.unwrittenBytes ?? 0);
  }

  get aofDelayedSyncs(): number {
    return this.#aof?.delayed ?? 0;
  }

  get aofSyncing(): boolean {
    return this.#aof?.syncing ?? false;
  }

  get aofError(): string {
    return this.#aof?.error ?? "";
  }

  /** The configuration has changed. */
  configure(settings: PersistenceSettings): void {
    this.#settings = settings;
    if (this.#aof !== null) this.#aof.policy = settings.fsync;
    this.#updateRefusal();
  }

  /** The error of the append-only file that clients and log have been told of. */
  #toldError = "";

  #updateRefusal(): void {
    const { savePoints, stopsWritesOnError } = this.#settings;
    if (this.aofError !== "") {
      this.refusal = `MISCONF Errors writing to the AOF file: ${this.aofError}`;
    } else if (!this.lastSaveOk && stopsWritesOnError && savePoints.length > 0) {
      this.refusal = SAVE_REFUSAL;
    } else this.refusal = "";
  }

  // ── The append-only file ───────────────────────────────────────────────────────────────────

  /** Appends the commands of a tick, and syncs as `appendfsync` says; called without commands too. */
  append(commands: Uint8Array): void {
    const aof = this.#aof;
    if (aof === null) return;
    const maySync = this.#settings.syncsWhileRewriting || this.task === "none";
    const hasCommands = commands.length > 0;
    if (hasCommands && this.#settings.stamping) this.#stamp(aof);
    aof.append(hasCommands ? this.#withPlace(commands) : commands, this.#clock.nowMs, maySync);
    if (aof.error === this.#toldError) return;
    this.#toldError = aof.error;
    this.#updateRefusal();
    if (aof.error === "") {
      this.#log.warning("AOF write error looks solved, the server can write again.");
      return;
    }
    this.#log.warning(`Error writing to the AOF file ${aof.path}: ${aof.error}`);
    if (aof.policy === "always") {
      this.#options.die(
        "Can't recover from an AOF write error when the AOF fsync policy is 'always'. Exiting...",
      );
    }
  }

  /** The commands, and behind them where in a replication stream they end. */
  #withPlace(commands: Uint8Array): Uint8Array {
    const { place } = this.#propagation;
    if (place === null) return commands;
    return Buffer.concat([commands, latin1(formatPlace(place))]);
  }

  #stamp(aof: AofFile): void {
    const second = Math.floor(Date.now() / 1000);
    if (second === this.#stampedSecond) return;
    this.#stampedSecond = second;
    aof.append(latin1(`#TS:${second}\r\n`), this.#clock.nowMs, false);
  }

  /** Opens the increment that commands are appended to, a new one if `fresh`. */
  #openIncrement(fresh: boolean): void {
    const { fsync } = this.#settings;
    // Commands so far belong to what was there before, and the new file names its database.
    this.#propagation.mark();
    const open = (path: string) => new AofFile(path, fsync);
    const parts = this.#parts;
    this.#aof =
      fresh || parts.last === undefined
        ? parts.addIncrement(open)
        : open(parts.path(parts.last.name));
    this.#earlierBytes = parts.earlierBytes();
  }

  /** Switches the append-only file on or off at run time; returns an error text or "". */
  setAppendOnly(on: boolean): string {
    if (on === this.aofEnabled) return "";
    if (!on) {
      // It may have been said within a transaction.
      this.#propagation.endBlock();
      this.#propagation.flush();
      this.#aof?.close();
      this.#aof = null;
      // A base of an earlier moment than the last command must not take the place of all parts.
      if (this.task === "rewrite") this.#snapshots.abandon();
      this.#rewriteScheduled = false;
      this.#parts.baseAwaited = false;
      this.#toldError = "";
      this.#updateRefusal();
      return "";
    }
    try {
      this.#parts.makeFolder();
      this.#parts.read();
      // What the old files hold is not the data set of now: a new base replaces them.
      this.#parts.baseAwaited = true;
      this.#openIncrement(true);
      if (this.task !== "rewrite") return this.rewrite();
      // The base being written began before the increment: changes between them would be lost.
      this.#snapshots.abandon();
      this.#rewriteScheduled = true;
      return "";
    } catch (error) {
      return `ERR ${(error as Error).message}`;
    }
  }

  // ── Snapshots ──────────────────────────────────────────────────────────────────────────────

  /** How to write the data as it is now; its place in a replication stream is written too. */
  #snapshotOptions(rdb: boolean, isBase: boolean, immediate: boolean): SnapshotOptions {
    this.#propagation.mark();
    const { checking, compressing } = this.#settings;
    return {
      rdb,
      aux: [
        ["redis-ver", REDIS_VERSION],
        ["redis-bits", "64"],
        ["ctime", String(Math.floor(this.#clock.nowMs / 1000))],
        ["used-mem", String(this.#space.heap.usedBytes)],
        ...placeFields(this.#propagation.place),
        ["aof-base", isBase ? "1" : "0"],
        ["stormdb-ver", STORMDB_VERSION],
      ],
      compressing,
      checking,
      immediate,
    };
  }

  #fileSnapshot(path: string, rdb: boolean, isBase: boolean, immediate: boolean): FileSnapshot {
    return new FileSnapshot(this.#space, path, this.#snapshotOptions(rdb, isBase, immediate));
  }

  get rdbPath(): string {
    const { dbFileName, folder } = this.#settings;
    return join(folder, dbFileName);
  }

  /** SAVE: writes the RDB file now; returns an error text or "". */
  save(): string {
    if (this.task === "save" || this.task === "sync") {
      return "ERR Background save already in progress";
    }
    // Only one walk at a time: what a rewrite has under way is given up, and started again later.
    if (this.task === "rewrite") this.#rewriteScheduled = true;
    this.#snapshots.stop();
    const started = performance.now();
    this.lastSaveTryMs = this.#clock.nowMs;
    try {
      const temporary = `${this.rdbPath}.tmp-${process.pid}`;
      this.#fileSnapshot(temporary, true, false, true).finishNow(this.rdbPath);
      this.#saved(started, 0);
      return "";
    } catch (error) {
      this.#setSaveOk(false);
      this.#log.warning(`Error saving ${this.rdbPath}: ${(error as Error).message}`);
      return "ERR";
    }
  }

  #setSaveOk(ok: boolean): void {
    this.lastSaveOk = ok;
    this.#updateRefusal();
  }

  #saved(started: number, changesLeft: number): void {
    this.#setSaveOk(true);
    this.lastSaveMs = this.#clock.nowMs;
    this.lastSaveSeconds = Math.floor((performance.now() - started) / 1000);
    this.changes = changesLeft;
    this.saves++;
    this.#log.notice(`DB saved on disk: ${this.rdbPath}`);
  }

  /** For within a transaction, of which no file is to hold a half. */
  scheduleSave(): void {
    this.#saveScheduled = true;
  }

  scheduleRewrite(): void {
    this.#rewriteScheduled = true;
  }

  /** BGSAVE: returns the reply, an error text where it starts with "ERR". */
  saveInBackground(scheduled: boolean): string {
    const inProgress = "ERR Background save already in progress";
    if (this.task === "save" || (this.task === "sync" && !scheduled)) return inProgress;
    if (this.task !== "none") {
      if (!scheduled) {
        return "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a BGSAVE whenever possible.";
      }
      this.#saveScheduled = true;
      return "Background saving scheduled";
    }
    this.lastSaveTryMs = this.#clock.nowMs;
    this.#changesAtStart = this.changes;
    let file: FileSnapshot;
    try {
      file = this.#fileSnapshot(`${this.rdbPath}.tmp-${process.pid}`, true, false, false);
    } catch (error) {
      this.#setSaveOk(false);
      this.#log.warning(`Can't save in background: ${(error as Error).message}`);
      return `ERR ${(error as Error).message}`;
    }
    this.#log.notice("Background saving started");
    const started = performance.now();
    this.#snapshots.run("save", file.snapshot, {
      finish: async () => {
        await file.finish(this.rdbPath);
        this.#saved(started, this.changes - this.#changesAtStart);
      },
      failed: (error) => {
        this.#setSaveOk(false);
        this.#log.warning(`Background saving failed: ${error.message}`);
      },
      abandon: () => file.abandon(),
    });
    return "Background saving started";
  }

  /** BGREWRITEAOF; returns an error text or "". */
  rewrite(): string {
    if (this.task === "rewrite") {
      return "ERR Background append only file rewriting already in progress";
    }
    if (this.task !== "none") {
      this.#rewriteScheduled = true;
      return "";
    }
    this.#rewriteScheduled = false;
    this.#rewriteTriedMs = this.#clock.nowMs;
    const { rdbPreamble } = this.#settings;
    const parts = this.#parts;
    let file: FileSnapshot;
    try {
      parts.makeFolder();
      // From here on commands go to an increment that belongs to the new base.
      if (this.#aof !== null) {
        this.#propagation.flush();
        if (this.#aof.error !== "") return `ERR ${this.#aof.error}`;
        const earlier = this.#aof;
        this.#openIncrement(true);
        earlier.close();
      } else parts.read();
      const temporary = parts.path(`temp-rewriteaof-${process.pid}.aof`);
      file = this.#fileSnapshot(temporary, rdbPreamble, true, false);
    } catch (error) {
      this.rewriteFailures++;
      this.#log.warning(`Can't rewrite the append only file: ${(error as Error).message}`);
      return `ERR ${(error as Error).message}`;
    }
    this.#log.notice("Background append only file rewriting started");
    const base = parts.nextBase();
    // With the append-only file off nothing is being appended, so no increment is kept.
    const last = parts.last?.sequence ?? 0;
    const kept = this.#aof === null ? last + 1 : last;
    const started = performance.now();
    this.#snapshots.run("rewrite", file.snapshot, {
      finish: async () => {
        await file.finish(parts.path(base.name));
        this.#replaceBase(base, kept);
        this.rewriteFailures = 0;
        this.lastRewriteSeconds = Math.floor((performance.now() - started) / 1000);
        this.rewrites++;
        this.#log.notice("Background AOF rewrite finished successfully");
      },
      failed: (error) => {
        this.rewriteFailures++;
        this.#log.warning(`Background AOF rewrite failed: ${error.message}`);
      },
      abandon: () => file.abandon(),
    });
    return "";
  }

  // ── For replicas ───────────────────────────────────────────────────────────────────────────

  /**
   * Gives the sink all data as it is now, as RDB, in slices; `done` gets an error text or "".
   * False: another snapshot is under way.
   */
  streamTo(sink: SnapshotSink, done: (error: string) => void): boolean {
    if (this.task !== "none" || this.loading) return false;
    const options = this.#snapshotOptions(true, false, false);
    const snapshot = new Snapshot(this.#space, sink, options);
    this.#snapshots.run("sync", snapshot, {
      finish: () => {
        snapshot.end();
        setImmediate(() => done(""));
        return Promise.resolve();
      },
      failed: (error) => done(error.message),
      abandon: () => {
        snapshot.abandon();
        done("given up");
      },
    });
    return true;
  }

  /** The same to a file. */
  writeFor(path: string, done: (error: string) => void): boolean {
    if (this.task !== "none" || this.loading) return false;
    const file = this.#fileSnapshot(`${path}.tmp`, true, false, false);
    this.#snapshots.run("sync", file.snapshot, {
      finish: async () => {
        await file.finish(path);
        setImmediate(() => done(""));
      },
      failed: (error) => done(error.message),
      abandon: () => {
        file.abandon();
        done("given up");
      },
    });
    return true;
  }

  /** Loads an RDB file in place of all data. Throws RdbError and what the system says. */
  async replaceBy(path: string): Promise<RdbReader> {
    this.#reopensAof = this.aofEnabled;
    this.setAppendOnly(false);
    this.#snapshots.stop();
    const reader = await this.loader.replaceBy(path);
    this.changes = 0;
    return reader;
  }

  /** Gives the snapshot under way up. */
  stopSnapshot(): void {
    this.#snapshots.stop();
  }

  /** All data has been replaced, and where it is in the stream is known: the append-only file begins anew. */
  replaced(): void {
    if (!this.aofEnabled && !this.#reopensAof) return;
    this.#reopensAof = false;
    this.setAppendOnly(false);
    const error = this.setAppendOnly(true);
    if (error !== "") this.#log.warning(`Can't begin the append only file anew: ${error}`);
  }

  /** Writes the base that is awaited, and meanwhile does nothing else. */
  #writeBaseNow(): void {
    const earlier = this.#aof;
    this.#openIncrement(true);
    earlier?.close();
    const base = this.#parts.nextBase();
    this.#writeBaseFile(base.name);
    this.#replaceBase(base, this.#parts.last!.sequence);
  }

  #writeBaseFile(name: string): void {
    const { rdbPreamble } = this.#settings;
    const temporary = this.#parts.path(`temp-rewriteaof-${process.pid}.aof`);
    const file = this.#fileSnapshot(temporary, rdbPreamble, true, true);
    file.finishNow(this.#parts.path(name));
  }

  /** A new base is there, which increment `kept` and those behind it belong to. */
  #replaceBase(base: AofPart, kept: number): void {
    this.#parts.replaceBase(base, kept);
    this.#earlierBytes = this.#parts.earlierBytes();
    this.#rewrittenBytes = this.aofBytes;
  }

  /** Regular work: postponed writes and syncs, save points, automatic rewrites. */
  tick(): void {
    if (this.loading) return;
    this.#propagation.flush();
    if (this.task !== "none") return;
    const settings = this.#settings;
    const nowMs = this.#clock.nowMs;
    if (this.#saveScheduled) {
      this.#saveScheduled = false;
      this.saveInBackground(false);
      return;
    }
    const mayRewrite = this.lastRewriteOk || nowMs - this.#rewriteTriedMs > RETRY_MS;
    if (this.#rewriteScheduled || (this.#parts.baseAwaited && mayRewrite)) {
      this.rewrite();
      return;
    }
    const due = settings.savePoints.some(
      ([seconds, changes]) => this.changes >= changes && nowMs - this.lastSaveMs > seconds * 1000,
    );
    if (due && (this.lastSaveOk || nowMs - this.lastSaveTryMs > RETRY_MS)) {
      this.#log.notice(`${this.changes} changes since the last save. Saving...`);
      this.saveInBackground(false);
      return;
    }
    if (this.#aof === null || settings.rewritePercentage === 0 || !mayRewrite) return;
    const bytes = this.aofBytes;
    const grown = ((bytes - this.#rewrittenBytes) / Math.max(1, this.#rewrittenBytes)) * 100;
    if (bytes > settings.rewriteMinBytes && grown >= settings.rewritePercentage) {
      this.#log.notice(`Starting automatic rewriting of AOF on ${Math.floor(grown)}% growth`);
      this.rewrite();
    }
  }

  /** Another server may have the folder now. */
  release(): void {
    this.#lock?.release();
    this.#lock = null;
  }

  /** The last things before the end; `saves` is what SHUTDOWN asked for. Returns an error or "". */
  close(saves: "save" | "nosave" | "default"): string {
    const { savePoints } = this.#settings;
    this.#snapshots.stop();
    if (this.#aof !== null) {
      this.#propagation.flush();
      // It stays open: where the end is put off, commands go on.
      this.#aof.sync();
      if (this.#aof.error !== "") return this.#aof.error;
      try {
        if (this.#parts.baseAwaited) this.#writeBaseNow();
      } catch (error) {
        return `can't write the base of the append only file: ${(error as Error).message}`;
      }
    }
    // What has been loaded so far must not take the place of what is being loaded.
    if (this.loading) return "";
    if (saves === "save" || (saves === "default" && savePoints.length > 0)) {
      this.#log.notice("Saving the final RDB snapshot before exiting.");
      return this.save();
    }
    return "";
  }

  // ── Loading ────────────────────────────────────────────────────────────────────────────────

  /** Takes the folder and loads what is there. Throws LoadError. */
  async load(): Promise<void> {
    const { appendOnly, folder, savePoints } = this.#settings;
    // Clients are there already: from here on, until all is loaded, they are told to wait.
    await this.loader.during(async () => {
      try {
        if (appendOnly || savePoints.length > 0) await this.#lockFolder(folder);
        if (appendOnly) await this.#loadAof();
        else if (existsSync(this.rdbPath)) await this.loader.rdb(this.rdbPath);
      } catch (error) {
        if (error instanceof LoadError) throw error;
        throw new LoadError(`can't load the data in ${folder}: ${(error as Error).message}`);
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
      const start = [`${dbFileName}.tmp-`, `${appendFileName}.manifest.tmp-`, "temp-rewriteaof-"];
      return start.some(
        (text) => name.startsWith(text) && /^[0-9]+(\.aof)?$/.test(name.slice(text.length)),
      );
    };
    for (const path of [folder, join(folder, appendFolder)]) {
      if (!existsSync(path)) continue;
      for (const name of readdirSync(path)) {
        if (isUnfinished(name)) removeIfThere(join(path, name));
      }
    }
  }

  async #loadAof(): Promise<void> {
    const parts = this.#parts;
    parts.makeFolder();
    parts.takeWhatIsThere();
    await this.loader.aof(parts);
    if (parts.all.length === 0) {
      const base = parts.nextBase();
      this.#writeBaseFile(base.name);
      parts.setFirstBase(base);
    }
    this.#openIncrement(false);
    this.#rewrittenBytes = this.aofBytes;
  }

  /** DEBUG RELOAD: writes everything to the RDB file and reads it back; an error text or "". */
  reload(): string {
    const failed = this.save();
    if (failed !== "") return failed;
    try {
      this.loader.replaceNow(this.rdbPath);
      return "";
    } catch (error) {
      return `ERR Error trying to load the RDB dump: ${(error as Error).message}`;
    }
  }
}

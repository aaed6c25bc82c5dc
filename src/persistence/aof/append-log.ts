/**
 * The append-only file in use: which increment commands are appended to, and the rewrites that
 * replace all parts by a new base. Commands are written before their replies leave; `AofFile` says
 * when they are synced.
 */
import { latin1 } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { removeQuietly } from "../files.ts";
import type { PropagationService } from "../journal.ts";
import { formatOffset } from "../replication-offset.ts";
import type { PersistenceSettings } from "../settings.ts";
import type { FileSnapshot, SnapshotRunner } from "../snapshot/runner.ts";
import type { SnapshotSource } from "../snapshot-source.ts";
import { AofFile } from "./aof-file.ts";
import { AofParts } from "./aof-parts.ts";
import type { AofPart } from "./manifest.ts";

/** How long after a rewrite that failed the next one starts by itself; longer each time. */
const RETRY_MS_MIN = 5000;
const RETRY_MS_MAX = 3_600_000;
const REWRITE_IN_PROGRESS = "ERR Background append only file rewriting already in progress";
const REWRITE_FAILED =
  "ERR Can't execute an AOF background rewriting. Please check the server logs for more information.";

export interface AppendLogOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: () => PersistenceSettings;
  readonly propagation: PropagationService;
  readonly source: SnapshotSource;
  readonly runner: SnapshotRunner;
  /** Writing has begun to fail, or works again. */
  readonly onOutcome: () => void;
  /** Ends the process: the disk failed under a promise that was made. */
  readonly die: (reason: string) => void;
}

export class AppendLog {
  readonly #options: AppendLogOptions;
  readonly #parts: AofParts;
  #file: AofFile | null = null;
  /** A rewrite starts when the snapshot under way has ended. */
  #isScheduled = false;
  #triedMs = 0;
  /** Bytes of all parts when the last rewrite ended. */
  #rewrittenBytes = 0;
  /** Bytes of all parts but the one being appended to. */
  #earlierBytes = 0;
  /** The error that clients and log know of. */
  #toldError = "";
  #stampedSecond = 0;
  /** Rewrites that have failed since the last one that succeeded. */
  rewriteFailures = 0;
  /** How long the last rewrite took; -1 without one. */
  lastRewriteSeconds = -1;
  rewrites = 0;

  constructor(options: AppendLogOptions) {
    this.#options = options;
    this.#parts = new AofParts(options.settings);
  }

  get isOn(): boolean {
    return this.#file !== null;
  }

  get isRewriteScheduled(): boolean {
    return this.#isScheduled;
  }

  /** Bytes of all parts. */
  get bytes(): number {
    return this.#earlierBytes + (this.#file?.size ?? 0);
  }

  get rewrittenBytes(): number {
    return this.#rewrittenBytes;
  }

  /** Bytes that could not be written yet. */
  get unwrittenBytes(): number {
    return this.#file?.unwrittenBytes ?? 0;
  }

  get isSyncing(): boolean {
    return this.#file?.syncing ?? false;
  }

  get delayedSyncs(): number {
    return this.#file?.delayed ?? 0;
  }

  /** Why the last write or sync failed, or "". */
  get error(): string {
    return this.#file?.error ?? "";
  }

  /** Why commands may not write, or "". */
  get refusal(): string {
    return this.error === "" ? "" : `MISCONF Errors writing to the AOF file: ${this.error}`;
  }

  settingsChanged(): void {
    if (this.#file !== null) this.#file.policy = this.#options.settings().fsync;
  }

  // ── Appending ──────────────────────────────────────────────────────────────────────────────

  /** Appends the commands of a tick, and syncs as `appendfsync` says; called without commands too. */
  append(commands: Uint8Array): void {
    const file = this.#file;
    if (file === null) return;
    const { clock, runner, settings } = this.#options;
    const { stamping, syncsWhileRewriting } = settings();
    const maySync = syncsWhileRewriting || runner.task === "none";
    const hasCommands = commands.length > 0;
    if (hasCommands && stamping) this.#stamp(file);
    file.append(hasCommands ? this.#withOffset(commands) : commands, clock.nowMs, maySync);
    if (file.error !== this.#toldError) this.#tellError(file);
  }

  #tellError(file: AofFile): void {
    const { die, log, onOutcome } = this.#options;
    this.#toldError = file.error;
    onOutcome();
    if (file.error === "") {
      log.warning("AOF write error looks solved, the server can write again.");
      return;
    }
    log.warning(`Error writing to the AOF file ${file.path}: ${file.error}`);
    if (file.policy === "always") {
      die(
        "Can't recover from an AOF write error when the AOF fsync policy is 'always'. Exiting...",
      );
    }
  }

  /** The commands, and behind them the replication offset that they end at. */
  #withOffset(commands: Uint8Array): Uint8Array {
    const { offset } = this.#options.propagation;
    if (offset === null) return commands;
    return Buffer.concat([commands, latin1(formatOffset(offset))]);
  }

  #stamp(file: AofFile): void {
    const second = Math.floor(Date.now() / 1000);
    if (second === this.#stampedSecond) return;
    this.#stampedSecond = second;
    file.append(latin1(`#TS:${second}\r\n`), this.#options.clock.nowMs, false);
  }

  // ── Opening and closing ────────────────────────────────────────────────────────────────────

  /**
   * Loads what is there, by `read`, and opens the increment that commands go on in. Throws what
   * `read` throws, and ManifestError.
   */
  async load(read: (parts: AofParts) => Promise<void>): Promise<void> {
    const { log } = this.#options;
    const parts = this.#parts;
    parts.makeFolder();
    parts.adoptExisting();
    for (const path of parts.removeUnnamed()) {
      log.warning(
        `${path} is not named by the manifest and is not read. A crash may have left it.`,
      );
    }
    await read(parts);
    if (parts.all.length === 0) {
      const base = parts.nextBase();
      this.#beginBase(base, true).finishNow();
      parts.setFirstBase(base);
    }
    const { last } = parts;
    this.#open(last === undefined ? parts.addIncrement() : parts.path(last.name));
    this.#rewrittenBytes = this.bytes;
  }

  #open(path: string): void {
    this.#file = new AofFile(path, this.#options.settings().fsync);
    this.#earlierBytes = this.#parts.earlierBytes();
  }

  /**
   * Commands so far are synced to the file in use, later ones go to a new increment. Throws, and
   * then goes on with the file in use.
   */
  #openNext(): void {
    const earlier = this.#file;
    this.#options.propagation.mark();
    earlier?.sync();
    if (this.error !== "") throw new Error(this.error);
    this.#open(this.#parts.addIncrement());
    earlier?.close();
  }

  #beginBase(base: AofPart, immediate: boolean): FileSnapshot {
    const { settings, source } = this.#options;
    const { rdbPreamble } = settings();
    const kind = { rdb: rdbPreamble, isBase: true, immediate };
    return source.beginFile(this.#parts.path(base.name), kind);
  }

  /** Switches the append-only file on; returns an error text or "". */
  switchOn(): string {
    const { runner } = this.#options;
    const parts = this.#parts;
    if (this.isOn) return "";
    try {
      parts.makeFolder();
      parts.read();
      // What the old files hold is not the data set of now: a new base replaces them.
      parts.baseAwaited = true;
      this.#openNext();
    } catch (error) {
      parts.forgetAwaited();
      return this.#rewriteFailed("Can't switch the append only file on", error);
    }
    if (runner.task !== "rewrite") return this.rewrite();
    // The base being written began before the increment: changes between them would be lost.
    runner.abandon();
    this.#isScheduled = true;
    return "";
  }

  switchOff(): void {
    const { log, onOutcome, propagation, runner } = this.#options;
    const file = this.#file;
    if (file === null) return;
    // CONFIG SET may have been called within a transaction.
    propagation.endBlock();
    propagation.flush();
    file.sync();
    if (file.error !== "") log.warning(`Error writing to the AOF file ${file.path}: ${file.error}`);
    file.close();
    this.#file = null;
    // A base of an earlier moment than the last command must not take the place of all parts.
    if (runner.task === "rewrite") runner.abandon();
    this.#isScheduled = false;
    this.#parts.forgetAwaited();
    this.#toldError = "";
    onOutcome();
  }

  /** Makes everything durable, for the end of the process; returns an error text or "". */
  finish(): string {
    const file = this.#file;
    if (file === null) return "";
    this.#options.propagation.flush();
    // It stays open: if the shutdown is aborted, commands go on.
    file.sync();
    if (file.error !== "") return file.error;
    if (!this.#parts.baseAwaited) return "";
    try {
      this.#openNext();
      const base = this.#parts.nextBase();
      this.#beginBase(base, true).finishNow();
      this.#replaceBase(base, this.#parts.last!.sequence);
      return "";
    } catch (error) {
      return `can't write the base of the append only file: ${(error as Error).message}`;
    }
  }

  // ── Rewriting ──────────────────────────────────────────────────────────────────────────────

  /** Rewrites as soon as no transaction and no other snapshot is under way. */
  scheduleRewrite(): void {
    this.#isScheduled = true;
  }

  /** BGREWRITEAOF; returns an error text or "". */
  rewrite(): string {
    const { clock, log, runner } = this.#options;
    if (runner.task === "rewrite") return REWRITE_IN_PROGRESS;
    if (runner.task !== "none") {
      this.#isScheduled = true;
      return "";
    }
    this.#isScheduled = false;
    this.#triedMs = clock.nowMs;
    const parts = this.#parts;
    let base: AofPart;
    let file: FileSnapshot;
    try {
      parts.makeFolder();
      // From here on commands go to an increment that belongs to the new base.
      if (this.isOn) this.#openNext();
      else parts.read();
      base = parts.nextBase();
      file = this.#beginBase(base, false);
    } catch (error) {
      return this.#rewriteFailed("Can't rewrite the append only file", error);
    }
    log.notice("Background append only file rewriting started");
    // With the append-only file off nothing is being appended, so no increment is kept.
    const last = parts.last?.sequence ?? 0;
    const kept = this.#file === null ? last + 1 : last;
    const started = performance.now();
    runner.run("rewrite", file.snapshot, {
      finish: async () => {
        try {
          await file.finish();
        } catch (error) {
          // It may have its name already.
          removeQuietly(file.path);
          throw error;
        }
        this.#replaceBase(base, kept);
        this.rewriteFailures = 0;
        this.lastRewriteSeconds = Math.floor((performance.now() - started) / 1000);
        this.rewrites++;
        log.notice("Background AOF rewrite finished successfully");
      },
      failed: (error) => this.#rewriteFailed("Background AOF rewrite failed", error),
      abandon: () => {
        file.abandon();
        // It gave way to something else.
        this.#isScheduled = true;
      },
    });
    return "";
  }

  #rewriteFailed(what: string, error: unknown): string {
    this.rewriteFailures++;
    this.#options.log.warning(`${what}: ${(error as Error).message}`);
    return REWRITE_FAILED;
  }

  /** A new base is there, whose increments are those from number `kept` on. */
  #replaceBase(base: AofPart, kept: number): void {
    this.#parts.replaceBase(base, kept);
    this.#earlierBytes = this.#parts.earlierBytes();
    this.#rewrittenBytes = this.bytes;
  }

  get #mayRetry(): boolean {
    if (this.rewriteFailures === 0) return true;
    // Without its base the append-only file is worth nothing; else each try leaves an increment.
    const doublings = this.#parts.baseAwaited ? 0 : this.rewriteFailures - 1;
    const waitMs = Math.min(RETRY_MS_MIN * 2 ** doublings, RETRY_MS_MAX);
    return this.#options.clock.nowMs - this.#triedMs > waitMs;
  }

  /** Starts a rewrite that was scheduled, or the one for a base that is awaited; whether it did. */
  startScheduled(): boolean {
    if (!this.#isScheduled && !(this.#parts.baseAwaited && this.#mayRetry)) return false;
    this.rewrite();
    return true;
  }

  /** Starts a rewrite if the file has grown as much as `auto-aof-rewrite-percentage` says. */
  startDue(): void {
    const { log, settings } = this.#options;
    const { rewriteMinBytes, rewritePercentage } = settings();
    if (this.#file === null || rewritePercentage === 0 || !this.#mayRetry) return;
    const { bytes } = this;
    const grown = ((bytes - this.#rewrittenBytes) / Math.max(1, this.#rewrittenBytes)) * 100;
    if (bytes <= rewriteMinBytes || grown < rewritePercentage) return;
    log.notice(`Starting automatic rewriting of AOF on ${Math.floor(grown)}% growth`);
    this.rewrite();
  }
}

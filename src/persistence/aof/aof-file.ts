/**
 * The increment that commands are appended to. Commands of a tick are written at once, before their
 * replies leave. `appendfsync` says when they are synced: always (before the replies), every second
 * (off the main thread), or when the operating system does so.
 */
import { OpenFile } from "../files.ts";
import type { FsyncPolicy } from "../settings.ts";

const SYNC_INTERVAL_MS = 1000;
/** A sync that takes longer than this is slow: a write meanwhile counts as delayed by it. */
const SLOW_SYNC_MS = 2000;

export class AofFile {
  readonly #file: OpenFile;
  policy: FsyncPolicy;
  /** Bytes written to this file, whole commands only. */
  size: number;
  /** What went wrong with the last write and with the last sync; "" if nothing. */
  #writeError = "";
  /** What could not be written yet. */
  #unwritten: Uint8Array = new Uint8Array(0);
  /** There may be bytes behind `size`. */
  #isTorn = false;
  #syncError = "";
  #writtenSinceSync = false;
  #closed = false;
  #syncing = false;
  #lastSyncMs = 0;
  /** Writes made while a slow sync was under way. */
  delayed = 0;

  /** Opens or creates the file. Throws what the system says. */
  constructor(path: string, policy: FsyncPolicy) {
    this.policy = policy;
    this.#file = OpenFile.append(path);
    this.size = this.#file.size;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Why what was written last may not be safe; "" if it is as safe as the policy promises. */
  get error(): string {
    return this.#writeError === "" ? this.#syncError : this.#writeError;
  }

  /** Whether a sync is under way. */
  get syncing(): boolean {
    return this.#syncing;
  }

  /** Bytes that could not be written yet. */
  get unwrittenBytes(): number {
    return this.#unwritten.length;
  }

  /**
   * Writes commands. Where it fails they are kept for the next time, the file is cut back to whole
   * commands, and `error` says why. With `always` they are on disk when it returns without error.
   */
  append(commands: Uint8Array, nowMs: number, maySync: boolean): void {
    if (commands.length > 0 || this.#unwritten.length > 0) {
      // Redis lets writes wait for a sync under way, up to two seconds, and so loses what it has
      // acknowledged when it is killed meanwhile. Here they go on, even where they block a little.
      if (this.#syncing && nowMs - this.#lastSyncMs >= SLOW_SYNC_MS) this.delayed++;
      if (!this.#write(commands)) return;
    }
    if (!this.#writtenSinceSync) return;
    if (this.policy === "always") this.sync();
    else if (
      this.policy === "everysec" &&
      maySync &&
      nowMs - this.#lastSyncMs >= SYNC_INTERVAL_MS
    ) {
      this.#syncLater(nowMs);
    }
  }

  #write(commands: Uint8Array): boolean {
    const bytes =
      this.#unwritten.length === 0 ? commands : Buffer.concat([this.#unwritten, commands]);
    if (!this.#tryWrite(bytes)) {
      this.#unwritten = bytes.slice();
      return false;
    }
    this.size += bytes.length;
    this.#unwritten = new Uint8Array(0);
    this.#writeError = "";
    this.#writtenSinceSync = true;
    return true;
  }

  #tryWrite(bytes: Uint8Array): boolean {
    // A part of a command that a failed write left must go first, or it would be damage.
    if (this.#isTorn && !this.#cutBack()) return false;
    try {
      this.#file.write(bytes);
      return true;
    } catch (error) {
      this.#writeError = (error as Error).message;
      this.#isTorn = true;
      this.#cutBack();
      return false;
    }
  }

  /** Removes what was written of commands that are not whole; returns whether that succeeded. */
  #cutBack(): boolean {
    try {
      this.#file.truncate(this.size);
      this.#isTorn = false;
    } catch {
      // The next write tries again; a start before that cuts it off as a torn tail.
    }
    return !this.#isTorn;
  }

  /** Syncs what was written. */
  sync(): void {
    try {
      this.#file.sync();
      this.#writtenSinceSync = false;
      this.#syncError = "";
    } catch (error) {
      this.#syncError = (error as Error).message;
    }
  }

  #syncLater(nowMs: number): void {
    if (this.#syncing) return;
    this.#syncing = true;
    this.#writtenSinceSync = false;
    this.#lastSyncMs = nowMs;
    this.#file.syncLater((error) => {
      this.#syncing = false;
      this.#syncError = error?.message ?? "";
      if (error !== null) this.#writtenSinceSync = true;
      if (this.#closed) this.#file.close();
    });
  }

  /** Closes the file; what was written since the last sync is not synced. */
  close(): void {
    this.#closed = true;
    // A sync under way still uses the descriptor; it closes it.
    if (!this.#syncing) this.#file.close();
  }
}

/**
 * The append-only file being appended to. Commands of a tick are written at once, before their
 * replies leave; when they are on disk, `fsync` says: always (before the replies), every second
 * (off the main thread), or when the OS pleases.
 */
import { closeSync, fdatasync, fdatasyncSync, fstatSync, ftruncateSync, openSync } from "node:fs";
import { writeAll } from "../files.ts";

export type FsyncPolicy = "always" | "everysec" | "no";

const SYNC_INTERVAL_MS = 1000;
/** A sync that takes longer than this is slow: a write meanwhile counts as delayed by it. */
const SLOW_SYNC_MS = 2000;

export class AofFile {
  readonly path: string;
  readonly #fd: number;
  policy: FsyncPolicy;
  /** Bytes written to this file, whole commands only. */
  size: number;
  /** What went wrong with the last write and with the last sync; "" if nothing. */
  #writeError = "";
  /** What could not be written yet. */
  #unwritten: Uint8Array = new Uint8Array(0);
  #syncError = "";
  #writtenSinceSync = false;
  #closed = false;
  #syncing = false;
  #lastSyncMs = 0;
  /** Writes made while a slow sync was under way. */
  delayed = 0;

  /** Opens or creates the file. Throws what the system says. */
  constructor(path: string, policy: FsyncPolicy) {
    this.path = path;
    this.policy = policy;
    this.#fd = openSync(path, "a", 0o644);
    this.size = fstatSync(this.#fd).size;
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
    try {
      writeAll(this.#fd, bytes, 0, bytes.length);
    } catch (error) {
      this.#writeError = (error as Error).message;
      this.#unwritten = bytes.slice();
      this.#cutBack();
      return false;
    }
    this.size += bytes.length;
    this.#unwritten = new Uint8Array(0);
    this.#writeError = "";
    this.#writtenSinceSync = true;
    return true;
  }

  /** Takes back what was written of a command that is not whole. */
  #cutBack(): void {
    try {
      ftruncateSync(this.#fd, this.size);
    } catch {
      // The next start cuts it off as a torn tail.
    }
  }

  /** Syncs what was written. */
  sync(): void {
    try {
      fdatasyncSync(this.#fd);
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
    const fd = this.#fd;
    fdatasync(fd, (error) => {
      this.#syncing = false;
      this.#syncError = error?.message ?? "";
      if (error !== null) this.#writtenSinceSync = true;
      if (this.#closed) closeSync(fd);
    });
  }

  /** Syncs and closes. */
  close(): void {
    this.sync();
    this.#closed = true;
    // A sync under way still uses the descriptor; it closes it.
    if (!this.#syncing) closeSync(this.#fd);
  }
}

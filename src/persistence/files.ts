/** Files that must either be whole or not there, and folders whose entries must last. */
import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  openSync,
  renameSync,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

/** Makes the folder's entries (new names, renames) last. Windows does so by itself, and refuses this. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Writes all bytes at the file's position. Throws what the system says. */
export function writeAll(fd: number, bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; ) at += writeSync(fd, bytes, at, to - at);
}

/** Replaces a small file at once: a reader sees the old one or the new one, whole. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp-${process.pid}`;
  const fd = openSync(temporary, "w", 0o644);
  try {
    const bytes = Buffer.from(text, "latin1");
    writeAll(fd, bytes, 0, bytes.length);
    fdatasyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** The size of the file; 0 without one. */
export function fileBytes(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

export function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}

/**
 * A file that is written under a temporary name, off the main thread, and gets its name when it
 * is whole and on disk. The first error stops it; `finish` throws it.
 */
export class GrowingFile {
  readonly #temporary: string;
  readonly #fd: number;
  readonly #immediate: boolean;
  readonly #queue: { readonly bytes: Uint8Array; readonly recycle: () => void }[] = [];
  #writing = false;
  #error: Error | null = null;
  #finishing = false;
  #discarded = false;
  #onIdle: (() => void) | null = null;
  /** Bytes handed over that are not yet written. */
  queuedBytes = 0;
  writtenBytes = 0;

  /**
   * `immediate`: write on the caller's thread, for callers that may not wait. Throws where the
   * file cannot be created.
   */
  constructor(temporary: string, immediate = false) {
    this.#temporary = temporary;
    this.#immediate = immediate;
    this.#fd = openSync(temporary, "w", 0o644);
  }

  get failed(): boolean {
    return this.#error !== null;
  }

  /** Takes the bytes over: they must not change until `recycle` is called. */
  append(bytes: Uint8Array, recycle: () => void = () => {}): void {
    if (this.#error !== null) return;
    if (this.#immediate) {
      try {
        writeAll(this.#fd, bytes, 0, bytes.length);
        this.writtenBytes += bytes.length;
      } catch (error) {
        this.#error = error as Error;
      }
      recycle();
      return;
    }
    this.#queue.push({ bytes, recycle });
    this.queuedBytes += bytes.length;
    this.#pump();
  }

  #pump(): void {
    const head = this.#queue[0];
    if (this.#writing || head === undefined || this.#error !== null) {
      if (!this.#writing) this.#onIdle?.();
      return;
    }
    this.#writing = true;
    const { bytes, recycle } = head;
    write(this.#fd, bytes, 0, bytes.length, null, (error, count) => {
      this.#writing = false;
      if (error !== null) {
        this.#error = error;
        this.#queue.length = 0;
        this.queuedBytes = 0;
      } else {
        this.writtenBytes += count;
        this.queuedBytes -= count;
        if (count < bytes.length) this.#queue[0] = { bytes: bytes.subarray(count), recycle };
        else {
          this.#queue.shift();
          recycle();
        }
      }
      this.#pump();
    });
  }

  /** Waits until all is on disk under its name. */
  async finish(path: string): Promise<void> {
    if (this.#discarded) throw this.#error;
    this.#finishing = true;
    if (this.#writing || this.#queue.length > 0) {
      await new Promise<void>((done) => {
        this.#onIdle = done;
      });
    }
    if (this.#error === null) {
      const failure = await new Promise<Error | null>((done) => {
        fdatasync(this.#fd, (error) => done(error ?? null));
      });
      // It may have been given up meanwhile.
      this.#error ??= failure;
    }
    this.#close(path);
  }

  /** The same at once, for an immediate file. */
  finishNow(path: string): void {
    try {
      if (this.#error === null) fdatasyncSync(this.#fd);
    } catch (error) {
      this.#error = error as Error;
    }
    this.#close(path);
  }

  /** Gives the file up. Its name goes at once, for the next file may have the same one. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#error ??= new Error("given up");
    this.#queue.length = 0;
    this.queuedBytes = 0;
    removeIfThere(this.#temporary);
    // Whoever still uses the descriptor closes it.
    if (this.#finishing) return;
    if (this.#writing) this.#onIdle = () => closeSync(this.#fd);
    else closeSync(this.#fd);
  }

  #close(path: string): void {
    closeSync(this.#fd);
    if (this.#error === null) {
      try {
        renameSync(this.#temporary, path);
        syncFolder(dirname(path));
        return;
      } catch (error) {
        this.#error = error as Error;
      }
    }
    if (!this.#discarded) removeIfThere(this.#temporary);
    throw this.#error;
  }
}

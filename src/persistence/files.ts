/**
 * Files that must be whole or absent, and folders whose entries must survive a power failure. All
 * files of persistence and replication are opened, written, synced and renamed here, so that a
 * test can make each of these operations fail: see `setFailpoint`.
 */
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";

// ── Failpoints ───────────────────────────────────────────────────────────────────────────────

/** An operation that a test can make fail. */
export type FileOperation = "open" | "read" | "write" | "sync" | "truncate" | "rename" | "remove";

let failpoint: ((operation: FileOperation, path: string) => void) | null = null;

/**
 * Only for tests: `hook` is called before every operation, and an error that it throws is what the
 * operation fails with. Null switches it off. Nothing outside the process can set it.
 */
export function setFailpoint(
  hook: ((operation: FileOperation, path: string) => void) | null,
): void {
  failpoint = hook;
}

/** The error that the hook throws for the operation, for callers that report it by callback. */
function failureOf(operation: FileOperation, path: string): Error | null {
  try {
    failpoint?.(operation, path);
    return null;
  } catch (error) {
    return error as Error;
  }
}

// ── Open files ───────────────────────────────────────────────────────────────────────────────

/** Windows has no such flag, and no links that any user may create. */
const NO_FOLLOW = constants.O_NOFOLLOW ?? 0;
const NEW_FILE = constants.O_CREAT | constants.O_EXCL | NO_FOLLOW;
const FILE_MODE = 0o644;

/** A file that is open. Every method throws the system's error, or hands it to its callback. */
export class OpenFile {
  readonly path: string;
  readonly #fd: number;

  private constructor(path: string, flags: number) {
    failpoint?.("open", path);
    this.path = path;
    this.#fd = openSync(path, flags, FILE_MODE);
  }

  /** Creates the file; throws if anything has that name, a symbolic link included. */
  static create(path: string): OpenFile {
    return new OpenFile(path, constants.O_WRONLY | NEW_FILE);
  }

  /** Opens or creates the file; what is written goes to its end. */
  static append(path: string): OpenFile {
    return new OpenFile(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
  }

  static read(path: string): OpenFile {
    return new OpenFile(path, constants.O_RDONLY);
  }

  static change(path: string): OpenFile {
    return new OpenFile(path, constants.O_RDWR);
  }

  get size(): number {
    return fstatSync(this.#fd).size;
  }

  /** Reads into `bytes` from file offset `position`; returns how many bytes there were. */
  read(bytes: Uint8Array, position: number): number {
    failpoint?.("read", this.path);
    return readSync(this.#fd, bytes, 0, bytes.length, position);
  }

  /** Writes all of `bytes`. */
  write(bytes: Uint8Array): void {
    failpoint?.("write", this.path);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at, bytes.length - at);
  }

  /** Writes off the main thread; `done` gets the number of bytes that were written. */
  writeLater(bytes: Uint8Array, done: (error: Error | null, count: number) => void): void {
    const failure = failureOf("write", this.path);
    if (failure !== null) setImmediate(() => done(failure, 0));
    else write(this.#fd, bytes, 0, bytes.length, null, done);
  }

  /** Returns when what was written is on the disk. */
  sync(): void {
    failpoint?.("sync", this.path);
    fdatasyncSync(this.#fd);
  }

  /** The same off the main thread. */
  syncLater(done: (error: Error | null) => void): void {
    const failure = failureOf("sync", this.path);
    if (failure !== null) setImmediate(() => done(failure));
    else fdatasync(this.#fd, (error) => done(error ?? null));
  }

  truncate(size: number): void {
    failpoint?.("truncate", this.path);
    ftruncateSync(this.#fd, size);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

// ── Names ────────────────────────────────────────────────────────────────────────────────────

/** Syncs the folder's entries (new names, renames). Windows does so by itself, and refuses this. */
export function syncFolder(folder: string): void {
  if (process.platform === "win32") return;
  failpoint?.("sync", folder);
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Renames a file, replacing one of that name, and syncs the folder. */
export function renameFile(from: string, to: string): void {
  failpoint?.("rename", from);
  renameSync(from, to);
  syncFolder(dirname(to));
}

export function removeIfThere(path: string): void {
  failpoint?.("remove", path);
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
  }
}

/**
 * A name for a file that is not whole yet and will be renamed to `path`. Others who may write to
 * the folder cannot guess it.
 */
export function temporaryName(path: string): string {
  const random = Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString("hex");
  return `${path}.tmp-${process.pid}-${random}`;
}

/** Whether `name` is a temporary name of the file `of`. */
export function isTemporaryName(name: string, of: string): boolean {
  // A temporary file may itself be written under a temporary name.
  const rest = /^(\.tmp-[0-9]+(-[0-9a-f]+)?)+$/;
  return name.startsWith(of) && rest.test(name.slice(of.length));
}

/** Replaces a small file at once: a reader sees the old one or the new one, whole. */
export function replaceFile(path: string, text: string): void {
  const temporary = temporaryName(path);
  const file = OpenFile.create(temporary);
  try {
    try {
      file.write(Buffer.from(text, "latin1"));
      file.sync();
    } finally {
      file.close();
    }
    renameFile(temporary, path);
  } catch (error) {
    removeQuietly(temporary);
    throw error;
  }
}

/** Removes a file whose removal may fail without harm. */
export function removeQuietly(path: string): void {
  try {
    removeIfThere(path);
  } catch {
    // It stays, and the next start removes it.
  }
}

/** The size of the file; 0 without one. */
export function fileBytes(path: string): number {
  try {
    return statSync(path).size;
  } catch {
    return 0;
  }
}

// ── Files that grow ──────────────────────────────────────────────────────────────────────────

/**
 * A file that is written under a temporary name, off the main thread, and gets its name when it
 * is whole and on disk. The first error stops it; `finish` throws it.
 */
export class GrowingFile {
  readonly #path: string;
  readonly #file: OpenFile;
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
   * `path`: the name that it gets in the end. `immediate`: write on the caller's thread, for
   * callers that may not wait. Throws where the file cannot be created.
   */
  constructor(path: string, immediate = false) {
    this.#path = path;
    this.#immediate = immediate;
    this.#file = OpenFile.create(temporaryName(path));
  }

  get failed(): boolean {
    return this.#error !== null;
  }

  /** Takes the bytes over: they must not change until `recycle` is called. */
  append(bytes: Uint8Array, recycle: () => void = () => {}): void {
    if (this.#error !== null) return;
    if (this.#immediate) {
      try {
        this.#file.write(bytes);
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
    this.#file.writeLater(bytes, (error, count) => {
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
  async finish(): Promise<void> {
    if (this.#discarded) throw this.#error;
    this.#finishing = true;
    if (this.#writing || this.#queue.length > 0) {
      await new Promise<void>((done) => {
        this.#onIdle = done;
      });
    }
    if (this.#error === null) {
      const failure = await new Promise<Error | null>((done) => this.#file.syncLater(done));
      // It may have been discarded meanwhile.
      this.#error ??= failure;
    }
    this.#close();
  }

  /** The same at once, for an immediate file. */
  finishNow(): void {
    try {
      if (this.#error === null) this.#file.sync();
    } catch (error) {
      this.#error = error as Error;
    }
    this.#close();
  }

  /** Stops writing and removes the file. */
  discard(): void {
    if (this.#discarded) return;
    this.#discarded = true;
    this.#error ??= new Error("cancelled");
    this.#queue.length = 0;
    this.queuedBytes = 0;
    removeQuietly(this.#file.path);
    // Whoever still uses the descriptor closes it.
    if (this.#finishing) return;
    if (this.#writing) this.#onIdle = () => this.#file.close();
    else this.#file.close();
  }

  #close(): void {
    this.#file.close();
    if (this.#error === null) {
      try {
        renameFile(this.#file.path, this.#path);
        return;
      } catch (error) {
        this.#error = error as Error;
      }
    }
    if (!this.#discarded) removeQuietly(this.#file.path);
    throw this.#error;
  }
}

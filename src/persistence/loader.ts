/** Loads the data set from files: at the start, and when all of it is replaced. Clients get -LOADING meanwhile. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Request } from "../protocol/request.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { AofParts } from "./aof/aof-parts.ts";
import { readAof } from "./aof/aof-reader.ts";
import { cutTail } from "./aof/torn-tail.ts";
import { DamageError } from "./damage-error.ts";
import { fileBytes } from "./files.ts";
import { readRdb, readRdbNow } from "./rdb-file.ts";
import { offsetOf, type ReplicationOffset } from "./replication-offset.ts";
import type { PersistenceSettings } from "./settings.ts";
import { RdbError, RdbReader } from "./snapshot/reader.ts";

const PROGRESS_LOG_MS = 2000;
const UNSUPPORTED_REMEDY =
  "Leave the file as it is: load it with the server that wrote it, and delete what this server does not have.";

/** The data cannot be loaded; the message names file and offset and says what to do. */
export class LoadError extends Error {}

export interface LoaderOptions {
  readonly space: Keyspace;
  readonly clock: Clock;
  readonly log: Log;
  readonly settings: () => PersistenceSettings;
  /** Throws if the command that was read does not exist or has a wrong number of arguments. */
  readonly check: (request: Request) => void;
  /** Runs a command that was read. */
  readonly execute: (request: Request) => void;
}

export class Loader {
  readonly #options: LoaderOptions;
  loading = false;
  totalBytes = 0;
  loadedBytes = 0;
  startedMs = 0;
  /** Keys of the RDB that was loaded last, and those that were left out because they had expired. */
  loadedKeys = 0;
  expiredKeys = 0;
  /** Where in a replication stream the data was that has been loaded. */
  offset: ReplicationOffset | null = null;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** Clients get -LOADING, and no key expires, until `work` has ended. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const { clock, space } = this.#options;
    this.loading = true;
    space.expiryPaused = true;
    this.startedMs = clock.nowMs;
    try {
      return await work();
    } finally {
      this.loading = false;
      space.expiryPaused = false;
    }
  }

  #begin(paths: readonly string[]): void {
    this.totalBytes = paths.reduce((sum, path) => sum + fileBytes(path), 0);
    this.loadedBytes = 0;
  }

  #count({ expiredKeys, keys }: RdbReader): void {
    this.expiredKeys = expiredKeys;
    this.loadedKeys = keys;
  }

  #progressReporter(path: string): (bytes: number) => void {
    const { clock, log, space } = this.#options;
    let loggedMs = clock.refresh();
    return (bytes) => {
      this.loadedBytes += bytes;
      const nowMs = clock.refresh();
      if (nowMs - loggedMs < PROGRESS_LOG_MS) return;
      loggedMs = nowMs;
      const percent = ((this.loadedBytes / Math.max(1, this.totalBytes)) * 100).toFixed(0);
      log.notice(`Loading ${path}: ${percent}% done, ${space.keyCount()} keys`);
    };
  }

  /** Throws LoadError. */
  async rdb(path: string): Promise<void> {
    const { log, settings, space } = this.#options;
    this.#begin([path]);
    const started = performance.now();
    try {
      const { checking, keepsExpired: keepExpired } = settings();
      const options = { space, keepExpired, keepExpiredOfStream: true, checking };
      const reader = await readRdb(path, options, this.#progressReporter(path));
      this.offset = offsetOf(reader);
      this.#count(reader);
      log.notice(
        `DB loaded from disk: ${reader.keys} keys, ${reader.expiredKeys} expired, ${seconds(started)} seconds`,
      );
    } catch (error) {
      if (!(error instanceof RdbError)) throw error;
      throw new LoadError(
        `${path}: ${error.report}. ${error.isDamage ? `Restore the file from a copy; stormdb check-rdb ${path} tells more.` : UNSUPPORTED_REMEDY}`,
      );
    }
  }

  /** Throws LoadError. */
  async aof(parts: AofParts): Promise<void> {
    const { log } = this.#options;
    const paths = parts.all.map(({ name }) => parts.path(name));
    this.#begin(paths);
    const started = performance.now();
    for (const [i, path] of paths.entries()) {
      await this.#part(path, i === paths.length - 1);
    }
    if (paths.length > 0) {
      log.notice(`DB loaded from append only file: ${seconds(started)} seconds`);
    }
  }

  async #part(path: string, isLast: boolean): Promise<void> {
    const { check, execute, log, settings, space } = this.#options;
    const progress = this.#progressReporter(path);
    try {
      const outcome = await readAof(path, space, { check, execute, progress });
      if (outcome.preamble !== null) this.#count(outcome.preamble);
      if (outcome.commands > 0 || outcome.replicationOffset !== null)
        this.offset = outcome.replicationOffset;
      if (outcome.validBytes === outcome.totalBytes) return;
      if (!isLast || !settings().loadsTruncated) {
        throw new LoadError(
          `${path}: the file ends in the middle of a command that begins at byte ${outcome.validBytes}. Make a copy of it, then cut it off with: stormdb check-aof --fix ${path}`,
        );
      }
      const kept = this.#cutTail(path, outcome.validBytes);
      log.warning(
        `${path} ends in the middle of a command, as after a crash: cut off at byte ${outcome.validBytes} of ${outcome.totalBytes} (aof-load-truncated yes). What was cut off is in ${kept}`,
      );
    } catch (error) {
      if (!(error instanceof DamageError)) throw error;
      throw new LoadError(
        `${path}: ${error.report}. ${error.isDamage ? `Make a copy of the file; stormdb check-aof ${path} tells more, and --fix cuts off everything from there on.` : UNSUPPORTED_REMEDY}`,
      );
    }
  }

  #cutTail(path: string, bytes: number): string {
    try {
      return cutTail(path, bytes);
    } catch (error) {
      throw new LoadError(
        `${path}: the file ends in the middle of a command that begins at byte ${bytes}, and what would be cut off cannot be kept: ${(error as Error).message}. Make room on the disk, or cut it off with: stormdb check-aof --fix ${path}`,
      );
    }
  }

  /**
   * Reads an RDB file in place of all data. If that fails, no data is left: nobody is served a
   * part of a data set. Throws RdbError and what the system says.
   */
  replaceBy(path: string): Promise<RdbReader> {
    const { space } = this.#options;
    this.#begin([path]);
    return this.during(async () => {
      space.flushAll();
      const options = { space, keepExpired: true, checking: true };
      try {
        return await readRdb(path, options, this.#progressReporter(path));
      } catch (error) {
        space.flushAll();
        throw error;
      }
    });
  }

  /** The same, and does nothing else meanwhile. */
  replaceNow(path: string): void {
    const { settings, space } = this.#options;
    space.flushAll();
    try {
      readRdbNow(path, space, settings().keepsExpired);
    } catch (error) {
      space.flushAll();
      throw error;
    }
  }
}

/** Loads an RDB into a keyspace of its own, which takes the place of another one at once. */
export class KeyspaceLoader {
  readonly #space: Keyspace;
  readonly #fresh: Keyspace;
  readonly #reader: RdbReader;
  readonly #onAdopt: () => void;

  /** `onAdopt` ends what is still reading the old keyspace. */
  constructor(space: Keyspace, onAdopt: () => void) {
    this.#space = space;
    this.#fresh = space.createLike();
    this.#fresh.expiryPaused = true;
    this.#reader = new RdbReader({ space: this.#fresh, keepExpired: true, checking: true });
    this.#onAdopt = onAdopt;
  }

  /** Takes the next bytes of the RDB. Throws RdbError. */
  take(bytes: Uint8Array): void {
    this.#reader.feed(new Uint8Array(bytes));
  }

  /** All bytes have come. Throws RdbError. */
  finish(): RdbReader {
    this.#reader.finish();
    return this.#reader;
  }

  adopt(): void {
    this.#onAdopt();
    this.#space.adopt(this.#fresh);
  }
}

function seconds(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(3);
}

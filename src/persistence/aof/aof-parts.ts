/**
 * The files of the append-only file, as the manifest on disk names them: one base, the increments
 * behind it, and what is history. A file is part of the data from the moment the manifest names
 * it, and the manifest is replaced at once.
 */
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileBytes, removeIfThere, replaceFile, syncFolder } from "../files.ts";
import type { PersistenceSettings } from "../settings.ts";
import { type AofPart, emptyManifest, formatManifest, parseManifest } from "./manifest.ts";

export class AofParts {
  readonly #settings: () => PersistenceSettings;
  #manifest = emptyManifest();
  /**
   * The append-only file was switched on and has no base yet: until it has, the manifest on disk
   * goes on naming the old files alone, which belong together.
   */
  baseAwaited = false;

  constructor(settings: () => PersistenceSettings) {
    this.#settings = settings;
  }

  path(name: string): string {
    const { appendFolder, folder } = this.#settings();
    return join(folder, appendFolder, name);
  }

  get #manifestPath(): string {
    return this.path(`${this.#settings().appendFileName}.manifest`);
  }

  get base(): AofPart | null {
    return this.#manifest.base;
  }

  /** Base and increments, in the order in which they are to be loaded. */
  get all(): readonly AofPart[] {
    const { base, increments } = this.#manifest;
    return [...(base === null ? [] : [base]), ...increments];
  }

  /** The increment that commands are appended to. */
  get last(): AofPart | undefined {
    return this.#manifest.increments.at(-1);
  }

  makeFolder(): void {
    mkdirSync(this.path(""), { recursive: true });
  }

  /** Reads the manifest; there may be none. Throws ManifestError. */
  read(): void {
    const path = this.#manifestPath;
    this.#manifest = existsSync(path)
      ? parseManifest(readFileSync(path, "latin1"))
      : emptyManifest();
  }

  #write(): void {
    if (this.baseAwaited) return;
    replaceFile(this.#manifestPath, formatManifest(this.#manifest));
  }

  /** Reads what is there, be it a single file of older versions, which becomes the base. */
  takeWhatIsThere(): void {
    const { appendFileName, folder } = this.#settings();
    const single = join(folder, appendFileName);
    const isFirst = !existsSync(this.#manifestPath);
    this.read();
    if (isFirst && existsSync(single)) {
      this.#manifest.base = { name: appendFileName, sequence: 1 };
      this.#write();
    }
    const taken = this.path(appendFileName);
    const isTaking = this.base?.name === appendFileName && !existsSync(taken);
    // Also where a crash came between the manifest and this.
    if (isTaking && existsSync(single)) {
      renameSync(single, taken);
      syncFolder(folder);
    }
    for (const part of this.#manifest.history) removeIfThere(this.path(part.name));
  }

  /** Names a new increment; `open` makes its file, before the manifest names it. */
  addIncrement<T extends { close(): void }>(open: (path: string) => T): T {
    const { appendFileName } = this.#settings();
    const sequence = (this.last?.sequence ?? 0) + 1;
    const part = { name: `${appendFileName}.${sequence}.incr.aof`, sequence };
    // A file left over by a crash before the manifest named it is no part of the data.
    removeIfThere(this.path(part.name));
    const opened = open(this.path(part.name));
    this.#manifest.increments.push(part);
    try {
      this.#write();
    } catch (error) {
      this.#manifest.increments.pop();
      opened.close();
      throw error;
    }
    return opened;
  }

  /** The name that the next base is to get. */
  nextBase(): AofPart {
    const { appendFileName, rdbPreamble } = this.#settings();
    const sequence = (this.base?.sequence ?? 0) + 1;
    return { name: `${appendFileName}.${sequence}.base.${rdbPreamble ? "rdb" : "aof"}`, sequence };
  }

  /** The first base of all; the manifest names it with the first increment. */
  setFirstBase(base: AofPart): void {
    this.#manifest.base = base;
  }

  /** A new base is there: what came before increment `kept` becomes history and is deleted. */
  replaceBase(base: AofPart, kept: number): void {
    const { increments } = this.#manifest;
    const past = this.all.filter((part) => part === this.base || part.sequence < kept);
    this.#manifest = {
      base,
      increments: increments.filter((p) => p.sequence >= kept),
      history: past,
    };
    this.baseAwaited = false;
    this.#write();
    for (const part of past) removeIfThere(this.path(part.name));
    this.#manifest.history = [];
    this.#write();
  }

  /** Bytes of all files but the one being appended to. */
  earlierBytes(): number {
    const { last } = this;
    return this.all
      .filter((part) => part !== last)
      .reduce((sum, part) => sum + fileBytes(this.path(part.name)), 0);
  }
}

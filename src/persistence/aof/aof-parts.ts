/**
 * The files of the append-only file, as the manifest on disk names them: one base, the increments
 * behind it, and history. A file is part of the data from the moment the manifest names it, and
 * the manifest is replaced at once.
 *
 * No file is ever overwritten: a new part gets a number that no file in the folder has. A file
 * that the manifest does not name is left as it is if a crash may have left it, and is otherwise
 * a reason to refuse the folder (`unaccounted`).
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { latin1, latin1Text } from "../../base/bytes.ts";
import {
  fileBytes,
  OpenFile,
  removeQuietly,
  renameFile,
  replaceFile,
  syncFolder,
} from "../files.ts";
import { holdsNoKeys } from "../rdb-file.ts";
import type { PersistenceSettings } from "../settings.ts";
import {
  type AofPart,
  emptyManifest,
  formatManifest,
  type Manifest,
  ManifestError,
  type PartKind,
  parseManifest,
  parsePartName,
  partName,
} from "./manifest.ts";

/** The first line of an increment whose base had not been written when it began. */
const AWAITS_BASE = /^#awaits base ([0-9]+)\r\n/;
const AWAITS_BASE_BYTES = 40;

interface FolderPart extends AofPart {
  readonly kind: PartKind;
}

export class AofParts {
  readonly #settings: () => PersistenceSettings;
  #manifest = emptyManifest();
  /**
   * The append-only file was switched on and has no base yet: until it has, the manifest on disk
   * names only the old files, which belong together.
   */
  baseAwaited = false;
  /** The increment that was created while the base was awaited. */
  #awaiting: AofPart | null = null;

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

  // ── Reading ────────────────────────────────────────────────────────────────────────────────

  /**
   * Reads the manifest; without one there must be no parts. Throws ManifestError if the manifest
   * does not account for the files beside it; the message names file and remedy.
   */
  read(): void {
    const path = this.#manifestPath;
    let manifest = emptyManifest();
    const isThere = existsSync(path);
    if (isThere) {
      try {
        manifest = parseManifest(readFileSync(path, "latin1"));
      } catch (error) {
        throw new ManifestError(
          `${path}: ${(error as Error).message}. Restore the manifest from a copy that fits the files beside it. ${START_EMPTY}`,
        );
      }
    }
    const problem = this.#missing(manifest) || this.#unaccounted(manifest);
    if (problem !== "") throw new ManifestError(`${path}${isThere ? "" : " is missing"}${problem}`);
    this.#manifest = manifest;
  }

  /** Which files are named but not there; "" if all are. */
  #missing(manifest: Manifest): string {
    const { appendFileName, folder } = this.#settings();
    const parts = [...(manifest.base === null ? [] : [manifest.base]), ...manifest.increments];
    const isFile = (path: string) => statSync(path, { throwIfNoEntry: false })?.isFile() === true;
    const missing = parts
      .filter(({ name }) => !isFile(this.path(name)))
      // A crash came before the single file of Redis 6 was moved into the folder.
      .filter(({ name }) => name !== appendFileName || !isFile(join(folder, name)));
    if (missing.length === 0) return "";
    const paths = missing.map(({ name }) => this.path(name)).join(", ");
    return ` names files that are missing: ${paths}. Restore them from a copy. ${START_EMPTY}`;
  }

  /** Which files in the folder the manifest ought to name; "" if it names all that matter. */
  #unaccounted(manifest: Manifest): string {
    const baseSequence = manifest.base?.sequence ?? 0;
    const lastSequence = manifest.increments.at(-1)?.sequence ?? 0;
    const isNamed = (name: string) =>
      manifest.base?.name === name || manifest.increments.some((part) => part.name === name);
    const lost = this.#inFolder().filter(({ kind, name, sequence }) => {
      if (isNamed(name)) return false;
      const path = this.path(name);
      if (kind === "incr") {
        // A crash may leave an increment without commands, or one whose base was not finished.
        return sequence > lastSequence && !isEmptyOrUnfinished(path, baseSequence);
      }
      // A crash may leave a base that the manifest does not name yet; the parts before it are there.
      return manifest.base === null && !holdsNoKeys(path);
    });
    if (lost.length === 0) return "";
    const paths = lost.map(({ name }) => this.path(name)).join(", ");
    return `, but there are parts of an append-only file that ${manifest.base === null ? "it should name" : "are newer than those it names"}: ${paths}. Restore the manifest from a copy that names them, or move them away if they are not wanted. ${START_EMPTY}`;
  }

  /** The parts in the folder, whether the manifest names them or not. */
  #inFolder(): FolderPart[] {
    const { appendFileName } = this.#settings();
    const folder = this.path("");
    if (!existsSync(folder)) return [];
    return readdirSync(folder).flatMap((name) => {
      const part = parsePartName(name);
      return part?.appendFileName === appendFileName ? [{ name, ...part }] : [];
    });
  }

  /** Reads what is there; a single file as Redis 6 wrote it becomes the base. */
  adoptExisting(): void {
    const { appendFileName, folder } = this.#settings();
    const single = join(folder, appendFileName);
    this.read();
    if (this.all.length === 0 && existsSync(single)) {
      this.#write({ ...emptyManifest(), base: { name: appendFileName, sequence: 1 } });
    }
    const taken = this.path(appendFileName);
    const isTaking = this.base?.name === appendFileName && !existsSync(taken);
    // Also where a crash came between the manifest and this.
    if (isTaking && existsSync(single)) {
      renameFile(single, taken);
      syncFolder(folder);
    }
    this.#removeHistory();
  }

  // ── Changing ───────────────────────────────────────────────────────────────────────────────

  /** Makes `manifest` the one in use; throws, with nothing changed, if it cannot be written. */
  #write(manifest: Manifest): void {
    if (!this.baseAwaited) replaceFile(this.#manifestPath, formatManifest(manifest));
    this.#manifest = manifest;
  }

  /** A number that no part of the kind has. */
  #freeSequence(kind: PartKind): number {
    const { base, history, increments } = this.#manifest;
    const named = kind === "base" ? (base === null ? [] : [base]) : increments;
    const known = [...named, ...history, ...this.#inFolder().filter((part) => part.kind === kind)];
    return Math.max(0, ...known.map(({ sequence }) => sequence)) + 1;
  }

  /** Creates the increment that commands go to from now on, and returns its path. */
  addIncrement(): string {
    const sequence = this.#freeSequence("incr");
    const name = partName(this.#settings().appendFileName, sequence, "incr", "aof");
    const path = this.path(name);
    const part = { name, sequence };
    const file = OpenFile.create(path);
    try {
      try {
        if (this.baseAwaited) file.write(latin1(`#awaits base ${this.#freeSequence("base")}\r\n`));
      } finally {
        file.close();
      }
      const past = this.#awaiting;
      const increments = this.#manifest.increments.filter((one) => one !== past);
      this.#write({ ...this.#manifest, increments: [...increments, part] });
      // The base that it waited for could not be written; the next one begins with this increment.
      if (past !== null) removeQuietly(this.path(past.name));
      this.#awaiting = this.baseAwaited ? part : null;
    } catch (error) {
      if (!this.#isNamedOnDisk(name)) removeQuietly(path);
      throw error;
    }
    return path;
  }

  /** Whether the manifest on disk names the file: replacing it may fail when it has its name already. */
  #isNamedOnDisk(name: string): boolean {
    try {
      return readFileSync(this.#manifestPath, "latin1").includes(name);
    } catch {
      return false;
    }
  }

  /** The name that the next base is to get. */
  nextBase(): AofPart {
    const { appendFileName, rdbPreamble } = this.#settings();
    const sequence = this.#freeSequence("base");
    const extension = rdbPreamble ? "rdb" : "aof";
    return { name: partName(appendFileName, sequence, "base", extension), sequence };
  }

  /** The first base of all; the manifest names it with the first increment. */
  setFirstBase(base: AofPart): void {
    this.#manifest.base = base;
  }

  /**
   * A new base is there, whose increments are those from number `kept` on. What came before is
   * deleted. Throws if the manifest cannot be written; the parts before it are then still in use.
   */
  replaceBase(base: AofPart, kept: number): void {
    const { history, increments } = this.#manifest;
    const past = this.all.filter((part) => part === this.base || part.sequence < kept);
    const wasAwaited = this.baseAwaited;
    this.baseAwaited = false;
    try {
      this.#write({
        base,
        increments: increments.filter((part) => part.sequence >= kept),
        history: [...history, ...past],
      });
      this.#awaiting = null;
    } catch (error) {
      this.baseAwaited = wasAwaited;
      throw error;
    }
    this.#removeHistory();
  }

  /** Gives up waiting for a base: the parts before it are in use again. */
  forgetAwaited(): void {
    const past = this.#awaiting;
    this.baseAwaited = false;
    this.#awaiting = null;
    if (past !== null) removeQuietly(this.path(past.name));
  }

  /** Files that have the name of a part but are none; those that hold nothing are removed. */
  removeUnnamed(): string[] {
    const named = new Set(this.all.map(({ name }) => name));
    const unnamed = this.#inFolder()
      .filter(({ name }) => !named.has(name))
      .map(({ name }) => this.path(name));
    for (const path of unnamed) if (fileBytes(path) === 0) removeQuietly(path);
    return unnamed.filter((path) => existsSync(path));
  }

  /** Deletes what is history. What cannot be deleted stays named as history. */
  #removeHistory(): void {
    const { history } = this.#manifest;
    if (history.length === 0) return;
    for (const { name } of history) removeQuietly(this.path(name));
    const left = history.filter(({ name }) => existsSync(this.path(name)));
    try {
      this.#write({ ...this.#manifest, history: left });
    } catch {
      // The next start, or the next rewrite, finds that they are gone.
    }
  }

  /** Bytes of all files but the one being appended to. */
  earlierBytes(): number {
    const { last } = this;
    return this.all
      .filter((part) => part !== last)
      .reduce((sum, part) => sum + fileBytes(this.path(part.name)), 0);
  }
}

const START_EMPTY = "To start without this data, move the whole folder away.";

/** Whether an increment holds no commands, or waits for a base later than number `baseSequence`. */
function isEmptyOrUnfinished(path: string, baseSequence: number): boolean {
  if (fileBytes(path) === 0) return true;
  const head = new Uint8Array(AWAITS_BASE_BYTES);
  const file = OpenFile.read(path);
  try {
    const count = file.read(head, 0);
    const found = AWAITS_BASE.exec(latin1Text(head, 0, count));
    return found !== null && Number(found[1]) > baseSequence;
  } finally {
    file.close();
  }
}

/**
 * The manifest of the append-only file: which files it consists of, in Redis 7's format.
 *
 *   file appendonly.aof.1.base.rdb seq 1 type b
 *   file appendonly.aof.2.incr.aof seq 2 type i
 *
 * b: the base, at most one; i: increments, in order; h: history, to be deleted.
 */
import { quote, splitArguments } from "../../protocol/arguments.ts";

export interface AofPart {
  readonly name: string;
  readonly sequence: number;
}

export interface Manifest {
  base: AofPart | null;
  increments: AofPart[];
  history: AofPart[];
}

/** The manifest is damaged, or does not account for the files beside it; the message says how. */
export class ManifestError extends Error {}

export function emptyManifest(): Manifest {
  return { base: null, increments: [], history: [] };
}

// ── Names of parts ───────────────────────────────────────────────────────────────────────────

export type PartKind = "base" | "incr";

export function partName(
  appendFileName: string,
  sequence: number,
  kind: PartKind,
  extension: "rdb" | "aof",
): string {
  return `${appendFileName}.${sequence}.${kind}.${extension}`;
}

/** What the name of a part says; null if it is no such name, as that of a file of Redis 6. */
export function parsePartName(
  name: string,
): { readonly appendFileName: string; readonly sequence: number; readonly kind: PartKind } | null {
  const found = /^(.+)\.([1-9][0-9]*)\.(base\.rdb|base\.aof|incr\.aof)$/s.exec(name);
  if (found === null) return null;
  const kind = found[3] === "incr.aof" ? "incr" : "base";
  return { appendFileName: found[1]!, sequence: Number(found[2]), kind };
}

// ── The text ─────────────────────────────────────────────────────────────────────────────────

/** Throws ManifestError, which names the line. */
export function parseManifest(text: string): Manifest {
  const manifest = emptyManifest();
  const names = new Set<string>();
  const lines = text.split("\n");
  if (lines.pop() !== "") throw new ManifestError(`line ${lines.length + 1} is cut short`);
  for (const [index, line] of lines.entries()) {
    const text = line.trim();
    if (text === "" || text.startsWith("#")) continue;
    try {
      const part = parseLine(text, manifest);
      if (names.has(part.name)) throw new ManifestError("a file is named twice");
      names.add(part.name);
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      throw new ManifestError(`line ${index + 1}: ${error.message}`);
    }
  }
  const { base, history, increments } = manifest;
  if (base === null && increments.length === 0) throw new ManifestError("it names no file");
  // A new base makes history of the one before it and of that one's increments. An increment alone
  // is history by a damaged letter, and would be deleted.
  const isOlder = (part: AofPart) => part.sequence < (base?.sequence ?? 0);
  const hasOlderBase = history.some((p) => parsePartName(p.name)?.kind !== "incr" && isOlder(p));
  if (history.length > 0 && !hasOlderBase) {
    throw new ManifestError("a file is marked as history (type h), but no older base is");
  }
  return manifest;
}

/** Reads the line into `manifest`. */
function parseLine(line: string, manifest: Manifest): AofPart {
  const words = splitArguments(line) ?? [];
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) fields.set(words[i]!, words[i + 1]!);
  const bytes = fields.get("file") ?? "";
  const name = Buffer.from(bytes, "latin1").toString();
  const digits = fields.get("seq") ?? "";
  const sequence = Number(digits);
  const type = fields.get("type") ?? "";
  if (words.length % 2 !== 0 || bytes === "") {
    throw new ManifestError("it does not name a file, its sequence number and its type");
  }
  if (/[/\0]/.test(name) || name === "." || name === "..") {
    throw new ManifestError(`${JSON.stringify(name)} is not the name of a file in this folder`);
  }
  if (!/^[0-9]+$/.test(digits) || sequence < 1 || !Number.isSafeInteger(sequence)) {
    throw new ManifestError(`the sequence number '${digits}' is not a positive number`);
  }
  const part = { name, sequence };
  const named = parsePartName(name);
  const kind = { b: "base", i: "incr", h: named?.kind }[type];
  if (!["b", "i", "h"].includes(type)) throw new ManifestError(`unknown type '${type}'`);
  if (named !== null && (named.sequence !== sequence || named.kind !== kind)) {
    throw new ManifestError(`'seq ${sequence} type ${type}' does not fit the file name ${name}`);
  }
  if (type === "b") {
    if (manifest.base !== null) throw new ManifestError("a second base file");
    manifest.base = part;
  } else if (type === "i") {
    if (sequence <= (manifest.increments.at(-1)?.sequence ?? 0)) {
      throw new ManifestError("increments are out of order");
    }
    manifest.increments.push(part);
  } else manifest.history.push(part);
  return part;
}

export function formatManifest(manifest: Manifest): string {
  const line = (part: AofPart, type: string) => {
    // Arguments are bytes, and so are the names of files.
    const bytes = Buffer.from(part.name).toString("latin1");
    const name = /^[!-~]+$/.test(bytes) && !/["'\\]/.test(bytes) ? bytes : quote(bytes);
    return `file ${name} seq ${part.sequence} type ${type}\n`;
  };
  return [
    ...(manifest.base === null ? [] : [line(manifest.base, "b")]),
    ...manifest.history.map((part) => line(part, "h")),
    ...manifest.increments.map((part) => line(part, "i")),
  ].join("");
}

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

/** The manifest is damaged; the message says how. */
export class ManifestError extends Error {}

export function emptyManifest(): Manifest {
  return { base: null, increments: [], history: [] };
}

export function parseManifest(text: string): Manifest {
  const manifest = emptyManifest();
  const lines = text.split("\n");
  lines.forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const words = splitArguments(line);
    const fields = new Map<string, string>();
    for (let i = 0; i + 1 < (words?.length ?? 0); i += 2) fields.set(words![i]!, words![i + 1]!);
    const name = fields.get("file");
    const sequence = Number(fields.get("seq"));
    const type = fields.get("type");
    const wrong = (what: string) => {
      throw new ManifestError(`line ${index + 1} of the manifest: ${what}`);
    };
    if (name === undefined || name.includes("/") || !Number.isSafeInteger(sequence)) {
      wrong("it does not name a file and its sequence number");
    }
    const part = { name: Buffer.from(name!, "latin1").toString(), sequence };
    if (type === "b") {
      if (manifest.base !== null) wrong("a second base file");
      manifest.base = part;
    } else if (type === "i") {
      if (sequence <= (manifest.increments.at(-1)?.sequence ?? 0)) wrong("increments out of order");
      manifest.increments.push(part);
    } else if (type === "h") manifest.history.push(part);
    else wrong(`unknown type '${type}'`);
  });
  return manifest;
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

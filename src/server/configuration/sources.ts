/** Where lines of the configuration come from: files with their includes, text, and arguments. */
import { closeSync, openSync, readdirSync, readSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { byteText } from "../../base/byte-text.ts";
import { globMatch } from "../../base/glob.ts";
import { splitArguments } from "../../protocol/arguments.ts";

/** A directive's name and its words, as byte texts. */
export interface Line {
  readonly words: readonly string[];
  /** "file:3: ", or nothing for an argument. */
  readonly where: string;
}

/** A line that cannot be read, or a file. */
export class SourceError extends Error {}

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const STANDARD_INPUT = 0;

/** All bytes of a file, or of standard input. Throws SourceError. */
function readBytes(file: string | typeof STANDARD_INPUT): string {
  const name = file === STANDARD_INPUT ? "standard input" : `config file '${file}'`;
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const fd = file === STANDARD_INPUT ? STANDARD_INPUT : openSync(file, "r");
    try {
      // A device or pipe may never end.
      for (;;) {
        const chunk = Buffer.alloc(65536);
        const length = readSync(fd, chunk, 0, chunk.length, null);
        if (length === 0) return Buffer.concat(chunks).toString("latin1");
        chunks.push(chunk.subarray(0, length));
        size += length;
        if (size > FILE_BYTES_MAX) break;
      }
    } finally {
      if (fd !== STANDARD_INPUT) closeSync(fd);
    }
  } catch (error) {
    throw new SourceError(`can't open ${name}: ${(error as Error).message}`);
  }
  throw new SourceError(`${name} has more than ${FILE_BYTES_MAX} bytes`);
}

export function readConfigFile(file: string): string {
  return readBytes(file);
}

export function readStandardInput(): string {
  return readBytes(STANDARD_INPUT);
}

/** What some editors put before UTF-8; it belongs to no name. */
const UTF8_MARK = /^\xef\xbb\xbf/;

/** The lines of a text that say something; a problem in place of each that cannot be read. */
export function* linesOf(text: string, source: string): Generator<Line | SourceError> {
  let number = 0;
  for (const line of text.replace(UTF8_MARK, "").split(/\r?\n/)) {
    number++;
    const start = line.trimStart();
    if (start === "" || start.startsWith("#")) continue;
    const where = `${source}:${number}: `;
    if (line.includes("\0")) {
      yield new SourceError(`${where}a line can't contain a NUL byte; write it as "\\x00"`);
      continue;
    }
    const words = splitArguments(line);
    if (words === null) yield new SourceError(`${where}unbalanced quotes`);
    else yield { words, where };
  }
}

const HAS_WILDCARD = /[*?[]/;

/**
 * The files that an include names, in the order of their names; a pattern may name none. A name
 * that begins with a dot is matched only by a pattern that does.
 */
export function includedFiles(pattern: string, folder: string): string[] {
  const path = isAbsolute(pattern) ? pattern : join(folder, pattern);
  if (!HAS_WILDCARD.test(pattern)) return [path];
  const parent = dirname(path);
  const parents = HAS_WILDCARD.test(parent) ? includedFiles(parent, folder) : [parent];
  const name = byteText(basename(path));
  return parents.flatMap((directory) => {
    let names: string[];
    try {
      names = readdirSync(directory);
    } catch {
      return [];
    }
    return names
      .filter((candidate) => candidate.startsWith(".") === name.startsWith("."))
      .filter((candidate) => globMatch(name, byteText(candidate)))
      .sort()
      .map((candidate) => join(directory, candidate));
  });
}

/** One name for a file however it is reached, so that a circle of includes is seen. */
export function identityOf(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return resolve(file);
  }
}

export interface CommandLine {
  /** Empty without one. */
  readonly file: string;
  readonly readsStandardInput: boolean;
  readonly lines: readonly Line[];
}

/**
 * `[file] [-] [--name value …] [-]`, read as Redis does: an option takes all words up to the next
 * one; what follows its name is always a value, even if it begins with "--"; name and value may be
 * one argument; `--save` alone is `--save ""`. Throws SourceError.
 */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const given = args.map(byteText);
  let at = 0;
  const hasFile = given.length > 0 && !given[0]!.startsWith("-");
  if (hasFile) at++;
  let readsStandardInput = given[at] === "-";
  if (readsStandardInput) at++;
  const lines: string[][] = [];
  let needsValue = false;
  for (; at < given.length; at++) {
    const arg = given[at]!;
    if (arg === "-" && at === given.length - 1 && !needsValue) readsStandardInput = true;
    else if (arg.startsWith("--") && !needsValue) {
      const words = splitArguments(arg.slice(2));
      if (words === null) throw new SourceError(`unbalanced quotes in '${arg}'`);
      if (words.length === 0) throw new SourceError("'--' is the beginning of no directive's name");
      lines.push(words);
      needsValue = words.length === 1;
      const next = given[at + 1];
      if (words[0]!.toLowerCase() === "save" && needsValue && (next ?? "--").startsWith("--")) {
        words.push("");
        needsValue = false;
      }
    } else {
      const option = lines.at(-1);
      if (option === undefined) {
        throw new SourceError(
          `unexpected argument '${args[at]}' (directives are given as --name value)`,
        );
      }
      option.push(arg);
      needsValue = false;
    }
  }
  return {
    file: hasFile ? args[0]! : "",
    readsStandardInput,
    lines: lines.map((words) => ({ words, where: "" })),
  };
}

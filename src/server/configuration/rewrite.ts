/** CONFIG REWRITE: the text of a configuration file with other values. */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { quote, splitArguments } from "../../protocol/arguments.ts";
import {
  DIRECTIVE_NAMES,
  DIRECTIVES,
  type DirectiveName,
  findDirective,
} from "./directives/index.ts";

type ValueFor = (name: DirectiveName) => unknown;

/** Bytes that stand for themselves in a word, which neither quotes nor spaces do. */
const PLAIN_WORD = /^[!#-&(-~]+$/;

function linesOf(name: DirectiveName, value: unknown): string[] {
  const lines = DIRECTIVES[name].lines(value);
  return lines.map((words) =>
    [name, ...words.map((word) => (PLAIN_WORD.test(word) ? word : quote(word)))].join(" "),
  );
}

/**
 * Lines of known directives get the values in their place, lines for values that are not the
 * defaults are added, and all others stay. Texts have one character a byte.
 */
export function rewriteText(text: string, valueFor: ValueFor): string {
  const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
  const written = new Set<DirectiveName>();
  const out: string[] = [];
  for (const line of lines) {
    const first = line.trim().startsWith("#") ? undefined : splitArguments(line)?.[0];
    const name = first === undefined ? undefined : findDirective(first);
    if (name === undefined || DIRECTIVES[name].isStatement) out.push(line);
    else if (!written.has(name)) {
      out.push(...linesOf(name, valueFor(name)));
      written.add(name);
    }
  }
  for (const name of DIRECTIVE_NAMES) {
    const { default: initial, isStatement, show } = DIRECTIVES[name];
    const value = valueFor(name);
    if (isStatement || written.has(name) || show(value) === show(initial)) continue;
    out.push(...linesOf(name, value));
  }
  return `${out.join("\n")}\n`;
}

/** Replaces the file at once, and keeps its mode: it may hold a password. */
export function rewriteFile(file: string, valueFor: ValueFor): void {
  const isThere = existsSync(file);
  const text = rewriteText(isThere ? readFileSync(file, "latin1") : "", valueFor);
  const mode = isThere ? statSync(file).mode & 0o777 : 0o644;
  const temporary = `${file}.${crypto.randomUUID()}.tmp`;
  try {
    // "x": a link that somebody has put there is not followed.
    const fd = openSync(temporary, "wx", mode);
    try {
      writeFileSync(fd, text, "latin1");
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

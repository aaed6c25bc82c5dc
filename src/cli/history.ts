/** Lines of earlier prompts, in a file that only its user reads. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const LINES_MAX = 1000;

/** Lines with a password are not kept. */
const SECRET: readonly RegExp[] = [
  /^\s*auth\b/i,
  /^\s*hello\b.*\bauth\b/i,
  /^\s*config\s+set\b.*\b(requirepass|masterauth|masteruser)\b/i,
  /^\s*acl\s+setuser\b/i,
  /^\s*migrate\b.*\bauth2?\b/i,
  /^\s*sentinel\s+(set|config)\b/i,
];

export function isSecret(line: string): boolean {
  return SECRET.some((pattern) => pattern.test(line));
}

export class History {
  readonly #file: string | null;
  /** The oldest first. */
  readonly #lines: string[];

  /** Without a file nothing is kept. */
  constructor(file: string | null) {
    this.#file = file;
    this.#lines = file === null ? [] : readLines(file);
  }

  static atHome(): History {
    const file = process.env.STORMDBCLI_HISTFILE ?? join(homedir(), ".stormdbcli_history");
    return new History(file === "" || file === "/dev/null" ? null : file);
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  add(line: string): void {
    if (isSecret(line) || line.trim() === "" || line === this.#lines.at(-1)) return;
    this.#lines.push(line);
    if (this.#lines.length > LINES_MAX) this.#lines.shift();
    if (this.#file === null) return;
    try {
      appendFileSync(this.#file, `${line}\n`, { mode: 0o600 });
    } catch {
      // A history that cannot be kept is no reason to stop.
    }
  }

  /** The index of the latest line before `before` that has the text, or -1. */
  search(text: string, before: number): number {
    for (let i = Math.min(before, this.#lines.length) - 1; i >= 0; i--) {
      if (this.#lines[i]!.includes(text)) return i;
    }
    return -1;
  }
}

function readLines(file: string): string[] {
  try {
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    const kept = lines.slice(-LINES_MAX);
    // The file grows by appending; it is cut where it has become far too long.
    if (lines.length > 2 * LINES_MAX) writeFileSync(file, `${kept.join("\n")}\n`, { mode: 0o600 });
    return kept;
  } catch {
    return [];
  }
}

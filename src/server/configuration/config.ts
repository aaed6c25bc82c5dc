/** The configuration at run time: read from file and arguments, changed by CONFIG SET. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { latin1, latin1Text } from "../../base/bytes.ts";
import { globMatch } from "../../base/glob.ts";
import { parseBigInteger } from "../../base/number-text.ts";
import type { ConfigService } from "../../commands/services/configuration.ts";
import { quote, splitArguments } from "../../protocol/arguments.ts";
import { NO_CONFIG_FILE, shownArgument } from "../../protocol/errors.ts";
import { DIRECTIVES, type Directive, parseMemory } from "./directives.ts";

/** A mistake of the user's in the configuration; its message names the directive. */
export class ConfigError extends Error {}

const ALIASES = new Map(
  [...DIRECTIVES].flatMap(([name, { alias }]) => (alias === undefined ? [] : [[alias, name]])),
);

/** Names of directives, each with the words of its value. */
export type Given = readonly (readonly [string, readonly string[]])[];

interface More {
  readonly defaults?: Given;
  readonly directives?: Given;
}

export class Config implements ConfigService {
  /** The file it came from, as an absolute path; empty without one. */
  readonly file: string;
  readonly #startFolder = byteText(process.cwd());
  readonly #values = new Map<string, string>();
  readonly #numbers = new Map<string, number>();
  /** Directives that file or arguments have set; empty once they have been read. */
  readonly #given = new Set<string>();
  readonly #listeners: ((name: string) => void)[] = [];

  /**
   * Takes `defaults`, then `file` (empty for none), then the pairs of `--name value` in `args`, then
   * `directives`; what comes later goes before. Throws ConfigError.
   */
  constructor(
    file: string,
    args: readonly string[],
    { defaults = [], directives = [] }: More = {},
  ) {
    this.file = file === "" ? "" : resolve(file);
    for (const [name, { directive }] of DIRECTIVES) this.#store(name, directive.default);
    this.#store("dir", this.#startFolder);
    this.#take(defaults);
    this.#given.clear();
    if (file !== "") this.#readFile(file);
    this.#readArguments(args);
    this.#take(directives);
    this.#given.clear();
    this.#store("dir", byteText(resolve(this.unicode("dir"))));
  }

  #readFile(file: string): void {
    let text: string;
    try {
      text = readFileSync(file, "latin1");
    } catch (error) {
      throw new ConfigError(`can't open config file '${file}': ${(error as Error).message}`);
    }
    text.split(/\r?\n/).forEach((line, index) => {
      if (line.trim() === "" || line.trim().startsWith("#")) return;
      const where = `${file}:${index + 1}: `;
      const words = splitArguments(line);
      if (words === null) throw new ConfigError(`${where}unbalanced quotes`);
      this.#apply(words[0]!, words.slice(1), where);
    });
  }

  #take(given: Given): void {
    for (const [name, words] of given) this.#apply(name, words.map(byteText), "");
  }

  #readArguments(args: readonly string[]): void {
    for (let i = 0; i < args.length; ) {
      const option = args[i]!;
      if (!option.startsWith("--")) {
        throw new ConfigError(
          `unexpected argument '${option}' (directives are given as --name value)`,
        );
      }
      let end = i + 1;
      while (end < args.length && !/^--[a-z]/i.test(args[end]!)) end++;
      const words = args.slice(i + 1, end);
      if (option === "--aof" && words.length === 1) {
        // The first StormDB's option: the append-only file by its path.
        const path = resolve(words[0]!);
        this.#take([
          ["appendonly", ["yes"]],
          ["dir", [dirname(path)]],
          ["appendfilename", [basename(path)]],
        ]);
      } else this.#take([[option.slice(2), words]]);
      i = end;
    }
  }

  #apply(given: string, words: readonly string[], where: string): void {
    const name = canonical(given);
    const entry = DIRECTIVES.get(name);
    if (entry === undefined) throw new ConfigError(`${where}unknown directive '${given}'`);
    const { directive } = entry;
    if (words.length === 0 || (directive.kind !== "words" && words.length !== 1)) {
      throw new ConfigError(`${where}wrong number of arguments for directive '${given}'`);
    }
    const value = words.join(" ");
    const [stored, wrong] = read(directive, value);
    if (wrong !== "")
      throw new ConfigError(`${where}bad value '${fromByteText(value)}' for '${given}': ${wrong}`);
    this.#store(name, this.#merged(name, stored));
    this.#given.add(name);
  }

  #store(name: string, value: string): void {
    this.#values.set(name, value);
    this.#numbers.set(name, Number(value));
  }

  /** Output limits are set by class: what is not named stays. */
  #merged(name: string, value: string): string {
    // Each line of the file adds a save point; the first takes the place of the usual ones.
    if (name === "save" && value !== "" && this.#given.has(name)) {
      return `${this.text(name)} ${value}`.trim();
    }
    if (name !== "client-output-buffer-limit") return value;
    const limits = outputLimits(this.text(name));
    for (const [kind, limit] of outputLimits(value)) limits.set(kind, limit);
    return [...limits].map(([kind, limit]) => [kind, ...limit].join(" ")).join(" ");
  }

  /** The value's bytes, a character for each: what clients say and are told. */
  text(name: string): string {
    return this.#values.get(name)!;
  }

  /** The value as people read it, and the system's names of files and folders. */
  unicode(name: string): string {
    return fromByteText(this.text(name));
  }

  number(name: string): number {
    return this.#numbers.get(name)!;
  }

  flag(name: string): boolean {
    return this.#values.get(name) === "yes";
  }

  words(name: string): string[] {
    return this.text(name)
      .split(" ")
      .filter((word) => word !== "");
  }

  /** Takes a value over that has been set in another way than by CONFIG SET. */
  keep(name: string, value: string): void {
    this.#store(name, value);
    for (const listener of this.#listeners) listener(name);
  }

  /** Calls `listener` with every directive that changes. */
  onChange(listener: (name: string) => void): void {
    this.#listeners.push(listener);
  }

  get(patterns: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    const seen = new Set<string>();
    const add = (shown: string, name: string) => {
      if (seen.has(shown.toLowerCase())) return;
      seen.add(shown.toLowerCase());
      const { directive } = DIRECTIVES.get(name)!;
      const value = this.text(name);
      const show = directive.kind === "text" ? directive.show : undefined;
      found.set(shown, show === undefined ? value : show(value));
    };
    for (const pattern of patterns) {
      // A name is shown as it was asked for.
      if (DIRECTIVES.has(canonical(pattern))) add(pattern, canonical(pattern));
      for (const [name, { alias }] of DIRECTIVES) {
        if (globMatch(pattern, name, true)) add(name, name);
        if (alias !== undefined && globMatch(pattern, alias, true)) add(alias, name);
      }
    }
    return found;
  }

  isSecret(name: string): boolean {
    return DIRECTIVES.get(canonical(name))?.secret === true;
  }

  set(pairs: readonly (readonly [string, string])[]): string {
    const staged = new Map<string, string>();
    const seen = new Set<string>();
    for (const [given, value] of pairs) {
      const name = canonical(given);
      const entry = DIRECTIVES.get(name);
      if (entry === undefined) {
        return `ERR Unknown option or number of arguments for CONFIG SET - '${shownArgument(given)}'`;
      }
      const failed = `ERR CONFIG SET failed (possibly related to argument '${given}') - `;
      if (entry.fixed) return `${failed}can't set immutable config`;
      // An alias may stand beside the name.
      if (seen.has(given.toLowerCase())) return `${failed}duplicate parameter`;
      seen.add(given.toLowerCase());
      const [stored, wrong] = read(entry.directive, value);
      if (wrong !== "") return `${failed}${wrong}`;
      staged.set(name, this.#merged(name, stored));
    }
    for (const [name, value] of staged) this.#store(name, value);
    for (const name of staged.keys()) for (const listener of this.#listeners) listener(name);
    return "";
  }

  /**
   * Writes the present values to the file: lines of known directives are replaced in their
   * place, what differs from the default is added, all else stays.
   */
  rewrite(): string {
    if (this.file === "") return NO_CONFIG_FILE;
    try {
      const text = existsSync(this.file) ? readFileSync(this.file, "latin1") : "";
      const lines = text === "" ? [] : text.replace(/\n$/, "").split("\n");
      const written = new Set<string>();
      const out: string[] = [];
      for (const line of lines) {
        const name = canonical(splitArguments(line)?.[0] ?? "");
        if (line.trim().startsWith("#") || !DIRECTIVES.has(name)) out.push(line);
        else if (!written.has(name)) {
          out.push(...this.#linesOf(name));
          written.add(name);
        }
      }
      for (const [name, { directive }] of DIRECTIVES) {
        const value = this.text(name);
        const usual = name === "dir" ? this.#startFolder : directive.default;
        if (!written.has(name) && value !== usual) out.push(...this.#linesOf(name));
      }
      const temporary = `${this.file}.${process.pid}.tmp`;
      writeFileSync(temporary, `${out.join("\n")}\n`, "latin1");
      renameSync(temporary, this.file);
      return "";
    } catch (error) {
      return `ERR Rewriting config file: ${(error as Error).message}`;
    }
  }

  #linesOf(name: string): string[] {
    const value = this.text(name);
    // A primary has no such line; redis-server would not start with an empty one.
    if (name === "replicaof" && value === "") return [];
    if (name === "client-output-buffer-limit") {
      return [...outputLimits(value)].map(([kind, limit]) => `${name} ${kind} ${limit.join(" ")}`);
    }
    const { kind } = DIRECTIVES.get(name)!.directive;
    const plain = kind === "words" && value !== "";
    return [`${name} ${plain || /^[!#-&(-~]+$/.test(value) ? value : quote(value)}`];
  }
}

/** Text as values are kept: a character for each byte of its UTF-8. */
export function byteText(text: string): string {
  return latin1Text(Buffer.from(text));
}

function fromByteText(text: string): string {
  return Buffer.from(text, "latin1").toString();
}

function canonical(name: string): string {
  const lower = name.toLowerCase();
  return ALIASES.get(lower) ?? lower;
}

/** Hard limit, soft limit, seconds by class; "replica" is the same class as "slave". */
export function outputLimits(value: string): Map<string, readonly [number, number, number]> {
  const words = value.split(" ");
  const limits = new Map<string, readonly [number, number, number]>();
  for (let i = 0; i + 3 < words.length; i += 4) {
    const kind = words[i]!.toLowerCase().replace("replica", "slave");
    limits.set(kind, [
      Number(parseMemory(words[i + 1]!)),
      Number(parseMemory(words[i + 2]!)),
      Number(words[i + 3]),
    ]);
  }
  return limits;
}

/** The value as it is kept, and what is wrong with it or "". */
function read(directive: Directive, value: string): readonly [string, string] {
  switch (directive.kind) {
    case "boolean": {
      const lower = value.toLowerCase();
      return lower === "yes" || lower === "no"
        ? [lower, ""]
        : ["", "argument must be 'yes' or 'no'"];
    }
    case "integer":
    case "memory": {
      const isMemory = directive.kind === "memory";
      const bytes = latin1(value);
      const number = isMemory ? parseMemory(value) : parseBigInteger(bytes, 0, bytes.length);
      if (number === null) {
        return [
          "",
          isMemory
            ? "argument must be a memory value"
            : "argument couldn't be parsed into an integer",
        ];
      }
      const { min, max, least = min, most = max } = directive;
      if (number < min || number > max) {
        return ["", `argument must be between ${min} and ${max} inclusive`];
      }
      if (number < least) return [String(least), ""];
      if (number > most) return [String(most), ""];
      return [String(number), ""];
    }
    case "choice": {
      const lower = value.toLowerCase();
      return directive.choices.includes(lower)
        ? [lower, ""]
        : ["", `argument(s) must be one of the following: ${directive.choices.join(", ")}`];
    }
    case "text":
      return directive.normalize?.(value) ?? [value, ""];
    case "words": {
      // Spaces alone separate here; quotes have been dealt with, or are not meant as such.
      const words = value === "" ? [] : value.split(" ");
      return [words.join(" "), directive.check(words)];
    }
  }
}

/** The configuration: read at the start, changed by CONFIG SET, written by CONFIG REWRITE. */
import { basename, dirname, resolve } from "node:path";
import { byteText, fromByteText } from "../../base/byte-text.ts";
import { Glob } from "../../base/glob.ts";
import type { ConfigService } from "../../commands/services/configuration.ts";
import { NO_CONFIG_FILE, shownArgument } from "../../protocol/errors.ts";
import { Refusal } from "./directives/directive.ts";
import {
  DIRECTIVE_NAMES,
  DIRECTIVES,
  type DirectiveName,
  findDirective,
  type NamesOf,
  type NumberName,
  type ValueOf,
} from "./directives/index.ts";
import { rewriteFile } from "./rewrite.ts";
import {
  type CommandLine,
  identityOf,
  includedFiles,
  type Line,
  linesOf,
  readConfigFile,
  SourceError,
} from "./sources.ts";

/** The user's mistakes in the configuration, each with the place where it stands. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** Names of directives, each with the words of its value. */
export type DirectiveValues = readonly (readonly [string, readonly string[]])[];

/** A later source overrides an earlier one. */
export interface ConfigSources {
  readonly defaults?: DirectiveValues;
  /** The file, and the lines of the arguments. */
  readonly commandLine?: CommandLine;
  /** What standard input said, read after the file. */
  readonly standardInput?: string;
  readonly directives?: DirectiveValues;
}

/** A value that the server cannot take; all values are then as they were. */
export interface FailedChange {
  readonly name: DirectiveName;
  readonly reason: string;
}

const INCLUDES_MAX = 16;

interface Problem {
  readonly text: string;
  /** A later line may set this directive to a value that is possible. */
  readonly lacking: DirectiveName | null;
}

export class Config implements ConfigService {
  /** The file it came from, as an absolute path; empty without one. */
  readonly file: string;
  /** What was accepted but has no effect, for the log. */
  readonly notes: string[] = [];
  readonly #values = new Map<DirectiveName, unknown>();
  /** Directives that a line has set; only while the sources are read. */
  readonly #given = new Set<DirectiveName>();
  #problems: Problem[] = [];
  #onChange: (changed: ReadonlySet<DirectiveName>) => FailedChange | null = () => null;

  /** Throws ConfigError, which names everything that is wrong. */
  constructor(sources: ConfigSources = {}) {
    const { commandLine, defaults = [], directives = [], standardInput = "" } = sources;
    for (const name of DIRECTIVE_NAMES) this.#values.set(name, DIRECTIVES[name].default);
    this.file =
      commandLine === undefined || commandLine.file === "" ? "" : resolve(commandLine.file);
    this.#take(defaults);
    this.#given.clear();
    if (commandLine !== undefined && commandLine.file !== "") {
      this.#readFile(commandLine.file, [], "");
    }
    for (const line of linesOf(standardInput, "standard input")) this.#read(line, []);
    for (const line of commandLine?.lines ?? []) this.#readOption(line);
    this.#take(directives);
    this.#given.clear();
    if (this.#problems.length > 0) throw new ConfigError(this.#problems.map(({ text }) => text));
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────

  /** `within`: the files that include this one. */
  #readFile(file: string, within: readonly string[], where: string): void {
    const identity = identityOf(file);
    if (within.includes(identity)) {
      this.#addProblem(`${where}'${file}' includes itself`);
      return;
    }
    if (within.length === INCLUDES_MAX) {
      this.#addProblem(`${where}more than ${INCLUDES_MAX} files include one another`);
      return;
    }
    try {
      for (const line of linesOf(readConfigFile(file), file)) {
        this.#read(line, [...within, identity]);
      }
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      this.#addProblem(`${where}${error.message}`);
    }
  }

  #take(given: DirectiveValues): void {
    for (const [name, words] of given) {
      this.#apply({ words: [name, ...words.map(byteText)], where: "" });
    }
  }

  #readOption(line: Line): void {
    const [name, ...words] = line.words;
    if (name !== "aof" || words.length !== 1) {
      this.#read(line, []);
      return;
    }
    // The first StormDB's option: the append-only file by its path.
    const path = resolve(fromByteText(words[0]!));
    this.#take([
      ["appendonly", ["yes"]],
      ["dir", [dirname(path)]],
      ["appendfilename", [basename(path)]],
    ]);
  }

  #read(line: Line | SourceError, within: readonly string[]): void {
    if (line instanceof SourceError) this.#addProblem(line.message);
    else if (line.words[0]!.toLowerCase() === "include" && line.words.length === 2) {
      const files = includedFiles(fromByteText(line.words[1]!), this.unicode("dir"));
      for (const file of files) this.#readFile(file, within, line.where);
    } else this.#apply(line);
  }

  #apply({ where, words }: Line): void {
    const [given, ...args] = words;
    const name = findDirective(given!);
    if (name === undefined) {
      this.#addProblem(`${where}unknown directive '${visible(given!)}'`);
      return;
    }
    const { about, isIdle, isList } = DIRECTIVES[name];
    if (args.length === 0 || (!isList && args.length !== 1)) {
      this.#addProblem(`${where}wrong number of arguments for directive '${visible(given!)}'`);
      return;
    }
    const value = this.#parse(name, args.length === 1 ? args[0]! : args);
    if (value instanceof Refusal) {
      const shown = visible(args.join(" "));
      const text = value.isLack
        ? `${where}${`${given} ${shown}`.trim()}: ${value.reason}`
        : `${where}bad value '${shown}' for '${given}': ${value.reason}`;
      this.#addProblem(text, value.isLack ? name : null);
      return;
    }
    this.#problems = this.#problems.filter(({ lacking }) => lacking !== name);
    this.#values.set(name, value);
    this.#given.add(name);
    if (isIdle) this.notes.push(`${where}${given} has no effect: ${about}`);
  }

  #addProblem(text: string, lacking: DirectiveName | null = null): void {
    this.#problems.push({ text, lacking });
  }

  /** One text is the value as CONFIG SET says it: spaces separate the words of a list. */
  #parse(name: DirectiveName, given: string | readonly string[]): unknown {
    const { isList, parse } = DIRECTIVES[name];
    const words = typeof given === "string" ? wordsOf(given, isList) : given;
    return parse(words, { value: this.#values.get(name), isGiven: this.#given.has(name) });
  }

  // ── Values ─────────────────────────────────────────────────────────────────────────────────

  value<N extends DirectiveName>(name: N): ValueOf<N> {
    return this.#values.get(name) as ValueOf<N>;
  }

  /** Beyond 2^53 it is rounded. */
  number(name: NumberName): number {
    return Number(this.#values.get(name));
  }

  flag(name: NamesOf<boolean>): boolean {
    return this.#values.get(name) as boolean;
  }

  /** A choice, or the bytes of a text, a character for each: what clients say and are told. */
  text<N extends NamesOf<string>>(name: N): ValueOf<N> {
    return this.value(name);
  }

  /** The text as people read it, and the system's names of files and folders. */
  unicode(name: NamesOf<string>): string {
    return fromByteText(this.value(name));
  }

  /** Sets a value that has changed in another way than by CONFIG SET. */
  keep<N extends DirectiveName>(name: N, value: ValueOf<N>): void {
    this.#values.set(name, value);
    this.#onChange(new Set<DirectiveName>([name]));
  }

  /**
   * The server takes new values over in `listener`, which says why it cannot. It is then called
   * again, when the values are as before.
   */
  onChange(listener: (changed: ReadonlySet<DirectiveName>) => FailedChange | null): void {
    this.#onChange = listener;
  }

  // ── Commands ───────────────────────────────────────────────────────────────────────────────

  get(patterns: readonly string[]): Map<string, string> {
    const found = new Map<string, string>();
    const seen = new Set<string>();
    const add = (shown: string, name: DirectiveName) => {
      if (seen.has(shown.toLowerCase()) || DIRECTIVES[name].isStatement) return;
      seen.add(shown.toLowerCase());
      found.set(shown, this.#shown(name));
    };
    for (const pattern of patterns) {
      // A name is shown as it was asked for.
      const asked = findDirective(pattern);
      if (asked !== undefined) add(pattern, asked);
      // Clients may ask for many names: only a pattern is compared with all of them.
      if (!/[*?[\\]/.test(pattern)) continue;
      const glob = new Glob(pattern, true);
      for (const name of DIRECTIVE_NAMES) {
        for (const one of [name, ...DIRECTIVES[name].aliases]) {
          if (glob.matchesText(one)) add(one, name);
        }
      }
    }
    return found;
  }

  #shown(name: DirectiveName): string {
    return DIRECTIVES[name].show(this.#values.get(name));
  }

  isSecret(given: string): boolean {
    const name = findDirective(given);
    return name !== undefined && DIRECTIVES[name].isSecret;
  }

  set(pairs: readonly (readonly [string, string])[], isLocal: boolean): string {
    const staged = new Map<DirectiveName, unknown>();
    const givenNames = new Map<DirectiveName, string>();
    const seen = new Set<string>();
    for (const [given, text] of pairs) {
      const name = findDirective(given);
      if (name === undefined || DIRECTIVES[name].isStatement) {
        return `ERR Unknown option or number of arguments for CONFIG SET - '${shownArgument(given)}'`;
      }
      const refused = this.#refusal(name, isLocal);
      if (refused !== "") return failed(given, refused);
      // An alias may stand beside the name.
      if (seen.has(given.toLowerCase())) return failed(given, "duplicate parameter");
      seen.add(given.toLowerCase());
      const value = this.#parse(name, text);
      if (value instanceof Refusal) return failed(given, value.reason);
      staged.set(name, value);
      givenNames.set(name, given);
    }
    const wrong = this.#change(staged);
    return wrong === null ? "" : failed(givenNames.get(wrong.name) ?? wrong.name, wrong.reason);
  }

  /** Why CONFIG SET may not change the directive, or "". */
  #refusal(name: DirectiveName, isLocal: boolean): string {
    const { settable } = DIRECTIVES[name];
    if (settable === "at start") return "can't set immutable config";
    if (settable === "always") return "";
    const allowed = this.text("enable-protected-configs");
    const isAllowed = allowed === "yes" || (allowed === "local" && isLocal);
    return isAllowed ? "" : "can't set protected config";
  }

  /** Sets all of the values or none. */
  #change(staged: ReadonlyMap<DirectiveName, unknown>): FailedChange | null {
    const before = new Map<DirectiveName, unknown>();
    for (const [name, value] of staged) {
      const { show } = DIRECTIVES[name];
      if (show(value) === this.#shown(name)) continue;
      before.set(name, this.#values.get(name));
      this.#values.set(name, value);
    }
    const changed = new Set(before.keys());
    const wrong = this.#onChange(changed);
    if (wrong === null) return null;
    for (const [name, value] of before) this.#values.set(name, value);
    this.#onChange(changed);
    return wrong;
  }

  /**
   * Writes the present values to the file: lines of known directives are replaced in their
   * place, what differs from the default is added, all else stays.
   */
  rewrite(): string {
    if (this.file === "") return NO_CONFIG_FILE;
    try {
      rewriteFile(this.file, (name) => this.#values.get(name));
      return "";
    } catch (error) {
      return `ERR Rewriting config file: ${(error as Error).message}`;
    }
  }
}

/** Every single space separates words, as in Redis. */
function wordsOf(text: string, isList: boolean): readonly string[] {
  if (!isList) return [text];
  return text === "" ? [] : text.split(" ");
}

function failed(given: string, reason: string): string {
  return `ERR CONFIG SET failed (possibly related to argument '${given}') - ${reason}`;
}

const SHOWN_MAX = 128;

/** A byte text for a terminal: no control characters, and not too long. */
function visible(text: string): string {
  const shown = fromByteText(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text);
  return shown.replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

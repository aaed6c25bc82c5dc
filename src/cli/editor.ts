/**
 * Editing one line at the terminal, in the keys of Emacs and redis-cli: with history and search in
 * it, completion, hints, and pasted text of several lines. Drawn anew at each key: a prompt is small.
 */
import type { History } from "./history.ts";
import type { Key, Terminal } from "./terminal.ts";

export interface EditorHelp {
  /** Whole lines that Tab offers. */
  completions(line: string): readonly string[];
  hint(line: string): string;
  colour(): boolean;
}

interface Search {
  query: string;
  /** In the history; -1: nothing found. */
  index: number;
  readonly before: readonly string[];
}

interface Cycle {
  readonly lines: readonly string[];
  at: number;
}

/** Rows and columns that the text takes from column `column` on. */
interface Place {
  readonly row: number;
  readonly column: number;
}

export class Editor {
  readonly #terminal: Terminal;
  readonly #history: History;
  readonly #help: EditorHelp;
  #prompt = "";
  #chars: string[] = [];
  #cursor = 0;
  /** The row of the cursor, below that of the prompt. */
  #row = 0;
  #reading = false;
  #pasting = false;
  #search: Search | null = null;
  #cycle: Cycle | null = null;
  /** The line of the history that is shown; one behind the last is the new one. */
  #historyAt = 0;
  #typed: string[] = [];
  #done: (line: string | null) => void = () => {};

  constructor(terminal: Terminal, history: History, help: EditorHelp) {
    this.#terminal = terminal;
    this.#history = history;
    this.#help = help;
  }

  /** A line, perhaps of several rows; null where the user wants to leave. */
  read(prompt: string): Promise<string | null> {
    this.#prompt = prompt;
    this.#set([]);
    this.#historyAt = this.#history.lines.length;
    this.#search = null;
    this.#cycle = null;
    this.#row = 0;
    this.#reading = true;
    this.#draw();
    const line = new Promise<string | null>((done) => {
      this.#done = done;
    });
    this.#terminal.listen((key) => this.#key(key));
    return line;
  }

  /** Prints above the line that is being typed. */
  aside(print: () => void): void {
    if (!this.#reading) {
      print();
      return;
    }
    this.#clear();
    print();
    this.#row = 0;
    this.#draw();
  }

  #finish(line: string | null, mark = ""): void {
    this.#cursor = this.#chars.length;
    this.#draw(true);
    process.stdout.write(`${mark}\n`);
    this.#reading = false;
    this.#terminal.listen(null);
    this.#done(line);
  }

  #set(chars: readonly string[]): void {
    this.#chars = [...chars];
    this.#cursor = chars.length;
  }

  #insert(text: string): void {
    const added = Array.from(text);
    this.#chars.splice(this.#cursor, 0, ...added);
    this.#cursor += added.length;
  }

  #key(key: Key): void {
    if (key.name === "paste-start") this.#pasting = true;
    else if (key.name === "paste-end") this.#pasting = false;
    else if (this.#pasting) this.#paste(key);
    else if (this.#search !== null) this.#searchKey(this.#search, key);
    else this.#editKey(key);
    // A paste is drawn once, at its end.
    if (this.#reading && !this.#pasting) this.#draw();
  }

  #paste(key: Key): void {
    if (key.name === "return" || key.name === "enter") this.#insert("\n");
    else if (key.text !== undefined) this.#insert(key.text.replace(/\t/g, " "));
  }

  #editKey(key: Key): void {
    if (key.name === "tab") {
      this.#complete(key.shift ? -1 : 1);
      return;
    }
    const cycle = this.#cycle;
    this.#cycle = null;
    if (cycle !== null && key.name === "escape") {
      this.#set(Array.from(cycle.lines.at(-1)!));
      return;
    }
    if (key.ctrl) this.#controlKey(key);
    else if (key.meta) this.#metaKey(key);
    else this.#plainKey(key);
  }

  #plainKey(key: Key): void {
    switch (key.name) {
      case "return":
      case "enter":
        this.#finish(this.#chars.join(""));
        break;
      case "left":
        this.#cursor = Math.max(0, this.#cursor - 1);
        break;
      case "right":
        this.#cursor = Math.min(this.#chars.length, this.#cursor + 1);
        break;
      case "home":
        this.#cursor = 0;
        break;
      case "end":
        this.#cursor = this.#chars.length;
        break;
      case "up":
        this.#goBack(1);
        break;
      case "down":
        this.#goBack(-1);
        break;
      case "backspace":
        if (this.#cursor > 0) this.#chars.splice(--this.#cursor, 1);
        break;
      case "delete":
        this.#chars.splice(this.#cursor, 1);
        break;
      default:
        // Control characters that are no key of ours are nothing to insert.
        if (key.text !== undefined && key.text >= " " && key.text !== "\x7f")
          this.#insert(key.text);
    }
  }

  #controlKey(key: Key): void {
    switch (key.name) {
      case "a":
        this.#cursor = 0;
        break;
      case "e":
        this.#cursor = this.#chars.length;
        break;
      case "b":
        this.#cursor = Math.max(0, this.#cursor - 1);
        break;
      case "f":
        this.#cursor = Math.min(this.#chars.length, this.#cursor + 1);
        break;
      case "p":
        this.#goBack(1);
        break;
      case "n":
        this.#goBack(-1);
        break;
      case "h":
        if (this.#cursor > 0) this.#chars.splice(--this.#cursor, 1);
        break;
      case "k":
        this.#chars.length = this.#cursor;
        break;
      case "u":
        this.#chars.splice(0, this.#cursor);
        this.#cursor = 0;
        break;
      case "w":
        this.#cutTo(this.#wordBefore());
        break;
      case "t":
        if (this.#cursor > 0 && this.#chars.length > 1) {
          const at = Math.min(this.#cursor, this.#chars.length - 1);
          this.#chars.splice(at - 1, 2, this.#chars[at]!, this.#chars[at - 1]!);
          this.#cursor = at + 1;
        }
        break;
      case "l":
        process.stdout.write("\x1b[H\x1b[2J");
        this.#row = 0;
        break;
      case "r":
        this.#search = { query: "", index: this.#history.lines.length, before: this.#chars };
        break;
      case "left":
        this.#cursor = this.#wordBefore();
        break;
      case "right":
        this.#cursor = this.#wordBehind();
        break;
      case "d":
        if (this.#chars.length > 0) this.#chars.splice(this.#cursor, 1);
        else this.#finish(null);
        break;
      case "c":
        // As in a shell: a line is given up; without one the prompt ends.
        this.#finish(this.#chars.length === 0 ? null : "", this.#chars.length === 0 ? "" : "^C");
        break;
    }
  }

  #metaKey(key: Key): void {
    if (key.name === "b") this.#cursor = this.#wordBefore();
    else if (key.name === "f") this.#cursor = this.#wordBehind();
    else if (key.name === "backspace") this.#cutTo(this.#wordBefore());
    else if (key.name === "d") this.#chars.splice(this.#cursor, this.#wordBehind() - this.#cursor);
  }

  #cutTo(at: number): void {
    this.#chars.splice(at, this.#cursor - at);
    this.#cursor = at;
  }

  #wordBefore(): number {
    let at = this.#cursor;
    while (at > 0 && this.#chars[at - 1] === " ") at--;
    while (at > 0 && this.#chars[at - 1] !== " ") at--;
    return at;
  }

  #wordBehind(): number {
    let at = this.#cursor;
    while (at < this.#chars.length && this.#chars[at] === " ") at++;
    while (at < this.#chars.length && this.#chars[at] !== " ") at++;
    return at;
  }

  #goBack(steps: number): void {
    const { lines } = this.#history;
    const at = this.#historyAt - steps;
    if (at < 0 || at > lines.length) return;
    if (this.#historyAt === lines.length) this.#typed = this.#chars;
    this.#historyAt = at;
    this.#set(at === lines.length ? this.#typed : Array.from(lines[at]!));
  }

  /** The next of the lines on offer; behind the last one is what was typed. */
  #complete(step: number): void {
    if (this.#cycle === null) {
      const typed = this.#chars.join("");
      const lines = this.#cursor === this.#chars.length ? this.#help.completions(typed) : [];
      if (lines.length === 0) {
        process.stdout.write("\x07");
        return;
      }
      this.#cycle = { lines: [...lines, typed], at: step > 0 ? -1 : lines.length };
    }
    const { lines } = this.#cycle;
    this.#cycle.at = (this.#cycle.at + step + lines.length) % lines.length;
    if (this.#cycle.at === lines.length - 1) process.stdout.write("\x07");
    this.#set(Array.from(lines[this.#cycle.at]!));
    // With one line on offer there is nothing to go round.
    if (lines.length === 2) this.#cycle = null;
  }

  #searchKey(search: Search, key: Key): void {
    const find = (before: number) => {
      const found = this.#history.search(search.query, before);
      if (found < 0) {
        process.stdout.write("\x07");
        return;
      }
      search.index = found;
      this.#set(Array.from(this.#history.lines[found]!));
    };
    if (key.ctrl && key.name === "r") find(search.index);
    else if (key.ctrl && (key.name === "g" || key.name === "c")) {
      this.#set(search.before);
      this.#search = null;
    } else if (key.name === "backspace") {
      search.query = search.query.slice(0, -1);
      find(this.#history.lines.length);
    } else if (!key.ctrl && !key.meta && key.text !== undefined && key.text >= " ") {
      search.query += key.text;
      find(Math.min(search.index + 1, this.#history.lines.length));
    } else {
      // Any other key takes the line that was found, and does what it does.
      this.#search = null;
      if (key.name !== "escape") this.#editKey(key);
    }
  }

  // ── Drawing ────────────────────────────────────────────────────────────────────────────────

  /** The text cut into rows, and where it ends. */
  #layout(
    text: string,
    from: Place,
    columns: number,
  ): { readonly shown: string; readonly end: Place } {
    let { column, row } = from;
    let shown = "";
    for (const char of text) {
      const width = char === "\n" ? 0 : Bun.stringWidth(char);
      if (char === "\n" || column + width > columns) {
        shown += "\r\n";
        row++;
        column = 0;
      }
      if (char !== "\n") shown += char;
      column += width;
    }
    if (column === columns) {
      // The terminal would wait with the new row until there is something for it.
      shown += "\r\n";
      row++;
      column = 0;
    }
    return { shown, end: { row, column } };
  }

  #clear(): void {
    process.stdout.write(`${this.#row > 0 ? `\x1b[${this.#row}A` : ""}\r\x1b[J`);
  }

  #draw(isLast = false): void {
    const columns = process.stdout.columns || 80;
    const search = this.#search;
    const prompt = search === null ? this.#prompt : `(reverse-i-search)\`${search.query}': `;
    const head = this.#layout(prompt, { row: 0, column: 0 }, columns);
    const before = this.#layout(this.#chars.slice(0, this.#cursor).join(""), head.end, columns);
    const behind = this.#layout(this.#chars.slice(this.#cursor).join(""), before.end, columns);
    const hint = isLast || search !== null ? "" : this.#hint(columns - behind.end.column - 1);
    this.#clear();
    const { row, column } = before.end;
    const up = behind.end.row - row;
    process.stdout.write(
      `${head.shown}${before.shown}${behind.shown}${hint}${up > 0 ? `\x1b[${up}A` : ""}\r${column > 0 ? `\x1b[${column}C` : ""}`,
    );
    this.#row = row;
  }

  /** What fits behind the line. */
  #hint(columns: number): string {
    const line = this.#chars.join("");
    const lines = line.split("\n").length;
    let hint = "";
    if (lines > 1) hint = `  (${lines} lines: Enter runs them)`;
    else if (this.#cursor === this.#chars.length) hint = this.#help.hint(line);
    if (hint === "" || columns <= 0) return "";
    const shown = hint.length > columns ? `${hint.slice(0, Math.max(0, columns - 1))}…` : hint;
    // Without colours it would look as if it were typed.
    return this.#help.colour() ? `\x1b[90m${shown}\x1b[0m` : `\x1b[2m${shown}\x1b[0m`;
  }
}

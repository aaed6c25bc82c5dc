/**
 * The key browser: type to filter, look at values. Keys come by SCAN with what is typed as the
 * pattern, no more than a bounded number of them, and never with KEYS.
 */
import { autocomplete, isCancel, note, select } from "@clack/prompts";
import { humanBytes } from "../../base/human-bytes.ts";
import { ConnectionError } from "../../client/client.ts";
import type { Run } from "../invocation.ts";
import { warn } from "../print.ts";
import { type Preview, previewOf, rowText } from "./preview.ts";
import { RefusedError, scanKeys, withServer } from "./scan.ts";

/** Keys that are listed, and batches of SCAN that are looked through for them. */
const KEYS_MAX = 500;
const BATCHES_MAX = 200;
const BATCH = 1000;
/** Rows that the question itself takes of the screen. */
const FRAME_ROWS = 7;
const TYPING_MS = 80;

/** What is typed as SCAN's pattern: part of a name, unless it is a pattern already. */
export function patternOf(typed: string): string {
  if (typed === "") return "*";
  return /[*?[]/.test(typed) ? typed : `*${typed}*`;
}

function shorten(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, Math.max(1, columns - 1))}…` : text;
}

function hintOf(preview: Preview | null): string {
  if (preview === null) return "gone";
  const { bytes, lines, size, ttl, type } = preview;
  const facts = [type, size, ttl, bytes === null ? "" : humanBytes(bytes)]
    .filter(Boolean)
    .join(", ");
  return lines.length === 0 ? facts : `${facts}: ${lines[0]}`;
}

/** What we need of the question that is open. */
interface Question {
  readonly userInput: string;
  emit(event: "userInput", value: string): void;
}

class Browser {
  readonly #run: Run;
  readonly #base: string;
  readonly #found = new Map<string, readonly string[]>();
  readonly #hints = new Map<string, string>();
  #question: Question | null = null;
  #typed = "";
  #isTruncated = false;
  #over = false;

  constructor(run: Run, pattern: string) {
    this.#run = run;
    this.#base = pattern;
  }

  #pattern(typed: string): string {
    return typed === "" ? this.#base : patternOf(Buffer.from(typed).toString("latin1"));
  }

  async #load(typed: string): Promise<readonly string[]> {
    const pattern = this.#pattern(typed);
    let keys: string[] = [];
    let batches = 0;
    for await (const batch of scanKeys(this.#run.session, { pattern, count: BATCH })) {
      keys = keys.concat(batch);
      if (keys.length >= KEYS_MAX || ++batches >= BATCHES_MAX) break;
    }
    this.#isTruncated = keys.length >= KEYS_MAX || batches >= BATCHES_MAX;
    keys = [...new Set(keys)].sort().slice(0, KEYS_MAX);
    this.#found.set(typed, keys);
    return keys;
  }

  /** Has the question drawn anew, by a key that means nothing. */
  #redraw(): void {
    if (!this.#over) process.stdin.emit("keypress", undefined, { name: "redraw" });
  }

  #hint(key: string): string {
    const known = this.#hints.get(key);
    if (known !== undefined) return known;
    this.#hints.set(key, "…");
    previewOf(this.#run.session, key).then(
      (preview) => {
        const columns = (process.stdout.columns || 80) - rowText(key).length - 12;
        this.#hints.set(key, shorten(hintOf(preview), Math.max(20, columns)));
        this.#redraw();
      },
      () => this.#hints.set(key, "not connected"),
    );
    return "…";
  }

  /** The key that the user chose; null where there is none. */
  async choose(): Promise<string | null> {
    await this.#load("");
    this.#hints.clear();
    this.#over = false;
    const hint = (key: string) => this.#hint(key);
    const shown = (keys: readonly string[]) => {
      const columns = (process.stdout.columns || 80) - 8;
      return keys.map((key) => ({
        value: key,
        label: shorten(rowText(key), columns),
        get hint() {
          return hint(key);
        },
      }));
    };
    const more = this.#isTruncated ? `, the first ${KEYS_MAX}: type to find others` : "";
    const browser = this;
    const answer = await autocomplete<string>({
      message: `Keys ${rowText(this.#base)} on ${this.#run.session.target}${more}`,
      placeholder: "part of a name, or a pattern",
      maxItems: Math.max(5, (process.stdout.rows || 24) - FRAME_ROWS),
      // What SCAN found is what there is.
      filter: () => true,
      options() {
        browser.#question = this;
        return shown(browser.#keysFor(this?.userInput ?? ""));
      },
    });
    this.#over = true;
    return isCancel(answer) || answer === undefined ? null : answer;
  }

  /** What is known by now; the rest is looked for, and the question drawn again when it is there. */
  #keysFor(typed: string): readonly string[] {
    const keys = this.#found.get(typed);
    if (keys !== undefined) return keys;
    if (this.#typed !== typed) {
      this.#typed = typed;
      setTimeout(() => {
        // Typed on meanwhile.
        if (this.#typed !== typed || this.#over) return;
        this.#load(typed).then(
          () => this.#filterAgain(),
          () => {},
        );
      }, TYPING_MS);
    }
    const all = this.#found.get("") ?? [];
    return all.filter((key) => key.includes(typed));
  }

  /** The question asks for its options when what is typed changes: as if it had, and back. */
  #filterAgain(): void {
    const question = this.#question;
    if (question === null || this.#over) return;
    const typed = question.userInput;
    question.emit("userInput", `${typed}\0`);
    question.emit("userInput", typed);
    this.#redraw();
  }
}

function show(key: string, preview: Preview | null): void {
  const columns = (process.stdout.columns || 80) - 8;
  const name = shorten(rowText(key), columns);
  if (preview === null) {
    note("The key has gone.", name);
    return;
  }
  const { bytes, lines, size, ttl, type } = preview;
  const memory = bytes === null ? "" : `${humanBytes(bytes)} of memory`;
  const facts = [type, size, ttl, memory].filter(Boolean).join(", ");
  note([facts, "", ...lines.map((line) => shorten(line, columns))].join("\n"), name);
}

export function runBrowser(run: Run, pattern: string): Promise<number> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    warn("The browser needs a terminal; --scan lists keys without one.");
    return Promise.resolve(1);
  }
  return withServer(run, "ERROR: ", async () => {
    const browser = new Browser(run, pattern);
    for (;;) {
      const key = await browser.choose();
      if (key === null) return;
      try {
        show(key, await previewOf(run.session, key));
        const next = await select({
          message: "What next?",
          options: [
            { value: "keys", label: "Back to the keys" },
            { value: "leave", label: "Leave" },
          ],
        });
        if (next !== "keys") return;
      } catch (error) {
        if (!(error instanceof ConnectionError || error instanceof RefusedError)) throw error;
        warn(error.message);
        return 1;
      }
    }
  });
}

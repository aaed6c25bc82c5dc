/** The interactive prompt: editing, history, completion, hints, a question before what is dangerous. */
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { confirm, isCancel } from "@clack/prompts";
import { quote, splitArguments } from "../protocol/arguments.ts";
import { completions } from "./completion.ts";
import { dangerOn } from "./danger.ts";
import { builtInDocs, type CommandDoc, serverDocs } from "./docs.ts";
import { Editor } from "./editor.ts";
import { hintFor } from "./hints.ts";
import { History } from "./history.ts";
import type { Leaving } from "./invocation.ts";
import { runStream } from "./modes/stream.ts";
import type { CliOptions } from "./options.ts";
import { print } from "./print.ts";
import { Shell } from "./shell.ts";
import { Terminal } from "./terminal.ts";

/** The commands of pasted text: a line each, unless its quotes are still open. */
export function commandsIn(text: string): string[] {
  const commands: string[] = [];
  let open = "";
  for (const line of text.split(/\r?\n/)) {
    open += open === "" ? line : `\n${line}`;
    if (splitArguments(open) === null) continue;
    commands.push(open);
    open = "";
  }
  return open === "" ? commands : [...commands, open];
}

/** On one row, for the history. */
function inOneRow(command: string): string {
  if (!command.includes("\n")) return command;
  const words = splitArguments(Buffer.from(command).toString("latin1")) ?? [];
  return words.map((word) => (/^[\w:.*-]+$/.test(word) ? word : quote(word))).join(" ");
}

class Prompt {
  readonly #terminal = new Terminal();
  readonly #history = History.atHome();
  readonly #shell: Shell;
  readonly #editor: Editor;
  #docs: readonly CommandDoc[] | null = null;
  /** What the docs are of. */
  #docsOf = "";

  constructor(options: CliOptions) {
    this.#shell = new Shell(options, () => this.#leaving());
    const { output, session } = this.#shell.run;
    this.#editor = new Editor(this.#terminal, this.#history, {
      completions: (line) => completions(line, this.#docs ?? builtInDocs()),
      hint: (line) =>
        this.#shell.preferences.hints && this.#docs !== null ? hintFor(line, this.#docs) : "",
      colour: () => output.colour,
    });
    this.#shell.aside = (text) => this.#editor.aside(() => print(text));
    this.#shell.mayRun = (args) => this.#mayRun(args);
    this.#shell.lend = async (body) => {
      this.#terminal.stop();
      try {
        return await body();
      } finally {
        this.#terminal.start();
      }
    };
    this.#terminal.onInterrupt = () => {
      print("^C\n");
      session.cancel();
    };
  }

  async run(): Promise<number> {
    const { session } = this.#shell.run;
    this.#readPreferences();
    await session.open();
    this.#terminal.start();
    try {
      for (;;) {
        this.#loadDocs();
        const text = await this.#editor.read(this.#shell.prompt);
        if (text === null) {
          // Leaving the channels comes before leaving the prompt.
          if (!session.subscribed) return 0;
          session.close();
          await session.open();
          continue;
        }
        if (text.trim() === "" && session.subscribed && session.protocol === 2) {
          await runStream(this.#shell.run, []);
          continue;
        }
        for (const command of commandsIn(text)) {
          this.#history.add(inOneRow(command));
          if (!(await this.#shell.line(Buffer.from(command).toString("latin1")))) return 0;
        }
      }
    } finally {
      this.#terminal.stop();
    }
  }

  #readPreferences(): void {
    const file = process.env.STORMDBCLI_RCFILE ?? join(homedir(), ".stormdbclirc");
    try {
      this.#shell.readPreferences(readFileSync(file, "utf8"));
    } catch {
      // Nobody needs to have one.
    }
  }

  /** The docs come while the user types; until then there are completions of our own. */
  #loadDocs(): void {
    const { session } = this.#shell.run;
    if (!session.connected || session.target === this.#docsOf) {
      this.#docs ??= session.connected ? null : builtInDocs();
      return;
    }
    if (session.inTransaction || session.subscribed) return;
    this.#docsOf = session.target;
    serverDocs(session).then((docs) => {
      this.#docs = docs;
      this.#editor.aside(() => {});
    });
  }

  async #mayRun(args: readonly string[]): Promise<boolean> {
    const { session } = this.#shell.run;
    if (!this.#shell.preferences.confirm || session.isLocal || !(await session.open())) return true;
    const danger = await dangerOn(session, args);
    if (danger === null) return true;
    return this.#shell.lend(async () => {
      const what = args.map((arg) => (/^[\x21-\x7e]+$/.test(arg) ? arg : quote(arg))).join(" ");
      const answer = await confirm({
        message: `${what} on ${session.target}: are you sure? ${danger}`,
        initialValue: false,
      });
      return !isCancel(answer) && answer;
    });
  }

  #leaving(): { left: Promise<Leaving>; stop: () => void } {
    const left = new Promise<Leaving>((done) => {
      this.#terminal.listen((key) => {
        this.#terminal.listen(null);
        done(key.ctrl && (key.name === "c" || key.name === "d") ? "quit" : "command");
      });
    });
    return { left, stop: () => this.#terminal.listen(null) };
  }
}

export function runPrompt(options: CliOptions): Promise<number> {
  return new Prompt(options).run();
}

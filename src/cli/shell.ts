/** Lines of commands, from standard input or the prompt: what redis-cli does itself, and the rest. */
import { splitArguments } from "../protocol/arguments.ts";
import type { Run } from "./invocation.ts";
import type { CliOptions } from "./options.ts";
import { Output, pushText } from "./output.ts";
import { Preferences } from "./preferences.ts";
import { print, warn } from "./print.ts";
import { readLine, runCommand, streamOf } from "./run.ts";
import { Session } from "./session.ts";

/** Longer ones are told, in ms. */
const SLOW_MS = 500;

export class Shell {
  readonly run: Run;
  readonly preferences: Preferences;
  /** Prints something that comes while a line may be typed. */
  aside: (text: string) => void = print;
  /** Asked before each command; the prompt does so. */
  mayRun: (args: readonly string[]) => Promise<boolean> = async () => true;
  /** Runs what wants the keyboard for itself. */
  lend: <T>(body: () => Promise<T>) => Promise<T> = (body) => body();

  constructor(options: CliOptions, leaving?: Run["leaving"]) {
    const session = new Session(options, warn);
    const output = new Output(options);
    this.run = { session, options, output, ...(leaving !== undefined && { leaving }) };
    this.preferences = new Preferences(output, !options.confirmed);
    if (options.showsPushes ?? process.stdout.isTTY) {
      session.onPush = (reply) => this.aside(pushText(reply, output));
    }
  }

  /** As shown before what is typed. */
  get prompt(): string {
    const { options, session } = this.run;
    if (!session.connected) return "not connected> ";
    const name = options.path === undefined ? session.target : `redis ${session.target}`;
    const database = session.database === 0 ? "" : `[${session.database}]`;
    const state = session.inTransaction ? "(TX)" : session.subscribed ? "(subscribed mode)" : "";
    return `${name}${database}${state}> `;
  }

  /** Runs a line of one character a byte. False where it says to quit. */
  async line(line: string): Promise<boolean> {
    const { output, session } = this.run;
    const parsed = readLine(line);
    if (parsed === null) {
      print("Invalid argument(s)\n");
      return true;
    }
    const { args, times } = parsed;
    if (args.length === 0) return true;
    if (Number.isNaN(times)) {
      print("Invalid redis-cli repeat command option value.\n");
      return true;
    }
    const name = args[0]!.toLowerCase();
    if (name === "quit" || name === "exit") return false;
    if (name.startsWith(":")) {
      await this.#own(name.slice(1), args.slice(1), line);
    } else if (name === "restart" && args.length === 1) {
      print("Use 'restart' only in Lua debugging mode.\n");
    } else if (name === "connect" && (args.length === 1 || args.length === 3)) {
      if (args.length === 3) await session.move(args[1]!, Number(args[2]));
      else await session.open();
    } else if (name === "clear" && args.length === 1) {
      print("\x1b[H\x1b[2J");
    } else if (await this.mayRun(args)) {
      for (let i = 0; i < times; i++) {
        const isStream = streamOf(name, this.run.session) !== null;
        const startMs = performance.now();
        const code = await runCommand(this.run, args);
        const tookMs = performance.now() - startMs;
        if (tookMs >= SLOW_MS && !isStream && output.format === "pretty") {
          print(`(${(tookMs / 1000).toFixed(2)}s)\n`);
        }
        if (code !== 0 && !session.connected) break;
      }
    }
    return true;
  }

  async #own(name: string, args: readonly string[], line: string): Promise<void> {
    switch (name) {
      case "set":
        print(this.preferences.set(args));
        break;
      case "watch": {
        const { runWatch } = await import("./modes/watch.ts");
        await this.lend(() => runWatch(this.run, args));
        break;
      }
      case "browse": {
        const { runBrowser } = await import("./modes/browse.ts");
        await this.lend(() => runBrowser(this.run, args[0] ?? "*"));
        break;
      }
      case "explain": {
        const { runExplain } = await import("./modes/explain.ts");
        await runExplain(this.run, args);
        break;
      }
      default:
        print(`${line.trim().split(/\s/)[0]}: there are :set, :watch, :browse and :explain\n`);
    }
  }

  /** Settings of the user, from a file of lines like ":set nohints". */
  readPreferences(text: string): void {
    for (const line of text.split("\n")) {
      const words = splitArguments(line.replace(/\r$/, ""));
      if (words === null || words.length === 0 || words[0]!.startsWith("#")) continue;
      const said =
        words[0] === ":set" ? this.preferences.set(words.slice(1)) : `not :set: ${line}\n`;
      if (said !== "") warn(`preferences: ${said.trimEnd()}`);
    }
  }
}

/** The interactive prompt: history, completion of command names, a question before what destroys. */
import { appendFileSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { confirm, isCancel } from "@clack/prompts";
import { COMMANDS } from "../commands/index.ts";
import { syntaxText } from "../commands/syntax.ts";
import type { CliOptions } from "./options.ts";
import { readLine, runCommand } from "./run.ts";
import type { Session } from "./session.ts";

const HISTORY_LINES = 1000;
const DANGEROUS = new Set(["flushall", "flushdb", "shutdown"]);

function historyFile(): string {
  return process.env.STORMDBCLI_HISTFILE ?? join(homedir(), ".stormdbcli_history");
}

/** The lines of earlier prompts, the latest first. */
function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), "utf8")
      .split("\n")
      .filter(Boolean)
      .slice(-HISTORY_LINES)
      .reverse();
  } catch {
    return [];
  }
}

/** A line with a password is not kept. */
function remember(line: string): void {
  if (/^\s*(auth|hello|config\s+set\s+requirepass)\b/i.test(line)) return;
  try {
    appendFileSync(historyFile(), `${line}\n`, { mode: 0o600 });
  } catch {
    // A history that cannot be kept is no reason to stop.
  }
}

function complete(line: string): [string[], string] {
  const names = COMMANDS.flatMap(({ name, subcommands }) => [
    name,
    ...(subcommands ?? []).map((sub) => `${name} ${sub.name}`),
  ]);
  const upper = line !== "" && line === line.toUpperCase();
  const hits = names.filter((name) => name.startsWith(line.toLowerCase()));
  return [upper ? hits.map((name) => name.toUpperCase()) : hits, line];
}

function help(words: readonly string[]): string {
  const name = words.join(" ").toLowerCase();
  const specs = COMMANDS.flatMap((spec) => [
    { title: spec.name, spec },
    ...(spec.subcommands ?? []).map((sub) => ({ title: `${spec.name} ${sub.name}`, spec: sub })),
  ]).filter(({ title }) => title === name || title.startsWith(`${name} `));
  if (name === "" || specs.length === 0) {
    return "help <command> describes a command, Tab completes it, quit leaves.\n";
  }
  return specs
    .map(
      ({ title, spec }) =>
        `\n  ${title.toUpperCase()} ${syntaxText(spec.syntax ?? "")}\n  ${spec.summary}\n  since ${spec.since}, ${spec.complexity}\n`,
    )
    .join("");
}

async function mayRun(args: readonly string[], session: Session): Promise<boolean> {
  const name = args[0]!.toLowerCase();
  if (!DANGEROUS.has(name) || (args.length > 1 && args[1]!.toLowerCase() === "abort")) return true;
  const answer = await confirm({
    message: `${args.join(" ").toUpperCase()} on ${session.target}: are you sure?`,
    initialValue: false,
  });
  return !isCancel(answer) && answer;
}

export async function runPrompt(session: Session, options: CliOptions): Promise<number> {
  await session.open();
  let history = readHistory();
  for (;;) {
    const database = session.database === 0 ? "" : `[${session.database}]`;
    const prompt = session.connected ? `${session.target}${database}> ` : "not connected> ";
    const line = await ask(prompt, history);
    if (line === null) return 0;
    if (line.trim() === "") continue;
    history = [line, ...history.filter((old) => old !== line)];
    remember(line);
    const parsed = readLine(Buffer.from(line).toString("latin1"));
    if (parsed === null) {
      process.stdout.write("Invalid argument(s)\n");
      continue;
    }
    const { args, times } = parsed;
    if (args.length === 0) continue;
    const name = args[0]!.toLowerCase();
    if (name === "quit" || name === "exit") return 0;
    if (name === "clear") process.stdout.write("\x1b[2J\x1b[H");
    else if (name === "help" || name === "?") process.stdout.write(help(args.slice(1)));
    else if (name === "connect" && args.length === 1) await session.open();
    else if (await mayRun(args, session)) {
      for (let i = 0; i < times; i++) await runCommand(session, options, args);
    }
  }
}

/** One line of input; null at the end of it. Readline is closed meanwhile, so that a question can be asked. */
function ask(prompt: string, history: readonly string[]): Promise<string | null> {
  return new Promise((done) => {
    const lines: Interface = createInterface({
      input: process.stdin,
      output: process.stdout,
      history: [...history],
      historySize: HISTORY_LINES,
      completer: complete,
      prompt,
    });
    let answer: string | null = null;
    lines.on("line", (line) => {
      answer = line;
      lines.close();
    });
    lines.on("SIGINT", () => lines.close());
    lines.on("close", () => done(answer));
    lines.prompt();
  });
}

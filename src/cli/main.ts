/** `stormdb cli`: one command, commands from standard input, or a prompt. */
import { readFileSync } from "node:fs";
import { UsageError } from "../client/target.ts";
import { CLI_USAGE, type CliOptions, readOptions } from "./options.ts";
import { print, readLine, runCommand, warn } from "./run.ts";
import { Session } from "./session.ts";

/** Runs the command as often as -r says. */
async function repeatCommand(
  session: Session,
  options: CliOptions,
  args: readonly string[],
): Promise<number> {
  let code = 0;
  for (let i = 0; i < options.repeat; i++) {
    if (i > 0 && options.intervalSeconds > 0) await Bun.sleep(options.intervalSeconds * 1000);
    code = await runCommand(session, options, args);
    if (code !== 0) return code;
  }
  return code;
}

async function runInput(session: Session, options: CliOptions): Promise<number> {
  let code = 0;
  const lines = readFileSync(0).toString("latin1").split("\n");
  for (const line of lines) {
    const parsed = readLine(line.replace(/\r$/, ""));
    if (parsed === null) {
      print("Invalid argument(s)\n");
      continue;
    }
    if (parsed.args.length === 0) continue;
    if (/^(quit|exit)$/i.test(parsed.args[0]!)) return code;
    for (let i = 0; i < parsed.times; i++) {
      const result = await runCommand(session, options, parsed.args);
      if (result !== 0) code = result;
      if (result !== 0 && !session.connected) return result;
    }
  }
  return code;
}

/** Resolves to the exit code. */
export async function runCli(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(CLI_USAGE);
    return 0;
  }
  let options: CliOptions;
  try {
    options = readOptions(args, warn);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    warn(error.message);
    return 1;
  }
  const session = new Session(options, warn);
  if (options.command.length > 0) {
    const command = [...options.command];
    if (options.lastFromInput) command.push(readFileSync(0).toString("latin1"));
    if (options.tagFromInput !== undefined) {
      const at = command.indexOf(options.tagFromInput);
      if (at < 0) {
        warn("Using -X option but stdin tag not match.");
        return 1;
      }
      command[at] = readFileSync(0).toString("latin1");
    }
    return repeatCommand(session, options, command);
  }
  if (!process.stdin.isTTY) return runInput(session, options);
  const { runPrompt } = await import("./prompt.ts");
  return runPrompt(session, options);
}

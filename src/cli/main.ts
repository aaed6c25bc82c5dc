/** `stormdb cli`: one command, commands from standard input, a prompt, or one of the modes. */
import { readFileSync } from "node:fs";
import { UsageError } from "../client/target.ts";
import { STORMDB_VERSION } from "../version.ts";
import type { Run } from "./invocation.ts";
import { CLI_USAGE, type CliOptions, QuoteError, readOptions } from "./options.ts";
import { Output, pushText } from "./output.ts";
import { print, warn } from "./print.ts";
import { runCommand } from "./run.ts";
import { Session } from "./session.ts";
import { isTerminalOutput } from "./terminals.ts";

/** Runs the command as often as -r says. */
async function repeatCommand(run: Run, args: readonly string[]): Promise<number> {
  const { intervalSeconds, repeat } = run.options;
  for (let i = 0; i < repeat; i++) {
    if (i > 0 && intervalSeconds > 0) await Bun.sleep(intervalSeconds * 1000);
    const code = await runCommand(run, args);
    if (code !== 0) return code;
  }
  return 0;
}

async function runInput(options: CliOptions): Promise<number> {
  const { Shell } = await import("./shell.ts");
  const shell = new Shell(options);
  await shell.run.session.open();
  let rest = "";
  for await (const chunk of Bun.stdin.stream()) {
    const lines = (rest + Buffer.from(chunk).toString("latin1")).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (!(await shell.line(line.replace(/\r$/, "")))) return 0;
  }
  await shell.line(rest);
  return 0;
}

/** The command with what -x and -X take from standard input; null where the tag is missing. */
function commandOf(options: CliOptions): string[] | null {
  const command = [...options.command];
  const input = () => readFileSync(0).toString("latin1");
  if (options.lastFromInput) command.push(input());
  if (options.tagFromInput !== undefined) {
    const at = command.indexOf(options.tagFromInput);
    if (at < 0) return null;
    command[at] = input();
  }
  return command;
}

async function runMode(run: Run): Promise<number> {
  switch (run.options.mode) {
    case "bigkeys":
    case "hotkeys":
    case "memkeys":
      return (await import("./modes/keys.ts")).runKeys(run);
    case "browse":
      return (await import("./modes/browse.ts")).runBrowser(run, run.options.pattern);
    case "eval":
      return (await import("./modes/eval.ts")).runEval(run);
    case "explain":
      return (await import("./modes/explain.ts")).runExplain(run, run.options.command);
    case "functions-rdb":
    case "rdb":
      return (await import("./modes/rdb.ts")).runRdb(run);
    case "intrinsic-latency":
      return (await import("./modes/latency.ts")).runIntrinsicLatency(run);
    case "latency":
    case "latency-history":
      return (await import("./modes/latency.ts")).runLatency(run);
    case "latency-dist":
      return (await import("./modes/latency.ts")).runLatencyDistribution(run);
    case "lru-test":
      return (await import("./modes/lru-test.ts")).runLruTest(run);
    case "pipe":
      return (await import("./modes/pipe.ts")).runPipe(run);
    case "replica":
      return (await import("./modes/replica.ts")).runReplica(run);
    case "scan":
      return (await import("./modes/scan.ts")).runScan(run);
    case "stat":
      return (await import("./modes/stat.ts")).runStat(run);
    case "watch":
      return (await import("./modes/watch.ts")).runWatch(run, run.options.command);
    case "command":
      return repeatCommand(run, run.options.command);
  }
}

/** Resolves to the exit code. */
export async function runCli(args: readonly string[]): Promise<number> {
  let options: CliOptions;
  try {
    if (args.includes("--help") || args.at(-1) === "-h") {
      process.stdout.write(CLI_USAGE);
      return 0;
    }
    if (args[0] === "--version" || args[0] === "-v") {
      process.stdout.write(`stormdb cli ${STORMDB_VERSION}\n`);
      return 0;
    }
    options = readOptions(args, warn);
    if (options.asksPassword) {
      const { askPassword } = await import("./ask.ts");
      options = { ...options, password: await askPassword() };
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (error instanceof QuoteError) print(`${error.message}\n`);
    else warn(error.message);
    return 1;
  }
  if (options.mode === "command" && options.command.length === 0) {
    if (!process.stdin.isTTY) return runInput(options);
    const { runPrompt } = await import("./prompt.ts");
    return runPrompt(options);
  }
  const command = options.mode === "command" ? commandOf(options) : options.command;
  if (command === null) {
    warn("Using -X option but stdin tag not match.");
    return 1;
  }
  const output = new Output(options);
  const session = new Session(options, warn);
  const run: Run = { session, output, options: { ...options, command } };
  if (options.showsPushes ?? isTerminalOutput()) {
    session.onPush = (reply) => print(pushText(reply, output));
  }
  return runMode(run);
}

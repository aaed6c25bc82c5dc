/** The command line of `stormdb cli`: redis-cli's options. */
import { TARGET_USAGE, type Target, TargetOptions, UsageError } from "../client/target.ts";
import type { Format } from "./format.ts";

export interface CliOptions extends Readonly<Target> {
  /** Undefined: raw where standard output is no terminal. */
  readonly format: Format | undefined;
  /** 2 or 3. */
  readonly protocol: number;
  /** -e: an error reply makes the exit code 1. */
  readonly failOnError: boolean;
  /** -x: the last argument comes from standard input. */
  readonly lastFromInput: boolean;
  /** -X: this argument is replaced by standard input. */
  readonly tagFromInput: string | undefined;
  readonly repeat: number;
  readonly intervalSeconds: number;
  readonly command: readonly string[];
}

export const CLI_USAGE = `Usage: stormdb cli [options] [command [argument ...]]

Sends a command and prints the reply. Without a command it reads commands from standard input,
or opens a prompt where that is a terminal.

Options:
${TARGET_USAGE}  -2, -3                 protocol RESP2 (default) or RESP3
  -x                     take the last argument from standard input
  -X <tag>               put standard input in the place of this argument
  -r <times>             run the command that many times (-1: for ever)
  -i <seconds>           wait between those runs
  -e                     exit with code 1 if the reply is an error
  --raw, --no-raw        print replies as bytes, or with their types
  --csv, --json          print replies as CSV or JSON (JSON asks for RESP3)
  --no-auth-warning      do not warn of a password on the command line
  --help, --version

Examples:
  stormdb cli SET greeting hello
  stormdb cli -x SET photo < photo.jpg
  stormdb cli -r 5 -i 1 INCR counter
`;

/** `warn` receives what the user should know but that stops nothing. Throws UsageError. */
export function readOptions(args: readonly string[], warn: (text: string) => void): CliOptions {
  const target = new TargetOptions();
  let format: Format | undefined;
  let protocol = 0;
  let failOnError = false;
  let lastFromInput = false;
  let tagFromInput: string | undefined;
  let repeat = 1;
  let intervalSeconds = 0;
  let warnsOfPassword = true;
  let i = 0;
  const value = (): string => {
    const next = args[++i];
    if (next === undefined) {
      throw new UsageError(`Unrecognized option or bad number of args for: '${args[i - 1]}'`);
    }
    return next;
  };
  for (; i < args.length; i++) {
    const option = args[i]!;
    if (!option.startsWith("-")) break;
    if (target.take(option, value)) continue;
    switch (option) {
      case "-2":
        protocol = 2;
        break;
      case "-3":
        protocol = 3;
        break;
      case "-e":
        failOnError = true;
        break;
      case "-x":
        lastFromInput = true;
        break;
      case "-X":
        tagFromInput = value();
        break;
      case "-r":
        repeat = Number(value());
        break;
      case "-i":
        intervalSeconds = Number(value());
        break;
      case "--raw":
        format = "raw";
        break;
      case "--no-raw":
        format = "pretty";
        break;
      case "--csv":
        format = "csv";
        break;
      case "--json":
        format = "json";
        break;
      case "--no-auth-warning":
        warnsOfPassword = false;
        break;
      default:
        throw new UsageError(`Unrecognized option or bad number of args for: '${option}'`);
    }
  }
  if (target.passwordSeen && warnsOfPassword) {
    warn("Warning: a password on the command line can be seen by other users of this machine.");
  }
  return {
    ...target.target,
    format,
    protocol: protocol !== 0 ? protocol : format === "json" ? 3 : 2,
    failOnError,
    lastFromInput,
    tagFromInput,
    repeat: repeat < 0 ? Number.POSITIVE_INFINITY : repeat,
    intervalSeconds,
    command: args.slice(i).map((arg) => Buffer.from(arg).toString("latin1")),
  };
}

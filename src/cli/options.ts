/** The command line of `stormdb cli`: redis-cli's options, and some beyond. */
import {
  leadingInteger,
  TARGET_USAGE,
  type Target,
  TargetOptions,
  UsageError,
} from "../client/target.ts";
import { splitArguments } from "../protocol/arguments.ts";
import type { Format } from "./format.ts";

/** Told on standard output, as redis-cli does. */
export class QuoteError extends UsageError {}

/** What the cli is to do. "command": run one, or those of standard input or of the prompt. */
export type Mode =
  | "command"
  | "bigkeys"
  | "browse"
  | "eval"
  | "explain"
  | "functions-rdb"
  | "hotkeys"
  | "intrinsic-latency"
  | "latency"
  | "latency-dist"
  | "latency-history"
  | "lru-test"
  | "memkeys"
  | "pipe"
  | "rdb"
  | "replica"
  | "scan"
  | "stat"
  | "watch";

export interface CliOptions extends Readonly<Target> {
  readonly mode: Mode;
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
  /** Between the elements of a raw reply, and behind each reply. */
  readonly elementDelimiter: string;
  readonly replyDelimiter: string;
  /** Undefined: where standard output is a terminal. */
  readonly showsPushes: boolean | undefined;
  readonly asksPassword: boolean;
  /** -c: MOVED and ASK are followed. */
  readonly followsRedirections: boolean;
  /** Nothing is asked before dangerous commands. */
  readonly confirmed: boolean;
  readonly pattern: string;
  readonly count: number | undefined;
  readonly type: string | undefined;
  /** Of --memkeys-samples. */
  readonly samples: number | undefined;
  /** Of --rdb, --functions-rdb and --eval. */
  readonly file: string;
  readonly pipeTimeoutSeconds: number;
  /** Keys of --lru-test, seconds of --intrinsic-latency. */
  readonly amount: number;
}

export const CLI_USAGE = `Usage: stormdb cli [options] [command [argument ...]]

Sends a command and prints the reply. Without a command it reads commands from standard input,
or opens a prompt where that is a terminal.

Options:
${TARGET_USAGE}  -2, -3                 protocol RESP2 (default) or RESP3
  -x                     take the last argument from standard input
  -X <tag>               put standard input in the place of this argument
  -r <times>             run the command that many times (-1: for ever)
  -i <seconds>           wait between those runs; the interval of the modes below
  -e                     exit with code 1 if the reply is an error
  -c                     follow MOVED and ASK of a cluster
  -d, -D <delimiter>     what is between the elements of raw replies, and behind replies
  --raw, --no-raw        print replies as bytes, or with their types
  --csv, --json          print replies as CSV or JSON (JSON asks for RESP3)
  --quoted-json          JSON of ASCII characters only
  --quoted-input         arguments are quoted strings: '"a\\x00b"'
  --show-pushes <yes|no> print RESP3 pushes (default: on a terminal)
  --no-auth-warning      do not warn of a password on the command line
  --yes                  do not ask before dangerous commands
  --help, --version

Modes:
  --scan                 list the keys
    --pattern <pattern>, --quoted-pattern <quoted>, --count <count>, --type <type>
  --browse               look at keys and values; --pattern as above
  --bigkeys, --memkeys, --hotkeys
                         find the largest and the most used keys; -i 0.1 spares the server
    --memkeys-samples <elements>
  --stat                 figures, a line each -i seconds
  --latency, --latency-history, --latency-dist
                         measure the time of a round trip
  --intrinsic-latency <seconds>
                         measure how long this machine keeps a process waiting
  --lru-test <keys>      simulate a cache, 80 % of the reads for 20 % of the keys
  --pipe                 send the protocol that comes from standard input
    --pipe-timeout <seconds>
  --rdb <file>, --functions-rdb <file>
                         fetch a snapshot ("-": to standard output)
  --replica              show the commands that a replica gets
  --eval <file> [key ...] , [argument ...]
                         run a Lua script
  --watch <command ...>  repeat a command each -i seconds and show what changes
  --explain <command ...>
                         what a command is, costs and does to which keys

Examples:
  stormdb cli SET greeting hello
  stormdb cli -x SET photo < photo.jpg
  stormdb cli -r 5 -i 1 INCR counter
  stormdb cli --scan --pattern 'user:*'
  stormdb cli --pipe < commands.resp
`;

/** Options that choose a mode; what they take of the arguments behind them is said below. */
const MODES: Readonly<Record<string, Mode>> = {
  "--bigkeys": "bigkeys",
  "--browse": "browse",
  "--eval": "eval",
  "--explain": "explain",
  "--functions-rdb": "functions-rdb",
  "--hotkeys": "hotkeys",
  "--intrinsic-latency": "intrinsic-latency",
  "--latency": "latency",
  "--latency-dist": "latency-dist",
  "--latency-history": "latency-history",
  "--lru-test": "lru-test",
  "--memkeys": "memkeys",
  "--memkeys-samples": "memkeys",
  "--pipe": "pipe",
  "--rdb": "rdb",
  "--replica": "replica",
  "--scan": "scan",
  "--slave": "replica",
  "--stat": "stat",
  "--watch": "watch",
};

const FORMATS: Readonly<Record<string, Format>> = {
  "--raw": "raw",
  "--no-raw": "pretty",
  "--csv": "csv",
  "--json": "json",
  "--quoted-json": "quoted-json",
};

/** The number a text begins with, 0 without one. */
function leadingNumber(text: string): number {
  return Number(/^\s*[+-]?(\d+\.?\d*|\.\d+)/.exec(text)?.[0] ?? 0);
}

/** One character a byte. */
function latin1Of(text: string): string {
  return Buffer.from(text).toString("latin1");
}

function unquoted(text: string): string {
  const words = splitArguments(text);
  if (words?.length !== 1) throw new QuoteError("Invalid quoted string");
  return words[0]!;
}

class Reader {
  readonly #args: readonly string[];
  readonly #target = new TargetOptions();
  #at = 0;
  #warnsOfPassword = true;
  #quoted = false;
  #protocol = 0;
  readonly #read: { -readonly [K in keyof CliOptions]?: CliOptions[K] } = {};

  readonly #warn: (text: string) => void;

  constructor(args: readonly string[], warn: (text: string) => void) {
    this.#args = args;
    this.#warn = warn;
  }

  readonly #value = (): string => {
    const next = this.#args[++this.#at];
    if (next === undefined) throw this.#unknown(this.#args[this.#at - 1]!);
    return next;
  };

  #unknown(option: string): UsageError {
    return new UsageError(`Unrecognized option or bad number of args for: '${option}'`);
  }

  read(): CliOptions {
    const args = this.#args;
    for (; this.#at < args.length; this.#at++) {
      const option = args[this.#at]!;
      if (!option.startsWith("-")) break;
      if (!this.#target.take(option, this.#value)) this.#take(option);
      // What is behind these is theirs, options or not.
      if (option === "--eval" || option === "--watch" || option === "--explain") {
        this.#at++;
        break;
      }
    }
    const read = this.#read;
    if (this.#target.passwordSeen && this.#warnsOfPassword) {
      this.#warn(
        "Warning: Using a password with '-a' or '-u' option on the command line interface may not be safe.",
      );
    }
    const isJson = read.format === "json" || read.format === "quoted-json";
    const command = args.slice(this.#at).map(latin1Of);
    if (read.lastFromInput && read.tagFromInput !== undefined) {
      throw new UsageError("Options -x and -X are mutually exclusive.");
    }
    return {
      mode: "command",
      format: undefined,
      failOnError: false,
      lastFromInput: false,
      tagFromInput: undefined,
      repeat: 1,
      intervalSeconds: 0,
      elementDelimiter: "\n",
      replyDelimiter: "\n",
      showsPushes: undefined,
      asksPassword: false,
      followsRedirections: false,
      confirmed: false,
      pattern: "*",
      count: undefined,
      type: undefined,
      samples: undefined,
      file: "",
      pipeTimeoutSeconds: 30,
      amount: 0,
      ...this.#target.target,
      ...read,
      protocol: this.#protocol !== 0 ? this.#protocol : isJson ? 3 : 2,
      command: this.#quoted ? command.map(unquoted) : command,
    };
  }

  #take(option: string): void {
    const read = this.#read;
    const value = this.#value;
    const mode = MODES[option];
    if (mode !== undefined) {
      read.mode = mode;
      switch (option) {
        case "--eval":
        case "--functions-rdb":
        case "--rdb":
          read.file = value();
          break;
        case "--intrinsic-latency":
        case "--lru-test":
          read.amount = leadingNumber(value());
          break;
        case "--memkeys-samples":
          read.samples = leadingInteger(value());
          break;
      }
      return;
    }
    const format = FORMATS[option];
    if (format !== undefined) {
      read.format = format;
      return;
    }
    switch (option) {
      case "-2":
        this.#protocol = 2;
        break;
      case "-3":
        this.#protocol = 3;
        break;
      case "-c":
        read.followsRedirections = true;
        break;
      case "-d":
        read.elementDelimiter = latin1Of(value());
        break;
      case "-D":
        read.replyDelimiter = latin1Of(value());
        break;
      case "-e":
        read.failOnError = true;
        break;
      case "-x":
        read.lastFromInput = true;
        break;
      case "-X":
        read.tagFromInput = latin1Of(value());
        break;
      case "-r": {
        const times = leadingInteger(value());
        read.repeat = times < 0 ? Number.POSITIVE_INFINITY : times;
        break;
      }
      case "-i":
        read.intervalSeconds = leadingNumber(value());
        break;
      case "--askpass":
        read.asksPassword = true;
        break;
      case "--no-auth-warning":
        this.#warnsOfPassword = false;
        break;
      case "--yes":
        read.confirmed = true;
        break;
      case "--quoted-input":
        this.#quoted = true;
        break;
      case "--show-pushes": {
        const answer = value();
        if (!/^[yn]/i.test(answer)) {
          this.#warn(`Unknown --show-pushes value '${answer}' (valid: '[y]es', '[n]o')`);
        } else read.showsPushes = /^y/i.test(answer);
        break;
      }
      case "--pattern":
        read.pattern = latin1Of(value());
        break;
      case "--quoted-pattern":
        read.pattern = unquoted(latin1Of(value()));
        break;
      case "--count":
        read.count = leadingInteger(value());
        break;
      case "--type":
        read.type = latin1Of(value());
        break;
      case "--pipe-timeout":
        read.pipeTimeoutSeconds = leadingInteger(value());
        break;
      case "--verbose":
        // It says more of clusters, in redis-cli.
        break;
      default:
        throw this.#unknown(option);
    }
  }
}

/** `warn` receives what the user should know but that stops nothing. Throws UsageError. */
export function readOptions(args: readonly string[], warn: (text: string) => void): CliOptions {
  return new Reader(args, warn).read();
}

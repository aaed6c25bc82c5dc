/** The command line of `stormdb cli`: redis-cli's options. */
import type { Format } from "./format.ts";

export interface CliOptions {
  readonly host: string;
  readonly port: number;
  /** Path of a Unix socket. */
  readonly path: string | undefined;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly database: number;
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
  -h, --host <host>      server (default 127.0.0.1)
  -p, --port <port>      port (default 6379)
  -s <path>              Unix socket, instead of host and port
  -a, --pass <password>  password; REDISCLI_AUTH in the environment does the same, unseen by others
  --user <name>          user name, with -a
  -u <uri>               redis://user:password@host:port/database
  -n <database>          database number (default 0)
  -2, -3                 protocol RESP2 (default) or RESP3
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

/** A mistake on the command line. */
export class UsageError extends Error {}

interface Address {
  host: string;
  port: number;
  user: string | undefined;
  password: string | undefined;
  database: number;
}

function readUri(uri: string): Address {
  let url: URL;
  try {
    url = new URL(uri);
  } catch {
    throw new UsageError(`Invalid URI: ${uri}`);
  }
  if (url.protocol !== "redis:") throw new UsageError("Invalid URI scheme");
  const path = url.pathname.replace(/^\//, "");
  return {
    host: url.hostname === "" ? "127.0.0.1" : url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? 6379 : Number(url.port),
    user: url.username === "" ? undefined : decodeURIComponent(url.username),
    password: url.password === "" ? undefined : decodeURIComponent(url.password),
    database: path === "" ? 0 : Number(path),
  };
}

/** `warn` receives what the user should know but that stops nothing. Throws UsageError. */
export function readOptions(args: readonly string[], warn: (text: string) => void): CliOptions {
  const address: Address = {
    host: "127.0.0.1",
    port: 6379,
    user: undefined,
    password: process.env.REDISCLI_AUTH || undefined,
    database: 0,
  };
  let path: string | undefined;
  let format: Format | undefined;
  let protocol = 0;
  let failOnError = false;
  let lastFromInput = false;
  let tagFromInput: string | undefined;
  let repeat = 1;
  let intervalSeconds = 0;
  let warnsOfPassword = true;
  let passwordSeen = false;
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
    switch (option) {
      case "-h":
      case "--host":
        address.host = value();
        break;
      case "-p":
      case "--port":
        address.port = Number(value());
        if (!(address.port >= 0 && address.port <= 65535))
          throw new UsageError("Invalid server port.");
        break;
      case "-s":
        path = value();
        break;
      case "-a":
      case "--pass":
        address.password = value();
        passwordSeen = true;
        break;
      case "--user":
        address.user = value();
        break;
      case "-u":
        Object.assign(address, readUri(value()));
        passwordSeen ||= address.password !== undefined;
        break;
      case "-n":
        address.database = Number(value());
        break;
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
  if (passwordSeen && warnsOfPassword) {
    warn("Warning: a password on the command line can be seen by other users of this machine.");
  }
  return {
    ...address,
    path,
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

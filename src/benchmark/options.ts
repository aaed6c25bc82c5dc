/** The command line of `stormdb benchmark`: redis-benchmark's options, and more. */
import { TARGET_USAGE, type Target, TargetOptions, UsageError } from "../client/target.ts";
import { type Keys, TEST_NAMES } from "./workload.ts";

export type Format = "text" | "quiet" | "csv" | "json";

export interface BenchmarkOptions {
  readonly target: Target;
  /** The server to compare with. */
  readonly versus: Target | undefined;
  /** 2 or 3. */
  readonly protocol: number;
  readonly connections: number;
  readonly requests: number;
  readonly dataBytes: number;
  readonly pipeline: number;
  /** Null: all requests use the same key. */
  readonly keys: Keys | null;
  readonly keepsAlive: boolean;
  readonly format: Format;
  /** Decimal places of latencies in ms. */
  readonly precision: number;
  readonly loops: boolean;
  /** Undefined: all of them. */
  readonly tests: readonly string[] | undefined;
  /** Reads and writes. */
  readonly ratio: readonly [number, number] | undefined;
  /** Requests a second; 0: as many as the server takes. */
  readonly rate: number;
  readonly rounds: number;
  readonly threads: number;
  readonly idles: boolean;
  /** -x: the last argument comes from standard input. */
  readonly lastFromInput: boolean;
  readonly showsErrors: boolean;
  readonly seed: number;
  /** Printed instead of everything else. */
  readonly about: "help" | "version" | undefined;
  /** One character a byte. */
  readonly command: readonly string[];
}

const THREADS_MAX = 500;
const DATA_BYTES_MAX = 2 ** 30;
const THETA = 0.99;

/** Here -n counts requests, as in redis-benchmark. */
const TARGET_LINES = TARGET_USAGE.split("\n")
  .filter((line) => !line.startsWith("  -n "))
  .join("\n");

export const BENCHMARK_USAGE = `Usage: stormdb benchmark [options] [command [argument ...]]

Loads a server and reports requests per second and latencies. Runs redis-benchmark's tests, or a
command of your own.

${TARGET_LINES}  --dbnum <database>     database number (default 0)
  -3                     protocol RESP3
  -c <clients>           parallel connections (default 50)
  -n <requests>          requests of each test (default 100000)
  -d <bytes>             size of values (default 3)
  -P <requests>          requests in a pipeline (default 1)
  -r <keys>              use this many keys: puts a random number below it, of 12 digits, in the
                         place of each __rand_int__; without it all requests use the same key
  -k <0|1>               0: a new connection for each request (default 1)
  -t <tests>             run only these, separated by commas: ping, set, get, ...
  -l                     run the tests for ever
  -x                     take the last argument of the command from standard input
  -e                     go on after error replies, show one a second and count them
  -I                     open idle connections and wait
  -q                     one line for each test
  --csv, --json          print CSV or JSON
  --precision <0-3>      decimal places of latencies in ms (default 3)
  --threads <n>          divide the connections among this many threads
  --seed <n>             of the random numbers (default 1)
  --help, --version

Beyond redis-benchmark:
  --ratio <r:w>          a test of GETs and SETs, mixed at random in this ratio
  --distribution <name>  of keys: uniform (default), zipf, or zipf:<theta> (default 0.99)
  --rate <n>             send n requests a second over all connections, each at its time, and count
                         latency from then on (no coordinated omission)
  --vs <host:port>       compare with this server, which gets the same load in turns
  --rounds <n>           turns of each server (default 10)

In a command, __data__ stands for a value of -d bytes. On a terminal a chart shows the progress;
Ctrl-C ends the run with a report of what there is.

Examples:
  stormdb benchmark -t set,get -P 16 -r 100000
  stormdb benchmark --ratio 9:1 --distribution zipf -r 1000000 --rate 20000
  stormdb benchmark -t get --vs 127.0.0.1:6380
  stormdb benchmark -r 10000 LPUSH mylist __rand_int__
`;

function invalid(option: string): UsageError {
  return new UsageError(`Invalid option "${option}" or option argument missing`);
}

function wholeNumber(option: string, text: string, min: number, max: number): number {
  const number = Number(text);
  if (!/^-?[0-9]+$/.test(text) || number < min || number > max) {
    const range = max >= Number.MAX_SAFE_INTEGER ? `${min} or more` : `${min} to ${max}`;
    throw new UsageError(`${option} takes a whole number, ${range}, not '${text}'`);
  }
  return number;
}

function readRatio(text: string): [number, number] {
  const match = /^([0-9]{1,6}):([0-9]{1,6})$/.exec(text);
  const ratio: [number, number] = [Number(match?.[1]), Number(match?.[2])];
  if (!(ratio[0] + ratio[1] > 0)) {
    throw new UsageError(`--ratio takes reads:writes, such as 9:1, not '${text}'`);
  }
  return ratio;
}

/** Zipf's theta, 0 for the uniform distribution. */
function readDistribution(text: string): number {
  if (text === "uniform") return 0;
  if (text === "zipf") return THETA;
  const theta = /^zipf:([0-9]*\.?[0-9]+)$/.exec(text)?.[1];
  if (theta === undefined || !(Number(theta) > 0) || Number(theta) > 20) {
    throw new UsageError(
      `--distribution takes uniform, zipf or zipf:theta with theta above 0, at most 20, not '${text}'`,
    );
  }
  return Number(theta);
}

function readTests(text: string): string[] {
  const tests = text.toLowerCase().split(",");
  const unknown = tests.find((name) => !TEST_NAMES.includes(name));
  if (unknown !== undefined) {
    throw new UsageError(`There is no test '${unknown}'. Tests: ${TEST_NAMES.join(" ")}`);
  }
  return tests;
}

/** The same user and database as `target`, on another server. */
function readVersus(text: string, target: Target): Target {
  if (text.includes("/")) return { ...target, path: text };
  const match = /^(.*):([0-9]+)$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65535) {
    throw new UsageError(`--vs takes host:port or the path of a socket, not '${text}'`);
  }
  const host = match[1]!.replace(/^\[|\]$/g, "");
  return { ...target, host: host === "" ? "127.0.0.1" : host, port, path: undefined };
}

/** `warn` receives what the user should know but that stops nothing. Throws UsageError. */
export function readOptions(
  args: readonly string[],
  warn: (text: string) => void,
): BenchmarkOptions {
  const server = new TargetOptions();
  let versus: string | undefined;
  let protocol = 2;
  let connections = 50;
  let requests = 100_000;
  let dataBytes = 3;
  let pipeline = 1;
  let keyCount: number | undefined;
  let theta = 0;
  let keepsAlive = true;
  let format: Format = "text";
  let precision = 3;
  let loops = false;
  let tests: string[] | undefined;
  let ratio: [number, number] | undefined;
  let rate = 0;
  let rounds = 10;
  let threads = 0;
  let idles = false;
  let lastFromInput = false;
  let showsErrors = false;
  let seed = 1;
  let about: BenchmarkOptions["about"];
  let i = 0;
  const value = (): string => {
    const next = args[++i];
    if (next === undefined) throw invalid(args[i - 1]!);
    return next;
  };
  const number = (min: number, max = Number.MAX_SAFE_INTEGER): number =>
    wholeNumber(args[i]!, value(), min, max);
  for (; i < args.length; i++) {
    const option = args[i]!;
    if (!option.startsWith("-")) break;
    switch (option) {
      case "-n":
        requests = number(1);
        break;
      case "--dbnum":
        server.target.database = number(0);
        break;
      case "-3":
        protocol = 3;
        break;
      case "-c":
        connections = number(1, 65_535);
        break;
      case "-d":
        dataBytes = number(1, DATA_BYTES_MAX);
        break;
      case "-P":
        pipeline = number(1, 1_000_000);
        break;
      case "-r":
        keyCount = number(0, 1_000_000_000_000);
        break;
      case "-k":
        keepsAlive = number(0, 1) === 1;
        break;
      case "-t":
        tests = readTests(value());
        break;
      case "-l":
        loops = true;
        break;
      case "-x":
        lastFromInput = true;
        break;
      case "-e":
        showsErrors = true;
        break;
      case "-I":
        idles = true;
        break;
      case "-q":
        format = "quiet";
        break;
      case "--csv":
        format = "csv";
        break;
      case "--json":
        format = "json";
        break;
      case "--precision":
        precision = number(0, 3);
        break;
      case "--threads":
        threads = number(0, THREADS_MAX);
        break;
      case "--seed":
        seed = number(0, 2 ** 31 - 1);
        break;
      case "--ratio":
        ratio = readRatio(value());
        break;
      case "--distribution":
        theta = readDistribution(value());
        break;
      case "--rate":
        rate = number(1);
        break;
      case "--vs":
        versus = value();
        break;
      case "--rounds":
        rounds = number(1, 10_000);
        break;
      case "--help":
        about = "help";
        break;
      case "--version":
      case "-v":
        about = "version";
        break;
      default:
        if (!server.take(option, value)) throw invalid(option);
    }
  }
  const command = args.slice(i).map((arg) => Buffer.from(arg).toString("latin1"));
  if (lastFromInput && command.length === 0) throw new UsageError("-x needs a command");
  if (theta > 0 && keyCount === undefined) throw new UsageError("--distribution needs -r");
  if (ratio !== undefined && (tests !== undefined || command.length > 0)) {
    throw new UsageError("--ratio is a test of its own: it goes with neither -t nor a command");
  }
  if (loops && format === "json") throw new UsageError("-l never ends, so it cannot print --json");
  if (server.passwordSeen) {
    warn("Warning: a password on the command line can be seen by other users of this machine.");
  }
  if (server.target.security !== undefined) {
    throw new UsageError("The benchmark's connections are not encrypted.");
  }
  return {
    target: server.target,
    versus: versus === undefined ? undefined : readVersus(versus, server.target),
    protocol,
    connections,
    requests,
    dataBytes,
    pipeline,
    keys: keyCount === undefined ? null : { size: Math.max(1, keyCount), theta },
    keepsAlive,
    format,
    precision,
    loops,
    tests,
    ratio,
    rate,
    rounds: Math.min(rounds, requests),
    threads,
    idles,
    lastFromInput,
    showsErrors,
    seed,
    about,
    command,
  };
}

/** The command line of `stormdb monitor`. */
import { TARGET_USAGE, type Target, TargetOptions, UsageError } from "../client/target.ts";

export interface MonitorOptions extends Readonly<Target> {
  readonly intervalMs: number;
  /** One reading as text, or as JSON, and that is all. */
  readonly once: boolean;
  readonly json: boolean;
}

export const INTERVAL_MS_MIN = 100;
export const INTERVAL_MS_MAX = 3_600_000;

export const MONITOR_USAGE = `Usage: stormdb monitor [options]

Shows what a server does: load, memory, latency, slow commands, hot and big keys, replication,
files and clients. Works with StormDB and with Redis.

Options:
${TARGET_USAGE}  --interval <seconds>   time between readings (default 1)
  --once                 print one reading as text, without a terminal, and end
  --json                 print a JSON object per interval; with --once a single one
  --no-auth-warning      do not warn of a password on the command line
  --help

Keys: q quit, p pause, Tab and 1 to 7 pages, arrows sort and scroll, + - interval, / filter, ? help.
NO_COLOR in the environment does without colours; outside UTF-8 locales charts are ASCII.

Examples:
  stormdb monitor -h db.example -p 6379 --interval 2
  stormdb monitor --once
  stormdb monitor --json | jq .rates.operations
`;

/** `warn` receives what the user should know but that stops nothing. Throws UsageError. */
export function readOptions(args: readonly string[], warn: (text: string) => void): MonitorOptions {
  const target = new TargetOptions();
  let intervalMs = 1000;
  let once = false;
  let json = false;
  let warnsOfPassword = true;
  let i = 0;
  const value = (): string => {
    const next = args[++i];
    if (next === undefined) throw new UsageError(`Option ${args[i - 1]} needs a value.`);
    return next;
  };
  for (; i < args.length; i++) {
    const option = args[i]!;
    if (target.take(option, value)) continue;
    switch (option) {
      case "--interval":
        intervalMs = readInterval(value());
        break;
      case "--once":
        once = true;
        break;
      case "--json":
        json = true;
        break;
      case "--no-auth-warning":
        warnsOfPassword = false;
        break;
      default:
        throw new UsageError(`Unknown option '${option}'; stormdb monitor --help names them all.`);
    }
  }
  if (target.passwordSeen && warnsOfPassword) {
    warn("Warning: a password on the command line can be seen by other users of this machine.");
  }
  return { ...target.target, intervalMs, once, json };
}

function readInterval(text: string): number {
  const ms = Number(text) * 1000;
  if (!(ms >= INTERVAL_MS_MIN && ms <= INTERVAL_MS_MAX)) {
    throw new UsageError("The interval must be between 0.1 and 3600 seconds.");
  }
  return Math.round(ms);
}

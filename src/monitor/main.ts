/** `stormdb monitor`: a dashboard in the terminal, or readings as text or JSON. */
import { UsageError } from "../client/target.ts";
import { MONITOR_USAGE, type MonitorOptions, readOptions } from "./options.ts";
import { runPlain } from "./plain.ts";

/** Resolves to the exit code. */
export async function runMonitor(args: readonly string[]): Promise<number> {
  if (args.includes("--help")) {
    process.stdout.write(MONITOR_USAGE);
    return 0;
  }
  const warn = (text: string) => process.stderr.write(`${text}\n`);
  let options: MonitorOptions;
  try {
    options = readOptions(args, warn);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    warn(error.message);
    return 1;
  }
  if (options.once || options.json) return runPlain(options);
  // terminal-kit is loaded only where there is a terminal.
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  const { TERM } = process.env;
  if (!isTerminal || TERM === undefined || TERM === "" || TERM === "dumb") {
    warn("The monitor needs a terminal whose cursor it can move; --once and --json do without.");
    return 1;
  }
  const { runDashboard } = await import("./dashboard.ts");
  return runDashboard(options);
}

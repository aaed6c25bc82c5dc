/** `stormdb server`: reads the configuration, starts a server and waits for its end. */
import { appendFileSync } from "node:fs";
import { resolve } from "node:path";
import { humanBytes } from "../base/human-bytes.ts";
import { Log } from "../base/log.ts";
import { STORMDB_VERSION } from "../version.ts";
import { Config, ConfigError, type DirectiveValues } from "./configuration/config.ts";
import { DIRECTIVE_GROUPS } from "./configuration/directives/index.ts";
import { parseCommandLine, readStandardInput, SourceError } from "./configuration/sources.ts";
import { surviveFaults } from "./faults.ts";
import { isInBackground, startInBackground, tellStarter } from "./process/daemon.ts";
import { clientsMax, openFilesMax } from "./process/open-files.ts";
import { DAEMON_PID_FILE, removePidFile, writePidFile } from "./process/pid-file.ts";
import { supervisorOf, tellSupervisor } from "./process/supervision.ts";
import { allowTitle, showTitle } from "./process/title.ts";
import { Server } from "./server.ts";

/** The text of --help, with every directive. */
export function serverUsage(): string {
  const groups = Object.entries(DIRECTIVE_GROUPS);
  const width = Math.max(...groups.flatMap(([, group]) => Object.keys(group).map((n) => n.length)));
  const list = groups.map(([title, group]) => {
    const lines = Object.entries(group).map(([name, { about, ...directive }]) => {
      const value = directive.defaultText ?? directive.show(directive.default);
      return `  ${name.padEnd(width)}  ${about}${value === "" ? "" : ` (${value})`}\n`;
    });
    return `\n${title}:\n${lines.join("")}`;
  });
  return `Usage: stormdb server [file.conf] [-] [--name value ...]

Starts a server. The file has the syntax of redis.conf; - reads the same from standard input. Every
directive can also be given as --name value, which overrides what file and standard input say.

Examples:
  stormdb server
  stormdb server --port 7777 --requirepass secret
  stormdb server stormdb.conf --loglevel verbose
  echo "port 7777" | stormdb server -

Directives and their defaults:
${list.join("")}`;
}

/** Runs until the server has stopped; resolves to the exit code. */
export async function runServer(args: readonly string[]): Promise<number> {
  let config: Config;
  let standardInput = "";
  try {
    const commandLine = parseCommandLine(args);
    if (commandLine.readsStandardInput) standardInput = readStandardInput();
    config = new Config({ defaults: imageDefaults(), commandLine, standardInput });
  } catch (error) {
    if (error instanceof ConfigError) return fail(error.problems);
    if (error instanceof SourceError) return fail([error.message]);
    throw error;
  }
  const supervisor = supervisorOf(config.text("supervised"));
  const isDaemon = config.flag("daemonize") && supervisor === "no";
  if (isDaemon && !isInBackground()) return startInBackground(args, standardInput);
  const unusable = unusablePath(config);
  if (unusable !== "") return fail([unusable]);

  const log = new Log();
  surviveFaults(log);
  const stopped = Promise.withResolvers<number>();
  const server = new Server({ config, log, onStopped: stopped.resolve });
  log.notice(`StormDB ${STORMDB_VERSION} is starting, pid ${process.pid}`);
  for (const note of config.notes) log.verbose(note);
  limitClients(config, log);
  warnOfMemory(server, log);
  if (config.file === "") log.notice("No config file given: using the defaults");
  handleSignals(server);
  const pidFile = resolve(config.unicode("pidfile") || (isDaemon ? DAEMON_PID_FILE : "."));
  const hasPidFile = isDaemon || config.text("pidfile") !== "";
  if (hasPidFile) writePidFile(pidFile, log);
  try {
    // It may be told to stop while it is still loading.
    const isReady = await Promise.race([
      server.start().then(() => true),
      stopped.promise.then(() => false),
    ]);
    if (isReady) {
      tellReady(server, log);
      tellSupervisor(supervisor, log);
      if (isDaemon) tellStarter();
    }
    return await stopped.promise;
  } catch (error) {
    log.warning((error as Error).message);
    server.stop();
    return fail([(error as Error).message]);
  } finally {
    if (hasPidFile) removePidFile(pidFile);
  }
}

function fail(problems: readonly string[]): number {
  const shown = problems.slice(0, PROBLEMS_SHOWN);
  for (const problem of shown) process.stderr.write(`stormdb: ${problem}\n`);
  const more = problems.length - shown.length;
  if (more > 0) process.stderr.write(`stormdb: and ${more} more\n`);
  return 1;
}

const PROBLEMS_SHOWN = 100;

function tellReady({ config, port }: Server, log: Log): void {
  if (port > 0) log.notice(`Ready to accept connections on port ${port}`);
  const socket = config.unicode("unixsocket");
  if (socket !== "") log.notice(`Ready to accept connections on ${socket}`);
  allowTitle();
  showTitle(config, port);
}

function handleSignals(server: Server): void {
  for (const [signal, directive] of [
    ["SIGTERM", "shutdown-on-sigterm"],
    ["SIGINT", "shutdown-on-sigint"],
  ] as const) {
    process.on(signal, () => {
      const options = server.config.value(directive);
      const mode = options.find((option) => option === "save" || option === "nosave");
      server.shutdown({
        mode: mode ?? "default",
        force: options.includes("force"),
        now: options.includes("now"),
        caller: null,
      });
    });
  }
  // A closed terminal, a reader of the log that goes away, or an alarm does not end the server.
  for (const signal of ["SIGHUP", "SIGPIPE", "SIGALRM"] as const) process.on(signal, () => {});
  process.stdout.on("error", () => {});
}

/**
 * A container is reached over the network or not at all, so its image turns protected mode off, and
 * for every command that one gives it.
 */
function imageDefaults(): DirectiveValues {
  const mode = process.env.STORMDB_PROTECTED_MODE;
  return mode ? [["protected-mode", [mode]]] : [];
}

/** Lowers maxclients to what the system's limit on open files allows. */
function limitClients(config: Config, log: Log): void {
  const wanted = config.number("maxclients");
  const possible = clientsMax();
  if (possible >= wanted) return;
  config.keep("maxclients", possible);
  log.warning(
    `maxclients has been reduced from ${wanted} to ${possible}: the system's limit on open files is ${openFilesMax()} (see ulimit -n)`,
  );
}

/** Says how much memory there is, where that is limited, and whether maxmemory keeps within it. */
function warnOfMemory(server: Server, log: Log): void {
  const limit = server.cgroupLimitBytes;
  if (limit === 0) return;
  const given = server.config.number("maxmemory");
  log.notice(`The memory of this control group is limited to ${humanBytes(limit)}`);
  if (given === 0 || given > limit) {
    log.warning(
      `maxmemory is ${given === 0 ? "not set" : `${humanBytes(given)}, more than that`}: the system ends the server when it uses more than ${humanBytes(limit)}`,
    );
  }
}

/** Enters the folder `dir` and tries the log file; returns what is wrong with them, or "". */
function unusablePath(config: Config): string {
  const folder = config.unicode("dir");
  const logFile = config.unicode("logfile");
  try {
    process.chdir(folder);
  } catch (error) {
    return `can't enter the folder '${folder}' (dir): ${(error as Error).message}`;
  }
  try {
    if (logFile !== "") appendFileSync(logFile, "");
  } catch (error) {
    return `can't write to the log file '${logFile}': ${(error as Error).message}`;
  }
  return "";
}

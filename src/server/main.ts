/** `stormdb server`: reads arguments, starts a server and waits for its end. */
import { appendFileSync, readFileSync } from "node:fs";
import { humanBytes } from "../base/human-bytes.ts";
import { Log } from "../base/log.ts";
import { STORMDB_VERSION } from "../version.ts";
import { Config, ConfigError, type Given } from "./configuration/config.ts";
import { DIRECTIVES } from "./configuration/directives.ts";
import { surviveFaults } from "./faults.ts";
import { Server } from "./server.ts";

/** The text of --help, with every directive. */
export function serverUsage(): string {
  const width = Math.max(...[...DIRECTIVES.keys()].map((name) => name.length));
  const groups = Map.groupBy(DIRECTIVES, ([, { group }]) => group);
  const list = [...groups].map(([group, entries]) => {
    const lines = entries.map(([name, { about, directive }]) => {
      const value = directive.default === "" ? "" : ` (${directive.default})`;
      return `  ${name.padEnd(width)}  ${about}${value}\n`;
    });
    return `\n${group}:\n${lines.join("")}`;
  });
  return `Usage: stormdb server [file.conf] [--name value ...]

Starts a server. The file has the syntax of redis.conf; every directive can also be given as
--name value, which goes before the file's.

Examples:
  stormdb server
  stormdb server --port 7777 --requirepass secret
  stormdb server stormdb.conf --loglevel verbose

Directives, and what they are if nobody says otherwise:
${list.join("")}`;
}

/** Runs until the server has stopped; resolves to the exit code. */
export async function runServer(args: readonly string[]): Promise<number> {
  const hasFile = args.length > 0 && !args[0]!.startsWith("--");
  let config: Config;
  try {
    const file = hasFile ? args[0]! : "";
    config = new Config(file, hasFile ? args.slice(1) : args, { defaults: imageDefaults() });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`stormdb: ${error.message}\n`);
    return 1;
  }
  const unusable = unusablePath(config);
  if (unusable !== "") {
    process.stderr.write(`stormdb: ${unusable}\n`);
    return 1;
  }
  const log = new Log();
  surviveFaults(log);
  const stopped = Promise.withResolvers<number>();
  const server = new Server({ config, log, onStopped: stopped.resolve });
  log.notice(`StormDB ${STORMDB_VERSION} is starting, pid ${process.pid}`);
  limitClients(config, log);
  warnOfMemory(server, log);
  if (config.file === "") log.notice("No config file given: using the defaults");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () =>
      server.shutdown({ mode: "default", force: false, now: false, caller: null }),
    );
  }
  // A terminal that is closed, or a reader of the log that goes away, does not end the server.
  process.on("SIGHUP", () => {});
  process.stdout.on("error", () => {});
  let ready: boolean;
  try {
    // It may be told to stop while it is still loading.
    ready = await Promise.race([
      server.start().then(() => true),
      stopped.promise.then(() => false),
    ]);
  } catch (error) {
    log.warning((error as Error).message);
    server.stop();
    process.stderr.write(`stormdb: ${(error as Error).message}\n`);
    return 1;
  }
  if (ready && server.port > 0) log.notice(`Ready to accept connections on port ${server.port}`);
  if (ready && config.text("unixsocket") !== "") {
    log.notice(`Ready to accept connections on ${config.unicode("unixsocket")}`);
  }
  return stopped.promise;
}

/**
 * A container is reached over the network or not at all, so its image turns protected mode off, and
 * for every command that one gives it.
 */
function imageDefaults(): Given {
  const mode = process.env.STORMDB_PROTECTED_MODE;
  return mode ? [["protected-mode", [mode]]] : [];
}

/** Descriptors for everything that is not a client. */
const OTHER_FILES = 32;

/** Lowers maxclients to what the system's limit on open files allows. */
function limitClients(config: Config, log: Log): void {
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "latin1");
  } catch {
    // Only Linux tells it in this way.
    return;
  }
  const files = Number(/^Max open files +(\d+)/m.exec(limits)?.[1]);
  const wanted = config.number("maxclients");
  const possible = Math.max(1, files - OTHER_FILES);
  if (!(possible < wanted)) return;
  config.set([["maxclients", String(possible)]]);
  log.warning(
    `maxclients is ${possible} and not ${wanted}: the system's limit on open files is ${files}`,
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

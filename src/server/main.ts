/** `stormdb server`: reads arguments, starts a server and waits for its end. */
import { appendFileSync } from "node:fs";
import { Log } from "../base/log.ts";
import { STORMDB_VERSION } from "../version.ts";
import { Config, ConfigError } from "./config.ts";
import { Server } from "./server.ts";

export const SERVER_USAGE = `Usage: stormdb server [file.conf] [--name value ...]

Starts a server. The file has the syntax of redis.conf; every directive can also be given as
--name value, which goes before the file's.

Examples:
  stormdb server
  stormdb server --port 7777 --requirepass secret
  stormdb server stormdb.conf --loglevel verbose
`;

/** Runs until the server has stopped; resolves to the exit code. */
export async function runServer(args: readonly string[]): Promise<number> {
  const hasFile = args.length > 0 && !args[0]!.startsWith("--");
  let config: Config;
  try {
    config = new Config(hasFile ? args[0]! : "", hasFile ? args.slice(1) : args);
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
  const stopped = Promise.withResolvers<number>();
  const server = new Server({ config, log, onStopped: stopped.resolve });
  log.notice(`StormDB ${STORMDB_VERSION} is starting, pid ${process.pid}`);
  if (config.file === "") log.notice("No config file given: using the defaults");
  try {
    await server.start();
  } catch (error) {
    log.warning((error as Error).message);
    server.stop();
    process.stderr.write(`stormdb: ${(error as Error).message}\n`);
    return 1;
  }
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => server.shutdown("default", false));
  }
  if (server.port > 0) log.notice(`Ready to accept connections on port ${server.port}`);
  if (config.text("unixsocket") !== "") {
    log.notice(`Ready to accept connections on ${config.text("unixsocket")}`);
  }
  return stopped.promise;
}

/** Enters the folder `dir` and tries the log file; returns what is wrong with them, or "". */
function unusablePath(config: Config): string {
  const folder = config.text("dir");
  const logFile = config.text("logfile");
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

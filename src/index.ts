/**
 * StormDB inside another program, for tests above all: the same engine behind a real socket. Each
 * server has its own data, clock and seed; several in one process share nothing.
 *
 *     await using server = await createServer();
 *     const client = new RedisClient(server.url);
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { byteText } from "./base/byte-text.ts";
import { Clock } from "./base/clock.ts";
import { Log } from "./base/log.ts";
import { Config } from "./server/configuration/config.ts";
import { DIRECTIVES, findDirective } from "./server/configuration/directives/index.ts";
import { Server } from "./server/server.ts";

/** Thirty thousand years; later times would not fit into a Date before long. */
const ADVANCE_MS_MAX = 1e15;

/** All of them can be left out. */
export interface CreateServerOptions {
  /** The TCP port; 0, as without it, is any that is free. */
  readonly port?: number;
  /** The address to listen on, or several with spaces between; 127.0.0.1 without it. */
  readonly host?: string;
  /**
   * Directives of redis.conf by name, such as { appendonly: true, dir: "/tmp/data" }; true and
   * false are "yes" and "no". A relative `dir` starts at the process's working folder; without
   * `dir` the server has a folder of its own among the system's temporary ones, removed when it is
   * closed.
   */
  readonly directives?: Readonly<Record<string, string | number | boolean>>;
  /**
   * An integer that all chance follows from: what RANDOMKEY draws, the order of SCAN, the run id.
   * Another one each time without it.
   */
  readonly seed?: number;
  /** Writes the log to standard output; it is silent without it, but for a `logfile`. */
  readonly log?: boolean;
}

/** A running server. It keeps the process alive until it is closed. */
export interface EmbeddedServer extends AsyncDisposable {
  /** An address that clients on this machine reach it by. */
  readonly host: string;
  /** The TCP port; 0 where the directive `unixsocket` is given and no port is. */
  readonly port: number;
  /**
   * What clients connect to, with the password of `requirepass`: "redis://host:port", or
   * "redis+unix://path" where there is no TCP port.
   */
  readonly url: string;
  /**
   * Moves the server's clock forward by milliseconds. When it returns, keys have expired and waits
   * (BLPOP, WAIT, CLIENT PAUSE) have ended as if the time had passed. Else the clock follows
   * `Date.now()`, also where a test has set or stopped that. Replicas keep their connections, and
   * clocks of their own. Throws RangeError where `ms` is below 0 or no number.
   */
  advanceBy(ms: number): void;
  /**
   * Stops the server, closes its connections and lets go of port and folder. The data is saved first
   * where directives say so (`appendonly`, `save`); rejects where that fails, but is stopped then
   * too. A second call does nothing. `await using` calls it.
   */
  close(): Promise<void>;
}

/**
 * Starts a server; resolves when it has loaded its data, of which there is none unless `directives`
 * name a folder with some. Nothing is saved unless they say so. Rejects where an option or a
 * directive is wrong, the port is taken, the data cannot be loaded, or another server that saves
 * uses the same folder; then nothing is left running.
 */
export async function createServer(options: CreateServerOptions = {}): Promise<EmbeddedServer> {
  const {
    directives = {},
    host = "127.0.0.1",
    log: logs = false,
    port = 0,
    seed,
    ...more
  } = options;
  for (const name of Object.keys(more)) {
    throw new TypeError(`createServer: unknown option '${name}'; directives go into 'directives'`);
  }
  if (seed !== undefined && !Number.isSafeInteger(seed)) {
    throw new TypeError(`createServer: the seed must be an integer, not ${seed}`);
  }
  const given = Object.entries({ port, bind: host, save: "", ...directives }).map(
    ([name, value]) => [name, words(name, value)] as const,
  );
  const config = new Config({ directives: given });
  const hasFolder = given.some(([name]) => name.toLowerCase() === "dir");
  // Else a dump.rdb that happens to lie in the working folder would be its data.
  if (!hasFolder) config.keep("dir", byteText(mkdtempSync(join(tmpdir(), "stormdb-"))));
  const folder = config.unicode("dir");
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`there is no folder '${folder}' (dir)`);
  }
  const log = new Log();
  log.silent = !logs && config.text("logfile") === "";
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
    server.stop();
    if (!hasFolder) rmSync(folder, { recursive: true, force: true });
  };
  const server = new Server({
    config,
    clock: new Clock(true),
    log,
    ...(seed === undefined ? {} : { seed }),
    // By SHUTDOWN; or the append-only file could not be written, and nobody may be told "OK".
    onStopped: () => {
      isStopped = true;
      setImmediate(stop);
    },
  });
  try {
    await server.start();
  } catch (error) {
    stop();
    throw error;
  }

  const end = async (): Promise<void> => {
    if (isStopped) return;
    const request = { mode: "default", now: true, force: false, caller: null } as const;
    const error = server.shutdown(request);
    stop();
    if (error !== "") {
      throw new Error(`the server is closed, but its data in ${folder} was not saved (${error})`);
    }
  };
  let ending: Promise<void> | null = null;
  const close = (): Promise<void> => {
    ending ??= end();
    return ending;
  };
  const reached = reachable(config.value("bind")[0] ?? "");
  return {
    host: reached,
    port: server.port,
    url: urlOf(reached, server.port, config),
    advanceBy(ms) {
      if (!Number.isFinite(ms) || ms < 0 || ms > ADVANCE_MS_MAX) {
        throw new RangeError(`advanceBy takes milliseconds from 0 to ${ADVANCE_MS_MAX}, not ${ms}`);
      }
      server.advanceBy(ms);
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The words of a directive's value: some take several, and an empty value is one too. */
function words(name: string, value: string | number | boolean): string[] {
  const text = value === true ? "yes" : value === false ? "no" : String(value);
  const directive = findDirective(name);
  const isList = directive !== undefined && DIRECTIVES[directive].isList;
  return isList && text !== "" ? text.split(" ") : [text];
}

/** How clients on this machine reach what `bind` says. */
function reachable(address: string): string {
  const host = address.replace(/^-/, "");
  if (host === "*" || host === "0.0.0.0") return "127.0.0.1";
  return host === "::" || host === "::*" ? "::1" : host;
}

function urlOf(host: string, port: number, config: Config): string {
  const password = config.unicode("requirepass");
  const user = password === "" ? "" : `:${encodeURIComponent(password)}@`;
  if (port === 0) return `redis+unix://${user}${config.unicode("unixsocket")}`;
  return `redis://${user}${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/**
 * StormDB inside another program: the same engine behind a real socket, for tests above all. Each
 * server has its own data, clock and seed; several in one process share nothing.
 *
 *     await using server = await createServer();
 *     const client = new RedisClient(server.url);
 */
import { Clock } from "./base/clock.ts";
import { Log } from "./base/log.ts";
import { Config } from "./server/config.ts";
import { DIRECTIVES } from "./server/directives.ts";
import { Server } from "./server/server.ts";

export interface CreateServerOptions {
  /** The TCP port; 0, as without it, is any that is free. */
  readonly port?: number;
  /** The address to listen on; 127.0.0.1 without it. */
  readonly host?: string;
  /** Directives of redis.conf by name, such as { appendonly: "yes", dir: "/tmp/data" }. */
  readonly directives?: Readonly<Record<string, string | number>>;
  /** Whatever is left to chance follows from it; another one each time without it. */
  readonly seed?: number;
  /** Writes the log to standard output; it is silent without it. */
  readonly log?: boolean;
}

export interface EmbeddedServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** "redis://host:port", for clients. */
  readonly url: string;
  /** Moves the server's clock forward: keys expire and waits end as if the time had passed. */
  advanceBy(ms: number): void;
  /** Stops the server and closes its connections; what its directives say of saving is done. */
  close(): Promise<void>;
}

/**
 * Starts a server; resolves when it has loaded its data, of which there is none unless `directives`
 * name a folder with some. Nothing is saved unless they say so. Rejects where a directive is wrong,
 * the port is taken or the data cannot be loaded.
 */
export async function createServer(options: CreateServerOptions = {}): Promise<EmbeddedServer> {
  const { directives = {}, host = "127.0.0.1", log: logging = false, port = 0, seed } = options;
  const given = { port, bind: host, save: "", ...directives };
  const args = Object.entries(given).flatMap(([name, value]) => [
    `--${name}`,
    ...words(name, String(value)),
  ]);
  const log = new Log();
  log.silent = !logging;
  const config = new Config("", args);
  const clock = new Clock();
  const server = new Server({ config, clock, log, ...(seed === undefined ? {} : { seed }) });
  await server.start();
  const close = () => {
    server.shutdown({ mode: "default", now: true, force: true, caller: null });
    return Promise.resolve();
  };
  return {
    host,
    port: server.port,
    url: `redis://${host.includes(":") ? `[${host}]` : host}:${server.port}`,
    advanceBy: (ms) => server.advanceBy(ms),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The words of a directive's value: some take several, and an empty value is one too. */
function words(name: string, value: string): string[] {
  const takesSeveral = DIRECTIVES.get(name)?.directive.kind === "words";
  return takesSeveral && value !== "" ? value.split(" ") : [value];
}

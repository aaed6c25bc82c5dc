/** Which server the user means, and as whom: the options that cli, monitor and benchmark share. */
import { Client, ConnectionError } from "./client.ts";

export interface Target {
  host: string;
  port: number;
  /** Path of a Unix socket, instead of host and port. */
  path: string | undefined;
  user: string | undefined;
  password: string | undefined;
  database: number;
}

/** A mistake on the command line. */
export class UsageError extends Error {}

export const TARGET_USAGE = `  -h, --host <host>      server (default 127.0.0.1)
  -p, --port <port>      port (default 6379)
  -s <path>              Unix socket, instead of host and port
  -a, --pass <password>  password; REDISCLI_AUTH in the environment does the same, unseen by others
  --user <name>          user name, with -a
  -u <uri>               redis://user:password@host:port/database
  -n <database>          database number (default 0)
`;

/** Reads options in redis-cli's words. */
export class TargetOptions {
  readonly target: Target = {
    host: "127.0.0.1",
    port: 6379,
    path: undefined,
    user: undefined,
    password: process.env.REDISCLI_AUTH || undefined,
    database: 0,
  };
  /** A password stands on the command line. */
  passwordSeen = false;

  /**
   * Takes the option if it is one of these; `value` returns the argument behind it. Throws
   * UsageError.
   */
  take(option: string, value: () => string): boolean {
    const { target } = this;
    switch (option) {
      case "-h":
      case "--host":
        target.host = value();
        return true;
      case "-p":
      case "--port":
        target.port = Number(value());
        if (!(target.port >= 0 && target.port <= 65535)) {
          throw new UsageError("Invalid server port.");
        }
        return true;
      case "-s":
        target.path = value();
        return true;
      case "-a":
      case "--pass":
        target.password = value();
        this.passwordSeen = true;
        return true;
      case "--user":
        target.user = value();
        return true;
      case "-u":
        Object.assign(target, readUri(value()));
        this.passwordSeen ||= target.password !== undefined;
        return true;
      case "-n":
        target.database = Number(value());
        return true;
      default:
        return false;
    }
  }
}

function readUri(uri: string): Omit<Target, "path"> {
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

/** "host:port", or the path of the socket. */
export function targetName({ host, path, port }: Target): string {
  return path ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
}

/**
 * Connects and makes the connection ready: AUTH, HELLO 3 where `protocol` is 3, SELECT. `refused`
 * receives what of that went wrong. Throws ConnectionError.
 */
export async function connectTo(
  target: Target,
  protocol: number,
  refused: (command: "AUTH" | "HELLO 3" | "SELECT", error: string) => void,
): Promise<Client> {
  const { database, host, password, path, port, user } = target;
  let client: Client;
  try {
    client = await Client.connect(path === undefined ? { host, port } : { host, port, path });
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new ConnectionError(
      `Could not connect to StormDB or Redis at ${targetName(target)}: ${error.message}`,
    );
  }
  const tell = async (name: "AUTH" | "HELLO 3" | "SELECT", ...words: string[]) => {
    const reply = await client.call(words);
    if (reply.kind === "error") refused(name, reply.text);
  };
  if (password !== undefined) {
    await tell("AUTH", "AUTH", ...(user === undefined ? [] : [user]), password);
  }
  if (protocol === 3) await tell("HELLO 3", "HELLO", "3");
  if (database !== 0) await tell("SELECT", "SELECT", String(database));
  return client;
}

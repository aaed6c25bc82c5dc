/** Which server the user means, and as whom: the options that cli, monitor and benchmark share. */
import { Client, ConnectionError, type Security } from "./client.ts";

export interface Target {
  host: string;
  port: number;
  /** Path of a Unix socket, instead of host and port. */
  path: string | undefined;
  user: string | undefined;
  password: string | undefined;
  database: number;
  /** Undefined: not encrypted. */
  security: Security | undefined;
}

/** A mistake on the command line. */
export class UsageError extends Error {}

export const TARGET_USAGE = `  -h <host>              server (default 127.0.0.1)
  -p <port>              port (default 6379)
  -s <path>              Unix socket, instead of host and port
  -a, --pass <password>  password; REDISCLI_AUTH in the environment does the same, unseen by others
  --user <name>          user name, with -a
  --askpass              ask for the password
  -u <uri>               redis://user:password@host:port/database
  -n <database>          database number (default 0)
  --tls, rediss://       encrypted; --sni <host>, --cacert <file>, --cert <file>, --key <file>,
                         --insecure (the server's certificate is not checked)
`;

const SECURITY_FILES: Readonly<Record<string, "caFile" | "certFile" | "keyFile">> = {
  "--cacert": "caFile",
  "--cert": "certFile",
  "--key": "keyFile",
};

/** Reads options in redis-cli's words. */
export class TargetOptions {
  readonly target: Target = {
    host: "127.0.0.1",
    port: 6379,
    path: undefined,
    user: undefined,
    password: process.env.REDISCLI_AUTH || undefined,
    database: 0,
    security: undefined,
  };
  /** A password stands on the command line. */
  passwordSeen = false;
  #security: Security = {};

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
        target.port = leadingInteger(value());
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
      case "-u": {
        const uri = readUri(value());
        Object.assign(target, uri);
        if (uri.security !== undefined) this.#secure({});
        this.passwordSeen ||= uri.password !== undefined;
        return true;
      }
      case "-n":
        target.database = leadingInteger(value());
        return true;
      case "--tls":
        this.#secure({});
        return true;
      case "--sni":
        this.#set({ serverName: value() });
        return true;
      case "--cacert":
      case "--cert":
      case "--key":
        this.#set({ [SECURITY_FILES[option]!]: value() });
        return true;
      case "--insecure":
        this.#set({ unchecked: true });
        return true;
      default:
        return false;
    }
  }

  /** Says how to encrypt; whether to do so is said by --tls or the URI. */
  #set(more: Security): void {
    this.#security = { ...this.#security, ...more };
    if (this.target.security !== undefined) this.target.security = this.#security;
  }

  #secure(more: Security): void {
    this.#set(more);
    this.target.security = this.#security;
  }
}

/** The integer that the text begins with, 0 where there is none: redis-cli's numbers. */
export function leadingInteger(text: string): number {
  return Number(/^\s*[+-]?\d+/.exec(text)?.[0] ?? 0);
}

function readUri(uri: string): Partial<Target> {
  const scheme = /^rediss?:\/\//i.exec(uri)?.[0];
  if (scheme === undefined) throw new UsageError("Invalid URI scheme");
  const parts = /^(?:(.*)@)?([^/]*)(?:\/(.*))?$/s.exec(uri.slice(scheme.length));
  const [, login, address = "", database = ""] = parts ?? [];
  const target: Partial<Target> = {};
  if (/^rediss/i.test(scheme)) target.security = {};
  if (login !== undefined) {
    const colon = login.indexOf(":");
    if (colon > 0) target.user = decode(login.slice(0, colon));
    target.password = decode(login.slice(colon + 1));
  }
  // An IPv6 address may be in brackets.
  const host = /^(\[[^\]]*\]|[^:]*)(?::(.*))?$/.exec(address);
  if (host === null) target.host = address;
  else {
    if (host[1] !== "") target.host = host[1]!.replace(/^\[|\]$/g, "");
    if (host[2] !== undefined) target.port = leadingInteger(host[2]);
  }
  if (database !== "") target.database = leadingInteger(database);
  return target;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new UsageError("Illegal character in URI encoding");
  }
}

/** "host:port", or the path of the socket. */
export function targetName({ host, path, port }: Target): string {
  return path ?? (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`);
}

/** Whether the server is on this machine, as far as its address tells. */
export function isLocal({ host, path }: Target): boolean {
  return path !== undefined || host === "localhost" || host === "::1" || /^127\./.test(host);
}

export type Preparation = "AUTH" | "HELLO 3" | "SELECT";

/**
 * Connects and makes the connection ready: AUTH, HELLO 3 where `protocol` is 3, SELECT. `refused`
 * receives what of that went wrong. Throws ConnectionError.
 */
export async function connectTo(
  target: Target,
  protocol: number,
  refused: (command: Preparation, error: string) => void,
): Promise<Client> {
  const { database, password, user } = target;
  let client: Client;
  try {
    client = await Client.connect(target, target.security);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new ConnectionError(
      `Could not connect to Redis at ${targetName(target)}: ${error.message}`,
    );
  }
  const tell = async (name: Preparation, ...words: string[]) => {
    const reply = await client.call(words);
    if (reply.kind === "error") refused(name, reply.text);
  };
  if (password !== undefined) {
    await tell("AUTH", "AUTH", ...(user === undefined ? [] : [user]), password);
  }
  if (database !== 0) await tell("SELECT", "SELECT", String(database));
  if (protocol === 3) await tell("HELLO 3", "HELLO", "3");
  return client;
}

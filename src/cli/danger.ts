/** Commands that one should not run on another machine's server by mistake, and why. */
import type { Session } from "./session.ts";

/** Below that, KEYS is over before it hurts. */
const MANY_KEYS = 10_000;

const REASONS: Readonly<Record<string, string>> = {
  "acl deluser": "It ends the connections of these users.",
  "acl load": "It replaces the users.",
  "client kill": "It closes connections.",
  "client pause": "It makes every client wait.",
  "cluster reset": "The node forgets its cluster.",
  "config rewrite": "It overwrites the server's configuration file.",
  "config set": "It changes the running server.",
  debug: "It can stop the server, or change data behind its back.",
  failover: "It hands the role of primary to a replica.",
  flushall: "It deletes every key of every database.",
  flushdb: "It deletes every key of the database.",
  "function flush": "It deletes every function.",
  migrate: "It moves keys to another server.",
  replicaof: "The data is replaced by that of another server.",
  save: "The server does nothing else until the snapshot is written.",
  "script flush": "It deletes every script.",
  shutdown: "It stops the server.",
  slaveof: "The data is replaced by that of another server.",
  swapdb: "It exchanges two databases for every client.",
};

/** Why the command is dangerous; null where it is not. */
export function dangerOf(args: readonly string[]): string | null {
  const name = args[0]!.toLowerCase();
  const second = args[1]?.toLowerCase() ?? "";
  if (name === "shutdown" && args.some((arg) => arg.toLowerCase() === "abort")) return null;
  if ((name === "replicaof" || name === "slaveof") && second === "no") {
    return "The server stops to follow its primary.";
  }
  return REASONS[name] ?? REASONS[`${name} ${second}`] ?? null;
}

/** The same, where the answer depends on the server. */
export async function dangerOn(session: Session, args: readonly string[]): Promise<string | null> {
  if (args[0]!.toLowerCase() !== "keys" || session.inTransaction) return dangerOf(args);
  const reply = await session.client.call(["DBSIZE"]);
  const keys = reply.kind === "integer" ? Number(reply.text) : 0;
  return keys > MANY_KEYS
    ? `The server does nothing else while it looks at ${keys} keys; --scan and SCAN do not stop it.`
    : null;
}

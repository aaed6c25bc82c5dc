/** What replication needs of the configuration. */
import type { ReplicationSettings } from "../../replication/replication.ts";
import { type Config, outputLimits } from "./config.ts";

/** The primary that the configuration names; null without one. */
export function configuredPrimary(
  config: Config,
): { readonly host: string; readonly port: number } | null {
  const [host, port] = config.words("replicaof");
  const isOne = host?.toLowerCase() === "no" && port?.toLowerCase() === "one";
  return port === undefined || isOne ? null : { host: host!, port: Number(port) };
}

export function replicationSettings(config: Config, port: () => number): ReplicationSettings {
  const [hardBytes, softBytes, softSeconds] = outputLimits(
    config.text("client-output-buffer-limit"),
  ).get("slave")!;
  const ms = (name: string) => config.number(name) * 1000;
  return {
    diskless: config.flag("repl-diskless-sync"),
    disklessDelayMs: ms("repl-diskless-sync-delay"),
    disklessReplicasMax: config.number("repl-diskless-sync-max-replicas"),
    timeoutMs: ms("repl-timeout"),
    pingPeriodMs: ms("repl-ping-replica-period"),
    maxLagMs: ms("min-replicas-max-lag"),
    hardBytes,
    softBytes,
    softMs: softSeconds * 1000,
    backlogBytes: config.number("repl-backlog-size"),
    backlogTtlMs: ms("repl-backlog-ttl"),
    user: config.text("masteruser"),
    password: config.text("masterauth"),
    announceIp: config.text("replica-announce-ip"),
    // The port that it listens on is known only when it does.
    get announcePort() {
      return config.number("replica-announce-port") || port();
    },
    disklessLoad: config.text("repl-diskless-load") as ReplicationSettings["disklessLoad"],
  };
}

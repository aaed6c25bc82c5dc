/** What replication reads of the configuration, always as it is now. */
import type { ReplicationSettings } from "../../replication/replication.ts";
import type { Config } from "./config.ts";

/** `listeningPort`: the TCP port that the server listens on. */
export function replicationSettings(
  config: Config,
  listeningPort: () => number,
): ReplicationSettings {
  const limit = () => config.value("client-output-buffer-limit").slave;
  return {
    get diskless() {
      return config.flag("repl-diskless-sync");
    },
    get disklessDelayMs() {
      return config.number("repl-diskless-sync-delay") * 1000;
    },
    get disklessReplicasMax() {
      return config.number("repl-diskless-sync-max-replicas");
    },
    get timeoutMs() {
      return config.number("repl-timeout") * 1000;
    },
    get pingPeriodMs() {
      return config.number("repl-ping-replica-period") * 1000;
    },
    get maxLagMs() {
      return config.number("min-replicas-max-lag") * 1000;
    },
    get hardBytes() {
      return limit().hardBytes;
    },
    get softBytes() {
      return limit().softBytes;
    },
    get softMs() {
      return limit().softSeconds * 1000;
    },
    get backlogBytes() {
      return config.number("repl-backlog-size");
    },
    get backlogTtlMs() {
      return config.number("repl-backlog-ttl") * 1000;
    },
    get user() {
      return config.text("masteruser");
    },
    get password() {
      return config.text("masterauth");
    },
    get announceIp() {
      return config.text("replica-announce-ip");
    },
    get announcePort() {
      return config.number("replica-announce-port") || listeningPort();
    },
    get disklessLoad() {
      return config.text("repl-diskless-load");
    },
  };
}

/** What persistence reads of the configuration, always as it is now. */
import type { PersistenceSettings } from "../../persistence/settings.ts";
import type { Config } from "./config.ts";

export function persistenceSettings(config: Config): PersistenceSettings {
  return {
    get folder() {
      return config.unicode("dir");
    },
    get dbFileName() {
      return config.unicode("dbfilename");
    },
    get appendOnly() {
      return config.flag("appendonly");
    },
    get appendFolder() {
      return config.unicode("appenddirname");
    },
    get appendFileName() {
      return config.unicode("appendfilename");
    },
    get fsync() {
      return config.text("appendfsync");
    },
    get syncsWhileRewriting() {
      return !config.flag("no-appendfsync-on-rewrite");
    },
    get loadsTruncated() {
      return config.flag("aof-load-truncated");
    },
    get rdbPreamble() {
      return config.flag("aof-use-rdb-preamble");
    },
    get rewritePercentage() {
      return config.number("auto-aof-rewrite-percentage");
    },
    get rewriteMinBytes() {
      return config.number("auto-aof-rewrite-min-size");
    },
    get compressing() {
      return config.flag("rdbcompression");
    },
    get isValkey() {
      return config.value("rdb-dialect") === "valkey";
    },
    get checking() {
      return config.flag("rdbchecksum");
    },
    get stopsWritesOnError() {
      return config.flag("stop-writes-on-bgsave-error");
    },
    get keepsExpired() {
      return config.value("replicaof") !== null;
    },
    get stamping() {
      return config.flag("aof-timestamp-enabled");
    },
    get savePoints() {
      return config.value("save");
    },
  };
}

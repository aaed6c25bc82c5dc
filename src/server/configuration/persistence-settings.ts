/** What the persistence needs of the configuration. */
import type { FsyncPolicy, PersistenceSettings } from "../../persistence/settings.ts";
import type { Config } from "./config.ts";
import { configuredPrimary } from "./replication-settings.ts";

export function persistenceSettings(config: Config): PersistenceSettings {
  const words = config.words("save");
  const savePoints: [number, number][] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    savePoints.push([Number(words[i]), Number(words[i + 1])]);
  }
  return {
    folder: config.unicode("dir"),
    dbFileName: config.unicode("dbfilename"),
    appendOnly: config.flag("appendonly"),
    appendFolder: config.unicode("appenddirname"),
    appendFileName: config.unicode("appendfilename"),
    fsync: config.text("appendfsync") as FsyncPolicy,
    syncsWhileRewriting: !config.flag("no-appendfsync-on-rewrite"),
    loadsTruncated: config.flag("aof-load-truncated"),
    rdbPreamble: config.flag("aof-use-rdb-preamble"),
    rewritePercentage: config.number("auto-aof-rewrite-percentage"),
    rewriteMinBytes: config.number("auto-aof-rewrite-min-size"),
    compressing: config.flag("rdbcompression"),
    checking: config.flag("rdbchecksum"),
    stopsWritesOnError: config.flag("stop-writes-on-bgsave-error"),
    keepsExpired: configuredPrimary(config) !== null,
    stamping: config.flag("aof-timestamp-enabled"),
    savePoints,
  };
}

/** RDB snapshots and the append-only file. */
import {
  choice,
  directive,
  fileName,
  fixed,
  flag,
  integer,
  type Kind,
  list,
  memory,
  Refusal,
} from "./directive.ts";

/** Seconds, and the changes within them after which a snapshot is saved. */
export type SavePoint = readonly [seconds: number, changes: number];

/** "seconds changes", repeated; each line of a file adds to the lines before it, and none turns saving off. */
const savePoints: Kind<readonly SavePoint[]> = {
  ...list<readonly SavePoint[]>(
    [
      [3600, 1],
      [300, 100],
      [60, 10000],
    ],
    (words, { isGiven, value }) => {
      const numbers = words.map(Number);
      const isWrong =
        words.length % 2 !== 0 ||
        !words.every((word) => /^[0-9]+$/.test(word)) ||
        numbers.some((number, i) => i % 2 === 0 && number < 1);
      if (isWrong) return new Refusal("Invalid save parameters");
      const points: SavePoint[] = [];
      for (let i = 0; i < numbers.length; i += 2) points.push([numbers[i]!, numbers[i + 1]!]);
      return isGiven && points.length > 0 ? [...value, ...points] : points;
    },
    (points) => points.flatMap((point) => point.map(String)),
  ),
};

export const SNAPSHOTS = {
  save: directive(
    savePoints,
    'when a snapshot is saved: seconds and number of changes, repeated; "" for never',
  ),
  dbfilename: directive(
    fileName("dbfilename", "dump.rdb", "filename"),
    "name of the RDB file in dir",
    { settable: "protected" },
  ),
  rdbcompression: directive(flag(true), "compresses long strings in RDB files"),
  "rdb-dialect": directive(
    choice("redis", "redis", "valkey"),
    "in whose form fields that expire are written; all else both read alike",
  ),
  rdbchecksum: fixed(flag(true), "writes and checks the checksum of RDB files"),
  "stop-writes-on-bgsave-error": directive(flag(true), "refuses writes while saving fails"),
};

export const APPEND_ONLY_FILE = {
  appendonly: directive(flag(false), "writes every change to the append-only file"),
  appendfsync: directive(
    choice("everysec", "everysec", "always", "no"),
    "how often the append-only file is synced to disk",
  ),
  appendfilename: fixed(
    fileName("appendfilename", "appendonly.aof", "filename"),
    "how the names of the append-only file's parts begin",
  ),
  appenddirname: fixed(
    fileName("appenddirname", "appendonlydir", "dirname"),
    "folder of the append-only file's parts, in dir",
  ),
  "auto-aof-rewrite-percentage": directive(
    integer(100),
    "growth since the last rewrite that starts the next one; 0 for never",
  ),
  "auto-aof-rewrite-min-size": directive(
    memory(67108864),
    "size below which growth starts no rewrite",
  ),
  "no-appendfsync-on-rewrite": directive(flag(false), "does not sync during a snapshot or rewrite"),
  "aof-load-truncated": directive(flag(true), "starts although the file's end was cut off"),
  "aof-use-rdb-preamble": directive(
    flag(true),
    "a rewrite makes an RDB file of the data, which loads faster than commands",
  ),
  "aof-timestamp-enabled": directive(flag(false), "adds the time to the commands"),
};

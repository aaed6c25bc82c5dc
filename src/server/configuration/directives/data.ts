/** The data set: its size, its forms and its events. */
import { formatEventClasses, parseEventClasses } from "../../../commands/events.ts";
import {
  choice,
  directive,
  INT64_MAX,
  integer,
  memory,
  only,
  Refusal,
  single,
  UINT64_MAX,
} from "./directive.ts";

const eventClasses = single<number>(
  0,
  (letters) => {
    const classes = parseEventClasses(letters);
    return classes < 0
      ? new Refusal("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")
      : classes;
  },
  formatEventClasses,
);

export const DATA = {
  maxmemory: directive(
    memory(0, { max: UINT64_MAX }),
    "bytes of memory above which writes are refused; 0 for no limit",
  ),
  "maxmemory-policy": directive(
    only(
      choice(
        "noeviction",
        "volatile-lru",
        "volatile-lfu",
        "volatile-random",
        "volatile-ttl",
        "allkeys-lru",
        "allkeys-lfu",
        "allkeys-random",
        "noeviction",
      ),
      (policy) => policy === "noeviction",
      "StormDB does not evict keys: only noeviction is possible",
    ),
    "which keys are evicted: none, so that only noeviction is accepted",
  ),
  "list-max-listpack-size": directive(
    integer(-2, { min: -2147483648 }),
    "elements in a list's node; -1 to -5 for 4 to 64 kB",
    { aliases: ["list-max-ziplist-size"] },
  ),
  "set-max-intset-entries": directive(
    integer(512, { max: INT64_MAX }),
    "integers up to which a set of nothing else is stored as such",
  ),
  "set-max-listpack-entries": directive(
    integer(128, { max: INT64_MAX }),
    "members up to which a set is stored in its small form",
  ),
  "set-max-listpack-value": directive(
    memory(64),
    "bytes of a member up to which a set is stored in its small form",
  ),
  "zset-max-listpack-entries": directive(
    integer(128, { min: 0, max: INT64_MAX }),
    "members up to which a sorted set is stored in its small form",
    { aliases: ["zset-max-ziplist-entries"] },
  ),
  "zset-max-listpack-value": directive(
    memory(64),
    "bytes of a member up to which a sorted set is stored in its small form",
    { aliases: ["zset-max-ziplist-value"] },
  ),
  "hll-sparse-max-bytes": directive(
    memory(3000),
    "bytes up to which a HyperLogLog keeps its sparse form",
  ),
  "hash-max-listpack-entries": directive(
    integer(512, { min: 0, max: INT64_MAX }),
    "fields up to which a hash is stored in its small form",
    { aliases: ["hash-max-ziplist-entries"] },
  ),
  "hash-max-listpack-value": directive(
    memory(64),
    "bytes of a field or value up to which a hash is stored in its small form",
    { aliases: ["hash-max-ziplist-value"] },
  ),
  "notify-keyspace-events": directive(
    {
      ...eventClasses,
      // After A, Redis does not show an n.
      show: (classes) => formatEventClasses(classes).replace(/^An/, "A"),
    },
    "letters of the classes of keyspace events that are published",
  ),
};

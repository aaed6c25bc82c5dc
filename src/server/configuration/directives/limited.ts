/**
 * Directives that ask for what StormDB does not have: they are accepted only with the value that
 * asks for nothing, and every other value is refused in words that say what is missing.
 */
import {
  choice,
  type Directive,
  directive,
  filePath,
  flag,
  INT64_MAX,
  integer,
  type Kind,
  only,
  parseMemory,
  Refusal,
  single,
  text,
  UINT_MAX,
} from "./directive.ts";

const isOff = (value: boolean) => !value;
const isZero = (value: number | bigint) => value === 0;
const isEmpty = (value: string) => value === "";

function limited<V>(kind: Kind<V>, isNeutral: (value: V) => boolean, lack: string): Directive<V> {
  return directive(only(kind, isNeutral, lack), `${lack}: only the default is accepted`);
}

function limitedFixed<V>(
  kind: Kind<V>,
  isNeutral: (value: V) => boolean,
  lack: string,
): Directive<V> {
  return { ...limited(kind, isNeutral, lack), settable: "at start" };
}

/** Bytes, or a percentage of maxmemory. */
const share = single<number | bigint>(0, (word) => {
  if (/^[0-9]+%$/.test(word)) {
    const percent = Number.parseInt(word, 10);
    return percent <= 100
      ? -percent
      : new Refusal("percentage argument must be less or equal to 100");
  }
  const bytes = parseMemory(word);
  if (bytes === null) return new Refusal("argument must be a memory or percent value");
  return bytes > INT64_MAX
    ? new Refusal(`argument must be between 0 and ${INT64_MAX} inclusive`)
    : Number(bytes);
});

const CLUSTER = "StormDB has no cluster";
const TLS = "StormDB has no TLS";
const ONE_FORMAT = "StormDB has one format of its log";

export const LIMITED = {
  "cluster-enabled": limitedFixed(flag(false), isOff, CLUSTER),
  "tls-port": limited(integer(0, { max: 65535n }), isZero, TLS),
  "tls-replication": limited(flag(false), isOff, TLS),
  "tls-cluster": limited(flag(false), isOff, TLS),
  aclfile: limitedFixed(filePath(""), isEmpty, "StormDB has no users"),
  "maxmemory-clients": limited(share, isZero, "StormDB does not evict clients"),
  "syslog-enabled": limitedFixed(flag(false), isOff, "StormDB does not log to syslog"),
  "log-format": limited(choice("legacy", "legacy", "logfmt"), (f) => f === "legacy", ONE_FORMAT),
  "log-timestamp-format": limited(
    choice("legacy", "legacy", "iso8601", "milliseconds"),
    (format) => format === "legacy",
    ONE_FORMAT,
  ),
  "bind-source-addr": limited(
    text(""),
    isEmpty,
    "StormDB leaves the address of outgoing connections to the system",
  ),
  "socket-mark-id": limitedFixed(
    integer(0, { max: UINT_MAX }),
    isZero,
    "StormDB does not mark its sockets",
  ),
  unixsocketgroup: limitedFixed(
    text(""),
    isEmpty,
    "StormDB leaves the group of the Unix socket to the system",
  ),
  "propagation-error-behavior": limited(
    choice("ignore", "ignore", "panic", "panic-on-replicas"),
    (behavior) => behavior === "ignore",
    "StormDB logs an error of the replication stream and goes on",
  ),
  "aof-disable-auto-gc": limited(
    flag(false),
    isOff,
    "StormDB always removes parts that a rewrite has replaced",
  ),
  "rdb-version-check": limited(
    choice("strict", "strict", "relaxed"),
    (check) => check === "strict",
    "StormDB always checks the version of RDB files",
  ),
  "import-mode": limited(flag(false), isOff, "StormDB has no import mode"),
};

/**
 * Directives that configuration files of Redis and Valkey have, and that change nothing here: the
 * files start, and CONFIG GET, SET and REWRITE know the values.
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
  memory,
  text,
  UINT64_MAX,
  words,
} from "./directive.ts";

/** Accepted; `about` says why it changes nothing. */
function idle<V>(kind: Kind<V>, about: string, ...aliases: readonly string[]): Directive<V> {
  return directive(kind, about, { isIdle: true, aliases });
}

/** The same, but CONFIG SET cannot change it, as in Redis. */
function idleFixed<V>(kind: Kind<V>, about: string, ...aliases: readonly string[]): Directive<V> {
  return directive(kind, about, { isIdle: true, aliases, settable: "at start" });
}

const long = (initial: number, min = 0) => integer(initial, { min, max: INT64_MAX });

const scores = words("0 200 800", (given) => {
  if (given.length !== 3) return "wrong number of arguments";
  const isScore = (word: string) => /^-?[0-9]+$/.test(word) && Math.abs(Number(word)) <= 2000;
  return given.every(isScore)
    ? ""
    : "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
});

const hostname = text("", (name) =>
  /^[A-Za-z0-9.-]*$/.test(name)
    ? ""
    : "Hostnames may only contain alphanumeric characters, hyphens or dots",
);

const MEMORY = "StormDB allocates memory itself";
const LAZY = "StormDB always frees large values in slices";
const FORM = "StormDB has no such values";
const NO_FORK = "StormDB forks no process";
const EVICTION = "StormDB does not evict keys";
const CLUSTER = "StormDB has no cluster";
const TLS = "StormDB has no TLS";
const USERS = "StormDB has no users";
const CRASH = "the runtime reports crashes";
const CPUS = "the system chooses the CPUs";

export const WITHOUT_EFFECT = {
  // ── Memory ─────────────────────────────────────────────────────────────────────────────────
  "jemalloc-bg-thread": idle(flag(true), MEMORY),
  activedefrag: idle(flag(false), MEMORY),
  "active-defrag-ignore-bytes": idle(memory(104857600, { min: 1 }), MEMORY),
  "active-defrag-threshold-lower": idle(integer(10, { max: 1000n }), MEMORY),
  "active-defrag-threshold-upper": idle(integer(100, { max: 1000n }), MEMORY),
  "active-defrag-cycle-min": idle(integer(1, { min: 1, max: 99n }), MEMORY),
  "active-defrag-cycle-max": idle(integer(25, { min: 1, max: 99n }), MEMORY),
  "active-defrag-max-scan-fields": idle(long(1000, 1), MEMORY),
  activerehashing: idle(flag(true), "tables always grow in small steps"),
  "lazyfree-lazy-eviction": idle(flag(false), LAZY),
  "lazyfree-lazy-expire": idle(flag(false), LAZY),
  "lazyfree-lazy-server-del": idle(flag(false), LAZY),
  "lazyfree-lazy-user-del": idle(flag(false), LAZY),
  "lazyfree-lazy-user-flush": idle(flag(false), LAZY),
  "replica-lazy-flush": idle(flag(false), LAZY, "slave-lazy-flush"),
  "replica-ignore-maxmemory": idle(flag(true), EVICTION, "slave-ignore-maxmemory"),
  "maxmemory-samples": idle(integer(5, { min: 1 }), EVICTION),
  "maxmemory-eviction-tenacity": idle(integer(10, { max: 100n }), EVICTION),
  "lfu-log-factor": idle(integer(10), EVICTION),
  "lfu-decay-time": idle(integer(1), EVICTION),
  "active-expire-effort": idle(
    integer(1, { min: 1, max: 10n }),
    "StormDB knows which keys expire next",
  ),

  // ── Forms of values ────────────────────────────────────────────────────────────────────────
  "stream-node-max-bytes": idle(memory(4096), FORM),
  "stream-node-max-entries": idle(long(100), FORM),
  "list-compress-depth": idle(integer(0), "StormDB does not compress lists in memory"),
  "list-max-ziplist-entries": idle(long(512), "list-max-listpack-size has taken its place"),
  "list-max-ziplist-value": idle(memory(64), "list-max-listpack-size has taken its place"),

  // ── The process ────────────────────────────────────────────────────────────────────────────
  "always-show-logo": idleFixed(flag(false), "StormDB has no logo"),
  "dynamic-hz": idle(flag(true), "background work takes as long as there is some"),
  "crash-log-enabled": idle(flag(true), CRASH),
  "crash-memcheck-enabled": idle(flag(true), CRASH),
  "hide-user-data-from-log": idle(flag(false), CRASH),
  "ignore-warnings": idle(text(""), "StormDB does not check the system for known faults"),
  "disable-thp": idleFixed(flag(true), NO_FORK),
  "oom-score-adj": idle(choice("no", "no", "yes", "relative", "absolute"), NO_FORK),
  "oom-score-adj-values": idle(scores, NO_FORK),
  "io-threads": idleFixed(integer(1, { min: 1, max: 128n }), "one thread serves all clients"),
  "io-threads-do-reads": idleFixed(flag(false), "one thread serves all clients"),
  "prefetch-batch-max-size": idle(integer(16, { max: 128n }), "one thread serves all clients"),
  "server-cpulist": idleFixed(text(""), CPUS, "server_cpulist"),
  "bio-cpulist": idleFixed(text(""), CPUS, "bio_cpulist"),
  "aof-rewrite-cpulist": idleFixed(text(""), CPUS, "aof_rewrite_cpulist"),
  "bgsave-cpulist": idleFixed(text(""), CPUS, "bgsave_cpulist"),
  "locale-collate": idle(text(""), "StormDB compares bytes"),
  "extended-redis-compatibility": idle(flag(false), "StormDB always says what Redis says"),
  "busy-reply-threshold": idle(long(5000), "StormDB has no scripts", "lua-time-limit"),
  "enable-module-command": idleFixed(
    choice("no", "no", "yes", "local"),
    "StormDB loads no modules",
  ),
  "syslog-ident": idleFixed(text("redis"), "StormDB does not log to syslog"),
  "syslog-facility": idleFixed(text("local0"), "StormDB does not log to syslog"),
  "tcp-keepalive-probes": idle(integer(3, { min: 1 }), "the system chooses the number"),

  // ── Files ──────────────────────────────────────────────────────────────────────────────────
  "rdb-save-incremental-fsync": idle(flag(true), "files are always written in small pieces"),
  "aof-rewrite-incremental-fsync": idle(flag(true), "files are always written in small pieces"),
  "rdb-del-sync-files": idle(flag(false), "StormDB always removes files of a full sync"),
  "sanitize-dump-payload": idle(
    choice("no", "no", "yes", "clients"),
    "StormDB always checks what it loads",
  ),
  "replica-ignore-disk-write-errors": idle(
    flag(false),
    "disk errors are logged, and clients may not write until they end",
  ),

  // ── Replication ────────────────────────────────────────────────────────────────────────────
  "dual-channel-replication-enabled": idle(flag(false), "a full sync uses one connection"),
  "repl-rdb-channel": idle(flag(false), "a full sync uses one connection"),
  "replica-full-sync-buffer-limit": idle(memory(0), "a full sync uses one connection"),

  // ── Users, tracking, large requests ────────────────────────────────────────────────────────
  "acllog-max-len": idle(long(128), USERS),
  "acl-pubsub-default": idle(choice("resetchannels", "allchannels", "resetchannels"), USERS),
  "tracking-table-max-keys": idle(long(1000000), "StormDB does not track keys for clients"),
  "commandlog-request-larger-than": idle(long(1048576, -1), "the slow log knows time alone"),
  "commandlog-large-request-max-len": idle(long(128), "the slow log knows time alone"),
  "commandlog-reply-larger-than": idle(long(1048576, -1), "the slow log knows time alone"),
  "commandlog-large-reply-max-len": idle(long(128), "the slow log knows time alone"),

  // ── TLS ────────────────────────────────────────────────────────────────────────────────────
  "tls-cert-file": idle(filePath(""), TLS),
  "tls-key-file": idle(filePath(""), TLS),
  "tls-key-file-pass": directive(text(""), TLS, { isIdle: true, isSecret: true }),
  "tls-client-cert-file": idle(filePath(""), TLS),
  "tls-client-key-file": idle(filePath(""), TLS),
  "tls-client-key-file-pass": directive(text(""), TLS, { isIdle: true, isSecret: true }),
  "tls-dh-params-file": idle(filePath(""), TLS),
  "tls-ca-cert-file": idle(filePath(""), TLS),
  "tls-ca-cert-dir": idle(filePath(""), TLS),
  "tls-auth-clients": idle(choice("yes", "no", "yes", "optional"), TLS),
  "tls-protocols": idle(text(""), TLS),
  "tls-ciphers": idle(text(""), TLS),
  "tls-ciphersuites": idle(text(""), TLS),
  "tls-prefer-server-ciphers": idle(flag(false), TLS),
  "tls-session-caching": idle(flag(true), TLS),
  "tls-session-cache-size": idle(integer(20480), TLS),
  "tls-session-cache-timeout": idle(integer(300), TLS),

  // ── Cluster ────────────────────────────────────────────────────────────────────────────────
  "cluster-config-file": idleFixed(filePath("nodes.conf"), CLUSTER),
  "cluster-node-timeout": idle(long(15000), CLUSTER),
  "cluster-port": idleFixed(integer(0, { max: 65535n }), CLUSTER),
  "cluster-replica-validity-factor": idle(integer(10), CLUSTER, "cluster-slave-validity-factor"),
  "cluster-replica-no-failover": idle(flag(false), CLUSTER, "cluster-slave-no-failover"),
  "cluster-migration-barrier": idle(integer(1), CLUSTER),
  "cluster-allow-replica-migration": idle(flag(true), CLUSTER),
  "cluster-require-full-coverage": idle(flag(true), CLUSTER),
  "cluster-allow-reads-when-down": idle(flag(false), CLUSTER),
  "cluster-allow-pubsubshard-when-down": idle(flag(true), CLUSTER),
  "cluster-link-sendbuf-limit": idle(memory(0, { max: UINT64_MAX }), CLUSTER),
  "cluster-announce-ip": idle(text(""), CLUSTER),
  "cluster-announce-port": idle(integer(0, { max: 65535n }), CLUSTER),
  "cluster-announce-tls-port": idle(integer(0, { max: 65535n }), CLUSTER),
  "cluster-announce-bus-port": idle(integer(0, { max: 65535n }), CLUSTER),
  "cluster-announce-hostname": idle(hostname, CLUSTER),
  "cluster-announce-human-nodename": idle(hostname, CLUSTER),
  "cluster-preferred-endpoint-type": idle(
    choice("ip", "ip", "hostname", "unknown-endpoint"),
    CLUSTER,
  ),
};

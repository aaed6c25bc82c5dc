/**
 * The lines that say something in the default configuration files of other servers, from the oldest
 * to the newest; each list holds what its version added or changed.
 */
const REDIS_28 = `
daemonize no
pidfile /var/run/redis.pid
port 6379
tcp-backlog 511
timeout 0
tcp-keepalive 0
loglevel notice
logfile ""
databases 16
save 900 1
save 300 10
save 60 10000
stop-writes-on-bgsave-error yes
rdbcompression yes
rdbchecksum yes
dbfilename dump.rdb
dir ./
slave-serve-stale-data yes
slave-read-only yes
repl-diskless-sync no
repl-diskless-sync-delay 5
repl-disable-tcp-nodelay no
slave-priority 100
appendonly no
appendfilename "appendonly.aof"
appendfsync everysec
no-appendfsync-on-rewrite no
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 64mb
aof-load-truncated yes
lua-time-limit 5000
slowlog-log-slower-than 10000
slowlog-max-len 128
latency-monitor-threshold 0
notify-keyspace-events ""
hash-max-ziplist-entries 512
hash-max-ziplist-value 64
list-max-ziplist-entries 512
list-max-ziplist-value 64
set-max-intset-entries 512
zset-max-ziplist-entries 128
zset-max-ziplist-value 64
hll-sparse-max-bytes 3000
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit slave 256mb 64mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
aof-rewrite-incremental-fsync yes`;

const REDIS_32 = `
bind 127.0.0.1
protected-mode yes
tcp-keepalive 300
supervised no
pidfile /var/run/redis_6379.pid
list-max-ziplist-size -2
list-compress-depth 0`;

const REDIS_4 = `
always-show-logo yes
lazyfree-lazy-eviction no
lazyfree-lazy-expire no
lazyfree-lazy-server-del no
slave-lazy-flush no
aof-use-rdb-preamble no`;

const REDIS_5 = `
replica-serve-stale-data yes
replica-read-only yes
replica-priority 100
replica-lazy-flush no
aof-use-rdb-preamble yes
stream-node-max-bytes 4096
stream-node-max-entries 100
client-output-buffer-limit replica 256mb 64mb 60
dynamic-hz yes
rdb-save-incremental-fsync yes`;

const REDIS_6 = `
rdb-del-sync-files no
repl-diskless-load disabled
acllog-max-len 128
lazyfree-lazy-user-del no
lazyfree-lazy-user-flush no
oom-score-adj no
oom-score-adj-values 0 200 800
disable-thp yes
set-proc-title yes
proc-title-template "{title} {listen-addr} {server-mode}"
always-show-logo no
jemalloc-bg-thread yes`;

const REDIS_7 = `
bind 127.0.0.1 -::1
repl-diskless-sync yes
repl-diskless-sync-max-replicas 0
appenddirname "appendonlydir"
aof-timestamp-enabled no
hash-max-listpack-entries 512
hash-max-listpack-value 64
list-max-listpack-size -2
zset-max-listpack-entries 128
zset-max-listpack-value 64`;

const REDIS_72 = `
set-max-listpack-entries 128
set-max-listpack-value 64`;

/** What the package of Debian changes. */
const DEBIAN = `
daemonize yes
pidfile /run/redis/redis-server.pid
logfile /var/log/redis/redis-server.log
dir /var/lib/redis`;

const VALKEY_8 = `
tcp-keepalive-probes 3
pidfile /var/run/valkey_6379.pid
hide-user-data-from-log yes
locale-collate ""
rdb-version-check strict
dual-channel-replication-enabled no
lazyfree-lazy-eviction yes
lazyfree-lazy-expire yes
lazyfree-lazy-server-del yes
replica-lazy-flush yes
lazyfree-lazy-user-del yes
lazyfree-lazy-user-flush yes
commandlog-execution-slower-than 10000
commandlog-slow-execution-max-len 128
commandlog-request-larger-than 1048576
commandlog-large-request-max-len 128
commandlog-reply-larger-than 1048576
commandlog-large-reply-max-len 128`;

const HISTORY = [REDIS_28, REDIS_32, REDIS_4, REDIS_5, REDIS_6, REDIS_7, REDIS_72];
const upTo = (last: string) => HISTORY.slice(0, HISTORY.indexOf(last) + 1).join("");

/** What the comments of these files offer, with the value that they name. */
const OFFERED = `
enable-protected-configs no
enable-debug-command no
enable-module-command no
unixsocket /run/redis.sock
unixsocketperm 700
supervised auto
crash-log-enabled no
crash-memcheck-enabled no
sanitize-dump-payload no
masterauth secret
masteruser name
repl-ping-replica-period 10
repl-timeout 60
repl-backlog-size 1mb
repl-backlog-ttl 3600
propagation-error-behavior ignore
replica-ignore-disk-write-errors no
replica-announced yes
min-replicas-to-write 3
min-replicas-max-lag 10
replica-announce-ip 5.5.5.5
replica-announce-port 1234
tracking-table-max-keys 1000000
user default on nopass ~* &* +@all
acl-pubsub-default resetchannels
requirepass foobared
rename-command CONFIG b840fc02d524045429941cc15f59e41cb7be6c52
rename-command KEYS ""
maxclients 10000
maxmemory 1gb
maxmemory-policy noeviction
maxmemory-samples 5
maxmemory-eviction-tenacity 10
replica-ignore-maxmemory yes
active-expire-effort 1
io-threads 4
io-threads-do-reads no
shutdown-timeout 10
shutdown-on-sigint default
shutdown-on-sigterm "nosave now"
busy-reply-threshold 5000
cluster-enabled no
cluster-config-file nodes-6379.conf
cluster-node-timeout 15000
cluster-port 0
cluster-replica-validity-factor 10
cluster-migration-barrier 1
cluster-allow-replica-migration yes
cluster-require-full-coverage yes
cluster-replica-no-failover no
cluster-allow-reads-when-down no
cluster-allow-pubsubshard-when-down yes
cluster-link-sendbuf-limit 0
cluster-announce-hostname ""
cluster-announce-human-nodename ""
cluster-preferred-endpoint-type ip
cluster-announce-ip 10.1.1.5
cluster-announce-tls-port 6379
cluster-announce-port 0
cluster-announce-bus-port 6380
latency-tracking yes
latency-tracking-info-percentiles 50 99 99.9
client-query-buffer-limit 1gb
maxmemory-clients 0
proto-max-bulk-len 512mb
lfu-log-factor 10
lfu-decay-time 1
activedefrag no
active-defrag-ignore-bytes 100mb
active-defrag-threshold-lower 10
active-defrag-threshold-upper 100
active-defrag-cycle-min 1
active-defrag-cycle-max 25
active-defrag-max-scan-fields 1000
server_cpulist 0-7:2
bio_cpulist 1,3
aof_rewrite_cpulist 8-11
bgsave_cpulist 1,10-11
ignore-warnings ARM64-COW-BUG
syslog-enabled no
syslog-ident redis
syslog-facility local0
socket-mark-id 0
tls-port 0
tls-cert-file redis.crt
tls-key-file redis.key
tls-key-file-pass secret
tls-client-cert-file client.crt
tls-client-key-file client.key
tls-client-key-file-pass secret
tls-dh-params-file redis.dh
tls-ca-cert-file ca.crt
tls-ca-cert-dir /etc/ssl/certs
tls-auth-clients optional
tls-replication no
tls-cluster no
tls-protocols "TLSv1.2 TLSv1.3"
tls-ciphers DEFAULT:!MEDIUM
tls-ciphersuites TLS_CHACHA20_POLY1305_SHA256
tls-prefer-server-ciphers yes
tls-session-caching no
tls-session-cache-size 5000
tls-session-cache-timeout 60
extended-redis-compatibility no
prefetch-batch-max-size 16
import-mode no
log-format legacy
log-timestamp-format legacy`;

/** By the name of the server and its version. */
export const STOCK_FILES: Readonly<Record<string, string>> = {
  "Redis 2.8": upTo(REDIS_28),
  "Redis 3.2": upTo(REDIS_32),
  "Redis 4.0": upTo(REDIS_4),
  "Redis 5.0": upTo(REDIS_5),
  "Redis 6.2": upTo(REDIS_6),
  "Redis 7.0": upTo(REDIS_7),
  "Redis 7.2 to 8.0": upTo(REDIS_72),
  "Redis 7.0 of Debian": `${upTo(REDIS_7)}${DEBIAN}`,
  "Valkey 8": `${upTo(REDIS_72)}${VALKEY_8}`,
  "everything that comments offer": `${upTo(REDIS_72)}${VALKEY_8}${OFFERED}`,
};

/** What CONFIG SET may not change, names of files that are paths, and commands under other names. */
import { type Call, oracleTest } from "../harness/oracle.ts";

/** Directives that CONFIG SET refuses in both servers; what a name is set to does not matter. */
const REFUSED = [
  ...["aclfile", "always-show-logo", "appenddirname", "appendfilename", "cluster-enabled"],
  ...["daemonize", "databases", "dbfilename", "dir", "disable-thp", "enable-debug-command"],
  ...["enable-module-command", "enable-protected-configs", "io-threads", "logfile", "pidfile"],
  ...["rdbchecksum", "replicaof", "slaveof", "set-proc-title", "supervised", "syslog-enabled"],
  ...["tcp-backlog", "unixsocket", "unixsocketperm", "include", "rename-command", "user"],
  ...["loadmodule", "sentinel", "aof_rewrite_cpulist"],
];

oracleTest(
  "config: what CONFIG SET refuses",
  REFUSED.flatMap((name): Call[] => [
    `CONFIG SET ${name} x`,
    // Before its value is looked at, and with others beside it.
    `CONFIG SET hz 20 ${name} ../x`,
    "CONFIG GET hz",
  ]),
);

oracleTest(
  "config: protected directives that may be set",
  [
    ...["../x", "a/b", "/x", "a\\\\b", "x.rdb"].flatMap((value): Call[] => [
      `CONFIG SET dbfilename ${value}`,
      "CONFIG GET dbfilename",
    ]),
    "CONFIG SET dir /nowhere/at/all",
    "CONFIG SET dir /etc/hostname",
    "CONFIG SET hz 33 dir /nowhere/at/all",
    "CONFIG GET hz",
    "CONFIG SET logfile x",
    "CONFIG SET appendfilename x",
  ],
  ["--enable-protected-configs", "yes"],
);

oracleTest(
  "config: ports and addresses that cannot be listened on",
  [
    // No address of any machine: the servers stay where they are.
    { call: ["CONFIG", "SET", "bind", "203.0.113.7"] },
    "CONFIG GET bind",
    { call: ["CONFIG", "SET", "bind", "127.0.0.1 203.0.113.7"] },
    "CONFIG GET bind",
    "CONFIG SET port 65536",
    "CONFIG SET port x",
    "CONFIG SET proc-title-template {x}",
    "CONFIG SET proc-title-template {title}",
    "CONFIG GET proc-title-template",
    "CONFIG SET shutdown-on-sigint 'nosave now'",
    "CONFIG GET shutdown-on-sigint",
    "CONFIG SET shutdown-on-sigint 'nosave save'",
    "CONFIG SET shutdown-on-sigterm never",
    "CONFIG SET hz 44 bind 203.0.113.7 timeout 5",
    "CONFIG GET hz",
    "CONFIG GET timeout",
  ],
  ["--loglevel", "warning"],
);

oracleTest(
  "rename-command",
  [
    "SET a 1",
    "CONFIG GET hz",
    "secret GET hz",
    "SECRET get hz",
    "Secret resetstat",
    "KEYS *",
    "keys",
    "FLUSHALL",
    "DEL a",
    "remove_it_now a",
    "EXISTS a",
    "COMMAND INFO keys",
    "COMMAND COUNT",
    "GET",
    "swapped b 2",
  ].filter((call) => call !== "COMMAND COUNT"),
  [
    ...["--rename-command", "CONFIG", "secret", "--rename-command", "KEYS", ""],
    ...["--rename-command", "del", "Remove_it_now", "--rename-command", "SETEX", "swapped"],
  ],
);

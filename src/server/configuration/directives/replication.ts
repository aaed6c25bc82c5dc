/** Replication: a replica's primary, and a primary's replicas. */
import { isHostName } from "../../../base/host-name.ts";
import {
  choice,
  directive,
  fixed,
  flag,
  INT64_MAX,
  integer,
  type Kind,
  list,
  memory,
  Refusal,
  text,
} from "./directive.ts";

export interface PrimaryAddress {
  readonly host: string;
  readonly port: number;
}

/** Host and port; nothing, or "no one", for a primary. */
const primaryAddress: Kind<PrimaryAddress | null> = {
  ...list<PrimaryAddress | null>(
    null,
    (words) => {
      const [host, port] = words;
      if (words.length === 0 || words.join(" ").toLowerCase() === "no one") return null;
      if (words.length !== 2) return new Refusal("argument must be a host and a port");
      if (!isHostName(host!)) return new Refusal("Invalid master host");
      const isPort = /^[0-9]{1,5}$/.test(port!) && Number(port) <= 65535;
      return isPort ? { host: host!, port: Number(port) } : new Refusal("Invalid master port");
    },
    (address) => (address === null ? [] : [address.host, String(address.port)]),
  ),
  // A primary has no such line; redis-server would not start with an empty one.
  lines: (address) => (address === null ? [] : [[address.host, String(address.port)]]),
};

export const REPLICATION = {
  replicaof: fixed(primaryAddress, "host and port of the primary; empty for a primary", {
    aliases: ["slaveof"],
  }),
  masterauth: directive(text(""), "password of the primary", {
    aliases: ["primaryauth"],
    isSecret: true,
  }),
  masteruser: directive(text(""), "user name for the primary", {
    aliases: ["primaryuser"],
    isSecret: true,
  }),
  "replica-read-only": directive(flag(true), "clients may not write to a replica", {
    aliases: ["slave-read-only"],
  }),
  "replica-serve-stale-data": directive(
    flag(true),
    "a replica answers while the link to its primary is down",
    { aliases: ["slave-serve-stale-data"] },
  ),
  "replica-priority": directive(
    integer(100),
    "Sentinel promotes the replica with the lowest number; 0 for never",
    { aliases: ["slave-priority"] },
  ),
  "replica-announced": directive(flag(true), "Sentinel tells clients of this replica"),
  "replica-announce-ip": directive(
    text(""),
    "address that others reach this replica by, if it is not the socket's",
    { aliases: ["slave-announce-ip"] },
  ),
  "replica-announce-port": directive(
    integer(0, { max: 65535n }),
    "port that others reach this replica by; 0 for the port it listens on",
    { aliases: ["slave-announce-port"] },
  ),
  "repl-disable-tcp-nodelay": directive(
    flag(false),
    "sends to replicas in fewer packets, with up to 40 ms of delay",
  ),
  "repl-diskless-sync": directive(flag(true), "a full sync sends data without writing a file"),
  "repl-diskless-sync-delay": directive(
    integer(5),
    "seconds that a full sync waits for more replicas, which then share its snapshot",
  ),
  "repl-diskless-sync-max-replicas": directive(
    integer(0),
    "number of replicas that ends this wait; 0 for none",
  ),
  "repl-diskless-load": directive(
    choice("disabled", "disabled", "on-empty-db", "swapdb"),
    "when a replica loads a full sync straight into memory, not by way of a file",
  ),
  "repl-ping-replica-period": directive(
    integer(10, { min: 1 }),
    "seconds between PINGs to replicas",
    { aliases: ["repl-ping-slave-period"] },
  ),
  "repl-timeout": directive(
    integer(60, { min: 1 }),
    "seconds without traffic after which a replication link is closed",
  ),
  "repl-backlog-size": directive(
    memory(1048576, { min: 1, least: 16384 }),
    "bytes of the replication stream that are kept for partial resyncs",
  ),
  "repl-backlog-ttl": directive(
    integer(3600, { max: INT64_MAX }),
    "seconds without replicas after which the backlog is freed; 0 for never",
  ),
  "min-replicas-to-write": directive(
    integer(0),
    "writes are refused with fewer replicas than this",
    { aliases: ["min-slaves-to-write"] },
  ),
  "min-replicas-max-lag": directive(
    integer(10),
    "seconds since its last acknowledgement after which a replica no longer counts",
    { aliases: ["min-slaves-max-lag"] },
  ),
};

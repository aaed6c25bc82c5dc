/** Commands about replication. */
import { isHostName } from "../base/host-name.ts";
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import type { FailoverTarget } from "./services/replication.ts";
import type { CommandSpec } from "./spec/command.ts";

const PORT_MAX = 65535;

function replicaof(c: Context): void {
  const { args, reply } = c;
  const { replication } = c.server;
  if (replication.isFailingOver) {
    reply.error("ERR REPLICAOF not allowed while failing over.");
    return;
  }
  if (args.is(1, "no") && args.is(2, "one")) {
    replication.promote();
    reply.ok();
    return;
  }
  const port = c.integerWithin(2, 0, PORT_MAX, "ERR Invalid master port");
  if (Number.isNaN(port)) return;
  const host = args.text(1);
  if (!isHostName(host)) {
    reply.error("ERR Invalid master host");
    return;
  }
  const present = replication.primaryView;
  if (present?.host === host && present.port === port) {
    reply.simple("OK Already connected to specified master");
    return;
  }
  replication.replicateFrom(host, port);
  reply.ok();
}

function role(c: Context): void {
  const { reply } = c;
  const { replication } = c.server;
  const { primaryView } = replication;
  if (primaryView === null) {
    const replicas = replication.replicaViews();
    reply.array(3);
    reply.text("master");
    reply.integer(replication.position);
    reply.array(replicas.length);
    for (const { ackPosition, ip, port } of replicas) {
      reply.array(3);
      reply.text(ip);
      reply.text(String(port));
      reply.text(String(ackPosition));
    }
    return;
  }
  reply.array(5);
  reply.text("slave");
  reply.text(primaryView.host);
  reply.integer(primaryView.port);
  reply.text(primaryView.state);
  reply.integer(primaryView.state === "connected" ? replication.position : -1);
}

// ── Between servers ──────────────────────────────────────────────────────────────────────────

function replconf(c: Context): void {
  const { args, client, reply } = c;
  const { replication } = c.server;
  if (args.count % 2 === 0) {
    c.syntaxError();
    return;
  }
  for (let i = 1; i < args.count; i += 2) {
    if (args.is(i, "listening-port")) {
      // It is connected to for FAILOVER.
      const port = c.integer(i + 1);
      if (Number.isNaN(port)) return;
      if (port < 0 || port > PORT_MAX) {
        reply.error("ERR Invalid listening-port");
        return;
      }
      replication.announce(client, "port", String(port));
    } else if (args.is(i, "ip-address")) {
      const ip = args.text(i + 1);
      // An empty one stands for the address of the connection.
      if (ip !== "" && !isHostName(ip)) {
        reply.error("ERR REPLCONF ip-address provided by replica instance is no host name");
        return;
      }
      replication.announce(client, "ip", ip);
    } else if (args.is(i, "rdb-only")) {
      const only = c.integerWithin(i + 1, 0, 1, "ERR value is out of range, must be in [0, 1]");
      if (Number.isNaN(only)) return;
      replication.announce(client, "rdb-only", String(only));
    } else if (args.is(i, "capa")) {
      replication.announce(client, "capa", args.text(i + 1).toLowerCase());
    } else if (args.is(i, "ack")) {
      // Nothing is said to this, and to the others of the same call neither.
      const position = c.integer(i + 1);
      if (!Number.isNaN(position)) replication.acknowledge(client, position);
      return;
    } else if (args.is(i, "getack")) {
      return;
    } else {
      reply.error(`ERR Unrecognized REPLCONF option: ${errors.shownArgument(args.text(i))}`);
      return;
    }
  }
  reply.ok();
}

function psync(c: Context): void {
  const { args, client, reply } = c;
  const { replication } = c.server;
  const id = args.text(1);
  if (args.count > 3) {
    const error = args.is(3, "failover") ? replication.takeOver(id) : errors.SYNTAX;
    if (error !== "") {
      reply.error(error);
      return;
    }
  }
  const offset = c.integer(2);
  if (Number.isNaN(offset)) return;
  // Replicas name the next byte that they want, counted from 1.
  const error = replication.acceptReplica(client, id, offset - 1);
  if (error !== "") reply.error(error);
}

function sync(c: Context): void {
  const error = c.server.replication.acceptReplica(c.client, "", -1);
  if (error !== "") c.reply.error(error);
}

// ── WAIT and FAILOVER ────────────────────────────────────────────────────────────────────────

function wait(c: Context): void {
  const { reply } = c;
  const { replication } = c.server;
  if (replication.isReplica) {
    reply.error(errors.WAIT_ON_REPLICA);
    return;
  }
  const count = c.integer(1);
  if (Number.isNaN(count)) return;
  const timeoutMs = c.integer(2, "ERR timeout is not an integer or out of range");
  if (Number.isNaN(timeoutMs)) return;
  if (timeoutMs < 0) {
    reply.error(errors.TIMEOUT_NEGATIVE);
    return;
  }
  const position = replication.lastWriteOf(c.client);
  const reached = replication.countAt(position);
  if (reached >= count || !c.mayBlock) reply.integer(reached);
  else replication.waitForAcks(c.client, position, count, timeoutMs);
}

function failover(c: Context): void {
  const { args, reply } = c;
  const { replication } = c.server;
  let target: FailoverTarget | null = null;
  let timeoutMs = 0;
  let force = false;
  for (let i = 1; i < args.count; i++) {
    if (args.is(i, "timeout") && i + 1 < args.count && timeoutMs === 0) {
      const wrong = "ERR FAILOVER timeout must be greater than 0";
      timeoutMs = c.integer(++i);
      if (Number.isNaN(timeoutMs)) return;
      if (timeoutMs <= 0) {
        reply.error(wrong);
        return;
      }
    } else if (args.is(i, "abort") && args.count === 2) {
      replyOkOr(c, replication.abortFailover());
      return;
    } else if (args.is(i, "to") && i + 2 < args.count && target === null) {
      const port = c.integer(i + 2);
      if (Number.isNaN(port)) return;
      target = { host: args.text(i + 1), port };
      i += 2;
    } else if (args.is(i, "force") && !force) force = true;
    else {
      c.syntaxError();
      return;
    }
  }
  replyOkOr(c, replication.failover(target, timeoutMs, force));
}

function replyOkOr(c: Context, error: string): void {
  if (error === "") c.reply.ok();
  else c.reply.error(error);
}

const PRIMARY_SYNTAX = "<args: {host-port: host port/integer} | {no-one: NO ONE}>";

export const REPLICATION_COMMANDS: readonly CommandSpec[] = [
  {
    name: "replicaof",
    group: "server",
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Makes the server a replica of another one, or promotes it to primary.",
    arity: 3,
    flags: "admin noscript stale no_async_loading",
    syntax: PRIMARY_SYNTAX,
    handler: replicaof,
  },
  {
    name: "slaveof",
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Makes the server a replica of another one, or promotes it to primary.",
    arity: 3,
    flags: "admin noscript stale no_async_loading",
    syntax: PRIMARY_SYNTAX,
    deprecated: { since: "5.0.0", replacedBy: "`REPLICAOF`" },
    handler: replicaof,
  },
  {
    name: "role",
    group: "server",
    since: "2.8.12",
    complexity: "O(1)",
    summary: "Returns the replication role, with the replicas or the primary.",
    arity: 1,
    flags: "noscript loading stale fast",
    categories: "admin dangerous",
    handler: role,
  },
  {
    name: "replconf",
    group: "server",
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Internal: a replica announces itself and acknowledges its offset.",
    arity: -1,
    flags: "admin noscript loading stale allow_busy",
    docFlags: "syscmd",
    handler: replconf,
  },
  {
    name: "psync",
    group: "server",
    since: "2.8.0",
    complexity: "O(N), N being the number of keys where all data is needed",
    summary: "Internal: a replica starts or resumes replication.",
    arity: -3,
    flags: "admin noscript no_async_loading no_multi",
    syntax: "replicationid offset/integer",
    handler: psync,
  },
  {
    name: "sync",
    group: "server",
    since: "1.0.0",
    complexity: "O(N), N being the number of keys",
    summary: "Internal: a replica starts replication with a full resynchronization.",
    arity: 1,
    flags: "admin noscript no_async_loading no_multi",
    handler: sync,
  },
  {
    name: "wait",
    group: "generic",
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Blocks until replicas have acknowledged the connection's writes.",
    arity: 3,
    flags: "noscript",
    categories: "connection",
    syntax: "numreplicas/integer timeout/integer",
    tips: "request_policy:all_shards response_policy:agg_min",
    handler: wait,
  },
  {
    name: "failover",
    group: "server",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Hands the primary role over to a replica.",
    arity: -1,
    flags: "admin noscript stale",
    syntax: "[TO target: host port/integer [FORCE]] [ABORT] [TIMEOUT milliseconds]",
    handler: failover,
  },
];

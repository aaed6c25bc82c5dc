/** Commands about transactions. */
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import type { CommandSpec } from "./spec/command.ts";
import { allKeys } from "./spec/key-specs.ts";

function multi(c: Context): void {
  if (c.client.inTransaction) {
    c.reply.error(errors.NESTED_MULTI);
    return;
  }
  c.server.transactions.begin(c.client);
  c.reply.ok();
}

function exec(c: Context): void {
  if (c.client.inTransaction) c.server.transactions.execute(c.client);
  else c.reply.error(errors.EXEC_WITHOUT_MULTI);
}

function discard(c: Context): void {
  if (!c.client.inTransaction) {
    c.reply.error(errors.DISCARD_WITHOUT_MULTI);
    return;
  }
  c.server.transactions.discard(c.client);
  c.reply.ok();
}

function watch(c: Context): void {
  if (c.client.inTransaction) {
    c.reply.error(errors.WATCH_INSIDE_MULTI);
    return;
  }
  const { bytes, count, length, start } = c.args;
  for (let i = 1; i < count; i++) {
    c.events.watch(c.client, c.db, bytes, start[i]!, length[i]!);
  }
  c.reply.ok();
}

function unwatch(c: Context): void {
  c.events.unwatch(c.client);
  c.reply.ok();
}

const AT_ONCE = "noscript loading stale fast allow_busy";

export const TRANSACTION_COMMANDS: readonly CommandSpec[] = [
  {
    name: "multi",
    batchTimedArgsMax: 1,
    group: "transactions",
    since: "1.2.0",
    complexity: "O(1)",
    summary: "Starts a transaction.",
    arity: 1,
    flags: AT_ONCE,
    immediate: true,
    handler: multi,
  },
  {
    name: "exec",
    group: "transactions",
    since: "1.2.0",
    complexity: "Depends on commands in the transaction",
    summary: "Runs the commands of a transaction.",
    arity: 1,
    flags: "noscript loading stale skip_slowlog",
    immediate: true,
    handler: exec,
  },
  {
    name: "discard",
    group: "transactions",
    since: "2.0.0",
    complexity: "O(N), N being the number of commands queued",
    summary: "Discards the queued commands.",
    arity: 1,
    flags: AT_ONCE,
    immediate: true,
    handler: discard,
  },
  {
    name: "watch",
    group: "transactions",
    since: "2.2.0",
    complexity: "O(1) a key",
    summary: "Watches keys: the next EXEC fails if one of them has changed.",
    arity: -2,
    flags: AT_ONCE,
    keys: allKeys("RO"),
    syntax: "key ...",
    immediate: true,
    handler: watch,
  },
  {
    name: "unwatch",
    batchTimedArgsMax: 1,
    group: "transactions",
    since: "2.2.0",
    complexity: "O(1)",
    summary: "Stops watching all keys.",
    arity: 1,
    flags: AT_ONCE,
    handler: unwatch,
  },
];

/** Commands about channels and messages. */

import { Glob } from "../base/glob.ts";
import * as errors from "../protocol/errors.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import { CHANNEL, type Kind, PATTERN, SHARD } from "../pubsub/pubsub.ts";
import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { CommandSpec } from "./spec/command.ts";
import { allKeys, oneKey } from "./spec/key-specs.ts";
import { subcommands } from "./spec/subcommand.ts";

/** A message to more clients, or past more patterns, is timed by itself. */
const QUICK_STEPS = 16;

/** Subscriptions that replies count: shard channels by themselves, all others together. */
function counted(c: Context, kind: Kind): number {
  const { subscriptions } = c.client;
  if (subscriptions === null) return 0;
  if (kind === SHARD) return subscriptions.count(SHARD);
  return subscriptions.count(CHANNEL) + subscriptions.count(PATTERN);
}

/** Tells the client that it listens, or does so no more, to a name that `writeName` writes. */
function confirm(
  c: Context,
  mark: string,
  kind: Kind,
  writeName: (out: ReplyWriter) => void,
): void {
  const write = (out: ReplyWriter) => {
    out.push(3);
    out.text(mark);
    writeName(out);
    out.integer(counted(c, kind));
  };
  // It is a push, which comes even to a client that wants no replies.
  if (c.client.replyMode === "on") write(c.reply);
  else c.server.pubsub.pushTo(c.client, write);
}

function subscribe(c: Context, kind: Kind): void {
  // Channels and patterns are let in for the sake of old clients.
  if (kind === SHARD && !c.mayBlock) {
    c.reply.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    return;
  }
  const { bytes, count, length, start } = c.args;
  const mark = c.args.text(0).toLowerCase();
  for (let i = 1; i < count; i++) {
    c.server.pubsub.subscribe(c.client, kind, bytes, start[i]!, length[i]!);
    confirm(c, mark, kind, (out) => out.bulk(bytes, start[i]!, length[i]!));
  }
}

/** Unlike the others it may not be part of a transaction. */
function ssubscribe(c: Context): void {
  if (c.server.transactions.executing) c.reply.error(errors.SHARD_SUBSCRIBE_INSIDE_EXEC);
  else subscribe(c, SHARD);
}

function unsubscribe(c: Context, kind: Kind): void {
  const { bytes, count, length, start } = c.args;
  const { pubsub } = c.server;
  const mark = c.args.text(0).toLowerCase();
  for (let i = 1; i < count; i++) {
    pubsub.unsubscribe(c.client, kind, bytes, start[i]!, length[i]!);
    confirm(c, mark, kind, (out) => out.bulk(bytes, start[i]!, length[i]!));
  }
  if (count > 1) return;
  const all = c.client.subscriptions?.channels[kind];
  if (all === undefined || all.size === 0) confirm(c, mark, kind, (out) => out.null());
  for (const channel of all ?? []) {
    pubsub.leave(c.client, channel);
    confirm(c, mark, kind, (out) => out.text(channel.name));
  }
}

function replyReceivers(c: Context, receivers: number): void {
  c.timedAlone = receivers + c.server.pubsub.nameCount(PATTERN) > QUICK_STEPS;
  c.reply.integer(receivers);
  c.propagateToReplicas();
}

function publish(c: Context): void {
  const { bytes, length, start } = c.args;
  const { pubsub } = c.server;
  replyReceivers(c, pubsub.publish(bytes, start[1]!, length[1]!, bytes, start[2]!, length[2]!));
}

function spublish(c: Context): void {
  const { bytes, length, start } = c.args;
  const { pubsub } = c.server;
  replyReceivers(
    c,
    pubsub.publishToShard(bytes, start[1]!, length[1]!, bytes, start[2]!, length[2]!),
  );
}

// ── PUBSUB ───────────────────────────────────────────────────────────────────────────────────

function replyNames(c: Context, kind: Kind): void {
  const { args, reply } = c;
  if (args.count > 3) {
    c.wrongSubcommand();
    return;
  }
  const glob = args.count === 3 ? new Glob(args.text(2)) : null;
  const names: string[] = [];
  for (let channel = c.server.pubsub.first(kind); channel !== null; channel = channel.after) {
    if (glob === null || glob.matchesText(channel.name)) names.push(channel.name);
  }
  reply.array(names.length);
  for (const name of names) reply.text(name);
}

function replyListeners(c: Context, kind: Kind): void {
  const { args, reply } = c;
  // Not a map, not even in RESP3.
  reply.array((args.count - 2) * 2);
  for (let i = 2; i < args.count; i++) {
    reply.bulk(args.bytes, args.start[i]!, args.length[i]!);
    const count = c.server.pubsub.listenerCount(kind, args.bytes, args.start[i]!, args.length[i]!);
    reply.integer(count);
  }
}

const ANY_TIME = "pubsub noscript loading stale";
const PER_NAME = "O(N), N being the number of names given";
const SHARD_CHANNELS = allKeys("not_key");

/** The shared part of the commands that begin or end subscriptions. */
function subscription(
  name: string,
  since: string,
  summary: string,
  more: Pick<CommandSpec, "arity" | "syntax" | "keys" | "handler">,
): CommandSpec {
  return {
    name,
    group: "pubsub",
    since,
    complexity: PER_NAME,
    summary,
    flags: ANY_TIME,
    whileSubscribed: true,
    ...more,
  };
}

const pubsubCommand = subcommands({ group: "pubsub", flags: "pubsub loading stale" });

export const PUBSUB_COMMANDS: readonly CommandSpec[] = [
  subscription("subscribe", "2.0.0", "Subscribes to channels.", {
    arity: -2,
    syntax: "channel ...",
    handler: (c) => subscribe(c, CHANNEL),
  }),
  subscription("unsubscribe", "2.0.0", "Unsubscribes from channels, or from all.", {
    arity: -1,
    syntax: "[channel ...]",
    handler: (c) => unsubscribe(c, CHANNEL),
  }),
  subscription("psubscribe", "2.0.0", "Subscribes to channels that match patterns.", {
    arity: -2,
    syntax: "{pattern: pattern} ...",
    handler: (c) => subscribe(c, PATTERN),
  }),
  subscription("punsubscribe", "2.0.0", "Unsubscribes from patterns, or from all.", {
    arity: -1,
    syntax: "[pattern ...]",
    handler: (c) => unsubscribe(c, PATTERN),
  }),
  subscription("ssubscribe", "7.0.0", "Subscribes to shard channels.", {
    arity: -2,
    keys: SHARD_CHANNELS,
    syntax: "shardchannel ...",
    handler: ssubscribe,
  }),
  subscription("sunsubscribe", "7.0.0", "Unsubscribes from shard channels, or from all.", {
    arity: -1,
    keys: SHARD_CHANNELS,
    syntax: "[shardchannel ...]",
    handler: (c) => unsubscribe(c, SHARD),
  }),
  {
    name: "publish",
    batchTimedArgsMax: 3,
    group: "pubsub",
    since: "2.0.0",
    complexity: "O(N+M), N being the number of receivers and M of patterns",
    summary: "Sends a message to a channel.",
    arity: 3,
    flags: "pubsub loading stale fast",
    mayReplicate: true,
    syntax: "channel message",
    handler: publish,
  },
  {
    name: "spublish",
    batchTimedArgsMax: 3,
    group: "pubsub",
    since: "7.0.0",
    complexity: "O(N), N being the number of receivers",
    summary: "Sends a message to a shard channel.",
    arity: 3,
    flags: "pubsub loading stale fast",
    mayReplicate: true,
    keys: oneKey("not_key"),
    syntax: "shardchannel message",
    handler: spublish,
  },
  {
    name: "pubsub",
    group: "pubsub",
    since: "2.8.0",
    complexity: "Depends on subcommand.",
    summary: "A container for Pub/Sub introspection commands.",
    arity: -2,
    flags: "",
    subcommands: [
      pubsubCommand(
        "channels",
        "2.8.0",
        -2,
        "Returns the channels that have subscribers.",
        (c) => replyNames(c, CHANNEL),
        { complexity: "O(N), N being the number of channels", syntax: "[pattern]" },
      ),
      pubsubCommand(
        "numsub",
        "2.8.0",
        -2,
        "Returns the number of subscribers of channels.",
        (c) => replyListeners(c, CHANNEL),
        { complexity: PER_NAME, syntax: "[channel ...]" },
      ),
      pubsubCommand("numpat", "2.8.0", 2, "Returns how many patterns are listened to.", (c) =>
        c.reply.integer(c.server.pubsub.nameCount(PATTERN)),
      ),
      pubsubCommand(
        "shardchannels",
        "7.0.0",
        -2,
        "Returns the shard channels that have subscribers.",
        (c) => replyNames(c, SHARD),
        { complexity: "O(N), N being the number of shard channels", syntax: "[pattern]" },
      ),
      pubsubCommand(
        "shardnumsub",
        "7.0.0",
        -2,
        "Returns the number of subscribers of shard channels.",
        (c) => replyListeners(c, SHARD),
        { complexity: PER_NAME, syntax: "[shardchannel ...]" },
      ),
      helpCommand("pubsub", "6.2.0"),
    ],
  },
];

/** Commands about the server. */
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { CommandSpec } from "./spec/command.ts";
import { subcommands } from "./spec/subcommand.ts";

function info(c: Context): void {
  const sections: string[] = [];
  for (let i = 1; i < c.args.count; i++) sections.push(c.args.text(i));
  c.reply.verbatim("txt", c.server.figures.info(sections));
}

function time(c: Context): void {
  const us = c.keyspace.clock.wallUs();
  c.reply.array(2);
  c.reply.text(String(Math.floor(us / 1e6)));
  c.reply.text(String(us % 1e6));
}

function shutdown(c: Context): void {
  const { args, reply } = c;
  let abort = false;
  let force = false;
  let now = false;
  let others = false;
  let save = 0;
  for (let i = 1; i < args.count; i++) {
    if (args.is(i, "nosave")) save |= 1;
    else if (args.is(i, "save")) save |= 2;
    else if (args.is(i, "abort")) abort = true;
    else if (args.is(i, "force")) force = true;
    else if (args.is(i, "now")) now = true;
    else save = 3;
    others ||= !args.is(i, "abort");
  }
  if (save === 3 || (abort && others)) {
    c.syntaxError();
    return;
  }
  if (abort) {
    if (c.server.process.abortShutdown()) reply.ok();
    else reply.error("ERR No shutdown in progress.");
    return;
  }
  const mode = save === 1 ? "nosave" : save === 2 ? "save" : "default";
  const error = c.server.process.shutdown({ mode, force, now, caller: c.client });
  if (error !== "") reply.error(errors.SHUTDOWN_FAILED);
}

// ── CONFIG ───────────────────────────────────────────────────────────────────────────────────

function configGet(c: Context): void {
  const patterns: string[] = [];
  for (let i = 2; i < c.args.count; i++) patterns.push(c.args.text(i));
  const found = c.server.config.get(patterns);
  c.reply.map(found.size);
  for (const [name, value] of found) {
    c.reply.text(name);
    c.reply.text(value);
  }
}

function replyOkOr(c: Context, error: string): void {
  if (error === "") c.reply.ok();
  else c.reply.error(error);
}

function configSet(c: Context): void {
  const { args } = c;
  if (args.count % 2 === 1) {
    c.syntaxError();
    return;
  }
  const pairs: [string, string][] = [];
  for (let i = 2; i < args.count; i += 2) {
    pairs.push([args.text(i), args.text(i + 1)]);
    if (c.server.config.isSecret(args.text(i))) c.secrets.push(i + 1);
  }
  replyOkOr(c, c.server.config.set(pairs, c.client.isLocal));
}

function configResetstat(c: Context): void {
  c.server.figures.resetStats();
  c.reply.ok();
}

// ── SLOWLOG ──────────────────────────────────────────────────────────────────────────────────

const SLOWLOG_SHOWN = 10;

function slowlogGet(c: Context): void {
  const { args, reply } = c;
  if (args.count > 3) {
    c.wrongSubcommand();
    return;
  }
  let count = SLOWLOG_SHOWN;
  if (args.count === 3) {
    const wrong = "ERR count should be greater than or equal to -1";
    count = c.integerWithin(2, -1, Number.POSITIVE_INFINITY, wrong);
    if (Number.isNaN(count)) return;
  }
  const { entries } = c.server.figures.slowlog;
  const shown = count < 0 ? entries : entries.slice(0, count);
  reply.array(shown.length);
  for (const entry of shown) {
    reply.array(6);
    reply.integer(entry.id);
    reply.integer(entry.unixSeconds);
    reply.integer(entry.usec);
    reply.array(entry.args.length);
    for (const arg of entry.args) reply.text(arg);
    reply.text(entry.address);
    reply.text(entry.name);
  }
}

function slowlogReset(c: Context): void {
  c.server.figures.slowlog.reset();
  c.reply.ok();
}

function monitor(c: Context): void {
  if (!c.mayBlock) {
    c.reply.error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    return;
  }
  // Who is one already gets no reply, as in Redis.
  if (c.server.clients.monitor(c.client)) c.reply.ok();
}

const configCommand = subcommands({ group: "server", flags: "admin noscript loading stale" });
const moduleCommand = subcommands({ group: "server", flags: "admin noscript" });
const slowlogCommand = subcommands({ group: "server", flags: "admin loading stale" });

export const SERVER_COMMANDS: readonly CommandSpec[] = [
  {
    name: "info",
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Returns information and statistics about the server.",
    arity: -1,
    flags: "loading stale",
    categories: "dangerous",
    syntax: "[section ...]",
    tips: "nondeterministic_output request_policy:all_shards response_policy:special",
    handler: info,
  },
  {
    name: "time",
    group: "server",
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Returns the server's time: seconds, and microseconds of the second.",
    arity: 1,
    flags: "loading stale fast",
    tips: "nondeterministic_output",
    handler: time,
  },
  {
    name: "shutdown",
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Saves the data set if configured, and exits.",
    arity: -1,
    flags: "admin noscript loading stale no_multi allow_busy",
    syntax: "[save-selector: NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
    handler: shutdown,
  },
  {
    name: "monitor",
    group: "server",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Streams every command that the server runs.",
    arity: 1,
    flags: "admin noscript loading stale",
    handler: monitor,
  },
  {
    name: "config",
    group: "server",
    since: "2.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for server configuration commands.",
    arity: -2,
    flags: "",
    subcommands: [
      configCommand("get", "2.0.0", -3, "Returns the values of directives.", configGet, {
        complexity: "O(N), N being the number of directives",
        syntax: "{parameter: parameter} ...",
      }),
      configCommand("set", "2.0.0", -4, "Sets directives, all or none.", configSet, {
        complexity: "O(N), N being the number of directives",
        syntax: "{data: parameter value} ...",
        tips: "request_policy:all_nodes response_policy:all_succeeded",
      }),
      configCommand(
        "resetstat",
        "2.0.0",
        2,

        "Resets the server's statistics.",
        configResetstat,
        {
          tips: "request_policy:all_nodes response_policy:all_succeeded",
        },
      ),
      configCommand(
        "rewrite",
        "2.8.0",
        2,

        "Rewrites the configuration file with the current values.",
        (c) => replyOkOr(c, c.server.config.rewrite()),
        { tips: "request_policy:all_nodes response_policy:all_succeeded" },
      ),
      helpCommand("server", "5.0.0"),
    ],
  },
  {
    name: "module",
    group: "server",
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for module commands; modules are not supported.",
    arity: -2,
    flags: "",
    subcommands: [
      moduleCommand("list", "4.0.0", 2, "Returns the modules.", (c) => c.reply.array(0), {
        complexity: "O(N), N being the number of modules",
        tips: "nondeterministic_output_order",
      }),
      helpCommand("server", "5.0.0"),
    ],
  },
  {
    name: "slowlog",
    group: "server",
    since: "2.2.12",
    complexity: "Depends on subcommand.",
    summary: "A container for slow log commands.",
    arity: -2,
    flags: "",
    subcommands: [
      slowlogCommand(
        "get",
        "2.2.12",
        -2,
        "Returns the latest entries of the slow log.",
        slowlogGet,
        {
          complexity: "O(N), N being the number of entries returned",
          syntax: "[count]",
          tips: "request_policy:all_nodes nondeterministic_output",
        },
      ),
      slowlogCommand(
        "len",
        "2.2.12",
        2,
        "Returns the number of entries of the slow log.",
        (c) => c.reply.integer(c.server.figures.slowlog.entries.length),
        { tips: "request_policy:all_nodes response_policy:agg_sum nondeterministic_output" },
      ),
      slowlogCommand("reset", "2.2.12", 2, "Empties the slow log.", slowlogReset, {
        tips: "request_policy:all_nodes response_policy:all_succeeded",
      }),
      helpCommand("server", "6.2.0"),
    ],
  },
];

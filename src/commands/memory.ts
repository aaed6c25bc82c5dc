/** MEMORY: what the data, single keys and the rest of the server take. */
import type { Figure } from "../base/figure.ts";
import type { ReplyWriter } from "../protocol/reply-writer.ts";
import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt } from "./spec/key-specs.ts";
import { subcommands } from "./spec/subcommand.ts";

function usage(c: Context): void {
  const { args } = c;
  for (let i = 3; i < args.count; i += 2) {
    if (!args.is(i, "samples") || i + 1 >= args.count) {
      c.syntaxError();
      return;
    }
    const samples = c.integer(i + 1);
    if (Number.isNaN(samples)) return;
    if (samples < 0) {
      c.syntaxError();
      return;
    }
  }
  const ref = c.db.peek(args.bytes, args.start[2]!, args.length[2]!);
  if (ref === 0) c.reply.null();
  else c.reply.integer(c.db.memoryUsage(ref));
}

function replyFigures(reply: ReplyWriter, figures: readonly Figure[]): void {
  reply.map(figures.length);
  for (const figure of figures) {
    reply.text(figure.name);
    if (figure.kind === "group") replyFigures(reply, figure.value);
    else if (figure.kind === "text") reply.text(figure.value);
    else if (figure.decimals > 0) reply.double(figure.value);
    else reply.integer(figure.value);
  }
}

function purge(c: Context): void {
  c.server.figures.memory.purge();
  c.reply.ok();
}

const memoryCommand = subcommands({ group: "server", flags: "" });
const REPORT_TIPS = "nondeterministic_output request_policy:all_shards response_policy:special";

export const MEMORY_COMMANDS: readonly CommandSpec[] = [
  {
    name: "memory",
    group: "server",
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    summary: "A container for memory diagnostics commands.",
    arity: -2,
    flags: "",
    subcommands: [
      memoryCommand(
        "doctor",
        "4.0.0",
        2,
        "Says in words what is unusual about the server's memory.",
        (c) => c.reply.verbatim("txt", c.server.figures.memory.doctor()),
        { tips: REPORT_TIPS },
      ),
      memoryCommand(
        "malloc-stats",
        "4.0.0",
        2,
        "Describes the state of the allocator.",
        (c) => c.reply.verbatim("txt", c.server.figures.memory.allocatorReport()),
        { tips: REPORT_TIPS },
      ),
      memoryCommand("purge", "4.0.0", 2, "Collects garbage and frees unused pages.", purge, {
        complexity: "O(N), N being the number of pages, in slices after the reply",
        tips: "request_policy:all_shards response_policy:all_succeeded",
      }),
      memoryCommand(
        "stats",
        "4.0.0",
        2,
        "Returns figures about the server's memory.",
        (c) => replyFigures(c.reply, c.server.figures.memory.stats()),
        { tips: REPORT_TIPS },
      ),
      memoryCommand("usage", "4.0.0", -3, "Returns the bytes a key takes.", usage, {
        complexity: "O(N), N being the number of blocks of the value",
        flags: "readonly",
        keys: [keyAt(2, "RO")],
        syntax: "key [SAMPLES count]",
      }),
      helpCommand("server", "4.0.0"),
    ],
  },
];

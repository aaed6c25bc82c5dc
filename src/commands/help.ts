/** The HELP subcommand of containers, made from their entries. */

import type { Context } from "./context.ts";
import type { CommandSpec } from "./spec/command.ts";
import { syntaxText } from "./spec/syntax.ts";

export function replyHelp(
  c: Context,
  container: string,
  lines: readonly (readonly [string, string])[],
): void {
  c.reply.array(lines.length * 2 + 3);
  c.reply.simple(
    `${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
  );
  for (const [usage, summary] of lines) {
    c.reply.simple(usage);
    c.reply.simple(`    ${summary}`);
  }
  c.reply.simple("HELP");
  c.reply.simple("    Prints this help.");
}

function help(c: Context): void {
  const container = c.server.commands.find(c.args, 0)!;
  const lines = [...container.subcommands!.values()]
    .filter(({ spec }) => spec.name !== "help")
    .map(({ spec }): readonly [string, string] => [
      `${spec.name.toUpperCase()} ${syntaxText(spec.syntax ?? "")}`.trim(),
      spec.summary,
    ]);
  replyHelp(c, container.spec.name, lines);
}

export function helpCommand(
  group: CommandSpec["group"],
  since: string,
  categories?: string,
): CommandSpec {
  return {
    name: "help",
    group,
    since,
    complexity: "O(1)",
    summary: "Prints this help.",
    arity: 2,
    flags: "loading stale",
    ...(categories === undefined ? {} : { categories }),
    handler: help,
  };
}

/**
 * Writes the README's table of commands from the command entries, between its two marks:
 * bun scripts/command-table.ts. With --check it only says whether the table is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CommandSpec } from "../src/commands/command.ts";
import { COMMANDS } from "../src/commands/index.ts";
import { syntaxText } from "../src/commands/syntax.ts";

const README = join(import.meta.dir, "../README.md");
const BEGIN = "<!-- commands: made by scripts/command-table.ts -->";
const END = "<!-- end of commands -->";
const TITLES: Readonly<Record<string, string>> = { pubsub: "Pub/Sub" };

function row(spec: CommandSpec, container = ""): string[] {
  const name = `${container}${spec.name.toUpperCase()}`;
  if (spec.subcommands !== undefined)
    return spec.subcommands.flatMap((sub) => row(sub, `${name} `));
  if (spec.name === "help") return [];
  const usage = `${name} ${syntaxText(spec.syntax ?? "")}`.trim().replaceAll("|", "\\|");
  return [`| \`${usage}\` | ${spec.summary} |`];
}

export function commandTable(): string {
  const groups = [...new Set(COMMANDS.map((spec) => spec.group))];
  return groups
    .map((group) => {
      const rows = COMMANDS.filter((spec) => spec.group === group).flatMap((spec) => row(spec));
      const title = TITLES[group] ?? group[0]!.toUpperCase() + group.slice(1);
      return `### ${title}\n\n| Command | |\n| --- | --- |\n${rows.join("\n")}\n`;
    })
    .join("\n");
}

/** The README with the table as it should be. */
export function readmeWithTable(readme: string): string {
  const from = readme.indexOf(BEGIN) + BEGIN.length;
  const to = readme.indexOf(END);
  return `${readme.slice(0, from)}\n\n${commandTable()}\n${readme.slice(to)}`;
}

if (import.meta.main) {
  const readme = readFileSync(README, "utf8");
  const wanted = readmeWithTable(readme);
  if (process.argv.includes("--check")) process.exit(readme === wanted ? 0 : 1);
  writeFileSync(README, wanted);
}

/**
 * Writes what the documents say of commands and directives from their entries in src/:
 *
 *     bun scripts/reference.ts
 *
 * docs/commands.md and docs/configuration.md whole, and the README's table between its two marks.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../src/commands/index.ts";
import type { CommandSpec } from "../src/commands/spec/command.ts";
import { syntaxText } from "../src/commands/spec/syntax.ts";
import { DIRECTIVES } from "../src/server/configuration/directives.ts";

const ROOT = join(import.meta.dir, "..");
const BEGIN = "<!-- commands: written by scripts/reference.ts -->";
const END = "<!-- end of commands -->";
const TITLES: Readonly<Record<string, string>> = { pubsub: "Pub/sub" };

const GROUPS = Map.groupBy(COMMANDS, ({ group }) => group);

function titleOf(group: string): string {
  return TITLES[group] ?? group[0]!.toUpperCase() + group.slice(1);
}

/** Text within a cell of a table. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

function commandRows(spec: CommandSpec, container = ""): string[] {
  const name = `${container}${spec.name.toUpperCase()}`;
  if (spec.subcommands !== undefined) {
    return spec.subcommands.flatMap((sub) => commandRows(sub, `${name} `));
  }
  if (spec.name === "help") return [];
  const usage = cell(`${name} ${syntaxText(spec.syntax ?? "")}`.trim());
  return [`| \`${usage}\` | ${spec.summary} |`];
}

function commandsPage(): string {
  const tables = [...GROUPS].map(([group, specs]) => {
    const rows = specs.flatMap((spec) => commandRows(spec));
    return `## ${titleOf(group)}\n\n| command | |\n| --- | --- |\n${rows.join("\n")}\n`;
  });
  return `<!-- Written by scripts/reference.ts from the entries in src/commands. -->

# Commands

Behaviour, replies and error texts are those of Redis 7.2, in RESP2 and, after \`HELLO 3\`, RESP3.
\`COMMAND DOCS\`, and \`help\` in the cli, tell the same of a server that runs.

${tables.join("\n")}`;
}

function configurationPage(): string {
  const groups = Map.groupBy(DIRECTIVES, ([, { group }]) => group);
  const tables = [...groups].map(([group, entries]) => {
    const rows = entries.map(([name, { about, alias, directive, fixed }]) => {
      const given = directive.default === "" ? "" : `\`${cell(directive.default)}\``;
      const choices =
        directive.kind === "choice"
          ? `: ${directive.choices.map((c) => `\`${c}\``).join(" ")}`
          : "";
      const other = alias === undefined ? "" : ` (or \`${alias}\`)`;
      return `| \`${name}\`${other} | ${given} | ${cell(about)}${choices} | ${fixed ? "at the start" : ""} |`;
    });
    const head = "| directive | default | | set |\n| --- | --- | --- | --- |";
    return `## ${group}\n\n${head}\n${rows.join("\n")}\n`;
  });
  return `<!-- Written by scripts/reference.ts from src/server/configuration/directives.ts. -->

# Configuration

\`\`\`sh
./stormdb server [file.conf] [--name value ...]
\`\`\`

The file has the syntax of \`redis.conf\`, and directives have Redis's names, defaults and limits;
\`--name value\` goes before the file. A directive that is unknown or has a bad value stops the start
with a line that names it, and exit code 1. \`./stormdb server --help\` lists all of them.

\`CONFIG GET\`, \`CONFIG SET\` and \`CONFIG REWRITE\` work on them at run time, except on those that
the last column says are set at the start. Amounts of memory take units: \`64mb\`, \`1gb\`.

${tables.join("\n")}`;
}

function readmeTable(): string {
  const rows = [...GROUPS].map(([group, specs]) => {
    const names = specs.map(({ name }) => `\`${name.toUpperCase()}\``);
    return `| ${titleOf(group)} | ${names.join(" ")} |`;
  });
  return `| group | commands |\n| --- | --- |\n${rows.join("\n")}`;
}

function readmeWithTable(readme: string): string {
  const from = readme.indexOf(BEGIN) + BEGIN.length;
  const to = readme.indexOf(END);
  return `${readme.slice(0, from)}\n\n${readmeTable()}\n\n${readme.slice(to)}`;
}

/** The documents as they should be, by their paths below the root. */
export function references(): ReadonlyMap<string, string> {
  return new Map([
    ["README.md", readmeWithTable(readFileSync(join(ROOT, "README.md"), "utf8"))],
    ["docs/commands.md", commandsPage()],
    ["docs/configuration.md", configurationPage()],
  ]);
}

if (import.meta.main) {
  for (const [path, text] of references()) writeFileSync(join(ROOT, path), text);
}

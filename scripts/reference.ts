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
import { DIRECTIVE_GROUPS } from "../src/server/configuration/directives/index.ts";

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

const WHEN = {
  always: "",
  protected: "if `enable-protected-configs` allows it",
  "at start": "at the start",
};

function configurationPage(): string {
  const tables = Object.entries(DIRECTIVE_GROUPS).map(([group, directives]) => {
    const rows = Object.entries(directives).map(([name, directive]) => {
      const { about, aliases, choices, settable } = directive;
      const value = directive.defaultText ?? directive.show(directive.default);
      const given = value === "" ? "" : `\`${cell(value)}\``;
      const list = choices === undefined ? "" : `: ${choices.map((c) => `\`${c}\``).join(" ")}`;
      const names = [name, ...aliases].map((one) => `\`${one}\``);
      return `| ${names.join(" or ")} | ${given} | ${cell(about)}${list} | ${WHEN[settable]} |`;
    });
    const head = "| directive | default | | set |\n| --- | --- | --- | --- |";
    return `## ${group}\n\n${head}\n${rows.join("\n")}\n`;
  });
  return `<!-- Written by scripts/reference.ts from src/server/configuration/directives. -->

# Configuration

\`\`\`sh
./stormdb server [file.conf] [-] [--name value ...]
\`\`\`

The file has the syntax of \`redis.conf\`, and directives have Redis's names, defaults and limits; \`-\`
reads the same from standard input. \`--name value\` overrides both. The default files of Redis 2.8 to
8.0, of Debian's package and of Valkey 8 can be used as they are. What is unknown, wrong or missing in
StormDB stops the start with exit code 1, and every such line is named with its file and number.
\`./stormdb server --help\` lists all directives.

\`CONFIG GET\`, \`CONFIG SET\` and \`CONFIG REWRITE\` work on them while the server runs. The last column
names those that \`CONFIG SET\` does not change, or only if the protected directives may be set: that
keeps somebody who can send commands from choosing the files that the server writes. A \`CONFIG SET\` of
several directives changes all of them or none. \`dir\` cannot be changed while \`appendonly\` is \`yes\`.
Amounts of memory take units: \`64mb\`, \`1gb\`.

A relative path starts in \`dir\`, and \`dir\` itself where the server is started. \`include\` reads another
file in its place, up to 16 deep. \`rename-command\` holds for clients: files and the primary use both
names.

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

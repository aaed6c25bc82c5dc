/** `help`: of a command, of the commands that begin so, of a group. */
import { argumentText } from "../commands/spec/syntax.ts";
import { STORMDB_VERSION } from "../version.ts";
import { COLOURED, PLAIN } from "./colours.ts";
import { builtInDocs, type CommandDoc, serverDocs } from "./docs.ts";
import type { Output } from "./output.ts";
import type { Session } from "./session.ts";

const GENERAL = `StormDB cli ${STORMDB_VERSION}
Help about commands:
      "help @<group>" lists the commands of a group
      "help <command>" describes a command
      "help <tab>" lists what there is help about
      "quit" leaves

At the prompt:
      :set                       shows preferences, :set nohints and the like change them
      :watch [seconds] <command> repeats a command and shows what changes
      :browse [pattern]          looks at keys and values
      :explain <command>         says what a command is, costs and does to which keys
      Ctrl-R searches earlier lines, Tab completes, 5 PING runs PING five times
`;

export function describe(doc: CommandDoc, withGroup: boolean, colour: boolean): string {
  const paint = colour ? COLOURED : PLAIN;
  const args = doc.args.map(argumentText).join(" ");
  const line = (name: string, text: string) => `  ${paint("number", `${name}:`)} ${text}\n`;
  return `
  ${paint("heading", doc.name.toUpperCase())} ${paint("faint", args)}
${line("summary", doc.summary)}${line("since", doc.since)}${withGroup ? line("group", doc.group) : ""}`;
}

/** Of the words behind "help". */
export async function helpText(
  session: Session,
  words: readonly string[],
  output: Output,
): Promise<string> {
  if (words.length === 0) return GENERAL;
  const name = words.join(" ").toLowerCase();
  const docs = await serverDocs(session);
  for (const known of [docs, builtInDocs()]) {
    const isGroup = name.startsWith("@");
    const found = known.filter((doc) =>
      isGroup ? `@${doc.group}` === name : doc.name === name || doc.name.startsWith(`${name} `),
    );
    if (found.length === 0) continue;
    return `${found.map((doc) => describe(doc, !isGroup, output.colour)).join("")}\n`;
  }
  return `\nNo help about ${words.join(" ")}: "help" alone says what there is.\n\n`;
}

/** What Tab offers: names of commands and subcommands, topics of help, our own words. */
import type { CommandDoc } from "./docs.ts";

const OWN = [
  ":browse",
  ":explain ",
  ":set hints",
  ":set nohints",
  ":set confirm",
  ":set noconfirm",
  ":set color",
  ":set nocolor",
  ":watch ",
];
const WORDS = ["clear", "connect", "exit", "help", "quit"];
/** Behind these a command stands. */
const BEFORE = /^(help|\?|:explain|:watch( \d+(\.\d+)?)?) +/i;

/** Whole lines that the line may become, in their order. */
export function completions(line: string, docs: readonly CommandDoc[]): string[] {
  if (line.startsWith(":") && !BEFORE.test(line)) {
    return OWN.filter((word) => word.startsWith(line.toLowerCase()));
  }
  const before = BEFORE.exec(line)?.[0] ?? "";
  const typed = line.slice(before.length);
  const wanted = typed.toLowerCase();
  const isHelp = /^(help|\?)/i.test(before);
  const groups = isHelp ? [...new Set(docs.map(({ group }) => `@${group}`))].sort() : [];
  const names = [
    ...groups,
    ...docs.map(({ name }) => name),
    ...(before === "" ? WORDS.filter((word) => !docs.some(({ name }) => name === word)) : []),
  ];
  // Typed in capitals, completed in capitals.
  const upper = typed !== "" && typed === typed.toUpperCase() && /[A-Z]/.test(typed);
  return (
    names
      .filter((name) => name.startsWith(wanted) && (wanted !== "" || before !== ""))
      // Subcommands only once their container is there.
      .filter(
        (name) => wanted.includes(" ") || !name.includes(" ") || name.startsWith(`${wanted} `),
      )
      .map((name) => before + (upper ? name.toUpperCase() : name))
  );
}

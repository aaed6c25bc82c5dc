/** What is known of commands: from COMMAND DOCS of the server, or else from our own table. */
import { COMMANDS } from "../commands/index.ts";
import { type Argument, type ArgumentType, parseSyntax } from "../commands/spec/syntax.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import type { Session } from "./session.ts";

export interface CommandDoc {
  /** In lower case; of a subcommand "config get". */
  readonly name: string;
  readonly summary: string;
  readonly since: string;
  readonly group: string;
  readonly complexity: string;
  readonly args: readonly Argument[];
  /** It has subcommands, and does nothing itself. */
  readonly isContainer: boolean;
}

let ours: readonly CommandDoc[] | undefined;

export function builtInDocs(): readonly CommandDoc[] {
  ours ??= COMMANDS.flatMap((spec) =>
    [spec, ...(spec.subcommands ?? [])].map(
      (one): CommandDoc => ({
        name: one === spec ? spec.name : `${spec.name} ${one.name}`,
        summary: one.summary,
        since: one.since,
        group: one.group,
        complexity: one.complexity,
        args: parseSyntax(one.syntax ?? "", 0),
        isContainer: one.subcommands !== undefined,
      }),
    ),
  ).sort(byName);
  return ours;
}

function byName(a: CommandDoc, b: CommandDoc): number {
  return a.name < b.name ? -1 : Number(a.name > b.name);
}

/** A map of RESP3, or the flat array that it is in RESP2. */
export function fieldsOf(reply: Reply | undefined): Map<string, Reply> {
  const fields = new Map<string, Reply>();
  if (reply === undefined || !("items" in reply)) return fields;
  for (let i = 0; i + 1 < reply.items.length; i += 2) {
    fields.set(textOf(reply.items[i]), reply.items[i + 1]!);
  }
  return fields;
}

export function textOf(reply: Reply | undefined): string {
  return reply !== undefined && "text" in reply ? reply.text : "";
}

export function itemsOf(reply: Reply | undefined): readonly Reply[] {
  return reply !== undefined && "items" in reply ? reply.items : [];
}

function argumentOf(reply: Reply): Argument {
  const fields = fieldsOf(reply);
  const flags = itemsOf(fields.get("flags")).map(textOf);
  const item: Argument = {
    name: textOf(fields.get("display_text")) || textOf(fields.get("name")),
    type: textOf(fields.get("type")) as ArgumentType,
    optional: flags.includes("optional"),
    multiple: flags.includes("multiple"),
    multipleToken: flags.includes("multiple_token"),
  };
  if (fields.has("token")) item.token = textOf(fields.get("token"));
  if (fields.has("arguments")) item.arguments = itemsOf(fields.get("arguments")).map(argumentOf);
  return item;
}

/** The reply to COMMAND DOCS. */
export function readDocs(reply: Reply): CommandDoc[] {
  const docs: CommandDoc[] = [];
  const add = (fullName: string, fields: Map<string, Reply>) => {
    const subcommands = fieldsOf(fields.get("subcommands"));
    docs.push({
      name: fullName.toLowerCase().replace("|", " "),
      summary: textOf(fields.get("summary")),
      since: textOf(fields.get("since")),
      group: textOf(fields.get("group")),
      complexity: textOf(fields.get("complexity")),
      args: itemsOf(fields.get("arguments")).map(argumentOf),
      isContainer: subcommands.size > 0,
    });
    for (const [name, sub] of subcommands) add(name, fieldsOf(sub));
  };
  for (const [name, fields] of fieldsOf(reply)) add(name, fieldsOf(fields));
  return docs.sort(byName);
}

/** The docs of the server, where it has them and is there; throws nothing. */
export async function serverDocs(session: Session): Promise<readonly CommandDoc[]> {
  if (!session.connected || session.inTransaction || session.subscribed) return builtInDocs();
  try {
    const reply = await session.client.call(["COMMAND", "DOCS"]);
    const docs = reply.kind === "error" ? [] : readDocs(reply);
    return docs.length > 0 ? docs : builtInDocs();
  } catch {
    return builtInDocs();
  }
}

/** The command that the words begin with, and how many of them are its name. */
export function findDoc(
  docs: readonly CommandDoc[],
  words: readonly string[],
): { readonly doc: CommandDoc; readonly words: number } | null {
  for (const count of [2, 1]) {
    if (words.length < count) continue;
    const name = words.slice(0, count).join(" ").toLowerCase();
    const doc = docs.find((one) => one.name === name);
    if (doc !== undefined) return { doc, words: count };
  }
  return null;
}

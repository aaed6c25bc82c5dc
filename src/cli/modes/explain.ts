/** `:explain CMD` and `--explain CMD`: what a command is, costs, and does to which keys. */
import { COMMANDS } from "../../commands/index.ts";
import { argumentText } from "../../commands/spec/syntax.ts";
import { quote } from "../../protocol/arguments.ts";
import type { Reply } from "../../protocol/reply-parser.ts";
import { COLOURED, PLAIN } from "../colours.ts";
import { dangerOf } from "../danger.ts";
import { builtInDocs, type CommandDoc, findDoc, itemsOf, serverDocs, textOf } from "../docs.ts";
import type { Run } from "../invocation.ts";
import { warn, write } from "../print.ts";

interface Facts {
  readonly flags: readonly string[];
  readonly categories: readonly string[];
  /** A line each. */
  readonly keys: readonly string[];
}

/** From our own table: categories are not told there. */
function builtInFacts(doc: CommandDoc): Facts {
  const [name, sub] = doc.name.split(" ");
  const spec = COMMANDS.find((one) => one.name === name);
  const found = sub === undefined ? spec : spec?.subcommands?.find((one) => one.name === sub);
  const keys = (found?.keys ?? []).map((key) => {
    if (key.behind !== undefined) return `behind ${key.behind.toUpperCase()} (${key.flags})`;
    if (key.unknown) return `keys that depend on the data (${key.flags})`;
    const where = key.keynum
      ? `as many as argument ${key.at} says`
      : key.last === undefined || key.last === 0
        ? `argument ${key.at}`
        : key.last > 0
          ? `arguments ${key.at} to ${key.at + key.last}`
          : `from argument ${key.at} on`;
    return `${where} (${key.flags})`;
  });
  return { flags: found?.flags.split(" ").filter(Boolean) ?? [], categories: [], keys };
}

/** Items 2 and 6 of an entry of COMMAND INFO, and the keys that are really in the call. */
async function serverFacts(run: Run, doc: CommandDoc, args: readonly string[]): Promise<Facts> {
  const { session } = run;
  const infos = itemsOf(await session.call(["COMMAND", "INFO", doc.name.replace(" ", "|")]));
  const info = itemsOf(infos[0]);
  if (info.length === 0) return builtInFacts(doc);
  const texts = (reply: Reply | undefined) => itemsOf(reply).map(textOf);
  const calls = itemsOf(await session.call(["COMMAND", "GETKEYSANDFLAGS", ...args]));
  const keys = calls.map((pair) => {
    const [key, flags] = itemsOf(pair);
    return `${quote(textOf(key))} (${texts(flags).join(" ")})`;
  });
  return {
    flags: texts(info[2]),
    categories: texts(info[6]),
    keys: keys.length > 0 ? keys : builtInFacts(doc).keys,
  };
}

export async function runExplain(run: Run, words: readonly string[]): Promise<number> {
  const { output, session } = run;
  if (words.length === 0) {
    warn("explain what? :explain command [argument ...]");
    return 1;
  }
  const isThere = session.connected || (await session.open());
  const docs = isThere ? await serverDocs(session) : builtInDocs();
  const found = findDoc(docs, words) ?? findDoc(builtInDocs(), words);
  if (found === null) {
    warn(`no command is named ${words[0]}`);
    return 1;
  }
  const { doc } = found;
  const facts =
    isThere && !session.inTransaction ? await serverFacts(run, doc, words) : builtInFacts(doc);
  const paint = output.colour ? COLOURED : PLAIN;
  const danger = dangerOf(words);
  const lines: readonly (readonly [string, string])[] = [
    ["group", doc.group],
    ["since", doc.since],
    ["complexity", doc.complexity],
    ["flags", facts.flags.join(" ")],
    ["categories", facts.categories.join(" ")],
    ...facts.keys.map((key, i): [string, string] => [i === 0 ? "keys" : "", key]),
    ["danger", danger ?? ""],
  ];
  const syntax = doc.args.map(argumentText).join(" ");
  const title = `${paint("heading", doc.name.toUpperCase())} ${paint("faint", syntax)}`.trimEnd();
  const body = lines
    .filter(([, text]) => text !== "")
    .map(([name, text]) => `  ${paint("number", name.padEnd(10))} ${text}\n`);
  write(1, Buffer.from(`\n  ${title}\n  ${doc.summary}\n${body.join("")}\n`));
  return 0;
}

/** What may still follow what was typed: the command's arguments less those that are there. */
import { type Argument, argumentText } from "../commands/spec/syntax.ts";
import { splitArguments } from "../protocol/arguments.ts";
import { type CommandDoc, findDoc } from "./docs.ts";

interface Match {
  /** The first word that is not taken. */
  readonly at: number;
  /** What is still missing, as text. */
  readonly rest: string;
}

/** Once, without "optional" and "multiple". */
function text(item: Argument, withToken: boolean): string {
  const { token, ...bare } = item;
  const plain: Argument = { ...bare, optional: false, multiple: false };
  return argumentText(withToken && token !== undefined ? { ...plain, token } : plain);
}

/** Null where the words are something else. */
function matchOnce(item: Argument, words: readonly string[], from: number): Match | null {
  let at = from;
  if (at >= words.length) return { at, rest: text(item, true) };
  if (item.token !== undefined) {
    // The empty token stands for nothing.
    if (item.token !== "" && words[at]!.toUpperCase() !== item.token.toUpperCase()) return null;
    if (item.token !== "") at++;
    if (item.type === "pure-token") return { at, rest: "" };
    if (at >= words.length) return { at, rest: text(item, false) };
  }
  if (item.type === "oneof") {
    for (const choice of item.arguments ?? []) {
      const match = matchOnce(choice, words, at);
      if (match !== null) return match;
    }
    return null;
  }
  if (item.type === "block") return matchAll(item.arguments ?? [], words, at);
  return { at: at + 1, rest: "" };
}

function match(item: Argument, words: readonly string[], from: number): Match | null {
  let found = matchOnce(item, words, from);
  if (found === null || !item.multiple || from >= words.length) {
    return found !== null && from >= words.length ? { ...found, rest: argumentText(item) } : found;
  }
  const again = item.multipleToken ? item : withoutToken(item);
  while (found.at < words.length && found.rest === "") {
    const next = matchOnce(again, words, found.at);
    if (next === null || next.at === found.at) break;
    found = next;
  }
  const more = `[${text(item, item.multipleToken)} ...]`;
  return { at: found.at, rest: found.rest === "" ? more : `${found.rest} ${more}` };
}

function withoutToken(item: Argument): Argument {
  if (item.type === "pure-token") return item;
  const { token: _, ...rest } = item;
  return rest;
}

function matchAll(
  items: readonly Argument[],
  words: readonly string[],
  from: number,
): Match | null {
  const rest: string[] = [];
  let at = from;
  for (let i = 0; i < items.length; ) {
    if (!items[i]!.optional) {
      const found = match(items[i]!, words, at);
      if (found === null) return null;
      at = found.at;
      if (found.rest !== "") rest.push(found.rest);
      i++;
      continue;
    }
    // Options that follow one another come in any order.
    const options: Argument[] = [];
    while (i < items.length && items[i]!.optional) options.push(items[i++]!);
    for (let progress = true; progress && at < words.length; ) {
      progress = false;
      for (const [index, option] of options.entries()) {
        const found = match(option, words, at);
        if (found === null || found.at === at) continue;
        at = found.at;
        if (found.rest !== "") rest.push(found.rest);
        options.splice(index, 1);
        progress = true;
        break;
      }
    }
    rest.push(...options.map(argumentText));
  }
  return { at, rest: rest.join(" ") };
}

/** What to show behind the line; "" where nothing is known, or nothing may follow. */
export function hintFor(line: string, docs: readonly CommandDoc[]): string {
  const words = splitArguments(line) ?? splitArguments(`${line}"`) ?? splitArguments(`${line}'`);
  if (words === null || words.length === 0) return "";
  const found = findDoc(docs, words);
  // A name may still go on: "get" is also the begin of "getdel".
  if (found === null) return "";
  const { doc } = found;
  if (doc.isContainer && doc.args.length === 0) return "";
  const matched = matchAll(doc.args, words, found.words);
  if (matched === null || matched.at < words.length || matched.rest === "") return "";
  return line.endsWith(" ") ? matched.rest : ` ${matched.rest}`;
}

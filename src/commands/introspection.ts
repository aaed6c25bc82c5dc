/** COMMAND: what the server can do, told from the command entries. */
import { globMatch } from "../base/glob.ts";
import * as errors from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { CommandSpec } from "./spec/command.ts";
import type { CommandView } from "./spec/command-info.ts";
import {
  forEachKey,
  KEYS_FOUND,
  type KeySpec,
  type KeysOutcome,
  keyFlagNames,
  NO_KEYS,
  WRONG_COUNT,
  WRONG_KEYNUM,
} from "./spec/key-specs.ts";
import { subcommands } from "./spec/subcommand.ts";
import { type Argument, parseSyntax } from "./spec/syntax.ts";

// ── COMMAND INFO ─────────────────────────────────────────────────────────────────────────────

/** First key, last key and step as in Redis's older description of keys. */
function legacyKeys(command: CommandView): readonly [number, number, number] {
  // It does not know keys whose number is an argument, nor those that stand behind an option.
  const all = command.spec.keys ?? [];
  const specs = all.filter((spec) => spec.behind === undefined && !spec.unknown && !spec.keynum);
  if (specs.length === 0) return [0, 0, 0];
  const last = specs.at(-1)!;
  const lastKey = last.last ?? 0;
  return [specs[0]!.at, lastKey < 0 ? lastKey : last.at + lastKey, last.step ?? 1];
}

function replyTexts(c: Context, texts: readonly string[]): void {
  for (const text of texts) c.reply.text(text);
}

function words(text: string | undefined): string[] {
  return text ? text.split(" ") : [];
}

function replyKeySpec(c: Context, spec: KeySpec): void {
  const { reply } = c;
  reply.map(spec.notes === undefined ? 3 : 4);
  if (spec.notes !== undefined) {
    reply.text("notes");
    reply.text(spec.notes);
  }
  reply.text("flags");
  const flags = words(spec.flags);
  reply.set(flags.length);
  for (const flag of flags) reply.simple(flag);
  reply.text("begin_search");
  reply.map(2);
  if (spec.unknown) {
    replyTexts(c, ["type", "unknown", "spec"]);
    reply.map(0);
  } else if (spec.behind !== undefined) {
    replyTexts(c, ["type", "keyword", "spec"]);
    reply.map(2);
    replyTexts(c, ["keyword", spec.behind.toUpperCase(), "startfrom"]);
    reply.integer(spec.at);
  } else {
    replyTexts(c, ["type", "index", "spec"]);
    replyNumbers(c, { index: spec.at });
  }
  reply.text("find_keys");
  reply.map(2);
  if (spec.unknown) {
    replyTexts(c, ["type", "unknown", "spec"]);
    reply.map(0);
    return;
  }
  replyTexts(c, ["type", spec.keynum ? "keynum" : "range", "spec"]);
  if (spec.keynum) replyNumbers(c, { keynumidx: 0, firstkey: 1, keystep: spec.step ?? 1 });
  else replyNumbers(c, { lastkey: spec.last ?? 0, keystep: spec.step ?? 1, limit: 0 });
}

function replyNumbers(c: Context, numbers: Readonly<Record<string, number>>): void {
  const entries = Object.entries(numbers);
  c.reply.map(entries.length);
  for (const [name, value] of entries) {
    c.reply.text(name);
    c.reply.integer(value);
  }
}

function replyInfo(c: Context, command: CommandView | undefined): void {
  const { reply } = c;
  if (command === undefined) {
    reply.null();
    return;
  }
  const { spec } = command;
  reply.array(10);
  reply.text(command.fullName);
  reply.integer(spec.arity);
  const flags = words(spec.flags);
  reply.set(flags.length);
  for (const flag of flags) reply.simple(flag);
  for (const number of legacyKeys(command)) reply.integer(number);
  const categories = command.categories();
  reply.set(categories.length);
  for (const name of categories) reply.simple(`@${name}`);
  const tips = words(spec.tips);
  reply.set(tips.length);
  replyTexts(c, tips);
  const keys = spec.keys ?? [];
  reply.set(keys.length);
  for (const key of keys) replyKeySpec(c, key);
  const subcommands = [...(command.subcommands?.values() ?? [])];
  reply.array(subcommands.length);
  for (const sub of subcommands) replyInfo(c, sub);
}

function all(c: Context): CommandView[] {
  return [...c.server.commands.commands.values()];
}

function replyAllInfo(c: Context): void {
  const commands = all(c);
  c.reply.array(commands.length);
  for (const command of commands) replyInfo(c, command);
}

function info(c: Context): void {
  const { args } = c;
  if (args.count === 2) {
    replyAllInfo(c);
    return;
  }
  c.reply.array(args.count - 2);
  for (let i = 2; i < args.count; i++) replyInfo(c, c.server.commands.byName(args.text(i)));
}

// ── COMMAND DOCS ─────────────────────────────────────────────────────────────────────────────

function replyArgument(c: Context, item: Argument): void {
  const { reply } = c;
  const flags = [
    ...(item.optional ? ["optional"] : []),
    ...(item.multiple ? ["multiple"] : []),
    ...(item.multipleToken ? ["multiple_token"] : []),
  ];
  const isPlain = item.type !== "oneof" && item.type !== "block";
  const fields =
    2 +
    Number(isPlain) +
    Number(item.keySpec !== undefined) +
    Number(item.token !== undefined) +
    Number(flags.length > 0) +
    Number(item.arguments !== undefined);
  reply.map(fields);
  replyTexts(c, ["name", item.name, "type", item.type]);
  if (isPlain) replyTexts(c, ["display_text", item.shown ?? item.name]);
  if (item.keySpec !== undefined) {
    reply.text("key_spec_index");
    reply.integer(item.keySpec);
  }
  if (item.token !== undefined) replyTexts(c, ["token", item.token]);
  if (flags.length > 0) {
    reply.text("flags");
    reply.set(flags.length);
    for (const flag of flags) reply.simple(flag);
  }
  if (item.arguments === undefined) return;
  reply.text("arguments");
  replyArguments(c, item.arguments);
}

function replyArguments(c: Context, items: readonly Argument[]): void {
  c.reply.array(items.length);
  for (const item of items) replyArgument(c, item);
}

function replyDocs(c: Context, command: CommandView): void {
  const { reply } = c;
  const { spec } = command;
  const items = parseSyntax(spec.syntax ?? "", spec.keys?.length ?? 0);
  const docFlags = [
    ...(spec.deprecated === undefined ? [] : ["deprecated"]),
    ...words(spec.docFlags),
  ];
  const subcommands = [...(command.subcommands?.values() ?? [])];
  const fields =
    4 +
    Number(docFlags.length > 0) +
    (spec.deprecated === undefined ? 0 : 2) +
    Number(items.length > 0) +
    Number(subcommands.length > 0);
  reply.map(fields);
  replyTexts(c, ["summary", spec.summary, "since", spec.since, "group", spec.group]);
  replyTexts(c, ["complexity", spec.complexity]);
  if (docFlags.length > 0) {
    reply.text("doc_flags");
    reply.set(docFlags.length);
    for (const flag of docFlags) reply.simple(flag);
  }
  if (spec.deprecated !== undefined) {
    replyTexts(c, ["deprecated_since", spec.deprecated.since]);
    replyTexts(c, ["replaced_by", spec.deprecated.replacedBy]);
  }
  if (items.length > 0) {
    reply.text("arguments");
    replyArguments(c, items);
  }
  if (subcommands.length > 0) {
    reply.text("subcommands");
    reply.map(subcommands.length);
    for (const sub of subcommands) {
      reply.text(sub.fullName);
      replyDocs(c, sub);
    }
  }
}

function docs(c: Context): void {
  const { args } = c;
  let commands = all(c);
  if (args.count > 2) {
    commands = [];
    for (let i = 2; i < args.count; i++) {
      const command = c.server.commands.byName(args.text(i));
      if (command !== undefined) commands.push(command);
    }
  }
  c.reply.map(commands.length);
  for (const command of commands) {
    c.reply.text(command.fullName);
    replyDocs(c, command);
  }
}

// ── COMMAND LIST, COUNT, GETKEYS ─────────────────────────────────────────────────────────────

function list(c: Context): void {
  const { args, reply } = c;
  let names = all(c).flatMap((command) => [command, ...(command.subcommands?.values() ?? [])]);
  if (args.count !== 2) {
    if (args.count !== 5 || !args.is(2, "filterby")) {
      c.syntaxError();
      return;
    }
    const value = args.text(4);
    if (args.is(3, "module")) names = [];
    else if (args.is(3, "aclcat")) {
      const category = value.toLowerCase();
      names = names.filter((command) => command.categories().includes(category));
    } else if (args.is(3, "pattern")) {
      names = names.filter((command) => globMatch(value, command.fullName, true));
    } else {
      c.syntaxError();
      return;
    }
  }
  reply.array(names.length);
  for (const command of names) reply.text(command.fullName);
}

const KEY_ERRORS: Readonly<Record<KeysOutcome, string>> = {
  [KEYS_FOUND]: "",
  [NO_KEYS]: errors.NO_KEY_ARGUMENTS,
  [WRONG_COUNT]: errors.INVALID_KEY_COUNT,
  [WRONG_KEYNUM]: "ERR Invalid arguments specified for command",
};

/** Index and flag bits of each key of the command line that starts at argument 2; null with the error replied. */
function findKeys(c: Context): readonly (readonly [index: number, bits: number])[] | null {
  const { args, reply } = c;
  let command = c.server.commands.byName(args.text(2));
  if (command?.subcommands !== undefined && args.count > 3) {
    command = command.subcommands.get(args.text(3).toLowerCase());
  }
  if (command === undefined) {
    reply.error(errors.INVALID_COMMAND);
    return null;
  }
  const found: [number, number][] = [];
  const outcome = forEachKey(command, args, (index, bits) => found.push([index, bits]), 2);
  if (outcome === KEYS_FOUND) return found;
  reply.error(KEY_ERRORS[outcome]);
  return null;
}

function getkeys(c: Context): void {
  const { args, reply } = c;
  const keys = findKeys(c);
  if (keys === null) return;
  reply.array(keys.length);
  for (const [index] of keys) reply.bulk(args.bytes, args.start[index]!, args.length[index]!);
}

function getkeysandflags(c: Context): void {
  const { args, reply } = c;
  const keys = findKeys(c);
  if (keys === null) return;
  reply.array(keys.length);
  for (const [index, bits] of keys) {
    reply.array(2);
    reply.bulk(args.bytes, args.start[index]!, args.length[index]!);
    const names = keyFlagNames(bits);
    reply.set(names.length);
    for (const name of names) reply.simple(name);
  }
}

const subcommand = subcommands({
  group: "server",
  flags: "loading stale",
  categories: "connection",
  complexity: "O(N), N being the number of commands looked at",
});

const UNORDERED = "nondeterministic_output_order";

export const INTROSPECTION_COMMANDS: readonly CommandSpec[] = [
  {
    name: "command",
    group: "server",
    since: "2.8.13",
    complexity: "O(N), N being the number of commands",
    summary: "Describes every command.",
    arity: -1,
    flags: "loading stale",
    categories: "connection",
    tips: UNORDERED,
    handler: replyAllInfo,
    subcommands: [
      subcommand("count", "2.8.13", 2, "Returns the number of commands.", (c) =>
        c.reply.integer(c.server.commands.commands.size),
      ),
      subcommand("docs", "7.0.0", -2, "Returns the documentation of commands.", docs, {
        syntax: "[command-name ...]",
        tips: UNORDERED,
      }),
      subcommand("getkeys", "2.8.13", -3, "Returns the keys of a whole command.", getkeys, {
        syntax: "command [arg ...]",
      }),
      subcommand(
        "getkeysandflags",
        "7.0.0",
        -3,
        "Returns the keys of a whole command and what it does with them.",
        getkeysandflags,
        { syntax: "command [arg ...]" },
      ),
      subcommand("info", "2.8.13", -2, "Describes commands.", info, {
        syntax: "[command-name ...]",
        tips: UNORDERED,
      }),
      subcommand("list", "7.0.0", -2, "Returns the names of commands.", list, {
        syntax: "[FILTERBY filterby: MODULE module-name | ACLCAT category | PATTERN pattern]",
        tips: UNORDERED,
      }),
      helpCommand("server", "5.0.0", "connection"),
    ],
  },
];

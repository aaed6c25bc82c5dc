/** Lines that do something when they are read; CONFIG REWRITE leaves them as they are. */
import { COMMANDS } from "../../../commands/index.ts";
import { type Directive, directive, type Kind, list, Refusal } from "./directive.ts";

/** Old and new name of a command; without a new name it cannot be called. */
export type Renaming = readonly [from: string, to: string];

function statement<V>(kind: Kind<V>, about: string): Directive<V> {
  return directive(kind, about, { settable: "at start", isStatement: true });
}

const renamings = list<readonly Renaming[]>(
  [],
  (words, { value }) => {
    if (words.length !== 2) return new Refusal("wrong number of arguments");
    const [from, to] = [words[0]!.toLowerCase(), words[1]!.toLowerCase()];
    const names = new Set(COMMANDS.map(({ name }) => name));
    for (const [before, after] of value) {
      names.delete(before);
      names.add(after);
    }
    if (!names.delete(from)) return new Refusal("No such command in rename-command");
    if (to !== "" && names.has(to)) return new Refusal("Target command name already exists");
    return [...value, [from, to]];
  },
  (pairs) => pairs.flat(),
);

/** Every way to write that the one user there is, "default", may do everything without a password. */
const NEUTRAL_RULES = new Set(
  "on nopass ~* allkeys &* allchannels +@all allcommands sanitize-payload".split(" "),
);

const user = list<null>(
  null,
  ([name, ...rules]) =>
    name === "default" && rules.every((rule) => NEUTRAL_RULES.has(rule.toLowerCase()))
      ? null
      : new Refusal(
          "StormDB has no users but default, who may do everything; see requirepass",
          true,
        ),
  () => [],
);

function missing(lack: string): Directive<null> {
  return statement(
    list<null>(
      null,
      () => new Refusal(lack, true),
      () => [],
    ),
    `refused: ${lack}`,
  );
}

export const STATEMENTS = {
  include: statement(
    list<null>(
      null,
      () => null,
      () => [],
    ),
    "reads another file here; * ? and [ ] stand for several, in the order of their names",
  ),
  "rename-command": statement(
    renamings,
    'gives a command another name; "" takes it away from clients',
  ),
  user: statement(user, "only user default with all rights and no password"),
  loadmodule: missing("StormDB loads no modules"),
  sentinel: missing("StormDB is no Sentinel"),
};

/**
 * The notation in which command entries write their arguments:
 *
 *     key value              arguments by name; a few names imply a type, else it is a string
 *     increment/double       another type
 *     GET                    a token by itself
 *     CH/change              the same with another name
 *     EX seconds             an argument behind a token
 *     [ … ]                  optional
 *     <name: a | b>          one of several; [name: a | b] the same, optional
 *     {name: a b}            several that go together; [name: a b] the same, optional
 *     [TYPE name: a | b]     any of these groups behind a token
 *     name~shown             what people read in place of the name
 *     name@1                 of which of the command's key specifications a pattern is
 *     …  ...                 may be repeated; ...! with its token each time
 *
 * Parsed only when somebody asks for COMMAND DOCS or help.
 */

export type ArgumentType =
  | "string"
  | "integer"
  | "double"
  | "key"
  | "pattern"
  | "unix-time"
  | "pure-token"
  | "oneof"
  | "block";

export interface Argument {
  name: string;
  type: ArgumentType;
  token?: string;
  /** What to show in place of the name. */
  shown?: string;
  optional: boolean;
  multiple: boolean;
  multipleToken: boolean;
  /** Which of the command's key specifications a key is of. */
  keySpec?: number;
  arguments?: Argument[];
}

const TYPES: Readonly<Record<string, ArgumentType>> = {
  key: "key",
  key1: "key",
  key2: "key",
  newkey: "key",
  source: "key",
  destination: "key",
  seconds: "integer",
  milliseconds: "integer",
  "unix-time-seconds": "unix-time",
  "unix-time-milliseconds": "unix-time",
  count: "integer",
  start: "integer",
  stop: "integer",
  end: "integer",
  index: "integer",
  numkeys: "integer",
  offset: "integer",
  increment: "integer",
  decrement: "integer",
  len: "integer",
  rank: "integer",
  cursor: "integer",
  db: "integer",
  "destination-db": "integer",
  pattern: "pattern",
};

const CLOSING: Readonly<Record<string, string>> = { "[": "]", "<": ">", "{": "}" };

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(syntax: string) {
    this.#tokens = syntax.match(/\.\.\.!?|[[\]<>{}|]|[^\s[\]<>{}|]+/g) ?? [];
  }

  /** Arguments up to one of `ends`, or to the end. */
  sequence(...ends: string[]): Argument[] {
    const items: Argument[] = [];
    for (; this.#at < this.#tokens.length; ) {
      const token = this.#tokens[this.#at]!;
      if (ends.includes(token)) break;
      this.#at++;
      if (token.startsWith("...")) {
        const last = items.at(-1)!;
        last.multiple = true;
        last.multipleToken = token === "...!";
      } else if (token in CLOSING) {
        items.push(this.#group(token));
      } else {
        items.push(this.#word(token));
      }
    }
    return items;
  }

  #word(word: string): Argument {
    if (/^[A-Z][A-Z0-9-]*(\/|$)/.test(word)) {
      const [token, tokenName] = word.split("/") as [string, string?];
      const next = this.#tokens[this.#at];
      const isAlone = next === undefined || !/^[a-z]/.test(next) || next.endsWith(":");
      if (isAlone || tokenName !== undefined) {
        return argument(tokenName ?? token.toLowerCase(), "pure-token", token);
      }
      this.#at++;
      return { ...this.#word(next), token: word };
    }
    const [rest, keySpec] = word.split("@") as [string, string?];
    const [plain, shown] = rest.split("~") as [string, string?];
    const [name, type] = plain.split("/") as [string, ArgumentType?];
    const item = argument(name, type ?? TYPES[name] ?? "string");
    if (keySpec !== undefined) item.keySpec = Number(keySpec);
    return shown === undefined ? item : { ...item, shown };
  }

  #group(open: string): Argument {
    const close = CLOSING[open]!;
    let token: string | undefined;
    if (this.#tokens[this.#at + 1]?.endsWith(":")) token = this.#tokens[this.#at++];
    let name = "";
    if (this.#tokens[this.#at]!.endsWith(":")) name = this.#tokens[this.#at++]!.slice(0, -1);
    const parts: Argument[][] = [];
    do {
      parts.push(this.sequence("|", close));
    } while (this.#tokens[this.#at++] === "|");
    let item: Argument;
    if (parts.length > 1) {
      const choices = parts.map((part) => (part.length === 1 ? part[0]! : block("", part)));
      item = { ...argument(name, "oneof"), arguments: choices };
    } else if (name !== "") {
      item = block(name, parts[0]!);
    } else {
      item = parts[0]![0]!;
    }
    item.optional = open === "[";
    if (token !== undefined) item.token = token;
    return item;
  }
}

function argument(name: string, type: ArgumentType, token?: string): Argument {
  const plain = { name, type, optional: false, multiple: false, multipleToken: false };
  return token === undefined ? plain : { ...plain, token };
}

function block(name: string, items: Argument[]): Argument {
  return { ...argument(name, "block"), arguments: items };
}

/** `keySpecs`: how many key specifications the command has. */
export function parseSyntax(syntax: string, keySpecs: number): Argument[] {
  const items = new Parser(syntax).sequence();
  let next = 0;
  const number = (list: readonly Argument[]) => {
    for (const item of list) {
      if (item.keySpec !== undefined) next = item.keySpec + 1;
      else if (item.type === "key") item.keySpec = Math.min(next++, keySpecs - 1);
      if (item.arguments) number(item.arguments);
    }
  };
  if (keySpecs > 0) number(items);
  return items;
}

/** The arguments as people read them: `key value [NX|XX] [EX seconds|KEEPTTL]`. */
export function syntaxText(syntax: string): string {
  return parseSyntax(syntax, 0).map(argumentText).join(" ");
}

export function argumentText(item: Argument): string {
  if (item.type === "pure-token") return item.optional ? `[${item.token}]` : item.token!;
  const parts = item.arguments?.map(argumentText) ?? [];
  let text = item.shown ?? item.name;
  if (item.type === "oneof") {
    text = parts.join("|");
    // The brackets of an option without a token do that of the choice as well.
    if (!item.optional || item.token !== undefined || item.multiple) text = `<${text}>`;
  } else if (item.type === "block") text = parts.join(" ");
  const once = item.token === undefined ? text : `${item.token} ${text}`;
  if (item.multiple) text = `${once} [${item.multipleToken ? once : text} ...]`;
  else text = once;
  return item.optional ? `[${text}]` : text;
}

/** How replies are printed. */
import type { Reply } from "../protocol/reply-parser.ts";
import { COLOURED, hasColours, PLAIN } from "./colours.ts";
import { type Format, type FormatSettings, formatReply } from "./format.ts";
import type { CliOptions } from "./options.ts";
import { isTerminalOutput } from "./terminals.ts";

/** Commands whose reply is a text for people, printed as it is also on a terminal. */
function isPlainText(args: readonly string[]): boolean {
  const name = args[0]!.toLowerCase();
  const sub = args[1]?.toLowerCase() ?? "";
  return (
    name === "info" ||
    name === "lolwut" ||
    (name === "debug" && sub === "htstats") ||
    (name === "client" && (sub === "list" || sub === "info")) ||
    (name === "memory" && (sub === "malloc-stats" || sub === "doctor")) ||
    (name === "cluster" && (sub === "nodes" || sub === "info")) ||
    (name === "latency" && (sub === "graph" || sub === "doctor"))
  );
}

/** How the user wants replies, and what can be changed at the prompt. */
export class Output {
  readonly #options: CliOptions;
  readonly #isTerminal = isTerminalOutput();
  colour = this.#isTerminal && hasColours();

  constructor(options: CliOptions) {
    this.#options = options;
  }

  get format(): Format {
    return this.#options.format ?? (this.#isTerminal ? "pretty" : "raw");
  }

  get #settings(): FormatSettings {
    const { elementDelimiter, replyDelimiter } = this.#options;
    return { elementDelimiter, replyDelimiter, paint: this.colour ? COLOURED : PLAIN };
  }

  /** The reply to a command as text; without one, that of a message. */
  text(reply: Reply, args?: readonly string[]): string {
    return formatReply(reply, this.#formatOf(args), this.#settings);
  }

  /** The same without colours. */
  plainText(reply: Reply, args: readonly string[]): string {
    return formatReply(reply, this.#formatOf(args));
  }

  #formatOf(args: readonly string[] | undefined): Format {
    const { format } = this;
    return format === "pretty" && args !== undefined && isPlainText(args) ? "raw" : format;
  }
}

/** A push beside the replies, as redis-cli tells it. */
export function pushText(reply: Reply, output: Output): string {
  if (output.format === "pretty" && reply.kind === "push") {
    const [kind, keys] = reply.items;
    if (kind !== undefined && "text" in kind && kind.text === "invalidate" && keys !== undefined) {
      const names =
        "items" in keys
          ? keys.items.map((key) => ("text" in key ? `'${key.text}'` : ""))
          : ["all keys"];
      return `-> invalidate: ${names.join(", ")}\n`;
    }
  }
  return output.text(reply);
}

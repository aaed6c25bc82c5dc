/** How replies are printed. */
import type { Reply } from "../protocol/reply-parser.ts";
import { COLOURED, hasColours, PLAIN } from "./colours.ts";
import { type Format, type FormatSettings, formatReply } from "./format.ts";
import type { CliOptions } from "./options.ts";
import { printable } from "./printable.ts";
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
    const paint = this.colour ? COLOURED : PLAIN;
    return { elementDelimiter, replyDelimiter, paint, shown: this.shown };
  }

  /** A text of the server as it may be printed: on a terminal without control characters. */
  readonly shown = (text: string): string => (this.#isTerminal ? printable(text) : text);

  /** The reply to a command as text; without one, that of a message. */
  text(reply: Reply, args?: readonly string[]): string {
    return this.#safe(formatReply(reply, this.#formatOf(args), this.#settings), args);
  }

  /** The same without colours. */
  plainText(reply: Reply, args: readonly string[]): string {
    const text = formatReply(reply, this.#formatOf(args), { shown: this.shown });
    return this.#safe(text, args);
  }

  /**
   * Formatted text, which in the pretty format is safe already and has colours. Who asks for --raw
   * gets the bytes as they are, and LOLWUT draws with escape sequences.
   */
  #safe(text: string, args: readonly string[] | undefined): string {
    const isSafe = this.#formatOf(args) === "pretty" || this.#options.format === "raw";
    return isSafe || args?.[0]?.toLowerCase() === "lolwut" ? text : this.shown(text);
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
          ? keys.items.map((key) => ("text" in key ? `'${output.shown(key.text)}'` : ""))
          : ["all keys"];
      return `-> invalidate: ${names.join(", ")}\n`;
    }
  }
  return output.text(reply);
}

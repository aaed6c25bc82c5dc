/** Running a command and printing its reply: what one-shot calls, input and prompt share. */
import { writeSync } from "node:fs";
import { ConnectionError } from "../client/client.ts";
import { splitArguments } from "../protocol/arguments.ts";
import { encodeCommand } from "../protocol/command-encoder.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import { COLOURED, hasColours, PLAIN } from "./colours.ts";
import { type Format, type FormatSettings, formatReply } from "./format.ts";
import type { CliOptions } from "./options.ts";
import type { Session } from "./session.ts";
import { isTerminalOutput } from "./terminals.ts";

export function warn(text: string): void {
  write(2, Buffer.from(`${text}\n`));
}

/** Prints text of one character a byte. */
export function print(text: string): void {
  write(1, Buffer.from(text, "latin1"));
}

/** Written at once, so that nothing is lost when the process ends; a full pipe is waited for. */
export function write(descriptor: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const { code } = error as { code?: string };
      // Nobody reads any more.
      if (code === "EPIPE") return;
      if (code !== "EAGAIN") throw error;
      Bun.sleepSync(1);
    }
  }
}

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

/** Commands that have no one reply: their confirmations come like messages. */
const SUBSCRIBING = /^[ps]?(un)?subscribe$/;

type Stream = "messages" | "monitor" | "replica";

/** Whether what the command brings is a stream. */
export function streamOf(name: string, session: Session): Stream | null {
  if (session.inTransaction) return null;
  if (name === "monitor") return "monitor";
  if (name === "sync" || name === "psync") return "replica";
  if (SUBSCRIBING.test(name)) {
    // Leaving channels that nobody listens to has its replies, as many as channels.
    return session.subscribed || !name.includes("un") || session.protocol === 3 ? "messages" : null;
  }
  // Replies and messages cannot be told apart in RESP2.
  return session.subscribed && session.protocol === 2 && name !== "quit" && name !== "reset"
    ? "messages"
    : null;
}

/** How a user leaves a stream: for good, or to type a command beside it. */
export type Leaving = "quit" | "command";

export interface Run {
  readonly session: Session;
  readonly options: CliOptions;
  readonly output: Output;
  /** Resolves when the user wants to leave a stream; the prompt has it. */
  readonly leaving?: () => { readonly left: Promise<Leaving>; readonly stop: () => void };
}

/**
 * Runs a command and prints its reply. A command that was sent is never sent again: the server may
 * have run it. Resolves to the exit code.
 */
export async function runCommand(run: Run, args: readonly string[]): Promise<number> {
  const { options, output, session } = run;
  const name = args[0]!.toLowerCase();
  if (name === "help" || name === "?") {
    await session.open();
    const { helpText } = await import("./help.ts");
    write(1, Buffer.from(await helpText(session, args.slice(1), output)));
    return 0;
  }
  let asking = false;
  // The prompt connects again without a word, scripts are told.
  const loss = session.takeLoss();
  if (loss !== null && run.leaving === undefined) {
    warn(`Error: ${loss}`);
    return 1;
  }
  for (;;) {
    if (!(await session.open())) return 1;
    const stream = streamOf(name, session);
    if (stream === "replica") {
      const { runReplica } = await import("./modes/replica.ts");
      return runReplica(run);
    }
    try {
      if (stream !== null) {
        const { runStream } = await import("./modes/stream.ts");
        return await runStream(run, args);
      }
      if (
        name === "client" &&
        args.length === 3 &&
        /^reply$/i.test(args[1]!) &&
        !/^on$/i.test(args[2]!)
      ) {
        // There will be no reply to wait for.
        session.client.send(encodeCommand(args));
        return 0;
      }
      if (asking) await session.call(["ASKING"]);
      const reply = await session.call(args);
      if (reply.kind === "error" && options.followsRedirections) {
        const moved = /^(MOVED|ASK) (\d+) (.*):(\d+)$/.exec(reply.text);
        if (moved !== null) {
          const [, kind, slot, host, port] = moved;
          if (output.format === "pretty") {
            print(`-> Redirected to slot [${slot}] located at ${host}:${port}\n`);
          }
          asking = kind === "ASK";
          if (!(await session.move(host!, Number(port)))) return 1;
          continue;
        }
      }
      if (reply.kind === "error" && options.failOnError) {
        warn(reply.text);
        return 1;
      }
      print(output.text(reply, args));
      return 0;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (error.message === "cancelled") await session.open();
      if (name === "shutdown" || error.message === "cancelled") return 0;
      session.takeLoss();
      warn(`Error: ${error.message}`);
      return 1;
    }
  }
}

/** The words of a line, and how often it is to be run: a leading number repeats it. */
export interface Line {
  readonly args: string[];
  readonly times: number;
}

/** Null where quotes are not balanced; NaN times where the leading number says nothing useful. */
export function readLine(line: string): Line | null {
  const words = splitArguments(line);
  if (words === null) return null;
  if (words.length < 2 || !/^[+-]?\d+$/.test(words[0]!)) return { args: words, times: 1 };
  const times = Number(words[0]);
  return {
    args: words.slice(1),
    times: times > 0 && Number.isSafeInteger(times) ? times : Number.NaN,
  };
}

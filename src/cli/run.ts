/** Running a command and printing its reply: what one-shot calls, input and prompt share. */
import { writeSync } from "node:fs";
import { ConnectionError } from "../client/client.ts";
import { splitArguments } from "../protocol/arguments.ts";
import { type Format, formatReply } from "./format.ts";
import type { CliOptions } from "./options.ts";
import type { Session } from "./session.ts";

export function warn(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Prints text of one character a byte. */
export function print(text: string): void {
  const bytes = Buffer.from(text, "latin1");
  // Written at once, so that nothing is lost when the process ends; a full pipe is waited for.
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") return;
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
    (name === "client" && (sub === "list" || sub === "info")) ||
    (name === "memory" && (sub === "malloc-stats" || sub === "doctor")) ||
    (name === "latency" && (sub === "graph" || sub === "doctor"))
  );
}

function formatOf(options: CliOptions, args: readonly string[]): Format {
  const usual = options.format ?? (process.stdout.isTTY ? "pretty" : "raw");
  return usual === "pretty" && isPlainText(args) ? "raw" : usual;
}

/**
 * Runs a command and prints its reply; tries once more where the connection had been lost.
 * Resolves to the exit code.
 */
export async function runCommand(
  session: Session,
  options: CliOptions,
  args: readonly string[],
): Promise<number> {
  for (let attempt = 0; ; attempt++) {
    if (!(await session.open())) return 1;
    try {
      const reply = await session.call(args);
      if (reply.kind === "error" && options.failOnError) {
        warn(reply.text);
        return 1;
      }
      print(formatReply(reply, formatOf(options, args)));
      return 0;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (args[0]!.toLowerCase() === "shutdown") return 0;
      if (attempt > 0) {
        warn(`Error: ${error.message}`);
        return 1;
      }
    }
  }
}

/** The words of a line, and how often it is to be run: a leading number repeats it. */
export function readLine(line: string): { readonly args: string[]; readonly times: number } | null {
  const words = splitArguments(line);
  if (words === null) return null;
  const repeats = words.length > 1 && /^[1-9][0-9]*$/.test(words[0]!);
  return repeats ? { args: words.slice(1), times: Number(words[0]) } : { args: words, times: 1 };
}

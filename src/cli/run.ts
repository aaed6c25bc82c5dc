/** Running a command and printing its reply: what one-shot calls, input and prompt share. */
import { ConnectionError } from "../client/client.ts";
import { splitArguments } from "../protocol/arguments.ts";
import { encodeCommand } from "../protocol/command-encoder.ts";
import type { Run } from "./invocation.ts";
import { print, warn, write } from "./print.ts";
import type { Session } from "./session.ts";

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

/** The words of a line, and how often to run it: a leading number repeats it. */
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

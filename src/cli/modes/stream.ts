/** Messages of channels, and MONITOR: printed as they come until the user or the server ends it. */
import { encodeCommand } from "../../protocol/command-encoder.ts";
import type { Leaving, Run } from "../invocation.ts";
import { print, warn } from "../print.ts";

/**
 * Sends the command, if there is one, and prints all that comes. Resolves to the exit code: the
 * user left, the command failed, or the last channel was left.
 */
export async function runStream(run: Run, args: readonly string[]): Promise<number> {
  const { output, session } = run;
  const { client } = session;
  const isMonitor = args[0]?.toLowerCase() === "monitor";
  if (!isMonitor && output.format !== "raw") {
    const how = run.leaving === undefined ? "" : " or any key to type a command";
    print(`Reading messages... (press Ctrl-C to quit${how})\n`);
  }
  const before = session.onPush;
  const { left, stop } = run.leaving?.() ?? { left: new Promise<Leaving>(() => {}), stop() {} };
  const over = new Promise<"over" | "lost">((done) => {
    let replies = 0;
    // No command waits for what comes, so that all of it is handed to this.
    session.onPush = (reply) => {
      print(output.text(reply));
      const failed = replies++ === 0 && reply.kind === "error";
      if (isMonitor ? failed : !session.subscribed) done("over");
    };
    client.onEnd = (reason) => {
      warn(`Error: ${reason}`);
      done("lost");
    };
  });
  if (args.length > 0) client.send(encodeCommand(args));
  try {
    const end = await Promise.race([over, left]);
    // A connection that monitors can do nothing else.
    if (end === "quit" || (isMonitor && end !== "over")) {
      session.close();
      await session.open();
    }
    return end === "lost" ? 1 : 0;
  } finally {
    stop();
    session.onPush = before;
    client.onEnd = () => {};
  }
}

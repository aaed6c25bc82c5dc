/** Messages of channels, and MONITOR: printed as they come until the user or the server ends it. */
import { ConnectionError } from "../../client/client.ts";
import { encodeCommand } from "../../protocol/command-encoder.ts";
import type { Reply } from "../../protocol/reply-parser.ts";
import { print, type Run } from "../run.ts";

/** How many channels, patterns and shard channels the messages say there are. */
function subscriptionsIn(reply: Reply): number | null {
  if (!("items" in reply) || reply.items.length !== 3) return null;
  const [kind, , count] = reply.items;
  if (kind === undefined || !("text" in kind) || !/subscribe$/.test(kind.text)) return null;
  return count?.kind === "integer" ? Number(count.text) : null;
}

/**
 * Sends the command and prints all that comes. Resolves to the exit code where the user leaves
 * (the connection goes on then, subscribed) or the command failed; throws ConnectionError.
 */
export async function runStream(
  run: Run,
  args: readonly string[],
  isMessages: boolean,
): Promise<number> {
  const { output, session } = run;
  const { client } = session;
  if (isMessages && output.format !== "raw") {
    const how = run.left === undefined ? "" : " or any key to type a command";
    print(`Reading messages... (press Ctrl-C to quit${how})\n`);
  }
  let end: (code: number) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const ended = new Promise<number>((done, failed) => {
    end = done;
    fail = failed;
  });
  // No command waits for what comes: it is all handed to this.
  const before = session.onPush;
  let first = true;
  session.onPush = (reply) => {
    const isError = first && reply.kind === "error";
    first = false;
    print(output.text(reply));
    if (isError || subscriptionsIn(reply) === 0) end(0);
  };
  client.onEnd = (reason) => fail(new ConnectionError(reason));
  client.send(encodeCommand(args));
  try {
    return await (run.left === undefined ? ended : Promise.race([ended, run.left().then(() => 0)]));
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    process.stderr.write(`Error: ${error.message}\n`);
    return 1;
  } finally {
    session.onPush = before;
    client.onEnd = () => {};
  }
}

/** `--scan`: the keys, a line each; and walking the keys for other modes. */
import { ConnectionError } from "../../client/client.ts";
import { quote } from "../../protocol/arguments.ts";
import type { Run } from "../invocation.ts";
import { print, warn } from "../print.ts";
import type { Session } from "../session.ts";

/** The server said no to what a mode needs. */
export class RefusedError extends Error {}

export interface ScanFilter {
  readonly pattern: string;
  readonly count?: number | undefined;
  readonly type?: string | undefined;
}

/** The keys in the batches of SCAN. Throws RefusedError, ConnectionError. */
export async function* scanKeys(session: Session, filter: ScanFilter): AsyncGenerator<string[]> {
  const { count, pattern, type } = filter;
  let cursor = "0";
  do {
    const args = ["SCAN", cursor];
    if (pattern !== "*") args.push("MATCH", pattern);
    if (count !== undefined) args.push("COUNT", String(count));
    if (type !== undefined) args.push("TYPE", type);
    const reply = await session.call(args);
    if (reply.kind === "error") throw new RefusedError(reply.text);
    const [next, keys] = "items" in reply ? reply.items : [];
    if (next === undefined || !("text" in next) || keys === undefined || !("items" in keys)) {
      throw new RefusedError("Non ARRAY response from SCAN!");
    }
    cursor = next.text;
    yield keys.items.map((key) => ("text" in key ? key.text : ""));
  } while (cursor !== "0");
}

/** Runs a mode on the connection; what the server refuses, or that it has gone, is told. */
export async function withServer(
  run: Run,
  prefix: string,
  body: () => Promise<number | void>,
): Promise<number> {
  if (!(await run.session.open()) || run.session.refused) return 1;
  try {
    return (await body()) ?? 0;
  } catch (error) {
    if (error instanceof RefusedError) warn(`${prefix}${error.message}`);
    else if (error instanceof ConnectionError) warn(`Error: ${error.message}`);
    else throw error;
    return 1;
  }
}

export function runScan(run: Run): Promise<number> {
  const { options, output, session } = run;
  return withServer(run, "ERROR: ", async () => {
    for await (const keys of scanKeys(session, options)) {
      const shown = output.format === "pretty" ? keys.map(quote) : keys;
      print(shown.map((key) => `${key}\n`).join(""));
      if (options.intervalSeconds > 0) await Bun.sleep(options.intervalSeconds * 1000);
    }
  });
}

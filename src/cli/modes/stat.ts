/** `--stat`: figures of the server, a line each second. */
import { humanBytes } from "../../base/human-bytes.ts";
import type { Run } from "../invocation.ts";
import { print } from "../print.ts";
import { RefusedError, withServer } from "./scan.ts";

const HEADING = `------- data ------ --------------------- load -------------------- - child -
keys       mem      clients blocked requests            connections          
`;
const ROWS_PER_HEADING = 20;

/** A row of figures; `requestsBefore` is what the one before it had. */
export function statRow(info: ReadonlyMap<string, string>, requestsBefore: number | null): string {
  const number = (name: string) => Number(info.get(name) ?? 0);
  let keys = 0;
  for (const [name, value] of info) {
    if (/^db\d+$/.test(name)) keys += Number(/keys=(\d+)/.exec(value)?.[1] ?? 0);
  }
  const requests = number("total_commands_processed");
  const child = number("rdb_bgsave_in_progress") + 2 * number("aof_rewrite_in_progress");
  const cells: readonly (readonly [string, number])[] = [
    [String(keys), 11],
    [humanBytes(number("used_memory")), 9],
    [String(number("connected_clients")), 8],
    [String(number("blocked_clients")), 8],
    [`${requests} (+${requestsBefore === null ? 0 : requests - requestsBefore})`, 20],
    [String(number("total_connections_received")), 12],
  ];
  const row = cells.map(([text, width]) => text.padEnd(width)).join("");
  return `${row}${["", "SAVE", "AOF", "SAVE+AOF"][child]}\n`;
}

export function infoOf(text: string): Map<string, string> {
  const lines = text.split("\n").filter((line) => line.includes(":"));
  return new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trimEnd()];
    }),
  );
}

export function runStat(run: Run): Promise<number> {
  const intervalMs = (run.options.intervalSeconds || 1) * 1000;
  return withServer(run, "ERROR: ", async () => {
    let requests: number | null = null;
    for (let row = 0; ; row++) {
      const reply = await run.session.call(["INFO"]);
      if (!("text" in reply) || reply.kind === "error") {
        throw new RefusedError("text" in reply ? reply.text : "INFO has no text");
      }
      const info = infoOf(reply.text);
      if (row % ROWS_PER_HEADING === 0) print(HEADING);
      print(statRow(info, requests));
      requests = Number(info.get("total_commands_processed") ?? 0);
      await Bun.sleep(intervalMs);
    }
  });
}

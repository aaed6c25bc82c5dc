/** `--eval FILE key ... , argument ...` */
import { readFileSync } from "node:fs";
import type { Run } from "../invocation.ts";
import { warn } from "../print.ts";
import { runCommand } from "../run.ts";

/** The EVAL that the words behind the file mean: keys end at a comma. */
export function evalCommand(script: string, words: readonly string[]): string[] {
  const comma = words.indexOf(",");
  const keys = comma < 0 ? words : words.slice(0, comma);
  const args = comma < 0 ? [] : words.slice(comma + 1);
  return ["EVAL", script, String(keys.length), ...keys, ...args];
}

export async function runEval(run: Run): Promise<number> {
  const { command, file } = run.options;
  let script: string;
  try {
    script = readFileSync(file).toString("latin1");
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const reason = code === "ENOENT" ? "No such file or directory" : message;
    warn(`Can't open file '${file}': ${reason}`);
    return 1;
  }
  return runCommand(run, evalCommand(script, command));
}

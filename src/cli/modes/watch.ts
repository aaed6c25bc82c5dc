/** `:watch CMD` and `--watch CMD`: the reply again and again, with what changed in it. */
import { ConnectionError } from "../../client/client.ts";
import { COLOURED } from "../colours.ts";
import type { Run } from "../invocation.ts";
import { print, warn } from "../print.ts";
import { Terminal } from "../terminal.ts";

const SECONDS = 1;
const SCREEN_ON = "\x1b[?1049h\x1b[?25l";
const SCREEN_OFF = "\x1b[?25h\x1b[?1049l";

/** A line with what differs from the one before it shown in reverse, or marked at its begin. */
export function markChanges(line: string, before: string | undefined, colour: boolean): string {
  const isChanged = before !== undefined && before !== line;
  if (!colour) return `${isChanged ? "> " : "  "}${line}`;
  if (!isChanged) return line;
  let start = 0;
  while (start < line.length && line[start] === before[start]) start++;
  let end = line.length;
  let endBefore = before.length;
  while (end > start && endBefore > start && line[end - 1] === before[endBefore - 1]) {
    end--;
    endBefore--;
  }
  // What only became shorter has nothing of its own to show.
  if (start === end) return COLOURED("changed", line);
  return `${line.slice(0, start)}${COLOURED("changed", line.slice(start, end))}${line.slice(end)}`;
}

/** The reply as lines; a lost connection is one as well. */
async function linesOf(run: Run, args: readonly string[]): Promise<string[]> {
  const { output, session } = run;
  try {
    if (!(await session.open())) return ["not connected"];
    const reply = await session.call(args);
    return output.plainText(reply, args).trimEnd().split(/\r?\n/);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    return [`Error: ${error.message}`];
  }
}

/** The words may begin with the seconds between two runs. */
export async function runWatch(run: Run, words: readonly string[]): Promise<number> {
  const { options, output } = run;
  const isTimed = words.length > 1 && /^\d+(\.\d+)?$/.test(words[0]!);
  const seconds = isTimed ? Number(words[0]) : options.intervalSeconds || SECONDS;
  const args = isTimed ? words.slice(1) : words;
  if (args.length === 0) {
    warn("watch what? :watch [seconds] command");
    return 1;
  }
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    for (let i = 0; i < options.repeat || options.repeat === 1; i++) {
      if (i > 0) await Bun.sleep(seconds * 1000);
      print(`${(await linesOf(run, args)).join("\n")}\n`);
      if (!run.session.connected) return 1;
    }
    return 0;
  }

  const terminal = new Terminal();
  let isOver = false;
  let wake = () => {};
  const end = () => {
    isOver = true;
    wake();
  };
  terminal.start();
  terminal.onInterrupt = end;
  terminal.listen((key) => {
    if (
      key.name === "q" ||
      key.name === "escape" ||
      key.name === "return" ||
      (key.ctrl && key.name === "c")
    )
      end();
  });
  process.stdout.write(SCREEN_ON);
  let before: string[] | null = null;
  try {
    while (!isOver) {
      const lines = await linesOf(run, args);
      const { columns, rows } = process.stdout;
      const title = `every ${seconds} s: ${args.join(" ")}`.slice(0, Math.max(10, columns - 20));
      const head = `${title.padEnd(columns - 20)} ${new Date().toTimeString().slice(0, 8)}  q quits`;
      const shown = lines.slice(0, rows - 3).map((line, i) => {
        const room = output.colour ? columns : columns - 2;
        const old = before === null ? line : (before[i] ?? "");
        return markChanges(line.slice(0, room), old.slice(0, room), output.colour);
      });
      if (lines.length > shown.length) shown.push(`… ${lines.length - shown.length} more lines`);
      const body = [head.slice(0, columns), "", ...shown].map((line) => `${line}\x1b[K`).join("\n");
      // Not cleared first, so that nothing flickers.
      process.stdout.write(Buffer.from(`\x1b[H${body}\x1b[J`, "utf8"));
      before = lines;
      await new Promise<void>((done) => {
        wake = done;
        if (isOver) done();
        else setTimeout(done, seconds * 1000);
      });
    }
  } finally {
    process.stdout.write(SCREEN_OFF);
    terminal.stop();
  }
  return 0;
}

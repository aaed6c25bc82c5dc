/** The compiled benchmark on a terminal (tmux): its chart, colors, and Ctrl-C. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";
import { Terminal } from "../harness/terminal.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is looked for.
const COLORS = /\x1b\[[0-9;]*m/;
const BLOCKS = /[▁▂▃▄▅▆▇█]/;

let storm: RunningServer;

beforeAll(async () => {
  storm = await startStormdb();
});

afterAll(() => storm[Symbol.asyncDispose]());

/** Endless until Ctrl-C; at a fixed rate, so that it leaves the machine in peace. */
function command(...args: string[]): string {
  const all = ["-p", String(storm.port), "-t", "set,get", "-n", "1000000", "--rate", "1000"];
  return [BINARY, "benchmark", ...all, ...args].join(" ");
}

describe.skipIf(without("tmux"))("on a terminal", () => {
  test.each([
    [80, 24],
    [132, 50],
    [40, 12],
  ])(
    "of %p columns and %p rows a chart shows the progress and is gone at the end",
    async (columns, rows) => {
      await using terminal = new Terminal(command("-q", "--threads", "2"), {
        width: columns,
        height: rows,
      });
      let lines: string[] = [];
      await until("the chart is there", () => {
        lines = terminal.styled().replaceAll(new RegExp(COLORS, "g"), "").split("\n");
        return lines.length === 6 && lines[5]!.startsWith("peak ") && lines[4]!.length > 2;
      });
      expect(lines[0]).toMatch(/^SET +[0-9.]+k? requests\/s +[0-9.]+ ms +[0-9]+%$/);
      expect(lines[1]).toMatch(BLOCKS);
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThan(columns);
      terminal.keys("C-c");
      await until("it has ended", () => terminal.styled().includes("exit code"));
      // Narrow terminals break the line.
      expect(terminal.styled().replaceAll("\n", "")).toMatch(
        /^SET: [0-9.]+ requests per second, p50=[0-9.]+ msecexit code 130$/,
      );
    },
  );

  test("it is in color, the report too", async () => {
    await using terminal = new Terminal(command(), { width: 80, height: 100 });
    await until("the chart is there", () => BLOCKS.test(terminal.styled()));
    expect(terminal.styled()).toMatch(COLORS);
    terminal.keys("C-c");
    await until("it has ended", () => terminal.styled().includes("exit code"));
    expect(terminal.styled()).toMatch(COLORS);
    expect(terminal.styled()).toInclude("latency percentiles");
    expect(terminal.styled()).not.toInclude("peak");
  });

  test("it has no colors where NO_COLOR is set", async () => {
    await using terminal = new Terminal(`NO_COLOR=1 ${command()}`, { width: 80, height: 100 });
    await until("the chart is there", () => BLOCKS.test(terminal.styled()));
    expect(terminal.styled()).not.toMatch(COLORS);
    terminal.keys("C-c");
    await until("it has ended", () => terminal.styled().includes("exit code"));
    expect(terminal.styled()).not.toMatch(COLORS);
    expect(terminal.styled()).toInclude("====== SET ======");
  });

  test("there is none on a terminal that cannot", async () => {
    await using terminal = new Terminal(`TERM=dumb ${command("-q", "-n", "200")}`, {
      width: 80,
      height: 24,
    });
    await until("it has ended", () => terminal.styled().includes("exit code"));
    expect(terminal.styled()).toMatch(
      /^SET: [0-9.]+ requests per second, p50=[0-9.]+ msec\nGET: .*\n\nexit code 0$/,
    );
  });

  test("it shows while standard output goes to a file, which it stays out of", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-report-"));
    const file = join(folder, "report");
    await using terminal = new Terminal(`${command("--csv")} > ${file}`, { width: 80, height: 24 });
    await until("the chart is there", () => BLOCKS.test(terminal.styled()));
    terminal.keys("C-c");
    await until("it has ended", () => terminal.styled().includes("exit code"));
    expect(terminal.styled()).toEqual("exit code 130");
    expect(await Bun.file(file).text()).toMatch(/^"test",.*\n"SET","[0-9.]+",.*\n$/);
    rmSync(folder, { recursive: true });
  });
});

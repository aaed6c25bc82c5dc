/** The compiled benchmark on a terminal (tmux): its chart, colors, and Ctrl-C. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, type RunningServer, startStormdb, until } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape codes are what is looked for.
const COLORS = /\x1b\[[0-9;]*m/;
const BLOCKS = /[▁▂▃▄▅▆▇█]/;

let storm: RunningServer;

beforeAll(async () => {
  storm = await startStormdb();
});

afterAll(() => storm[Symbol.asyncDispose]());

class Terminal implements AsyncDisposable {
  readonly #socket: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "stormdb-chart-"));

  constructor(columns: number, rows: number, command: string) {
    this.#socket = join(this.#folder, "tmux");
    const size = ["-x", String(columns), "-y", String(rows)];
    // The shell tells the exit code, and waits.
    const shell = `${command}; echo exit code $?; cat`;
    this.#tmux("-f", "/dev/null", "new-session", "-d", ...size, shell);
  }

  #tmux(...args: string[]): string {
    return Bun.spawnSync(["tmux", "-S", this.#socket, ...args]).stdout.toString();
  }

  /** With the escape codes of colors. */
  screen(): string {
    return this.#tmux("capture-pane", "-p", "-e").trimEnd();
  }

  press(key: string): void {
    this.#tmux("send-keys", key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tmux("kill-server");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

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
      await using terminal = new Terminal(columns, rows, command("-q", "--threads", "2"));
      let lines: string[] = [];
      await until("the chart is there", () => {
        lines = terminal.screen().replaceAll(new RegExp(COLORS, "g"), "").split("\n");
        return lines.length === 6 && lines[5]!.startsWith("peak ") && lines[4]!.length > 2;
      });
      expect(lines[0]).toMatch(/^SET +[0-9.]+k? requests\/s +[0-9.]+ ms +[0-9]+%$/);
      expect(lines[1]).toMatch(BLOCKS);
      expect(Math.max(...lines.map((line) => [...line].length))).toBeLessThan(columns);
      terminal.press("C-c");
      await until("it has ended", () => terminal.screen().includes("exit code"));
      // Narrow terminals break the line.
      expect(terminal.screen().replaceAll("\n", "")).toMatch(
        /^SET: [0-9.]+ requests per second, p50=[0-9.]+ msecexit code 130$/,
      );
    },
  );

  test("it is in color, the report too", async () => {
    await using terminal = new Terminal(80, 100, command());
    await until("the chart is there", () => BLOCKS.test(terminal.screen()));
    expect(terminal.screen()).toMatch(COLORS);
    terminal.press("C-c");
    await until("it has ended", () => terminal.screen().includes("exit code"));
    expect(terminal.screen()).toMatch(COLORS);
    expect(terminal.screen()).toInclude("latency percentiles");
    expect(terminal.screen()).not.toInclude("peak");
  });

  test("it has no colors where NO_COLOR is set", async () => {
    await using terminal = new Terminal(80, 100, `NO_COLOR=1 ${command()}`);
    await until("the chart is there", () => BLOCKS.test(terminal.screen()));
    expect(terminal.screen()).not.toMatch(COLORS);
    terminal.press("C-c");
    await until("it has ended", () => terminal.screen().includes("exit code"));
    expect(terminal.screen()).not.toMatch(COLORS);
    expect(terminal.screen()).toInclude("====== SET ======");
  });

  test("there is none on a terminal that cannot", async () => {
    await using terminal = new Terminal(80, 24, `TERM=dumb ${command("-q", "-n", "200")}`);
    await until("it has ended", () => terminal.screen().includes("exit code"));
    expect(terminal.screen()).toMatch(
      /^SET: [0-9.]+ requests per second, p50=[0-9.]+ msec\nGET: .*\n\nexit code 0$/,
    );
  });

  test("it shows while standard output goes to a file, which it stays out of", async () => {
    const folder = mkdtempSync(join(tmpdir(), "stormdb-report-"));
    const file = join(folder, "report");
    await using terminal = new Terminal(80, 24, `${command("--csv")} > ${file}`);
    await until("the chart is there", () => BLOCKS.test(terminal.screen()));
    terminal.press("C-c");
    await until("it has ended", () => terminal.screen().includes("exit code"));
    expect(terminal.screen()).toEqual("exit code 130");
    expect(await Bun.file(file).text()).toMatch(/^"test",.*\n"SET","[0-9.]+",.*\n$/);
    rmSync(folder, { recursive: true });
  });
});

/** The prompt of the compiled cli, typed at in a real terminal (tmux). */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY, startStormdb } from "../harness/processes.ts";

const TMUX = Bun.which("tmux");
const TRIES = 200;

class Terminal implements AsyncDisposable {
  readonly #socket: string;
  readonly folder = mkdtempSync(join(tmpdir(), "stormdb-prompt-"));

  constructor(command: readonly string[]) {
    this.#socket = join(this.folder, "tmux");
    const env = { ...process.env, STORMDBCLI_HISTFILE: join(this.folder, "history") };
    // The shell tells the exit code: tmux itself does not always know it.
    const shell = `${command.map((word) => `'${word}'`).join(" ")}; echo exit code $?; cat`;
    Bun.spawnSync(
      [
        "tmux",
        "-S",
        this.#socket,
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-x",
        "100",
        "-y",
        "40",
        shell,
      ],
      { env },
    );
    this.#tmux("set-option", "-g", "remain-on-exit", "on");
  }

  #tmux(...args: string[]): string {
    return Bun.spawnSync(["tmux", "-S", this.#socket, ...args]).stdout.toString();
  }

  screen(): string {
    return this.#tmux("capture-pane", "-p").trimEnd();
  }

  keys(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** Waits until the screen's last lines are these. */
  async shows(ending: string): Promise<void> {
    for (let i = 0; i < TRIES; i++) {
      if (this.screen().endsWith(ending)) return;
      await Bun.sleep(25);
    }
    expect(this.screen()).toEndWith(ending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tmux("kill-server");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

describe.skipIf(TMUX === null)("the prompt", () => {
  test("runs commands, shows types, completes, remembers, asks before it destroys", async () => {
    await using server = await startStormdb();
    const prompt = `127.0.0.1:${server.port}`;
    await using terminal = new Terminal([BINARY, "cli", "-p", String(server.port)]);
    await terminal.shows(`${prompt}>`);

    terminal.keys("set greeting 'hello world'", "Enter");
    await terminal.shows(`set greeting 'hello world'\nOK\n${prompt}>`);
    terminal.keys("get greeting", "Enter");
    await terminal.shows(`"hello world"\n${prompt}>`);
    terminal.keys("lrange none 0 -1", "Enter");
    await terminal.shows(`(empty array)\n${prompt}>`);

    terminal.keys("strl", "Tab", " greeting", "Enter");
    await terminal.shows(`strlen greeting\n(integer) 11\n${prompt}>`);
    terminal.keys("Up", "Up", "Up", "Enter");
    await terminal.shows(`get greeting\n"hello world"\n${prompt}>`);

    terminal.keys("help strlen", "Enter");
    await terminal.shows(`since 2.2.0, O(1)\n${prompt}>`);
    terminal.keys("select 3", "Enter");
    await terminal.shows(`OK\n${prompt}[3]>`);
    terminal.keys("select 0", "Enter");
    await terminal.shows(`OK\n${prompt}>`);

    terminal.keys("flushall", "Enter");
    await terminal.shows("● No\n└");
    terminal.keys("n");
    await terminal.shows(`${prompt}>`);
    terminal.keys("dbsize", "Enter");
    await terminal.shows(`dbsize\n(integer) 1\n${prompt}>`);
    terminal.keys("flushall", "Enter");
    await terminal.shows("● No\n└");
    terminal.keys("y");
    await terminal.shows(`OK\n${prompt}>`);
    terminal.keys("dbsize", "Enter");
    await terminal.shows(`dbsize\n(integer) 0\n${prompt}>`);

    terminal.keys("quit", "Enter");
    await terminal.shows("exit code 0");
  });
});

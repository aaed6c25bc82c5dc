/** A real terminal (tmux) with a program in it, that tests look at and type into. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TMUX = Bun.which("tmux");
const TRIES = 600;

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Of terminals that have not been disposed of: tests that time out leave them. */
const open = new Set<Terminal>();

process.on("exit", () => {
  for (const terminal of open) terminal.end();
});

export class Terminal implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), "stormdb-monitor-"));
  readonly #socket = join(this.#folder, "tmux");

  /** The shell notes the terminal's settings before and after the command. */
  constructor(
    command: readonly string[],
    { height, width }: Size,
    env: Readonly<Record<string, string>> = {},
  ) {
    const words = command.map((word) => `'${word}'`).join(" ");
    const note = (name: string) => `stty -a >'${join(this.#folder, name)}'`;
    const shell = `${note("before")}; ${words}; echo exit code $?; ${note("after")}; cat`;
    const { NO_COLOR: _, ...usual } = process.env;
    Bun.spawnSync(
      // biome-ignore format: one option a word
      ["tmux", "-S", this.#socket, "-f", "/dev/null", "new-session", "-d",
        "-x", String(width), "-y", String(height), shell],
      { env: { ...usual, LC_ALL: "C.UTF-8", ...env } },
    );
    open.add(this);
    this.#tmux("set-option", "-g", "remain-on-exit", "on");
    this.#tmux("set-option", "-g", "window-size", "manual");
  }

  #tmux(...args: string[]): string {
    return Bun.spawnSync(["tmux", "-S", this.#socket, ...args]).stdout.toString();
  }

  lines(): string[] {
    return this.#tmux("capture-pane", "-p").split("\n").slice(0, -1);
  }

  text(): string {
    return this.lines().join("\n");
  }

  /** With the escape codes of styles. */
  styled(): string {
    return this.#tmux("capture-pane", "-p", "-e");
  }

  /** tmux's names of keys. */
  keys(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** Types the characters as they are. */
  type(text: string): void {
    this.#tmux("send-keys", "-l", text);
  }

  resize({ height, width }: Size): void {
    this.#tmux("resize-window", "-x", String(width), "-y", String(height));
  }

  /** The pid of the command that runs in the shell. */
  pid(): number {
    const shell = this.#tmux("display-message", "-p", "#{pane_pid}").trim();
    const children = readFileSync(`/proc/${shell}/task/${shell}/children`, "utf8");
    return Number(children.trim().split(" ")[0]);
  }

  /** Cursor shown, screen of before, mouse not taken: "1 0 0". */
  state(): string {
    return this.#tmux(
      "display-message",
      "-p",
      "#{cursor_flag} #{alternate_on} #{mouse_any_flag}",
    ).trim();
  }

  settings(name: "before" | "after"): string {
    return readFileSync(join(this.#folder, name), "utf8");
  }

  /** Waits until the screen is as wanted, and returns it. */
  async until(what: string, holds: (text: string) => boolean, tries = TRIES): Promise<string> {
    for (let i = 0; i < tries; i++) {
      const text = this.text();
      if (holds(text)) return text;
      await Bun.sleep(25);
    }
    throw new Error(`timed out waiting for this on the screen: ${what}\n${this.text()}`);
  }

  shows(text: string, tries = TRIES): Promise<string> {
    return this.until(text, (screen) => screen.includes(text), tries);
  }

  end(): void {
    open.delete(this);
    this.#tmux("kill-server");
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
  }
}

/** A real terminal (tmux) in which a command runs, to be typed at and looked at. */
import { expect } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TRIES = 1000;
const PAUSE_MS = 20;

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface TerminalSettings extends Partial<Size> {
  readonly env?: Readonly<Record<string, string>>;
}

/** Of terminals that have not been disposed of: tests that time out leave them. */
const open = new Set<Terminal>();

process.on("exit", () => {
  for (const terminal of open) terminal.end();
});

export class Terminal implements AsyncDisposable {
  /** Of its own; the cli keeps its history and preferences there. */
  readonly folder = mkdtempSync(join(tmpdir(), "stormdb-terminal-"));
  readonly #socket = join(this.folder, "tmux");

  /**
   * The command is its words, or a line for the shell, which notes the terminal's settings before
   * and after it.
   */
  constructor(command: string | readonly string[], settings: TerminalSettings = {}) {
    const { env = {}, height = 40, width = 100 } = settings;
    const { NO_COLOR: _, ...inherited } = process.env;
    const own = {
      LC_ALL: "C.UTF-8",
      STORMDBCLI_HISTFILE: join(this.folder, "history"),
      STORMDBCLI_RCFILE: join(this.folder, "preferences"),
    };
    const line =
      typeof command === "string" ? command : command.map((word) => `'${word}'`).join(" ");
    const note = (name: string) => `stty -a >'${join(this.folder, name)}'`;
    // The shell tells the exit code: tmux itself does not always know it.
    const shell = `${note("before")}; ${line}; echo exit code $?; ${note("after")}; cat`;
    const size = ["-x", String(width), "-y", String(height)];
    Bun.spawnSync(
      ["tmux", "-S", this.#socket, "-f", "/dev/null", "new-session", "-d", ...size, shell],
      { env: { ...inherited, ...own, ...env } },
    );
    open.add(this);
    this.#tmux("set-option", "-g", "remain-on-exit", "on");
    this.#tmux("set-option", "-g", "window-size", "manual");
  }

  #tmux(...args: string[]): string {
    return Bun.spawnSync(["tmux", "-S", this.#socket, ...args]).stdout.toString();
  }

  /** All lines, empty ones below included. */
  lines(): string[] {
    return this.#tmux("capture-pane", "-p").split("\n").slice(0, -1);
  }

  /** Up to the last character that is no space. */
  text(): string {
    return this.#tmux("capture-pane", "-p").trimEnd();
  }

  /** With the escape sequences of styles. */
  styled(): string {
    return this.#tmux("capture-pane", "-p", "-e").trimEnd();
  }

  /** In tmux's words: "Enter", "C-r", or text. */
  keys(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** Types the characters as they are. */
  type(text: string): void {
    this.#tmux("send-keys", "-l", text);
  }

  /** As a terminal that tells programs of pastes does it. */
  paste(text: string): void {
    this.#tmux("set-buffer", text);
    this.#tmux("paste-buffer", "-p");
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
    const format = "#{cursor_flag} #{alternate_on} #{mouse_any_flag}";
    return this.#tmux("display-message", "-p", format).trim();
  }

  settings(name: "before" | "after"): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  /** What is seen when it is as wanted, or at last; a second look could be at half a picture. */
  async #look(look: () => string, holds: (seen: string) => boolean, tries: number) {
    let seen = look();
    for (let i = 0; i < tries && !holds(seen); i++) {
      await Bun.sleep(PAUSE_MS);
      seen = look();
    }
    return seen;
  }

  /** Waits until the screen is as wanted, and returns it. */
  async until(what: string, holds: (text: string) => boolean, tries = TRIES): Promise<string> {
    const seen = await this.#look(() => this.text(), holds, tries);
    if (holds(seen)) return seen;
    throw new Error(`timed out waiting for this on the screen: ${what}\n${seen}`);
  }

  /** Waits until the text is somewhere on the screen, and returns all of it. */
  async shows(text: string, tries = TRIES): Promise<string> {
    const seen = await this.#look(
      () => this.text(),
      (screen) => screen.includes(text),
      tries,
    );
    expect(seen).toContain(text);
    return seen;
  }

  /** Waits until the text, escape sequences included, is somewhere on the screen. */
  async showsStyled(text: string): Promise<void> {
    const look = () => this.styled();
    expect(await this.#look(look, (seen) => seen.includes(text), TRIES)).toContain(text);
  }

  /** Waits until the screen's last lines are these. */
  async endsWith(ending: string): Promise<void> {
    const look = () => this.text();
    expect(await this.#look(look, (seen) => seen.endsWith(ending), TRIES)).toEndWith(ending);
  }

  end(): void {
    open.delete(this);
    this.#tmux("kill-server");
    rmSync(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
  }
}

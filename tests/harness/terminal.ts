/** A real terminal (tmux) in which a command runs, to be typed at and looked at. */
import { expect } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const TMUX = Bun.which("tmux");
const TRIES = 400;

export interface TerminalSettings {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export class Terminal implements AsyncDisposable {
  readonly #socket: string;
  readonly folder = mkdtempSync(join(tmpdir(), "stormdb-terminal-"));

  constructor(command: readonly string[], settings: TerminalSettings = {}) {
    const { columns = 100, env = {}, rows = 40 } = settings;
    this.#socket = join(this.folder, "tmux");
    const { NO_COLOR: _, ...inherited } = process.env;
    const own = {
      STORMDBCLI_HISTFILE: join(this.folder, "history"),
      STORMDBCLI_RCFILE: join(this.folder, "preferences"),
    };
    // The shell tells the exit code: tmux itself does not always know it.
    const shell = `${command.map((word) => `'${word}'`).join(" ")}; echo exit code $?; cat`;
    const size = ["-x", String(columns), "-y", String(rows)];
    Bun.spawnSync(
      ["tmux", "-S", this.#socket, "-f", "/dev/null", "new-session", "-d", ...size, shell],
      { env: { ...inherited, ...own, ...env } },
    );
    this.#tmux("set-option", "-g", "remain-on-exit", "on");
  }

  #tmux(...args: string[]): string {
    return Bun.spawnSync(["tmux", "-S", this.#socket, ...args]).stdout.toString();
  }

  screen(): string {
    return this.#tmux("capture-pane", "-p").trimEnd();
  }

  /** With the escape sequences of colours. */
  colours(): string {
    return this.#tmux("capture-pane", "-p", "-e").trimEnd();
  }

  /** In tmux's words: "Enter", "C-r", or text. */
  keys(...keys: string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  /** As a terminal that tells programs of pastes does it. */
  paste(text: string): void {
    this.#tmux("set-buffer", text);
    this.#tmux("paste-buffer", "-p");
  }

  /** What is seen when it is as wanted, or at last; a second look could be at half a picture. */
  async #until(look: () => string, holds: (seen: string) => boolean): Promise<string> {
    let seen = look();
    for (let i = 0; i < TRIES && !holds(seen); i++) {
      await Bun.sleep(20);
      seen = look();
    }
    return seen;
  }

  /** Waits until the screen's last lines are these. */
  async shows(ending: string): Promise<void> {
    const look = () => this.screen();
    expect(await this.#until(look, (seen) => seen.endsWith(ending))).toEndWith(ending);
  }

  /** Waits until the text is somewhere on the screen. */
  async has(text: string): Promise<void> {
    const look = () => this.screen();
    expect(await this.#until(look, (seen) => seen.includes(text))).toContain(text);
  }

  /** Waits until the text, escape sequences included, is somewhere on the screen. */
  async hasColours(text: string): Promise<void> {
    const look = () => this.colours();
    expect(await this.#until(look, (seen) => seen.includes(text))).toContain(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tmux("kill-server");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

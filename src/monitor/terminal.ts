/**
 * The terminal: takes it over, tells of keys, clicks and sizes, draws canvases, and gives it back
 * as it was. It is given back on every end that a process can notice: `stop`, and where that was
 * not called, when the process exits.
 */
import { writeSync } from "node:fs";
import { terminal } from "terminal-kit";
import type { Canvas } from "./canvas.ts";
import type { Glyphs } from "./chart.ts";
import { paint } from "./paint.ts";

/** Mouse off, colours off, lines wrap, cursor shown, the screen from before. */
const RESTORE = "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
const NO_WRAP = "\x1b[?7l";
/** A terminal that does not keep up is drawn to less often. */
const UNSENT_BYTES_MAX = 64 * 1024;
const FLUSH_MS = 1000;
/** Of a terminal that does not know its size: Docker tells it to a new one a moment later. */
const USUAL = { width: 80, height: 24 };

type Environment = Readonly<Record<string, string | undefined>>;

/** What charts are drawn with: outside UTF-8 ASCII; the Linux console has no braille. */
export function glyphsFor(env: Environment): Glyphs {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || "";
  if (!/utf-?8/i.test(locale)) return "ascii";
  return env.TERM === "linux" ? "block" : "braille";
}

/** https://no-color.org */
export function isColoured(env: Environment): boolean {
  return env.NO_COLOR === undefined || env.NO_COLOR === "";
}

export class Screen {
  onKey: (key: string) => void = () => {};
  /** Columns and lines count from 0. */
  onClick: (x: number, y: number) => void = () => {};
  onResize: () => void = () => {};
  /** The terminal is gone. */
  onLost: () => void = () => {};
  readonly #isColoured: boolean;
  #drawn: Canvas | null = null;
  #isOurs = false;

  constructor(isColoured: boolean) {
    this.#isColoured = isColoured;
  }

  get width(): number {
    return process.stdout.columns || USUAL.width;
  }

  get height(): number {
    return process.stdout.rows || USUAL.height;
  }

  start(): void {
    this.#isOurs = true;
    process.on("exit", this.#restoreNow);
    process.stdout.on("error", () => this.onLost());
    process.stdin.on("end", () => this.onLost());
    process.stdin.on("error", () => this.onLost());
    terminal.fullscreen(true);
    terminal.hideCursor();
    terminal.raw(NO_WRAP);
    // On the Linux console mice need a daemon (gpm) that may not be there.
    void terminal.grabInput(process.env.TERM === "linux" ? {} : { mouse: "button" });
    terminal.on("key", (key) => this.onKey(key));
    terminal.on("mouse", (name, { x, y }) => {
      if (name === "MOUSE_LEFT_BUTTON_PRESSED") this.onClick(x - 1, y - 1);
      else if (name.startsWith("MOUSE_WHEEL")) this.onKey(name);
    });
    terminal.on("resize", () => {
      this.#drawn = null;
      this.onResize();
    });
  }

  draw(canvas: Canvas): void {
    if (!this.#isOurs || process.stdout.writableLength > UNSENT_BYTES_MAX) return;
    const codes = paint(canvas, this.#drawn, this.#isColoured);
    this.#drawn = canvas;
    if (codes !== "") terminal.raw(codes);
  }

  /** Gives the terminal back, and waits a little until it got that. */
  async stop(): Promise<void> {
    if (!this.#isOurs) return;
    void terminal.grabInput(false);
    const written = new Promise<void>((done) => process.stdout.write(RESTORE, () => done()));
    await Promise.race([written, Bun.sleep(FLUSH_MS)]);
    this.#isOurs = false;
    process.off("exit", this.#restoreNow);
  }

  readonly #restoreNow = (): void => {
    if (!this.#isOurs) return;
    this.#isOurs = false;
    try {
      process.stdin.setRawMode(false);
      writeSync(1, RESTORE);
    } catch {
      // The terminal is gone; there is nothing to restore.
    }
  };
}

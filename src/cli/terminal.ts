/** The keyboard of the prompt: raw keys, kept until somebody wants them, lent to others meanwhile. */
import { emitKeypressEvents } from "node:readline";

export interface Key {
  /** Undefined for keys that are no text. */
  readonly text: string | undefined;
  /** "left", "return", "a", …; as node:readline names them. */
  readonly name: string;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly shift: boolean;
}

interface RawKey {
  readonly name?: string;
  readonly ctrl?: boolean;
  readonly meta?: boolean;
  readonly shift?: boolean;
}

const PASTE_ON = "\x1b[?2004h";
const PASTE_OFF = "\x1b[?2004l";

export class Terminal {
  readonly #waiting: Key[] = [];
  #handler: ((key: Key) => void) | null = null;
  /** Ctrl-C, while nobody listens. */
  onInterrupt: () => void = () => {};

  constructor() {
    emitKeypressEvents(process.stdin);
  }

  readonly #take = (text: string | undefined, raw: RawKey): void => {
    const { ctrl = false, meta = false, name = "", shift = false } = raw;
    const key: Key = { text: text ?? undefined, name, ctrl, meta, shift };
    if (this.#handler !== null) this.#handler(key);
    else if (ctrl && name === "c") {
      this.#waiting.length = 0;
      this.onInterrupt();
    } else this.#waiting.push(key);
  };

  /** Takes the keyboard. */
  start(): void {
    process.stdin.on("keypress", this.#take);
    process.stdin.setRawMode(true);
    process.stdin.resume();
    process.stdout.write(PASTE_ON);
  }

  /** Gives it back. */
  stop(): void {
    process.stdout.write(PASTE_OFF);
    process.stdin.off("keypress", this.#take);
    process.stdin.setRawMode(false);
    process.stdin.pause();
  }

  /** Hands over keys, those typed before first; null: keeps them. */
  listen(handler: ((key: Key) => void) | null): void {
    this.#handler = handler;
    while (this.#handler !== null && this.#waiting.length > 0)
      this.#handler(this.#waiting.shift()!);
  }
}

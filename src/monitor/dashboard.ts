/** The monitor in a terminal: brings poller, view and screen together until the user leaves. */
import type { Live } from "./live.ts";
import type { MonitorOptions } from "./options.ts";
import { Poller } from "./poller.ts";
import type { Zone } from "./scene.ts";
import { drawScreen } from "./screen.ts";
import { SLOWLOG_MAX } from "./slowlog-page.ts";
import { glyphsFor, isColoured, Screen } from "./terminal.ts";
import { type Effect, firstView, press, type View } from "./view.ts";

/** While there is no connection, the time until the next attempt is counted down. */
const COUNTDOWN_MS = 500;
/** The exit codes of shells for processes that a signal ended. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
/** Entries of the slow log beside other panels. */
const SLOWLOG_FEW = 20;

class Dashboard {
  readonly #view: View;
  readonly #poller: Poller;
  readonly #screen = new Screen(isColoured(process.env));
  readonly #glyphs = glyphsFor(process.env);
  #zones: readonly Zone[] = [];
  /** What is shown while the screen stands still. */
  #frozen: Live | null = null;
  #finish: (code: number) => void = () => {};
  #failure: unknown;

  constructor(options: MonitorOptions) {
    this.#view = firstView(options.intervalMs);
    this.#poller = new Poller(options, options.intervalMs);
  }

  /** Resolves to the exit code, with the terminal as it was. */
  async run(): Promise<number> {
    const finished = new Promise<number>((done) => {
      this.#finish = done;
    });
    const fail = (error: unknown): void => {
      this.#failure ??= error;
      this.#finish(1);
    };
    process.on("uncaughtException", fail);
    process.on("unhandledRejection", fail);
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => this.#finish(code));
    }
    this.#screen.onKey = (key) => this.#apply(press(this.#view, key));
    this.#screen.onClick = (x, y) => this.#click(x, y);
    this.#screen.onResize = () => this.#draw();
    this.#screen.onLost = () => this.#finish(1);
    this.#poller.onChange = () => this.#draw();
    const countdown = setInterval(() => {
      if (this.#poller.live.link.kind !== "up") this.#draw();
    }, COUNTDOWN_MS);
    try {
      this.#screen.start();
      this.#choose();
      this.#draw();
      this.#poller.run().catch(fail);
    } catch (error) {
      fail(error);
    }
    const code = await finished;
    clearInterval(countdown);
    this.#poller.stop();
    await this.#screen.stop();
    if (this.#failure !== undefined) {
      const { stack } = this.#failure as Error;
      process.stderr.write(`stormdb monitor failed: ${stack ?? this.#failure}\n`);
    }
    return code;
  }

  #apply(effect: Effect): void {
    const { live } = this.#poller;
    switch (effect) {
      case "none":
        return;
      case "quit":
        this.#finish(0);
        return;
      case "page":
        this.#choose();
        void this.#poller.readDetails();
        break;
      case "interval":
        this.#poller.setInterval(this.#view.intervalMs);
        break;
      case "pause":
        this.#frozen = this.#view.paused ? { ...live, history: live.history.copy() } : null;
        break;
      case "redraw":
        break;
    }
    this.#draw();
  }

  /** Asks the server for what the page shows, and for no more. */
  #choose(): void {
    const { page } = this.#view;
    this.#poller.wants = {
      slowlog: page === "Slow log" ? SLOWLOG_MAX : page === "Overview" ? SLOWLOG_FEW : 0,
      clients: page === "Clients",
      keys: page === "Keys",
    };
  }

  #click(x: number, y: number): void {
    const zone = this.#zones.find(
      ({ area }) =>
        x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height,
    );
    if (zone !== undefined) this.#apply(zone.act(this.#view));
  }

  #draw(): void {
    const { live } = this.#poller;
    const shown = this.#frozen === null ? live : { ...this.#frozen, link: live.link };
    const { canvas, columns, scrollMax, zones } = drawScreen(
      shown,
      this.#view,
      { width: this.#screen.width, height: this.#screen.height },
      this.#glyphs,
      { nowMs: performance.now(), nowUnixMs: Date.now() },
    );
    this.#zones = zones;
    const { columns: known, page, scrolls } = this.#view;
    if (columns > 0) known[page] = columns;
    scrolls[page] = Math.min(scrolls[page], scrollMax);
    this.#screen.draw(canvas);
  }
}

export function runDashboard(options: MonitorOptions): Promise<number> {
  return new Dashboard(options).run();
}

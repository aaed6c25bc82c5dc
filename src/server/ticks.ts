/** What the server does regularly, `hz` times a second. */
import type { Parts } from "./parts.ts";

/** Two parts have to do more here than others may ask of them. */
interface TickedParts extends Parts {
  readonly replication: Parts["replication"] & { tick(): void; advancedBy(ms: number): void };
  readonly process: { advance(): void };
}

export class Ticks {
  readonly #parts: TickedParts;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(parts: TickedParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.#tick();
      if (!this.#stopped) this.start();
    }, 1000 / this.#parts.config.number("hz"));
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** Moves the clock: what would have happened meanwhile happens now. */
  advanceBy(ms: number): void {
    const { background, blocking, clock, pause, persistence, replication } = this.#parts;
    clock.advanceBy(ms);
    pause.check();
    blocking.timeOutDue();
    replication.advancedBy(ms);
    if (!persistence.loading) background.expireAll();
    this.#tick();
  }

  #tick(): void {
    const { background, clients, clock, jsHeap, keyspace, pause, persistence } = this.#parts;
    const { process, rates, replication } = this.#parts;
    clock.synchronize();
    keyspace.refreshAccessClock();
    keyspace.heap.notePeak();
    rates.sample(performance.now());
    pause.check();
    clients.tick();
    persistence.tick();
    replication.tick();
    process.advance();
    jsHeap.check();
    if (persistence.loading) return;
    background.run();
    background.plan();
  }
}

/** CLIENT PAUSE, and the pauses that SHUTDOWN and FAILOVER make: clients' commands wait, and no key expires. */
import type { Clock } from "../../base/clock.ts";

export class Pause {
  readonly #clock: Clock;
  readonly #onChange: (isOn: boolean) => void;
  /** When it ends, in ms since the epoch; 0 without a pause. */
  untilMs = 0;
  writesOnly = false;

  constructor(clock: Clock, onChange: (isOn: boolean) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get isOn(): boolean {
    return this.untilMs > 0;
  }

  /** A second pause can only make the first one longer and stricter. */
  begin(untilMs: number, writesOnly: boolean): void {
    const wasOn = this.untilMs > this.#clock.nowMs;
    this.writesOnly = wasOn ? this.writesOnly && writesOnly : writesOnly;
    this.untilMs = wasOn ? Math.max(this.untilMs, untilMs) : untilMs;
    this.#onChange(true);
  }

  end(): void {
    this.untilMs = 0;
    this.#onChange(false);
  }

  /** Ends the pause if its time is up. */
  check(): void {
    if (this.untilMs > 0 && this.#clock.nowMs >= this.untilMs) this.end();
  }
}

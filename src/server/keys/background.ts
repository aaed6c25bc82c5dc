/**
 * Work between commands: expired keys are deleted, lazy frees go on, and free memory goes back to the
 * system. It is done in slices well below a millisecond, as long as there is more.
 */
import type { Clock } from "../../base/clock.ts";
import { canGiveBack, giveBack } from "../../base/system-memory.ts";
import type { ExpiryService } from "../../commands/services/expiry.ts";
import { ROUNDS_TO_GIVE } from "../../memory/heap.ts";
import type { Keyspace } from "../../store/keyspace.ts";

const SLICE_MS = 0.5;
/** Moves of the timing wheel in a slice, and blocks freed between two looks at the clock. */
const EXPIRE_MOVES = 2000;
const REAP_BLOCKS = 125;
/** Between two rounds that give memory back, of which a page has to be free for a few. */
const SWEEP_PERIOD_MS = 1000;

export interface BackgroundOptions {
  readonly keyspace: Keyspace;
  readonly clock: Clock;
  /** Whether the server's state allows keys to be deleted when they expire. */
  readonly expires: () => boolean;
  /** How often `run` is called in any case. */
  readonly periodMs: () => number;
}

export class Background implements ExpiryService {
  isActive = true;
  readonly #options: BackgroundOptions;
  /** Time spent on keys that expire, in ms, and how often there were more than a slice has time for. */
  expireMs = 0;
  expireCapsReached = 0;
  #timer: Timer | null = null;
  #isScheduled = false;
  #stopped = false;
  #nextSweepMs = 0;
  /** Rounds that follow one another at once. */
  #hurriedRounds = 0;

  constructor(options: BackgroundOptions) {
    this.#options = options;
    options.keyspace.hooks.expiresSooner = (timeMs) => {
      if (this.#expires) this.#expireAt(timeMs);
    };
  }

  get #expires(): boolean {
    return this.isActive && this.#options.expires();
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  /** A slice of all that there is to do; goes on by itself while there is more. */
  run(): void {
    const { clock, keyspace } = this.#options;
    const started = performance.now();
    const end = started + SLICE_MS;
    let more = this.#expires && this.#expire(end);
    this.expireMs += performance.now() - started;
    if (more) this.expireCapsReached++;
    const { reaper } = keyspace;
    while (reaper.hasWork && performance.now() < end) reaper.freeSome(REAP_BLOCKS);
    more ||= reaper.hasWork;
    more ||= this.#sweep(end);
    if (!more || this.#isScheduled || this.#stopped) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      clock.refresh();
      this.run();
    });
  }

  resetStats(): void {
    this.expireMs = 0;
    this.expireCapsReached = 0;
  }

  /** Gives free memory back until `end`; returns whether there is more. */
  #sweep(end: number): boolean {
    const { heap } = this.#options.keyspace;
    let nowMs = performance.now();
    if (!heap.sweeping && (this.#hurriedRounds > 0 || nowMs >= this.#nextSweepMs)) {
      this.#nextSweepMs = nowMs + SWEEP_PERIOD_MS;
      this.#hurriedRounds = Math.max(0, this.#hurriedRounds - 1);
      if (canGiveBack()) heap.beginSweep();
      else this.#hurriedRounds = 0;
    }
    for (; heap.sweeping && nowMs < end; nowMs = performance.now()) heap.sweep(giveBack);
    return heap.sweeping || this.#hurriedRounds > 0;
  }

  /** Gives free memory back, in slices from now on, however short a time it has been free. */
  purge(): void {
    this.#hurriedRounds = ROUNDS_TO_GIVE;
    this.run();
  }

  /** Removes all expired keys, however long it takes. */
  expireAll(): void {
    while (this.#expires && this.#expire(Number.POSITIVE_INFINITY));
  }

  /** Removes keys and fields until `end`; returns whether there are more. */
  #expire(end: number): boolean {
    const { keyspace } = this.#options;
    const { databases, wheel } = keyspace;
    let more = false;
    for (const database of databases) {
      wheel.budget = EXPIRE_MOVES;
      while (database.expireOne()) {
        if (performance.now() < end) continue;
        more = true;
        break;
      }
      more ||= wheel.budget === 0;
    }
    wheel.budget = EXPIRE_MOVES;
    while (keyspace.expireFields()) {
      if (performance.now() < end) continue;
      more = true;
      break;
    }
    return more || wheel.budget <= 0;
  }

  /** Sees to it that the next key to expire does so in its millisecond, not a period later. */
  plan(): void {
    const { clock, keyspace, periodMs } = this.#options;
    if (!this.#expires) return;
    let next = clock.nowMs + periodMs();
    for (const database of keyspace.databases) next = Math.min(next, database.nextExpiryMs());
    this.#expireAt(Math.min(next, keyspace.fields.nextMs));
  }

  #expireAt(timeMs: number): void {
    const { clock, keyspace } = this.#options;
    if (this.#stopped) return;
    keyspace.plannedExpiryMs = timeMs;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        clock.refresh();
        this.run();
        this.plan();
      },
      Math.max(1, timeMs + 1 - clock.nowMs),
    );
  }
}

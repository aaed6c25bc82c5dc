/** The latency monitor: spikes over `latency-monitor-threshold`, by event, one a second. */
import type { LatencySample } from "../../commands/services/figures.ts";

const SAMPLES_MAX = 160;

export class LatencyMonitor {
  /** ms; 0 switches the monitor off. */
  thresholdMs = 0;
  readonly events = new Map<string, LatencySample[]>();

  add(event: string, usec: number, nowMs: number): void {
    const ms = Math.floor(usec / 1000);
    const unixSeconds = Math.floor(nowMs / 1000);
    let samples = this.events.get(event);
    if (samples === undefined) {
      samples = [];
      this.events.set(event, samples);
    }
    const last = samples.at(-1);
    if (last?.unixSeconds === unixSeconds) {
      if (ms > last.ms) samples[samples.length - 1] = { unixSeconds, ms };
      return;
    }
    samples.push({ unixSeconds, ms });
    if (samples.length > SAMPLES_MAX) samples.shift();
  }

  /** Forgets the named events, or all; returns how many there were. */
  reset(names: readonly string[]): number {
    let count = 0;
    for (const name of names.length > 0 ? names : [...this.events.keys()]) {
      if (this.events.delete(name)) count++;
    }
    return count;
  }
}

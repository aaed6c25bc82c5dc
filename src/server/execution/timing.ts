/**
 * How long commands take: their statistics, the slow log and the latency monitor.
 *
 * Reading the clock costs more than most commands of a pipeline, so quick ones are timed together:
 * each gets an equal share of the time since the clock was last read. A command that may be slow is
 * timed alone.
 */
import type { Clock } from "../../base/clock.ts";
import type { Client } from "../../commands/services/client.ts";
import type { Command } from "../../commands/spec/command.ts";
import { FAST, SKIP_SLOWLOG } from "../../commands/spec/command-info.ts";
import type { Request } from "../../protocol/request.ts";
import type { LatencyMonitor } from "../figures/latency-monitor.ts";
import type { Slowlog } from "../figures/slowlog.ts";

/** A longer request is timed alone. */
const QUICK_BYTES_MAX = 8192;

export class Timing {
  readonly #clock: Clock;
  readonly #slowlog: Slowlog;
  readonly #latency: LatencyMonitor;
  /** `latency-tracking`. */
  tracking = true;
  /** Up to here, in µs, time has been given to commands. */
  timedUs = 0;
  /** Quick commands called since then, and how many calls in all. */
  readonly #untimed: Command[] = [];
  #untimedCalls = 0;

  constructor(clock: Clock, slowlog: Slowlog, latency: LatencyMonitor) {
    this.#clock = clock;
    this.#slowlog = slowlog;
    this.#latency = latency;
  }

  beginBatch(): void {
    this.timedUs = this.#clock.nowUs;
  }

  endBatch(): void {
    if (this.#untimedCalls > 0) this.#timeQuickCalls();
  }

  #timeQuickCalls(): void {
    const now = this.#clock.monotonicUs();
    const usec = (now - this.timedUs) / this.#untimedCalls;
    this.timedUs = now;
    for (let i = 0; i < this.#untimed.length; i++) {
      const command = this.#untimed[i]!;
      command.record(command.untimedCalls, usec, this.tracking);
      command.untimedCalls = 0;
    }
    this.#untimed.length = 0;
    this.#untimedCalls = 0;
  }

  /** Whether the call can be timed together with others. To be called before it runs. */
  begin(command: Command, request: Request): boolean {
    const isQuick =
      request.count <= command.batchTimedArgsMax &&
      request.spanBytes <= QUICK_BYTES_MAX &&
      this.#slowlog.thresholdUsec > 0;
    if (!isQuick && this.#untimedCalls > 0) this.#timeQuickCalls();
    return isQuick;
  }

  /** A call that turned out to be quick. */
  countQuick(command: Command): void {
    if (command.untimedCalls++ === 0) this.#untimed.push(command);
    this.#untimedCalls++;
  }

  /**
   * Records a call that is timed alone; `startedUs` is what `timedUs` was when it began. Quick calls
   * that EXEC has made, and those before a call that only turned out to be slow, share its time.
   */
  recordAlone(
    command: Command,
    startedUs: number,
    client: Client,
    request: Request,
    secrets: readonly number[],
    isQuick: boolean,
  ): void {
    if (!isQuick && this.#untimedCalls > 0) this.#timeQuickCalls();
    const now = this.#clock.monotonicUs();
    const usec = now - startedUs;
    this.timedUs = now;
    command.record(1, usec, this.tracking);
    const slowlog = this.#slowlog;
    if (usec >= slowlog.thresholdUsec && (command.bits & SKIP_SLOWLOG) === 0) {
      slowlog.add(request, usec, client, this.#clock.nowMs, secrets);
    }
    const latency = this.#latency;
    if (latency.thresholdMs > 0 && usec >= latency.thresholdMs * 1000) {
      latency.add(command.bits & FAST ? "fast-command" : "command", usec, this.#clock.nowMs);
    }
  }
}

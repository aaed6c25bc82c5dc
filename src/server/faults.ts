/**
 * Exceptions that nobody caught. They are bugs, but of one timer or one connection; the data is
 * whole, because commands catch their own. So the server logs them and goes on: ending would let
 * one bad peer take the data away from all clients.
 */
import type { Log } from "../base/log.ts";

/** A fault that comes again and again must not fill the disk. */
const LOG_PERIOD_MS = 10_000;

/** Has the process log uncaught exceptions and rejected promises, each kind once in a while. */
export function surviveFaults(log: Log): void {
  const loggedMs = new Map<string, number>();
  const note = (error: unknown) => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const nowMs = performance.now();
    if (nowMs - (loggedMs.get(text) ?? Number.NEGATIVE_INFINITY) < LOG_PERIOD_MS) return;
    // Where a fault happened tells kinds apart; if there are very many, they are one kind.
    if (loggedMs.size > 100) loggedMs.clear();
    loggedMs.set(text, nowMs);
    log.warning(`Internal error, the server goes on: ${text}`);
  };
  process.on("uncaughtException", note);
  process.on("unhandledRejection", note);
}

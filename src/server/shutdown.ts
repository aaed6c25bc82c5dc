/** The regular end of the server: replicas get all writes first, and the data is saved. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Client, ShutdownRequest } from "../commands/context.ts";
import type { Persistence } from "../persistence/persistence.ts";
import { SHUTDOWN_FAILED } from "../protocol/errors.ts";
import type { Propagation } from "./execution/propagation.ts";
import type { ServerReplication } from "./replication-service.ts";

export interface DepartureOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly persistence: Persistence;
  readonly propagation: Propagation;
  readonly replication: ServerReplication;
  /** `shutdown-timeout`. */
  readonly timeoutMs: () => number;
  readonly holdWrites: (held: boolean) => void;
  /** Ends the wait of the client that asked, with an error. */
  readonly refuse: (caller: Client, error: string) => void;
  /** All is done. */
  readonly end: () => void;
}

export class Departure {
  readonly #options: DepartureOptions;
  /** It waits until replicas have the stream up to the position. */
  #waiting: {
    readonly request: ShutdownRequest;
    readonly position: number;
    readonly untilMs: number;
  } | null = null;

  constructor(options: DepartureOptions) {
    this.#options = options;
  }

  /** Returns why it cannot be, or "": then the end has come, or waits for replicas. */
  begin(request: ShutdownRequest): string {
    const { clock, holdWrites, log, propagation, replication, timeoutMs } = this.#options;
    log.notice("User requested shutdown...");
    const { caller, now } = request;
    const waitMs = now ? 0 : timeoutMs();
    // Who asks a second time does not want to wait.
    if (waitMs === 0 || this.#waiting !== null) return this.#leave(request);
    propagation.flush();
    const { position } = replication;
    if (replication.haveAll(position)) return this.#leave(request);
    log.notice("Waiting for replicas before shutting down.");
    this.#waiting = { request, position, untilMs: clock.nowMs + waitMs };
    holdWrites(true);
    // The caller waits, for more replicas than there can be: it is answered only if nothing comes of it.
    if (caller !== null) replication.waitForAcks(caller, position, Number.POSITIVE_INFINITY, 0);
    else replication.core.requestAcks();
    replication.core.pump();
    return "";
  }

  /** How long it still waits for replicas, in ms; -1 if no shutdown is under way. */
  get remainingMs(): number {
    if (this.#waiting === null) return -1;
    return Math.max(0, Math.round(this.#waiting.untilMs - this.#options.clock.nowMs));
  }

  /** Ends once the replicas have all, or have had time enough. */
  advance(): void {
    if (this.#waiting === null) return;
    const { clock, log, replication } = this.#options;
    const { position, request, untilMs } = this.#waiting;
    const haveAll = replication.haveAll(position);
    if (!haveAll && clock.nowMs < untilMs) return;
    if (!haveAll) log.warning("Some replicas do not have all writes; shutting down anyway.");
    if (this.#leave(request) !== "") this.abort();
  }

  /** Returns whether there was anything to abort. */
  abort(): boolean {
    if (this.#waiting === null) return false;
    const { caller } = this.#waiting.request;
    this.#waiting = null;
    this.#options.holdWrites(false);
    if (caller !== null) this.#options.refuse(caller, SHUTDOWN_FAILED);
    return true;
  }

  #leave({ force, mode }: ShutdownRequest): string {
    const { end, log, persistence } = this.#options;
    const error = persistence.close(mode);
    if (error !== "" && !force) {
      log.warning("Errors trying to shut down the server. Check the logs for more information.");
      return error;
    }
    end();
    return "";
  }
}

/** SHUTDOWN: waits for replicas, saves, and exits. */
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { ProcessService, ShutdownRequest } from "../commands/services/process.ts";
import type { Persistence } from "../persistence/persistence.ts";
import { SHUTDOWN_FAILED } from "../protocol/errors.ts";
import type { Clients } from "./clients.ts";
import type { Connection } from "./connections/connection.ts";
import type { Propagation } from "./execution/propagation.ts";
import type { ServerReplication } from "./replication-service.ts";

export interface ShutdownOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly persistence: Persistence;
  readonly propagation: Propagation;
  readonly replication: ServerReplication;
  /** `shutdown-timeout`. */
  readonly timeoutMs: () => number;
  readonly clients: Clients;
  /** Called when everything is saved. */
  readonly end: () => void;
}

export class Shutdown implements ProcessService<Connection> {
  readonly #options: ShutdownOptions;
  /** Replicas have to get the stream up to `position` first. */
  #waiting: {
    readonly request: ShutdownRequest<Connection>;
    readonly position: number;
    readonly untilMs: number;
  } | null = null;

  constructor(options: ShutdownOptions) {
    this.#options = options;
  }

  shutdown(request: ShutdownRequest<Connection>): string {
    const { clients, clock, log, propagation, replication, timeoutMs } = this.#options;
    log.notice("User requested shutdown...");
    const { caller, now } = request;
    const waitMs = now ? 0 : timeoutMs();
    // A second SHUTDOWN does not wait.
    if (waitMs === 0 || this.#waiting !== null) return this.#leave(request);
    propagation.flush();
    const { position } = replication;
    if (replication.haveAll(position)) return this.#leave(request);
    log.notice("Waiting for replicas before shutting down.");
    this.#waiting = { request, position, untilMs: clock.nowMs + waitMs };
    clients.holdWrites(true);
    // Block the caller with a WAIT that cannot be met; it is answered only if the shutdown is aborted.
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

  /** Exits once the replicas have everything, or the timeout is over. */
  advance(): void {
    if (this.#waiting === null) return;
    const { clock, log, replication } = this.#options;
    const { position, request, untilMs } = this.#waiting;
    const haveAll = replication.haveAll(position);
    if (!haveAll && clock.nowMs < untilMs) return;
    if (!haveAll) log.warning("Some replicas do not have all writes; shutting down anyway.");
    if (this.#leave(request) !== "") this.abortShutdown();
  }

  abortShutdown(): boolean {
    if (this.#waiting === null) return false;
    const { clients } = this.#options;
    const { caller } = this.#waiting.request;
    this.#waiting = null;
    clients.holdWrites(false);
    if (caller !== null) clients.endWait(caller, SHUTDOWN_FAILED);
    return true;
  }

  #leave({ force, mode }: ShutdownRequest<Connection>): string {
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

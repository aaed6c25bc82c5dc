/**
 * FAILOVER: a primary and one of its replicas exchange roles. Writes are paused until the target
 * has acknowledged all of the stream; then this server becomes a replica of the target, and asks
 * it to take over (PSYNC … FAILOVER). Until it has answered, at most one of the two may be written to:
 * this server becomes a primary again only if the target cannot have taken over.
 */
import { FAILOVER_IN_PROGRESS } from "../protocol/errors.ts";
import type { Replica, ReplicaFeeds } from "./replica-feeds.ts";

export type FailoverState = "no-failover" | "waiting-for-sync" | "failover-in-progress";

export interface FailoverOptions {
  readonly feeds: ReplicaFeeds;
  /** The offset that the target has to acknowledge. */
  readonly offset: () => number;
  readonly requestAcks: () => void;
  readonly pauseWrites: (paused: boolean) => void;
  /** Becomes a replica of the target, which is asked to take over. */
  readonly replicateFrom: (host: string, port: number) => void;
  /** Becomes a primary again. */
  readonly takeBack: () => void;
  readonly log: (message: string) => void;
}

export interface Target {
  readonly host: string;
  readonly port: number;
}

export class Failover {
  readonly #options: FailoverOptions;
  state: FailoverState = "no-failover";
  #target: Target | null = null;
  #force = false;
  #timer: Timer | null = null;

  constructor(options: FailoverOptions) {
    this.#options = options;
  }

  /** Returns an error text or "". */
  begin(target: Target | null, timeoutMs: number, force: boolean): string {
    if (this.state !== "no-failover") return FAILOVER_IN_PROGRESS;
    const { replicas } = this.#options.feeds;
    if (replicas.length === 0) return "ERR FAILOVER requires connected replicas.";
    if (force && (target === null || timeoutMs === 0)) {
      return "ERR FAILOVER with force option requires both a timeout and target HOST and IP.";
    }
    if (target !== null) {
      const replica = replicas.find((one) => addressed(one, target));
      if (replica === undefined) return "ERR FAILOVER target HOST and PORT is not a replica.";
      if (!replica.isOnline) return "ERR FAILOVER target replica is not online.";
    }
    this.state = "waiting-for-sync";
    this.#target = target;
    this.#force = force;
    if (timeoutMs > 0) this.#timer = setTimeout(() => this.#timeIsOver(), timeoutMs);
    this.#options.log("FAILOVER requested.");
    this.#options.pauseWrites(true);
    // Acknowledgements are awaited, never looked at here: a transaction that calls FAILOVER has to be
    // in the stream first.
    this.#options.requestAcks();
    return "";
  }

  /** Called when replicas have acknowledged more. */
  advance(): void {
    if (this.state !== "waiting-for-sync") return;
    const { feeds, offset, requestAcks } = this.#options;
    const isReady = (replica: Replica) => replica.isOnline && replica.ackOffset >= offset();
    const wanted = this.#target;
    const ready = feeds.replicas.find(
      (replica) => (wanted === null || addressed(replica, wanted)) && isReady(replica),
    );
    if (ready === undefined) requestAcks();
    else this.#handOver(ready);
  }

  #handOver(replica: Replica): void {
    this.#handOverTo(hostOf(replica), replica.port);
  }

  #handOverTo(host: string, port: number): void {
    this.state = "failover-in-progress";
    this.#options.log(`Failover target ${host}:${port} is synced, failing over.`);
    this.#options.replicateFrom(host, port);
  }

  #timeIsOver(): void {
    this.#timer = null;
    if (this.state !== "waiting-for-sync") return;
    const target = this.#target;
    if (this.#force && target !== null) this.#handOverTo(target.host, target.port);
    else this.#end("Replica never caught up before timeout, failover aborted.");
  }

  /** The target has taken over. */
  succeeded(): void {
    if (this.state === "failover-in-progress") this.#end("Failover succeeded.");
  }

  /**
   * The target cannot be reached or refuses. `mayHaveTakenOver`: it was asked, and the connection
   * was lost before its answer. Then two servers would be primaries if this one became one again:
   * it goes on asking, until the target answers or FAILOVER ABORT decides.
   */
  failed(mayHaveTakenOver: boolean): void {
    if (this.state !== "failover-in-progress") return;
    if (mayHaveTakenOver) {
      this.#options.log(
        "The failover target was asked to take over, but the connection was lost before it answered. Asking again. FAILOVER ABORT makes this server the primary again; make sure before that the target is not one.",
      );
      return;
    }
    this.#options.takeBack();
    this.#end("Failover failed, this server is the primary again.");
  }

  /** FAILOVER ABORT; returns an error text or "". */
  abort(): string {
    if (this.state === "no-failover") return "ERR No failover in progress.";
    if (this.state === "failover-in-progress") this.#options.takeBack();
    this.#end("Failover aborted.");
    return "";
  }

  /** The server shuts down. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #end(message: string): void {
    this.state = "no-failover";
    this.#target = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#options.log(message);
    this.#options.pauseWrites(false);
  }
}

export function hostOf({ ip, peer }: Replica): string {
  return ip === "" ? peer.address.replace(/:[0-9]+$/, "").replace(/^\[(.*)\]$/, "$1") : ip;
}

function addressed(replica: Replica, { host, port }: Target): boolean {
  const own = hostOf(replica);
  const isSameHost = own === host || (host === "localhost" && /^(127\.|::1$)/.test(own));
  return isSameHost && replica.port === port;
}

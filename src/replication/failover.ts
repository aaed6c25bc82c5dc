/**
 * FAILOVER: a primary hands its part over. Writes are held back until the chosen replica has all
 * of the stream; then this server follows it, and asks it to take over with the same request.
 */
import { FAILOVER_IN_PROGRESS } from "../protocol/errors.ts";
import type { Primary, Replica } from "./primary.ts";

export type FailoverState = "no-failover" | "waiting-for-sync" | "failover-in-progress";

export interface FailoverOptions {
  readonly primary: Primary;
  readonly position: () => number;
  readonly requestAcks: () => void;
  /** Holds writes back, or lets them go on. */
  readonly pauseWrites: (paused: boolean) => void;
  /** Follows the replica, which is asked to take over. */
  readonly followTarget: (host: string, port: number) => void;
  /** Is a primary again. */
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
    const replicas = this.#options.primary.followers;
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
    // Not here: a transaction that this is part of has to be in the stream first.
    this.#options.requestAcks();
    return "";
  }

  /** To be called when replicas have come further. */
  advance(): void {
    if (this.state !== "waiting-for-sync") return;
    const { position, primary, requestAcks } = this.#options;
    const isReady = (replica: Replica) => replica.isOnline && replica.ackPosition >= position();
    const wanted = this.#target;
    const ready = primary.followers.find(
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
    this.#options.followTarget(host, port);
  }

  #timeIsOver(): void {
    this.#timer = null;
    if (this.state !== "waiting-for-sync") return;
    const target = this.#target;
    if (this.#force && target !== null) this.#handOverTo(target.host, target.port);
    else this.#end("Replica never caught up before timeout, failover aborted.");
  }

  /** The other has taken over. */
  succeeded(): void {
    if (this.state === "failover-in-progress") this.#end("Failover succeeded.");
  }

  /** The other cannot be reached or will not. */
  failed(): void {
    if (this.state !== "failover-in-progress") return;
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

  /** The end of the server: nothing comes of it any more. */
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

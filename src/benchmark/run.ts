/** One run: a number of requests to one server over a number of connections, as fast as possible or paced. */
import type { Target } from "../client/target.ts";
import { encodeCommand } from "../protocol/command-encoder.ts";
import { Connection, type Listener } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import { type Keys, type WeightedRequest, Workload } from "./workload.ts";

/** All that a run depends on; can be sent to another thread. */
export interface Plan {
  readonly target: Target;
  /** 2 or 3. */
  readonly protocol: number;
  readonly requests: readonly WeightedRequest[];
  readonly keys: Keys | null;
  readonly seed: number;
  readonly connections: number;
  readonly count: number;
  readonly pipeline: number;
  readonly keepsAlive: boolean;
  /** Requests a second over all connections; 0: as many as the server takes. */
  readonly rate: number;
  /** An error reply is counted and shown; otherwise it ends the run. */
  readonly toleratesErrors: boolean;
}

export interface Outcome {
  readonly histogram: Histogram;
  readonly seconds: number;
  /** Error replies. */
  readonly errors: number;
  /** Why the run ended early; null where it did not, or was stopped. */
  readonly failure: Failure | null;
}

export interface Failure {
  /** The server refused a request; otherwise the connection failed. */
  readonly isReply: boolean;
  readonly text: string;
}

/** Counters of a run under way, readable from other threads: replies, and their latencies in µs. */
export type Progress = Float64Array;
export const PROGRESS_FIELDS = 2;

/** More at a time would overflow the server's queue of connections to be accepted. */
const CONNECTING_MAX = 64;
/** Timers come up to a millisecond late, so the last stretch is waited for by polling. */
const TIMER_SLACK_US = 2000;
const ERRORS_SHOWN_EVERY_US = 1_000_000;

function nowUs(): number {
  return performance.now() * 1000;
}

/** What a connection sends first, and how many replies that has. */
function greetingOf(target: Target, protocol: number): [Uint8Array, number] {
  const { database, password, user } = target;
  const commands: string[][] = [];
  if (password !== undefined) {
    commands.push(["AUTH", ...(user === undefined ? [] : [user]), password]);
  }
  if (protocol === 3) commands.push(["HELLO", "3"]);
  if (database !== 0) commands.push(["SELECT", String(database)]);
  return [Buffer.concat(commands.map(encodeCommand)), commands.length];
}

export class Run implements Listener {
  readonly #plan: Plan;
  readonly #progress: Progress;
  readonly #onError: (text: string) => void;
  readonly #workload: Workload;
  readonly #histogram = new Histogram();
  readonly #connections: Connection[] = [];
  readonly #greeting: readonly [Uint8Array, number];
  readonly #usPerRequest: number;
  readonly #done = Promise.withResolvers<void>();
  /** Connections that wait for a request to be due: a ring. */
  readonly #idle: Connection[];
  #idleAt = 0;
  #idleCount = 0;
  #timer: Timer | null = null;
  #isPolling = false;
  #readyCount = 0;
  #allReady: () => void = () => {};
  #isRunning = false;
  #isOver = false;
  #issued = 0;
  #finished = 0;
  #latencyUs = 0;
  #startUs = 0;
  #endUs = 0;
  #errors = 0;
  #errorShownUs = Number.NEGATIVE_INFINITY;
  #failure: Failure | null = null;

  /** `onError` receives error replies that are tolerated, at most one a second. */
  constructor(plan: Plan, progress: Progress, onError: (text: string) => void) {
    this.#plan = plan;
    this.#progress = progress;
    this.#onError = onError;
    this.#workload = new Workload(plan.requests, plan.pipeline, plan.keys, plan.seed);
    this.#greeting = greetingOf(plan.target, plan.protocol);
    this.#usPerRequest = plan.rate === 0 ? 0 : 1_000_000 / plan.rate;
    for (let i = 0; i < plan.connections; i++) {
      this.#connections.push(new Connection(this.#workload.buffer(), this));
    }
    this.#idle = [...this.#connections];
  }

  /** Opens the connections. What fails is told by `perform`. */
  async prepare(): Promise<void> {
    const ready = new Promise<void>((done) => {
      this.#allReady = done;
    });
    for (let at = 0; at < this.#connections.length && !this.#isOver; at += CONNECTING_MAX) {
      const some = this.#connections.slice(at, at + CONNECTING_MAX);
      await Promise.all(some.map((connection) => this.#open(connection)));
    }
    if (!this.#isOver) await ready;
  }

  /** Sends the requests; to be called after `prepare`. */
  async perform(): Promise<Outcome> {
    this.#startUs = nowUs();
    this.#endUs = this.#startUs;
    this.#isRunning = true;
    if (!this.#isOver) {
      for (const connection of this.#connections) this.#next(connection, this.#startUs);
      await this.#done.promise;
    }
    return {
      histogram: this.#histogram,
      seconds: (this.#endUs - this.#startUs) / 1_000_000,
      errors: this.#errors,
      failure: this.#failure,
    };
  }

  /** Ends the run at once, with what it has. */
  stop(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#finished < this.#plan.count) this.#endUs = nowUs();
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const connection of this.#connections) connection.close();
    this.#allReady();
    this.#done.resolve();
  }

  #fail(isReply: boolean, text: string): void {
    if (this.#isOver) return;
    this.#failure = { isReply, text };
    this.stop();
  }

  async #open(connection: Connection): Promise<void> {
    try {
      await connection.open(this.#plan.target, ...this.#greeting);
      // The run may have ended while the connection was being made.
      if (this.#isOver) connection.close();
    } catch (error) {
      this.#fail(false, (error as Error).message);
    }
  }

  ready(connection: Connection): void {
    if (connection.scanner.errors > 0) {
      this.#fail(false, connection.scanner.errorText);
    } else if (this.#isRunning) {
      this.#next(connection, nowUs());
    } else if (++this.#readyCount === this.#connections.length) {
      this.#allReady();
    }
  }

  lost(_: Connection, reason: string): void {
    this.#fail(false, reason);
  }

  replied(connection: Connection, replies: number): void {
    if (this.#isOver) return;
    const now = nowUs();
    if (this.#usPerRequest === 0) {
      const latency = now - connection.sentUs;
      this.#histogram.record(latency, replies);
      this.#latencyUs += latency * replies;
    } else {
      // From when the request was due: the time it had to wait for a free connection counts.
      for (let i = 0; i < replies; i++) {
        const latency = now - this.#dueUs(connection.firstRequest++);
        this.#histogram.record(latency, 1);
        this.#latencyUs += latency;
      }
    }
    this.#finished += replies;
    this.#progress[0] = this.#finished;
    this.#progress[1] = this.#latencyUs;
    if (connection.scanner.errors > 0) this.#countErrors(connection, now);
    if (this.#finished >= this.#plan.count) {
      this.#endUs = now;
      this.stop();
    } else if (connection.pending <= 0) {
      if (this.#plan.keepsAlive) {
        this.#next(connection, now);
      } else {
        connection.close();
        this.#open(connection);
      }
    }
  }

  #countErrors(connection: Connection, now: number): void {
    const { scanner } = connection;
    this.#errors += scanner.errors;
    scanner.errors = 0;
    if (!this.#plan.toleratesErrors) {
      this.#fail(true, scanner.errorText);
    } else if (now >= this.#errorShownUs + ERRORS_SHOWN_EVERY_US) {
      this.#errorShownUs = now;
      this.#onError(scanner.errorText);
    }
  }

  #dueUs(request: number): number {
    return this.#startUs + request * this.#usPerRequest;
  }

  /** Sends the connection's next batch, or lets it wait until a request is due. */
  #next(connection: Connection, now: number): void {
    const { count, pipeline } = this.#plan;
    let requests = Math.min(pipeline, count - this.#issued);
    if (requests <= 0 || this.#isOver) return;
    if (this.#usPerRequest !== 0) {
      const due = Math.floor((now - this.#startUs) / this.#usPerRequest) + 1 - this.#issued;
      // Rounding must not make it wait for what `#tick` takes for due.
      if (due <= 0 && this.#dueUs(this.#issued) > now) {
        this.#idle[(this.#idleAt + this.#idleCount++) % this.#idle.length] = connection;
        this.#wait(now);
        return;
      }
      requests = Math.min(requests, Math.max(1, due));
      connection.firstRequest = this.#issued;
    }
    this.#issued += requests;
    connection.sentUs = now;
    connection.send(this.#workload.fill(connection.buffer, requests), requests);
  }

  #wait(now: number): void {
    if (this.#timer !== null || this.#isPolling) return;
    const waitUs = this.#dueUs(this.#issued) - now;
    if (waitUs > TIMER_SLACK_US) {
      this.#timer = setTimeout(this.#tick, Math.floor((waitUs - TIMER_SLACK_US / 2) / 1000));
    } else {
      this.#isPolling = true;
      setImmediate(this.#tick);
    }
  }

  /** Gives requests that have become due to the connections that have waited longest. */
  readonly #tick = (): void => {
    this.#timer = null;
    this.#isPolling = false;
    if (this.#isOver) return;
    const now = nowUs();
    while (this.#idleCount > 0 && this.#issued < this.#plan.count) {
      if (this.#dueUs(this.#issued) > now) {
        this.#wait(now);
        return;
      }
      const connection = this.#idle[this.#idleAt]!;
      this.#idleAt = (this.#idleAt + 1) % this.#idle.length;
      this.#idleCount--;
      this.#next(connection, now);
    }
  };
}

/** Performs runs, in this thread or divided among others, and tells how far they are. */
import { Histogram } from "./histogram.ts";
import { type Outcome, type Plan, PROGRESS_FIELDS, type Progress, Run } from "./run.ts";
import type { Answer, Order } from "./worker.ts";

type Packed = Extract<Answer, { kind: "outcome" }>;

/** The part of `total` that falls to share `index` of `shares`; together they are the total. */
export function shareOf(total: number, index: number, shares: number): number {
  return Math.floor((total * (index + 1)) / shares) - Math.floor((total * index) / shares);
}

export class Engine {
  readonly #onError: (text: string) => void;
  readonly #threads: Thread[] = [];
  /** One piece of progress for each thread. */
  readonly #progress: Progress[];
  /** What finished runs add to it. */
  #pastFinished = 0;
  #pastLatencyUs = 0;
  #run: Run | null = null;
  #isStopped = false;

  /**
   * `threads` 0: the load runs in this thread. `onError` receives error replies that a plan
   * tolerates.
   */
  constructor(threads: number, onError: (text: string) => void) {
    this.#onError = onError;
    const bytes = PROGRESS_FIELDS * Float64Array.BYTES_PER_ELEMENT;
    this.#progress = Array.from(
      { length: Math.max(1, threads) },
      () => new Float64Array(new SharedArrayBuffer(bytes)),
    );
    for (let i = 0; i < threads; i++) this.#threads.push(new Thread(onError));
  }

  /** Replies so far, of all runs. */
  get finished(): number {
    return this.#progress.reduce((sum, progress) => sum + progress[0]!, this.#pastFinished);
  }

  /** The sum of their latencies, in µs. */
  get latencyUs(): number {
    return this.#progress.reduce((sum, progress) => sum + progress[1]!, this.#pastLatencyUs);
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Ends the run under way with what it has; there will be no other. */
  stop(): void {
    this.#isStopped = true;
    this.#run?.stop();
    for (const thread of this.#threads) thread.tell({ kind: "stop" });
  }

  async perform(plan: Plan): Promise<Outcome> {
    this.#pastFinished = this.finished;
    this.#pastLatencyUs = this.latencyUs;
    for (const progress of this.#progress) progress.fill(0);
    if (this.#threads.length > 0) return this.#performInThreads(plan);
    this.#run = new Run(plan, this.#progress[0]!, this.#onError);
    await this.#run.prepare();
    return this.#run.perform();
  }

  async #performInThreads(plan: Plan): Promise<Outcome> {
    // A thread without connections would wait for ever.
    const shares = Math.min(this.#threads.length, plan.connections, plan.count);
    const threads = this.#threads.slice(0, shares);
    await Promise.all(
      threads.map((thread, i) =>
        thread.prepare(
          {
            ...plan,
            seed: plan.seed + i,
            connections: shareOf(plan.connections, i, shares),
            count: shareOf(plan.count, i, shares),
            rate: plan.rate / shares,
          },
          this.#progress[i]!,
        ),
      ),
    );
    const outcomes = await Promise.all(threads.map((thread) => thread.perform()));
    const histogram = new Histogram();
    for (const outcome of outcomes) histogram.add(Histogram.unpack(outcome.histogram));
    return {
      histogram,
      seconds: Math.max(...outcomes.map(({ seconds }) => seconds)),
      errors: outcomes.reduce((sum, { errors }) => sum + errors, 0),
      failure: outcomes.find(({ failure }) => failure !== null)?.failure ?? null,
    };
  }

  close(): void {
    for (const thread of this.#threads) thread.close();
  }
}

/** Where the files of a compiled binary are: on Windows, and elsewhere. */
const INSIDE_BINARY = /\$bunfs|~BUN/;

/** The worker's file: beside this one in the source; in the binary below the main file. */
function workerUrl(): string {
  const isCompiled = INSIDE_BINARY.test(import.meta.path);
  return new URL(isCompiled ? "./benchmark/worker.ts" : "./worker.ts", import.meta.url).href;
}

class Thread {
  readonly #worker = new Worker(workerUrl());
  #ready: () => void = () => {};
  #finished: (outcome: Packed) => void = () => {};

  constructor(onError: (text: string) => void) {
    this.#worker.onmessage = ({ data: answer }: MessageEvent<Answer>) => {
      if (answer.kind === "ready") this.#ready();
      else if (answer.kind === "error") onError(answer.text);
      else this.#finished(answer);
    };
  }

  tell(order: Order): void {
    this.#worker.postMessage(order);
  }

  prepare(plan: Plan, progress: Progress): Promise<void> {
    return new Promise((done) => {
      this.#ready = done;
      this.tell({ kind: "prepare", plan, progress });
    });
  }

  perform(): Promise<Packed> {
    return new Promise((done) => {
      this.#finished = done;
      this.tell({ kind: "perform" });
    });
  }

  close(): void {
    this.#worker.terminate();
  }
}

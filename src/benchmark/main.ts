/** `stormdb benchmark`: runs the tests one after the other and prints what they measured. */
import { readFileSync, writeSync } from "node:fs";
import { ConnectionError } from "../client/client.ts";
import { connectTo, type Target, targetName, UsageError } from "../client/target.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import { STORMDB_VERSION } from "../version.ts";
import { Chart } from "./chart.ts";
import { compare } from "./comparison.ts";
import { Engine } from "./engine.ts";
import { BENCHMARK_USAGE, type BenchmarkOptions, readOptions } from "./options.ts";
import {
  COMPARISON_CSV_HEAD,
  CSV_HEAD,
  comparisonCsv,
  comparisonLine,
  comparisonObject,
  comparisonText,
  csvLine,
  quietLine,
  resultObject,
  type ServerConfig,
  type Style,
  settingsObject,
  textReport,
} from "./report.ts";
import type { Failure, Plan } from "./run.ts";
import { commandTest, makeData, mixedTest, suite, type Test } from "./workload.ts";

const CHART_EVERY_MS = 250;
const EXIT_INTERRUPTED = 130;

function warn(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Written at once, so that nothing is lost when the process ends; a full pipe is waited for. */
function print(text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(1, bytes, at);
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") return;
      Bun.sleepSync(1);
    }
  }
}

/** The value in the reply to CONFIG GET, which is an array or, in RESP3, a map. */
function configValue(reply: Reply): string | null {
  if (reply.kind !== "array" && reply.kind !== "map") return null;
  const value = reply.items[1];
  return value?.kind === "bulk" ? value.text : null;
}

/** Makes sure that the server can be reached and lets us in. Throws ConnectionError. */
async function readConfig(target: Target): Promise<ServerConfig | null> {
  const client = await connectTo(target, 2, (command, error) => {
    throw new ConnectionError(`${command} failed: ${error}`);
  });
  const save = configValue(await client.call(["CONFIG", "GET", "save"]));
  const appendonly = configValue(await client.call(["CONFIG", "GET", "appendonly"]));
  client.close();
  return save === null || appendonly === null ? null : { save, appendonly };
}

function testsOf(options: BenchmarkOptions): Test[] {
  const { command, dataBytes, keys, lastFromInput, ratio, tests } = options;
  const data = makeData(dataBytes);
  if (ratio !== undefined) return [mixedTest(...ratio, data)];
  if (command.length === 0) return suite(tests, data, keys !== null);
  const input = lastFromInput ? [readFileSync(0).toString("latin1")] : [];
  return [commandTest([...command, ...input], data)];
}

/** Lets `work` run with a chart of its progress, where there is a terminal for it. */
async function withChart<Result>(
  chart: Chart | null,
  engine: Engine,
  title: string,
  total: number,
  work: () => Promise<Result>,
): Promise<Result> {
  if (chart === null) return work();
  chart.start(title);
  let atMs = performance.now();
  const { finished: finishedBefore } = engine;
  let { finished, latencyUs } = engine;
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const replies = engine.finished - finished;
    const passedUs = engine.latencyUs - latencyUs;
    chart.draw({
      rate: (replies * 1000) / (nowMs - atMs),
      latencyMs: replies === 0 ? 0 : passedUs / replies / 1000,
      finished: engine.finished - finishedBefore,
      total,
    });
    atMs = nowMs;
    finished += replies;
    latencyUs += passedUs;
  }, CHART_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    chart.clear();
  }
}

class Benchmark {
  readonly #options: BenchmarkOptions;
  readonly #engine: Engine;
  readonly #chart: Chart | null;
  readonly #style: Style;
  /** For JSON, which is printed at the end. */
  readonly #results: object[] = [];
  #config: ServerConfig | null = null;
  #completed = 0;

  constructor(options: BenchmarkOptions) {
    this.#options = options;
    const wantsColor = !process.env.NO_COLOR && process.env.TERM !== "dumb";
    this.#style = { hasColor: wantsColor && process.stdout.isTTY === true };
    const { stderr } = process;
    this.#chart =
      stderr.isTTY && process.env.TERM !== "dumb"
        ? new Chart(
            (text) => stderr.write(text),
            () => stderr.columns || 80,
            wantsColor,
          )
        : null;
    this.#engine = new Engine(options.threads, (text) => this.#showError(text));
  }

  #showError(text: string): void {
    this.#chart?.clear();
    warn(`Error from server: ${text}`);
  }

  /** Resolves to the exit code. Throws ConnectionError. */
  async run(): Promise<number> {
    const { format, keepsAlive, loops, target, versus } = this.#options;
    this.#config = await readConfig(target);
    if (this.#config === null) warn("WARNING: Could not fetch server CONFIG");
    if (versus !== undefined) await readConfig(versus);
    if (!keepsAlive) {
      warn("WARNING: without keep alive the system may run out of ports for connections");
    }
    const interrupt = () => this.#engine.stop();
    process.on("SIGINT", interrupt);
    process.on("SIGTERM", interrupt);
    const tests = testsOf(this.#options);
    if (format === "csv") print(versus === undefined ? CSV_HEAD : COMPARISON_CSV_HEAD);
    do {
      for (const test of tests) {
        if (!this.#engine.isStopped) await this.#measure(test);
      }
      if (format === "quiet") print("\n");
    } while (loops && !this.#engine.isStopped);
    this.#engine.close();
    if (format === "json") {
      const settings = settingsObject(this.#options);
      print(`${JSON.stringify({ stormdb: STORMDB_VERSION, ...settings, tests: this.#results })}\n`);
    }
    if (this.#engine.isStopped) return EXIT_INTERRUPTED;
    return this.#completed > 0 ? 0 : 1;
  }

  #planOf(test: Test, target: Target): Plan {
    const { connections, keepsAlive, keys, pipeline, protocol, rate, requests } = this.#options;
    return {
      target,
      protocol,
      requests: test.requests,
      keys,
      seed: this.#options.seed,
      connections,
      count: requests,
      pipeline,
      keepsAlive,
      rate,
      toleratesErrors: this.#options.showsErrors,
    };
  }

  /** Says why a test is not there; a connection that failed ends everything. */
  #fail(title: string, failure: Failure, server = ""): void {
    if (!failure.isReply) {
      throw new ConnectionError(server === "" ? failure.text : `${server}: ${failure.text}`);
    }
    warn(`Error from server${server === "" ? "" : ` ${server}`}: ${failure.text}`);
    if (this.#options.command.length === 0) warn(`${title} is skipped.`);
    this.#results.push({ test: title, error: failure.text });
  }

  async #measure(test: Test): Promise<void> {
    const { command, dataBytes, format, precision, requests, rounds, target, versus } =
      this.#options;
    const { title } = test;
    // As redis-benchmark does, the payload of a command is all of it.
    const payload = command.length > 0 ? test.requests[0]!.bytes.length : dataBytes;
    const plan = this.#planOf(test, target);
    const engine = this.#engine;
    if (versus === undefined) {
      const outcome = await withChart(this.#chart, engine, title, requests, () =>
        engine.perform(plan),
      );
      if (outcome.failure !== null) return this.#fail(title, outcome.failure);
      this.#completed++;
      if (format === "text") {
        print(textReport(title, outcome, this.#options, payload, this.#config, this.#style));
      } else if (format === "quiet") print(quietLine(title, outcome, precision));
      else if (format === "csv") print(csvLine(title, outcome, precision));
      else this.#results.push(resultObject(title, outcome));
      return;
    }
    const servers = [target, versus] as const;
    const plans = [plan, { ...plan, target: versus }] as const;
    // Each server has a round more than is counted.
    const total = 2 * (requests + requests / rounds);
    const comparison = await withChart(this.#chart, engine, title, total, () =>
      compare(engine, plans, rounds),
    );
    if (comparison.failure !== null) {
      const { failure } = comparison;
      return this.#fail(title, failure, targetName(servers[failure.side]));
    }
    this.#completed++;
    if (format === "text") {
      print(comparisonText(title, comparison, servers, this.#options, payload, this.#style));
    } else if (format === "quiet") print(comparisonLine(title, comparison, servers));
    else if (format === "csv") print(comparisonCsv(title, comparison, servers, precision));
    else this.#results.push(comparisonObject(title, comparison, servers));
  }
}

/** Opens connections that do nothing, until it is interrupted. */
async function idle({ connections, target }: BenchmarkOptions): Promise<number> {
  print(`Creating ${connections} idle connections and waiting forever (Ctrl+C when done)\n`);
  const interrupted = new Promise((done) => {
    process.on("SIGINT", done);
    process.on("SIGTERM", done);
  });
  const clients = [];
  for (let i = 0; i < connections; i++) {
    clients.push(
      await connectTo(target, 2, (command, error) => {
        throw new ConnectionError(`${command} failed: ${error}`);
      }),
    );
  }
  print(`clients: ${clients.length}\n`);
  await interrupted;
  for (const client of clients) client.close();
  return EXIT_INTERRUPTED;
}

/** Resolves to the exit code. */
export async function runBenchmark(args: readonly string[]): Promise<number> {
  try {
    const options = readOptions(args, warn);
    if (options.about !== undefined) {
      const isHelp = options.about === "help";
      print(isHelp ? BENCHMARK_USAGE : `stormdb benchmark ${STORMDB_VERSION}\n`);
      return 0;
    }
    return await (options.idles ? idle(options) : new Benchmark(options).run());
  } catch (error) {
    if (error instanceof UsageError) {
      warn(`${error.message}\n\nstormdb benchmark --help lists the options.`);
    } else if (error instanceof ConnectionError) warn(error.message);
    else throw error;
    return 1;
  }
}

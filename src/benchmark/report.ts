/** Results as text in redis-benchmark's words, CSV and JSON. */
import { type Target, targetName } from "../client/target.ts";
import { type Comparison, median, requestsPerSecond, type Side } from "./comparison.ts";
import type { Histogram } from "./histogram.ts";
import type { BenchmarkOptions } from "./options.ts";
import type { Outcome } from "./run.ts";

export interface ServerConfig {
  readonly save: string;
  readonly appendonly: string;
}

const PERCENTILES = [50, 90, 95, 99, 99.9, 99.99];
/** Where the bars of the histogram end, in µs: 1, 2, 5, 10, 20 and so on. */
const STEPS = [1, 2, 5];
const BAR_COLUMNS = 40;
const BAR_PARTS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/** Less than this between two medians is not worth calling a difference. */
const SAME_WITHIN = 0.01;

const BOLD = "\x1b[1m";
const CYAN = "\x1b[36m";
const PLAIN = "\x1b[0m";

function ms(us: number, precision: number): string {
  return (us / 1000).toFixed(precision);
}

/** "p99_9" for 99.9. */
function fieldOf(percent: number): string {
  return `p${String(percent).replace(".", "_")}`;
}

export interface Style {
  readonly hasColor: boolean;
}

function title(text: string, { hasColor }: Style): string {
  return hasColor ? `${BOLD}====== ${text} ======${PLAIN}\n` : `====== ${text} ======\n`;
}

/** Between one line and the next all that changes is the tail: 50 %, 75 %, 87.5 %, ... */
function percentileLines(histogram: Histogram, precision: number): string {
  const { total } = histogram;
  let text = "";
  let previous = -1;
  let percent = 0;
  for (let tail = 100; ; tail /= 2) {
    percent = 100 - tail;
    const us = histogram.percentileUs(percent);
    const count = histogram.countUpTo(us);
    if (count !== previous) text += distributionLine(percent, us, count, precision);
    if (count === total) break;
    previous = count;
  }
  return text + distributionLine(100, histogram.maxUs, total, precision);
}

function distributionLine(percent: number, us: number, count: number, precision: number): string {
  return `${percent.toFixed(3)}% <= ${ms(us, precision)} milliseconds (cumulative count ${count})\n`;
}

/** In steps of 0.1 ms up to 2 ms, of 1 ms above. */
function cumulativeLines(histogram: Histogram, precision: number): string {
  const { total } = histogram;
  let text = "";
  let previous = -1;
  for (let us = 100; ; us += us > 2000 ? 1000 : 100) {
    const count = histogram.countUpTo(us);
    if (count !== previous) {
      text += distributionLine((count / total) * 100, us, count, precision);
    }
    if (count === total) return text;
    previous = count;
  }
}

function bar(share: number): string {
  const eighths = Math.max(1, Math.round(share * BAR_COLUMNS * 8));
  return "█".repeat(eighths >> 3) + BAR_PARTS[eighths & 7];
}

/** One bar for each step of latency, the longest as wide as there is room. */
function histogramBars(histogram: Histogram, { hasColor }: Style): string {
  const rows: { readonly us: number; readonly count: number }[] = [];
  let before = 0;
  for (let power = 1; before < histogram.total; power *= 10) {
    for (const step of STEPS) {
      const us = step * power;
      const count = histogram.countUpTo(us) - before;
      if (count > 0 || (rows.length > 0 && before < histogram.total)) rows.push({ us, count });
      before += count;
    }
  }
  const most = Math.max(...rows.map(({ count }) => count));
  return rows
    .map(({ count, us }) => {
      const percent = `${((count / histogram.total) * 100).toFixed(3)}%`;
      const drawn = count === 0 ? "" : bar(count / most);
      const colored = hasColor && drawn !== "" ? `${CYAN}${drawn}${PLAIN}` : drawn;
      return `<= ${String(us / 1000).padStart(8)} ms ${percent.padStart(9)}  ${colored}`.trimEnd();
    })
    .join("\n");
}

function columns(values: readonly string[]): string {
  return `    ${values.map((value) => value.padStart(9)).join(" ")}\n`;
}

function settings(options: BenchmarkOptions, payloadBytes: number): string {
  const { connections, keepsAlive, keys, pipeline, rate, threads } = options;
  let text = `  ${connections} parallel clients\n  ${payloadBytes} bytes payload\n`;
  text += `  keep alive: ${keepsAlive ? 1 : 0}\n`;
  if (pipeline > 1) text += `  pipeline: ${pipeline}\n`;
  if (keys !== null) {
    const how = keys.theta === 0 ? "uniform" : `zipf, theta ${keys.theta}`;
    text += `  keys: ${keys.size}, ${how}\n`;
  }
  if (rate > 0) text += `  rate: ${rate} requests per second\n`;
  return threads > 0 ? `${text}  threads: ${threads}\n` : text;
}

/** redis-benchmark's report, with a histogram and more percentiles. */
export function textReport(
  name: string,
  outcome: Outcome,
  options: BenchmarkOptions,
  payloadBytes: number,
  config: ServerConfig | null,
  style: Style,
): string {
  const { errors, histogram, seconds } = outcome;
  const { precision, threads } = options;
  let text = title(name, style);
  text += `  ${histogram.total} requests completed in ${seconds.toFixed(2)} seconds\n`;
  const [before, after] = splitThreads(settings(options, payloadBytes));
  text += before;
  if (config !== null) {
    text += `  host configuration "save": ${config.save}\n`;
    text += `  host configuration "appendonly": ${config.appendonly}\n`;
  }
  text += `  multi-thread: ${threads > 0 ? "yes" : "no"}\n${after}`;
  if (errors > 0) text += `  error replies: ${errors}\n`;
  if (histogram.total === 0) return `${text}\n`;
  text += `\nLatency by percentile distribution:\n${percentileLines(histogram, precision)}`;
  text += `\nCumulative distribution of latencies:\n${cumulativeLines(histogram, precision)}`;
  text += `\nHistogram of latencies:\n${histogramBars(histogram, style)}\n`;
  text += `\nSummary:\n`;
  text += `  throughput summary: ${requestsPerSecond(outcome).toFixed(2)} requests per second\n`;
  text += "  latency summary (msec):\n";
  text += columns(["avg", "min", "p50", "p95", "p99", "max"]);
  text += columns(
    [
      histogram.meanUs,
      histogram.minUs,
      histogram.percentileUs(50),
      histogram.percentileUs(95),
      histogram.percentileUs(99),
      histogram.maxUs,
    ].map((us) => ms(us, precision)),
  );
  text += "  latency percentiles (msec):\n";
  text += columns(PERCENTILES.map((percent) => `p${percent}`));
  text += columns(PERCENTILES.map((percent) => ms(histogram.percentileUs(percent), precision)));
  return `${text}\n`;
}

/** redis-benchmark has the number of threads at the end. */
function splitThreads(text: string): [string, string] {
  const at = text.indexOf("  threads:");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at)];
}

export function quietLine(name: string, outcome: Outcome, precision: number): string {
  const rps = requestsPerSecond(outcome).toFixed(2);
  const p50 = ms(outcome.histogram.percentileUs(50), precision);
  return `${name}: ${rps} requests per second, p50=${p50} msec\n`;
}

const CSV_FIELDS = [
  "test",
  "rps",
  "avg_latency_ms",
  "min_latency_ms",
  "p50_latency_ms",
  "p95_latency_ms",
  "p99_latency_ms",
  "max_latency_ms",
];

function csv(values: readonly string[]): string {
  return `${values.map((value) => `"${value.replaceAll('"', '""')}"`).join(",")}\n`;
}

/** redis-benchmark's columns, then those it has not. */
export const CSV_HEAD = csv([...CSV_FIELDS, "p99_9_latency_ms", "p99_99_latency_ms"]);

function latencies(histogram: Histogram, precision: number): string[] {
  return [
    histogram.meanUs,
    histogram.minUs,
    histogram.percentileUs(50),
    histogram.percentileUs(95),
    histogram.percentileUs(99),
    histogram.maxUs,
    histogram.percentileUs(99.9),
    histogram.percentileUs(99.99),
  ].map((us) => ms(us, precision));
}

export function csvLine(name: string, outcome: Outcome, precision: number): string {
  const rps = requestsPerSecond(outcome).toFixed(2);
  return csv([name, rps, ...latencies(outcome.histogram, precision)]);
}

function round(value: number, decimals: number): number {
  return Number(value.toFixed(decimals));
}

function latencyObject(histogram: Histogram): Record<string, number> {
  return {
    avg: round(histogram.meanUs / 1000, 3),
    min: histogram.minUs / 1000,
    ...Object.fromEntries(
      PERCENTILES.map((percent) => [fieldOf(percent), histogram.percentileUs(percent) / 1000]),
    ),
    max: histogram.maxUs / 1000,
  };
}

/** `histogram` holds the upper end of each bucket, in ms, and its count. */
export function resultObject(name: string, outcome: Outcome): object {
  const { errors, histogram, seconds } = outcome;
  return {
    test: name,
    requests: histogram.total,
    errors,
    seconds: round(seconds, 6),
    rps: round(requestsPerSecond(outcome), 2),
    latencyMs: latencyObject(histogram),
    histogram: histogram.buckets().map(([us, count]) => [us / 1000, count]),
  };
}

export function settingsObject(options: BenchmarkOptions): object {
  const { connections, dataBytes, keepsAlive, keys, pipeline, rate, seed, target, threads } =
    options;
  const { rounds, versus } = options;
  return {
    server: targetName(target),
    ...(versus === undefined ? {} : { versus: targetName(versus), rounds }),
    clients: connections,
    requests: options.requests,
    dataBytes,
    pipeline,
    keepAlive: keepsAlive,
    threads,
    rate: rate === 0 ? null : rate,
    keys: keys === null ? null : keys.size,
    distribution: keys === null ? null : keys.theta === 0 ? "uniform" : `zipf:${keys.theta}`,
    seed,
  };
}

/** First server's median rate over the second's; 0 where one of them has none. */
function ratioOf([first, second]: readonly [Side, Side]): number {
  const slower = median(second.rates);
  return slower > 0 ? median(first.rates) / slower : 0;
}

/** Rounds that both servers have completed. */
function roundsOf([first, second]: readonly [Side, Side]): number {
  return Math.min(first.rates.length, second.rates.length);
}

/** What the ratio says, in a sentence. */
function verdict(ratio: number, names: readonly [string, string], rounds: number): string {
  const of = `median of ${rounds} ${rounds === 1 ? "round" : "rounds"}`;
  if (ratio === 0) return "No round was completed.";
  if (Math.abs(ratio - 1) < SAME_WITHIN) return `Both are equally fast (${of}).`;
  const [faster, slower] = ratio > 1 ? names : [names[1], names[0]];
  const times = (ratio > 1 ? ratio : 1 / ratio).toFixed(2);
  return `${faster} is ${times} times as fast as ${slower} (${of}).`;
}

function namesOf(servers: readonly [Target, Target]): [string, string] {
  return [targetName(servers[0]), targetName(servers[1])];
}

export function comparisonText(
  name: string,
  { sides }: Comparison,
  servers: readonly [Target, Target],
  options: BenchmarkOptions,
  payloadBytes: number,
  style: Style,
): string {
  const { precision } = options;
  const names = namesOf(servers);
  const [first, second] = sides;
  const rounds = roundsOf(sides);
  const wide = names.map((server) => Math.max(12, server.length));
  const row = (label: string, values: readonly string[], ratio: string): string => {
    const cells = values.map((value, i) => value.padStart(wide[i]!)).join(" ");
    const line = `  ${label.padEnd(24)} ${cells} ${ratio.padStart(7)}`;
    return `${line.trimEnd()}\n`;
  };
  const quotient = (a: number, b: number) => (b > 0 ? (a / b).toFixed(2) : "-");
  let text = title(name, style);
  text += `  ${first.histogram.total} and ${second.histogram.total} requests in ${rounds} rounds\n`;
  text += settings(options, payloadBytes);
  text += `\n${row("", names, "ratio")}`;
  const rates = sides.map(({ rates }) => median(rates));
  text += row(
    "requests per second",
    rates.map((rate) => rate.toFixed(2)),
    quotient(rates[0]!, rates[1]!),
  );
  const spread = (pick: (...rates: number[]) => number) =>
    sides.map(({ rates }) => (rates.length === 0 ? "-" : pick(...rates).toFixed(2)));
  text += row("  slowest round", spread(Math.min), "");
  text += row("  fastest round", spread(Math.max), "");
  for (const percent of PERCENTILES) {
    const us = sides.map(({ histogram }) => histogram.percentileUs(percent));
    text += row(
      `p${percent} (msec)`,
      us.map((value) => ms(value, precision)),
      quotient(us[0]!, us[1]!),
    );
  }
  const errors = sides.map(({ errors }) => errors);
  if (errors.some((count) => count > 0)) text += row("error replies", errors.map(String), "");
  return `${text}\n  ${verdict(ratioOf(sides), names, rounds)}\n\n`;
}

export function comparisonLine(
  name: string,
  { sides }: Comparison,
  servers: readonly [Target, Target],
): string {
  const names = namesOf(servers);
  const rounds = roundsOf(sides);
  const [first, second] = sides.map(({ rates }) => median(rates).toFixed(2));
  const ratio = ratioOf(sides);
  const what = `${name}: ${first} against ${second} requests per second, ratio ${ratio.toFixed(2)}`;
  return `${what}: ${verdict(ratio, names, rounds)}\n`;
}

/** A line for each server; the ratio is the first server's to the second's. */
export const COMPARISON_CSV_HEAD = csv([
  ...CSV_FIELDS,
  "p99_9_latency_ms",
  "p99_99_latency_ms",
  "server",
  "rounds",
  "ratio",
]);

export function comparisonCsv(
  name: string,
  { sides }: Comparison,
  servers: readonly [Target, Target],
  precision: number,
): string {
  const names = namesOf(servers);
  const ratio = ratioOf(sides).toFixed(4);
  return sides
    .map(({ histogram, rates }, i) =>
      csv([
        name,
        median(rates).toFixed(2),
        ...latencies(histogram, precision),
        names[i]!,
        String(rates.length),
        ratio,
      ]),
    )
    .join("");
}

export function comparisonObject(
  name: string,
  { sides }: Comparison,
  servers: readonly [Target, Target],
): object {
  const names = namesOf(servers);
  const rounds = roundsOf(sides);
  const ratio = ratioOf(sides);
  return {
    test: name,
    rounds,
    ratio: round(ratio, 4),
    verdict: verdict(ratio, names, rounds),
    servers: sides.map(({ errors, histogram, rates, seconds }, i) => ({
      server: names[i],
      requests: histogram.total,
      errors,
      seconds: round(seconds, 6),
      medianRps: round(median(rates), 2),
      roundsRps: rates.map((rate) => round(rate, 2)),
      latencyMs: latencyObject(histogram),
      histogram: histogram.buckets().map(([us, count]) => [us / 1000, count]),
    })),
  };
}

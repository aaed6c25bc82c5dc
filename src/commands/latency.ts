/** LATENCY: spikes of latency by event, and the distribution of commands' latencies. */
import { shownArgument } from "../protocol/errors.ts";
import type { Context } from "./context.ts";
import { helpCommand } from "./help.ts";
import type { LatencySample } from "./services/figures.ts";
import { bucketUsec, type CommandSpec } from "./spec/command.ts";
import type { CommandView } from "./spec/command-info.ts";
import { subcommands } from "./spec/subcommand.ts";

/** The worst of the samples in ms. */
function worstMs(samples: readonly LatencySample[]): number {
  return Math.max(...samples.map((sample) => sample.ms));
}

function latest(c: Context): void {
  const { events } = c.server.figures.latency;
  c.reply.array(events.size);
  for (const [name, samples] of events) {
    const last = samples.at(-1)!;
    c.reply.array(4);
    c.reply.text(name);
    c.reply.integer(last.unixSeconds);
    c.reply.integer(last.ms);
    c.reply.integer(worstMs(samples));
  }
}

function history(c: Context): void {
  const samples = c.server.figures.latency.events.get(c.args.text(2)) ?? [];
  c.reply.array(samples.length);
  for (const sample of samples) {
    c.reply.array(2);
    c.reply.integer(sample.unixSeconds);
    c.reply.integer(sample.ms);
  }
}

function reset(c: Context): void {
  const names: string[] = [];
  for (let i = 2; i < c.args.count; i++) names.push(c.args.text(i));
  c.reply.integer(c.server.figures.latency.reset(names));
}

// ── GRAPH and DOCTOR ─────────────────────────────────────────────────────────────────────────

const GRAPH_ROWS = 4;
const RULE = "-".repeat(80);

/** How long ago, in two to three characters: 5s, 12m, 3h, 2d. */
function agoText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86400)}d`;
}

/** A column for each sample: a bar from the lowest to the highest, its age written downwards. */
function drawGraph(name: string, samples: readonly LatencySample[], nowMs: number): string {
  const high = worstMs(samples);
  const low = Math.min(...samples.map((sample) => sample.ms));
  const steps = GRAPH_ROWS * 2 - 1;
  const columns = samples.map(({ ms, unixSeconds }) => {
    // Half rows: a bar ends in "_", or in "#" where it is half a row higher.
    const height = high === low ? 0 : Math.round(((ms - low) / (high - low)) * steps);
    const full = height >> 1;
    const bar = "|".repeat(full) + (height % 2 === 0 ? "_" : "#");
    return bar.padEnd(GRAPH_ROWS) + agoText(Math.max(0, Math.floor(nowMs / 1000) - unixSeconds));
  });
  const lines: string[] = [];
  for (let row = GRAPH_ROWS - 1; row >= 0; row--) {
    lines.push(columns.map((column) => column[row]).join(""));
  }
  const labels = Math.max(...columns.map((column) => column.length)) - GRAPH_ROWS;
  for (let row = 0; row < labels; row++) {
    lines.push(columns.map((column) => column[GRAPH_ROWS + row] ?? " ").join(""));
  }
  const head = `${name} - high ${high} ms, low ${low} ms (all time high ${high} ms)`;
  return `${[head, RULE, ...lines].join("\n")}\n`;
}

function graph(c: Context): void {
  const name = c.args.text(2);
  const samples = c.server.figures.latency.events.get(name);
  if (samples === undefined) {
    c.reply.error(`ERR No samples available for event '${shownArgument(name)}'`);
  } else c.reply.verbatim("txt", drawGraph(name, samples, c.nowMs));
}

function report(c: Context): string {
  if (c.server.config.number("latency-monitor-threshold") === 0) {
    return 'Latency monitoring is off. Switch it on with "CONFIG SET latency-monitor-threshold <milliseconds>": everything that takes longer is then recorded.\n';
  }
  const { events } = c.server.figures.latency;
  if (events.size === 0) return "No latency spike was recorded since the last reset.\n";
  const lines = [...events].map(([name, samples]) => {
    const average = samples.reduce((sum, sample) => sum + sample.ms, 0) / samples.length;
    const last = agoText(Math.floor(c.nowMs / 1000) - samples.at(-1)!.unixSeconds);
    return `${name}: ${samples.length} spikes, ${average.toFixed(0)} ms on average, ${worstMs(samples)} ms at worst, the last ${last} ago.`;
  });
  const advice = [
    "SLOWLOG GET shows which commands took long.",
    "Commands that look at many keys or elements (KEYS, LRANGE, LREM, LPOS) are the usual reason; SCAN and smaller ranges spread the work.",
  ];
  return `${[...lines, "", ...advice].join("\n")}\n`;
}

// ── HISTOGRAM ────────────────────────────────────────────────────────────────────────────────

/** The counts in Redis's steps: by powers of two of µs, cumulative. */
function cumulative(histogram: Float64Array): readonly (readonly [number, number])[] {
  const steps: [number, number][] = [];
  let limit = 1;
  let total = 0;
  histogram.forEach((count, bucket) => {
    if (count === 0) return;
    while (bucketUsec(bucket) > limit) limit *= 2;
    total += count;
    if (steps.at(-1)?.[0] === limit) steps[steps.length - 1]![1] = total;
    else steps.push([limit, total]);
  });
  return steps;
}

function histogram(c: Context): void {
  const { args, reply, server } = c;
  let commands: CommandView[] = [];
  if (args.count === 2) commands = [...server.commands.commands.values()];
  for (let i = 2; i < args.count; i++) {
    const command = server.commands.byName(args.text(i));
    if (command !== undefined) commands.push(command);
  }
  const called = commands
    .flatMap((command) => [command, ...(command.subcommands?.values() ?? [])])
    .filter((command) => command.histogram !== null);
  reply.map(called.length);
  for (const command of called) {
    reply.text(command.fullName);
    reply.map(2);
    reply.text("calls");
    reply.integer(command.calls);
    reply.text("histogram_usec");
    const steps = cumulative(command.histogram!);
    reply.map(steps.length);
    for (const [usec, count] of steps) {
      reply.integer(usec);
      reply.integer(count);
    }
  }
}

const TIPS = "nondeterministic_output request_policy:all_nodes response_policy:special";

const subcommand = subcommands({
  group: "server",
  flags: "admin noscript loading stale",
  tips: TIPS,
});

export const LATENCY_COMMANDS: readonly CommandSpec[] = [
  {
    name: "latency",
    group: "server",
    since: "2.8.13",
    complexity: "Depends on subcommand.",
    summary: "A container for latency diagnostics commands.",
    arity: -2,
    flags: "",
    subcommands: [
      subcommand("doctor", "2.8.13", 2, "Says in words what the monitor saw.", (c) =>
        c.reply.verbatim("txt", report(c)),
      ),
      subcommand("graph", "2.8.13", 3, "Draws the spikes of an event.", graph, { syntax: "event" }),
      subcommand("latest", "2.8.13", 2, "Returns the latest spike of each event.", latest),
      subcommand("history", "2.8.13", 3, "Returns the spikes of an event.", history, {
        syntax: "event",
      }),
      subcommand("reset", "2.8.13", -2, "Forgets the spikes of events.", reset, {
        syntax: "[event ...]",
        tips: "request_policy:all_nodes response_policy:all_succeeded",
      }),
      subcommand(
        "histogram",
        "7.0.0",
        -2,
        "Returns the latency distributions of commands.",
        histogram,
        {
          complexity: "O(N), N being the number of commands",
          syntax: "[command ...]",
        },
      ),
      helpCommand("server", "2.8.13"),
    ],
  },
];

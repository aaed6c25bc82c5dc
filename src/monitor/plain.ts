/** The monitor without a terminal: one reading as text, or a JSON object per interval. */
import type { Live, SlowCommand } from "./live.ts";
import type { MonitorOptions } from "./options.ts";
import { Poller } from "./poller.ts";
import { commandsOf, hitRatioEver } from "./reading.ts";
import { age, bytes, duration, grouped, percent, printable } from "./text.ts";

const SLOWLOG_SHOWN = 10;
const COMMANDS_SHOWN = 20;

/** Resolves to the exit code. */
export function runPlain(options: MonitorOptions): Promise<number> {
  const poller = new Poller(options, options.intervalMs);
  const { live } = poller;
  poller.wants = { slowlog: SLOWLOG_SHOWN, clients: false, keys: false };
  return new Promise((done, fail) => {
    const finish = (code: number) => {
      poller.stop();
      done(code);
    };
    // Whoever read this, `head` for one, has had enough.
    process.stdout.on("error", () => finish(0));
    poller.onChange = () => {
      const isUp = live.link.kind === "up";
      if (!isUp && options.once) {
        const reason = live.link.kind === "down" ? live.link.reason : "";
        process.stderr.write(`Could not read ${live.target}: ${reason}\n`);
        finish(1);
        return;
      }
      // Figures per second need two readings.
      if (isUp && live.history.length < 2) return;
      process.stdout.write(options.json ? `${readingJson(live)}\n` : readingText(live));
      if (options.once) finish(0);
    };
    poller.run().catch(fail);
  });
}

function slowCommand({ address, args, id, unixSeconds, usec }: SlowCommand): object {
  return { id, unixSeconds, usec, address, command: args.map((arg) => printable(arg, false)) };
}

/** What is not known is null. */
export function readingJson(live: Live): string {
  const head = { time: new Date().toISOString(), target: live.target };
  if (live.link.kind !== "up" || live.reading === null) {
    const error = live.link.kind === "down" ? live.link.reason : "";
    return JSON.stringify({ ...head, connected: false, error });
  }
  const { atMs: _, commands: _commands, ...reading } = live.reading;
  const { rates } = live;
  return JSON.stringify({
    ...head,
    connected: true,
    ...reading,
    rates: rates === null ? null : { ...rates, commands: undefined },
    commands: commandsOf(live.reading, rates),
    slowlog: live.slowlog.map(slowCommand),
  });
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) =>
    rows.reduce((widest, row) => Math.max(widest, row[i]!.length), 0),
  );
  const line = (row: readonly string[]) =>
    row
      .map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  return rows.map((row) => `${line(row)}\n`).join("");
}

export function readingText(live: Live): string {
  const { rates, reading } = live;
  if (reading === null) return "";
  const { persistence: p, replication } = reading;
  const rate = (value: number | undefined, text: (value: number) => string) =>
    `${value === undefined ? "-" : text(value)}/s`;
  const limit = reading.limitBytes === 0 ? "no limit" : `limit ${bytes(reading.limitBytes)}`;
  const role = replication.isReplica ? "replica" : "primary";
  const lines: (readonly [string, string])[] = [
    ["server", `${reading.product} at ${live.target}, ${role}, up ${age(reading.uptimeSeconds)}`],
    ["operations", `${rate(rates?.operations, grouped)}, ${grouped(reading.operations)} in all`],
    ["keys", `${grouped(reading.keys)}, ${grouped(reading.expiring)} expiring`],
    ["memory", `${bytes(reading.usedBytes)}, ${limit}, peak ${bytes(reading.peakBytes)}`],
    ["resident", bytes(reading.rssBytes)],
    ["clients", `${grouped(reading.clients)}, ${grouped(reading.blocked)} blocked`],
    ["network in", `${rate(rates?.receivedBytes, bytes)}, ${bytes(reading.receivedBytes)} in all`],
    ["network out", `${rate(rates?.sentBytes, bytes)}, ${bytes(reading.sentBytes)} in all`],
    [
      "hit ratio",
      `${percent(rates?.hitRatio ?? Number.NaN)}, ${percent(hitRatioEver(reading))} ever`,
    ],
    ["cpu", percent(rates?.cpu ?? Number.NaN)],
    [
      "append-only",
      p.aofEnabled ? `${bytes(p.aofBytes)}${p.isRewriting ? ", rewriting" : ""}` : "off",
    ],
    ["unsaved", `${grouped(p.changes)} changes${p.isSaving ? ", saving" : ""}`],
  ];
  const { primary } = replication;
  if (primary !== null) {
    lines.push(["primary", `${primary.address}, link ${primary.isUp ? "up" : "down"}`]);
  }
  for (const { address, offset, state } of replication.replicas) {
    const behind = bytes(Math.max(0, replication.offset - offset));
    lines.push(["replica", `${address}, ${state}, behind ${behind}`]);
  }
  const commands = [...commandsOf(reading, rates)]
    .sort((a, b) => b.callsPerSecond - a.callsPerSecond || b.calls - a.calls)
    .slice(0, COMMANDS_SHOWN);
  const head = ["command", "calls/s", "mean", "p50", "p99", "p99.9", "calls"];
  const rows = commands.map((command) => [
    command.name,
    grouped(command.callsPerSecond),
    duration(command.usecPerCall),
    duration(command.p50),
    duration(command.p99),
    duration(command.p999),
    grouped(command.calls),
  ]);
  return `${lines.map(([name, text]) => `${name.padEnd(12)} ${text}\n`).join("")}\n${table([head, ...rows])}`;
}

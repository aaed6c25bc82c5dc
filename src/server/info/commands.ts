/** INFO's sections Commandstats, Errorstats and Latencystats: what was called, and how it went. */
import { counter, type Figure, gauge, group } from "../../base/figure.ts";
import { type Command, percentilesUsec } from "../../commands/spec/command.ts";
import type { CommandTable } from "../../commands/spec/command-table.ts";
import type { Config } from "../configuration/config.ts";

export interface CommandsSource {
  readonly commands: CommandTable;
  readonly config: Pick<Config, "value">;
  readonly dispatch: { readonly errorCounts: ReadonlyMap<string, number> };
  readonly timing: { readonly tracking: boolean };
}

function* allCommands(commands: CommandTable): Generator<Command> {
  for (const command of commands.commands.values()) {
    yield command;
    if (command.subcommands !== undefined) yield* command.subcommands.values();
  }
}

/** The time that all calls took, in µs. */
export function commandUsec(commands: CommandTable): number {
  let sum = 0;
  for (const { usec } of allCommands(commands)) sum += usec;
  return sum;
}

/** Commands and subcommands that were called or refused. */
export function commandFigures({ commands }: CommandsSource): Figure[] {
  const figures: Figure[] = [];
  for (const { calls, failed, fullName, rejected, usec } of allCommands(commands)) {
    if (calls + rejected === 0) continue;
    figures.push(
      group(`cmdstat_${fullName}`, { command: fullName }, [
        counter("calls", calls),
        counter("usec", Math.round(usec)),
        gauge("usec_per_call", usec / Math.max(1, calls), 2),
        counter("rejected_calls", rejected),
        counter("failed_calls", failed),
      ]),
    );
  }
  return figures;
}

export function errorFigures({ dispatch }: CommandsSource): Figure[] {
  return [...dispatch.errorCounts].map(([code, count]) =>
    group(`errorstat_${code}`, { error: code }, [counter("count", count)]),
  );
}

export function latencyFigures({ commands, config, timing }: CommandsSource): Figure[] {
  if (!timing.tracking) return [];
  const percents = config.value("latency-tracking-info-percentiles");
  const fractions = percents.map((percent) => Number(percent) / 100);
  const figures: Figure[] = [];
  for (const { fullName, histogram } of allCommands(commands)) {
    if (histogram === null) continue;
    const shown = percentilesUsec(histogram, fractions);
    figures.push(
      group(
        `latency_percentiles_usec_${fullName}`,
        { command: fullName },
        shown.map((usec, i) => gauge(`p${percents[i]}`, usec, 3)),
      ),
    );
  }
  return figures;
}

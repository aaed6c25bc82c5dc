/** The commands: how often, how long. */
import type { Area } from "./canvas.ts";
import { type CommandRate, commandsOf } from "./reading.ts";
import { panel, type Scene, shown } from "./scene.ts";
import { type Column, drawTable, sorted } from "./table.ts";
import { count, duration, percent } from "./text.ts";
import { passes } from "./view.ts";

export function commandColumns(scene: Scene): readonly Column<CommandRate>[] {
  const figure = (
    title: string,
    width: number,
    order: (row: CommandRate) => number,
    format: (value: number) => string,
  ): Column<CommandRate> => ({
    title,
    width,
    right: true,
    text: (row) => format(order(row)),
    order,
  });
  return [
    { title: "Command", width: 16, text: ({ name }) => shown(scene, name), style: () => "accent" },
    // Where nothing is going on, what was called most is on top.
    {
      ...figure("Calls/s", 8, (row) => row.callsPerSecond, count),
      order: (row) => row.callsPerSecond + row.calls / 1e18,
    },
    figure("Time", 6, (row) => row.share, percent),
    figure("Mean", 8, (row) => row.usecPerCall, duration),
    figure("p50", 8, (row) => row.p50, duration),
    figure("p99", 8, (row) => row.p99, duration),
    figure("p99.9", 8, (row) => row.p999, duration),
    figure("Calls", 7, (row) => row.calls, count),
    {
      ...figure("Failed", 7, (row) => row.failed, count),
      style: ({ failed }) => (failed > 0 ? "warning" : "plain"),
    },
    {
      ...figure("Rejected", 9, (row) => row.rejected, count),
      style: ({ rejected }) => (rejected > 0 ? "warning" : "plain"),
    },
  ];
}

export function commandRows({ live, reading, view }: Scene): readonly CommandRate[] {
  return commandsOf(reading, live.rates).filter(({ name }) => passes(view, name));
}

export function drawCommands(scene: Scene, area: Area): void {
  const columns = commandColumns(scene);
  const sort = scene.view.sorts.Commands;
  const rows = sorted(commandRows(scene), columns, sort);
  const note = "calls, time and mean of this interval; percentiles since the start";
  const inner = panel(scene, area, "Commands", `${rows.length} called`, note);
  drawTable(scene, inner, columns, rows, sort);
}

/** The slow log. */
import type { Area } from "./canvas.ts";
import type { SlowCommand } from "./live.ts";
import { panel, type Scene, shown } from "./scene.ts";
import { type Column, drawTable, sorted } from "./table.ts";
import { age, duration } from "./text.ts";
import { passes } from "./view.ts";

/** How many entries are asked for. */
export const SLOWLOG_MAX = 128;

function commandText(scene: Scene, { args }: SlowCommand): string {
  return args.map((arg) => shown(scene, arg)).join(" ");
}

/** `hasClients`: there is room for the clients' addresses. */
export function slowColumns(scene: Scene, hasClients = true): readonly Column<SlowCommand>[] {
  const client: Column<SlowCommand> = {
    title: "Client",
    width: 21,
    text: ({ address }) => shown(scene, address),
  };
  return [
    {
      title: "Ago",
      width: 8,
      text: ({ unixSeconds }) => age(Math.max(0, scene.nowUnixMs / 1000 - unixSeconds)),
      order: ({ id }) => id,
    },
    {
      title: "Took",
      width: 8,
      right: true,
      text: ({ usec }) => duration(usec),
      order: ({ usec }) => usec,
      style: ({ usec }) => (usec >= 100_000 ? "bad" : usec >= 10_000 ? "warning" : "plain"),
    },
    ...(hasClients ? [client] : []),
    { title: "Command", width: 0, text: (row) => commandText(scene, row) },
  ];
}

export function drawSlowlog(scene: Scene, area: Area): void {
  const columns = slowColumns(scene);
  const sort = scene.view.sorts["Slow log"];
  const entries = scene.live.slowlog.filter((row) =>
    passes(scene.view, `${commandText(scene, row)} ${row.address} ${row.name}`),
  );
  const rows = sorted(entries, columns, sort);
  const inner = panel(scene, area, "Slow log", `${rows.length} entries`);
  drawTable(scene, inner, columns, rows, sort);
  if (rows.length === 0) {
    scene.canvas.text(inner.x, inner.y + 1, "No command was slow.", "dim", inner.width);
  }
}

/** The connections. */
import type { Area } from "./canvas.ts";
import type { ClientLine } from "./live.ts";
import { panel, type Scene, shown } from "./scene.ts";
import { type Column, drawTable, sorted } from "./table.ts";
import { age, bytes, count } from "./text.ts";
import { passes } from "./view.ts";

function clientColumns(scene: Scene): readonly Column<ClientLine>[] {
  const words = (title: string, width: number, field: string): Column<ClientLine> => ({
    title,
    width,
    text: (row) => shown(scene, row[field] ?? ""),
  });
  const figure = (
    title: string,
    width: number,
    field: string,
    format: (value: number) => string,
  ): Column<ClientLine> => ({
    title,
    width,
    right: true,
    text: (row) => format(Number(row[field])),
    order: (row) => Number(row[field]),
  });
  return [
    figure("Id", 6, "id", String),
    words("Address", 21, "addr"),
    figure("Age", 7, "age", age),
    figure("Idle", 7, "idle", age),
    words("Command", 14, "cmd"),
    figure("Memory", 8, "tot-mem", bytes),
    words("Name", 12, "name"),
    figure("Db", 3, "db", count),
    words("Flags", 6, "flags"),
    figure("Output", 8, "omem", bytes),
  ];
}

export function drawClients(scene: Scene, area: Area): void {
  const { live, reading, view } = scene;
  const columns = clientColumns(scene);
  const sort = view.sorts.Clients;
  const clients = live.clients.filter((row) =>
    passes(view, `${row.addr} ${row.name} ${row.cmd} ${row.flags}`),
  );
  const note = `${count(reading.connections)} connections in all, ${count(reading.rejectedConnections)} rejected`;
  const inner = panel(scene, area, "Clients", `${clients.length} of ${reading.clients}`, note);
  drawTable(scene, inner, columns, sorted(clients, columns, sort), sort);
}

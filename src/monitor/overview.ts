/** The first page: everything at a glance. */
import type { Area } from "./canvas.ts";
import { bar, topOf } from "./chart.ts";
import { commandColumns, commandRows } from "./commands-page.ts";
import { drawFiles, replicationSummary } from "./files-page.ts";
import { hitRatioEver, type Rates, type Reading } from "./reading.ts";
import { drawSeries, panel, type Scene, split } from "./scene.ts";
import { slowColumns } from "./slowlog-page.ts";
import { drawTable, sorted } from "./table.ts";
import { bytes, count, grouped, percent } from "./text.ts";

/** From this width on there are more panels side by side. */
const WIDE = 110;
const VERY_WIDE = 170;
/** Of the width, beside three smaller panels. */
const NETWORK_PART = 0.4;
/** All of the table up to the sums of calls. */
const BUSIEST_WIDTH = 80;

export function drawOverview(scene: Scene, area: Area): void {
  const isWide = area.width >= WIDE;
  // The tables get what the charts leave, and at least a few lines.
  const chartRows = isWide ? 2 : 3;
  const chartHeight = Math.max(
    4,
    Math.floor((area.height - Math.max(6, Math.floor(area.height / 3.2))) / chartRows),
  );
  const row = (i: number): Area => ({ ...area, y: area.y + i * chartHeight, height: chartHeight });
  if (isWide) {
    const [operations, keys, memory] = split(row(0), 3, "columns");
    drawOperations(scene, operations!);
    drawKeys(scene, keys!);
    drawMemory(scene, memory!);
    const second = row(1);
    const width = Math.floor(area.width * NETWORK_PART);
    drawNetwork(scene, { ...second, width });
    drawSmall(scene, { ...second, x: second.x + width, width: second.width - width });
  } else {
    const [operations, keys] = split(row(0), 2, "columns");
    drawOperations(scene, operations!);
    drawKeys(scene, keys!);
    const [memory, network] = split(row(1), 2, "columns");
    drawMemory(scene, memory!);
    drawNetwork(scene, network!);
    drawSmall(scene, row(2));
  }
  const used = chartRows * chartHeight;
  drawTables(scene, { ...area, y: area.y + used, height: area.height - used });
}

function rateText(rates: Rates | null, text: (rates: Rates) => string): string {
  return rates === null ? "-" : text(rates);
}

function drawOperations(scene: Scene, area: Area): void {
  const { live, reading } = scene;
  const figure = rateText(live.rates, ({ operations }) => `${grouped(operations)}/s`);
  const note = `${count(reading.operations)} in all`;
  const inner = panel(scene, area, "Operations", figure, note);
  const top = drawSeries(scene, inner, "operations", "accent", 10);
  drawTop(scene, area, `${count(top)}/s`);
}

function drawKeys(scene: Scene, area: Area): void {
  const { reading } = scene;
  const note = `${count(reading.expiring)} expiring`;
  const inner = panel(scene, area, "Keys", grouped(reading.keys), note);
  drawTop(scene, area, count(drawSeries(scene, inner, "keys", "second", 10)));
}

/** The value of a chart's upper edge, at the frame's lower left. */
function drawTop({ canvas }: Scene, area: Area, text: string): void {
  const label = ` ${canvas.isAscii ? "top" : "↑"} ${text} `;
  if (label.length + 2 <= area.width / 2) {
    canvas.text(area.x + 2, area.y + area.height - 1, label, "dim");
  }
}

function memoryLine(reading: Reading): { readonly text: string; readonly fraction: number } {
  const { limitBytes, systemBytes, usedBytes } = reading;
  if (limitBytes > 0) {
    const fraction = usedBytes / limitBytes;
    return { text: `${percent(fraction)} of ${bytes(limitBytes)}`, fraction };
  }
  const fraction = systemBytes > 0 ? usedBytes / systemBytes : 0;
  return { text: `no limit, system ${bytes(systemBytes)}`, fraction };
}

function drawMemory(scene: Scene, area: Area): void {
  const { canvas, glyphs, reading } = scene;
  const note = `peak ${bytes(reading.peakBytes)}, rss ${bytes(reading.rssBytes)}`;
  const inner = panel(scene, area, "Memory", bytes(reading.usedBytes), note);
  const { fraction, text } = memoryLine(reading);
  const barWidth = inner.width - text.length - 1;
  const isTight = reading.limitBytes > 0 && fraction > 0.9;
  if (inner.height < 1) return;
  canvas.text(inner.x, inner.y, text, isTight ? "bad" : "plain", inner.width);
  if (barWidth >= 4) {
    const x = inner.x + text.length + 1;
    canvas.text(x, inner.y, bar(fraction, barWidth, glyphs), isTight ? "bad" : "good");
  }
  const below = { ...inner, y: inner.y + 1, height: inner.height - 1 };
  drawSeries(scene, below, "usedBytes", "good", 1024);
}

function drawNetwork(scene: Scene, area: Area): void {
  const { canvas, live, reading } = scene;
  const note = `${bytes(reading.receivedBytes)} in, ${bytes(reading.sentBytes)} out`;
  const inner = panel(scene, area, "Network", "", note);
  const [left, right] = split(inner, 2, "columns");
  const halves = [
    { half: left!, title: "in", series: "receivedBytes", style: "accent" },
    { half: right!, title: "out", series: "sentBytes", style: "second" },
  ] as const;
  for (const { half, series, style, title } of halves) {
    if (half.height < 1) continue;
    const rate = rateText(live.rates, (rates) => `${bytes(rates[series])}/s`);
    const end = canvas.text(half.x, half.y, `${title} `, "dim", half.width);
    canvas.text(end, half.y, rate, "strong", half.x + half.width - end);
    const below = { ...half, y: half.y + 1, width: half.width - 1, height: half.height - 1 };
    drawSeries(scene, below, series, style, 1024);
  }
}

function drawSmall(scene: Scene, area: Area): void {
  const { live, reading } = scene;
  const [clients, hits, cpu] = split(area, 3, "columns");
  const { blocked, clientsMax } = reading;
  const blockedText = blocked > 0 ? `${count(blocked)} blocked` : `of ${count(clientsMax)}`;
  const inClients = panel(scene, clients!, "Clients", grouped(reading.clients), blockedText);
  drawSeries(scene, inClients, "clients", "warning", 5);
  const ever = hitRatioEver(reading);
  const now = live.rates?.hitRatio ?? Number.NaN;
  const inHits = panel(scene, hits!, "Hit ratio", percent(now), `ever ${percent(ever)}`);
  drawSeries(scene, inHits, "hitRatio", "good", 1);
  const load = live.rates?.cpu ?? Number.NaN;
  const inCpu = panel(scene, cpu!, "CPU", percent(load), `${count(reading.cpuSeconds)} s in all`);
  drawSeries(scene, inCpu, "cpu", "bad", topOf([], 1));
}

function drawTables(scene: Scene, area: Area): void {
  if (area.height < 3) return;
  const { live, view } = scene;
  if (area.width < WIDE) {
    drawBusiest(scene, area);
    return;
  }
  drawBusiest(scene, { ...area, width: BUSIEST_WIDTH });
  const rest = { ...area, x: area.x + BUSIEST_WIDTH, width: area.width - BUSIEST_WIDTH };
  const [slow, third] = area.width < VERY_WIDE ? [rest] : split(rest, 2, "columns");
  // The commands' table is the one that is sorted and scrolled here.
  const still = { ...scene, view: { ...view, scrolls: { ...view.scrolls, Overview: 0 } } };
  const inSlow = panel(still, slow!, "Slow log", `${live.slowlog.length} latest`);
  drawTable(still, inSlow, slowColumns(still, inSlow.width > 54), live.slowlog, null);
  if (third === undefined) return;
  const [replication, files] = split(third, 2, "rows");
  const inReplication = panel(scene, replication!, "Replication");
  replicationSummary(scene)
    .slice(0, inReplication.height)
    .forEach(({ style, text }, i) => {
      scene.canvas.text(inReplication.x, inReplication.y + i, text, style, inReplication.width);
    });
  drawFiles(scene, files!);
}

function drawBusiest(scene: Scene, area: Area): void {
  const { sorts } = scene.view;
  const columns = commandColumns(scene);
  const rows = sorted(commandRows(scene), columns, sorts.Overview);
  const inner = panel(scene, area, "Busiest commands", "", `${rows.length} called`);
  drawTable(scene, inner, columns, rows, sorts.Overview);
}

/** The whole screen as a pure function of what is known, what is chosen and how large it is. */
import { type Area, Canvas, type Style } from "./canvas.ts";
import type { Glyphs } from "./chart.ts";
import { drawClients } from "./clients-page.ts";
import { drawCommands } from "./commands-page.ts";
import { drawFilesPage } from "./files-page.ts";
import { drawKeysPage } from "./keys-page.ts";
import type { Live } from "./live.ts";
import { drawOverview } from "./overview.ts";
import { drawReplication } from "./replication-page.ts";
import type { Scene, Zone } from "./scene.ts";
import { drawSlowlog } from "./slowlog-page.ts";
import { age, printable } from "./text.ts";
import { PAGES, type Page, type View } from "./view.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The times of a moment: `nowMs` is monotonic, as in Link. */
export interface Moment {
  readonly nowMs: number;
  readonly nowUnixMs: number;
}

export interface Screen {
  readonly canvas: Canvas;
  readonly zones: readonly Zone[];
  /** How far the page can be scrolled. */
  readonly scrollMax: number;
  /** How many columns of the page's table are shown; 0 without a table to sort. */
  readonly columns: number;
}

const WIDTH_MIN = 40;
const HEIGHT_MIN = 12;

const DRAW: Readonly<Record<Page, (scene: Scene, area: Area) => void>> = {
  Overview: drawOverview,
  Commands: drawCommands,
  "Slow log": drawSlowlog,
  Keys: drawKeysPage,
  Replication: drawReplication,
  Files: drawFilesPage,
  Clients: drawClients,
};

const HELP = [
  "1 to 7, Tab, Shift-Tab   another page; or click on its name",
  "Left, Right              sort by another column; or click on its title",
  "r                        sort the other way round",
  "Up, Down, PgUp, PgDn     scroll; or turn the wheel",
  "Home, End                to the first, to the last line",
  "/                        show only what contains a text; Escape ends it",
  "p                        pause: the screen stands still, readings go on",
  "+ -                      a longer, a shorter interval",
  "? or h                   this help",
  "q or Ctrl-C              quit",
];

export function drawScreen(
  live: Live,
  view: View,
  size: Size,
  glyphs: Glyphs,
  moment: Moment,
): Screen {
  const canvas = new Canvas(size.width, size.height, glyphs === "ascii");
  const zones: Zone[] = [];
  if (size.width < WIDTH_MIN || size.height < HEIGHT_MIN) {
    canvas.text(0, 0, `Needs ${WIDTH_MIN}x${HEIGHT_MIN}; q quits`, "warning");
    return { canvas, zones, scrollMax: 0, columns: 0 };
  }
  drawHead(canvas, live, view, moment);
  drawTabs(canvas, view, zones);
  drawFoot(canvas, view);
  const area = { x: 0, y: 2, width: size.width, height: size.height - 3 };
  if (view.help) {
    drawHelp(canvas, area);
    return { canvas, zones, scrollMax: 0, columns: 0 };
  }
  if (live.reading === null) {
    drawWaiting(canvas, live, area);
    return { canvas, zones, scrollMax: 0, columns: 0 };
  }
  const scene: Scene = {
    canvas,
    view,
    live,
    reading: live.reading,
    glyphs,
    nowUnixMs: moment.nowUnixMs,
    zones,
    scrollMax: 0,
    columns: 0,
  };
  DRAW[view.page](scene, area);
  return { canvas, zones, scrollMax: scene.scrollMax, columns: scene.columns };
}

function drawHead(canvas: Canvas, live: Live, view: View, moment: Moment): void {
  const { reading } = live;
  canvas.paint(0, 0, canvas.width, "bar");
  const state = linkText(canvas, live, moment);
  const interval = `${view.intervalMs / 1000}s`;
  const pause = view.paused ? " PAUSED " : "";
  // The state of the link must be seen whatever else has to go.
  const right = ` ${state.text}  ${interval} `;
  const rightAt = Math.max(0, canvas.width - Bun.stringWidth(right) - pause.length);
  const role = reading === null ? "" : reading.replication.isReplica ? "replica" : "primary";
  const parts =
    reading === null
      ? [live.target]
      : [live.target, reading.product, role, `up ${age(reading.uptimeSeconds)}`];
  const left = ` ${parts.map((part) => printable(part, canvas.isAscii)).join("  ")}`;
  canvas.text(0, 0, left, "bar", rightAt);
  const end = canvas.text(rightAt, 0, right, state.style);
  canvas.text(end, 0, pause, "selected");
}

function linkText(
  canvas: Canvas,
  { link }: Live,
  { nowMs }: Moment,
): { readonly text: string; readonly style: Style } {
  const [full, empty] = canvas.isAscii ? ["*", "o"] : ["●", "○"];
  if (link.kind === "up") return { text: `${full} connected`, style: "bar" };
  if (link.kind === "connecting") return { text: `${empty} connecting`, style: "bar" };
  const seconds = Math.max(0, (link.retryAtMs - nowMs) / 1000);
  const when = seconds < 0.5 ? "now" : `in ${Math.ceil(seconds)}s`;
  const reason = printable(link.reason, canvas.isAscii);
  return { text: `${empty} ${reason}, reconnecting ${when}`, style: "selected" };
}

function drawTabs(canvas: Canvas, view: View, zones: Zone[]): void {
  let x = 1;
  // Where not all names have room, the first letters do.
  const full = PAGES.reduce((sum, page) => sum + page.length + 4, 1);
  PAGES.forEach((page, i) => {
    const name = full <= canvas.width ? page : page.slice(0, 3);
    const label = ` ${i + 1} ${name} `;
    const isOpen = page === view.page && !view.help;
    const end = canvas.text(x, 1, label, isOpen ? "tab" : "plain");
    zones.push({
      area: { x, y: 1, width: end - x, height: 1 },
      act: (chosen) => {
        chosen.page = page;
        chosen.help = false;
        return "page";
      },
    });
    x = end;
  });
}

function drawFoot(canvas: Canvas, view: View): void {
  const y = canvas.height - 1;
  if (view.typing) {
    canvas.text(0, y, ` Filter: ${view.filter}_  (Enter keeps it, Escape ends it)`, "strong");
    return;
  }
  const keys = "q quit  p pause  Tab page  arrows sort, scroll  + - interval  / filter  ? help";
  if (view.filter === "") canvas.text(1, y, keys, "dim");
  else canvas.text(1, y, `Filter: ${view.filter}  (Escape ends it)`, "warning");
}

function drawHelp(canvas: Canvas, area: Area): void {
  const inner = canvas.frame(area, "Help");
  HELP.slice(0, inner.height).forEach((line, i) => {
    canvas.text(inner.x + 1, inner.y + i, line, "plain", inner.width - 1);
  });
}

function drawWaiting(canvas: Canvas, { link, target }: Live, area: Area): void {
  const text =
    link.kind === "down"
      ? `Could not read ${target}: ${link.reason}`
      : `Connecting to ${target} ...`;
  const line = printable(text, canvas.isAscii);
  const x = Math.max(1, Math.floor((area.width - line.length) / 2));
  canvas.text(x, area.y + Math.floor(area.height / 2), line, link.kind === "down" ? "bad" : "dim");
}

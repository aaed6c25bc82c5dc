/** What pages draw on and from. */
import type { Area, Canvas, Style } from "./canvas.ts";
import { chart, type Glyphs, topOf, valuesShown } from "./chart.ts";
import type { Series } from "./history.ts";
import type { Live } from "./live.ts";
import type { Reading } from "./reading.ts";
import { printable } from "./text.ts";
import type { Effect, View } from "./view.ts";

/** A place that does something when it is clicked. */
export interface Zone {
  readonly area: Area;
  readonly act: (view: View) => Effect;
}

export interface Scene {
  readonly canvas: Canvas;
  readonly view: View;
  readonly live: Live;
  /** Of the same moment as `live`; pages are drawn only when there is one. */
  readonly reading: Reading;
  readonly glyphs: Glyphs;
  readonly nowUnixMs: number;
  readonly zones: Zone[];
  /** How far the page's table can be scrolled. */
  scrollMax: number;
  /** How many columns of the table that is sorted have room; 0 without one. */
  columns: number;
}

/** Bytes of the server as text for this screen. */
export function shown({ canvas }: Scene, text: string): string {
  return printable(text, canvas.isAscii);
}

/** A frame with a title, a figure at its upper right and a note at its lower right. */
export function panel(
  { canvas }: Scene,
  area: Area,
  title: string,
  figure = "",
  note = "",
  figureStyle: Style = "strong",
): Area {
  const inner = canvas.frame(area, title);
  const end = area.x + area.width - 2;
  const titleEnd = area.x + 2 + title.length + 2;
  const figureWidth = Bun.stringWidth(figure) + 2;
  if (figure !== "" && end - figureWidth >= titleEnd) {
    canvas.textBefore(end, area.y, ` ${figure} `, figureStyle);
  }
  if (note !== "" && note.length + 4 <= area.width) {
    canvas.textBefore(end, area.y + area.height - 1, ` ${note} `, "dim");
  }
  return inner;
}

/** The series over time, from zero; returns the value of the upper edge. */
export function drawSeries(
  scene: Scene,
  area: Area,
  series: Series,
  style: Style,
  least: number,
): number {
  const { canvas, glyphs, live } = scene;
  if (area.width < 1 || area.height < 1) return least;
  const values = live.history.last(series, valuesShown(area.width, glyphs));
  const top = topOf(values, least);
  chart(values, area.width, area.height, top, glyphs).forEach((line, i) => {
    canvas.text(area.x, area.y + i, line, style);
  });
  return top;
}

/** Splits an area into columns (or rows) of the same size, the rest going to the last. */
export function split(area: Area, parts: number, direction: "columns" | "rows"): Area[] {
  const { height, width, x, y } = area;
  const size = Math.floor((direction === "columns" ? width : height) / parts);
  return Array.from({ length: parts }, (_, i) => {
    const isLast = i === parts - 1;
    return direction === "columns"
      ? { x: x + i * size, y, width: isLast ? width - i * size : size, height }
      : { x, y: y + i * size, width, height: isLast ? height - i * size : size };
  });
}

/** A table on the canvas: sorted, scrolled, its columns as many as fit. */
import type { Area, Style } from "./canvas.ts";
import type { Scene } from "./scene.ts";
import { type Sort, sortBy } from "./view.ts";

export interface Column<Row> {
  readonly title: string;
  /** 0: the rest of the line. */
  readonly width: number;
  /** Numbers stand at the right of their column. */
  readonly right?: boolean;
  readonly text: (row: Row) => string;
  /** What to sort by; NaN comes last. Without it the text. */
  readonly order?: (row: Row) => number;
  readonly style?: (row: Row) => Style;
}

export function sorted<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  sort: Sort,
): Row[] {
  const column = columns[sort.column];
  if (column === undefined) return [...rows];
  const sign = sort.descending ? -1 : 1;
  const { order, text } = column;
  return [...rows].sort((a, b) => {
    if (order === undefined) return sign * text(a).localeCompare(text(b), "en");
    const [left, right] = [order(a), order(b)];
    if (Number.isNaN(left) || Number.isNaN(right)) {
      return Number(Number.isNaN(left)) - Number(Number.isNaN(right));
    }
    return sign * (left - right);
  });
}

/**
 * Draws the rows, which are sorted already. `sort` marks the column; null for a table that cannot
 * be sorted. A click on a title sorts by it.
 */
export function drawTable<Row>(
  scene: Scene,
  area: Area,
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  sort: Sort | null,
): void {
  const { canvas, view } = scene;
  if (area.height < 1 || area.width < 1) return;
  const end = area.x + area.width;
  const room = area.height - 1;
  const scrollMax = Math.max(0, rows.length - room);
  const scroll = Math.min(view.scrolls[view.page], scrollMax);
  const visible = rows.slice(scroll, scroll + room);
  let x = area.x;
  let shownColumns = 0;
  columns.forEach((column, index) => {
    const rest = end - x;
    const width = column.width === 0 ? rest : column.width;
    if (width > rest || rest < 4) {
      x = end;
      return;
    }
    const isSorted = sort?.column === index;
    const mark = !isSorted
      ? ""
      : canvas.isAscii
        ? sort.descending
          ? "v"
          : "^"
        : sort.descending
          ? "▼"
          : "▲";
    const put = (y: number, text: string, style: Style) => {
      if (column.right === true) canvas.textBefore(x + width, y, text, style);
      else canvas.text(x, y, text, style, width);
    };
    put(area.y, column.title + mark, isSorted ? "strong" : "dim");
    if (sort !== null) {
      scene.zones.push({
        area: { x, y: area.y, width, height: 1 },
        act: () => sortBy(view, index),
      });
    }
    visible.forEach((row, i) => {
      put(area.y + 1 + i, column.text(row), column.style?.(row) ?? "plain");
    });
    x += width + 1;
    shownColumns++;
  });
  if (sort !== null) scene.columns = shownColumns;
  scene.scrollMax = Math.max(scene.scrollMax, scrollMax);
}

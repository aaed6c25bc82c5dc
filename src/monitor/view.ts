/** What the user chose to see, and how keys change it. Knows neither terminal nor server. */
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from "./options.ts";

export const PAGES = [
  "Overview",
  "Commands",
  "Slow log",
  "Keys",
  "Replication",
  "Files",
  "Clients",
] as const;
export type Page = (typeof PAGES)[number];

export interface Sort {
  /** An index into the columns of the page's table. */
  readonly column: number;
  readonly descending: boolean;
}

export interface View {
  page: Page;
  paused: boolean;
  help: boolean;
  filter: string;
  /** The filter is being typed. */
  typing: boolean;
  intervalMs: number;
  /** Where a page has a table: how it is sorted. */
  readonly sorts: Record<Page, Sort>;
  /** How many columns each page's table shows; screens correct it, for not all have room. */
  readonly columns: Record<Page, number>;
  /** Lines left out above, on each page; screens correct what is too much. */
  readonly scrolls: Record<Page, number>;
}

/** What the caller has to do after a key. */
export type Effect = "none" | "redraw" | "page" | "interval" | "pause" | "quit";

const INTERVALS_MS = [100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];
const SCROLL_PAGE = 10;
const FILTER_MAX = 60;

/** How many columns the table of each page has that it can be sorted by; 0 without any. */
const SORTABLE: Readonly<Record<Page, number>> = {
  Overview: 10,
  Commands: 10,
  "Slow log": 4,
  Keys: 0,
  Replication: 0,
  Files: 0,
  Clients: 10,
};

function perPage<T>(value: () => T): Record<Page, T> {
  return Object.fromEntries(PAGES.map((page) => [page, value()])) as Record<Page, T>;
}

export function firstView(intervalMs: number): View {
  const view: View = {
    page: "Overview",
    paused: false,
    help: false,
    filter: "",
    typing: false,
    intervalMs,
    sorts: perPage(() => ({ column: 1, descending: true })),
    columns: { ...SORTABLE },
    scrolls: perPage(() => 0),
  };
  // The newest first, and the oldest connection first.
  view.sorts["Slow log"] = { column: 0, descending: true };
  view.sorts.Clients = { column: 0, descending: false };
  return view;
}

function goTo(view: View, page: Page): Effect {
  if (view.page === page && !view.help) return "none";
  view.page = page;
  view.help = false;
  return "page";
}

function step(view: View, by: number): Effect {
  const index = (PAGES.indexOf(view.page) + by + PAGES.length) % PAGES.length;
  return goTo(view, PAGES[index]!);
}

function scroll(view: View, by: number): Effect {
  view.scrolls[view.page] = Math.max(0, view.scrolls[view.page] + by);
  return "redraw";
}

function sortNext(view: View, by: number): Effect {
  const columns = view.columns[view.page];
  if (columns === 0) return "none";
  const { column } = view.sorts[view.page];
  return sortBy(view, (column + by + columns) % columns);
}

/** Sorts by a column; by the one it is sorted by already: the other way round. */
export function sortBy(view: View, column: number): Effect {
  const sort = view.sorts[view.page];
  const descending = sort.column === column ? !sort.descending : true;
  view.sorts[view.page] = { column, descending };
  return "redraw";
}

function changeInterval(view: View, longer: boolean): Effect {
  const next = longer
    ? INTERVALS_MS.find((ms) => ms > view.intervalMs)
    : INTERVALS_MS.findLast((ms) => ms < view.intervalMs);
  if (next === undefined || next < INTERVAL_MS_MIN || next > INTERVAL_MS_MAX) return "none";
  view.intervalMs = next;
  return "interval";
}

function typeFilter(view: View, key: string): Effect {
  switch (key) {
    case "ENTER":
      view.typing = false;
      return "redraw";
    case "ESCAPE":
      view.typing = false;
      view.filter = "";
      return "redraw";
    case "BACKSPACE":
      view.filter = [...view.filter].slice(0, -1).join("");
      return "redraw";
    case "CTRL_U":
      view.filter = "";
      return "redraw";
    case "CTRL_C":
      return "quit";
    default:
      // Names of special keys are longer than one character.
      if ([...key].length !== 1 || view.filter.length >= FILTER_MAX) return "none";
      view.filter += key;
      view.scrolls[view.page] = 0;
      return "redraw";
  }
}

/** `key` has terminal-kit's names. */
export function press(view: View, key: string): Effect {
  if (view.typing) return typeFilter(view, key);
  const page = PAGES[Number(key) - 1];
  if (/^[1-9]$/.test(key)) return page === undefined ? "none" : goTo(view, page);
  switch (key) {
    case "q":
    case "Q":
    case "CTRL_C":
    case "CTRL_D":
      return "quit";
    case "p":
    case " ":
      view.paused = !view.paused;
      return "pause";
    case "TAB":
      return step(view, 1);
    case "SHIFT_TAB":
      return step(view, -1);
    case "?":
    case "h":
    case "F1":
      view.help = !view.help;
      return "redraw";
    case "ESCAPE":
      view.help = false;
      view.filter = "";
      return "redraw";
    case "/":
      view.typing = true;
      view.help = false;
      return "redraw";
    case "+":
    case "=":
      return changeInterval(view, true);
    case "-":
      return changeInterval(view, false);
    case "LEFT":
      return sortNext(view, -1);
    case "RIGHT":
      return sortNext(view, 1);
    case "r":
      return view.columns[view.page] === 0 ? "none" : sortBy(view, view.sorts[view.page].column);
    case "UP":
    case "k":
    case "MOUSE_WHEEL_UP":
      return scroll(view, -1);
    case "DOWN":
    case "j":
    case "MOUSE_WHEEL_DOWN":
      return scroll(view, 1);
    case "PAGE_UP":
      return scroll(view, -SCROLL_PAGE);
    case "PAGE_DOWN":
      return scroll(view, SCROLL_PAGE);
    case "HOME":
      return scroll(view, Number.NEGATIVE_INFINITY);
    case "END":
      return scroll(view, Number.MAX_SAFE_INTEGER);
    default:
      return "none";
  }
}

/** Whether a row of a table passes the filter. */
export function passes(view: View, text: string): boolean {
  return view.filter === "" || text.toLowerCase().includes(view.filter.toLowerCase());
}

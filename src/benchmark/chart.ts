/** The chart of a run under way: requests per second over time, redrawn in place on a terminal. */

export interface Sample {
  /** Requests per second since the sample before. */
  readonly rate: number;
  /** Mean latency since then, in ms; 0 where there was no reply. */
  readonly latencyMs: number;
  /** Replies so far, and the number expected. */
  readonly finished: number;
  readonly total: number;
}

/** Lines of the chart, below the line of figures. */
const ROWS = 4;
const COLUMNS_MAX = 200;
const PARTS = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const CYAN = "\x1b[36m";
const BOLD = "\x1b[1m";
const PLAIN = "\x1b[0m";
/** To the line's beginning, and everything from there on gone. */
const CLEAR = "\r\x1b[J";

/** The rates as columns `rows` lines high, the highest in full; the top line first. */
export function columnChart(rates: readonly number[], rows: number): string[] {
  const top = Math.max(1, ...rates);
  const heights = rates.map((rate) => Math.round((rate / top) * rows * 8));
  return Array.from({ length: rows }, (_, i) => {
    const below = (rows - 1 - i) * 8;
    return heights.map((height) => PARTS[Math.max(0, Math.min(8, height - below))]).join("");
  });
}

/** "85.3k" for 85312. */
export function shortNumber(value: number): string {
  if (value >= 1_000_000) return `${(value / 1_000_000).toFixed(2)}M`;
  return value >= 1000 ? `${(value / 1000).toFixed(1)}k` : value.toFixed(0);
}

export class Chart {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  readonly #hasColor: boolean;
  #title = "";
  #rates: number[] = [];
  #isDrawn = false;

  /** `columns` is asked at each drawing: windows change. */
  constructor(write: (text: string) => void, columns: () => number, hasColor: boolean) {
    this.#write = write;
    this.#columns = columns;
    this.#hasColor = hasColor;
  }

  /** Begins the chart of another test. */
  start(title: string): void {
    this.#title = title;
    this.#rates = [];
  }

  draw(sample: Sample): void {
    this.#rates.push(sample.rate);
    if (this.#rates.length > COLUMNS_MAX) this.#rates.shift();
    // The last column stays free: some terminals wrap as soon as it is written.
    const width = Math.max(10, Math.min(COLUMNS_MAX, this.#columns() - 1));
    const percent = sample.total > 0 ? Math.floor((sample.finished / sample.total) * 100) : 0;
    const figures = `  ${shortNumber(sample.rate)} requests/s  ${sample.latencyMs.toFixed(3)} ms  ${percent}%`;
    const title = this.#title.slice(0, Math.max(0, width - figures.length));
    const top = `peak ${shortNumber(Math.max(...this.#rates))}/s`;
    const lines = columnChart(this.#rates.slice(-width), ROWS);
    const head = (title + figures).slice(0, width);
    const shown = this.#hasColor
      ? [`${BOLD}${head}${PLAIN}`, ...lines.map((line) => `${CYAN}${line}${PLAIN}`)]
      : [head, ...lines];
    this.clear();
    this.#write(`${shown.join("\n")}\n${top}`);
    this.#isDrawn = true;
  }

  /** Takes the chart off the terminal. */
  clear(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#write(`\x1b[${ROWS + 1}A${CLEAR}`);
  }
}

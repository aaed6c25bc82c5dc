/** Turns a canvas, or what changed since another one, into escape codes. */
import type { Canvas, Style } from "./canvas.ts";

/** Numbers of SGR sequences: the sixteen colours, which every theme knows. */
const COLOURED: Readonly<Record<Style, string>> = {
  plain: "",
  dim: "90",
  strong: "1",
  title: "1;36",
  bar: "7",
  tab: "1;7",
  accent: "36",
  second: "35",
  good: "32",
  warning: "33",
  bad: "31",
  selected: "1;7;31",
};
const COLOURLESS: Readonly<Record<Style, string>> = {
  plain: "",
  dim: "2",
  strong: "1",
  title: "1",
  bar: "7",
  tab: "1;7",
  accent: "",
  second: "",
  good: "",
  warning: "1",
  bad: "1",
  selected: "1;7",
};

const RESET = "\x1b[0m";

/** From `before` (null: unknown) to `canvas`. Empty where nothing changed. */
export function paint(canvas: Canvas, before: Canvas | null, isColoured: boolean): string {
  const codes = isColoured ? COLOURED : COLOURLESS;
  const isKnown = before?.width === canvas.width && before.height === canvas.height;
  const { height, width } = canvas;
  let out = isKnown ? "" : `${RESET}\x1b[2J`;
  for (let y = 0; y < height; y++) {
    let first = 0;
    let last = width - 1;
    if (isKnown) {
      const same = (x: number) =>
        canvas.character(x, y) === before.character(x, y) &&
        canvas.style(x, y) === before.style(x, y);
      while (first < width && same(first)) first++;
      if (first === width) continue;
      while (same(last)) last--;
      // A wide character is drawn whole.
      while (first > 0 && canvas.character(first, y) === "") first--;
    }
    out += `\x1b[${y + 1};${first + 1}H${cells(canvas, y, first, last, codes)}`;
  }
  return out;
}

function cells(
  canvas: Canvas,
  y: number,
  first: number,
  last: number,
  codes: Readonly<Record<Style, string>>,
): string {
  let out = "";
  let style: Style = "plain";
  for (let x = first; x <= last; x++) {
    const next = canvas.style(x, y);
    if (codes[next] !== codes[style]) {
      out += codes[next] === "" ? RESET : `\x1b[0;${codes[next]}m`;
      style = next;
    }
    out += canvas.character(x, y);
  }
  return codes[style] === "" ? out : out + RESET;
}

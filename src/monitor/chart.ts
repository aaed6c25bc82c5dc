/** Charts and bars as text: braille, block characters or ASCII, by what the terminal can show. */

/** braille: 2 values and 4 steps a cell; block: 1 and 8; ascii: 1 and 2. */
export type Glyphs = "braille" | "block" | "ascii";

const BLOCKS = " ▁▂▃▄▅▆▇█";
const BARS = " ▏▎▍▌▋▊▉█";
const ASCII = " .:";
/** The dots of a braille cell's left and right column, from below. */
const BRAILLE_DOTS = [
  [0x40, 0x04, 0x02, 0x01],
  [0x80, 0x20, 0x10, 0x08],
] as const;

const STEPS: Readonly<Record<Glyphs, number>> = { braille: 4, block: 8, ascii: 2 };

/** How many values a chart of this width shows. */
export function valuesShown(width: number, glyphs: Glyphs): number {
  return glyphs === "braille" ? width * 2 : width;
}

/** Steps from the ground; a value above 0 is at least one, NaN (unknown) none. */
function heightOf(value: number, top: number, steps: number): number {
  if (!(value > 0) || top <= 0) return 0;
  return Math.max(1, Math.min(steps, Math.round((value / top) * steps)));
}

/**
 * The area below the values, the newest at the right edge: `height` lines of `width` characters,
 * the upper one first. `top` is the value that reaches the upper edge.
 */
export function chart(
  values: readonly number[],
  width: number,
  height: number,
  top: number,
  glyphs: Glyphs,
): string[] {
  const count = valuesShown(width, glyphs);
  const steps = STEPS[glyphs] * height;
  const shown = values.slice(-count);
  const heights = new Array<number>(count - shown.length).fill(0);
  for (const value of shown) heights.push(heightOf(value, top, steps));
  const lines: string[] = [];
  for (let row = height - 1; row >= 0; row--) {
    const base = row * STEPS[glyphs];
    let line = "";
    for (let column = 0; column < width; column++) line += cell(heights, column, base, glyphs);
    lines.push(line);
  }
  return lines;
}

function cell(heights: readonly number[], column: number, base: number, glyphs: Glyphs): string {
  if (glyphs !== "braille") {
    const steps = STEPS[glyphs];
    const filled = Math.max(0, Math.min(steps, heights[column]! - base));
    return (glyphs === "block" ? BLOCKS : ASCII)[filled]!;
  }
  let dots = 0;
  for (let side = 0; side < 2; side++) {
    const filled = Math.max(0, Math.min(4, heights[column * 2 + side]! - base));
    for (let i = 0; i < filled; i++) dots |= BRAILLE_DOTS[side]![i]!;
  }
  return dots === 0 ? " " : String.fromCharCode(0x2800 + dots);
}

const ROUND = [1, 1.5, 2, 3, 4, 5, 6, 8];

/** A round number at or above the largest value. */
export function topOf(values: readonly number[], least: number): number {
  let largest = least;
  for (const value of values) if (value > largest) largest = value;
  const power = 10 ** Math.floor(Math.log10(largest));
  for (const factor of ROUND) if (largest <= factor * power) return factor * power;
  return 10 * power;
}

/** A bar from the left, `fraction` (0 to 1) of its width filled. */
export function bar(fraction: number, width: number, glyphs: Glyphs): string {
  const part = Number.isNaN(fraction) ? 0 : Math.max(0, Math.min(1, fraction));
  if (glyphs === "ascii") {
    const filled = Math.round(part * width);
    return "#".repeat(filled) + ".".repeat(width - filled);
  }
  const eighths = Math.round(part * width * 8);
  const full = Math.floor(eighths / 8);
  if (full === width) return "█".repeat(width);
  return "█".repeat(full) + BARS[eighths % 8]! + " ".repeat(width - full - 1);
}

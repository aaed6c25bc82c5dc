/**
 * A screen in memory: cells with a character and a style. Whatever is drawn outside is cut off.
 * A character that is two columns wide has an empty cell behind it.
 */

export const STYLES = [
  "plain",
  "dim",
  "strong",
  "title",
  "bar",
  "tab",
  "accent",
  "second",
  "good",
  "warning",
  "bad",
  "selected",
] as const;
export type Style = (typeof STYLES)[number];

export interface Area {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const LINES = { corners: "┌┐└┘", across: "─", down: "│" };
const ASCII_LINES = { corners: "++++", across: "-", down: "|" };

export class Canvas {
  readonly #characters: string[];
  readonly #styles: Style[];

  constructor(
    readonly width: number,
    readonly height: number,
    /** Frames are drawn with ASCII. */
    readonly isAscii = false,
  ) {
    this.#characters = new Array<string>(width * height).fill(" ");
    this.#styles = new Array<Style>(width * height).fill("plain");
  }

  character(x: number, y: number): string {
    return this.#characters[y * this.width + x]!;
  }

  style(x: number, y: number): Style {
    return this.#styles[y * this.width + x]!;
  }

  /** Draws until the text, `limit` columns or the canvas ends; returns the column behind it. */
  text(
    x: number,
    y: number,
    text: string,
    style: Style = "plain",
    limit = Number.POSITIVE_INFINITY,
  ): number {
    if (y < 0 || y >= this.height) return x;
    const end = Math.min(this.width, x + limit);
    let at = x;
    for (const character of text) {
      const width = character < "\u0300" ? 1 : Bun.stringWidth(character);
      if (width === 0) {
        // A mark belongs to the character before it.
        if (at > x) this.#characters[y * this.width + at - 1] += character;
        continue;
      }
      if (at + width > end) break;
      if (at >= 0) this.#put(at, y, character, style);
      if (width === 2 && at + 1 >= 0) this.#put(at + 1, y, "", style);
      at += width;
    }
    return at;
  }

  /** The same, ending before column `end`, at the right. */
  textBefore(end: number, y: number, text: string, style: Style = "plain"): void {
    this.text(end - Bun.stringWidth(text), y, text, style);
  }

  /** Changes the style of a part of a line. */
  paint(x: number, y: number, width: number, style: Style): void {
    for (let at = Math.max(0, x); at < Math.min(this.width, x + width); at++) {
      this.#styles[y * this.width + at] = style;
    }
  }

  /** A frame with a title at the upper left; returns what is inside. */
  frame(area: Area, title: string, titleStyle: Style = "title", style: Style = "dim"): Area {
    const { height, width, x, y } = area;
    const { across, corners, down } = this.isAscii ? ASCII_LINES : LINES;
    const inner = { x: x + 1, y: y + 1, width: width - 2, height: height - 2 };
    if (width < 2 || height < 2) return { x, y, width: 0, height: 0 };
    this.text(x, y, corners[0] + across.repeat(width - 2) + corners[1], style);
    for (let row = y + 1; row < y + height - 1; row++) {
      this.text(x, row, down, style);
      this.text(x + width - 1, row, down, style);
    }
    this.text(x, y + height - 1, corners[2] + across.repeat(width - 2) + corners[3], style);
    if (title !== "" && width > 6) this.text(x + 2, y, ` ${title} `, titleStyle, width - 4);
    return inner;
  }

  /** The lines as plain text, without blanks at their ends. */
  lines(): string[] {
    const lines: string[] = [];
    for (let y = 0; y < this.height; y++) {
      const row = this.#characters.slice(y * this.width, (y + 1) * this.width);
      lines.push(row.join("").trimEnd());
    }
    return lines;
  }

  #put(x: number, y: number, character: string, style: Style): void {
    const index = y * this.width + x;
    // Half of a wide character does not stay behind.
    if (this.#characters[index] === "" && x > 0) this.#characters[index - 1] = " ";
    if (x + 1 < this.width && this.#characters[index + 1] === "") this.#characters[index + 1] = " ";
    this.#characters[index] = character;
    this.#styles[index] = style;
  }
}

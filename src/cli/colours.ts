/** Colours by what a text is, for terminals that have them. */
import { isTerminalOutput } from "./terminals.ts";

export type Shade =
  | "error"
  | "simple"
  | "string"
  | "number"
  | "nothing"
  | "type"
  | "heading"
  | "faint"
  | "changed";

export type Paint = (shade: Shade, text: string) => string;

const CODES: Readonly<Record<Shade, string>> = {
  error: "31",
  simple: "1",
  string: "32",
  number: "36",
  nothing: "90",
  type: "90",
  heading: "1",
  faint: "90",
  changed: "7",
};

export const PLAIN: Paint = (_, text) => text;

export const COLOURED: Paint = (shade, text) => `\x1b[${CODES[shade]}m${text}\x1b[0m`;

/** Whether a person at this terminal wants and sees colours: see no-color.org. */
export function hasColours(): boolean {
  const { NO_COLOR, TERM } = process.env;
  return !NO_COLOR && TERM !== "dumb" && isTerminalOutput();
}

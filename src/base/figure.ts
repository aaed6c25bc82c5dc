/**
 * What the server tells of itself, as data: each part returns figures, and INFO and MEMORY STATS
 * print them. The kind says what a number means, for formats that tell counters from gauges; the
 * labels of a group say what its figures belong to (a command, a database, a replica).
 */
import { humanBytes } from "./human-bytes.ts";

export type Figure = NumberFigure | TextFigure | GroupFigure;

export interface NumberFigure {
  readonly name: string;
  /** A counter only grows, until the statistics are reset. */
  readonly kind: "counter" | "gauge";
  readonly value: number;
  /** Digits behind the point; 0 for an integer. */
  readonly decimals: number;
  readonly unit: "" | "%";
}

export interface TextFigure {
  readonly name: string;
  readonly kind: "text";
  readonly value: string;
}

/** Figures that INFO prints in one line: `name:first=1,second=2`. */
export interface GroupFigure {
  readonly name: string;
  readonly kind: "group";
  readonly labels: Readonly<Record<string, string>>;
  readonly value: readonly (NumberFigure | TextFigure)[];
}

export function gauge(
  name: string,
  value: number,
  decimals = 0,
  unit: "" | "%" = "",
): NumberFigure {
  return { name, kind: "gauge", value, decimals, unit };
}

export function counter(name: string, value: number, decimals = 0): NumberFigure {
  return { name, kind: "counter", value, decimals, unit: "" };
}

export function text(name: string, value: string): TextFigure {
  return { name, kind: "text", value };
}

export function group(
  name: string,
  labels: Readonly<Record<string, string>>,
  value: GroupFigure["value"],
): GroupFigure {
  return { name, kind: "group", labels, value };
}

/** 1 for true, as Redis writes it. */
export function flag(name: string, value: boolean): NumberFigure {
  return gauge(name, value ? 1 : 0);
}

/** Bytes, and the same for people. */
export function bytes(name: string, value: number): readonly [NumberFigure, TextFigure] {
  return [gauge(name, value), text(`${name}_human`, humanBytes(value))];
}

/** The value as INFO prints it. What is no number, such as a part of nothing, is 0. */
export function valueText(figure: Figure): string {
  switch (figure.kind) {
    case "text":
      return figure.value;
    case "group":
      return figure.value.map((one) => `${one.name}=${valueText(one)}`).join(",");
    default: {
      const { decimals, unit, value } = figure;
      return `${(Number.isFinite(value) ? value : 0).toFixed(decimals)}${unit}`;
    }
  }
}

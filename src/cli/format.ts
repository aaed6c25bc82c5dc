/** Replies as text, in redis-cli's formats. All texts have one character a byte. */
import { quote } from "../protocol/arguments.ts";
import type { Reply } from "../protocol/reply-parser.ts";
import { type Paint, PLAIN } from "./colours.ts";

export type Format = "pretty" | "raw" | "csv" | "json" | "quoted-json";

export interface FormatSettings {
  /** Of pretty replies. */
  readonly paint?: Paint;
  /** What is done to texts of the server that are not quoted; by default nothing. */
  readonly shown?: (text: string) => string;
  readonly elementDelimiter?: string;
  readonly replyDelimiter?: string;
}

/** The reply as it is printed, line end included. */
export function formatReply(reply: Reply, format: Format, settings: FormatSettings = {}): string {
  const { elementDelimiter = "\n", paint = PLAIN, replyDelimiter = "\n" } = settings;
  const { shown = (text: string) => text } = settings;
  switch (format) {
    case "pretty":
      return pretty(reply, "", { paint, shown });
    case "raw":
      return `${raw(reply, elementDelimiter)}${replyDelimiter}`;
    case "csv":
      return `${csv(reply)}\n`;
    case "json":
      return `${json(reply, jsonText)}\n`;
    case "quoted-json":
      return `${json(reply, asciiJsonText)}\n`;
  }
}

const EMPTY = {
  array: "(empty array)",
  map: "(empty hash)",
  set: "(empty set)",
  push: "(empty push)",
};
const MARKS = { array: ")", map: "#", set: "~", push: ")" };

interface Look {
  readonly paint: Paint;
  readonly shown: (text: string) => string;
}

/** For people: types are shown, strings quoted, aggregates numbered and indented by `prefix`. */
function pretty(reply: Reply, prefix: string, look: Look): string {
  const { paint, shown } = look;
  switch (reply.kind) {
    case "error":
      return `${paint("error", `(error) ${shown(reply.text)}`)}\n`;
    case "simple":
      return `${paint("simple", shown(reply.text))}\n`;
    case "verbatim":
    case "big":
      return `${shown(reply.text)}\n`;
    case "integer":
      return `${paint("type", "(integer)")} ${paint("number", reply.text)}\n`;
    case "double":
      return `${paint("type", "(double)")} ${paint("number", reply.text)}\n`;
    case "bulk":
      return `${paint("string", quote(reply.text))}\n`;
    case "null":
      return `${paint("nothing", "(nil)")}\n`;
    case "boolean":
      return `${paint("number", reply.value ? "(true)" : "(false)")}\n`;
  }
  const { items, kind } = reply;
  if (items.length === 0) return `${paint("nothing", EMPTY[kind])}\n`;
  const step = kind === "map" ? 2 : 1;
  const width = String(Math.floor(items.length / step)).length;
  const inner = prefix + " ".repeat(width + 2);
  let text = "";
  for (let i = 0; i < items.length; i += step) {
    const index = paint("type", `${String(i / step + 1).padStart(width)}${MARKS[kind]}`);
    text += `${i === 0 ? "" : prefix}${index} ${pretty(items[i]!, inner, look)}`;
    if (kind !== "map") continue;
    const value = items[i + 1]!;
    const shown = pretty(value, inner, look);
    const nested = "items" in value && shown.indexOf("\n") < shown.length - 1;
    text = `${text.slice(0, -1)} => ${nested ? `\n${inner}` : ""}${shown}`;
  }
  return text;
}

/** For programs: bytes as they are, elements a line each. */
function raw(reply: Reply, delimiter: string): string {
  const inner = (item: Reply) => raw(item, delimiter);
  switch (reply.kind) {
    case "null":
      return "";
    case "error":
      return `${reply.text}\n`;
    case "boolean":
      return reply.value ? "(true)" : "(false)";
    case "map":
      return pairs(reply.items)
        .map(([key, value]) => `${inner(key)} ${inner(value)}`)
        .join(delimiter);
    case "array":
    case "set":
    case "push":
      return reply.items.map(inner).join(delimiter);
    default:
      return reply.text;
  }
}

function pairs(items: readonly Reply[]): (readonly [Reply, Reply])[] {
  const out: (readonly [Reply, Reply])[] = [];
  for (let i = 0; i < items.length; i += 2) out.push([items[i]!, items[i + 1]!]);
  return out;
}

function csv(reply: Reply): string {
  switch (reply.kind) {
    case "null":
      return "NULL";
    case "error":
      return `ERROR,${quote(reply.text)}`;
    case "boolean":
      return String(reply.value);
    case "integer":
    case "double":
      return reply.text;
    case "array":
    case "map":
    case "set":
    case "push":
      return reply.items.map(csv).join(",");
    default:
      return quote(reply.text);
  }
}

function json(reply: Reply, quoted: (text: string) => string): string {
  switch (reply.kind) {
    case "null":
      return "null";
    case "error":
      return `error:${quoted(reply.text)}`;
    case "boolean":
      return String(reply.value);
    case "integer":
    case "double":
      return reply.text;
    case "map":
      return `{${pairs(reply.items)
        .map(
          ([key, value]) =>
            `${"text" in key ? quoted(key.text) : quoted(json(key, quoted))}:${json(value, quoted)}`,
        )
        .join(",")}}`;
    case "array":
    case "set":
    case "push":
      return `[${reply.items.map((item) => json(item, quoted)).join(",")}]`;
    default:
      return quoted(reply.text);
  }
}

/** A JSON string; bytes above 126 are left as they are, UTF-8 or not. */
function jsonText(text: string): string {
  return JSON.stringify(text);
}

/** The same of ASCII characters only, escaped as redis-cli escapes them. */
function asciiJsonText(text: string): string {
  return quote(text).replaceAll("\\", "\\\\");
}

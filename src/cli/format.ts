/** Replies as text, in redis-cli's formats. All texts have one character a byte. */
import { quote } from "../protocol/arguments.ts";
import type { Reply } from "../protocol/reply-parser.ts";

export type Format = "pretty" | "raw" | "csv" | "json";

/** The reply as it is printed, line end included. */
export function formatReply(reply: Reply, format: Format): string {
  switch (format) {
    case "pretty":
      return pretty(reply, "");
    case "raw":
      return `${raw(reply)}\n`;
    case "csv":
      return `${csv(reply)}\n`;
    case "json":
      return `${json(reply)}\n`;
  }
}

const EMPTY = {
  array: "(empty array)",
  map: "(empty hash)",
  set: "(empty set)",
  push: "(empty push)",
};
const MARKS = { array: ")", map: "#", set: "~", push: ")" };

/** For people: types are shown, strings quoted, aggregates numbered and indented by `prefix`. */
function pretty(reply: Reply, prefix: string): string {
  switch (reply.kind) {
    case "error":
      return `(error) ${reply.text}\n`;
    case "simple":
    case "verbatim":
    case "big":
      return `${reply.text}\n`;
    case "integer":
      return `(integer) ${reply.text}\n`;
    case "double":
      return `(double) ${reply.text}\n`;
    case "bulk":
      return `${quote(reply.text)}\n`;
    case "null":
      return "(nil)\n";
    case "boolean":
      return reply.value ? "(true)\n" : "(false)\n";
  }
  const { items, kind } = reply;
  if (items.length === 0) return `${EMPTY[kind]}\n`;
  const step = kind === "map" ? 2 : 1;
  const width = String(Math.floor(items.length / step)).length;
  const inner = prefix + " ".repeat(width + 2);
  let text = "";
  for (let i = 0; i < items.length; i += step) {
    const index = String(i / step + 1).padStart(width);
    text += `${i === 0 ? "" : prefix}${index}${MARKS[kind]} ${pretty(items[i]!, inner)}`;
    if (kind !== "map") continue;
    const value = items[i + 1]!;
    const shown = pretty(value, inner);
    const nested = "items" in value && shown.indexOf("\n") < shown.length - 1;
    text = `${text.slice(0, -1)} => ${nested ? `\n${inner}` : ""}${shown}`;
  }
  return text;
}

/** For programs: bytes as they are, elements a line each. */
function raw(reply: Reply): string {
  switch (reply.kind) {
    case "null":
      return "";
    case "error":
      return `${reply.text}\n`;
    case "boolean":
      return reply.value ? "(true)" : "(false)";
    case "map":
      return pairs(reply.items)
        .map(([key, value]) => `${raw(key)} ${raw(value)}`)
        .join("\n");
    case "array":
    case "set":
    case "push":
      return reply.items.map(raw).join("\n");
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

function json(reply: Reply): string {
  switch (reply.kind) {
    case "null":
      return "null";
    case "error":
      return `error:${jsonText(reply.text)}`;
    case "boolean":
      return String(reply.value);
    case "integer":
    case "double":
      return reply.text;
    case "map":
      return `{${pairs(reply.items)
        .map(
          ([key, value]) =>
            `${"text" in key ? jsonText(key.text) : jsonText(json(key))}:${json(value)}`,
        )
        .join(",")}}`;
    case "array":
    case "set":
    case "push":
      return `[${reply.items.map(json).join(",")}]`;
    default:
      return jsonText(reply.text);
  }
}

/** A JSON string; bytes above 126 are left as they are, UTF-8 or not. */
function jsonText(text: string): string {
  return JSON.stringify(text);
}

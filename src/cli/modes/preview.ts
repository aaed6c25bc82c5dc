/** What is at a key, by its type, in few commands that look at a part of it only. */
import type { Reply } from "../../protocol/reply-parser.ts";
import type { Session } from "../session.ts";
import { RefusedError } from "./scan.ts";

/** Elements, and characters of a string, that are looked at. */
const ELEMENTS = 10;
const CHARACTERS = 500;

export interface Preview {
  readonly type: string;
  /** "12 items". */
  readonly size: string;
  /** "no expiry", "42 s". */
  readonly ttl: string;
  /** In bytes; null where the server does not tell. */
  readonly bytes: number | null;
  /** A line each. */
  readonly lines: readonly string[];
}

interface Look {
  readonly size: readonly [string, string];
  readonly read: (key: string) => readonly string[];
  /** Elements to a line. */
  readonly step: number;
}

const LAST = String(ELEMENTS - 1);
const LOOKS: Readonly<Record<string, Look>> = {
  string: {
    size: ["STRLEN", "bytes"],
    read: (key) => ["GETRANGE", key, "0", String(CHARACTERS - 1)],
    step: 1,
  },
  list: { size: ["LLEN", "items"], read: (key) => ["LRANGE", key, "0", LAST], step: 1 },
  hash: {
    size: ["HLEN", "fields"],
    read: (key) => ["HSCAN", key, "0", "COUNT", String(ELEMENTS)],
    step: 2,
  },
  set: {
    size: ["SCARD", "members"],
    read: (key) => ["SSCAN", key, "0", "COUNT", String(ELEMENTS)],
    step: 1,
  },
  zset: {
    size: ["ZCARD", "members"],
    read: (key) => ["ZRANGE", key, "0", LAST, "WITHSCORES"],
    step: 2,
  },
  stream: {
    size: ["XLEN", "entries"],
    read: (key) => ["XRANGE", key, "-", "+", "COUNT", String(ELEMENTS)],
    step: 1,
  },
};

/** Printable, on one row. */
export function rowText(latin1: string): string {
  const text = Buffer.from(latin1, "latin1").toString("utf8");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach the terminal
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (c) =>
    c === "\n" ? "⏎" : `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
}

function flat(reply: Reply): string[] {
  if ("items" in reply) return reply.items.flatMap(flat);
  return ["text" in reply ? rowText(reply.text) : "(nil)"];
}

function linesOf(type: string, reply: Reply, step: number): string[] {
  if (reply.kind === "error") return [reply.text];
  // SCAN's kin return a cursor and what they found.
  const found =
    type === "hash" || type === "set" ? ("items" in reply ? reply.items[1]! : reply) : reply;
  const items = "items" in found ? found.items : [found];
  if (type === "stream") return items.map((entry) => flat(entry).join("  "));
  const words = items.flatMap(flat);
  const lines: string[] = [];
  for (let i = 0; i < words.length && lines.length < ELEMENTS; i += step) {
    lines.push(words.slice(i, i + step).join(": "));
  }
  return lines;
}

export function ttlText(ms: number): string {
  if (ms === -1) return "no expiry";
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} days`;
}

/** Null where the key has gone. Throws ConnectionError, RefusedError. */
export async function previewOf(session: Session, key: string): Promise<Preview | null> {
  const call = (...args: string[]) => session.call(args);
  const [typeReply, ttl, memory] = await Promise.all([
    call("TYPE", key),
    call("PTTL", key),
    call("MEMORY", "USAGE", key),
  ]);
  if (typeReply.kind === "error") throw new RefusedError(typeReply.text);
  const type = "text" in typeReply ? typeReply.text : "none";
  if (type === "none") return null;
  const bytes = memory.kind === "integer" ? Number(memory.text) : null;
  const ttlShown = ttl.kind === "integer" ? ttlText(Number(ttl.text)) : "";
  const look = LOOKS[type];
  if (look === undefined) return { type, size: "", ttl: ttlShown, bytes, lines: [] };
  const [size, value] = await Promise.all([call(look.size[0], key), session.call(look.read(key))]);
  return {
    type,
    size: size.kind === "integer" ? `${size.text} ${look.size[1]}` : "",
    ttl: ttlShown,
    bytes,
    lines: linesOf(type, value, look.step),
  };
}

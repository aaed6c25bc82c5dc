/** Replies as plain values, to be compared as structures. */
import { type Reply, ReplyParser } from "../../src/protocol/reply-parser.ts";

export type Value = string | number | boolean | null | Value[] | { [name: string]: Value };

function sorted(values: readonly Value[]): Value[] {
  return values.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

/** Maps become objects; sets become `{ set: … }` and are sorted, for their order means nothing. */
export function plainValue(reply: Reply): Value {
  switch (reply.kind) {
    case "null":
      return null;
    case "boolean":
      return reply.value;
    case "integer":
    case "double":
      return Number(reply.text);
    case "array":
    case "push":
      return reply.items.map(plainValue);
    case "set":
      return { set: sorted(reply.items.map(plainValue)) };
    case "map": {
      const { items } = reply;
      const value: { [name: string]: Value } = {};
      for (let i = 0; i < items.length; i += 2) {
        value[String(plainValue(items[i]!))] = plainValue(items[i + 1]!);
      }
      return value;
    }
    default:
      return reply.text;
  }
}

/** The value of a whole reply as `RawClient.call` returns it. */
export function parseValue(reply: string): Value {
  const parser = new ReplyParser();
  parser.feed(Buffer.from(reply, "latin1"));
  return plainValue(parser.next()!);
}

/**
 * The client side of the protocol: bytes in, replies out, in RESP2 and RESP3. Resumable: no byte
 * is looked at twice, however the replies are cut. Texts have one character a byte.
 */
import { quote } from "./arguments.ts";

export type Reply =
  | { readonly kind: "simple" | "error" | "bulk" | "verbatim" | "big"; readonly text: string }
  | { readonly kind: "integer" | "double"; readonly text: string }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "null" }
  | Aggregate;

export interface Aggregate {
  readonly kind: "array" | "map" | "set" | "push";
  /** Of a map: key, value, key, value. */
  readonly items: Reply[];
}

interface Open {
  readonly reply: Aggregate | null;
  /** Items still to come. */
  missing: number;
}

const LINE_KINDS: Readonly<Record<string, "simple" | "error" | "integer" | "double" | "big">> = {
  "+": "simple",
  "-": "error",
  ":": "integer",
  ",": "double",
  "(": "big",
};
const AGGREGATE_KINDS: Readonly<Record<string, Aggregate["kind"]>> = {
  "*": "array",
  "%": "map",
  "~": "set",
  ">": "push",
};

/** What lines of the kinds with a form of their own may say; others would reach terminals and sums. */
const LINE_FORMS: Readonly<Record<string, readonly [RegExp, string]>> = {
  integer: [/^[-+]?[0-9]{1,19}$/, "Bad integer value"],
  double: [
    /^[-+]?(inf|nan|[0-9]{1,310}(\.[0-9]{0,330})?(e[-+]?[0-9]{1,4})?|\.[0-9]{1,330})$/i,
    "Bad double value",
  ],
  big: [/^[-+]?[0-9]+$/, "Bad bignum value"],
};
/** Deeper replies are not read: what prints them calls itself for each level. */
const DEPTH_MAX = 512;
/** As in hiredis. */
const ITEMS_MAX = 2 ** 32 - 1;
/** No string of the engine may be longer. */
const BULK_BYTES_MAX = 2 ** 31 - 1;
const SHOWN_CHARACTERS = 40;

export class ReplyParser {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  /** Where the search for a line's end goes on. */
  #searched = 0;
  /** The bulk under way: its length and kind; -1 without one. */
  #bulk = -1;
  #bulkKind = "$";
  readonly #open: Open[] = [];

  feed(chunk: Uint8Array): void {
    const rest = this.#bytes.length - this.#at;
    if (rest === 0) {
      this.#bytes = Buffer.from(chunk);
    } else if (
      this.#bytes.buffer.byteLength - this.#bytes.byteOffset >=
      this.#bytes.length + chunk.length
    ) {
      // There is room behind: extend the view in place.
      const wider = Buffer.from(
        this.#bytes.buffer,
        this.#bytes.byteOffset,
        this.#bytes.length + chunk.length,
      );
      wider.set(chunk, this.#bytes.length);
      this.#bytes = wider;
      return;
    } else {
      const room = new Uint8Array((rest + chunk.length) * 2);
      room.set(this.#bytes.subarray(this.#at));
      room.set(chunk, rest);
      this.#bytes = Buffer.from(room.buffer, 0, rest + chunk.length);
    }
    this.#searched = Math.max(0, this.#searched - this.#at);
    this.#at = 0;
  }

  /** Between two replies: the bytes that are not read yet; valid until more are fed. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }

  /** The next whole reply; undefined until it is all there. Throws on bytes that are no reply. */
  next(): Reply | undefined {
    for (;;) {
      const item = this.#item();
      if (item === undefined) return undefined;
      let done: Reply | null = item === "opened" ? null : item;
      // Finish as many aggregates as this item completes.
      for (;;) {
        const open = this.#open.at(-1);
        if (open === undefined) {
          if (done !== null) return done;
          break;
        }
        if (done !== null) {
          open.reply?.items.push(done);
          open.missing--;
        }
        if (open.missing > 0) break;
        this.#open.pop();
        done = open.reply;
      }
    }
  }

  /** A scalar, or "opened" after the head of an aggregate; undefined where bytes are missing. */
  #item(): Reply | "opened" | undefined {
    if (this.#bulk >= 0) return this.#readBulk();
    const end = this.#bytes.indexOf("\r\n", Math.max(this.#at, this.#searched), "latin1");
    if (end < 0) {
      this.#searched = Math.max(this.#at, this.#bytes.length - 1);
      return undefined;
    }
    const mark = String.fromCharCode(this.#bytes[this.#at]!);
    const text = this.#bytes.toString("latin1", this.#at + 1, end);
    this.#at = end + 2;
    const lineKind = LINE_KINDS[mark];
    if (lineKind !== undefined) {
      const form = LINE_FORMS[lineKind];
      if (form !== undefined && !form[0].test(text)) throw new Error(form[1]);
      return { kind: lineKind, text };
    }
    if (mark === "_") return { kind: "null" };
    if (mark === "#") return { kind: "boolean", value: text === "t" };
    const isAggregate = mark === "|" || mark in AGGREGATE_KINDS;
    const isBulk = mark === "$" || mark === "=" || mark === "!";
    if ((!isAggregate && !isBulk) || !/^-?[0-9]+$/.test(text)) {
      throw new Error(`not a reply: ${quote(mark + text.slice(0, SHOWN_CHARACTERS))}`);
    }
    const count = Number(text);
    if (isBulk && count > BULK_BYTES_MAX) throw new Error("Bulk string length out of range");
    if (isAggregate && count > ITEMS_MAX) throw new Error("Multi-bulk length out of range");
    if (isAggregate && this.#open.length >= DEPTH_MAX) {
      throw new Error(`Reply nested deeper than ${DEPTH_MAX} levels`);
    }
    if (isBulk) {
      if (count < 0) return { kind: "null" };
      this.#bulk = count;
      this.#bulkKind = mark;
      return this.#readBulk();
    }
    if (mark === "|") {
      // Attributes are read and dropped.
      this.#open.push({ reply: null, missing: count * 2 });
      return "opened";
    }
    const kind = AGGREGATE_KINDS[mark]!;
    if (count < 0) return { kind: "null" };
    this.#open.push({ reply: { kind, items: [] }, missing: kind === "map" ? count * 2 : count });
    return "opened";
  }

  #readBulk(): Reply | undefined {
    const end = this.#at + this.#bulk;
    if (end + 2 > this.#bytes.length) return undefined;
    const text = this.#bytes.toString("latin1", this.#at, end);
    this.#at = end + 2;
    this.#bulk = -1;
    if (this.#bulkKind === "!") return { kind: "error", text };
    if (this.#bulkKind === "=") return { kind: "verbatim", text: text.slice(4) };
    return { kind: "bulk", text };
  }
}

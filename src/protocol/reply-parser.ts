/**
 * The client side of the protocol: bytes in, replies out, in RESP2 and RESP3. Resumable: no byte
 * is looked at twice, however the replies are cut. Texts have one character a byte.
 */
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
    if (lineKind !== undefined) return { kind: lineKind, text };
    if (mark === "_") return { kind: "null" };
    if (mark === "#") return { kind: "boolean", value: text === "t" };
    const count = Number(text);
    if (!Number.isSafeInteger(count)) throw new Error(`not a reply: ${mark}${text.slice(0, 40)}`);
    if (mark === "$" || mark === "=" || mark === "!") {
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
    const kind = AGGREGATE_KINDS[mark];
    if (kind === undefined) throw new Error(`not a reply: ${mark}${text.slice(0, 40)}`);
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

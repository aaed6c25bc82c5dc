/** Lists in files. */
import { Element } from "../../memory/element.ts";
import type { QuicklistWalk } from "../../memory/quicklist-walk.ts";
import type { CommandWriter } from "../../protocol/command-writer.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { List } from "../../store/types/lists.ts";
import type { NewValue, Ref, ValueWalk } from "../../store/value-type.ts";
import { PACKED_NODE, PLAIN_NODE, TYPE } from "../rdb/format.ts";
import type { RdbInput, RdbText } from "../rdb/input.ts";
import { forEachEntry } from "../rdb/listpack.ts";
import type { RdbWriter } from "../rdb/writer.ts";
import { ZiplistReader } from "./legacy.ts";
import {
  ELEMENTS_PER_COMMAND,
  type KeyBytes,
  type SlicedValue,
  type ValueFormat,
  type ValueLoader,
} from "./value-format.ts";

const PIECE_BYTES = 1 << 16;

export const LIST_FORMAT: ValueFormat = {
  name: "list",
  rdbTypes: [TYPE.list, TYPE.listZiplist, TYPE.listQuicklist, TYPE.listQuicklist2],

  rdbTypeOf: () => TYPE.listQuicklist2,

  save(space: Keyspace, ref: Ref, out: RdbWriter): void {
    const list = space.lists.open(ref);
    out.length(list.nodes);
    for (let node = list.head; node !== 0; ) {
      node = list.readNode(node);
      out.length(PACKED_NODE);
      out.listpack(list.nodeBytes, list.nodeFrom, list.nodeByteLength, list.nodeEntries);
    }
  },

  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void {
    const list = space.lists.open(ref);
    list.seek(0);
    for (let left = list.length; left > 0; ) {
      const count = Math.min(left, ELEMENTS_PER_COMMAND);
      beginPush(key, count, out);
      for (let i = 0; i < count; i++) {
        list.readNext(list.element);
        out.element(list.element);
      }
      left -= count;
    }
  },

  slices: (walk: ValueWalk) => new SlicedList(walk as QuicklistWalk),

  createLoader: (space: Keyspace) => new ListLoader(space),
};

function beginPush(key: KeyBytes, count: number, out: CommandWriter): void {
  out.begin(count + 2);
  out.text("RPUSH");
  out.argument(key.bytes, key.from, key.length);
}

class SlicedList implements SlicedValue {
  readonly #walk: QuicklistWalk;
  readonly #element = new Element();
  #begun = false;
  /** Where the piece to write next is in the node, and how many bytes are left of it. */
  #at = 0;
  #left = 0;
  /** Elements of the list, and of the command, that are still to come. */
  #elementsLeft: number;
  #commandLeft = 0;

  constructor(walk: QuicklistWalk) {
    this.#walk = walk;
    this.#elementsLeft = walk.length;
  }

  saveSome(out: RdbWriter): boolean {
    const walk = this.#walk;
    if (!this.#begun) out.length(walk.nodes);
    this.#begun = true;
    if (this.#left === 0) {
      if (!walk.next()) return true;
      out.length(PACKED_NODE);
      if (walk.byteLength <= PIECE_BYTES) {
        out.listpack(walk.bytes, walk.from, walk.byteLength, walk.entries);
        return walk.isAtEnd;
      }
      out.beginListpack(walk.byteLength, walk.entries);
      this.#at = walk.from;
      this.#left = walk.byteLength;
    }
    const count = Math.min(PIECE_BYTES, this.#left);
    out.raw(walk.bytes, this.#at, count);
    this.#at += count;
    this.#left -= count;
    if (this.#left > 0) return false;
    out.endListpack();
    return walk.isAtEnd;
  }

  rewriteSome(key: KeyBytes, out: CommandWriter): boolean {
    const walk = this.#walk;
    if (this.#left > 0) return this.#goOn(out);
    if (!walk.next()) return true;
    let { from: at } = walk;
    for (let i = 0; i < walk.entries; i++) {
      if (this.#commandLeft === 0) {
        this.#commandLeft = Math.min(ELEMENTS_PER_COMMAND, this.#elementsLeft);
        beginPush(key, this.#commandLeft, out);
      }
      this.#commandLeft--;
      this.#elementsLeft--;
      at = this.#element.read(walk.bytes, at);
      // A long element is alone in its node.
      if (!this.#element.isInteger && this.#element.length > PIECE_BYTES) {
        out.beginArgument(this.#element.length);
        this.#at = this.#element.from;
        this.#left = this.#element.length;
        return this.#goOn(out);
      }
      out.element(this.#element);
    }
    return walk.isAtEnd;
  }

  /** Writes a piece of a long element. */
  #goOn(out: CommandWriter): boolean {
    const count = Math.min(PIECE_BYTES, this.#left);
    out.raw(this.#walk.bytes, this.#at, count);
    this.#at += count;
    this.#left -= count;
    if (this.#left > 0) return false;
    out.endArgument();
    return this.#walk.isAtEnd;
  }
}

class ListLoader implements ValueLoader {
  readonly #space: Keyspace;
  readonly #list: List;
  readonly #element = new Element();
  readonly #reader = new ZiplistReader();
  #type = 0;
  /** Parts that are still to come; -1 while it is not known. */
  #left = -1;

  constructor(space: Keyspace) {
    this.#space = space;
    this.#list = space.lists.createCursor();
  }

  begin(type: number): void {
    this.#type = type;
    this.#left = type === TYPE.listZiplist ? 1 : -1;
    this.#space.lists.create(this.#list);
  }

  loadSome(input: RdbInput): boolean {
    if (this.#left < 0) this.#left = input.length();
    else {
      this.#part(input);
      this.#left--;
    }
    return this.#left === 0;
  }

  #part(input: RdbInput): void {
    if (this.#type === TYPE.list) {
      this.#push(input.string());
      return;
    }
    if (this.#type !== TYPE.listQuicklist2) {
      this.#ziplist(input);
      return;
    }
    const container = input.length();
    if (container !== PLAIN_NODE && container !== PACKED_NODE) {
      input.fail(`node container ${container} of a list`);
    }
    const text = input.string();
    if (container === PLAIN_NODE) this.#push(text);
    else forEachEntry(input, text, this.#element, () => this.#list.pushTail(this.#element));
  }

  #ziplist(input: RdbInput): void {
    const { bytes, from, length } = input.string();
    const reader = this.#reader;
    reader.open(bytes, from, length);
    while (reader.next(this.#element)) this.#list.pushTail(this.#element.canonicalize());
    if (reader.isDamaged) input.fail("a damaged ziplist");
  }

  #push({ bytes, from, length }: RdbText): void {
    this.#list.pushTail(this.#element.setText(bytes, from, length));
  }

  take(): NewValue | null {
    return this.#list.length === 0 ? null : this.#list;
  }

  discard(): void {
    this.#list.discard();
  }
}

/** Strings in files. */
import type { CommandWriter } from "../../protocol/command-writer.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { TextWalk } from "../../store/types/text-walk.ts";
import type { NewValue, Ref, ValueWalk } from "../../store/value-type.ts";
import { TYPE } from "../rdb/format.ts";
import type { RdbInput, RdbText } from "../rdb/input.ts";
import type { RdbWriter } from "../rdb/writer.ts";
import type { KeyBytes, SlicedValue, ValueFormat, ValueLoader } from "./value-format.ts";

export const STRING_FORMAT: ValueFormat = {
  name: "string",
  rdbTypes: [TYPE.string],

  rdbTypeOf: () => TYPE.string,

  save(space: Keyspace, ref: Ref, out: RdbWriter): void {
    const { bytes, from, length } = space.strings.open(ref);
    out.string(bytes, from, length);
  },

  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void {
    const { bytes, from, length } = space.strings.open(ref);
    out.begin(3);
    out.text("SET");
    out.argument(key.bytes, key.from, key.length);
    out.argument(bytes, from, length);
  },

  slices: (walk: ValueWalk) => new SlicedText(walk as TextWalk),

  createLoader: (space: Keyspace) => new StringLoader(space),
};

/** A long text is not compressed: its compressed length would have to come first. */
class SlicedText implements SlicedValue {
  readonly #walk: TextWalk;
  #begun = false;

  constructor(walk: TextWalk) {
    this.#walk = walk;
  }

  saveSome(out: RdbWriter): boolean {
    if (!this.#begun) out.length(this.#walk.length);
    this.#begun = true;
    return this.#some(out);
  }

  rewriteSome(key: KeyBytes, out: CommandWriter): boolean {
    if (!this.#begun) {
      out.begin(3);
      out.text("SET");
      out.argument(key.bytes, key.from, key.length);
      out.beginArgument(this.#walk.length);
    }
    this.#begun = true;
    if (!this.#some(out)) return false;
    out.endArgument();
    return true;
  }

  #some(out: { raw(from: Uint8Array, offset: number, length: number): void }): boolean {
    const walk = this.#walk;
    if (!walk.next()) return true;
    out.raw(walk.bytes, walk.from, walk.byteLength);
    return walk.isAtEnd;
  }
}

class StringLoader implements ValueLoader {
  readonly #space: Keyspace;
  #text: RdbText | null = null;

  constructor(space: Keyspace) {
    this.#space = space;
  }

  begin(): void {
    this.#text = null;
  }

  loadSome(input: RdbInput): boolean {
    this.#text = input.string();
    return true;
  }

  take(): NewValue {
    const value = this.#space.strings.create();
    const text = this.#text!;
    value.bytes = text.bytes;
    value.from = text.from;
    value.length = text.length;
    return value;
  }

  discard(): void {
    this.#text = null;
  }
}

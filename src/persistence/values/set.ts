/** Sets in files. They are written as Redis 7.0 can read them: integers as an intset, others member by member. */
import { Element } from "../../memory/element.ts";
import type { TableWalk } from "../../memory/table-walk.ts";
import type { CommandWriter } from "../../protocol/command-writer.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import type { OpenSet } from "../../store/types/sets.ts";
import type { NewValue, Ref, ValueWalk } from "../../store/value-type.ts";
import { TYPE } from "../rdb/format.ts";
import type { RdbInput } from "../rdb/input.ts";
import { forEachEntry } from "../rdb/listpack.ts";
import type { RdbWriter } from "../rdb/writer.ts";
import {
  ELEMENTS_PER_COMMAND,
  type KeyBytes,
  type SlicedValue,
  type ValueFormat,
  type ValueLoader,
} from "./value-format.ts";

const PIECE_BYTES = 1 << 16;
/** Room for the text of an integer. */
const DIGITS = 20;

export const SET_FORMAT: ValueFormat = {
  name: "set",
  rdbTypes: [TYPE.set, TYPE.setIntset, TYPE.setListpack],

  rdbTypeOf: (space: Keyspace, ref: Ref) =>
    space.sets.open(ref).isInts ? TYPE.setIntset : TYPE.set,

  save(space: Keyspace, ref: Ref, out: RdbWriter): void {
    const set = space.sets.open(ref);
    if (set.isInts) {
      out.string(set.intsBytes, set.intsFrom, set.intsLength);
      return;
    }
    out.length(set.length);
    for (set.rewind(); set.next(); ) saveMember(set, out);
  },

  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void {
    const set = space.sets.open(ref);
    const commands = new MemberCommands(key, set.length);
    for (set.rewind(); set.next(); ) commands.member(set, out);
  },

  slices: (walk: ValueWalk, space: Keyspace) =>
    new SlicedSet(walk as TableWalk, space.sets.createCursor()),

  createLoader: (space: Keyspace) => new SetLoader(space),
};

const digits = new Uint8Array(DIGITS);

function saveMember({ member }: OpenSet, out: RdbWriter): void {
  member.toText(digits);
  out.string(member.bytes, member.from, member.length);
}

/** Writes commands that add the members of one set. */
class MemberCommands {
  readonly #key: KeyBytes;
  /** Members of the set, and of the command, that are still to come. */
  #left: number;
  #commandLeft = 0;

  constructor(key: KeyBytes, members: number) {
    this.#key = key;
    this.#left = members;
  }

  member({ member }: OpenSet, out: CommandWriter): void {
    if (this.#commandLeft === 0) {
      this.#commandLeft = Math.min(ELEMENTS_PER_COMMAND, this.#left);
      this.#left -= this.#commandLeft;
      out.begin(this.#commandLeft + 2);
      out.text("SADD");
      out.argument(this.#key.bytes, this.#key.from, this.#key.length);
    }
    this.#commandLeft--;
    out.element(member);
  }
}

class SlicedSet implements SlicedValue {
  readonly #walk: TableWalk;
  readonly #set: OpenSet;
  #commands: MemberCommands | null = null;
  #begun = false;

  constructor(walk: TableWalk, set: OpenSet) {
    this.#walk = walk;
    this.#set = set;
  }

  saveSome(out: RdbWriter): boolean {
    if (!this.#begun) out.length(this.#walk.count);
    this.#begun = true;
    return this.#some(out, () => saveMember(this.#set, out));
  }

  rewriteSome(key: KeyBytes, out: CommandWriter): boolean {
    this.#commands ??= new MemberCommands(key, this.#walk.count);
    const commands = this.#commands;
    return this.#some(out, () => commands.member(this.#set, out));
  }

  #some(out: { readonly at: number }, write: () => void): boolean {
    const walk = this.#walk;
    const end = out.at + PIECE_BYTES;
    while (!walk.isAtEnd && out.at < end) {
      walk.readSome((record) => {
        this.#set.readRecord(record);
        write();
      });
    }
    return walk.isAtEnd;
  }
}

class SetLoader implements ValueLoader {
  readonly #set: OpenSet;
  readonly #element = new Element();
  #type = 0;
  /** Members that are still to come; -1 while it is not known. */
  #left = -1;

  constructor(space: Keyspace) {
    this.#set = space.sets.createCursor();
  }

  begin(type: number): void {
    this.#type = type;
    this.#left = -1;
    if (type === TYPE.setListpack) this.#set.openNewPacked();
    else this.#set.openNew();
  }

  loadSome(input: RdbInput): boolean {
    if (this.#type === TYPE.setIntset) {
      const { bytes, from, length } = input.string();
      if (!this.#set.openNewInts(bytes, from, length)) input.fail("a damaged intset");
      return true;
    }
    if (this.#type === TYPE.setListpack) {
      forEachEntry(input, input.string(), this.#element, () => {
        if (!this.#set.addElement(this.#element)) failTwice(input);
      });
      return true;
    }
    if (this.#left < 0) {
      this.#left = input.length();
      this.#set.expect(this.#left);
    } else {
      const { bytes, from, length } = input.string();
      if (!this.#set.add(bytes, from, length)) failTwice(input);
      this.#left--;
    }
    return this.#left === 0;
  }

  take(): NewValue | null {
    return this.#set.length === 0 ? null : this.#set;
  }

  discard(): void {
    this.#set.discard();
  }
}

function failTwice(input: RdbInput): never {
  input.fail("a member that stands there twice");
}

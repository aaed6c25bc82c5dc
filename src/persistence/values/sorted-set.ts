/** Sorted sets in files. */
import { DOUBLE_TEXT_BYTES_MAX, parseDouble, writeDouble } from "../../base/double-text.ts";
import { Element } from "../../memory/element.ts";
import type { TableWalk } from "../../memory/table-walk.ts";
import type { CommandWriter } from "../../protocol/command-writer.ts";
import type { Keyspace } from "../../store/keyspace.ts";
import { MEMBER_BYTES_MAX, type SortedSet } from "../../store/types/open-sorted-set.ts";
import type { NewValue, Ref, ValueWalk } from "../../store/value-type.ts";
import { TYPE } from "../rdb/format.ts";
import type { RdbInput } from "../rdb/input.ts";
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
/** In place of the length of a score's text, in type 3. */
const NAN_MARK = 253;
const INFINITY_MARK = 254;
const MINUS_INFINITY_MARK = 255;

export const ZSET_FORMAT: ValueFormat = {
  name: "zset",
  rdbTypes: [TYPE.zset, TYPE.zset2, TYPE.zsetZiplist, TYPE.zsetListpack],

  rdbTypeOf: (space: Keyspace, ref: Ref) =>
    space.sortedSets.open(ref).isSmall ? TYPE.zsetListpack : TYPE.zset2,

  save(space: Keyspace, ref: Ref, out: RdbWriter): void {
    const set = space.sortedSets.open(ref);
    if (set.isSmall) {
      const { byteLength, bytes, entries, from } = set.packed;
      out.listpack(bytes, from, byteLength, entries);
      return;
    }
    // From the last to the first, as in Redis.
    out.length(set.length);
    set.seek(set.length - 1);
    for (let left = set.length; left > 0; left--) {
      set.readPrevious();
      saveMember(set, out);
    }
  },

  rewrite(space: Keyspace, ref: Ref, key: KeyBytes, out: CommandWriter): void {
    const set = space.sortedSets.open(ref);
    set.seek(0);
    for (let left = set.length; left > 0; ) {
      const count = Math.min(left, ELEMENTS_PER_COMMAND);
      beginZadd(key, count, out);
      for (let i = 0; i < count; i++) {
        set.readNext();
        rewriteMember(set, out);
      }
      left -= count;
    }
  },

  slices: (walk: ValueWalk, space: Keyspace) => new SlicedSortedSet(space, walk as TableWalk),

  createLoader: (space: Keyspace) => new SortedSetLoader(space),
};

function saveMember({ member, score }: SortedSet, out: RdbWriter): void {
  out.string(member.bytes, member.from, member.length);
  out.double(score);
}

function beginZadd(key: KeyBytes, count: number, out: CommandWriter): void {
  out.begin(count * 2 + 2);
  out.text("ZADD");
  out.argument(key.bytes, key.from, key.length);
}

const scoreText = new Uint8Array(DOUBLE_TEXT_BYTES_MAX);

function rewriteMember({ member, score }: SortedSet, out: CommandWriter): void {
  out.argument(scoreText, 0, writeDouble(scoreText, 0, score));
  out.element(member);
}

class SlicedSortedSet implements SlicedValue {
  readonly #walk: TableWalk;
  /** Reads records; no set is open. */
  readonly #set: SortedSet;
  #hasBegun = false;
  /** Members of the set, and of the command, that are still to come. */
  #left: number;
  #commandLeft = 0;

  constructor(space: Keyspace, walk: TableWalk) {
    this.#set = space.sortedSets.createCursor();
    this.#walk = walk;
    this.#left = walk.count;
  }

  saveSome(out: RdbWriter): boolean {
    const walk = this.#walk;
    const set = this.#set;
    if (!this.#hasBegun) out.length(walk.count);
    this.#hasBegun = true;
    const end = out.at + PIECE_BYTES;
    const visit = (record: number) => {
      set.readRecord(record);
      saveMember(set, out);
    };
    while (!walk.isAtEnd && out.at < end) walk.readSome(visit);
    return walk.isAtEnd;
  }

  rewriteSome(key: KeyBytes, out: CommandWriter): boolean {
    const walk = this.#walk;
    const set = this.#set;
    const end = out.at + PIECE_BYTES;
    const visit = (record: number) => {
      if (this.#commandLeft === 0) {
        this.#commandLeft = Math.min(ELEMENTS_PER_COMMAND, this.#left);
        beginZadd(key, this.#commandLeft, out);
      }
      this.#commandLeft--;
      this.#left--;
      set.readRecord(record);
      rewriteMember(set, out);
    };
    while (!walk.isAtEnd && out.at < end) walk.readSome(visit);
    return walk.isAtEnd;
  }
}

class SortedSetLoader implements ValueLoader {
  readonly #space: Keyspace;
  readonly #set: SortedSet;
  readonly #element = new Element();
  readonly #reader = new ZiplistReader();
  readonly #digits = new Uint8Array(20);
  #type = 0;
  /** Members that are still to come, each a part; -1 while it is not known. */
  #left = -1;
  /** The set is large: it is ranked when all members are there, in parts of their own. */
  #isBulk = false;

  constructor(space: Keyspace) {
    this.#space = space;
    this.#set = space.sortedSets.createCursor();
  }

  begin(type: number): void {
    this.#type = type;
    this.#left = -1;
    this.#isBulk = false;
    this.#space.sortedSets.create(this.#set);
  }

  loadSome(input: RdbInput): boolean {
    if (this.#type === TYPE.zsetListpack || this.#type === TYPE.zsetZiplist) {
      this.#packed(input);
      return true;
    }
    if (this.#left < 0) {
      this.#left = input.length();
      this.#isBulk = this.#left > this.#space.sortedSets.limit.entries;
      if (this.#isBulk) {
        this.#set.discard();
        this.#set.openBulk();
      }
    } else if (this.#left > 0) {
      const { bytes, from, length } = input.string();
      const score = this.#type === TYPE.zset2 ? input.double() : readTextScore(input);
      this.#add(input, bytes, from, length, score);
      this.#left--;
    } else return this.#set.rankSome();
    return this.#left === 0 && !this.#isBulk;
  }

  #add(input: RdbInput, bytes: Uint8Array, from: number, length: number, score: number): void {
    if (Number.isNaN(score)) input.fail("a score that is no number");
    if (length > MEMBER_BYTES_MAX) input.fail("a member of a sorted set that is too long");
    if (this.#set.find(bytes, from, length)) input.fail("a member of a sorted set twice");
    if (this.#isBulk) this.#set.addBulk(bytes, from, length, score);
    else this.#set.add(bytes, from, length, score);
  }

  /** A listpack or ziplist: member, score, member, score, … */
  #packed(input: RdbInput): void {
    const text = input.string();
    const member = new Element();
    const element = this.#element;
    let isScore = false;
    const visit = () => {
      if (isScore) this.#addPair(input, member, element);
      else {
        // The reader goes on with its element.
        element.toText(this.#digits);
        member.setString(element.bytes, element.from, element.length);
      }
      isScore = !isScore;
    };
    if (this.#type === TYPE.zsetListpack) forEachEntry(input, text, element, visit);
    else {
      const reader = this.#reader;
      reader.open(text.bytes, text.from, text.length);
      while (reader.next(element)) {
        element.canonicalize();
        visit();
      }
      if (reader.isDamaged) input.fail("a damaged ziplist");
    }
    if (isScore) input.fail("a member of a sorted set without a score");
  }

  #addPair(input: RdbInput, member: Element, score: Element): void {
    const value = score.isInteger
      ? score.high * 4294967296 + (score.low >>> 0)
      : parseDouble(score.bytes, score.from, score.length);
    this.#add(input, member.bytes, member.from, member.length, value);
  }

  take(): NewValue | null {
    return this.#set.length === 0 ? null : this.#set;
  }

  discard(): void {
    this.#set.discard();
  }
}

/** A score of type 3: the length of its text and the text, or a mark. */
function readTextScore(input: RdbInput): number {
  const length = input.byte();
  if (length === NAN_MARK) return Number.NaN;
  if (length === INFINITY_MARK) return Number.POSITIVE_INFINITY;
  if (length === MINUS_INFINITY_MARK) return Number.NEGATIVE_INFINITY;
  const text = input.raw(length);
  return parseDouble(text.bytes, text.from, length);
}

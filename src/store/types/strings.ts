/**
 * Strings.
 *
 * Layout of an entry (memory/record.ts)
 *   INTEGER   value word: low word; HAS_HIGH adds the high word. A canonical 64-bit integer.
 *   TEXT      value word: length; the text lies behind the key
 *   RAW       the same, for a text that was changed in place: only OBJECT ENCODING tells them apart
 *   LONG      value word: ref of a block of its own: length in bytes (int32), 4 unused bytes, the text
 *
 * Invariants (asserted by `check`)
 *   A text of more than LONG_FROM_BYTES is LONG, and no other is when it is set; one that grew stays LONG.
 *
 * Cost
 *   A long text does not move when its key gets an expiry or another name, and a snapshot reads it in
 *   slices: see `TextWalk`.
 */
import { copyBytes } from "../../base/bytes.ts";
import {
  fitsInt64,
  parseBigInteger,
  parseInteger,
  toBigInt,
  writeInt64,
} from "../../base/number-text.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../../memory/heap.ts";
import {
  EXPIRY_WORD,
  HAS_EXPIRY,
  HAS_HIGH,
  keyOffset,
  RECORD_BYTES,
  VALUE_WORD,
} from "../../memory/record.ts";
import {
  ENCODING_MASK,
  hasExpiry,
  INTEGER,
  isInteger,
  KEEP_EXPIRY,
  LONG,
  LOW_MASK,
  MARK,
  NO_EXPIRY,
  RAW,
  STRING,
  TEXT,
} from "../entry.ts";
import type { Space } from "../space.ts";
import type { ValueDigest } from "../value-digest.ts";
import type { Entries, NewValue, Ref, Room, ValueType } from "../value-type.ts";
import { LONG_HEADER_BYTES, TextWalk } from "./text-walk.ts";

/** Longer texts have a block of their own. */
export const LONG_FROM_BYTES = 16384;
const EMBEDDED_BYTES_MAX = 44;
const TEXTS = 4;

/**
 * An open string: where its text lies, or a new one. An integer's digits are in a buffer of the
 * object's own. Valid until the string changes, or four more strings are opened.
 */
export class Text implements NewValue {
  readonly #strings: Strings;
  readonly digits = new Uint8Array(20);
  bytes: Uint8Array = this.digits;
  from = 0;
  length = 0;

  constructor(strings: Strings) {
    this.#strings = strings;
  }

  addTo(db: Entries, key: Uint8Array, keyFrom: number, keyBytes: number): Ref {
    const { bytes, from, length } = this;
    return this.#strings.set(db, 0, key, keyFrom, keyBytes, bytes, from, length, NO_EXPIRY);
  }

  discard(): void {}
}

export class Strings implements ValueType {
  readonly name = "string";
  readonly #space: Space;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  readonly #texts: Text[];
  #nextText = 0;

  constructor(space: Space) {
    this.#space = space;
    this.#words = space.heap.words;
    this.#bytes = space.heap.bytes;
    this.#texts = Array.from({ length: TEXTS }, () => new Text(this));
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────

  /** A string that no key has yet; the caller says what its text is. */
  create(): Text {
    return this.#texts[this.#nextText++ & (TEXTS - 1)]!;
  }

  /** The string's text; an empty one for 0. */
  open(ref: Ref): Text {
    const text = this.create();
    if (ref === 0) {
      text.length = 0;
      return text;
    }
    const meta = this.#metaOf(ref);
    if (meta & HAS_HIGH) {
      text.bytes = text.digits;
      text.from = 0;
      text.length = writeInt64(text.digits, 0, this.integerLow(ref), this.integerHigh(ref));
      return text;
    }
    text.length = this.textLength(ref);
    text.from = this.textAt(ref);
    text.bytes = this.textBytes(ref);
    return text;
  }

  /** The bytes of the segment that the text of a TEXT, RAW or LONG string is in. */
  textBytes(ref: Ref): Uint8Array {
    const isLong = (this.#metaOf(ref) & ENCODING_MASK) === LONG;
    return this.#bytes[(isLong ? this.#word(ref, VALUE_WORD) : ref) >>> SEGMENT_SHIFT]!;
  }

  /** Where in it the text starts. */
  textAt(ref: Ref): number {
    const meta = this.#metaOf(ref);
    if ((meta & ENCODING_MASK) !== LONG) {
      return ((ref & UNIT_MASK) << 3) + keyOffset(meta) + this.#word(ref, 1);
    }
    return ((this.#word(ref, VALUE_WORD) & UNIT_MASK) << 3) + LONG_HEADER_BYTES;
  }

  textLength(ref: Ref): number {
    const word = this.#word(ref, VALUE_WORD);
    return (this.#metaOf(ref) & ENCODING_MASK) === LONG ? this.#word(word, 0) : word;
  }

  /** Low and high word of an INTEGER string. */
  integerLow(ref: Ref): number {
    return this.#word(ref, VALUE_WORD);
  }

  integerHigh(ref: Ref): number {
    return this.#word(ref, highWord(this.#metaOf(ref)));
  }

  /** The integer in a string: NaN where it is none, infinite where it is beyond the safe ones. */
  integerOf(ref: Ref): number {
    if (isInteger(this.#metaOf(ref))) {
      const value = this.integerHigh(ref) * 4294967296 + (this.integerLow(ref) >>> 0);
      return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
    }
    return parseInteger(this.textBytes(ref), this.textAt(ref), this.textLength(ref));
  }

  /** The same for the whole range; null where it is none. */
  bigIntegerOf(ref: Ref): bigint | null {
    if (isInteger(this.#metaOf(ref))) {
      return toBigInt(this.integerLow(ref), this.integerHigh(ref));
    }
    return parseBigInteger(this.textBytes(ref), this.textAt(ref), this.textLength(ref));
  }

  // ── Writing ────────────────────────────────────────────────────────────────────────────────

  /**
   * Sets a key, whose entry is `ref` or 0, to a string; returns the entry. A text that is a
   * canonical integer is stored as one.
   */
  set(
    db: Entries,
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: Uint8Array,
    from: number,
    length: number,
    expireAtMs: number,
  ): Ref {
    const first = length === 0 || length > 20 ? 0 : value[from]!;
    if ((first >= 48 && first <= 57) || first === 45) {
      const integer = parseInteger(value, from, length);
      if (!Number.isNaN(integer)) {
        const entry = db.place(ref, key, keyFrom, keyBytes, STRING | INTEGER, 0, expireAtMs);
        if (Number.isFinite(integer)) this.#writeInteger(entry, integer);
        else this.#writeBigInteger(entry, parseBigInteger(value, from, length)!);
        return entry;
      }
    }
    return this.setText(db, ref, key, keyFrom, keyBytes, value, from, length, expireAtMs);
  }

  /** The same, but stored as text whatever it says. */
  setText(
    db: Entries,
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: Uint8Array,
    from: number,
    length: number,
    expireAtMs: number,
  ): Ref {
    if (length > LONG_FROM_BYTES) {
      const block = this.newLong(length);
      copyBytes(value, from, this.longBytes(block), longTextAt(block), length);
      return this.setLong(db, ref, key, keyFrom, keyBytes, block, expireAtMs);
    }
    // A text of the same length, without expiry before and after: only its bytes change.
    const isSame = ref !== 0 && expireAtMs < 0 && this.#isPlainText(ref, length);
    if (isSame) db.beforeChange(ref);
    const entry = isSame
      ? ref
      : db.place(ref, key, keyFrom, keyBytes, STRING | TEXT, length, expireAtMs);
    const segment = entry >>> SEGMENT_SHIFT;
    const w = (entry & UNIT_MASK) << 1;
    const words = this.#words[segment]!;
    words[w + VALUE_WORD] = length;
    const to = (w << 2) + keyOffset(words[w]!) + keyBytes;
    copyBytes(value, from, this.#bytes[segment]!, to, length);
    return entry;
  }

  /** The same for a short text that a command has computed: as in Redis its encoding is "raw". */
  setRaw(
    db: Entries,
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: Uint8Array,
    from: number,
    length: number,
    expireAtMs: number,
  ): Ref {
    const entry = this.setText(db, ref, key, keyFrom, keyBytes, value, from, length, expireAtMs);
    this.#setWord(entry, 0, (this.#metaOf(entry) & ~ENCODING_MASK) | RAW);
    return entry;
  }

  /**
   * A block for a text of `length` bytes, more than LONG_FROM_BYTES, that no key has yet. The caller
   * writes all of the text, in `longBytes` at `longTextAt`, and calls `setLong`.
   */
  newLong(length: number): Ref {
    return this.#newLong(length, length);
  }

  /** The bytes of the segment that a block of `newLong` is in. */
  longBytes(block: Ref): Uint8Array {
    return this.#bytes[block >>> SEGMENT_SHIFT]!;
  }

  /** Sets a key, whose entry is `ref` or 0, to the text in a block of `newLong`; frees it where memory runs out. */
  setLong(
    db: Entries,
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    block: Ref,
    expireAtMs: number,
  ): Ref {
    try {
      const entry = db.place(ref, key, keyFrom, keyBytes, STRING | LONG, 0, expireAtMs);
      this.#setWord(entry, VALUE_WORD, block);
      return entry;
    } catch (error) {
      this.#space.heap.free(block);
      throw error;
    }
  }

  #isPlainText(ref: Ref, length: number): boolean {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    return words[w + VALUE_WORD] === length && (words[w]! & LOW_MASK & ~MARK) === (STRING | TEXT);
  }

  /** Reserves what `set` may allocate for a key of so many bytes. */
  reserve(
    room: Room,
    keyBytes: number,
    value: Uint8Array,
    from: number,
    length: number,
    expires: boolean,
  ): void {
    const head = RECORD_BYTES + (expires ? HAS_EXPIRY : 0) + keyBytes;
    if (length > LONG_FROM_BYTES) {
      room.add(LONG_HEADER_BYTES + length);
      room.add(head);
    } else if (Number.isNaN(parseInteger(value, from, length))) room.add(head + length);
    else room.add(head + HAS_HIGH);
  }

  /** Sets a key, whose entry is `ref` or 0, to an integer. */
  setInteger(
    db: Entries,
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: number | bigint,
    expireAtMs: number,
  ): Ref {
    let entry = ref;
    if (ref === 0 || expireAtMs !== KEEP_EXPIRY || !isInteger(this.#metaOf(ref))) {
      entry = db.place(ref, key, keyFrom, keyBytes, STRING | INTEGER, 0, expireAtMs);
    } else db.beforeChange(ref);
    if (typeof value === "number") this.#writeInteger(entry, value);
    else this.#writeBigInteger(entry, value);
    return entry;
  }

  #writeInteger(ref: Ref, value: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = value | 0;
    words[w + highWord(words[w]!)] = Math.floor(value / 4294967296);
  }

  #writeBigInteger(ref: Ref, value: bigint): void {
    if (!fitsInt64(value)) throw new RangeError("beyond 64 bits");
    this.#setWord(ref, VALUE_WORD, Number(BigInt.asIntN(32, value)));
    this.#setWord(ref, highWord(this.#metaOf(ref)), Number(value >> 32n));
  }

  /**
   * Makes the string of an entry a text of at least `length` bytes, of which those from `from` to `to` are
   * about to be written in place. What was there stays, and what is new is zero. Room for more is
   * left, so that appending is cheap. Returns the entry, which may have moved.
   */
  edit(db: Entries, ref: Ref, length: number, from: number, to: number): Ref {
    db.beforeChange(ref);
    let entry = ref;
    if (isInteger(this.#metaOf(entry))) entry = this.#integerToText(db, entry);
    const have = this.textLength(entry);
    const isLong = (this.#metaOf(entry) & ENCODING_MASK) === LONG;
    if (isLong || length > LONG_FROM_BYTES) this.#editLong(entry, isLong, have, length, from, to);
    else entry = this.#editShort(db, entry, have, length);
    if (length > have) {
      const at = this.textAt(entry);
      this.textBytes(entry).fill(0, at + have, at + length);
    }
    return entry;
  }

  /** Cuts the end off a text that `edit` has returned. */
  shorten(ref: Ref, length: number): void {
    const block = this.#longBlock(ref);
    if (block !== 0) this.#setWord(block, 0, length);
    else this.#setWord(ref, VALUE_WORD, length);
  }

  /** The same as `edit` for a key that may not exist, where `ref` is 0: it is created. */
  editOrCreate(
    db: Entries,
    ref: Ref,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    length: number,
    from: number,
    to: number,
  ): Ref {
    if (ref !== 0) return this.edit(db, ref, length, from, to);
    if (length > LONG_FROM_BYTES) {
      const block = this.#newLong(length, length);
      const at = longTextAt(block);
      this.longBytes(block).fill(0, at, at + length);
      return this.setLong(db, 0, key, keyFrom, keyBytes, block, NO_EXPIRY);
    }
    const entry = db.place(0, key, keyFrom, keyBytes, STRING | RAW, length, NO_EXPIRY);
    this.#setWord(entry, VALUE_WORD, length);
    const at = this.textAt(entry);
    this.textBytes(entry).fill(0, at, at + length);
    return entry;
  }

  #editShort(db: Entries, ref: Ref, have: number, length: number): Ref {
    const { heap } = this.#space;
    const head = this.textAt(ref) - ((ref & UNIT_MASK) << 3);
    const needed = head + Math.max(have, length);
    const entry =
      needed > heap.usableBytes(ref) ? db.relocate(ref, heap.alloc(needed * 2), head + have) : ref;
    const words = this.#words[entry >>> SEGMENT_SHIFT]!;
    const w = (entry & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = Math.max(have, length);
    words[w] = (words[w]! & ~ENCODING_MASK) | RAW;
    return entry;
  }

  #editLong(ref: Ref, isLong: boolean, have: number, length: number, from: number, to: number) {
    const { guards, heap } = this.#space;
    let block = isLong ? this.#word(ref, VALUE_WORD) : 0;
    const guard = isLong ? (guards.of(block) as TextWalk | null) : null;
    if (!isLong || LONG_HEADER_BYTES + length > heap.usableBytes(block)) {
      const roomy = length < 1048576 ? length * 2 : length + Math.min(length >>> 2, 67108864);
      if (!isLong || !heap.growInPlace(block, LONG_HEADER_BYTES + roomy)) {
        const larger = this.#newLong(roomy, have);
        copyBytes(
          this.textBytes(ref),
          this.textAt(ref),
          this.#bytes[larger >>> SEGMENT_SHIFT]!,
          longTextAt(larger),
          have,
        );
        if (isLong && (guard === null || !guard.takes(block))) heap.free(block);
        block = larger;
      }
    }
    if (guard !== null && block === this.#word(ref, VALUE_WORD)) guard.beforeWrite(from, to);
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = block;
    words[w] = (words[w]! & ~ENCODING_MASK) | LONG;
    this.#setWord(block, 0, Math.max(have, length));
  }

  /** A block for a long text, which may become `room` bytes long. */
  #newLong(room: number, length: number): Ref {
    const block = this.#space.heap.alloc(LONG_HEADER_BYTES + room);
    this.#setWord(block, 0, length);
    return block;
  }

  #integerToText(db: Entries, ref: Ref): Ref {
    const text = this.open(ref);
    const meta = this.#metaOf(ref);
    const keyFrom = ((ref & UNIT_MASK) << 3) + keyOffset(meta);
    const keyBytes = this.#word(ref, 1);
    const head = RECORD_BYTES + (meta & HAS_EXPIRY);
    const block = this.#space.heap.alloc(head + keyBytes + text.length);
    const base = (block & UNIT_MASK) << 3;
    const from = this.#bytes[ref >>> SEGMENT_SHIFT]!;
    const to = this.#bytes[block >>> SEGMENT_SHIFT]!;
    copyBytes(from, (ref & UNIT_MASK) << 3, to, base, head);
    copyBytes(from, keyFrom, to, base + head, keyBytes);
    copyBytes(text.bytes, text.from, to, base + head + keyBytes, text.length);
    this.#setWord(block, 0, meta & ~(HAS_HIGH | ENCODING_MASK));
    this.#setWord(block, VALUE_WORD, text.length);
    return db.replaceEntry(ref, block);
  }

  // ── What every type can do ─────────────────────────────────────────────────────────────────

  encoding(ref: Ref): string {
    const meta = this.#metaOf(ref);
    if (isInteger(meta)) return "int";
    const isEmbedded =
      (meta & ENCODING_MASK) === TEXT && this.#word(ref, VALUE_WORD) <= EMBEDDED_BYTES_MAX;
    return isEmbedded ? "embstr" : "raw";
  }

  count(): number {
    return 1;
  }

  usedBytes(ref: Ref): number {
    const block = this.#longBlock(ref);
    return block === 0 ? 0 : this.#space.heap.usableBytes(block);
  }

  copy(from: Ref, to: Ref): void {
    const block = this.#longBlock(from);
    if (block === 0) return;
    const length = this.#word(block, 0);
    const copied = this.#newLong(length, length);
    copyBytes(
      this.#bytes[block >>> SEGMENT_SHIFT]!,
      longTextAt(block),
      this.#bytes[copied >>> SEGMENT_SHIFT]!,
      longTextAt(copied),
      length,
    );
    this.#setWord(to, VALUE_WORD, copied);
  }

  free(ref: Ref): number {
    const block = this.#longBlock(ref);
    if (block === 0) return 0;
    const guard = this.#space.guards.of(block);
    if (guard === null || !guard.takes(block)) this.#space.heap.free(block);
    return 0;
  }

  freeMore(): number {
    return 0;
  }

  walk(ref: Ref): TextWalk | null {
    const block = this.#longBlock(ref);
    return block === 0 ? null : new TextWalk(this.#space.heap, block);
  }

  digest(ref: Ref, into: ValueDigest): void {
    const text = this.open(ref);
    into.mix(text.bytes, text.from, text.length);
  }

  check(ref: Ref, owns: (block: Ref) => void): void {
    const block = this.#longBlock(ref);
    if (block !== 0) owns(block);
  }

  checkRest(): void {}

  /** The block of a LONG string; 0 for the others. */
  #longBlock(ref: Ref): Ref {
    return (this.#metaOf(ref) & ENCODING_MASK) === LONG ? this.#word(ref, VALUE_WORD) : 0;
  }

  #metaOf(ref: Ref): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
  }

  #word(ref: Ref, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #setWord(ref: Ref, word: number, value: number): void {
    this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word] = value;
  }
}

/** Which word of an INTEGER entry is the high one. */
function highWord(meta: number): number {
  return hasExpiry(meta) ? EXPIRY_WORD + 4 : EXPIRY_WORD;
}

/** Where in its segment the text of a block of `newLong` starts. */
export function longTextAt(block: Ref): number {
  return ((block & UNIT_MASK) << 3) + LONG_HEADER_BYTES;
}

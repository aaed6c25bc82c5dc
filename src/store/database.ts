/**
 * One database: the narrow waist between commands and memory. Every command reaches keys and
 * values through here, so that expiry, access clocks and (where a walk over the table is under
 * way) the saving of old states have one place.
 *
 * A key is given as bytes, offset and length. `lookup` remembers what it found, and the writing
 * methods that say "the key last looked up" act on that, without hashing it again.
 *
 * Refs of entries are valid until the next write to that key: a write may move the entry, and
 * then the method returns its new ref.
 */
import { copyBytes } from "../base/bytes.ts";
import {
  fitsInt64,
  parseBigInteger,
  parseInteger,
  toBigInt,
  writeInt64,
} from "../base/number-text.ts";
import { SEGMENT_SHIFT, UNIT_MASK } from "../memory/heap.ts";
import {
  EXPIRY_WORD,
  HAS_EXPIRY,
  HAS_HIGH,
  KEY_LENGTH_WORD,
  keyOffset,
  META_WORD,
  RECORD_BYTES,
  VALUE_WORD,
} from "../memory/record.ts";
import {
  CLOCK_SHIFT,
  ENCODING_MASK,
  hasExpiry,
  INTEGER,
  LIST,
  LOW_MASK,
  MARK,
  RAW,
  STRING,
  TEXT,
  TYPE_MASK,
} from "./entry.ts";
import type { Keyspace } from "./keyspace.ts";

/** `expireAtMs` arguments: keep the key's expiry, or have none. */
export const KEEP_EXPIRY = -1;
export const NO_EXPIRY = -2;

const EXPIRY_BYTES = HAS_EXPIRY;
const TTL_SAMPLES = 32;
const RANDOM_TRIES = 100;
const CLOCK_MAX = 0xffffff;

export class Database {
  readonly index: number;
  readonly #space: Keyspace;
  readonly #words: Int32Array[];
  readonly #bytes: Uint8Array[];
  /** Of the key last looked up. */
  #hash = 0;

  constructor(space: Keyspace, index: number) {
    this.#space = space;
    this.index = index;
    this.#words = space.heap.words;
    this.#bytes = space.heap.bytes;
  }

  get keyCount(): number {
    return this.#space.table.count(this.#space.tableRoot(this.index));
  }

  get expiringCount(): number {
    const wheel = this.#space.wheelRoot(this.index);
    return wheel === 0 ? 0 : this.#space.wheel.count(wheel);
  }

  // ── Finding ────────────────────────────────────────────────────────────────────────────────

  /** The key's entry for a reading command, or 0; counts a hit or a miss. */
  lookup(key: Uint8Array, offset: number, length: number): number {
    const ref = this.peek(key, offset, length);
    if (ref === 0) {
      this.#space.misses++;
      this.#space.onMissed?.(this, key, offset, length);
      return 0;
    }
    this.#space.hits++;
    this.#touch(ref);
    return ref;
  }

  /** The key's entry for a writing command, or 0. */
  lookupWrite(key: Uint8Array, offset: number, length: number): number {
    const ref = this.peek(key, offset, length);
    if (ref !== 0) this.#touch(ref);
    return ref;
  }

  /** The key's entry, or 0, without any trace of the look-up. */
  peek(key: Uint8Array, offset: number, length: number): number {
    const space = this.#space;
    const hash = space.hash.of(key, offset, length);
    this.#hash = hash;
    const ref = space.table.find(space.tableRoot(this.index), hash, key, offset, length);
    if (ref !== 0 && this.isExpired(ref)) {
      if (!space.keepsExpired) this.#expire(ref);
      return 0;
    }
    return ref;
  }

  /** The key's entry, or 0, whether its time has come or not. */
  find(key: Uint8Array, offset: number, length: number): number {
    const space = this.#space;
    this.#hash = space.hash.of(key, offset, length);
    return space.table.find(space.tableRoot(this.index), this.#hash, key, offset, length);
  }

  /** Removes the entry that was found: its time has come. */
  #expire(ref: number): void {
    const space = this.#space;
    space.expired++;
    space.onExpired?.(this, ref);
    this.remove(ref);
  }

  /** To be called before anything of an entry changes that a snapshot holds. */
  #beforeChange(ref: number): void {
    const space = this.#space;
    const { walk } = space;
    if (walk === null) return;
    if ((this.metaOf(ref) & MARK) === space.mark && ref !== walk.heldRef) return;
    walk.beforeChange(space.tableRoot(this.index), ref);
  }

  #touch(ref: number): void {
    const space = this.#space;
    if (!space.touching) return;
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const meta = words[w]!;
    if (meta >>> CLOCK_SHIFT !== space.accessClock) {
      words[w] = (meta & LOW_MASK) | (space.accessClock << CLOCK_SHIFT);
    }
  }

  /** Makes the entry look unused for so many seconds. */
  setIdle(ref: number, seconds: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    const clock = this.#space.accessClock - Math.min(seconds, CLOCK_MAX);
    words[w] = (words[w]! & LOW_MASK) | (clock << CLOCK_SHIFT);
  }

  // ── Reading an entry ───────────────────────────────────────────────────────────────────────

  metaOf(ref: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![(ref & UNIT_MASK) << 1]!;
  }

  /** STRING, LIST, … */
  typeOf(ref: number): number {
    return this.metaOf(ref) & TYPE_MASK;
  }

  /** Bytes of the segment that the entry is in; the offsets below count from its start. */
  bytesOf(ref: number): Uint8Array {
    return this.#bytes[ref >>> SEGMENT_SHIFT]!;
  }

  keyAt(ref: number): number {
    return ((ref & UNIT_MASK) << 3) + keyOffset(this.metaOf(ref));
  }

  keyLength(ref: number): number {
    return this.#word(ref, KEY_LENGTH_WORD);
  }

  /** Where the text of a TEXT or RAW string starts. */
  textAt(ref: number): number {
    return this.keyAt(ref) + this.keyLength(ref);
  }

  textLength(ref: number): number {
    return this.#word(ref, VALUE_WORD);
  }

  /** Low and high word of an INTEGER string. */
  integerLow(ref: number): number {
    return this.#word(ref, VALUE_WORD);
  }

  integerHigh(ref: number): number {
    return this.#word(ref, hasExpiry(this.metaOf(ref)) ? EXPIRY_WORD + 4 : EXPIRY_WORD);
  }

  /** The integer in a string entry: NaN where it is none, infinite where it is beyond the safe ones. */
  integerOf(ref: number): number {
    if (this.metaOf(ref) & HAS_HIGH) {
      const value = this.integerHigh(ref) * 4294967296 + (this.integerLow(ref) >>> 0);
      return Number.isSafeInteger(value) ? value : Number.POSITIVE_INFINITY;
    }
    return parseInteger(this.bytesOf(ref), this.textAt(ref), this.textLength(ref));
  }

  /** The same for the whole range; null where it is none. */
  bigIntegerOf(ref: number): bigint | null {
    if (this.metaOf(ref) & HAS_HIGH) {
      return toBigInt(this.integerLow(ref), this.integerHigh(ref));
    }
    return parseBigInteger(this.bytesOf(ref), this.textAt(ref), this.textLength(ref));
  }

  // ── Strings ────────────────────────────────────────────────────────────────────────────────

  /**
   * Sets the key last looked up to a string; `ref` is what the look-up returned. A text that is
   * a canonical integer is stored as one.
   */
  setString(
    ref: number,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: Uint8Array,
    from: number,
    length: number,
    expireAtMs: number,
  ): number {
    const first = length === 0 || length > 20 ? 0 : value[from]!;
    if ((first >= 48 && first <= 57) || first === 45) {
      const integer = parseInteger(value, from, length);
      if (!Number.isNaN(integer)) {
        const entry = this.#place(ref, key, keyFrom, keyBytes, STRING | INTEGER, 0, expireAtMs);
        if (Number.isFinite(integer)) this.#writeInteger(entry, integer);
        else this.#writeBigInteger(entry, parseBigInteger(value, from, length)!);
        return entry;
      }
    }
    return this.setText(ref, key, keyFrom, keyBytes, value, from, length, expireAtMs);
  }

  /** The same, but stored as text whatever it says. */
  setText(
    ref: number,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: Uint8Array,
    from: number,
    length: number,
    expireAtMs: number,
  ): number {
    // A text of the same length, without expiry before and after: only its bytes change.
    const isSame = ref !== 0 && expireAtMs < 0 && this.#isPlainText(ref, length);
    if (isSame) this.#beforeChange(ref);
    const entry = isSame
      ? ref
      : this.#place(ref, key, keyFrom, keyBytes, STRING | TEXT, length, expireAtMs);
    const segment = entry >>> SEGMENT_SHIFT;
    const w = (entry & UNIT_MASK) << 1;
    const words = this.#words[segment]!;
    words[w + VALUE_WORD] = length;
    const to = (w << 2) + keyOffset(words[w]!) + keyBytes;
    copyBytes(value, from, this.#bytes[segment]!, to, length);
    return entry;
  }

  #isPlainText(ref: number, length: number): boolean {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    return words[w + VALUE_WORD] === length && (words[w]! & LOW_MASK & ~MARK) === (STRING | TEXT);
  }

  /** Sets the key last looked up to an integer. */
  setInteger(
    ref: number,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    value: number | bigint,
    expireAtMs: number,
  ): number {
    let entry = ref;
    if (ref === 0 || expireAtMs !== KEEP_EXPIRY || (this.metaOf(ref) & HAS_HIGH) === 0) {
      entry = this.#place(ref, key, keyFrom, keyBytes, STRING | INTEGER, 0, expireAtMs);
    } else this.#beforeChange(ref);
    if (typeof value === "number") this.#writeInteger(entry, value);
    else this.#writeBigInteger(entry, value);
    return entry;
  }

  #writeInteger(ref: number, value: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = value | 0;
    words[w + (words[w]! & HAS_EXPIRY ? EXPIRY_WORD + 4 : EXPIRY_WORD)] = Math.floor(
      value / 4294967296,
    );
  }

  #writeBigInteger(ref: number, value: bigint): void {
    if (!fitsInt64(value)) throw new RangeError("beyond 64 bits");
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = Number(BigInt.asIntN(32, value));
    words[w + (words[w]! & HAS_EXPIRY ? EXPIRY_WORD + 4 : EXPIRY_WORD)] = Number(value >> 32n);
  }

  /**
   * Makes the string at `ref` a text of `length` bytes that may be written in place: what was
   * there stays, and what is new is zero. Room for more is left, so that appending is cheap.
   */
  growText(ref: number, length: number): number {
    this.#beforeChange(ref);
    let entry = ref;
    if (this.metaOf(entry) & HAS_HIGH) entry = this.#integerToText(entry);
    const have = this.textLength(entry);
    const needed = this.textAt(entry) - ((entry & UNIT_MASK) << 3) + length;
    const { heap } = this.#space;
    if (needed > heap.usableBytes(entry)) {
      const roomy = needed < 1048576 ? needed * 2 : needed + Math.min(needed >>> 2, 67108864);
      if (!heap.growInPlace(entry, roomy)) {
        entry = this.#move(
          entry,
          heap.alloc(roomy),
          this.textAt(entry) - ((entry & UNIT_MASK) << 3) + have,
        );
      }
    }
    const words = this.#words[entry >>> SEGMENT_SHIFT]!;
    const w = (entry & UNIT_MASK) << 1;
    if (length > have) {
      const at = this.textAt(entry);
      this.bytesOf(entry).fill(0, at + have, at + length);
      words[w + VALUE_WORD] = length;
    }
    words[w] = (words[w]! & ~ENCODING_MASK) | RAW;
    return entry;
  }

  #integerToText(ref: number): number {
    const digits = new Uint8Array(20);
    const length = writeInt64(digits, 0, this.integerLow(ref), this.integerHigh(ref));
    const meta = this.metaOf(ref);
    const from = this.keyAt(ref);
    const keyBytes = this.keyLength(ref);
    const head = RECORD_BYTES + (meta & HAS_EXPIRY);
    const block = this.#space.heap.alloc(head + keyBytes + length);
    const base = (block & UNIT_MASK) << 3;
    const to = this.#bytes[block >>> SEGMENT_SHIFT]!;
    const start = (ref & UNIT_MASK) << 3;
    to.set(this.bytesOf(ref).subarray(start, start + head), base);
    to.set(this.bytesOf(ref).subarray(from, from + keyBytes), base + head);
    to.set(digits.subarray(0, length), base + head + keyBytes);
    const words = this.#words[block >>> SEGMENT_SHIFT]!;
    const w = (block & UNIT_MASK) << 1;
    words[w] = meta & ~(HAS_HIGH | ENCODING_MASK);
    words[w + VALUE_WORD] = length;
    return this.#replace(ref, block);
  }

  // ── Lists ──────────────────────────────────────────────────────────────────────────────────

  /** Opens the list's chain to change it. */
  openListToWrite(ref: number): void {
    this.#beforeChange(ref);
    this.openList(ref);
  }

  /** Opens the list's chain to read it. */
  openList(ref: number): void {
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    this.#space.chain.open(words[w + VALUE_WORD]!, words[w]! & ENCODING_MASK);
  }

  /** Closes the chain of the list at `ref`; removes the key, which was looked up last, if it is empty. */
  closeList(ref: number): void {
    const { chain } = this.#space;
    if (chain.length === 0) {
      chain.closeEmpty();
      this.#removeEntry(ref);
      return;
    }
    const word = chain.close();
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    const w = (ref & UNIT_MASK) << 1;
    words[w + VALUE_WORD] = word;
    words[w] = (words[w]! & ~ENCODING_MASK) | chain.form;
  }

  /** Makes the open chain the value of the key last looked up, which does not exist. */
  addList(key: Uint8Array, keyFrom: number, keyBytes: number): number {
    const { chain } = this.#space;
    try {
      const word = chain.close();
      const entry = this.#place(0, key, keyFrom, keyBytes, LIST | chain.form, 0, NO_EXPIRY);
      this.#words[entry >>> SEGMENT_SHIFT]![((entry & UNIT_MASK) << 1) + VALUE_WORD] = word;
      return entry;
    } catch (error) {
      chain.destroySome(chain.nodes);
      throw error;
    }
  }

  // ── Expiry ─────────────────────────────────────────────────────────────────────────────────

  /** The entry's expiry time in ms, or -1. */
  expiryOf(ref: number): number {
    return hasExpiry(this.metaOf(ref)) ? this.#space.wheel.timeOf(ref) : -1;
  }

  /** Sets the expiry of the entry of the key last looked up. */
  setExpiry(ref: number, expireAtMs: number): number {
    this.#beforeChange(ref);
    const { wheel } = this.#space;
    const root = this.#wheelRoot();
    let entry = ref;
    if (hasExpiry(this.metaOf(ref))) {
      wheel.remove(root, ref);
    } else {
      entry = this.#addExpiryWords(ref);
    }
    wheel.setTime(entry, expireAtMs);
    this.#addToWheel(root, entry, expireAtMs);
    return entry;
  }

  /** Takes the expiry off the entry; it does not move. */
  clearExpiry(ref: number): void {
    this.#beforeChange(ref);
    const space = this.#space;
    space.wheel.remove(space.wheelRoot(this.index), ref);
    const bytes = this.bytesOf(ref);
    const start = (ref & UNIT_MASK) << 3;
    const end = start + this.#entryBytes(ref);
    bytes.copyWithin(start + RECORD_BYTES, start + RECORD_BYTES + EXPIRY_BYTES, end);
    const words = this.#words[ref >>> SEGMENT_SHIFT]!;
    words[start >>> 2] = words[start >>> 2]! & ~HAS_EXPIRY;
  }

  /**
   * Removes one key whose time has come; `wheel.budget` bounds the work. Returns false where
   * there is none.
   */
  expireOne(): boolean {
    const space = this.#space;
    const root = space.wheelRoot(this.index);
    if (root === 0) return false;
    const ref = space.wheel.due(root, space.clock.nowMs - 1);
    if (ref === 0) return false;
    space.table.locate(space.tableRoot(this.index), ref);
    this.#expire(ref);
    return true;
  }

  /** A time no later than when the next key expires, in ms; Infinity if none does. */
  nextExpiryMs(): number {
    const root = this.#space.wheelRoot(this.index);
    return root === 0 ? Number.POSITIVE_INFINITY : this.#space.wheel.nextMs(root);
  }

  // ── Whole keys ─────────────────────────────────────────────────────────────────────────────

  /** Removes the entry of the key last looked up. */
  remove(ref: number): void {
    this.#beforeChange(ref);
    this.#space.freeValue(ref);
    this.#removeEntry(ref);
  }

  #removeEntry(ref: number): void {
    const space = this.#space;
    if (hasExpiry(this.metaOf(ref))) space.wheel.remove(space.wheelRoot(this.index), ref);
    space.table.removeFound();
    space.heap.free(ref);
  }

  /**
   * Gives the entry another key, perhaps in another database. Value and expiry go along.
   * `present` is the entry that the key has there, or 0; it is replaced.
   */
  moveTo(
    ref: number,
    target: Database,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    present: number,
  ): void {
    this.#beforeChange(ref);
    const space = this.#space;
    // The new entry comes first, so that running out of memory changes nothing.
    this.#cloneInto(ref, target, key, keyFrom, keyBytes, present);
    space.table.locate(space.tableRoot(this.index), ref);
    this.#removeEntry(ref);
  }

  /** Copies the entry to another key, whose entry `present`, if not 0, is replaced. */
  copyTo(
    ref: number,
    target: Database,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    present: number,
  ): void {
    if (this.typeOf(ref) !== LIST) {
      this.#cloneInto(ref, target, key, keyFrom, keyBytes, present);
      return;
    }
    const { chain } = this.#space;
    this.openList(ref);
    const word = chain.copy();
    const { form } = chain;
    try {
      const block = this.#cloneInto(ref, target, key, keyFrom, keyBytes, present);
      const words = this.#words[block >>> SEGMENT_SHIFT]!;
      const w = (block & UNIT_MASK) << 1;
      words[w + VALUE_WORD] = word;
      words[w] = (words[w]! & ~ENCODING_MASK) | form;
    } catch (error) {
      chain.open(word, form);
      chain.destroySome(chain.nodes);
      throw error;
    }
  }

  /** A new entry of the target with the entry's header and value, but another key. */
  #cloneInto(
    ref: number,
    target: Database,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    present: number,
  ): number {
    const space = this.#space;
    const wheel = hasExpiry(this.metaOf(ref)) ? target.#wheelRoot() : 0;
    const block = this.#cloneUnder(ref, key, keyFrom, keyBytes);
    if (present !== 0) {
      space.table.locate(space.tableRoot(target.index), present);
      target.remove(present);
    }
    target.#insert(space.hash.of(key, keyFrom, keyBytes), block);
    if (wheel !== 0) target.#addToWheel(wheel, block, space.wheel.timeOf(block));
    space.onAdded?.(target, block);
    return block;
  }

  /** A block with the entry's header and value, but another key; in no table and no wheel. */
  #cloneUnder(ref: number, key: Uint8Array, keyFrom: number, keyBytes: number): number {
    const meta = this.metaOf(ref);
    const head = keyOffset(meta);
    const oldEnd = head + this.keyLength(ref);
    const tail = this.#entryBytes(ref) - oldEnd;
    const block = this.#space.heap.alloc(head + keyBytes + tail);
    const from = this.bytesOf(ref);
    const start = (ref & UNIT_MASK) << 3;
    const to = this.#bytes[block >>> SEGMENT_SHIFT]!;
    const base = (block & UNIT_MASK) << 3;
    copyBytes(from, start, to, base, head);
    copyBytes(key, keyFrom, to, base + head, keyBytes);
    copyBytes(from, start + oldEnd, to, base + head + keyBytes, tail);
    const words = this.#words[block >>> SEGMENT_SHIFT]!;
    words[(base >>> 2) + KEY_LENGTH_WORD] = keyBytes;
    words[base >>> 2] = (meta & ~MARK) | this.#space.mark;
    return block;
  }

  /** Adds an entry to the table; frees it where there is no memory for its slot. */
  #insert(hash: number, block: number): void {
    const space = this.#space;
    try {
      space.table.insert(space.tableRoot(this.index), hash, block);
    } catch (error) {
      space.heap.free(block);
      throw error;
    }
  }

  /** Bytes of all blocks of the entry and its value, and its share of the table. */
  memoryUsage(ref: number): number {
    let total = this.#space.heap.usableBytes(ref) + 16;
    if (this.typeOf(ref) === LIST) {
      this.openList(ref);
      total += this.#space.chain.usedBytes();
    }
    return total;
  }

  /** An entry at random that has not expired, or 0. */
  randomEntry(): number {
    const space = this.#space;
    // Expired keys are removed as they are met, so this ends; and on a replica by the count.
    for (let tries = 1; ; tries++) {
      const ref = space.table.random(space.tableRoot(this.index), space.random);
      if (ref === 0 || !this.isExpired(ref)) return ref;
      if (space.keepsExpired && tries < RANDOM_TRIES) continue;
      if (space.keepsExpired) return ref;
      space.table.locate(space.tableRoot(this.index), ref);
      this.#expire(ref);
    }
  }

  isExpired(ref: number): boolean {
    if (!hasExpiry(this.metaOf(ref)) || this.#space.frozen) return false;
    return this.#space.wheel.timeOf(ref) < this.#space.clock.nowMs;
  }

  /** The average time to live of a sample of the keys that expire, in ms; 0 if none does. */
  averageTtlMs(): number {
    const space = this.#space;
    if (this.expiringCount === 0) return 0;
    const refs: number[] = [];
    let sum = 0;
    let count = 0;
    for (let tries = 0; tries < TTL_SAMPLES; tries++) {
      const n = this.readBucket(space.random.below(this.bucketCount), refs);
      for (let i = 0; i < n; i++) {
        const time = this.expiryOf(refs[i]!);
        if (time < 0) continue;
        sum += Math.max(0, time - space.clock.nowMs);
        count++;
      }
    }
    return count === 0 ? 0 : sum / count;
  }

  get bucketCount(): number {
    return this.#space.table.bucketCount(this.#space.tableRoot(this.index));
  }

  /** The entries of one bucket, expired ones included; returns how many. */
  readBucket(index: number, out: number[]): number {
    return this.#space.table.readBucket(this.#space.tableRoot(this.index), index, out);
  }

  /** The entries at a scan cursor, written to `out` from `from`; returns the new length. */
  readCursor(cursor: number, out: number[], from: number): number {
    return this.#space.table.readCursor(this.#space.tableRoot(this.index), cursor, out, from);
  }

  nextCursor(cursor: number): number {
    return this.#space.table.nextCursor(this.#space.tableRoot(this.index), cursor);
  }

  flush(): void {
    this.#space.flush(this.index);
  }

  // ── Blocks ─────────────────────────────────────────────────────────────────────────────────

  #word(ref: number, word: number): number {
    return this.#words[ref >>> SEGMENT_SHIFT]![((ref & UNIT_MASK) << 1) + word]!;
  }

  #addToWheel(root: number, ref: number, expireAtMs: number): void {
    const space = this.#space;
    space.wheel.add(root, ref);
    if (expireAtMs < space.plannedExpiryMs) space.onSooner?.(expireAtMs);
  }

  #wheelRoot(): number {
    const root = this.#space.wheelRoot(this.index);
    return root !== 0 ? root : this.#space.createWheel(this.index);
  }

  /** Bytes of the block that the entry uses. */
  #entryBytes(ref: number): number {
    const meta = this.metaOf(ref);
    const bytes = keyOffset(meta) + this.keyLength(ref);
    const isText = (meta & (TYPE_MASK | HAS_HIGH)) === STRING;
    return isText ? bytes + this.textLength(ref) : bytes;
  }

  /**
   * An entry for the key last looked up, of type and encoding `low`, with `tail` bytes behind
   * the key: the present block (`ref`) where it fits well, else a new one in its place. The old
   * value is freed. Value word and tail are the caller's to write.
   */
  #place(
    ref: number,
    key: Uint8Array,
    keyFrom: number,
    keyBytes: number,
    low: number,
    tail: number,
    expireAtMs: number,
  ): number {
    const space = this.#space;
    const { heap, wheel } = space;
    if (ref !== 0) this.#beforeChange(ref);
    const hadExpiry = ref !== 0 && hasExpiry(this.metaOf(ref));
    let expiry = expireAtMs;
    if (expiry === KEEP_EXPIRY && hadExpiry) expiry = wheel.timeOf(ref);
    const flags = expiry >= 0 ? low | HAS_EXPIRY : low;
    const wheelRoot = expiry >= 0 ? this.#wheelRoot() : 0;
    const size = keyOffset(flags) + keyBytes + tail;
    let block = ref;
    if (ref === 0) {
      block = heap.alloc(size);
      this.#insert(this.#hash, block);
    } else {
      const usable = heap.usableBytes(ref);
      // Allocate before anything is given up, so that running out of memory changes nothing.
      if (size > usable || (usable > 64 && size * 2 < usable)) block = heap.alloc(size);
      if (hadExpiry) wheel.remove(space.wheelRoot(this.index), ref);
      space.freeValue(ref);
      if (block !== ref) {
        heap.free(ref);
        space.table.replaceFound(block);
      }
    }
    const segment = block >>> SEGMENT_SHIFT;
    const words = this.#words[segment]!;
    const w = (block & UNIT_MASK) << 1;
    words[w + META_WORD] = flags | space.mark | (space.accessClock << CLOCK_SHIFT);
    words[w + KEY_LENGTH_WORD] = keyBytes;
    copyBytes(key, keyFrom, this.#bytes[segment]!, (w << 2) + keyOffset(flags), keyBytes);
    if (expiry >= 0) {
      wheel.setTime(block, expiry);
      this.#addToWheel(wheelRoot, block, expiry);
    }
    if (ref === 0) space.onAdded?.(this, block);
    return block;
  }

  /** Copies `bytes` bytes of the entry of the key last looked up to `block`, which takes its place. */
  #move(ref: number, block: number, bytes: number): number {
    const start = (ref & UNIT_MASK) << 3;
    copyBytes(
      this.bytesOf(ref),
      start,
      this.#bytes[block >>> SEGMENT_SHIFT]!,
      (block & UNIT_MASK) << 3,
      bytes,
    );
    return this.#replace(ref, block);
  }

  #replace(ref: number, block: number): number {
    const space = this.#space;
    space.table.replaceFound(block);
    if (hasExpiry(this.metaOf(block))) space.wheel.moved(space.wheelRoot(this.index), block);
    space.heap.free(ref);
    return block;
  }

  #addExpiryWords(ref: number): number {
    const { heap } = this.#space;
    const size = this.#entryBytes(ref);
    let entry = ref;
    const start = (ref & UNIT_MASK) << 3;
    if (size + EXPIRY_BYTES <= heap.usableBytes(ref)) {
      const at = start + RECORD_BYTES;
      this.bytesOf(ref).copyWithin(at + EXPIRY_BYTES, at, start + size);
    } else {
      entry = heap.alloc(size + EXPIRY_BYTES);
      const from = this.bytesOf(ref);
      const to = this.#bytes[entry >>> SEGMENT_SHIFT]!;
      const base = (entry & UNIT_MASK) << 3;
      copyBytes(from, start, to, base, RECORD_BYTES);
      const head = RECORD_BYTES + EXPIRY_BYTES;
      copyBytes(from, start + RECORD_BYTES, to, base + head, size - RECORD_BYTES);
      this.#space.table.replaceFound(entry);
      heap.free(ref);
    }
    const words = this.#words[entry >>> SEGMENT_SHIFT]!;
    const w = (entry & UNIT_MASK) << 1;
    words[w] = words[w]! | HAS_EXPIRY;
    return entry;
  }
}

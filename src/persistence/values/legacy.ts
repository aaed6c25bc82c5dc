/**
 * The packed forms of values in old files: ziplist and zipmap, read entry by entry.
 *
 *   ziplist  +0 bytes in all (4) | +4 offset of the last entry (4) | +8 entries, 65535 if unknown (2)
 *            +10 entries, then 255
 *     entry  bytes of the entry before: 1 byte, or 254 and 4 bytes;  a mark;  the payload
 *     marks  00llllll  01llllll llllllll  10------ llllllll*4 (big-endian)   a string of l bytes
 *            c0 d0 e0 f0 fe     an integer of 2, 4, 8, 3, 1 bytes, little-endian
 *            f1..fd             an integer of 0 to 12, without a payload
 *   zipmap   +0 pairs, 254 or more if unknown (1), pairs, then 255
 *     pair   length, field, length, value, a count of unused bytes (1, before the value), those bytes
 *     length 1 byte up to 253, or 254 and 4 bytes
 *
 * The bytes come from outside: a reader looks at no byte beyond them, and `isDamaged` says after
 * `next` has returned false whether that was the end or damage. `next` fills an `Element`, whose
 * strings point into the bytes that were opened; `canonicalize` makes it ready to be written.
 *
 * Source: the format descriptions at the head of Redis's ziplist.c and zipmap.c.
 */
import type { Element } from "../../memory/element.ts";

const ZIPLIST_HEADER_BYTES = 10;
const ENTRIES_UNKNOWN = 65535;
const LONG_LENGTH = 254;
const END = 255;

/** A reader of one form. */
export interface LegacyReader {
  /** Whether `next` stopped, or `open` refused, because the bytes are damaged. */
  readonly isDamaged: boolean;
  /** Begins with other bytes. Returns false where already their header is damaged. */
  open(bytes: Uint8Array, offset: number, length: number): boolean;
  /** Reads the next entry into `element`. Returns false at the end, and where there is damage. */
  next(element: Element): boolean;
}

function readUint32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

function setString(element: Element, bytes: Uint8Array, from: number, length: number): void {
  element.isInteger = false;
  element.bytes = bytes;
  element.from = from;
  element.length = length;
}

function setInteger(element: Element, low: number, high: number): void {
  element.isInteger = true;
  element.low = low;
  element.high = high;
}

/** Reads a little-endian integer of 1, 2, 3, 4 or 8 bytes. */
function readInteger(element: Element, bytes: Uint8Array, at: number, size: number): void {
  if (size === 8) {
    setInteger(element, readUint32(bytes, at) | 0, readUint32(bytes, at + 4) | 0);
    return;
  }
  let value = 0;
  for (let i = 0; i < size; i++) value |= bytes[at + i]! << (i * 8);
  const low = (value << (32 - size * 8)) >> (32 - size * 8);
  setInteger(element, low, low >> 31);
}

/** Bytes of the integer behind a ziplist's mark; 0 for marks that there are not. */
function integerBytes(mark: number): number {
  switch (mark) {
    case 0xfe:
      return 1;
    case 0xc0:
      return 2;
    case 0xf0:
      return 3;
    case 0xd0:
      return 4;
    case 0xe0:
      return 8;
    default:
      return 0;
  }
}

export class ZiplistReader implements LegacyReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The offset of the end byte. */
  #end = 0;
  /** Size of the entry that was read last. */
  #entryBytes = 0;
  #lastEntry = 0;
  #entriesLeft = 0;
  #counted = false;
  isDamaged = false;

  open(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#bytes = bytes;
    this.#at = offset + ZIPLIST_HEADER_BYTES;
    this.#end = offset + length - 1;
    this.#entryBytes = 0;
    this.isDamaged =
      length <= ZIPLIST_HEADER_BYTES ||
      readUint32(bytes, offset) !== length ||
      bytes[this.#end] !== END;
    if (this.isDamaged) return false;
    this.#lastEntry = offset + readUint32(bytes, offset + 4);
    const entries = bytes[offset + 8]! | (bytes[offset + 9]! << 8);
    this.#entriesLeft = entries;
    this.#counted = entries !== ENTRIES_UNKNOWN;
    return true;
  }

  next(element: Element): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    const entry = this.#at;
    if (this.isDamaged) return false;
    if (entry === end) return this.#finish();
    let at = entry;
    const before = bytes[at++]!;
    if (before === LONG_LENGTH) {
      if (at + 4 > end || readUint32(bytes, at) !== this.#entryBytes) return this.#fail();
      at += 4;
    } else if (before !== this.#entryBytes) return this.#fail();
    if (at >= end) return this.#fail();
    const mark = bytes[at++]!;
    let size: number;
    if (mark < 0xc0) {
      const lengthBytes = mark < 0x40 ? 0 : mark < 0x80 ? 1 : 4;
      if (at + lengthBytes > end) return this.#fail();
      if (lengthBytes === 0) size = mark & 63;
      else if (lengthBytes === 1) size = ((mark & 63) << 8) | bytes[at]!;
      else {
        size =
          bytes[at]! * 16777216 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
      }
      at += lengthBytes;
      if (at + size > end) return this.#fail();
      setString(element, bytes, at, size);
    } else if (mark >= 0xf1 && mark <= 0xfd) {
      size = 0;
      setInteger(element, mark - 0xf1, 0);
    } else {
      size = integerBytes(mark);
      if (size === 0 || at + size > end) return this.#fail();
      readInteger(element, bytes, at, size);
    }
    this.#at = at + size;
    this.#entryBytes = this.#at - entry;
    this.#entriesLeft--;
    return true;
  }

  /** At the end byte: the header must have told the truth. */
  #finish(): false {
    // The header of an empty ziplist names the end byte as its last entry.
    const lastEntry = this.#end - this.#entryBytes;
    this.isDamaged = this.#lastEntry !== lastEntry || (this.#counted && this.#entriesLeft !== 0);
    return false;
  }

  #fail(): false {
    this.isDamaged = true;
    return false;
  }
}

/** Hands out field, value, field, value, …; it never ends behind a field. */
export class ZipmapReader implements LegacyReader {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** The offset of the end byte. */
  #end = 0;
  #isValue = false;
  #pairsLeft = 0;
  #counted = false;
  isDamaged = false;

  open(bytes: Uint8Array, offset: number, length: number): boolean {
    this.#bytes = bytes;
    this.#at = offset + 1;
    this.#end = offset + length - 1;
    this.#isValue = false;
    this.isDamaged = length < 2 || bytes[this.#end] !== END;
    if (this.isDamaged) return false;
    const pairs = bytes[offset]!;
    this.#pairsLeft = pairs;
    this.#counted = pairs < LONG_LENGTH;
    return true;
  }

  next(element: Element): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    if (this.isDamaged) return false;
    if (this.#at === end) {
      this.isDamaged = this.#isValue || (this.#counted && this.#pairsLeft !== 0);
      return false;
    }
    let at = this.#at;
    let size = bytes[at++]!;
    let unused = 0;
    if (size === END) return this.#fail();
    if (size === LONG_LENGTH) {
      if (at + 4 > end) return this.#fail();
      size = readUint32(bytes, at);
      at += 4;
    }
    if (this.#isValue) {
      if (at >= end) return this.#fail();
      unused = bytes[at++]!;
      this.#pairsLeft--;
    }
    if (at + size + unused > end) return this.#fail();
    setString(element, bytes, at, size);
    this.#at = at + size + unused;
    this.#isValue = !this.#isValue;
    return true;
  }

  #fail(): false {
    this.isDamaged = true;
    return false;
  }
}

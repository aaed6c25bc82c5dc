/**
 * Puts indexes in the order of texts, byte by byte, the shorter first: `order` from `from` up to `to`
 * names texts of a list. Stable.
 *
 * How
 *   The next six bytes of each text make a number, and the numbers are put in order (number-order.ts).
 *   Texts with the same number go on with what follows. So each byte is looked at about once, and
 *   texts are not compared with each other, but for a few.
 */
import { compareBytes } from "./bytes.ts";
import type { NumberOrder } from "./number-order.ts";
import type { TextList } from "./text-list.ts";

/** So many are put in order by comparing them. */
const COMPARED_MAX = 12;
const KEY_BYTES = 6;
/** The three lowest bits of a key say how many bytes it has; this, that the text goes on. */
const GOES_ON = KEY_BYTES + 1;
/** Keys beyond this are given up after use. */
const KEPT_LENGTH = 1 << 16;

export class TextOrder {
  readonly #numbers: NumberOrder;
  /** By index. */
  #keys = new Float64Array(0);
  /** What is still to do: from, to, and the bytes that all texts between have in common. */
  readonly #todo: number[] = [];

  constructor(numbers: NumberOrder) {
    this.#numbers = numbers;
  }

  sort(order: Uint32Array, from: number, to: number, texts: TextList): void {
    const todo = this.#todo;
    todo.push(from, to, 0);
    while (todo.length > 0) {
      const depth = todo.pop()!;
      const end = todo.pop()!;
      const start = todo.pop()!;
      if (end - start <= COMPARED_MAX) insertionSort(order, start, end, depth, texts);
      else this.#split(order, start, end, depth, texts);
    }
    if (this.#keys.length > KEPT_LENGTH) this.#keys = new Float64Array(0);
  }

  #split(order: Uint32Array, from: number, to: number, known: number, texts: TextList): void {
    if (this.#keys.length < texts.count) this.#keys = new Float64Array(texts.count);
    const keys = this.#keys;
    let depth = known;
    while (takeKeys(keys, order, from, to, depth, texts)) depth += KEY_BYTES;
    this.#numbers.sort(order, from, to, keys);
    for (let i = from; i < to; ) {
      const key = keys[order[i]!]!;
      const start = i++;
      while (i < to && keys[order[i]!] === key) i++;
      if (i - start > 1 && key % 8 === GOES_ON) this.#todo.push(start, i, depth + KEY_BYTES);
    }
  }
}

/** Takes the key of each text at `depth`; returns whether all are the same, and go on. */
function takeKeys(
  keys: Float64Array,
  order: Uint32Array,
  from: number,
  to: number,
  depth: number,
  texts: TextList,
): boolean {
  const first = keyOf(texts, order[from]!, depth);
  let isSame = first % 8 === GOES_ON;
  for (let i = from; i < to; i++) {
    const index = order[i]!;
    const key = keyOf(texts, index, depth);
    keys[index] = key;
    if (key !== first) isSame = false;
  }
  return isSame;
}

function keyOf({ bytes, starts }: TextList, index: number, depth: number): number {
  const at = starts[index]! + depth;
  const length = starts[index + 1]! - at;
  const high = threeBytes(bytes, at, length, 0);
  const low = threeBytes(bytes, at, length, 3);
  return high * 2 ** 27 + low * 8 + Math.min(length, GOES_ON);
}

/** Three bytes from `skip` on of the `length` ones at `at`, with 0 behind the last. */
function threeBytes(bytes: Uint8Array, at: number, length: number, skip: number): number {
  let value = 0;
  if (length > skip) value = bytes[at + skip]! << 16;
  if (length > skip + 1) value |= bytes[at + skip + 1]! << 8;
  if (length > skip + 2) value |= bytes[at + skip + 2]!;
  return value;
}

function insertionSort(
  order: Uint32Array,
  from: number,
  to: number,
  depth: number,
  { bytes, starts }: TextList,
): void {
  for (let i = from + 1; i < to; i++) {
    const index = order[i]!;
    const start = starts[index]! + depth;
    const length = starts[index + 1]! - start;
    let at = i;
    for (; at > from; at--) {
      const other = order[at - 1]!;
      const otherStart = starts[other]! + depth;
      const otherLength = starts[other + 1]! - otherStart;
      if (compareBytes(bytes, otherStart, otherLength, bytes, start, length) <= 0) break;
      order[at] = other;
    }
    order[at] = index;
  }
}

/**
 * Redis's glob patterns over bytes: `*`, `?`, `[a-z]`, `[^x]`, `\x`.
 *
 * The stars part a pattern into pieces: head * middle * middle * tail. The head has to stand at the
 * beginning of the text and the tail at its end; the pieces between them are looked for from left
 * to right, each where it is met first. So most texts that do not match are told by their beginning
 * or end, and the longest search takes time proportional to pattern times text.
 *
 * A pattern that has been prepared takes its own bytes and three numbers for each piece; its
 * elements are read anew each time, because clients may send patterns of hundreds of MB.
 *
 * Source: stringmatchlen in Redis's util.c.
 */
import { latin1 } from "./bytes.ts";

/** A pattern with more matches nothing, as in Redis 7.2.6 (CVE-2024-31228). */
const STARS_MAX = 1000;

const STAR = 42;
const QUESTION = 63;
const BACKSLASH = 92;
const OPEN = 91;
const CLOSE = 93;
const CARET = 94;
const DASH = 45;

export class Glob {
  readonly #pattern: Uint8Array;
  readonly #ignoreCase: boolean;
  /** Where each piece begins and ends in the pattern, and how many bytes of text it takes: 3 words each. */
  readonly #pieces: number[] = [];
  readonly #isTooComplex: boolean;

  /** One character a byte. */
  constructor(pattern: string, ignoreCase = false) {
    this.#ignoreCase = ignoreCase;
    const bytes = latin1(ignoreCase ? lowerCase(pattern) : pattern);
    this.#pattern = bytes;
    let start = 0;
    let length = 0;
    let at = 0;
    while (at < bytes.length && this.#pieces.length <= STARS_MAX * 3) {
      if (bytes[at] !== STAR) {
        at = elementEnd(bytes, at);
        length++;
        continue;
      }
      this.#pieces.push(start, at, length);
      while (bytes[at] === STAR) at++;
      start = at;
      length = 0;
    }
    this.#pieces.push(start, at, length);
    this.#isTooComplex = at < bytes.length;
  }

  /** Whether every text matches but the empty one. */
  get isAll(): boolean {
    const pieces = this.#pieces;
    return pieces.length === 6 && pieces[2] === 0 && pieces[5] === 0;
  }

  matches(text: Uint8Array, from: number, length: number): boolean {
    if (this.#isTooComplex) return false;
    const pieces = this.#pieces;
    const headLength = pieces[2]!;
    // As in Redis: not even a star matches nothing at all.
    if (length === 0) return pieces.length === 3 && headLength === 0;
    if (pieces.length === 3) {
      return length === headLength && this.#isPiece(pieces[0]!, pieces[1]!, text, from);
    }
    const tail = pieces.length - 3;
    const tailLength = pieces[tail + 2]!;
    if (length < headLength + tailLength) return false;
    const end = from + length - tailLength;
    if (!this.#isPiece(pieces[tail]!, pieces[tail + 1]!, text, end)) return false;
    if (!this.#isPiece(pieces[0]!, pieces[1]!, text, from)) return false;
    let at = from + headLength;
    for (let i = 3; i < tail; i += 3) {
      const start = pieces[i]!;
      const stop = pieces[i + 1]!;
      const last = end - pieces[i + 2]!;
      while (at <= last && !this.#isPiece(start, stop, text, at)) at++;
      if (at > last) return false;
      at += pieces[i + 2]!;
    }
    return true;
  }

  /** The same of a text of one character a byte. */
  matchesText(text: string): boolean {
    const bytes = latin1(text);
    return this.matches(bytes, 0, bytes.length);
  }

  /** Whether the elements in pattern[start..stop) take the text at `at`, which is long enough. */
  #isPiece(start: number, stop: number, text: Uint8Array, at: number): boolean {
    const pattern = this.#pattern;
    let p = start;
    let t = at;
    while (p < stop) {
      let taken = pattern[p]!;
      let c = text[t++]!;
      if (this.#ignoreCase && c >= 65 && c <= 90) c |= 32;
      if (taken === OPEN) {
        if (!isInSet(pattern, p, c)) return false;
        p = elementEnd(pattern, p);
        continue;
      }
      if (taken === BACKSLASH && p + 1 < pattern.length) taken = pattern[++p]!;
      else if (taken === QUESTION) taken = c;
      if (taken !== c) return false;
      p++;
    }
    return true;
  }
}

/** The offset behind the element at `at`. A set that is not closed ends with the pattern. */
function elementEnd(pattern: Uint8Array, at: number): number {
  const { length } = pattern;
  if (pattern[at] === BACKSLASH) return Math.min(at + 2, length);
  if (pattern[at] !== OPEN) return at + 1;
  let i = pattern[at + 1] === CARET ? at + 2 : at + 1;
  while (i < length && pattern[i] !== CLOSE) i = memberEnd(pattern, i);
  return Math.min(i + 1, length);
}

/** The offset behind a member of a set: a byte, an escaped one, or a range. */
function memberEnd(pattern: Uint8Array, at: number): number {
  if (pattern[at] === BACKSLASH && at + 1 < pattern.length) return at + 2;
  return pattern[at + 1] === DASH && at + 2 < pattern.length ? at + 3 : at + 1;
}

function isInSet(pattern: Uint8Array, at: number, c: number): boolean {
  const isNegated = pattern[at + 1] === CARET;
  let i = isNegated ? at + 2 : at + 1;
  while (i < pattern.length && pattern[i] !== CLOSE) {
    const end = memberEnd(pattern, i);
    const first = pattern[i]!;
    const last = pattern[end - 1]!;
    const isMember =
      end - i === 3 ? c >= Math.min(first, last) && c <= Math.max(first, last) : c === last;
    if (isMember) return !isNegated;
    i = end;
  }
  return isNegated;
}

/** ASCII alone, as C's tolower does it: other bytes are parts of characters. */
function lowerCase(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/** Whether a text of one character a byte matches; for a pattern that is used once. */
export function globMatch(pattern: string, text: string, ignoreCase = false): boolean {
  return new Glob(pattern, ignoreCase).matchesText(text);
}

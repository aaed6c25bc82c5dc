/**
 * Texts that come again and again as bytes, such as channels' names: the same bytes give the same
 * string, whose hash the engine then knows, without a new one being made. A text that is not there
 * takes the place of the one that was in its slot.
 */
import { latin1Text } from "./bytes.ts";

/** A power of two. */
const SLOTS = 1024;
/** Longer texts are not kept: at most SLOTS times as many bytes are. */
const LENGTH_MAX = 64;

export class TextCache {
  readonly #texts: string[] = new Array(SLOTS).fill("");

  /** The bytes from `from` on as text, one character a byte. */
  text(bytes: Uint8Array, from: number, length: number): string {
    if (length > LENGTH_MAX) return latin1Text(bytes, from, from + length);
    let hash = length;
    for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + bytes[from + i]!) | 0;
    const slot = (hash ^ (hash >>> 12)) & (SLOTS - 1);
    const kept = this.#texts[slot]!;
    if (kept.length === length) {
      let i = 0;
      while (i < length && kept.charCodeAt(i) === bytes[from + i]!) i++;
      if (i === length) return kept;
    }
    const made = latin1Text(bytes, from, from + length);
    this.#texts[slot] = made;
    return made;
  }
}

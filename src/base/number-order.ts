/**
 * Puts indexes in the order of numbers: `order` from `from` up to `to` names the numbers
 * `keys[index]`, none of them NaN. Stable: equal numbers keep their order; -0 equals 0.
 *
 * How
 *   Few indexes are merged. Many are dealt out by the digits of the doubles' bits, 11 bits at a time,
 *   lowest digit first; a digit that all have in common costs nothing. So time is O(n), whatever the
 *   order was before.
 *
 * Source: H. H. Seward, "Information sorting in the application of electronic digital computers to
 * business operations" (1954), for the radix sort.
 */

/** Up to here merging is quicker than setting up the counts. */
const MERGED_MAX = 256;
const DIGIT_BITS = 11;
const DIGITS = 1 << DIGIT_BITS;
const DIGIT_MASK = DIGITS - 1;
/** Of 64 bits. */
const PASSES = 6;
/** Scratch space beyond this is given up after use. */
const KEPT_LENGTH = 1 << 16;

export class NumberOrder {
  #spare = new Uint32Array(MERGED_MAX);
  #dealt = new Uint32Array(0);
  /** Each index's bits as two words, made so that their order is that of the doubles. */
  #words = new Uint32Array(0);
  readonly #counts = new Uint32Array(PASSES * DIGITS);
  readonly #one = new Float64Array(1);
  readonly #oneWords = new Uint32Array(this.#one.buffer);

  sort(order: Uint32Array, from: number, to: number, keys: Float64Array): void {
    const count = to - from;
    if (count < 2) return;
    if (this.#spare.length < count) this.#spare = new Uint32Array(count);
    if (count <= MERGED_MAX) this.#merge(order, from, to, keys);
    else this.#deal(order, from, to, keys);
    if (this.#spare.length > KEPT_LENGTH) {
      this.#spare = new Uint32Array(MERGED_MAX);
      this.#dealt = new Uint32Array(0);
      this.#words = new Uint32Array(0);
    }
  }

  #merge(order: Uint32Array, from: number, to: number, keys: Float64Array): void {
    const spare = this.#spare;
    for (let width = 1; width < to - from; width *= 2) {
      for (let low = from; low + width < to; low += 2 * width) {
        const middle = low + width;
        const high = Math.min(middle + width, to);
        // Most of what comes here is in order already, or nearly.
        if (keys[order[middle - 1]!]! <= keys[order[middle]!]!) continue;
        for (let i = low; i < middle; i++) spare[i - low] = order[i]!;
        let left = 0;
        let right = middle;
        let at = low;
        while (left < width) {
          const isRight = right < high && keys[order[right]!]! < keys[spare[left]!]!;
          order[at++] = isRight ? order[right++]! : spare[left++]!;
        }
      }
    }
  }

  #deal(order: Uint32Array, from: number, to: number, keys: Float64Array): void {
    const count = to - from;
    const words = this.#takeWords(order, from, to, keys);
    const counts = this.#counts;
    // Places in `order` are dealt out, not the indexes themselves: the words are in that order.
    let at = this.#dealt;
    let next = this.#spare;
    for (let i = 0; i < count; i++) at[i] = i;
    for (let pass = 0; pass < PASSES; pass++) {
      const base = pass * DIGITS;
      if (counts[base + digitOf(words, at[0]!, pass)] === count) continue;
      let sum = 0;
      for (let digit = base; digit < base + DIGITS; digit++) {
        const these = counts[digit]!;
        counts[digit] = sum;
        sum += these;
      }
      for (let i = 0; i < count; i++) {
        const index = at[i]!;
        const slot = base + digitOf(words, index, pass);
        const place = counts[slot]!;
        counts[slot] = place + 1;
        next[place] = index;
      }
      [at, next] = [next, at];
    }
    for (let i = 0; i < count; i++) next[i] = order[from + i]!;
    for (let i = 0; i < count; i++) order[from + i] = next[at[i]!]!;
  }

  /** Fills `#words`, and counts the digits of every pass. */
  #takeWords(order: Uint32Array, from: number, to: number, keys: Float64Array): Uint32Array {
    const count = to - from;
    if (this.#dealt.length < count) {
      this.#dealt = new Uint32Array(count);
      this.#words = new Uint32Array(count * 2);
    }
    const words = this.#words;
    const counts = this.#counts.fill(0);
    const one = this.#one;
    const oneWords = this.#oneWords;
    for (let i = 0; i < count; i++) {
      // Adding 0 makes 0 of -0.
      one[0] = keys[order[from + i]!]! + 0;
      let low = oneWords[0]!;
      let high = oneWords[1]!;
      if (high >>> 31 === 1) {
        low = ~low;
        high = ~high;
      } else high ^= 0x80000000;
      words[i * 2] = low;
      words[i * 2 + 1] = high;
      for (let pass = 0; pass < PASSES; pass++) {
        const slot = pass * DIGITS + digitOf(words, i, pass);
        counts[slot] = counts[slot]! + 1;
      }
    }
    return words;
  }
}

/** The 11 bits of two words that a pass is about, from the lowest on. */
function digitOf(words: Uint32Array, index: number, pass: number): number {
  const low = words[index * 2]!;
  const high = words[index * 2 + 1]!;
  switch (pass) {
    case 0:
      return low & DIGIT_MASK;
    case 1:
      return (low >>> 11) & DIGIT_MASK;
    case 2:
      return ((low >>> 22) | (high << 10)) & DIGIT_MASK;
    case 3:
      return (high >>> 1) & DIGIT_MASK;
    case 4:
      return (high >>> 12) & DIGIT_MASK;
    default:
      return high >>> 23;
  }
}

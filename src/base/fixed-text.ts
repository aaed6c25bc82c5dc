/**
 * Doubles as text with so many decimals, as C's printf writes them: exact, and a tie goes to the even
 * digit, where JavaScript rounds it up.
 */

/** From here on JavaScript writes an exponent, and every double is whole. */
const EXPONENT_FROM = 1e21;

/** "%.{decimals}f" of a double that is no NaN. */
export function fixedText(value: number, decimals: number): string {
  if (Math.abs(value) >= EXPONENT_FROM) {
    if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
    return `${BigInt(value)}.${"0".repeat(decimals)}`;
  }
  const text = value.toFixed(decimals);
  // Between two texts lies what has exactly one binary digit more than the decimals.
  const halves = Math.abs(value) * 2 ** (decimals + 1);
  if (halves % 2 !== 1) return text;
  const last = text.charCodeAt(text.length - 1);
  return last & 1 ? text.slice(0, -1) + String.fromCharCode(last - 1) : text;
}

/** The same, without zeros at the end of the decimals. */
export function trimmedText(value: number, decimals: number): string {
  const text = fixedText(value, decimals);
  let end = text.length;
  while (text.charCodeAt(end - 1) === 48) end--;
  if (text.charCodeAt(end - 1) === 46) end--;
  return text.slice(0, end);
}

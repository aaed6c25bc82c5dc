/** Listpacks as they stand in files: a header, entries (memory/element.ts), and an end byte. */
import type { Element } from "../../memory/element.ts";
import { LISTPACK_END, LISTPACK_HEADER_BYTES } from "./format.ts";
import type { RdbInput, RdbText } from "./input.ts";

/**
 * Reads the entries of a listpack one after another into `element`, ready to be written in its
 * canonical form, and calls `visit` for each. Fails where the listpack is damaged.
 */
export function forEachEntry(
  input: RdbInput,
  { bytes, from, length }: RdbText,
  element: Element,
  visit: () => void,
): void {
  const end = from + length - 1;
  const total =
    length >= LISTPACK_HEADER_BYTES + 1
      ? bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24)
      : -1;
  if (total !== length || bytes[end] !== LISTPACK_END) input.fail("a damaged listpack");
  let at = from + LISTPACK_HEADER_BYTES;
  while (at < end) {
    const next = element.readChecked(bytes, at, end);
    if (next < 0) input.fail("a damaged entry of a listpack");
    element.canonicalize();
    visit();
    at = next;
  }
}

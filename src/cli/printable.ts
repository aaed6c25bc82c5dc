/**
 * Text of a server on its way to a terminal. A terminal obeys control characters: escape sequences
 * set its title, answer in the user's name, or hide what was printed before. They are shown as \xHH;
 * line ends, tabs and UTF-8 stay. Texts have one character a byte.
 */
const CONTROLS = new RegExp(
  [
    "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]",
    "\\r(?!\\n)",
    // The control characters from U+0080 on: as UTF-8, and as bytes of their own.
    "\\xc2[\\x80-\\x9f]",
    "(?<![\\xc2-\\xf4][\\x80-\\xbf]{0,2})[\\x80-\\x9f]",
  ].join("|"),
  "g",
);

export function printable(text: string): string {
  return text.replace(CONTROLS, (controls) =>
    [...controls].map((c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`).join(""),
  );
}

/** Arguments at the edges of what commands take, and scripts that try one after the other. */

/** The ends of the 64-bit integers. */
export const MAX = "9223372036854775807";
export const MIN = "-9223372036854775808";

/** What is no 64-bit integer, for arguments that must be one. */
export const NO_INTEGERS = [
  '""',
  "abc",
  "1.0",
  "+1",
  '" 1"',
  '"1 "',
  "01",
  "-0",
  "--1",
  "-",
  "1e3",
  "0x10",
  '"1\\x00"',
  '"\\xff"',
  "9223372036854775808",
  "-9223372036854775809",
  "18446744073709551616",
  "99999999999999999999999",
  "000000000000000000000001",
];

/** `text` with each of the values in place of `%`. */
export function each(text: string, values: readonly string[]): string[] {
  return values.map((value) => text.replace("%", () => value));
}

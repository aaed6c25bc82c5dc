/**
 * Names that all have one hash in JavaScriptCore, whose Map hashes strings by RapidHash with public
 * constants and no seed: after these eight bytes its first multiplication is by zero, so that the
 * eight bytes behind them do not count.
 */
const PREFIX = "\xa5\x78\x6c\xaa\xcc\x8d\x35\x2d";
const LENGTH = 64;

export function collidingNames(count: number): string[] {
  const names: string[] = [];
  for (let i = 0; i < count; i++) {
    names.push(PREFIX + String(i).padStart(8, "0") + "x".repeat(LENGTH - 16));
  }
  return names;
}

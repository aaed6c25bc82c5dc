const UNITS = ["K", "M", "G", "T"];

/** Bytes as Redis prints them for people, in INFO as in redis-cli: 512B, 1.50K, 23.40M. */
export function humanBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  let value = bytes / 1024;
  let unit = 0;
  for (; value >= 1024 && unit < UNITS.length - 1; unit++) value /= 1024;
  return `${value.toFixed(2)}${UNITS[unit]}`;
}

/** Figures, times and names as short text. */

/** What stands for a figure that is not known. */
const UNKNOWN = "-";

const UNITS = ["", "k", "M", "G", "T", "P"];

function scaled(value: number, step: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  // 999.95 would be rounded to a fourth digit.
  while (rest >= (unit === 0 ? step : step - 0.5) && unit < units.length - 1) {
    rest /= step;
    unit++;
  }
  const digits = unit === 0 ? 0 : rest < 9.995 ? 2 : rest < 99.95 ? 1 : 0;
  return rest.toFixed(digits) + units[unit];
}

/** At most 5 characters: 0, 999, 1.23k, 45.6M. */
export function count(value: number): string {
  return Number.isNaN(value) ? UNKNOWN : scaled(Math.round(value), 1000, UNITS);
}

/** 1,234,567 */
export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** 512 B, 1.50 KB, 23.4 MB: units of 1024 as in INFO, but of few digits, for columns. */
export function bytes(value: number): string {
  if (Number.isNaN(value)) return UNKNOWN;
  return scaled(value, 1024, [" B", " KB", " MB", " GB", " TB", " PB"]);
}

/** `fraction` 1 is 100 %. */
export function percent(fraction: number): string {
  if (Number.isNaN(fraction)) return UNKNOWN;
  const value = fraction * 100;
  return `${value.toFixed(value >= 99.95 || value === 0 ? 0 : 1)} %`;
}

/** A time in µs, in the unit that suits it. */
export function duration(usec: number): string {
  if (Number.isNaN(usec)) return UNKNOWN;
  if (usec < 999.5) return `${usec < 9.95 ? usec.toFixed(1) : usec.toFixed(0)} us`;
  const ms = usec / 1000;
  if (ms < 999.5) return `${ms < 9.995 ? ms.toFixed(2) : ms.toFixed(1)} ms`;
  return `${(ms / 1000).toFixed(2)} s`;
}

/** 45s, 12m 05s, 3h 20m, 2d 04h. */
export function age(seconds: number): string {
  if (Number.isNaN(seconds) || seconds < 0) return UNKNOWN;
  const whole = Math.floor(seconds);
  const two = (n: number) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m ${two(whole % 60)}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours}h ${two(minutes % 60)}m`;
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/**
 * Bytes of the server (one character each) as text for a screen: UTF-8 where they are that, and
 * \xNN for what no terminal should see. `isAscii`: for terminals that show nothing else.
 */
export function printable(text: string, isAscii: boolean): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
  const escaped = (part: string, pattern = /[\x00-\x1f\x7f-\xff]/g) =>
    part.replace(pattern, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
  if (isAscii) return escaped(text);
  let decoded: string;
  try {
    decoded = new TextDecoder("utf-8", { fatal: true }).decode(Buffer.from(text, "latin1"));
  } catch {
    return escaped(text);
  }
  return (
    // Controls of both sets, and what changes the direction or joins characters unseen.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    escaped(decoded, /[\x00-\x1f\x7f-\x9f]/g).replace(
      /[\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16)}`,
    )
  );
}

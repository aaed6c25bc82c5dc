/**
 * Redis's glob patterns over text of one character a byte: `*`, `?`, `[a-z]`, `[^x]`, `\x`.
 * Bounded: a pattern of many stars is matched in time proportional to pattern times text.
 */
export function globMatch(pattern: string, text: string, ignoreCase = false): boolean {
  const p = ignoreCase ? pattern.toLowerCase() : pattern;
  const t = ignoreCase ? text.toLowerCase() : text;
  let pi = 0;
  let ti = 0;
  // As in Redis: not even a star matches nothing at all.
  if (t.length === 0) return p.length === 0;
  // Where to resume after the last star: only the last one ever needs another try.
  let starAt = -1;
  let starText = 0;
  for (;;) {
    if (pi < p.length && p[pi] === "*") {
      starAt = ++pi;
      starText = ti;
      continue;
    }
    if (ti === t.length) {
      if (pi === p.length) return true;
      return false;
    }
    const next = pi < p.length ? matchOne(p, pi, t.charCodeAt(ti)) : -1;
    if (next >= 0) {
      pi = next;
      ti++;
    } else {
      if (starAt < 0) return false;
      pi = starAt;
      ti = ++starText;
    }
  }
}

/** The offset behind the pattern's element at `at` if it takes `code`; -1 if it does not. */
function matchOne(pattern: string, at: number, code: number): number {
  const c = pattern[at]!;
  if (c === "?") return at + 1;
  if (c === "\\" && at + 1 < pattern.length) {
    return pattern.charCodeAt(at + 1) === code ? at + 2 : -1;
  }
  if (c !== "[") return pattern.charCodeAt(at) === code ? at + 1 : -1;
  let i = at + 1;
  const negated = pattern[i] === "^";
  if (negated) i++;
  let hit = false;
  for (; ; i++) {
    if (i >= pattern.length) break;
    if (pattern[i] === "\\" && i + 1 < pattern.length) {
      i++;
      if (pattern.charCodeAt(i) === code) hit = true;
    } else if (pattern[i] === "]") {
      break;
    } else if (pattern[i + 1] === "-" && i + 2 < pattern.length) {
      const a = pattern.charCodeAt(i);
      const b = pattern.charCodeAt(i + 2);
      if (code >= Math.min(a, b) && code <= Math.max(a, b)) hit = true;
      i += 2;
    } else if (pattern.charCodeAt(i) === code) {
      hit = true;
    }
  }
  return hit !== negated ? Math.min(i + 1, pattern.length) : -1;
}

/**
 * Splits a line into arguments as Redis does for inline commands, configuration files and the
 * prompt: words that a space, tab or line end ends (a form feed or vertical tab only goes before
 * one); "double quotes" with \n \r \t \b \a \xHH escapes; 'single quotes' with \'. A closing
 * quote must be followed by a space or the end. One character a byte. Returns null where quotes
 * are not balanced.
 */
export function splitArguments(line: string): string[] | null {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++;
    if (at >= line.length) return parts;
    let part = "";
    while (at < line.length && !endsWord(line[at]!)) {
      const c = line[at]!;
      if (c !== '"' && c !== "'") {
        part += c;
        at++;
        continue;
      }
      const end = c === '"' ? readDouble(line, at + 1) : readSingle(line, at + 1);
      if (end === null) return null;
      part += end.text;
      at = end.at;
      if (at < line.length && !isSpace(line[at]!)) return null;
      break;
    }
    parts.push(part);
  }
}

interface Quoted {
  readonly text: string;
  /** Behind the closing quote. */
  readonly at: number;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\x07",
};

function readDouble(line: string, from: number): Quoted | null {
  let text = "";
  for (let at = from; at < line.length; at++) {
    const c = line[at]!;
    if (c === '"') return { text, at: at + 1 };
    if (c !== "\\" || at + 1 >= line.length) {
      text += c;
      continue;
    }
    const hex = /^x([0-9a-fA-F]{2})/.exec(line.slice(at + 1, at + 4));
    if (hex !== null) {
      text += String.fromCharCode(Number.parseInt(hex[1]!, 16));
      at += 3;
    } else {
      at++;
      text += ESCAPES[line[at]!] ?? line[at]!;
    }
  }
  return null;
}

function readSingle(line: string, from: number): Quoted | null {
  let text = "";
  for (let at = from; at < line.length; at++) {
    const c = line[at]!;
    if (c === "'") return { text, at: at + 1 };
    if (c === "\\" && line[at + 1] === "'") at++;
    text += line[at]!;
  }
  return null;
}

function isSpace(c: string): boolean {
  return endsWord(c) || c === "\v" || c === "\f";
}

function endsWord(c: string): boolean {
  return c === " " || c === "\0" || c === "\t" || c === "\n" || c === "\r";
}

/** The text in double quotes with everything unprintable escaped, as Redis prints it. */
export function quote(text: string): string {
  let out = '"';
  for (const c of text) {
    const code = c.charCodeAt(0);
    if (c === "\\" || c === '"') out += `\\${c}`;
    else if (c === "\n") out += "\\n";
    else if (c === "\r") out += "\\r";
    else if (c === "\t") out += "\\t";
    else if (code === 7) out += "\\a";
    else if (code === 8) out += "\\b";
    else if (code >= 32 && code < 127) out += c;
    else out += `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return `${out}"`;
}

import { expect, test } from "bun:test";
import { formatReply } from "../../../src/cli/format.ts";
import { printable } from "../../../src/cli/printable.ts";

const utf8 = (text: string) => Buffer.from(text).toString("latin1");

test("control characters are shown, all else stays", () => {
  const same = ["", "plain\ttext\r\n", utf8("é ü € 😀 … ‛"), "a\nb"];
  expect(same.map(printable)).toEqual(same);
  const cases: readonly (readonly [string, string])[] = [
    ["\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"],
    ["\x1b]0;title\x07", "\\x1b]0;title\\x07"],
    ["over\rwritten", "over\\x0dwritten"],
    ["\0\x7f\b", "\\x00\\x7f\\x08"],
    ["\x9b31m", "\\x9b31m"],
    [utf8("\u009b31m"), "\\xc2\\x9b31m"],
  ];
  expect(cases.map(([text]) => printable(text))).toEqual(cases.map(([, shown]) => shown));
});

test("no text of a server gets past it in the pretty format", () => {
  const text = "ERR \x1b[2J\x9b1m";
  for (const kind of ["simple", "error", "bulk", "verbatim"] as const) {
    const nested = { kind: "array" as const, items: [{ kind, text }] };
    for (const reply of [{ kind, text }, nested]) {
      expect(formatReply(reply, "pretty", { shown: printable })).toMatch(/^[ -~\n]*$/);
    }
  }
});

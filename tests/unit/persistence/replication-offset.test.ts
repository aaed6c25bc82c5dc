import { expect, test } from "bun:test";
import { formatOffset, parseOffset } from "../../../src/persistence/replication-offset.ts";

const OFFSET = {
  replid: "0123456789abcdef0123456789abcdef01234567",
  offset: 98765,
  databaseIndex: 3,
};

test("what is written is read back, and what earlier versions wrote", () => {
  expect(parseOffset(formatOffset(OFFSET).trimEnd())).toEqual(OFFSET);
  expect(parseOffset(`#REPL:${OFFSET.replid} 98765 3`)).toEqual(OFFSET);
});

test("no flipped bit makes it another offset", () => {
  const line = formatOffset(OFFSET).trimEnd();
  for (let bit = 0; bit < line.length * 8; bit++) {
    const bytes = Buffer.from(line, "latin1");
    bytes[bit >> 3]! ^= 1 << (bit & 7);
    const found = parseOffset(bytes.toString("latin1"));
    expect({ bit, found }).toEqual({ bit, found: null });
  }
});

test.each([
  [`#REPL:${OFFSET.replid} 99999999999999999999 0`],
  [`#REPL:${OFFSET.replid.toUpperCase()} 1 0`],
  [`#REPL:${OFFSET.replid} -1 0`],
  ["#TS:1234567890"],
])("%s is no offset", (line) => expect(parseOffset(line)).toEqual(null));

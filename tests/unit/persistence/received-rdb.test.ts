import { describe, expect, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { Crc64 } from "../../../src/persistence/rdb/crc64.ts";
import { ReceivedRdb } from "../../../src/persistence/received-rdb.ts";

function rdb(text: string, sum = true): Uint8Array {
  const bytes = Buffer.concat([latin1(text), new Uint8Array(8)]);
  const crc = new Crc64();
  crc.update(bytes, 0, text.length);
  if (sum) crc.write(bytes, text.length);
  return bytes;
}

function problemOf(bytes: Uint8Array, pieceBytes = bytes.length): string {
  const received = new ReceivedRdb();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    received.take(bytes.subarray(at, at + pieceBytes));
  }
  return received.problem;
}

const WHOLE = rdb("REDIS0010\xfa\x03abc\x01x\xff");

describe("an RDB as it is received", () => {
  test("is whole in whatever pieces it comes", () => {
    for (let bytes = 1; bytes <= WHOLE.length; bytes++) expect(problemOf(WHOLE, bytes)).toEqual("");
  });

  test.each([
    ["without a checksum", rdb("REDIS0010\xff", false)],
    ["of a version that had none", latin1("REDIS0004\xff")],
    ["of Valkey", rdb("VALKEY080\xff")],
  ])("%s is whole", (_, bytes) => expect(problemOf(bytes)).toEqual(""));

  test("is not whole where it is cut, or followed by anything", () => {
    for (let bytes = 0; bytes < WHOLE.length; bytes++) {
      expect({ bytes, problem: problemOf(WHOLE.subarray(0, bytes)) === "" }).toEqual({
        bytes,
        problem: false,
      });
    }
    expect(problemOf(Buffer.concat([WHOLE, latin1("x")]))).not.toEqual("");
  });

  test("is not whole with any bit flipped", () => {
    for (let bit = 0; bit < WHOLE.length * 8; bit++) {
      const bytes = Buffer.from(WHOLE);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      expect({ bit, problem: problemOf(bytes) === "" }).toEqual({ bit, problem: false });
    }
  });
});

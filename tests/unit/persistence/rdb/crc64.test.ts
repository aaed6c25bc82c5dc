import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Crc64 } from "../../../../src/persistence/rdb/crc64.ts";
import { forSeeds, randomBytes } from "../../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function checksum(bytes: Uint8Array): string {
  const crc = new Crc64();
  crc.update(bytes, 0, bytes.length);
  return ((BigInt(crc.high >>> 0) << 32n) | BigInt(crc.low >>> 0)).toString(16);
}

describe("CRC-64", () => {
  test.each([
    ["", "0"],
    ["123456789", "e9c6d914c4b8d9ca"],
  ])("of %p", (text, expected) => {
    expect(checksum(Buffer.from(text))).toEqual(expected);
  });

  test("is the same in pieces of any length, at any offset", async () => {
    await forSeeds(50, (random) => {
      const bytes = randomBytes(random, random.below(200));
      const crc = new Crc64();
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + 1 + random.below(20));
        crc.update(bytes, at, next);
        at = next;
      }
      const whole = new Crc64();
      whole.update(bytes, 0, bytes.length);
      expect([crc.low | 0, crc.high | 0]).toEqual([whole.low | 0, whole.high | 0]);
    });
  });

  test("is written little-endian, and recognized", () => {
    const crc = new Crc64();
    crc.update(Buffer.from("123456789"), 0, 9);
    const bytes = new Uint8Array(10);
    crc.write(bytes, 1);
    expect(Buffer.from(bytes).toString("hex")).toEqual("00cad9b8c414d9c6e900");
    expect(crc.matches(bytes, 1)).toEqual(true);
    for (let i = 1; i <= 8; i++) {
      const damaged = bytes.slice();
      damaged[i] = damaged[i]! ^ 1;
      expect(crc.matches(damaged, 1)).toEqual(false);
    }
  });

  test("reset begins anew", () => {
    const crc = new Crc64();
    crc.update(Buffer.from("abc"), 0, 3);
    crc.reset();
    expect([crc.low, crc.high]).toEqual([0, 0]);
  });
});

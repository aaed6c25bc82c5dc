import { expect, test } from "bun:test";
import { upperWord } from "../../../src/base/words.ts";
import { forSeeds } from "../seeds.ts";

test("the upper word is that of the whole product", () =>
  forSeeds(10, (random) => {
    for (let i = 0; i < 200; i++) {
      const a = random.int32() >> random.below(32);
      const b = (random.int32() >>> random.below(32)) | 0;
      const product = BigInt(a >>> 0) * BigInt(b >>> 0);
      expect(upperWord(a, b)).toBe(Number(BigInt.asIntN(32, product >> 32n)));
    }
    expect(upperWord(-1, -1)).toBe(-2);
  }));

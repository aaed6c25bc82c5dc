import { expect, setDefaultTimeout, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { TextCache } from "../../../src/base/text-cache.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

test("whatever was asked before, the text is that of the bytes", () =>
  forSeeds(3, (random) => {
    const cache = new TextCache();
    const bytes = new Uint8Array(new SharedArrayBuffer(2048));
    bytes.set(randomBytes(random, bytes.length));
    // Texts that come again, short and long, and far more of them than there are slots.
    for (let i = 0; i < 20_000; i++) {
      const from = random.below(1900);
      const length = random.below(4) * 23;
      expect(cache.text(bytes, from, length)).toBe(latin1Text(bytes, from, from + length));
    }
  }));

test("bytes that have changed give another text", () => {
  const cache = new TextCache();
  const bytes = latin1("news");
  expect(cache.text(bytes, 0, 4)).toBe("news");
  bytes[3] = 120;
  expect(cache.text(bytes, 0, 4)).toBe("newx");
});

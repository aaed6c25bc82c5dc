import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Random } from "../../../../src/base/random.ts";
import { compress, decompress } from "../../../../src/persistence/rdb/lzf.ts";
import { forSeeds, pick, randomBytes } from "../../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

/** Bytes with repetitions near and far, and stretches without. */
function sample(random: Random): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let i = 0; i < 1 + random.below(30); i++) {
    const known = parts.length === 0 ? randomBytes(random, 5) : pick(random, parts);
    parts.push(
      random.below(3) === 0
        ? randomBytes(random, random.below(300))
        : random.below(2) === 0
          ? new Uint8Array(random.below(700)).fill(random.below(256))
          : known.slice(random.below(known.length + 1)),
    );
  }
  return Buffer.concat(parts);
}

function packed(bytes: Uint8Array, offset = 0, length = bytes.length): Uint8Array | null {
  const to = new Uint8Array(length);
  const size = compress(bytes, offset, length, to, 0);
  return size === 0 ? null : to.slice(0, size);
}

describe("LZF", () => {
  test("what is compressed comes back, and is shorter", async () => {
    let compressed = 0;
    await forSeeds(400, (random) => {
      const bytes = sample(random);
      const small = packed(bytes);
      if (small === null) return;
      compressed++;
      expect(small.length).toBeLessThan(bytes.length);
      expect(decompress(small, 0, small.length, bytes.length)).toEqual(new Uint8Array(bytes));
    });
    expect(compressed).toBeGreaterThan(process.env.SEED === undefined ? 100 : -1);
  });

  test("a part of a larger buffer, into a part of a larger buffer, writes nothing outside it", async () => {
    await forSeeds(100, (random) => {
      const bytes = sample(random);
      const from = random.below(bytes.length + 1);
      const length = bytes.length - from;
      const to = new Uint8Array(length + 20).fill(0xee);
      const size = compress(bytes, from, length, to, 10);
      expect(to.subarray(0, 10)).toEqual(new Uint8Array(10).fill(0xee));
      expect(to.subarray(10 + length)).toEqual(new Uint8Array(10).fill(0xee));
      if (size > 0)
        expect(decompress(to, 10, size, length)).toEqual(new Uint8Array(bytes.subarray(from)));
    });
  });

  test("nothing is gained on random bytes and on very short ones", async () => {
    await forSeeds(20, (random) => expect(packed(randomBytes(random, 200))).toBeNull());
    for (let length = 0; length < 5; length++) expect(packed(new Uint8Array(length))).toBeNull();
  });

  test("the longest copy and the farthest one", () => {
    const run = new Uint8Array(600).fill(7);
    expect(decompress(packed(run)!, 0, packed(run)!.length, 600)).toEqual(run);
    const far = new Uint8Array(9000);
    for (let i = 0; i < far.length; i++) far[i] = (i * i * 31) >>> 7;
    far.copyWithin(8192, 0, 100);
    const small = packed(far);
    if (small !== null) expect(decompress(small, 0, small.length, far.length)).toEqual(far);
  });

  test("damage is found or gives other bytes, never more than the size", async () => {
    await forSeeds(300, (random) => {
      const bytes = sample(random);
      const small = packed(bytes);
      if (small === null) return;
      const damaged = small.slice();
      damaged[random.below(damaged.length)] = random.int32();
      const out = decompress(damaged, 0, damaged.length, bytes.length);
      if (out !== null) expect(out.length).toEqual(bytes.length);
      expect(decompress(small, 0, random.below(small.length), bytes.length)).toBeNull();
      expect(decompress(small, 0, small.length, bytes.length + 1)).toBeNull();
      if (bytes.length > 0) expect(decompress(small, 0, small.length, bytes.length - 1)).toBeNull();
    });
  });
});

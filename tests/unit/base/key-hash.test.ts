import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import { Hash } from "../../../src/base/key-hash.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

type State = [bigint, bigint, bigint, bigint];

const MASK = 0xffffffffn;

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (32n - by))) & MASK;
}

function round([a, b, c, d]: State): State {
  let [v0, v1, v2, v3] = [(a + b) & MASK, rotate(b, 5n), (c + d) & MASK, rotate(d, 8n)];
  v1 ^= v0;
  v0 = rotate(v0, 16n);
  v3 ^= v2;
  v0 = (v0 + v3) & MASK;
  v3 = rotate(v3, 7n) ^ v0;
  v2 = (v2 + v1) & MASK;
  v1 = rotate(v1, 13n) ^ v2;
  return [v0, v1, rotate(v2, 16n), v3];
}

/** HalfSipHash-c-d with 32 bits of output, written down as the paper describes it. */
function halfSipHash(c: number, d: number, k0: bigint, k1: bigint, message: Uint8Array): bigint {
  let v: State = [k0, k1, k0 ^ 0x6c796765n, k1 ^ 0x74656462n];
  const padded = new Uint8Array(Math.floor(message.length / 4) * 4 + 4);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  const words = new DataView(padded.buffer);
  for (let at = 0; at < padded.length; at += 4) {
    const m = BigInt(words.getUint32(at, true));
    v[3] ^= m;
    for (let i = 0; i < c; i++) v = round(v);
    v[0] ^= m;
  }
  v[2] ^= 0xffn;
  for (let i = 0; i < d; i++) v = round(v);
  return v[1] ^ v[3];
}

test("the reference agrees with the published vectors of HalfSipHash-2-4", () => {
  const published = ["a9359f5b", "27475ab8", "fa62a603", "8afee704", "2a6e4689", "c5fab669"];
  for (const [length, expected] of published.entries()) {
    const message = Uint8Array.from({ length }, (_, i) => i);
    const hash = halfSipHash(2, 4, 0x03020100n, 0x07060504n, message);
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(Number(hash));
    expect(bytes.toString("hex")).toEqual(expected);
  }
});

describe("HalfSipHash-1-3", () => {
  test("as the reference, for every length up to 100 and at any offset", () => {
    const bytes = Uint8Array.from({ length: 120 }, (_, i) => i * 7 + 200);
    for (const [k0, k1] of [
      [0, 0],
      [1, -1],
      [0x03020100, 0x07060504],
      [-2147483648, 2147483647],
    ] as const) {
      const hash = new Hash(k0, k1);
      for (let length = 0; length <= 100; length++) {
        for (const offset of [0, 1, 2, 3, 19]) {
          const message = bytes.subarray(offset, offset + length);
          const expected = halfSipHash(1, 3, BigInt(k0 >>> 0), BigInt(k1 >>> 0), message);
          expect(hash.of(bytes, offset, length) >>> 0).toEqual(Number(expected));
        }
      }
    }
  });

  test("as the reference, for random keys and messages", () =>
    forSeeds(300, (random) => {
      const [k0, k1] = [random.int32(), random.int32()];
      const message = randomBytes(random, random.below(random.below(10) === 0 ? 5000 : 40));
      const expected = halfSipHash(1, 3, BigInt(k0 >>> 0), BigInt(k1 >>> 0), message);
      expect(new Hash(k0, k1).of(message, 0, message.length) >>> 0).toEqual(Number(expected));
    }));

  test("another key gives other hashes", () => {
    const a = new Hash(1, 2);
    const b = new Hash(1, 3);
    let same = 0;
    for (let i = 0; i < 1000; i++) {
      const key = latin1(`key:${i}`);
      if (a.of(key, 0, key.length) === b.of(key, 0, key.length)) same++;
    }
    expect(same).toEqual(0);
  });

  test("keys that differ little spread evenly over buckets, by low bits and by high ones", () => {
    const hash = new Hash(3, 4);
    const buckets = 256;
    const total = buckets * 100;
    for (const shift of [0, 8, 24]) {
      const counts = new Int32Array(buckets);
      for (let i = 0; i < total; i++) {
        const key = latin1(`user:${i}`);
        const bucket = (hash.of(key, 0, key.length) >>> shift) & (buckets - 1);
        counts[bucket] = counts[bucket]! + 1;
      }
      let chiSquare = 0;
      for (const count of counts) chiSquare += (count - 100) ** 2 / 100;
      // 255 degrees of freedom: expected 255, standard deviation 22.6.
      expect(chiSquare).toBeGreaterThan(255 - 5 * 22.6);
      expect(chiSquare).toBeLessThan(255 + 5 * 22.6);
    }
  });
});

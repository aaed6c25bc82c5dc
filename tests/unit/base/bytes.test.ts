import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyBytes, equalBytes, freeBytes, latin1, latin1Text } from "../../../src/base/bytes.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

/** About the length where one way of working gives over to another. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 94, 95, 96, 97, 98, 200, 5000];

describe("bytes", () => {
  test("copyBytes copies just these bytes, for every length", () => {
    for (const length of LENGTHS) {
      const from = Uint8Array.from({ length: length + 10 }, (_, i) => i + 1);
      const to = new Uint8Array(length + 20);
      copyBytes(from, 3, to, 7, length);
      const expected = new Uint8Array(length + 20);
      for (let i = 0; i < length; i++) expected[7 + i] = from[3 + i]!;
      expect(to).toEqual(expected);
    }
  });

  test("equalBytes sees a difference at any place, and only within the range", () => {
    for (const length of LENGTHS) {
      const a = Uint8Array.from({ length: length + 10 }, (_, i) => i);
      const b = Uint8Array.from({ length: length + 10 }, (_, i) => i - 2);
      expect(equalBytes(a, 3, b, 5, length)).toEqual(true);
      for (let i = 0; i < Math.min(length, 200); i++) {
        b[5 + i] = b[5 + i]! ^ 1;
        expect([length, i, equalBytes(a, 3, b, 5, length)]).toEqual([length, i, false]);
        b[5 + i] = b[5 + i]! ^ 1;
      }
      a[2] = 99;
      a[3 + length] = 99;
      expect(equalBytes(a, 3, b, 5, length)).toEqual(true);
    }
  });

  test("freeBytes gives large buffers back and leaves all others alone", () => {
    const large = new Uint8Array(1 << 20);
    freeBytes(large);
    expect([large.length, large.buffer.byteLength]).toEqual([0, 0]);
    const small = Uint8Array.of(1, 2, 3);
    freeBytes(small);
    expect([...small]).toEqual([1, 2, 3]);
    const shared = new Uint8Array(new SharedArrayBuffer(1 << 20));
    freeBytes(shared);
    expect(shared.length).toEqual(1 << 20);
  });

  test("texts have one character a byte, also out of shared memory", () =>
    forSeeds(200, (random) => {
      const bytes = randomBytes(random, random.below(300));
      const text = latin1Text(bytes);
      expect(text.length).toEqual(bytes.length);
      expect([...latin1(text)]).toEqual([...bytes]);
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 8), 4, bytes.length);
      shared.set(bytes);
      expect(latin1Text(shared)).toEqual(text);
      const from = random.below(bytes.length + 1);
      const to = from + random.below(bytes.length + 1 - from);
      expect(latin1Text(shared, from, to)).toEqual(text.slice(from, to));
    }));
});

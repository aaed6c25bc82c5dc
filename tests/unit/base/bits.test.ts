import { describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import {
  BitOperands,
  type BitOperation,
  combineBits,
  countBits,
  findBit,
  kernelReady,
} from "../../../src/base/bits.ts";
import type { Random } from "../../../src/base/random.ts";
import { forSeeds, pick, randomBytes } from "../seeds.ts";

const OPERATIONS = ["and", "or", "xor", "not", "diff", "diff1", "andor", "one"] as const;

function randomLength(random: Random): number {
  const edge = pick(random, [0, 1, 31, 32, 33, 63, 64, 65, 200, 65536, 131072]);
  return Math.max(0, edge + random.below(5) - 2);
}

/** Random bytes, or many of one value; at an odd place of a buffer whose other bytes are all set. */
function randomRange(random: Random, length = randomLength(random)) {
  const offset = random.below(9);
  const buffer = new Uint8Array(new SharedArrayBuffer(length + 20)).fill(0xff);
  const content = random.below(2) === 0 ? randomBytes(random, length) : new Uint8Array(length);
  if (random.below(3) === 0) content.fill(pick(random, [0, 0xff]));
  for (let n = random.below(3); n > 0 && length > 0; n--) {
    content[random.below(length)] = random.int32();
  }
  buffer.set(content, offset);
  return { buffer, offset, content };
}

function combined(operation: BitOperation, contents: readonly Uint8Array[]): Uint8Array {
  const length = Math.max(...contents.map((content) => content.length));
  return Uint8Array.from({ length }, (_, i) => {
    const [x, ...others] = contents.map((content) => content[i] ?? 0);
    const some = others.reduce((a, b) => a | b, 0);
    switch (operation) {
      case "and":
        return others.reduce((a, b) => a & b, x!);
      case "or":
        return x! | some;
      case "xor":
        return others.reduce((a, b) => a ^ b, x!);
      case "not":
        return ~x!;
      case "diff":
        return x! & ~some;
      case "diff1":
        return some & ~x!;
      case "andor":
        return x! & some;
      default: {
        let byte = 0;
        for (let bit = 1; bit < 256; bit <<= 1) {
          if ([x!, ...others].filter((b) => b & bit).length === 1) byte |= bit;
        }
        return byte;
      }
    }
  });
}

function operate(random: Random): void {
  const operation = pick(random, OPERATIONS);
  const count = operation === "not" ? 1 : 1 + random.below(4);
  const ranges = Array.from({ length: count }, () => randomRange(random));
  const operands = new BitOperands();
  for (const { buffer, offset, content } of ranges) operands.add(buffer, offset, content.length);
  const expected = combined(
    operation,
    ranges.map(({ content }) => content),
  );
  expect(operands.length).toBe(expected.length);
  const to = new Uint8Array(expected.length + 6).fill(0x5a);
  combineBits(operation, operands, to, 3);
  const what = `${operation} of ${ranges.map(({ content }) => content.length)}`;
  assert(Buffer.compare(to.subarray(3, 3 + expected.length), expected) === 0, what);
  assert(
    to.subarray(0, 3).every((byte) => byte === 0x5a),
    `bytes before ${what}`,
  );
  assert(
    to.subarray(-3).every((byte) => byte === 0x5a),
    `bytes behind ${what}`,
  );
}

function count(random: Random): void {
  const { buffer, offset, content } = randomRange(random);
  let expected = 0;
  for (const byte of content) expected += byte.toString(2).replaceAll("0", "").length;
  const found = countBits(buffer, offset, content.length);
  assert(found === expected, `${expected} bits in ${content.length} bytes, not ${found}`);
}

// The first runs in JavaScript, the second in WebAssembly.
for (const isCompiled of [false, true]) {
  describe(isCompiled ? "in WebAssembly" : "before the kernel is compiled", () => {
    test("bits are counted", async () => {
      if (isCompiled) await kernelReady();
      await forSeeds(40, count);
    });

    test("operations are those of single bits", async () => {
      if (isCompiled) await kernelReady();
      await forSeeds(30, operate);
    });
  });
}

test("the first bit of a value is found", () =>
  forSeeds(300, (random) => {
    const { buffer, offset, content } = randomRange(random, random.below(300));
    for (const bit of [0, 1] as const) {
      const text = Array.from(content, (byte) => byte.toString(2).padStart(8, "0")).join("");
      expect(findBit(buffer, offset, content.length, bit)).toBe(text.indexOf(String(bit)));
    }
  }));

import { expect, test } from "bun:test";
import { A, B, BitKernel, C, PIECE_BYTES } from "../../../src/base/bit-kernel.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

const OPERATIONS = {
  and: (a: number, b: number) => a & b,
  or: (a: number, b: number) => a | b,
  xor: (a: number, b: number) => a ^ b,
  andNot: (a: number, b: number) => a & ~b,
};

for (const isCompiled of [false, true]) {
  test(`every loop, ${isCompiled ? "in WebAssembly" : "before it is compiled"}`, async () => {
    const kernel = new BitKernel();
    if (isCompiled) await kernel.compile();
    await forSeeds(20, (random) => {
      const length = random.below(300);
      const a = randomBytes(random, length);
      const b = randomBytes(random, length);
      const pieces = [A, B, C].sort(() => random.below(3) - 1);
      const [first, second] = [pieces[0]!, pieces[1]!];
      for (const [name, operation] of Object.entries(OPERATIONS)) {
        kernel.load(first, a, 0, length);
        kernel.load(second, b, 0, length);
        kernel[name as keyof typeof OPERATIONS](first, second, length);
        const result = [...kernel.bytes.subarray(first, first + length)];
        expect(result).toEqual([...a].map((byte, i) => operation(byte, b[i]!) & 0xff));
        expect([...kernel.bytes.subarray(second, second + length)]).toEqual([...b]);
      }
      kernel.bytes.fill(0xff, first, first + PIECE_BYTES);
      kernel.load(first, a, 0, length);
      const bits = Array.from(a, (byte) => byte.toString(2).replaceAll("0", "")).join("");
      expect(kernel.count(first, length)).toBe(bits.length);
    });
  });
}

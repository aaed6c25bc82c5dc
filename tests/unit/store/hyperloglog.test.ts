import { expect, test } from "bun:test";
import { latin1 } from "../../../src/base/bytes.ts";
import {
  DENSE_BYTES,
  ElementHash,
  EMPTY_BYTES,
  GROWTH_BYTES_MAX,
  HyperLogLog,
  isHyperLogLog,
  NEEDS_DENSE,
  REGISTERS,
  writeEmpty,
  writeRegisters,
} from "../../../src/store/hyperloglog.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

const hash = new ElementHash();
const hll = new HyperLogLog();

test("both forms hold what plain registers hold, and count about right", () =>
  forSeeds(6, (random) => {
    const plain = new Uint8Array(REGISTERS);
    let bytes = new Uint8Array(DENSE_BYTES);
    let length = EMPTY_BYTES;
    writeEmpty(bytes, 0);
    hll.open(bytes, 0, length);
    const seen = new Set<number>();
    const count = 2 ** random.below(16);
    for (let i = 0; i < count; i++) {
      const element = randomBytes(random, 4);
      seen.add(new DataView(element.buffer).getInt32(0));
      hash.take(element, 0, 4);
      const { index, value } = hash;
      plain[index] = Math.max(plain[index]!, value);
      if (hll.set(index, value, 3000) !== NEEDS_DENSE) continue;
      const dense = new Uint8Array(DENSE_BYTES);
      expect(hll.writeDense(dense, 0)).toBe(true);
      bytes = dense;
      length = DENSE_BYTES;
      hll.open(bytes, 0, length);
      hll.set(index, value, 3000);
    }
    const registers = new Uint8Array(REGISTERS);
    expect(hll.mergeInto(registers)).toBe(true);
    expect(registers).toEqual(plain);
    ({ length } = hll);
    const written = new Uint8Array(DENSE_BYTES + 2).fill(0x5a);
    writeEmpty(written, 1);
    writeRegisters(registers, written, 1);
    expect(isHyperLogLog(written, 1, DENSE_BYTES)).toBe(true);
    expect([written[0], written[DENSE_BYTES + 1]]).toEqual([0x5a, 0x5a]);
    hll.open(written, 1, DENSE_BYTES);
    expect([hll.isDense, hll.cached]).toEqual([true, -1]);
    expect(hll.mergeInto(registers.fill(0))).toBe(true);
    expect(registers).toEqual(plain);
    hll.open(bytes, 0, length);
    expect(hll.count()).toBe(hll.countRegisters(plain));
    // The standard error is 0.81 %.
    expect(Math.abs(hll.count() - seen.size)).toBeLessThan(seen.size * 0.05 + 1);
    hll.cache(123456789012);
    expect(hll.cached).toBe(123456789012);
    hll.invalidate();
    expect(hll.cached).toBe(-1);
  }));

test("damaged runs are told from sound ones, and no byte outside is read or written", () =>
  forSeeds(300, (random) => {
    const sound = new Uint8Array(DENSE_BYTES);
    hll.open(sound, 0, writeEmpty(sound, 0));
    for (let i = random.below(300); i > 0; i--) {
      hash.take(randomBytes(random, 8), 0, 8);
      hll.set(hash.index, hash.value, 3000);
    }
    const { length } = hll;
    const bytes = new Uint8Array(DENSE_BYTES + 40).fill(0xab);
    bytes.set(sound.subarray(0, length), 20);
    for (let n = random.below(4); n > 0; n--)
      bytes[20 + 16 + random.below(length - 16)] = random.int32();
    const cut = length - random.below(random.below(2) === 0 ? 1 : length - 16);
    hll.open(bytes, 20, cut);
    const registers = new Uint8Array(REGISTERS);
    const isSound = hll.mergeInto(registers);
    expect(hll.writeDense(new Uint8Array(DENSE_BYTES), 0)).toBe(isSound);
    expect(hll.count() >= 0).toBe(isSound);
    expect(hll.set(random.below(REGISTERS), 1 + random.below(32), 3000)).toBeLessThanOrEqual(3);
    expect(hll.length).toBeLessThanOrEqual(cut + GROWTH_BYTES_MAX);
    expect(bytes.subarray(0, 20)).toEqual(new Uint8Array(20).fill(0xab));
    if (cut === length) {
      expect(bytes.subarray(20 + length + GROWTH_BYTES_MAX).every((b) => b === 0xab)).toBe(true);
    }
  }));

test("what is no HyperLogLog", () => {
  const empty = new Uint8Array(EMPTY_BYTES);
  writeEmpty(empty, 0);
  expect(isHyperLogLog(empty, 0, EMPTY_BYTES)).toBe(true);
  expect(isHyperLogLog(empty, 0, 15)).toBe(false);
  for (const [at, byte] of [
    [0, 0],
    [3, 0],
    [4, 2],
    [4, 0],
  ] as const) {
    const other = empty.slice();
    other[at] = byte;
    expect(isHyperLogLog(other, 0, EMPTY_BYTES)).toBe(false);
  }
  expect(isHyperLogLog(latin1("HYLL"), 0, 4)).toBe(false);
});

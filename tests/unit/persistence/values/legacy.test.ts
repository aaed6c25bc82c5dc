import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../../src/base/bytes.ts";
import { toBigInt } from "../../../../src/base/number-text.ts";
import type { Random } from "../../../../src/base/random.ts";
import { Element } from "../../../../src/memory/element.ts";
import {
  type LegacyReader,
  ZiplistReader,
  ZipmapReader,
} from "../../../../src/persistence/values/legacy.ts";
import { forSeeds, pick, randomBytes } from "../../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

type Value = string | bigint;

const element = new Element();

/** All entries, or null where the bytes are damaged. */
function read(reader: LegacyReader, bytes: Uint8Array, from = 0, length = bytes.length) {
  const values: Value[] = [];
  if (reader.open(bytes, from, length)) {
    while (reader.next(element)) {
      const { isInteger, low, high } = element;
      if (!isInteger) {
        assert(element.from >= from && element.from + element.length <= from + length, "inside");
      }
      values.push(
        isInteger
          ? toBigInt(low, high)
          : latin1Text(element.bytes, element.from, element.from + element.length),
      );
    }
    assert(!reader.next(element), "an end stays the end");
  }
  return reader.isDamaged ? null : values;
}

function little(value: bigint | number, size: number): number[] {
  return Array.from({ length: size }, (_, i) => Number((BigInt(value) >> BigInt(i * 8)) & 255n));
}

/** The smallest form of an integer in a ziplist. */
function integerEntry(value: bigint): number[] {
  if (value >= 0n && value <= 12n) return [0xf1 + Number(value)];
  for (const [mark, size] of [
    [0xfe, 1],
    [0xc0, 2],
    [0xf0, 3],
    [0xd0, 4],
  ] as const) {
    if (BigInt.asIntN(size * 8, value) === value) return [mark, ...little(value, size)];
  }
  return [0xe0, ...little(value, 8)];
}

function stringEntry(text: string): number[] {
  const { length } = text;
  const bytes = [...latin1(text)];
  if (length < 64) return [length, ...bytes];
  if (length < 16384) return [0x40 | (length >> 8), length & 255, ...bytes];
  return [0x80, ...little(length, 4).reverse(), ...bytes];
}

/** `longBefore`: sizes of entries before are written in five bytes where one would do. */
function ziplist(values: readonly Value[], longBefore = () => false): Uint8Array {
  const body: number[] = [];
  let before = 0;
  let last = 10;
  for (const value of values) {
    const entry = before < 254 && !longBefore() ? [before] : [254, ...little(before, 4)];
    entry.push(...(typeof value === "bigint" ? integerEntry(value) : stringEntry(value)));
    last = 10 + body.length;
    before = entry.length;
    for (const byte of entry) body.push(byte);
  }
  const count = Math.min(values.length, 65535);
  return Uint8Array.from([
    ...little(body.length + 11, 4),
    ...little(last, 4),
    ...little(count, 2),
    ...body,
    255,
  ]);
}

function zipmap(pairs: readonly (readonly [string, string])[], unused = () => 0): Uint8Array {
  const length = (text: string) =>
    text.length < 254 ? [text.length] : [254, ...little(text.length, 4)];
  const body = pairs.flatMap(([field, value]) => {
    const spare = unused();
    return [
      ...length(field),
      ...latin1(field),
      ...length(value),
      spare,
      ...latin1(value),
      ...new Array(spare).fill(7),
    ];
  });
  return Uint8Array.from([Math.min(pairs.length, 254), ...body, 255]);
}

function randomInteger(random: Random): bigint {
  return toBigInt(random.int32(), random.int32()) >> BigInt(random.below(64));
}

function randomText(random: Random): string {
  const length = random.below(pick(random, [2, 70, 300, 17000]));
  return latin1Text(randomBytes(random, length));
}

/** Every cut and changed byte: entries or damage, and never a byte from outside. */
function damage(reader: LegacyReader, whole: Uint8Array, random: Random): void {
  for (let i = 0; i < 200; i++) {
    const bytes = whole.slice();
    for (let n = random.below(3); n >= 0; n--) {
      const edge = random.below(2) === 0 ? 20 : bytes.length;
      bytes[random.below(Math.min(edge, bytes.length))] = pick(random, [0, 254, 255, 128, 252, 9]);
    }
    read(reader, bytes);
  }
  for (let length = 0; length < whole.length; length += 1 + random.below(whole.length >> 5 || 1)) {
    expect(read(reader, whole, 0, length)).toBeNull();
  }
}

describe("ziplist", () => {
  const reader = new ZiplistReader();

  test("every kind of entry, byte by byte", () => {
    // The list of "Z", 0, 127, -128, 32767, 8388607, 2147483647, 2147483648.
    const bytes = [
      ...[0x33, 0, 0, 0, 0x28, 0, 0, 0, 8, 0, 0, 1, 0x5a, 3, 0xf1, 2, 0xfe, 0x7f, 3, 0xfe, 0x80],
      ...[3, 0xc0, 0xff, 0x7f, 4, 0xf0, 0xff, 0xff, 0x7f, 5, 0xd0, 0xff, 0xff, 0xff, 0x7f],
      ...[6, 0xe0, 0, 0, 0, 0x80, 0, 0, 0, 0, 255],
    ];
    bytes[0] = bytes.length;
    bytes[4] = bytes.length - 11;
    const values = [0n, 127n, -128n, 32767n, 8388607n, 2147483647n, 2147483648n];
    expect(read(reader, Uint8Array.from(bytes))).toEqual(["Z", ...values]);
    expect(read(reader, Uint8Array.from([11, 0, 0, 0, 10, 0, 0, 0, 0, 0, 255]))).toEqual([]);
  });

  test("random values, and every kind of damage", () =>
    forSeeds(6, (random) => {
      const values = Array.from({ length: random.below(60) }, () =>
        random.below(2) === 0 ? randomInteger(random) : randomText(random),
      );
      const bytes = ziplist(values, () => random.below(9) === 0);
      expect(read(reader, bytes)).toEqual(values);
      const shifted = Uint8Array.from([255, 1, ...bytes, 0, 0]);
      expect(read(reader, shifted, 2, bytes.length)).toEqual(values);
      damage(reader, bytes, random);
    }));

  test("more entries than its header can count", () => {
    const values = new Array(70000).fill(1n);
    expect(read(reader, ziplist(values))).toEqual(values);
  });

  const sound = ziplist(["abc", 300n, "d"]);
  for (const [name, at, value] of [
    ["the bytes in all", 0, 99],
    ["the last entry", 4, 10],
    ["the count", 8, 2],
    ["the size before the first entry", 10, 1],
    ["the size before the second", 15, 4],
    ["an integer's mark", 16, 0xc1],
    ["a string's length", 11, 60],
    ["the end", sound.length - 1, 0],
  ] as const) {
    test(`${name} that is wrong is damage`, () => {
      const bytes = sound.slice();
      expect(read(reader, bytes)).toEqual(["abc", 300n, "d"]);
      bytes[at] = value;
      expect(read(reader, bytes)).toBeNull();
    });
  }
});

describe("zipmap", () => {
  const reader = new ZipmapReader();

  test("the example of its description", () => {
    const bytes = [2, 3, ...latin1("foo"), 3, 0, ...latin1("bar"), 5, ...latin1("hello"), 5, 0];
    const map = Uint8Array.from([...bytes, ...latin1("world"), 255]);
    expect(read(reader, map)).toEqual(["foo", "bar", "hello", "world"]);
    expect(read(reader, Uint8Array.from([0, 255]))).toEqual([]);
  });

  test("random pairs, and every kind of damage", () =>
    forSeeds(6, (random) => {
      const pairs = Array.from(
        { length: random.below(pick(random, [5, 300])) },
        () => [randomText(random).slice(0, 600), randomText(random).slice(0, 600)] as const,
      );
      const bytes = zipmap(pairs, () => random.below(4));
      expect(read(reader, bytes)).toEqual(pairs.flat());
      damage(reader, bytes, random);
    }));

  test("a field without a value, and a count that is wrong, are damage", () => {
    expect(read(reader, Uint8Array.from([1, 1, 65, 255]))).toBeNull();
    expect(read(reader, Uint8Array.from([2, 1, 65, 1, 0, 66, 255]))).toBeNull();
    expect(read(reader, Uint8Array.from([1, 1, 65, 1, 0, 66, 255]))).toEqual(["A", "B"]);
    expect(read(reader, Uint8Array.from([254, 1, 65, 1, 0, 66, 255]))).toEqual(["A", "B"]);
    expect(read(reader, Uint8Array.from([1, 1, 65, 1, 9, 66, 255]))).toBeNull();
  });
});

import { expect, test } from "bun:test";
import { compareBytes, latin1, latin1Text } from "../../../src/base/bytes.ts";
import { NumberOrder } from "../../../src/base/number-order.ts";
import type { Random } from "../../../src/base/random.ts";
import { TextList } from "../../../src/base/text-list.ts";
import { TextOrder } from "../../../src/base/text-order.ts";
import { forSeeds, pick } from "../seeds.ts";

function randomText(random: Random, prefixes: readonly string[]): string {
  const alphabet = pick(random, ["ab", "\0\x01\xff", "0123456789"]);
  let text = pick(random, prefixes);
  for (let left = random.below(15); left > 0; left--) {
    text += alphabet[random.below(alphabet.length)]!;
  }
  return text;
}

function compare(a: string, b: string): number {
  return compareBytes(latin1(a), 0, a.length, latin1(b), 0, b.length);
}

test("indexes come in the order of the texts, equal ones as they were", () =>
  forSeeds(40, (random) => {
    const texts = new TextList();
    const order = new TextOrder(new NumberOrder());
    for (const count of [0, 1, 2, 12, 13, 14, 100, 2000]) {
      const prefixes = ["", "member:", "member:000000000", "a".repeat(random.below(30))];
      const all = Array.from({ length: count }, () => randomText(random, prefixes));
      for (const text of all) texts.add(latin1(text), 0, text.length);
      const indexes = Uint32Array.from({ length: count }, (_, i) => count - 1 - i);
      const wanted = [...indexes].sort((a, b) => compare(all[a]!, all[b]!));
      order.sort(indexes, 0, count, texts);
      expect([...indexes]).toEqual(wanted);
      texts.clear();
    }
  }));

test("texts that each begin with the one before take no stack as deep, nor time that is their square", () => {
  const texts = new TextList();
  const count = 1000;
  const longest = latin1("abcdef".repeat(count));
  for (let i = 0; i < count; i++) texts.add(longest, 0, (count - i) * 6);
  const indexes = Uint32Array.from({ length: count }, (_, i) => i);
  new TextOrder(new NumberOrder()).sort(indexes, 0, count, texts);
  expect([...indexes]).toEqual(Array.from({ length: count }, (_, i) => count - 1 - i));
  expect(latin1Text(texts.bytes, texts.starts[count - 1]!, texts.starts[count]!)).toBe("abcdef");
});

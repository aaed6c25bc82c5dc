import { expect, test } from "bun:test";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import { TEXT_LIST_BYTES_MAX, TextList } from "../../../src/base/text-list.ts";

function textAt({ bytes, starts }: TextList, index: number): string {
  return latin1Text(bytes, starts[index]!, starts[index + 1]!);
}

test("texts are kept one behind the other, however many and long", () => {
  const list = new TextList();
  const texts = Array.from({ length: 3000 }, (_, i) => "x".repeat(i % 50) + i);
  texts.push("", "y".repeat(3_000_000), "end");
  for (let round = 0; round < 2; round++) {
    for (const text of texts) {
      expect(list.hasRoom(text.length)).toBe(true);
      list.add(latin1(`--${text}--`), 2, text.length);
    }
    expect(list.count).toBe(texts.length);
    expect(texts.map((_, i) => textAt(list, i))).toEqual(texts);
    expect(list.lengthOf(3001)).toBe(3_000_000);
    list.clear();
    expect(list.count).toBe(0);
    expect(list.bytes.length).toBeLessThan(1 << 20);
  }
});

test("a text may be written in place", () => {
  const list = new TextList();
  list.add(latin1("one"), 0, 3);
  const at = list.reserve(20);
  list.bytes.set(latin1("two"), at);
  list.close(at + 3);
  list.add(latin1("three"), 0, 5);
  expect([0, 1, 2].map((i) => textAt(list, i))).toEqual(["one", "two", "three"]);
});

test("what is too much for one buffer is refused", () => {
  const list = new TextList();
  list.add(latin1("one"), 0, 3);
  expect(list.hasRoom(TEXT_LIST_BYTES_MAX - 3)).toBe(true);
  expect(list.hasRoom(TEXT_LIST_BYTES_MAX - 2)).toBe(false);
});

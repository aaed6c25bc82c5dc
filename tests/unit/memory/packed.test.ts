import { beforeEach, describe, expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import type { Random } from "../../../src/base/random.ts";
import { Element } from "../../../src/memory/element.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { Packed } from "../../../src/memory/packed.ts";
import { forSeeds, pick } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";

const heap = new Heap(1);
const packed = new Packed(heap);
const element = new Element();
const found = new Element();

beforeEach(() => heap.reset());

function given(text: string): Element {
  const bytes = latin1(text);
  return element.setText(bytes, 0, bytes.length);
}

function texts(): string[] {
  const all: string[] = [];
  for (let at = packed.first; at < packed.end; ) {
    at = packed.read(at, found);
    const text = new Uint8Array(found.isInteger ? 20 : found.length);
    all.push(latin1Text(text, 0, found.writeText(text, 0)));
  }
  return all;
}

function randomText(random: Random): string {
  return pick(random, [
    String(random.below(300) - 150),
    String(BigInt(random.int32()) * BigInt(random.int32())),
    "x".repeat(random.below(90)),
    "long".repeat(random.below(1200)),
    `member ${random.below(20)}`,
  ]);
}

describe("packed entries", () => {
  test("against an array", () =>
    forSeeds(80, (random) => {
      heap.reset();
      packed.create();
      let model: string[] = [];
      for (let i = 0; i < 200; i++) {
        const index = random.below(model.length + 1);
        const text = randomText(random);
        switch (random.below(model.length === 0 ? 2 : 5)) {
          case 0:
            packed.append(given(text));
            model.push(text);
            break;
          case 1:
            packed.insert(packed.seek(index), given(text));
            model = model.toSpliced(index, 0, text);
            break;
          case 2: {
            const at = Math.min(index, model.length - 1);
            packed.replace(packed.seek(at), given(text));
            model = model.with(at, text);
            break;
          }
          case 3: {
            const count = random.below(Math.min(8, model.length - index) + 1);
            packed.remove(packed.seek(index), count);
            model = model.toSpliced(index, count);
            break;
          }
          default: {
            const stride = 1 + random.below(2);
            const wanted = random.below(2) === 0 ? pick(random, model) : text;
            const at = packed.find(given(wanted), stride);
            const expected = model.findIndex((one, j) => j % stride === 0 && one === wanted);
            assert(at === (expected < 0 ? -1 : packed.seek(expected)), `find ${wanted}`);
          }
        }
        packed.open(packed.ref);
        packed.check();
        assert(heap.check() === 1, "one block");
        expect(texts()).toEqual(model);
      }
      const kept = packed.copy();
      packed.free();
      packed.open(kept);
      expect(texts()).toEqual(model);
      packed.free();
      expect(heap.usedBytes).toEqual(0);
    }));

  test("steps back from the end to the first entry", () => {
    packed.create();
    for (const text of ["a", "1", "b".repeat(100)]) packed.append(given(text));
    let at = packed.end;
    for (let i = 0; i < 3; i++) at = packed.previous(at);
    expect(at).toEqual(packed.first);
  });

  test("running out of memory changes nothing", () =>
    forSeeds(30, (random) => {
      heap.reset();
      packed.create();
      const model: string[] = [];
      for (let i = 0; i < 20; i++) {
        const text = randomText(random);
        const end = runShort(heap, 0);
        const fitted = fits(() => packed.append(given(text)));
        end();
        if (!fitted) packed.append(given(text));
        model.push(text);
        expect(texts()).toEqual(model);
        const behind = packed.seek(model.length - 1);
        const again = runShort(heap, 0);
        const replaced = fits(() => packed.replace(behind, given(`${text}${text}!`)));
        again();
        if (replaced) model[model.length - 1] = `${text}${text}!`;
        packed.check();
        expect(texts()).toEqual(model);
      }
    }));

  test("ten small entries take little more than themselves", () => {
    packed.create();
    for (let i = 0; i < 10; i++) packed.append(given(`member:${i}`));
    expect(packed.usedBytes).toBeLessThanOrEqual(packed.byteLength + 8 + 16);
    packed.remove(packed.first, 9);
    expect(packed.usedBytes).toBeLessThanOrEqual(64);
  });
});

import { beforeEach, describe, expect, test } from "bun:test";
import { latin1 } from "../../../../src/base/bytes.ts";
import { forSeeds, pick } from "../../seeds.ts";
import { fieldsOf, Model } from "../model.ts";

const model = new Model();
const { space } = model;
const { hashes } = space;

beforeEach(() => {
  hashes.limit.entries = 512;
  hashes.limit.bytes = 64;
  model.reset();
});

function encoding(key: string): string {
  return hashes.encoding(model.look(0, key));
}

function pairs(count: number): [string, string][] {
  return Array.from({ length: count }, (_, i) => [`f${i}`, `v${i}`]);
}

describe("the form of a hash", () => {
  test("is packed up to the limits, and a table above them, for good", () => {
    hashes.limit.entries = 4;
    model.setFields(0, "h", pairs(4));
    expect(encoding("h")).toEqual("listpack");
    model.setFields(0, "h", [["f0", "another"]]);
    expect(encoding("h")).toEqual("listpack");
    model.setFields(0, "h", [["f4", "v4"]]);
    expect(encoding("h")).toEqual("hashtable");
    model.removeFields(0, "h", ["f1", "f2", "f3"]);
    expect(encoding("h")).toEqual("hashtable");
    for (const [key, field, value] of [
      ["field", "f".repeat(65), "v"],
      ["value", "f", "v".repeat(65)],
    ] as const) {
      model.setFields(0, key, [["a", "1"]]);
      model.setFields(0, key, [[field.slice(1), value.slice(1)]]);
      expect(encoding(key)).toEqual("listpack");
      model.setFields(0, key, [[field, value]]);
      expect(encoding(key)).toEqual("hashtable");
    }
    model.check();
  });

  test("is a table at once where one command has more fields than the limit", () => {
    hashes.limit.entries = 4;
    model.setFields(0, "h", [...pairs(2), ...pairs(2), ...pairs(1)]);
    expect(encoding("h")).toEqual("hashtable");
    model.check();
  });
});

describe("fields", () => {
  test("are found by their text, whatever they are stored as", () =>
    forSeeds(20, (random) => {
      model.reset();
      hashes.limit.entries = pick(random, [0, 20, 512]);
      const texts = ["", "0", "-1", "12345678901234567890", "007", "x".repeat(300), "9".repeat(18)];
      for (let i = 0; i < 60; i++) {
        model.setFields(0, "h", [[pick(random, texts), pick(random, texts)]]);
        if (random.below(3) === 0) {
          const fields = [...fieldsOf(hashes.open(model.look(0, "h"))).keys()];
          if (fields.length > 1) model.removeFields(0, "h", [pick(random, fields), "none"]);
        }
        const hash = hashes.open(model.look(0, "h"));
        const expected = model.value(0, "h")!.data as ReadonlyMap<string, string>;
        for (const text of texts) {
          const isThere = hash.find(latin1(text), 0, text.length);
          expect(isThere).toEqual(expected.has(text));
          if (isThere) expect(hash.valueLength()).toEqual(expected.get(text)!.length);
        }
        model.check();
      }
    }));
});

describe("whole hashes", () => {
  test("memory usage covers all blocks, and a sample is near it", () => {
    model.setFields(0, "h", pairs(5000));
    const ref = model.look(0, "h");
    const all = hashes.usedBytes(ref, 0);
    expect(all).toBeGreaterThan(5000 * 24);
    expect(all).toBeLessThan(5000 * 100);
    expect(hashes.usedBytes(ref, 5) / all).toBeWithin(0.9, 1.1);
    expect(hashes.count(ref)).toEqual(5000);
  });

  test("a large one is freed in slices", () => {
    model.setFields(0, "h", pairs(5000));
    model.remove(0, "h");
    let slices = 0;
    while (space.reaper.hasWork) {
      space.reaper.freeSome(100);
      if (slices++ % 10 === 0) model.check();
    }
    expect(slices).toBeGreaterThan(20);
    model.check();
  });
});

import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1, latin1Text } from "../../../src/base/bytes.ts";
import type { Random } from "../../../src/base/random.ts";
import { Element } from "../../../src/memory/element.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { LINKED, NodeLimit, PACKED, Quicklist } from "../../../src/memory/quicklist.ts";
import { forSeeds, pick } from "../seeds.ts";
import { fits, runShort } from "./lean-heap.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const heap = new Heap(1);
const limits = new NodeLimit();
const chain = new Quicklist(heap, limits);
const element = new Element();
const found = new Element();
const DEFAULT_LIMIT = -2;

beforeEach(() => {
  heap.reset();
  limits.set(DEFAULT_LIMIT);
});

/** The text as an element that is ready to be written. */
function given(text: string): Element {
  const bytes = latin1(text);
  return element.setText(bytes, 0, bytes.length);
}

function foundText(): string {
  const text = new Uint8Array(found.isInteger ? 20 : found.length);
  return latin1Text(text, 0, found.writeText(text, 0));
}

/** A chain as its owner keeps it, a word and a form, with an array beside it as the model. */
class Pair {
  word = 0;
  form = PACKED;
  model: string[] = [];

  open(): void {
    if (this.model.length === 0) chain.openNew();
    else chain.open(this.word, this.form);
  }

  close(): void {
    if (chain.length === 0) {
      chain.closeEmpty();
      this.word = 0;
      return;
    }
    this.word = chain.close();
    this.form = chain.form;
  }

  /** Opens, works, closes, and checks everything. */
  change(work: () => void): void {
    this.open();
    work();
    this.close();
    this.check();
  }

  push(...texts: string[]): this {
    this.change(() => {
      for (const text of texts) {
        chain.pushTail(given(text));
        this.model.push(text);
      }
    });
    return this;
  }

  texts(): string[] {
    const texts: string[] = [];
    if (this.word === 0) return texts;
    chain.open(this.word, this.form);
    chain.seek(0);
    for (let more = true; more; ) {
      more = chain.readNext(found);
      texts.push(foundText());
    }
    return texts;
  }

  check(): void {
    const expected = this.model;
    const blocks = heap.check();
    if (expected.length === 0) {
      assert(this.word === 0 && blocks === 0, "an empty chain has no blocks");
      return;
    }
    chain.open(this.word, this.form);
    assert(blocksOf() === blocks, "every block belongs to the list");
    assert(chain.usedBytes() === heap.usedBytes, "usedBytes");
    assert(chain.length === expected.length, "length");
    const texts = this.texts();
    for (const [i, text] of expected.entries()) {
      assert(texts[i] === text, `entry ${i} is ${shown(texts[i])}, not ${shown(text)}`);
    }
  }

  free(): void {
    if (this.model.length === 0) return;
    chain.open(this.word, this.form);
    assert(chain.destroySome(chain.nodes), "the chain is gone");
    this.word = 0;
    this.model = [];
  }
}

/** Checks the open list; returns how many blocks it has. */
function blocksOf(): number {
  const owned = new Set<number>();
  chain.check((block) => owned.add(block));
  return owned.size;
}

function shown(text: string | undefined): string {
  return JSON.stringify(text)?.slice(0, 40) ?? "nothing";
}

function removeForward(text: string, limit: number): number {
  chain.setWanted(given(text));
  return chain.removeForward(limit);
}

function removeBackward(text: string, limit: number): number {
  chain.setWanted(given(text));
  return chain.removeBackward(limit);
}

function numbers(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}

/** The operations of the random test; each changes the open chain and the model alike. */
type Operation = (pair: Pair, random: Random) => void;

function randomText(random: Random): string {
  switch (random.below(10)) {
    case 0:
    case 1:
    case 2:
      return String(random.below(4));
    case 3:
      return String(random.int32());
    case 4:
      return `${random.int32()}${random.int32() >>> 0}`;
    case 5:
    case 6:
      return "abc".slice(random.below(3));
    case 7:
      return "m".repeat(random.below(200));
    case 8:
      return "l".repeat(random.below(3000));
    default:
      // Larger than a node may be.
      return random.below(8) === 0 ? "h".repeat(4000 + random.below(70000)) : "";
  }
}

function seekRandom(pair: Pair, random: Random): number {
  const index = random.below(pair.model.length);
  chain.seek(index);
  chain.read(found);
  assert(foundText() === pair.model[index], `seek ${index} of ${pair.model.length}`);
  return index;
}

const GROWING: readonly Operation[] = [
  ({ model }, random) => {
    const text = randomText(random);
    chain.pushTail(given(text));
    model.push(text);
  },
  ({ model }, random) => {
    const text = randomText(random);
    chain.pushHead(given(text));
    model.unshift(text);
  },
  (pair, random) => {
    const index = seekRandom(pair, random);
    const text = randomText(random);
    const behind = random.below(2) === 1;
    chain.insertHere(given(text), behind);
    pair.model.splice(behind ? index + 1 : index, 0, text);
  },
];

const SHRINKING: readonly Operation[] = [
  ({ model }) => {
    chain.popHead();
    model.shift();
  },
  ({ model }) => {
    chain.popTail();
    model.pop();
  },
  (pair, random) => {
    const index = seekRandom(pair, random);
    const more = chain.removeHere();
    pair.model.splice(index, 1);
    assert(more === index < pair.model.length, "removeHere tells whether an entry is behind");
    if (!more) return;
    chain.read(found);
    assert(foundText() === pair.model[index], "the position moves to the entry behind");
  },
  ({ model }, random) => {
    const count = random.below(Math.min(model.length, 1 + random.below(20)));
    chain.trimHead(count);
    model.splice(0, count);
  },
  ({ model }, random) => {
    const count = random.below(Math.min(model.length, 1 + random.below(20)));
    chain.trimTail(count);
    if (count > 0) model.splice(-count);
  },
  (pair, random) => {
    const text = pick(random, pair.model);
    const limit = 1 + random.below(4);
    chain.setWanted(given(text));
    const removed = chain.removeForward(limit);
    let expected = 0;
    pair.model = pair.model.filter((other) => other !== text || expected++ >= limit);
    assert(removed === Math.min(expected, limit), "removeForward counts");
  },
  (pair, random) => {
    const text = pick(random, pair.model);
    const limit = 1 + random.below(4);
    chain.setWanted(given(text));
    const removed = chain.removeBackward(limit);
    let expected = 0;
    pair.model = pair.model
      .toReversed()
      .filter((other) => other !== text || expected++ >= limit)
      .reverse();
    assert(removed === Math.min(expected, limit), "removeBackward counts");
  },
];

const OTHERS: readonly Operation[] = [
  (pair, random) => {
    const index = seekRandom(pair, random);
    const text = randomText(random);
    chain.replaceHere(given(text));
    pair.model[index] = text;
  },
  (pair, random) => {
    const index = seekRandom(pair, random);
    const text = random.below(2) === 0 ? pair.model[index]! : randomText(random);
    chain.setWanted(given(text));
    assert(chain.matches() === (text === pair.model[index]), "matches");
  },
  (pair, random) => {
    // A walk to and fro from any place.
    let index = seekRandom(pair, random);
    for (let i = random.below(30); i > 0; i--) {
      const forward = random.below(2) === 1;
      const moved = forward ? chain.stepNext() : chain.stepPrevious();
      const next = index + (forward ? 1 : -1);
      assert(moved === (next >= 0 && next < pair.model.length), "a step tells the end");
      if (moved) index = next;
      chain.read(found);
      assert(foundText() === pair.model[index], `step to ${index}`);
    }
  },
];

const LIMITS = [0, 1, 2, 3, 5, 16, 128, -1, -2, -3, -4, -5];

describe("against an array", () => {
  test("random operations, checked after each one", () =>
    forSeeds(60, (random) => {
      heap.reset();
      const limit = pick(random, LIMITS);
      limits.set(limit);
      const pair = new Pair();
      for (let stretch = 0; stretch < 5; stretch++) {
        const weights = pick(random, [
          [GROWING, GROWING, GROWING, SHRINKING, OTHERS],
          [GROWING, SHRINKING, OTHERS],
          [GROWING, SHRINKING, SHRINKING, OTHERS],
        ]);
        if (random.below(10) === 0) limits.set(pick(random, LIMITS));
        for (let i = 0; i < 40; i++) {
          // A few operations on the chain while it is open, then it is closed.
          pair.change(() => {
            for (let n = random.below(3); n >= 0; n--) {
              const operations =
                pair.model.length === 0 ? GROWING.slice(0, 2) : pick(random, weights);
              pick(random, operations)(pair, random);
              assert(chain.length === pair.model.length, "length while open");
            }
          });
        }
      }
      pair.free();
      assert(heap.usedBytes === 0, "all memory is back");
    }));

  test("a copy is equal, of its own, and takes no more room than its entries", () =>
    forSeeds(60, (random) => {
      heap.reset();
      limits.set(pick(random, LIMITS));
      const pair = new Pair();
      for (let i = random.below(60); i >= 0; i--) pair.push(randomText(random));
      const used = heap.usedBytes;
      pair.open();
      const copy = new Pair();
      copy.word = chain.copy();
      copy.form = chain.form;
      copy.model = [...pair.model];
      assert(heap.usedBytes - used <= used, "a copy is not larger");
      expect(copy.texts()).toEqual(pair.model);
      // Each can change without the other.
      const kept = [...pair.model];
      copy.open();
      for (let i = 0; i < 30; i++) {
        const operations =
          copy.model.length === 0 ? GROWING.slice(0, 2) : pick(random, [GROWING, SHRINKING]);
        pick(random, operations)(copy, random);
      }
      copy.close();
      expect(pair.texts()).toEqual(kept);
      pair.free();
      copy.check();
      copy.free();
      expect(heap.usedBytes).toEqual(0);
    }));
});

/** Cases that hold in both forms: once with all entries in one node, once with two to a node. */
for (const { name, form, limit } of [
  { name: "PACKED", form: PACKED, limit: DEFAULT_LIMIT },
  { name: "LINKED", form: LINKED, limit: 2 },
]) {
  describe(name, () => {
    let pair = new Pair();

    beforeEach(() => {
      limits.set(limit);
      pair = new Pair().push(...numbers(9));
      expect(pair.form).toEqual(form);
    });

    afterEach(() => {
      pair.check();
      pair.free();
      expect(heap.usedBytes).toEqual(0);
    });

    test("is a deque", () => {
      pair.change(() => {
        chain.pushHead(given("head"));
        chain.pushTail(given("tail"));
        pair.model = ["head", ...pair.model, "tail"];
      });
      pair.change(() => {
        chain.popHead();
        chain.popHead();
        chain.popTail();
        pair.model = numbers(9).slice(1);
      });
      expect(pair.texts()).toEqual(["1", "2", "3", "4", "5", "6", "7", "8"]);
    });

    test("finds every index from either end", () => {
      for (const [index, text] of pair.model.entries()) {
        pair.open();
        chain.seek(index);
        chain.read(found);
        expect(foundText()).toEqual(text);
      }
    });

    test("walks to both ends and stops there", () => {
      pair.open();
      chain.seek(4);
      let steps = 0;
      while (chain.stepNext()) steps++;
      expect(steps).toEqual(4);
      expect(chain.stepNext()).toEqual(false);
      steps = 0;
      while (chain.stepPrevious()) steps++;
      expect(steps).toEqual(8);
      expect(chain.stepPrevious()).toEqual(false);
      chain.read(found);
      expect(foundText()).toEqual("0");
    });

    test("inserts before and behind every entry", () => {
      for (let index = 0; index < 9; index++) {
        for (const behind of [false, true]) {
          pair.change(() => {
            const at = pair.model.indexOf(String(index));
            chain.seek(at);
            const text = `${behind ? "behind" : "before"} ${index}`;
            chain.insertHere(given(text), behind);
            pair.model.splice(behind ? at + 1 : at, 0, text);
          });
        }
      }
      expect(pair.texts().slice(0, 6)).toEqual([
        "before 0",
        "0",
        "behind 0",
        "before 1",
        "1",
        "behind 1",
      ]);
    });

    test("removes every entry, from the front, the back and the middle", () => {
      for (const index of [8, 0, 3, 0, 4, 1, 2, 0, 0]) {
        pair.change(() => {
          chain.seek(index);
          chain.removeHere();
          pair.model.splice(index, 1);
        });
      }
      expect(pair.model).toEqual([]);
    });

    test("replaces an entry by one of the same, a smaller and a larger size", () => {
      for (const text of ["5", "", "x".repeat(100), "y".repeat(9000), "z"]) {
        for (const index of [0, 4, 8]) {
          pair.change(() => {
            chain.seek(index);
            chain.replaceHere(given(text));
            pair.model[index] = text;
          });
        }
      }
    });

    test("removes equal entries from the head and from the tail", () => {
      pair.push("7", "x", "7", "7");
      pair.change(() => {
        expect(removeForward("7", 2)).toEqual(2);
        pair.model = ["0", "1", "2", "3", "4", "5", "6", "8", "x", "7", "7"];
      });
      pair.change(() => {
        expect(removeBackward("7", 1)).toEqual(1);
        pair.model.pop();
      });
      pair.change(() => {
        expect(removeForward("none", 9)).toEqual(0);
        expect(removeBackward("none", 9)).toEqual(0);
      });
    });

    test("removes all entries when all are equal", () => {
      pair.free();
      for (const remove of ["removeForward", "removeBackward"] as const) {
        pair.push(...new Array<string>(9).fill("same"));
        pair.change(() => {
          chain.setWanted(given("same"));
          expect(chain[remove](100)).toEqual(9);
          pair.model = [];
        });
      }
    });

    test("an integer and the same digits in a longer text are not equal", () => {
      pair.push("01", "1 ");
      pair.change(() => {
        expect(removeForward("1", 100)).toEqual(1);
        pair.model = pair.model.filter((text) => text !== "1");
      });
    });

    test("trims any part at either end", () => {
      for (let head = 0; head < 9; head++) {
        for (let tail = 0; head + tail < 9; tail++) {
          pair.free();
          pair.push(...numbers(9));
          pair.change(() => {
            chain.trimHead(head);
            chain.trimTail(tail);
            pair.model = numbers(9).slice(head, 9 - tail);
          });
        }
      }
    });

    test("is destroyed a node at a time", () => {
      pair.open();
      let calls = 1;
      while (!chain.destroySome(1)) {
        pair.word = chain.closeLinked();
        blocksOf();
        chain.open(pair.word, LINKED);
        calls++;
      }
      expect(calls).toEqual(form === PACKED ? 1 : 5);
      expect(heap.check()).toEqual(0);
      pair.model = [];
      pair.word = 0;
    });
  });
}

describe("forms", () => {
  test("a chain becomes LINKED beyond the limit, and PACKED again at half of it", () => {
    limits.set(8);
    const pair = new Pair();
    const forms: number[] = [];
    for (const text of numbers(10)) {
      pair.push(text);
      forms.push(pair.form);
    }
    expect(forms).toEqual([...new Array(8).fill(PACKED), LINKED, LINKED]);
    forms.length = 0;
    for (let i = 0; i < 7; i++) {
      pair.change(() => {
        chain.popTail();
        pair.model.pop();
      });
      forms.push(pair.form);
    }
    expect(forms).toEqual([...new Array(5).fill(LINKED), PACKED, PACKED]);
  });

  test("the limit in bytes is Redis's: a listpack of so many bytes, header and end included", () => {
    for (const [limit, bytes] of [
      [-1, 4096],
      [-2, 8192],
      [-3, 16384],
      [-4, 32768],
      [-5, 65536],
      [1000, 8192],
    ] as const) {
      limits.set(limit);
      // Entries of exactly 100 bytes, then one that makes the listpack as large as it may be.
      const pair = new Pair();
      const texts: string[] = [];
      let left = bytes - 7;
      for (; left >= 300; left -= 100) texts.push("t".repeat(97));
      texts.push("t".repeat(left - 4));
      pair.push(...texts);
      expect([limit, pair.form]).toEqual([limit, PACKED]);
      pair.push("");
      expect([limit, pair.form]).toEqual([limit, LINKED]);
      pair.free();
    }
  });

  test("an element larger than a node may be has a node of its own", () => {
    limits.set(-1);
    const pair = new Pair().push("a", "b".repeat(5000), "c", "d");
    chain.open(pair.word, pair.form);
    expect([chain.form, chain.nodes]).toEqual([LINKED, 3]);
    pair.free();
    pair.push("b".repeat(5000));
    expect(pair.form).toEqual(LINKED);
  });

  test("a limit of no entries means one", () => {
    limits.set(0);
    const pair = new Pair().push("a");
    expect(pair.form).toEqual(PACKED);
    pair.push("b");
    expect(pair.form).toEqual(LINKED);
    chain.open(pair.word, pair.form);
    expect(chain.nodes).toEqual(2);
  });
});

describe("memory", () => {
  test("a hundred thousand elements take little more than their entries", () => {
    const pair = new Pair();
    pair.open();
    for (let i = 0; i < 100000; i++) chain.pushTail(given("12345678"));
    pair.close();
    // Six bytes an entry: four of payload, one of header, one of back length.
    expect(heap.usedBytes).toBeLessThan(100000 * 6 * 1.02 + 8192);
    chain.open(pair.word, pair.form);
    blocksOf();
  });

  test("a queue that is pushed at one end and popped at the other stays small", () => {
    const pair = new Pair();
    for (let i = 0; i < 3000; i++) {
      pair.open();
      chain.pushTail(given(`job ${i}`));
      if (i >= 10) chain.popHead();
      pair.model.push("");
      pair.close();
    }
    expect(heap.usedBytes).toBeLessThan(1024);
    chain.open(pair.word, pair.form);
    blocksOf();
    expect(chain.length).toEqual(10);
  });

  test("a list of which little is left in each node gives the rest back", () => {
    const pair = new Pair();
    pair.open();
    for (let i = 0; i < 20000; i++) {
      const text = i % 100 === 0 ? `stays ${i}` : "goes";
      chain.pushTail(given(text));
      if (text !== "goes") pair.model.push(text);
    }
    pair.close();
    const full = heap.usedBytes;
    pair.change(() => {
      expect(removeForward("goes", 10000)).toEqual(10000);
      expect(removeBackward("goes", 10000)).toEqual(9800);
    });
    expect(heap.usedBytes).toBeLessThan(full / 15);
  });

  test("a list that has become short gives its block back", () => {
    const pair = new Pair().push(...new Array<string>(80).fill("x".repeat(90)));
    expect(heap.usedBytes).toBeGreaterThan(7000);
    pair.change(() => {
      chain.trimTail(78);
      pair.model.length = 2;
    });
    expect(heap.usedBytes).toBeLessThan(1000);
  });
});

test("an open chain can be discarded whole, in either form and when it is new", () => {
  for (const [count, limit] of [
    [3, DEFAULT_LIMIT],
    [9, 2],
  ] as const) {
    limits.set(limit);
    const pair = new Pair().push(...numbers(count));
    pair.open();
    chain.discard();
    expect(heap.check()).toEqual(0);
    chain.openNew();
    for (const text of numbers(count)) chain.pushTail(given(text));
    chain.discard();
    chain.discard();
    expect([heap.check(), chain.length]).toEqual([0, 0]);
  }
});

describe("a heap that runs out", () => {
  test("a copy that does not fit leaves nothing behind", () => {
    limits.set(2);
    const pair = new Pair().push(...numbers(9));
    for (let blocks = 0; ; blocks++) {
      pair.open();
      let copy = 0;
      const end = runShort(heap, blocks);
      const done = fits(() => {
        copy = chain.copy();
      });
      end();
      if (done) {
        // Five nodes and a root.
        expect(blocks).toEqual(6);
        chain.open(copy, LINKED);
        chain.destroySome(5);
        break;
      }
      pair.check();
    }
    pair.check();
  });

  test("shrinking a list needs no memory", () => {
    for (const limit of [DEFAULT_LIMIT, 4]) {
      limits.set(limit);
      const pair = new Pair().push(...new Array<string>(80).fill("x".repeat(90)));
      const end = runShort(heap, 0);
      try {
        while (pair.model.length > 0) {
          pair.change(() => {
            const removed = Math.min(7, pair.model.length);
            if (removed < chain.length) chain.trimHead(removed);
            else while (chain.length > 0) chain.popHead();
            pair.model.splice(0, removed);
          });
        }
      } finally {
        end();
      }
    }
  });
});

/** A ranked tree with a sorted array beside it, for the tests of the tree. */
import { assert } from "../../../src/base/assert.ts";
import type { Random } from "../../../src/base/random.ts";
import { Heap } from "../../../src/memory/heap.ts";
import { RankedTree } from "../../../src/memory/ranked-tree.ts";
import { pick } from "../seeds.ts";
import { copyRecord, createRecord } from "./records.ts";

export const heap = new Heap(1);
export const tree = new RankedTree(heap);

interface Entry {
  score: number;
  readonly key: string;
  ref: number;
}

function order(a: Entry, b: Entry): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

/** A tree with a sorted array beside it. */
export class Pair {
  readonly root = tree.create();
  readonly model: Entry[] = [];
  /** Keys of the records that have been made, so that none comes twice. */
  readonly keys = new Set<string>();

  /** How many entries of the model come before this one. */
  #place(entry: Entry): number {
    let from = 0;
    let to = this.model.length;
    while (from < to) {
      const middle = (from + to) >> 1;
      if (order(this.model[middle]!, entry) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  insert(score: number, key: string): void {
    this.add(score, key, (ref) => tree.insert(this.root, score, ref));
  }

  /** Adds a new record to the model; `insert` does it, or will do it, to the tree. */
  add(score: number, key: string, insert: (ref: number) => void): void {
    if (this.keys.has(key)) return;
    const entry = { score, key, ref: createRecord(heap, key) };
    try {
      insert(entry.ref);
    } catch (error) {
      heap.free(entry.ref);
      throw error;
    }
    this.keys.add(key);
    this.model.splice(this.#place(entry), 0, entry);
  }

  removeAt(index: number): void {
    const [entry] = this.model.splice(index, 1);
    tree.remove(this.root, entry!.score, entry!.ref);
    heap.free(entry!.ref);
    this.keys.delete(entry!.key);
  }

  rescoreAt(index: number, score: number): void {
    const entry = this.model[index]!;
    tree.rescore(this.root, entry.score, score, entry.ref);
    this.model.splice(index, 1);
    const changed = { ...entry, score };
    this.model.splice(this.#place(changed), 0, changed);
  }

  replaceAt(index: number): void {
    const entry = this.model[index]!;
    const copy = copyRecord(heap, entry.ref);
    tree.replace(this.root, entry.score, entry.ref, copy);
    heap.free(entry.ref);
    entry.ref = copy;
  }

  check(): void {
    const owned = new Set<number>();
    tree.check(this.root, (block) => {
      assert(!owned.has(block), "a block has one owner");
      owned.add(block);
    });
    let bytes = 0;
    for (const block of owned) bytes += heap.usableBytes(block);
    assert(tree.usedBytes(this.root) === bytes, "usedBytes");
    assert(heap.check() === owned.size + this.model.length, "blocks");
    assert(tree.count(this.root) === this.model.length, "count");
    let i = 0;
    for (let leaf = tree.firstLeaf(this.root); leaf !== 0; leaf = tree.nextLeaf(leaf)) {
      for (let j = 0; j < tree.entriesOf(leaf); j++) {
        const entry = this.model[i++]!;
        assert(tree.refAt(leaf, j) === entry.ref, `entry ${i - 1}`);
        assert(tree.scoreAt(leaf, j) === entry.score, `score of entry ${i - 1}`);
      }
    }
    assert(i === this.model.length, "all entries");
  }

  /** Asks for everything that can be asked around one place. */
  look(random: Random): void {
    const { model, root } = this;
    const index = random.below(model.length + 1);
    const isThere = index < model.length;
    assert(tree.seekRank(root, index) === isThere, `rank ${index} of ${model.length}`);
    if (isThere) {
      const entry = model[index]!;
      assert(tree.ref === entry.ref && tree.score === entry.score, `entry at rank ${index}`);
      assert(tree.seek(root, entry.score, entry.ref) === index, `rank of entry ${index}`);
      this.#walk(index);
    }
    const score = pick(random, [
      isThere ? model[index]!.score : 0,
      randomScore(random),
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    ]);
    for (const isAfter of [false, true]) {
      const rank = model.filter((e) => (isAfter ? e.score <= score : e.score < score)).length;
      assert(tree.seekScore(root, score, isAfter) === rank, `rank of score ${score}`);
      assert(
        rank === model.length ? tree.leaf === 0 : tree.ref === model[rank]!.ref,
        `entry of score ${score}`,
      );
    }
  }

  /** Some steps to both sides. */
  #walk(index: number): void {
    for (const step of [1, -1]) {
      tree.seekRank(this.root, index);
      for (let i = index + step, left = 100; left > 0; i += step, left--) {
        const isThere = step > 0 ? tree.stepNext() : tree.stepPrevious();
        assert(isThere === (i >= 0 && i < this.model.length), `step to ${i}`);
        if (!isThere) break;
        assert(tree.ref === this.model[i]!.ref, `entry ${i}, reached from ${index}`);
      }
    }
  }

  end(): void {
    for (const { ref } of this.model) heap.free(ref);
    let nodes = 0;
    while (!tree.destroySome(this.root, 3)) nodes += 3;
    assert(heap.usedBytes === 0, "all memory is back");
    assert(nodes <= this.model.length + 3, "a budget of nodes");
  }
}

export function randomScore(random: Random): number {
  return pick(random, [
    random.below(5),
    -random.below(1000),
    random.int32() / 7,
    pick(random, [0, -0, 5e-324, -5e-324, 1e300, -1e300]),
    pick(random, [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]),
  ]);
}

export function randomKey(random: Random): string {
  return pick(random, [
    random.hex(1 + random.below(4)),
    `member:${random.below(100000)}`,
    "\xff".repeat(random.below(30)),
    random.hex(random.below(100)),
  ]);
}

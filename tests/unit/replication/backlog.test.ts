/** The backlog against a plain model: all bytes of the stream in one buffer. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Backlog } from "../../../src/replication/backlog.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function readAll(backlog: Backlog, from: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = from; at < backlog.end; ) {
    const { bytes, from: start, length } = backlog.read(at);
    if (length <= 0) throw new Error(`nothing to read at ${at} of ${backlog.end}`);
    parts.push(Buffer.from(bytes.subarray(start, start + length)));
    at += length;
  }
  return Buffer.concat(parts);
}

test("appends, reads from everywhere and trims", async () => {
  await forSeeds(30, (random) => {
    const first = random.below(1_000_000);
    const backlog = new Backlog(first, 1 + random.below(300_000));
    let model = Buffer.alloc(0);
    let start = first;
    for (let step = 0; step < 60; step++) {
      const size = [10, 1000, 65536, 200_000][random.below(4)]!;
      const bytes = randomBytes(random, random.below(size) + (random.below(5) === 0 ? 65536 : 0));
      const from = random.below(bytes.length + 1);
      const length = random.below(bytes.length - from + 1);
      backlog.append(bytes, from, length);
      model = Buffer.concat([model, bytes.subarray(from, from + length)]);
      if (random.below(3) === 0) backlog.sizeBytes = 1 + random.below(300_000);
      if (random.below(2) === 0) {
        const isNeeded = random.below(2) === 0;
        const span = backlog.end - start;
        const needed = isNeeded ? start + random.below(span + 1) : Number.POSITIVE_INFINITY;
        backlog.trim(needed);
        start = Math.max(start, Math.min(needed, backlog.end - backlog.sizeBytes));
      }
      expect([backlog.start, backlog.end]).toEqual([start, first + model.length]);
      const at = start + random.below(backlog.end - start + 1);
      expect(readAll(backlog, at).equals(model.subarray(at - first))).toEqual(true);
      expect(backlog.read(backlog.end).length).toEqual(0);
    }
  });
});

test("what ends with a block, and goes with it", () => {
  const block = new Uint8Array(65536).fill(7);
  const backlog = new Backlog(0, 1);
  for (let i = 1; i <= 40; i++) {
    backlog.append(block, 0, block.length);
    expect(backlog.read(backlog.end).length).toEqual(0);
    backlog.trim(backlog.end);
    expect([backlog.start, backlog.end]).toEqual([i * 65536 - 1, i * 65536]);
    expect(readAll(backlog, backlog.start)).toEqual(Buffer.from([7]));
  }
});

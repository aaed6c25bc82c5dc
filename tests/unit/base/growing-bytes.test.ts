import { expect, setDefaultTimeout, test } from "bun:test";
import { GrowingBytes } from "../../../src/base/growing-bytes.ts";
import { forSeeds, randomBytes } from "../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const INITIAL = 8;
const KEPT = 64;

class Sink extends GrowingBytes {
  constructor() {
    super(INITIAL, KEPT);
  }

  write(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  get written(): Uint8Array {
    return this.bytes.subarray(0, this.at);
  }
}

test("what was written stays as it was, however often the buffer grows", async () => {
  await forSeeds(20, (random) => {
    const sink = new Sink();
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      const piece = randomBytes(random, random.below(20));
      pieces.push(piece);
      sink.write(piece);
      expect(Buffer.concat(pieces).equals(sink.written)).toBe(true);
    }
  });
});

test("what fits needs no other buffer", () => {
  const sink = new Sink();
  const { bytes } = sink;
  sink.write(new Uint8Array(INITIAL));
  expect(sink.bytes).toBe(bytes);
  sink.write(new Uint8Array(1));
  expect(sink.bytes.length).toBe(2 * INITIAL);
});

test("one piece larger than twice the buffer fits exactly", () => {
  const sink = new Sink();
  sink.write(new Uint8Array(1000));
  expect(sink.bytes.length).toBe(1000);
});

test("reset keeps a buffer of usual size, and gives up a large one", () => {
  const sink = new Sink();
  sink.write(new Uint8Array(KEPT));
  const usual = sink.bytes;
  sink.reset();
  expect(sink.at).toBe(0);
  expect(sink.bytes).toBe(usual);
  sink.write(new Uint8Array(KEPT + 1));
  sink.reset();
  expect(sink.bytes.length).toBe(INITIAL);
});

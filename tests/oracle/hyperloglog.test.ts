/** HyperLogLog values, byte for byte against those of a real redis-server. */
import { describe, expect, test } from "bun:test";
import { latin1Text } from "../../src/base/bytes.ts";
import {
  CHANGED,
  DENSE_BYTES,
  ElementHash,
  EMPTY_BYTES,
  HyperLogLog,
  NEEDS_DENSE,
  REGISTERS,
  writeEmpty,
} from "../../src/store/hyperloglog.ts";
import { REDIS_SERVER, startRedis } from "../harness/processes.ts";
import { forSeeds, randomBytes } from "../unit/seeds.ts";

const SPARSE_BYTES_MAX = 3000;
const hash = new ElementHash();
const hll = new HyperLogLog();

/** A value as an owner keeps it. */
class Value {
  bytes = new Uint8Array(DENSE_BYTES);
  length = EMPTY_BYTES;

  constructor() {
    writeEmpty(this.bytes, 0);
    hll.open(this.bytes, 0, this.length);
    hll.invalidate();
  }

  set(index: number, value: number): boolean {
    hll.open(this.bytes, 0, this.length);
    let outcome = hll.set(index, value, SPARSE_BYTES_MAX);
    this.length = hll.length;
    if (outcome === NEEDS_DENSE) {
      this.toDense();
      outcome = hll.set(index, value, SPARSE_BYTES_MAX);
      hll.invalidate();
    } else if (outcome === CHANGED) hll.invalidate();
    return outcome === CHANGED;
  }

  toDense(): void {
    hll.open(this.bytes, 0, this.length);
    const dense = new Uint8Array(DENSE_BYTES);
    expect(hll.writeDense(dense, 0)).toBe(true);
    this.bytes = dense;
    this.length = DENSE_BYTES;
    hll.open(dense, 0, DENSE_BYTES);
  }

  add(element: Uint8Array): boolean {
    hash.take(element, 0, element.length);
    return this.set(hash.index, hash.value);
  }

  count(): number {
    hll.open(this.bytes, 0, this.length);
    if (hll.cached < 0) hll.cache(hll.count());
    return hll.cached;
  }

  text(): string {
    return latin1Text(this.bytes, 0, this.length);
  }
}

function bulk(reply: string): string {
  const start = reply.indexOf("\r\n") + 2;
  return reply.slice(start, -2);
}

describe.skipIf(REDIS_SERVER === null)("as redis-server keeps it", () => {
  test("elements come, values grow and become dense", async () => {
    await using redis = await startRedis();
    const client = await redis.connect();
    expect(
      await client.call("CONFIG", "SET", "hll-sparse-max-bytes", String(SPARSE_BYTES_MAX)),
    ).toBe("+OK\r\n");
    await forSeeds(3, async (random) => {
      await client.call("DEL", "key");
      await client.call("PFADD", "key");
      const value = new Value();
      expect(bulk(await client.call("GET", "key"))).toBe(value.text());
      for (let round = 0; round < 60; round++) {
        const elements = Array.from({ length: round < 40 ? 40 : 2000 }, () =>
          randomBytes(random, random.below(random.below(10) === 0 ? 300 : 20)),
        );
        const changed = elements.map((element) => value.add(element)).includes(true);
        expect(await client.call("PFADD", "key", ...elements)).toBe(`:${changed ? 1 : 0}\r\n`);
        expect(bulk(await client.call("GET", "key"))).toBe(value.text());
        expect(await client.call("PFCOUNT", "key")).toBe(`:${value.count()}\r\n`);
        expect(bulk(await client.call("GET", "key"))).toBe(value.text());
        if (value.length < DENSE_BYTES) {
          hll.open(value.bytes, 0, value.length);
          const decoded = bulk(await client.call("PFDEBUG", "DECODE", "key"));
          expect(decoded).toBe(hll.describeRuns());
        }
      }
      expect(value.length).toBe(DENSE_BYTES);
    });
  });

  test("registers side by side, whose runs are joined and split", async () => {
    await using redis = await startRedis();
    const client = await redis.connect();
    await forSeeds(4, async (random) => {
      await client.call("DEL", "key");
      const value = new Value();
      await client.call("PFADD", "key");
      for (let added = 0; added < 300; ) {
        const element = randomBytes(random, 8);
        hash.take(element, 0, 8);
        if (hash.index >= 100) continue;
        value.add(element);
        await client.call("PFADD", "key", element);
        expect(bulk(await client.call("GET", "key"))).toBe(value.text());
        added++;
      }
    });
  });

  test("merges of sparse and dense values, and their counts", async () => {
    await using redis = await startRedis();
    const client = await redis.connect();
    await forSeeds(10, async (random) => {
      await client.call("FLUSHALL");
      const values: Value[] = [];
      for (let i = 0; i < 3; i++) {
        const value = new Value();
        const elements = Array.from(
          { length: 1 + random.below(random.below(2) ? 300 : 6000) },
          () => randomBytes(random, 8),
        );
        for (const element of elements) value.add(element);
        await client.call("PFADD", `v${i}`, ...elements);
        values.push(value);
      }
      const registers = new Uint8Array(REGISTERS);
      for (const value of values) {
        hll.open(value.bytes, 0, value.length);
        expect(hll.mergeInto(registers)).toBe(true);
      }
      expect(await client.call("PFCOUNT", "v0", "v1", "v2")).toBe(
        `:${hll.countRegisters(registers)}\r\n`,
      );
      const target = new Value();
      if (values.some(({ length }) => length === DENSE_BYTES)) target.toDense();
      for (let i = 0; i < REGISTERS; i++) if (registers[i]! > 0) target.set(i, registers[i]!);
      await client.call("PFMERGE", "merged", "v0", "v1", "v2");
      expect(bulk(await client.call("GET", "merged"))).toBe(target.text());
      expect(await client.call("PFCOUNT", "merged")).toBe(`:${target.count()}\r\n`);
    });
  });
});

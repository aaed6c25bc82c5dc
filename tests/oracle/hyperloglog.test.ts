/** HyperLogLog values and commands, byte for byte against those of a real redis-server. */
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
import { type Call, oracleTest } from "../harness/oracle.ts";
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

/** PFADD of `count` elements that differ. */
function add(key: string, count: number, from = 0): Call {
  const elements = Array.from({ length: count }, (_, i) => `element:${from + i}`);
  return { call: ["PFADD", key, ...elements] };
}

/** A sparse value with these runs behind its header, whose last count is out of date. */
function sparse(key: string, runs: string): Call {
  return { call: ["SET", key, `HYLL\x01\0\0\0${"\0".repeat(7)}\x80${runs}`] };
}

const NO_VALUES: readonly Call[] = [
  "SET text hello",
  "SET number 1",
  'SET empty ""',
  "SET short HYLL",
  { call: ["SET", "encoding", `HYLL\x02${"\0".repeat(11)}`] },
  { call: ["SET", "size", `HYLL\0${"\0".repeat(11)}xyz`] },
  { call: ["SET", "magic", `HYLX\x01${"\0".repeat(11)}\x7f\xff`] },
  "RPUSH list a",
];
const NO_VALUE_KEYS = ["text", "number", "empty", "short", "encoding", "size", "magic", "list"];

/** Sparse values whose runs are wrong. */
const DAMAGED: readonly Call[] = [
  sparse("nothing", ""),
  sparse("less", "\x40\x10"),
  sparse("more", "\x7f\xff\x7f\xff"),
  sparse("cut", "\x7f"),
  sparse("values", "\x7f\xf0\x83\x83\x83\x83\x83\x83"),
];
const DAMAGED_KEYS = ["nothing", "less", "more", "cut", "values"];

oracleTest("pfadd and pfcount", [
  "PFADD a x y z",
  "GET a",
  "OBJECT ENCODING a",
  "TYPE a",
  "PFADD a x",
  "PFADD a w",
  "PFCOUNT a",
  "GET a",
  "PFADD a w",
  "PFCOUNT a",
  "PFADD new",
  "GET new",
  "PFADD new",
  "PFCOUNT new",
  "GET new",
  "PFCOUNT missing",
  "EXISTS missing",
  'PFADD a "" "\\x00\\xff" ""',
  "PFCOUNT a",
  "SET expires x EX 1000",
  "DEL expires",
  "PFADD expires a b c",
  "EXPIRE expires 1000",
  "PFADD expires d",
  { call: "TTL expires", as: "shape" },
  add("b", 100),
  "PFCOUNT b",
  "GET b",
  add("b", 2000, 100),
  "PFCOUNT b",
  "STRLEN b",
  "GET b",
  add("b", 5000),
  "GET b",
  "PFCOUNT b",
  "PFCOUNT a b",
  "PFCOUNT a b new missing",
  "PFCOUNT missing missing",
  "STRLEN b",
  "PFADD",
  "PFCOUNT",
]);

oracleTest("pfmerge", [
  add("a", 10),
  add("b", 10, 5),
  add("large", 5000),
  "PFMERGE ab a b",
  "GET ab",
  "PFCOUNT ab",
  "PFMERGE a b",
  "GET a",
  "PFMERGE new",
  "GET new",
  "PFMERGE new2 missing",
  "GET new2",
  "PFMERGE a",
  "GET a",
  "PFMERGE a large",
  "GET a",
  "PFCOUNT a",
  "PFMERGE large b",
  "GET large",
  "PFCOUNT large",
  ...Array.from({ length: 10 }, (_, i) => add(`part${i}`, 300, i * 200)),
  `PFMERGE sum ${Array.from({ length: 10 }, (_, i) => `part${i}`).join(" ")}`,
  "STRLEN sum",
  "GET sum",
  "PFCOUNT sum",
  `PFCOUNT ${Array.from({ length: 10 }, (_, i) => `part${i}`).join(" ")}`,
  "SET expires x",
  "PFADD e x",
  "EXPIRE e 1000",
  "PFMERGE e a",
  // The last count stays in the value, marked as out of date.
  "PFCOUNT large",
  "PFMERGE large",
  "GET large",
  "PFCOUNT large",
  "PFMERGE large b",
  "GET large",
  "PFCOUNT a",
  "PFMERGE a large",
  "GET a",
  { call: "TTL e", as: "shape" },
  "PFMERGE",
]);

oracleTest("what is no HyperLogLog", [
  ...NO_VALUES,
  add("good", 10),
  ...NO_VALUE_KEYS.flatMap((key) => [
    `PFADD ${key} x`,
    `PFADD ${key}`,
    `PFCOUNT ${key}`,
    `PFCOUNT good ${key}`,
    `PFCOUNT ${key} good`,
    `PFMERGE ${key}`,
    `PFMERGE good ${key}`,
    `PFMERGE ${key} good`,
    `PFMERGE new good ${key}`,
    `PFDEBUG GETREG ${key}`,
    `PFDEBUG DECODE ${key}`,
    `PFDEBUG ENCODING ${key}`,
    `PFDEBUG TODENSE ${key}`,
    `PFDEBUG FOO ${key}`,
  ]),
  "EXISTS new",
  "GET good",
]);

oracleTest("damaged values", [
  ...DAMAGED,
  add("good", 10),
  ...DAMAGED_KEYS.flatMap((key) => [
    `PFCOUNT ${key}`,
    `PFCOUNT good ${key}`,
    `PFMERGE new good ${key}`,
    `PFMERGE good ${key}`,
    `PFDEBUG TODENSE ${key}`,
    `PFDEBUG GETREG ${key}`,
    `GET ${key}`,
  ]),
  "EXISTS new",
  // Any count is believed.
  { call: ["SET", "count", `HYLL\x01\0\0\0${"\x01\x02\x03\x04\x05\x06\x07\x7f"}\x7f\xff`] },
  "PFCOUNT count",
  "PFADD count",
  "PFCOUNT count",
  "PFADD nothing x",
  "PFADD less x",
  "GET less",
]);

oracleTest("pfdebug and pfselftest", [
  "PFADD a x y z",
  "PFDEBUG ENCODING a",
  "PFDEBUG encoding a",
  "PFDEBUG DECODE a",
  "PFDEBUG FOO a",
  "PFDEBUG FOO missing",
  "PFDEBUG GETREG missing",
  "PFDEBUG TODENSE a",
  "PFDEBUG TODENSE a",
  "PFDEBUG ENCODING a",
  "PFDEBUG DECODE a",
  "GET a",
  "PFCOUNT a",
  add("b", 50),
  "PFDEBUG DECODE b",
  "PFDEBUG GETREG b",
  "PFDEBUG ENCODING b",
  "PFDEBUG GETREG b",
  "PFCOUNT b",
  "PFDEBUG",
  "PFDEBUG GETREG",
  "PFDEBUG GETREG a b",
  "PFSELFTEST",
  "PFSELFTEST x",
]);

oracleTest("hll-sparse-max-bytes", [
  "CONFIG GET hll-sparse-max-bytes",
  ...["0", "16", "18", "20", "30", "100", "1000", "20000"].flatMap((bytes): Call[] => [
    `CONFIG SET hll-sparse-max-bytes ${bytes}`,
    `PFADD empty${bytes}`,
    `PFDEBUG ENCODING empty${bytes}`,
    ...[1, 2, 10, 100, 500, 3000].flatMap((count) => [
      add(`k${bytes}`, count),
      `PFDEBUG ENCODING k${bytes}`,
      `STRLEN k${bytes}`,
      `PFCOUNT k${bytes}`,
    ]),
    `PFMERGE m${bytes} k${bytes}`,
    `GET m${bytes}`,
    "PFADD one x",
    "PFADD two y",
    "PFMERGE three one two",
    "PFDEBUG ENCODING three",
    "DEL one two three",
  ]),
  "CONFIG SET hll-sparse-max-bytes x",
  "CONFIG SET hll-sparse-max-bytes -1",
  "CONFIG SET hll-sparse-max-bytes 3000",
]);

oracleTest("what HyperLogLog commands tell watchers and listeners", [
  "CONFIG SET notify-keyspace-events KEA",
  { call: "PSUBSCRIBE __keyevent@0__:*", on: "listener" },
  "PFADD a x",
  "PFADD a x",
  "PFADD b",
  "PFCOUNT a",
  "PFMERGE c a b",
  "PFMERGE c",
  "PFDEBUG TODENSE a",
  { sync: "listener" },
  'CONFIG SET notify-keyspace-events ""',
  // A count that is kept in the value is a change.
  "PFADD a y",
  "WATCH a",
  "PFCOUNT a",
  "MULTI",
  "PING",
  "EXEC",
  "WATCH a",
  "PFCOUNT a",
  "PFADD a y",
  "MULTI",
  "PING",
  "EXEC",
]);

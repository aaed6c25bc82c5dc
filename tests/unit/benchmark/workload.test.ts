/** The tests by name, and the bytes that are sent. */
import { describe, expect, test } from "bun:test";
import {
  commandTest,
  type Keys,
  makeData,
  mixedTest,
  suite,
  type Test,
  Workload,
} from "../../../src/benchmark/workload.ts";

const titles = (tests: readonly Test[]) => tests.map(({ title }) => title);

/** The bytes of `batches` batches. */
function sent(
  tested: Test,
  pipeline: number,
  keys: Keys | null,
  seed: number,
  batches = 1,
): string[] {
  const workload = new Workload(tested.requests, pipeline, keys, seed);
  const buffer = workload.buffer();
  return Array.from({ length: batches }, () => {
    const length = workload.fill(buffer, pipeline);
    return Buffer.from(buffer).toString("latin1", 0, length);
  });
}

describe("tests by name", () => {
  test("are those of redis-benchmark, in its order, and all of them without names", () => {
    expect(titles(suite(["mset", "get", "ping", "set"], "xxx", false))).toEqual([
      "PING_INLINE",
      "PING_MBULK",
      "SET",
      "GET",
      "MSET (10 keys)",
    ]);
    expect(titles(suite(["lrange_300"], "xxx", false))).toEqual([
      "LPUSH (needed to benchmark LRANGE)",
      "LRANGE_300 (first 300 elements)",
    ]);
    const named = ["xadd", "zrange", "zscore", "sismember", "hget", "zadd"];
    expect(titles(suite(named, "xxx", false))).toEqual([
      "ZADD",
      "HGET",
      "SISMEMBER",
      "ZSCORE",
      "ZRANGE (first 10 members)",
      "XADD",
    ]);
    expect(titles(suite(undefined, "xxx", false)).length).toEqual(20);
  });

  test("random scores only with random keys", () => {
    const request = (hasKeys: boolean) =>
      Buffer.from(suite(["zadd"], "xxx", hasKeys)[0]!.requests[0]!.bytes).toString();
    expect(request(false)).toInclude("\r\n$1\r\n0\r\n");
    expect(request(true)).toInclude("\r\n$12\r\n__rand_int__\r\n");
  });

  test("data is as long as asked for and always the same", () => {
    expect(makeData(3).length).toEqual(3);
    expect(makeData(1000)).toEqual(makeData(1000));
    expect(makeData(1000)).toMatch(/^[0-o]{1000}$/);
  });
});

describe("requests", () => {
  const get = commandTest(["GET", "k__rand_int__", "__rand_int__"], "");

  test("without keys stay as they are, in one buffer for all", () => {
    const workload = new Workload(get.requests, 2, null, 1);
    expect(workload.buffer()).toBe(workload.buffer());
    const text = "*3\r\n$3\r\nGET\r\n$13\r\nk__rand_int__\r\n$12\r\n__rand_int__\r\n";
    expect(sent(get, 2, null, 1)).toEqual([text + text]);
  });

  test("have twelve digits, each its own number, below the number of keys", () => {
    for (const seed of [1, 2, 3]) {
      const text = sent(get, 4, { size: 1000, theta: 0 }, seed, 50).join("");
      expect(text.replaceAll(/000000000[0-9]{3}/g, "#")).toEqual(
        "*3\r\n$3\r\nGET\r\n$13\r\nk#\r\n$12\r\n#\r\n".repeat(200),
      );
      const numbers = text.match(/[0-9]{12}/g)!;
      expect([seed, new Set(numbers).size > 250]).toEqual([seed, true]);
    }
  });

  test("are the same for the same seed, and the template survives", () => {
    const keys = { size: 10 ** 12, theta: 0 };
    expect(sent(get, 3, keys, 5, 3)).toEqual(sent(get, 3, keys, 5, 3));
    expect(sent(get, 3, keys, 5, 3)).not.toEqual(sent(get, 3, keys, 6, 3));
    expect(sent(get, 1, { size: 1, theta: 0 }, 5)[0]).toInclude("k000000000000\r");
  });

  test("keys by Zipf's law: the first is the hottest", () => {
    const text = sent(get, 100, { size: 1000, theta: 1 }, 1, 20).join("");
    const times = (number: string) => text.split(`k${number}\r`).length;
    expect(times("000000000000")).toBeGreaterThan(times("000000000001"));
    expect(times("000000000001")).toBeGreaterThan(times("000000000100"));
  });

  test("__data__ is replaced, also where it has a dollar sign", () => {
    const { requests, title } = commandTest(["SET", "a__data__", "__data__"], "$&");
    expect({ title, bytes: Buffer.from(requests[0]!.bytes).toString() }).toEqual({
      title: "SET a__data__ __data__",
      bytes: "*3\r\n$3\r\nSET\r\n$3\r\na$&\r\n$2\r\n$&\r\n",
    });
  });

  test("mixed have the ratio asked for", () => {
    const text = sent(mixedTest(3, 1, "xxx"), 100, { size: 10, theta: 0 }, 1, 100).join("");
    const reads = text.split("GET").length - 1;
    const writes = text.split("SET").length - 1;
    expect(reads + writes).toEqual(10_000);
    expect(Math.abs(reads - 7500)).toBeLessThan(200);
    const parts = text.match(
      /\*2\r\n\$3\r\nGET\r\n\$16\r\nkey:00000000000[0-9]\r\n|\*3\r\n\$3\r\nSET\r\n\$16\r\nkey:00000000000[0-9]\r\n\$3\r\nxxx\r\n/g,
    )!;
    expect(parts.join("") === text).toBe(true);
  });

  test("mixed of one kind only", () => {
    expect(sent(mixedTest(0, 1, "x"), 5, null, 1)[0]).not.toInclude("GET");
    expect(sent(mixedTest(1, 0, "x"), 5, null, 1)[0]).not.toInclude("SET");
  });
});

/** What is sent: the tests by name, and requests as bytes whose keys are patched in place. */
import { Random } from "../base/random.ts";
import { encodeCommand } from "../protocol/command-encoder.ts";
import { type Distribution, Uniform, Zipf } from "./distribution.ts";

const PLACEHOLDER = "__rand_int__";
const DATA_PLACEHOLDER = "__data__";
const PLACE_DIGITS = PLACEHOLDER.length;
const ZERO = 48;
const MSET_KEYS = 10;

export interface Test {
  readonly title: string;
  /** The requests, one picked at random each time by its weight. */
  readonly requests: readonly WeightedRequest[];
}

export interface WeightedRequest {
  /** With "__rand_int__" where a random number is to stand. */
  readonly bytes: Uint8Array;
  readonly weight: number;
}

function testOf(title: string, ...args: string[]): Test {
  return { title, requests: [{ bytes: encodeCommand(args), weight: 1 }] };
}

/** Text of `size` bytes that does not compress too well; always the same. */
export function makeData(size: number): string {
  const random = new Random(1234);
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = ZERO + random.below(64);
  return bytes.toString("latin1");
}

interface NamedTest {
  /** As given to -t; the first is its own, others name groups. */
  readonly names: readonly string[];
  readonly make: (data: string, hasRandomKeys: boolean) => Test;
}

function rangeTest(elements: number): NamedTest {
  const name = `lrange_${elements}`;
  return {
    names: [name, "lrange"],
    make: () =>
      testOf(
        `${name.toUpperCase()} (first ${elements} elements)`,
        "LRANGE",
        "mylist",
        "0",
        String(elements - 1),
      ),
  };
}

const RANGES = [100, 300, 500, 600].map(rangeTest);
const KEY = `key:${PLACEHOLDER}`;
const ELEMENT = `element:${PLACEHOLDER}`;

/** redis-benchmark's tests, in its order. */
const TESTS: readonly NamedTest[] = [
  {
    names: ["ping_inline", "ping"],
    make: () => ({
      title: "PING_INLINE",
      requests: [{ bytes: Buffer.from("PING\r\n"), weight: 1 }],
    }),
  },
  { names: ["ping_mbulk", "ping"], make: () => testOf("PING_MBULK", "PING") },
  { names: ["set"], make: (data) => testOf("SET", "SET", KEY, data) },
  { names: ["get"], make: () => testOf("GET", "GET", KEY) },
  { names: ["incr"], make: () => testOf("INCR", "INCR", `counter:${PLACEHOLDER}`) },
  { names: ["lpush"], make: (data) => testOf("LPUSH", "LPUSH", "mylist", data) },
  { names: ["rpush"], make: (data) => testOf("RPUSH", "RPUSH", "mylist", data) },
  { names: ["lpop"], make: () => testOf("LPOP", "LPOP", "mylist") },
  { names: ["rpop"], make: () => testOf("RPOP", "RPOP", "mylist") },
  { names: ["sadd"], make: () => testOf("SADD", "SADD", "myset", ELEMENT) },
  { names: ["hset"], make: (data) => testOf("HSET", "HSET", "myhash", ELEMENT, data) },
  { names: ["spop"], make: () => testOf("SPOP", "SPOP", "myset") },
  {
    names: ["zadd"],
    make: (_, hasRandomKeys) =>
      testOf("ZADD", "ZADD", "myzset", hasRandomKeys ? PLACEHOLDER : "0", ELEMENT),
  },
  { names: ["zpopmin"], make: () => testOf("ZPOPMIN", "ZPOPMIN", "myzset") },
  {
    names: RANGES.flatMap(({ names }) => names),
    make: (data) => testOf("LPUSH (needed to benchmark LRANGE)", "LPUSH", "mylist", data),
  },
  ...RANGES,
  {
    names: ["mset"],
    make: (data) => testOf("MSET (10 keys)", "MSET", ...Array(MSET_KEYS).fill([KEY, data]).flat()),
  },
  { names: ["hget"], make: () => testOf("HGET", "HGET", "myhash", ELEMENT) },
  { names: ["sismember"], make: () => testOf("SISMEMBER", "SISMEMBER", "myset", ELEMENT) },
  { names: ["zscore"], make: () => testOf("ZSCORE", "ZSCORE", "myzset", ELEMENT) },
  {
    names: ["zrange"],
    make: () => testOf("ZRANGE (first 10 members)", "ZRANGE", "myzset", "0", "9"),
  },
  { names: ["xadd"], make: (data) => testOf("XADD", "XADD", "mystream", "*", "myfield", data) },
];

/** What -t can name. */
export const TEST_NAMES: readonly string[] = [...new Set(TESTS.flatMap(({ names }) => names))];

/** Tests that only run when they are named: redis-benchmark 7.0 has no such tests. */
const NAMED_ONLY = new Set(["hget", "sismember", "zscore", "zrange", "xadd"]);

/** The tests of these names, in redis-benchmark's order; all of them where `names` is undefined. */
export function suite(
  names: readonly string[] | undefined,
  data: string,
  hasRandomKeys: boolean,
): Test[] {
  return TESTS.filter((test) =>
    names === undefined
      ? !NAMED_ONLY.has(test.names[0]!)
      : test.names.some((name) => names.includes(name)),
  ).map(({ make }) => make(data, hasRandomKeys));
}

/** A command of the user's own, one character a byte. */
export function commandTest(args: readonly string[], data: string): Test {
  return testOf(args.join(" "), ...args.map((arg) => arg.replaceAll(DATA_PLACEHOLDER, () => data)));
}

/** GET and SET of the same keys, mixed. */
export function mixedTest(reads: number, writes: number, data: string): Test {
  return {
    title: `MIXED (${reads} GET : ${writes} SET)`,
    requests: [
      { bytes: encodeCommand(["GET", KEY]), weight: reads },
      { bytes: encodeCommand(["SET", KEY, data]), weight: writes },
    ].filter(({ weight }) => weight > 0),
  };
}

/** How keys are picked. */
export interface Keys {
  /** Numbers are in [0, size); at least 1. */
  readonly size: number;
  /** Of Zipf's law; 0 is the uniform distribution. */
  readonly theta: number;
}

interface Template {
  readonly bytes: Uint8Array;
  /** Offsets of the random numbers. */
  readonly places: Int32Array;
  readonly weight: number;
}

/**
 * Fills the send buffers of connections. A single request stands in them as often as the pipeline
 * is deep, and only the digits of its keys are written anew; several are copied as they are picked.
 */
export class Workload {
  readonly #templates: readonly Template[];
  readonly #pipeline: number;
  readonly #random: Random;
  readonly #distribution: Distribution | null;
  readonly #digits: number;
  readonly #weights: number;
  /** The buffer of all connections, where nothing in it changes. */
  readonly #shared: Uint8Array | null;

  /** `keys` null: "__rand_int__" stays as it is, as in redis-benchmark without -r. */
  constructor(
    requests: readonly WeightedRequest[],
    pipeline: number,
    keys: Keys | null,
    seed: number,
  ) {
    this.#pipeline = pipeline;
    this.#random = new Random(seed);
    const size = keys?.size ?? 1;
    if (keys === null) this.#distribution = null;
    else if (keys.theta === 0) this.#distribution = new Uniform(size, this.#random);
    else this.#distribution = new Zipf(size, keys.theta, this.#random);
    this.#digits = Math.min(PLACE_DIGITS, String(size - 1).length);
    this.#templates = requests.map(({ bytes, weight }) => ({
      // A copy, which `slice` of a Buffer is not.
      bytes: new Uint8Array(bytes),
      weight,
      places: keys === null ? new Int32Array(0) : placesIn(bytes),
    }));
    for (const { bytes, places } of this.#templates) {
      for (const place of places) bytes.fill(ZERO, place, place + PLACE_DIGITS);
    }
    this.#weights = requests.reduce((sum, { weight }) => sum + weight, 0);
    const isFixed = this.#templates.length === 1 && this.#templates[0]!.places.length === 0;
    this.#shared = isFixed ? this.#newBuffer() : null;
  }

  /** A buffer for `fill`, of one connection. */
  buffer(): Uint8Array {
    return this.#shared ?? this.#newBuffer();
  }

  #newBuffer(): Uint8Array {
    const length = Math.max(...this.#templates.map(({ bytes }) => bytes.length));
    const buffer = new Uint8Array(length * this.#pipeline);
    const { bytes } = this.#templates[0]!;
    if (this.#templates.length === 1) {
      for (let i = 0; i < this.#pipeline; i++) buffer.set(bytes, i * length);
    }
    return buffer;
  }

  /** Makes the buffer's beginning `requests` requests; returns their length in bytes. */
  fill(buffer: Uint8Array, requests: number): number {
    const templates = this.#templates;
    if (templates.length === 1) {
      const { bytes, places } = templates[0]!;
      const end = requests * bytes.length;
      if (places.length > 0) {
        for (let at = 0; at < end; at += bytes.length) this.#patch(buffer, at, places);
      }
      return end;
    }
    let at = 0;
    for (let i = 0; i < requests; i++) {
      const { bytes, places } = this.#pick();
      buffer.set(bytes, at);
      this.#patch(buffer, at, places);
      at += bytes.length;
    }
    return at;
  }

  #pick(): Template {
    let point = this.#random.below(this.#weights);
    for (const template of this.#templates) {
      point -= template.weight;
      if (point < 0) return template;
    }
    return this.#templates[0]!;
  }

  #patch(buffer: Uint8Array, at: number, places: Int32Array): void {
    for (let i = 0; i < places.length; i++) {
      let number = this.#distribution!.next();
      let digit = at + places[i]! + PLACE_DIGITS - 1;
      for (let left = this.#digits; left > 0; left--) {
        const rest = Math.floor(number / 10);
        buffer[digit--] = ZERO + number - rest * 10;
        number = rest;
      }
    }
  }
}

function placesIn(bytes: Uint8Array): Int32Array {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const places: number[] = [];
  let at = buffer.indexOf(PLACEHOLDER);
  while (at >= 0) {
    places.push(at);
    at = buffer.indexOf(PLACEHOLDER, at + PLACE_DIGITS);
  }
  return Int32Array.from(places);
}

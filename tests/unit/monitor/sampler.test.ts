import { describe, expect, test } from "bun:test";
import { type Call, COMMANDS_PER_STEP, KeySampler } from "../../../src/monitor/sampler.ts";
import type { Reply } from "../../../src/protocol/reply-parser.ts";

interface Key {
  idle: number;
  readonly frequency?: number;
  readonly bytes: number;
  readonly type?: string;
}

/** A server with these keys that counts what it is asked. */
class Keys {
  readonly asked: string[][] = [];

  constructor(readonly keys: Map<string, Key>) {}

  readonly call: Call = async (args) => {
    this.asked.push([...args]);
    const [name, word, third] = args;
    if (name === "SCAN") return this.#scan(Number(word), Number(args[3]));
    const key = this.keys.get(name === "TYPE" ? word! : third!);
    if (key === undefined) return { kind: "null" };
    if (name === "TYPE") return { kind: "simple", text: key.type ?? "string" };
    if (name === "MEMORY") return integer(key.bytes);
    return integer(word === "FREQ" ? key.frequency! : key.idle);
  };

  #scan(from: number, count: number): Reply {
    const all = [...this.keys.keys()];
    const cursor = from + count >= all.length ? 0 : from + count;
    const items: Reply[] = all.slice(from, from + count).map((text) => ({ kind: "bulk", text }));
    return {
      kind: "array",
      items: [
        { kind: "bulk", text: String(cursor) },
        { kind: "array", items },
      ],
    };
  }
}

function integer(value: number): Reply {
  return { kind: "integer", text: String(value) };
}

/** A clock that goes on by a second with each step. */
function clock(): () => number {
  let ms = 0;
  return () => {
    ms += 500;
    return ms;
  };
}

describe("sampling", () => {
  test("never asks for more than its budget, and only with commands that touch nothing", async () => {
    const keys = new Map<string, Key>();
    for (let i = 0; i < 5000; i++) keys.set(`key:${i}`, { idle: 100 + i, bytes: i });
    const server = new Keys(keys);
    const sampler = new KeySampler();
    const now = clock();
    let sample = await sampler.step(server.call, "noeviction", now);
    let steps = 1;
    for (; sample.passes === 0; steps++) {
      const before = server.asked.length;
      sample = await sampler.step(server.call, "noeviction", now);
      expect(server.asked.length - before).toBe(sample.commands);
      expect(sample.commands).toBeLessThanOrEqual(COMMANDS_PER_STEP);
    }
    expect(steps).toBeGreaterThan(10);
    expect(sample.seen).toBe(5000);
    const names = new Set(
      server.asked.map(([name, word]) => (name === "TYPE" ? name : `${name} ${word}`)),
    );
    for (const name of names)
      expect(name).toMatch(/^(SCAN \d+|OBJECT IDLETIME|MEMORY USAGE|TYPE)$/);
    // The whole keyspace was seen: these are the biggest, and the latest used.
    expect(sample.big.map(({ bytes }) => bytes)).toEqual(
      Array.from({ length: 50 }, (_, i) => 4999 - i),
    );
    expect(sample.hot[0]).toMatchObject({ key: "key:0", idleSeconds: 100, type: "string" });
  });

  test("finds what is used all the time hotter than what was used once", async () => {
    const keys = new Map<string, Key>([
      ["busy", { idle: 0, bytes: 1 }],
      ["once", { idle: 0, bytes: 1, type: "list" }],
      ["cold", { idle: 900, bytes: 1 }],
    ]);
    const server = new Keys(keys);
    const sampler = new KeySampler();
    const now = clock();
    await sampler.step(server.call, "noeviction", now);
    keys.get("once")!.idle = 5;
    let sample = await sampler.step(server.call, "noeviction", now);
    for (let i = 0; i < 5; i++) sample = await sampler.step(server.call, "noeviction", now);
    expect(sample.hot.map(({ key, type }) => [key, type])).toEqual([
      ["busy", "string"],
      ["once", "list"],
      ["cold", "string"],
    ]);
    expect(sample.hot[0]!.heat).toBeGreaterThan(0.75);
    expect(sample.hot[1]!.heat).toBeLessThan(0.25);
    expect(sample.hot[2]!.heat).toBe(0);
  });

  test("uses the server's counters where it has some", async () => {
    const keys = new Map<string, Key>([
      ["a", { idle: 0, frequency: 10, bytes: 1 }],
      ["b", { idle: 0, frequency: 255, bytes: 1 }],
    ]);
    const sample = await new KeySampler().step(new Keys(keys).call, "allkeys-lfu", clock());
    expect(sample.countsUses).toBe(true);
    expect(sample.hot.map(({ frequency, heat, key }) => [key, frequency, heat])).toEqual([
      ["b", 255, 1],
      ["a", 10, 10 / 255],
    ]);
  });

  test("forgets keys that are gone", async () => {
    const keys = new Map<string, Key>([["a", { idle: 0, bytes: 1 }]]);
    const server = new Keys(keys);
    const sampler = new KeySampler();
    const now = clock();
    await sampler.step(server.call, "noeviction", now);
    keys.clear();
    expect(await sampler.step(server.call, "noeviction", now)).toMatchObject({ hot: [], big: [] });
  });

  test("tells that it is refused", async () => {
    const call: Call = async () => ({ kind: "error", text: "NOPERM no permissions" });
    const sample = await new KeySampler().step(call, "noeviction", clock());
    expect(sample).toMatchObject({ hot: [], big: [], commands: 1, error: "NOPERM no permissions" });
  });

  test("fails once and whole where the connection is lost in the middle of a step", async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", note);
    for (const lost of ["OBJECT", "TYPE"]) {
      const keys = new Keys(
        new Map([
          ["a", { idle: 0, bytes: 1 }],
          ["b", { idle: 0, bytes: 1 }],
        ]),
      );
      const call: Call = (args) =>
        args[0] === lost || (lost === "OBJECT" && args[0] === "MEMORY")
          ? Promise.reject(new Error("lost"))
          : keys.call(args);
      const step = new KeySampler().step(call, "noeviction", clock());
      await expect(step).rejects.toThrow("lost");
    }
    await Bun.sleep(0);
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });
});

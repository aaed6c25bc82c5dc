/** The tests of each client library run against StormDB, and against redis-server to prove them. */
import { describe, expect } from "bun:test";
import { type RunningServer, startRedis, startStormdb } from "../harness/processes.ts";
import { without } from "../harness/skips.ts";

export type StartServer = (...args: string[]) => Promise<RunningServer>;

export function againstBoth(name: string, tests: (start: StartServer) => void): void {
  describe(`${name}, StormDB`, () => tests(startStormdb));
  describe.skipIf(without("redis-server"))(`${name}, redis-server`, () => tests(startRedis));
}

/** Bytes that are no text in any encoding. */
export const BINARY_KEY = Buffer.from([0, 255, 13, 10, 128, 36, 49]);
export const BINARY_VALUE = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7) & 255));

export function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `resolved to ${String(value)}`,
    (error: Error) => error.message,
  );
}

interface Strings {
  set(key: string, value: string): Promise<unknown>;
  get(key: string): Promise<string | null>;
  incr(key: string): Promise<number>;
}

/** Of many calls made at once each gets its own reply. */
export async function expectOwnReplies(client: Strings): Promise<void> {
  const calls = Array.from({ length: 3000 }, async (_, i) => {
    await client.set(`key:${i}`, `value:${i}`);
    return client.get(`key:${i}`);
  });
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 3000 }, (_, i) => `value:${i}`));
  const counts = Array.from({ length: 10_000 }, () => client.incr("count"));
  expect(await Promise.all(counts)).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
}

/** The tests of each client library run against StormDB, and against redis-server to prove them. */
import { describe } from "bun:test";
import {
  REDIS_SERVER,
  type RunningServer,
  startRedis,
  startStormdb,
} from "../harness/processes.ts";

export type StartServer = (...args: string[]) => Promise<RunningServer>;

export function againstBoth(name: string, tests: (start: StartServer) => void): void {
  describe(`${name}, StormDB`, () => tests(startStormdb));
  describe.skipIf(REDIS_SERVER === null)(`${name}, redis-server`, () => tests(startRedis));
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

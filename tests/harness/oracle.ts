/**
 * The oracle: each call goes to a real redis-server and to StormDB, in RESP2 and in RESP3, and
 * the replies must be equal to the byte. Where redis-server is missing the tests are skipped.
 */
import { afterAll, describe, expect, test } from "bun:test";
import { splitArguments } from "../../src/protocol/arguments.ts";
import { REDIS_SERVER, type RunningServer, startRedis, startStormdb } from "./processes.ts";

/** A call: a line as at redis-cli's prompt, or its arguments; how to compare its replies. */
export type Call = string | { readonly call: string | readonly string[]; readonly as: Comparison };

/**
 * same: equal bytes. sorted: the same set of elements. shape: equal but for digits.
 * error: both fail. any: both reply, whatever it is. redis72: StormDB replies `reply`, as Redis
 * 7.2 does where 7.0 differs.
 */
export type Comparison =
  | "same"
  | "sorted"
  | "shape"
  | "error"
  | "any"
  | { readonly redis72: string };

let pair: Promise<readonly [RunningServer, RunningServer]> | undefined;

/** One pair of servers serves all oracle tests of a file. */
export function servers(): Promise<readonly [RunningServer, RunningServer]> {
  pair ??= Promise.all([startRedis(), startStormdb()]);
  return pair;
}

afterAll(async () => {
  if (pair === undefined) return;
  for (const server of await pair) await server[Symbol.asyncDispose]();
  pair = undefined;
});

function comparable(reply: string, as: Comparison): string {
  if (as === "sorted") return reply.split("\r\n").sort().join("\r\n");
  if (as === "shape") return reply.replace(/[0-9]+/g, "0");
  if (as === "error") return reply.slice(0, 1);
  if (as === "any") return "";
  return reply;
}

export function oracleTest(name: string, calls: readonly Call[]): void {
  describe.skipIf(REDIS_SERVER === null)(name, () => {
    for (const protocol of ["2", "3"]) {
      test(`RESP${protocol}`, async () => {
        const [redis, storm] = await servers();
        const clients = [await redis.connect(), await storm.connect()] as const;
        for (const client of clients) {
          await client.call("FLUSHALL");
          await client.call("HELLO", protocol);
        }
        for (const item of calls) {
          const { call, as } =
            typeof item === "object" ? item : { call: item, as: "same" as const };
          const args = typeof call === "string" ? splitArguments(call)! : call;
          const [expected, got] = await Promise.all(clients.map((client) => client.call(...args)));
          if (typeof as === "object") {
            expect(`${args.join(" ")} -> ${got}`).toEqual(`${args.join(" ")} -> ${as.redis72}`);
            continue;
          }
          expect(`${args.join(" ")} -> ${comparable(got!, as)}`).toEqual(
            `${args.join(" ")} -> ${comparable(expected!, as)}`,
          );
        }
        expect(await clients[1].call("DEBUG", "CHECK")).toEqual("+OK\r\n");
        expect(await clients[1].call("DEBUG", "DIGEST")).toEqual(
          await clients[0].call("DEBUG", "DIGEST"),
        );
        for (const client of clients) client.close();
      });
    }
  });
}

/** Scores as text, against those of a real redis-server (7.0, which prints with "%.17g"). */
import { expect, test } from "bun:test";
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import {
  DOUBLE_TEXT_BYTES_MAX,
  parseBound,
  parseDouble,
  type writeDouble,
  writeDouble17,
} from "../../src/base/double-text.ts";
import type { Random } from "../../src/base/random.ts";
import { REDIS_SERVER, startRedis } from "../harness/processes.ts";
import { forSeeds, pick } from "../unit/seeds.ts";

const bytes = new Uint8Array(DOUBLE_TEXT_BYTES_MAX);
const double = new Float64Array(1);
const words = new Int32Array(double.buffer);

function anyDouble(random: Random): number {
  words[0] = random.int32();
  words[1] = random.int32();
  return Number.isNaN(double[0]!) ? 1 : double[0]!;
}

/** Number-like text, of which about half are numbers. */
function randomText(random: Random): string {
  const digits = (most: number) => String(random.int32() >>> 0).slice(0, random.below(most + 1));
  const sign = () => pick(random, ["", "", "", "-", "+"]);
  switch (random.below(6)) {
    case 0:
      return `${sign()}${digits(9)}.${digits(9)}`;
    case 1:
      return `${sign()}${digits(9)}${digits(9)}${pick(random, ["", "."])}${digits(9)}e${sign()}${digits(3)}`;
    case 2:
      return `${sign()}0x${(random.int32() >>> 0).toString(16)}${pick(random, ["", ".", ".8"])}${(random.int32() >>> 0).toString(16)}${pick(random, ["", "p", "p-", "P+"])}${digits(4)}`;
    case 3:
      return pick(random, [
        "inf",
        "-Infinity",
        "+INF",
        "nan",
        "infinit",
        " 1",
        "1 ",
        "",
        "1e",
        ".",
      ]);
    case 4:
      return `${sign()}${writtenBy(writeDouble17, anyDouble(random))}`;
    default:
      return String(anyDouble(random));
  }
}

function writtenBy(write: typeof writeDouble, value: number): string {
  return latin1Text(bytes, 0, write(bytes, 0, value));
}

test.skipIf(REDIS_SERVER === null)("scores are written and read as redis-server does", async () => {
  await using redis = await startRedis();
  const client = await redis.connect();
  await forSeeds(4, async (random) => {
    const calls: string[][] = [];
    const expected: ((reply: string) => string)[] = [];
    for (let i = 0; i < 1000; i++) {
      const text = randomText(random);
      const value = parseDouble(latin1(text), 0, text.length);
      calls.push(["DEL", "k"], ["ZINCRBY", "k", text, "m"]);
      const score = writtenBy(writeDouble17, value);
      expected.push(
        (reply) => reply,
        () =>
          Number.isNaN(value)
            ? "-ERR value is not a valid float\r\n"
            : `$${score.length}\r\n${score}\r\n`,
      );
      const least = parseBound(latin1(text), 0, text.length);
      calls.push(["ZADD", "k", "0.5", "m"], ["ZCOUNT", "k", text, "+inf"]);
      expected.push(
        (reply) => reply,
        () =>
          Number.isNaN(least)
            ? "-ERR min or max is not a float\r\n"
            : `:${least <= 0.5 ? 1 : 0}\r\n`,
      );
    }
    const replies = await Promise.all(calls.map((call) => client.call(...call)));
    for (const [i, reply] of replies.entries()) {
      expect([calls[i], reply]).toEqual([calls[i], expected[i]!(reply)]);
    }
  });
});

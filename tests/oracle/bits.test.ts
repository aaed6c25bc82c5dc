/** Bit operations, against those of a real redis-server. */
import { expect, test } from "bun:test";
import { BitField, type Overflow } from "../../src/base/bit-field.ts";
import { BitOperands, combineBits, countBits, findBit } from "../../src/base/bits.ts";
import { latin1Text } from "../../src/base/bytes.ts";
import { REDIS_SERVER, startRedis } from "../harness/processes.ts";
import { forSeeds, pick, randomBytes } from "../unit/seeds.ts";

const operands = new BitOperands();
const field = new BitField();
const OVERFLOWS = { WRAP: "wrap", SAT: "saturate", FAIL: "fail" } as const;

test.skipIf(REDIS_SERVER === null)("bits are redis-server's", async () => {
  await using redis = await startRedis();
  const client = await redis.connect();
  await forSeeds(40, async (random) => {
    const values = Array.from({ length: 3 }, () => randomBytes(random, random.below(300)));
    for (const [i, value] of values.entries()) await client.call("SET", `v${i}`, value);
    const [first] = values;
    const { length } = first!;
    expect(await client.call("BITCOUNT", "v0")).toBe(`:${countBits(first!, 0, length)}\r\n`);
    const position = findBit(first!, 0, length, 1);
    expect(await client.call("BITPOS", "v0", "1")).toBe(`:${position}\r\n`);
    const operation = pick(random, ["and", "or", "xor", "not"] as const);
    const sources = operation === "not" ? values.slice(0, 1) : values;
    operands.clear();
    for (const source of sources) operands.add(source, 0, source.length);
    const result = new Uint8Array(operands.length);
    combineBits(operation, operands, result, 0);
    await client.call("BITOP", operation, "r", ...sources.map((_, i) => `v${i}`));
    const reply = await client.call("GET", "r");
    const text = latin1Text(result);
    expect(reply).toBe(text === "" ? "$-1\r\n" : `$${text.length}\r\n${text}\r\n`);

    const bytes = new Uint8Array(100);
    await client.call("SET", "f", bytes);
    for (let i = 0; i < 100; i++) {
      field.isSigned = random.below(2) === 0;
      field.width = 1 + random.below(field.isSigned ? 64 : 63);
      field.bitOffset = random.below(700);
      const amount = BigInt.asIntN(64, BigInt(random.int32()) ** BigInt(1 + random.below(3)));
      const overflow = pick(random, Object.keys(OVERFLOWS) as (keyof typeof OVERFLOWS)[]);
      const isSum = random.below(2) === 0;
      // redis-server saturates a far too low value to the highest, because `max - value` overflows in
      // checkSignedBitfieldOverflow (bitops.c). StormDB takes the lowest.
      if (!isSum && overflow === "SAT" && field.isSigned && amount < -(2n ** 61n)) continue;
      const type = `${field.isSigned ? "i" : "u"}${field.width}`;
      const call = ["BITFIELD", "f", "OVERFLOW", overflow, isSum ? "INCRBY" : "SET"];
      call.push(type, String(field.bitOffset), String(amount));
      const given = Number.isSafeInteger(Number(amount)) ? Number(amount) : amount;
      const old = field.read(bytes, 0, bytes.length);
      const how: Overflow = OVERFLOWS[overflow];
      const made = isSum ? field.add(old, given, how) : field.fit(given, how);
      if (made !== null) field.write(bytes, 0, made);
      const shown = made === null ? null : isSum ? made : old;
      const expected = shown === null ? "*1\r\n$-1\r\n" : `*1\r\n:${shown}\r\n`;
      expect([call, await client.call(...call)]).toEqual([call, expected]);
    }
    expect(await client.call("GET", "f")).toBe(`$100\r\n${latin1Text(bytes)}\r\n`);
  });
});

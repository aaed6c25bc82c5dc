import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { bucketUsec, Command, percentilesUsec } from "../../../../src/commands/spec/command.ts";
import { forSeeds } from "../../seeds.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

function commandOf(arity: number): Command {
  return new Command({
    name: "x",
    group: "generic",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Does nothing.",
    arity,
    flags: "readonly",
  });
}

test("a command takes exactly so many arguments, or at least", () => {
  const taken = (arity: number) =>
    [0, 1, 2, 3, 4, 999].filter((n) => commandOf(arity).acceptsCount(n));
  expect(taken(1)).toEqual([1]);
  expect(taken(3)).toEqual([3]);
  expect(taken(-1)).toEqual([1, 2, 3, 4, 999]);
  expect(taken(-3)).toEqual([3, 4, 999]);
});

describe("percentiles", () => {
  test("of one call are its bucket, whatever the fraction", () => {
    const command = commandOf(1);
    command.record(1, 100, true);
    const usecs = percentilesUsec(command.histogram!, [0, 0.5, 0.999, 1]);
    expect(usecs).toEqual([104, 104, 104, 104]);
  });

  test("of no calls are 0", () => {
    expect(percentilesUsec(new Float64Array(216), [0, 0.5, 1])).toEqual([0, 0, 0]);
  });

  test("stand in the order of the fractions", () => {
    const command = commandOf(1);
    command.record(90, 10, true);
    command.record(9, 1000, true);
    command.record(1, 100000, true);
    expect(percentilesUsec(command.histogram!, [1, 0.9, 0.91, 0, 0.99])).toEqual([
      106496, 11, 1024, 11, 1024,
    ]);
    expect(percentilesUsec(command.histogram!, [])).toEqual([]);
  });

  test("are those of all calls in a row", () =>
    forSeeds(40, (random) => {
      const histogram = new Float64Array(216);
      const calls: number[] = [];
      for (let n = random.below(50) + 1; n > 0; n--) {
        const bucket = random.below(histogram.length);
        histogram[bucket] = histogram[bucket]! + 1;
        calls.push(bucketUsec(bucket));
      }
      calls.sort((a, b) => a - b);
      const fractions = Array.from({ length: 5 }, () => random.below(1001) / 1000);
      const at = (fraction: number) => Math.max(0, Math.ceil(calls.length * fraction) - 1);
      expect(percentilesUsec(histogram, fractions)).toEqual(fractions.map((f) => calls[at(f)]!));
    }));
});

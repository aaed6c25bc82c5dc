/** Two servers under the same load, in turns, so that what disturbs the machine disturbs both. */
import type { Engine } from "./engine.ts";
import { shareOf } from "./engine.ts";
import { Histogram } from "./histogram.ts";
import type { Failure, Outcome, Plan } from "./run.ts";

/** What one server did over all rounds. */
export interface Side {
  /** Requests per second of each round. */
  readonly rates: number[];
  readonly histogram: Histogram;
  seconds: number;
  errors: number;
}

export interface Comparison {
  readonly sides: readonly [Side, Side];
  /** Why it ended early, and on which side; null where it did not, or was stopped. */
  failure: (Failure & { readonly side: 0 | 1 }) | null;
}

export function median(values: readonly number[]): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function requestsPerSecond({ histogram, seconds }: Outcome): number {
  return seconds > 0 ? histogram.total / seconds : 0;
}

function newSide(): Side {
  return { rates: [], histogram: new Histogram(), seconds: 0, errors: 0 };
}

/**
 * Each of the two plans, which share everything but the server, in `rounds` parts. A first part of
 * each warms up the servers and this program and is not counted.
 */
export async function compare(
  engine: Engine,
  plans: readonly [Plan, Plan],
  rounds: number,
): Promise<Comparison> {
  const comparison: Comparison = { sides: [newSide(), newSide()], failure: null };
  for (let round = -1; round < rounds; round++) {
    // Who goes first has it a little colder: they take turns in that too.
    const order = round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const);
    for (const side of order) {
      const plan = plans[side];
      const count = shareOf(plan.count, Math.max(0, round), rounds);
      const outcome = await engine.perform({ ...plan, count, seed: plan.seed + round + 1 });
      if (outcome.failure !== null) {
        comparison.failure = { ...outcome.failure, side };
        return comparison;
      }
      if (engine.isStopped) return comparison;
      if (round >= 0) addRound(comparison.sides[side], outcome);
    }
  }
  return comparison;
}

function addRound(side: Side, outcome: Outcome): void {
  side.rates.push(requestsPerSecond(outcome));
  side.histogram.add(outcome.histogram);
  side.seconds += outcome.seconds;
  side.errors += outcome.errors;
}

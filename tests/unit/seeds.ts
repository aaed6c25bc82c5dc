/**
 * Random tests: each run has its seed, and a failure names it.
 *
 *     SEED=7 bun test <file>      only that run
 *     SEEDS=5000 bun test <file>  as many runs instead of the usual few
 */
import { Random } from "../../src/base/random.ts";

export async function forSeeds(
  usual: number,
  run: (random: Random, seed: number) => void | Promise<void>,
): Promise<void> {
  const only = process.env.SEED;
  const first = only === undefined ? 1 : Number(only);
  const last = only === undefined ? Number(process.env.SEEDS ?? usual) : first;
  for (let seed = first; seed <= last; seed++) {
    try {
      await run(new Random(seed), seed);
    } catch (error) {
      throw new Error(`SEED=${seed} fails: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** One of the items, every one equally likely. */
export function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.below(items.length)]!;
}

/** The items in another order. */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Random bytes. */
export function randomBytes(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = random.int32();
  return bytes;
}

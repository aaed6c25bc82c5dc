/**
 * Hot and big keys, found by looking at a few keys at a time.
 *
 * Each step goes on with one SCAN and asks about the keys it returned: OBJECT IDLETIME (or OBJECT
 * FREQ where the server counts uses, that is under an LFU policy) and MEMORY USAGE, none of which
 * counts as a use of the key. The best of them are asked about again in every step. All commands
 * of a step, `COMMANDS_PER_STEP`, are a fixed budget, and none is slow: the server is never busy
 * with them for more than a fraction of a millisecond.
 *
 * SCAN goes through keys in the order of their hashes, so what was seen so far is a fair sample.
 *
 * Without LFU the server knows only how long ago a key was used, in whole seconds. So the heat of
 * a key is how often it was found used since the step before, the latest steps counting most.
 */
import type { Reply } from "../protocol/reply-parser.ts";

export const COMMANDS_PER_STEP = 500;
/** How many keys of each kind are kept and asked about again. */
const KEPT = 50;
/** What the findings of a step weigh one step later. */
const DECAY = 0.9;

export interface HotKey {
  readonly key: string;
  type: string;
  /** NaN under an LFU policy. */
  idleSeconds: number;
  /** The server's own counter, 0 to 255; NaN without an LFU policy. */
  frequency: number;
  /** 0 to 1. */
  heat: number;
}

export interface BigKey {
  readonly key: string;
  type: string;
  bytes: number;
}

interface Tracked extends HotKey {
  uses: number;
  checks: number;
}

export interface KeySample {
  /** The hottest first. */
  readonly hot: readonly HotKey[];
  /** The biggest first. */
  readonly big: readonly BigKey[];
  /** Keys looked at in this pass over the keyspace. */
  readonly seen: number;
  readonly passes: number;
  readonly countsUses: boolean;
  /** What the last step cost. */
  readonly commands: number;
  readonly elapsedMs: number;
  /** Why the last step found nothing; empty where all went well. */
  readonly error: string;
}

export const NO_SAMPLE: KeySample = {
  hot: [],
  big: [],
  seen: 0,
  passes: 0,
  countsUses: false,
  commands: 0,
  elapsedMs: 0,
  error: "",
};

export type Call = (args: readonly string[]) => Promise<Reply>;

function numberOf(reply: Reply): number {
  return reply.kind === "integer" ? Number(reply.text) : Number.NaN;
}

export class KeySampler {
  readonly #hot = new Map<string, Tracked>();
  readonly #big = new Map<string, BigKey>();
  #cursor = "0";
  #seen = 0;
  #passes = 0;
  #countsUses = false;
  #lastStepMs = Number.NaN;

  /** `policy` is the server's maxmemory-policy; `nowMs` reads a monotonic time. */
  async step(call: Call, policy: string, nowMs: () => number): Promise<KeySample> {
    const startMs = nowMs();
    const countsUses = policy.includes("lfu");
    if (countsUses !== this.#countsUses) this.#hot.clear();
    this.#countsUses = countsUses;
    let commands = 0;
    const counted: Call = (args) => {
      commands++;
      return call(args);
    };
    const again = this.#hot.size + this.#big.size;
    // The scan itself, two commands a key, and the types of those that are kept.
    const count = Math.max(10, Math.floor((COMMANDS_PER_STEP - 1 - again) / 2.5));
    const scanned = await counted(["SCAN", this.#cursor, "COUNT", String(count)]);
    const found = this.#take(scanned, count);
    const keys = [...new Set([...found, ...this.#hot.keys(), ...this.#big.keys()])];
    const elapsedSeconds = (startMs - this.#lastStepMs) / 1000;
    this.#lastStepMs = startMs;
    const isNew = new Set(found);
    const asksHeat = (key: string) => isNew.has(key) || this.#hot.has(key);
    const asksSize = (key: string) => isNew.has(key) || this.#big.has(key);
    const heatCommand = countsUses ? "FREQ" : "IDLETIME";
    await Promise.all(
      keys.map(async (key) => {
        const [heat, size] = await Promise.all([
          asksHeat(key) ? counted(["OBJECT", heatCommand, key]) : null,
          asksSize(key) ? counted(["MEMORY", "USAGE", key]) : null,
        ]);
        if (heat !== null) this.#noteHeat(key, numberOf(heat), elapsedSeconds);
        if (size !== null) this.#noteSize(key, numberOf(size));
      }),
    );
    const hot = keepBest(this.#hot, (a, b) => b.heat - a.heat || a.idleSeconds - b.idleSeconds);
    const big = keepBest(this.#big, (a, b) => b.bytes - a.bytes);
    await this.#askTypes(counted, [...hot, ...big]);
    return {
      // What is shown does not change until the next step.
      hot: hot.map((key) => ({ ...key })),
      big: big.map((key) => ({ ...key })),
      seen: this.#seen,
      passes: this.#passes,
      countsUses,
      commands,
      elapsedMs: nowMs() - startMs,
      error: scanned.kind === "error" ? scanned.text : "",
    };
  }

  /** The keys of SCAN's reply, at most `max`; moves the cursor. */
  #take(reply: Reply, max: number): string[] {
    if (reply.kind !== "array") return [];
    const [cursor, list] = reply.items;
    if (cursor?.kind !== "bulk" || list?.kind !== "array") return [];
    if (this.#cursor === "0") this.#seen = 0;
    const keys = list.items.flatMap((item) => (item.kind === "bulk" ? [item.text] : []));
    this.#seen += keys.length;
    this.#cursor = cursor.text;
    if (this.#cursor === "0") this.#passes++;
    return keys.slice(0, max);
  }

  #noteHeat(key: string, value: number, elapsedSeconds: number): void {
    if (Number.isNaN(value)) {
      this.#hot.delete(key);
      return;
    }
    const known = this.#hot.get(key);
    const tracked = known ?? {
      key,
      type: "",
      idleSeconds: Number.NaN,
      frequency: Number.NaN,
      heat: 0,
      uses: 0,
      checks: 0,
    };
    if (this.#countsUses) {
      tracked.frequency = value;
      tracked.heat = Math.min(1, value / 255);
    } else {
      const window = known === undefined ? 1 : Math.max(1, Math.round(elapsedSeconds));
      tracked.idleSeconds = value;
      tracked.uses = tracked.uses * DECAY + (value < window ? 1 : 0);
      tracked.checks = tracked.checks * DECAY + 1;
      // One more check, so that a key seen once is not hotter than one that is always in use.
      tracked.heat = tracked.uses / (tracked.checks + 1);
    }
    this.#hot.set(key, tracked);
  }

  #noteSize(key: string, bytes: number): void {
    if (Number.isNaN(bytes)) {
      this.#big.delete(key);
      return;
    }
    const known = this.#big.get(key);
    if (known === undefined) this.#big.set(key, { key, type: "", bytes });
    else known.bytes = bytes;
  }

  async #askTypes(call: Call, kept: readonly (HotKey | BigKey)[]): Promise<void> {
    const unknown = kept.filter(({ type }) => type === "");
    await Promise.all(
      [...new Set(unknown.map(({ key }) => key))].map(async (key) => {
        const reply = await call(["TYPE", key]);
        if (reply.kind !== "simple") return;
        for (const entry of unknown) if (entry.key === key) entry.type = reply.text;
      }),
    );
  }
}

/** Sorts, forgets all but the best, and returns them. */
function keepBest<T extends { readonly key: string }>(
  keys: Map<string, T>,
  order: (a: T, b: T) => number,
): T[] {
  const sorted = [...keys.values()].sort(order);
  for (const { key } of sorted.splice(KEPT)) keys.delete(key);
  return sorted;
}

/** Random operations on a model, as commands would do them. */
import type { Random } from "../../../src/base/random.ts";
import { KEEP_EXPIRY, NO_EXPIRY } from "../../../src/store/entry.ts";
import { pick } from "../seeds.ts";
import { type Model, type Scores, typeOf } from "./model.ts";

type Operation = (model: Model, random: Random) => void;

function randomText(random: Random): string {
  switch (random.below(6)) {
    case 0:
      return String(random.below(200) - 100);
    case 1:
      return String((BigInt(random.int32()) << 31n) * BigInt(1 + random.below(3)));
    case 2:
      return "";
    case 3:
      return "s".repeat(random.below(20));
    case 4:
      return "m".repeat(random.below(300));
    default:
      return random.below(30) === 0 ? "l".repeat(random.below(200000)) : "x";
  }
}

export function randomKey(random: Random): string {
  return random.below(30) === 0 ? "k".repeat(random.below(400)) : `k${random.below(60)}`;
}

function randomExpiry(model: Model, random: Random): number {
  return model.nowMs + random.below(10 ** (1 + random.below(6))) - 5;
}

function randomDatabase(model: Model, random: Random): number {
  return random.below(model.states.length);
}

/** Does something with a key that exists, of the type that is asked for. */
function withKey(
  type: "string" | "list" | "set" | "hash" | "zset" | "any",
  work: (model: Model, random: Random, index: number, key: string) => void,
): Operation {
  return (model, random) => {
    const index = randomDatabase(model, random);
    const keys = model.keys(index).filter((key) => {
      return type === "any" || typeOf(model.value(index, key)!.data) === type;
    });
    if (keys.length > 0) work(model, random, index, pick(random, keys));
  };
}

const set: Operation = (model, random) => {
  const expiry = pick(random, [NO_EXPIRY, NO_EXPIRY, KEEP_EXPIRY, randomExpiry(model, random)]);
  const index = randomDatabase(model, random);
  model.set(index, randomKey(random), randomText(random), expiry);
};

const push: Operation = (model, random) => {
  const index = randomDatabase(model, random);
  const key = randomKey(random);
  const value = model.value(index, key);
  if (value !== undefined && typeOf(value.data) !== "list") return;
  const count = random.below(12) === 0 ? 300 : 1 + random.below(4);
  const texts = Array.from({ length: count }, () => randomText(random).slice(0, 3000));
  model.push(index, key, texts, random.below(2) === 0);
};

/** Of few values, so that members meet; integers alone, or texts with them. */
export function randomMember(random: Random, isInteger: boolean): string {
  if (isInteger || random.below(3) === 0) return String(random.below(400) - 200);
  return random.below(20) === 0 ? randomText(random).slice(0, 3000) : `m${random.below(150)}`;
}

const addMembers: Operation = (model, random) => {
  const index = randomDatabase(model, random);
  const key = randomKey(random);
  const value = model.value(index, key);
  if (value !== undefined && typeOf(value.data) !== "set") return;
  const isInteger = key.length % 2 === 0;
  const count = random.below(12) === 0 ? 200 : 1 + random.below(4);
  const members = Array.from({ length: count }, () => randomMember(random, isInteger));
  model.addMembers(index, key, members);
};

const setFields: Operation = (model, random) => {
  const index = randomDatabase(model, random);
  const key = randomKey(random);
  const value = model.value(index, key);
  if (value !== undefined && typeOf(value.data) !== "hash") return;
  const count = random.below(12) === 0 ? 100 : 1 + random.below(4);
  const pairs = Array.from(
    { length: count },
    () => [`f${random.below(150)}`, randomText(random).slice(0, 3000)] as const,
  );
  model.setFields(index, key, pairs);
};

/** Whole scores and others, often equal ones; no -0, which the small form stores as 0. */
export function randomScore(random: Random): number {
  const score = pick(random, [random.below(5), random.int32() / 8, Infinity, -Infinity, 2 ** 62]);
  return score === 0 ? 0 : score;
}

const addScored: Operation = (model, random) => {
  const index = randomDatabase(model, random);
  const key = randomKey(random);
  const value = model.value(index, key);
  if (value !== undefined && typeOf(value.data) !== "zset") return;
  const count = random.below(12) === 0 ? 150 : 1 + random.below(4);
  const pairs = Array.from(
    { length: count },
    () => [randomMember(random, false), randomScore(random)] as const,
  );
  model.addScored(index, key, pairs);
};

export const OPERATIONS: readonly Operation[] = [
  withKey("string", (model, random, index, key) => {
    const { length } = model.value(index, key)!.data as string;
    const text = randomText(random).slice(0, 1 + random.below(70000));
    model.setRange(index, key, random.below(length + 10), text);
  }),
  set,
  set,
  set,
  push,
  push,
  addScored,
  addScored,
  addMembers,
  addMembers,
  setFields,
  setFields,
  (model, random) => {
    const value = model.value(0, "counter")?.data ?? "";
    if (typeof value === "string") model.setInteger(0, "counter", random.int32());
  },
  withKey("string", (model, random, index, key) => {
    if ((model.value(index, key)!.data as string).length > 400000) return;
    model.append(index, key, randomText(random));
  }),
  withKey("string", (model, random, index, key) => {
    const big = (BigInt(random.int32()) << 32n) | BigInt(random.int32() >>> 0);
    model.setInteger(index, key, pick(random, [random.int32(), big]));
  }),
  withKey("string", (model, random, index, key) => {
    // As long as before: this one is written in place.
    const { length } = model.value(index, key)!.data as string;
    model.set(index, key, pick(random, ["a", "b"]).repeat(length));
  }),
  withKey("list", (model, random, index, key) => {
    model.pop(index, key, 1 + random.below(10), random.below(2) === 0);
  }),
  withKey("set", (model, random, index, key) => {
    const members = [...(model.value(index, key)!.data as ReadonlySet<string>)];
    const count = 1 + random.below(random.below(10) === 0 ? members.length : 3);
    const taken = Array.from({ length: count }, () => pick(random, members));
    model.removeMembers(index, key, ["none", "7777", ...taken]);
  }),
  withKey("set", (model, random, index, key) => {
    model.popMembers(index, key, 1 + random.below(random.below(10) === 0 ? 200 : 3));
  }),
  withKey("hash", (model, random, index, key) => {
    const fields = [...(model.value(index, key)!.data as ReadonlyMap<string, string>).keys()];
    const count = 1 + random.below(random.below(10) === 0 ? fields.length : 3);
    const taken = Array.from({ length: count }, () => pick(random, fields));
    model.removeFields(index, key, ["none", ...taken]);
  }),
  withKey("zset", (model, random, index, key) => {
    const { size } = model.value(index, key)!.data as Scores;
    const count = 1 + random.below(10);
    model.removeScored(index, key, random.below(size), count, random.below(2) === 0);
  }),
  withKey("any", (model, _, index, key) => model.remove(index, key)),
  withKey("any", (model, random, index, key) => {
    model.expireAt(index, key, pick(random, [-1, randomExpiry(model, random)]));
  }),
  withKey("any", (model, random, index, key) => {
    const to = pick(random, [index, randomDatabase(model, random)]);
    model.move(index, key, to, randomKey(random));
  }),
  withKey("any", (model, random, index, key) => {
    const to = pick(random, [index, randomDatabase(model, random)]);
    model.copy(index, key, to, randomKey(random));
  }),
  (model, random) => {
    if (random.below(10) > 0) return;
    model.swap(randomDatabase(model, random), randomDatabase(model, random));
  },
  (model, random) => {
    if (random.below(30) === 0) model.flush(randomDatabase(model, random));
    else if (random.below(100) === 0) model.flushAll();
  },
  (model, random) => model.advance(random.below(10 ** random.below(5))),
  (model, random) => model.space.reaper.freeSome(1 + random.below(20)),
  (model, random) => {
    // What the server does between commands.
    for (const db of model.space.databases) {
      model.space.wheel.budget = random.below(20);
      while (db.expireOne());
    }
  },
  (model, random) => {
    const index = randomDatabase(model, random);
    const db = model.database(index);
    const ref = db.randomEntry();
    const keys = model.keys(index);
    if (ref === 0 ? keys.length > 0 : !keys.includes(model.keyOf(db, ref))) {
      throw new Error("randomEntry is one of the keys");
    }
  },
];

export function operate(model: Model, random: Random): void {
  pick(random, OPERATIONS)(model, random);
}

/** Snapshots in slices: the file is the state at the beginning, whatever happens meanwhile. */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Clock } from "../../../../src/base/clock.ts";
import { Random } from "../../../../src/base/random.ts";
import { RdbReader } from "../../../../src/persistence/snapshot/reader.ts";
import { Snapshot, type SnapshotSink } from "../../../../src/persistence/snapshot/snapshot.ts";
import { Request } from "../../../../src/protocol/request.ts";
import { READY, RequestParser } from "../../../../src/protocol/request-parser.ts";
import { digestOfAll } from "../../../../src/store/digest.ts";
import { Keyspace } from "../../../../src/store/keyspace.ts";
import { forSeeds, pick } from "../../seeds.ts";
import {
  Model,
  type Scores,
  type State,
  setLimits,
  sortedScores,
  type Value,
} from "../../store/model.ts";
import { operate, randomScore } from "../../store/operations.ts";

// Long computations, also on a busy machine.
setDefaultTimeout(60_000);

const model = new Model();
const { space } = model;
const loaded = new Keyspace({
  databases: 4,
  segments: 1,
  clock: new Clock(),
  random: new Random(1),
});

beforeEach(() => {
  space.lists.limit.set(-2);
  space.hashes.limit.entries = 128;
  model.reset();
});

class Memory implements SnapshotSink {
  readonly queuedBytes = 0;
  failed = false;
  readonly #pieces: Uint8Array[] = [];

  append(bytes: Uint8Array, recycle: () => void): void {
    this.#pieces.push(bytes.slice());
    recycle();
  }

  get bytes(): Uint8Array {
    return Buffer.concat(this.#pieces);
  }
}

const OPTIONS = {
  rdb: true,
  aux: [],
  compressing: true,
  checking: true,
  immediate: false,
  isValkey: false,
};

/** Runs the snapshot to its end; `between` runs between two slices. */
function finish(snapshot: Snapshot, between: () => void): void {
  // A slice that ends at once does one step.
  while (!snapshot.advance(0)) between();
  snapshot.end();
}

function digestOfRdb(file: Uint8Array): string {
  loaded.flushAll();
  const reader = new RdbReader({ space: loaded, keepExpired: true, checking: true });
  reader.feed(file);
  reader.finish();
  loaded.check();
  return digestOfAll(loaded);
}

/** The state that the commands of a rewrite make. */
function stateOfCommands(file: Uint8Array): State[] {
  const states: State[] = model.states.map(() => new Map());
  const parser = new RequestParser();
  const request = new Request();
  let index = 0;
  parser.begin(0);
  while (parser.at < file.length) {
    expect(parser.next(file, file.length, request)).toEqual(READY);
    const [name, key, ...values] = Array.from({ length: request.count }, (_, i) => request.text(i));
    const state = states[index]!;
    const old: Value = state.get(key!) ?? { data: [], expireAtMs: -1 };
    switch (name) {
      case "SELECT":
        index = Number(key);
        break;
      case "SET":
        expect(state.has(key!)).toEqual(false);
        state.set(key!, { data: values[0]!, expireAtMs: -1 });
        break;
      case "RPUSH":
        expect(values.length).toBeLessThanOrEqual(64);
        state.set(key!, { ...old, data: [...(old.data as string[]), ...values] });
        break;
      case "SADD":
        expect(values.length).toBeLessThanOrEqual(64);
        state.set(key!, { ...old, data: new Set([...(old.data as Set<string>), ...values]) });
        break;
      case "HMSET": {
        expect(values.length).toBeLessThanOrEqual(128);
        const fields = new Map(old.data as ReadonlyMap<string, string>);
        for (let i = 0; i < values.length; i += 2) fields.set(values[i]!, values[i + 1]!);
        state.set(key!, { ...old, data: fields });
        break;
      }
      case "ZADD": {
        expect(values.length).toBeLessThanOrEqual(128);
        const scores = new Map(old.data as Scores);
        for (let i = 0; i < values.length; i += 2) {
          expect(scores.has(values[i + 1]!)).toEqual(false);
          scores.set(values[i + 1]!, Number(values[i]!.replace("inf", "Infinity")));
        }
        state.set(key!, { ...old, data: sortedScores(scores) });
        break;
      }
      case "PEXPIREAT":
        state.set(key!, { ...old, expireAtMs: Number(values[0]) });
        break;
      default:
        throw new Error(`an unexpected command ${name}`);
    }
  }
  return states;
}

/** The model's state without the keys that have expired. */
function statesNow(): State[] {
  return model.states.map((state, index) => {
    model.keys(index);
    return new Map(state);
  });
}

function removeExpired(): void {
  // A new wheel may hold a key a millisecond longer.
  model.advance(1);
  for (const { index } of space.databases) {
    space.wheel.budget = Number.POSITIVE_INFINITY;
    while (model.database(index).expireOne());
  }
}

/** Operations on long values of every form, which the walk reads in slices. */
function operateOnLong(random: Random): void {
  const index = random.below(2);
  const list = `long list ${random.below(3)}`;
  const text = `long text ${random.below(3)}`;
  const zset = `long zset ${random.below(3)}`;
  const set = `long set ${random.below(3)}`;
  const members = (below: number) =>
    Array.from({ length: 1 + random.below(below) }, () => `m${random.below(500)}`);
  const hash = `long hash ${random.below(3)}`;
  const field = () => `f${random.below(400)}`;
  const operations = [
    () => model.addMembers(index, set, members(100)),
    () => model.addMembers(index, set, ["giant".repeat(30000)]),
    () => model.value(index, set) && model.removeMembers(index, set, members(60)),
    () => model.value(index, set) && model.popMembers(index, set, 1 + random.below(40)),
    () => model.value(index, set) && model.move(index, set, 1 - index, set),
    () => model.value(index, set) && model.expireAt(index, set, model.nowMs + 100000),
    () => model.value(index, set) && model.copy(index, set, index, `long set ${random.below(3)}`),
    () =>
      model.setFields(
        index,
        hash,
        Array.from({ length: 1 + random.below(100) }, () => [
          field(),
          "value".repeat(random.below(9)),
        ]),
      ),
    () => model.setFields(index, hash, [[field(), "giant".repeat(30000)]]),
    () =>
      model.value(index, hash) &&
      model.removeFields(index, hash, Array.from({ length: 1 + random.below(60) }, field)),
    () => model.value(index, hash) && model.move(index, hash, 1 - index, hash),
    () => model.value(index, hash) && model.expireAt(index, hash, model.nowMs + 100000),
    () =>
      model.value(index, hash) && model.copy(index, hash, index, `long hash ${random.below(3)}`),
    () =>
      model.push(
        index,
        list,
        Array.from({ length: 1 + random.below(40) }, () => "element".repeat(random.below(9))),
        random.below(2) === 0,
      ),
    () => model.push(index, list, ["giant".repeat(30000)], random.below(2) === 0),
    () =>
      model.value(index, list) &&
      model.pop(index, list, 1 + random.below(30), random.below(2) === 0),
    () => model.set(index, text, "t".repeat(20000 + random.below(300000))),
    () => {
      const length = (model.value(index, text)?.data as string | undefined)?.length;
      if (length !== undefined)
        model.setRange(index, text, random.below(length), "changed".repeat(random.below(20000)));
    },
    () => model.value(index, text) && model.append(index, text, "more".repeat(random.below(50000))),
    () =>
      model.addScored(
        index,
        zset,
        members(100).map((member) => [member, randomScore(random)] as const),
      ),
    () => {
      const size = (model.value(index, zset)?.data as Scores | undefined)?.size;
      if (size === undefined) return;
      const count = 1 + random.below(20);
      model.removeScored(index, zset, random.below(size), count, random.below(2) === 0);
    },
    () => model.value(index, zset) && model.move(index, zset, 1 - index, zset),
    () => model.value(index, zset) && model.expireAt(index, zset, model.nowMs + 100000),
    () =>
      model.value(index, zset) && model.copy(index, zset, index, `long zset ${random.below(3)}`),
    () => model.remove(index, pick(random, [list, text, set, hash, zset])),
    () => model.value(index, list) && model.move(index, list, 1 - index, list),
    () => model.value(index, text) && model.expireAt(index, text, model.nowMs + 100000),
    () =>
      model.value(index, list) && model.copy(index, list, index, `long list ${random.below(3)}`),
    () => model.swap(0, 1),
    () => random.below(20) === 0 && model.flush(index),
  ];
  pick(random, operations)();
}

describe("a snapshot in slices", () => {
  for (const kind of ["RDB", "commands"] as const) {
    test(`as ${kind} is the state at its beginning, whatever happens meanwhile`, () =>
      forSeeds(20, (random) => {
        model.reset();
        space.lists.limit.set(pick(random, [-2, 2, 16]));
        setLimits(space, random);
        space.hashes.limit.entries = pick(random, [128, 4]);
        for (let i = random.below(300); i > 0; i--) operate(model, random);
        for (let i = random.below(60); i > 0; i--) operateOnLong(random);
        removeExpired();
        const states = statesNow();
        const digest = digestOfAll(space);
        const sink = new Memory();
        const snapshot = new Snapshot(space, sink, { ...OPTIONS, rdb: kind === "RDB" });
        let slices = 0;
        finish(snapshot, () => {
          for (let i = random.below(4); i > 0; i--) operate(model, random);
          for (let i = random.below(4); i > 0; i--) operateOnLong(random);
          if (slices++ % 10 === 0) model.check();
          if (random.below(3) === 0) space.reaper.freeSome(100);
        });
        if (kind === "RDB") expect(digestOfRdb(sink.bytes)).toEqual(digest);
        else expect(stateOfCommands(sink.bytes)).toEqual(states);
        expect([space.walk, space.guards.count]).toEqual([null, 0]);
        model.check();
        model.reapAll();
        model.check();
      }));
  }

  test("that is abandoned leaves nothing behind, and the next is whole", () =>
    forSeeds(20, (random) => {
      model.reset();
      for (let i = 0; i < 80; i++) operateOnLong(random);
      const first = new Snapshot(space, new Memory(), OPTIONS);
      for (let i = random.below(30); i > 0 && !first.advance(0); i--) operateOnLong(random);
      first.abandon();
      while (!first.advance(0)) operateOnLong(random);
      expect([space.walk, space.guards.count]).toEqual([null, 0]);
      model.check();
      const digest = digestOfAll(space);
      const sink = new Memory();
      finish(new Snapshot(space, sink, OPTIONS), () => operateOnLong(random));
      expect(digestOfRdb(sink.bytes)).toEqual(digest);
      model.reapAll();
      model.check();
    }));

  test("keeps no more than what changes of a long value", () => {
    const elements = Array.from({ length: 50000 }, (_, i) => `element ${i}`);
    model.push(0, "list", elements);
    const snapshot = new Snapshot(space, new Memory(), OPTIONS);
    // The entry is visited before it changes.
    model.push(0, "list", ["one more"]);
    const db = model.database(0);
    const guard = space.guards.of(db.valueWord(model.look(0, "list")))!;
    expect(guard.keptBytes).toBeGreaterThan(0);
    expect(guard.keptBytes).toBeLessThanOrEqual(8192);
    model.remove(0, "list");
    // What is removed is not copied: its memory comes back when it has been read.
    expect(guard.keptBytes).toBeLessThanOrEqual(8192);
    expect(space.reaper.hasWork).toEqual(false);
    finish(snapshot, () => {});
    expect(space.reaper.hasWork).toEqual(true);
    model.reapAll();
    model.check();
  });
});

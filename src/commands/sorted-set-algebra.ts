/**
 * ZUNION, ZINTER, ZDIFF, their STORE forms, and ZINTERCARD. The sources are sorted sets and plain sets,
 * whose members have the score 1. The result is built as a set that no key has yet.
 */
import { parseDouble } from "../base/double-text.ts";
import type { Element } from "../memory/element.ts";
import { SET } from "../store/entry.ts";
import type { Keyspace } from "../store/keyspace.ts";
import type { SortedSet } from "../store/types/open-sorted-set.ts";
import type { OpenSet } from "../store/types/sets.ts";
import type { Context } from "./context.ts";
import { storeSet } from "./sorted-set-ranges.ts";
import { replyCount, replyMember, replyScored } from "./sorted-sets.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt } from "./spec/key-specs.ts";

const NOT_A_WEIGHT = "ERR weight value is not a float";
const NEGATIVE_LIMIT = "ERR LIMIT can't be negative";

type Operation = "union" | "inter" | "diff";
type Aggregate = "sum" | "min" | "max" | "count";
const AGGREGATES: readonly Aggregate[] = ["sum", "min", "max", "count"];

/** Reads the members of sources, of one after another. */
interface MemberReader {
  /** What `next` found. */
  readonly member: Element;
  /** Of the member that `next` or `find` found. */
  readonly score: number;
  open(ref: number): void;
  /** Begins with the first member, in any order. */
  rewind(): void;
  /** Reads the next member; false where there is none. */
  next(): boolean;
  find(bytes: Uint8Array, from: number, length: number): boolean;
}

/** The members of a plain set have the score 1. */
class PlainSetReader implements MemberReader {
  readonly score = 1;
  readonly #set: OpenSet;

  constructor(set: OpenSet) {
    this.#set = set;
  }

  get member(): Element {
    return this.#set.member;
  }

  open(ref: number): void {
    this.#set.open(ref);
  }

  rewind(): void {
    this.#set.rewind();
  }

  next(): boolean {
    return this.#set.next();
  }

  find(bytes: Uint8Array, from: number, length: number): boolean {
    return this.#set.has(bytes, from, length);
  }
}

/** One of the keys: its entry, or 0. */
interface Source {
  readonly ref: number;
  readonly isPlain: boolean;
  readonly length: number;
  weight: number;
}

interface Options {
  readonly sources: readonly Source[];
  aggregate: Aggregate;
  isScored: boolean;
  limit: number;
}

/**
 * Reads "numkeys key ... [WEIGHTS weight ...] [AGGREGATE how] [WITHSCORES]" from argument `first` on, or
 * what of it the command has; null with the error replied.
 */
function readOptions(
  c: Context,
  first: number,
  name: string,
  operation: Operation,
): Options | null {
  const { args } = c;
  const isCounted = name === "zintercard";
  const isStored = name.endsWith("store");
  const keys = c.integer(first);
  if (Number.isNaN(keys)) return null;
  if (keys < 1) {
    c.reply.error(`ERR at least 1 input key is needed for '${name}' command`);
    return null;
  }
  if (keys > args.count - first - 1) {
    c.syntaxError();
    return null;
  }
  const sources: Source[] = [];
  for (let i = first + 1; i <= first + keys; i++) {
    const ref = c.lookup(i);
    const isPlain = ref !== 0 && c.db.typeOf(ref) === SET;
    if (!isPlain && !c.isSortedSet(ref)) return null;
    const length = ref === 0 ? 0 : c.keyspace.typeAt(ref).count(ref);
    sources.push({ ref, isPlain, length, weight: 1 });
  }
  const options: Options = { sources, aggregate: "sum", isScored: false, limit: 0 };
  const isWeighted = operation !== "diff" && !isCounted;
  for (let i = first + keys + 1; i < args.count; i++) {
    const more = args.count - i - 1;
    if (isWeighted && more >= keys && args.is(i, "weights")) {
      for (const source of sources) {
        i++;
        source.weight = parseDouble(args.bytes, args.start[i]!, args.length[i]!);
        if (!Number.isNaN(source.weight)) continue;
        c.reply.error(NOT_A_WEIGHT);
        return null;
      }
    } else if (isWeighted && more >= 1 && args.is(i, "aggregate")) {
      i++;
      const aggregate = AGGREGATES.find((one) => args.is(i, one));
      if (aggregate === undefined) {
        c.syntaxError();
        return null;
      }
      options.aggregate = aggregate;
    } else if (!isStored && !isCounted && args.is(i, "withscores")) options.isScored = true;
    else if (isCounted && more >= 1 && args.is(i, "limit")) {
      options.limit = c.integerWithin(++i, 0, Number.POSITIVE_INFINITY, NEGATIVE_LIMIT);
      if (Number.isNaN(options.limit)) return null;
    } else {
      c.syntaxError();
      return null;
    }
  }
  return options;
}

/** A member's share: its score times the weight, or the weight alone. */
function weighted(score: number, weight: number, aggregate: Aggregate): number {
  const value = aggregate === "count" ? weight : score * weight;
  return Number.isNaN(value) ? 0 : value;
}

function aggregated(a: number, b: number, aggregate: Aggregate): number {
  // A share that is no number changes nothing.
  if (aggregate === "min" || aggregate === "max") {
    const isBetter = aggregate === "min" ? b < a : b > a;
    return isBetter ? b : a;
  }
  const sum = a + b;
  // Infinities of both signs.
  return Number.isNaN(sum) ? 0 : sum;
}

class Algebra {
  readonly #space: Keyspace;
  /** For plain sets, once one has been met. */
  #firstPlain: MemberReader | null = null;
  #otherPlain: MemberReader | null = null;
  readonly #digits = new Uint8Array(20);

  constructor(c: Context) {
    this.#space = c.keyspace;
  }

  #first(isPlain: boolean): MemberReader {
    const { sets, sortedSets } = this.#space;
    if (!isPlain) return sortedSets.firstSource;
    this.#firstPlain ??= new PlainSetReader(sets.createCursor());
    return this.#firstPlain;
  }

  #other(isPlain: boolean): MemberReader {
    const { sets, sortedSets } = this.#space;
    if (!isPlain) return sortedSets.otherSource;
    this.#otherPlain ??= new PlainSetReader(sets.createCursor());
    return this.#otherPlain;
  }

  /** Hands the members of a source that is not empty to `visit`, as text, until that returns false. */
  #read(source: Source, visit: (member: Element, score: number) => void | boolean): void {
    const reader = this.#first(source.isPlain);
    reader.open(source.ref);
    reader.rewind();
    while (reader.next()) {
      reader.member.toText(this.#digits);
      if (visit(reader.member, reader.score) === false) return;
    }
  }

  /** The score of a member of another source; NaN if it is not there. */
  #scoreIn({ isPlain, ref }: Source, { bytes, from, length }: Element): number {
    const reader = this.#other(isPlain);
    reader.open(ref);
    return reader.find(bytes, from, length) ? reader.score : Number.NaN;
  }

  union(sources: readonly Source[], aggregate: Aggregate, result: SortedSet): void {
    for (const source of sources) {
      if (source.length === 0) continue;
      const { weight } = source;
      this.#read(source, ({ bytes, from, length }, score) => {
        const value = weighted(score, weight, aggregate);
        if (result.find(bytes, from, length)) {
          result.setBulkScore(aggregated(result.score, value, aggregate));
        } else result.addBulk(bytes, from, length, value);
      });
    }
  }

  /** Hands the members that all sources have to `visit`, with their scores; up to `limit`, if that is not 0. */
  intersect(
    sources: readonly Source[],
    aggregate: Aggregate,
    visit: (member: Element, score: number) => void | boolean,
  ): void {
    const [smallest, ...others] = sources;
    if (smallest!.length === 0) return;
    this.#read(smallest!, (member, score) => {
      let sum = weighted(score, smallest!.weight, aggregate);
      for (const other of others) {
        const found = other.ref === smallest!.ref ? score : this.#scoreIn(other, member);
        if (Number.isNaN(found)) return true;
        // As in Redis, only the first share may not be NaN: a sum that is none becomes 0.
        const share = aggregate === "count" ? other.weight : found * other.weight;
        sum = aggregated(sum, share, aggregate);
      }
      return visit(member, sum);
    });
  }

  difference(sources: readonly Source[], result: SortedSet): void {
    const [first, ...rest] = sources;
    const others = rest.filter(({ length }) => length > 0);
    if (first!.length === 0 || others.some(({ ref }) => ref === first!.ref)) return;
    this.#read(first!, (member, score) => {
      if (others.every((other) => Number.isNaN(this.#scoreIn(other, member)))) {
        result.addBulk(member.bytes, member.from, member.length, score);
      }
    });
  }
}

/** The smallest first, as in Redis: of a sum of many, the order decides the last digit. */
function bySize(sources: readonly Source[]): readonly Source[] {
  return sources.toSorted((a, b) => a.length - b.length);
}

/** The result of the operation, which no key has. */
function resultOf(c: Context, operation: Operation, { aggregate, sources }: Options): SortedSet {
  const algebra = new Algebra(c);
  const result = c.keyspace.sortedSets.createBulk();
  try {
    if (operation === "union") algebra.union(bySize(sources), aggregate, result);
    else if (operation === "diff") algebra.difference(sources, result);
    else {
      algebra.intersect(bySize(sources), aggregate, ({ bytes, from, length }, score) =>
        result.addBulk(bytes, from, length, score),
      );
    }
    result.endBulk();
  } catch (error) {
    result.discard();
    throw error;
  }
  return result;
}

function combine(c: Context, operation: Operation): void {
  const options = readOptions(c, 1, `z${operation}`, operation);
  if (options === null) return;
  const result = resultOf(c, operation, options);
  const { length } = result;
  replyCount(c, length, options.isScored);
  if (length > 0) result.seek(0);
  for (let i = 0; i < length; i++) {
    result.readNext();
    if (options.isScored) replyScored(c, result);
    else replyMember(c, result);
  }
  result.discard();
}

/** The result of the operation, in the form that is stored. */
function storedResultOf(c: Context, operation: Operation, options: Options): SortedSet {
  const result = resultOf(c, operation, options);
  try {
    result.shrink();
  } catch (error) {
    result.discard();
    throw error;
  }
  return result;
}

function combineAndStore(c: Context, operation: Operation): void {
  const options = readOptions(c, 2, `z${operation}store`, operation);
  if (options !== null) {
    storeSet(c, storedResultOf(c, operation, options), `z${operation}store`);
  }
}

function zintercard(c: Context): void {
  const options = readOptions(c, 1, "zintercard", "inter");
  if (options === null) return;
  const { limit, sources } = options;
  let count = 0;
  new Algebra(c).intersect(bySize(sources), "sum", () => ++count !== limit);
  c.reply.integer(count);
}

const UNION_COMPLEXITY =
  "O(N)+O(M*log(M)), N being the sum of the sources' sizes and M the size of the result";
const INTER_COMPLEXITY =
  "O(N*K)+O(M*log(M)), N being the size of the smallest source, K the number of sources and M the size of the result";
const DIFF_COMPLEXITY =
  "O(N*K)+O(M*log(M)), N being the size of the first source, K the number of sources and M the size of the result";
const AGGREGATION = "[WEIGHTS weight/integer ...] [AGGREGATE aggregate: SUM | MIN | MAX | COUNT]";
const SOURCES: CommandSpec["keys"] = [{ at: 1, keynum: true, flags: "RO access" }];
const STORED: CommandSpec["keys"] = [
  keyAt(1, "OW update"),
  { at: 2, keynum: true, flags: "RO access" },
];

export const SORTED_SET_ALGEBRA_COMMANDS: readonly CommandSpec[] = [
  {
    name: "zunion",
    group: "sorted-set",
    since: "6.2.0",
    complexity: UNION_COMPLEXITY,
    summary: "Returns the union of sorted sets.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: SOURCES,
    syntax: `numkeys key ... ${AGGREGATION} [WITHSCORES]`,
    handler: (c) => combine(c, "union"),
  },
  {
    name: "zinter",
    group: "sorted-set",
    since: "6.2.0",
    complexity: INTER_COMPLEXITY,
    summary: "Returns the intersection of sorted sets.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: SOURCES,
    syntax: `numkeys key ... ${AGGREGATION} [WITHSCORES]`,
    handler: (c) => combine(c, "inter"),
  },
  {
    name: "zdiff",
    group: "sorted-set",
    since: "6.2.0",
    complexity: DIFF_COMPLEXITY,
    summary: "Returns the members of the first sorted set that the others do not have.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: SOURCES,
    syntax: "numkeys key ... [WITHSCORES]",
    handler: (c) => combine(c, "diff"),
  },
  {
    name: "zunionstore",
    group: "sorted-set",
    since: "2.0.0",
    complexity: UNION_COMPLEXITY,
    summary: "Stores the union of sorted sets as another one.",
    arity: -4,
    flags: "write denyoom movablekeys",
    keys: STORED,
    syntax: `destination numkeys key ... ${AGGREGATION}`,
    handler: (c) => combineAndStore(c, "union"),
  },
  {
    name: "zinterstore",
    group: "sorted-set",
    since: "2.0.0",
    complexity: INTER_COMPLEXITY,
    summary: "Stores the intersection of sorted sets as another one.",
    arity: -4,
    flags: "write denyoom movablekeys",
    keys: STORED,
    syntax: `destination numkeys key ... ${AGGREGATION}`,
    handler: (c) => combineAndStore(c, "inter"),
  },
  {
    name: "zdiffstore",
    group: "sorted-set",
    since: "6.2.0",
    complexity: DIFF_COMPLEXITY,
    summary: "Stores the members of the first sorted set that the others do not have.",
    arity: -4,
    flags: "write denyoom movablekeys",
    keys: STORED,
    syntax: "destination numkeys key ...",
    handler: (c) => combineAndStore(c, "diff"),
  },
  {
    name: "zintercard",
    group: "sorted-set",
    since: "7.0.0",
    complexity: "O(N*K), N being the size of the smallest source and K the number of sources",
    summary: "Returns the number of members of the intersection of sorted sets.",
    arity: -3,
    flags: "readonly movablekeys",
    keys: SOURCES,
    syntax: "numkeys key ... [LIMIT limit/integer]",
    handler: zintercard,
  },
];

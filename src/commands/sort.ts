/**
 * SORT and SORT_RO.
 *
 * The elements are copied as texts, one behind the other; what is put in order are their indexes, by
 * numbers or by texts (base/number-order.ts, base/text-order.ts). So there is no object an element, and
 * what BY and GET look up may expire meanwhile.
 *
 * Where Redis leaves the order of elements with equal weights to its hash table, those of sets and sorted
 * sets come in the order of their bytes, so that a replica that repeats SORT … STORE stores the same.
 */

import { parseDouble } from "../base/double-text.ts";
import { NumberOrder } from "../base/number-order.ts";
import { TextList } from "../base/text-list.ts";
import { TextOrder } from "../base/text-order.ts";
import { Element } from "../memory/element.ts";
import { ELEMENT_BYTES_MAX } from "../memory/quicklist.ts";
import * as errors from "../protocol/errors.ts";
import { HASH, isInteger, LIST, SET, STRING, ZSET } from "../store/entry.ts";
import type { List } from "../store/types/lists.ts";
import type { Context } from "./context.ts";
import { GENERIC_EVENT, LIST_EVENT } from "./events.ts";
import type { CommandSpec } from "./spec/command.ts";
import { type KeySpec, keyAt } from "./spec/key-specs.ts";

const NOT_A_SCORE = "ERR One or more scores can't be converted into double";
const HASH_MARK = 35;
const STAR = 42;
const DASH = 45;
const GREATER = 62;
/** Room for the text of an integer. */
const DIGITS = 20;
const INITIAL_LENGTH = 256;
/** Room for more elements than this is given up after use. */
const KEPT_LENGTH = 1 << 16;

const elements = new TextList();
/** The weights of ALPHA with BY. */
const weights = new TextList();
let scores = new Float64Array(INITIAL_LENGTH);
let order = new Uint32Array(INITIAL_LENGTH);
const numbers = new NumberOrder();
const texts = new TextOrder(numbers);

// ── Patterns ─────────────────────────────────────────────────────────────────────────────────

const NONE = 0;
const ITSELF = 1;
const KEY = 2;
const FIELD = 3;

/** An argument that names a key, or a field of a hash, for each element: as Redis reads it, up to a NUL byte. */
class Pattern {
  kind = NONE;
  #bytes: Uint8Array = new Uint8Array(0);
  #from = 0;
  #star = 0;
  /** Behind the key's part. */
  #end = 0;
  #field = 0;
  #fieldLength = 0;

  set(bytes: Uint8Array, from: number, length: number): this {
    const end = from + length;
    const nul = bytes.subarray(from, end).indexOf(0);
    const visible = nul < 0 ? end : from + nul;
    this.#bytes = bytes;
    this.#from = from;
    this.#end = end;
    this.kind = NONE;
    if (visible === from + 1 && bytes[from] === HASH_MARK) this.kind = ITSELF;
    const star = bytes.subarray(from, visible).indexOf(STAR);
    if (star < 0) return this;
    this.kind = KEY;
    this.#star = from + star;
    for (let at = this.#star + 1; at + 1 < visible; at++) {
      if (bytes[at] !== DASH || bytes[at + 1] !== GREATER) continue;
      if (at + 2 < visible) {
        this.kind = FIELD;
        this.#end = at;
        this.#field = at + 2;
        this.#fieldLength = end - this.#field;
      }
      break;
    }
    return this;
  }

  /** Reads what the pattern names for an element; false if there is nothing. */
  read(c: Context, index: number, into: Element): boolean {
    const from = elements.starts[index]!;
    const length = elements.lengthOf(index);
    if (this.kind === NONE) return false;
    if (this.kind === ITSELF) {
      into.setString(elements.bytes, from, length);
      return true;
    }
    const prefix = this.#star - this.#from;
    const suffix = this.#end - this.#star - 1;
    const keyLength = prefix + length + suffix;
    if (key.length < keyLength) key = new Uint8Array(keyLength * 2);
    key.set(this.#bytes.subarray(this.#from, this.#star));
    key.set(elements.bytes.subarray(from, from + length), prefix);
    key.set(this.#bytes.subarray(this.#star + 1, this.#end), prefix + length);
    const ref = c.db.lookup(key, 0, keyLength);
    if (ref === 0) return false;
    return this.kind === KEY ? readString(c, ref, into) : this.#readField(c, ref, into);
  }

  #readField(c: Context, ref: number, into: Element): boolean {
    if (c.db.typeOf(ref) !== HASH) return false;
    const hash = c.keyspace.hashes.open(ref);
    if (!hash.find(this.#bytes, this.#field, this.#fieldLength) || hash.isExpired) return false;
    const { bytes, from, high, isInteger, length, low } = hash.readValue();
    if (isInteger) setInteger(into, low, high);
    else into.setString(bytes, from, length);
    return true;
  }
}

let key = new Uint8Array(64);

function setInteger(into: Element, low: number, high: number): void {
  into.isInteger = true;
  into.low = low;
  into.high = high;
}

function readString(c: Context, ref: number, into: Element): boolean {
  if (c.db.typeOf(ref) !== STRING) return false;
  const { strings } = c.keyspace;
  if (isInteger(c.db.metaOf(ref))) {
    setInteger(into, strings.integerLow(ref), strings.integerHigh(ref));
  } else into.setString(strings.textBytes(ref), strings.textAt(ref), strings.textLength(ref));
  return true;
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────

/** What a call asks for. One object serves all calls. */
const query = {
  isDescending: false,
  isAlpha: false,
  /** BY with a pattern that names no key: the order stays as it is. */
  isUnsorted: false,
  hasWeights: false,
  by: new Pattern(),
  offset: 0,
  count: -1,
  storeIndex: 0,
  /** Patterns of GET; more than `getCount` are left from other calls. */
  gets: [] as Pattern[],
  getCount: 0,
};

function readOptions(c: Context, mayStore: boolean): boolean {
  const { args } = c;
  query.isDescending = false;
  query.isAlpha = false;
  query.isUnsorted = false;
  query.hasWeights = false;
  query.offset = 0;
  query.count = -1;
  query.storeIndex = 0;
  query.getCount = 0;
  for (let i = 2; i < args.count; i++) {
    const left = args.count - i - 1;
    if (args.is(i, "asc")) query.isDescending = false;
    else if (args.is(i, "desc")) query.isDescending = true;
    else if (args.is(i, "alpha")) query.isAlpha = true;
    else if (args.is(i, "limit") && left >= 2) {
      query.offset = c.integer(++i);
      if (Number.isNaN(query.offset)) return false;
      query.count = c.integer(++i);
      if (Number.isNaN(query.count)) return false;
    } else if (mayStore && args.is(i, "store") && left >= 1) query.storeIndex = ++i;
    else if (args.is(i, "by") && left >= 1) readBy(c, ++i);
    else if (args.is(i, "get") && left >= 1) addGet(c, ++i);
    else {
      c.syntaxError();
      return false;
    }
  }
  return true;
}

function readBy({ args }: Context, index: number): void {
  query.by.set(args.bytes, args.start[index]!, args.length[index]!);
  query.hasWeights = query.by.kind === KEY || query.by.kind === FIELD;
  // As in Redis, a later pattern does not undo this.
  if (!query.hasWeights) query.isUnsorted = true;
}

function addGet({ args }: Context, index: number): void {
  const at = query.getCount++;
  if (at === query.gets.length) query.gets.push(new Pattern());
  query.gets[at]!.set(args.bytes, args.start[index]!, args.length[index]!);
}

// ── Elements ─────────────────────────────────────────────────────────────────────────────────

/** Copies an element's text; false if there is no more room for it. */
function addText(list: TextList, element: Element): boolean {
  const length = element.isInteger ? DIGITS : element.length;
  if (!list.hasRoom(length)) return false;
  // Room first: it may come with another buffer.
  const at = list.reserve(length);
  list.close(element.writeText(list.bytes, at));
  return true;
}

/** Copies the element at hand, with its score if elements are put in order by their own. */
function take(element: Element): boolean {
  const index = elements.count;
  if (index === order.length) {
    const wider = new Float64Array(index * 2);
    wider.set(scores);
    scores = wider;
    order = new Uint32Array(index * 2);
  }
  if (!query.isUnsorted && !query.hasWeights && !query.isAlpha) scores[index] = scoreOf(element);
  return addText(elements, element);
}

/** Copies `count` elements from `first` on. */
function gather(c: Context, ref: number, first: number, count: number): boolean {
  if (count === 0) return true;
  const { lists, sets, sortedSets } = c.keyspace;
  const type = c.db.typeOf(ref);
  let hasRoom = true;
  if (type === LIST) {
    const list = lists.open(ref);
    list.seek(first);
    for (let left = count; left > 0 && hasRoom; left--) {
      list.readNext(list.element);
      hasRoom = take(list.element);
    }
  } else if (type === SET) {
    const set = sets.open(ref);
    set.rewind();
    while (hasRoom && set.next()) hasRoom = take(set.member);
  } else {
    const set = sortedSets.open(ref);
    set.seek(first);
    for (let left = count; left > 0 && hasRoom; left--) {
      set.readNext();
      hasRoom = take(set.member);
    }
  }
  return hasRoom;
}

/** As C's strtod reads the text; NaN where that leaves some of it, or finds a number out of range. */
function scoreOf({ bytes, from, high, isInteger, length, low }: Element): number {
  if (isInteger) return high * 4294967296 + (low >>> 0);
  const score = parseDouble(bytes, from, length);
  if (!Number.isNaN(score)) return score;
  let end = from;
  while (end < from + length && bytes[end] !== 0) end++;
  if (end === from) return 0;
  let start = from;
  while (start < end && isSpace(bytes[start]!)) start++;
  return parseDouble(bytes, start, end - start);
}

function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}

// ── Order ────────────────────────────────────────────────────────────────────────────────────

const found = new Element();

/** Looks up each element's weight as a number; false where one is none. */
function takeScores(c: Context): boolean {
  const { count } = elements;
  if (query.hasWeights) {
    for (let i = 0; i < count; i++) scores[i] = query.by.read(c, i, found) ? scoreOf(found) : 0;
  }
  for (let i = 0; i < count; i++) if (Number.isNaN(scores[i]!)) return false;
  return true;
}

/** Puts `order` in the order of the scores, and, from `first` up to `end`, in that of the texts among equal ones. */
function sortByScore(first: number, end: number): void {
  const { count } = elements;
  numbers.sort(order, 0, count, scores);
  let at = first;
  while (at > 0 && at < end && scores[order[at - 1]!] === scores[order[at]!]) at--;
  while (at < end) {
    const start = at++;
    while (at < count && scores[order[at]!] === scores[order[start]!]) at++;
    if (at - start > 1) texts.sort(order, start, at, elements);
  }
}

/** Puts `order` in the order of the weights' texts; elements without a weight come first. */
function sortByWeight(c: Context, isList: boolean): boolean {
  const { count } = elements;
  let missing = 0;
  for (let i = 0; i < count; i++) {
    const isThere = query.by.read(c, i, found);
    scores[i] = isThere ? 1 : 0;
    if (!isThere) {
      missing++;
      found.setString(elements.bytes, 0, 0);
    }
    if (!addText(weights, found)) return false;
  }
  if (!isList) texts.sort(order, 0, count, elements);
  numbers.sort(order, 0, count, scores);
  texts.sort(order, missing, count, weights);
  return true;
}

/**
 * Puts the indexes of the elements in ascending order; what is behind `end` or before `first` need not be.
 * False with the error replied.
 */
function putInOrder(c: Context, isList: boolean, first: number, end: number): boolean {
  const { count } = elements;
  const { hasWeights, isAlpha, isDescending, isUnsorted } = query;
  // Elements of equal weights stay in their order when the ascending order is read backwards.
  const isReversed = isDescending && isAlpha && hasWeights;
  for (let i = 0; i < count; i++) order[i] = isReversed ? count - 1 - i : i;
  if (isUnsorted) return true;
  if (isAlpha && hasWeights) {
    if (sortByWeight(c, isList)) return true;
    c.reply.error(errors.STRING_TOO_LONG);
    return false;
  }
  if (isAlpha) {
    texts.sort(order, 0, count, elements);
    return true;
  }
  if (!takeScores(c)) {
    c.reply.error(NOT_A_SCORE);
    return false;
  }
  sortByScore(first, end);
  return true;
}

// ── Results ──────────────────────────────────────────────────────────────────────────────────

/** One of the results for an element: itself without GET, else what the pattern `get` names, or null. */
function resultOf(c: Context, index: number, get: number): Element | null {
  if (query.getCount > 0) return query.gets[get]!.read(c, index, found) ? found : null;
  found.setString(elements.bytes, elements.starts[index]!, elements.lengthOf(index));
  return found;
}

function store(c: Context, from: number, by: number, count: number): void {
  const { lists } = c.keyspace;
  const index = query.storeIndex;
  const { bytes, length, start } = c.args;
  const list = lists.create();
  const each = Math.max(1, query.getCount);
  let fits = true;
  try {
    for (let i = 0; i < count * each && fits; i++) {
      const at = order[from + Math.floor(i / each) * by]!;
      fits = append(list, resultOf(c, at, i % each));
    }
  } catch (error) {
    list.discard();
    throw error;
  }
  if (!fits) {
    list.discard();
    c.reply.error(errors.STRING_TOO_LONG);
    return;
  }
  const stored = list.length;
  const present = c.lookupWrite(index);
  if (stored > 0) {
    list.replace(c.db, present, bytes, start[index]!, length[index]!);
    c.changed(LIST_EVENT, "sortstore", index);
    c.dirty += stored;
  } else {
    list.discard();
    if (present !== 0) {
      c.db.remove(present);
      c.changed(GENERIC_EVENT, "del", index);
      c.dirty++;
    }
  }
  c.reply.integer(stored);
}

/** Appends a result; false if it is too long for a list. */
function append(list: List, element: Element | null): boolean {
  const { given } = list;
  if (element === null) given.setText(found.bytes, 0, 0);
  else if (element.isInteger) given.setInteger(element.low, element.high);
  else if (element.length > ELEMENT_BYTES_MAX) return false;
  else given.setText(element.bytes, element.from, element.length);
  list.pushTail(given);
  return true;
}

function release(): void {
  elements.clear();
  weights.clear();
  if (order.length <= KEPT_LENGTH) return;
  scores = new Float64Array(INITIAL_LENGTH);
  order = new Uint32Array(INITIAL_LENGTH);
}

function sort(c: Context, mayStore: boolean): void {
  if (!readOptions(c, mayStore)) return;
  const ref = c.lookup(1);
  const type = ref === 0 ? LIST : c.db.typeOf(ref);
  if (type !== LIST && type !== SET && type !== ZSET) {
    c.reply.error(errors.WRONG_TYPE);
    return;
  }
  if (query.isUnsorted && type === SET && query.storeIndex !== 0) {
    // What is stored must not depend on where members lie.
    query.isUnsorted = false;
    query.isAlpha = true;
    query.hasWeights = false;
  }
  const total = ref === 0 ? 0 : c.keyspace.typeAt(ref).count(ref);
  const first = Math.min(Math.max(query.offset, 0), total);
  const end = query.count < 0 ? total : Math.min(first + query.count, total);
  try {
    answer(c, ref, type, total, first, end);
  } finally {
    release();
  }
}

/** Replies with or stores the elements from `first` up to `end` of the order that is asked for. */
function answer(
  c: Context,
  ref: number,
  type: number,
  total: number,
  first: number,
  end: number,
): void {
  const { isDescending, isUnsorted } = query;
  const isBackwards = isDescending && !(isUnsorted && type === SET);
  // The same elements, in ascending order.
  const low = isBackwards ? total - end : first;
  const high = isBackwards ? total - first : end;
  const isPart = isUnsorted && type !== SET;
  const gathered = isPart ? gather(c, ref, low, high - low) : gather(c, ref, 0, total);
  if (!gathered) {
    c.reply.error(errors.STRING_TOO_LONG);
    return;
  }
  if (!putInOrder(c, type === LIST, low, high)) return;
  const lowest = isPart ? 0 : low;
  const from = isBackwards ? lowest + high - low - 1 : lowest;
  const by = isBackwards ? -1 : 1;
  const count = high - low;
  if (query.storeIndex !== 0) {
    store(c, from, by, count);
    return;
  }
  const each = Math.max(1, query.getCount);
  c.reply.array(count * each);
  for (let i = 0; i < count; i++) {
    const at = order[from + i * by]!;
    for (let get = 0; get < each; get++) {
      const element = resultOf(c, at, get);
      if (element === null) c.reply.null();
      else c.replyElement(element);
    }
  }
}

const COMPLEXITY =
  "O(N+M*log(M)), N being the number of elements and M of those returned; O(N) where numbers or texts are put in order";
const WEIGHTS: KeySpec = {
  at: 0,
  unknown: true,
  flags: "RO access",
  notes:
    "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of the key we sort",
};
const STORED: KeySpec = {
  at: 2,
  unknown: true,
  behind: "store",
  skips: { limit: 2, get: 1, by: 1 },
  flags: "OW update",
  notes:
    "For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the argument array",
};
const CATEGORIES = "set sortedset list dangerous";
const SYNTAX =
  "key [BY by-pattern/pattern~pattern@1] [LIMIT limit: offset count] [GET get-pattern/pattern~pattern@1] ...! [order: ASC | DESC] [ALPHA/sorting]";

export const SORT_COMMANDS: readonly CommandSpec[] = [
  {
    name: "sort",
    group: "generic",
    since: "1.0.0",
    complexity: COMPLEXITY,
    summary: "Returns or stores the elements of a list, a set or a sorted set in order.",
    arity: -2,
    flags: "write denyoom movablekeys",
    categories: CATEGORIES,
    keys: [keyAt(1, "RO access"), WEIGHTS, STORED],
    syntax: `${SYNTAX} [STORE destination]`,
    handler: (c) => sort(c, true),
  },
  {
    name: "sort_ro",
    group: "generic",
    since: "7.0.0",
    complexity: COMPLEXITY,
    summary: "Returns the elements of a list, a set or a sorted set in order.",
    arity: -2,
    flags: "readonly movablekeys",
    categories: CATEGORIES,
    keys: [keyAt(1, "RO access"), WEIGHTS],
    syntax: SYNTAX,
    handler: (c) => sort(c, false),
  },
];

/**
 * Geo commands on areas: the members within a circle, a box or a polygon.
 *
 * The members of each cell that the area touches (base/geo-search.ts) are a range of scores. What is
 * found is kept as numbers (score, distance, place in the set), and put in order as such; a member's
 * bytes are read when it is replied.
 */

import { GeoSearch } from "../base/geo-search.ts";
import { latitudeOf, longitudeOf } from "../base/geohash.ts";
import { NumberOrder } from "../base/number-order.ts";
import type { SortedSet } from "../store/types/open-sorted-set.ts";
import type { Context } from "./context.ts";
import { point, readDouble, readPoint, readUnit, replyDistance, replyPoint } from "./geo.ts";
import { storeSet } from "./sorted-set-ranges.ts";
import { findMember, replyMember } from "./sorted-sets.ts";
import type { CommandSpec } from "./spec/command.ts";
import { keyAt, oneKey } from "./spec/key-specs.ts";

const INITIAL_LENGTH = 256;
/** Room for more members than this is given up after use. */
const KEPT_LENGTH = 1 << 16;
const NO_MEMBER = "ERR could not decode requested zset member";

/** What was found. One object serves all searches. */
class Found {
  count = 0;
  scores = new Float64Array(INITIAL_LENGTH);
  /** In meters; negative where the farthest come first. */
  distances = new Float64Array(INITIAL_LENGTH);
  places = new Int32Array(INITIAL_LENGTH);
  order = new Uint32Array(INITIAL_LENGTH);
  readonly #numbers = new NumberOrder();

  add(score: number, distance: number, place: number): void {
    const at = this.count++;
    if (at === this.scores.length) this.#resize(at * 2);
    this.scores[at] = score;
    this.distances[at] = distance;
    this.places[at] = place;
    this.order[at] = at;
  }

  sort(): void {
    this.#numbers.sort(this.order, 0, this.count, this.distances);
  }

  clear(): void {
    this.count = 0;
    if (this.scores.length > KEPT_LENGTH) this.#resize(INITIAL_LENGTH);
  }

  #resize(length: number): void {
    const kept = this.count < length ? this.count : 0;
    const { distances, order, places, scores } = this;
    this.scores = new Float64Array(length);
    this.distances = new Float64Array(length);
    this.places = new Int32Array(length);
    this.order = new Uint32Array(length);
    this.scores.set(scores.subarray(0, kept));
    this.distances.set(distances.subarray(0, kept));
    this.places.set(places.subarray(0, kept));
    this.order.set(order.subarray(0, kept));
  }
}

const search = new GeoSearch();
const found = new Found();

type Order = "none" | "asc" | "desc";

/** What a call asks for. One object serves all calls. */
const query = {
  longitude: 0,
  latitude: 0,
  unit: 1,
  radius: 0,
  width: 0,
  height: 0,
  corners: new Float64Array(0),
  withDistance: false,
  withHash: false,
  withPoint: false,
  order: "none" as Order,
  /** 0 for all. */
  count: 0,
  /** Any members do, not only the nearest. */
  isAny: false,
  /** The argument that is the key to store to; 0 for none. */
  storeIndex: 0,
  storesDistances: false,
  /** What is there of the arguments of GEOSEARCH. */
  hasMember: false,
  hasPoint: false,
  hasCircle: false,
  hasBox: false,
  hasPolygon: false,
};

function reset(): void {
  query.unit = 1;
  query.withDistance = false;
  query.withHash = false;
  query.withPoint = false;
  query.order = "none";
  query.count = 0;
  query.isAny = false;
  query.storeIndex = 0;
  query.storesDistances = false;
  query.hasMember = false;
  query.hasPoint = false;
  query.hasCircle = false;
  query.hasBox = false;
  query.hasPolygon = false;
}

// ── Reading the arguments; false where the error has been replied ────────────────────────────────

function readCentre(c: Context, index: number): boolean {
  if (!readPoint(c, index)) return false;
  query.longitude = point.longitude;
  query.latitude = point.latitude;
  return true;
}

function readCentreOf(c: Context, set: SortedSet, index: number): boolean {
  if (!findMember(c, set, index)) {
    c.reply.error(NO_MEMBER);
    return false;
  }
  query.longitude = longitudeOf(set.score);
  query.latitude = latitudeOf(set.score);
  return true;
}

function readCircle(c: Context, index: number): boolean {
  query.radius = readDouble(c, index, "ERR need numeric radius");
  if (Number.isNaN(query.radius)) return false;
  if (query.radius < 0) {
    c.reply.error("ERR radius cannot be negative");
    return false;
  }
  query.unit = readUnit(c, index + 1);
  return !Number.isNaN(query.unit);
}

function readBox(c: Context, index: number): boolean {
  query.width = readDouble(c, index, "ERR need numeric width");
  if (Number.isNaN(query.width)) return false;
  query.height = readDouble(c, index + 1, "ERR need numeric height");
  if (Number.isNaN(query.height)) return false;
  if (query.width < 0 || query.height < 0) {
    c.reply.error("ERR height or width cannot be negative");
    return false;
  }
  query.unit = readUnit(c, index + 2);
  return !Number.isNaN(query.unit);
}

/** Reads the number of corners in argument `index`, and the corners; texts as in Valkey 9. */
function readPolygon(c: Context, index: number): boolean {
  const corners = c.integer(index, "ERR invalid number of vertices");
  if (Number.isNaN(corners)) return false;
  if (corners < 3 || corners > (c.args.count - index - 1) / 2) {
    c.reply.error("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices");
    return false;
  }
  query.corners = new Float64Array(corners * 2);
  for (let i = 0; i < corners; i++) {
    if (!readPoint(c, index + 1 + i * 2)) return false;
    query.corners[i * 2] = point.longitude;
    query.corners[i * 2 + 1] = point.latitude;
  }
  query.unit = 1;
  return true;
}

/** Reads an option that all commands have; returns how many arguments it takes, 0 if it is none of those, -1 on an error. */
function readOption(c: Context, i: number): number {
  const { args } = c;
  if (args.is(i, "withdist")) query.withDistance = true;
  else if (args.is(i, "withhash")) query.withHash = true;
  else if (args.is(i, "withcoord")) query.withPoint = true;
  else if (args.is(i, "any")) query.isAny = true;
  else if (args.is(i, "asc")) query.order = "asc";
  else if (args.is(i, "desc")) query.order = "desc";
  else if (args.is(i, "count") && i + 1 < args.count) {
    query.count = c.integer(i + 1);
    if (Number.isNaN(query.count)) return -1;
    if (query.count <= 0) {
      c.reply.error("ERR COUNT must be > 0");
      return -1;
    }
    return 2;
  } else return 0;
  return 1;
}

/** Reads STORE or STOREDIST of GEORADIUS; as `readOption`. */
function readStore(c: Context, i: number): number {
  const isDistances = c.args.is(i, "storedist");
  if (i + 1 >= c.args.count || !(isDistances || c.args.is(i, "store"))) return 0;
  query.storeIndex = i + 1;
  query.storesDistances = isDistances;
  return 2;
}

/** Reads an option of GEOSEARCH; as `readOption`. The set is undefined where no key has it. */
function readArea(c: Context, i: number, set: SortedSet | undefined): number {
  const { args } = c;
  const left = args.count - i - 1;
  const { hasBox, hasCircle, hasMember, hasPoint, hasPolygon } = query;
  if (args.is(i, "frommember") && left >= 1 && !hasPoint && !hasPolygon) {
    query.hasMember = true;
    return set === undefined || readCentreOf(c, set, i + 1) ? 2 : -1;
  }
  if (args.is(i, "fromlonlat") && left >= 2 && !hasMember && !hasPolygon) {
    query.hasPoint = true;
    return readCentre(c, i + 1) ? 3 : -1;
  }
  if (args.is(i, "byradius") && left >= 2 && !hasBox && !hasPolygon) {
    query.hasCircle = true;
    return readCircle(c, i + 1) ? 3 : -1;
  }
  if (args.is(i, "bybox") && left >= 3 && !hasCircle && !hasPolygon) {
    query.hasBox = true;
    return readBox(c, i + 1) ? 4 : -1;
  }
  const hasOther = hasBox || hasCircle || hasMember || hasPoint;
  if (args.is(i, "bypolygon") && left >= 2 && !hasOther) {
    query.hasPolygon = true;
    return readPolygon(c, i + 1) ? 2 + query.corners.length : -1;
  }
  return 0;
}

/** Which options a command has besides those of all. */
type Kind = "georadius" | "georadius_ro" | "geosearch" | "geosearchstore";

function readOptions(c: Context, from: number, kind: Kind, set: SortedSet | undefined): boolean {
  for (let i = from; i < c.args.count; ) {
    let taken = readOption(c, i);
    if (taken === 0 && kind === "georadius") taken = readStore(c, i);
    if (taken === 0 && kind === "geosearchstore" && c.args.is(i, "storedist")) {
      query.storesDistances = true;
      taken = 1;
    }
    if (taken === 0 && kind.startsWith("geosearch")) taken = readArea(c, i, set);
    if (taken === 0) c.syntaxError();
    if (taken <= 0) return false;
    i += taken;
  }
  return optionsAgree(c, kind);
}

function optionsAgree(c: Context, kind: Kind): boolean {
  const { hasBox, hasCircle, hasMember, hasPoint, hasPolygon } = query;
  const isSearch = kind.startsWith("geosearch");
  let wrong = "";
  if (query.storeIndex !== 0 && (query.withDistance || query.withHash || query.withPoint)) {
    const what = isSearch ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS";
    wrong = `${what} is not compatible with WITHDIST, WITHHASH and WITHCOORD options`;
  } else if (isSearch && !(hasMember || hasPoint || hasPolygon)) {
    const name = c.args.text(0);
    wrong = `exactly one of FROMMEMBER or FROMLONLAT can be specified for ${name}`;
  } else if (isSearch && !(hasCircle || hasBox || hasPolygon)) {
    wrong = `exactly one of BYRADIUS and BYBOX can be specified for ${c.args.text(0)}`;
  } else if (query.isAny && query.count === 0) {
    wrong = "the ANY argument requires COUNT argument";
  }
  if (wrong !== "") c.reply.error(`ERR ${wrong}`);
  return wrong === "";
}

// ── Searching ────────────────────────────────────────────────────────────────────────────────

function setArea(): void {
  const { latitude, longitude, unit } = query;
  if (query.hasPolygon) search.setPolygon(query.corners, query.corners.length / 2);
  else if (query.hasBox) search.setBox(longitude, latitude, query.width, query.height, unit);
  else search.setCircle(longitude, latitude, query.radius, unit);
}

/** Gathers the members within the area, in the order of the cells; `limit` of them, or all if 0. */
function gather(set: SortedSet, limit: number): void {
  for (let cell = 0; cell < search.count; cell++) {
    const first = set.countBelowScore(search.first[cell]!, false);
    const end = set.countBelowScore(search.end[cell]!, false);
    if (first === end) continue;
    set.seek(first);
    for (let left = end - first; left > 0; left--) {
      const score = set.nextScore();
      const distance = search.distanceTo(longitudeOf(score), latitudeOf(score));
      if (distance < 0) continue;
      found.add(score, distance, set.place);
      if (found.count === limit) return;
    }
  }
}

function putInOrder(): void {
  let { order } = query;
  // The nearest are wanted, unless any will do.
  if (order === "none" && query.count > 0 && !query.isAny) order = "asc";
  query.order = order;
  if (order === "none") return;
  if (order === "desc") {
    for (let i = 0; i < found.count; i++) found.distances[i] = -found.distances[i]!;
  }
  found.sort();
}

function replyFound(c: Context, set: SortedSet, count: number): void {
  const { reply } = c;
  const { withDistance, withHash, withPoint } = query;
  const items = 1 + (withDistance ? 1 : 0) + (withHash ? 1 : 0) + (withPoint ? 1 : 0);
  reply.array(count);
  for (let i = 0; i < count; i++) {
    const index = found.order[i]!;
    const score = found.scores[index]!;
    set.readPlace(found.places[index]!);
    if (items > 1) reply.array(items);
    replyMember(c, set);
    if (withDistance) replyDistance(c, Math.abs(found.distances[index]!) / query.unit);
    if (withHash) reply.integer(score);
    if (withPoint) replyPoint(c, score);
  }
}

function storeFound(c: Context, set: SortedSet, count: number, event: string): void {
  const { sortedSets } = c.keyspace;
  const stored = sortedSets.create();
  try {
    for (let i = 0; i < count; i++) {
      const index = found.order[i]!;
      set.readPlace(found.places[index]!);
      // A search around the globe may look at a cell twice.
      if (stored.findMemberOf(set)) continue;
      const distance = Math.abs(found.distances[index]!) / query.unit;
      set.score = query.storesDistances ? distance : found.scores[index]!;
      stored.addMemberOf(set);
    }
  } catch (error) {
    stored.discard();
    throw error;
  }
  storeSet(c, stored, event, query.storeIndex);
}

function answer(c: Context, set: SortedSet | undefined, kind: Kind): void {
  const { storeIndex } = query;
  const event = kind === "geosearchstore" ? "geosearchstore" : "georadiusstore";
  if (set === undefined) {
    if (storeIndex === 0) c.reply.array(0);
    else storeSet(c, c.keyspace.sortedSets.create(), event, storeIndex);
    return;
  }
  setArea();
  try {
    gather(set, query.isAny ? query.count : 0);
    putInOrder();
    const count = query.count === 0 ? found.count : Math.min(query.count, found.count);
    if (storeIndex === 0) replyFound(c, set, count);
    else storeFound(c, set, count, event);
  } finally {
    found.clear();
  }
}

/** The set of the key in the argument, undefined without one; null, with the reply written, where it is none. */
function openSource(c: Context, index: number): SortedSet | undefined | null {
  const ref = c.lookup(index);
  if (ref === 0) return undefined;
  return c.isSortedSet(ref) ? c.keyspace.sortedSets.open(ref) : null;
}

function georadius(c: Context, kind: Kind): void {
  reset();
  const set = openSource(c, 1);
  if (set === null || !readCentre(c, 2) || !readCircle(c, 4)) return;
  if (readOptions(c, 6, kind, set)) answer(c, set, kind);
}

function georadiusbymember(c: Context, kind: Kind): void {
  reset();
  const set = openSource(c, 1);
  if (set === null) return;
  if (set !== undefined && !(readCentreOf(c, set, 2) && readCircle(c, 3))) return;
  if (readOptions(c, 5, kind, set)) answer(c, set, kind);
}

function geosearch(c: Context): void {
  reset();
  const set = openSource(c, 1);
  if (set === null) return;
  if (readOptions(c, 2, "geosearch", set)) answer(c, set, "geosearch");
}

function geosearchstore(c: Context): void {
  reset();
  query.storeIndex = 1;
  const set = openSource(c, 2);
  if (set === null) return;
  if (readOptions(c, 3, "geosearchstore", set)) answer(c, set, "geosearchstore");
}

const AREA_COMPLEXITY =
  "O(N+log(M)), N being the number of members in the cells around the area and M of all members";
const UNIT = "<unit: M | KM | FT | MI>";
const OPTIONS = "[WITHCOORD] [WITHDIST] [WITHHASH]";
const COUNT = "[count-block: COUNT count [ANY]]";
const ORDER = "[order: ASC | DESC]";
const FROM =
  "<from: FROMMEMBER member | {FROMLONLAT fromlonlat: longitude/double latitude/double}>";
const CIRCLE = `{circle: BYRADIUS radius/double ${UNIT}}`;
const BOX = `{box: BYBOX width/double height/double ${UNIT}}`;
const POLYGON =
  "{polygon: BYPOLYGON num-vertices/integer {vertex: longitude/double latitude/double} ...}";
const STORE = "[store: STORE storekey/key~key | STOREDIST storedistkey/key~key]";
const RADIUS = `radius/double ${UNIT} ${OPTIONS} ${COUNT} ${ORDER}`;
const RO = oneKey("RO access");

function storeKeys(from: number) {
  return [
    keyAt(1, "RO access"),
    { at: from, behind: "store", flags: "OW update" },
    { at: from, behind: "storedist", flags: "OW update" },
  ];
}

export const GEO_AREA_COMMANDS: readonly CommandSpec[] = [
  {
    name: "geosearch",
    group: "geo",
    since: "6.2.0",
    complexity: AREA_COMPLEXITY,
    summary: "Returns the members of a geo index within a circle, a box or a polygon.",
    arity: -7,
    flags: "readonly",
    keys: RO,
    syntax: `key ${FROM} <by: ${CIRCLE} | ${BOX} | ${POLYGON}> ${ORDER} ${COUNT} ${OPTIONS}`,
    handler: geosearch,
  },
  {
    name: "geosearchstore",
    group: "geo",
    since: "6.2.0",
    complexity: AREA_COMPLEXITY,
    summary:
      "Stores the members of a geo index within a circle, a box or a polygon in a sorted set.",
    arity: -8,
    flags: "write denyoom",
    keys: [keyAt(1, "OW update"), keyAt(2, "RO access")],
    syntax: `destination source ${FROM} <by: ${CIRCLE} | ${BOX} | ${POLYGON}> ${ORDER} ${COUNT} [STOREDIST]`,
    handler: geosearchstore,
  },
  {
    name: "georadius",
    group: "geo",
    since: "3.2.0",
    complexity: AREA_COMPLEXITY,
    summary: "Returns or stores the members of a geo index within a circle around a point.",
    arity: -6,
    flags: "write denyoom movablekeys",
    keys: storeKeys(6),
    syntax: `key longitude/double latitude/double ${RADIUS} ${STORE}`,
    deprecated: {
      since: "6.2.0",
      replacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
    },
    handler: (c) => georadius(c, "georadius"),
  },
  {
    name: "georadius_ro",
    group: "geo",
    since: "3.2.10",
    complexity: AREA_COMPLEXITY,
    summary: "Returns the members of a geo index within a circle around a point.",
    arity: -6,
    flags: "readonly",
    keys: RO,
    syntax: `key longitude/double latitude/double ${RADIUS}`,
    deprecated: { since: "6.2.0", replacedBy: "`GEOSEARCH` with the `BYRADIUS` argument" },
    handler: (c) => georadius(c, "georadius_ro"),
  },
  {
    name: "georadiusbymember",
    group: "geo",
    since: "3.2.0",
    complexity: AREA_COMPLEXITY,
    summary: "Returns or stores the members of a geo index within a circle around a member.",
    arity: -5,
    flags: "write denyoom movablekeys",
    keys: storeKeys(5),
    syntax: `key member ${RADIUS} ${STORE}`,
    deprecated: {
      since: "6.2.0",
      replacedBy: "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
    },
    handler: (c) => georadiusbymember(c, "georadius"),
  },
  {
    name: "georadiusbymember_ro",
    group: "geo",
    since: "3.2.10",
    complexity: AREA_COMPLEXITY,
    summary: "Returns the members of a geo index within a circle around a member.",
    arity: -5,
    flags: "readonly",
    keys: RO,
    syntax: `key member ${RADIUS}`,
    deprecated: {
      since: "6.2.0",
      replacedBy: "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
    },
    handler: (c) => georadiusbymember(c, "georadius_ro"),
  },
];

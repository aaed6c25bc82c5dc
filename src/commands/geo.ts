/** Geo commands on members by name. A geo value is a sorted set, whose scores are geohashes. Areas: geo-areas.ts. */

import { parseDouble } from "../base/double-text.ts";
import { fixedText, trimmedText } from "../base/fixed-text.ts";
import {
  distance,
  GEOHASH_TEXT_BYTES,
  isOnMap,
  latitudeOf,
  longitudeOf,
  scoreOf,
  writeGeohash,
} from "../base/geohash.ts";
import * as errors from "../protocol/errors.ts";
import type { SortedSet } from "../store/types/open-sorted-set.ts";
import type { Context } from "./context.ts";
import { addMembers, CH, findMember, NX, openOrNull, scoresToAdd, XX } from "./sorted-sets.ts";
import type { CommandSpec } from "./spec/command.ts";
import { oneKey } from "./spec/key-specs.ts";

const DISTANCE_DECIMALS = 4;
/** As many as Redis writes of a long double. */
const COORDINATE_DECIMALS = 17;

// ── Arguments and replies ────────────────────────────────────────────────────────────────────

/** The argument as a double; NaN, with the reply written, where it is none. */
export function readDouble(c: Context, index: number, error = errors.NOT_A_FLOAT): number {
  const { args } = c;
  const value = parseDouble(args.bytes, args.start[index]!, args.length[index]!);
  if (Number.isNaN(value)) c.reply.error(error);
  return value;
}

/** A point, as `readPoint` read it. */
export const point = { longitude: 0, latitude: 0 };

/** Reads longitude and latitude from argument `index` on; false, with the reply written, where they are no point of the map. */
export function readPoint(c: Context, index: number): boolean {
  const longitude = readDouble(c, index);
  if (Number.isNaN(longitude)) return false;
  const latitude = readDouble(c, index + 1);
  if (Number.isNaN(latitude)) return false;
  if (!isOnMap(longitude, latitude)) {
    const pair = `${fixedText(longitude, 6)},${fixedText(latitude, 6)}`;
    c.reply.error(`ERR invalid longitude,latitude pair ${pair}`);
    return false;
  }
  point.longitude = longitude;
  point.latitude = latitude;
  return true;
}

/** Meters of the unit in the argument; NaN, with the reply written, where it is none. */
export function readUnit(c: Context, index: number): number {
  const { args } = c;
  if (args.is(index, "m")) return 1;
  if (args.is(index, "km")) return 1000;
  if (args.is(index, "ft")) return 0.3048;
  if (args.is(index, "mi")) return 1609.34;
  c.reply.error("ERR unsupported unit provided. please use M, KM, FT, MI");
  return Number.NaN;
}

export function replyDistance(c: Context, value: number): void {
  c.reply.text(fixedText(value, DISTANCE_DECIMALS));
}

export function replyPoint(c: Context, score: number): void {
  c.reply.array(2);
  c.reply.doubleText(trimmedText(longitudeOf(score), COORDINATE_DECIMALS));
  c.reply.doubleText(trimmedText(latitudeOf(score), COORDINATE_DECIMALS));
}

// ── Commands ─────────────────────────────────────────────────────────────────────────────────

function geoadd(c: Context): void {
  const { args } = c;
  let options = 0;
  let first = 2;
  for (; first < args.count; first++) {
    if (args.is(first, "nx")) options |= NX;
    else if (args.is(first, "xx")) options |= XX;
    else if (args.is(first, "ch")) options |= CH;
    else break;
  }
  const count = (args.count - first) / 3;
  const isBoth = (options & NX) !== 0 && (options & XX) !== 0;
  if (isBoth || count < 1 || count !== Math.trunc(count)) {
    c.syntaxError();
    return;
  }
  const scores = scoresToAdd(count);
  for (let i = 0; i < count; i++) {
    if (!readPoint(c, first + i * 3)) return;
    scores[i] = scoreOf(point.longitude, point.latitude);
  }
  addMembers(c, options, first + 2, 3, count);
}

function geodist(c: Context): void {
  const { args, reply } = c;
  let unit = 1;
  if (args.count === 5) {
    unit = readUnit(c, 4);
    if (Number.isNaN(unit)) return;
  } else if (args.count > 5) {
    c.syntaxError();
    return;
  }
  const set = openOrNull(c);
  if (set === null) return;
  if (set === undefined || !findMember(c, set, 2)) {
    reply.null();
    return;
  }
  const from = set.score;
  if (!findMember(c, set, 3)) {
    reply.null();
    return;
  }
  const to = set.score;
  const meters = distance(longitudeOf(from), latitudeOf(from), longitudeOf(to), latitudeOf(to));
  replyDistance(c, meters / unit);
}

/** Replies with something for each member that is named and there. */
function replyEach(
  c: Context,
  whenThere: (c: Context, set: SortedSet) => void,
  otherwise: (c: Context) => void,
): void {
  const set = openOrNull(c);
  if (set === null) return;
  c.reply.array(c.args.count - 2);
  for (let i = 2; i < c.args.count; i++) {
    if (set !== undefined && findMember(c, set, i)) whenThere(c, set);
    else otherwise(c);
  }
}

const hashText = new Uint8Array(GEOHASH_TEXT_BYTES);

function replyHash(c: Context, { score }: SortedSet): void {
  writeGeohash(hashText, 0, score);
  c.reply.bulk(hashText, 0, GEOHASH_TEXT_BYTES);
}

const EACH = "O(1) for each member asked for";
const RO = oneKey("RO access");

export const GEO_COMMANDS: readonly CommandSpec[] = [
  {
    name: "geoadd",
    group: "geo",
    since: "3.2.0",
    complexity: "O(log(N)) for each member added, N being the number of members",
    summary: "Adds members at points on earth to a geo index, which is created if need be.",
    arity: -5,
    flags: "write denyoom",
    keys: oneKey("RW update"),
    syntax:
      "key [condition: NX | XX] [CH/change] {data: longitude/double latitude/double member} ...",
    handler: geoadd,
  },
  {
    name: "geodist",
    group: "geo",
    since: "3.2.0",
    complexity: "O(1)",
    summary: "Returns the distance between two members of a geo index.",
    arity: -4,
    flags: "readonly",
    keys: RO,
    syntax: "key member1 member2 [unit: M | KM | FT | MI]",
    handler: geodist,
  },
  {
    name: "geohash",
    group: "geo",
    since: "3.2.0",
    complexity: EACH,
    summary: "Returns the geohashes of members of a geo index as texts.",
    arity: -2,
    flags: "readonly",
    keys: RO,
    syntax: "key [member] ...",
    handler: (c) => replyEach(c, replyHash, ({ reply }) => reply.null()),
  },
  {
    name: "geopos",
    group: "geo",
    since: "3.2.0",
    complexity: EACH,
    summary: "Returns the longitude and latitude of members of a geo index.",
    arity: -2,
    flags: "readonly",
    keys: RO,
    syntax: "key [member] ...",
    handler: (c) =>
      replyEach(
        c,
        (_, { score }) => replyPoint(c, score),
        ({ reply }) => reply.nullArray(),
      ),
  },
];

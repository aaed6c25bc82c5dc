/**
 * Geohash: a point on earth as 52 bits, so that near points mostly have near numbers. Redis keeps it
 * as the score of a sorted set.
 *
 * What
 *   Latitude and longitude are cut in 2^step intervals each; the bits of the latitude's interval are
 *   the even ones of the hash, those of the longitude's the odd ones. A score has step 26. Redis cuts
 *   latitudes from -85.05112878 to 85.05112878 (those of the Mercator map); the text of GEOHASH cuts
 *   them from -90 to 90, as everybody else does.
 *   The highest longitude or latitude has the interval 2^step, one beyond the last; so a score may
 *   have 54 bits, and is rounded as a double is.
 *
 * Source: G. M. Morton (1966) for the interleaving; geohash.org for the text.
 */
export const LONGITUDE_MAX = 180;
export const LATITUDE_MAX = 85.05112878;
export const STEP_MAX = 26;
const TEXT_LATITUDE_MAX = 90;
/** Bytes of the text of a geohash. */
export const GEOHASH_TEXT_BYTES = 11;
const ALPHABET = "0123456789bcdefghjkmnpqrstuvwxyz";

/** The radius of the earth that Redis reckons with. */
export const EARTH_RADIUS_METERS = 6372797.560856;
const RADIANS_PER_DEGREE = Math.PI / 180;

/** Each bit of the lower half-word moves to twice its place. */
function spread(bits: number): number {
  let x = bits & 0xffff;
  x = (x | (x << 8)) & 0x00ff00ff;
  x = (x | (x << 4)) & 0x0f0f0f0f;
  x = (x | (x << 2)) & 0x33333333;
  return (x | (x << 1)) & 0x55555555;
}

/** The reverse, of the even bits. */
function squash(bits: number): number {
  let x = bits & 0x55555555;
  x = (x | (x >>> 1)) & 0x33333333;
  x = (x | (x >>> 2)) & 0x0f0f0f0f;
  x = (x | (x >>> 4)) & 0x00ff00ff;
  return (x | (x >>> 8)) & 0xffff;
}

/** The lower and the upper word of the two intervals, interleaved. */
function lowWord(latitudeIndex: number, longitudeIndex: number): number {
  return spread(latitudeIndex) | (spread(longitudeIndex) << 1);
}

function highWord(latitudeIndex: number, longitudeIndex: number): number {
  return spread(latitudeIndex >>> 16) | (spread(longitudeIndex >>> 16) << 1);
}

export function interleave(latitudeIndex: number, longitudeIndex: number): number {
  return (
    (highWord(latitudeIndex, longitudeIndex) >>> 0) * 4294967296 +
    (lowWord(latitudeIndex, longitudeIndex) >>> 0)
  );
}

/** Which of the 2^step intervals from -max to max has the value. */
export function intervalOf(value: number, max: number, step: number): number {
  return Math.trunc(((value + max) / (max + max)) * 2 ** step);
}

/** Where an interval begins; the next one begins at its end. */
export function intervalStart(index: number, max: number, step: number): number {
  return -max + (index / 2 ** step) * (max + max);
}

export function isOnMap(longitude: number, latitude: number): boolean {
  return (
    longitude >= -LONGITUDE_MAX &&
    longitude <= LONGITUDE_MAX &&
    latitude >= -LATITUDE_MAX &&
    latitude <= LATITUDE_MAX
  );
}

/** The score of a point that is on the map. */
export function scoreOf(longitude: number, latitude: number): number {
  return interleave(
    intervalOf(latitude, LATITUDE_MAX, STEP_MAX),
    intervalOf(longitude, LONGITUDE_MAX, STEP_MAX),
  );
}

function middle(index: number, max: number): number {
  const start = intervalStart(index, max, STEP_MAX);
  const value = (start + intervalStart(index + 1, max, STEP_MAX)) / 2;
  return Math.min(Math.max(value, -max), max);
}

/** The longitude of the middle of a score's cell. */
export function longitudeOf(score: number): number {
  const high = Math.floor(score / 4294967296);
  const low = score - high * 4294967296;
  return middle(squash(low >>> 1) | (squash(high >>> 1) << 16), LONGITUDE_MAX);
}

/** The latitude of the middle of a score's cell. */
export function latitudeOf(score: number): number {
  const high = Math.floor(score / 4294967296);
  const low = score - high * 4294967296;
  return middle(squash(low) | (squash(high) << 16), LATITUDE_MAX);
}

/** Writes the text of a score's point, 11 bytes; returns the offset behind it. */
export function writeGeohash(to: Uint8Array, at: number, score: number): number {
  const latitude = intervalOf(latitudeOf(score), TEXT_LATITUDE_MAX, STEP_MAX);
  const longitude = intervalOf(longitudeOf(score), LONGITUDE_MAX, STEP_MAX);
  const low = lowWord(latitude, longitude);
  const high = highWord(latitude, longitude);
  for (let i = 0; i < GEOHASH_TEXT_BYTES - 1; i++) {
    const shift = 47 - i * 5;
    let bits = low >>> shift;
    if (shift >= 32) bits = high >>> (shift - 32);
    else if (shift === 27) bits = (low >>> 27) | (high << 5);
    to[at + i] = ALPHABET.charCodeAt(bits & 31);
  }
  // Two bits are left, of which Redis makes none.
  to[at + GEOHASH_TEXT_BYTES - 1] = ALPHABET.charCodeAt(0);
  return at + GEOHASH_TEXT_BYTES;
}

export function toRadians(degrees: number): number {
  return degrees * RADIANS_PER_DEGREE;
}

export function toDegrees(radians: number): number {
  return radians / RADIANS_PER_DEGREE;
}

/** Meters along a meridian. */
export function latitudeDistance(latitude1: number, latitude2: number): number {
  return EARTH_RADIUS_METERS * Math.abs(toRadians(latitude2) - toRadians(latitude1));
}

/** Meters along the great circle, by the haversine formula. */
export function distance(
  longitude1: number,
  latitude1: number,
  longitude2: number,
  latitude2: number,
): number {
  const v = Math.sin((toRadians(longitude2) - toRadians(longitude1)) / 2);
  if (v === 0) return latitudeDistance(latitude1, latitude2);
  const from = toRadians(latitude1);
  const to = toRadians(latitude2);
  const u = Math.sin((to - from) / 2);
  const a = u * u + Math.cos(from) * Math.cos(to) * v * v;
  return 2 * EARTH_RADIUS_METERS * Math.asin(Math.sqrt(a));
}

/**
 * The cells of the geohash grid (geohash.ts) that a search has to look at, as ranges of scores, and
 * whether a point is within the circle, box or polygon that is searched.
 *
 * How
 *   The cell of the centre and its eight neighbours, on a grid so coarse that they cover the area; of
 *   these those that the area does not reach are left out. The order of cells is Redis's, as replies
 *   without ASC or DESC, and COUNT … ANY, show it.
 *
 * One object serves many searches; nothing is allocated.
 *
 * Source: W. R. Franklin, "PNPOLY", for the test whether a point is in a polygon.
 */
import {
  distance,
  EARTH_RADIUS_METERS,
  interleave,
  intervalOf,
  intervalStart,
  LATITUDE_MAX,
  LONGITUDE_MAX,
  latitudeDistance,
  STEP_MAX,
  toDegrees,
  toRadians,
} from "./geohash.ts";

/** Half of the equator of the Mercator map, in meters. */
const MERCATOR_MAX = 20037726.37;
const CELLS = 9;
/** North and east of each cell from the centre, in the order in which they are searched. */
const NORTH = [0, 1, -1, 0, 0, 1, 1, -1, -1];
const EAST = [0, 0, 0, 1, -1, 1, -1, 1, -1];
const CIRCLE = 0;
const BOX = 1;
const POLYGON = 2;
/** A latitude this much too far away rules a point out, however distances are rounded. */
const SURELY = 1 + 1e-9;

export class GeoSearch {
  /** Ranges of scores to look at, in this order: from `first` up to, but not with, `end`. */
  readonly first = new Float64Array(CELLS);
  readonly end = new Float64Array(CELLS);
  count = 0;
  #longitude = 0;
  #latitude = 0;
  /** Of a circle. */
  #radiusMeters = 0;
  #widthMeters = 0;
  #heightMeters = 0;
  #shape = CIRCLE;
  /** Longitude and latitude of each corner of a polygon. */
  #corners: Float64Array = new Float64Array(0);
  #cornerCount = 0;

  /** Searches all within `radius` of a point, in units of `unitMeters`. */
  setCircle(longitude: number, latitude: number, radius: number, unitMeters: number): void {
    this.#shape = CIRCLE;
    this.#radiusMeters = radius * unitMeters;
    this.#setArea(longitude, latitude, radius, radius, radius * unitMeters, unitMeters);
  }

  /** Searches a box around a point. */
  setBox(
    longitude: number,
    latitude: number,
    width: number,
    height: number,
    unitMeters: number,
  ): void {
    this.#shape = BOX;
    this.#widthMeters = width * unitMeters;
    this.#heightMeters = height * unitMeters;
    const x = width / 2;
    const y = height / 2;
    const corner = Math.sqrt(x * x + y * y) * unitMeters;
    this.#setArea(longitude, latitude, x, y, corner, unitMeters);
  }

  /**
   * Searches a polygon: longitude and latitude of each corner. The array must stay as it is. Distances are
   * from the mean of the corners on the globe.
   */
  setPolygon(corners: Float64Array, count: number): void {
    this.#shape = POLYGON;
    this.#corners = corners;
    this.#cornerCount = count;
    let [west, south, east, north] = [LONGITUDE_MAX, LATITUDE_MAX, -LONGITUDE_MAX, -LATITUDE_MAX];
    let [x, y, z] = [0, 0, 0];
    for (let i = 0; i < count; i++) {
      const longitude = corners[i * 2]!;
      const latitude = corners[i * 2 + 1]!;
      west = Math.min(west, longitude);
      east = Math.max(east, longitude);
      south = Math.min(south, latitude);
      north = Math.max(north, latitude);
      const onEquator = Math.cos(toRadians(latitude));
      x += onEquator * Math.cos(toRadians(longitude));
      y += onEquator * Math.sin(toRadians(longitude));
      z += Math.sin(toRadians(latitude));
    }
    const longitude = toDegrees(Math.atan2(y, x));
    // The map ends before the poles.
    const mean = toDegrees(Math.atan2(z, Math.sqrt(x * x + y * y)));
    const latitude = Math.min(Math.max(mean, -LATITUDE_MAX), LATITUDE_MAX);
    this.#longitude = longitude;
    this.#latitude = latitude;
    const reachMeters = Math.max(
      distance(longitude, latitude, west, north),
      distance(longitude, latitude, east, north),
      distance(longitude, latitude, west, south),
      distance(longitude, latitude, east, south),
    );
    this.#setCells(reachMeters, west, east, south, north);
  }

  /** Meters from the centre to a point; -1 if the point is outside. */
  distanceTo(longitude: number, latitude: number): number {
    const shape = this.#shape;
    if (shape === CIRCLE) {
      const up = latitudeDistance(latitude, this.#latitude);
      if (up > this.#radiusMeters * SURELY) return -1;
    } else if (shape === BOX) {
      if (latitudeDistance(latitude, this.#latitude) > this.#heightMeters / 2) return -1;
      const sideways = distance(longitude, latitude, this.#longitude, latitude);
      if (sideways > this.#widthMeters / 2) return -1;
    } else if (!this.#isInPolygon(longitude, latitude)) return -1;
    const meters = distance(this.#longitude, this.#latitude, longitude, latitude);
    return shape === CIRCLE && meters > this.#radiusMeters ? -1 : meters;
  }

  /** Whether a line from the point eastwards crosses an odd number of sides. */
  #isInPolygon(longitude: number, latitude: number): boolean {
    const corners = this.#corners;
    let isInside = false;
    let before = (this.#cornerCount - 1) * 2;
    for (let at = 0; at < this.#cornerCount * 2; at += 2) {
      const x = corners[at]!;
      const y = corners[at + 1]!;
      const beforeY = corners[before + 1]!;
      if (y > latitude !== beforeY > latitude) {
        const crossing = ((corners[before]! - x) * (latitude - y)) / (beforeY - y) + x;
        if (longitude < crossing) isInside = !isInside;
      }
      before = at;
    }
    return isInside;
  }

  /** `x` and `y`: how far the area reaches sideways and up, in units of `unitMeters`. */
  #setArea(
    longitude: number,
    latitude: number,
    x: number,
    y: number,
    reachMeters: number,
    unitMeters: number,
  ): void {
    this.#longitude = longitude;
    this.#latitude = latitude;
    const up = toDegrees((unitMeters * y) / EARTH_RADIUS_METERS);
    // The area is widest, in degrees, on its side towards the pole.
    const towards = latitude < 0 ? latitude - up : latitude + up;
    const side = toDegrees((unitMeters * x) / EARTH_RADIUS_METERS / Math.cos(toRadians(towards)));
    const west = longitude - side;
    const east = longitude + side;
    const south = latitude - up;
    const north = latitude + up;
    this.#setCells(reachMeters, west, east, south, north);
  }

  #setCells(reachMeters: number, west: number, east: number, south: number, north: number): void {
    const longitude = this.#longitude;
    const latitude = this.#latitude;
    let step = stepFor(reachMeters, latitude);
    if (step > 1 && !this.#covers(step, west, east, south, north)) step--;
    const row = intervalOf(latitude, LATITUDE_MAX, step);
    const column = intervalOf(longitude, LONGITUDE_MAX, step);
    const isFine = step >= 2;
    const skipsSouth = isFine && intervalStart(row, LATITUDE_MAX, step) < south;
    const skipsNorth = isFine && intervalStart(row + 1, LATITUDE_MAX, step) > north;
    const skipsWest = isFine && intervalStart(column, LONGITUDE_MAX, step) < west;
    const skipsEast = isFine && intervalStart(column + 1, LONGITUDE_MAX, step) > east;
    const scale = 2 ** (2 * (STEP_MAX - step));
    let last = -1;
    this.count = 0;
    for (let i = 0; i < CELLS; i++) {
      const up = NORTH[i]!;
      const right = EAST[i]!;
      if ((up > 0 && skipsNorth) || (up < 0 && skipsSouth)) continue;
      if ((right > 0 && skipsEast) || (right < 0 && skipsWest)) continue;
      const bits = interleave(neighbour(row, up, step), neighbour(column, right, step));
      // On a coarse grid neighbours fall together. As in Redis only the cell before is compared, and
      // not the centre's.
      if (bits === last) continue;
      if (i > 0) last = bits;
      this.first[this.count] = bits * scale;
      this.end[this.count] = (bits + 1) * scale;
      this.count++;
    }
  }

  /** Whether the four neighbours of the centre's cell reach the edges of the area. */
  #covers(step: number, west: number, east: number, south: number, north: number): boolean {
    const row = intervalOf(this.#latitude, LATITUDE_MAX, step);
    const column = intervalOf(this.#longitude, LONGITUDE_MAX, step);
    return (
      intervalStart(neighbour(row, 1, step) + 1, LATITUDE_MAX, step) >= north &&
      intervalStart(neighbour(row, -1, step), LATITUDE_MAX, step) <= south &&
      intervalStart(neighbour(column, 1, step) + 1, LONGITUDE_MAX, step) >= east &&
      intervalStart(neighbour(column, -1, step), LONGITUDE_MAX, step) <= west
    );
  }
}

/** The interval beside another; the first follows the last. */
function neighbour(index: number, by: number, step: number): number {
  return by === 0 ? index : (index + by) & (2 ** step - 1);
}

/** The finest grid on which nine cells cover what is within reach. */
function stepFor(reachMeters: number, latitude: number): number {
  if (reachMeters === 0) return STEP_MAX;
  let step = 1;
  for (let reach = reachMeters; reach < MERCATOR_MAX; reach *= 2) step++;
  step -= 2;
  // Cells are narrower towards the poles.
  if (latitude > 66 || latitude < -66) step--;
  if (latitude > 80 || latitude < -80) step--;
  return Math.min(Math.max(step, 1), STEP_MAX);
}

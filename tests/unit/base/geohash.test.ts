import { expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { latin1Text } from "../../../src/base/bytes.ts";
import {
  distance,
  GEOHASH_TEXT_BYTES,
  isOnMap,
  LATITUDE_MAX,
  latitudeOf,
  longitudeOf,
  scoreOf,
  writeGeohash,
} from "../../../src/base/geohash.ts";
import { forSeeds } from "../seeds.ts";

function textOf(score: number): string {
  const bytes = new Uint8Array(GEOHASH_TEXT_BYTES);
  return latin1Text(bytes, 0, writeGeohash(bytes, 0, score));
}

test("the examples of Redis's documentation", () => {
  const palermo = scoreOf(13.361389, 38.115556);
  const catania = scoreOf(15.087269, 37.502669);
  expect([palermo, catania]).toEqual([3479099956230698, 3479447370796909]);
  expect([textOf(palermo), textOf(catania)]).toEqual(["sqc8b49rny0", "sqdtr74hyu0"]);
  const meters = distance(
    longitudeOf(palermo),
    latitudeOf(palermo),
    longitudeOf(catania),
    latitudeOf(catania),
  );
  expect(meters.toFixed(4)).toBe("166274.1516");
});

test("the edges of the map", () => {
  expect(isOnMap(180, LATITUDE_MAX)).toBe(true);
  expect(isOnMap(-180.0000001, 0)).toBe(false);
  expect(isOnMap(0, 85.06)).toBe(false);
  expect(isOnMap(Number.NaN, 0)).toBe(false);
  // redis-server gives these scores and texts.
  expect(scoreOf(180, 0)).toBe(10133099161583616);
  expect(scoreOf(-180, 85)).toBe(1501199601829136);
  expect(textOf(10133099161583616)).toBe("80000000000");
});

test("a point is found where it was put", () =>
  forSeeds(20, (random) => {
    const part = () => (random.int32() >>> 0) / 4294967296;
    for (let i = 0; i < 100; i++) {
      const longitude = part() * 360 - 180;
      const latitude = (part() * 2 - 1) * LATITUDE_MAX;
      const score = scoreOf(longitude, latitude);
      assert(Math.abs(longitudeOf(score) - longitude) < 360 / 2 ** 26, "longitude");
      assert(Math.abs(latitudeOf(score) - latitude) < 180 / 2 ** 26, "latitude");
    }
  }));

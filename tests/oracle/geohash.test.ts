/** Geohashes, distances and searches, against those of a real redis-server. */
import { expect, test } from "bun:test";
import { latin1Text } from "../../src/base/bytes.ts";
import { GeoSearch } from "../../src/base/geo-search.ts";
import {
  distance,
  GEOHASH_TEXT_BYTES,
  LATITUDE_MAX,
  latitudeOf,
  longitudeOf,
  scoreOf,
  writeGeohash,
} from "../../src/base/geohash.ts";
import type { Random } from "../../src/base/random.ts";
import { REDIS_SERVER, startRedis } from "../harness/processes.ts";
import { forSeeds, pick } from "../unit/seeds.ts";

const POINTS = 300;
const UNITS = { m: 1, km: 1000, ft: 0.3048, mi: 1609.34 } as const;
const search = new GeoSearch();

function randomPoint(random: Random): [number, number] {
  const part = () => (random.int32() >>> 0) / 4294967296;
  return [
    pick(random, [part() * 360 - 180, part() * 2 + 10, 180, -180, 179.9999 + part() / 10000]),
    pick(random, [(part() * 2 - 1) * LATITUDE_MAX, part() * 2 + 50, 0, 84 + part(), -84 - part()]),
  ];
}

function lines(reply: string): string[] {
  return reply.split("\r\n").filter((line) => line !== "" && !/^[*$:]/.test(line));
}

test.skipIf(REDIS_SERVER === null)(
  "points, distances and searches are redis-server's",
  async () => {
    await using redis = await startRedis();
    const client = await redis.connect();
    await forSeeds(4, async (random) => {
      await client.call("DEL", "g");
      const points = Array.from({ length: POINTS }, (_, i) => ({
        name: `p${i}`,
        place: randomPoint(random),
      }));
      for (const { name, place } of points) {
        expect(await client.call("GEOADD", "g", String(place[0]), String(place[1]), name)).toBe(
          ":1\r\n",
        );
      }
      const names = points.map(({ name }) => name);
      const scores = lines(await client.call("ZMSCORE", "g", ...names)).map(Number);
      expect(points.map(({ place }) => scoreOf(...place))).toEqual(scores);

      const texts = lines(await client.call("GEOPOS", "g", ...names));
      const shown = (value: number) => value.toFixed(17).replace(/\.?0+$/, "");
      expect(scores.flatMap((s) => [shown(longitudeOf(s)), shown(latitudeOf(s))])).toEqual(texts);

      const hashes = lines(await client.call("GEOHASH", "g", ...names));
      const bytes = new Uint8Array(GEOHASH_TEXT_BYTES);
      expect(scores.map((s) => latin1Text(bytes, 0, writeGeohash(bytes, 0, s)))).toEqual(hashes);

      for (let i = 0; i + 1 < POINTS; i++) {
        const [a, b] = [scores[i]!, scores[i + 1]!];
        const meters = distance(longitudeOf(a), latitudeOf(a), longitudeOf(b), latitudeOf(b));
        const [reply] = lines(await client.call("GEODIST", "g", names[i]!, names[i + 1]!));
        expect(meters.toFixed(4)).toBe(reply!);
      }

      const sorted = scores
        .map((score, i) => ({ score, name: names[i]! }))
        .sort((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1));
      for (let i = 0; i < 200; i++) {
        const [longitude, latitude] = randomPoint(random);
        const unit = pick(random, Object.keys(UNITS) as (keyof typeof UNITS)[]);
        const reach = () => Math.floor(10 ** (random.below(80) / 10)) / UNITS[unit];
        const [x, y] = [reach(), reach()];
        const isCircle = random.below(2) === 0;
        if (isCircle) search.setCircle(longitude, latitude, x, UNITS[unit]);
        else search.setBox(longitude, latitude, x, y, UNITS[unit]);
        const expected: string[] = [];
        for (let cell = 0; cell < search.count; cell++) {
          for (const { score, name } of sorted) {
            if (score < search.first[cell]! || score >= search.end[cell]!) continue;
            const meters = search.distanceTo(longitudeOf(score), latitudeOf(score));
            if (meters >= 0) expected.push(name);
          }
        }
        const shape = isCircle ? ["BYRADIUS", String(x)] : ["BYBOX", String(x), String(y)];
        const from = ["FROMLONLAT", String(longitude), String(latitude)];
        const call = ["GEOSEARCH", "g", ...from, ...shape, unit];
        expect([call, lines(await client.call(...call))]).toEqual([call, expected]);
      }
    });
  },
);

import { expect, test } from "bun:test";
import { assert } from "../../../src/base/assert.ts";
import { GeoSearch } from "../../../src/base/geo-search.ts";
import { distance, latitudeOf, longitudeOf, scoreOf } from "../../../src/base/geohash.ts";
import { forSeeds } from "../seeds.ts";

test("what is within a circle or a box", () => {
  const search = new GeoSearch();
  const meters = distance(10, 50, 10.5, 50.2);
  search.setCircle(10, 50, meters / 1000 + 0.001, 1000);
  expect(search.distanceTo(10.5, 50.2)).toBe(meters);
  search.setCircle(10, 50, meters / 1000 - 0.001, 1000);
  expect(search.distanceTo(10.5, 50.2)).toBe(-1);
  search.setBox(10, 50, 73, 45, 1000);
  expect(search.distanceTo(10.5, 50.2)).toBe(meters);
  search.setBox(10, 50, 73, 44, 1000);
  expect(search.distanceTo(10.5, 50.2)).toBe(-1);
  search.setBox(10, 50, 70, 45, 1000);
  expect(search.distanceTo(10.5, 50.2)).toBe(-1);
});

test("every point within reach is in a cell", () =>
  forSeeds(20, (random) => {
    const search = new GeoSearch();
    const part = () => (random.int32() >>> 0) / 4294967296;
    for (let i = 0; i < 100; i++) {
      const longitude = part() * 340 - 170;
      const latitude = part() * 120 - 60;
      const radius = 10 ** (random.below(50) / 10);
      if (random.below(2) === 0) search.setCircle(longitude, latitude, radius, 1);
      else search.setBox(longitude, latitude, radius, radius * part(), 1);
      for (let j = 0; j < 30; j++) {
        const near = scoreOf(
          longitude + (part() - 0.5) * radius * 3e-5,
          latitude + (part() - 0.5) * radius * 2e-5,
        );
        if (search.distanceTo(longitudeOf(near), latitudeOf(near)) < 0) continue;
        let isCovered = false;
        for (let cell = 0; cell < search.count; cell++) {
          if (near >= search.first[cell]! && near < search.end[cell]!) isCovered = true;
        }
        assert(isCovered, `a point near ${longitude}, ${latitude}, within ${radius} m, is covered`);
      }
    }
  }));

test("every point within a polygon is in a cell, and a polygon with the sides of a grid is a range of degrees", () =>
  forSeeds(20, (random) => {
    const search = new GeoSearch();
    const part = () => (random.int32() >>> 0) / 4294967296;
    for (let i = 0; i < 50; i++) {
      const west = part() * 300 - 170;
      const south = part() * 130 - 80;
      const width = 10 ** -random.below(4) * part() * 20;
      const height = 10 ** -random.below(4) * part() * 20;
      const corners = [
        west,
        south,
        west + width,
        south,
        west + width,
        south + height,
        west,
        south + height,
      ];
      search.setPolygon(Float64Array.from(corners), 4);
      for (let j = 0; j < 30; j++) {
        const score = scoreOf(
          west + (part() * 1.4 - 0.2) * width,
          south + (part() * 1.4 - 0.2) * height,
        );
        const longitude = longitudeOf(score);
        const latitude = latitudeOf(score);
        const isInside =
          longitude >= west &&
          longitude < west + width &&
          latitude >= south &&
          latitude < south + height;
        assert(search.distanceTo(longitude, latitude) >= 0 === isInside, "inside or not");
        if (!isInside) continue;
        let isCovered = false;
        for (let cell = 0; cell < search.count; cell++) {
          if (score >= search.first[cell]! && score < search.end[cell]!) isCovered = true;
        }
        assert(isCovered, `a point of a polygon at ${west}, ${south} is covered`);
      }
    }
  }));

test("a polygon may be dented, and its distances are from the mean of its corners", () => {
  const search = new GeoSearch();
  // A square with a notch from below up to its middle.
  search.setPolygon(Float64Array.from([0, 0, 5, 5, 10, 0, 10, 10, 0, 10]), 5);
  expect(search.distanceTo(5, 4)).toBe(-1);
  expect(search.distanceTo(1, 4)).toBeGreaterThan(0);
  expect(search.distanceTo(9, 4)).toBeGreaterThan(0);
  search.setPolygon(Float64Array.from([-1, -1, 1, -1, 1, 1, -1, 1]), 4);
  expect(search.distanceTo(0, 0.5)).toBeCloseTo(distance(0, 0, 0, 0.5), 3);
});

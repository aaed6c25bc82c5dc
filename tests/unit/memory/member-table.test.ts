import { beforeEach, describe, expect, test } from "bun:test";
import { forSeeds } from "../seeds.ts";
import { heap, MemberPair, TABLES } from "./member-pair.ts";

beforeEach(() => heap.reset());

describe.each(TABLES)("members %s of the owner", (_, table) => {
  test("against a Map", () =>
    forSeeds(20, (random) => {
      heap.reset();
      const pair = new MemberPair(table);
      for (let i = 0; i < 1500; i++) pair.change(random);
      expect(pair.contents()).toEqual(pair.model);
      expect(pair.table.count).toEqual(pair.model.size);
      const bucket: number[] = [];
      let calls = 1;
      while (!table.freeSome(table.root, 10, bucket)) calls++;
      expect(calls).toBeGreaterThan(5);
      expect(heap.usedBytes).toEqual(0);
    }));
});

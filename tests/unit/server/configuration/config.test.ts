/** CONFIG SET without a server. */
import { describe, expect, test } from "bun:test";
import { Config } from "../../../../src/server/configuration/config.ts";

describe("CONFIG SET", () => {
  test("is all or nothing when the server cannot take a value", () => {
    const config = new Config();
    const seen: [number, number][] = [];
    config.onChange((changed) => {
      seen.push([config.number("hz"), config.number("port")]);
      expect([...changed]).toEqual(["hz", "port"]);
      return config.number("port") === 7 ? { name: "port", reason: "no" } : null;
    });
    expect(
      config.set(
        [
          ["hz", "50"],
          ["timeout", "0"],
          ["PORT", "7"],
        ],
        true,
      ),
    ).toBe("ERR CONFIG SET failed (possibly related to argument 'PORT') - no");
    // Called again with the values of before; timeout has not changed.
    expect(seen).toEqual([
      [50, 7],
      [10, 6379],
    ]);
    expect(config.number("hz")).toBe(10);
  });

  test("numbers of 64 bits keep every digit", () => {
    const config = new Config();
    expect(config.set([["maxmemory", "9007199254740993"]], true)).toBe("");
    expect(config.get(["maxmemory"])).toEqual(new Map([["maxmemory", "9007199254740993"]]));
    expect(config.number("maxmemory")).toBe(9007199254740992);
  });
});

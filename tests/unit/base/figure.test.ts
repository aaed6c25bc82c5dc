/** Figures as INFO prints them. */
import { expect, test } from "bun:test";
import { bytes, counter, flag, gauge, group, text, valueText } from "../../../src/base/figure.ts";

test("numbers have their digits and unit; what is no number is 0", () => {
  expect(valueText(gauge("a", 2 ** 53))).toEqual("9007199254740992");
  expect(valueText(gauge("a", -1))).toEqual("-1");
  expect(valueText(gauge("a", 1.005, 2))).toEqual("1.00");
  expect(valueText(gauge("a", 99.5, 2, "%"))).toEqual("99.50%");
  expect(valueText(counter("a", 1.5, 6))).toEqual("1.500000");
  expect(valueText(gauge("a", Number.NaN, 2))).toEqual("0.00");
  expect(valueText(gauge("a", Number.POSITIVE_INFINITY))).toEqual("0");
  expect([valueText(flag("a", true)), valueText(flag("a", false))]).toEqual(["1", "0"]);
});

test("bytes come with a figure for people", () => {
  expect(bytes("used", 1536).map((one) => `${one.name}:${valueText(one)}`)).toEqual([
    "used:1536",
    "used_human:1.50K",
  ]);
});

test("a group is one line", () => {
  const figure = group("db0", { db: "0" }, [gauge("keys", 3), text("state", "ok")]);
  expect(valueText(figure)).toEqual("keys=3,state=ok");
  expect(valueText(group("db0", {}, []))).toEqual("");
});

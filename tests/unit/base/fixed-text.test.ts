import { expect, test } from "bun:test";
import { fixedText, trimmedText } from "../../../src/base/fixed-text.ts";

test("decimals as printf writes them", () => {
  expect(fixedText(1, 4)).toBe("1.0000");
  expect(fixedText(-0.00004, 4)).toBe("-0.0000");
  expect(fixedText(166274.1515696004, 4)).toBe("166274.1516");
  expect(fixedText(2 ** 70, 2)).toBe("1180591620717411303424.00");
  expect(fixedText(Number.POSITIVE_INFINITY, 6)).toBe("inf");
  expect(fixedText(Number.NEGATIVE_INFINITY, 6)).toBe("-inf");
});

test("a tie goes to the even digit", () => {
  expect(fixedText(0.5, 0)).toBe("0");
  expect(fixedText(1.5, 0)).toBe("2");
  expect(fixedText(-2.5, 0)).toBe("-2");
  expect(fixedText(0.03125, 4)).toBe("0.0312");
  expect(fixedText(0.09375, 4)).toBe("0.0938");
  expect(fixedText(-0.03125, 4)).toBe("-0.0312");
  // No tie: there are more binary digits.
  expect(fixedText(0.03125000000000001, 4)).toBe("0.0313");
});

test("zeros at the end can be left out", () => {
  expect(trimmedText(13.5, 17)).toBe("13.5");
  expect(trimmedText(-180, 17)).toBe("-180");
  expect(trimmedText(100, 17)).toBe("100");
  expect(trimmedText(13.361389338970184, 17)).toBe("13.36138933897018433");
});

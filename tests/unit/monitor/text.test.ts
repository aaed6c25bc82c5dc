import { expect, test } from "bun:test";
import {
  age,
  bytes,
  count,
  duration,
  grouped,
  percent,
  printable,
} from "../../../src/monitor/text.ts";

test("figures are short", () => {
  expect([0, 999, 999.6, 1000, 1234, 99_949, 99_950, 999_499, 999_500, 1e12].map(count)).toEqual([
    "0",
    "999",
    "1.00k",
    "1.00k",
    "1.23k",
    "99.9k",
    "100k",
    "999k",
    "1.00M",
    "1.00T",
  ]);
  expect([0, 1023, 1024, 1536, 104_857_600, 2 ** 40].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1.00 KB",
    "1.50 KB",
    "100 MB",
    "1.00 TB",
  ]);
  expect([0, 0.5, 0.999, 0.9996, 1].map(percent)).toEqual([
    "0 %",
    "50.0 %",
    "99.9 %",
    "100 %",
    "100 %",
  ]);
  expect([0.4, 9.9, 12, 999, 1500, 25_000, 999_600, 2_500_000].map(duration)).toEqual([
    "0.4 us",
    "9.9 us",
    "12 us",
    "999 us",
    "1.50 ms",
    "25.0 ms",
    "1.00 s",
    "2.50 s",
  ]);
  expect([0, 59, 65, 3725, 90_061].map(age)).toEqual(["0s", "59s", "1m 05s", "1h 02m", "1d 01h"]);
  expect(grouped(1234567.4)).toBe("1,234,567");
});

test("what is not known is a dash", () => {
  expect([count, bytes, percent, duration, age].map((text) => text(Number.NaN))).toEqual(
    new Array(5).fill("-"),
  );
  expect(age(-1)).toBe("-");
});

test("names are UTF-8 where they can be, and never codes for the terminal", () => {
  const utf8 = Buffer.from("ключ 🎉").toString("latin1");
  expect(printable(utf8, false)).toBe("ключ 🎉");
  expect(printable("a\x1b[2Jb\r\n\x7f", false)).toBe("a\\x1b[2Jb\\x0d\\x0a\\x7f");
  expect(printable("\xff\xfe", false)).toBe("\\xff\\xfe");
  expect(printable(Buffer.from("a\u202eb\u200bc\u0085").toString("latin1"), false)).toBe(
    "a\\u202eb\\u200bc\\x85",
  );
  expect(printable(Buffer.from("ä").toString("latin1"), true)).toBe("\\xc3\\xa4");
});

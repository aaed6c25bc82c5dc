import { expect, test } from "bun:test";
import { isHostName } from "../../../src/base/host-name.ts";

test.each([
  "localhost",
  "127.0.0.1",
  "::1",
  "fe80::1%eth0",
  "db-1.example.com",
  "b\xc3\xbccher",
  "a".repeat(255),
])("%p can be a host", (text) => expect(isHostName(text)).toEqual(true));

test.each(["", " ", "a b", "a\nb", "a\r", "a\0", "\x1b[31m", "a\x7f", "a".repeat(256)])(
  "%j cannot be a host",
  (text) => expect(isHostName(text)).toEqual(false),
);

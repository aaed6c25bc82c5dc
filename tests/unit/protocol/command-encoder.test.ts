import { expect, test } from "bun:test";
import { latin1Text } from "../../../src/base/bytes.ts";
import { encodeCommand } from "../../../src/protocol/command-encoder.ts";

test("a command is an array of bulk strings, one byte a character", () => {
  expect(latin1Text(encodeCommand(["SET", "k\xff", ""]))).toEqual(
    "*3\r\n$3\r\nSET\r\n$2\r\nk\xff\r\n$0\r\n\r\n",
  );
  expect(latin1Text(encodeCommand(["ECHO", "x".repeat(1000)]))).toEqual(
    `*2\r\n$4\r\nECHO\r\n$1000\r\n${"x".repeat(1000)}\r\n`,
  );
});

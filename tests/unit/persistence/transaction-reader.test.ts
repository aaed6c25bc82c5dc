import { expect, test } from "bun:test";
import { TransactionReader } from "../../../src/persistence/transaction-reader.ts";
import { Request } from "../../../src/protocol/request.ts";
import { READY, RequestParser } from "../../../src/protocol/request-parser.ts";

/** What becomes of the commands, one on each line. */
function read(...lines: string[]): { readonly events: string[]; readonly isOpen: boolean } {
  const events: string[] = [];
  const reader = new TransactionReader({
    run: (request) => {
      events.push(Array.from({ length: request.count }, (_, i) => request.text(i)).join(" "));
    },
    beginBlock: () => events.push("{"),
    endBlock: () => events.push("}"),
    unexpected: (what) => events.push(`! ${what}`),
  });
  for (const line of lines) {
    // What is queued must not depend on the bytes that it came in.
    const bytes = Buffer.from(`${line}\r\n`);
    const parser = new RequestParser();
    const request = new Request();
    parser.begin(0);
    expect(parser.next(bytes, bytes.length, request)).toEqual(READY);
    reader.take(request);
    bytes.fill(33);
  }
  return { events, isOpen: reader.isOpen };
}

test("commands run one by one, and those of a transaction together at its EXEC", () => {
  const lines = ["SET a 1", "multi", "SET b 2", "INCR b", "Exec", "SET c 3"];
  expect(read(...lines)).toEqual({
    events: ["SET a 1", "{", "SET b 2", "INCR b", "}", "SET c 3"],
    isOpen: false,
  });
  expect(read("MULTI", "SET a 1")).toEqual({ events: [], isOpen: true });
  expect(read("MULTI", "EXEC")).toEqual({ events: ["{", "}"], isOpen: false });
});

test("a MULTI within a transaction changes nothing about it, and an EXEC alone runs nothing", () => {
  expect(read("MULTI", "SET a 1", "MULTI", "SET b 2", "EXEC").events).toEqual([
    "! MULTI within a transaction",
    ...["{", "SET a 1", "SET b 2", "}"],
  ]);
  expect(read("EXEC", "SET a 1").events).toEqual(["! EXEC without MULTI", "SET a 1"]);
});

test("a DISCARD within a transaction is ignored, and without one a command like any other", () => {
  expect(read("MULTI", "SET a 1", "DISCARD", "EXEC").events).toEqual([
    "! DISCARD within a transaction",
    ...["{", "SET a 1", "}"],
  ]);
  expect(read("DISCARD").events).toEqual(["DISCARD"]);
});

test("MULTI and EXEC with arguments are commands like any other", () => {
  expect(read("MULTI x", "EXEC y").events).toEqual(["MULTI x", "EXEC y"]);
});

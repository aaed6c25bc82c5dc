import { expect, test } from "bun:test";
import { Heap } from "../../../src/memory/heap.ts";
import {
  EXPIRY_WORD,
  HAS_EXPIRY,
  HAS_HIGH,
  keyOffset,
  RECORD_BYTES,
} from "../../../src/memory/record.ts";
import { createRecord, keyOf } from "./records.ts";

test("each flag moves the key by what it adds, other bits of the meta do not", () => {
  expect(keyOffset(0)).toEqual(12);
  expect(keyOffset(HAS_HIGH)).toEqual(16);
  expect(keyOffset(HAS_EXPIRY)).toEqual(28);
  expect(keyOffset(HAS_HIGH | HAS_EXPIRY)).toEqual(32);
  const others = ~(HAS_HIGH | HAS_EXPIRY);
  expect(keyOffset(others)).toEqual(RECORD_BYTES);
  expect(keyOffset(others | HAS_EXPIRY)).toEqual(RECORD_BYTES + 16);
});

test("the words of the expiry lie between the header and the key", () => {
  expect(EXPIRY_WORD * 4).toEqual(RECORD_BYTES);
  expect(keyOffset(HAS_EXPIRY)).toEqual((EXPIRY_WORD + 4) * 4);
});

test("a key is found again behind any set of flags", () => {
  const heap = new Heap(1);
  for (const flags of [0, HAS_HIGH, HAS_EXPIRY, HAS_HIGH | HAS_EXPIRY]) {
    for (const key of ["", "k", "a longer key", "\x00\xff\x80"]) {
      expect(keyOf(heap, createRecord(heap, key, flags))).toEqual(key);
    }
  }
});
